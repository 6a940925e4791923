"""Train a decoder on documents of tokens; survives SIGKILL and continues with the same losses.

`train` learns to predict documents; `fit` is the same loop over any `Objective` (preferences, a teacher's
probabilities), for all weights or for those of an adapter.

What it covers: documents of any length laid end to end without padding and without attention across them,
loss only where a document asks for it (the vocabulary projection runs on those positions alone), bfloat16
arithmetic over float32 weights, Muon for the matrices of the layers and AdamW for the rest (Jordan et al.
2024; Loshchilov and Hutter 2019), warm-up, constant rate and a final decay (Hu et al. 2024, WSD) so that a
run can be extended: training continues from the state kept before the decay.

What it does not cover: more than one process; what the tokens mean.

In the output folder: `model/` (the checkpoint), `state.pt` (everything to continue), `stable.pt` (the same,
before the decay began), `log.jsonl` (one line per step). Creating a file `finish` there starts the decay at
once, `pause` makes the run wait until it is removed; SIGTERM and SIGINT save and return.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn

from ..checkpoint import save_checkpoint
from ..config import ModelConfig
from ..tokenizer import Tokenizer
from ..transformer import Transformer
from .batches import make_batch as make_batch
from .corpus import Document
from .objective import CrossEntropy, Objective, Portion
from .objective import batch_loss as batch_loss


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Rates are per step at full height; times are in seconds, lengths in tokens or steps."""

    steps: int
    batch_tokens: int = 8192
    seed: int = 0
    matrix_rate: float = 0.01
    other_rate: float = 0.003
    weight_decay: float = 0.05
    warmup_steps: int = 50
    decay_steps: int = 300
    clip: float = 1.0
    optimizer: str = "muon"
    dtype: str = "bfloat16"
    save_seconds: float = 60.0
    evaluate_steps: int = 500
    threads: int | None = None

    @classmethod
    def tuning(cls, steps: int, **changes: Any) -> TrainConfig:
        """Settings for weights that know something: AdamW at a low rate, which falls in the last half."""
        plain: dict[str, Any] = {
            "steps": steps,
            "optimizer": "adamw",
            "other_rate": 2e-4,
            "weight_decay": 0.0,
            "warmup_steps": min(20, steps // 10),
            "decay_steps": steps // 2,
        }
        return cls(**(plain | changes))

    def height(self, step: int, steps: int) -> float:
        """Learning rate at `step` of a run of `steps`, relative to full height, in (0, 1]."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        return warm * min(1.0, max(steps - step, 0.0) / max(1, min(self.decay_steps, steps)))


@dataclass(frozen=True)
class TrainResult:
    """Where a call of `train` ended: `finished` is False after SIGTERM or SIGINT."""

    model: Transformer
    step: int
    tokens: int
    finished: bool


@dataclass
class _Run:
    """All that changes while training, beside weights and optimizer state."""

    step: int = 0
    document: int = 0
    tokens: int = 0
    planned: int = 0
    steps: int = 0
    seconds: float = 0.0


def train(
    config: TrainConfig,
    documents: Callable[[int], Document],
    out_dir: Path | str,
    *,
    model_config: ModelConfig,
    tokenizer: Tokenizer | None = None,
    initial: Transformer | None = None,
    evaluate: Callable[[Transformer, int], dict[str, float]] | None = None,
) -> TrainResult:
    """Train until `config.steps`, continuing from `out_dir` when it holds a state.

    Args:
        config: With more `steps` than the stored state was trained for, a finished run is extended.
        documents: Gives document number 0, 1, 2, ... The same number must always give the same document.
            Longer than the context they are cut; without a positive weight they are skipped.
        out_dir: Made if needed.
        model_config: Shape of the model; must be that of the stored state.
        tokenizer: Saved with the model when given.
        initial: Weights to start from instead of fresh ones.
        evaluate: Called every `evaluate_steps` steps and at the end; its figures go into the log.
    """
    model = initial if initial is not None else Transformer(model_config)
    if initial is None:
        model.initialise(config.seed)
    model.requires_grad_(True)
    result = fit(config, CrossEntropy(documents), out_dir, model=model, evaluate=evaluate)
    save_checkpoint(Path(out_dir) / "model", model, tokenizer)
    return result


def fit(
    config: TrainConfig,
    objective: Objective[Any],
    out_dir: Path | str,
    *,
    model: Transformer,
    trained: nn.Module | None = None,
    facts: Mapping[str, str | int | float | None] | None = None,
    evaluate: Callable[[Transformer, int], dict[str, float]] | None = None,
) -> TrainResult:
    """The loop of every training: `train` with any objective, and without a checkpoint at the end.

    Args:
        objective: What is made smaller.
        model: What computes.
        trained: Whose parameters change, and are all that is stored of weights; None for the model's.
        facts: What must not change while a training goes on, beside what the objective says.

    Raises:
        ValueError: `out_dir` holds a state of another model, optimizer or other facts.
    """
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    model.train()
    told = dict(objective.facts) | dict(facts or {})
    trainer = _Trainer(config, objective, model, model if trained is None else trained, told, out)
    trainer.resume()
    with _stop_signals() as stopped:
        finished = trainer.loop(stopped, evaluate)
    trainer.save()
    return TrainResult(model, trainer.run.step, trainer.run.tokens, finished)


class _Trainer:
    def __init__(
        self,
        config: TrainConfig,
        objective: Objective[Portion],
        model: Transformer,
        trained: nn.Module,
        facts: dict[str, str | int | float | None],
        out: Path,
    ) -> None:
        self.config, self.objective, self.out = config, objective, out
        self.model, self.trained, self.facts = model, trained, facts
        self.run = _Run(planned=config.steps, steps=config.steps)
        self.optimizers = make_optimizers(config, trained)
        self.dtype: torch.dtype = getattr(torch, config.dtype)

    def loop(
        self, stopped: list[int], evaluate: Callable[[Transformer, int], dict[str, float]] | None
    ) -> bool:
        """Step until the end (True) or a stop signal (False)."""
        config, run = self.config, self.run
        saved = time.monotonic()
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
            while run.step < run.steps:
                if stopped:
                    return False
                self._obey_files(stopped)
                if stopped:
                    return False
                if run.step == run.steps - min(config.decay_steps, run.steps):
                    self.save("stable.pt")
                started = time.monotonic()
                context = self.model.config.context_length
                portion = self.objective.portion(run.document, config.batch_tokens, context)
                line = self._step(portion)
                run.document, run.step = portion.next_document, run.step + 1
                run.tokens += portion.read
                spent = time.monotonic() - started
                run.seconds += spent
                line |= {
                    "tokens_per_second": round(portion.read / spent, 1),
                    "seconds": round(run.seconds, 2),
                }
                if evaluate is not None and (run.step % config.evaluate_steps == 0 or run.step == run.steps):
                    self.model.eval()
                    with torch.no_grad():
                        line |= evaluate(self.model, run.step)
                    self.model.train()
                log.write(json.dumps(line) + "\n")
                log.flush()
                if time.monotonic() - saved > config.save_seconds:
                    self.save()
                    saved = time.monotonic()
        return True

    def _step(self, portion: Portion) -> dict[str, float]:
        height = self.config.height(self.run.step, self.run.steps)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["full_rate"] * height
        loss, figures = self.objective.loss(self.model, portion, self.dtype)
        torch.autograd.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(self.trained.parameters(), self.config.clip, foreach=True)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return {
            "step": self.run.step + 1,
            "loss": loss.item(),
            "height": round(height, 5),
            "grad_norm": round(norm.item(), 4),
            "documents": portion.next_document,
            "tokens": self.run.tokens + portion.read,
            "loss_positions": portion.counted,
        } | figures

    def _obey_files(self, stopped: list[int]) -> None:
        while (self.out / "pause").exists() and not stopped:
            time.sleep(0.5)
        finish = self.out / "finish"
        if finish.exists():
            remaining = min(self.config.decay_steps, self.run.steps - self.run.step)
            self.save("stable.pt")
            self.run.steps = self.run.step + remaining
            self.save()
            finish.unlink()

    def save(self, name: str = "state.pt") -> None:
        """Replace the stored state atomically: after a kill, the old one or the new one is there, whole."""
        state = {
            "model": self.trained.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "run": asdict(self.run),
            "rng": torch.get_rng_state(),
            "shape": self.model.config.to_hf(),
            "facts": self.facts,
        }
        temporary = self.out / (name + ".tmp")
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.out / name)

    def resume(self) -> None:
        """Take up the stored state, if any, and cut log lines of steps that were lost with the process."""
        path = self.out / "state.pt"
        if not path.exists():
            torch.default_generator.manual_seed(self.config.seed)
            (self.out / "log.jsonl").unlink(missing_ok=True)
            return
        state = _read_state(path)
        if state["shape"] != self.model.config.to_hf():
            raise ValueError(f"{str(path)!r} holds a model of another shape: {state['shape']!r}.")
        if state.get("facts", {}) != self.facts:
            raise ValueError(
                f"{str(path)!r} was trained with {state.get('facts', {})!r}, not {self.facts!r}: "
                "go on with the former, or begin in another folder."
            )
        if len(state["optimizers"]) != len(self.optimizers):
            raise ValueError(
                f"{str(path)!r} was trained with another optimizer than {self.config.optimizer!r}: "
                "name that one, or begin in another folder with these weights as `initial`."
            )
        run = _Run(**state["run"])
        extended = self.config.steps > run.planned
        decaying = run.step > run.steps - min(self.config.decay_steps, run.steps)
        if extended and decaying and (self.out / "stable.pt").exists():
            state = _read_state(self.out / "stable.pt")  # from before the decay, not from decayed weights
            run = _Run(**state["run"])
        if extended:
            run.planned = run.steps = self.config.steps
        self.trained.load_state_dict(state["model"])
        for optimizer, stored in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored)
        torch.set_rng_state(state["rng"])
        self.run = run
        _cut_log(self.out / "log.jsonl", run.step)


def make_optimizers(config: TrainConfig, model: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon for matrices inside layers and AdamW for embeddings, head, norms and experts; or AdamW for all.

    Weight decay is decoupled and spares vectors. Each group keeps its full learning rate in `full_rate`.
    """
    if config.optimizer not in ("muon", "adamw"):
        raise ValueError(f"optimizer is {config.optimizer!r}; choose 'muon' or 'adamw'.")
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and ".layers." in name]
    tables = [p for name, p in model.named_parameters() if p.dim() == 2 and ".layers." not in name]
    tables += [p for p in model.parameters() if p.dim() > 2]  # all experts of a layer in one tensor
    vectors = [p for p in model.parameters() if p.dim() < 2]
    rate, decay = config.other_rate, config.weight_decay
    groups: list[dict[str, Any]] = [
        {"params": tables, "weight_decay": decay, "lr": rate, "full_rate": rate},
        {"params": vectors, "weight_decay": 0.0, "lr": rate, "full_rate": rate},
    ]
    optimizers: list[torch.optim.Optimizer] = []
    if config.optimizer == "adamw":
        groups.append({"params": matrices, "weight_decay": decay, "lr": rate, "full_rate": rate})
    else:
        group = {"params": matrices, "full_rate": config.matrix_rate}
        muon = torch.optim.Muon(
            [group], lr=config.matrix_rate, weight_decay=decay, momentum=0.95, adjust_lr_fn="match_rms_adamw"
        )
        optimizers.append(muon)
    optimizers.append(torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=1e-8, foreach=True))
    return optimizers


@contextmanager
def _stop_signals() -> Generator[list[int]]:
    """Collect SIGTERM and SIGINT in a list for as long as the block runs (main thread only)."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread: its owner handles signals
        before = {}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _read_state(path: Path) -> dict[str, Any]:
    return torch.load(path, map_location="cpu", weights_only=True)


def _cut_log(path: Path, step: int) -> None:
    if not path.exists():
        return
    kept: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except ValueError:  # the line that the kill cut in half
            continue
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
    os.replace(temporary, path)

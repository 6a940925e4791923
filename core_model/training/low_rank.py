"""Tune a checkpoint by a low-rank adapter and leave its weights alone (Hu et al. 2021, arXiv:2106.09685).

What is trained is B A beside linear layers of each block, B zero at first, so training begins at the model as
it is. It is saved as the peft library saves it, and `Engine.load_adapter` reads that.

What it does not cover: dropout, adapters of embeddings, head and experts. The names in the file are those of
Llama-type blocks for every family: this project reads them all, peft those of Llama, Mistral and Qwen.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn

from ..checkpoint import save_checkpoint
from ..lora import MODULES, Adapter, linear
from ..tokenizer import Tokenizer
from ..transformer import Transformer
from .corpus import Document
from .objective import CrossEntropy, Objective
from .trainer import TrainConfig, TrainResult, fit

Evaluate = Callable[[Transformer, int], dict[str, float]]


@dataclass(frozen=True)
class LowRank:
    """The shape of an adapter.

    Attributes:
        rank: Width between A and B, at least 1.
        alpha: What B A is scaled by, times the rank.
        targets: Which linear layers of each block, among `lora.MODULES`; () takes all that the model has.
    """

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ValueError(f"rank is {self.rank!r}; it must be at least 1.")
        wrong = [target for target in self.targets if target not in MODULES]
        if wrong:
            raise ValueError(f"targets are {self.targets!r}; choose among {', '.join(MODULES)}.")


class _Pair(nn.Module):
    def __init__(self, target: nn.Linear, rank: int, draw: torch.Generator) -> None:
        super().__init__()
        bound = target.in_features**-0.5
        a = (torch.rand(rank, target.in_features, generator=draw) * 2 - 1) * bound
        self.a = nn.Parameter(a.to(target.weight.device))  # (rank, in)
        self.b = nn.Parameter(torch.zeros(target.out_features, rank, device=target.weight.device))


class TrainedAdapter(nn.Module):
    """The matrices of an adapter while they are trained; `attached` puts them beside a model's layers."""

    def __init__(self, model: Transformer, shape: LowRank, seed: int = 0) -> None:
        """Fresh matrices that change nothing yet.

        Raises:
            ValueError: no block of the model has one of the targets.
        """
        super().__init__()
        self.shape, self._scale = shape, shape.alpha / shape.rank
        draw = torch.Generator().manual_seed(seed)
        self.pairs = nn.ModuleDict()
        for layer in range(model.config.num_layers):
            for module in MODULES:
                target = linear(model, layer, module)
                if target is not None and module in (shape.targets or MODULES):
                    self.pairs[f"{layer}:{module}"] = _Pair(target, shape.rank, draw)
        there = {name.partition(":")[2] for name in self.pairs}
        self.targets = [module for module in MODULES if module in there]
        if absent := [module for module in shape.targets if module not in there]:
            raise ValueError(f"The model has no {', '.join(absent)} that an adapter could change.")

    @contextmanager
    def attached(self, model: Transformer) -> Generator[None]:
        """Within the block, `model` computes with the adapter."""
        hooks = [
            cast("nn.Linear", linear(model, layer, module)).register_forward_hook(self._adding(pair))
            for (layer, module), pair in self._placed().items()
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def adapter(self, name: str) -> Adapter:
        """A copy as an engine uses it, see `Engine.add_adapter`."""
        pairs = {
            place: (pair.a.detach().float().clone(), pair.b.detach().float() * self._scale)
            for place, pair in self._placed().items()
        }
        return Adapter(name, pairs)

    def save(self, folder: Path | str, base: str = "") -> None:
        """Write `adapter_model.safetensors` and `adapter_config.json`; `base` names the model beside them."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tensors: dict[str, Tensor] = {}
        for (layer, module), pair in self._placed().items():
            part = "self_attn" if module in MODULES[:4] else "mlp"
            name = f"base_model.model.model.layers.{layer}.{part}.{module}"
            tensors[f"{name}.lora_A.weight"] = pair.a.detach().float().cpu().contiguous()
            tensors[f"{name}.lora_B.weight"] = pair.b.detach().float().cpu().contiguous()
        settings: dict[str, Any] = {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": base or None,
            "r": self.shape.rank,
            "lora_alpha": self.shape.alpha,
            "lora_dropout": 0.0,
            "target_modules": self.targets,
            "bias": "none",
            "fan_in_fan_out": False,
            "inference_mode": True,
            "modules_to_save": None,
            "use_rslora": False,
            "use_dora": False,
        }
        files = folder / "adapter_model.safetensors", folder / "adapter_config.json"
        fresh = [file.with_name(file.name + ".tmp") for file in files]
        save_file(tensors, fresh[0], metadata={"format": "pt"})
        fresh[1].write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        for temporary, file in zip(fresh, files, strict=True):
            os.replace(temporary, file)

    def _placed(self) -> dict[tuple[int, str], _Pair]:
        split = {name: name.partition(":") for name in self.pairs}
        return {
            (int(layer), module): cast("_Pair", self.pairs[name])
            for name, (layer, _, module) in split.items()
        }

    def _adding(self, pair: _Pair) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def add(_: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> Tensor:
            x = args[0]
            return out + (x @ pair.a.to(x.dtype).t()) @ pair.b.to(x.dtype).t() * self._scale

        return add


def train_lora(
    config: TrainConfig,
    documents: Callable[[int], Document],
    out_dir: Path | str,
    *,
    base: Transformer,
    rank: int = 8,
    alpha: float = 16.0,
    targets: Sequence[str] = (),
    base_name: str = "",
    evaluate: Evaluate | None = None,
) -> TrainResult:
    """Train an adapter of `base` on documents; it is written to `out_dir/adapter`.

    Continues from `out_dir` when it holds a state. `base` stays as it is.

    Args:
        config: With the optimizer "adamw", as `TrainConfig.tuning` has it.
        documents: See `trainer.train`.
        rank, alpha, targets: See `LowRank`.
        base_name: The checkpoint's folder or hub name, for whoever finds the adapter.
        evaluate: See `trainer.train`.
    """
    shape = LowRank(rank, alpha, tuple(targets))
    objective = CrossEntropy(documents)
    return tune(
        config, objective, out_dir, model=base, low_rank=shape, base_name=base_name, evaluate=evaluate
    )


def tune(
    config: TrainConfig,
    objective: Objective[Any],
    out_dir: Path | str,
    *,
    model: Transformer,
    low_rank: LowRank | None = None,
    base_name: str = "",
    tokenizer: Tokenizer | None = None,
    evaluate: Evaluate | None = None,
) -> TrainResult:
    """Train with any objective: all weights, to `out_dir/model`, or an adapter, to `out_dir/adapter`.

    Args:
        model: With its weights at the beginning, also when `out_dir` holds a state; in float32 unless only an
            adapter is trained.
        low_rank: The shape of the adapter; None trains all weights.
        tokenizer: Saved with all weights when given.

    Raises:
        ValueError: the adapter is to be trained by "muon", which is for whole matrices; or `out_dir` holds a
            state of something else.
    """
    out, facts = Path(out_dir), {"begun_from": fingerprint(model)}
    if low_rank is None:
        model.requires_grad_(True)
        result = fit(config, objective, out, model=model, facts=facts, evaluate=evaluate)
        save_checkpoint(out / "model", model, tokenizer)
        return result
    if config.optimizer != "adamw":
        raise ValueError(f"optimizer is {config.optimizer!r}; adapters need 'adamw': see TrainConfig.tuning.")
    model.requires_grad_(False)
    trained = TrainedAdapter(model, low_rank, config.seed)
    told = facts | {
        "rank": low_rank.rank,
        "alpha": low_rank.alpha,
        "targets": " ".join(trained.targets),
    }
    with trained.attached(model):
        result = fit(config, objective, out, model=model, trained=trained, facts=told, evaluate=evaluate)
    model.eval()
    trained.save(out / "adapter", base_name)
    return result


def fingerprint(model: Transformer) -> str:
    """Tells models apart: a digest of their shape and of some weights of each tensor."""
    digest = hashlib.sha256(json.dumps(model.config.to_hf(), sort_keys=True).encode())
    for name, weight in model.named_parameters():
        some = weight.detach().flatten()[:64].float().cpu()
        digest.update(name.encode() + some.numpy().tobytes())
    return digest.hexdigest()[:16]

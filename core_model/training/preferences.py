"""Learn from pairs of answers which is better: direct preference optimisation.

The loss is -log sigmoid(beta * m), m = log p(chosen) - log p(rejected) less the same of a reference model,
all given the prompt: it is ln 2 where training begins at the reference. Source: Rafailov et al. 2023,
arXiv:2305.18290, equation 7. With `chosen_weight` the mean cross entropy of the chosen answers is added
(Pang et al. 2024, arXiv:2404.19733), which keeps their probability from falling together with the other's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..tokenizer import Tokenizer
from ..transformer import Transformer
from .batches import Accompanied, Batch, Layout, kept_logits
from .low_rank import Evaluate, LowRank, fingerprint, tune
from .trainer import TrainConfig, TrainResult

_KEPT = "reference.json"


class Preference(NamedTuple):
    """Two answers to one prompt, as tokens; end tokens are part of the answers."""

    prompt: Sequence[int]
    chosen: Sequence[int]
    rejected: Sequence[int]


Scores = list[tuple[float, float]]
"""For each pair the log-probabilities (nats) of the chosen and of the rejected answer."""


@dataclass(frozen=True)
class _Pairs(Accompanied):
    reference: Tensor  # (pairs, 2) float32


class PreferenceLoss:
    """The objective. Pairs come in an endless order, each epoch shuffled afresh by (seed, epoch)."""

    def __init__(
        self,
        pairs: Sequence[Preference],
        reference: Scores,
        *,
        beta: float = 0.1,
        chosen_weight: float = 0.0,
        seed: int = 0,
    ) -> None:
        """Take pairs with what `score_pairs` says of them under the reference model."""
        if not beta > 0:
            raise ValueError(f"beta is {beta!r}; it must be above 0.")
        if len(pairs) != len(reference) or not pairs:
            raise ValueError(
                f"There are {len(pairs)} pairs and scores for {len(reference)}; give both for each."
            )
        self._pairs, self._scores, self._seed = pairs, reference, seed
        self._reference = torch.tensor(reference)
        self._beta, self._chosen_weight = beta, chosen_weight

    @property
    def facts(self) -> Mapping[str, str | int | float | None]:
        """Pairs, reference and settings."""
        told = json.dumps([self._scores, digest(self._pairs)])
        return {
            "objective": "preferences",
            "beta": self._beta,
            "chosen_weight": self._chosen_weight,
            "pairs": hashlib.sha256(told.encode()).hexdigest()[:16],
        }

    def portion(self, first: int, tokens: int, context: int) -> _Pairs:
        """Pairs from number `first` on, chosen and rejected by turns."""
        layout, number, drawn = Layout(context), first, list[int]()
        while len(layout.tokens) < tokens:
            epoch, place = divmod(number, len(self._pairs))
            order = np.random.default_rng((self._seed, epoch)).permutation(len(self._pairs))
            drawn.append(int(order[place]))
            _add(layout, self._pairs[drawn[-1]])
            number += 1
        return _Pairs(layout.batch(number), self._reference[drawn])

    def loss(
        self, model: Transformer, portion: _Pairs, dtype: torch.dtype
    ) -> tuple[Tensor, dict[str, float]]:
        """The mean loss of the pairs; implicit rewards (nats, times beta) and how often they are right."""
        said = _answers(model, portion.batch, dtype)  # (pairs, 2)
        rewards = self._beta * (said - portion.reference)
        margins = rewards[:, 0] - rewards[:, 1]
        loss = -F.logsigmoid(margins).mean()
        figures = {
            "accuracy": round((margins > 0).float().mean().item(), 4),
            "margin": round(margins.mean().item(), 5),
            "chosen_reward": round(rewards[:, 0].mean().item(), 5),
            "rejected_reward": round(rewards[:, 1].mean().item(), 5),
        }
        if self._chosen_weight:
            chosen = (portion.batch.owners % 2 == 0) & (portion.batch.weights > 0)
            loss = loss - self._chosen_weight * said[:, 0].sum() / chosen.sum()
        return loss, figures


def train_preferences(
    config: TrainConfig,
    pairs: Sequence[Preference],
    out_dir: Path | str,
    *,
    model: Transformer,
    reference: Transformer | None = None,
    beta: float = 0.1,
    chosen_weight: float = 0.0,
    low_rank: LowRank | None = None,
    base_name: str = "",
    tokenizer: Tokenizer | None = None,
    evaluate: Evaluate | None = None,
) -> TrainResult:
    """Train on preference pairs, continuing from `out_dir` when it holds a state.

    What the reference says of the pairs is computed once, before training, and kept in
    `out_dir/reference.json`.

    Args:
        config: `TrainConfig.tuning` is a beginning; `batch_tokens` counts both answers with their prompts.
        pairs: All of them; each must fit the context.
        model: See `low_rank.tune`.
        reference: None takes `model` as it is at the beginning.
        beta: How far the model may leave the reference, above 0; smaller lets it go further.
        chosen_weight: Of the chosen answers' cross entropy beside the pairs' loss.
        low_rank: The shape of an adapter, written to `out_dir/adapter`; None trains all weights, which are
            written to `out_dir/model`.

    Raises:
        ValueError: a pair is empty, has equal answers or does not fit the context; or `out_dir` holds a state
            of something else.
    """
    _check(pairs, model.config.context_length)
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    scores = _kept_scores(out / _KEPT, config, pairs, reference or model)
    objective = PreferenceLoss(pairs, scores, beta=beta, chosen_weight=chosen_weight, seed=config.seed)
    return tune(
        config,
        objective,
        out,
        model=model,
        low_rank=low_rank,
        base_name=base_name,
        tokenizer=tokenizer,
        evaluate=evaluate,
    )


@torch.no_grad()
def score_pairs(
    model: Transformer, pairs: Sequence[Preference], *, batch_tokens: int = 8192, dtype: torch.dtype
) -> Scores:
    """Log-probabilities (nats) of both answers of each pair, computed in `dtype`."""
    scores: Scores = []
    while len(scores) < len(pairs):
        layout, number = Layout(model.config.context_length), len(scores)
        while number < len(pairs) and len(layout.tokens) < batch_tokens:
            _add(layout, pairs[number])
            number += 1
        said = _answers(model, layout.batch(number), dtype)
        scores += [(float(chosen), float(rejected)) for chosen, rejected in said]
    return scores


def digest(pairs: Sequence[Preference]) -> str:
    """Tells lists of pairs apart."""
    told = json.dumps([[list(part) for part in pair] for pair in pairs])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _check(pairs: Sequence[Preference], context: int) -> None:
    for number, (prompt, chosen, rejected) in enumerate(pairs):
        if not (prompt and chosen and rejected):
            raise ValueError(f"Pair {number} lacks a prompt or an answer; each needs at least one token.")
        if list(chosen) == list(rejected):
            raise ValueError(f"Pair {number} has the same answer twice, which says nothing: leave it out.")
        longest = len(prompt) + max(len(chosen), len(rejected))
        if longest > context:
            raise ValueError(
                f"Pair {number} has {longest} tokens, the context {context}: leave it out or shorten it."
            )


def _add(layout: Layout, pair: Preference) -> None:
    for answer in (pair.chosen, pair.rejected):
        layout.add([*pair.prompt, *answer], [0.0] * len(pair.prompt) + [1.0] * len(answer))


def _answers(model: Transformer, batch: Batch, dtype: torch.dtype) -> Tensor:
    """Log-probabilities of the answers of documents by turns chosen and rejected, (pairs, 2) float32."""
    losses = F.cross_entropy(kept_logits(model, batch, dtype), batch.targets, reduction="none")
    sums = losses.new_zeros(len(batch.lengths)).index_add(0, batch.owners, -losses * batch.weights)
    return sums.view(-1, 2)


def _kept_scores(
    path: Path, config: TrainConfig, pairs: Sequence[Preference], reference: Transformer
) -> Scores:
    """Those of an earlier call, so that a training goes on with the very same numbers; or fresh ones."""
    key = {"pairs": digest(pairs), "reference": fingerprint(reference), "dtype": config.dtype}
    if path.exists():
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["key"] == key:
            return [(chosen, rejected) for chosen, rejected in told["scores"]]
    dtype: torch.dtype = getattr(torch, config.dtype)
    scores = score_pairs(reference, pairs, batch_tokens=config.batch_tokens, dtype=dtype)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps({"key": key, "scores": scores}), encoding="utf-8")
    os.replace(temporary, path)
    return scores

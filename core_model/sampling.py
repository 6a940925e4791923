"""From scores to one token: temperature, top-k, top-p, min-p, each row with its own seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens.

    Attributes:
        temperature: 0 takes the likeliest token; above, probabilities are softened by it.
        top_k: Keep the k likeliest tokens; 0 keeps all.
        top_p: Keep the smallest set of tokens with this probability, in (0, 1].
        min_p: Drop tokens less likely than this share of the likeliest, in [0, 1).
        seed: Same seed, model and prompt: same tokens, whatever else runs.
        max_tokens: At most so many tokens are generated, forced ones included.
        stop: Generation ends before the first of these texts, which is not returned.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise ValueError(f"temperature is {self.temperature!r}; it must be 0 or more.")
        if self.top_k < 0:
            raise ValueError(f"top_k is {self.top_k!r}; it must be 0 (keep all) or more.")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p!r}; it must be in (0, 1].")
        if not 0 <= self.min_p < 1:
            raise ValueError(f"min_p is {self.min_p!r}; it must be in [0, 1).")
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens!r}; it must be 1 or more.")


def top_k_filter(logits: Tensor, top_k: int) -> Tensor:
    """Keep the `top_k` highest of logits (batch, vocab); 0 keeps all. Refused tokens are -inf."""
    if top_k == 0 or top_k >= logits.shape[-1]:
        return logits
    lowest = logits.topk(top_k, dim=-1).values[..., -1:]
    return logits.masked_fill(logits < lowest, float("-inf"))


def nucleus_filter(logits: Tensor, top_p: float) -> Tensor:
    """Keep the smallest set of tokens whose probability reaches `top_p`.

    The token that crosses the threshold is kept, so at least one survives.
    Source: Holtzman et al. 2020, arXiv:1904.09751.

    Args:
        logits: (batch, vocab), any float dtype, any device.
        top_p: In (0, 1]; 1 keeps everything.

    Returns:
        (batch, vocab), same dtype; refused tokens are -inf.

    Raises:
        ValueError: `top_p` is outside (0, 1].
    """
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p!r}; it must be in (0, 1].")
    if top_p == 1:
        return logits
    ordered, order = logits.sort(dim=-1, descending=True)
    probabilities = ordered.softmax(dim=-1)
    before = probabilities.cumsum(dim=-1) - probabilities
    beyond = before >= top_p
    return logits.masked_fill(beyond.scatter(-1, order, beyond), float("-inf"))


def min_p_filter(logits: Tensor, min_p: float) -> Tensor:
    """Drop tokens less likely than `min_p` times the likeliest one of each row of (batch, vocab).

    Source: Nguyen et al. 2024, arXiv:2407.01082.
    """
    if min_p == 0:
        return logits
    probabilities = logits.softmax(dim=-1)
    lowest = min_p * probabilities.max(dim=-1, keepdim=True).values
    return logits.masked_fill(probabilities < lowest, float("-inf"))


def choose(logits: Tensor, sampling: Sampling, uniform: float) -> int:
    """Choose one token of logits (vocab,) with one random number in [0, 1).

    The inverse of the cumulative distribution over tokens from likeliest to least likely; with temperature 0
    the likeliest, and the lowest id among equals.
    """
    if sampling.temperature == 0:
        return int(logits.argmax())
    row = (logits.float() / sampling.temperature)[None]
    row = top_k_filter(row, sampling.top_k)
    row = min_p_filter(nucleus_filter(row, sampling.top_p), sampling.min_p)[0]
    ordered, order = row.double().softmax(dim=-1).sort(descending=True, stable=True)
    cumulative = ordered.cumsum(dim=-1)
    place = int((cumulative <= uniform * cumulative[-1]).sum())
    last = int((ordered > 0).sum()) - 1
    return int(order[min(place, last)])

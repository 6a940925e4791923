"""From scores to tokens: penalties, temperature, top-k, top-p, min-p; each row with its own random number.

What is done to the scores of a row, in this order: `repetition_penalty`, `frequency_penalty` and
`presence_penalty`, `logit_bias`, the grammar's mask, `temperature`, `top_k`, `top_p`, `min_p`; then one token
is chosen with one random number. A row's token depends on that row alone, to the last bit, whatever else is
in the batch.

Log-probabilities are natural logs among what the grammar allows, at temperature 1, before penalties and bias:
what the model thinks, not how it was asked to choose. `choose_rows` is one step of the engine; the filters
are the same, said plainly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from .errors import CoreModelError, InvalidSampling, NothingAllowed, NumericalError

if TYPE_CHECKING:
    from torch import Tensor

HEADS = (1e-2, 1e-4, 1e-6)
"""Tokens at least so likely as these shares of the likeliest are put in order, the next ones only where the
choice may fall among them."""

DENSE = 16_384
"""Vocabularies up to this size are masked as a whole; in larger ones the allowed tokens are picked out."""

Floats = NDArray[np.float32]
Ids = NDArray[np.intp]


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
        repetition_penalty: Above 0; scores of tokens that stand in prompt or answer are divided by it where
            positive, multiplied where negative. 1 changes nothing. Source: Keskar et al. 2019 (CTRL),
            arXiv:1909.05858, section 4.1, with the sign rule of Hugging Face transformers (a plain division
            would favour tokens whose score is negative).
        presence_penalty: In [-2, 2]; taken off the score of each token that stands in the answer.
        frequency_penalty: In [-2, 2]; taken off the score of a token once for each time that it stands in the
            answer. Source of both: OpenAI API reference, "Create chat completion".
        logit_bias: Token id -> what is added to its score, in [-100, 100]. Given as a mapping or as pairs.
            Source: OpenAI API reference.
        top_logprobs: How many of the likeliest tokens are told at each place, 0..20.

    Raises:
        InvalidSampling: A value is out of its range.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] | tuple[tuple[int, float], ...] = ()
    top_logprobs: int = 0

    def __post_init__(self) -> None:
        self._check_kinds()
        pairs = self.logit_bias.items() if isinstance(self.logit_bias, Mapping) else self.logit_bias
        object.__setattr__(self, "logit_bias", tuple(sorted(dict(pairs).items())))
        rules: tuple[tuple[str, bool, str], ...] = (
            ("temperature", 0 <= self.temperature < math.inf, "a number from 0 up"),
            ("top_k", self.top_k >= 0, "0 (keep all) or more"),
            ("top_p", 0 < self.top_p <= 1, "in (0, 1]"),
            ("min_p", 0 <= self.min_p < 1, "in [0, 1)"),
            ("max_tokens", self.max_tokens >= 1, "1 or more"),
            ("stop", "" not in self.stop, "texts of at least one character"),
            ("repetition_penalty", 0 < self.repetition_penalty <= 100, "above 0, at most 100"),
            ("presence_penalty", -2 <= self.presence_penalty <= 2, "in [-2, 2]"),
            ("frequency_penalty", -2 <= self.frequency_penalty <= 2, "in [-2, 2]"),
            (
                "logit_bias",
                all(token >= 0 and -100 <= bias <= 100 for token, bias in self.biases),
                "token ids from 0 up with biases in [-100, 100]",
            ),
            ("top_logprobs", 0 <= self.top_logprobs <= 20, "in 0..20"),
        )
        for setting, holds, must in rules:
            if not holds:
                raise InvalidSampling(setting, getattr(self, setting), must)

    def _check_kinds(self) -> None:
        for setting in ("top_k", "seed", "max_tokens", "top_logprobs"):
            if not isinstance(getattr(self, setting), int):
                raise InvalidSampling(setting, getattr(self, setting), "a whole number")
        stops = cast("object", self.stop)  # a single text would be taken for its characters
        texts = cast("tuple[object, ...]", stops) if isinstance(stops, tuple) else ()
        if not isinstance(stops, tuple) or not all(isinstance(text, str) for text in texts):
            raise InvalidSampling("stop", self.stop, "a tuple of texts")

    @property
    def biases(self) -> tuple[tuple[int, float], ...]:
        """`logit_bias` as pairs, ascending by token."""
        return cast("tuple[tuple[int, float], ...]", self.logit_bias)

    @property
    def adjusts(self) -> bool:
        """Whether scores are changed before choosing: penalties or bias."""
        changed = self.presence_penalty or self.frequency_penalty or self.repetition_penalty != 1
        return bool(changed or self.logit_bias)

    def check_vocabulary(self, vocab_size: int) -> None:
        """Raise InvalidSampling when `logit_bias` names a token that a vocabulary does not have."""
        if self.biases and self.biases[-1][0] >= vocab_size:
            raise InvalidSampling("logit_bias", self.logit_bias, f"about tokens below {vocab_size}")


def top_k_filter(logits: Tensor, top_k: int) -> Tensor:
    """Keep the `top_k` highest of logits (batch, vocab), of equal ones the lowest ids; 0 keeps all.

    Refused tokens are -inf.
    """
    if top_k == 0 or top_k >= logits.shape[-1]:
        return logits
    order = logits.sort(dim=-1, descending=True, stable=True).indices
    return logits.scatter(-1, order[..., top_k:], float("-inf"))


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
        InvalidSampling: `top_p` is outside (0, 1].
    """
    if not 0 < top_p <= 1:
        raise InvalidSampling("top_p", top_p, "in (0, 1]")
    if top_p == 1:
        return logits
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
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
    """Choose one token of logits (vocab,) with one random number in [0, 1), without penalties and bias.

    With temperature 0 the likeliest, and the lowest id among equals.
    """
    values = cast("Floats", logits.detach().float().cpu().numpy())
    return int(values.argmax()) if sampling.temperature == 0 else _sample(values, sampling, uniform)


@dataclass(slots=True)
class RowState:
    """What the choice of a row's next token depends on, beside its scores.

    Attributes:
        sampling: The row's settings.
        uniform: The row's random number for this place, in [0, 1); unused at temperature 0.
        mask: What the grammar allows: (ceil(vocab / 32),) int32, lowest bit first, as `GrammarState.fill`
            makes it; or (vocab,) bool; None allows all.
        prompt: Tokens of the prompt, repeated or not; for `repetition_penalty` only.
        counts: How often each token stands in the answer so far; for the penalties only.
    """

    sampling: Sampling
    uniform: float = 0.0
    mask: NDArray[np.int32] | NDArray[np.bool_] | None = None
    prompt: Sequence[int] | Ids = ()
    counts: Mapping[int, int] = field(default_factory=dict[int, int])


@dataclass(slots=True)
class Chosen:
    """What `choose_rows` chose.

    Attributes:
        token_ids: Per row its token; -1 where there is an error.
        logprobs: Per row the log-probability of its token, nats; NaN where there is an error.
        top_logprobs: Per row (token, log-probability), likeliest first, as many as asked for and allowed.
        errors: Row -> why nothing was chosen for it.
    """

    token_ids: list[int]
    logprobs: list[float]
    top_logprobs: list[tuple[tuple[int, float], ...]]
    errors: dict[int, CoreModelError]


def choose_rows(logits: Tensor, rows: Sequence[RowState]) -> Chosen:
    """Choose the next token of every row.

    Args:
        logits: (rows, vocab) float32, on the CPU; not changed.
        rows: As many as `logits` has.

    Returns:
        Tokens and log-probabilities. A row whose scores are not finite has a NumericalError, one whose
        grammar allows nothing a NothingAllowed; the other rows are not affected.
    """
    scores = cast("Floats", logits.numpy())
    if scores.shape[1] > DENSE:
        views = [_view(scores[place], row.mask) for place, row in enumerate(rows)]
        best = [int(view.values.argmax()) if len(view.values) else -1 for view in views]
        peaks = [
            float(view.values[place]) if place >= 0 else -math.inf
            for view, place in zip(views, best, strict=True)
        ]
        logs = [_log_total(view.values, peak) for view, peak in zip(views, peaks, strict=True)]
        tokens = [view.token(place) for view, place in zip(views, best, strict=True)]
    else:
        masked = _masked(scores, rows)
        views = [_View(line, None) for line in masked]
        top = masked.argmax(axis=1)
        high = masked[np.arange(len(rows)), top]
        with np.errstate(invalid="ignore", divide="ignore"):
            shifted = np.subtract(masked, high[:, None])
            totals = np.exp(shifted, out=shifted).sum(axis=1)
            logs = np.log(totals).tolist()
        tokens, peaks = top.tolist(), high.tolist()
    chosen = Chosen(tokens, [-log for log in logs], [()] * len(rows), {})
    extremes = scores.max(axis=1).tolist()  # NaN if there is one in the row
    for place, row in enumerate(rows):
        if not math.isfinite(extremes[place]):
            _fail(chosen, place, NumericalError(None))
        elif peaks[place] == -math.inf:
            _fail(chosen, place, NothingAllowed())
        elif row.sampling.temperature or row.sampling.top_logprobs or row.sampling.adjusts:
            _choose_row(chosen, place, row, scores[place], views[place], peaks[place] + logs[place])
    return chosen


def _fail(chosen: Chosen, place: int, error: CoreModelError) -> None:
    chosen.token_ids[place], chosen.logprobs[place], chosen.errors[place] = -1, math.nan, error


@dataclass(slots=True)
class _View:
    """The allowed part of a row: values, and the token ids they belong to (None: all, refused ones -inf)."""

    values: Floats
    ids: Ids | None

    def token(self, place: int) -> int:
        return place if self.ids is None or place < 0 else int(self.ids[place])


def _choose_row(
    chosen: Chosen, place: int, row: RowState, scores: Floats, view: _View, log_total: float
) -> None:
    """Choose for a row that is not plainly greedy; `log_total` is the log of its sum of exponentials."""
    sampling = row.sampling
    if sampling.top_logprobs:
        chosen.top_logprobs[place] = _top(view, sampling.top_logprobs, log_total)
    if not (sampling.temperature or sampling.adjusts):
        return
    values = view.values
    if sampling.adjusts:
        changed = _adjusted(scores, row)
        values = np.where(values > -np.inf, changed, values) if view.ids is None else changed[view.ids]
    token = view.token(
        _sample(values, sampling, row.uniform) if sampling.temperature else int(values.argmax())
    )
    chosen.token_ids[place], chosen.logprobs[place] = token, float(scores[token]) - log_total


def _masked(scores: Floats, rows: Sequence[RowState]) -> Floats:
    """Scores (rows, vocab) with -inf where a row's mask refuses; the same array where no row has a mask."""
    places = [place for place, row in enumerate(rows) if row.mask is not None]
    if not places:
        return scores
    vocab = scores.shape[1]
    masks = [cast("NDArray[np.int32] | NDArray[np.bool_]", rows[place].mask) for place in places]
    if all(mask.dtype == np.int32 for mask in masks):
        packed = np.stack(masks).view(np.uint8)
        allowed = np.unpackbits(packed, axis=1, bitorder="little", count=vocab)
    else:
        allowed = np.stack([_unpacked(mask, vocab) for mask in masks])
    if len(places) == len(rows):
        return _refuse(scores, allowed)
    masked = scores.copy()
    masked[places] = _refuse(scores[places], allowed)
    return masked


def _refuse(scores: Floats, allowed: NDArray[np.uint8]) -> Floats:
    """Scores with -inf where `allowed`, of the same shape, is 0; NaN stays NaN.

    The minimum of a score and an infinity whose sign is the bit is several times faster than a choice.
    """
    signs = np.left_shift(allowed ^ 1, 31, dtype=np.uint32)
    signs |= np.float32(np.inf).view(np.uint32)
    return np.minimum(scores, signs.view(np.float32))


def _unpacked(mask: NDArray[np.int32] | NDArray[np.bool_], vocab: int) -> NDArray[np.uint8]:
    """A mask as (vocab,) of 0 and 1."""
    if mask.dtype == np.bool_:
        return mask[:vocab].view(np.uint8)
    return np.unpackbits(mask.view(np.uint8), bitorder="little", count=vocab)


def _view(scores: Floats, mask: NDArray[np.int32] | NDArray[np.bool_] | None) -> _View:
    """The allowed part of a row of a large vocabulary; empty words of the mask are passed over."""
    if mask is None:
        return _View(scores, None)
    if mask.dtype == np.bool_:
        ids = np.flatnonzero(mask[: len(scores)])
    else:
        words = np.flatnonzero(mask)
        if len(words) * 8 > len(mask):
            return _View(_refuse(scores, _unpacked(mask, len(scores))), None)
        bits = np.unpackbits(mask[words].view(np.uint8), bitorder="little").reshape(-1, 32)  # (words, 32)
        line, column = np.nonzero(bits)
        ids = words[line] * 32 + column
        ids = ids[: np.searchsorted(ids, len(scores))]
    return _View(scores[ids], ids)


def _log_total(values: Floats, peak: float) -> float:
    """Log of the sum of exp(values - peak)."""
    if not math.isfinite(peak):
        return math.nan
    return math.log(float(np.exp(values - np.float32(peak)).sum()))


def _top(view: _View, count: int, log_total: float) -> tuple[tuple[int, float], ...]:
    """The `count` likeliest tokens with their log-probabilities, lower ids first among equals."""
    values = view.values
    peak = values.max()
    places = np.flatnonzero(values > -np.inf)
    for distance in (4, 12):
        near = np.flatnonzero(values >= peak - np.float32(distance))
        if len(near) >= count:
            places = near
            break
    places = places[np.argsort(-values[places], kind="stable")][:count]
    return tuple((view.token(int(place)), float(values[place]) - log_total) for place in places)


def _adjusted(scores: Floats, row: RowState) -> Floats:
    """Scores (vocab,) after penalties and bias."""
    sampling, changed = row.sampling, scores.copy()
    said = np.fromiter(row.counts.keys(), dtype=np.intp, count=len(row.counts))
    if sampling.repetition_penalty != 1:
        seen = np.union1d(np.asarray(row.prompt, dtype=np.intp), said)
        before = changed[seen]
        penalty = np.float32(sampling.repetition_penalty)
        changed[seen] = np.where(before > 0, before / penalty, before * penalty)
    if len(said) and (sampling.frequency_penalty or sampling.presence_penalty):
        times = np.fromiter(row.counts.values(), dtype=np.float32, count=len(row.counts))
        off = times * np.float32(sampling.frequency_penalty)
        changed[said] -= off + np.float32(sampling.presence_penalty) * (times > 0)
    if sampling.biases:
        tokens, biases = zip(*sampling.biases, strict=True)
        changed[list(tokens)] += np.asarray(biases, dtype=np.float32)
    return changed


def _sample(values: Floats, sampling: Sampling, uniform: float) -> int:
    """Draw one place of values (n,), at a temperature above 0, with one random number in [0, 1).

    The inverse of the cumulative distribution over the tokens in descending order, lower ids first among
    equals. Only as much of the order is made as decides it (`HEADS`).
    """
    with np.errstate(over="ignore"):  # at a tiny temperature the distance is infinite, its weight 0
        weights = np.exp((values - values.max()) / np.float32(max(sampling.temperature, 1e-30)))
    total = float(weights.sum(dtype=np.float64))
    plain = not sampling.top_k and sampling.top_p == 1 and not sampling.min_p
    for least in (*HEADS, 0.0):
        order = _descending(weights, least)
        cumulative = weights[order].cumsum(dtype=np.float64)
        if plain:
            if least and cumulative[-1] <= uniform * total:
                continue
            kept, mass = len(order), total
        else:
            kept = _kept(weights[order], cumulative, total, sampling, whole=not least)
            if kept is None:
                continue
            mass = float(cumulative[kept - 1])
        place = int(np.searchsorted(cumulative[:kept], uniform * mass, side="right"))
        return int(order[min(place, kept - 1)])
    raise AssertionError("the last head is the whole order")


def _descending(weights: Floats, least: float) -> Ids:
    """Places of the weights above `least`, highest first, lower places first among equals."""
    places = np.flatnonzero(weights > least)
    return places[np.argsort(-weights[places], kind="stable")]


def _kept(
    weights: Floats, cumulative: NDArray[np.float64], total: float, sampling: Sampling, *, whole: bool
) -> int | None:
    """How many of the tokens, in descending order, the filters keep; None where that lies behind them.

    Args:
        weights: (n,) descending, the first is 1.
        cumulative: (n,) their running sum.
        total: Sum over all tokens, also those behind.
        sampling: The filters.
        whole: There are no tokens behind, or none with a weight.
    """
    count = len(weights)
    limits: list[int] = []
    if sampling.top_k and (sampling.top_k <= count or whole):
        limits.append(min(sampling.top_k, count))
        total = float(cumulative[limits[0] - 1])
    elif sampling.top_k:
        return None
    if sampling.top_p < 1:
        nucleus = int(np.searchsorted(cumulative, sampling.top_p * total)) + 1
        if nucleus <= count:
            limits.append(nucleus)
    if sampling.min_p:
        likely = int(np.searchsorted(-weights, -np.float32(sampling.min_p), side="right"))
        if likely < count:
            limits.append(max(likely, 1))
    if whole:
        limits.append(count)
    return min(limits) if limits else None

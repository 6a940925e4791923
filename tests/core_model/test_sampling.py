"""Filters and choice of tokens."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from punchlist.core_model import sampling as sampling_module
from punchlist.core_model.errors import InvalidSampling, NothingAllowed, NumericalError
from punchlist.core_model.sampling import (
    RowState,
    Sampling,
    choose,
    choose_rows,
    min_p_filter,
    nucleus_filter,
    top_k_filter,
)

LOGITS = torch.tensor([[0.5, 0.2, 0.15, 0.1, 0.05]]).log()


def kept(filtered: torch.Tensor) -> int:
    return int(torch.isfinite(filtered).sum())


@pytest.mark.parametrize(("top_p", "count"), [(0.01, 1), (0.5, 1), (0.51, 2), (0.8, 3), (1.0, 5)])
def test_the_nucleus_is_the_smallest_set_that_reaches_top_p(top_p: float, count: int) -> None:
    assert kept(nucleus_filter(LOGITS, top_p)) == count


@pytest.mark.parametrize(("top_k", "count"), [(0, 5), (1, 1), (3, 3), (9, 5)])
def test_top_k_keeps_k(top_k: int, count: int) -> None:
    assert kept(top_k_filter(LOGITS, top_k)) == count


@pytest.mark.parametrize(("min_p", "count"), [(0.0, 5), (0.15, 4), (0.35, 2), (0.99, 1)])
def test_min_p_is_relative_to_the_likeliest(min_p: float, count: int) -> None:
    assert kept(min_p_filter(LOGITS, min_p)) == count


def test_tokens_come_with_their_probabilities() -> None:
    counts = [0] * 5
    for step in range(1000):
        counts[choose(LOGITS[0], Sampling(temperature=1.0), step / 1000)] += 1

    assert counts == pytest.approx([500, 200, 150, 100, 50], abs=2)


def test_a_lower_temperature_prefers_the_likeliest() -> None:
    warm = [choose(LOGITS[0], Sampling(temperature=1.0), place / 100) for place in range(100)]
    cool = [choose(LOGITS[0], Sampling(temperature=0.3), place / 100) for place in range(100)]

    assert cool.count(0) > warm.count(0)
    assert {choose(LOGITS[0], Sampling(), place / 100) for place in range(100)} == {0}


def test_a_refused_token_is_never_chosen() -> None:
    logits = torch.tensor([-math.inf, 1.0, -math.inf, 0.0])

    chosen = {choose(logits, Sampling(temperature=2.0), uniform) for uniform in (0.0, 0.4, 0.999999999999)}

    assert chosen == {1, 3}


NAN = float("nan")


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1.0},
        {"temperature": NAN},
        {"temperature": math.inf},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": NAN},
        {"min_p": 1.0},
        {"max_tokens": 0},
        {"stop": ("",)},
        {"repetition_penalty": 0.0},
        {"presence_penalty": 2.5},
        {"frequency_penalty": NAN},
        {"logit_bias": {3: 101.0}},
        {"logit_bias": {-1: 1.0}},
        {"top_logprobs": 21},
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSampling, match=next(iter(wrong))):
        Sampling(**wrong)


def test_a_bias_may_be_given_as_a_mapping_and_is_a_value() -> None:
    given_as_mapping, given_as_pairs = (
        Sampling(logit_bias={5: 1.0, 2: -1}),
        Sampling(logit_bias=((2, -1), (5, 1.0))),
    )

    assert given_as_mapping == given_as_pairs
    assert len({given_as_mapping, given_as_pairs}) == 1
    with pytest.raises(InvalidSampling, match="below 5"):
        given_as_mapping.check_vocabulary(5)


def packed(allowed: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A mask (vocab,) bool as llguidance packs it."""
    words = np.zeros((len(allowed) + 31) // 32, dtype=np.uint32)
    for token in np.flatnonzero(allowed):
        words[token // 32] |= np.uint32(1 << (token % 32))
    return words.view(np.int32)


def slowly(
    scores: torch.Tensor, row: RowState, allowed: np.ndarray[Any, Any]
) -> tuple[set[int], float, list[float]]:
    """The tokens that a row may get (several where it is a near thing), its log total, its masked scores."""
    rule, vocab = row.sampling, len(scores)
    masked = [float(score) if ok else -math.inf for score, ok in zip(scores, allowed, strict=True)]
    peak = max(masked)
    total = peak + math.log(sum(math.exp(score - peak) for score in masked))
    changed = [float(score) for score in scores]
    for token in range(vocab):
        count = row.counts.get(token, 0)
        if token in set(row.prompt) or count:
            changed[token] *= rule.repetition_penalty if changed[token] < 0 else 1 / rule.repetition_penalty
        changed[token] -= count * rule.frequency_penalty + (count > 0) * rule.presence_penalty
        changed[token] += dict(rule.biases).get(token, 0)
    changed = [score if ok else -math.inf for score, ok in zip(changed, allowed, strict=True)]
    order = sorted(
        (token for token in range(vocab) if allowed[token]), key=lambda token: (-changed[token], token)
    )
    if rule.temperature == 0:
        best = {token for token in order if changed[token] > changed[order[0]] - 1e-4}
        return best, total, masked
    weights = [math.exp((changed[token] - changed[order[0]]) / rule.temperature) for token in order]
    if rule.top_k:
        weights = weights[: rule.top_k]
    likely: set[int] = set()
    for slack in (-2e-4, 0.0, 2e-4):
        kept, sum_of_all = [], sum(weights)
        for weight in weights:
            if sum(kept) < (rule.top_p + slack) * sum_of_all and weight >= rule.min_p * (1 + slack):
                kept.append(weight)
        for nudge in (-2e-4, 0.0, 2e-4):
            aim, reached, place = (row.uniform + nudge) * sum(kept), 0.0, 0
            for place, weight in enumerate(kept):  # noqa: B007
                reached += weight
                if reached > aim:
                    break
            likely.add(order[place])
    return likely, total, masked


rules = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.0, 0.3, 1.0, 2.5]),
    top_k=st.sampled_from([0, 0, 1, 3, 40]),
    top_p=st.sampled_from([1.0, 1.0, 0.3, 0.9]),
    min_p=st.sampled_from([0.0, 0.0, 0.05, 0.5]),
    repetition_penalty=st.sampled_from([1.0, 1.0, 1.3]),
    presence_penalty=st.sampled_from([0.0, 0.0, 1.5]),
    frequency_penalty=st.sampled_from([0.0, 0.0, -1.0]),
    logit_bias=st.sampled_from([{}, {}, {3: 4.0, 7: -100.0}]),
    top_logprobs=st.sampled_from([0, 3, 20]),
)


@pytest.mark.parametrize("dense", [64, 100_000])
@settings(deadline=None, max_examples=120)
@given(data=st.data())
def test_a_batch_chooses_what_the_plain_definition_does_and_each_row_for_itself(
    dense: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    vocab, count = data.draw(st.sampled_from([20, 90, 700])), data.draw(st.integers(1, 4))
    spread = data.draw(st.sampled_from([0.5, 3.0, 30.0]))
    logits = torch.from_numpy((rng.normal(size=(count, vocab)) * spread).astype(np.float32))
    masks = [rng.random(vocab) < data.draw(st.sampled_from([0.02, 0.5, 1.0])) for _ in range(count)]
    for mask in masks:
        mask[rng.integers(vocab)] = True
    rows = [
        RowState(
            data.draw(rules),
            float(rng.random()),
            data.draw(st.sampled_from([packed(mask), mask])),
            [1, 5, 5],
            {5: 2, 9: 1},
        )
        for mask in masks
    ]
    with pytest.MonkeyPatch.context() as patch:  # both ways of masking, whatever the vocabulary
        patch.setattr(sampling_module, "DENSE", dense)

        chosen = choose_rows(logits, rows)
        alone = [choose_rows(logits[[place]], [row]) for place, row in enumerate(rows)]

    assert not chosen.errors
    assert chosen.token_ids == [one.token_ids[0] for one in alone]
    assert chosen.logprobs == [one.logprobs[0] for one in alone]
    for place, row in enumerate(rows):
        possible, total, masked = slowly(logits[place], row, masks[place])
        token = chosen.token_ids[place]
        assert token in possible
        assert chosen.logprobs[place] == pytest.approx(masked[token] - total, abs=2e-4)
        expected = sorted((score - total for score in masked if score > -math.inf), reverse=True)
        told = [value for _, value in chosen.top_logprobs[place]]
        assert told == pytest.approx(expected[: row.sampling.top_logprobs], abs=2e-4)
        assert all(
            masked[token] - total == pytest.approx(value, abs=2e-4)
            for token, value in chosen.top_logprobs[place]
        )


def test_what_is_wrong_with_one_row_does_not_touch_the_others() -> None:
    logits = torch.zeros(5, 70)
    logits[:, 8] = 2.0
    logits[1, 60] = float("nan")
    logits[2, 3] = math.inf
    nothing = np.zeros(3, dtype=np.int32)
    rows = [RowState(Sampling()) for _ in range(5)]
    rows[1].mask = packed(np.arange(70) < 10)  # the grammar would hide the number that is none
    rows[3].mask = nothing
    rows[4].sampling = Sampling(temperature=1.0)

    chosen = choose_rows(logits, rows)

    assert {place: type(error) for place, error in chosen.errors.items()} == {
        1: NumericalError,
        2: NumericalError,
        3: NothingAllowed,
    }
    assert chosen.token_ids == [8, -1, -1, -1, 8]
    assert math.isnan(chosen.logprobs[1])


def test_sampled_tokens_come_with_their_probabilities_also_far_from_the_head() -> None:
    """Of 3,000 equally likely tokens each comes once for 3,000 evenly spread random numbers."""
    logits = torch.zeros(1, 3000)
    rule = Sampling(temperature=1.0)

    tokens = [choose_rows(logits, [RowState(rule, (n + 0.5) / 3000)]).token_ids[0] for n in range(3000)]

    assert sorted(tokens) == list(range(3000))


def test_a_tiny_temperature_is_as_good_as_none() -> None:
    assert choose_rows(LOGITS, [RowState(Sampling(temperature=1e-300), 0.999)]).token_ids == [0]


def test_scores_are_not_changed_by_choosing() -> None:
    logits = torch.randn(2, 50, generator=torch.Generator().manual_seed(1))
    before = logits.clone()
    rule = Sampling(temperature=1.0, repetition_penalty=2.0, logit_bias={1: 5.0}, top_logprobs=3)

    choose_rows(logits, [RowState(rule, 0.3, packed(np.arange(50) < 20), [1, 2])] * 2)

    assert torch.equal(logits, before)

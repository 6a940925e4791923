"""Filters and choice of tokens."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from punchlist.core_model.sampling import Sampling, choose, min_p_filter, nucleus_filter, top_k_filter

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


@pytest.mark.parametrize(
    "wrong", [{"temperature": -1.0}, {"top_k": -1}, {"top_p": 0.0}, {"min_p": 1.0}, {"max_tokens": 0}]
)
def test_a_setting_out_of_range_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sampling(**wrong)

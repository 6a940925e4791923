"""Preferences: the chosen answer gains on the rejected one, from ln 2 on, and over a kill the same."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from punchlist.core_model.checkpoint import load_checkpoint
from punchlist.core_model.config import ModelConfig
from punchlist.core_model.lora import Adapter
from punchlist.core_model.training import preferences
from punchlist.core_model.training.low_rank import LowRank
from punchlist.core_model.training.preferences import Preference, score_pairs, train_preferences
from punchlist.core_model.training.trainer import TrainConfig
from punchlist.core_model.transformer import Transformer

SHAPE = ModelConfig(64, 32, 2, 4, 2, 8, 64, context_length=64)
PAIRS = [
    Preference([start, 3], [start + 1, start + 2, 2], [start - 1, start - 2, start - 3, 2])
    for start in range(10, 50)
]


class Killed(Exception):
    """What a test ends a training with: nothing is saved after it."""


def begun(seed: int = 1) -> Transformer:
    model = Transformer(SHAPE)
    model.initialise(seed)
    return model


def settings(**changes: Any) -> TrainConfig:
    plain: dict[str, Any] = {"batch_tokens": 320, "other_rate": 0.002, "dtype": "float32", "threads": 1}
    return TrainConfig.tuning(**({"steps": 30} | plain | changes))


def log(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def margins(model: Transformer, reference: Transformer) -> list[float]:
    """How much the chosen answers gained on the rejected ones, nats."""
    after, before = (score_pairs(each, PAIRS, dtype=torch.float32) for each in (model, reference))
    return [(a[0] - a[1]) - (b[0] - b[1]) for a, b in zip(after, before, strict=True)]


def test_the_scores_are_those_of_each_answer_alone() -> None:
    model = begun()

    scores = score_pairs(model, PAIRS[:7], batch_tokens=64, dtype=torch.float32)

    for pair, found in zip(PAIRS[:7], scores, strict=True):
        for answer, score in zip((pair.chosen, pair.rejected), found, strict=True):
            rows = model(torch.tensor([[*pair.prompt, *answer]]))[0].log_softmax(-1).detach()
            each = [float(rows[len(pair.prompt) - 1 + place, token]) for place, token in enumerate(answer)]
            assert score == pytest.approx(sum(each), abs=1e-4)


def test_preferences_move_as_they_should(tmp_path: Path) -> None:
    result = train_preferences(settings(), PAIRS, tmp_path, model=begun())

    gained = margins(result.model, begun())
    lines = log(tmp_path)
    assert lines[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert sum(gain > 0 for gain in gained) / len(gained) > 0.9
    assert lines[-1]["loss"] < 0.5 < lines[0]["loss"]
    assert lines[-1]["accuracy"] > 0.9
    assert lines[-1]["chosen_reward"] - lines[-1]["rejected_reward"] == pytest.approx(
        lines[-1]["margin"], abs=1e-4
    )
    stored = load_checkpoint(tmp_path / "model")
    assert sum(gain > 0 for gain in margins(stored, begun())) / len(gained) > 0.9


def test_the_wrong_way_round_moves_the_other_way(tmp_path: Path) -> None:
    turned = [Preference(pair.prompt, pair.rejected, pair.chosen) for pair in PAIRS]

    result = train_preferences(settings(), turned, tmp_path, model=begun())

    gained = margins(result.model, begun())
    assert sum(gain < 0 for gain in gained) / len(gained) > 0.9


def test_a_weight_of_the_chosen_answers_keeps_them_likely(tmp_path: Path) -> None:
    chosen: list[float] = []
    for weight in (0.0, 1.0):
        out = tmp_path / str(weight)
        result = train_preferences(settings(), PAIRS, out, model=begun(), chosen_weight=weight)
        scores = score_pairs(result.model, PAIRS, dtype=torch.float32)
        chosen.append(sum(score for score, _ in scores))

    assert chosen[1] > chosen[0]


def test_an_adapter_learns_preferences_over_a_frozen_model(tmp_path: Path) -> None:
    model = begun()

    train_preferences(settings(other_rate=0.01), PAIRS, tmp_path, model=model, low_rank=LowRank(4, 8.0))

    before = margins(model, begun())
    Adapter.load("a", tmp_path / "adapter", model).merge(model)
    assert before == [0.0] * len(PAIRS)
    assert sum(gain > 0 for gain in margins(model, begun())) / len(PAIRS) > 0.9


@pytest.mark.parametrize("low_rank", [None, LowRank(4, 8.0)])
def test_a_killed_training_goes_on_with_the_same_losses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, low_rank: LowRank | None
) -> None:
    train_preferences(settings(), PAIRS, tmp_path / "whole", model=begun(), low_rank=low_rank)

    def die(model: Transformer, step: int) -> dict[str, float]:
        raise Killed

    with pytest.raises(Killed):
        dying = settings(save_seconds=0.0, evaluate_steps=11)
        train_preferences(dying, PAIRS, tmp_path / "broken", model=begun(), low_rank=low_rank, evaluate=die)
    monkeypatch.setattr(preferences, "score_pairs", None)  # the reference is not asked again
    train_preferences(settings(), PAIRS, tmp_path / "broken", model=begun(), low_rank=low_rank)

    assert [line["loss"] for line in log(tmp_path / "broken")] == [
        line["loss"] for line in log(tmp_path / "whole")
    ]


def test_a_state_of_other_pairs_is_refused(tmp_path: Path) -> None:
    train_preferences(settings(steps=1), PAIRS, tmp_path, model=begun())

    with pytest.raises(ValueError, match="begin in another folder"):
        train_preferences(settings(steps=2), PAIRS[:9], tmp_path, model=begun())


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        (Preference([], [5], [6]), "lacks"),
        (Preference([4], [5], []), "lacks"),
        (Preference([4], [5], [5]), "same answer"),
        (Preference([4] * 63, [5, 6], [5]), "the context 64"),
    ],
)
def test_pairs_that_teach_nothing_are_refused(tmp_path: Path, pair: Preference, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        train_preferences(settings(), [PAIRS[0], pair], tmp_path, model=begun())

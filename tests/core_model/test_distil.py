"""Distillation: the student comes to expect what its teacher expects, also from kept probabilities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from punchlist.core_model.config import ModelConfig
from punchlist.core_model.errors import TrainingRefused
from punchlist.core_model.training.batches import make_batch
from punchlist.core_model.training.corpus import Document, SoftCorpus, write_soft_corpus
from punchlist.core_model.training.distillation import (
    Distillation,
    Likeliest,
    StoredDistillation,
    ask_teacher,
    distil,
    divergence,
    divergence_of_likeliest,
)
from punchlist.core_model.training.low_rank import LowRank, tune
from punchlist.core_model.training.trainer import TrainConfig, batch_loss, train
from punchlist.core_model.transformer import Transformer

SMALL = ModelConfig(64, 32, 1, 4, 2, 8, 48, context_length=64)
LARGE = ModelConfig(64, 48, 2, 4, 2, 12, 96, context_length=48)


def document(number: int) -> Document:
    start = 3 + number % 40
    tokens = [start, start, *(start + step for step in range(1, 3 + number % 11))]
    return tokens, [0.0, 0.0] + [1.0] * (len(tokens) - 2)


def begun(shape: ModelConfig, seed: int) -> Transformer:
    model = Transformer(shape)
    model.initialise(seed)
    return model


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Transformer:
    plan = TrainConfig(steps=40, batch_tokens=64, warmup_steps=3, decay_steps=10, threads=1)
    return train(plan, document, tmp_path_factory.mktemp("teacher"), model_config=LARGE).model


def settings(**changes: Any) -> TrainConfig:
    plain: dict[str, Any] = {"batch_tokens": 64, "other_rate": 0.003, "dtype": "float32", "threads": 1}
    return TrainConfig.tuning(**({"steps": 40} | plain | changes))


def log(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def far(student: Transformer, teacher: Transformer, temperature: float = 1.0) -> float:
    """Mean divergence over some documents, the plain way."""
    total: list[torch.Tensor] = []
    for number in range(20):
        tokens = torch.tensor(document(number)[0])[None]
        p = (teacher(tokens)[0, 1:-1] / temperature).softmax(-1)
        q = (student(tokens)[0, 1:-1] / temperature).softmax(-1)
        total.append((p * (p.log() - q.log())).sum(-1))
    return float(torch.cat(total).mean().detach())


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_student_comes_to_expect_what_the_teacher_expects(
    tmp_path: Path, teacher: Transformer, temperature: float
) -> None:
    before = far(begun(SMALL, 1), teacher)

    result = distil(
        settings(), document, tmp_path, student=begun(SMALL, 1), teacher=teacher, temperature=temperature
    )

    assert far(result.model, teacher) < 0.6 * before
    assert log(tmp_path)[-1]["divergence"] < log(tmp_path)[0]["divergence"]


def test_the_loss_is_the_plain_divergence_times_the_square_of_the_temperature(teacher: Transformer) -> None:
    student = begun(SMALL, 1)
    objective = Distillation(document, teacher, temperature=2.0)
    portion = objective.portion(0, 1, 64)

    loss, _ = objective.loss(student, portion, torch.float32)

    tokens = torch.tensor(document(0)[0])[None]
    p, q = ((each(tokens)[0, 1:-1] / 2).log_softmax(-1) for each in (teacher, student))
    expected = 4 * F.kl_div(q, p, log_target=True, reduction="none").sum(-1).mean()
    torch.testing.assert_close(loss, expected)


def test_a_student_that_is_its_teacher_has_nothing_to_learn(teacher: Transformer) -> None:
    objective = Distillation(document, teacher)

    loss, _ = objective.loss(teacher, objective.portion(0, 64, 64), torch.float32)

    assert float(loss) == pytest.approx(0, abs=1e-6)


def test_all_hard_is_plain_training(teacher: Transformer) -> None:
    student = begun(SMALL, 1)
    objective = Distillation(document, teacher, hard=1.0)

    loss, _ = objective.loss(student, objective.portion(0, 64, 64), torch.float32)

    torch.testing.assert_close(loss, batch_loss(student, make_batch(document, 0, 64, 48), torch.float32))


@pytest.mark.parametrize("top", [1, 5, 30])
def test_the_likeliest_and_the_rest_are_a_lower_bound(top: int) -> None:
    """Merging tokens into one loses what distinguishes them, never more (data processing inequality)."""
    draw = torch.Generator().manual_seed(top)
    logits, taught = (torch.randn(9, 30, generator=draw) * 2 for _ in range(2))
    likely = taught.log_softmax(-1).topk(top)

    merged = divergence_of_likeliest(logits, Likeliest(likely.indices, likely.values), 1.0)

    whole = divergence(logits, taught, 1.0)
    assert bool((merged >= -1e-6).all()) and bool((merged <= whole + 1e-5).all())
    if top == 30:
        torch.testing.assert_close(merged, whole)


def test_gradients_of_the_likeliest_are_finite() -> None:
    logits = (torch.randn(4, 8, generator=torch.Generator().manual_seed(0)) * 30).requires_grad_()
    sure = Likeliest(torch.zeros(4, 1, dtype=torch.int64), torch.zeros(4, 1))

    torch.autograd.backward(divergence_of_likeliest(logits, sure, 1.0).sum())

    assert logits.grad is not None and bool(logits.grad.isfinite().all())


def test_a_student_learns_from_what_was_kept_of_a_teacher(tmp_path: Path, teacher: Transformer) -> None:
    said = (ask_teacher(teacher, document(number), 8, temperature=2.0) for number in range(60))
    write_soft_corpus(tmp_path / "corpus", said, 64)
    kept = SoftCorpus(tmp_path / "corpus", seed=1)
    before = far(begun(SMALL, 1), teacher, 2.0)

    objective = StoredDistillation(kept, temperature=2.0)
    result = tune(settings(), objective, tmp_path, model=begun(SMALL, 1))

    tokens, weights, ids, logprobs = kept(7)
    fresh = ask_teacher(teacher, (tokens, weights), 8, temperature=2.0)
    assert (ids == fresh.ids).all()
    assert logprobs[2:] == pytest.approx(fresh.logprobs[2:], abs=5e-3)
    assert far(result.model, teacher, 2.0) < 0.6 * before


@pytest.mark.parametrize("low_rank", [None, LowRank(4, 8.0)])
def test_a_killed_training_goes_on_with_the_same_losses(
    tmp_path: Path, teacher: Transformer, low_rank: LowRank | None
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    distil(settings(), document, whole, student=begun(SMALL, 1), teacher=teacher, low_rank=low_rank)

    def dying(number: int) -> Document:
        if number == 100:
            raise InterruptedError
        return document(number)

    student, now = begun(SMALL, 1), settings(save_seconds=0.0)
    with pytest.raises(InterruptedError):
        distil(now, dying, broken, student=student, teacher=teacher, low_rank=low_rank)
    assert 5 < len(log(broken)) < 40
    distil(settings(), document, broken, student=begun(SMALL, 1), teacher=teacher, low_rank=low_rank)

    assert [line["loss"] for line in log(broken)] == [line["loss"] for line in log(whole)]


def test_a_teacher_of_another_vocabulary_is_refused(tmp_path: Path, teacher: Transformer) -> None:
    student = begun(ModelConfig(72, 32, 1, 4, 2, 8, 48), 1)

    with pytest.raises(TrainingRefused, match="vocabulary of 64, the student of 72"):
        distil(settings(), document, tmp_path, student=student, teacher=teacher)


def test_tables_that_were_filled_up_differently_are_compared_where_both_are(
    tmp_path: Path, teacher: Transformer
) -> None:
    student = begun(ModelConfig(72, 32, 1, 4, 2, 8, 48), 1)

    distil(settings(), document, tmp_path, student=student, teacher=teacher, vocabulary=64)

    assert log(tmp_path)[-1]["divergence"] < log(tmp_path)[0]["divergence"]


@pytest.mark.parametrize(("setting", "value"), [("temperature", 0.0), ("hard", 1.5)])
def test_settings_out_of_range_are_refused(teacher: Transformer, setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=setting):
        Distillation(document, teacher, **{setting: value})  # pyright: ignore[reportArgumentType]

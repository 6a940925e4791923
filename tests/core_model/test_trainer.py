"""Training: it learns, and a run that was killed goes on as if it had not been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from punchlist.core_model.checkpoint import load_checkpoint
from punchlist.core_model.config import ModelConfig
from punchlist.core_model.training.corpus import Corpus, Document, write_corpus
from punchlist.core_model.training.trainer import TrainConfig, batch_loss, make_batch, train
from punchlist.core_model.transformer import Transformer

SHAPE = ModelConfig(64, 32, 2, 4, 2, 8, 64, context_length=64)


def document(number: int) -> Document:
    """A counting exercise: twice the first token, then it counts up from there."""
    start = 3 + number % 40
    tokens = [start, start, *(start + step for step in range(1, 3 + number % 11))]
    return tokens, [0.0, 0.0] + [1.0] * (len(tokens) - 2)


def settings(**changes: Any) -> TrainConfig:
    plain: dict[str, Any] = {"batch_tokens": 64, "warmup_steps": 3, "decay_steps": 10, "threads": 1}
    return TrainConfig(**({"steps": 30} | plain | changes))


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_training_learns(tmp_path: Path, optimizer: str) -> None:
    train(settings(steps=60, optimizer=optimizer), document, tmp_path, model_config=SHAPE)

    curve = losses(tmp_path)
    assert sum(curve[-5:]) < 0.7 * sum(curve[:5])


def test_the_loss_is_that_of_each_document_alone() -> None:
    model = Transformer(SHAPE)
    model.initialise(1)
    batch = make_batch(document, 0, 30, 64)

    loss = batch_loss(model, batch, torch.float32)

    parts: list[torch.Tensor] = []
    for number in range(batch.next_document):
        tokens = torch.tensor(document(number)[0])
        parts.append(F.cross_entropy(model(tokens[None])[0, 1:-1], tokens[2:], reduction="none"))
    torch.testing.assert_close(loss, torch.cat(parts).mean())


def test_a_killed_run_goes_on_with_the_same_losses(tmp_path: Path) -> None:
    """A real process, killed by SIGKILL twice, against a run that was left alone."""
    train(settings(steps=40), document, tmp_path / "whole", model_config=SHAPE)
    broken = tmp_path / "broken"
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_trainer as t; from pathlib import Path\n"
        "t.train(t.settings(steps=40, save_seconds=0.0), t.document, Path(sys.argv[2]), model_config=t.SHAPE)"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(broken)]
    for lines in (8, 25):
        process = subprocess.Popen(command)
        deadline = time.monotonic() + 60
        while (
            not (broken / "log.jsonl").exists()
            or len((broken / "log.jsonl").read_bytes().split(b"\n")) <= lines
        ):
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGKILL)
        process.wait(5)

    subprocess.run(command, check=True, timeout=60)

    assert losses(broken) == losses(tmp_path / "whole")
    weights = [load_checkpoint(folder / "model").state_dict() for folder in (broken, tmp_path / "whole")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_stop_signal_saves_and_returns(tmp_path: Path) -> None:
    def interrupted(number: int) -> Document:
        if number == 25:
            os.kill(os.getpid(), signal.SIGTERM)
        return document(number)

    first = train(settings(), interrupted, tmp_path, model_config=SHAPE)
    second = train(settings(), document, tmp_path, model_config=SHAPE)

    assert not first.finished
    assert 0 < first.step < 30
    assert (second.finished, second.step, len(losses(tmp_path))) == (True, 30, 30)


def test_a_finished_run_is_extended_from_before_its_decay(tmp_path: Path) -> None:
    train(settings(steps=30), document, tmp_path / "extended", model_config=SHAPE)
    train(settings(steps=50), document, tmp_path / "extended", model_config=SHAPE)
    train(settings(steps=50), document, tmp_path / "at once", model_config=SHAPE)

    assert losses(tmp_path / "extended") == losses(tmp_path / "at once")


def test_the_finish_file_starts_the_decay(tmp_path: Path) -> None:
    def finishing(number: int) -> Document:
        if number == 40:
            (tmp_path / "finish").touch()
        return document(number)

    result = train(settings(steps=1000), finishing, tmp_path, model_config=SHAPE)

    assert result.finished
    assert 10 < result.step < 40
    again = train(settings(steps=1000), document, tmp_path, model_config=SHAPE)
    assert again.step == result.step


def test_the_pause_file_holds_the_run(tmp_path: Path) -> None:
    def pausing(number: int) -> Document:
        if number == 20:
            (tmp_path / "pause").touch()
            threading.Timer(0.2, (tmp_path / "pause").unlink).start()
        assert number <= 30 or not (tmp_path / "pause").exists()
        return document(number)

    assert train(settings(), pausing, tmp_path, model_config=SHAPE).finished


def test_a_paused_run_can_be_stopped(tmp_path: Path) -> None:
    def pausing(number: int) -> Document:
        if number == 20:
            (tmp_path / "pause").touch()
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        return document(number)

    assert not train(settings(), pausing, tmp_path, model_config=SHAPE).finished


def test_a_state_of_another_shape_is_refused(tmp_path: Path) -> None:
    train(settings(steps=2), document, tmp_path, model_config=SHAPE)

    with pytest.raises(ValueError, match="another shape"):
        train(settings(steps=4), document, tmp_path, model_config=ModelConfig(64, 32, 3, 4, 2, 8, 64))


def test_a_state_of_another_optimizer_is_refused(tmp_path: Path) -> None:
    train(settings(steps=2), document, tmp_path, model_config=SHAPE)

    with pytest.raises(ValueError, match="another optimizer"):
        train(settings(steps=4, optimizer="adamw"), document, tmp_path, model_config=SHAPE)


def test_figures_of_an_evaluation_are_logged(tmp_path: Path) -> None:
    def evaluate(model: Transformer, step: int) -> dict[str, float]:
        return {"held_out": float(step)}

    train(settings(steps=7, evaluate_steps=3), document, tmp_path, model_config=SHAPE, evaluate=evaluate)

    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "held_out" in line] == [3, 6, 7]


def test_documents_without_anything_to_learn_are_skipped() -> None:
    def documents(number: int) -> Document:
        tokens, weights = document(number)
        return tokens, [0.0] * len(tokens) if number % 2 else weights

    batch = make_batch(documents, 0, 30, 64)

    assert len(batch.lengths) == (batch.next_document + 1) // 2


def test_a_corpus_gives_every_document_once_per_epoch(tmp_path: Path) -> None:
    count = write_corpus(tmp_path, (document(number) for number in range(25)), 64)

    corpus = Corpus(tmp_path, seed=3)

    epochs = [[tuple(corpus(epoch * count + place)[0]) for place in range(count)] for epoch in range(2)]
    assert (
        sorted(epochs[0]) == sorted(epochs[1]) == sorted(tuple(document(number)[0]) for number in range(25))
    )
    assert epochs[0] != epochs[1]
    assert corpus(30) == Corpus(tmp_path, seed=3)(30)
    assert corpus(4)[1] == [0.0, 0.0] + [1.0] * (len(corpus(4)[0]) - 2)


def test_a_corpus_refuses_weights_that_it_cannot_store(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="weights"):
        write_corpus(tmp_path, [([1, 2], [0.0, 20.0])], 64)

"""What the role `browse` is trained on: decisions that can be said, on generated and on recorded pages."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from punchlist.agents.browsing import read_browse
from punchlist.agents.evals.harness import OptionRefused
from punchlist.agents.evals.miniwob.recording import DEVELOPMENT, Recording
from punchlist.agents.training import web_documents
from punchlist.agents.training.documents import document
from punchlist.agents.training.web_pages import web_episode
from punchlist.agents.training.web_steps import write_episode
from punchlist.core_model.errors import TrainingRefused

from ..evals.miniwob_pages import write_pages


def test_every_decision_on_a_generated_page_can_be_said_and_means_itself():
    for seed in range(300):
        for step in web_episode(Random(seed)):
            _, answer = web_documents.piece_of(step)
            assert read_browse(answer, step.view, step.goal) == step.action


def test_recorded_decisions_are_drawn_beside_generated_ones(tmp_path):
    episode = web_episode(Random(5))
    write_episode(tmp_path / "x.jsonl.gz", "a-task", 7, episode)
    recorded = {web_documents.piece_of(step) for step in episode}

    drawn = [web_documents.browse(Random(seed), str(tmp_path)) for seed in range(60)]

    found = [(question, answer) in recorded for (question, _), (answer, _) in drawn]
    assert abs(sum(found) / len(found) - web_documents.RECORDED) < 0.2


def test_a_page_on_which_the_learner_was_wrong_is_drawn_oftener(tmp_path):
    right, *_, wrong = web_episode(Random(8))
    write_episode(tmp_path / "x.jsonl.gz", "a-task", 7, [right, replace(wrong, missed=True)])

    told = web_documents.recordings(str(tmp_path))["a-task"]

    assert told.count(web_documents.piece_of(right)) == 1
    assert told.count(web_documents.piece_of(wrong)) == web_documents.MISSED


def test_a_document_is_the_same_for_the_same_number():
    assert document(3, 11) == document(3, 11) != document(3, 12)


@pytest.mark.parametrize("content", [None, b"no gzip"])
def test_a_folder_without_recordings_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "x.jsonl.gz").write_bytes(content)

    with pytest.raises(TrainingRefused, match="punchlist train pages"):
        web_documents.browse(Random(1), str(tmp_path))


@pytest.mark.parametrize("seeds", ["10000-10024", "5", "9-3", "990-1000"])
def test_seeds_that_are_kept_for_measuring_are_not_recorded(tmp_path, seeds):
    with pytest.raises(OptionRefused, match="seeds"):
        Recording(tmp_path, write_pages(tmp_path / "pages"), ("click-test-2",), seeds)

    assert 10_000 not in DEVELOPMENT


def test_recorded_episodes_are_kept_and_not_played_again(tmp_path):
    pages = write_pages(tmp_path / "pages")

    first = Recording(tmp_path / "out", pages, ("click-test-2",), "0-3").run(1, lambda line: None)
    second = Recording(tmp_path / "out", pages, ("click-test-2",), "0-3").run(1, lambda line: None)

    assert first[1] == 4 and first[0] >= 2 and second == (0, 0)
    assert list(web_documents.recordings(str(tmp_path / "out"))) == ["click-test-2"]

"""The measurement of memories: the same data for all, who breaks is left out, figures say what they are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from punchlist.agents.evals import memory_bench
from punchlist.agents.evals.harness import EvalOptions, execute
from punchlist.agents.evals.memory_bench import Row, Turns, figures_of, headlines, tenth
from punchlist.agents.evals.memory_data import make_data
from punchlist.agents.evals.peers import REMEMBERING, NoPeers
from punchlist.agents.evals.peers.remembering import Given

Unexplained = Callable[[Any, dict[str, Any]], set[str]]

REMEMBERS = """
import json, sys
sys.path.insert(0, PLACE)
from remembering import Asked, answer_all

class Nearest:
    def __init__(self, folder, given):
        self.given, self.file = given, folder / "kept.json"
        folder.mkdir(parents=True, exist_ok=True)
        self.kept = json.loads(self.file.read_text()) if self.file.exists() else []
    def add_many(self, numbers):
        self.kept += numbers
    fill = add_many
    def add(self, number):
        if BROKEN:
            raise OSError("its disk is full")
        self.add_many([number])
    def search(self, question, owner, count):
        asked = self.given.question_vectors[question]
        seen = [each for each in self.kept if owner in (None, self.given.owners[each])]
        return sorted(seen, key=lambda each: -float(self.given.vectors[each] @ asked))[:count]
    def close(self):
        self.file.write_text(json.dumps(self.kept))

answer_all("1.0", Asked(Nearest))
"""


def remembering(folder: Path, name: str, *, broken: bool = False) -> Path:
    """A double of an environment whose script compares with every vector."""
    place = Path(memory_bench.__file__).with_name("peers")
    path = folder / name / "bin" / "python"
    path.parent.mkdir(parents=True)
    code = REMEMBERS.replace("PLACE", repr(str(place))).replace("BROKEN", str(broken))
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(0o700)
    return folder


def compared(texts: Sequence[str]) -> dict[str, float | None]:
    """In the place of the embedders, which are tested by themselves."""
    return {"embed_int8_vs_torch": 3.0}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A benchmark of seconds."""
    monkeypatch.setattr(memory_bench, "QUICK_SIZES", (2_000,))
    monkeypatch.setattr(memory_bench, "QUICK", Turns(1, 2, 4, 1, 1))
    monkeypatch.setattr(memory_bench, "compare_embedders", compared)


def measured(peers: Path | None) -> dict[str, Any]:
    return execute("bench", "memory", EvalOptions(quick=True, peers=peers, say=lambda line: None))


def test_data_is_drawn_from_its_seed_and_a_question_is_nearest_to_its_target(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    made = make_data(tmp_path, 500, 20, 500)
    again = make_data(tmp_path / "again", 500, 20, 500)
    given = Given(tmp_path)

    assert (made.texts, made.owners, made.questions) == (again.texts, again.owners, again.questions)
    assert len(set(made.texts)) == 500 and len(set(made.questions)) == 20
    assert np.allclose(np.linalg.norm(given.vectors, axis=1), 1, atol=1e-5)
    nearest = np.argmax(given.question_vectors @ given.vectors.T, axis=1)
    assert nearest.tolist() == made.targets
    assert np.array_equal(given.vector_of(made.texts[7]), given.vectors[7])
    assert np.array_equal(given.vector_of(made.questions[3]), given.question_vectors[3])


def test_ours_and_another_do_the_same_work_on_the_same_records(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch, unexplained: Unexplained
) -> None:
    monkeypatch.setattr(memory_bench.Bench, "_write_embedded", lambda self: None)

    report = measured(remembering(tmp_path, "chroma"))

    figures = cast("dict[str, float | None]", report["figures"])
    assert figures["found2k"] == figures["found2k_of_chroma"] == 1
    assert unexplained(memory_bench, figures) == set()
    for row in (
        "write",
        "batch",
        "search",
        "search_after_write",
        "unscoped",
        "first_search",
        "first_unscoped",
        "open",
        "fill",
    ):
        assert figures[f"{row}2k_seconds"] and figures[f"{row}2k_seconds_of_chroma"]
        ratio = figures[f"{row}2k_seconds_of_chroma"] / figures[f"{row}2k_seconds"]
        assert figures[f"{row}2k_vs_chroma"] == pytest.approx(ratio, rel=0.02)
    assert figures["search_vs_best"] == figures["search_vs_chroma"] == figures["search2k_vs_chroma"]
    settings = cast("dict[str, Any]", report["settings"])
    assert settings["peers"] == {"chroma": "1.0"}
    assert set(settings["skipped"]) == {f"search_vs_{name}" for name in REMEMBERING if name != "chroma"}


def test_who_breaks_is_left_out_with_the_reason_and_the_others_go_on(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_bench.Bench, "_write_embedded", lambda self: None)
    remembering(tmp_path, "chroma")
    remembering(tmp_path, "mem0", broken=True)

    report = measured(tmp_path)

    figures = cast("dict[str, float | None]", report["figures"])
    assert "its disk is full" in cast("dict[str, Any]", report["settings"])["skipped"]["search_vs_mem0"]
    assert "search_vs_mem0" not in figures and figures["search_vs_chroma"]


def test_stores_of_others_are_kept_filled_for_the_next_time(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_bench.Bench, "_write_embedded", lambda self: None)
    monkeypatch.setattr(memory_bench.Bench, "_each_opening", lambda self: None)
    remembering(tmp_path / "peers", "chroma")
    options = EvalOptions(quick=True, peers=tmp_path / "peers", data=tmp_path / "kept", say=lambda line: None)

    first = execute("bench", "memory", options)
    second = execute("bench", "memory", options)

    assert len(list((tmp_path / "kept").iterdir())) == 1
    made = [cast("dict[str, Any]", report["figures"]) for report in (first, second)]
    assert "fill2k_seconds_of_chroma" in made[0] and "fill2k_seconds_of_chroma" not in made[1]
    assert made[1]["found2k_of_chroma"] == 1 and "fill2k_seconds" in made[1]


def test_a_folder_without_environments_says_how_to_make_them(tmp_path: Path, small: None) -> None:
    with pytest.raises(NoPeers, match="README"):
        measured(tmp_path)


def test_ratios_are_theirs_by_ours_and_the_best_is_the_hardest_to_beat() -> None:
    found = {
        "": {"write": Row([1.0, 3.0, 2.0]), "search": Row([0.1])},
        "chroma": {"write": Row([20.0]), "search": Row([0.05])},
        "mem0": {"write": Row([8.0]), "search": Row([1.0])},
    }

    figures = figures_of(found, "100k", {"": [True, False]})
    heads = headlines(figures, "100k")

    assert (figures["write100k_seconds"], figures["write100k_vs_chroma"]) == (2.0, 10.0)
    assert (heads["write_vs_best"], heads["search_vs_best"]) == (4.0, pytest.approx(0.5))
    assert figures["found100k"] == 0.5
    assert tenth([float(number) for number in range(20)]) == 2

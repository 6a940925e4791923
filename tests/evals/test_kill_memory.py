"""What the kill matrix of memory sees, and that what it counts can be other than nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from punchlist.agents.evals import kill_memory
from punchlist.agents.evals import kill_memory_target as target
from punchlist.agents.evals.kill_memory import (
    MemoryRow,
    child,
    killed_writers,
    memory_figures,
    stale_reader,
    two_writers,
)

Unexplained = Callable[[Any, dict[str, Any]], set[str]]


def test_killed_writers_lose_nothing(tmp_path: Path) -> None:
    made = killed_writers(tmp_path / "memory", "exact", 2, "seed")

    assert made.kills == 2 and made.acknowledged > 0
    assert (made.lost, made.unfindable, made.halves) == (0, 0, 0)


def test_two_writers_and_a_reader_that_is_open_see_everything(tmp_path: Path) -> None:
    made = two_writers(tmp_path / "memory", "exact", 30)

    assert made.acknowledged >= 60
    assert (made.lost, made.unfindable, made.live) == (0, 0, 0)


def test_a_reader_that_was_there_before_sees_what_another_process_writes(tmp_path: Path) -> None:
    made = stale_reader(tmp_path / "memory", "exact", 30)

    assert made.acknowledged >= 30 and made.live == 0


def test_who_looks_tells_what_is_lost_and_what_cannot_be_found(tmp_path: Path) -> None:
    here, elsewhere = "here", "elsewhere"
    folder = str(tmp_path / "memory")
    with target.opened(folder, "exact") as memory:
        memory.remember_sync(target.record(here))
        moved = target.record(elsewhere).model_copy(update={"scope": target.Scope(user="nobody")})
        memory.remember_sync(moved)

    with child(target.look, folder, "exact") as reader:
        assert reader.ask([here, elsewhere, "never written"]) == (["never written"], [elsewhere])


def test_a_record_is_nearest_to_its_own_words() -> None:
    names = [f"k{number}x{each}" for number in range(4) for each in range(50)]
    vectors = target.WordSums().embed([target.text_of(name) for name in names])

    nearest = (vectors @ vectors.T).argmax(axis=1)

    assert nearest.tolist() == list(range(len(names)))


@pytest.mark.long
def test_a_server_that_is_killed_is_a_typed_error_and_comes_back_with_everything(tmp_path: Path) -> None:
    made = kill_memory.lost_server(tmp_path, 1)

    assert made.acknowledged > 200 and made.kills == 1
    assert (made.lost, made.unfindable, made.broke) == (0, 0, 0)


@pytest.mark.long
def test_chroma_alone_is_measured_by_the_same_test(tmp_path: Path) -> None:
    made = kill_memory.stale_chroma(tmp_path / "chroma", 100)

    assert (made.acknowledged, made.live) == (100, 100)


def test_figures_are_sums_of_their_items_and_explained(unexplained: Unexplained) -> None:
    rows = {
        "memory-killed": [MemoryRow(kills=10, acknowledged=90, lost=1), MemoryRow(kills=10, halves=2)],
        "memory-writers": [MemoryRow(acknowledged=40, unfindable=3, live=2)],
        "memory-stale": [MemoryRow(acknowledged=20, live=4)],
        "memory-server": [MemoryRow(kills=5, acknowledged=70, refused=6, broke=1)],
        "chroma-alone": [MemoryRow(acknowledged=200, unfindable=10)],
        "chroma-stale": [MemoryRow(acknowledged=50, live=50)],
    }

    figures = memory_figures(rows)

    assert (figures["memory_kills"], figures["memory_lost"], figures["memory_halves"]) == (20, 1, 2)
    assert (figures["memory_writers_unfindable"], figures["memory_writers_unfindable_live"]) == (3, 2)
    assert (figures["memory_stale_missed"], figures["memory_server_refused"]) == (4, 6)
    assert (figures["chroma_alone_unfindable"], figures["chroma_alone_stale_missed"]) == (0.05, 1.0)
    assert unexplained(kill_memory, figures) == set()

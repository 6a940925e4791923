"""Memories that exchange exports come to hold the same: what was restored, retracted, or kept long ago."""

import json
import secrets
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from punchlist.memory import Memory
from punchlist.memory.records import LONGEST_NAME, LONGEST_ORIGIN, now

from .doubles import FakeEmbedder, confirm, record


@pytest.fixture
def machines(open_memory, tmp_path):
    """Two memories, and what carries all of one to another."""
    here, there = open_memory(), Memory.open(tmp_path / "there", embedder=FakeEmbedder())

    def carry(one, other, path=None):
        path = path or tmp_path / f"{secrets.token_hex(4)}.jsonl"
        if not path.exists():
            one.export_sync(path)
        other.import_sync(path)
        return path

    yield here, there, carry
    there.close()


@pytest.mark.parametrize("field", ["run", "task", "check", "confirm", "origin", "job", "reason"])
@pytest.mark.parametrize("words", ["a\0b", "é" * 12_000], ids=["NUL", "long"])
def test_what_older_versions_kept_of_where_it_came_from_is_mended(machines, field, words):
    here, there, carry = machines
    kept = here.remember_sync(record("The shop has a cat."), confirm())
    with closing(sqlite3.connect(here.folder / "memory.sqlite3")) as file, file:
        if field == "reason":
            file.execute("UPDATE records SET reason = ?, closed = learned", (words,))
        else:
            way = json.dumps(kept.provenance.model_dump(mode="json") | {field: words})
            file.execute("UPDATE records SET provenance = ?", (way,))
            proof = confirm().model_copy(update={field: words} if field in ("run", "task") else {})
            file.execute("UPDATE proofs SET proof = ?", (proof.model_dump_json(),))

    carry(here, there)

    (mended,) = there.records_sync()
    said = mended.reason if field == "reason" else getattr(mended.provenance, field)
    assert (said, mended.standing) == (words.replace("\0", "?")[: len(said)], "confirmed")
    assert len(said) in (len(words), LONGEST_NAME, LONGEST_ORIGIN)
    assert there.proofs_sync(kept.id) == here.proofs_sync(kept.id)


def holding(memory):
    return [each.text for each in memory.records_sync(at=now())]


@pytest.mark.parametrize("days", [None, -5, 5])
def test_what_was_restored_elsewhere_holds_here_again_and_stays(machines, days):
    """Its correction was retracted there; an older export that comes back changes nothing of it."""
    here, there, carry = machines
    start = None if days is None else now() + timedelta(days=days)
    aisle = here.remember_sync(record("Ada sits at the aisle."), confirm())
    carry(here, there)
    window = record("Ada sits at the window.", valid_from=start)
    window = here.supersede_sync(aisle.id, window, confirm())
    old = carry(here, there)
    here.retract_sync(window.id, "she does not")
    here.restore_sync(aisle.id)

    new = carry(here, there)

    assert holding(here) == holding(there) == ["Ada sits at the aisle."]
    assert here.records_sync() == there.records_sync()
    for memory in (here, there):
        carry(here, memory, old)
        carry(here, memory, new)
        assert holding(memory) == ["Ada sits at the aisle."]
        assert memory.get_sync(aisle.id).closed is None


def test_the_first_of_a_long_line_that_was_restored_elsewhere_holds_here_again(machines):
    here, there, carry = machines
    first = here.remember_sync(record("Ada sits at the aisle."), confirm())
    second = here.supersede_sync(first.id, record("Ada sits at the window."), confirm())
    third = here.supersede_sync(second.id, record("Ada stands."), confirm())
    old = carry(here, there)
    here.retract_sync(third.id, "she does not")
    here.restore_sync(first.id)

    carry(here, there)

    assert here.records_sync() == there.records_sync()
    carry(here, there, old)
    carry(there, here, old)
    assert holding(here) == holding(there) == ["Ada sits at the aisle."]


def test_what_was_restored_elsewhere_and_is_corrected_again_here_stays_closed(machines):
    here, there, carry = machines
    aisle = here.remember_sync(record("Ada sits at the aisle."), confirm())
    window = here.supersede_sync(aisle.id, record("Ada sits at the window."), confirm())
    carry(here, there)
    here.retract_sync(window.id, "she does not")
    here.restore_sync(aisle.id)
    there.supersede_sync(window.id, record("Ada stands."), confirm())

    carry(here, there)

    assert holding(there) == ["Ada stands."]


def test_what_was_restored_twice_holds_as_it_was_restored_last(machines):
    here, there, carry = machines
    aisle = here.remember_sync(record("Ada sits at the aisle."), confirm())
    window = here.supersede_sync(aisle.id, record("Ada sits at the window."), confirm())
    carry(here, there)
    here.retract_sync(window.id, "she does not")
    here.restore_sync(aisle.id)
    once = carry(here, there)
    here.retract_sync(aisle.id, "she does")
    here.restore_sync(window.id)

    carry(here, there)

    for memory in (here, there):
        carry(here, memory, once)
        assert holding(memory) == ["Ada sits at the window."]


def test_a_retraction_elsewhere_closes_what_is_set_to_close_later_here(machines):
    here, there, carry = machines
    aisle = here.remember_sync(record("Ada sits at the aisle."), confirm())
    later = record("Ada sits at the window.", valid_from=now() + timedelta(days=5))
    window = here.supersede_sync(aisle.id, later, confirm())
    old = carry(here, there)
    here.retract_sync(aisle.id, "never true")

    carry(here, there)
    carry(here, there, old)

    assert holding(here) == holding(there) == []
    assert there.get_sync(aisle.id) == here.get_sync(aisle.id)
    assert there.get_sync(aisle.id).superseded_by == window.id

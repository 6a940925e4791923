"""What holds after corrections, retractions and restorations, and what `history` tells of them."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from punchlist.memory import Memory, PlaceTaken, Provenance, Record, UnfitCorrection
from punchlist.memory.records import now

from .doubles import FakeEmbedder, confirm, record


def holding(memory, at):
    return {each.text for each in memory.records_sync(at=at)}


def test_a_correction_that_is_taken_back_holds_beyond_the_day_it_was_to_begin(open_memory):
    memory = open_memory()
    bern = memory.remember_sync(record("Ada lives in Bern."), confirm())
    rome = record("Ada lives in Rome.", valid_from=now() + timedelta(days=30))
    rome = memory.supersede_sync(bern.id, rome, confirm())

    again = memory.supersede_sync(rome.id, record("Ada lives in Bern."), confirm())

    assert again.id not in (bern.id, rome.id)
    assert again.closed is None
    for day in (1, 40):
        assert holding(memory, now() + timedelta(days=day)) == {"Ada lives in Bern."}
    assert [each.id for each in memory.history_sync(bern.id)] == [bern.id, rome.id, again.id]


@pytest.mark.parametrize("by", ["person", "program"])
def test_words_that_are_set_to_close_are_kept_anew_when_they_are_said_without_end(open_memory, by):
    memory = open_memory()
    said = Record(kind="fact", text="Ada lives in Bern for now.", provenance=Provenance(by=by))
    bern = memory.remember_sync(said, confirm())
    rome = record("Ada lives in Rome.", valid_from=now() + timedelta(days=30))
    rome = memory.supersede_sync(bern.id, rome, confirm())
    memory.retract_sync(rome.id, "she does not move")
    soon = said.model_copy(update={"id": "m1", "valid_until": now() + timedelta(days=5)})

    assert memory.remember_sync(soon, confirm(attempt=3)).id == bern.id
    again = memory.remember_sync(said.model_copy(update={"id": "m2"}), confirm(attempt=4))

    assert again.id == "m2"
    assert memory.remember_sync(said, confirm(attempt=5)).id == bern.id
    assert holding(memory, now() + timedelta(days=40)) == {"Ada lives in Bern for now."}


@pytest.mark.parametrize("days", [0, 1])
def test_what_would_never_hold_is_refused(days):
    """It would close what it corrects, and nothing would hold afterwards."""
    start = now()

    with pytest.raises(ValueError, match="must be after valid_from"):
        record("Ada lives in Rome.", valid_from=start, valid_until=start - timedelta(days=days))


def test_what_is_over_already_corrects_nothing(open_memory):
    memory = open_memory()
    bern = memory.remember_sync(record("Ada lives in Bern."), confirm())
    over = record("Ada lives in Rome.", valid_until=now() - timedelta(days=1))

    with pytest.raises(UnfitCorrection, match="ends before it begins"):
        memory.supersede_sync(bern.id, over, confirm())

    assert memory.records_sync() == [bern]


def test_what_never_holds_but_is_stored_is_read_and_carried_over(open_memory, tmp_path):
    memory = open_memory()
    kept = memory.remember_sync(record("Ada lives in Rome.", valid_from=now()), confirm())
    with closing(sqlite3.connect(tmp_path / "memory/memory.sqlite3")) as file, file:
        file.execute("UPDATE records SET until = since")

    stored = memory.get_sync(kept.id)
    memory.export_sync(tmp_path / "one.jsonl")

    assert stored.valid_until == stored.valid_from
    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        assert other.import_sync(tmp_path / "one.jsonl") == 1
        assert other.records_sync() == [stored]


def line(memory, name):
    return [(each.text[-5:], each.closed is None) for each in memory.history_sync(name)]


def test_a_corrected_record_is_restored_once_its_correction_was_retracted(open_memory):
    memory = open_memory()
    bern = memory.remember_sync(record("Ada lives in Bern."), confirm())
    rome = memory.supersede_sync(bern.id, record("Ada lives in Rome."), confirm())
    with pytest.raises(PlaceTaken, match=f"'{rome.id}'.*Retract that one first"):
        memory.restore_sync(bern.id)
    memory.retract_sync(rome.id, "she does not move")

    assert memory.restore_sync(bern.id) == bern

    for name in (bern.id, rome.id):
        assert line(memory, name) == [("Bern.", True), ("Rome.", False)]
    with pytest.raises(PlaceTaken, match=bern.id):
        memory.restore_sync(rome.id)
    memory.supersede_sync(bern.id, record("Ada lives in Oslo."), confirm())
    assert line(memory, rome.id) == [("Bern.", False), ("Rome.", False), ("Oslo.", True)]


def test_the_first_of_a_long_line_is_restored_when_none_of_the_others_holds(open_memory):
    memory = open_memory()
    bern = memory.remember_sync(record("Ada lives in Bern."), confirm())
    rome = memory.supersede_sync(bern.id, record("Ada lives in Rome."), confirm())
    oslo = memory.supersede_sync(rome.id, record("Ada lives in Oslo."), confirm())
    with pytest.raises(PlaceTaken, match=oslo.id):
        memory.restore_sync(bern.id)
    memory.retract_sync(oslo.id, "no")

    memory.restore_sync(bern.id)

    assert line(memory, oslo.id) == [("Bern.", True), ("Rome.", False), ("Oslo.", False)]
    memory.retract_sync(bern.id, "no")
    memory.restore_sync(rome.id)
    assert line(memory, bern.id) == [("Bern.", False), ("Rome.", True), ("Oslo.", False)]


def test_a_correction_that_is_still_to_come_stands_in_the_way_too(open_memory):
    memory = open_memory()
    bern = memory.remember_sync(record("Ada lives in Bern."), confirm())
    later = record("Ada lives in Rome.", valid_from=now() + timedelta(days=30))
    rome = memory.supersede_sync(bern.id, later, confirm())
    with pytest.raises(PlaceTaken):
        memory.restore_sync(bern.id)
    memory.retract_sync(rome.id, "she does not move")

    memory.restore_sync(bern.id)

    assert holding(memory, now() + timedelta(days=40)) == {"Ada lives in Bern."}


def test_words_that_were_remembered_again_are_not_restored_beside_themselves(open_memory):
    memory = open_memory()
    first = memory.remember_sync(record("Ada lives in Bern."), confirm())
    memory.retract_sync(first.id, "no")
    again = memory.remember_sync(record("Ada lives in Bern."), confirm())

    with pytest.raises(PlaceTaken, match=again.id):
        memory.restore_sync(first.id)

    memory.retract_sync(again.id, "no")
    assert memory.restore_sync(first.id) == first


@pytest.mark.parametrize(
    ("mine", "its", "taken"),
    [
        ((None, None), (300, None), False),
        ((300, None), (None, None), True),
        ((300, None), (-2, 200), False),
        ((300, None), (-2, 400), True),
        ((None, 2), (300, None), False),
        ((-5, None), (-2, None), True),
    ],
)
def test_the_same_words_at_another_time_do_not_stand_in_the_way(open_memory, mine, its, taken):
    def holds(span):
        start, end = (None if day is None else now() + timedelta(days=day) for day in span)
        return record("Ada lives in Bern.", valid_from=start, valid_until=end)

    memory = open_memory()
    first = memory.remember_sync(holds(mine), confirm())
    memory.retract_sync(first.id, "no")
    again = memory.remember_sync(holds(its), confirm())

    if taken:
        with pytest.raises(PlaceTaken, match=again.id):
            memory.restore_sync(first.id)
    else:
        assert memory.restore_sync(first.id) == first


def test_two_that_replaced_each_other_can_be_restored(open_memory, tmp_path):
    """An exchange of exports can leave them so; neither holds."""
    memory = open_memory()
    bern = memory.remember_sync(record("Ada lives in Bern."), confirm())
    rome = memory.supersede_sync(bern.id, record("Ada lives in Rome."), confirm())
    memory.retract_sync(rome.id, "no")
    with closing(sqlite3.connect(tmp_path / "memory/memory.sqlite3")) as file, file:
        file.execute("UPDATE records SET superseded_by = ? WHERE id = ?", (bern.id, rome.id))

    memory.restore_sync(bern.id)

    assert line(memory, bern.id) == [("Bern.", True), ("Rome.", False)]
    assert memory.get_sync(rome.id).superseded_by == bern.id

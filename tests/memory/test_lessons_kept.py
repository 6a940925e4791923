"""Idle jobs on what was learned: near-duplicates, lessons that say the same, what stopped helping."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from punchlist.memory import Consolidation, Memory, Provenance, Record, Scope
from punchlist.memory.upkeep import RETIRED

from .doubles import BagOfWords, confirm, record

ADA, BEN = Scope(user="ada"), Scope(user="ben")
LATER = datetime(2031, 1, 1, tzinfo=UTC)


@pytest.fixture
def memory(open_memory) -> Memory:
    return open_memory(embedder=BagOfWords())


def run(memory: Memory, job: str):
    return Consolidation(memory).run_sync((job,))


# --- near-duplicates ------------------------------------------------------------------------


def test_episodes_that_say_nearly_the_same_are_linked_and_both_stay(memory):
    said = [
        memory.remember_sync(Record(kind="episode", text=text, scope=ADA))
        for text in (
            "The red train to Leeds leaves in the morning from the old platform",
            "The red train to Leeds leaves in the morning from that old platform",
            "Bread is baked at night",
        )
    ]
    run(memory, "links")

    assert [name for name, _ in memory.near_sync(said[0].id)] == [said[1].id]
    assert memory.near_sync(said[2].id) == []
    assert len(memory.records_sync()) == 3


@pytest.mark.parametrize(
    "other", ["The train never leaves at 9 from Leeds", "The train leaves at 8 from Leeds"]
)
def test_episodes_that_differ_in_a_number_or_a_negation_are_not_linked(memory, other):
    pad = " as the guard of the old line told us all in the long hall of the station this year"
    one, _ = (
        memory.remember_sync(Record(kind="episode", text=text + pad, scope=ADA))
        for text in ("The train leaves at 9 from Leeds", other)
    )

    run(memory, "links")

    assert memory.near_sync(one.id) == []


def test_episodes_of_two_owners_are_not_linked(memory):
    for scope in (ADA, BEN):
        one = memory.remember_sync(Record(kind="episode", text="The train leaves at nine", scope=scope))

    run(memory, "links")

    assert memory.near_sync(one.id) == []


def test_links_that_were_undone_stay_away(memory):
    first, *_ = (
        memory.remember_sync(Record(kind="episode", text="It rained", scope=ADA, session=str(number)))
        for number in range(3)
    )
    assert run(memory, "links").jobs[0].linked == 3

    Consolidation(memory).undo_sync("links")
    run(memory, "links")

    assert memory.near_sync(first.id) == []


# --- lessons --------------------------------------------------------------------------------


def learn(memory: Memory, change: str, check: str = "cart", number: int = 1, scope: Scope = ADA) -> Record:
    lesson = Record(
        kind="reflection",
        text=f"error: {check} {number}\nchange: {change}",
        scope=scope,
        provenance=Provenance(run=f"r{number}", task="t", attempt=1, check=check),
    )
    return memory.remember_sync(lesson, confirm())


def drawn(memory: Memory) -> list[Record]:
    return [e for e in memory.records_sync(kinds=("reflection",), at=LATER) if e.provenance.job]


def test_lessons_of_one_check_that_say_the_same_are_drawn_into_one_and_stay(memory):
    alike = [
        learn(memory, "set each quantity again in the cart page and press update there", number=1),
        learn(memory, "set each quantity again in the cart page and press update", number=2),
    ]
    learn(memory, "set each quantity again in the cart page and press update there", check="date")

    run(memory, "lessons")

    [lesson] = drawn(memory)
    assert lesson.provenance.sources == tuple(each.id for each in alike)
    assert lesson.text.endswith("evidence: 2 lessons of 2 runs say so")
    assert (lesson.provenance.check, lesson.scope) == ("cart", ADA)
    assert all(memory.get_sync(each.id).closed is None for each in alike)


@pytest.mark.parametrize(
    "contrary",
    [
        "fill the date of the order after the review and press update there",
        "never fill the date of the order before the review and press update there",
        "fill the review of the order before the date and press update there",
        "fill the date of the order before the 2 reviews and press update there",
    ],
)
def test_a_lesson_that_says_the_contrary_is_not_drawn_in(memory, contrary):
    learn(memory, "fill the date of the order before the review and press update there", number=1)
    learn(memory, contrary, number=2)

    run(memory, "lessons")

    assert drawn(memory) == []


def drawn_twice(memory: Memory) -> list[Record]:
    """What was drawn from two lessons, and what replaced it after a third one."""
    for number in (1, 2):
        learn(
            memory,
            f"set each quantity again in the cart page and press update {'there' * number}",
            number=number,
        )
    run(memory, "lessons")
    [first] = drawn(memory)
    learn(memory, "set each quantity again in the cart page and press update", number=3)
    run(memory, "lessons")
    return [first, *drawn(memory)]


def test_one_more_lesson_supersedes_the_drawn_one_and_undo_brings_it_back(memory):
    [first, second] = drawn_twice(memory)

    changed = Consolidation(memory).undo_sync(second.id)

    assert len(second.provenance.sources) == 3
    assert changed == [second.id, first.id] and drawn(memory) == [first]
    assert [each.id for each in memory.history_sync(first.id)] == [first.id, second.id]


@pytest.mark.parametrize("by_hand", [True, False])
def test_what_was_taken_back_is_not_drawn_again_and_stays_so(memory, by_hand):
    [first, second] = drawn_twice(memory)
    if by_hand:
        memory.retract_sync(second.id, "not so")
        memory.restore_sync(first.id)
    else:
        Consolidation(memory).undo_sync(second.id)

    run(memory, "lessons")
    assert drawn(memory) == [first]

    assert Consolidation(memory).undo_sync(first.id) == [first.id]
    run(memory, "lessons")
    assert drawn(memory) == []


def test_undo_opens_nothing_whose_words_were_remembered_again(memory):
    lesson = learn(memory, "press update")
    memory.ledger.close_open(lesson.id, f"{RETIRED}it did not help")
    again = learn(memory, "press update")

    assert Consolidation(memory).undo_sync(lesson.id) == []

    assert again.id != lesson.id and memory.get_sync(lesson.id).closed is not None


# --- what stopped helping -------------------------------------------------------------------


def outcomes(memory: Memory, lesson: Record, told: str) -> None:
    for outcome in told:
        memory.outcome_sync("cart", outcome == "+", lesson.scope, [lesson.id])


def without(memory: Memory, told: str, check: str = "cart") -> None:
    for outcome in told:
        memory.outcome_sync(check, outcome == "+", ADA)


def test_a_lesson_whose_check_fails_as_often_with_it_as_without_is_retired(memory):
    useless, useful = learn(memory, "wait"), learn(memory, "set it again")
    outcomes(memory, useless, "-+-+--+-")
    outcomes(memory, useful, "++++-+++")
    without(memory, "+-+--+-+")

    done = run(memory, "retire")

    assert done.jobs[0].closed == (useless.id,)
    assert memory.get_sync(useful.id).closed is None
    reason = "retired: its check held 3 of 8 times with it, without it 4 of 8 times"
    assert memory.get_sync(useless.id).reason == reason
    assert useless.id not in [each.record.id for each in memory.recall_sync("wait", scope=ADA)]


def test_a_lesson_is_not_retired_before_it_was_tried_often_enough(memory):
    lesson = learn(memory, "wait")
    outcomes(memory, lesson, "-------")
    without(memory, "++++++++")

    assert not run(memory, "retire").changed


def test_a_lesson_is_measured_by_its_own_check(memory):
    lesson = learn(memory, "wait")
    outcomes(memory, lesson, "+++++---")
    without(memory, "++++++++", check="date")

    assert not run(memory, "retire").changed


def test_only_the_latest_outcomes_count(memory):
    lesson = learn(memory, "wait")
    outcomes(memory, lesson, "+" * 60 + "-" * 32)

    assert run(memory, "retire").jobs[0].closed == (lesson.id,)


def test_a_retired_lesson_that_is_brought_back_is_judged_anew(memory):
    lesson = learn(memory, "wait")
    outcomes(memory, lesson, "-" * 8)
    run(memory, "retire")

    changed = Consolidation(memory).undo_sync("retire")

    assert changed == [lesson.id] and not run(memory, "retire").changed
    assert (memory.get_sync(lesson.id).closed, memory.get_sync(lesson.id).outcomes) == (None, "")


def test_a_skill_that_stopped_working_is_retired(memory):
    works, stopped = (
        memory.remember_sync(record(text, ADA, "skill"), confirm()) for text in ("buy a mug", "buy a tray")
    )
    for outcome in (True, True, False, False, False, False, False):
        memory.useful_sync(stopped.id, outcome)
        memory.useful_sync(works.id, not outcome)

    run(memory, "retire")

    assert memory.get_sync(stopped.id).reason == "retired: it did not work 5 times running"
    assert memory.get_sync(works.id).closed is None


def test_outcomes_travel_with_an_export_and_those_of_checks_go_with_their_owner(memory, tmp_path):
    lesson = learn(memory, "wait")
    outcomes(memory, lesson, "+-")
    without(memory, "+")
    memory.export_sync(tmp_path / "export.jsonl")
    with Memory.open(tmp_path / "other", embedder=BagOfWords()) as other:
        other.import_sync(tmp_path / "export.jsonl")
        assert other.get_sync(lesson.id).outcomes == "+-"

    erased = memory.erase_sync(ADA)

    assert erased.proven and memory.ledger.outcomes_without(lesson) == ""

"""Choices as episodes say them, and what repeated ones show."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from pydantic import ValidationError

from punchlist.memory import Choice, Consolidation, Memory, Provenance, Record, Scope, preferences_of
from punchlist.memory.choices import RISK, habit_of, lower_bound, tail

from .doubles import BagOfWords

ADA, BEN = Scope(user="ada"), Scope(user="ben")
SEATS = ("aisle", "middle", "window")
BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def memory(open_memory) -> Memory:
    return open_memory(embedder=BagOfWords())


def seats(values: str, options=SEATS) -> list[Choice]:
    named = {"a": "aisle", "m": "middle", "w": "window"}
    return [Choice(what="seat", value=named[value], options=options) for value in values]


def choose(
    memory: Memory, values: str, scope: Scope = ADA, options=SEATS, start: int = 0, **fields
) -> list[str]:
    made = [
        choice.episode(scope, happened=BEGIN + timedelta(days=start + at), **fields)
        for at, choice in enumerate(seats(values, options))
    ]
    return [each.id for each in memory.remember_all_sync(made)]


def consolidate(memory: Memory):
    return Consolidation(memory).run_sync(("preferences",))


def held(memory: Memory, scope: Scope = ADA) -> list[Record]:
    now = datetime.now(UTC)
    return memory.records_sync(kinds=("preference",), scope=scope, at=now)


# --- the form -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "choice",
    [
        Choice(what="seat", value="aisle"),
        Choice(
            what="seat on a night train", value="lower berth, left", options=("lower berth, left", "seat")
        ),
        Choice(what="Größe", value="12:30 – früh", options=("12:30 – früh",)),
        Choice(what=" way  of paying ", value="\tcard\n"),
    ],
    ids=str,
)
def test_a_choice_is_read_from_the_episode_that_tells_of_it(choice):
    assert Choice.read(choice.episode(ADA).text) == choice


@pytest.mark.parametrize(
    "text",
    [
        "",
        "chose",
        "She chose the aisle: it is wide",
        "chose seat: ",
        "chose seat: a\nthen b",
        "chose : aisle",
    ],
)
def test_other_texts_are_no_choices(text):
    assert Choice.read(text) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"what": "seat: left"},
        {"what": " "},
        {"value": "a | b"},
        {"value": "a (from b"},
        {"options": ("window",)},
    ],
    ids=str,
)
def test_a_choice_that_could_not_be_read_back_is_refused(fields):
    with pytest.raises(ValidationError):
        Choice(**{"what": "seat", "value": "aisle", **fields})


# --- habits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "habit"),
    [
        ("", None),
        ("aaa", None),
        ("aaaa", ("aisle", 4, 4, True)),
        ("awmawm", None),
        ("aawaa", None),
        ("aaaaw", ("aisle", 4, 5, False)),
        ("aaaaawa", ("aisle", 6, 7, True)),
        ("aaaawww", ("aisle", 4, 7, False)),
        ("aaaawwww", ("window", 4, 4, True)),
        ("aaaaaaaaaaaawwwww", ("window", 5, 5, True)),
        ("aaaawwwwa", ("window", 4, 5, False)),
        ("awmawmawm", None),
    ],
)
def test_a_habit_is_what_was_chosen_more_often_than_by_chance(values, habit):
    found = habit_of(seats(values))

    assert habit == (found and (found.value, len(found.chosen), found.of, found.clear))


@pytest.mark.parametrize(("options", "needed"), [(0, 6), (2, 6), (3, 4), (5, 3), (50, 3)])
def test_the_fewer_options_the_more_of_the_same_it_takes(options, needed):
    """Where nobody knows the options there may have been two."""
    names = tuple(f"seat {number}" for number in range(options))
    choice = Choice(what="seat", value="seat 0", options=names)

    found = [count for count in range(10) if habit_of([choice] * count)]

    assert found == list(range(needed, 10))


def test_chance_is_what_counting_all_ways_to_choose_gives():
    for of, options in ((3, 2), (4, 3), (5, 2)):
        ways = list(itertools.product(range(options), repeat=of))
        for chosen in range(of + 1):
            counted = Fraction(sum(way.count(0) >= chosen for way in ways), len(ways))
            assert tail(chosen, of, options) == pytest.approx(float(counted))


def test_random_choices_seldom_look_like_a_habit():
    """Of all ways to choose so often, few show a clear one at the end."""
    for options, of in (("amw", 4), ("amw", 7), ("aw", 8)):
        ways = [habit_of(seats("".join(way), ())) for way in itertools.product(options, repeat=of)]
        assert sum(each is not None and each.clear for each in ways) / len(ways) <= RISK


def test_confidence_grows_with_the_evidence_and_never_reaches_one():
    bounds = [lower_bound(count, count) for count in (1, 3, 10, 100)]

    assert bounds == sorted(bounds) and bounds[-1] < 1
    assert lower_bound(3, 6) < 0.5 < lower_bound(60, 100)


# --- preferences ----------------------------------------------------------------------------


def test_the_same_choice_again_and_again_is_an_implicit_preference_with_its_evidence(memory):
    chosen = choose(memory, "aaaa", trust="trusted")

    consolidate(memory)

    [preference] = held(memory)
    assert preference.text == "prefers aisle for seat: chosen 4 of 4 times"
    assert (preference.stance, preference.trust) == ("implicit", "trusted")
    assert preference.provenance.sources == tuple(chosen)
    assert preference.confidence == pytest.approx(lower_bound(4, 4))


def test_a_change_of_habit_supersedes_and_the_past_is_kept(memory):
    choose(memory, "aaaa")
    consolidate(memory)
    [aisle] = held(memory)
    choose(memory, "wwww", start=10)

    consolidate(memory)

    [window] = held(memory)
    assert window.text == "prefers window for seat: chosen 4 of 4 times"
    assert [each.id for each in memory.history_sync(window.id)] == [aisle.id, window.id]
    assert not consolidate(memory).changed


def test_more_of_the_same_is_told_once_it_is_much_more(memory):
    choose(memory, "aaaa")
    consolidate(memory)
    choose(memory, "a", start=10)
    assert not consolidate(memory).changed

    choose(memory, "a", start=11)
    consolidate(memory)

    assert [each.text for each in held(memory)] == ["prefers aisle for seat: chosen 6 of 6 times"]


def test_a_habit_that_weakens_is_told_with_less_confidence(memory):
    choose(memory, "aaaaa")
    consolidate(memory)
    choose(memory, "wmwmaw", start=10)

    consolidate(memory)

    [preference] = held(memory)
    assert preference.text == "prefers aisle for seat: chosen 6 of 11 times"


def test_choices_of_two_people_are_never_counted_together(memory):
    choose(memory, "aaa")
    choose(memory, "aaa", BEN)

    assert not consolidate(memory).changed


def test_untrusted_choices_never_touch_what_trusted_ones_show(memory):
    """A page that writes down choices in this form can at most make an untrusted preference."""
    choose(memory, "aaaa", trust="trusted")
    consolidate(memory)
    choose(memory, "wwwwww", start=10, trust="untrusted")

    consolidate(memory)

    assert {(each.text.split()[1], each.trust) for each in held(memory)} == {
        ("aisle", "trusted"),
        ("window", "untrusted"),
    }


def test_what_was_undone_comes_back_from_new_choices_only(memory):
    choose(memory, "aaaa")
    consolidate(memory)
    Consolidation(memory).undo_sync(held(memory)[0].id)

    assert not consolidate(memory).changed
    choose(memory, "aaa", start=10)
    assert not consolidate(memory).changed
    choose(memory, "a", start=20)
    consolidate(memory)

    assert [each.text for each in held(memory)] == ["prefers aisle for seat: chosen 4 of 4 times"]


def test_undoing_a_change_of_habit_brings_the_old_one_back(memory):
    choose(memory, "aaaa")
    consolidate(memory)
    [aisle] = held(memory)
    choose(memory, "wwww", start=10)
    consolidate(memory)
    [window] = held(memory)

    changed = Consolidation(memory).undo_sync(window.id)

    assert changed == [window.id, aisle.id] and held(memory) == [aisle]
    assert not consolidate(memory).changed


def test_what_a_person_corrected_is_not_derived_again(memory):
    choose(memory, "aaaa")
    consolidate(memory)
    said = Record(
        kind="preference",
        text="By the window, please.",
        stance="explicit",
        scope=ADA,
        provenance=Provenance(by="person"),
    )
    memory.supersede_sync(held(memory)[0].id, said)

    assert not consolidate(memory).changed and held(memory) == [said]
    choose(memory, "aaaaaaaa", start=10)
    assert not consolidate(memory).changed and held(memory) == [said]


def test_what_a_person_says_wins_and_both_are_shown_with_their_evidence(memory):
    said = memory.remember_sync(
        Record(
            kind="preference",
            text="She wants window seats.",
            stance="explicit",
            scope=ADA,
            provenance=Provenance(by="person"),
        )
    )
    choose(memory, "aaaa")
    meal = Choice(what="meal", value="vegetarian", options=("vegetarian", "fish", "meat"))
    memory.remember_all_sync([meal.episode(ADA, happened=BEGIN + timedelta(days=day)) for day in range(4)])

    consolidate(memory)

    every = memory.records_sync(kinds=("preference",))
    told = [(each.record.stance, each.evidence, each.overruled_by) for each in preferences_of(every)]
    assert told == [("explicit", 1, None), ("implicit", 4, None), ("implicit", 4, said)]
    assert memory.get_sync(said.id).closed is None


def test_spelling_does_not_make_two_habits(memory):
    for day, (what, value) in enumerate(
        [("Seat", "Aisle"), ("seat", "aisle"), ("seat", "aisle"), ("seat", "AISLE")]
    ):
        choice = Choice(what=what, value=value, options=(value, "middle", "window"))
        memory.remember_sync(choice.episode(ADA, happened=BEGIN + timedelta(days=day)))

    consolidate(memory)

    assert [each.text for each in held(memory)] == ["prefers AISLE for seat: chosen 4 of 4 times"]

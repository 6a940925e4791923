"""The watch: each way of getting nowhere is seen, what goes well is left alone, nothing goes on for ever."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from punchlist.agents.events import Acted, Looked, Said
from punchlist.agents.observability.record import record_of
from punchlist.agents.observability.sightings import watched
from punchlist.agents.watch import ALARM, FIRST, LADDER, Alarm, Sighting, Watch, WatchLimits
from punchlist.protocols.journal import Row, RunInfo
from punchlist.protocols.messages import Assign, Redo

from .doubles import GOAL, ORDER_GOAL, ORDER_PLAN, PLAN, knowing

PLAN_OF_TWO = ("add 2 x mugs", "open cart")
LIMITS = WatchLimits()
DEMO = Path(__file__).with_name("demo_run.jsonl")
"""Rows of a confirmed run in the example shop, with a redo: what `punchlist run --demo` recorded."""


def alarms(watch: Watch, *sightings: Sighting) -> list[Alarm]:
    return [alarm for each in sightings if (alarm := watch.see(each)) is not None]


def kinds(found: list[Alarm]) -> list[str]:
    return [alarm.kind for alarm in found]


# --- what is seen -----------------------------------------------------------------------


def test_the_same_action_in_the_same_state_is_an_alarm_the_third_time() -> None:
    same = [Sighting("click Next", "page 1", changed=True), Sighting("click Back", "page 2", changed=True)]

    [alarm] = alarms(Watch(), *same, *same, same[0])

    assert (alarm.kind, alarm.advice, alarm.times) == ("repeated", "nudge", 1)
    assert alarm.evidence[0] == "'click Next' was done 3 times in the same state (1)"
    assert alarm.evidence[-1] == "click Next in state 1"


def test_the_same_action_in_other_states_is_none() -> None:
    assert (
        alarms(Watch(), *(Sighting("click Next", f"page {place}", changed=True) for place in range(40))) == []
    )


def test_actions_without_effect_are_an_alarm_whatever_they_were() -> None:
    found = alarms(Watch(), *(Sighting(f"click {name}", "page", changed=False) for name in "ABC"))

    assert kinds(found) == ["no_effect"]
    assert found[0].evidence == (
        "3 actions in a row changed nothing",
        *(f"click {name} in state 1, no effect" for name in "ABC"),
    )


def test_an_action_with_effect_between_them_and_looking_are_no_such_thing() -> None:
    changed = (False, False, True, False, False, None, None, None)

    assert alarms(Watch(), *(Sighting(f"a{n}", f"p{n}", each) for n, each in enumerate(changed))) == []


def test_going_back_and_forth_between_two_states_is_an_alarm() -> None:
    found = alarms(Watch(), *(Sighting(f"do {n}", state, changed=True) for n, state in enumerate("ABABA")))

    assert kinds(found) == ["oscillation"]
    assert found[0].evidence[0] == "4 moves between states 1 and 2"


@pytest.mark.parametrize("states", ["ABAB", "ABABC", "ABCABCABC", "AABBAABB", "AAAAA"])
def test_two_things_compared_and_rounds_of_three_are_none(states: str) -> None:
    found = alarms(Watch(), *(Sighting(f"do {n}", state, changed=True) for n, state in enumerate(states)))

    assert found == []


def test_actions_for_no_step_of_the_plan_are_an_alarm() -> None:
    watch = Watch(PLAN_OF_TWO)

    found = alarms(
        watch,
        *(Sighting(f"do {n}", f"p{n}", changed=True, step="read the blog") for n in range(LIMITS.astray)),
    )

    assert kinds(found) == ["off_plan"]
    assert "6 actions in a row were for no step of the plan" in found[0].evidence[0]


def test_steps_that_the_plan_does_not_have_are_an_alarm_and_an_extra_one_is_not() -> None:
    watch = Watch(PLAN_OF_TWO)

    found = [watch.step_done(step) for step in ("log in", "Add 2 x  MUGS", "write a review", "subscribe")]

    assert found[:3] == [None, None, None] and found[3] is not None
    assert found[3].kind == "off_plan" and "'write a review'" in found[3].evidence[0]


def test_a_report_after_none_of_the_plan_was_done_is_an_alarm() -> None:
    watch = Watch(PLAN_OF_TWO)
    watch.step_done("look around")

    alarm = watch.reported()

    assert alarm is not None and alarm.kind == "off_plan"
    assert alarm.evidence[0] == "none of the 2 steps of the plan was done"


def test_a_report_is_none_where_steps_were_served_or_never_told() -> None:
    served, silent = Watch(PLAN_OF_TWO), Watch(PLAN_OF_TWO)

    served.see(Sighting("click Add", "p", changed=True, step="add 2 x mugs"))
    silent.see(Sighting("click Add", "p", changed=True))

    assert served.reported() is silent.reported() is Watch().reported() is None


def test_actions_without_anything_new_are_an_alarm_that_asks_for_a_redo() -> None:
    """Three pages, visited in turns by ever other actions: neither a repetition nor to and fro."""
    rounds = [
        Sighting(f"do {n}", state, changed=True, tokens=100) for n, state in zip(range(15), cycle("ABC"))
    ]

    found = alarms(Watch(), *rounds)

    assert kinds(found) == ["no_progress"] and found[0].advice == "redo"
    assert found[0].evidence[0] == (
        "12 actions and 1,200 tokens without a new state, a step done or a criterion passed"
    )


def test_cost_alone_is_an_alarm_once_there_were_some_actions() -> None:
    rounds = [Sighting(f"do {n}", state, changed=True, tokens=9000) for n, state in enumerate("ABCABC")]

    assert kinds(alarms(Watch(), *rounds)) == ["no_progress"]
    assert alarms(Watch(), Sighting("look", "A"), Sighting("think", "A", tokens=500_000)) == []


@pytest.mark.parametrize("progress", ["step", "criterion", "state"])
def test_progress_of_each_kind_begins_the_count_anew(progress: str) -> None:
    watch, found = Watch(), list[Alarm]()

    for number in range(40):
        found += alarms(watch, Sighting(f"do {number}", "ABC"[number % 3], changed=True))
        if number % 8 == 7:
            match progress:
                case "step":
                    watch.step_done(f"step {number}")
                case "criterion":
                    watch.passed([f"criterion {number}"])
                case _:
                    watch.see(Sighting("open", f"new {number}", changed=True))

    assert found == []


# --- what follows -----------------------------------------------------------------------


def test_an_alarm_that_comes_again_goes_up_the_ladder_over_attempts() -> None:
    watch, found = Watch(), list[Alarm]()

    for _ in range(5):
        watch.began(())
        found += alarms(watch, *[Sighting("click Add", "page", changed=True)] * 3)

    assert [alarm.advice for alarm in found] == [*LADDER, "stop"]
    assert [alarm.times for alarm in found] == [1, 2, 3, 4, 5]


def test_what_was_done_in_the_attempt_before_is_not_counted_again() -> None:
    """A redo in a fresh session sees the same pages, and does much of the same."""
    watch, attempt = Watch(), [Sighting(f"click {n}", f"page {n}", changed=True) for n in range(20)]

    found = list[Alarm]()
    for _ in range(4):
        watch.began(PLAN_OF_TWO)
        found += alarms(watch, *attempt)

    assert found == []


def test_a_criterion_that_newly_passes_begins_the_ladder_anew_and_one_that_passed_before_does_not() -> None:
    watch = Watch()
    stuck = [Sighting("click Add", "page", changed=True)] * 3

    first, again = alarms(watch, *stuck, *stuck)
    watch.passed(["1 : mugs"])
    [anew] = alarms(watch, *stuck)
    watch.passed(["1 : mugs"])
    [more] = alarms(watch, *stuck)

    assert [each.advice for each in (first, again, anew, more)] == ["nudge", "redo", "nudge", "redo"]


def test_after_a_restart_the_ladder_goes_on_where_the_journal_leaves_it() -> None:
    watch = Watch()

    watch.remember("repeated")
    watch.remember("repeated")
    [alarm] = alarms(watch, *[Sighting("click Add", "page", changed=True)] * 3)

    assert (alarm.advice, alarm.times) == ("escalate", 3)
    with pytest.raises(ValueError, match=r"'boredom' is no kind of alarm; there are repeated, no_effect"):
        watch.remember("boredom")


def test_the_body_of_an_alarm_is_what_a_record_reads_again() -> None:
    body = Alarm("no_effect", ("nothing changed", "click Add"), "escalate", 3).body()
    row = Row(1, "r", "1.cart", 2, ALARM, "", 1.0, json.loads(json.dumps(body)))

    record = record_of(RunInfo("r", "g", {}, "running", 0.0, 0.0), [row])

    [raised] = record.alarms
    assert (raised.kind, raised.advice, raised.times) == ("no_effect", "escalate", 3)
    assert raised.evidence == ("nothing changed", "click Add") and raised.attempt == 2


@pytest.mark.parametrize("seed", range(20))
def test_whoever_makes_no_progress_for_ever_is_told_to_stop(seed: int) -> None:
    """Any mixture of few actions and states: the stop comes, and the same sightings give the same alarms."""
    chance = random.Random(seed)
    places, deeds = chance.randint(1, 5), chance.randint(1, 9)
    told = [
        Sighting(
            f"do {chance.randrange(deeds)}",
            chance.choice(["", *map(str, range(places))]),
            chance.choice([True, False, None]),
            chance.choice(["", "add 2 x mugs", "dream"]),
            chance.randrange(3000),
        )
        for _ in range(300)
    ]

    found = alarms(Watch(PLAN_OF_TWO), *told)

    assert "stop" in [alarm.advice for alarm in found]
    assert found == alarms(Watch(PLAN_OF_TWO), *told)


@pytest.mark.parametrize("name", ["repeats", "swings", "stale_tokens"])
def test_a_limit_that_would_alarm_at_once_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}.*at least 2|at least 2.*{name}"):
        WatchLimits(**{name: 1})


def test_every_kind_has_its_place_on_the_ladder() -> None:
    assert set(FIRST.values()) <= set(LADDER)


# --- runs that went well ----------------------------------------------------------------


def demo() -> list[Row]:
    return [Row(**json.loads(line)) for line in DEMO.read_text(encoding="utf-8").splitlines()]


def test_a_recorded_run_that_was_confirmed_raises_no_alarm() -> None:
    record = record_of(RunInfo("r", "g", {}, "confirmed", 0.0, 0.0), demo())

    assert watched(record) == []
    assert len(record.calls()) == 22 and len(record.tasks["1.cart"].attempts) == 2


def test_the_same_run_with_an_action_that_goes_on_and_on_raises_one() -> None:
    rows = demo()
    place = next(n for n, row in enumerate(rows) if row.kind == "intent")
    pair = rows[place], next(row for row in rows if row.kind == "outcome" and row.key == rows[place].key)
    more = [replace(row, key=f"{row.key}.{n}") for n in range(4) for row in pair]

    found = watched(record_of(RunInfo("r", "g", {}, "", 0.0, 0.0), [*rows[:place], *more, *rows[place:]]))

    assert [(seen.task, seen.attempt) for seen in found][:1] == [("1.cart", 1)]
    assert found[0].alarm.kind == "repeated"


@pytest.mark.parametrize(("goal", "plan", "faulty"), [(GOAL, PLAN, False), (ORDER_GOAL, ORDER_PLAN, True)])
async def test_a_live_run_that_is_confirmed_raises_no_alarm(
    manager: Callable[..., Any], watch: Callable[..., Any], shop: Any, goal: str, plan: str, faulty: bool
) -> None:
    shop.loses_quantity = faulty
    outcome, events = await watch(manager(knowing(plan), [shop]), goal)

    watches, state, found = dict[str, Watch](), "", list[Alarm]()
    for event in events:
        if isinstance(event, Said) and isinstance(event.envelope.body, Assign | Redo):
            name = event.envelope.task.removeprefix(f"{event.envelope.run}.")
            watches.setdefault(name, Watch()).began(event.envelope.body.plan)
        elif isinstance(event, Looked):
            state = event.view.text()
        elif isinstance(event, Acted):
            mine = watches[event.task]
            if event.result == "step done" or event.action == "nothing":
                found += [alarm for alarm in [mine.step_done(event.step)] if alarm is not None]
            else:
                found += alarms(mine, Sighting(event.action, state, event.result != "no effect", event.step))

    assert type(outcome).__name__ == "Confirmed" and found == []

"""What a household's actor, reflector and evaluator are asked, and what they may answer.

Prompts hold what is known, not the whole transcript: the task, the house, notes of earlier trials, what was
seen in this trial. An actor says first what it is about, then the action. The running strategies and the
generators of training documents both ask these questions.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..question import Question, any_of, choices
from .household import House, Task
from .household_sight import Lesson, Sight, Turn, aims, legal

__all__ = [
    "KEPT_LESSONS",
    "NO",
    "YES",
    "ask_act",
    "ask_judge",
    "ask_reflect",
    "read_act",
    "read_lesson",
    "write_act",
    "write_lesson",
]

YES, NO = "yes", "no"
"""What an evaluator says: whether the trial did the task."""

KEPT_LESSONS = 3
"""Lessons that an actor is given at most, the latest ones. Source: Shinn et al. 2023, arXiv:2303.11366."""

RECENT = 2
"""Turns that an actor is shown as they were."""


# --- household_act: what is known -> the next action ----------------------------------------------------


def act_head(house: House, task: Task, lessons: Sequence[str]) -> str:
    """What stays the same throughout a trial: task, house and notes."""
    rows = [f"house : {task.line()}"]
    for room in house.rooms:
        places = " | ".join(place.name for place in house.places if place.room == room)
        rows.append(f"{room} : {places}" if places else room)
    rows.append(f"doors : {' | '.join(f'{one} {other}' for one, other in house.doors)}")
    tools = [place.name for place in house.places if place.verb == task.verb]
    rows += [f"{task.verb} with : {' | '.join(tools)}"] if tools else []
    facts = [line for lesson in lessons[-KEPT_LESSONS:] for line in lesson.splitlines()]
    return "\n".join([*rows, *(f"note : {fact}" for fact in dict.fromkeys(facts))])


def act_query(house: House, sight: Sight, turns: Sequence[Turn]) -> str:
    """What changes from step to step: what was seen, and where the player stands."""
    rows = [f"- {place} : {' , '.join(things) or 'nothing'}" for place, things in sight.inside.items()]
    rows += [f"- {place} : closed" for place in sorted(sight.shut - {*sight.locked})]
    rows += [f"- {place} locked" for place in sight.locked]
    rows += [f"- {place} broken" for place in sight.broken]
    rows += [f"- {thing} is {state}" for thing, states in sight.states.items() for state in states]
    rows += [f"unseen : {' | '.join(unseen)}"] if (unseen := sight.unseen(house)) else []
    rows += [f"did : {turn.line()}" for turn in turns[-RECENT:]]
    rows.append(f"at : {f'{sight.at} , ' if sight.at else ''}{sight.room}")
    rows.append(f"holding : {sight.holding or 'nothing'}")
    return "\n".join([*rows, "do:"])


def ask_act(
    house: House, task: Task, sight: Sight, turns: Sequence[Turn], lessons: Sequence[str]
) -> Question:
    """Ask for an aim and the next action; the grammar has those at hand."""
    text = f"{act_head(house, task, lessons)}\n{act_query(house, sight, turns)}"
    return Question("household_act", text, act_grammar(aims(house, task, sight), legal(house, sight)))


def act_grammar(aims: Sequence[str], actions: Sequence[str]) -> str:
    """One of these aims, and in the next line one of these actions."""
    return f'start: aim "\\n" action\naim: {any_of(aims)}\naction: {any_of(actions)}\n'


def write_act(aim: str, action: str) -> str:
    """The answer that `read_act` reads back."""
    return f"{aim}\n{action}"


def read_act(answer: str) -> str:
    """The action of an answer: its last line."""
    lines = answer.split("\n")
    return " ".join(lines[-1].split())


# --- household_judge: what was done -> whether it did the task ------------------------------------------


def account(task: Task, sight: Sight) -> list[str]:
    """What became of the task's things, as far as the player saw."""
    rows: list[str] = []
    for thing in task.things():
        spot = "in hand" if sight.holding == thing else sight.where(thing) or "not seen"
        rows += [f"- {thing} : {spot}", *(f"- {thing} is {state}" for state in sight.states.get(thing, ()))]
    return rows


def ask_judge(task: Task, sight: Sight, turns: Sequence[Turn]) -> Question:
    """Ask whether a trial did the task, by what its player saw."""
    ending = [f"did : {turn.line()}" for turn in turns[-RECENT:]]
    rows = [f"house : {task.line()}", *account(task, sight), *ending, "solved:"]
    return Question("household_judge", "\n".join(rows), choices((YES, NO)))


# --- household_reflect: a failed trial -> what to remember of it ----------------------------------------


def ask_reflect(task: Task, sight: Sight, turns: Sequence[Turn]) -> Question:
    """Ask for the lesson of a failed trial, by what was found where; it can name no other place."""
    rows = [f"house : {task.line()}"]
    rows += [f"- {place} : {' , '.join(things) or 'nothing'}" for place, things in sight.first.items()]
    rows += [f"- {place} locked" for place in sight.locked]
    rows += [f"- {place} broken" for place in sight.broken]
    rows += [f"did : {turn.line()}" for turn in turns[-RECENT:]]
    places = list(dict.fromkeys([*sight.first, *sight.locked, *sight.broken]))
    return Question("household_reflect", "\n".join([*rows, "lesson:"]), lesson_grammar(task, places))


def lesson_grammar(task: Task, places: Sequence[str]) -> str:
    """Facts in the order of `Lesson.lines`, of the task's things and these places; then the end."""
    if not places:
        return f'start: "{END_OF_LESSON}"\n'
    most = len(places)
    found = any_of(f"{thing} in " for thing in task.things())
    return (
        f"start: found{{0,{len(task.things())}}} absent? locked{{0,{most}}} broken{{0,{most}}} "
        f'"{END_OF_LESSON}"\n'
        f'found: ({found}) place "\\n"\n'
        f'absent: "{task.thing} not in " place (" , " place){{0,{most}}} "\\n"\n'
        'locked: place " locked\\n"\n'
        'broken: place " broken\\n"\n'
        f"place: {any_of(places)}\n"
    )


END_OF_LESSON = "end"


def write_lesson(lesson: Lesson) -> str:
    """The answer that `read_lesson` reads back."""
    return "\n".join([*lesson.lines(), END_OF_LESSON])


def read_lesson(answer: str) -> str:
    """The text of an answer that is kept as a lesson: a fact a line; empty when the trial taught nothing."""
    return "\n".join(line for line in answer.splitlines() if line and line != END_OF_LESSON)

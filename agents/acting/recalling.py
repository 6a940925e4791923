"""A skill that is tried before the model is asked: recalled for the goal, replayed by the worker's own means.

Only a skill whose goal is this one is tried, the values of its parameters aside, and letter case where
nothing is typed or acted on by it: what else a goal could mean is for the model to say. A redo begins
without: what was refused is not done in the same way again. Whatever the replay comes to, the model goes on
from there, and the task is verified as always.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ...memory.errors import MemoryFault
from ...tools.browser.actions import SEVERAL
from ...tools.browser.results import secret_name
from ...tools.browser.trace import TraceStep
from ...tools.browser.trace_replay import Act, Replayed, replay
from ..steps import Done
from ..wording import fold
from .attempt import Attempt
from .skills import Skill, Skills

if TYPE_CHECKING:
    from ...memory import Memory

SKILL = "skill"
"""Kind of the journal's row that says which skill was tried and what came of it, or why none was recalled."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_IN_WORDS = "-'’.&"
"""Marks that names and words have of themselves."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """What of a task was done before its model is asked.

    Attributes:
        notes: As the model is told of it.
        returned: As `tools.browser.took_effect` reads it.
    """

    notes: tuple[Done, ...] = ()
    returned: tuple[JsonValue, ...] = field(default_factory=tuple)


NOTHING_BEGUN = Begun()


async def begin_with_skill(attempt: Attempt, memory: Memory | None, act: Act) -> Begun:
    """Replay the skill of this very goal, if the memory has one for the site where the session is.

    Args:
        act: Carries out each action, permitted and journalled as those of the model.
    """
    order, session = attempt.order, attempt.session
    if memory is None or session is None or order.attempt > 1:
        return NOTHING_BEGUN
    try:
        found = await Skills(memory).recall(order.goal, session.url)
    except MemoryFault as error:
        _log.warning("task %s begins without a skill: %s", order.task, error)
        _note(attempt, {"problem": str(error)})
        return NOTHING_BEGUN
    fitting = ((skill, values_for(skill, order.goal)) for skill in found)
    skill, values = next((pair for pair in fitting if pair[1] is not None), (None, None))
    if skill is None:
        return NOTHING_BEGUN
    replayed = await replay(skill.trace, session, values, act=act)
    _note(
        attempt,
        {
            "record": skill.found.record.id,
            "goal": skill.goal,
            "values": dict(values or {}),
            "ok": replayed.ok,
            "came": replayed.line(),
        },
    )
    return _told(replayed)


def values_for(skill: Skill, goal: str) -> Mapping[str, str] | None:
    """The values with which a skill's goal is this one, as they stand in it, without those that are as ever.

    None where it is another goal, or could be read in more than one way, where a value is not of the kind
    that it was, or where what a step acts on stands otherwise in this goal than it stood in the skill's.
    """
    known = {name: value for name, value in skill.trace.head.values.items() if value.strip()}
    spoken = sorted(
        {value for value in known.values() if _standing(value, skill.goal)}, key=len, reverse=True
    )
    read = _read(skill.goal.strip(), sorted(spoken, key=len, reverse=True), goal.strip())
    if read is None:
        return None
    values = {name: read[value] for name, value in known.items() if read.get(value, value) != value}
    if not all(_like(known[name], now, quoted=_quoted(now, goal)) for name, now in values.items()):
        return None
    steps = zip(skill.trace.steps, skill.trace.filled(values), strict=True)
    return values if all(_alike(was, now, skill.goal, goal) for was, now in steps) else None


def _read(was: str, spoken: Sequence[str], goal: str) -> dict[str, str] | None:
    """What stands in a goal in the places of whole words of another; None where there is not one reading.

    Letter case counts in them alone.
    """
    pattern, seen = "", set[int]()
    for at, piece in enumerate(re.split(f"({_whole(*spoken)})", was) if spoken else [was]):
        if at % 2 == 0:
            pattern += re.escape(piece)
            continue
        place = spoken.index(piece)
        pattern += f"(?-i:(?P=v{place}))" if place in seen else f"(?P<v{place}>.+?)"
        seen.add(place)
    readings = [re.fullmatch(each, goal, re.IGNORECASE) for each in (pattern, pattern.replace(".+?", ".+"))]
    first, last = (None if found is None else found.groupdict() for found in readings)
    if first is None or first != last:
        return None
    return {spoken[place]: first[f"v{place}"] for place in seen}


def _whole(*texts: str) -> str:
    """A pattern for texts that begin and end where words do, the first that fits."""
    return rf"(?<!\w)(?:{'|'.join(map(re.escape, texts))})(?!\w)"


def _standing(text: str, goal: str) -> list[str]:
    """Where a text stands in a goal as whole words, in whatever letters: how it is written there."""
    return re.findall(_whole(text), goal, re.IGNORECASE) if text.strip() else []


def _like(was: str, now: str, *, quoted: bool) -> bool:
    """Whether a text can be a value where another was one, and no more of the goal.

    It is of as many words, or one more where it is quoted or a name; a number where that was one, without a
    sign; of the marks that one had beside those in words; and not the name of a secret.
    """
    if not now.isprintable() or secret_name(now) is not None or (SEVERAL in now and SEVERAL not in was):
        return False
    if _NUMBER.fullmatch(was) or _NUMBER.fullmatch(now):
        return bool(_NUMBER.fullmatch(was) and _NUMBER.fullmatch(now))
    many, more = len(was.split()), quoted or all(word[0].isupper() for word in now.split())
    if len(now.split()) > many + more or re.search(r"[.!?;:,]\s", now):
        return False
    began, begins = was[0].isalnum(), now[0].isalnum()
    return began == begins and set(re.findall(r"[^\w\s]", now)) <= {*was, *_IN_WORDS}


def _quoted(value: str, goal: str) -> bool:
    return any(f"{opened}{value}{closed}" in goal for opened, closed in ('""', "''", "“”", "‘’", "«»", "„“"))


def _alike(was: TraceStep, now: TraceStep, old_goal: str, goal: str) -> bool:
    """Whether all that a step types or acts on stands in both goals, written so, or in neither."""
    if secret_name(was.text) != secret_name(now.text):
        return False
    for old, new in zip(_acted_on(was), _acted_on(now), strict=True):
        then, here = _standing(old, old_goal), _standing(new, goal)
        if [text == old for text in then] != [text == new for text in here] or (old == new and then != here):
            return False
    return True


def _acted_on(step: TraceStep) -> tuple[str, ...]:
    things = [each for each in (step.target, step.to) if each is not None]
    return (step.text, *(text for each in things for text in (each.name, *each.row)))


def _told(replayed: Replayed) -> Begun:
    done = [step for step in replayed.steps if step.outcome == "same" and step.result is not None]
    notes = [Done(fold(step.words), "ok") for step in done]
    if (stopped := replayed.stopped) is not None:
        notes.append(Done(fold(stopped.words), stopped.why))
    returned = [
        json.dumps({"did": step.result.did, "ok": step.result.ok, "result": step.result.line()})
        for step in replayed.steps
        if step.result is not None
    ]
    return Begun(tuple(notes), tuple(returned))


def _note(attempt: Attempt, body: dict[str, JsonValue]) -> None:
    order = attempt.order
    attempt.mind.journal.append(SKILL, body, run=order.run, task=order.task, attempt=order.attempt)

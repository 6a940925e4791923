"""A skill that is tried before the model is asked: recalled for the goal, replayed by the worker's own means.

Only a skill whose goal is this one is tried, letter case and the values of its parameters aside: what else a
goal could mean is for the model to say. A redo begins without: what was refused is not done in the same way
again. Whatever the replay comes to, the model goes on from there, and the task is verified as always.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ...memory.errors import MemoryFault
from ...tools.browser.trace_replay import Act, Replayed, replay
from ..steps import Done
from ..wording import fold
from .attempt import Attempt
from .skills import Skill, Skills

if TYPE_CHECKING:
    from ...memory import Memory

SKILL = "skill"
"""Kind of the journal's row that says which skill was tried and what came of it, or why none was recalled."""

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
    """The values with which a skill's goal is this one, letter case aside.

    None where it is another goal, or could be read in more than one way.
    """
    if fold(goal) == fold(skill.goal):
        return {}
    was = {name: value.casefold() for name, value in skill.trace.head.values.items() if value.strip()}
    spoken = sorted(
        {value for value in was.values() if value in skill.goal.casefold()}, key=len, reverse=True
    )
    if not spoken:
        return None
    pieces = re.split(f"({'|'.join(map(re.escape, spoken))})", skill.goal, flags=re.IGNORECASE)
    pattern, seen = "", set[int]()
    for piece in pieces:
        place = spoken.index(piece.casefold()) if piece.casefold() in spoken else None
        if place is None:
            pattern += re.escape(piece)
            continue
        pattern += f"(?P=v{place})" if place in seen else f"(?P<v{place}>.+?)"
        seen.add(place)
    readings = [re.fullmatch(each, goal, re.IGNORECASE) for each in (pattern, pattern.replace(".+?", ".+"))]
    first, last = (None if found is None else found.groupdict() for found in readings)
    if first is None or first != last:
        return None
    if not all(_like(spoken[place], first[f"v{place}"]) for place in seen):
        return None
    places = {name: spoken.index(value) for name, value in was.items() if value in spoken}
    return {name: first[f"v{place}"] for name, place in places.items() if place in seen}


def _like(was: str, now: str) -> bool:
    """Whether a text can be a value where another was one, and no more of the goal: as short, one piece."""
    return len(now.split()) <= len(was.split()) + 1 and re.search(r"[.!?;:,]\s", now) is None


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

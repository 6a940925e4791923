"""Skills: the traces of confirmed browser tasks, recalled for a similar goal and replayed with checks.

What is recalled is a proposal, never a proof: a replay checks each step, the task's own criteria are verified
afterwards as always, and where a step comes out otherwise the model goes on from there.

Does not cover: finding out by itself which words of a goal are values. Whoever keeps a skill names them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ...memory.companions import FOLDER, MARK, drop_orphans, trace_named
from ...memory.records import Provenance, Recalled, Record, Scope
from ...protocols.messages import Confirm
from ...tools.browser.origins import origin_of
from ...tools.browser.trace import FILE, Trace, TraceUnreadable, line_of
from ...tools.browser.trace_replay import Act, Replayed, replay

if TYPE_CHECKING:
    from ...memory import Memory
    from ...tools.browser.session import BrowserSession

ALIKE = 0.5
"""Cosine from which on a goal counts as similar; names and amounts may be others."""

T = TypeVar("T")


class UnfitSkill(ValueError):
    """A trace that is no skill: not begun at a site, or not successful to its end."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"The trace is no skill: {why}. Keep one of a task that was confirmed.")


@dataclass(frozen=True)
class Skill:
    """How a goal was once reached.

    Attributes:
        goal: What was wanted then.
        trace: What was done; `trace.head.values` are its parameters with their values of then.
        found: Why it was recalled.
    """

    goal: str
    trace: Trace
    found: Recalled


class Skills:
    """The skills in a memory. Traces lie beside it, without pictures, in a folder of their own.

    Args:
        memory: Where goals are kept and found; the folder of traces is in its folder.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._folder = memory.folder / FOLDER

    async def keep(
        self,
        goal: str,
        trace: Trace,
        proof: Confirm,
        provenance: Provenance,
        values: Mapping[str, str] | None = None,
    ) -> Record:
        """Keep a trace as the way to reach a goal, about the site where it began.

        Args:
            proof: The confirm of the task; nothing else lets a skill in.
            values: What of the goal was typed, chosen or clicked and may be something else another time.

        Raises:
            UnfitSkill: It was not begun at a site, has no steps, or was cut.
            ValueError: A value is in no step of the trace.
            UnprovenMemory, MemoryFault: As `Memory.remember`.
            OSError: The trace cannot be written.
        """
        site = _site(trace)
        if trace.cut or not any(step.result.ok for step in trace.steps):
            raise UnfitSkill("it was cut" if trace.cut else "no step of it succeeded")
        kept = trace.parameterized(values or {}, about=goal)
        digest = hashlib.sha256("".join(map(line_of, (kept.head, *kept.steps))).encode()).hexdigest()[:32]
        record = Record(
            kind="skill", text=f"{goal}{MARK}{digest}", scope=Scope.shared(site), provenance=provenance
        )
        place = self._folder / digest
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if not (place / FILE).exists():
            kept.save(place)
        try:
            remembered = await self._memory.remember(record, proof)
        except BaseException:
            await self.tidy()
            raise
        if not (place / FILE).exists():  # somebody tidied up before the record named it
            kept.save(place)
        return remembered

    async def recall(self, goal: str, site: str, k: int = 3) -> list[Skill]:
        """The skills of a site whose goals are most like this one, best first; those that are unlike are not.

        Args:
            site: Address whose origin the skills must be about.

        Raises:
            MemoryFault: The memory cannot be used.
        """
        scope = Scope.shared(str(origin_of(site)))
        found = await self._memory.recall(goal, k=k, kinds=("skill",), scope=scope)
        skills: list[Skill] = []
        for each in found:
            name = trace_named(each.record.text)
            if name is None or each.why.cosine < ALIKE or each.record.scope.key != scope.key:
                continue
            try:
                trace = Trace.load(self._folder / name)
                skills.append(Skill(each.record.text.rpartition(MARK)[0], trace, each))
            except TraceUnreadable:  # its folder is gone, or of another version
                continue
        return skills

    async def tell(self, skill: Skill, worked: bool) -> None:
        """Tell whether a recalled skill worked; one that stops working is retired in idle time.

        Raises:
            UnknownRecord: It was forgotten.
            MemoryFault: The memory cannot be used.
        """
        await self._memory.useful(skill.found.record.id, worked)

    async def forget(self, skill: Skill) -> None:
        """Delete a skill and its trace for good.

        Raises:
            ForgetIncomplete, MemoryFault: As `Memory.forget`.
        """
        await self._memory.forget(skill.found.record.id)

    async def tidy(self) -> int:
        """Delete traces that no record names; how many there were. Raises ForgetIncomplete, MemoryFault."""
        return await asyncio.to_thread(drop_orphans, self._memory.folder, self._memory.ledger)


async def follow(
    skill: Skill,
    session: BrowserSession,
    otherwise: Callable[[Replayed], Awaitable[T]],
    values: Mapping[str, str] | None = None,
    *,
    act: Act | None = None,
) -> Replayed | T:
    """Replay a skill; where a step comes out otherwise, let `otherwise` go on from there.

    Args:
        otherwise: Asks the model, or begins anew; it is told what was done and what is different.
        values, act: See `replay`.

    Returns:
        What `otherwise` returns, or the replay when all its steps came out as before. That the goal is
        reached is for the verifier to say, in either case.
    """
    replayed = await replay(skill.trace, session, values, act=act)
    return replayed if replayed.ok else await otherwise(replayed)


def told(replayed: Replayed) -> str:
    """What a replay did and where it stopped, for a model that goes on from there."""
    done = [step.words for step in replayed.steps if step.outcome == "same"]
    return json.dumps({"done": done, "stopped": replayed.line()}, ensure_ascii=False)


def _site(trace: Trace) -> str:
    try:
        return str(origin_of(trace.head.url))
    except ValueError:
        raise UnfitSkill(f"it began at {trace.head.url!r}, which is no site") from None

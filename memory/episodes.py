"""Episodic memory: what failed attempts at a task taught, a few lessons a task, newest last.

Lessons live in the object, that is, as long as the process. With a `Memory` behind it those of tasks that
were confirmed in the end can be kept for good (`keep`) and are recalled for the same task (`recall`): the
gate of long-term memory lets nothing else in, so lessons of unconfirmed work end with the process.

Source: Shinn et al. 2023 (Reflexion), arXiv:2303.11366: the last three reflections are given to the actor.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from .records import Provenance, Record, Scope

if TYPE_CHECKING:
    from ..protocols.messages import Confirm
    from .memory import Memory

ALIKE = 0.9
"""Share of common pairs of words from which on two lessons say the same, if their numbers are the same."""

LONGEST = 400
"""Characters of a field of a lesson."""

_WORD = re.compile(r"\w+")


class Lesson(BaseModel):
    """What a failed attempt teaches.

    Attributes:
        error: What went wrong.
        cause: Why.
        change: What to do otherwise; the one thing that a lesson must say.
        evidence: What shows it, out of the attempt.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    error: str = Field(default="", max_length=LONGEST)
    cause: str = Field(default="", max_length=LONGEST)
    change: str = Field(min_length=1, max_length=LONGEST)
    evidence: str = Field(default="", max_length=LONGEST)

    def text(self) -> str:
        """As an actor reads it: what to change, and what went wrong where that is told."""
        wrong = "; ".join(filter(None, (self.error, self.cause)))
        return f"{self.change} (what went wrong: {wrong})" if wrong else self.change

    def statement(self) -> str:
        """As long-term memory keeps it: a line for each field; `read` reads it back."""
        told = ((name, " ".join(str(value).split())) for name, value in self)
        return "\n".join(f"{name}: {value}" for name, value in told if value)

    @classmethod
    def read(cls, statement: str) -> Lesson:
        """A lesson from its statement; words without fields are a change."""
        rows = (line.partition(": ") for line in statement.splitlines())
        told = {name: value for name, colon, value in rows if colon and name in cls.model_fields}
        return cls(**told) if told.get("change") else cls(change=statement[:LONGEST])

    def repeats(self, others: Iterable[Lesson]) -> bool:
        """Whether one of the others says the same, in nearly the same words."""
        mine = _pairs(self.change)
        return any(_alike(mine, _pairs(other.change)) for other in others)


def _pairs(text: str) -> frozenset[tuple[str, str]]:
    """Each word with the one before it: `not in shelf 1, drawer 2` is not `not in drawer 1, shelf 2`."""
    found = _WORD.findall(text.casefold())
    return frozenset(zip(["", *found], found, strict=False))


def _alike(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> bool:
    numbers = ({pair for pair in pairs if any(map(str.isdigit, "".join(pair)))} for pairs in (one, other))
    return next(numbers) == next(numbers) and len(one & other) >= ALIKE * len(one | other)


@dataclass(frozen=True)
class Known:
    """A lesson, and its record where it is from long-term memory."""

    lesson: Lesson
    record: Record | None = None


class EpisodicMemory:
    """Lessons by task.

    Args:
        max_items: How many of a task's lessons are given, the newest ones; 0 gives none.
        memory: Where proven ones are kept beyond the process; None: nowhere.
        scope: Whose they are there; what they are about is the task, so its `key` must be empty.

    Raises:
        ValueError: `max_items` is below 0, or the scope has a key.
    """

    def __init__(
        self, max_items: int = 3, *, memory: Memory | None = None, scope: Scope | None = None
    ) -> None:
        if max_items < 0:
            raise ValueError(f"max_items is {max_items!r}; it must be at least 0.")
        if scope is not None and scope.key:
            raise ValueError(f"The scope's key is {scope.key!r}; leave it empty, lessons are kept by task.")
        self.max_items, self.memory = max_items, memory
        self.scope = scope or Scope.shared()
        self._lessons: dict[str, list[Lesson]] = {}
        self._recalled: dict[str, list[str]] = {}

    def last(self, lessons: Sequence[Lesson]) -> tuple[Lesson, ...]:
        """So many of the newest as are given to an actor."""
        return tuple(lessons[len(lessons) - self.max_items :] if len(lessons) > self.max_items else lessons)

    def add(self, task: str, lesson: Lesson) -> None:
        """Remember a lesson of a task as its newest; one that is known is not kept twice."""
        known = self._lessons.get(task, [])
        self._lessons[task] = [each for each in known if each != lesson] + [lesson]

    def lessons(self, task: str) -> tuple[Lesson, ...]:
        """All lessons of a task that this object knows, oldest first."""
        return tuple(self._lessons.get(task, ()))

    async def recall(self, task: str) -> tuple[Lesson, ...]:
        """The newest lessons of a task, those of long-term memory before those of this process.

        Raises:
            MemoryFault: Long-term memory cannot be used.
        """
        return tuple(known.lesson for known in await self.known(task))

    async def known(self, task: str) -> tuple[Known, ...]:
        """As `recall`, each lesson of long-term memory with its record.

        Raises:
            MemoryFault: Long-term memory cannot be used.
        """
        if not self.max_items:
            return ()
        kept: list[Known] = []
        if self.memory is not None:
            records = await self.memory.records(kinds=("reflection",), scope=self.about(task), holding=True)
            mine = [record for record in records if record.scope.key == _key(task)]
            drawn = {source for record in mine for source in record.provenance.sources}
            kept = [Known(Lesson.read(each.text), each) for each in mine if each.id not in drawn]
            self._recalled[task] = [each.record.id for each in kept[-self.max_items :] if each.record]
        found = [known.lesson for known in kept]
        every = [*kept, *(Known(each) for each in self.lessons(task) if each not in found)]
        return tuple(every[-self.max_items :])

    async def tell(self, task: str, held: bool, recalled: Sequence[str] | None = None) -> None:
        """Tell how the first attempt at a task came out, once after each `recall`; see `Memory.outcome`.

        Args:
            recalled: Ids of the records of long-term memory whose lessons it was given; None: all that were
                recalled.

        Raises:
            MemoryFault: Long-term memory cannot be used.
        """
        last = self._recalled.pop(task, None)
        names = last if recalled is None else recalled
        if self.memory is not None and names is not None:
            await self.memory.outcome("", held, self.about(task), names)

    async def keep(self, task: str, confirm: Confirm, where: Provenance) -> list[Record]:
        """Keep a task's lessons for good, now that the task is confirmed; none without long-term memory.

        Args:
            where: The run, task and attempt in which they were learned, and the check that was not met.

        Raises:
            UnprovenMemory: `confirm` proves nothing.
            MemoryFault: Long-term memory cannot be used.
        """
        if self.memory is None:
            return []
        about = self.about(task)
        return [
            await self.memory.remember(
                Record(kind="reflection", text=lesson.statement(), scope=about, provenance=where), confirm
            )
            for lesson in self.lessons(task)
        ]

    def about(self, task: str) -> Scope:
        """Where a task's lessons lie in long-term memory."""
        return self.scope.model_copy(update={"key": _key(task)})


def _key(task: str) -> str:
    """What stands for a task in a scope's key."""
    return f"task {hashlib.sha256(task.encode('utf-8', 'replace')).hexdigest()[:16]}"

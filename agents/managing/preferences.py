"""What a run's user prefers: recalled once, when its goal is read, and told to whoever plans or thinks.

Where the goal leaves an order open a preference fills it in (`planning.wishes`). A model that reads
instructions is shown the preferences as notes, with its questions of the plan, of tools and of thinking; the
embedded one, which was not trained on them, is not. What a goal chose, once its order is confirmed, is
remembered as a choice, and choices that repeat become a preference while memory is idle.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ...protocols.journal import Journal
from ..jobs import Work
from ..planning.reading import PlannedTask
from ..planning.wishes import as_row, choices_in, fill_in, from_row
from ..recalling import Memo, is_instructed, notes_for
from ..remembering import PREFERRED, Place, Remembering, known_at

if TYPE_CHECKING:
    from ...core_model.generation import Model
    from ...memory import Memory, Record
    from ...protocols.messages import Confirm

PREFERENCE = "preference"
"""What a recall is for, in its row."""

MOST = 20


class NoMemory(RuntimeError):
    """A manager without a memory was asked what its user prefers."""

    def __init__(self) -> None:
        super().__init__("The manager has no memory. Give it one: Manager(..., memory=Memory.open(folder)).")


async def preferred_by(memory: Memory | None, user: str) -> list[Record]:
    """See `Manager.preferences`."""
    from ...memory.records import Scope

    if memory is None:
        raise NoMemory
    return await memory.records(kinds=("preference",), scope=Scope(user=user), holding=True)


async def said_to_prefer(memory: Memory | None, user: str, text: str, instead_of: str, about: str) -> Record:
    """See `Manager.prefer`."""
    from ...memory.records import Provenance, Record, Scope

    if memory is None:
        raise NoMemory
    record = Record(
        kind="preference", text=text, stance="explicit", trust="trusted",
        scope=Scope(user=user, key=about), provenance=Provenance(by="person"),
    )  # fmt: skip
    return await (memory.supersede(instead_of, record) if instead_of else memory.remember(record))


def preferred_rows(tasks: Sequence[PlannedTask]) -> list[tuple[str, JsonValue, int]]:
    """The row that goes with a plan's, where something of it is from preferences."""
    return [(PREFERRED, {"tasks": as_row(tasks)}, 0)] if any(task.wishes for task in tasks) else []


class Known:
    """Preferences as an agent is told them: with no way to memory or journal, so they go where it lives."""

    def __init__(self, known: Sequence[Memo] = ()) -> None:
        self.known = tuple(known)

    def notes(self, model: Model) -> str:
        """What a prompt shows of them; "" for a model that was not trained on them."""
        return notes_for(model, self.known).text if self.known and is_instructed(model) else ""


class Preferences(Known):
    """What one user prefers, as a run knows it.

    Args:
        remembering: Where preferences lie; None: a run without memory, which knows what is on record of it.
        journal, run: Where it is recorded.
        user: Whose they are; empty: those of everybody.
        site: Host that they may be about, beside those about nothing in particular.
    """

    def __init__(
        self, remembering: Remembering | None, journal: Journal, run: str, user: str, site: str
    ) -> None:
        super().__init__()
        self._remembering, self._journal, self._run = remembering, journal, run
        self._user, self._site = user, site

    async def recall(self, goal: str, prefix: str) -> tuple[Memo, ...]:
        """The preferences that fit a goal best, best first; only trusted ones.

        Raises:
            MemoryFault: Memory cannot be used.
        """
        from ...memory import Scope

        place = Place(prefix)
        if self._remembering is None:
            found = known_at(self._journal, self._run, PREFERENCE, place) or []
        else:
            found = await self._remembering.recall(
                PREFERENCE, [goal], Scope(user=self._user, key=self._site), place,
                k=MOST, kinds=("preference",), trusted=True, pick=partial(_about, site=self._site),
            )  # fmt: skip
        self.known = tuple(found)
        return self.known

    def fill_in(self, goal: str, tasks: Sequence[PlannedTask]) -> tuple[PlannedTask, ...]:
        """The tasks with what the goal leaves open and a preference says."""
        return fill_in(goal, tasks, self.known)

    def as_recorded(self, tasks: Sequence[PlannedTask], prefix: str) -> tuple[PlannedTask, ...]:
        """The tasks as they were filled in when they were planned."""
        for row in self._journal.rows(self._run, kinds=(PREFERRED,), task=prefix):
            if isinstance(row.body, dict):
                return from_row(tasks, row.body.get("tasks"))
        return tuple(tasks)

    async def keep_choices(self, work: Work, confirm: Confirm, place: Place, task: str) -> list[Record]:
        """Remember what the goal of a confirmed order chose, as an episode of the user; none without a user.

        Out of choices that repeat a job makes a preference (`memory/choices.py`). What was only preferred is
        none: else a preference would prove itself.

        Raises:
            MemoryFault, MemoryRefused: As `Memory.remember`.
        """
        from ...memory import Choice, Provenance, Scope
        from ...memory.records import LONGEST_NAME, kept_name, now

        if self._remembering is None or not self._user or work.stage.name != "details":
            return []
        source = Provenance(run=self._run, task=task, attempt=confirm.attempt)
        session = kept_name(task, LONGEST_NAME)
        records = [
            Choice(what=what, value=value).episode(
                Scope(user=self._user), happened=now(), session=session, trust="trusted", provenance=source
            )
            for what, value in choices_in(work.facts)
        ]
        return [await self._remembering.remember(record, confirm, place) for record in records]


def _about(found: Sequence[Memo], site: str) -> list[Memo]:
    return [memo for memo in found if memo.key in ("", site)]

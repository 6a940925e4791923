"""What a search did, event by event, and what its model said: the record from which it is resumed and shown.

Rows are events of the tree ("tree") and answers of model and tools ("thought"), with each prompt once, in a
row of its own ("prompt") that the answers name by its hash. A search is a
deterministic function of these answers. So it is resumed by running it again: what is recorded is not asked
again, the events come out the same and are not written twice, and from there on it simply goes on. Events of
one scope come in one order; those of searches side by side may mix in any.

Does not cover: wall-clock limits. A run that one of them cut may get further when it is resumed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Self, cast

from pydantic import JsonValue

from ...protocols.journal import Journal
from ...protocols.messages import new_id
from ...protocols.outcome import Cost
from ..budget import answer_cost

EVENT, ANSWER, CUT, PROMPT = "tree", "thought", "tree_cut", "prompt"
"""Kinds of the journal's rows. A cut takes back the events behind the first so many."""

HALTED = "halted"
"""The event with which a spent budget or a stop ends a search. What is told behind it is only the way out, so
a search that is resumed and gets further takes it back."""


@dataclass(frozen=True)
class TraceEvent:
    """One thing that happened in a search.

    Attributes:
        what: "began", "node", "scored", "closed", "reflected", "trial", "failed", "halted", "stopped", ...
        scope: Which search: "" is the outermost, "trial 2/" one inside it.
        node: Id of the node that it is about, "" for the root or none.
        body: What there is to tell; depends on `what`.
    """

    what: str
    scope: str = ""
    node: str = ""
    body: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])

    def row(self) -> dict[str, JsonValue]:
        """As it stands in a journal."""
        return {"what": self.what, "scope": self.scope, "node": self.node, **self.body}

    @classmethod
    def read(cls, row: dict[str, JsonValue]) -> TraceEvent:
        """From a journal's row."""
        rest = {name: value for name, value in row.items() if name not in ("what", "scope", "node")}
        return cls(str(row["what"]), str(row["scope"]), str(row["node"]), rest)


class TraceDiverged(RuntimeError):
    """A search that is resumed does something else than its record says."""

    def __init__(self, recorded: TraceEvent, now: TraceEvent) -> None:
        self.recorded, self.now = recorded, now
        super().__init__(
            f"The record says {recorded.what!r} at node {recorded.node!r} (scope {recorded.scope!r}), "
            f"but now {now.what!r} at {now.node!r} comes out. Resume with the same problem, strategy, model, "
            "seed and limits that it was begun with, or begin a new run."
        )


class TracePruned(TraceDiverged):
    """The events of a search that is to be resumed were taken out of the journal."""

    def __init__(self, run: str, now: TraceEvent) -> None:
        self.recorded, self.now = TraceEvent("pruned", now.scope), now
        RuntimeError.__init__(
            self,
            f"The events of this search were pruned from the journal (run {run!r}), so it cannot be resumed. "
            "Begin a new run, or resume from a copy of the journal that was not pruned.",
        )


class Trace:
    """The record of one or more searches; in memory, or in a journal, where a SIGKILL cannot lose it.

    Args:
        journal: Where to keep it; None keeps it in memory alone.
        run, task, attempt: Under what it is kept there.
    """

    def __init__(
        self, journal: Journal | None = None, run: str = "", task: str = "", attempt: int = 0
    ) -> None:
        self.journal, self.run, self.task, self.attempt = journal, run, task, attempt
        self.listeners: list[Callable[[TraceEvent], None]] = []
        self._events: list[TraceEvent] = []
        self._told: list[TraceEvent] = []
        self._ahead: dict[str, deque[int]] = {}
        self._answers: dict[str, dict[str, JsonValue]] = {}
        self._prompts: dict[str, JsonValue] = {}
        self._pruned = False
        if journal is not None:
            self._read(journal)

    @classmethod
    def open(cls, path: Path | str, goal: str = "a search") -> Self:
        """A trace in a file of its own, begun or gone on with; close it, or use it in a `with` statement.

        Raises:
            JournalError: The file cannot be written, is damaged, or another process has it.
        """
        journal = Journal.open(path)
        runs = journal.runs()
        run = runs[-1].run if runs else new_id()
        journal.begin(run, goal.encode("utf-8", "replace").decode())  # half of a character is no text there
        return cls(journal, run)

    def close(self) -> None:
        """Close the journal."""
        if self.journal is not None:
            self.journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def events(self) -> list[TraceEvent]:
        """All events so far; in a search that is resumed, only as far as it has come again."""
        return list(self._told)

    def all_events(self) -> list[TraceEvent]:
        """All events on record, also those that a resumed search has not come to yet."""
        return list(self._events)

    def repeats(self, scope: str) -> bool:
        """Whether the next event of this scope should be on record already."""
        return bool(self._ahead.get(scope))

    def answers(self) -> Iterator[dict[str, JsonValue]]:
        """All recorded answers, in the order in which they were given, each with its prompt if it has one."""
        for answer in self._answers.values():
            prompt = answer.get("prompt")
            yield answer if not isinstance(prompt, str) else answer | {"prompt": self._prompts.get(prompt)}

    def cost(self) -> Cost:
        """What the answers on record have cost; a search that is resumed begins with it."""
        return sum((answer_cost(answer) for answer in self._answers.values()), Cost())

    def add(self, what: str, *, scope: str = "", node: str = "", **body: JsonValue) -> None:
        """Record an event, or find it on record.

        Raises:
            TraceDiverged: Something else is on record, or it was pruned.
            JournalError: It cannot be written.
        """
        event = TraceEvent(what, scope, node, cast("dict[str, JsonValue]", _plain(body)))
        if self._pruned:
            raise TracePruned(self.run, event)
        ahead = self._ahead.get(scope)
        if ahead and self._events[ahead[0]] != event:
            self._take_back(ahead[0], event)
            ahead = None
        if ahead:
            ahead.popleft()
        else:
            self._append(event)
        self._told.append(event)
        for listener in self.listeners:
            listener(event)

    def recorded(self, key: str) -> dict[str, JsonValue] | None:
        """The answer on record under `key`; of its prompt only the hash."""
        return self._answers.get(key)

    def record(self, key: str, answer: dict[str, JsonValue]) -> None:
        """Keep an answer before anything is made of it. Numbers that JSON does not have become texts."""
        answer = cast("dict[str, JsonValue]", _plain(answer))
        if isinstance(answer.get("prompt"), list):
            answer["prompt"] = self._prompt(answer["prompt"])
        self._write(ANSWER, answer, key)
        self._answers[key] = answer

    def _prompt(self, turns: JsonValue) -> str:
        """The hash under which a prompt is on record; it is written where it is not."""
        mark = hashlib.sha256(json.dumps(turns).encode()).hexdigest()[:32]
        if mark not in self._prompts:
            self._write(PROMPT, {"turns": turns}, mark)
            self._prompts[mark] = turns
        return mark

    def _append(self, event: TraceEvent) -> None:
        self._write(EVENT, event.row())
        self._events.append(event)

    def _take_back(self, place: int, event: TraceEvent) -> None:
        """Forget the way out of a search that was halted; `event` comes instead of what is at `place`."""
        coming = {number for numbers in self._ahead.values() for number in numbers}
        halts = (number for number in sorted(coming) if self._events[number].what == HALTED)
        cut = next(halts, len(self._events))
        if place < cut:
            raise TraceDiverged(self._events[place], event)
        again = [self._events[number] for number in range(cut, len(self._events)) if number not in coming]
        self._write(CUT, {"kept": cut})
        del self._events[cut:]
        for scope, numbers in self._ahead.items():
            self._ahead[scope] = deque(number for number in numbers if number < cut)
        for told in again:
            self._append(told)

    def _write(self, kind: str, body: dict[str, JsonValue], key: str = "") -> None:
        if self.journal is not None:
            self.journal.append(kind, body, run=self.run, task=self.task, attempt=self.attempt, key=key)

    def _read(self, journal: Journal) -> None:
        for row in journal.rows(self.run, kinds=(EVENT, ANSWER, CUT, PROMPT), task=self.task):
            if row.attempt != self.attempt or not isinstance(row.body, dict):
                continue
            body = cast("dict[str, Any]", row.body)
            if body.get("pruned") is True:  # an answer is asked for again; events cannot be
                self._pruned = self._pruned or row.kind in (EVENT, CUT)
            elif row.kind == EVENT:
                self._events.append(TraceEvent.read(body))
            elif row.kind == CUT:
                del self._events[body["kept"] :]
            elif row.kind == PROMPT:
                self._prompts[row.key] = body["turns"]
            else:
                self._answers[row.key] = body
        if self._pruned:  # what is left is no tree
            self._events.clear()
        for number, event in enumerate(self._events):
            self._ahead.setdefault(event.scope, deque()).append(number)


def _plain(value: Any) -> JsonValue:
    """A value as it comes back from a journal, so that what is on record equals what is told."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) else str(number)
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("list[Any]", value)]
    return cast("JsonValue", value)

"""What a search did, event by event, and what its model said: the record from which it is resumed and shown.

Two kinds of rows: events of the tree ("tree") and answers of model and tools ("thought"). A search is a
deterministic function of these answers. So it is resumed by running it again: what is recorded is not asked
again, the events come out the same and are not written twice, and from there on it simply goes on.

Does not cover: wall-clock limits. A run that one of them cut may get further when it is resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

from pydantic import JsonValue

from ...protocols.journal import Journal
from ...protocols.messages import new_id
from ...protocols.outcome import Cost

EVENT, ANSWER = "tree", "thought"
"""Kinds of the journal's rows."""


@dataclass(frozen=True)
class TraceEvent:
    """One thing that happened in a search.

    Attributes:
        what: "began", "node", "scored", "pruned", "expanded", "reflected", "trial", "tool", "stopped", ...
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


def answer_cost(answer: Mapping[str, JsonValue]) -> Cost:
    """What an answer on record cost: tokens read for it and generated. Calls of tools cost no tokens."""
    if "name" in answer:
        return Cost(tool_calls=1)
    read, tokens = answer.get("read"), answer.get("tokens")
    return Cost(
        tokens=(read if isinstance(read, int) else 0) + (tokens if isinstance(tokens, int) else 0),
        model_calls=1,
    )


class TraceDiverged(RuntimeError):
    """A search that is resumed does something else than its record says."""

    def __init__(self, recorded: TraceEvent, now: TraceEvent) -> None:
        self.recorded, self.now = recorded, now
        super().__init__(
            f"The record says {recorded.what!r} at node {recorded.node!r} (scope {recorded.scope!r}), "
            f"but now {now.what!r} at {now.node!r} comes out. Resume with the same problem, strategy, model, "
            "seed and limits that it was begun with, or begin a new run."
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
        self._answers: dict[str, dict[str, JsonValue]] = {}
        self._told = 0
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
        journal.begin(run, goal)
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
        return self._events[: self._told]

    def all_events(self) -> list[TraceEvent]:
        """All events on record, also those that a resumed search has not come to yet."""
        return list(self._events)

    def answers(self) -> Iterator[dict[str, JsonValue]]:
        """All recorded answers, in the order in which they were given."""
        return iter(self._answers.values())

    def cost(self) -> Cost:
        """What the answers on record have cost; a search that is resumed begins with it."""
        return sum((answer_cost(answer) for answer in self._answers.values()), Cost())

    def add(self, what: str, *, scope: str = "", node: str = "", **body: JsonValue) -> None:
        """Record an event, or find it on record.

        Raises:
            TraceDiverged: Something else is on record.
            JournalError: It cannot be written.
        """
        event = TraceEvent(what, scope, node, body)
        if self._told < len(self._events):
            if self._events[self._told] != event:
                raise TraceDiverged(self._events[self._told], event)
        else:
            self._events.append(event)
            self._write(EVENT, event.row())
        self._told += 1
        for listener in self.listeners:
            listener(event)

    def recorded(self, key: str) -> dict[str, JsonValue] | None:
        """The answer on record under `key`."""
        return self._answers.get(key)

    def record(self, key: str, answer: dict[str, JsonValue]) -> None:
        """Keep an answer before anything is made of it."""
        self._answers[key] = answer
        self._write(ANSWER, answer, key)

    def _write(self, kind: str, body: dict[str, JsonValue], key: str = "") -> None:
        if self.journal is not None:
            self.journal.append(kind, body, run=self.run, task=self.task, attempt=self.attempt, key=key)

    def _read(self, journal: Journal) -> None:
        for row in journal.rows(self.run, kinds=(EVENT, ANSWER)):
            if (row.task, row.attempt) != (self.task, self.attempt) or not isinstance(row.body, dict):
                continue
            body = cast("dict[str, Any]", row.body)
            if row.kind == EVENT:
                self._events.append(TraceEvent.read(body))
            else:
                self._answers[row.key] = body

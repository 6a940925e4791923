"""Memory as a run uses it: everything that is recalled, kept or weighed is a row of the run's journal.

| row | tells |
|---|---|
| `recalled` | what for, the queries, and what was found: ids, scores, words, labels |
| `remembered` | id, kind and words of a record, and the confirm that proves it |
| `preferred` | what the plan takes from the user's preferences where the goal leaves it open |
| `noted` | what an agent noted in an attempt; it is kept when its task is confirmed, and else nowhere |
| `forgotten` | id of a record that an agent forgot, as a person allowed |
| `weighed` | how a check came out, and the record that was in the prompt, if there was one |

A run that is resumed reads what was recalled out of its rows and asks memory nothing anew. What is weighed
is on record before memory is told, so that it counts once at most.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..protocols.journal import Journal
from .recalling import Memo, memos_of

if TYPE_CHECKING:
    from pydantic import JsonValue

    from ..memory import Memory
    from ..memory.records import Kind, Record, Scope
    from ..protocols.messages import Confirm
    from .reasoning.thinking import Thinking

RECALLED, REMEMBERED, WEIGHED = "recalled", "remembered", "weighed"
NOTED, FORGOTTEN, PREFERRED = "noted", "forgotten", "preferred"
ROWS = (RECALLED, REMEMBERED, WEIGHED, NOTED, FORGOTTEN, PREFERRED)
"""Kinds of rows that tell what a run did with memory."""


@dataclass(frozen=True)
class Place:
    """Where in a run something is recalled or kept.

    Attributes:
        task: Of the run; "" for the run itself.
        attempt: From 1; 0 where there is none.
        generation: Of the task.
        lost: Attempts of it that were lost with their process: what they recalled is recalled.
    """

    task: str = ""
    attempt: int = 0
    generation: int = 1
    lost: int = 0

    def key(self, what: str) -> str:
        """Under which a row is found again by a process after this one."""
        trial = max(0, self.attempt - self.lost)
        return f"{what} {self.task} {self.generation}.{trial}"


def recalled_body(
    what: str, queries: Sequence[str], found: Sequence[Memo], used: Sequence[Memo]
) -> dict[str, JsonValue]:
    """What a row tells of a recall: what for, the queries, all that was found with scores, what is used."""
    return {
        "what": what, "queries": [*queries], "used": [memo.as_json() for memo in used],
        "found": {memo.id: memo.score for memo in found},
    }  # fmt: skip


def weighed_body(memo: Memo | None, held: bool, check: str) -> dict[str, JsonValue]:
    """What a row tells once a check came out, with something in the prompt or without."""
    told: dict[str, JsonValue] = {} if memo is None else {"id": memo.id, "text": memo.text}
    return {**told, "held": held, "check": check}


def journalled(thinking: Thinking, kind: str, body: Mapping[str, JsonValue]) -> None:
    """A row about memory out of a search; a search that is kept in no journal has none."""
    trace = thinking.trace
    if trace.journal is not None:
        task = trace.task.partition("#")[0]
        trace.journal.append(kind, dict(body), run=trace.run, task=task, attempt=trace.attempt)


def known_at(journal: Journal, run: str, what: str, place: Place) -> list[Memo] | None:
    """What was recalled at a place before; None where nothing is on record."""
    key = place.key(what)
    for row in journal.rows(run, kinds=(RECALLED,), task=place.task):
        if row.key == key and isinstance(row.body, dict):
            return memos_of(row.body.get("used"))
    return None


@dataclass(frozen=True)
class Remembering:
    """A memory with a run's journal around it.

    Attributes:
        run: Recorded as where things were learned.
    """

    memory: Memory
    journal: Journal
    run: str

    async def recall(
        self,
        what: str,
        queries: Sequence[str],
        scope: Scope,
        place: Place,
        *,
        k: int = 5,
        kinds: Collection[Kind] | None = None,
        trusted: bool = False,
        near_words: bool = False,
        pick: Callable[[list[Memo]], list[Memo]] = list,
    ) -> list[Memo]:
        """What answers the queries, all of them together, best first; from the journal where it is there.

        Args:
            what: What it is for; one recall for it at each place.
            k: How many records are looked at.
            near_words: See `Memory.recall_all`.
            pick: Chooses those of them that are used.

        Raises:
            MemoryFault: Memory cannot be used.
        """
        key = place.key(what)
        known = known_at(self.journal, self.run, what, place)
        if known is not None:
            return known
        asked = list(dict.fromkeys(query for query in queries if query.strip()))
        found = [
            Memo.of(each)
            for each in await self.memory.recall_all(
                asked, k, kinds, scope, trusted=trusted, near_words=near_words
            )
        ]
        memos = pick(found)
        body = recalled_body(what, asked, found, memos)
        self.journal.append(RECALLED, body, run=self.run, task=place.task, attempt=place.attempt, key=key)
        return memos

    async def remember(self, record: Record, proof: Confirm | None, place: Place) -> Record:
        """Keep a record; see `Memory.remember` for what it refuses."""
        kept = await self.memory.remember(record, proof)
        body: dict[str, JsonValue] = {
            "id": kept.id, "kind": kept.kind, "text": kept.text, "trust": kept.trust, "seen": kept.seen,
            "check": kept.provenance.check,
        }  # fmt: skip
        if proof is not None:
            body["proof"] = {"attempt": proof.attempt, "artifact": proof.artifact_hash}
        self.journal.append(REMEMBERED, body, run=self.run, task=place.task, attempt=place.attempt)
        return kept

    async def weigh(
        self, memo: Memo | None, held: bool, check: str, scope: Scope, name: str, place: Place
    ) -> None:
        """Tell memory how a check came out; once for a place, resumed or not.

        Args:
            memo: What was in the prompt; None: nothing, so that it counts as how it comes out by itself.
            check: What was looked at, in words.
            scope: Where the lessons of the check lie.
            name: Of the check, as `Memory.outcome` takes it.

        Raises:
            MemoryFault: Memory cannot be used.
        """
        key = place.key(f"{WEIGHED} {'' if memo is None else memo.id}")
        rows = self.journal.rows(self.run, kinds=(WEIGHED,), task=place.task)
        if any(row.key == key for row in rows):
            return
        body = weighed_body(memo, held, check)
        self.journal.append(WEIGHED, body, run=self.run, task=place.task, attempt=place.attempt, key=key)
        await self.memory.outcome(name, held, scope, [] if memo is None else [memo.id])

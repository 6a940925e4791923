"""What a run is made of: tasks of the protocol, and the joins that hold some of them together.

A planner makes jobs out of a goal (`families`), a program out of a `Plan`. `Board` decides which may begin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from pydantic import JsonValue

from ..protocols.spec import Spec
from .steps import Stage

Results = Mapping[str, JsonValue]
"""Results of confirmed jobs and joins by id."""

SYNC = "sync"
"""Kind of the journal's rows that tell what a join or a lock decided."""


@dataclass(frozen=True)
class Work:
    """A job made concrete: what to do, and what proves it.

    Attributes:
        facts: What is kept with the confirmed result, under its fields.
        inputs: What the job gets of the results before it.
    """

    stage: Stage
    spec: Spec
    facts: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Job:
    """One task of the protocol, before it is assigned.

    Attributes:
        id: `2.place`: number of the planned task and stage; of a plan, the name that the program gave it.
        title: For people.
        lane: Jobs of one lane share a browsing session, one after another.
        after: Jobs and joins whose confirmed results it needs.
        make: Builds stage and spec out of those results.
        needs: What a worker must have: `browser`, `tools` or `strategy`; "" for what anybody can do.
        irreversible: Its last step cannot be undone; before another attempt the world is asked first.
        worker: Who is to do it; "" leaves that to skills and load.
        skills: What a worker must have declared.
        locks: Names of what no two jobs use at once.
        attempts: Attempts that may come to nothing; None: those of the run.
        tokens: Model tokens that it may use; None: those of the run.
        money: What its models and tools may cost; None: what the run's may.
        seconds: After so long an attempt is broken off; None: with the run's.
        spec: Hash of its spec, where that is known before it begins.
    """

    id: str
    title: str
    lane: str
    after: tuple[str, ...]
    make: Callable[[Results], Work]
    needs: str = "browser"
    irreversible: bool = False
    worker: str = ""
    skills: frozenset[str] = frozenset()
    locks: tuple[str, ...] = ()
    attempts: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    spec: str = ""
    money: Decimal | None = None


JoinKind = Literal["gather", "first_of", "barrier"]
"""How jobs meet, see `Join`."""


@dataclass(frozen=True)
class Join:
    """A point where jobs meet.

    Attributes:
        what: `gather` ends when all of them are confirmed, and its result is the list of theirs; `first_of`
            with the first that is confirmed, whose result it has; the others are called off. A `barrier` is a
            `gather` without a result.
        of: Ids of jobs and joins.
    """

    id: str
    what: JoinKind
    of: tuple[str, ...]


def needless(
    parts: Mapping[str, object], users: Mapping[str, Sequence[str]], won: Mapping[str, str]
) -> frozenset[str]:
    """Parts that nothing needs any more, since each `first_of` that would use them has another result.

    Args:
        parts: By name, users behind what they use.
        users: Of each part, what waits for it.
        won: Of each `first_of` that was decided, the part that was first.
    """
    found = set[str]()
    for name in reversed(list(parts)):
        waiting = users.get(name, ())
        if waiting and all(user in found or won.get(user, name) != name for user in waiting):
            found.add(name)
    return frozenset(found)

"""The parts of the explorer's world: bounds, configurations, parties, and what is under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .manager_rules import MANAGER_RULES, ManagerRule
from .messages import (
    Anomaly,
    CriterionText,
    Envelope,
    Finding,
    SpecText,
    Verdict,
)
from .tasks import (
    Event,
    ManagerTask,
    WorkerTask,
)
from .worker_rules import WORKER_RULES, WorkerRule

RUN = "run"
SPEC = SpecText(
    criteria=(
        CriterionText(name="a", type="check", text="a"),
        CriterionText(name="b", type="judge", text="b"),
    ),
    hash="spec",
)
Verdicts = Literal["pass", "fail", "anomaly", "cannot_check", "half", "nonsense"]
Fault = Literal["loss", "duplicate", "delay", "hurry", "crash", "alarm", "verifier", "amnesia"]
GiveUp = Literal["fails", "fails for good", "declines"]
Act = Literal["pause", "cancel", "take_over", "reopen"]


@dataclass(frozen=True)
class Reducers:
    """The pair of tables to explore; the shipped ones by default."""

    name: str = "shipped"
    manager: Mapping[tuple[str, str], ManagerRule] = field(default_factory=lambda: MANAGER_RULES)
    worker: Mapping[tuple[str, str], WorkerRule] = field(default_factory=lambda: WORKER_RULES)


@dataclass(frozen=True)
class Bounds:
    """How large a world to explore.

    Attributes:
        workers: Workers that the task can be given to.
        attempts: Attempts per generation; one less is the number of redos.
        resends: Repetitions before a silent partner counts as lost, on either side.
        breakdowns: Failures of the verifier tolerated per attempt.
        resolves: Anomalies argued per attempt.
        asks: Questions a worker may ask per attempt.
        faults: Faults in one run, of all kinds together.
        losses: Orders that may be lost with their worker, or None for as many as there can be faults.
        kinds: Which: a message is lost, arrives twice, or arrives after it has lost its meaning
            (`delay`; up to then any order of delivery is free); a timer runs out although a
            message is still under way (`hurry`; otherwise only in silence); a party dies between any two
            steps or between the journal and the effects, noticed or not; a living worker is
            taken for lost (`alarm`); the verifier is; a worker comes back without memory.
        acts: Interventions of a person in one run.
        act_kinds: Which.
        budget: Attempts that the budget pays for, or None.
        attended: A person decides about what cannot be checked, and about the last attempt's failures.
        child: The task has a subtask, with a worker of its own.
        give_up: How else than by a report work may end.
        verdicts: What the verifier may say.
        most: Configurations at most; more is reported as a violation.
    """

    workers: int = 2
    attempts: int = 4
    resends: int = 1
    breakdowns: int = 1
    resolves: int = 1
    asks: int = 0
    faults: int = 1
    losses: int | None = None
    kinds: tuple[Fault, ...] = ("loss", "duplicate", "delay", "hurry", "crash", "alarm", "verifier")
    acts: int = 0
    act_kinds: tuple[Act, ...] = ("pause", "cancel", "take_over", "reopen")
    budget: int | None = None
    attended: bool = False
    child: bool = False
    give_up: tuple[GiveUp, ...] = ("fails", "declines")
    verdicts: tuple[Verdicts, ...] = ("pass", "fail", "anomaly", "cannot_check", "half")
    most: int = 2_000_000


class Config(NamedTuple):
    """One configuration; every number but the last two is an index."""

    managers: tuple[int, ...]
    workers: tuple[int, ...]
    watches: tuple[int, ...]
    flight: frozenset[int]
    delayed: frozenset[int]
    faults: int
    acts: int


@dataclass(frozen=True)
class ManagerParty:
    """A manager's task, the decision it owes, and whether its timer runs."""

    state: ManagerTask
    owes: str = ""
    armed: bool = False


@dataclass(frozen=True)
class WorkerParty:
    """A worker's task, whether work is in progress, and whether its timer runs."""

    state: WorkerTask
    running: bool = False
    armed: bool = False


@dataclass(frozen=True)
class Parcel:
    """Something under way: to whom, what, and for a verification what it is about.

    Attributes:
        to: ("manager" or "verifier", task) or ("worker", its number).
        event: An envelope, or the notice that a worker was lost.
        about: `artifact_hash` of what a verify or resolve is about.
        lossy: Whether the network can lose it; what stays in one process it cannot.
    """

    to: tuple[str, int]
    event: Event
    about: str = ""
    lossy: bool = True


class Move(NamedTuple):
    """One step from a configuration: what happened, how it counts, and where it leads.

    `sort` is "normal", "beat" (a sign of life), "fault" or "act" (of a person).
    """

    label: str
    sort: str
    target: Config | None
    broken: tuple[str, ...]


class Stepped(NamedTuple):
    """What one step of a reducer came to, in indices; `started` counts beginnings of work."""

    party: int
    sends: tuple[int, ...]
    watch: int
    broken: tuple[str, ...]
    supersedes: int
    started: int


def verdict_on(inquiry: Event, about: str, says: Verdicts) -> Envelope:
    """What a verifier may answer; every finding names the artifact that it is about."""
    if not isinstance(inquiry, Envelope):
        raise TypeError(f"{inquiry!r} is not a verification request")
    outcomes: dict[str, str] = {"a": "pass", "b": "pass"}
    if says == "fail":
        outcomes["b"] = "fail"
    elif says == "cannot_check":
        outcomes["b"] = "cannot_check"
    elif says == "half":
        del outcomes["a"]
    elif says == "nonsense":
        outcomes["c"] = "pass"
    anomalies = (Anomaly.of(".", "odd"),) if says == "anomaly" else ()
    findings = tuple(
        Finding.model_validate({"criterion": name, "outcome": outcome, "evidence": (about,)})
        for name, outcome in outcomes.items()
    )
    return Envelope(
        id=f"{inquiry.id}.{about[:8]}.{says}",
        run=RUN,
        task=inquiry.task,
        attempt=inquiry.attempt,
        generation=inquiry.generation,
        sender="verifier",
        recipient="manager",
        sent_at=0.0,
        in_reply_to=inquiry.id,
        body=Verdict(anomalies=anomalies, findings=findings),
    )

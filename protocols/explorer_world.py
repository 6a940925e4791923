"""The world that the explorer walks: real reducers, a network that misbehaves, people, and crashes.

A configuration is a tuple of small integers, each the index of a state, a message or a
watch that was met before; what a reducer does to a state is computed once and remembered.
Ids of messages follow from their place (`message_id`), times are zero and timers have one
name, so configurations that differ in nothing else are one.

What this does not cover: a party that lies within the rules (that is the verifier's
business), and faults beyond the bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from pydantic import ValidationError

from .errors import ProtocolViolation
from .invariants import Watch, manager_step, worker_step
from .manager_rules import MANAGER_RULES, ManagerRule, advance_manager, classify
from .manager_steps import wake_manager
from .messages import (
    Anomaly,
    Answer,
    Ask,
    Assign,
    Cancel,
    CriterionText,
    Decline,
    Envelope,
    Evidence,
    Failed,
    Finding,
    HandBack,
    Redo,
    Report,
    Resolve,
    SpecText,
    TakeOver,
    Verdict,
    Verify,
    Waive,
    artifact_hash,
)
from .tasks import (
    TERMINAL,
    Child,
    Decide,
    Effect,
    Event,
    Limits,
    ManagerTask,
    Patience,
    Pause,
    PersonAct,
    Reopen,
    Resume,
    Schedule,
    Send,
    StartWork,
    StopWork,
    Supersede,
    Tick,
    VerifierLost,
    WorkerLost,
    WorkerTask,
    draft,
)
from .worker_rules import WORKER_RULES, WorkerRule, advance_worker

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
        kinds: Which: a message is lost, arrives twice, or arrives after it has lost its meaning
            (`delay`; up to then any order of delivery is free); a timer runs out although a
            message is still under way (`hurry`; otherwise only in silence); a party dies between any two
            steps or between the journal and the effects, noticed or not; a living worker is
            taken for lost (`alarm`); the verifier is; a worker comes back without memory.
        acts: Interventions of a person in one run.
        act_kinds: Which.
        budget: Attempts that the budget pays for, or None.
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
    kinds: tuple[Fault, ...] = ("loss", "duplicate", "delay", "hurry", "crash", "alarm", "verifier")
    acts: int = 0
    act_kinds: tuple[Act, ...] = ("pause", "cancel", "take_over", "reopen")
    budget: int | None = None
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


class _Stepped(NamedTuple):
    party: int
    sends: tuple[int, ...]
    watch: int
    broken: tuple[str, ...]
    supersedes: int
    started: int


class World:
    """Configurations of one pair of reducers within bounds, and the moves between them."""

    def __init__(self, bounds: Bounds, reducers: Reducers) -> None:
        self.bounds, self.reducers = bounds, reducers
        self.rows: set[tuple[str, str, str, str]] = set()
        self.managers: list[ManagerParty] = []
        self.workers: list[WorkerParty] = []
        self.watches: list[Watch] = []
        self.parcels: list[Parcel] = []
        self.about_task: list[int] = []
        self._indices: dict[object, int] = {}
        self._manager_memo: dict[object, _Stepped] = {}
        self._worker_memo: dict[object, _Stepped] = {}
        self._event_numbers: dict[int, int] = {}
        self._events: list[Event] = []
        self._same: dict[Event, Event] = {}
        self._verdict_memo: dict[int, tuple[int, ...]] = {}
        self._moves_memo: dict[object, tuple[tuple[str, str, Event], ...]] = {}
        names = ["w0", "w1", "w2"][: bounds.workers]
        self.team: list[tuple[int, str]] = [(0, name) for name in names]
        if bounds.child:
            self.team = [(0, "w0"), (1, "w1")]

    # --- indices ----------------------------------------------------------------------

    def _index(self, thing: ManagerParty | WorkerParty | Watch | Parcel) -> int:
        found = self._indices.get(thing)
        if found is None:
            shelf: list[object] = {  # pyright: ignore[reportAssignmentType]
                ManagerParty: self.managers, WorkerParty: self.workers, Watch: self.watches, Parcel: self.parcels,
            }[type(thing)]  # fmt: skip
            found = self._indices[thing] = len(shelf)
            if isinstance(thing, Parcel):
                self.about_task.append(self.team[thing.to[1]][0] if thing.to[0] == "worker" else thing.to[1])
            shelf.append(thing)
        return found

    def start(self) -> Config:
        """The configuration in which nothing has happened."""
        bounds = self.bounds
        limits = Limits(
            attempts=bounds.attempts,
            losses=bounds.faults,
            resends=bounds.resends,
            breakdowns=bounds.breakdowns,
            resolves=bounds.resolves,
            asks=bounds.asks,
            budget=bounds.budget,
        )
        tasks = [ManagerTask(RUN, "t0", SPEC, limits=limits)]
        if bounds.child:
            tasks = [
                ManagerTask(RUN, "t0", SPEC, limits=limits, children=(Child("t1"),)),
                ManagerTask(RUN, "t1", SPEC, limits=limits, parent="t0", owner="manager"),
            ]
        patience = Patience(resends=bounds.resends)
        workers = [WorkerTask(RUN, tasks[task].task, name, patience) for task, name in self.team]
        return Config(
            tuple(self._index(ManagerParty(task, owes="assign")) for task in tasks),
            tuple(self._index(WorkerParty(worker)) for worker in workers),
            tuple(self._index(Watch()) for _ in tasks),
            frozenset(),
            frozenset(),
            bounds.faults,
            bounds.acts,
        )

    def at_rest(self, config: Config) -> bool:
        """Whether every task has ended and every worker is idle."""
        return all(self.managers[m].state.status in TERMINAL for m in config.managers) and all(
            self.workers[w].state.status == "idle" for w in config.workers
        )

    # --- moves ------------------------------------------------------------------------

    def moves(self, config: Config) -> Iterator[Move]:
        """Everything that can happen next."""
        for move in self._moves(config):
            if self.bounds.child and move.target and self._orphaned(move.target):
                move = move._replace(broken=(*move.broken, "parent_before_child"))
            if move.target is None or (move.target.flight == config.flight and move.sort == "beat"):
                yield move
            else:
                yield from self._settled(move, move.target)

    def _orphaned(self, config: Config) -> bool:
        parent, child = (self.managers[number].state.status for number in config.managers)
        return parent == "confirmed" and child != "confirmed"

    def _settled(self, move: Move, config: Config) -> Iterator[Move]:
        """Deliver at once what changes nothing; each such message may be delayed instead, as a fault."""
        idle = [parcel for parcel in config.flight if self._changes_nothing(config, parcel)]
        if not idle:
            yield move
            return
        clean = config._replace(flight=config.flight.difference(idle))
        yield move._replace(target=clean)
        if clean.faults and "delay" in self.bounds.kinds:
            for parcel in idle:
                if parcel not in clean.delayed:
                    late = clean._replace(delayed=clean.delayed | {parcel}, faults=clean.faults - 1)
                    yield Move(
                        f"{move.label}; delayed: {_name(self.parcels[parcel].event)}", "fault", late, ()
                    )

    def _changes_nothing(self, config: Config, number: int, depth: int = 0) -> bool:
        parcel = self.parcels[number]
        whom, index = parcel.to
        if whom == "manager":
            stepped, party = self._step_manager(config, index, parcel.event), config.managers[index]
        elif whom == "worker":
            stepped, party = self._step_worker(config.workers[index], parcel.event), config.workers[index]
        elif isinstance(parcel.event, Envelope) and isinstance(parcel.event.body, Verify | Resolve):
            return all(
                self._changes_nothing(config, verdict, depth + 1) for verdict in self._verdicts(number)
            )
        else:
            return True
        if stepped.party != party or stepped.broken or stepped.supersedes:
            return False
        return depth < 3 and all(self._changes_nothing(config, send, depth + 1) for send in stepped.sends)

    def _moves(self, config: Config) -> Iterator[Move]:
        for parcel in config.flight:
            yield from self._parcel_moves(config, parcel)
        for parcel in config.delayed:
            left = config._replace(delayed=config.delayed - {parcel})
            yield from self._deliver(left, self.parcels[parcel], "")
        for task, party in enumerate(config.managers):
            for sort, label, event in self._manager_events(task, party):
                if sort == "act" and not config.acts:
                    continue
                timed = self._timed(config, task, sort, event)
                if timed:
                    yield from self._tell_manager(
                        timed, task, event, label, "fault" if timed != config else sort
                    )
            if config.faults and "crash" in self.bounds.kinds:
                yield from self._wake(config._replace(faults=config.faults - 1), task, "manager restarts")
        for worker, party in enumerate(config.workers):
            for sort, label, event in self._worker_events(party):
                timed = self._timed(config, self.team[worker][0], sort, event)
                if timed:
                    yield from self._tell_worker(
                        timed, worker, event, label, "fault" if timed != config else sort
                    )
            yield from self._worker_faults(config, worker)

    def _timed(self, config: Config, task: int, sort: str, event: Event) -> Config | None:
        """What an event costs: a fault for the loss of the verifier, and for a timer in a hurry."""
        early = isinstance(event, Tick) and any(self.about_task[parcel] == task for parcel in config.flight)
        if not early and sort != "fault":
            return config
        if not config.faults or (early and "hurry" not in self.bounds.kinds):
            return None
        return config._replace(faults=config.faults - 1)

    def _parcel_moves(self, config: Config, number: int) -> Iterator[Move]:
        parcel = self.parcels[number]
        left = config._replace(flight=config.flight - {number})
        yield from self._deliver(left, parcel, "")
        if config.faults:
            fewer = config.faults - 1
            if "loss" in self.bounds.kinds and parcel.lossy:
                yield Move(f"lost: {_name(parcel.event)}", "fault", left._replace(faults=fewer), ())
            if "duplicate" in self.bounds.kinds:
                yield from self._deliver(config._replace(faults=fewer), parcel, "duplicate: ")

    def _deliver(self, config: Config, parcel: Parcel, mark: str) -> Iterator[Move]:
        whom, number = parcel.to
        sort, label = ("fault" if mark else "normal"), f"{mark}{_name(parcel.event)}"
        if whom == "manager":
            yield from self._tell_manager(config, number, parcel.event, label, sort)
        elif whom == "worker":
            yield from self._tell_worker(config, number, parcel.event, label, sort)
        elif isinstance(parcel.event, Envelope) and isinstance(parcel.event.body, Verify | Resolve):
            for verdict in self._verdicts(self._index(parcel)):
                target = config._replace(flight=config.flight | {verdict})
                yield Move(f"{label} -> {_name(self.parcels[verdict].event)}", sort, target, ())
        else:
            yield Move(label, sort, config, ())

    def _verdicts(self, number: int) -> tuple[int, ...]:
        """What the verifier may answer to the verification request under this number."""
        found = self._verdict_memo.get(number)
        if found is None:
            parcel = self.parcels[number]
            answers = [_verdict(parcel.event, parcel.about, says) for says in self.bounds.verdicts]
            found = tuple(self._index(Parcel(("manager", parcel.to[1]), answer)) for answer in answers)
            self._verdict_memo[number] = found
        return found

    def _tell_manager(self, config: Config, task: int, event: Event, label: str, sort: str) -> Iterator[Move]:
        stepped = self._step_manager(config, task, event)
        spent = config if sort != "act" else config._replace(acts=config.acts - 1)
        yield Move(label, sort, self._placed(spent, task, stepped), stepped.broken)
        if spent.faults and "crash" in self.bounds.kinds and not stepped.broken:
            # The manager dies after the event was journalled and before any of its effects.
            party = self.managers[stepped.party]
            bare = self._index(replace(party, owes="", armed=False))
            died = spent._replace(
                managers=_put(spent.managers, task, bare),
                watches=_put(spent.watches, task, stepped.watch),
                faults=spent.faults - 1,
            )
            yield from self._wake(died, task, f"{label}, then the manager dies")

    def _wake(self, config: Config, task: int, label: str) -> Iterator[Move]:
        stepped = self._step_manager(config, task, None)
        yield Move(label, "fault", self._placed(config, task, stepped), stepped.broken)

    def _placed(self, config: Config, task: int, stepped: _Stepped) -> Config:
        config = config._replace(
            managers=_put(config.managers, task, stepped.party),
            watches=_put(config.watches, task, stepped.watch),
            flight=config.flight.union(stepped.sends) if stepped.sends else config.flight,
        )
        if stepped.supersedes and self.managers[stepped.party].state.parent:
            act = Reopen(reason="upstream", upstream=f"t{task}", generation=stepped.supersedes)
            told = self._step_manager(config, 0, self._made(_act(act)))
            config = self._placed(config, 0, told)
        return config

    def _tell_worker(
        self, config: Config, worker: int, event: Event, label: str, sort: str
    ) -> Iterator[Move]:
        stepped = self._step_worker(config.workers[worker], event)
        target = config._replace(
            workers=_put(config.workers, worker, stepped.party),
            flight=config.flight.union(stepped.sends) if stepped.sends else config.flight,
        )
        broken = stepped.broken
        if stepped.started and self.bounds.budget is not None:
            task = self.team[worker][0]
            spent = self.managers[target.managers[task]].state.spent + 1
            metered = self._step_manager(target, task, self._made(Tick(now=0.0, spent=spent)))
            target, broken = self._placed(target, task, metered), broken + metered.broken
        yield Move(label, sort, target, broken)
        dies = config.faults and sort == "normal" and "crash" in self.bounds.kinds and not broken
        if dies and stepped.party != config.workers[worker]:
            bare = replace(self.workers[stepped.party], running=False, armed=False)
            died = config._replace(workers=_put(config.workers, worker, self._index(bare)))
            yield from self._restart(died, worker, f"{label}, then the worker dies")

    def _worker_faults(self, config: Config, worker: int) -> Iterator[Move]:
        if not config.faults:
            return
        state = self.workers[config.workers[worker]].state
        if "crash" in self.bounds.kinds and state.status != "idle":
            yield from self._restart(config, worker, f"{state.name} dies")
        if "alarm" in self.bounds.kinds:
            yield self._with_notice(config._replace(faults=config.faults - 1), worker, "false alarm")
        if "amnesia" in self.bounds.kinds and state.attempt:
            fresh = WorkerTask(RUN, state.task, state.name, state.patience)
            forgot = _put(config.workers, worker, self._index(WorkerParty(fresh)))
            target = config._replace(workers=forgot, faults=config.faults - 1)
            yield Move(f"{state.name} dies and forgets", "fault", target, ())

    def _restart(self, config: Config, worker: int, label: str) -> Iterator[Move]:
        name = self.team[worker][1]
        stepped = self._step_worker(
            config.workers[worker], self._made(WorkerLost(now=0.0, worker=name)), died=True
        )
        target = config._replace(
            workers=_put(config.workers, worker, stepped.party),
            flight=config.flight.union(stepped.sends),
            faults=config.faults - 1,
        )
        yield Move(label, "fault", target, stepped.broken)
        yield self._with_notice(target, worker, f"{label}, noticed")

    def _with_notice(self, config: Config, worker: int, label: str) -> Move:
        task, name = self.team[worker]
        notice = Parcel(("manager", task), self._made(WorkerLost(now=0.0, worker=name)), lossy=False)
        return Move(label, "fault", config._replace(flight=config.flight | {self._index(notice)}), ())

    # --- what the parties themselves may do ----------------------------------------------

    def _manager_events(self, task: int, party: int) -> tuple[tuple[str, str, Event], ...]:
        """(sort, label, event) of decisions that are owed, of the timer, and of people."""
        found = self._moves_memo.get(("manager", task, party))
        if found is None:
            found = tuple(self._find_manager_events(task, self.managers[party]))
            self._moves_memo["manager", task, party] = found
        return found

    def _find_manager_events(self, task: int, party: ManagerParty) -> Iterator[tuple[str, str, Event]]:
        state = party.state
        if party.armed:
            yield "normal", "the manager's timer", Tick(now=0.0, timer=state.timer)
        redo = draft(state, Redo(plan=("again",), context="before", feedback="wrong"), 0.0)
        if party.owes in {"assign", "redo"}:
            if state.needs == "redo":
                yield "normal", "decides: redo", redo
            for number, name in self.team:
                if number == task and not (state.needs == "redo" and name == state.worker):
                    order = draft(state, Assign(task="do", spec=SPEC), 0.0, recipient=name)
                    yield "normal", f"decides: assign to {name}", order
        if party.owes == "dispose":
            if state.resolves < state.limits.resolves:
                proof = Evidence(id="e", tool="t")
                yield (
                    "normal",
                    "decides: resolve",
                    draft(state, Resolve(anomaly=state.anomalies[0].id, evidence=(proof,)), 0.0),
                )
            if state.worker:
                yield "normal", "decides: redo", redo
            yield "normal", "a person waives", _act(Waive(anomaly=state.anomalies[0].id, reason="fine"))
        if party.owes == "answer":
            yield "normal", "decides: answer", draft(state, Answer(value="yes"), 0.0)
        if state.status == "verifying" and "verifier" in self.bounds.kinds:
            yield "fault", "the verifier is lost", VerifierLost(now=0.0, verifier=state.verifier)
        yield from self._acts(state)

    def _acts(self, state: ManagerTask) -> Iterator[tuple[str, str, Event]]:
        kinds = self.bounds.act_kinds if self.bounds.acts else ()
        if state.status == "paused":
            yield "normal", "a person resumes", _act(Resume())
        if state.waiting_for == "person" and state.status == "waiting":
            made = HandBack(result=f"person.{state.generation}.{state.attempt}")
            yield "normal", "a person hands back a result", _act(made)
            yield "normal", "a person hands back a part", _act(HandBack(note="half of it"))
        if state.status in TERMINAL:
            if "reopen" in kinds:
                yield "act", "a person re-opens", _act(Reopen(reason="not good"))
            return
        if "cancel" in kinds:
            yield "act", "a person cancels", _act(Cancel(reason="enough"))
        if "pause" in kinds and state.status != "paused":
            yield "act", "a person pauses", _act(Pause())
        if "take_over" in kinds and state.status != "paused" and state.waiting_for != "person":
            yield "act", "a person takes over", _act(TakeOver())

    def _worker_events(self, party: int) -> tuple[tuple[str, str, Event], ...]:
        found = self._moves_memo.get(("worker", party))
        if found is None:
            found = tuple(self._find_worker_events(self.workers[party]))
            self._moves_memo["worker", party] = found
        return found

    def _find_worker_events(self, party: WorkerParty) -> Iterator[tuple[str, str, Event]]:
        state = party.state
        if party.armed:
            beat = "beat" if state.status == "working" else "normal"
            yield beat, f"{state.name}'s timer", Tick(now=0.0, timer=state.timer)
        if not party.running or state.question:
            return
        made = Report(result=f"{state.name}.{state.generation}.{state.attempt}")
        yield "normal", f"{state.name} is done", draft(state, made, 0.0)
        for how in self.bounds.give_up:
            body = (
                Decline(reason="no")
                if how == "declines"
                else Failed(error="E", message="m", retry=how == "fails")
            )
            yield "normal", f"{state.name} {how}", draft(state, body, 0.0)
        if state.asks < self.bounds.asks:
            yield "normal", f"{state.name} asks", draft(state, Ask(question="which?"), 0.0)

    # --- steps of the reducers, remembered ------------------------------------------------

    def _step_manager(self, config: Config, task: int, event: Event | None) -> _Stepped:
        """Apply an event, or with None the wake-up after a restart."""
        others = tuple(self.managers[m].state.status == "confirmed" for m in config.managers[1:])
        party, watch = config.managers[task], config.watches[task]
        key = (party, watch, self._number(event), task, others)
        found = self._manager_memo.get(key)
        if found is None:
            found = self._manager_memo[key] = self._compute_manager(party, watch, event, task, others)
        return found

    def _number(self, event: Event | None) -> int:
        """A number for an event object; hashing a message each time would take most of the walk."""
        if event is None:
            return -1
        known = self._event_numbers.get(id(event))
        if known is None:
            self._events.append(event)  # kept, so that its id stays its own
            known = self._event_numbers[id(event)] = self._indices.setdefault(event, len(self._events))
        return known

    def _made(self, event: Event) -> Event:
        """One object for equal events."""
        return self._same.setdefault(event, event)

    def _compute_manager(
        self, party: int, watch: int, event: Event | None, task: int, others: tuple[bool, ...]
    ) -> _Stepped:
        old, before = self.managers[party], self.watches[watch]
        if event is None:
            raw, effects = wake_manager(old.state, 0.0)
            new = _plain(raw)
            awake = _armed(ManagerParty(new, owes=_owed(effects)), raw, old.state, effects)
            sends, reopened = self._sends(effects, raw), _superseded(effects)
            return _Stepped(self._index(awake), sends, watch, (), reopened, 0)
        try:
            raw, effects = advance_manager(old.state, event, self.reducers.manager)
        except (ProtocolViolation, ValidationError) as error:
            return _Stepped(party, (), watch, (f"broke_down: {error}",), 0, 0)
        new, after = _plain(raw), before.after(event, effects)
        broken = manager_step(old.state, event, new, effects, before, after)
        if new.status == "confirmed" and old.state.status != "confirmed" and task == 0 and not all(others):
            broken.append("parent_before_child")
        key = classify(old.state, event)
        rule = self.reducers.manager[old.state.status, key]
        self.rows.add(("manager", old.state.status, key, new.status))
        if new.status not in rule.to:
            broken.append(f"outside_the_table: {old.state.status} + {key} -> {new.status}")
        if isinstance(event, Envelope) and event.sender != old.state.name and not self._settles(raw, event):
            broken.append("repetition_counted")
        owes = _owed(effects) or (old.owes if new.status == old.state.status else "")
        party_after = _armed(ManagerParty(new, owes=owes), raw, old.state, effects)
        return _Stepped(
            self._index(party_after),
            self._sends(effects, raw),
            self._index(after),
            tuple(broken),
            _superseded(effects),
            0,
        )

    def _settles(self, state: ManagerTask, event: Event) -> bool:
        """Whether the same message, arriving again, leaves the state as it is."""
        try:
            again, _ = advance_manager(state, event, self.reducers.manager)
        except ProtocolViolation:
            # Not illegal, but impossible: nobody can have ordered the attempt that comes next.
            return state.order is None
        return _plain(again) == _plain(state)

    def _step_worker(self, party: int, event: Event, *, died: bool = False) -> _Stepped:
        key = (party, self._number(event), died)
        found = self._worker_memo.get(key)
        if found is None:
            found = self._worker_memo[key] = self._compute_worker(party, event, died=died)
        return found

    def _compute_worker(self, party: int, event: Event, *, died: bool) -> _Stepped:
        old = self.workers[party]
        try:
            raw, effects = advance_worker(old.state, event, self.reducers.worker)
        except (ProtocolViolation, ValidationError) as error:
            return _Stepped(party, (), 0, (f"broke_down: {error}",), 0, 0)
        new = replace(raw, arms=0, notes=0, timer="t" if raw.timer else "")
        started = sum(isinstance(effect, StartWork) for effect in effects)
        running = old.running and not died and not any(isinstance(effect, StopWork) for effect in effects)
        running = bool(started) or (running and not _ends_work(event, old.state))
        broken = worker_step(old.state, new, effects, running=running)
        self.rows.add(("worker", old.state.status, _kind(event), new.status))
        timers = [effect for effect in effects if isinstance(effect, Schedule)]
        kept = old.armed and not died and raw.timer == old.state.timer
        armed = timers[-1].timer == raw.timer if timers else kept and bool(raw.timer)
        return _Stepped(
            self._index(WorkerParty(new, running, armed)), self._sends(effects), 0, tuple(broken), 0, started
        )

    def _sends(self, effects: tuple[Effect, ...], state: ManagerTask | None = None) -> tuple[int, ...]:
        """Put what is sent under way, each to whom it concerns."""
        parcels: list[int] = []
        for effect in effects:
            if not isinstance(effect, Send):
                continue
            envelope, task = effect.envelope, int(effect.envelope.task[1:])
            if envelope.recipient == "verifier":
                about = (
                    artifact_hash(state.report.result, state.report.evidence)
                    if state and state.report
                    else ""
                )
                parcel = Parcel(("verifier", task), envelope, about)
            elif envelope.recipient == "manager" and envelope.sender == "manager":
                to = task if envelope.kind == "cancel" else 0
                parcel = Parcel(("manager", to), envelope, lossy=False)
            elif envelope.recipient == "manager":
                parcel = Parcel(("manager", task), envelope)
            else:
                parcel = Parcel(("worker", self.team.index((task, envelope.recipient))), envelope)
            parcels.append(self._index(parcel))
        return tuple(parcels)


def _plain(state: ManagerTask) -> ManagerTask:
    """Leave out what no rule reads: history, and the names of timers."""
    timer = "t" if state.timer else ""
    return replace(state, flaws=(), reasons=(), last=None, arms=0, timer=timer)


def _armed(
    party: ManagerParty, raw: ManagerTask, old: ManagerTask, effects: tuple[Effect, ...]
) -> ManagerParty:
    timers = [effect for effect in effects if isinstance(effect, Schedule)]
    if timers:
        return replace(party, armed=timers[-1].timer == raw.timer)
    return replace(party, armed=bool(raw.timer) and raw.timer == old.timer)


def _owed(effects: tuple[Effect, ...]) -> str:
    decisions = [effect.what for effect in effects if isinstance(effect, Decide)]
    return decisions[-1] if decisions else ""


def _superseded(effects: tuple[Effect, ...]) -> int:
    return max((effect.generation for effect in effects if isinstance(effect, Supersede)), default=0)


def _ends_work(event: Event, state: WorkerTask) -> bool:
    return (
        isinstance(event, Envelope)
        and event.sender == state.name
        and event.kind in {"report", "failed", "decline"}
    )


def _put(numbers: tuple[int, ...], place: int, number: int) -> tuple[int, ...]:
    return (*numbers[:place], number, *numbers[place + 1 :])


def _act(act: Waive | HandBack | Cancel | TakeOver | Pause | Resume | Reopen) -> PersonAct:
    return PersonAct(person="p", now=0.0, act=act)


def _kind(event: Event) -> str:
    return event.kind


def _name(event: Event) -> str:
    if not isinstance(event, Envelope):
        return f"notice: {event.kind}"
    return f"{event.sender} -> {event.recipient}: {event.id}"


def _verdict(inquiry: Event, about: str, says: Verdicts) -> Envelope:
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

"""The world that the explorer walks: real reducers, a network that misbehaves, people, and crashes.

A configuration is a tuple of small integers, each the index of a state, a message or a
watch that was met before; what a reducer does to a state is computed once and remembered.
Ids of messages follow from their place (`message_id`), times are zero and timers have one
name, so configurations that differ in nothing else are one.

What this does not cover: a party that lies within the rules (that is the verifier's
business), and faults beyond the bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .explorer_model import (
    RUN,
    SPEC,
    Config,
    ManagerParty,
    Move,
    Parcel,
    Stepped,
    WorkerParty,
    verdict_on,
)
from .explorer_steps import Steps
from .invariants import Watch
from .messages import (
    Answer,
    Ask,
    Assign,
    Cancel,
    Decline,
    Envelope,
    Evidence,
    Failed,
    HandBack,
    Redo,
    Report,
    Resolve,
    TakeOver,
    Verify,
    Waive,
)
from .tasks import (
    TERMINAL,
    Child,
    Event,
    Limits,
    ManagerTask,
    Overrule,
    Patience,
    Pause,
    PersonAct,
    Reopen,
    Resume,
    Tick,
    VerifierLost,
    WorkerLost,
    WorkerTask,
    draft,
)


class World(Steps):
    """Configurations of one pair of reducers within bounds, and the moves between them."""

    def start(self) -> Config:
        """The configuration in which nothing has happened."""
        bounds = self.bounds
        limits = Limits(
            attempts=bounds.attempts,
            losses=bounds.faults if bounds.losses is None else bounds.losses,
            resends=bounds.resends,
            breakdowns=bounds.breakdowns,
            resolves=bounds.resolves,
            asks=bounds.asks,
            budget=bounds.budget,
            attended=bounds.attended,
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
            tuple(self.index(ManagerParty(task, owes="assign")) for task in tasks),
            tuple(self.index(WorkerParty(worker)) for worker in workers),
            tuple(self.index(Watch()) for _ in tasks),
            frozenset(),
            frozenset(),
            bounds.faults,
            bounds.acts,
        )

    def at_rest(self, config: Config) -> bool:
        """Whether every task has ended and every worker is idle."""
        return self.at_end(config) and all(self.workers[w].state.status == "idle" for w in config.workers)

    def at_end(self, config: Config) -> bool:
        """Whether every task has ended."""
        return all(self.managers[m].state.status in TERMINAL for m in config.managers)

    # --- moves ------------------------------------------------------------------------

    def moves(self, config: Config) -> Iterator[Move]:
        """Everything that can happen next."""
        for move in self._moves(config):
            if self.bounds.child and move.target and self._orphaned(move.target):
                was = self.managers[config.managers[0]].state.status == "confirmed"
                broken = "parent_stays_confirmed" if was else "parent_before_child"
                move = move._replace(broken=(*move.broken, broken))
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
            stepped, party = self.step_manager(config, index, parcel.event), config.managers[index]
        elif whom == "worker":
            stepped, party = self.step_worker(config.workers[index], parcel.event), config.workers[index]
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
            for verdict in self._verdicts(self.index(parcel)):
                target = config._replace(flight=config.flight | {verdict})
                yield Move(f"{label} -> {_name(self.parcels[verdict].event)}", sort, target, ())
        else:
            yield Move(label, sort, config, ())

    def _verdicts(self, number: int) -> tuple[int, ...]:
        """What the verifier may answer to the verification request under this number."""
        found = self.verdict_memo.get(number)
        if found is None:
            parcel = self.parcels[number]
            answers = [verdict_on(parcel.event, parcel.about, says) for says in self.bounds.verdicts]
            found = tuple(self.index(Parcel(("manager", parcel.to[1]), answer)) for answer in answers)
            self.verdict_memo[number] = found
        return found

    def _tell_manager(self, config: Config, task: int, event: Event, label: str, sort: str) -> Iterator[Move]:
        stepped = self.step_manager(config, task, event)
        spent = config if sort != "act" else config._replace(acts=config.acts - 1)
        yield Move(label, sort, self._placed(spent, task, stepped), stepped.broken)
        if spent.faults and "crash" in self.bounds.kinds and not stepped.broken:
            # The manager dies after the event was journalled and before any of its effects.
            party = self.managers[stepped.party]
            bare = self.index(replace(party, owes="", armed=False))
            died = spent._replace(
                managers=_put(spent.managers, task, bare),
                watches=_put(spent.watches, task, stepped.watch),
                faults=spent.faults - 1,
            )
            yield from self._wake(died, task, f"{label}, then the manager dies")

    def _wake(self, config: Config, task: int, label: str) -> Iterator[Move]:
        stepped = self.step_manager(config, task, None)
        yield Move(label, "fault", self._placed(config, task, stepped), stepped.broken)

    def _placed(self, config: Config, task: int, stepped: Stepped) -> Config:
        config = config._replace(
            managers=_put(config.managers, task, stepped.party),
            watches=_put(config.watches, task, stepped.watch),
            flight=config.flight.union(stepped.sends) if stepped.sends else config.flight,
        )
        if stepped.supersedes and self.managers[stepped.party].state.parent:
            act = Reopen(reason="upstream", upstream=f"t{task}", generation=stepped.supersedes)
            told = self.step_manager(config, 0, self.made(_act(act)))
            config = self._placed(config, 0, told)
        return config

    def _tell_worker(
        self, config: Config, worker: int, event: Event, label: str, sort: str
    ) -> Iterator[Move]:
        stepped = self.step_worker(config.workers[worker], event)
        target = config._replace(
            workers=_put(config.workers, worker, stepped.party),
            flight=config.flight.union(stepped.sends) if stepped.sends else config.flight,
        )
        broken = stepped.broken
        if stepped.started and self.bounds.budget is not None:
            task = self.team[worker][0]
            spent = self.managers[target.managers[task]].state.spent + 1
            metered = self.step_manager(target, task, self.made(Tick(now=0.0, spent=spent)))
            target, broken = self._placed(target, task, metered), broken + metered.broken
        yield Move(label, sort, target, broken)
        dies = config.faults and sort == "normal" and "crash" in self.bounds.kinds and not broken
        if dies and stepped.party != config.workers[worker]:
            bare = replace(self.workers[stepped.party], running=False, armed=False)
            died = config._replace(workers=_put(config.workers, worker, self.index(bare)))
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
            forgot = _put(config.workers, worker, self.index(WorkerParty(fresh)))
            target = config._replace(workers=forgot, faults=config.faults - 1)
            yield Move(f"{state.name} dies and forgets", "fault", target, ())

    def _restart(self, config: Config, worker: int, label: str) -> Iterator[Move]:
        name = self.team[worker][1]
        stepped = self.step_worker(
            config.workers[worker], self.made(WorkerLost(now=0.0, worker=name)), died=True
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
        notice = Parcel(("manager", task), self.made(WorkerLost(now=0.0, worker=name)), lossy=False)
        return Move(label, "fault", config._replace(flight=config.flight | {self.index(notice)}), ())

    # --- what the parties themselves may do ----------------------------------------------

    def _manager_events(self, task: int, party: int) -> tuple[tuple[str, str, Event], ...]:
        """(sort, label, event) of decisions that are owed, of the timer, and of people."""
        found = self.moves_memo.get(("manager", task, party))
        if found is None:
            found = tuple(self._find_manager_events(task, self.managers[party]))
            self.moves_memo["manager", task, party] = found
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
        if state.waiting_for == "overrule" and state.status == "waiting":
            for finding in (each for each in state.findings if each.outcome != "pass"):
                for outcome in ("pass", "fail"):
                    said = {"criterion": finding.criterion, "outcome": outcome, "reason": "seen"}
                    yield "normal", f"a person finds: {outcome}", _act(Overrule.model_validate(said))
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
        found = self.moves_memo.get(("worker", party))
        if found is None:
            found = tuple(self._find_worker_events(self.workers[party]))
            self.moves_memo["worker", party] = found
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


def _put(numbers: tuple[int, ...], place: int, number: int) -> tuple[int, ...]:
    return (*numbers[:place], number, *numbers[place + 1 :])


def _act(act: Waive | HandBack | Cancel | TakeOver | Pause | Resume | Reopen | Overrule) -> PersonAct:
    return PersonAct(person="p", now=0.0, act=act)


def _name(event: Event) -> str:
    if not isinstance(event, Envelope):
        return f"notice: {event.kind}"
    return f"{event.sender} -> {event.recipient}: {event.id}"

"""One step of one party in the explorer's world, computed with the real reducers and remembered."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from .errors import ProtocolViolation
from .explorer_model import (
    Bounds,
    Config,
    ManagerParty,
    Parcel,
    Reducers,
    Stepped,
    WorkerParty,
)
from .invariants import Watch, manager_step, worker_step
from .manager_rules import advance_manager, classify
from .manager_steps import wake_manager
from .messages import (
    Envelope,
    artifact_hash,
)
from .records import replace
from .tasks import (
    Decide,
    Effect,
    Event,
    ManagerTask,
    Schedule,
    Send,
    StartWork,
    StopWork,
    Supersede,
    WorkerTask,
)
from .worker_rules import advance_worker


class Steps:
    """States, messages and watches that were met, by index, and what the reducers do to them."""

    def __init__(self, bounds: Bounds, reducers: Reducers) -> None:
        self.bounds, self.reducers = bounds, reducers
        self.rows: set[tuple[str, str, str, str]] = set()
        self.managers: list[ManagerParty] = []
        self.workers: list[WorkerParty] = []
        self.watches: list[Watch] = []
        self.parcels: list[Parcel] = []
        self._shelves: dict[type, list[Any]] = {
            ManagerParty: self.managers,
            WorkerParty: self.workers,
            Watch: self.watches,
            Parcel: self.parcels,
        }
        self.about_task: list[int] = []
        self._indices: dict[object, int] = {}
        self._manager_memo: dict[object, Stepped] = {}
        self._worker_memo: dict[object, Stepped] = {}
        self._event_numbers: dict[int, int] = {}
        self._events: list[Event] = []
        self._same: dict[Event, Event] = {}
        self.verdict_memo: dict[int, tuple[int, ...]] = {}
        self.moves_memo: dict[object, tuple[tuple[str, str, Event], ...]] = {}
        names = ["w0", "w1", "w2"][: bounds.workers]
        self.team: list[tuple[int, str]] = [(0, name) for name in names]
        if bounds.child:
            self.team = [(0, "w0"), (1, "w1")]

    # --- indices ----------------------------------------------------------------------

    def index(self, thing: ManagerParty | WorkerParty | Watch | Parcel) -> int:
        found = self._indices.get(thing)
        if found is None:
            shelf: list[Any] = self._shelves[type(thing)]
            found = self._indices[thing] = len(shelf)
            if isinstance(thing, Parcel):
                self.about_task.append(self.team[thing.to[1]][0] if thing.to[0] == "worker" else thing.to[1])
            shelf.append(thing)
        return found

    # --- steps of the reducers, remembered ------------------------------------------------

    def step_manager(self, config: Config, task: int, event: Event | None) -> Stepped:
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

    def made(self, event: Event) -> Event:
        """One object for equal events."""
        return self._same.setdefault(event, event)

    def _compute_manager(
        self, party: int, watch: int, event: Event | None, task: int, others: tuple[bool, ...]
    ) -> Stepped:
        old, before = self.managers[party], self.watches[watch]
        if event is None:
            raw, effects = wake_manager(old.state, 0.0)
            new = _plain(raw)
            awake = _armed(ManagerParty(new, owes=_owed(effects)), raw, old.state, effects)
            sends, reopened = self._sends(effects, raw), _superseded(effects)
            return Stepped(self.index(awake), sends, watch, (), reopened, 0)
        try:
            raw, effects = advance_manager(old.state, event, self.reducers.manager)
        except (ProtocolViolation, ValidationError) as error:
            return Stepped(party, (), watch, (f"broke_down: {error}",), 0, 0)
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
        same = (new.status, new.waiting_for) == (old.state.status, old.state.waiting_for)
        owes = _owed(effects) or (old.owes if same else "")
        party_after = _armed(ManagerParty(new, owes=owes), raw, old.state, effects)
        return Stepped(
            self.index(party_after),
            self._sends(effects, raw),
            self.index(after),
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

    def step_worker(self, party: int, event: Event, *, died: bool = False) -> Stepped:
        key = (party, self._number(event), died)
        found = self._worker_memo.get(key)
        if found is None:
            found = self._worker_memo[key] = self._compute_worker(party, event, died=died)
        return found

    def _compute_worker(self, party: int, event: Event, *, died: bool) -> Stepped:
        old = self.workers[party]
        try:
            raw, effects = advance_worker(old.state, event, self.reducers.worker)
        except (ProtocolViolation, ValidationError) as error:
            return Stepped(party, (), 0, (f"broke_down: {error}",), 0, 0)
        new = replace(raw, arms=0, notes=0, timer="t" if raw.timer else "")
        started = sum(isinstance(effect, StartWork) for effect in effects)
        running = old.running and not died and not any(isinstance(effect, StopWork) for effect in effects)
        running = bool(started) or (running and not _ends_work(event, old.state))
        broken = worker_step(old.state, new, effects, running=running)
        self.rows.add(("worker", old.state.status, _kind(event), new.status))
        timers = [effect for effect in effects if isinstance(effect, Schedule)]
        kept = old.armed and not died and raw.timer == old.state.timer
        armed = timers[-1].timer == raw.timer if timers else kept and bool(raw.timer)
        return Stepped(
            self.index(WorkerParty(new, running, armed)), self._sends(effects), 0, tuple(broken), 0, started
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
            parcels.append(self.index(parcel))
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


def _kind(event: Event) -> str:
    return event.kind

"""One task through the protocol: the reducers of `protocols` decide, this carries their effects out.

Every event that they allow is in the journal before it is applied, so a task whose process was killed is
rebuilt by applying the same events. What an agent says on its way goes through `Line`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...protocols.errors import JournalError, ProtocolViolation
from ...protocols.journal_bodies import Body
from ...protocols.messages import Answer, Ask, Cancel, Envelope, Progress
from ...protocols.states import advance, draft, dump_event, wake, with_children
from ...protocols.tasks import (
    TERMINAL,
    Child,
    Decide,
    Effect,
    Event,
    GiveAnswer,
    ManagerTask,
    PersonAct,
    Reopen,
    Schedule,
    Send,
    StartWork,
    StopWork,
    Supersede,
    Tick,
    VerifierLost,
    WorkerLost,
)
from ..agent import AgentLost
from ..events import Said, Stood
from ..jobs import Job
from ..people import NobodyThere
from . import performing
from .board import CONFIRMED, WAITING, Board
from .consulting import Consulting
from .crew import Crew, Editable
from .drive import Drive, children_told, ended_well, what_broke, with_person
from .line import Line
from .ordering import Ordering
from .verifying import VerifierBroke, is_by_programs, verified

if TYPE_CHECKING:
    from ...protocols.journal import Row

RUNTIME = "runtime"
"""Who acts where neither a person nor an agent decided."""


class Driver:
    """Sees one task to its end.

    Args:
        peers: The drivers of the run by id of their job; this one is among them.
        recorded: The rows of the journal out of which the task is rebuilt.
    """

    def __init__(
        self,
        crew: Crew,
        board: Board,
        job: Job,
        peers: Mapping[str, Driver],
        recorded: Sequence[Row] = (),
    ) -> None:
        self.crew, self.board, self.job, self.peers = crew, board, job, peers
        self._owed: Decide | None = None
        self._stale = False  # what the task was given is done again
        self._active = False
        self.below: Editable | None = None  # the run of a manager that works at it
        self.lane, within = crew.lanes.of(job), crew.within
        self.id = f"{within.prefix}{job.id}"
        work = job.make(board.results)
        limits, own = crew.limits, (job.tokens, job.attempts or crew.limits.attempts)
        if own != (limits.budget, limits.attempts):
            limits = replace(limits, budget=job.tokens, attempts=own[1])
        state = ManagerTask(
            crew.run, f"{crew.run}.{self.id}", work.spec.describe(), name=within.name, owner=within.owner,
            parent=within.parent, limits=limits,
        )  # fmt: skip
        self.drive = Drive(self.id, f"{within.prefix}{job.lane}", job, work, state, patience=crew.patience)
        self.drive.rebuild(recorded, self.lane, crew.journal.path)
        within.routes[state.task] = self
        self.mind = performing.mind_for(crew, self.id, job, begun=bool(recorded))
        self._ordering = Ordering(self.drive, self.mind.budget, self.lane)
        board.at_the_end(self._let_go)

    @property
    def state(self) -> ManagerTask:
        """The task as the manager keeps it."""
        return self.drive.state

    @property
    def over(self) -> bool:
        """Whether nothing of the run that it is of is left to be done."""
        return self.board.ending

    @property
    def _people(self) -> Consulting:
        return Consulting(self.crew.desk, self.drive, self.offer, self.mind.budget)

    def _let_go(self) -> None:
        """Refer to nothing that refers to it, so that its memory is free with its run, without a search."""
        self.peers, self.crew, self.below = dict[str, Driver](), self.crew.alone(), None

    async def to_the_end(self) -> str:
        """Drive the task; gives the status that it ended in, or `waiting` where it needs a person."""
        drive = self.drive
        if drive.state.status in TERMINAL:
            if self.crew.within.parent and drive.state.last_word is not None:
                await self._send(drive.state.last_word)
            return self._settle()
        self._active = True
        try:
            await self._wake()
            while drive.state.status not in TERMINAL or not drive.inbox.empty:
                event = await drive.inbox.get()
                if isinstance(drive.fault, NobodyThere):
                    return WAITING
                if drive.fault is not None:
                    raise drive.fault
                await self._take(event)
                if self._owed is not None:
                    await self._pay(self._owed)
        finally:
            self._active = False
            self._call_off()
            await self._rest()
        return self._settle()

    def deliver(self, event: Event) -> None:
        """An event from outside. A task that nobody is at takes note of it too."""
        if self._active:
            self.drive.inbox.put(event)
            return
        with contextlib.suppress(ProtocolViolation):
            self._apply(event)

    def _call_off(self) -> None:
        """A task that is broken off takes note that it was called off, if it was."""
        for event in self.drive.inbox.clear():
            said = event.act if isinstance(event, PersonAct) else getattr(event, "body", None)
            if isinstance(said, Cancel):
                self.deliver(event)

    def act(self, act: Any, person: str = RUNTIME) -> None:
        """Let a person, or the runtime, do something about the task: it is taken up in its turn.

        Raises:
            ProtocolViolation: It is not legal as the task stands.
        """
        event = PersonAct(person=person, now=time.time(), act=act)
        advance(self.state, event)
        self.drive.inbox.put(event)
        if self.board.status.get(self.job.id) == WAITING:  # nobody is at it any more
            self.board.reopen(self.job.id)

    def offer(self, act: Any, person: str = RUNTIME) -> None:
        """`act`, where it is still legal; a paused task takes up what was decided when it goes on."""
        with contextlib.suppress(ProtocolViolation):
            self.act(act, person)

    async def reopen(self, act: Reopen, person: str = RUNTIME) -> None:
        """See `again`."""
        self.again(act, person)

    def again(self, act: Reopen, person: str = RUNTIME, *, seen: bool = True) -> None:
        """Begin a new generation, of a task that has ended or is at work; its consumers are told.

        Where it was not `seen` through by this process, somebody is just about to.

        Raises:
            ProtocolViolation: It may not be re-opened.
        """
        if self.board.over:
            why = "The run that it is of is over: re-open the task above it, or begin a new run."
            raise ProtocolViolation("manager", self.state.task, self.state.status, "reopen", why)
        if self._active:
            self.act(act, person)
            return
        effects = self._apply(PersonAct(person=person, now=time.time(), act=act))
        if seen and self.state.status not in TERMINAL:
            self.board.reopen(self.job.id)  # whoever sees it through takes up the decision it owes
        for effect in effects:
            if isinstance(effect, Supersede):
                self._supersede(effect)

    def _settle(self) -> str:
        """Keep the result of a task that was confirmed; returns how it ended."""
        state = self.state
        self.crew.desk.close(self.id)
        if state.status == "confirmed" and state.last is not None:
            result, facts = state.last.result, dict(self.drive.work.facts)
            self.board.results[self.job.id] = {**facts, **result} if isinstance(result, dict) else result
        return state.status

    async def _rest(self) -> None:
        drive = self.drive
        for timer in drive.timers.values():
            timer.cancel()
        for task in drive.tasks:
            task.cancel()
        if beside := [task for task in drive.tasks if not ended_well(task)]:
            await asyncio.gather(*beside, return_exceptions=True)
        await self.crew.lanes.release(self.lane)

    async def _wake(self) -> None:
        """Set a task going: from its beginning, or from where the journal leaves it."""
        drive, crew = self.drive, self.crew
        drive.fault = None  # of the time before, when nobody was there
        known = drive.state.worker
        if crew.is_here(known) and not await self._booked():
            return
        for name in filter(crew.is_here, list(drive.workers)):
            await self._feed_worker(name, WorkerLost(now=time.time(), worker=name))
            said = drive.workers[name].last_word
            if said is not None and drive.state.waiting_for == "answer":  # and killed before it was heard
                drive.inbox.put(said)
        if known and not crew.is_here(known):
            await self._feed(WorkerLost(now=time.time(), worker=known))
        now = time.time()
        state, effects = wake(drive.state, now)
        if drive.resumed:  # it sets a new timer, whose name later events may carry
            self._note("wake", {"now": now}, effects)
        drive.state = state
        await self._carry_out(effects)
        if with_person(drive.state):
            self._spawn(self._people.hand_over())

    async def _booked(self) -> bool:
        """Wait for the agent that has the task; False where a person ended or took the task before."""
        booking = asyncio.ensure_future(self.crew.lanes.book(self.job, self.lane))
        try:
            while not booking.done():
                hearing = asyncio.ensure_future(self.drive.inbox.get())
                try:
                    await asyncio.wait({booking, hearing}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    hearing.cancel()
                if not hearing.done():
                    continue
                await self._take(hearing.result())
                if self.drive.fault is not None:
                    self.drive.inbox.put(hearing.result())  # the loop hears of it too
                    return False
                if self.state.status in TERMINAL or with_person(self.state):
                    return False
            await booking  # raises what it raised
        finally:
            booking.cancel()
            await asyncio.wait({booking})
        return True

    # --- events and effects --------------------------------------------------------------

    async def _take(self, event: Event) -> None:
        """An event out of the inbox. What a person may not do here is said to nobody and changes nothing."""
        order = event if isinstance(event, Envelope) else None
        if order is not None and order.kind in ("assign", "redo") and not self._ordering.take(order):
            return  # decided anew, paused or called off while it was drafted
        try:
            await self._feed(event)
        except ProtocolViolation as error:
            if not isinstance(event, PersonAct):
                raise
            self._note("refused", {"event": dump_event(event), "why": str(error)})

    def _note(self, kind: str, body: Body, effects: Sequence[Effect] = (), attempt: int = 0) -> None:
        """Journal something, and with it what is to be sent for it, of attempt `attempt`."""
        crew, now = self.crew, self.drive.state.attempt
        sent = ()
        if effects:
            sent = [("envelope", each.envelope, attempt or now) for each in effects if isinstance(each, Send)]
        crew.mind.journal.append(kind, body, run=crew.run, task=self.id, attempt=now, then=sent)

    def _apply(self, event: Event) -> Sequence[Effect]:
        """Journal an event that the rules allow, and apply it."""
        before = self.drive.state
        state, effects = advance(before, event)
        self._stale = self._stale or state.consumed != before.consumed
        self._note("event", {"event": event}, effects, state.attempt)
        self.drive.state = state
        if state.status != before.status or state.attempt != before.attempt:
            self.crew.show(Stood(self.id, self.job.title, state.status, state.attempt))
        return effects

    async def _feed(self, event: Event) -> None:
        """Apply an event, and carry out what follows."""
        before, waited = self.drive.state, with_person(self.drive.state)
        effects = self._apply(event)
        state = self.drive.state
        if state.status != "not_done":
            self._ordering.stop()
        over = state.attempt > before.attempt or (with_person(state) and not waited)
        if over and state.children and state.status not in TERMINAL:
            self.adopt(())  # they were of an attempt that is over
        if state.status == "confirmed":
            await performing.when_confirmed(self.crew, self.drive)
        await self._carry_out(effects)
        again = self.drive.state.consumed != before.consumed and self.drive.state.status == "not_done"
        if again and not any(isinstance(effect, Decide) for effect in effects):
            await self._decide(Decide("assign", "what it was given is done again"))  # nobody has it yet
        if not waited and with_person(self.drive.state):  # just taken over, or going on after a pause
            self._spawn(self._people.hand_over())

    async def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                await self._hand_on(effect.envelope)
            elif isinstance(effect, Schedule):
                self._schedule(effect)
            elif isinstance(effect, Decide):
                await self._decide(effect)
            elif isinstance(effect, Supersede):
                self._supersede(effect)

    def _schedule(self, effect: Schedule, worker: str = "") -> None:
        """Set the timer of a worker, or of the manager, in place of the one before."""

        def ring() -> None:
            tick = Tick(now=time.time(), timer=effect.timer)
            if worker:
                self._spawn(self._feed_worker(worker, tick))
            else:
                self.drive.inbox.put(tick)

        self.drive.timers[worker].set(effect.seconds, ring)

    async def _send(self, envelope: Envelope) -> None:
        """Journal a message, and hand it on."""
        self._note("envelope", envelope)
        await self._hand_on(envelope)

    async def _hand_on(self, envelope: Envelope) -> None:
        """Show a message that is in the journal, and give it to its recipient."""
        crew, drive, within = self.crew, self.drive, self.crew.within
        crew.show(Said(envelope, self.job.title))
        if envelope.task != drive.state.task:  # a subtask is called off
            if envelope.task in within.routes:  # one that has not begun never will: it goes with its manager
                within.routes[envelope.task].deliver(envelope)
        elif within.parent and envelope.recipient == within.owner:  # its last word, for the task above
            within.routes[within.parent].deliver(envelope)
        elif envelope.recipient == drive.state.name:
            drive.inbox.put(envelope)
        elif envelope.body.kind == "verify" and not is_by_programs(drive.work.spec):
            self._spawn(self._verify(envelope))
        elif envelope.body.kind == "verify":  # programs let nothing else go on anyhow
            await self._verify(envelope)
        elif envelope.recipient in drive.workers or crew.is_here(envelope.recipient):
            await self._feed_worker(envelope.recipient, envelope)

    def _supersede(self, effect: Supersede) -> None:
        """Tell every task that consumed this one's result that it is being done again."""
        why = f"{self.job.id} is done again"
        body = Reopen(reason=why, upstream=effect.task, generation=effect.generation)
        for name in self.board.consumers(self.job.id):
            if name in self.peers:
                self.peers[name].again(body)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str = "") -> asyncio.Task[None]:
        drive = self.drive
        task: asyncio.Task[None] = asyncio.create_task(work, name=name or None)
        drive.tasks.add(task)

        def over(ended: asyncio.Task[None]) -> None:
            drive.tasks.discard(ended)
            if (error := what_broke(ended)) is None:
                return
            drive.fault = error
            drive.inbox.put(Tick(now=time.time()))
            with contextlib.suppress(JournalError):
                self._note("breakdown", repr(error))

        task.add_done_callback(over)
        return task

    # --- decisions ------------------------------------------------------------------------

    async def _decide(self, effect: Decide) -> None:
        """Draft what the manager has to say: an order, an answer, or what becomes of anomalies."""
        if effect.what == "answer":
            self._spawn(self._people.answer())
        elif effect.what == "dispose":
            self._spawn(self._people.dispose())
        elif effect.what == "overrule":
            self._spawn(self._people.overrule())
        elif effect.what == "redo" or (self.state.generation == 1 and not self._stale):
            await self._order(effect)
        else:
            self._ordering.stop()  # what is drafted was told what the generation before was given
            self._owed = effect
            self._spawn(self._inputs_again())

    async def _inputs_again(self) -> None:
        """A new generation waits until what it needs was done again, by an agent that may be this one's."""
        await self.crew.lanes.release(self.lane)
        await self.board.ready_again(self.job)
        self.drive.inbox.put(Tick(now=time.time()))

    async def _pay(self, owed: Decide) -> None:
        """Let the order of a new generation be drafted, once what it needs is there."""
        stands = [self.board.status.get(need) for need in self.job.after]
        if self.state.status != "not_done" or None in stands:
            return
        self._owed, self._stale = None, False
        if any(status != CONFIRMED for status in stands):
            self.offer(Cancel(reason="what it needs was not confirmed"))
            return
        self.drive.work = work = self.job.make(self.board.results)
        spec = work.spec.describe()
        if spec != self.state.spec:
            self._note("spec", {"spec": spec.model_dump(mode="json")})
            self.drive.state = replace(self.state, spec=spec)
        await self._order(owed)

    async def _order(self, effect: Decide) -> None:
        """Read the meter, and let an order be drafted."""
        if self.job.tokens is not None:
            await self._feed(Tick(now=time.time(), spent=self.mind.budget.cost.tokens))
            if self.state.status in TERMINAL:
                return
        self._ordering.begin(self.crew, effect, self._spawn)

    # --- workers ----------------------------------------------------------------------

    async def _feed_worker(self, name: str, event: Event) -> None:
        drive = self.drive
        state, effects = advance(drive.worker(name), event)
        self._note("worker_event", {"worker": name, "event": event}, effects)
        drive.workers[name] = state
        for effect in effects:
            if isinstance(effect, Send):
                await self._hand_on(effect.envelope)
            elif isinstance(effect, Schedule):
                self._schedule(effect, name)
            elif isinstance(effect, StartWork):
                self._spawn(self._work(name, effect), f"work {name}")
            elif isinstance(effect, GiveAnswer) and isinstance(effect.answer.body, Answer):
                waiting = self.drive.answers.pop(name, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(effect.answer.body.value)
            elif isinstance(effect, StopWork):
                for task in list(self.drive.tasks):
                    if task is not asyncio.current_task() and task.get_name() == f"work {name}":
                        task.cancel()

    async def _work(self, name: str, start: StartWork) -> None:
        """One attempt of a worker, from order to its last word."""
        line = Line(self.drive, name, self.say, self.adopt)
        agent, mind = self.crew.agent(name), self.mind.of(self.state.generation)
        try:
            body = await performing.attempt(self.crew, self.drive, mind, agent, start, line, self.lane)
        except AgentLost as error:
            self._note("breakdown", str(error))
            await self._feed_worker(name, WorkerLost(now=time.time(), worker=name))
            return
        await performing.when_ended(self.crew, self.drive, body)
        await self._feed_worker(name, draft(self.drive.workers[name], body, time.time()))

    async def say(self, name: str, body: Progress | Ask) -> None:
        """Something that a worker says on its way."""
        await self._feed_worker(name, draft(self.drive.workers[name], body, time.time()))

    def adopt(self, children: tuple[Child, ...]) -> None:
        """Note the subtasks of the attempt.

        Raises:
            BudgetOverdrawn: Together they are promised more than is left.
        """
        if not children and (self.state.status in TERMINAL or self.state.report is not None):
            return
        state = with_children(self.state, children)
        self._note("children", {"children": children_told(children)})
        self.drive.state = state

    # --- verification -------------------------------------------------------------------

    async def _verify(self, envelope: Envelope) -> None:
        mind = self.mind.of(envelope.generation)
        try:
            answer = await verified(self.crew, self.drive, mind, self.lane, envelope)
        except VerifierBroke as error:
            self._note("breakdown", f"the verifier: {error}")
            self.drive.inbox.put(VerifierLost(now=time.time(), verifier=self.state.verifier))
        else:
            await performing.when_ended(self.crew, self.drive, answer.body)
            await self._send(answer)

"""A manager and a worker joined by a perfect wire, for the tests of the state machine."""

from dataclasses import replace

from punchlist.protocols.messages import (
    Anomaly,
    Answer,
    Assign,
    Cancel,
    CriterionText,
    Envelope,
    HandBack,
    Redo,
    Report,
    SpecText,
    TakeOver,
    Verdict,
    Waive,
    new_id,
)
from punchlist.protocols.states import (
    Effect,
    Event,
    ManagerTask,
    Pause,
    PersonAct,
    Reopen,
    Resume,
    Send,
    WorkerTask,
    advance,
    draft,
)

SPEC = SpecText(
    criteria=(
        CriterionText(name="a", type="check", text="a"),
        CriterionText(name="b", type="judge", text="b"),
    ),
    hash="h",
)
REDO = Redo(plan=("again",), context="before", feedback="wrong colour")


class Pair:
    """A manager and a worker joined by a perfect wire, for arranging tests."""

    def __init__(self, **changes: object) -> None:
        self.manager = replace(ManagerTask("run", "t", SPEC), **changes)  # pyright: ignore[reportArgumentType]
        self.worker = WorkerTask("run", "t", "w")
        self.told: list[Event] = []

    def tell(self, event: Event) -> tuple[Effect, ...]:
        """Feed the manager; what it sends to the worker arrives at once, and so do the replies."""
        self.told.append(event)
        self.manager, effects = advance(self.manager, event)
        for effect in effects:
            if isinstance(effect, Send) and effect.envelope.recipient == "w":
                self.work(effect.envelope)
        return effects

    def work(self, event: Event) -> tuple[Effect, ...]:
        """Feed the worker; what it sends arrives at once."""
        self.worker, effects = advance(self.worker, event)
        for effect in effects:
            if isinstance(effect, Send):
                self.tell(effect.envelope)
        return effects

    def assign(self) -> None:
        self.tell(draft(self.manager, Assign(task="do", spec=SPEC), 1.0, recipient="w"))

    def report(self, result: str = "a green mug") -> None:
        self.work(draft(self.worker, Report(result=result), 2.0))

    def verdict(self, *, a: str = "pass", b: str = "pass", odd: str = "") -> Envelope:
        assert self.manager.inquiry is not None
        findings = [{"criterion": name, "outcome": how} for name, how in (("a", a), ("b", b)) if how]
        body = Verdict.model_validate({"findings": findings, "anomalies": [Anomaly.of(odd)] if odd else []})
        return Envelope(
            id=new_id(),
            run="run",
            task="t",
            attempt=self.manager.attempt,
            generation=self.manager.generation,
            sender="verifier",
            recipient="manager",
            sent_at=3.0,
            in_reply_to=self.manager.inquiry.id,
            body=body,
        )

    def judge(self, **says: str) -> tuple[Effect, ...]:
        return self.tell(self.verdict(**says))


def act(what: Answer | Waive | TakeOver | HandBack | Cancel | Pause | Resume | Reopen) -> PersonAct:
    return PersonAct(person="Ada", now=9.0, act=what)


def reported(**changes: object) -> Pair:
    pair = Pair(**changes)
    pair.assign()
    pair.report()
    return pair


def kinds(effects: tuple[Effect, ...]) -> list[str]:
    return [effect.envelope.kind for effect in effects if isinstance(effect, Send)]

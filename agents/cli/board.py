"""What a run looks like right now, built from its events: the state that every rendering reads."""

from __future__ import annotations

import json
import shlex
import time
from collections import deque
from dataclasses import dataclass, field

from ...protocols.messages import (
    Answer,
    Ask,
    Assign,
    Cancel,
    Confirm,
    Decline,
    Envelope,
    Failed,
    Message,
    Progress,
    Redo,
    Report,
    Verdict,
    Verify,
)
from ...protocols.outcome import PunchItem
from ...tools.browser.view import View, clip
from ..events import (
    Acted,
    Alarmed,
    Asked,
    Ended,
    Event,
    Learned,
    Looked,
    Planned,
    Recalled,
    Said,
    Searched,
    Stood,
    Thought,
)
from ..reasoning.forest import note_text
from ..reasoning.trace import TraceEvent

KEPT = 200
"""Moments and doings that are kept for the screen; the journal has all of them."""

STATUS_AFTER = {
    "assign": "assigned",
    "redo": "assigned",
    "accept": "working",
    "verify": "verifying",
    "confirm": "confirmed",
}
"""Status of a task after a message of this kind."""

TO_WORKER = ("assign", "redo", "cancel")


@dataclass(frozen=True)
class Moment:
    """One line of the timeline.

    Attributes:
        at: Seconds since 1970.
        task: Id of the task within its run, or "".
        kind: Kind of the message, or `plan`, `act`, `recall`, `learn`, `waits`, `end`.
        text: What a person reads.
        good: True where something was confirmed or passed, False where it failed, else None.
    """

    at: float
    task: str
    kind: str
    text: str
    good: bool | None = None


@dataclass(frozen=True)
class Doing:
    """A thought of a model (with its role), or what came of an action (role "")."""

    role: str
    text: str
    confidence: float | None = None
    good: bool = True


@dataclass
class TaskLine:
    """One task of the plan as it stands."""

    id: str
    title: str
    status: str = "not_done"
    attempt: int = 1
    worker: str = ""
    flaws: list[str] = field(default_factory=list[str])


@dataclass
class Board:
    """Takes events; everything else reads it.

    Attributes:
        journal: Where the run is recorded, for who is to answer; "" is not told.
        waiting: What to type to see and answer what a task asks, by the task; until it goes on.
    """

    goal: str
    run: str = ""
    began: float = field(default_factory=time.time)
    tasks: dict[str, TaskLine] = field(default_factory=dict[str, TaskLine])
    timeline: deque[Moment] = field(default_factory=lambda: deque[Moment](maxlen=KEPT))
    doings: deque[Doing] = field(default_factory=lambda: deque[Doing](maxlen=KEPT))
    view: View | None = None
    viewer: str = ""
    prompt_tokens: int = 0
    answer_tokens: int = 0
    model_seconds: float = 0.0
    model_calls: int = 0
    steps: int = 0
    redos: int = 0
    recalled: list[str] = field(default_factory=list[str])
    learned: list[str] = field(default_factory=list[str])
    outcome: str = ""
    journal: str = ""
    waiting: dict[str, str] = field(default_factory=dict[str, str])
    _thoughts: dict[tuple[str, str, str], str] = field(default_factory=dict[tuple[str, str, str], str])

    def take(self, event: Event, at: float | None = None) -> list[Moment]:
        """Apply an event; returns the lines that it adds to the timeline.

        Args:
            at: When it happened, seconds since 1970; None: now. A message carries its own time.
        """
        if isinstance(event, Acted | Stood | Thought):
            self.waiting.pop(event.task, None)
        made = self._moments(event, time.time() if at is None else at)
        self.timeline.extend(made)
        return made

    @property
    def tokens_per_second(self) -> float:
        """Tokens that the model wrote in a second of its own time, prompts included; 0 before any."""
        return self.answer_tokens / self.model_seconds if self.model_seconds > 0 else 0.0

    def confirmed(self) -> int:
        """How many tasks are confirmed."""
        return sum(task.status == "confirmed" for task in self.tasks.values())

    def _moments(self, event: Event, at: float) -> list[Moment]:
        match event:
            case Planned(tasks=titles):
                for name, title in titles.items():
                    self._task(name, title)
                return [Moment(at, "", "plan", f"{count(len(titles), 'task')}: {'; '.join(titles.values())}")]
            case Said(envelope=envelope, title=title):
                return self._said(envelope, title)
            case Stood(task=name, title=title, status=status, attempt=attempt):
                task = self._task(name, title)
                task.status, task.attempt = status, attempt
                ended = status in ("unverified", "failed", "cancelled")
                return [Moment(at, name, status, title, good=False)] if ended else []
            case Looked(worker=worker, view=view):
                self.view, self.viewer = view, worker
                return []
            case Acted():
                return self._acted(event, at)
            case Thought():
                self._thought(event)
                return []
            case Searched(task=name, event=told):
                return self._searched(name, told, at)
            case Recalled(task=name, text=text, what=what, label=label):
                self.recalled.append(text)
                told = f"{what} from memory: {text}" + (f" ({label})" if label else "")
                return [Moment(at, name, "recall", told)]
            case Learned(task=name, text=text, what=what):
                self.learned.append(text)
                return [Moment(at, name, "learn", f"{what} kept: {text}", good=True)]
            case Alarmed(task=name, text=text, advice=advice):
                return [Moment(at, name, "watch", f"{text}: {advice}", good=False)]
            case Asked(task=name, request=request, text=text):
                self.waiting[name] = f"punchlist answer {shlex.quote(self.journal or 'FILE')}"
                answer = f"{self.waiting[name]} {shlex.quote(request)} REPLY"
                return [Moment(at, name, "waits", text), Moment(at, name, "waits", answer)]
            case Ended(outcome=outcome):
                self.outcome = type(outcome).__name__.lower()
                return [Moment(at, "", "end", self.outcome, good=self.outcome == "confirmed")]

    def _searched(self, name: str, event: TraceEvent, at: float) -> list[Moment]:
        """Thoughts go to what the model thinks; ends of trials and searches also into the timeline."""
        body = event.body
        if event.what == "scored" and isinstance(value := body.get("value"), int | float):
            text = self._thoughts.get((name, event.scope, event.node), event.node)
            self.doings.append(Doing("think", text, float(value)))
        elif event.what == "node":
            text = str(body.get("text") or "")
            self._thoughts[name, event.scope, event.node] = text
            why = body.get("why")
            if why:
                self.doings.append(Doing("", f"{text} -> {body.get('status')}: {why}", good=False))
        elif event.what in ("trial", "reflected"):
            return [Moment(at, name, event.what, note_text(event))]
        elif event.what == "stopped":
            where = event.scope.removesuffix("/")
            said = f"{where}: " if where else ""
            return [Moment(at, name, "thought", f"{said}{body.get('reason')}, answer: {body.get('answer')}")]
        return []

    def _task(self, name: str, title: str) -> TaskLine:
        return self.tasks.setdefault(name, TaskLine(name, title))

    def _said(self, envelope: Envelope, title: str) -> list[Moment]:
        name = envelope.task.removeprefix(f"{envelope.run}.")
        self.run = envelope.run
        task = self._task(name, title)
        task.attempt = envelope.attempt
        task.status = STATUS_AFTER.get(envelope.kind, task.status)
        if isinstance(envelope.body, Redo):
            self.redos += 1
            task.flaws.append(envelope.body.feedback)
        if isinstance(envelope.body, Cancel):
            ended = envelope.body.reason.partition(":")[0]
            task.status = ended if ended in ("unverified", "failed") else "cancelled"
        if isinstance(envelope.body, Cancel | Confirm) and envelope.recipient != task.worker:
            return []  # the same message to another party
        if isinstance(envelope.body, Assign | Redo):
            task.worker = envelope.recipient
        text, good = say(envelope.body)
        party = envelope.recipient if envelope.kind in TO_WORKER else envelope.sender
        who = "" if envelope.kind in ("verify", "verdict", "confirm") else f"{party}: " if text else party
        return [Moment(envelope.sent_at, name, envelope.kind, f"{who}{text}", good)]

    def _acted(self, event: Acted, at: float) -> list[Moment]:
        good = False if event.went_wrong else None
        if event.result != "step done":
            self.steps += 1
            self.doings.append(Doing("", f"{event.action} -> {event.result}", good=good is None))
        return [Moment(at, event.task, "act", f"{event.worker}: {event.action} -> {event.result}", good)]

    def _thought(self, event: Thought) -> None:
        self.doings.append(Doing(event.role, "; ".join(event.answer.splitlines()), event.confidence))
        self.model_calls += 1
        self.prompt_tokens += event.prompt_tokens
        self.answer_tokens += event.tokens
        self.model_seconds += event.seconds


def say(body: Message) -> tuple[str, bool | None]:
    """A message in a few words, and whether it is good news."""
    match body:
        case Assign(plan=plan):
            return f"{count(len(plan), 'step')}: {'; '.join(plan)}" if plan else "", None
        case Report(evidence=evidence):
            return f"says it is done, with {count(len(evidence), 'piece')} of evidence", None
        case Verify(spec=spec):
            return f"{count(len(spec.criteria), 'check')} to make", None
        case Verdict():
            return _verdict(body)
        case Redo(feedback=feedback, plan=plan):
            return f"{feedback}; plan: {'; '.join(plan)}", False
        case Confirm(verdict=verdict):
            return f"{count(len(verdict.findings), 'check')} passed", True
        case Failed(error=error, message=message):
            return f"{error}: {message}", False
        case Cancel(reason=reason) | Decline(reason=reason):
            return reason, False
        case Ask(question=question):
            return question, None
        case Answer(value=value):
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), None
        case Progress(note=note):
            return note, None
        case _:
            return "", None


def _verdict(body: Verdict) -> tuple[str, bool]:
    passed = sum(finding.outcome == "pass" for finding in body.findings)
    wrong = [
        f"{finding.criterion!r} {'fails' if finding.outcome == 'fail' else 'cannot be checked'}"
        f"{': ' + finding.why if finding.why else ''}"
        for finding in body.findings
        if finding.outcome != "pass"
    ]
    wrong += [f"{anomaly.quote!r} looks wrong: {anomaly.why}" for anomaly in body.anomalies]
    total = f"{passed} of {count(len(body.findings), 'check')} passed"
    return "; ".join([total, *wrong]), not wrong


def punch_line(item: PunchItem) -> str:
    """One item of the punch list as a sentence."""
    what = f"{item.criterion}: {item.why}" if item.criterion and item.why else item.criterion or item.why
    end = item.mended or "not mended"
    return f"{item.task}, attempt {item.attempt}: {clip(what, 200)} -> {end}"


def count(number: int, one: str) -> str:
    """A number with its noun, in the plural where that is due."""
    return f"{number:,} {one if number == 1 else one + 's'}"

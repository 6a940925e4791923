"""A run as its journal tells it: tasks, their attempts, and what was said, asked and done in each.

Made of rows alone, and leniently: pruned bodies, kinds and fields of other versions lead to gaps in the
record, never to an error. Reads only; the run may be finished, interrupted or going on.

Does not cover: what is not journalled, such as the text of pages and what the verifier's looks returned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from ...protocols.journal import Journal, Row, RunInfo
from ...protocols.outcome import Cost, PunchItem
from ..budget import used
from ..remembering import ROWS
from .edits import KINDS, Edited
from .remembered import Deed as MemoryDeed
from .values import listed, number, one_line, table, text, whole

PERSONAL = ("person", "worker_lost", "verifier_lost")
"""Events that are no messages and stand in the timeline all the same."""

ENDS = ("confirm", "failed", "decline", "cancel")
"""Kinds of messages that end an attempt."""

LOST = ("recall_lost", "lesson_lost", "weighing_lost", "noting_lost")
"""Rows that say that memory failed."""


@dataclass(frozen=True)
class Spoken:
    """A message, or an event that belongs beside the messages.

    Attributes:
        at: Seconds since 1970.
        body: The typed message as JSON, its `kind` included.
        again: It was sent before, under the same id.
        trace: W3C trace context, or "".
        wrong: What a verdict refuses; see `wrong_of`.
        by_person: A person did it.
    """

    seq: int
    at: float
    kind: str
    sender: str
    recipient: str
    task: str
    attempt: int
    body: dict[str, JsonValue]
    again: bool = False
    trace: str = ""
    wrong: tuple[tuple[str, str], ...] = ()
    by_person: bool = False


@dataclass
class ModelCall:
    """An answer of a model; one that a strategy thought over has its `strategy` and no tokens of its own."""

    seq: int
    at: float
    role: str
    answer: str
    confidence: float | None
    prompt_tokens: int
    tokens: int
    seconds: float
    strategy: str = ""


@dataclass
class ToolCall:
    """A call of a tool.

    Attributes:
        recovery: `pure`, `keyed`, `queryable` or `unsafe`.
        status: `ok`, `error` or `unknown`; "" while there is no outcome, `not recorded` for looks.
        repeats: Times that it was begun again after a restart.
        ended: Seconds since 1970, or None.
        checking: The verifier looked; its outcome is in the verdict.
    """

    seq: int
    at: float
    key: str
    tool: str
    args: dict[str, JsonValue]
    recovery: str
    status: str = ""
    result: JsonValue = None
    repeats: int = 0
    ended: float | None = None
    checking: bool = False

    def doing(self) -> str:
        """What it did, in words that outlive the page where the tool is the browser."""
        action = table(table(table(self.result).get("value")).get("action"))
        if not action:
            return text(self.args.get("action")) or one_line(dict(self.args))
        name, typed = text(table(action.get("element")).get("name")), text(action.get("text"))
        return " ".join(filter(None, (text(action.get("verb")), name, f"= {typed}" if typed else "")))


@dataclass(frozen=True)
class Raised:
    """An alarm of the watch, as recorded (`watch.Alarm.body`)."""

    seq: int
    at: float
    task: str
    attempt: int
    kind: str
    advice: str
    evidence: tuple[str, ...]
    times: int


Deed = ModelCall | ToolCall | Raised


@dataclass
class AttemptRecord:
    """One attempt at a task.

    Attributes:
        order: The assign or redo.
        deeds: What was asked, done and raised, oldest first.
        end: The message that ended it, if any.
    """

    number: int
    generation: int = 1
    worker: str = ""
    began: float = 0.0
    ended: float = 0.0
    order: Spoken | None = None
    report: Spoken | None = None
    verdicts: list[Spoken] = field(default_factory=list[Spoken])
    end: Spoken | None = None
    deeds: list[Deed] = field(default_factory=list[Deed])

    @property
    def outcome(self) -> str:
        """`confirmed`, `failed`, `declined`, `cancelled`, `refused` by a verdict, `reported`, or `open`."""
        if self.end is not None:
            words = {"confirm": "confirmed", "failed": "failed", "decline": "declined"}
            return words.get(self.end.kind) or ended_as(self.end.body)
        if any(verdict.wrong for verdict in self.verdicts):
            return "refused"
        return "reported" if self.report is not None else "open"

    def tokens(self) -> int:
        """Model tokens, prompts included, as far as they were recorded with the answers."""
        return sum(deed.prompt_tokens + deed.tokens for deed in self.deeds if isinstance(deed, ModelCall))


@dataclass
class TaskRecord:
    """One task.

    Attributes:
        id: Within the run.
        attempts: By generation and number, oldest first.
        thoughts: Tokens of what strategies thought for it.
    """

    id: str
    title: str = ""
    status: str = "not_done"
    generation: int = 1
    criteria: list[JsonValue] = field(default_factory=list[JsonValue])
    attempts: dict[tuple[int, int], AttemptRecord] = field(
        default_factory=dict[tuple[int, int], AttemptRecord]
    )
    lessons: list[str] = field(default_factory=list[str])
    thoughts: int = 0

    def attempt(self, number: int, generation: int | None = None) -> AttemptRecord:
        """The attempt of that number, made when it is first heard of."""
        of = self.generation if generation is None else generation
        return self.attempts.setdefault((of, number), AttemptRecord(number, of))

    def optional(self) -> frozenset[str]:
        """Names of the criteria that need not pass."""
        rows = [table(each) for each in self.criteria]
        return frozenset(text(each.get("name")) for each in rows if each.get("required") is False)

    def tokens(self) -> int:
        """Model tokens that it took."""
        return self.thoughts + sum(attempt.tokens() for attempt in self.attempts.values())

    @property
    def smooth(self) -> bool:
        """Whether its first attempt was confirmed and nothing was raised."""
        raised = any(isinstance(deed, Raised) for each in self.attempts.values() for deed in each.deeds)
        return self.status == "confirmed" and len(self.attempts) == 1 and not raised


@dataclass
class Record:
    """A run.

    Attributes:
        status: As in the journal, or `interrupted` where its process is gone.
        planning: Answers of models that belong to no task.
        messages: Everything said, oldest first.
        notes: What broke down or was lost, a sentence each.
        memory: What was recalled, kept and weighed, oldest first.
        others: How many rows there are of each kind that is not shown one by one.
        ended: What the run came to in its last sitting; empty while it goes on.
        last: When the last row was written, seconds since 1970.
    """

    info: RunInfo
    status: str
    cost: Cost = field(default_factory=Cost)
    plan: str = ""
    tasks: dict[str, TaskRecord] = field(default_factory=dict[str, TaskRecord])
    planning: list[Deed] = field(default_factory=list[Deed])
    messages: list[Spoken] = field(default_factory=list[Spoken])
    alarms: list[Raised] = field(default_factory=list[Raised])
    notes: list[str] = field(default_factory=list[str])
    edits: list[Edited] = field(default_factory=list[Edited])
    memory: list[MemoryDeed] = field(default_factory=list[MemoryDeed])
    others: Counter[str] = field(default_factory=Counter[str])
    rows: int = 0
    sittings: int = 0
    ended: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    last: float = 0.0
    _calls: dict[str, ToolCall] = field(default_factory=dict[str, ToolCall])
    _heard: set[str] = field(default_factory=set[str])
    _asked: dict[str, str] = field(default_factory=dict[str, str])

    def take(self, row: Row) -> None:
        """Add one row; rows must come in their order."""
        self.rows += 1
        self.last = row.at
        body = table(row.body)
        if row.kind == "envelope":
            self._said(row, body)
        elif row.kind == "event":
            self._happened(row, table(body.get("event")))
        elif row.kind == "decision":
            self._deeds(row).append(_model_call(row, body))
        elif row.kind in ("intent", "intent_again", "outcome"):
            self._called(row, body)
        elif row.kind == "look":
            call = ToolCall(row.seq, row.at, "", text(body.get("tool")), table(body.get("args")), "pure")
            call.status, call.checking = "not recorded", True
            self._deeds(row).append(call)
        elif row.kind == "alarm":
            self._raised(row, body)
        elif not self._approval(row, body):
            self._noted(row, body)

    def _noted(self, row: Row, body: dict[str, JsonValue]) -> None:
        if row.kind == "plan":
            self.plan = text(row.body)
        elif row.kind == "sitting":
            self.sittings, self.ended = self.sittings + 1, {}
        elif row.kind == "ended":
            self.ended = body
        elif row.kind == "lesson":
            check = text(body.get("check"))
            if lesson := text(body.get("lesson")):
                self._task(row.task).lessons.append(f"{lesson} (taught by: {check})" if check else lesson)
        elif row.kind in KINDS:
            self.edits.append(Edited.of_row(row))
        elif row.kind in ROWS:
            self.memory.append(MemoryDeed.of_row(row))
        elif row.kind == "breakdown" or row.kind in LOST:
            self.notes.append(f"{row.task or 'the run'}: {row.kind}: {text(row.body)}")
        else:
            self.others[row.kind] += 1
            if row.kind == "thought" and row.task:
                spent = whole(body.get("read")) + whole(body.get("tokens"))
                self._task(row.task.partition("#")[0]).thoughts += spent

    def _task(self, name: str) -> TaskRecord:
        return self.tasks.setdefault(name, TaskRecord(name))

    def _attempt(self, row: Row) -> AttemptRecord:
        """The attempt of a row; calls whose key outlives attempts (number 0) count to the current one."""
        task = self._task(row.task.partition("#")[0])
        known = max((number for of, number in task.attempts if of == task.generation), default=1)
        return task.attempt(row.attempt or known)

    def _deeds(self, row: Row) -> list[Deed]:
        if not row.task:
            return self.planning
        attempt = self._attempt(row)
        attempt.began = attempt.began or row.at
        attempt.ended = row.at
        return attempt.deeds

    def _said(self, row: Row, envelope: dict[str, JsonValue]) -> None:
        body = table(envelope.get("body"))
        mark = text(envelope.get("id"))
        task = self._task(row.task)
        spoken = Spoken(
            row.seq,
            number(envelope.get("sent_at")) or row.at,
            text(body.get("kind")) or "pruned",
            text(envelope.get("sender")),
            text(envelope.get("recipient")),
            row.task,
            whole(envelope.get("attempt")) or row.attempt,
            body,
            bool(mark) and mark in self._heard,
            text(envelope.get("trace")),
            wrong_of(body, task.optional()) if body.get("kind") == "verdict" else (),
        )
        self._heard.add(mark)
        self.messages.append(spoken)
        task.generation = max(task.generation, whole(envelope.get("generation")))
        attempt = task.attempt(spoken.attempt, whole(envelope.get("generation")) or None)
        attempt.began = attempt.began or row.at
        attempt.ended = row.at
        _place(task, attempt, spoken)

    def _happened(self, row: Row, event: dict[str, JsonValue]) -> None:
        """An event that is no message of the protocol but belongs beside them."""
        if (kind := text(event.get("kind"))) not in PERSONAL:
            return
        act = table(event.get("act")) if kind == "person" else event
        who = text(event.get("person")) or text(event.get("worker")) or text(event.get("verifier"))
        kind = text(act.get("kind")) or kind
        spoken = Spoken(row.seq, row.at, kind, who or "person", "manager", row.task, row.attempt, act)
        self.messages.append(replace(spoken, by_person=event.get("kind") == "person"))
        self._task(row.task)

    def _approval(self, row: Row, body: dict[str, JsonValue]) -> bool:
        """A call that a person was asked about, or what they said: no event of the protocol tells of it."""
        if row.kind == "request" and body.get("subject") == "approve":
            self._asked[row.key] = text(body.get("task"))
            said, sender, recipient = "may it", "manager", "person"
        elif row.kind == "reply" and row.key in self._asked:
            said = "yes" if body.get("value") is True else "no"
            sender, recipient = text(body.get("person")), "manager"
        else:
            return False
        spoken = Spoken(row.seq, row.at, said, sender, recipient, self._asked[row.key], row.attempt, body)
        self.messages.append(replace(spoken, by_person=row.kind == "reply"))
        return True

    def _called(self, row: Row, body: dict[str, JsonValue]) -> None:
        if row.kind == "outcome":
            call = self._calls.get(row.key)
            if call is not None:
                call.status, call.result, call.ended = text(body.get("status")), body.get("result"), row.at
            return
        known = self._calls.get(row.key)
        if known is not None:
            known.repeats += 1
            return
        args = table(body.get("args"))
        call = ToolCall(row.seq, row.at, row.key, text(body.get("tool")), args, text(body.get("recovery")))
        self._calls[row.key] = call
        self._deeds(row).append(call)

    def _raised(self, row: Row, body: dict[str, JsonValue]) -> None:
        evidence = tuple(text(item) for item in listed(body.get("evidence")))
        kind, advice = text(body.get("kind")) or "alarm", text(body.get("advice"))
        alarm = Raised(
            row.seq, row.at, row.task, row.attempt, kind, advice, evidence, whole(body.get("times")) or 1
        )
        self.alarms.append(alarm)
        self._deeds(row).append(alarm)

    def calls(self) -> dict[str, ToolCall]:
        """Every call of a tool by its key."""
        return self._calls

    def punch_list(self) -> list[PunchItem]:
        """Everything that failed on the way, and how it was mended, as the messages tell."""
        return [item for task in self.tasks.values() for item in _punch_items(task)]


def told_of(verdict: Spoken) -> list[str]:
    """What a verdict refuses, a line each."""
    return [
        f"{criterion}: {why or 'it does not pass'}" if criterion else why for criterion, why in verdict.wrong
    ]


def reasons_of(task: TaskRecord) -> list[str]:
    """Why a task is not confirmed, as its last messages tell; empty where it is or goes on."""
    if task.status == "confirmed" or not task.attempts:
        return []
    last = [each for each in task.attempts.values() if each.end is not None or each.verdicts]
    if not last:
        return []
    end = last[-1].end
    if end is not None:
        reason = text(end.body.get("reason")) or text(end.body.get("message"))
        return [reason] if reason else []
    return [
        f"{criterion}: {why}" if criterion else why for criterion, why in wrong_of(last[-1].verdicts[-1].body)
    ]


def read_run(journal: Journal, info: RunInfo, status: str = "") -> Record:
    """The record of one run of a journal.

    Args:
        journal: Open, `readonly` will do.
        status: How the run stands, where that is known better than the journal says (`interrupted`).
    """
    record = Record(info, status or info.status)
    for row in journal.rows(info.run):
        record.take(row)
    record.cost = used(journal, info.run)
    return record


def record_of(info: RunInfo, rows: Iterable[Row]) -> Record:
    """The record that these rows make, without its cost."""
    record = Record(info, info.status)
    for row in rows:
        record.take(row)
    return record


def wrong_of(
    verdict: dict[str, JsonValue], optional: frozenset[str] = frozenset()
) -> tuple[tuple[str, str], ...]:
    """What a verdict refuses, weighed as the protocol weighs it; empty where it passes.

    Args:
        optional: Names of the criteria that need not pass.

    Returns:
        (criterion or "", why) of each finding or anomaly that stands in the way.
    """
    found = [table(each) for each in listed(verdict.get("findings"))]
    required = {text(each.get("outcome")) for each in found if text(each.get("criterion")) not in optional}
    for standing in ("fail", "cannot_check"):
        if standing in required:
            bad = [each for each in found if each.get("outcome") == standing]
            return tuple((text(each.get("criterion")), text(each.get("why"))) for each in bad)
    anomalies = map(table, listed(verdict.get("anomalies")))
    return tuple(("", f"{text(each.get('why'))}: {text(each.get('quote'))}") for each in anomalies)


def ended_as(body: dict[str, JsonValue]) -> str:
    """How a `cancel` says that a task ended: `unverified`, `failed` or `cancelled`."""
    word = text(body.get("reason")).partition(":")[0]
    return word if word in ("unverified", "failed") else "cancelled"


def _place(task: TaskRecord, attempt: AttemptRecord, spoken: Spoken) -> None:
    """Put a message where it belongs in its task."""
    kind, body = spoken.kind, spoken.body
    after = {"assign": "assigned", "redo": "assigned", "accept": "working", "verify": "verifying"}
    task.status = after.get(kind, task.status)
    if kind in ("assign", "redo"):
        attempt.order, attempt.worker = spoken, spoken.recipient
        task.title = text(body.get("task")) or task.title
        task.criteria = listed(table(body.get("spec")).get("criteria")) or task.criteria
    elif kind == "report":
        attempt.report = attempt.report or spoken
    elif kind == "verdict":
        attempt.verdicts.append(spoken)
    elif kind in ENDS and (attempt.end is None or attempt.end.kind != "confirm"):
        attempt.end = attempt.end or spoken
        last = {"confirm": "confirmed", "cancel": ended_as(body)}
        task.status = last.get(kind, "failed" if body.get("retry") is False else "not_done")


def _model_call(row: Row, body: dict[str, JsonValue]) -> ModelCall:
    return ModelCall(
        row.seq, row.at, text(body.get("role")) or "pruned", text(body.get("answer")),
        number(body.get("confidence")), whole(body.get("prompt_tokens")), whole(body.get("tokens")),
        number(body.get("seconds")) or 0.0, text(body.get("strategy")),
    )  # fmt: skip


def _punch_items(task: TaskRecord) -> list[PunchItem]:
    title = task.title or task.id
    right = next((each for each in task.attempts.values() if each.outcome == "confirmed"), None)
    items: list[PunchItem] = []
    for place, attempt in task.attempts.items():
        if attempt is right:
            continue
        later = right is not None and (right.generation, right.number) > place
        mended = f"confirmed in attempt {right.number}" if right is not None and later else ""
        flaws = [flaw for verdict in attempt.verdicts[-1:] for flaw in verdict.wrong]
        end = attempt.end
        if end is not None and end.kind == "failed":
            flaws.append(("", f"{text(end.body.get('error'))}: {text(end.body.get('message'))}"))
        elif end is not None and end.kind == "decline":
            flaws.append(("", f"{end.sender} declined: {text(end.body.get('reason'))}"))
        items += [PunchItem(title, attempt.number, criterion, why, mended) for criterion, why in flaws]
    return items

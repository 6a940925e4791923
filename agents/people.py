"""People: what a run has to ask somebody, and what was answered. Both are on record.

A request that was answered is not asked again, in this process or the next one, so an approval survives a
restart. One that nobody is there to answer stays open: the run ends for now, and `reply` in its journal (or
`punchlist answer`) lets it go on.

Does not cover: who a person is. What is answered is recorded as theirs, under the name that they give.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import JsonValue, TypeAdapter

from ..protocols.journal import Journal
from ..tools.permissions import Call, Policy

REQUEST, REPLY, WITHDRAWN = "request", "reply", "withdrawn"
"""Kinds of the journal's rows; the key of all is the request's id."""

Subject = Literal["answer", "approve", "waive", "take_over", "overrule"]


@dataclass(frozen=True)
class Request:
    """Something that a person is asked.

    Attributes:
        id: The same whenever the same thing is asked, also by a process after this one.
        subject: `answer` a worker's question; `approve` a call of a tool; `waive` an anomaly; `overrule` a
            verdict; or `take_over`: hand back the result of a task that was taken over.
        task: Task of the run.
        text: The question, for a person to read.
        schema: JSON schema of the reply; None takes any text.
        body: What it is about: the call, the anomaly.
    """

    id: str
    subject: Subject
    task: str
    text: str
    schema: dict[str, JsonValue] | None = None
    body: JsonValue = None

    def check(self, value: JsonValue) -> None:
        """Refuse a reply that cannot be one; of a schema its outermost type is looked at.

        Raises:
            UnfitReply: It is of another type than was asked for.
        """
        wanted = (self.schema or {}).get("type")
        if isinstance(wanted, str) and wanted in _TYPES and not _is_a(value, wanted):
            raise UnfitReply(self, value)


_TYPES: dict[str, type | tuple[type, ...]] = {
    "boolean": bool, "string": str, "integer": int, "number": (int, float), "object": dict, "array": list,
    "null": type(None),
}  # fmt: skip


def _is_a(value: JsonValue, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


class UnfitReply(ValueError):
    """A reply is of another type than was asked for. Nothing was recorded."""

    def __init__(self, request: Request, value: JsonValue) -> None:
        self.request, self.value = request.id, value
        wanted = json.dumps(request.schema)
        example = "; say true or false" if request.schema == {"type": "boolean"} else ""
        super().__init__(f"{value!r} is no answer to {request.text!r}: a reply fits {wanted}{example}.")


@dataclass(frozen=True)
class Reply:
    """What a person answered, and under which name."""

    value: JsonValue
    person: str = "person"


_REQUEST = TypeAdapter(Request)

Person = Callable[[Request], "JsonValue | Reply | Awaitable[JsonValue | Reply]"]
"""Asks a person; what it returns is the reply."""


class NobodyThere(Exception):
    """A run needs a person, and nobody is there. It goes on once somebody has answered."""

    def __init__(self, request: Request) -> None:
        self.request = request
        super().__init__(
            f"Task {request.task!r} waits for a person: {request.text} "
            f"Answer it with `punchlist answer FILE {request.id} VALUE` and resume the run, or give the "
            "manager somebody to ask: Manager(..., person=...)."
        )


class RequestWithdrawn(LookupError):
    """A reply came to what is not asked any more."""

    def __init__(self, request: str, task: str) -> None:
        self.request, self.task = request, task
        super().__init__(
            f"{request!r} is not asked any more: task {task!r} has ended without it. "
            "The reply was not taken; re-open the task if it is to be done again."
        )


class BrokeOff(Exception):
    """Something that a task waited for ended without an answer and without an error of its own."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The run broke off: {what}. Mend what raised CancelledError, and resume the run.")


def approving(policy: Policy, desk: Desk) -> Policy:
    """The policy with its questions going through the desk: recorded, and asked once for each call."""

    async def permit(call: Call) -> bool:
        text = f"May {call.tool} be called with {json.dumps(dict(call.arguments), ensure_ascii=False)}?"
        body: JsonValue = {"tool": call.tool, "effect": call.effect, "arguments": dict(call.arguments)}
        task = call.key.partition("/")[2].rpartition("/")[0].rpartition("/")[0]
        request = Request(f"approve.{call.key}", "approve", task, text, {"type": "boolean"}, body)
        if desk.approved_before(request):
            return True
        asked = policy.person
        if asked is None:
            return (await desk.ask(request)).value is True

        async def person(_: Request) -> JsonValue:
            said = asked(call)
            return (await said if inspect.isawaitable(said) else said) is True

        return (await desk.ask(request, person)).value is True

    return Policy(policy.rules, permit)


class Desk:
    """Where a run's requests go.

    Args:
        person: Who is asked; None: what is not on record waits for somebody who answers through `reply`.
        patient: Wait for `reply` where there is no person; otherwise `NobodyThere` is raised at once.
        told: Hears of each request that is open, once.
    """

    def __init__(
        self,
        journal: Journal,
        run: str,
        person: Person | None = None,
        *,
        patient: bool = False,
        told: Callable[[Request], None] | None = None,
    ) -> None:
        self._journal, self._run, self.person, self.patient = journal, run, person, patient
        self._told = told
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self.open: dict[str, Request] = {}
        replies = [
            (row.key, body) for row in journal.rows(run, kinds=(REPLY,)) if isinstance(body := row.body, dict)
        ]
        self._replies = {key: Reply(body["value"], str(body["person"])) for key, body in replies}
        self._carried = {str(body["of"]) for _, body in replies if "of" in body}
        self._pending, self._withdrawn = _standing(journal, run)

    @property
    def attended(self) -> bool:
        """Whether somebody is there to be asked."""
        return self.person is not None or self.patient

    async def ask(self, request: Request, person: Person | None = None) -> Reply:
        """The reply to a request: the one on record, or what a person says now.

        Args:
            person: Who is asked this; None: the desk's.

        Raises:
            NobodyThere: Nobody is there to be asked.
        """
        if request.id in self._replies:
            return self._replies[request.id]
        if request.id not in self._pending:
            body = asdict(request)
            self._journal.append(REQUEST, body, run=self._run, task=request.task, key=request.id)
            self._pending[request.id] = request
            self._withdrawn.pop(request.id, None)
        if request.id not in self.open and self._told is not None:
            self._told(request)
        self.open[request.id] = request
        person = person or self.person
        if person is None:
            if not self.patient:
                raise NobodyThere(request)
            waiting = self._waiting.setdefault(request.id, asyncio.get_running_loop().create_future())
            return await asyncio.shield(waiting)  # whoever stops waiting leaves it to others who ask the same
        async with self._turns.setdefault(request.id, asyncio.Lock()):  # never the same twice at once
            if request.id in self._replies:
                return self._replies[request.id]
            told = await _said(person, request)
            return self.reply(request.id, told if isinstance(told, Reply) else Reply(told))

    def approved_before(self, request: Request) -> bool:
        """Whether the same call was approved in an earlier attempt that did not come to make it.

        Then the approval counts for this one, on record, and for no other.
        """
        if request.id in self._replies:
            return False
        attempt = request.id.rpartition("/")[0]
        rows = self._journal.rows(self._run, kinds=(REQUEST,), task=request.task)
        same = [
            row.key
            for row in rows
            if isinstance(row.body, dict)
            and row.body["subject"] == "approve"
            and row.body["body"] == request.body
        ]
        made = {f"approve.{call.key}" for call in self._journal.calls(self._run, request.task)}
        for name in same:
            reply = self._replies.get(name)
            if reply is None or reply.value is not True or name in made | self._carried:
                continue
            if name.rpartition("/")[0] != attempt:
                self._carried.add(name)
                body: JsonValue = {**asdict(request), "of": name}
                self._journal.append(REQUEST, body, run=self._run, task=request.task, key=request.id)
                self._journal.append(REPLY, {**asdict(reply), "of": name}, run=self._run, key=request.id)
                self._replies[request.id] = reply
                return True
        return False

    def close(self, task: str) -> None:
        """A task has ended: what was asked in it, or below it, waits for nobody any more, on record."""
        for name, request in list(self._pending.items()):
            if request.task == task or request.task.startswith((f"{task}/", f"{task}#")):
                body: JsonValue = {"why": f"task {task} has ended"}
                self._journal.append(WITHDRAWN, body, run=self._run, task=request.task, key=name)
                self.open.pop(name, None)
                self._waiting.pop(name, None)
                self._withdrawn[name] = self._pending.pop(name)

    def reply(self, request: str, reply: Reply) -> Reply:
        """Record what a person answered and let whoever asked go on. A second reply changes nothing.

        Raises:
            KeyError: Nothing of this id was asked.
            RequestWithdrawn: It is not asked any more.
        """
        if request in self._replies:
            return self._replies[request]
        if request in self._withdrawn:
            raise RequestWithdrawn(request, self._withdrawn[request].task)
        if request not in self._pending:
            raise KeyError(request)
        self._journal.append(REPLY, asdict(reply), run=self._run, key=request)
        self._replies[request] = reply
        self._pending.pop(request)
        self.open.pop(request, None)
        waiting = self._waiting.pop(request, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)
        return reply


async def _said(person: Person, request: Request) -> JsonValue | Reply:
    """What a person says.

    Raises:
        BrokeOff: Their callback cancelled itself; whoever waits would wait for ever.
    """
    try:
        said = person(request)
        return await said if inspect.isawaitable(said) else said
    except asyncio.CancelledError as error:
        waiting = asyncio.current_task()
        if waiting is None or waiting.cancelling():
            raise
        raise BrokeOff(f"the person's callback cancelled itself over {request.text!r}") from error


def waiting(journal: Journal, run: str) -> list[Request]:
    """What a run has asked and nobody has answered, as its journal tells; not what was withdrawn."""
    return list(_standing(journal, run)[0].values())


def _standing(journal: Journal, run: str) -> tuple[dict[str, Request], dict[str, Request]]:
    """What waits for a reply, and what was withdrawn without one, by id."""
    pending, withdrawn = dict[str, Request](), dict[str, Request]()
    for row in journal.rows(run, kinds=(REQUEST, REPLY, WITHDRAWN)):
        if row.kind == REQUEST and isinstance(row.body, dict) and "subject" in row.body:  # and is not pruned
            pending[row.key] = _REQUEST.validate_python(row.body)
            withdrawn.pop(row.key, None)
        elif row.kind == REPLY:
            pending.pop(row.key, None)
        elif row.key in pending:
            withdrawn[row.key] = pending.pop(row.key)
    return pending, withdrawn

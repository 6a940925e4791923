"""The one door to every tool: validate, permit, journal the intent, run, record the outcome.

Covers: a call whose outcome is recorded is never made again; a call that was begun before the run stopped is
settled by its tool's recovery class. Does not cover: exactly-once for `unsafe` tools; those are made at most
once, and whether they took effect is a person's to find out; nor the instant between the last look at who may
write the run and the call itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal, Protocol

from pydantic import JsonValue, TypeAdapter, ValidationError

from .errors import OutcomeUnknown, ToolError, ToolTimeout, UnknownTool
from .permissions import Call, Policy
from .threads import give_way
from .tool import AnyTool, Recovery

Status = Literal["ok", "error", "unknown"]

AGAIN = ".again"
"""Stands in the keys of calls that a redo makes although they are recorded as done."""


UNMADE = "unmade"
"""Stands in the record of what the world said of a call that was not made again: it counts as nothing."""


class Recorded(Protocol):
    """What a journal knows of one call; `status` is None while no outcome is recorded."""

    @property
    def tool(self) -> str: ...
    @property
    def status(self) -> str | None: ...
    @property
    def recovery(self) -> str: ...
    @property
    def result(self) -> JsonValue: ...


class CallJournal(Protocol):
    """The part of a journal that the executor needs."""

    def intent(
        self,
        key: str,
        tool: str,
        args: Mapping[str, JsonValue],
        recovery: Recovery,
        *,
        run: str,
        task: str = "",
        attempt: int = 0,
        again: bool = False,
    ) -> int:
        """Record that a call is about to be made, durably, before it is made."""
        ...

    def outcome(self, key: str, result: JsonValue, *, status: Status = "ok") -> int:
        """Record what a call came to."""
        ...

    def call(self, key: str) -> Recorded | None:
        """The call begun with this key, if any."""
        ...

    def hold(self, run: str) -> int:
        """The epoch under which this process writes the run.

        Raises:
            An error of the journal: another process writes it now, so this one may call nothing more.
        """
        ...


@dataclass(frozen=True)
class ToolResult:
    """What one call came to. Never an exception: a failed call is an observation.

    Attributes:
        key: The call's idempotency key, by which the journal knows it.
        tool: The tool's name.
        ok: It ran and returned a valid value.
        value: What it returned, as JSON; None when not ok.
        code: `ok`, or the name of the error class, for example `ToolTimeout`.
        error: What went wrong, for the model; empty when ok.
        advice: The same for the operator, with what to change.
        seconds: How long the call took; what was recorded, when it was not made again.
        replayed: The outcome was recorded before; nothing was called.
        unknown: It is not known whether the call took effect.
    """

    key: str
    tool: str
    ok: bool
    value: JsonValue = None
    code: str = "ok"
    error: str = ""
    advice: str = ""
    seconds: float = 0.0
    replayed: bool = False
    unknown: bool = False

    def as_json(self) -> dict[str, JsonValue]:
        """For a journal or a message."""
        return dict(vars(self))


_RESULT = TypeAdapter(ToolResult)


class KeyReused(ToolError):
    """A key names one call; it was used for a second one."""

    def __init__(self, key: str, first: str, second: str) -> None:
        self.key, self.first, self.second = key, first, second
        super().__init__(f"Key {key!r} belongs to a call of {first!r}; it cannot name one of {second!r}.")


class Executor:
    """Makes tool calls under one policy and one journal.

    Args:
        policy: Decides every call.
        journal: Where intents and outcomes go; None keeps none (then nothing can be resumed).
        tools: Tools that may be called by name.
        begin: Counts and pays a call of the named tool before it is begun; where it raises, it is not begun.
            It hears of a call once, also of a keyed or queryable one that is sent again: its effect is there
            once. A `pure` one that is made again is another call.

    Raises:
        ValueError: Two tools share a name.
    """

    def __init__(
        self,
        policy: Policy,
        journal: CallJournal | None = None,
        tools: Iterable[AnyTool] = (),
        begin: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._policy = policy
        self._journal = journal
        self._begins = begin
        self._tools: dict[str, AnyTool] = {}
        for item in tools:
            if item.name in self._tools:
                raise ValueError(f"two tools are called {item.name!r}; give one of them another `name`")
            self._tools[item.name] = item

    @property
    def tools(self) -> tuple[AnyTool, ...]:
        """The tools that may be called by name."""
        return tuple(self._tools.values())

    async def call_again(self, tool: AnyTool, args: Mapping[str, Any], *, key: str) -> ToolResult:
        """`call`, in a redo: a recorded success is not believed where the world can be asked.

        A queryable tool whose call is on record as done and of whose effect the world knows nothing (it said
        so and did nothing, or somebody undid it) is called anew, under a key of its own. Where the world says
        another value than the record, that is recorded under such a key, and given. Every other call is given
        back as it is recorded.
        """
        number, tried = 1, key
        while self._journal is not None and tool.recovery == "queryable":
            recorded = self._journal.call(tried)
            if recorded is None or recorded.status != "ok":
                break
            begun = perf_counter()
            try:
                arguments = tool.validate(args)
                found = await tool.ask_outcome(arguments)
            except ToolError:
                break  # nobody can tell: nothing is done twice
            if found is not None and found.value in (None, _value_of(recorded)):
                break
            number, tried = number + 1, f"{key}{AGAIN}{number}"
            if found is not None and self._journal.call(tried) is None:
                self._intend(tool, tool.as_json(arguments), tried, again=False)
                told = ToolResult(tried, tool.name, True, found.value, seconds=_since(begun))
                self._journal.outcome(tried, {**told.as_json(), UNMADE: True})
                return told
        return await self.call(tool, args, key=tried)

    async def call(self, tool: str | AnyTool, args: Mapping[str, Any], *, key: str) -> ToolResult:
        """Make one call, or give back what is recorded for `key`.

        Args:
            tool: A tool, or the name of one of `tools`.
            args: As the tool's schema says.
            key: Names this call for good: `run/task/attempt/call`.

        Raises:
            Whatever `begin` and the journal raise (the run must stop; for a process that lost its run to
            another one, before the call). Errors of the tool are in the result.
        """
        await give_way()
        begun = perf_counter()
        name = tool if isinstance(tool, str) else tool.name
        try:
            known = self._known(tool)
            recorded = self._journal.call(key) if self._journal is not None else None
            if recorded is not None and recorded.tool != known.name:
                raise KeyReused(key, recorded.tool, known.name)
            if recorded is not None and recorded.status is not None:
                return _replay(key, recorded)
            arguments = known.validate(args)
            plain = known.as_json(arguments)
            await self._policy.permit(Call(known.name, known.effect, plain, key))
        except ToolError as error:
            return _failed(key, name, error, begun)
        if recorded is not None:
            return await self._settle(known, arguments, plain, key, begun, recorded.recovery)
        await self._begin(known, plain, key)
        return await self._run(known, arguments, plain, key, begun)

    def _known(self, tool: str | AnyTool) -> AnyTool:
        if not isinstance(tool, str):
            return tool
        if tool not in self._tools:
            raise UnknownTool(tool, tuple(self._tools))
        return self._tools[tool]

    async def _run(
        self,
        tool: AnyTool,
        arguments: Mapping[str, Any],
        plain: dict[str, JsonValue],
        key: str,
        begun: float,
        *,
        resent: bool = False,
    ) -> ToolResult:
        if self._journal is not None:  # between the intent and the call the process may have hung
            self._journal.hold(_parts(key)[0])
        try:
            value = await tool.run(arguments, key)
        except ToolTimeout as error:
            if tool.recovery == "keyed" and not resent:
                self._intend(tool, plain, key, again=True)
                return await self._run(tool, arguments, plain, key, begun, resent=True)
            return await self._after_timeout(tool, arguments, key, error, begun)
        except ToolError as error:
            return self._record(_failed(key, tool.name, error, begun))
        return self._record(ToolResult(key, tool.name, True, value, seconds=_since(begun)))

    async def _settle(
        self,
        tool: AnyTool,
        arguments: Mapping[str, Any],
        plain: dict[str, JsonValue],
        key: str,
        begun: float,
        recorded: str,
    ) -> ToolResult:
        """A call that was begun before the run stopped, without a recorded outcome."""
        recovery = settled_by(recorded, tool.recovery)
        if recovery == "unsafe":
            return self._record(_failed(key, tool.name, OutcomeUnknown(tool.name, key), begun, unknown=True))
        if recovery == "queryable":
            try:
                found = await tool.ask_outcome(arguments)
            except ToolError:
                unknown = OutcomeUnknown(tool.name, key)
                return _failed(key, tool.name, unknown, begun, unknown=True)  # asked again at the next resume
            if found is not None:
                return self._record(ToolResult(key, tool.name, True, found.value, seconds=_since(begun)))
        await self._begin(tool, plain, key, again=True)
        return await self._run(tool, arguments, plain, key, begun)

    async def _after_timeout(
        self, tool: AnyTool, arguments: Mapping[str, Any], key: str, error: ToolTimeout, begun: float
    ) -> ToolResult:
        """A call that gave no answer, a keyed one twice, may have taken effect; a queryable one is asked."""
        if tool.recovery == "queryable":
            try:
                found = await tool.ask_outcome(arguments)
            except ToolError:
                found = None
            if found is not None:
                return self._record(ToolResult(key, tool.name, True, found.value, seconds=_since(begun)))
        return self._record(_failed(key, tool.name, error, begun, unknown=tool.recovery != "pure"))

    async def _begin(
        self, tool: AnyTool, plain: dict[str, JsonValue], key: str, *, again: bool = False
    ) -> None:
        if self._begins is not None and (not again or tool.recovery == "pure"):
            await self._begins(tool.name)
        self._intend(tool, plain, key, again=again)

    def _intend(self, tool: AnyTool, plain: dict[str, JsonValue], key: str, *, again: bool) -> None:
        if self._journal is None:
            return
        run, task, attempt = _parts(key)
        self._journal.intent(
            key, tool.name, plain, tool.recovery, run=run, task=task, attempt=attempt, again=again
        )

    def _record(self, result: ToolResult) -> ToolResult:
        if self._journal is not None:
            status: Status = "unknown" if result.unknown else "ok" if result.ok else "error"
            self._journal.outcome(result.key, result.as_json(), status=status)
        return result


def is_again(key: str) -> bool:
    """Whether `call_again` gave a call this key: what came of it is found through the first one."""
    return AGAIN in key.rpartition("/")[2]


def settled_by(recorded: str, now: Recovery) -> Recovery:
    """The class by which a call that was begun is settled, where its tool was given another class since.

    A call that was made without a key cannot be sent again with one: it would be done twice. The world can
    always be asked.
    """
    return now if now == "queryable" or recorded in (now, "pure") else "unsafe"


def _value_of(recorded: Recorded) -> JsonValue:
    """What a recorded call returned; what a person wrote into the journal may be the value itself."""
    body = recorded.result
    return body.get("value") if isinstance(body, dict) and "tool" in body else body


def _replay(key: str, recorded: Recorded) -> ToolResult:
    """The recorded outcome; one that a person wrote into the journal may be any JSON."""
    body: dict[str, Any] = (
        recorded.result if isinstance(recorded.result, dict) else {"value": recorded.result}
    )
    status = {"ok": recorded.status == "ok", "unknown": recorded.status == "unknown", "replayed": True}
    try:
        return _RESULT.validate_python({**body, "key": key, "tool": recorded.tool, **status})
    except ValidationError:
        return ToolResult(key, recorded.tool, recorded.status == "ok", recorded.result, replayed=True)


def _failed(key: str, tool: str, error: ToolError, begun: float, *, unknown: bool = False) -> ToolResult:
    return ToolResult(
        key,
        tool,
        False,
        code=type(error).__name__,
        error=error.for_model,
        advice=str(error),
        seconds=_since(begun),
        unknown=unknown,
    )


def _since(begun: float) -> float:
    return round(perf_counter() - begun, 6)


def _parts(key: str) -> tuple[str, str, int]:
    """Run, task and attempt of a key `run/task/attempt/call`; the whole key as run when it is none."""
    parts = key.split("/")
    if len(parts) < 4 or not parts[-2].isdigit():
        return parts[0], "", 0
    return parts[0], "/".join(parts[1:-2]), int(parts[-2])

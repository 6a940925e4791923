"""`@tool`: a typed function becomes a tool, with its schema, its limits and what may be done with it.

The schema comes from the signature and the docstring (Google style), arguments and the returned value are
validated with pydantic. Two declarations are the tool author's word: `effect` decides who must permit a call,
`recovery` what happens to a call that was begun when the run stopped.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, Literal, NoReturn, ParamSpec, TypeVar, cast, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError, create_model
from pydantic_core import PydanticSerializationError

from .errors import InvalidArguments, ToolError, ToolRaised, ToolReturnedWrongType, ToolTimeout
from .threads import Pace, begin

P = ParamSpec("P")
R = TypeVar("R")

EffectClass = Literal["read", "write", "irreversible"]
"""`read` changes nothing; `write` can be undone; `irreversible` cannot (money, mail, deletion)."""

Recovery = Literal["pure", "keyed", "queryable", "unsafe"]
"""How a call without a recorded outcome is settled: run again; sent again with its key, by which the tool
does it only once; asked of the world through `outcome_of`; or never repeated and put to a person."""

KEY_PARAMETER = "idempotency_key"
DEFAULT_TIMEOUT = 60.0
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ToolDefinitionError(TypeError):
    """A function that cannot be a tool as it is written. Says what to change."""


_PLAIN: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


@dataclass(frozen=True)
class Found:
    """What an `outcome_of` function returns when the call took effect: the value the tool would return."""

    value: Any = None


OutcomeOf = Callable[..., "Found | Awaitable[Found | None] | None"]


@dataclass(frozen=True)
class Tool(Generic[P, R]):
    """A function that a model may call. Calling the object calls the function, unchecked.

    Attributes:
        name: At most 64 letters, digits, `_` and `-`.
        description: The docstring's first paragraph.
        schema: JSON schema of the arguments, closed.
        effect, recovery: See `EffectClass` and `Recovery`.
        timeout: Seconds a call may take.
        outcome_of: For `queryable`: takes the tool's arguments, returns `Found(value)` when such a call has
            taken effect, else None.
        cost: What one call costs, in the currency of the run's budget of money.
        pace: How quick the function was.
    """

    name: str
    description: str
    schema: dict[str, JsonValue]
    effect: EffectClass
    recovery: Recovery
    timeout: float
    function: Callable[P, R] = field(repr=False)
    outcome_of: OutcomeOf | None = field(default=None, repr=False)
    arguments: type[BaseModel] = field(default=BaseModel, repr=False)
    returns: TypeAdapter[Any] = field(default_factory=lambda: TypeAdapter(Any), repr=False)
    cost: Decimal = Decimal(0)
    pace: Pace = field(default_factory=Pace, repr=False, compare=False)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def validate(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function takes them.

        Raises:
            InvalidArguments: They do not fit the schema.
        """
        try:
            checked = self.arguments.model_validate(dict(args))
        except ValidationError as error:
            raise InvalidArguments(self.name, _problems(error)) from error
        fields = type(checked).model_fields
        return {item.alias or name: getattr(checked, name) for name, item in fields.items()}

    def as_json(self, arguments: Mapping[str, Any]) -> dict[str, JsonValue]:
        """Validated arguments as JSON, for the journal and the policy."""
        return cast("dict[str, JsonValue]", _PLAIN.dump_python(dict(arguments), mode="json", fallback=repr))

    async def run(self, arguments: Mapping[str, Any], key: str = "") -> JsonValue:
        """Call the function with validated arguments; its value as JSON.

        A synchronous function runs in a thread of its own, which is left behind when it hangs: it holds up
        neither the event loop nor the end of the process.

        Raises:
            ToolRaised, ToolTimeout, ToolReturnedWrongType: What went wrong.
            ToolError: The function raised one itself.
        """
        given = dict(arguments)
        if self.recovery == "keyed":
            given[KEY_PARAMETER] = key
        return self._checked(await self._timed(cast("Callable[..., Any]", self.function), given))

    async def ask_outcome(self, arguments: Mapping[str, Any]) -> Found | None:
        """Ask the world whether a call with these arguments took effect.

        Raises:
            ToolRaised, ToolTimeout, ToolReturnedWrongType: The question itself failed.
        """
        if self.outcome_of is None:
            return None
        found = await self._timed(self.outcome_of, dict(arguments))
        if found is None:
            return None
        if not isinstance(found, Found):
            raise ToolReturnedWrongType(self.name, "outcome_of returns Found(value) or None")
        return Found(self._checked(found.value))

    async def _timed(self, function: Callable[..., Any], given: dict[str, Any]) -> Any:
        """What a function returns in its time; its errors as ours."""
        if _is_async(function):
            return await self._awaited(function(**given))
        future = begin(functools.partial(function, **given), self.pace if function is self.function else None)
        try:
            if not future.done():
                async with asyncio.timeout(self.timeout):
                    await future
        except TimeoutError:
            late = not future.done() or future.cancelled()
            if late:  # else its outcome came just then, or while the loop was held up
                raise ToolTimeout(self.name, self.timeout) from None
        value, error = future.result()
        return value if error is None else self._refused(error)

    async def _awaited(self, call: Coroutine[Any, Any, Any]) -> Any:
        """One that does not heed its cancellation is left to itself."""
        task = asyncio.ensure_future(call)
        try:
            await asyncio.wait({task}, timeout=self.timeout)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not task.done():
            task.cancel()
            raise ToolTimeout(self.name, self.timeout)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        return task.result() if error is None else self._refused(error)

    def _refused(self, error: BaseException) -> NoReturn:
        if isinstance(error, asyncio.CancelledError):
            raise ToolRaised(self.name, asyncio.CancelledError("it cancelled itself"))
        if isinstance(error, ToolError) or not isinstance(error, Exception):
            raise error
        raise ToolRaised(self.name, error) from error

    def _checked(self, value: Any) -> JsonValue:
        try:
            return self.returns.dump_python(self.returns.validate_python(value, strict=True), mode="json")
        except ValidationError as error:
            raise ToolReturnedWrongType(self.name, _problems(error)) from error
        except PydanticSerializationError as error:
            raise ToolReturnedWrongType(self.name, f"{type(value).__name__} is not JSON") from error


AnyTool = Tool[..., Any]


@functools.lru_cache(maxsize=1024)
def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(inspect.unwrap(function))


@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...
@overload
def tool(
    *,
    name: str | None = None,
    effect: EffectClass = "write",
    recovery: Recovery | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    outcome_of: OutcomeOf | None = None,
    cost: Decimal | int | str = 0,
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    effect: EffectClass = "write",
    recovery: Recovery | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    outcome_of: OutcomeOf | None = None,
    cost: Decimal | int | str = 0,
) -> Any:
    """Make a tool of a typed function, sync or async. Use it bare or with options.

    Args:
        name: The function's name when None.
        effect: What a call does to the world. Not said: `write`.
        recovery: When not said: `pure` for `read`, else `unsafe`. A `keyed` function takes a parameter
            `idempotency_key: str`, which the executor fills and no model sees; `queryable` needs
            `outcome_of`.
        timeout: Seconds, above 0.
        outcome_of: See `Tool.outcome_of`.
        cost: See `Tool.cost`: a decimal, a whole number or a text such as "0.02".

    Raises:
        ToolDefinitionError: An unannotated or variadic parameter, no docstring, or declarations that
            contradict each other.
    """

    def make(made_of: Callable[..., Any]) -> Tool[..., Any]:
        chosen: Recovery = recovery or ("pure" if effect == "read" else "unsafe")
        called = name or getattr(made_of, "__name__", "")
        _check_declarations(called, chosen, timeout, made_of, outcome_of)
        summary, described = parse_docstring(inspect.getdoc(made_of) or "")
        if not summary:
            raise ToolDefinitionError(f"{called!r} needs a docstring: a model chooses tools by it.")
        hints = get_type_hints(made_of, include_extras=True)
        arguments = _arguments_model(called, made_of, hints, described)
        schema = cast("dict[str, JsonValue]", _without_titles(arguments.model_json_schema()))
        returns: TypeAdapter[Any] = TypeAdapter(hints.get("return", Any))
        return Tool(
            called, summary, schema, effect, chosen, timeout, made_of, outcome_of, arguments, returns,
            _money(called, cost),
        )  # fmt: skip

    return make if function is None else make(function)


def _check_declarations(
    called: str, recovery: Recovery, timeout: float, function: Callable[..., Any], outcome_of: object
) -> None:
    if NAME.fullmatch(called) is None:
        raise ToolDefinitionError(f"{called!r} is no tool name: use at most 64 letters, digits, _ and -.")
    if timeout <= 0:
        raise ToolDefinitionError(f"{called!r}: timeout is {timeout!r}; it must be above 0 seconds.")
    if (recovery == "queryable") != (outcome_of is not None):
        raise ToolDefinitionError(f"{called!r}: `outcome_of` and recovery='queryable' need each other.")
    if (recovery == "keyed") != (KEY_PARAMETER in inspect.signature(function).parameters):
        raise ToolDefinitionError(
            f"{called!r}: recovery='keyed' and a parameter `{KEY_PARAMETER}: str` need each other."
        )


def _money(called: str, cost: Decimal | int | str) -> Decimal:
    try:
        found = Decimal("NaN") if isinstance(cost, float) else Decimal(cost)
    except (InvalidOperation, TypeError):
        found = Decimal("NaN")
    if not found.is_finite() or found < 0:
        raise ToolDefinitionError(f"{called!r}: cost is {cost!r}; write a sum from 0 up as text, as '0.02'.")
    return found


def _arguments_model(
    called: str, function: Callable[..., Any], hints: Mapping[str, Any], described: Mapping[str, str]
) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for place, (name, parameter) in enumerate(inspect.signature(function).parameters.items()):
        if name == KEY_PARAMETER:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ToolDefinitionError(f"{called!r}: parameter {name!r} must be callable by its name.")
        if name not in hints:
            raise ToolDefinitionError(f"{called!r}: annotate the type of parameter {name!r}.")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[f"p{place}"] = (hints[name], Field(default, alias=name, description=described.get(name)))
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)
    return create_model(f"{called}_arguments", __config__=config, **fields)


def parse_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The first paragraph on one line, and what the `Args:` section says of each parameter."""
    summary = " ".join(text.split("\n\n", 1)[0].split())
    found = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)+)", text, re.MULTILINE)
    described: dict[str, str] = {}
    current, indent = "", None
    for row in found.group(1).splitlines() if found else ():
        depth = len(row) - len(row.lstrip())
        indent = depth if indent is None else indent
        entry = re.match(r"\s*(\*{0,2}\w+)\s*(?:\([^)]*\))?:\s*(.*)", row)
        if entry is not None and depth == indent:
            current = entry.group(1)
            described[current] = entry.group(2).strip()
        elif current and row.strip():
            described[current] = f"{described[current]} {row.strip()}".strip()
    return summary, described


def _without_titles(schema: Any) -> Any:
    """The schema without the titles that pydantic makes up (a property called `title` stays)."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    plain: dict[str, Any] = {}
    for key, value in cast("dict[str, Any]", schema).items():
        if key in ("properties", "$defs") and isinstance(value, dict):
            plain[key] = {name: _without_titles(item) for name, item in cast("dict[str, Any]", value).items()}
        elif key != "title":
            plain[key] = _without_titles(value)
    return plain


def _problems(error: ValidationError) -> str:
    rows = [
        f"{'.'.join(str(part) for part in item['loc']) or 'value'}: {item['msg']}"
        for item in error.errors(include_url=False, include_context=False)[:5]
    ]
    return "; ".join(rows)[:400]

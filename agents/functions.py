"""Workers that are functions of a program: no model needed, the same protocol, the same verification.

async def count(brief: Brief) -> Count: ...
keeper = FunctionWorker("keeper", count, skills=["stock"])
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from ..protocols.messages import Evidence, Report, canonical_json
from ..tools.executor import Executor
from ..tools.threads import in_thread
from ..tools.tool import AnyTool
from .acting.attempt import Assignment, Declined, EffectUnknown, StepFailed, Talk
from .agent import Agent
from .budget import BudgetExhausted
from .events import Acted
from .people import NobodyThere

if TYPE_CHECKING:
    from ..protocols.spec import Spec
    from ..tools.permissions import Policy
    from .mind import Mind


_ANY = TypeAdapter[Any](Any, config=ConfigDict(ser_json_inf_nan="constants"))
_JSON = TypeAdapter[JsonValue](JsonValue)


class ToolFailed(StepFailed):
    """A call of a tool came to nothing. `code` is the error's type."""

    def __init__(self, tool: str, code: str, why: str) -> None:
        self.code = code
        super().__init__(tool, why)


@dataclass
class Brief:
    """What a function gets: its task, and the way back to its manager.

    Attributes:
        goal: What is to be done.
        inputs: What the plan gives of the results before it, by name, as their models type it.
        attempt: From 1.
        feedback: In a redo, what the attempt before was refused for.
        context: Where the task comes from, in words.
        spec: What the result will be held against.
        mind: The run's model with its meter and record, for functions that think.
        evidence: What goes along with the report; every call adds to it.
    """

    goal: str
    inputs: Mapping[str, Any]
    attempt: int
    feedback: str
    context: str
    spec: Spec | None
    mind: Mind
    evidence: list[Evidence] = field(default_factory=list[Evidence])
    _talk: Talk | None = None
    _executor: Executor | None = None
    _key: str = ""
    _anew: str = ""
    _made: dict[str, int] = field(default_factory=dict[str, int])

    async def ask(self, question: str, answer: type[BaseModel] | None = None) -> Any:
        """Ask, and wait for the answer: of a person, or of the manager that this one works for.

        Args:
            answer: Model of the answer; None takes any JSON.

        Raises:
            StepFailed: The answer does not fit the model, or nobody can be asked here.
        """
        if self._talk is None:
            raise StepFailed(self.goal, "nobody is there to be asked")
        said = await self._talk.ask(question, None if answer is None else answer.model_json_schema())
        try:
            return said if answer is None else answer.model_validate(said)
        except ValidationError as error:
            why = error.errors()[0]["msg"]
            raise StepFailed(question, f"the answer {said!r} does not fit {answer}: {why}") from error

    async def progress(self, note: str, fraction: float | None = None) -> None:
        """Say how far it is, `fraction` in [0, 1]. It also counts as a sign of life."""
        if self._talk is not None:
            await self._talk.progress(note, fraction)

    async def call(self, tool: str, **arguments: Any) -> JsonValue:
        """Call one of the worker's tools through the one door: permitted, recorded, and not made twice.

        Raises:
            ToolFailed: It came to nothing, or may not be called.
            EffectUnknown: It may have taken effect; a person has to look.
            BudgetExhausted: What it costs is not left.
        """
        if self._executor is None or tool not in {item.name for item in self._executor.tools}:
            names = ", ".join(item.name for item in self._executor.tools) if self._executor else ""
            raise ToolFailed(tool, "UnknownTool", f"there is no such tool; there are: {names or 'none'}")
        text = json.dumps([tool, arguments], sort_keys=True, default=str)
        mark = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._made[mark] = self._made.get(mark, 0) + 1
        item = next(each for each in self._executor.tools if each.name == tool)
        place = f"{self.attempt}/{self._anew}" if item.recovery == "pure" else "0/"
        key = f"{self._key}/{place}{mark}.{self._made[mark]}"
        door = self._executor.call_again if self.attempt > 1 else self._executor.call
        made = await door(item, arguments, key=key)
        if made.unknown:
            raise EffectUnknown(self.goal, tool)
        shown = json.dumps(made.value, ensure_ascii=False) if made.ok else f"error: {made.error}"
        said = " ".join([tool, *map(str, arguments.values())])
        self.evidence.append(Evidence(id=key, tool=tool, summary=f"{said} -> {shown}"[:300], data=made.value))
        if not made.ok:
            raise ToolFailed(tool, made.code, made.error)
        return made.value


Done = BaseModel | Report | JsonValue
Function = Callable[[Brief], Done | Awaitable[Done]]


class FunctionWorker(Agent):
    """An agent whose work is a function.

    Args:
        name: Unique among the workers of a manager.
        function: Gets a `Brief`; returns its result as JSON, a model or a `Report`. One that is not `async`
            runs in a thread of its own. It may raise `Declined`, or `StepFailed` for what a redo may mend;
            whatever else it raises is an attempt that failed.
        tools: What `Brief.call` may call.
        about, skills: See `Agent`.

    Raises:
        ValueError: Two tools share a name.
    """

    def __init__(
        self,
        name: str,
        function: Function,
        *,
        tools: Sequence[AnyTool] = (),
        about: str = "",
        skills: Iterable[str] = (),
    ) -> None:
        super().__init__(name, about or (inspect.getdoc(function) or "").partition("\n")[0], skills)
        self.functions = tuple(tools)
        self._function = function

    def has(self, needs: str) -> bool:
        """A function does tasks of plans; goals in words want a `Worker`."""
        return not needs

    async def perform(self, order: Assignment, mind: Mind, policy: Policy) -> Report:
        """Let the function do one attempt. See `Agent.perform`."""
        from ..core_model.errors import CoreModelError
        from ..tools.errors import ToolError

        brief = Brief(
            order.goal, order.inputs, order.attempt, order.feedback, order.context, order.spec, mind,
            _talk=order.talk, _executor=Executor(policy, mind.journal, self.functions, mind.budget.begin),
            _key=f"{order.run}/{order.task}", _anew=order.anew,
        )  # fmt: skip
        try:
            made = await self._run(brief)
        except (StepFailed, Declined, NobodyThere, BudgetExhausted, ToolError, CoreModelError):
            raise
        except (SystemExit, Exception) as error:
            why = f"{type(error).__name__}: {error}"
            raise StepFailed(order.goal, f"{self.name} broke down", why) from error
        mind.show(Acted(self.name, order.task, order.goal, self.name, "reported", order.attempt))
        if isinstance(made, Report):
            return made
        try:
            result = _JSON.validate_python(_ANY.dump_python(made, mode="json"))
            canonical_json(result)  # NaN is no JSON, and no null either
        except ValueError as error:
            raise StepFailed(order.goal, f"{self.name} returned what is not JSON", str(error)) from error
        return Report(result=result, evidence=tuple(brief.evidence))

    async def _run(self, brief: Brief) -> Any:
        if inspect.iscoroutinefunction(self._function):
            return await self._function(brief)
        made = await in_thread(partial(self._function, brief))
        return await made if inspect.isawaitable(made) else made

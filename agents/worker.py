"""The worker: follows the plan of its order step by step, looks, acts, and reports what it claims is done.

A step loop in the manner of ReAct (Yao et al. 2022, arXiv:2210.03629): look at the page, ask the model for
one action, carry it out through the one door to tools, remember what came of it; until the model says that
the step is done, or cannot be done. The worker is never its own judge: what it reports is a claim.

Does not cover: whether the claim is true. It ends a step that goes round in circles (`StepStuck`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from ..protocols.messages import Evidence, Report
from ..protocols.records import replace
from ..protocols.spec import Schema
from ..tools.browser.actions import Action, MalformedAction, parse_action
from ..tools.browser.gates import NEW_ORIGIN, Gate, gates_in, lets_pass
from ..tools.browser.results import ActionResult, evidence, refused
from ..tools.browser.view import SNAPSHOT, View
from ..tools.executor import Executor
from ..tools.permissions import Policy
from ..tools.tool import AnyTool, EffectClass, Recovery, Tool, tool
from . import roles
from .acting import claims, rows
from .acting.attempt import Assignment, Attempt, EffectUnknown, StepFailed, StepStuck, notes_of
from .acting.browse import LOOKING, MOST_REPEATS, browse
from .acting.recalling import begin_with_skill
from .acting.recording import recorded
from .acting.thought import thought_report
from .acting.using import use_tools
from .agent import Agent, NothingToWorkWith
from .browsing import STYLE
from .errands import on_errand
from .events import Acted, Looked
from .memory_tools import asking
from .mind import Mind, NoAnswer, check_sees
from .reasoning.react import EFFECT_UNKNOWN, ReAct
from .reasoning.strategy import Strategy, strategy_named
from .roles import CLICKABLE
from .steps import TASK, THINK, Done, Step
from .watch import Sighting

if TYPE_CHECKING:
    from ..core_model.generation import Model
    from ..memory import Memory
    from ..tools.browser import Browser, BrowserSession

DOORS = {
    **dict.fromkeys(("type", "select", "back"), "browser_fill"),
    **dict.fromkeys(("scroll", "wait", "find", "read"), "browser_look"),
}
"""Through which of the browser's doors an action goes; all others through `browser`."""

MOST_ACTIONS = 24
"""Actions of one step before it counts as stuck."""

NO_ANSWER = ("crashed", "unreachable", "timeout")
"""Codes of an action after which nobody knows what the site made of it."""

CLOSING_SECONDS = 5.0
"""How long a session that is dropped may take to close."""

ASTRAY = "astray"
"""Under this name a step counts how often it would have acted on a wrong page."""


class NotTaught(ValueError):
    """An embedded model was given a task on pages, or an observer of them, that it was not taught."""

    def __init__(self, worker: str, observer: str = "view") -> None:
        self.worker, self.observer = worker, observer
        super().__init__(
            f"The embedded model of worker {worker!r} was taught the numbered view alone. Leave out the "
            f"observer {observer!r}, or give the worker another checkpoint or server."
            if observer != "view"
            else f"The embedded model of worker {worker!r} was not taught to go towards goals on pages. "
            "Give the worker load_model('embedded-web'), or another checkpoint or server."
        )


class Worker(Agent):
    """An agent that does tasks: a model, and what it may act with.

    Args:
        name: Unique among the workers of a manager.
        model: Anything that `load_model` gives.
        tools: A `Browser`, and functions decorated with `@tool`.
        about: One line about what it is good at.
        skills: What it declares it can do; a task that asks for skills goes to those who have all of them.
        strategy: How it thinks, by name or as an object (`agents.reasoning`); None: one answer a question.
            A worker without tools answers the goal by thinking alone; one with nothing but a browser does
            the tasks of a plan on pages (`acting.browse`).
        memory: Where skills are recalled from that are tried first on pages (`acting.recalling`).

    Raises:
        UnknownStrategy: There is none of that name.
        NoStrategy: The object is none.
        ValueError: It was given two browsers.
    """

    def __init__(
        self,
        name: str,
        model: Model,
        tools: Sequence[Browser | AnyTool] = (),
        about: str = "",
        *,
        skills: Iterable[str] = (),
        strategy: str | Strategy | None = None,
        memory: Memory | None = None,
    ) -> None:
        super().__init__(name, about, skills)
        self.memory = memory
        self.model = model
        self.functions: tuple[AnyTool, ...] = tuple(item for item in tools if isinstance(item, Tool))
        self.strategy = None if strategy is None else strategy_named(strategy, self.functions)
        browsers = [item for item in tools if not isinstance(item, Tool)]
        if len(browsers) > 1:
            raise ValueError(
                f"Worker {name!r} has {len(browsers)} browsers; give it one that allows several addresses."
            )
        self.browser: Browser | None = browsers[0] if browsers else None
        self._sessions: dict[str, BrowserSession] = {}
        self._latest: dict[str, View] = {}
        self._changes: dict[str, dict[str, dict[str, JsonValue]]] = {}

    def has(self, needs: str) -> bool:
        """Whether it can do jobs that need a `browser`, `tools`, a `strategy`, or nothing in particular."""
        thinks, acts = self.strategy is not None, bool(self.functions)
        return {"browser": self.browser is not None, "tools": acts, "strategy": thinks, "": True}[needs]

    async def session(self, order: Assignment) -> BrowserSession:
        """The lane's live session, or a fresh one with the stored cookies."""
        if self.browser is None:
            raise NothingToWorkWith(self.name, "browser")
        session = self._sessions.get(order.lane)
        if session is None or session.crashed:
            start = order.url or (self.browser.allow[0] if self.browser.allow else None)
            session = await self.browser.open(order.lane, order.storage, start)
            self._sessions[order.lane] = session
            self._changes.pop(order.lane, None)
        return session

    def live(self, lane: str) -> BrowserSession | None:
        """The lane's session if this worker has it open."""
        session = self._sessions.get(lane)
        return None if session is None or session.crashed else session

    async def drop(self, lane: str) -> None:
        """Close a lane's session and forget it; the next attempt opens a fresh one."""
        session = self._sessions.pop(lane, None)
        if session is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSING_SECONDS):
                    await session.close()

    async def perform(self, order: Assignment, mind: Mind, policy: Policy) -> Report:
        """Do one attempt.

        Raises:
            StepFailed: The model said that a step cannot be done, or it went in circles.
            EffectUnknown: A call with an effect was begun, and it is not known whether it took effect.
            NotTaught: A task on pages, for the embedded model that only knows jobs.
            NotSupported: The browser's observer is `screenshot`, and the model does not see.
            BudgetExhausted, ToolError, CoreModelError: The attempt broke down.
        """
        policy = asking(policy, self.functions)
        mind = replace(mind, model=self.model, strategy=self.strategy, policy=policy, lost=order.lost)
        with on_errand(self.name, order, mind):
            return await self._perform(order, mind, policy)

    async def _perform(self, order: Assignment, mind: Mind, policy: Policy) -> Report:
        acts = isinstance(self.strategy, ReAct) and bool(self.strategy.tools)
        uses = order.stage.name == "use" or (order.stage.name == TASK and bool(self.functions))
        browses = order.stage.name == TASK and not uses and self.strategy is None and self.browser is not None
        thinks = order.stage.name == THINK or (order.stage.name == TASK and not uses and not browses)
        if thinks or (uses and acts):
            return await self._think(order, mind)
        tools = [*self._door(order, policy), *self.functions]
        attempt = Attempt(order, mind, Executor(policy, mind.journal, tools, mind.budget.begin))
        if uses:
            return await use_tools(self.name, self.functions, attempt)
        attempt.session = await self.session(order)
        go = self._browse if browses else self._follow
        async with recorded(attempt, None if self.browser is None else self.browser.record):
            return await go(attempt, attempt.session)

    async def _follow(self, attempt: Attempt, session: BrowserSession) -> Report:
        """Follow the plan of an attempt in the browser."""
        order, mind = attempt.order, attempt.mind
        kept = self._changes.setdefault(order.lane, {})
        attempt.changes = kept.setdefault(order.task, {})  # a redo goes on with the same half-filled form
        left_out: list[JsonValue] = []
        for step in order.steps:
            if step.verb == "add" and attempt.cart is not None and rows.counts(attempt.cart, step):
                self._tell(mind, order, step, "nothing", "the page shows it already")
                continue
            try:
                await self._do(attempt, step)
            except StepFailed as error:
                if not _goes_on(order, step, error):
                    raise
                left_out.append(str(error))
            if step.verb == "open cart":
                attempt.cart = self._latest.get(order.lane)
        result: dict[str, JsonValue] = {
            "url": session.url,
            "changes": list(attempt.changes.values()),
            "left_out": left_out,
        }
        if attempt.answer:
            result["number"] = attempt.answer
        return Report(result=result, evidence=tuple(attempt.evidence))

    def _door(self, order: Assignment, policy: Policy) -> list[AnyTool]:
        """The browser as tools of this attempt, so that every action is permitted and journalled.

        Three doors: to press something; to fill something in, which changes the page and nothing behind it,
        so that a kill in the middle of it leaves nothing to find out; and to look around.
        """
        if self.browser is None:
            return []
        effect: EffectClass = "irreversible" if order.irreversible else "write"
        return [
            self._browsing("browser", effect, "unsafe", _unasked(policy)),
            self._browsing("browser_fill", "write", "pure"),
            self._browsing("browser_look", "read", "pure"),
        ]

    def _browsing(
        self, name: str, effect: EffectClass, recovery: Recovery, passes: Sequence[Gate] = ()
    ) -> AnyTool:
        """One door to the browser; `passes` are gates that need no approval of their own here."""

        async def browse(lane: str, action: str, what: str = "", gate: str = "") -> dict[str, Any]:
            """Act in the browser, through the gates that the call names; `what` names what is acted on."""
            session = self._sessions[lane]
            latest = self._latest[lane]
            chosen = parse_action(action, latest)
            made = await session.act(chosen, (*gates_in(gate), *passes))
            return evidence(chosen, made, latest)

        return tool(name=name, effect=effect, recovery=recovery, timeout=60)(browse)

    async def _browse(self, attempt: Attempt, session: BrowserSession) -> Report:
        """A task of a plan on pages: its text is the goal."""
        order, mind = attempt.order, attempt.mind
        observer = "view" if self.browser is None else self.browser.observer
        if self.model.name == "embedded":
            raise NotTaught(self.name)
        if self.model.name == "embedded-web" and observer != "view":
            raise NotTaught(self.name, observer)
        if observer == "screenshot":
            await check_sees(self.model)
        session.style = SNAPSHOT if observer == "aria" else STYLE

        async def look() -> View:
            self._latest[order.lane] = view = await session.view()
            mind.show(Looked(self.name, order.lane, view))
            return view

        async def act(action: Action, view: View) -> str:
            line = await self._act(attempt, action, view)
            self._tell(mind, order, order.steps[0], roles.describe(action, view), line)
            return line

        async def picture(view: View) -> bytes | None:
            return None if view.dialog is not None else await session.screenshot(numbers=True)

        async def again(action: Action, view: View) -> ActionResult:
            self._latest[order.lane] = view
            line = await act(action, view)
            return attempt.last or refused("needs_approval", line)

        begun = await begin_with_skill(attempt, self.memory, again)
        shown = picture if observer == "screenshot" else None
        return await browse(attempt, order.goal, look, act, shown, begun)

    async def _do(self, attempt: Attempt, step: Step) -> None:
        """The loop of one step: look, ask, act."""
        order, mind = attempt.order, attempt.mind
        session = attempt.session
        if session is None:
            raise NothingToWorkWith(self.name, "browser")
        history: list[Done] = []
        tried: dict[str, int] = {}
        for _ in range(MOST_ACTIONS):
            mind.budget.check()
            view = await session.view()
            self._latest[order.lane] = view
            mind.show(Looked(self.name, order.lane, view))
            if step.shown is not None and step.shown(view):
                self._tell(mind, order, step, "nothing", "the page shows it already")
                return
            spent = _spent(view, tried)
            answer = await mind.ask(
                roles.ask_act(view, history, step, spent), task=order.task, attempt=order.attempt
            )
            try:
                action = roles.read_act(answer, view, step)
            except (
                MalformedAction
            ) as error:  # only a model that does not decode under the grammar says such things
                history.append(Done(answer, f"not an action: {error.why}"))
                continue
            if _astray(step, action, view):
                if tried.get(ASTRAY, 0) >= 2:
                    raise StepFailed(step.line(), "not found")
                tried[ASTRAY] = tried.get(ASTRAY, 0) + 1
                await session.act(Action("wait"))
                continue
            if claims.gives_up(action, view, history) and view.text() not in tried:
                tried[view.text()] = 1
                if await self._comes_late(order.lane, session, view):
                    continue
            mark = f"{view.text()}\n{action.line()}"
            tried[mark] = tried.get(mark, 0) + 1
            if tried[mark] > MOST_REPEATS:
                raise StepStuck(step.line(), "going in circles", roles.describe(action, view))
            if action.verb == "done":
                attempt.answer = action.text or attempt.answer
                self._tell(mind, order, step, action.line(), "step done")
                if order.watch is not None:
                    order.watch.step_done(step.line())
                return
            if action.verb == "cannot":
                hint = history[-1].result.partition(": ")[2] if history and action.text == "refused" else ""
                raise StepFailed(step.line(), action.text, hint)
            result = await self._act(attempt, action, view)
            history.append(Done(roles.describe(action, view), result, claims.serves(action, view, step)))
            changed = None if action.verb in LOOKING else result != "no effect"
            seen = Sighting(roles.describe(action, view), view.text(), changed, step.line())
            if (note := await attempt.watched(seen)) is not None:
                tried[mark] = max(tried[mark], 2)  # it is not offered here again
                history.append(note)
            self._tell(mind, order, step, roles.describe(action, view), result)
        raise StepStuck(step.line(), "too many actions")

    def _tell(self, mind: Mind, order: Assignment, step: Step, action: str, result: str) -> None:
        mind.show(Acted(self.name, order.task, step.line(), action, result, order.attempt))

    async def _comes_late(self, lane: str, session: BrowserSession, view: View) -> bool:
        """Give a page time before a step gives up on it: whether it shows something else by then."""
        await session.act(Action("wait"))
        self._latest[lane] = later = await session.view()
        return later.text() != view.text()

    async def _act(self, attempt: Attempt, action: Action, view: View) -> str:
        """One action through the executor; returns the line for the history."""
        order, key = attempt.order, attempt.key()
        told = roles.describe(action, view)
        arguments = {"lane": order.lane, "action": action.line(), "what": told}
        door: str | AnyTool = DOORS.get(action.verb, "browser")
        gates = () if attempt.session is None else await attempt.session.gates(action)
        if gates:
            arguments["gate"] = " ".join(gates)
            door = self._browsing("browser", "irreversible", "unsafe", _unasked(attempt.mind.policy))
        attempt.last = None
        made = await attempt.executor.call(door, arguments, key=key)
        if not made.ok:
            if gates and made.code == "ToolDenied":
                return f"needs_approval: {made.error}"
            # Where it may have taken effect and cannot be undone, there is no second press in this attempt.
            unanswered = made.code in ("BrowserCrashed", "SiteUnreachable")
            if unanswered or (made.unknown and order.irreversible):
                await self.drop(order.lane)
                raise StepFailed("browse", made.error or made.code)
            return f"{made.code}: {made.error}"
        value = made.value if isinstance(made.value, dict) else {}
        attempt.last = result = _result_of(value)
        if result.code in NO_ANSWER:
            await self.drop(order.lane)
            raise StepFailed("browse", f"{result.code}: {result.message or 'the page did not answer'}")
        line = result.line()
        attempt.evidence.append(Evidence(id=key, tool="browser", summary=f"{told} -> {line}"))
        element = view.elements.get(action.target) if action.target is not None else None
        if (
            element is not None
            and action.verb in ("type", "select", "click")
            and element.role not in CLICKABLE
            and result.ok
        ):
            change: JsonValue = {"role": element.role, "name": element.name, "text": action.text}
            attempt.changes[f"{element.role} {element.name}"] = change
        return line

    async def _think(self, order: Assignment, mind: Mind) -> Report:
        """Answer by thinking alone, or with the tools that the strategy itself calls."""
        shape = _shape(order)
        try:
            found = await mind.think_through(
                order.goal,
                order.feedback,
                order.task,
                order.attempt,
                schema=shape,
                notes=notes_of(order, mind),
            )
        except NoAnswer as error:
            if error.why == EFFECT_UNKNOWN:
                raise EffectUnknown(order.steps[0].text, "a tool") from error
            raise
        how = "direct" if mind.strategy is None else mind.strategy.name
        key = f"{order.run}/{order.task}/{order.attempt}"
        acted = order.stage.name != THINK and bool(self.functions)
        return thought_report(found, key, how, acted=acted, typed=shape is not None)


def _unasked(policy: Policy | None) -> tuple[Gate, ...]:
    """Gates to which a page's script may lead unforeseen, and which the policy allows without asking."""
    return (NEW_ORIGIN,) if policy is not None and lets_pass(policy, NEW_ORIGIN) else ()


def _shape(order: Assignment) -> dict[str, Any] | None:
    """The JSON schema that the result of a plan's task must have, if it must have one."""
    if order.stage.name != TASK or order.spec is None:
        return None
    models = [each.model for each in order.spec.criteria if isinstance(each, Schema) and each.required]
    return models[0].model_json_schema() if models else None


def _spent(view: View, tried: Mapping[str, int]) -> set[str]:
    """Lines of actions that were taken twice from this very page: they led back to it."""
    here = f"{view.text()}\n"
    return {mark.removeprefix(here) for mark, times in tried.items() if times > 1 and mark.startswith(here)}


def _goes_on(order: Assignment, step: Step, error: StepFailed) -> bool:
    """Whether the rest of the plan is still worth doing: the verifier will then say what is missing."""
    worth = error.reason != "out of stock" and error.step != "browse" and step.verb != "review"
    return order.stage.name in ("cart", "details") and worth


def _astray(step: Step, action: Action, view: View) -> bool:
    """Whether an action would be taken on a page that this step has no business on."""
    acts = action.verb in ("click", "type", "select", "press") and view.dialog is None
    return acts and step.only_on is not None and not step.only_on(view)


def _result_of(value: Mapping[str, Any]) -> ActionResult:
    from pydantic import TypeAdapter

    return TypeAdapter(ActionResult).validate_python(value["result"])

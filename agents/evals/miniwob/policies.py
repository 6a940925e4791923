"""Who acts in an episode: string matching, a scripted expert, or a model in the role of a worker.

A policy sees a view and, where redo is on, what came of its last action. Where redo is off it is told
nothing: what it does rests on the pages alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ....tools.browser import Action, ActionResult, Element, MalformedAction, View
from ...browsing import NOT_DONE, Course, read_browse
from ...recalling import is_instructed
from .moves import FIELDS, Expert, Moves, NotSeen, click, quoted, things, typed

if TYPE_CHECKING:
    from ....core_model.chat_template import Message
    from ....core_model.generation import Model

MOST_TOKENS = 120
"""Of one answer of a model."""

MOST_AGAIN = 2
"""Times that an expert does again what had no effect."""


class Policy(Protocol):
    """Chooses the actions of one episode."""

    async def choose(self, view: View, last: ActionResult | None) -> Action:
        """The next action; `done` or `cannot` end the episode.

        Args:
            view: The page.
            last: What came of the action before; None at first, and where redo is off.
        """
        ...


Begin = Callable[[str, str], Policy]
"""A policy for an episode, of the task's name and the goal."""


# --- string matching ------------------------------------------------------------------------------------


class StringMatch:
    """Click what the goal names, type what it quotes into the fields in order, press the last button."""

    def __init__(self, task: str, goal: str) -> None:
        self._goal, self._texts = goal, quoted(goal)
        self._typed = 0
        self._pressed: set[tuple[str, str]] = set()

    async def choose(self, view: View, last: ActionResult | None) -> Action:
        """See `Policy`."""
        if view.dialog is not None:
            return Action("dialog", None, "accept")
        for item in things(view):
            if item.role not in FIELDS and not self._sends(item) and self._names(item):
                self._pressed.add((item.role, item.name))
                return click(item)
        fields = things(view, *FIELDS)
        if self._typed < min(len(fields), len(self._texts)):
            self._typed += 1
            return typed(fields[self._typed - 1], self._texts[self._typed - 1])
        for item in reversed(things(view, "button", "other")):
            if self._sends(item) and (item.role, item.name) not in self._pressed:
                self._pressed.add((item.role, item.name))
                return click(item)
        return Action("done")

    def _names(self, item: Element) -> bool:
        """Whether the goal has this thing's name, as whole words, and it was not pressed yet."""
        if not item.name or (item.role, item.name) in self._pressed or item.value == "on":
            return False
        return re.search(rf"(?<!\w){re.escape(item.name)}(?!\w)", self._goal) is not None

    def _sends(self, item: Element) -> bool:
        return item.name.lower() in ("submit", "search", "login", "ok", "go!")


# --- scripted experts -----------------------------------------------------------------------------------


class Scripted:
    """An expert's generator; an action that had no effect is done again where the page is still the same."""

    def __init__(self, expert: Expert, goal: str) -> None:
        self._expert, self._goal = expert, goal
        self._moves: Moves | None = None
        self._latest: tuple[str, Action] | None = None
        self._again = 0

    async def choose(self, view: View, last: ActionResult | None) -> Action:
        """See `Policy`."""
        failed = last is not None and last.code in NOT_DONE
        if (
            failed
            and self._latest is not None
            and self._latest[0] == view.text()
            and self._again < MOST_AGAIN
        ):
            self._again += 1
            return self._latest[1]
        self._again = 0
        try:
            action = self._next(view)
        except StopIteration:
            return Action("done")
        except (NotSeen, IndexError, ValueError):
            return Action("cannot", None, "what the script looks for is not on the page")
        self._latest = view.text(), action
        return action

    def _next(self, view: View) -> Action:
        if self._moves is None:
            self._moves = self._expert(self._goal, view)
            return next(self._moves)
        return self._moves.send(view)


# --- a model --------------------------------------------------------------------------------------------


@dataclass
class Asked:
    """What a model cost in an episode, and how often it said what is no action."""

    calls: int = 0
    tokens: int = 0
    malformed: int = 0


class ModelPolicy:
    """A model in the role `browse`: page, what was done, the goal.

    Where redo is on, it is told what had no effect, that is not offered again on the same page, and a `done`
    right behind it is refused once. Where it is off, every action reads as if it had gone well.
    """

    def __init__(self, model: Model, goal: str, asked: Asked) -> None:
        self._model, self._goal, self._asked = model, goal, asked
        self._course = Course(goal)
        self._latest: tuple[View, Action] | None = None

    async def choose(self, view: View, last: ActionResult | None) -> Action:
        """See `Policy`."""
        if self._latest is not None:
            before, done = self._latest
            self._course.came(done, before, "ok" if last is None else last.code)
        action = await self._say(view)
        if self._course.refuses(action):
            action = await self._say(view)
        self._latest = view, action
        return action

    async def _say(self, view: View) -> Action:
        from ....core_model.errors import MalformedOutput
        from ....core_model.sampling import Sampling

        question = self._course.ask(view)
        text = question.fenced() if is_instructed(self._model) else question.text
        messages: list[Message] = [
            {"role": "system", "content": question.system()},
            {"role": "user", "content": text},
        ]
        for _ in range(MOST_AGAIN):
            sampling = Sampling(max_tokens=MOST_TOKENS)
            self._asked.calls += 1
            try:
                made = await self._model.generate(messages, sampling=sampling, grammar=question.compiled())
            except MalformedOutput:  # a server that was asked again already
                self._asked.malformed += 1
                break
            self._asked.tokens += made.prompt_tokens + made.output_tokens
            said = made.text.strip()
            try:
                return read_browse(said if made.stop_reason == "stop" else "", view, self._goal)
            except MalformedAction as error:  # a model that does not decode under the grammar, or was cut
                self._asked.malformed += 1
                messages = [*messages, {"role": "assistant", "content": said},
                            {"role": "user", "content": f"not an action: {error.why}"}]  # fmt: skip
        return Action("cannot", None, "what the model said is no action")

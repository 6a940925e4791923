"""A task that is reached on pages, without a plan of steps: look, ask for one action, act, until it is done.

Does not cover: whether the goal was reached. The report says what the model claims, and the page it stood on.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable

from pydantic import JsonValue

from ...protocols.messages import Report
from ...protocols.records import replace
from ...protocols.spec import Spec, ToolCheck
from ...tools.browser.actions import Action, MalformedAction
from ...tools.browser.results import in_words
from ...tools.browser.view import View
from ...tools.errors import PageUnreadable
from ..browsing import Course, read_browse
from ..checking.checks import Page
from ..checking.criteria import LOOK
from ..question import Question
from ..steps import Done
from ..watch import Sighting
from .attempt import Attempt, StepFailed, StepStuck
from .recalling import NOTHING_BEGUN, Begun

MOST_ACTIONS = 40
"""Actions of one attempt before it counts as stuck."""

MOST_REPEATS = 4
"""Times that the same action may be taken on the same page."""

LOOKING = ("read", "find", "scroll", "wait")
"""Actions that are not meant to change anything."""


Look = Callable[[], Awaitable[View]]
Act = Callable[[Action, View], Awaitable[str]]
Picture = Callable[[View], Awaitable[bytes | None]]

UNDRAWN = "there is no picture of this page : it cannot be drawn now\n"
"""What a model that sees is told where the page does not hold still, before the goal."""


async def browse(
    attempt: Attempt,
    goal: str,
    look: Look,
    act: Act,
    picture: Picture | None = None,
    begun: Begun = NOTHING_BEGUN,
) -> Report:
    """Go towards `goal` in one browsing session.

    It ends when the model says that the goal is reached, or when something was done and the page shows all
    that the verifier is to look for.

    Args:
        attempt: Whose model is asked, and whose watch looks on.
        goal: What is to be reached, in a person's words.
        look, act: The page as it is now; carries an action out and gives the line of its result.
        picture: What the page of a view looks like, for a model that sees; see `_question`.
        begun: What was done of it before.

    Returns:
        `url` of the last page; `answer`: the words of the page that the model ended with, "" without any; and
        `returned`: what the page made of each action, as `tools.browser.took_effect` reads it.

    Raises:
        StepFailed: The model says that it cannot be reached.
        StepStuck: It went round in circles, or took too many actions.
    """
    order, mind, course = attempt.order, attempt.mind, _course(goal, attempt.order.feedback, begun)
    step, taken, returned = order.steps[0].line(), Counter[tuple[str, str]](), list(begun.returned)
    for _ in range(MOST_ACTIONS):
        mind.budget.check()
        view = await look()
        if returned and _reached(order.spec, view):
            return _report(attempt, view, "", returned)
        question, view = await _question(course, view, look, picture)
        answer = await mind.ask(question, task=order.task, attempt=order.attempt)
        try:
            action = read_browse(answer, view, goal)
        except MalformedAction as error:  # a model that does not decode under the grammar
            course.note(Done(answer, f"not an action: {error.why}"))
            continue
        if course.refuses(action):
            continue
        if action.verb == "done":
            if order.watch is not None:
                order.watch.step_done(step)
            return _report(attempt, view, action.text, returned)
        if action.verb == "cannot":
            raise StepFailed(goal, "the model found no way on this page", view.path)
        taken[view.text(), action.line()] += 1
        if taken[view.text(), action.line()] > MOST_REPEATS:
            raise StepStuck(goal, "going in circles", action.line())
        line = await act(action, view)
        code = _code(line)
        course.came(action, view, code)
        returned.append(json.dumps({"did": in_words(action, view), "ok": code == "ok", "result": line}))
        if (said := await attempt.watched(_sighting(action, view, code, step))) is not None:
            course.note(said)
    raise StepStuck(goal, "too many actions")


def _course(goal: str, feedback: str, begun: Begun) -> Course:
    course = Course(goal)
    if feedback:
        course.note(Done("before", f"refused: {feedback}"))
    for note in begun.notes:
        course.note(note)
    return course


async def _question(course: Course, view: View, look: Look, picture: Picture | None) -> tuple[Question, View]:
    """What is asked, and the view that it is about: the latest.

    A page that gives no picture (`PageUnreadable`) is looked at once more; then the text alone says so.
    """
    if picture is None:
        return course.ask(view), view
    for latest in (view, None):
        view = latest or await look()
        with contextlib.suppress(PageUnreadable):
            return replace(course.ask(view), picture=await picture(view)), view
    question = course.ask(view)
    page, goal, rest = question.text.rpartition("goal : ")
    return replace(question, text=f"{page}{UNDRAWN}{goal}{rest}"), view


def _sighting(action: Action, view: View, code: str, step: str) -> Sighting:
    changed = None if action.verb in LOOKING else code != "no_effect"
    return Sighting(action.line(), view.text(), changed, step)


def _code(line: str) -> str:
    """The code that begins the line of a result; that a dialog opened is what a click was meant to do."""
    return "ok" if line.startswith("dialog ") else line.partition(":")[0].replace(" ", "_")


def _report(attempt: Attempt, view: View, answer: str, returned: list[JsonValue]) -> Report:
    result: dict[str, JsonValue] = {"url": view.url, "answer": answer, "returned": returned}
    return Report(result=result, evidence=tuple(attempt.evidence))


def _reached(spec: Spec | None, view: View) -> bool:
    """Whether a page shows all that the verifier is to look for, where that is all it is to do."""
    if spec is None or not spec.criteria:
        return False
    page = Page.of(view).as_json()
    return all(
        isinstance(each, ToolCheck)
        and each.call.tool == LOOK
        and callable(each.expect)
        and each.expect(page) is True
        for each in spec.criteria
    )

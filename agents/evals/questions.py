"""Held-out questions of every role with their right answers and grammars, as a running agent would ask them.

The generators make training text: prompts and answers, no grammar. For the worker's role the questions are
asked anew from the drawn page; for the others the question is rebuilt out of its text, and must give that
very text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from operator import eq
from random import Random

from ...tools.browser.actions import parse_action
from ...tools.browser.view import View
from .. import roles
from ..roles import Question, ToolCard
from ..steps import Done, Stage, Step
from ..training import pages
from ..training.documents import HELD_OUT, ROLES, Piece, role_document


class QuestionDrifted(AssertionError):
    """A question rebuilt from training text differs from it: generators and agents have drifted apart."""

    def __init__(self, role: str, wanted: str, got: str) -> None:
        super().__init__(f"A question of role {role!r} reads {got!r}, in training {wanted!r}.")


@dataclass(frozen=True)
class Exam:
    """A question, its right answer as training says it, and whether another answer says the same."""

    question: Question
    answer: str
    right: Callable[[str], bool]


def documents(role: str, count: int) -> Iterator[list[Piece]]:
    """The first held-out documents of a role, each with all its answers."""
    return (role_document(role, _rng(role, index)) for index in range(count))


def _rng(role: str, index: int) -> Random:
    return Random((HELD_OUT + ROLES.index(role)) * 1_000_003 + index)


def held_out(role: str, count: int) -> Iterator[Exam]:
    """The first answers of `count` held-out documents of a role; of a worker's page, every one of them."""
    for index in range(count):
        rng = _rng(role, index)
        if role == "act":
            sheet = pages.draw(rng)
            view = sheet.view()
            yield from (_action(view, case.history, case.step, case.answer) for case in sheet.cases)
            continue
        (text, _), (answer, _), *_ = role_document(role, rng)
        yield Exam(rebuild(role, text), answer, partial(eq, answer))


def _action(view: View, history: list[Done], step: Step, said: str) -> Exam:
    """An action on a page; another name for the same thing is as right."""
    action = parse_action(said, view)

    def right(answer: str) -> bool:
        return roles.read_act(answer, view, step) == roles.read_act(written, view, step)

    written = roles.write_act(action, view, step)
    return Exam(roles.ask_act(view, history, step), written, right)


def rebuild(role: str, text: str) -> Question:
    """A question with its grammar, out of its text.

    Raises:
        QuestionDrifted: It would be asked differently today.
    """
    lines = text.splitlines()
    question = _REBUILD[role](lines)
    if question.text != text:
        raise QuestionDrifted(role, text, question.text)
    return question


def _plan(lines: list[str]) -> Question:
    return roles.ask_plan(lines[1].removeprefix("goal: "), lines[0].removeprefix("kinds: ").split())


def _steps(lines: list[str]) -> Question:
    def after(mark: str) -> list[str]:
        return [line.removeprefix(mark) for line in lines if line.startswith(mark)]

    parts = [_step(line.partition(" : ")[2]) for line in lines if line.partition(" : ")[0].isdigit()]
    last = [_step(line) for line in after("last : ")]
    stage = Stage(lines[0].removeprefix("stage "), tuple(parts), tuple(last))
    return roles.ask_steps(stage, after("note : "), after("failed : "))


def _step(line: str) -> Step:
    verb = next((each for each in ("open cart", "open ticket") if line.startswith(each)), line.split(" ")[0])
    return Step(verb, line.removeprefix(verb).strip())


def _judge(lines: list[str]) -> Question:
    return roles.ask_judge("\n".join(lines[:-2]), lines[-2].removeprefix("criterion : "))


def _reflect(lines: list[str]) -> Question:
    done = [line.removeprefix("did : ") for line in lines if line.startswith("did : ")]
    failed = [line.removeprefix("failed : ") for line in lines if line.startswith("failed : ")]
    return roles.ask_reflect(lines[0].removeprefix("stage "), failed, done)


def _use(lines: list[str]) -> Question:
    cards: list[ToolCard] = []
    done: list[Done] = []
    for line in lines:
        if line.startswith("tool "):
            head, _, rest = line.removeprefix("tool ").partition(" ( ")
            inside, _, about = rest.partition(") : ")
            cards.append(ToolCard(head, about, tuple(inside.replace(",", " ").split())))
        elif line.startswith("did : "):
            action, _, result = line.removeprefix("did : ").partition(" -> ")
            done.append(Done(action, result))
    return roles.ask_use(cards, done, lines[-2].removeprefix("task : "))


_REBUILD = {"plan": _plan, "steps": _steps, "judge": _judge, "reflect": _reflect, "use": _use}

"""Held-out questions of every role with their right answers and grammars, as a running agent would ask them.

The generators make training text: prompts and answers, no grammar. For the worker's role the questions are
asked anew from the drawn page; for the others the question is rebuilt out of its text, and must give that
very text. `EXAMS` says for each role how; whoever adds a role to the training adds it there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from random import Random

from ...tools.browser.actions import parse_action
from ...tools.browser.view import View
from .. import roles
from ..answering import MONTHS, Note, ask_recall
from ..browsing import ask_browse, read_browse, write_browse
from ..checking.verifying import ask_verify
from ..question import Question
from ..steps import Done, Stage, Step
from ..tool_use import ToolCard, ask_use, read_card
from ..training import note_documents, pages, tool_documents, verify_documents, web_documents
from ..training.documents import HELD_OUT, ROLES, role_document
from .domain_exams import DOMAIN_EXAMS
from .exam import Document, Exam, Examination, Piece, QuestionDrifted, from_text, same

__all__ = ["EXAMS", "Exam", "QuestionDrifted", "documents", "held_out", "rebuild", "seed_of"]


def documents(role: str, count: int) -> Iterator[Sequence[Piece]]:
    """The first held-out documents of a role, each with all its answers."""
    return (EXAMS[role].document(seed_of(role, index)) for index in range(count))


def seed_of(role: str, index: int) -> Random:
    """What the held-out document of this number is drawn from; no training draws from it."""
    known = (*ROLES, *(each for each in EXAMS if each not in ROLES))
    return Random((HELD_OUT + known.index(role)) * 1_000_003 + index)


def held_out(role: str, count: int) -> Iterator[Exam]:
    """The first answers of `count` held-out documents of a role; of a worker's page, every one of them."""
    for index in range(count):
        yield from EXAMS[role].exams(seed_of(role, index))


def rebuild(role: str, text: str) -> Question:
    """A question with its grammar, out of its text.

    Raises:
        QuestionDrifted: It would be asked differently today.
    """
    return same(role, text, _REBUILD[role](text.splitlines()))


def _page(rng: Random) -> list[Exam]:
    sheet = pages.draw(rng)
    view = sheet.view()
    return [_action(view, case.history, case.step, case.answer) for case in sheet.cases]


def _action(view: View, history: list[Done], step: Step, said: str) -> Exam:
    """An action on a page; another name for the same thing is as right."""
    action = parse_action(said, view)

    def right(answer: str) -> bool:
        return roles.read_act(answer, view, step) == roles.read_act(written, view, step)

    written = roles.write_act(action, view, step)
    return Exam(roles.ask_act(view, history, step), written, right)


def _after(mark: str, lines: list[str]) -> list[str]:
    """What stands behind a mark in the lines that begin with it."""
    return [line.removeprefix(mark) for line in lines if line.startswith(mark)]


def _plan(lines: list[str]) -> Question:
    return roles.ask_plan(lines[1].removeprefix("goal: "), lines[0].removeprefix("kinds: ").split())


def _steps(lines: list[str]) -> Question:
    parts = [_step(line.partition(" : ")[2]) for line in lines if line.partition(" : ")[0].isdigit()]
    last = [_step(line) for line in _after("last : ", lines)]
    stage = Stage(lines[0].removeprefix("stage "), tuple(parts), tuple(last))
    return roles.ask_steps(stage, _after("note : ", lines), _after("failed : ", lines))


def _step(line: str) -> Step:
    verb = next((each for each in ("open cart", "open ticket") if line.startswith(each)), line.split(" ")[0])
    return Step(verb, line.removeprefix(verb).strip())


def _judge(lines: list[str]) -> Question:
    return roles.ask_judge("\n".join(lines[:-2]), lines[-2].removeprefix("criterion : "))


def _reflect(lines: list[str]) -> Question:
    stage = lines[0].removeprefix("stage ")
    return roles.ask_reflect(stage, _after("failed : ", lines), _after("did : ", lines))


def _use(lines: list[str]) -> Question:
    cards: list[ToolCard] = [read_card(line) for line in lines if line.startswith("tool ")]
    did = (line.partition(" -> ") for line in _after("did : ", lines))
    done = [Done(action, result) for action, _, result in did]
    return ask_use(cards, done, lines[-2].removeprefix("task : "))


def _verify(lines: list[str]) -> Question:
    said = (line.partition(" : ") for line in _after("said ", lines))
    result = {name: value for name, _, value in said}
    criteria = [line.partition(" : ")[2] for line in lines if line.partition(" : ")[0].isdigit()]
    return ask_verify(criteria, dict(result), _after("seen ", lines))


def _recall(lines: list[str]) -> Question:
    notes = [_note(line) for line in _after("note ", lines)]
    return ask_recall(notes, lines[-2].removeprefix("ask : "))


def _note(line: str) -> Note:
    """A note out of its line; it has a date when the line begins with one."""
    when, _, text = line.partition(" : ")
    match when.split():
        case [day, month, year] if day.isdigit() and month in MONTHS and year.isdigit() and text:
            return Note(text, date(int(year), MONTHS.index(month) + 1, int(day)))
        case _:
            return Note(line)


_REBUILD = {
    "plan": _plan,
    "steps": _steps,
    "judge": _judge,
    "reflect": _reflect,
    "use": _use,
    "verify": _verify,
    "recall": _recall,
}

_DOCUMENTS: dict[str, Document] = {
    **{role: partial(role_document, role) for role in ("plan", "steps", "judge", "reflect")},
    "use": tool_documents.use,
    "verify": verify_documents.verify,
    "recall": note_documents.recall,
}


def _browse(rng: Random) -> list[Exam]:
    """A decision on a generated page; right is what means the same action."""
    step = web_documents.drawn(rng)
    question = ask_browse(step.view, step.did, step.goal)
    answer = write_browse(step.action, step.view, step.goal)
    return [Exam(question, answer, lambda said: read_browse(said, step.view, step.goal) == step.action)]


EXAMS: dict[str, Examination] = {
    "act": Examination(partial(role_document, "act"), _page),
    "browse": Examination(partial(role_document, "browse"), _browse),
    **{role: from_text(role, _DOCUMENTS[role], ask) for role, ask in _REBUILD.items()},
    **DOMAIN_EXAMS,
}
"""How each role is examined."""

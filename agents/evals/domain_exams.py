"""Exams of the roles that solve problems: games with numbers, word problems, the household.

Where a role has several right answers all of them count: any move that keeps the target in reach, any chain
that reaches it, any chain of thought with the right result, any sensible action in a household.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import eq
from random import Random

from ..domains.arithmetic import Attempt, Chain, MalformedChain, ask_check, ask_think, read_chain, read_row
from ..domains.household import Task
from ..domains.household_roles import NO, YES, lesson_grammar, read_act, write_act
from ..domains.numbers import after, solvable
from ..domains.numbers_prompts import Fault, ask_again, read_move, read_prompt
from ..domains.numbers_prompts import read_chain as read_moves
from ..question import Question, choices
from ..training import arithmetic_documents, household_documents, number_documents
from .exam import Document, Exam, Examination, from_text, same


def _numbers(role: str, document: Document) -> Examination:
    """A role of the games with numbers; of moves and chains every right one counts."""

    def exams(rng: Random) -> list[Exam]:
        (text, _), (answer, _), *_ = document(rng)
        judge: Callable[[str], bool] = partial(eq, answer)
        if role != "value":
            judge = partial(_moves_well if role == "propose" else _reaches, text)
        return [Exam(same(role, text, ask_again(text)), answer, judge)]

    return Examination(document, exams)


def _moves_well(prompt: str, answer: str) -> bool:
    _, state, target, rules = read_prompt(prompt)
    move = read_move(answer, state, rules)
    return not isinstance(move, Fault) and solvable(after(state, move), target, rules)


def _reaches(prompt: str, answer: str) -> bool:
    _, state, target, rules = read_prompt(prompt)
    return not isinstance(read_moves(answer, state, target, rules), Fault)


def _thought(role: str, document: Document) -> Examination:
    """A chain of thought: right when its result is."""

    def exams(rng: Random) -> list[Exam]:
        (text, _), (answer, _), *_ = document(rng)
        question = same(role, text, _think(text.splitlines()))
        return [Exam(question, answer, partial(_same_result, answer))]

    return Examination(document, exams)


def _same_result(wanted: str, answer: str) -> bool:
    try:
        return read_chain(answer).answer == read_chain(wanted).answer
    except MalformedChain:
        return False


def _think(lines: list[str]) -> Question:
    if "tried:" not in lines:
        return ask_think(lines[0])
    findings = [line.removeprefix("failed : ") for line in lines if line.startswith("failed : ")]
    return ask_think(lines[0], Attempt(_tried(lines), tuple(findings)))


def _tried(lines: list[str]) -> Chain:
    """The chain of an attempt, out of its numbered lines."""
    chain = Chain()
    for line in lines[lines.index("tried:") + 1 : -1]:
        if not line.startswith("failed : "):
            number, _, row = line.partition(" ")
            chain = read_row(row if number.isdigit() else line, chain)
    return chain


def _check(lines: list[str]) -> Question:
    return ask_check(lines[0], _tried(lines))


def _household_act(rng: Random) -> list[Exam]:
    question, choices = household_documents.act_exam(rng)
    actions = {choice.action for choice in choices}
    return [Exam(question, write_act(*choices[0]), lambda answer: read_act(answer) in actions)]


def _household_judge(lines: list[str]) -> Question:
    return Question("household_judge", "\n".join(lines), choices((YES, NO)))


def _household_reflect(lines: list[str]) -> Question:
    """The question with its grammar, which knows the task and the places of which something was found out."""
    task = _task(lines[0].removeprefix("house : "))
    rows = [line.removeprefix("- ").partition(" : ")[0] for line in lines if line.startswith("- ")]
    places = [row.removesuffix(" locked").removesuffix(" broken") for row in rows]
    return Question("household_reflect", "\n".join(lines), lesson_grammar(task, list(dict.fromkeys(places))))


def _task(line: str) -> Task:
    """The task out of its words."""
    if line.startswith("look at "):
        return Task("light", line.removeprefix("look at ").removesuffix(" in light"))
    verb, _, rest = line.partition(" ")
    if verb != "put":
        thing, _, kind = rest.partition(" and put it in ")
        return Task(verb, thing, kind)
    thing, _, kind = rest.partition(" in ")
    return Task("two" if thing.startswith("two ") else "put", thing.removeprefix("two "), kind)


DOMAIN_EXAMS = {
    "value": _numbers("value", number_documents.value),
    "propose": _numbers("propose", number_documents.propose),
    "chain": _numbers("chain", number_documents.chain),
    "word_problem": _thought("word_problem", arithmetic_documents.word_problem),
    "mended": _thought("mended", arithmetic_documents.mended),
    "check_work": from_text("check_work", arithmetic_documents.check_work, _check),
    "household_act": Examination(household_documents.household_act, _household_act),
    "household_reflect": from_text(
        "household_reflect", household_documents.household_reflect, _household_reflect
    ),
    "household_judge": from_text("household_judge", household_documents.household_judge, _household_judge),
}
"""How each of these roles is examined."""

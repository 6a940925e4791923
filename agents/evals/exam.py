"""What an exam of a role is: a question with its grammar, and which answers to it are right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import eq
from random import Random

from ..question import Question

Piece = tuple[str, float]
"""(text, weight in the loss); 0 is a prompt."""

Document = Callable[[Random], Sequence[Piece]]


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


@dataclass(frozen=True)
class Examination:
    """How a role is examined.

    Attributes:
        document: Makes a training document of the role.
        exams: Makes questions out of the same `Random` as one document.
    """

    document: Document
    exams: Callable[[Random], list[Exam]]


def from_text(role: str, document: Document, ask: Callable[[list[str]], Question]) -> Examination:
    """An examination in the first question of each document, asked anew out of the lines of its text."""

    def exams(rng: Random) -> list[Exam]:
        (text, _), (answer, _), *_ = document(rng)
        return [Exam(same(role, text, ask(text.splitlines())), answer, partial(eq, answer))]

    return Examination(document, exams)


def same(role: str, text: str, question: Question) -> Question:
    """The question, if it reads like the text.

    Raises:
        QuestionDrifted: It does not.
    """
    if question.text != text:
        raise QuestionDrifted(role, text, question.text)
    return question

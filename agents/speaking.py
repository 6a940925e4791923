"""A worker whose model writes the messages of the protocol itself: reports, questions, progress, refusals.

For models that follow instructions (a checkpoint or server of yours); the embedded one asks for less. What
the model may write is the grammar of the state that its task is in, so an illegal message cannot be sampled,
and the token limit makes no lie: it closes on `cannot_comply`.

Does not cover: acting. A speaker has no tools; it answers out of its task and what it asks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..protocols.messages import Ask, Decline, Failed, Progress, Report
from ..protocols.spec import Schema
from .acting.attempt import Assignment, Declined, StepFailed, StepStuck, Talk
from .agent import Agent
from .legal_grammar import CannotComply, legal_grammar, read_legal
from .question import Question

if TYPE_CHECKING:
    from ..core_model.generation import Model
    from ..core_model.grammar import Grammar
    from ..tools.permissions import Policy
    from .mind import Mind


@dataclass(frozen=True)
class Turn(Question):
    """What a speaker is asked; `legal` is the grammar of what it may say now."""

    legal: Grammar

    def compiled(self) -> Grammar:
        """See `Question.compiled`."""
        return self.legal


MOST_WORDS = 12
"""Messages of one attempt before it counts as going round in circles."""


class Speaker(Agent):
    """An agent that does tasks of plans by saying what the protocol lets it say.

    Args:
        name: Unique among the workers of a manager.
        model: Anything that `load_model` gives.
        about, skills: See `Agent`.
    """

    def __init__(self, name: str, model: Model, *, about: str = "", skills: Iterable[str] = ()) -> None:
        super().__init__(name, about, skills)
        self.model = model

    async def perform(self, order: Assignment, mind: Mind, policy: Policy) -> Report:
        """Let the model speak until it reports, declines or gives up. See `Agent.perform`."""
        if order.talk is None:
            raise StepFailed(order.goal, "there is nobody to speak to")
        mind = replace(mind, model=self.model, strategy=None)
        shape = next((each.model for each in _schemas(order)), None)
        heard: list[str] = []
        for _ in range(MOST_WORDS):
            grammar = legal_grammar([order.talk.state()], "worker", result=shape)
            question = Turn("speak", "\n".join([*_told(order), *heard, "say:"]), "", grammar)
            answer = await mind.ask(question, task=order.task, attempt=order.attempt)
            try:
                message = read_legal(answer).message
            except ValueError as error:  # of a server that does not decode under the grammar
                heard.append(f"refused : {error}")
                continue
            if isinstance(message, Report):
                return message
            if isinstance(message, Decline):
                raise Declined(message.reason)
            if isinstance(message, CannotComply):
                raise StepFailed(order.goal, f"{self.name} cannot comply", message.reason)
            if isinstance(message, Failed):
                raise StepFailed(order.goal, message.error, message.message)
            heard.append(await _carry(order.talk, message))
        raise StepStuck(order.goal, "too many messages")


async def _carry(talk: Talk, message: object) -> str:
    """Carry what is no last word, and give what is to be remembered of it."""
    if isinstance(message, Ask):
        answer = await talk.ask(message.question, message.answer_schema)
        return f"asked : {message.question}\nanswered : {json.dumps(answer, ensure_ascii=False)}"
    if isinstance(message, Progress):
        await talk.progress(message.note, message.fraction)
        return f"noted : {message.note}"
    return f"refused : {type(message).__name__} is not yours to say"


def _schemas(order: Assignment) -> list[Schema]:
    criteria = order.spec.criteria if order.spec is not None else ()
    return [each for each in criteria if isinstance(each, Schema) and each.required]


def _told(order: Assignment) -> list[str]:
    """What the model reads of its task."""
    rows = [f"task : {order.goal}", f"context : {order.context}"]
    rows += [f"given {name} : {_shown(value)}" for name, value in order.inputs.items()]
    described = order.spec.describe().criteria if order.spec is not None else ()
    rows += [f"must hold : {each.name} : {each.text}" for each in described]
    return [*rows, *([f"refused before : {order.feedback}"] if order.feedback else [])]


def _shown(value: object) -> str:
    dump = getattr(value, "model_dump_json", None)
    return str(dump()) if callable(dump) else json.dumps(value, ensure_ascii=False, default=str)

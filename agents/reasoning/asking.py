"""What is asked of a model and what it says, and how both stand on record."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from pydantic import JsonValue

if TYPE_CHECKING:
    from ...core_model.chat_template import Message
    from ...core_model.grammar import Grammar


@dataclass(frozen=True)
class Prompt:
    """What a model reads: a conversation, and what it has said so far in the answer that it goes on with.

    Attributes:
        turns: (role, text) of each message.
    """

    turns: tuple[tuple[str, str], ...]
    said: str = ""

    @classmethod
    def of(cls, question: str, instructions: str = "", said: str = "") -> Prompt:
        """A question with its instructions."""
        system = (("system", instructions),) if instructions else ()
        return cls((*system, ("user", question)), said)

    @property
    def messages(self) -> list[Message]:
        """The conversation as models take it."""
        return [cast("Message", {"role": role, "content": text}) for role, text in self.turns]

    def and_said(self, text: str) -> Prompt:
        """With `text` behind what was said."""
        return replace(self, said=self.said + text)


@dataclass(frozen=True)
class Request:
    """One answer that is wanted of the model.

    Attributes:
        tag: Tells samples of one prompt apart; with the run's seed it decides the random numbers.
        keep: The answer will be gone on with, so its cache is kept.
    """

    prompt: Prompt
    tag: str = ""
    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    grammar: Grammar | None = None
    keep: bool = False


@dataclass(frozen=True)
class Said:
    """What the model answered.

    Attributes:
        logprob: Natural log of the probability of the tokens that the grammar left open; None where unknown.
        tokens: Generated.
        prompt_tokens: Of the whole prompt.
        cut: It ran out of tokens, or a server could not bring it into the grammar; never read it as whole.
    """

    text: str
    logprob: float | None
    tokens: int
    prompt_tokens: int
    cut: bool


@dataclass(frozen=True)
class Choice:
    """Texts of which each is to be given its log-probability as what comes next."""

    prompt: Prompt
    options: tuple[str, ...]


def request_facts(request: Request) -> dict[str, JsonValue]:
    """All that decides an answer, beside model, seed and scope."""
    grammar, rules = request.grammar, list[str]()
    while grammar is not None:
        rules.append(grammar.compiled)
        grammar = grammar.last
    return {
        "prompt": [list(turn) for turn in request.prompt.turns],
        "said": request.prompt.said,
        "tag": request.tag,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.max_tokens,
        "stop": list(request.stop),
        "grammar": hashlib.sha256(json.dumps(rules).encode()).hexdigest()[:16] if rules else None,
    }


def choice_facts(choice: Choice) -> dict[str, JsonValue]:
    """All that decides the scores, beside the model."""
    return {
        "prompt": [list(turn) for turn in choice.prompt.turns],
        "said": choice.prompt.said,
        "options": list(choice.options),
    }


def read_answer(answer: dict[str, JsonValue]) -> Said:
    """An answer from the record."""
    logprob = answer["logprob"]
    return Said(
        str(answer["text"]),
        float(logprob) if isinstance(logprob, int | float) else None,
        _whole(answer["tokens"]),
        _whole(answer["prompt_tokens"]),
        bool(answer["cut"]),
    )


def _whole(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0

"""Doubles for testing agents: models that say what a test wants, or anything at all that is legal.

`ScriptedModel` gives prepared answers. `WorstCaseModel` gives random answers that the grammar of the question
allows: what holds under many of its seeds hardly depends on what a real model says. Both have the face of a
model and think nothing.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

from ..core_model.capabilities import Capabilities
from ..core_model.chat_template import Message
from ..core_model.generation import Delta, Generation, ModelUsage
from ..core_model.grammar import Grammar
from ..core_model.sampling import Sampling
from ..core_model.thread import ResentThread

PLAIN = Sampling()

Answerer = Callable[[str], str]
"""Gets the user text of a question, returns the answer."""


class ScriptExhausted(AssertionError):
    """A scripted model was asked more often than it has answers."""

    def __init__(self, asked: int, question: str) -> None:
        super().__init__(f"The script has {asked} answers; this question has none: {question[-200:]!r}")


class ScriptedModel:
    """A model that answers from a script: answers in order, or a function of the question.

    Args:
        script: Answers in order, or a function that gets the question's text.
        scores: What `score` gives for a continuation; the rest get -10.
    """

    name = "scripted"
    context_length = 100_000

    def __init__(self, script: Iterable[str] | Answerer, scores: Mapping[str, float] | None = None) -> None:
        self._answer = script if callable(script) else None
        self._script = [] if callable(script) else list(script)
        self._scores = dict(scores or {})
        self.capabilities = full_capabilities()
        self.asked: list[str] = []
        self.usage = ModelUsage()

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = PLAIN, grammar: Grammar | None = None
    ) -> Generation:
        """The next answer of the script.

        Raises:
            ScriptExhausted: There is none.
        """
        text = question_text(messages)
        self.asked.append(text)
        if self._answer is not None:
            return answered(self._answer(text), text)
        if len(self.asked) > len(self._script):
            raise ScriptExhausted(len(self._script), text)
        return answered(self._script[len(self.asked) - 1], text)

    async def stream(
        self, messages: Sequence[Message], *, sampling: Sampling = PLAIN, grammar: Grammar | None = None
    ) -> AsyncIterator[Delta | Generation]:
        """The next answer, in one piece."""
        made = await self.generate(messages, sampling=sampling, grammar=grammar)
        yield Delta(made.text, None)
        yield made

    async def score(self, messages: Sequence[Message], continuations: Sequence[str]) -> list[float]:
        """The scripted scores."""
        self.asked.append(question_text(messages))
        return [self._scores.get(item, -10.0) for item in continuations]

    async def open(self, messages: Sequence[Message]) -> ResentThread:
        """A thread of this model: it is asked the question with what it has said so far behind it."""
        return ResentThread(self, messages, continues=True)

    def count_tokens(self, text: str) -> int:
        """Words."""
        return len(text.split())

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def assert_complete(self) -> None:
        """Fail when answers are left over."""
        if self._answer is None and len(self.asked) < len(self._script):
            left = self._script[len(self.asked) :]
            raise AssertionError(f"{len(left)} answers of the script were never asked for: {left!r}")


class WorstCaseModel(ScriptedModel):
    """A model that says anything the grammar allows, drawn at random from a seed.

    It is random only: it does not look for the answer that does most harm, so a test wants many seeds.

    Args:
        seed: The same seed and questions give the same answers.
        longest: Bytes after which an answer is ended as soon as the grammar lets it.
    """

    name = "worst case"

    def __init__(self, seed: int = 0, longest: int = 200) -> None:
        super().__init__(lambda text: "")
        self._random = random.Random(seed)
        self._longest = longest

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = PLAIN, grammar: Grammar | None = None
    ) -> Generation:
        """A random answer of the grammar's language; without a grammar, random words."""
        text = question_text(messages)
        self.asked.append(text)
        if grammar is None:
            return answered(" ".join(self._random.choices(text.split() or ["?"], k=5)), text)
        return answered(sample(grammar, self._random, self._longest), text)

    async def score(self, messages: Sequence[Message], continuations: Sequence[str]) -> list[float]:
        """Random scores."""
        return [self._random.uniform(-10, 0) for _ in continuations]


_BITS = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))
"""Which bits of a byte are set."""


def sample(grammar: Grammar, rng: random.Random, longest: int = 200) -> str:
    """A random text of a grammar's language, byte by byte.

    Raises:
        ValueError: It is no grammar.
    """
    from llguidance import LLMatcher, LLTokenizer

    tokenizer = LLTokenizer("byte")
    matcher = LLMatcher(tokenizer, grammar.compiled)
    if matcher.is_error():
        raise ValueError(matcher.get_error())
    found = bytearray()
    while not matcher.is_stopped():
        mask = matcher.compute_bitmask()
        allowed = [8 * place + bit for place, byte in enumerate(mask[:32]) if byte for bit in _BITS[byte]]
        if matcher.is_accepting() and (not allowed or len(found) > longest or rng.random() < 0.3):
            break
        chosen = rng.choice(allowed)
        found.append(chosen)
        matcher.consume_token(chosen)
    return found.decode("utf-8", errors="replace")


def question_text(messages: Sequence[Message]) -> str:
    """The last message's text; what the assistant has begun to say comes behind the one before it."""
    begun = messages[-1]["role"] == "assistant" and len(messages) > 1
    return "".join(message["content"] for message in messages[-2 if begun else -1 :])


def answered(answer: str, question: str) -> Generation:
    """A finished generation with this text."""
    return Generation(answer, (), (), "stop", len(question.split()), 0.0)


def full_capabilities() -> Capabilities:
    """What a model in this process can do."""
    return Capabilities(grammar=True, logprobs=True, fork=False, score=True, seed=True)

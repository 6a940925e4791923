"""One answer, or several side by side: direct, with reasons before it, by a vote, or the best of n.

Sources: Wei et al. 2022 (chain of thought), arXiv:2201.11903; Wang et al. 2022 (self-consistency),
arXiv:2203.11171.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..budget import BudgetExhausted
from .asking import Prompt, Request, Said
from .problem import Proposer, Task
from .proposers import Sampled
from .sampling import BestOfN, SelfConsistency
from .search import Result, check_least
from .strategy import Answers
from .tasks import (
    ANSWER,
    Ends,
    answer_in,
    chain_grammar,
    fitting,
    judge_of,
    prompt_of,
    reasons_before_answer,
)
from .thinking import Interrupted, Thinking
from .tree import Node, Thought

HOW = (
    "Think step by step: write your reasons in short lines. "
    f"Then write one last line that begins with `{ANSWER.strip()}` and gives the answer alone."
)
ANSWER_TOKENS, CHAIN_TOKENS, LINES = 256, 768, 24
"""Longest answer and longest chain, in tokens, and the most lines of reasons under a grammar."""

_NUMBER = re.compile(r"[-+]?\d+(?:/\d+|(?:\.\d+)?(?:e[-+]?\d{1,3})?)", re.IGNORECASE)


@dataclass(frozen=True)
class Direct:
    """The answer alone, under the task's grammar; judged only where the task has a check."""

    temperature: float = 0.0
    max_tokens: int = ANSWER_TOKENS
    name: str = "direct"

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        """See `Strategy`."""
        proposer = direct_answers(task, self.temperature, self.max_tokens)
        return await BestOfN(1, 1, name=self.name).run(Answers(), proposer, Ends(task.check), thinking)


@dataclass(frozen=True)
class ChainOfThought:
    """Reasons in lines, then a line `answer: ...` that keeps to the task's grammar.

    A chain that was cut, or did not come to an answer of the grammar, is asked for its answer once more.
    """

    temperature: float = 0.0
    max_tokens: int = CHAIN_TOKENS
    name: str = "chain-of-thought"

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        """See `Strategy`."""
        search = BestOfN(1, 1, name=self.name)
        chained = Chained(task, self.temperature, self.max_tokens)
        return await search.run(chained.problem(), chained, Ends(task.check), thinking)


@dataclass(frozen=True)
class SelfConsistent:
    """Several chains of thought; the answer that most of them give. A task's check is not asked.

    Attributes:
        normalise: Makes equal answers equal texts; None leaves an answer out of the vote.
        enough: Share of the votes from which on it counts as solved.
    """

    samples: int = 16
    temperature: float = 0.7
    max_tokens: int = CHAIN_TOKENS
    normalise: Callable[[str], str | None] | None = None
    enough: float = 0.5
    name: str = "self-consistency"

    def __post_init__(self) -> None:
        check_least("samples", self.samples, 0)

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        """See `Strategy`."""
        search = SelfConsistency(
            self.samples, 1, self.normalise or normal_answer, self.enough, name=self.name
        )
        chained = Chained(task, self.temperature, self.max_tokens)
        return await search.run(chained.problem(), chained, Ends(), thinking)


@dataclass(frozen=True)
class BestOf:
    """Several answers, ranked by the task's check, or by the model's probability that they are right.

    Attributes:
        reasons: With reasons before each answer.
    """

    samples: int = 8
    temperature: float = 0.7
    max_tokens: int = CHAIN_TOKENS
    reasons: bool = True
    name: str = "best-of-n"

    def __post_init__(self) -> None:
        check_least("samples", self.samples, 0)

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        """See `Strategy`."""
        search = BestOfN(self.samples, 1, name=self.name)
        chained = Chained(task, self.temperature, self.max_tokens)
        if self.reasons:
            return await search.run(chained.problem(), chained, judge_of(task), thinking)
        proposer = direct_answers(task, self.temperature, self.max_tokens)
        return await search.run(Answers(), proposer, judge_of(task), thinking)


def direct_answers(task: Task, temperature: float, max_tokens: int) -> Proposer:
    """Proposes answers without reasons; what the task's grammar does not have stands for none."""
    prompt = prompt_of(task)
    grammar = task.grammar
    return Sampled(
        lambda node: prompt,
        read=lambda text: fitting(text, grammar),
        grammar=None if grammar is None else lambda node: grammar,
        temperature=temperature,
        max_tokens=max_tokens,
    )


@dataclass(frozen=True)
class Chained:
    """Proposes whole chains of thought."""

    task: Task
    temperature: float = 0.7
    max_tokens: int = CHAIN_TOKENS

    def answer_of(self, text: str) -> str | None:
        """The answer of a chain, if it has one that the task's grammar allows."""
        return answer_in(text, self.task.grammar)

    def problem(self) -> Answers:
        """The problem whose answers are chains."""
        return Answers(self.answer_of)

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        """See `Proposer`. Equal chains are told as often as they were sampled: they are votes."""
        prompt = prompt_of(self.task, HOW)
        free = not thinking.model.capabilities.grammar
        grammar = None if free else chain_grammar(self.task.grammar, LINES)
        requests = [
            Request(
                prompt, f"{node.id}#{place}", self.temperature, max_tokens=self.max_tokens, grammar=grammar
            )
            for node in nodes
            for place in range(width)
        ]
        made = await self._answered(prompt, requests, await thinking.generate(requests), thinking)
        return [made[place * width : (place + 1) * width] for place in range(len(nodes))]

    async def _answered(
        self, prompt: Prompt, requests: Sequence[Request], chains: Sequence[Said], thinking: Thinking
    ) -> list[Thought]:
        """The chains as thoughts, after those without an answer were asked for it; one without stays so."""
        thoughts = [
            Thought("" if chain.cut else chain.text, chain.text.strip(), chain.logprob) for chain in chains
        ]
        begun: dict[int, Request] = {}
        for place, chain in enumerate(chains):
            if chain.cut or self.answer_of(chain.text) is None:
                reasons = reasons_before_answer(chain.text)
                begun[place] = Request(
                    prompt.and_said(f"{reasons}\n{ANSWER}" if reasons else ANSWER),
                    requests[place].tag,
                    max_tokens=ANSWER_TOKENS,
                    grammar=self.task.grammar,
                )
        if not begun:
            return thoughts
        try:
            answers = await thinking.generate(list(begun.values()))
        except (BudgetExhausted, Interrupted):
            if len(begun) == len(chains):
                raise
            return thoughts  # those that have come to an answer stand
        for (place, request), answer in zip(begun.items(), answers, strict=True):
            if not answer.cut:
                text = request.prompt.said + answer.text
                thoughts[place] = Thought(text, text, chains[place].logprob)
        return thoughts


def normal_answer(answer: str) -> str | None:
    """An answer in the form in which equal ones are equal: without case, blanks, currency and end mark.

    A number is written as a fraction in lowest terms, so "1,200.50" and "$1200.5" are one answer.
    """
    text = " ".join(answer.casefold().split()).strip("\"'`*").rstrip(".!").strip()
    bare = text.replace(",", "").strip("$€£ ")
    if _NUMBER.fullmatch(bare):
        try:
            return str(Fraction(bare))
        except ZeroDivisionError:
            return text
    return text or None

"""How good a state is: by the model's probabilities, by votes, by trying on, by a tool, or by several."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic import JsonValue

from .contract import applied, end_of, in_range, key_of, proposed_by, read_score, scored_by
from .problem import Evaluator, Problem, Proposer, Rejected
from .thinking import CallFailed, Choice, Prompt, Request, Thinking
from .tree import Kind, Node, Score, Thought, state_text


@dataclass(frozen=True)
class Logits:
    """The probability of "yes" against "no" in one forward pass, without a token generated.

    A model that tells no probabilities (`capabilities.score`) is asked `votes` times instead, and the share
    of "yes" is the value; the scores' `samples` and `detail` tell which it was.

    Attributes:
        ask: The question about a state, to be answered with yes or no.
        final: Says how good a final state is; None asks the model about these too.
    """

    ask: Callable[[Node], Prompt]
    yes: str = "yes"
    no: str = "no"
    votes: int = 3
    final: Evaluator | None = None
    kind: Kind = "model"

    def __post_init__(self) -> None:
        _check_some("votes", self.votes)

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """See `Evaluator`."""
        ends = [node for node in nodes if node.terminal is not None and self.final is not None]
        scores = dict(
            zip(
                map(id, ends),
                await scored_by(self.final, ends, thinking) if self.final and ends else [],
                strict=True,
            )
        )
        rest = [node for node in nodes if id(node) not in scores]
        asked = self._weigh if thinking.model.capabilities.score else self._vote
        scores |= zip(map(id, rest), await asked(rest, thinking) if rest else [], strict=True)
        return [scores[id(node)] for node in nodes]

    async def _weigh(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        told = await thinking.score([Choice(self.ask(node), (self.yes, self.no)) for node in nodes])
        return [Score(_share(yes, no)) for yes, no in told]

    async def _vote(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        from ...core_model.grammar import Grammar

        words = Grammar.choices((self.yes, self.no))
        requests = [
            Request(self.ask(node), f"{node.id}?{place}", temperature=1.0, max_tokens=8, grammar=words)
            for node in nodes
            for place in range(self.votes)
        ]
        answers = await thinking.generate(requests)
        shares: list[Score] = []
        for place in range(len(nodes)):
            mine = answers[place * self.votes : (place + 1) * self.votes]
            share = sum(answer.text.strip(" .\n").lower() == self.yes.lower() for answer in mine) / self.votes
            shares.append(Score(share, samples=self.votes, detail="sampled votes"))
        return shares


@dataclass(frozen=True)
class Vote:
    """All states of a batch are shown together and the model votes for the best; a node's share is its value.

    Attributes:
        ask: The prompt that shows the nodes, to be answered with the number of one, from 1.
        votes: How many are cast.
    """

    ask: Callable[[Sequence[Node]], Prompt]
    votes: int = 5
    temperature: float = 1.0
    kind: Kind = "model"

    def __post_init__(self) -> None:
        _check_some("votes", self.votes)

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """See `Evaluator`."""
        from ...core_model.grammar import Grammar

        if len(nodes) == 1:
            return [Score(0.5, samples=0, detail="nothing to choose between")]
        numbers = Grammar.choices(tuple(str(place + 1) for place in range(len(nodes))))
        tag = ",".join(node.id for node in nodes)
        prompt = self.ask(nodes)
        requests = [
            Request(prompt, f"{tag}!{vote}", self.temperature, max_tokens=8, grammar=numbers)
            for vote in range(self.votes)
        ]
        votes = [answer.text.strip() for answer in await thinking.generate(requests)]
        return [
            Score(votes.count(str(place + 1)) / self.votes, samples=self.votes) for place in range(len(nodes))
        ]


@dataclass(frozen=True)
class Checked:
    """A function of the user says how good a state is: a calculator, tests, a look at the world.

    What it raises makes the state worth 0; the error is the score's detail.

    Attributes:
        check: node -> how good, as a number in 0..1, a truth value, or a `Score`; sync or async.
        kind: Whether it knows more than an agent could: "tool", "environment" or "oracle".
        open_value: Of states that are not final, where only final ones can be checked; None checks all.
    """

    check: Callable[[Node], float | bool | Score | Awaitable[float | bool | Score]]
    kind: Kind = "tool"
    name: str = "check"
    open_value: float | None = None

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """See `Evaluator`."""
        return [await self._one(node, thinking) for node in nodes]

    async def _one(self, node: Node, thinking: Thinking) -> Score:
        if node.terminal is None and self.open_value is not None:
            return Score(self.open_value, self.kind, 0, "not final")

        async def act() -> Any:
            made = self.check(node)
            said = await made if isinstance(made, Awaitable) else made
            score = read_score(said if isinstance(said, Score) else Score(float(said), self.kind))
            value = score.value if math.isfinite(score.value) else str(score.value)
            return [value, score.kind, score.samples, score.detail]

        given: list[JsonValue] = [node.id, state_text(node.state)]
        try:
            value, kind, samples, detail = cast("list[Any]", await thinking.call(self.name, given, act))
        except CallFailed as error:
            return Score(0.0, self.kind, 1, f"failed: {error.error}")
        return Score(float(value), kind, samples, detail)


@dataclass(frozen=True)
class Rollout:
    """Goes on from a state to the end several times; the mean value of what comes out.

    Attributes:
        judge: Says how good a final state is.
        samples: How many times.
        depth: At most so many thoughts each; what is not final by then counts 0.
    """

    problem: Problem[Any, Any]
    proposer: Proposer
    judge: Evaluator
    samples: int = 4
    depth: int = 8

    def __post_init__(self) -> None:
        _check_some("samples", self.samples)

    @property
    def kind(self) -> Kind:
        """That of the judge."""
        return self.judge.kind

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """See `Evaluator`."""
        walkers = [
            [
                Node(f"{node.id}~{place}", node.parent, node.state, node.thought, node.terminal)
                for place in range(self.samples)
            ]
            for node in nodes
        ]
        every = [walker for mine in walkers for walker in mine]
        ends = {id(walker): walker for walker in every}
        for _ in range(self.depth):
            going = [
                walker
                for walker in every
                if ends[id(walker)].terminal is None and ends[id(walker)].status == "open"
            ]
            if not going:
                break
            heads = [ends[id(walker)] for walker in going]
            proposed = await proposed_by(self.proposer, heads, 1, thinking)
            for walker, head, thoughts in zip(going, heads, proposed, strict=True):
                ends[id(walker)] = step(self.problem, head, thoughts)
        final = [ends[id(walker)] for walker in every if ends[id(walker)].terminal is not None]
        told = await scored_by(self.judge, final, thinking) if final else []
        scores = dict(zip(map(id, final), told, strict=True))
        return [
            self._mean([scores.get(id(ends[id(walker)]), Score(0.0)) for walker in mine]) for mine in walkers
        ]

    def _mean(self, scores: Sequence[Score]) -> Score:
        total = sum(in_range(score).value for score in scores)
        return Score(total / self.samples, self.kind, self.samples, f"rollouts{_odd_among(scores)}")


@dataclass(frozen=True)
class Lookahead:
    """Judges a state by the best of what it leads to: wraps any evaluator.

    Source: Yao et al. 2023 (Tree of Thoughts), arXiv:2305.10601, section 3: lookahead simulations.

    Attributes:
        judge: Says how good the states are that are seen ahead, and those that are final.
        depth: How far ahead.
        width: Thoughts of each state.
    """

    problem: Problem[Any, Any]
    proposer: Proposer
    judge: Evaluator
    depth: int = 1
    width: int = 64

    @property
    def kind(self) -> Kind:
        """That of the judge."""
        return self.judge.kind

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """See `Evaluator`."""
        return await self._ahead(nodes, thinking, self.depth)

    async def _ahead(self, nodes: Sequence[Node], thinking: Thinking, depth: int) -> list[Score]:
        going = [node for node in nodes if node.terminal is None] if depth > 0 else []
        seen = set(map(id, going))
        here = [node for node in nodes if id(node) not in seen]
        told = await scored_by(self.judge, here, thinking) if here else []
        scores = dict(zip(map(id, here), told, strict=True))
        if going:
            families = [
                _children(self.problem, node, thoughts)
                for node, thoughts in zip(
                    going, await proposed_by(self.proposer, going, self.width, thinking), strict=True
                )
            ]
            ahead = await self._ahead([child for family in families for child in family], thinking, depth - 1)
            seen_ahead = iter(ahead)
            for node, family in zip(going, families, strict=True):
                mine = [next(seen_ahead) for _ in family]
                best = max(map(in_range, mine), key=lambda score: score.value, default=None)
                scores[id(node)] = (
                    Score(0.0, self.kind, 0, "it leads nowhere")
                    if best is None
                    else replace(
                        best, samples=len(mine), detail=f"the best of {len(mine)} ahead{_odd_among(mine)}"
                    )
                )
        return [scores[id(node)] for node in nodes]


@dataclass(frozen=True)
class Ensemble:
    """The weighted mean of several evaluators."""

    judges: tuple[Evaluator, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _check_some("the number of judges", len(self.judges))
        if self.weights and (
            len(self.weights) != len(self.judges) or min(self.weights) < 0 or not sum(self.weights) > 0
        ):
            raise ValueError(
                f"weights is {self.weights!r}. Give each of the {len(self.judges)} judges one of at least 0, "
                "and not all of them 0."
            )

    @property
    def kind(self) -> Kind:
        """The most knowing among them: with an oracle inside, the whole is one."""
        kinds = [judge.kind for judge in self.judges]
        order: tuple[Kind, ...] = ("oracle", "model", "environment", "tool")
        return next(kind for kind in order if kind in kinds)

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """See `Evaluator`."""
        weights = self.weights or (1.0,) * len(self.judges)
        told = [await scored_by(judge, nodes, thinking) for judge in self.judges]
        total = sum(weights)
        return [
            Score(
                sum(weight * score.value for weight, score in zip(weights, mine, strict=True)) / total,
                self.kind,
                sum(score.samples for score in mine),
                " + ".join(f"{score.value:.2f}" for score in mine),
            )
            for mine in zip(*told, strict=True)
        ]


def _check_some(what: str, count: int) -> None:
    if count < 1:
        raise ValueError(f"{what} is {count!r}. Choose at least 1.")


def _odd_among(scores: Sequence[Score]) -> str:
    """A note of how many were no value in 0..1, for a score that is made of them."""
    odd = sum(in_range(score) is not score for score in scores)
    return f", {odd} of them no value in 0..1" if odd else ""


def _share(yes: float, no: float) -> float:
    """Probability of the first of two log-probabilities; no number where both are impossible."""
    return 1 / (1 + math.exp(min(700.0, no - yes))) if max(yes, no) > -math.inf else math.nan


def step(problem: Problem[Any, Any], node: Node, thoughts: Sequence[Thought]) -> Node:
    """The node after the first thought that is legal, outside of any tree; dead where none is."""
    found = _children(problem, node, thoughts)
    return found[0] if found else replace(node, status="dead")


def _children(problem: Problem[Any, Any], node: Node, thoughts: Sequence[Thought]) -> list[Node]:
    """The legal states that thoughts lead to, outside of any tree; equal ones once."""
    found: dict[Any, Node] = {}
    for place, thought in enumerate(thoughts):
        state = applied(problem, node.state, thought.action)
        if isinstance(state, Rejected):
            continue
        terminal = end_of(problem, state)
        found.setdefault(
            (terminal, key_of(problem, state)), Node(f"{node.id}>{place}", node, state, thought, terminal)
        )
    return list(found.values())

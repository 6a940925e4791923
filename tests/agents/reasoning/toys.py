"""Small problems, models and evaluators for the tests of searches."""

from __future__ import annotations

import asyncio
import gc
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from punchlist.agents.budget import Budget
from punchlist.agents.reasoning import (
    Beam,
    BestOfN,
    Checked,
    DepthFirst,
    Ensemble,
    Enumerated,
    Logits,
    MonteCarlo,
    Node,
    Prompt,
    Rejected,
    Result,
    Sampled,
    Score,
    Search,
    Terminal,
    Thinking,
    Thought,
    Trace,
)
from punchlist.agents.reasoning.thinking import Request
from punchlist.agents.testing import ScriptedModel, answered, question_text, sample
from punchlist.core_model.grammar import Grammar
from punchlist.protocols.journal import Row

EVERY = 10**6
"""More than any of these trees has."""

DIGIT = Grammar.choices(("1", "2", "3"))


@dataclass(frozen=True)
class Grove:
    """A random tree: a state is the path to it, and every leaf is an answer."""

    seed: int
    depth: int = 4

    def rng(self, state: tuple[int, ...]) -> random.Random:
        return random.Random(f"{self.seed} {state}")

    def count(self, state: tuple[int, ...]) -> int:
        """Children of a state; none is a dead end, except where the depth is reached: that is a leaf."""
        return 0 if len(state) == self.depth else self.rng(state).choice((0, 1, 2, 2, 3, 3))

    def value(self, state: tuple[int, ...]) -> float:
        return round(self.rng(state).uniform(0, 0.9), 1)  # coarse, so that there are ties

    def initial(self) -> tuple[int, ...]:
        return ()

    def key(self, state: tuple[int, ...]) -> tuple[int, ...]:
        return state

    def apply(self, state: tuple[int, ...], action: int) -> tuple[int, ...] | Rejected:
        return (*state, action) if action < self.count(state) else Rejected("no such branch")

    def terminal(self, state: tuple[int, ...]) -> Terminal | None:
        return Terminal(str(state)) if len(state) == self.depth else None

    def children(self, state: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [(*state, place) for place in range(self.count(state))]

    def leaves(self, state: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
        """Every leaf, from left to right."""
        if len(state) == self.depth:
            return [state]
        return [leaf for child in self.children(state) for leaf in self.leaves(child)]

    @property
    def proposer(self) -> Enumerated:
        return Enumerated(lambda state: [(child[-1], str(child[-1])) for child in self.children(state)])

    @property
    def evaluator(self) -> Checked:
        return Checked(lambda node: self.value(node.state))


@dataclass(frozen=True)
class Maze:
    """A random directed graph with cycles and places that many ways lead to; some places are ways out."""

    seed: int
    places: int = 9

    def doors(self, place: int) -> list[int]:
        rng = random.Random(f"{self.seed} {place}")
        return rng.sample(range(self.places), rng.choice((0, 1, 2, 3)))

    def is_out(self, place: int) -> bool:
        return place % 4 == 3

    def initial(self) -> int:
        return 0

    def key(self, state: int) -> int:
        return state

    def apply(self, state: int, action: int) -> int:
        return action

    def terminal(self, state: int) -> Terminal | None:
        return Terminal(f"out at {state}") if self.is_out(state) else None

    def outs(self, depth: int) -> set[str]:
        """Every way out that so many doors lead to."""
        reached, found = {0}, set[str]()
        for _ in range(depth):
            reached = {door for place in reached if not self.is_out(place) for door in self.doors(place)}
            found |= {f"out at {place}" for place in reached if self.is_out(place)}
        return found

    @property
    def proposer(self) -> Enumerated:
        return Enumerated(lambda state: [(door, str(door)) for door in self.doors(state)])

    @property
    def evaluator(self) -> Checked:
        return Checked(lambda node: random.Random(f"{self.seed} value {node.state}").uniform(0, 0.9))


class Sum:
    """Reach 10 by adding 1, 2 or 3; the order does not matter on the way, but makes another answer."""

    def __init__(self, aim: int = 10, most: int = 5) -> None:
        self.aim, self.most = aim, most

    def initial(self) -> tuple[int, ...]:
        return ()

    def key(self, state: tuple[int, ...]) -> tuple[int, int]:
        return sum(state), len(state)

    def apply(self, state: tuple[int, ...], action: int) -> tuple[int, ...] | Rejected:
        return Rejected("too much") if sum(state) + action > self.aim else (*state, action)

    def terminal(self, state: tuple[int, ...]) -> Terminal | None:
        return (
            Terminal("+".join(map(str, state))) if sum(state) == self.aim or len(state) >= self.most else None
        )

    def value(self, node: Node) -> float:
        return float(sum(node.state) == self.aim) if node.terminal else sum(node.state) / (2 * self.aim)

    @property
    def proposer(self) -> Enumerated:
        return Enumerated(lambda state: [(number, str(number)) for number in (1, 2, 3)])

    @property
    def sampler(self) -> Sampled:
        """Asks a model for a digit behind those that it has said."""
        return Sampled(
            lambda node: Prompt.of("add up").and_said("".join(node.texts())),
            read=int,
            grammar=lambda node: DIGIT,
            max_tokens=4,
            keep=True,
        )

    @property
    def evaluator(self) -> Checked:
        return Checked(self.value)


class Walled:
    """Nothing is legal: no solution."""

    def initial(self) -> str:
        return "here"

    def key(self, state: str) -> str:
        return state

    def apply(self, state: str, action: Any) -> str | Rejected:
        return Rejected("a wall")

    def terminal(self, state: str) -> Terminal | None:
        return None


class Round(Walled):
    """Two states that lead to each other."""

    def apply(self, state: str, action: Any) -> str | Rejected:
        return "there" if state == "here" else "here"


class There(Walled):
    """One state, which is final."""

    def terminal(self, state: str) -> Terminal | None:
        return Terminal(state)


@dataclass
class Noted:
    """A proposer that notes which states it was asked about, in their order."""

    proposer: Any
    asked: list[Any] = field(default_factory=list[Any])

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        self.asked += [node.state for node in nodes]
        return await self.proposer.propose(nodes, width, thinking)


@dataclass
class OneByOne:
    """A proposer or evaluator that asks the one inside about each node on its own."""

    inside: Any

    @property
    def kind(self) -> Any:
        return self.inside.kind

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        return [(await self.inside.propose([node], width, thinking))[0] for node in nodes]

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        return [(await self.inside.score([node], thinking))[0] for node in nodes]


class SeededModel(ScriptedModel):
    """What it says depends on question, seed and temperature alone; answers come in any order.

    Attributes:
        before: Called before each answer, with how many were begun.
    """

    name = "seeded"

    def __init__(self, before: Any = None) -> None:
        super().__init__(lambda question: "")
        self.before = before

    async def generate(self, messages: Any, *, sampling: Any = None, grammar: Any = None) -> Any:
        text = question_text(messages)
        self.asked.append(text)
        rng = random.Random(f"{text} {sampling.seed if sampling.temperature else ''}")
        if self.before is not None:
            await self.before(len(self.asked))
        for _ in range(rng.randrange(4)):
            await asyncio.sleep(0)
        if grammar is None or grammar.kind == "choices":
            return answered(rng.choice("123" if grammar is None else grammar.source), text)
        return answered(sample(grammar, rng), text)

    async def score(self, messages: Any, continuations: Sequence[str]) -> list[float]:
        text = question_text(messages)
        self.asked.append(text)
        if self.before is not None:
            await self.before(len(self.asked))
        return [random.Random(f"{text} {each}").uniform(-5, 0) for each in continuations]


class PaperJournal:
    """A journal in memory: what comes out has been JSON. Many real ones would cost a disk's time."""

    def __init__(self, part: Sequence[tuple[str, str, str]] = ()) -> None:
        self.kept = list(part)

    def append(self, kind: str, body: Any, *, run: str, task: str, attempt: int, key: str) -> int:
        self.kept.append((kind, key, json.dumps(body, allow_nan=False)))
        return len(self.kept)

    def rows(self, run: str, *, kinds: Sequence[str], task: str) -> Iterator[Row]:
        for seq, (kind, key, body) in enumerate(self.kept, 1):
            if kind in kinds:
                yield Row(seq, run, "", 0, kind, key, 0.0, json.loads(body))

    def trace(self) -> Trace:
        """A trace in it, begun or gone on with."""
        return Trace(cast("Any", self), "run")


async def grown(
    search: Search,
    problem: Any,
    *,
    proposer: Any = None,
    evaluator: Any = None,
    model: Any = None,
    **door: Any,
) -> Result:
    """Run a search on a problem, with its own proposer and evaluator unless others are given."""
    door = {"budget": Budget(), "trace": Trace()} | door
    thinking = Thinking(model or SeededModel(), **door)
    try:
        return await search.run(
            problem, proposer or problem.proposer, evaluator or problem.evaluator, thinking
        )
    finally:
        await thinking.aclose()


def outline(result: Result) -> list[Any]:
    """All that there is to a tree, to be compared."""
    return [
        (node.id, node.state, node.texts()[-1:], node.answer, node.value, node.status, node.why)
        for node in result.tree
    ]


def assert_all_given_back(model):
    """Every page is unused, or only known as a beginning that can be forgotten."""
    gc.collect()
    with model.engine.lock:
        pool = model.engine.pool
        assert pool.available == pool.pages


SEARCHES = (
    Beam(beam=3, width=3, enough=2),
    DepthFirst(width=2),
    MonteCarlo(8, width=3, enough=2),
    BestOfN(5),
)
WORDS = Grammar.regex("[a-z ]{1,30}")


def named(search):
    return search.name


def judge(problem):
    """Half by the model, behind what was said, half by what is right."""
    ask = Logits(lambda node: Prompt.of("add up").and_said("".join(node.texts())))
    return Ensemble((ask, problem.evaluator))


def requests(count=6, temperature=1.0, keep=False):
    """Of different prompts and of one prompt, from its beginning and going on."""
    prompts = [Prompt.of("one"), Prompt.of("two"), Prompt.of("one", said="so"), Prompt.of("one", "be kind")]
    return [
        Request(prompts[place % 4], f"#{place}", temperature, max_tokens=12, grammar=WORDS, keep=keep)
        for place in range(count)
    ]

"""What all searches share: the tree while it grows, the best of it, and why a search stopped."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ...protocols.outcome import Cost
from ..budget import BudgetExhausted
from .contract import (
    SearchRefused,
    applied,
    check_least,
    end_of,
    in_range,
    key_of,
    proposed_by,
    scored_by,
)
from .problem import Evaluator, Problem, Proposer, Rejected
from .thinking import Interrupted, Thinking, stop_reason
from .trace import Trace
from .tree import Node, Thought, Tree, state_text

__all__ = [
    "COMPLETE",
    "EXHAUSTED",
    "INTERRUPTED",
    "NO_THOUGHTS",
    "OWN_LIMIT",
    "SOLVED",
    "Growth",
    "Result",
    "Search",
    "SearchRefused",
    "check_least",
    "halted",
    "to_the_end",
]

SOLVED = "solved"
COMPLETE = "complete"
EXHAUSTED = "exhausted"
NO_THOUGHTS = "no thoughts"
INTERRUPTED = "interrupted"
"""Why a search stopped: a final state is good enough; it did all it was to do; nothing is left to try; the
proposer has nothing (legal) to say; somebody stopped it. A limit is named: "budget.tokens"."""


OWN_LIMIT = "budget.expansions"
"""Why a best-first search stopped that expanded as many states as it was to; no limit of the whole run."""


def halted(reason: str) -> bool:
    """Whether a limit of the whole run or a stop ended a search: nothing around it can go on either."""
    return reason == INTERRUPTED or (reason.startswith("budget.") and reason != OWN_LIMIT)


@dataclass(frozen=True)
class Result:
    """What a search or a loop came to. There always is one, whatever ended it.

    Attributes:
        best: The best final state; where there is none the most promising node, at worst the root.
        ranked: All final states and scored nodes, best first.
        stop_reason: See `SOLVED` and its neighbours.
        usage: Tokens and calls of this search, answers on record included.
        tree: Every node.
        trace: What happened, with prompts and answers.
    """

    best: Node
    ranked: tuple[Node, ...] = field(repr=False)
    stop_reason: str
    usage: Cost
    tree: Tree = field(repr=False)
    trace: Trace = field(repr=False)

    @property
    def answer(self) -> str | None:
        """The best final state's answer; None where no state was final."""
        return self.best.answer

    @property
    def solved(self) -> bool:
        """Whether it stopped because an answer was good enough."""
        return self.stop_reason == SOLVED

    def finals(self, most: int) -> list[Node]:
        """The best `most` final states with different answers."""
        found: dict[str, Node] = {}
        for node in self.ranked:
            if node.answer is not None:
                found.setdefault(node.answer, node)
        return list(found.values())[:most]


class Search(Protocol):
    """An order in which a tree is grown."""

    @property
    def name(self) -> str:
        """As it stands in the record."""
        ...

    async def run(
        self, problem: Problem[Any, Any], proposer: Proposer, evaluator: Evaluator, thinking: Thinking
    ) -> Result:
        """Search until something ends it.

        Raises:
            CoreModelError: The model failed. A spent budget or a stop is no error: the result tells it.
            TraceDiverged: It is resumed with something else than it was begun with.
        """
        ...


class Growth:
    """A tree that grows: proposes, applies, merges and scores in batches, and records it all.

    Args:
        merge: Of open nodes with one key only the first is gone on with, and one that lies less deep; of
            final ones with one key and one answer only the first is judged.
        enough: A final state with this value ends the search.
    """

    def __init__(
        self,
        problem: Problem[Any, Any],
        proposer: Proposer,
        evaluator: Evaluator,
        thinking: Thinking,
        *,
        merge: bool = True,
        enough: float = 1.0,
    ) -> None:
        self.problem, self.proposer, self.evaluator = problem, proposer, evaluator
        self.thinking, self.merge, self.enough = thinking, merge, enough
        state = problem.initial()
        root = Node("", None, state, terminal=end_of(problem, state))
        self.tree = Tree(root)
        self._known: dict[Hashable, Node] = {key_of(problem, state): root} if merge else {}
        self._ends: dict[tuple[str, Hashable], Node] = {}
        self._used = thinking.used

    def begin(self, name: str, **settings: int | float | bool) -> Node:
        """Record how the search is set up; returns the root."""
        root = self.tree.root
        self.thinking.tell(
            "began",
            search=name,
            settings=dict(settings),
            proposer=type(self.proposer).__name__,
            evaluator=type(self.evaluator).__name__,
            kind=self.evaluator.kind,
            state=state_text(root.state),
        )
        if root.terminal is not None:
            root.status = "final"
        return root

    async def expand(self, nodes: Sequence[Node], width: int) -> list[list[Node]]:
        """Propose up to `width` thoughts for each node, as one batch; the children that can be gone on with.

        Every thought becomes a node; what is illegal or leads to a state that is known is closed at once,
        with the reason.
        """
        await self.thinking.breathe()
        proposed = await proposed_by(self.proposer, nodes, width, self.thinking)
        return [self.add(node, thoughts[:width]) for node, thoughts in zip(nodes, proposed, strict=True)]

    async def spread(self, count: int) -> list[Node]:
        """`count` independent first thoughts below the root, equal ones too; see `step`."""
        root = self.tree.root
        lanes = [Node(f"~{place}", None, root.state) for place in range(count)]
        return await self._walk(lanes, [root] * count)

    async def step(self, nodes: Sequence[Node]) -> list[Node]:
        """The next thought of each of these walks, as one batch.

        A limit or a stop that ends the batch is raised after those whose thought is on record by then have
        taken it.
        """
        return await self._walk(nodes, nodes)

    async def _walk(self, lanes: Sequence[Node], parents: Sequence[Node]) -> list[Node]:
        await self.thinking.breathe()
        try:
            proposed = await proposed_by(self.proposer, lanes, 1, self.thinking)
        except (BudgetExhausted, Interrupted):
            told = [await self._on_record(lane) for lane in lanes]
            known = [(parent, thoughts) for parent, thoughts in zip(parents, told, strict=True) if thoughts]
            self._add_first(known)
            raise
        return self._add_first(list(zip(parents, proposed, strict=True)))

    def _add_first(self, families: Sequence[tuple[Node, Sequence[Thought]]]) -> list[Node]:
        """The children by the first thought of each family; of families with one parent side by side."""
        chosen: dict[str, tuple[Node, list[Thought]]] = {}
        for parent, thoughts in families:
            chosen.setdefault(parent.id, (parent, []))[1].extend(thoughts[:1])
        return [child for parent, thoughts in chosen.values() for child in self.add(parent, thoughts)]

    async def _on_record(self, lane: Node) -> list[Thought]:
        """What is proposed for a node by answers on record alone; nothing where one is missing."""
        try:
            (thoughts,) = await proposed_by(self.proposer, [lane], 1, self.thinking.remembering())
        except (BudgetExhausted, Interrupted):
            return []
        return thoughts

    def add(self, node: Node, thoughts: Sequence[Thought]) -> list[Node]:
        """The children of `node` by these thoughts that can be gone on with; `node` is dead without any."""
        node.status = "expanded"
        children = [child for thought in thoughts if (child := self._child(node, thought)) is not None]
        if not children:
            self.close(node, "dead", "no thought led on" if thoughts else "no thoughts")
        return children

    def _child(self, node: Node, thought: Thought) -> Node | None:
        made = applied(self.problem, node.state, thought.action)
        if isinstance(made, Rejected):
            self._tell_node(self.tree.add(node, thought, node.state, None, "dead", made.why))
            return None
        terminal = end_of(self.problem, made)
        key = key_of(self.problem, made) if self.merge else None
        if terminal is not None:
            child = self.tree.add(node, thought, made, terminal, "final", "")
            twin = self._ends.setdefault((terminal.answer, key), child) if self.merge else child
            if twin is not child:
                child.status, child.why = "pruned", f"the answer of {twin.id or 'the root'}"
            self._tell_node(child)
            return None if child.status == "pruned" else child
        twin = self._known.get(key) if self.merge else None
        if twin is not None and twin.depth <= node.depth + 1:  # a deeper one may have met the limit
            why = f"the state of {twin.id or 'the root'}"
            self._tell_node(self.tree.add(node, thought, made, None, "pruned", why))
            return None
        child = self.tree.add(node, thought, made, None, "open", "")
        if self.merge:
            self._known[key] = child
        self._tell_node(child)
        return child

    def _tell_node(self, node: Node) -> None:
        thought = node.thought
        self.thinking.tell(
            "node",
            node.id,
            text="" if thought is None else thought.text,
            logprob=None if thought is None else thought.logprob,
            state=state_text(node.state),
            status=node.status,
            why=node.why,
            answer=node.answer,
        )

    async def score(self, nodes: Sequence[Node]) -> None:
        """Give a score to all that have none, as one batch. What is no number counts as 0, and says so."""
        todo = [node for node in nodes if node.score is None]
        if not todo:
            return
        scores = await scored_by(self.evaluator, todo, self.thinking)
        for node, score in zip(todo, scores, strict=True):
            node.score = in_range(score)
            self.thinking.tell(
                "scored",
                node.id,
                value=node.score.value,
                kind=node.score.kind,
                samples=node.score.samples,
                detail=node.score.detail,
            )

    def close(self, node: Node, status: str, why: str) -> None:
        """Go on with `node` no more: "pruned" or "dead", and why."""
        node.status, node.why = ("dead" if status == "dead" else "pruned"), why
        self.thinking.tell("closed", node.id, status=node.status, why=why)

    def solved(self, nodes: Sequence[Node]) -> bool:
        """Whether one of them is final and good enough."""
        return any(node.terminal is not None and node.value >= self.enough for node in nodes)

    def result(self, reason: str) -> Result:
        """The best so far, and why no more was done."""
        ranked = self.tree.ranked()
        best = ranked[0] if ranked else self.tree.root
        used = self.thinking.used
        self.thinking.tell("stopped", best.id, reason=reason, answer=best.answer, value=best.value)
        usage = replace(
            used,
            tokens=used.tokens - self._used.tokens,
            model_calls=used.model_calls - self._used.model_calls,
            tool_calls=used.tool_calls - self._used.tool_calls,
            steps=used.steps - self._used.steps,
        )
        return Result(best, tuple(ranked), reason, usage, self.tree, self.thinking.trace)


class TreeSearch(ABC):
    """A search that grows one tree until it has a reason to stop."""

    enough: float

    async def run(
        self, problem: Problem[Any, Any], proposer: Proposer, evaluator: Evaluator, thinking: Thinking
    ) -> Result:
        """See `Search`."""
        growth = Growth(problem, proposer, evaluator, thinking, enough=self.enough)
        return await to_the_end(growth, self.grow(growth))

    @abstractmethod
    async def grow(self, growth: Growth) -> str:
        """Grow the tree; returns why it stopped."""


async def to_the_end(growth: Growth, work: Any) -> Result:
    """Carry a search out: the result with the reason that it returns, or with what stopped it.

    Args:
        work: A coroutine that grows the tree and returns the reason why it stopped.
    """
    try:
        reason = await work
    except (BudgetExhausted, Interrupted) as error:
        reason = stop_reason(error)
    return growth.result(reason)

"""The tree that a search grows: nodes with the thought that led there, their score, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, cast

Kind = Literal["oracle", "environment", "tool", "model"]
"""Who says how good a state is. An oracle knows the solution: what it says is refused by `punchlist eval`."""

Status = Literal["open", "expanded", "pruned", "dead", "final"]


@dataclass(frozen=True)
class Terminal:
    """A state in which nothing is left to do. Whether its answer is right is for an evaluator to say."""

    answer: str


@dataclass(frozen=True)
class Thought:
    """What a proposer says could be done in a state.

    Attributes:
        action: What `Problem.apply` takes.
        text: The thought in words, as the model said it.
        logprob: Natural log of its probability where it is known.
    """

    action: Any
    text: str
    logprob: float | None = None


@dataclass(frozen=True)
class Score:
    """How good a state is.

    Attributes:
        value: In 0..1.
        kind: Who says so.
        samples: How many answers it rests on.
        detail: In words, for whoever looks at the tree.
    """

    value: float
    kind: Kind = "model"
    samples: int = 1
    detail: str = ""


@dataclass(eq=False)
class Node:
    """A state in the tree.

    Attributes:
        id: Its place: "" is the root, "2.0" the first child of the third child of the root.
        why: Why it was pruned or is dead.
        depth: Thoughts from the root.
    """

    id: str
    parent: Node | None = field(repr=False)
    state: Any
    thought: Thought | None = None
    terminal: Terminal | None = None
    score: Score | None = None
    status: Status = "open"
    why: str = ""
    children: list[Node] = field(default_factory=list["Node"], repr=False)
    depth: int = field(init=False)

    def __post_init__(self) -> None:
        above = 0 if self.parent is None else self.parent.depth
        self.depth = above + (self.thought is not None)

    @property
    def value(self) -> float:
        """The score's value; 0 where it was not scored."""
        return 0.0 if self.score is None else self.score.value

    @property
    def answer(self) -> str | None:
        """The answer of a final state."""
        return None if self.terminal is None else self.terminal.answer

    def path(self) -> list[Node]:
        """From the root to here."""
        found: list[Node] = []
        node: Node | None = self
        while node is not None:
            found.append(node)
            node = node.parent
        return found[::-1]

    def texts(self) -> list[str]:
        """The thoughts from the root to here."""
        return [node.thought.text for node in self.path() if node.thought is not None]


class Tree:
    """All nodes of a search, in the order in which they were made; the root is the first."""

    def __init__(self, root: Node) -> None:
        self.nodes = [root]

    @property
    def root(self) -> Node:
        """Where the search began."""
        return self.nodes[0]

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def add(
        self, parent: Node, thought: Thought, state: Any, terminal: Terminal | None, status: Status, why: str
    ) -> Node:
        """A new child of `parent`."""
        place = len(parent.children)
        node = Node(
            f"{parent.id}.{place}" if parent.id else str(place),
            parent,
            state,
            thought,
            terminal,
            status=status,
            why=why,
        )
        parent.children.append(node)
        self.nodes.append(node)
        return node

    def ranked(self) -> list[Node]:
        """Final states, the best first, then others that were scored, the best first; ties as they came."""
        final = [node for node in self.nodes if node.terminal is not None and node.status != "pruned"]
        final += [node for node in self.nodes if node.terminal is not None and node.status == "pruned"]
        rest = [node for node in self.nodes if node.terminal is None and node.score is not None]
        return sorted(final, key=lambda node: -node.value) + sorted(
            rest, key=lambda node: (-node.value, -node.depth)
        )


DEEPEST = 50
"""Values inside each other of which `state_text` tells."""


def state_text(state: Any) -> str:
    """A state in words, the same in every process: sets in order, and no addresses of objects."""
    return str(state) if isinstance(state, str) else _shown(state, str)


def _shown(value: Any, plain: Callable[[Any], str] = repr, depth: int = 0) -> str:
    if depth > DEEPEST:
        return "..."

    def inner(each: Any) -> str:
        return _shown(each, depth=depth + 1)

    kind = cast("Any", type(value))
    plain_repr = kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__
    made_repr = kind.__str__ is object.__str__ and hasattr(kind.__repr__, "__wrapped__")  # a dataclass's
    if kind in (set, frozenset):
        return "{" + ", ".join(sorted(map(inner, value))) + "}"
    if kind is tuple and len(value) == 1:
        return f"({inner(value[0])},)"
    if kind in (tuple, list):
        ends = "()" if kind is tuple else "[]"
        return ends[0] + ", ".join(map(inner, value)) + ends[1]
    if kind is dict:
        return "{" + ", ".join(f"{inner(key)}: {inner(item)}" for key, item in value.items()) + "}"
    if is_dataclass(value) and made_repr:
        told = (f"{each.name}={inner(getattr(value, each.name))}" for each in fields(value) if each.repr)
        return f"{kind.__qualname__}({', '.join(told)})"
    try:
        return f"<{kind.__qualname__}>" if plain_repr else plain(value)
    except RecursionError:
        return f"<{kind.__qualname__}, too deep to be shown>"

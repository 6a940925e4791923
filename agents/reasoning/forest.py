"""The trees of a record, put together again from its events: what pictures, terminal and export look at.

A record holds one search or many: those inside another have a scope of their own ("trial 2/"), and a loop may
search several times in one scope. Events may still be coming: `Forest.take` is also what a live view calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self, cast

from pydantic import JsonValue

from ...protocols.journal import Journal
from ...protocols.outcome import Cost
from ..budget import answer_cost
from .trace import ANSWER, EVENT, Trace, TraceEvent

CLOSED = ("pruned", "dead")
"""Statuses of nodes that are not gone on with."""

_RANKS = {"final": 1, "expanded": 2, "open": 3, "dead": 4, "pruned": 5}
_JUDGES = ("scored", "closed", "visited")
_SILENT = ("halted",)
"""Events of which nothing is shown: why a search was halted stands in its "stopped"."""

_PLAIN = ("text", "why", "lesson", "answer")
"""What notes tell that needs no name."""

_CLOSED_EACH = 4
"""Closed thoughts without any below them that are shown of one parent, in a tree that is not `_SMALL`."""

_SMALL = 24


@dataclass(eq=False)
class Shown:
    """A node as the record tells of it.

    Attributes:
        id: As in `tree.Node`: "" is the root, "2.0" the first child of its third child.
        text: The thought that led there, whole.
        value: None where it was not scored.
        kind: Who scored it, "" for nobody; "oracle" knew the solution.
        visits: How often a search that counts passed it.
        refused: The problem's rules do not allow it.
    """

    id: str
    parent: Shown | None = None
    text: str = ""
    state: str = ""
    logprob: float | None = None
    status: str = "open"
    why: str = ""
    answer: str | None = None
    value: float | None = None
    kind: str = ""
    samples: int = 0
    detail: str = ""
    visits: int = 0
    refused: bool = False
    children: list[Shown] = field(default_factory=list["Shown"])

    def path(self) -> list[Shown]:
        """From the root to here."""
        found: list[Shown] = []
        node: Shown | None = self
        while node is not None:
            found.append(node)
            node = node.parent
        return found[::-1]

    def below(self) -> Iterator[Shown]:
        """This node and all under it, depth first."""
        waiting: list[Shown] = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))


@dataclass(eq=False)
class Grown:
    """One search of a record.

    Attributes:
        scope: Where it is inside of: "" is the outermost, "trial 2/" one inside it.
        name: "beam", ...; "" where the scope holds notes only.
        evaluator: Who judges, with `kind` saying how much it knows.
        stopped: Why it stopped; "" while it runs or was cut off.
        notes: Other events of the scope, such as reflections and failed tools.
    """

    scope: str
    name: str = ""
    settings: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    proposer: str = ""
    evaluator: str = ""
    kind: str = ""
    stopped: str = ""
    nodes: dict[str, Shown] = field(default_factory=dict[str, Shown])
    notes: list[TraceEvent] = field(default_factory=list[TraceEvent])
    _best: str | None = None

    @property
    def depth(self) -> int:
        """How many searches it is inside of."""
        return self.scope.count("/")

    @property
    def title(self) -> str:
        """Where it is, in words."""
        return " › ".join(part for part in self.scope.split("/") if part)

    @property
    def oracle(self) -> bool:
        """Whether anything in it was judged by who knows the solution."""
        return self.kind == "oracle" or any(node.kind == "oracle" for node in self.nodes.values())

    @property
    def best(self) -> Shown | None:
        """The node that the search returned; while it runs, the one that it would return now."""
        if self.stopped and self._best in self.nodes:
            return self.nodes[self._best]
        nodes = self.nodes.values()
        final = [node for node in nodes if node.answer is not None and node.status != "pruned"]
        rest = [node for node in nodes if node.answer is None and node.value is not None]
        ranked = sorted(final, key=lambda node: -(node.value or 0.0))
        ranked += sorted(rest, key=lambda node: (-(node.value or 0.0), -node.id.count(".")))
        return ranked[0] if ranked else None

    def chosen(self, most: int) -> set[str]:
        """Ids of the nodes to be shown where only so many can be: the best path, ends, then the promising.

        With a node its ancestors are chosen, so the set is a tree and may exceed `most` by a path.
        """
        best = self.best
        found = {node.id for node in best.path()} if best is not None else set[str]()
        closed: Counter[str] = Counter()

        def rank(node: Shown) -> tuple[int, float]:
            return _RANKS.get(node.status, 3), -(node.value or 0.0)

        for node in sorted(self.nodes.values(), key=rank):
            if len(found) >= most:
                break
            if node.status in CLOSED and not node.children and node.parent is not None:
                closed[node.parent.id] += 1
                if closed[node.parent.id] > _CLOSED_EACH and len(self.nodes) > _SMALL:
                    continue
            found.update(each.id for each in node.path())
        return found

    def ordered(self, children: Iterable[Shown]) -> list[Shown]:
        """Siblings as they are best read: on the path to the best, gone on with, closed; each by value."""
        best = self.best
        path = {id(node) for node in best.path()} if best is not None else set[int]()
        return sorted(
            children,
            key=lambda node: (id(node) not in path, node.status in CLOSED, -(node.value or 0.0)),
        )

    def take(self, event: TraceEvent) -> None:
        """Apply an event of this search."""
        body = event.body
        if event.what == "began":
            self.name, self.proposer = _text(body, "search"), _text(body, "proposer").lstrip("_")
            self.evaluator, self.kind = _text(body, "evaluator").lstrip("_"), _text(body, "kind")
            settings = body.get("settings")
            self.settings = dict(settings) if isinstance(settings, dict) else {}
            self.nodes = {"": Shown("", state=_text(body, "state"))}
        elif event.what == "node":
            self._grow(event)
        elif event.what == "stopped":
            self.stopped, self._best = _text(body, "reason"), event.node
            root = self.nodes.get("")
            answer = body.get("answer")
            if root is not None and event.node == "" and isinstance(answer, str):
                root.status, root.answer = "final", answer
        elif event.what in _JUDGES and event.node in self.nodes:
            self._judge(self.nodes[event.node], event)
        elif event.what not in _SILENT:
            self.notes.append(event)

    def _grow(self, event: TraceEvent) -> None:
        parent = self.nodes.get(event.node.rpartition(".")[0])
        if parent is None:
            self.notes.append(event)
            return
        body = event.body
        answer = body.get("answer")
        node = Shown(
            event.node,
            parent,
            _text(body, "text"),
            _text(body, "state"),
            _number(body, "logprob"),
            _text(body, "status"),
            _text(body, "why"),
            answer if isinstance(answer, str) else None,
        )
        node.refused = node.status == "dead"  # what comes to nothing later is open when it is made
        if parent.status == "open":
            parent.status = "expanded"
        parent.children.append(node)
        self.nodes[node.id] = node

    def _judge(self, node: Shown, event: TraceEvent) -> None:
        body = event.body
        if event.what == "scored":
            node.value, node.kind = _number(body, "value"), _text(body, "kind")
            node.detail, node.samples = _text(body, "detail"), int(_number(body, "samples") or 0)
        elif event.what == "closed":
            node.status, node.why = _text(body, "status"), _text(body, "why")
        else:
            for each in node.path():
                each.visits += 1


class Forest:
    """All searches of a record, in the order in which they began."""

    def __init__(self) -> None:
        self.searches: list[Grown] = []
        self._newest: dict[str, Grown] = {}

    @classmethod
    def of(cls, events: Iterable[TraceEvent]) -> Self:
        """The searches that these events tell of."""
        forest = cls()
        for event in events:
            forest.take(event)
        return forest

    def __iter__(self) -> Iterator[Grown]:
        return iter(self.searches)

    def take(self, event: TraceEvent) -> None:
        """Apply an event."""
        search = self._newest.get(event.scope)
        if search is None or (event.what == "began" and search.name):
            search = Grown(event.scope)
            self.searches.append(search)
            self._newest[event.scope] = search
        search.take(event)

    @property
    def outermost(self) -> Grown | None:
        """The last search of the outermost scope that holds one: what it came to is what all came to."""
        grown = [search for search in self.searches if search.name]
        least = min((search.depth for search in grown), default=0)
        return next((search for search in reversed(grown) if search.depth == least), None)


def usage(answers: Iterable[Mapping[str, JsonValue]], scope: str = "") -> Cost:
    """What the answers of a scope and of those inside it have cost."""
    return sum(
        (answer_cost(answer) for answer in answers if str(answer.get("scope") or "").startswith(scope)),
        Cost(),
    )


def traces_of(journal: Journal, run: str, task: str | None = None) -> list[Trace]:
    """The traces that a run holds: one, or one of each attempt at a task, in their order.

    Args:
        task: Of this task alone.
    """
    places: dict[tuple[str, int], None] = {}
    for row in journal.rows(run, kinds=(EVENT, ANSWER)):
        if task is None or row.task == task:
            places[row.task, row.attempt] = None
    return [Trace(journal, run, of_task, attempt) for of_task, attempt in places]


def note_text(event: TraceEvent) -> str:
    """A note in a line: what happened, and what the event tells of it."""
    told: list[str] = []
    for name, value in event.body.items():
        if value in (None, "", False) or value == [] or value == {}:
            continue
        words = f"{value:.3g}" if isinstance(value, float) else name if value is True else str(value)
        told.append(words if name in _PLAIN or value is True else f"{name} {words}")
    where = f" at {event.node}" if event.node else ""
    return f"{event.what}{where}{': ' if told else ''}{', '.join(told)}"


def _text(body: Mapping[str, JsonValue], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _number(body: Mapping[str, JsonValue], name: str) -> float | None:
    value = body.get(name)
    return float(cast("float", value)) if isinstance(value, int | float) else None

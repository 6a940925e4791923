"""What a search is given: a problem with states and actions, who proposes, who judges; or a task in words."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .tree import Kind, Node, Score, Terminal, Thought

if TYPE_CHECKING:
    from ...core_model.grammar import Grammar
    from .thinking import Thinking

State = TypeVar("State")
Action = TypeVar("Action", contravariant=True)


@dataclass(frozen=True)
class Rejected:
    """An action that is not legal in a state, and why. The thought is kept in the trace, the state is not."""

    why: str


class Problem(Protocol[State, Action]):
    """What can be searched. Pure: the same state and action give the same state, and nothing else changes."""

    def initial(self) -> State:
        """Where every search begins."""
        ...

    def key(self, state: State) -> Hashable:
        """What makes two states the same: of open nodes with one key only the first is gone on with.

        Include the history where it matters: of final states those are one that have one key and one answer.
        """
        ...

    def apply(self, state: State, action: Action) -> State | Rejected:
        """The state after `action`, or why it is not legal."""
        ...

    def terminal(self, state: State) -> Terminal | None:
        """The answer where nothing is left to do; None where there is."""
        ...


class Proposer(Protocol):
    """Says what could be done in states; for a whole frontier at once."""

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        """Up to `width` thoughts for each node, the likeliest first where that is known.

        Nothing has to be legal or new: the search sorts that out. No thought at all closes a node.
        """
        ...


class Evaluator(Protocol):
    """Says how good states are; for a whole frontier at once."""

    @property
    def kind(self) -> Kind:
        """Who says so. An `oracle` knows the solution; figures that rest on one are refused."""
        ...

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """One score in 0..1 for each node; 1 in a final state means solved."""
        ...


@dataclass(frozen=True)
class Task:
    """A task in words, as a `Strategy` takes it.

    Attributes:
        question: What is asked.
        instructions: The system message; "" for none.
        grammar: What an answer may look like; None leaves it free.
        check: Says how good an answer is, from what can be known without the solution: None leaves that to
            the strategy, which then asks the model.
        lessons: What earlier trials taught, newest last.
        notes: Those of them that are from long-term memory, as a model that reads instructions is shown them:
            labelled and between marks; "" shows all lessons alike.
        noted: Which ones these are.
        draft: An earlier answer to be improved, "" for none.
        feedback: What was wrong with it.
        problem: The task as a problem with states; None where it is words only.
        facts: Whatever the strategy's own parts need beside, by name.
    """

    question: str
    instructions: str = ""
    grammar: Grammar | None = None
    check: Evaluator | None = None
    lessons: tuple[str, ...] = ()
    notes: str = ""
    noted: frozenset[str] = frozenset()
    draft: str = ""
    feedback: str = ""
    problem: Problem[Any, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Lines:
    """State of a task in words: the lines of thought so far."""

    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """The lines as they were written."""
        return "\n".join(self.lines)


class TextProblem:
    """A task in words as a problem: an action is one more line, and a line that gives the answer ends it.

    Args:
        answer_of: The answer that a line gives; None where it gives none.
        steps: Most lines; the last one is taken as the answer where none gave it.
    """

    def __init__(self, answer_of: Callable[[str], str | None], steps: int = 8) -> None:
        if steps < 1:
            raise ValueError(f"steps is {steps!r}; a task in words needs at least one line.")
        self.answer_of, self.steps = answer_of, steps

    def initial(self) -> Lines:
        """No line."""
        return Lines()

    def key(self, state: Lines) -> Hashable:
        """All the lines, without regard to case and blanks."""
        return tuple(" ".join(line.lower().split()) for line in state.lines)

    def apply(self, state: Lines, action: str) -> Lines | Rejected:
        """One more line; an empty one is refused, and one that repeats an earlier one."""
        line = action.strip()
        if not line:
            return Rejected("an empty line")
        if line in state.lines:
            return Rejected("it repeats an earlier line")
        return Lines((*state.lines, line))

    def terminal(self, state: Lines) -> Terminal | None:
        """The answer of the last line, or the last line itself where no more are allowed."""
        if not state.lines:
            return None
        answer = self.answer_of(state.lines[-1])
        if answer is None and len(state.lines) >= self.steps:
            answer = state.lines[-1]
        return None if answer is None else Terminal(answer)

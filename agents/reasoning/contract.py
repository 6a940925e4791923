"""What problems, proposers and evaluators hand in, checked where it comes in.

Whatever breaks the contract as a whole is refused with what to do. An action that cannot be applied closes
its thought, with the reason; a value that is no number counts as none.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast, get_args

from .problem import Problem, Rejected
from .tree import Kind, Node, Score, Terminal, Thought

if TYPE_CHECKING:
    from .problem import Evaluator, Proposer
    from .thinking import Thinking

UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What a problem raises that cannot read an action."""


class SearchRefused(ValueError):
    """A search was set up in a way that cannot work."""

    def __init__(self, what: str, value: object, remedy: str) -> None:
        self.what, self.value = what, value
        shown = repr(value)
        super().__init__(f"{what} is {shown if len(shown) <= 200 else f'{shown[:200]}...'}. {remedy}")


def check_least(what: str, value: float, least: float) -> None:
    """Raise `SearchRefused` for a number below `least` or not a number."""
    if not value >= least:
        raise SearchRefused(what, value, f"Choose at least {least:g}.")


def applied(problem: Problem[Any, Any], state: Any, action: Any) -> Any:
    """The state after an action, or `Rejected`, also where the problem cannot read the action."""
    try:
        return problem.apply(state, action)
    except UNREADABLE as error:  # the edge to the user's own code, with an action that a model may have said
        return Rejected(f"the action cannot be read: {type(error).__name__}: {error}")


def key_of(problem: Problem[Any, Any], state: Any) -> Hashable:
    """What makes two states the same.

    Raises:
        SearchRefused: The problem's key cannot be looked up.
    """
    key = problem.key(state)
    try:
        hash(key)
    except TypeError as error:
        remedy = "`Problem.key` has to return something hashable, such as a text or a tuple of texts."
        raise SearchRefused("the key of a state", key, remedy) from error
    return key


def end_of(problem: Problem[Any, Any], state: Any) -> Terminal | None:
    """The answer where nothing is left to do.

    Raises:
        SearchRefused: The problem gives something else.
    """
    made = cast("object", problem.terminal(state))
    if made is None or (isinstance(made, Terminal) and isinstance(cast("object", made.answer), str)):
        return made
    remedy = "`Problem.terminal` has to return `Terminal(answer)` with a text, or None."
    raise SearchRefused("the end of a state", made, remedy)


async def proposed_by(
    proposer: Proposer, nodes: Sequence[Node], width: int, thinking: Thinking
) -> list[list[Thought]]:
    """What a proposer says, one list of thoughts for each node.

    Raises:
        SearchRefused: It says something else.
    """
    remedy = f"{type(proposer).__name__}.propose has to return one list of thoughts for each node it is given"
    made = cast("object", await proposer.propose(nodes, width, thinking))
    if not _is_list(made):
        raise SearchRefused("what was proposed", made, f"{remedy}.")
    lists = list(cast("Sequence[object]", made))
    if len(lists) != len(nodes):
        raise SearchRefused("the number of lists that were proposed", len(lists), f"{remedy}: {len(nodes)}.")
    found: list[list[Thought]] = []
    for each in lists:
        if not _is_list(each):
            raise SearchRefused("what was proposed for a node", each, f"{remedy}; empty where there is none.")
        found.append([_read_thought(thought, remedy) for thought in cast("Sequence[object]", each)])
    return found


async def scored_by(evaluator: Evaluator, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
    """What an evaluator says, one score for each node; a value that is no number is not-a-number.

    Raises:
        SearchRefused: It says something else.
    """
    remedy = f"{type(evaluator).__name__}.score has to return one `Score` for each node that it is given"
    made = cast("object", await evaluator.score(nodes, thinking))
    if not _is_list(made):
        raise SearchRefused("what an evaluator returned", made, f"{remedy}.")
    scores = list(cast("Sequence[object]", made))
    if len(scores) != len(nodes):
        raise SearchRefused("the number of scores", len(scores), f"{remedy}: {len(nodes)}.")
    for score in scores:
        if not isinstance(score, Score):
            raise SearchRefused("a score", score, f"{remedy}, such as `Score(0.5)`.")
    return [read_score(score) for score in cast("list[Score]", scores)]


def read_score(score: Score) -> Score:
    """A score in plain numbers; a value that is no number is not-a-number.

    Raises:
        SearchRefused: Its kind is none.
    """
    if score.kind not in get_args(Kind):
        raise SearchRefused("the kind of a score", score.kind, f"Choose among {', '.join(get_args(Kind))}.")
    value, samples = number(score.value), number(score.samples)
    detail = score.detail
    if math.isnan(value) and not isinstance(cast("object", score.value), float):
        detail = f"{score.value!r} is no number. {detail}".strip()
    return replace(
        score, value=value, samples=int(samples) if math.isfinite(samples) else 0, detail=str(detail)
    )


def in_range(score: Score) -> Score:
    """A score as it counts: of 0..1, and 0 where its value is not finite; it says what was made of it."""
    if not math.isfinite(score.value):
        return replace(score, value=0.0, detail=f"{score.value} counts as 0. {score.detail}".strip())
    if not 0.0 <= score.value <= 1.0:
        value = min(1.0, max(0.0, score.value))
        return replace(
            score, value=value, detail=f"{score.value:g} is outside of 0..1. {score.detail}".strip()
        )
    return score


def number(value: Any) -> float:
    """A number of any library as a plain one; not-a-number where it is none."""
    if isinstance(value, str | bytes | None):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _read_thought(thought: object, remedy: str) -> Thought:
    if not isinstance(thought, Thought) or not isinstance(cast("object", thought.text), str):
        raise SearchRefused("a thought", thought, f"{remedy}, such as `Thought(action, 'its text')`.")
    if thought.logprob is None or type(thought.logprob) is float:
        return thought
    logprob = number(thought.logprob)
    return replace(thought, logprob=None if math.isnan(logprob) else logprob)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)

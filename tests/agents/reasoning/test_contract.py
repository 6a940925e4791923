"""What problems, proposers and evaluators hand in that is none of what they should."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest

from punchlist.agents.reasoning import (
    Beam,
    Checked,
    DepthFirst,
    Ensemble,
    Enumerated,
    Lookahead,
    Score,
    Terminal,
    Thought,
    Trace,
)
from punchlist.agents.reasoning.search import SearchRefused
from punchlist.agents.reasoning.tree import state_text

from .toys import Sum, grown


@dataclass
class Saying:
    """A proposer and evaluator that says a prepared thing about each node."""

    each: Any
    kind: Any = "model"

    async def propose(self, nodes, width, thinking):
        return self.each if self.each is None else [self.each for _ in nodes]

    async def score(self, nodes, thinking):
        return await self.propose(nodes, 1, thinking)


class Ends:
    """Two ways to one answer, of which the second is right."""

    def initial(self):
        return ()

    def key(self, state):
        return state

    def apply(self, state, action):
        return (*state, action)

    def terminal(self, state):
        return Terminal("24") if state else None

    proposer = Enumerated(lambda state: [("wrong", "wrong"), ("right", "right")])
    evaluator = Checked(lambda node: float(node.state == ("right",)))


@pytest.mark.parametrize(
    "said", [None, "12", ["1"], [None], [("1", 1)], [Thought(1, 1)], 5], ids=lambda said: repr(said)
)
async def test_what_is_no_list_of_thoughts_is_refused_with_what_it_should_be(said):
    with pytest.raises(SearchRefused, match=r"Saying.propose has to return one list of thoughts"):
        await grown(Beam(), Sum(), proposer=Saying(said))


@pytest.mark.parametrize("said", [None, 0.5, "good", (0.5, "model")], ids=repr)
@pytest.mark.parametrize("around", [lambda judge: judge, lambda judge: Ensemble((judge,))])
async def test_what_is_no_score_is_refused_with_what_it_should_be(said, around):
    with pytest.raises(SearchRefused, match=r"Saying.score has to return one `Score`"):
        await grown(Beam(), Sum(), evaluator=around(Saying(said)))


async def test_a_score_of_a_kind_that_there_is_not_is_refused():
    with pytest.raises(SearchRefused, match="Choose among oracle"):
        await grown(Beam(), Sum(), evaluator=Saying(Score(0.5, "guess")))


@pytest.mark.parametrize("value", [None, "0.5", [1], 1j])
async def test_a_value_that_is_no_number_counts_as_0_and_says_so(value):
    result = await grown(Beam(depth=1), Sum(), evaluator=Saying(Score(value)))

    assert result.best.value == 0.0
    assert "is no number" in result.best.score.detail


@pytest.mark.parametrize("action", ["three", None, (1,), {}], ids=repr)
async def test_a_thought_that_cannot_be_applied_is_dead_with_the_reason_and_the_rest_go_on(action):
    proposer = Enumerated(lambda state: [(action, "nonsense"), (1, "1")])

    result = await grown(Beam(depth=1), Sum(), proposer=proposer)

    nonsense, one = result.tree.root.children
    assert (nonsense.status, one.status) == ("dead", "open")
    assert nonsense.why.startswith("the action cannot be read: TypeError")


async def test_looking_ahead_over_a_thought_that_cannot_be_applied_sees_the_others():
    problem = Sum()
    ahead = Lookahead(problem, Enumerated(lambda state: [("x", "x"), (1, "1")]), Checked(lambda node: 0.7))

    result = await grown(Beam(depth=1), problem, evaluator=ahead)

    assert result.best.value == 0.7


@pytest.mark.parametrize("number", [np.float32, np.float64, Fraction])
async def test_numbers_of_any_library_can_be_recorded(number, tmp_path):
    proposer = Saying([Thought(np.int64(1), "1", number(0.5))])
    judge = Ensemble((Saying(Score(number(0.5), samples=np.int64(3))), Checked(lambda node: number(0.5))))

    with Trace.open(tmp_path / "trace.db") as trace:
        result = await grown(Beam(depth=np.int64(2)), Sum(), proposer=proposer, evaluator=judge, trace=trace)

    assert type(result.best.value) is float and result.best.value == 0.5
    assert (result.best.score.samples, result.best.thought.logprob) == (4, 0.5)


async def test_a_check_that_gives_a_score_with_numbers_of_another_library_is_believed():
    check = Checked(lambda node: Score(np.float32(0.5), "tool", np.int64(2)))

    result = await grown(Beam(depth=1), Sum(), evaluator=check)

    assert (result.best.value, result.best.score.samples) == (0.5, 2)


async def test_a_key_that_cannot_be_looked_up_is_refused():
    class Listed(Sum):
        def key(self, state):
            return list(state)

    with pytest.raises(SearchRefused, match="hashable"):
        await grown(Beam(), Listed())


async def test_an_end_that_is_no_terminal_is_refused():
    class Plain(Sum):
        def terminal(self, state):
            return "done" if state else None

    with pytest.raises(SearchRefused, match="Terminal"):
        await grown(Beam(), Plain())


async def test_states_that_lie_very_deep_inside_each_other_are_told_as_far_as_can_be_read():
    class Chain(Sum):
        def key(self, state):
            return id(state)

        def apply(self, state, action):
            return (state, action)

        def terminal(self, state):
            return None

    proposer = Enumerated(lambda state: [(1, "1")])
    judge = Checked(lambda node: 0.5)

    result = await grown(DepthFirst(depth=1500), Chain(), proposer=proposer, evaluator=judge)

    assert (result.stop_reason, result.best.depth) == ("exhausted", 1500)
    assert state_text(result.best.state).startswith("((((") and "..." in state_text(result.best.state)


def test_a_state_that_cannot_show_itself_for_depth_is_told_by_its_type():
    class Cons(NamedTuple):
        rest: Any

    state = Cons(None)
    for _ in range(20_000):
        state = Cons(state)

    assert state_text(state).endswith("Cons, too deep to be shown>")


async def test_a_wrong_way_to_an_answer_does_not_hide_a_right_one():
    result = await grown(Beam(), Ends())

    assert (result.best.state, result.stop_reason) == (("right",), "solved")
    assert [node.state for node in result.finals(5)] == [("right",)]


async def test_looking_ahead_a_wrong_way_to_an_answer_does_not_hide_a_right_one():
    class Later(Ends):
        def terminal(self, state):
            return Terminal("24") if len(state) > 1 else None

    problem = Later()
    proposer = Enumerated(lambda state: [("wrong", "wrong"), ("right", "right")])
    ahead = Lookahead(problem, proposer, Checked(lambda node: float(node.state[-1] == "right")))

    result = await grown(Beam(depth=1), problem, proposer=proposer, evaluator=ahead)

    assert result.best.value == 1.0


async def test_equal_ends_of_equal_states_are_judged_once():
    class Lossy(Ends):
        def key(self, state):
            return len(state)

    judged = []

    result = await grown(Beam(), Lossy(), evaluator=Checked(lambda node: judged.append(node) or 0.5))

    assert len(judged) == 1
    assert [node.why for node in result.tree][2] == "the answer of 0"

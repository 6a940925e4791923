"""Monte Carlo tree search: visits, totals and bounds as they are worked out by hand."""

from __future__ import annotations

from math import log, sqrt

import pytest

from punchlist.agents.reasoning import Checked, Enumerated, MonteCarlo, Terminal, Thinking
from punchlist.agents.reasoning.mcts import Statistics
from punchlist.agents.reasoning.search import Growth

from .toys import EVERY, Grove, Maze, Noted, SeededModel, grown

VALUES = {
    "a": 0.6, "b": 0.4,
    "aa": 0.2, "ab": 0.1, "ba": 0.9, "bb": 0.3,
    "baa": 0.5, "bab": 0.7, "bba": 0.8, "bbb": 0.0,
}  # fmt: skip
"""Value by path. Every other child of "bab" and of others below is worth 0.1."""


class Paths:
    """Two children of every state; a state is the path to it. `ends` are final."""

    def __init__(self, *ends: str) -> None:
        self.ends = ends

    def initial(self) -> str:
        return ""

    def key(self, state: str) -> str:
        return state

    def apply(self, state: str, action: str) -> str:
        return state + action

    def terminal(self, state: str) -> Terminal | None:
        return Terminal(state) if state in self.ends else None

    @property
    def proposer(self):
        return Enumerated(lambda state: [("a", "a"), ("b", "b")])

    @property
    def evaluator(self):
        return Checked(lambda node: VALUES.get(node.state, 0.1))


async def simulate(search, problem, proposer=None):
    """The tree by path, the statistics by path, and why it stopped."""
    growth = Growth(problem, proposer or problem.proposer, problem.evaluator, Thinking(SeededModel()))
    statistics = Statistics()
    reason = await search.grow(growth, statistics)
    nodes = {node.state: node for node in growth.tree}
    visits = {
        state: (statistics.visits[node.id].count, pytest.approx(statistics.visits[node.id].total))
        for state, node in nodes.items()
        if node.id in statistics.visits and statistics.visits[node.id].count
    }
    return nodes, statistics, visits, reason


@pytest.mark.parametrize(
    ("simulations", "visits"),
    [
        # 1: the root is expanded; the better child, a, is visited with its 0.6.
        (1, {"": (1, 0.6), "a": (1, 0.6)}),
        # 2: log 1 = 0, so the means decide: a 0.6 > b 0.4. Its better child aa is worth 0.2.
        (2, {"": (2, 0.8), "a": (2, 0.8), "aa": (1, 0.2)}),
        # 3: a 0.4 + sqrt(log 2 / 2) = 0.989 < b 0.4 + sqrt(log 2 / 1) = 1.233. Its better child ba: 0.9.
        (3, {"": (3, 1.7), "a": (2, 0.8), "aa": (1, 0.2), "b": (1, 0.9), "ba": (1, 0.9)}),
        # 4: a 0.4 + sqrt(log 3 / 2) = 1.141 < b 0.9 + sqrt(log 3 / 1) = 1.948. In b, passed once, ba 0.9 is
        #    taken before bb 0.3. Its better child bab: 0.7.
        (4, {"": (4, 2.4), "a": (2, 0.8), "aa": (1, 0.2), "b": (2, 1.6), "ba": (2, 1.6), "bab": (1, 0.7)}),
        # 5: a 0.4 + sqrt(log 4 / 2) = 1.233 < b 0.8 + sqrt(log 4 / 2) = 1.633. In b, passed twice:
        #    ba 0.8 + sqrt(log 2 / 2) = 1.389 > bb 0.3 + sqrt(log 2 / 1) = 1.133. In ba, passed twice:
        #    baa 0.5 + sqrt(log 2) = 1.333 < bab 0.7 + sqrt(log 2) = 1.533. Children of bab are worth 0.1.
        (
            5,
            {
                "": (5, 2.5), "a": (2, 0.8), "aa": (1, 0.2), "b": (3, 1.7), "ba": (3, 1.7), "bab": (2, 0.8),
                "baba": (1, 0.1),
            },
        ),
    ],
    ids=["1", "2", "3", "4", "5"],
)  # fmt: skip
async def test_visits_and_totals_are_those_of_a_calculation_by_hand(simulations, visits):
    _, _, found, reason = await simulate(MonteCarlo(simulations), Paths())

    assert (found, reason) == (visits, "complete")


async def test_the_bound_is_mean_plus_exploration_and_is_not_divided_by_visits_twice():
    search = MonteCarlo(4, exploration=0.5)

    nodes, statistics, _, _ = await simulate(MonteCarlo(4), Paths())

    assert search.bound(nodes["a"], 4, statistics) == pytest.approx(0.8 / 2 + 0.5 * sqrt(log(4) / 2))
    assert search.bound(nodes["b"], 4, statistics) == pytest.approx(1.6 / 2 + 0.5 * sqrt(log(4) / 2))
    assert search.bound(nodes["bb"], 2, statistics) == pytest.approx(0.3 + 0.5 * sqrt(log(2) / 1))


async def test_without_exploration_it_follows_the_best_mean():
    nodes, _, visits, _ = await simulate(MonteCarlo(3, exploration=0), Paths())

    # 1: a 0.6. 2: a, then aa 0.2: the mean of a is 0.4. 3: a 0.4 and b 0.4 are equal, the older is taken.
    assert visits == {"": (3, 0.9), "a": (3, 0.9), "aa": (2, 0.3), "aaa": (1, 0.1)}
    assert "ba" not in nodes


async def test_what_is_wholly_explored_is_not_selected_again_and_the_search_ends():
    for seed in range(12):
        grove = Grove(seed, depth=3)
        proposer = Noted(grove.proposer)

        nodes, statistics, visits, reason = await simulate(
            MonteCarlo(EVERY, width=EVERY, enough=2), grove, proposer
        )

        assert reason == "exhausted"
        assert len(proposer.asked) == len(set(proposer.asked))
        assert sorted(state for state in nodes if len(state) == 3) == grove.leaves()
        assert statistics.closed >= {node.id for node in nodes.values() if node.status != "dead"}
        assert all(visits[leaf][0] == 1 for leaf in grove.leaves())


async def test_the_root_is_passed_once_in_each_simulation_and_its_total_is_the_sum_of_what_came_back():
    result = await grown(MonteCarlo(20, width=3, enough=2), Maze(5))

    back = [event.body["value"] for event in result.trace.events if event.what == "visited"]
    assert 0 < len(back) <= 20
    _, statistics, _, _ = await simulate(MonteCarlo(20, width=3, enough=2), Maze(5))
    assert statistics.visits[""].count == len(back)
    assert statistics.visits[""].total == pytest.approx(sum(back))


async def test_a_dead_end_brings_back_0_though_it_looked_good():
    class Trap(Paths):
        @property
        def proposer(self):
            return Enumerated(lambda state: [] if state == "a" else [("a", "a"), ("b", "b")])

    nodes, _, visits, _ = await simulate(MonteCarlo(2), Trap())

    assert visits == {"": (2, 0.6), "a": (2, 0.6)}
    assert nodes["a"].status == "dead"


async def test_a_solution_ends_it_at_once():
    result = await grown(MonteCarlo(EVERY, enough=0.7), Paths("bab"))

    assert (result.answer, result.stop_reason) == ("bab", "solved")


async def test_the_limit_of_depth_closes_a_leaf_and_ends_an_endless_tree():
    nodes, _, _, reason = await simulate(MonteCarlo(EVERY, depth=2), Paths())

    assert reason == "exhausted"
    assert sorted(nodes) == ["", "a", "aa", "ab", "b", "ba", "bb"]
    assert {nodes[state].why for state in ("aa", "ab", "ba", "bb")} == {"depth 2 is the limit"}

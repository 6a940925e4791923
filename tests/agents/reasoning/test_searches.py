"""Every search against a slow obvious one on small random trees, and on whatever can go wrong."""

from __future__ import annotations

import math

import pytest

from punchlist.agents.budget import Budget
from punchlist.agents.reasoning import (
    Beam,
    BestFirst,
    BestOfN,
    Checked,
    DepthFirst,
    Enumerated,
    MonteCarlo,
    Rejected,
    Score,
    SelfConsistency,
    Terminal,
    Thought,
)
from punchlist.agents.reasoning.search import SearchRefused

from .toys import EVERY, Grove, Maze, Noted, Round, Sum, There, Walled, grown

SEEDS = range(12)
WHOLE = (
    Beam(beam=EVERY, width=EVERY, depth=20),
    DepthFirst(width=EVERY, depth=20),
    BestFirst(width=EVERY, depth=20),
    MonteCarlo(simulations=EVERY, width=EVERY, depth=20),
)
SMALL = (Beam(), DepthFirst(), BestFirst(), MonteCarlo(), BestOfN(), SelfConsistency(8))


def named(search):
    return search.name


# --- against brute force ----------------------------------------------------------------------


@pytest.mark.parametrize("search", WHOLE, ids=named)
async def test_an_unlimited_search_finds_every_leaf_and_ranks_the_best_first(search):
    for seed in SEEDS:
        grove = Grove(seed)
        leaves = grove.leaves()

        result = await grown(search, grove)

        found = [node.state for node in result.ranked if node.terminal is not None]
        assert sorted(found) == leaves
        assert [grove.value(leaf) for leaf in found] == sorted(map(grove.value, leaves), reverse=True)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
async def test_every_search_finds_what_so_many_steps_reach_through_cycles_and_by_several_ways(depth):
    searches = (
        Beam(beam=EVERY, depth=depth),
        DepthFirst(depth=depth),
        BestFirst(depth=depth),
        BestFirst(depth=depth, at_once=3),
        MonteCarlo(simulations=EVERY, depth=depth),
    )
    for seed in SEEDS:
        maze = Maze(seed)
        for search in searches:
            result = await grown(search, maze)

            assert {node.answer for node in result.finals(EVERY)} == maze.outs(depth), (seed, search)


@pytest.mark.parametrize("beam", [1, 2, 3])
async def test_a_narrow_beam_keeps_what_the_obvious_one_keeps(beam):
    for seed in SEEDS:
        grove, level = Grove(seed), [()]
        finals: list[tuple[int, ...]] = []
        for _ in range(4):
            level = [child for state in level for child in grove.children(state)]
            finals += [state for state in level if len(state) == 4]
            level = sorted(level, key=lambda state: -grove.value(state))[:beam]

        result = await grown(Beam(beam=beam, width=EVERY), grove)

        assert [node.state for node in result.tree if node.terminal] == finals


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.6])
async def test_depth_first_visits_in_order_backtracks_and_prunes_exactly_below_the_threshold(threshold):
    def visit(grove, state, visited):
        visited.append(state)
        for child in sorted(grove.children(state), key=lambda child: -grove.value(child)):
            if len(child) < grove.depth and grove.value(child) >= threshold:
                visit(grove, child, visited)
        return visited

    for seed in SEEDS:
        grove = Grove(seed)
        proposer = Noted(grove.proposer)

        result = await grown(DepthFirst(width=EVERY, prune_below=threshold), grove, proposer=proposer)

        assert proposer.asked == visit(grove, (), [])
        pruned = [node for node in result.tree if node.status == "pruned"]
        assert all(node.value < threshold and f"below {threshold:g}" in node.why for node in pruned)


async def test_depth_first_visits_at_most_so_many_children_and_keeps_the_rest_as_pruned():
    result = await grown(DepthFirst(most=1), Sum(aim=3, most=2), evaluator=Checked(lambda node: 0.5))

    assert [(node.id, node.status, node.why) for node in result.tree if len(node.id) == 1] == [
        ("0", "expanded", ""),
        ("1", "pruned", "child 2, 1 are visited"),
        ("2", "final", ""),
    ]


async def test_without_backtracking_the_first_dead_end_is_the_end():
    for seed in SEEDS:
        grove, state = Grove(seed), ()
        path = [state]
        while children := grove.children(state):
            state = max(children, key=grove.value)
            path.append(state)
        proposer = Noted(grove.proposer)

        result = await grown(DepthFirst(width=EVERY, backtrack=False), grove, proposer=proposer)

        assert result.stop_reason == "dead end"
        assert proposer.asked == [state for state in path if len(state) < grove.depth]


async def test_best_first_expands_in_the_order_of_values():
    for seed in SEEDS:
        grove, waiting, order = Grove(seed), [(0.0, 0, 0, ())], []
        made = 0
        while waiting:
            waiting.sort()
            state = waiting.pop(0)[-1]
            order.append(state)
            for child in grove.children(state):
                made += 1
                if len(child) < grove.depth:
                    waiting.append((-grove.value(child), -len(child), made, child))
        proposer = Noted(grove.proposer)

        result = await grown(BestFirst(width=EVERY), grove, proposer=proposer)

        assert (proposer.asked, result.stop_reason) == (order, "exhausted")


async def test_best_first_stops_after_so_many_expansions():
    proposer = Noted(Sum().proposer)

    result = await grown(BestFirst(most=3, at_once=2), Sum(), proposer=proposer)

    assert (len(proposer.asked), result.stop_reason) == (3, "budget.expansions")


async def test_best_of_n_walks_apart_and_returns_the_end_that_is_judged_best():
    problem = Sum(aim=6, most=4)

    result = await grown(BestOfN(12), problem, proposer=problem.sampler)

    ends = [node for node in result.tree if node.terminal is not None]
    assert len(result.tree.root.children) == 12
    assert result.best.value == max(problem.value(node) for node in ends)
    assert all(problem.terminal(node.state) == node.terminal for node in ends)


async def test_self_consistency_returns_the_answer_with_most_votes_and_of_equal_ones_the_first():
    said = iter(["b", "a", " a ", "b", "c", "none"])

    class Say(There):
        def apply(self, state, action):
            return action

        def terminal(self, state):
            return None if state == "here" else Terminal(state)

    class Script:
        async def propose(self, nodes, width, thinking):
            return [[Thought(text, text)] for text in (next(said) for _ in nodes)]

    def normalise(answer):
        return None if answer == "none" else answer.strip()

    result = await grown(
        SelfConsistency(6, normalise=normalise), Say(), proposer=Script(), evaluator=Checked(lambda node: 0)
    )

    assert (result.answer, result.best.value, result.best.score) == ("b", 0.4, result.ranked[0].score)
    assert [node.value for node in result.tree][1:] == [0.4, 0.4, 0.4, 0.4, 0.2, 0.0]


# --- what is kept, what is merged ------------------------------------------------------------------


async def test_a_final_state_stays_in_the_beam_until_the_end():
    """The published loop asked for another step after 24 was reached, and lost the path."""

    class Early(Walled):
        def apply(self, state, action):
            return state + action

        def terminal(self, state):
            return Terminal(state) if state.endswith("!") else None

    proposer = Enumerated(lambda state: [("!", "!"), (".", ".")])
    evaluator = Checked(lambda node: 0.9 if node.state == "here!" else 0.1)

    result = await grown(Beam(beam=1, depth=5), Early(), proposer=proposer, evaluator=evaluator)

    assert (result.answer, result.stop_reason) == ("here!", "complete")
    assert max(node.depth for node in result.tree) == 1


@pytest.mark.parametrize("search", WHOLE, ids=named)
async def test_equal_states_are_gone_on_with_once_but_every_different_answer_is_kept(search):
    problem = Sum(aim=3, most=3)
    proposer = Noted(problem.proposer)

    result = await grown(
        search, problem, proposer=proposer, evaluator=Checked(lambda node: problem.value(node) / 2)
    )

    keys = [problem.key(state) for state in proposer.asked]
    assert len(keys) == len(set(keys))
    assert {node.answer for node in result.ranked if node.answer} == {"3", "1+2", "2+1", "1+1+1"}


async def test_a_state_found_again_less_deep_is_gone_on_with():
    """A search with a limited depth that merges all equal states misses what is within the limit."""
    doors = {"a": "bd", "b": "c", "c": "e", "e": "x", "d": "x", "x": "y", "y": "!"}

    class Detour(Walled):
        def initial(self):
            return "a"

        def apply(self, state, action):
            return action

        def terminal(self, state):
            return Terminal(state) if state == "!" else None

    proposer = Enumerated(lambda state: [(door, door) for door in doors[state]])

    result = await grown(
        DepthFirst(depth=5), Detour(), proposer=proposer, evaluator=Checked(lambda node: node.state == "!")
    )

    assert (result.answer, result.best.texts()) == ("!", ["d", "x", "y", "!"])


async def test_an_answer_that_was_found_already_is_pruned_with_the_reason():
    result = await grown(
        DepthFirst(),
        There(),
        proposer=Enumerated(lambda state: [(1, "one")]),
        evaluator=Checked(lambda _: 0.5),
    )

    assert (result.answer, len(result.tree)) == ("here", 1)

    maze = Maze(3)
    result = await grown(BestFirst(), maze)

    twins = [node for node in result.tree if node.why.startswith("the answer of")]
    assert all(node.status == "pruned" for node in twins)


async def test_a_solved_search_stops_at_once_and_says_so():
    problem = Sum()

    for search in (Beam(), DepthFirst(), BestFirst(), MonteCarlo()):
        result = await grown(search, problem)

        assert result.solved and result.stop_reason == "solved"
        assert sum(result.best.state) == 10


# --- bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("search", SMALL, ids=named)
@pytest.mark.parametrize("problem", [Walled(), Round(), There()], ids=lambda problem: type(problem).__name__)
async def test_without_a_solution_there_is_a_result_all_the_same(search, problem):
    proposer = Enumerated(lambda state: [(1, "one"), (2, "two")])

    result = await grown(search, problem, proposer=proposer, evaluator=Checked(lambda node: 0.5))

    assert result.best is not None
    assert result.answer == ("here" if isinstance(problem, There) else None)
    assert result.stop_reason in ("exhausted", "complete", "no thoughts", "solved")


@pytest.mark.parametrize(
    "search",
    [
        Beam(beam=0),
        Beam(width=0),
        Beam(depth=0),
        DepthFirst(width=0),
        DepthFirst(depth=0),
        DepthFirst(most=0),
        BestFirst(width=0),
        BestFirst(depth=0),
        BestFirst(most=0),
        MonteCarlo(width=0),
        MonteCarlo(depth=0),
        MonteCarlo(simulations=0),
        BestOfN(0),
        BestOfN(depth=0),
        SelfConsistency(0),
        SelfConsistency(depth=0),
    ],
    ids=str,
)
async def test_with_a_size_of_0_the_root_is_the_result(search):
    result = await grown(search, Sum())

    assert result.answer is None
    assert result.best is result.tree.root or result.best.depth == 1
    assert all(node.depth <= 1 for node in result.tree)


@pytest.mark.parametrize(
    "search", [Beam(depth=0), DepthFirst(depth=0), BestFirst(depth=0), MonteCarlo(depth=0), BestOfN(depth=0)]
)
async def test_at_depth_0_nothing_is_asked(search):
    proposer = Noted(Sum().proposer)

    await grown(search, Sum(), proposer=proposer)

    assert proposer.asked == []


@pytest.mark.parametrize("what", ["beam", "width", "depth"])
@pytest.mark.parametrize("value", [-1, math.nan])
def test_a_size_below_0_is_refused(what, value):
    with pytest.raises(SearchRefused, match=what):
        Beam(**{what: value})


@pytest.mark.parametrize("search", SMALL, ids=named)
@pytest.mark.parametrize("limit", [{"model_calls": 0}, {"tokens": 0}, {"seconds": 0}, {"model_calls": 9}])
async def test_a_spent_budget_is_no_error_and_names_the_limit(search, limit):
    problem = Sum()

    result = await grown(search, problem, proposer=problem.sampler, budget=Budget(**limit))

    assert result.best is not None
    if limit != {"model_calls": 9}:
        assert result.stop_reason == f"budget.{next(iter(limit))}"
        assert result.best is result.tree.root


@pytest.mark.parametrize("search", [BestOfN(8), SelfConsistency(8)], ids=named)
async def test_walks_that_are_at_their_end_count_where_the_budget_ends_the_others(search):
    problem = Sum(aim=3, most=9)

    result = await grown(search, problem, proposer=problem.sampler, budget=Budget(model_calls=8))

    assert result.stop_reason == "budget.model_calls"
    assert result.best.answer == "3" and result.best.value == 1


@pytest.mark.parametrize("search", [*SMALL], ids=named)
async def test_a_search_that_asks_no_model_keeps_to_its_seconds(search):
    class Endless(Walled):
        def apply(self, state, action):
            return state + action

    proposer = Enumerated(lambda state: [("a", "a")])

    result = await grown(
        search, Endless(), proposer=proposer, evaluator=Checked(lambda node: 0.5), budget=Budget(seconds=0)
    )

    assert (result.stop_reason, len(result.tree)) == ("budget.seconds", 1)


class Odd:
    """A proposer that proposes the same to each state, or as many lists as it likes."""

    def __init__(self, *thoughts, lists=None):
        self.thoughts = [Thought(thought, str(thought)) for thought in thoughts]
        self.lists = lists

    async def propose(self, nodes, width, thinking):
        return [list(self.thoughts)] * (len(nodes) if self.lists is None else self.lists)


@pytest.mark.parametrize("search", SMALL, ids=named)
@pytest.mark.parametrize(
    "proposer",
    [Odd(), Odd(99, 98), Odd(1, 1, 1), Odd(*[1, 2, 3] * 30)],
    ids=["nothing", "nonsense", "same", "many"],
)
async def test_an_odd_proposer_does_no_harm(search, proposer):
    result = await grown(search, Sum(), proposer=proposer)

    assert result.best is not None
    assert all(len(node.children) <= 8 for node in result.tree)
    assert all(node.status == "dead" and node.why for node in result.tree if node.texts() in (["99"], ["98"]))


async def test_all_that_is_proposed_stays_in_the_tree_with_what_was_wrong_with_it():
    result = await grown(Beam(depth=1), Sum(), proposer=Odd(99, 1, 1))

    assert [(node.status, node.why) for node in result.tree][1:] == [
        ("dead", "too much"),
        ("open", ""),
        ("pruned", "the state of 1"),
    ]


@pytest.mark.parametrize("search", SMALL, ids=named)
@pytest.mark.parametrize("lists", [0, 2000])
async def test_a_proposer_with_the_wrong_number_of_lists_is_refused(search, lists):
    with pytest.raises(SearchRefused, match="number of lists"):
        await grown(search, Sum(), proposer=Odd(1, lists=lists))


@pytest.mark.parametrize("search", SMALL[:5], ids=named)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 7.0, -7.0, 0.0, 0.5])
async def test_an_evaluator_that_says_nonsense_or_always_the_same_does_no_harm(search, value, tmp_path):
    class Says:
        kind = "model"

        async def score(self, nodes, thinking):
            return [Score(value) for _ in nodes]

    result = await grown(search, Sum(), evaluator=Says())

    scored = [node for node in result.tree if node.score is not None]
    assert scored and all(0 <= node.value <= 1 for node in scored)
    assert all((node.score.detail != "") is not (0 <= value <= 1) for node in scored)


async def test_an_evaluator_with_the_wrong_number_of_scores_is_refused():
    """Scores that are assigned by place to other nodes were a fault of a published search."""

    class TooFew:
        kind = "model"

        async def score(self, nodes, thinking):
            return [Score(0.5)] * (len(nodes) - 1)

    with pytest.raises(SearchRefused, match="number of scores"):
        await grown(Beam(), Sum(), evaluator=TooFew())


async def test_scores_go_to_the_nodes_they_were_given_for_also_where_some_are_final():
    for seed in SEEDS:
        grove = Grove(seed, depth=2)

        result = await grown(Beam(beam=EVERY), grove)

        assert all(node.value == grove.value(node.state) for node in result.tree if node.score is not None)


async def test_a_search_can_be_run_again_and_nothing_of_the_first_is_left():
    search, problem = DepthFirst(), Sum()

    first = await grown(search, problem)
    second = await grown(search, problem)

    assert [node.id for node in first.tree] == [node.id for node in second.tree]


async def test_a_node_is_told_of_three_times_at_most_however_large_the_tree_is():
    class Wide(Walled):
        def apply(self, state, action):
            return f"{state}.{action}"

    proposer = Enumerated(lambda state: [(number, str(number)) for number in range(10)])

    result = await grown(
        BestFirst(width=10, depth=5, most=60), Wide(), proposer=proposer, evaluator=Checked(lambda node: 0.5)
    )

    assert len(result.tree) == 601
    assert len(result.trace.events) <= 3 * len(result.tree)


async def test_a_result_is_shown_in_a_line_however_large_its_tree_is():
    result = await grown(Beam(beam=EVERY, enough=2), Sum())

    assert len(repr(result)) < 1000


def test_a_rejection_is_no_state():
    assert Sum().apply((3, 3, 3), 3) == Rejected("too much")

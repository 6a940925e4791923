"""Evaluators: what they say of states against what they should say, worked out here."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest

from punchlist.agents.budget import Budget
from punchlist.agents.reasoning import (
    Beam,
    Checked,
    Ensemble,
    Enumerated,
    Logits,
    Lookahead,
    Node,
    Prompt,
    Rollout,
    Score,
    Thinking,
    Trace,
    Vote,
)
from punchlist.agents.testing import ScriptedModel

from .toys import EVERY, Grove, SeededModel, Sum, Walled, grown


def ask(node):
    return Prompt.of(f"is {node.state} good?")


def leaf(state, problem=None):
    return Node(".".join(map(str, state)), None, state, terminal=problem.terminal(state) if problem else None)


async def values(evaluator, nodes, model=None, **door):
    return [score.value for score in await evaluator.score(nodes, Thinking(model or SeededModel(), **door))]


def voting(*answers):
    """A model without scores that answers from a script."""
    model = ScriptedModel(answers)
    model.capabilities = replace(model.capabilities, score=False)
    return model


# --- by the model -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("yes", "no"), [(-1.0, -2.0), (-3.0, -0.1), (-0.5, -0.5), (-900.0, 0.0), (0.0, -900.0)]
)
async def test_logits_are_the_sigmoid_of_the_difference(yes, no):
    model = ScriptedModel([], {"yes": yes, "no": no})

    (score,) = await Logits(ask).score([leaf((1,))], Thinking(model))

    expected = math.exp(yes) / (math.exp(yes) + math.exp(no))
    assert (score.value, score.kind, score.samples) == (pytest.approx(expected), "model", 1)


@pytest.mark.parametrize(
    ("yes", "no", "value"), [(-math.inf, -1.0, 0.0), (-1.0, -math.inf, 1.0), (-math.inf, -math.inf, 0.0)]
)
async def test_impossible_answers_are_no_error_and_stand_in_a_journal(yes, no, value, tmp_path):
    model, problem = ScriptedModel([], {"yes": yes, "no": no}), Sum(aim=3)

    for _ in range(2):  # the second time from the record
        with Trace.open(tmp_path / "trace.db") as trace:
            result = await grown(Beam(depth=1), problem, evaluator=Logits(ask), model=model, trace=trace)

        assert [node.value for node in result.tree][1:] == [pytest.approx(value)] * 3
    both = "nan counts as 0." if max(yes, no) == -math.inf else ""
    assert {node.score.detail for node in result.tree if node.score} == {both}


async def test_a_batch_is_one_pass_and_a_state_that_was_judged_is_not_judged_again():
    model = SeededModel()
    thinking = Thinking(model)

    first = await Logits(ask).score([leaf((1,)), leaf((2,)), leaf((1,))], thinking)
    second = await Logits(ask).score([leaf((2,))], thinking)

    assert (first[0], first[1]) == (first[2], second[0])
    assert len(model.asked) == 2


async def test_a_model_that_tells_no_probabilities_votes_and_the_score_says_so():
    model = voting("yes", "no", "yes", "no", "no", "no")

    scores = await Logits(ask, votes=3).score([leaf((1,)), leaf((2,))], Thinking(model))

    assert sorted(score.value for score in scores) == [0.0, pytest.approx(2 / 3)]
    assert {(score.samples, score.detail) for score in scores} == {(3, "sampled votes")}


async def test_final_states_can_be_judged_by_another():
    problem = Sum(aim=3)
    nodes = [leaf((1,), problem), leaf((3,), problem), leaf((1, 2), problem)]

    scores = await Logits(ask, final=problem.evaluator).score(nodes, Thinking(SeededModel()))

    assert [score.kind for score in scores] == ["model", "tool", "tool"]
    assert [score.value for score in scores[1:]] == [1.0, 1.0]


async def test_votes_are_shares_and_show_all_states_at_once():
    shown = []

    def ballot(nodes):
        shown.append([node.state for node in nodes])
        return Prompt.of("which?")

    model = ScriptedModel(["2", "2", "1", "3", "2"])

    found = await values(Vote(ballot), [leaf((1,)), leaf((2,)), leaf((3,))], model)

    assert found == [0.2, 0.6, 0.2]
    assert shown == [[(1,), (2,), (3,)]]


async def test_one_state_alone_is_not_voted_on():
    assert await values(Vote(lambda nodes: Prompt.of("?")), [leaf((1,))], ScriptedModel([])) == [0.5]


# --- by trying on ------------------------------------------------------------------------------------


async def test_a_rollout_is_the_mean_of_what_comes_out_at_the_end():
    """With one way on from every state, what comes out can be said beforehand."""
    problem = Sum(aim=4, most=9)
    by_twos = Enumerated(lambda state: [(2, "2")])

    rollout = Rollout(problem, by_twos, problem.evaluator, samples=3)

    assert await values(rollout, [leaf(()), leaf((2,)), leaf((1,)), leaf((1, 3), problem)]) == [1, 1, 0, 1]


async def test_rollouts_that_are_sampled_differ_and_their_mean_is_between():
    problem = Sum(aim=5, most=3)
    rollout = Rollout(problem, problem.sampler, problem.evaluator, samples=40)

    (score,) = await rollout.score([leaf(())], Thinking(SeededModel()))

    assert 0 < score.value < 1
    assert (score.value * 40) % 1 == pytest.approx(0)
    assert (score.samples, score.kind) == (40, "tool")


async def test_a_rollout_that_reaches_no_end_counts_0():
    problem = Sum(aim=9, most=9)
    rollout = Rollout(problem, problem.proposer, Checked(lambda node: 1), depth=3)

    assert await values(rollout, [leaf(()), leaf((1,) * 6)]) == [0, 1]


@pytest.mark.parametrize("depth", [1, 2])
async def test_lookahead_is_the_best_that_so_many_steps_lead_to(depth):
    def best(grove, state, left):
        if not left or len(state) == grove.depth:
            return grove.value(state)
        return max((best(grove, child, left - 1) for child in grove.children(state)), default=0.0)

    for seed in range(12):
        grove = Grove(seed, depth=3)
        states = [(), *((place,) for place in range(3)), (0, 0), (1, 1, 1)]
        ahead = Lookahead(grove, grove.proposer, grove.evaluator, depth=depth)

        found = await values(ahead, [leaf(state, grove) for state in states])

        assert found == [best(grove, state, depth) for state in states]


async def test_lookahead_says_how_many_it_saw_and_that_a_state_leads_nowhere():
    ahead = Lookahead(Walled(), Enumerated(lambda state: [(1, "one")]), Checked(lambda node: 1))
    wide = Lookahead(Sum(), Sum().proposer, Sum().evaluator)

    (nowhere,) = await ahead.score([leaf(("here",))], Thinking(SeededModel()))
    (somewhere,) = await wide.score([leaf(())], Thinking(SeededModel()))

    assert (nowhere.value, nowhere.detail) == (0.0, "it leads nowhere")
    assert (somewhere.samples, somewhere.detail) == (3, "the best of 3 ahead")


async def test_states_that_are_tried_on_leave_no_trace_in_the_tree_and_know_how_deep_they_are():
    depths = []
    problem = Sum(aim=9, most=9)

    def check(node):
        depths.append((node.depth, len(node.state), len(node.texts())))
        return 0.5

    judge = Checked(check)
    both = Ensemble(
        (
            Lookahead(problem, problem.proposer, judge, depth=2),
            Rollout(problem, problem.sampler, judge, samples=2, depth=9),
        )
    )

    result = await grown(Beam(beam=2, width=2, depth=2), problem, evaluator=both)

    assert all(depth == states == texts for depth, states, texts in depths)
    assert len(result.tree) == len({node.id for node in result.tree}) == 7


# --- by the user's code, and by several -----------------------------------------------------------------


async def test_a_check_may_return_a_number_a_truth_value_or_a_score_sync_or_async():
    async def later(node):
        return Score(0.25, "environment", 7, "because")

    thinking = Thinking(SeededModel())
    checks = (lambda node: 0.5, lambda node: True, later)

    scores = [(await Checked(check).score([leaf((1,))], thinking))[0] for check in checks]

    assert scores == [Score(0.5, "tool"), Score(1.0, "tool"), Score(0.25, "environment", 7, "because")]


@pytest.mark.parametrize("returned", [None, "much", [], object()])
async def test_a_check_that_raises_or_returns_no_number_makes_the_state_worth_0_and_says_why(returned):
    def raises(node):
        raise OSError("the calculator is on fire")

    scores = [
        *await Checked(raises).score([leaf((1,))], Thinking(SeededModel())),
        *await Checked(lambda node: returned).score([leaf((1,))], Thinking(SeededModel())),
    ]

    assert [score.value for score in scores] == [0, 0]
    assert scores[0].detail == "failed: OSError: the calculator is on fire"
    assert scores[1].detail.startswith("failed: TypeError" if returned != "much" else "failed: ValueError")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
async def test_a_check_that_returns_no_finite_number_stands_in_a_journal(value, tmp_path):
    for _ in range(2):  # the second time from the record
        with Trace.open(tmp_path / "trace.db") as trace:
            result = await grown(Beam(depth=1), Sum(), evaluator=Checked(lambda node: value), trace=trace)

        assert [node.value for node in result.tree] == [0, 0, 0, 0]
        assert result.tree.nodes[1].score.detail == f"{value} counts as 0."


@pytest.mark.parametrize("value", [math.nan, math.inf])
async def test_one_odd_value_among_many_counts_as_0_and_leaves_the_others(value):
    class Odd:
        kind = "model"

        async def score(self, nodes, thinking):
            return [Score(value if node.state[-1] == 1 else 0.6) for node in nodes]

    problem, start = Sum(most=2), leaf((3,))
    ahead = Lookahead(problem, problem.proposer, Odd())
    onward = Rollout(problem, problem.sampler, Odd(), samples=12)

    (best,) = await ahead.score([start], Thinking(SeededModel()))
    (mean,) = await onward.score([start], Thinking(SeededModel()))

    assert (best.value, best.detail) == (0.6, "the best of 3 ahead, 1 of them no value in 0..1")
    odd = int(mean.detail.split()[1])
    assert 0 < odd < 12 and mean.value == pytest.approx(0.6 * (12 - odd) / 12)


async def test_only_final_states_are_checked_where_open_ones_have_a_value():
    problem, checked = Sum(aim=3), []

    found = await values(
        Checked(lambda node: checked.append(node.state) or 1, open_value=0.3),
        [leaf((1,), problem), leaf((3,), problem)],
    )

    assert (found, checked) == ([0.3, 1], [(3,)])


async def test_two_checks_of_one_name_do_not_take_each_other_s_answer():
    low, high = Checked(lambda node: 0.2), Checked(lambda node: 0.8)

    assert await values(Ensemble((low, high)), [leaf((1,))]) == [0.5]
    thinking = Thinking(SeededModel())
    assert [(await check.score([leaf((1,))], thinking))[0].value for check in (low, high)] == [0.2, 0.8]


async def test_an_ensemble_is_the_weighted_mean():
    judges = (Checked(lambda node: 0.2), Checked(lambda node: 0.8))

    (score,) = await Ensemble(judges, (1, 3)).score([leaf((1,))], Thinking(SeededModel()))

    assert (score.value, score.samples, score.detail) == (pytest.approx(0.65), 2, "0.20 + 0.80")


def test_an_ensemble_with_an_oracle_inside_is_an_oracle():
    knows = Checked(lambda node: 1, kind="oracle")
    tool, model = Checked(lambda node: 1), Logits(ask)

    assert Ensemble((tool, model, knows)).kind == "oracle"
    assert Ensemble((Ensemble((tool, knows)), model)).kind == "oracle"
    assert (
        Lookahead(Sum(), Sum().proposer, knows).kind == Rollout(Sum(), Sum().proposer, knows).kind == "oracle"
    )
    assert Ensemble((tool, model)).kind == "model"
    assert Ensemble((tool,)).kind == "tool"


async def test_an_oracle_is_marked_in_the_trace():
    result = await grown(Beam(depth=1), Sum(), evaluator=Checked(lambda node: 1, kind="oracle"))

    kinds = [event.body["kind"] for event in result.trace.events if event.what in ("began", "scored")]
    assert set(kinds) == {"oracle"} and len(kinds) == 4


@pytest.mark.parametrize(
    "make",
    [
        lambda: Ensemble(()),
        lambda: Ensemble((Logits(ask),), (1, 2)),
        lambda: Ensemble((Logits(ask), Logits(ask)), (0, 0)),
        lambda: Ensemble((Logits(ask), Logits(ask)), (2, -1)),
        lambda: Logits(ask, votes=0),
        lambda: Vote(lambda nodes: Prompt.of("?"), votes=0),
        lambda: Rollout(Sum(), Sum().proposer, Sum().evaluator, samples=0),
    ],
)
def test_what_could_not_give_a_value_is_refused(make):
    with pytest.raises(ValueError, match=r"Choose at least 1|Give each of the"):
        make()


async def test_an_evaluator_that_thinks_itself_ends_with_the_budget_and_not_as_a_failed_check():
    @dataclass
    class Asks:
        kind = "model"

        async def score(self, nodes, thinking):
            async def check(node):
                return (await thinking.score([Prompts.choice(node)]))[0][0] + 5

            return await Checked(check).score(nodes, thinking)

    class Prompts:
        @staticmethod
        def choice(node):
            from punchlist.agents.reasoning.thinking import Choice

            return Choice(ask(node), ("yes",))

    result = await grown(Beam(beam=EVERY), Sum(), evaluator=Asks(), budget=Budget(model_calls=2))

    assert result.stop_reason == "budget.model_calls"
    assert [node.score is not None for node in result.tree][1:] == [False, False, False]

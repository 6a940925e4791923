"""Answers and chains: direct, with reasons, by a vote, the best of n, and trees of thoughts in words."""

from __future__ import annotations

import pytest

from punchlist.agents import Worker
from punchlist.agents.budget import Budget
from punchlist.agents.reasoning import (
    Beam,
    BestOf,
    ChainOfThought,
    Checked,
    DepthFirst,
    Direct,
    Prompt,
    Sampled,
    Score,
    SelfConsistent,
    Task,
    Thinking,
    TreeOfThoughts,
    strategy_named,
    think,
)
from punchlist.agents.reasoning.chain_of_thought import normal_answer
from punchlist.agents.reasoning.search import SearchRefused
from punchlist.agents.reasoning.strategy import SHORT, STRATEGIES, NoStrategy, UnknownStrategy
from punchlist.agents.reasoning.tasks import chain_grammar, read_chain
from punchlist.agents.testing import ScriptedModel
from punchlist.core_model import load_model
from punchlist.core_model.capabilities import Capabilities
from punchlist.core_model.errors import MalformedOutput
from punchlist.core_model.grammar import Grammar
from punchlist.tools import tool

from .pupils import Pupil, shape
from .toys import Round, Sum, There, Walled

NUMBER = Grammar.regex("[0-9]{1,3}")
SEVEN = Checked(lambda node: node.answer == "7")
SUM = Task("What is 3 plus 4?", grammar=NUMBER)


def plain(script):
    """A model as behind a server: no grammar, no scores."""
    model = ScriptedModel(script)
    model.capabilities = Capabilities()
    return model


def counting(question):
    """A line of thought, and then the answer; it says more at a time than is asked for."""
    return "answer: 7" if "3 is there" in question else "3 is there\nand 4 more"


async def test_every_name_is_a_strategy_that_comes_to_a_result_with_any_model():
    for name in [*STRATEGIES, *SHORT]:
        result = await think(SUM, Pupil(), name, budget=Budget(model_calls=60))

        assert result.answer is None or NUMBER.accepts(result.answer), name
        assert strategy_named(name).name in STRATEGIES


@pytest.mark.parametrize("name", STRATEGIES)
async def test_a_budget_of_nothing_is_no_error_and_says_so(name):
    model = ScriptedModel([])

    result = await think(SUM, model, name, budget=Budget(model_calls=0))

    assert (result.stop_reason, result.answer) == ("budget.model_calls", None)
    assert model.asked == []


@pytest.mark.parametrize("name", STRATEGIES)
async def test_the_same_seed_gives_the_same_trace(name):
    one, other = [await think(SUM, Pupil(), name, seed=2, budget=Budget(model_calls=40)) for _ in range(2)]

    assert one.trace.events == other.trace.events
    assert shape(one) == shape(other)


@pytest.mark.parametrize("name", STRATEGIES)
async def test_nonsense_from_a_server_that_keeps_to_no_form_is_no_answer(name):
    model = plain(lambda question: "I am a teapot")

    result = await think(SUM, model, name, budget=Budget(model_calls=50))

    assert result.answer is None


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(UnknownStrategy, match="tree-of-thoughts"):
        strategy_named("tree of thoughts")


@tool
def lookup(name: str) -> str:
    """Look a name up."""
    return name


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (Beam(), r"TreeOfThoughts\(search=Beam"),
        (ChainOfThought, r"ChainOfThought\(\.\.\.\)"),
        (7, "socratic"),
    ],
)
def test_what_is_no_strategy_is_refused_with_what_would_be_one(given, says):
    for take in (strategy_named, lambda given: Worker("thinker", ScriptedModel([]), strategy=given)):
        with pytest.raises(NoStrategy, match=says):
            take(given)


async def test_a_direct_answer_keeps_to_the_grammar_of_the_task(embedded):
    result = await think(SUM, embedded, "direct")

    assert result.answer and NUMBER.accepts(result.answer)
    assert result.usage.model_calls == 1


async def test_the_embedded_model_reasons_in_lines_and_answers_in_the_grammar_of_the_task(embedded):
    result = await think(SUM, embedded, "cot")

    chain = read_chain(result.best.state)
    assert chain is not None and NUMBER.accepts(chain.answer)
    assert chain_grammar(NUMBER, 24).accepts(result.best.state) or result.usage.model_calls == 2


@pytest.mark.parametrize(
    "grammar", [NUMBER, Grammar.choices(("a b", "}")), Grammar.lark('start: "{" "x"'), None], ids=str
)
def test_any_grammar_of_answers_can_stand_behind_reasons(grammar):
    whole = chain_grammar(grammar, 2)
    answer = "12" if grammar in (NUMBER, None) else "}" if grammar.kind == "choices" else "{x"

    assert whole.accepts(f"first\nsecond\nanswer: {answer}")
    assert not whole.accepts(f"first\nAnswer: no\nanswer: {answer}")
    assert not whole.accepts("first\n")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("3 and 4\nanswer: 7", "7"),
        ("**Answer:** 7", "7"),
        ("answer: 6\nno, wait\nFinal answer: 7\n", "7"),
        ("the answer: 7", None),
        ("answer:", None),
        ("3 and 4\nanswer: 7\n\nI hope this helps!", "7"),
        ("3 and 4\n**Answer:**\n7", "7"),
    ],
)
def test_the_answer_is_behind_the_last_answer_line(text, answer):
    chain = read_chain(text)

    assert (chain and chain.answer) == answer


async def test_an_answer_of_several_lines_is_read_where_the_grammar_of_the_task_has_them():
    task = Task("List.", grammar=Grammar.lark('start: "task" /[0-9]/ "\\n" "end"'))

    whole = await think(task, ScriptedModel(["so\nanswer: task1\nend"]), "cot")
    short = await think(SUM, ScriptedModel(["so\nanswer: 7\nor so"]), "cot")

    assert (whole.answer, short.answer) == ("task1\nend", "7")


def test_a_chain_without_a_grammar_of_answers_ends_with_the_line_of_its_answer():
    assert not chain_grammar(None, 2).accepts("so\nanswer: 7\nI hope this helps")


def test_a_strategy_that_acts_is_given_tools_by_name_and_the_others_only_think():
    tools = (lookup,)

    assert strategy_named("react", tools).tools == tools
    assert strategy_named("cot", tools) == ChainOfThought()
    assert strategy_named("react").tools == ()


async def test_a_chain_without_an_answer_is_asked_for_it_once_more():
    model = ScriptedModel(["3 and 4 are seven", "7"])

    result = await think(SUM, model, ChainOfThought())

    assert result.answer == "7"
    assert model.asked[1].endswith("3 and 4 are seven\nanswer: ")


async def test_chains_vote_by_their_answers_and_those_without_one_do_not():
    chains = ["a\nanswer: 8", "b\nanswer: 7", "c\nanswer: 07", "d\nanswer: x", "d\nanswer: 7"]
    model = ScriptedModel([*chains, "y"])

    result = await think(SUM, model, SelfConsistent(samples=5, normalise=lambda answer: answer.lstrip("0")))

    assert result.answer == "7"
    assert result.best.value == 3 / 4
    model.assert_complete()


@pytest.mark.parametrize(
    ("one", "other"),
    [("$1,200.50", "1200.5"), ("Paris.", " paris"), ("1/2", "0.5"), ("4.0", "4")],
)
def test_equal_answers_are_equal_however_they_are_written(one, other):
    assert normal_answer(one) == normal_answer(other) is not None


async def test_the_best_of_several_is_the_one_that_the_check_thinks_most_of():
    model = ScriptedModel([f"so\nanswer: {number}" for number in (1, 7, 9)])
    task = Task("?", grammar=NUMBER, check=Checked(lambda node: 1 - abs(int(node.answer) - 7) / 10))

    result = await think(task, model, BestOf(samples=3))

    assert (result.answer, result.stop_reason) == ("7", "solved")
    assert [node.answer for node in result.ranked] == ["7", "9", "1"]


async def test_without_a_check_the_best_is_the_one_that_the_model_believes_in():
    class Believer(ScriptedModel):
        async def score(self, messages, continuations):
            sure = "Answer:\n7" in messages[-1]["content"]
            return [0.0, -5.0] if sure else [-5.0, 0.0]

    model = Believer([f"so\nanswer: {number}" for number in (1, 7, 9)])

    result = await think(SUM, model, BestOf(samples=3))

    assert result.answer == "7"


async def test_thoughts_in_words_are_lines_of_one_answer():
    model = ScriptedModel(counting, {"yes": -0.1, "no": -3.0})

    result = await think(SUM, model, TreeOfThoughts(search=Beam(beam=1, width=1, depth=4)))

    assert result.answer == "7"
    assert result.best.texts() == ["3 is there", "answer: 7"]


async def test_a_server_without_grammar_and_scores_can_grow_a_tree_too():
    def script(question):
        if "yes or no" in question:
            return "yes"
        return "answer: 7" if "4 more" in question else "3 and 4 more"

    result = await think(SUM, plain(script), TreeOfThoughts(search=Beam(beam=1, width=2, depth=3)))

    assert result.answer == "7"
    assert result.best.score.detail == "sampled votes"


async def test_the_last_line_there_may_be_is_the_answer():
    model = plain(lambda question: "yes" if "yes or no" in question else "7")

    result = await think(SUM, model, TreeOfThoughts(steps=1, search=Beam(beam=1, width=1, depth=3)))

    assert result.best.texts() == ["answer: 7"]


async def test_a_thought_is_a_fork_of_the_line_before_it():
    """The same tree comes of prompts that are sent again, for more tokens read."""
    model = load_model(prefix_cache=False)
    tree = TreeOfThoughts(search=Beam(beam=2, width=3, depth=3), steps=3, temperature=1.5)
    read: list[int] = []
    found = []
    for fork in (True, False):
        thinking = Thinking(model, seed=4, fork=fork)
        found.append(await tree.solve(SUM, thinking))
        read.append(thinking.prefilled_tokens)
        await thinking.aclose()
    await model.aclose()

    assert [node.texts() for node in found[0].tree] == [node.texts() for node in found[1].tree]
    assert len(found[0].tree) > 4 and read[0] < read[1] / 2


async def test_a_problem_of_ones_own_is_searched_with_ones_own_parts():
    problem = Sum()
    tree = TreeOfThoughts(problem, problem.proposer, problem.evaluator, DepthFirst(width=3))

    result = await think("reach ten", ScriptedModel([]), tree)

    assert result.solved and eval(result.answer) == 10


async def test_a_problem_without_words_goes_to_a_tree_by_itself():
    class Echo(Sum):
        def apply(self, state, action):
            return super().apply(state, int(action))

    model = plain(lambda question: "yes" if "yes or no" in question else "3")

    result = await think(Echo(aim=9, most=3), model, None)

    assert result.answer == "3+3+3"


async def test_a_chain_of_thought_about_nothing_is_refused():
    with pytest.raises(SearchRefused, match="tree-of-thoughts"):
        await think(Sum(), ScriptedModel([]), "cot")


async def test_lessons_reach_a_proposer_of_ones_own_that_asks():
    problem = Sum(aim=3, most=1)
    asks = Sampled(lambda node: Prompt.of("add up"), read=int)
    model = ScriptedModel(["3"])

    await think(
        Task("reach three", lessons=("take the three",)),
        model,
        TreeOfThoughts(problem, asks, problem.evaluator, Beam(beam=1, width=1)),
    )

    assert model.asked == ["add up\n\nLessons of earlier attempts:\n- take the three"]


async def test_parts_may_be_made_for_the_task():
    problem = Sum(aim=3, most=1)
    model = ScriptedModel(["3"])

    def proposer(task):
        return Sampled(lambda node: Prompt.of(f"add up {task.lessons[0]}"), read=int)

    tree = TreeOfThoughts(problem, proposer, lambda task: problem.evaluator, Beam(beam=1, width=1))
    result = await think(Task("reach three", lessons=("a", "b")), model, tree)

    assert result.solved and model.asked == ["add up a"]


@pytest.mark.parametrize(
    ("problem", "reason"),
    [(Walled(), "no thoughts"), (Round(), "no thoughts"), (There(), "complete")],
    ids=["no solution", "cycles", "one state"],
)
async def test_problems_without_a_way_end_with_a_reason(problem, reason):
    model = plain(lambda question: "no" if "yes or no" in question else "walk")

    result = await think(problem, model, TreeOfThoughts(search=Beam(beam=2, width=2, depth=4)))

    assert result.stop_reason == reason
    assert result.best is not None


@pytest.mark.parametrize(
    "search", [Beam(width=0), Beam(beam=0), Beam(depth=0), DepthFirst(depth=0)], ids=repr
)
async def test_a_search_of_no_size_asks_nothing(search):
    model = ScriptedModel([])

    result = await think(SUM, model, TreeOfThoughts(search=search))

    assert result.answer is None and model.asked == []


@pytest.mark.parametrize("value", [float("nan"), 0.3], ids=["nan", "constant"])
async def test_an_evaluator_that_says_nothing_still_leaves_an_answer(value):
    model = ScriptedModel(counting)
    task = Task("What is 3 plus 4?", check=Checked(lambda node: value))

    result = await think(task, model, TreeOfThoughts(search=Beam(beam=2, width=2, depth=3)))

    assert result.answer == "7"
    assert isinstance(result.best.score, Score) and result.best.value in (0.0, 0.3)


async def test_an_answer_that_a_server_cannot_bring_into_form_is_one_that_failed():
    """The others of its batch stand, and the tries are paid for."""

    class Clumsy(ScriptedModel):
        async def generate(self, messages, *, sampling=None, grammar=None):
            made = await super().generate(messages, grammar=grammar)
            if made.text == "seven":
                raise MalformedOutput("http://here", ("seven", "seven"), "no number")
            return made

    model = Clumsy(["seven", "7"])

    result = await think(SUM, model, BestOf(samples=2, reasons=False), budget=Budget(model_calls=9))

    assert result.answer == "7"
    assert result.usage.model_calls >= 2 and result.usage.tokens >= 2


async def test_a_cut_answer_is_never_read():
    class Cut(ScriptedModel):
        async def generate(self, messages, *, sampling=None, grammar=None):
            from dataclasses import replace

            return replace(await super().generate(messages), stop_reason="length")

    result = await think(Task("?"), Cut(["answer: 7", "7"]), Direct())
    chain = await think(Task("?"), Cut(["so\nanswer: 7", "7"]), ChainOfThought())

    assert (result.answer, chain.answer) == (None, None)

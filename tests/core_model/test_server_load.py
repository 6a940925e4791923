"""What the server refuses, and how it stands clients that behave badly or are many."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest

from punchlist.core_model.model import LocalModel

from .served import HELLO, Served, embedded_model, long_answer, servers, until


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


# --- what is refused --------------------------------------------------------------------------------------


def test_a_key_is_asked_for(strict: Callable[..., Served]) -> None:
    server = strict(api_key="s3cret")

    with pytest.raises(openai.AuthenticationError):
        server.client("wrong").models.list()

    assert server.client("s3cret").models.list().data
    assert server.http.get("/health").json() == {"status": "ok"}
    assert "s3cret" not in repr(server.app.settings)


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"best_of_all": True}, "best_of_all"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_logprobs": 3}, None),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, None),
        ({"tool_choice": "required"}, None),
        ({"messages": [{"role": "user", "content": "x " * 5000}]}, "messages"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": 5}}}},
            None,
        ),
        ({"stop": [""]}, None),
        ({"store": True}, "store"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_cannot_be_done_is_refused_and_named(
    client: openai.OpenAI, more: dict[str, Any], param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model="embedded", messages=more.pop("messages", HELLO), extra_body=more
        )

    body: Any = refused.value.body
    assert body["type"] == "invalid_request_error" and body["message"]
    if param is not None:
        assert body["param"].startswith(param)


def test_another_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="embedded"):
        client.chat.completions.create(model="gpt-5", messages=HELLO)


def test_an_unknown_path_is_answered_in_openais_form(served: Served) -> None:
    answer = served.http.get("/v2/everything")

    assert answer.status_code == 404 and "/v2/everything" in answer.json()["error"]["message"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_refused_while_it_is_read(strict: Callable[..., Served], chunked: bool) -> None:
    server = strict(max_body=100_000)
    pieces = (b'{"model": "' + b"x" * 50_000 for _ in range(200))
    content: Any = pieces if chunked else b"".join(pieces)

    answer = httpx.post(
        f"{server.url}/v1/completions", content=content, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 413 and "100000 bytes" in answer.json()["error"]["message"]


def test_a_web_page_cannot_post_without_saying_json(served: Served) -> None:
    answer = httpx.post(f"{served.url}/v1/completions", content=b"{}", headers={"Content-Type": "text/plain"})

    assert answer.status_code == 415


def test_more_than_may_wait_are_told_when_to_come_back(strict: Callable[..., Served]) -> None:
    server = strict(max_running=1, max_queue=0)
    with server.client().chat.completions.create(**long_answer(server), stream=True) as running:
        next(iter(running))

        with pytest.raises(openai.RateLimitError) as refused:
            server.client().chat.completions.create(model="embedded", messages=HELLO)

    assert int(refused.value.response.headers["retry-after"]) >= 1


# --- clients that leave or do not read, and the end -------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_ends_its_request(served: Served, stream: bool) -> None:
    before = served.metric("requests_cancelled_total")
    with socket.create_connection(("127.0.0.1", httpx.URL(served.url).port)) as connection:
        body = json.dumps(long_answer(served, stream=stream, n=8)).encode()
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        until(lambda: served.metric("requests_running") == 1)

    until(lambda: served.metric("requests_cancelled_total") == before + 1)
    until(lambda: served.metric("requests_running") == 0)
    until(lambda: served.app.model.engine.running == 0)


def test_a_body_that_does_not_come_is_not_waited_for(strict: Callable[..., Served]) -> None:
    server = strict(body_seconds=0.2)
    with socket.create_connection(("127.0.0.1", httpx.URL(server.url).port)) as connection:
        head = "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        connection.settimeout(10)

        assert connection.recv(1000).startswith(b"HTTP/1.1 408")


def test_a_client_that_does_not_read_is_cut_off(strict: Callable[..., Served]) -> None:
    server = strict(stall_seconds=0.3)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", httpx.URL(server.url).port))
        body = json.dumps(long_answer(server, stream=True, n=8, logprobs=True, top_logprobs=20)).encode()
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

        until(lambda: server.metric("requests_cancelled_total") == 1)

        assert server.post("/v1/chat/completions", {"messages": HELLO, "max_tokens": 2}).status_code == 200


def test_stopping_finishes_what_is_here_and_refuses_what_comes(embedded: LocalModel) -> None:
    server = Served(embedded)
    body = json.dumps({"model": "embedded", "messages": HELLO, "max_tokens": 2}).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", httpx.URL(server.url).port), timeout=20) as early:
        early.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
        until(lambda: server.metric("requests_waiting") == 1)
        server.server.stop()
        until(lambda: server.http.get("/health").status_code == 503)

        late = server.post("/v1/chat/completions", {"messages": HELLO})
        early.sendall(body[10:])
        first = early.recv(1000)

    assert late.status_code == 503 and late.headers["retry-after"]
    assert first.startswith(b"HTTP/1.1 200")
    server.close()


def test_what_is_not_done_in_time_is_told_so(embedded: LocalModel) -> None:
    server = Served(embedded, stop_seconds=0.1)
    with server.client().chat.completions.create(**long_answer(server, n=8), stream=True) as running:
        next(iter(running))

        server.server.stop()

        with pytest.raises(openai.APIError, match="stopped before"):
            list(running)
    server.close()


# --- many at once -----------------------------------------------------------------------------------------


async def ask_often(served: Served, clients: int, seconds: float = 0.0) -> dict[int, int]:
    """How many answers of each status; each client asks once, or again and again for so long."""
    found: dict[int, int] = {}
    end = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=None)

    async def one(number: int) -> None:
        body = {"model": "embedded", "messages": HELLO, "max_tokens": 8, "seed": number}
        while True:
            answer = await http.post(f"{served.url}/v1/chat/completions", json=body)
            if answer.status_code == 200:
                assert answer.json()["choices"][0]["finish_reason"] in ("stop", "length")
            found[answer.status_code] = found.get(answer.status_code, 0) + 1
            if time.monotonic() >= end:
                return
            await asyncio.sleep(0.01)

    async with httpx.AsyncClient(timeout=120, limits=limits, verify=False) as http:
        await asyncio.gather(*(one(number) for number in range(clients)))
    return found


async def test_of_many_clients_each_is_answered_or_sent_away(strict: Callable[..., Served]) -> None:
    server = strict(max_queue=16)

    found = await ask_often(server, 64)

    assert sum(found.values()) == 64
    assert found.keys() <= {200, 429} and found[200] >= 48
    until(lambda: server.metric("requests_running") == 0)


@pytest.mark.long
async def test_of_a_thousand_clients_none_is_lost(strict: Callable[..., Served]) -> None:
    server = strict()

    found = await ask_often(server, 1000)

    assert sum(found.values()) == 1000
    assert found.keys() <= {200, 429, 503} and found[200] >= 544


@pytest.mark.long
async def test_memory_stays_flat_under_load(strict: Callable[..., Served]) -> None:
    """PUNCHLIST_SOAK_SECONDS says for how long; 1800 unless set."""
    seconds = float(os.environ.get("PUNCHLIST_SOAK_SECONDS", "1800"))
    server = strict()
    await ask_often(server, 64, seconds / 5)
    warm = resident()

    await ask_often(server, 64, seconds * 4 / 5)

    assert resident() - warm < 0.05 * warm + 20_000_000


def resident() -> int:
    """Bytes of memory of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

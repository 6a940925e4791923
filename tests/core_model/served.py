"""A server in a thread, and requests to it, shared by the tests of the server."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai

from punchlist.core_model.model import LocalModel, load_model
from punchlist.core_model.serving.app import App, ServerSettings
from punchlist.core_model.serving.embeddings import ServedEncoder
from punchlist.core_model.serving.running import ModelServer, listen

HELLO: Any = [{"role": "user", "content": "Order 2 green mugs for Ada"}]


class Served:
    """A server in a thread of this process."""

    def __init__(self, model: LocalModel | ServedEncoder, **settings: Any) -> None:
        self.app = App(model, ServerSettings(**settings))
        ready = threading.Event()
        opened = listen("127.0.0.1", 0)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        self.server = ModelServer(self.app, opened, on_ready=ready.set)
        self.url = self.server.url
        self.http = httpx.Client(base_url=self.url, timeout=30, verify=False)  # one TLS set-up less per call
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        assert ready.wait(10)

    def client(self, key: str = "none") -> openai.OpenAI:
        return openai.OpenAI(
            base_url=f"{self.url}/v1", api_key=key, max_retries=0, http_client=httpx.Client(verify=False)
        )

    def post(self, path: str, body: dict[str, Any], **more: Any) -> httpx.Response:
        return self.http.post(path, json={"model": self.app.name, **body}, **more)

    def metric(self, name: str) -> float:
        lines = self.http.get("/metrics").text.splitlines()
        return float(next(line for line in lines if line.startswith(f"punchlist_{name} ")).split()[1])

    def close(self) -> None:
        self.http.close()
        self.server.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()


@contextlib.contextmanager
def embedded_model() -> Iterator[LocalModel]:
    """The embedded model, open."""
    model = load_model()
    assert isinstance(model, LocalModel)
    yield model
    model.engine.close()


@contextlib.contextmanager
def servers(model: Any) -> Iterator[Callable[..., Served]]:
    """Makes servers of `model`, or of another, with settings of their own."""
    made: list[Served] = []

    def make(model: Any = model, **settings: Any) -> Served:
        made.append(Served(model, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


def until(happened: Callable[[], bool]) -> None:
    """Wait until something is so, 5 s at most."""
    end = time.monotonic() + 5
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def long_answer(served: Served, **more: Any) -> dict[str, Any]:
    """A request that goes on for a while: the end token is ruled out."""
    bias = {str(token): -100 for token in served.app.model.engine.eos_ids}
    body = {"messages": HELLO, "max_tokens": 1900, "logit_bias": bias, "seed": 1, **more}
    return {"model": served.app.name, **body}

"""The server's routes, who may use them, and what becomes of each request."""

from __future__ import annotations

import asyncio
import hmac
import json
import sys
import time
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from ..errors import CoreModelError
from .admission import Admission
from .answers import ModelCard, ModelList
from .chat import Chat
from .completions import Completions
from .embeddings import ServedEncoder, answer, embedder_of
from .generating import Answers, Prompt, Served
from .metrics import Metrics
from .refusals import Refusal, invalid, refusal_of
from .requests import ChatRequest, CompletionRequest, EmbeddingRequest
from .transport import Body, ClientGone, patient, send_events, while_connected

_OPEN_TO_ALL = "/health"

Asked = TypeVar("Asked", ChatRequest, CompletionRequest, EmbeddingRequest)


@dataclass(frozen=True)
class ServerSettings:
    """Limits of the server.

    Attributes:
        name: What the model is called; empty takes the model's own name.
        api_key: What clients must send as bearer token; None lets everyone in who can reach the port.
        max_body: Bytes of a request.
        max_queue: Requests that may wait.
        max_running: Requests that are answered at once.
        body_seconds: How long a request's body may take to arrive.
        stall_seconds: How long a client may leave its answer unread; then it is cancelled.
        stop_seconds: How long requests under way may take when the server is to stop.
    """

    name: str = ""
    api_key: str | None = field(default=None, repr=False)
    max_body: int = 4_000_000
    max_queue: int = 512
    max_running: int = 32
    body_seconds: float = 30.0
    stall_seconds: float = 30.0
    stop_seconds: float = 30.0


class App:
    """The ASGI application. One event loop only.

    Attributes:
        drop: Ends a request's connection at once; set by the server that it runs on.
    """

    def __init__(self, model: Served | ServedEncoder, settings: ServerSettings | None = None) -> None:
        """Serve `model`, which stays open when the server ends; an encoder answers `/v1/embeddings` only.

        Raises:
            TemplateError: The model's chat template is none.
        """
        self.model, self.settings = model, settings or ServerSettings()
        self.name = self.settings.name or model.name
        self.metrics = Metrics()
        self.admission = Admission(self.settings.max_running, self.settings.max_queue, self.settings.max_body)
        self.drop: Callable[[Scope], None] = lambda scope: None
        self._started = int(time.time())
        self._embedder = embedder_of(model)
        self._writer = None if isinstance(model, ServedEncoder) else _Writer(model, self.name)
        routes = [
            Route("/v1/chat/completions", _Endpoint(self, ChatRequest, self._answer_chat), methods=["POST"]),
            Route(
                "/v1/completions",
                _Endpoint(self, CompletionRequest, self._answer_completion),
                methods=["POST"],
            ),
            Route(
                "/v1/embeddings", _Endpoint(self, EmbeddingRequest, self._answer_embedding), methods=["POST"]
            ),
            Route("/v1/models", self._list_models),
            Route("/v1/models/{name:path}", self._show_model),
            Route("/metrics", self._show_metrics),
            Route(_OPEN_TO_ALL, self._health),
        ]
        self._routed = Starlette(
            routes=routes, exception_handlers={HTTPException: _no_route, Refusal: _refused}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            raise ValueError(f"This application speaks HTTP only, not {scope['type']!r}.")
        send = patient(send, self.settings.stall_seconds, lambda: self.drop(scope))
        try:
            if scope["path"] != _OPEN_TO_ALL:
                self._check_key(scope)
                self.admission.check_open()
        except Refusal as refusal:
            await _send_refusal(refusal, Body(scope, receive), scope, receive, send)
            self.metrics.requests["refused", refusal.status] += 1
            return
        try:
            await self._routed(scope, receive, send)
        except ClientGone:
            self.metrics.cancelled += 1

    def _check_key(self, scope: Scope) -> None:
        if self.settings.api_key is None:
            return
        headers = {bytes(name): bytes(value) for name, value in scope["headers"]}
        given = headers.get(b"authorization", b"")
        if not hmac.compare_digest(given, b"Bearer " + self.settings.api_key.encode("utf-8")):
            message = "The API key is missing or wrong. Send it as 'Authorization: Bearer KEY'."
            raise Refusal(401, message, code="invalid_api_key")

    def check_model(self, name: str) -> None:
        """Raise Refusal for a model that is not the one served."""
        if name not in self.names:
            served = ", ".join(repr(each) for each in self.names)
            message = f"The model {name!r} is not served here, only {served}."
            raise Refusal(404, message, code="model_not_found", param="model")

    @property
    def names(self) -> list[str]:
        """What clients may name as the model: its own name, and those of its LoRA adapters."""
        adapters = [] if isinstance(self.model, ServedEncoder) else self.model.engine.adapters
        return [self.name, *adapters]

    async def _answer_chat(self, asked: ChatRequest, send: Send, arrived: float) -> None:
        writer = self._writing()
        prepared = await asyncio.to_thread(writer.chat.prepare, asked)
        answers = self._answers(writer, prepared.prompts, bool(asked.logprobs), arrived)
        if asked.stream:
            await self._stream(writer.chat.stream(asked, prepared, answers), send)
        else:
            await _send_json(_json(await writer.chat.answer(asked, prepared, answers)), send)

    async def _answer_completion(self, asked: CompletionRequest, send: Send, arrived: float) -> None:
        writer = self._writing()
        prompts = await asyncio.to_thread(writer.completions.prepare, asked)
        answers = self._answers(writer, prompts, asked.logprobs is not None, arrived)
        if asked.stream:
            await self._stream(writer.completions.stream(asked, answers), send)
        else:
            await _send_json(_json(await writer.completions.answer(asked, answers)), send)

    async def _answer_embedding(self, asked: EmbeddingRequest, send: Send, arrived: float) -> None:
        if asked.model != self.name:
            message = f"Embeddings are made by {self.name!r} itself, not by its adapters."
            raise Refusal(400, message, param="model")
        made = await self.admission.abortable(self._embedder.embed(asked.input))
        self.metrics.prompt_tokens += made.tokens
        await _send_json(await asyncio.to_thread(lambda: _json(answer(asked, self.name, made))), send)

    def _writing(self) -> _Writer:
        if self._writer is None:
            raise Refusal(
                400, f"The model {self.name!r} makes embeddings only: use /v1/embeddings.", param="model"
            )
        return self._writer

    def _answers(
        self, writer: _Writer, prompts: list[Prompt], with_logprobs: bool, arrived: float
    ) -> Answers:
        return Answers(
            writer.model, prompts, self.admission, self.metrics, with_logprobs=with_logprobs, arrived=arrived
        )

    async def _stream(self, events: AsyncGenerator[str], send: Send) -> None:
        async with aclosing(events):
            await send_events(send, events, lambda error: json.dumps(told(error).body()))

    async def _list_models(self, request: Request) -> Response:
        return JSONResponse(ModelList(data=[self._card(name) for name in self.names]).model_dump())

    async def _show_model(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.check_model(name)
        return JSONResponse(self._card(name).model_dump())

    def _card(self, name: str) -> ModelCard:
        return ModelCard(id=name, created=self._started, max_model_len=self.model.context_length)

    async def _show_metrics(self, request: Request) -> Response:
        text = self.metrics.text(self.admission.running, self.admission.waiting)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def _health(self, request: Request) -> Response:
        if self.admission.draining:
            return JSONResponse({"status": "stopping"}, 503)
        if self._writer is not None and self._writer.model.engine.closed:
            return JSONResponse({"status": "the engine has ended"}, 503)
        return JSONResponse({"status": "ok"})


class _Writer:
    """A model that generates, with what its endpoints need."""

    def __init__(self, model: Served, name: str) -> None:
        self.model = model
        _ = model.engine.compiler  # made now: it takes seconds for a large vocabulary
        self.chat, self.completions = Chat(model, name), Completions(model, name)


class _Endpoint:
    """A route that reads a body and answers it when its turn has come."""

    def __init__(
        self, app: App, kind: type[Asked], answer: Callable[[Asked, Send, float], Awaitable[None]]
    ) -> None:
        async def work(raw: bytes, send: Send, arrived: float) -> None:
            try:
                asked = kind.model_validate_json(raw)
            except ValidationError as error:
                raise invalid(error) from error
            app.check_model(asked.model)
            async with app.admission.turn():
                await answer(asked, send, arrived)

        self._app, self._work, self._prompt = app, work, kind.prompt_field

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app, settings, arrived = self._app, self._app.settings, time.monotonic()
        body = Body(scope, receive)
        status, sent = 0, False

        async def send_noted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent = not message.get("more_body", False)
            await send(message)

        try:
            with app.admission.seat(), app.admission.held_body() as take:
                raw = await body.read(settings.max_body, settings.body_seconds, take)
                await while_connected(receive, self._work(raw, send_noted, arrived), lambda: sent)
        except ClientGone:
            status = 499  # nginx's word for it
            raise
        except Exception as error:  # the edge of the server: one request's fault ends that request only
            if status:
                raise
            await _send_refusal(told(error, self._prompt), body, scope, receive, send_noted)
        finally:
            app.metrics.requests[scope["path"], status] += 1
            app.metrics.request.observe(time.monotonic() - arrived)


def told(error: Exception, prompt: str | None = None) -> Refusal:
    """What a client is told about an error; the server's own faults are printed here and not shown to it.

    Args:
        error: What ended the request.
        prompt: The field of the request that its prompt is in.
    """
    refusal = refusal_of(error, prompt)
    if refusal is not None:
        return refusal
    if isinstance(error, CoreModelError):
        print(f"punchlist: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    else:
        traceback.print_exception(error, file=sys.stderr)
    return Refusal(500, "The server failed. Its log says why.")


async def _send_refusal(refusal: Refusal, body: Body, scope: Scope, receive: Receive, send: Send) -> None:
    if refusal.status != 408:  # nothing was coming
        await body.discard()
    await refusal.response()(scope, receive, send)


def _json(body: BaseModel) -> bytes:
    return body.model_dump_json(exclude_none=True).encode("utf-8")


async def _send_json(text: bytes, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode("ascii"))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


async def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return Refusal(status, f"There is no {request.method} {request.url.path} here.").response()


async def _refused(request: Request, error: Exception) -> Response:
    return told(error).response()

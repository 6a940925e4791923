"""A run as OpenTelemetry spans, by the conventions for generative AI: live, or from its journal afterwards.

run (`invoke_workflow`) → task → attempt (`invoke_agent`) → answers of models (`chat`) and calls of tools
(`execute_tool`). Findings are events `gen_ai.evaluation.result` of their attempt, alarms `punchlist.alarm`.
Needs the extra `otel`. Nothing is sent anywhere unless the caller's provider has an exporter.

What people, models and pages said stays out: goals, titles, names of criteria, answers, arguments, results,
reasons. `content=True` puts it in.

Does not cover: live, when a call of a tool began (it is taken to be when its model had answered), and answers
of several tasks at once, which then belong to the run. From a journal both are exact.

Source: open-telemetry/semantic-conventions-genai, status Development, as of its attributes in
opentelemetry-semantic-conventions 0.66b2.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from ...protocols.journal import Journal
from ...protocols.messages import Assign
from ...tools.browser.actions import ALL_VERBS, WITH_ENTER
from ..events import Acted, Ended, Event, Planned, Said, Stood, Thought
from .record import (
    AttemptRecord,
    ModelCall,
    Raised,
    Record,
    Spoken,
    TaskRecord,
    ToolCall,
    read_run,
    wrong_of,
)
from .values import listed, table, text

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanKind, Tracer, TracerProvider

SCOPE = "punchlist"
"""Name of the instrumentation scope, and of the provider where the model is in this process."""

FINE = ("confirmed", "ok")
ONGOING = ("open", "reported", "running", "not_done", "assigned", "working", "verifying", "paused", "waiting")
"""Outcomes that are no error, and those that are none yet."""

STEPS = ("nothing", "done")
"""Actions that no tool carries out: a worker says that a step is done, or needs nothing."""


class TracingMissing(ImportError):
    """OpenTelemetry is not installed."""

    def __init__(self, missing: str | None) -> None:
        super().__init__(
            f"Spans need OpenTelemetry, and {missing or 'opentelemetry'!r} is not installed. "
            'Install it: pip install "punchlist[otel]".'
        )


class Spans:
    """Makes spans of runs.

    Args:
        provider: Where spans go; None: the one that the program has set up globally.
        content: Also put in what was said: goals, answers, arguments, results, reasons.

    Raises:
        TracingMissing: OpenTelemetry is not installed.
    """

    def __init__(self, provider: TracerProvider | None = None, *, content: bool = False) -> None:
        self._tracer, self._content = _tracer(provider), content

    def from_journal(self, path: Path | str, run: str | None = None) -> int:
        """Make the spans of a recorded run, with the times at which things happened; returns their number.

        Args:
            path: The journal.
            run: Which run; None: the last.

        Raises:
            LookupError: The journal holds no such run.
            JournalError: It cannot be read.
        """
        with Journal.open(path, readonly=True) as journal:
            infos = [info for info in journal.runs() if run in (None, info.run)]
            if not infos:
                raise LookupError(f"{str(path)!r} holds no run {run or 'at all'!r}.")
            return self.from_record(read_run(journal, infos[-1]))

    def from_record(self, record: Record) -> int:
        """Make the spans of a record; returns their number."""
        told = _Told(self._tracer, self._content, _model(record.info.settings))
        trace = next((spoken.trace for spoken in record.messages if spoken.trace), "")
        whole = told.run(record.info.run, record.info.goal, record.info.began, trace)
        for deed in record.planning:
            told.deed(deed, whole)
        for task in record.tasks.values():
            told.task_whole(task, whole)
        usage = {"punchlist.tokens": record.cost.tokens, "punchlist.redos": record.cost.redos}
        told.end(whole, record.status, max(record.last, record.info.began), usage)
        return told.made

    async def live(self, events: AsyncIterator[Event], *, model: str = "") -> AsyncGenerator[Event, None]:
        """Pass the events of `Manager.stream` through, and make their spans on the way.

        Args:
            model: Name of the model, for the spans of its answers.
        """
        watching = _Live(_Told(self._tracer, self._content, model))
        try:
            async for event in events:
                watching.take(event)
                yield event
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()
            watching.close()


def current_trace() -> str:
    """The W3C `traceparent` of the span that is current here, for `Envelope.trace`; "" where there is none.

    Raises:
        TracingMissing: OpenTelemetry is not installed.
    """
    carrier: dict[str, str] = {}
    _propagator().inject(carrier)
    return carrier.get("traceparent", "")


def _propagator() -> Any:
    try:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError as error:
        raise TracingMissing(error.name) from error
    return TraceContextTextMapPropagator()


def _tracer(provider: TracerProvider | None) -> Tracer:
    try:
        from opentelemetry import trace
    except ImportError as error:
        raise TracingMissing(error.name) from error
    return trace.get_tracer(SCOPE, tracer_provider=provider)


def _model(settings: Mapping[str, JsonValue]) -> str:
    return text(settings.get("model")) or text(table(settings.get("think")).get("model"))


class _Told:
    """Spans of one run, made in any order of time: each is begun and ended at the moment that it is told."""

    def __init__(self, tracer: Tracer, content: bool, model: str) -> None:
        self._tracer, self._content, self._model = tracer, content, model
        self.made = 0

    def _begin(
        self,
        name: str,
        parent: Span | Context | None,
        at: float,
        attributes: Mapping[str, Any],
        kind: SpanKind | None = None,
    ) -> Span:
        from opentelemetry import trace

        context = trace.set_span_in_context(parent) if isinstance(parent, trace.Span) else parent
        kept = {key: value for key, value in attributes.items() if value not in (None, "")}
        self.made += 1
        return self._tracer.start_span(
            name, context, kind or trace.SpanKind.INTERNAL, kept, start_time=_nanos(at)
        )

    def _said(self, **told: Any) -> dict[str, Any]:
        """Attributes that hold what somebody said; none unless they are wanted."""
        return {key.replace("__", "."): value for key, value in told.items()} if self._content else {}

    def end(
        self, span: Span, outcome: str, at: float, more: Mapping[str, Any] | None = None, error: str = ""
    ) -> None:
        """End a span with the word for what it came to; `error` names an error better than that word."""
        from opentelemetry.trace import Status, StatusCode

        for key, value in {"punchlist.outcome": outcome, **(more or {})}.items():
            span.set_attribute(key, value)
        if outcome in FINE:
            span.set_status(Status(StatusCode.OK))
        elif outcome not in ONGOING:
            span.set_attribute("error.type", error or outcome)
            span.set_status(Status(StatusCode.ERROR, outcome))
        span.end(end_time=_nanos(at))

    def run(self, run: str, goal: str, at: float, trace: str) -> Span:
        """The span of a run, inside the trace that its messages carry, where they carry one."""
        context = _propagator().extract({"traceparent": trace}) if trace else None
        return self._begin(
            "invoke_workflow punchlist",
            context,
            at,
            {
                "gen_ai.operation.name": "invoke_workflow",
                "gen_ai.workflow.name": "punchlist",
                "gen_ai.conversation.id": run,
                **self._said(punchlist__goal=goal),
            },
        )

    def task(self, name: str, title: str, parent: Span, at: float) -> Span:
        """The span of a task."""
        told = {"punchlist.task.id": name, **self._said(punchlist__task__title=title)}
        return self._begin(f"task {name}", parent, at, told)

    def attempt(self, task: str, number: int, generation: int, worker: str, parent: Span, at: float) -> Span:
        """The span of an attempt: its worker is the agent that is invoked."""
        return self._begin(
            f"invoke_agent {worker}".rstrip(),
            parent,
            at,
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.provider.name": self._provider,
                "gen_ai.agent.name": worker,
                "gen_ai.request.model": self._model,
                "punchlist.task.id": task,
                "punchlist.attempt": number,
                "punchlist.generation": generation,
            },
        )

    def task_whole(self, task: TaskRecord, parent: Span) -> None:
        """A task with its attempts and all that is in them."""
        attempts = list(task.attempts.values())
        begin = min((_begin_of(each) for each in attempts), default=0.0)
        span = self.task(task.id, task.title, parent, begin)
        for each in attempts:
            inner = self.attempt(task.id, each.number, each.generation, each.worker, span, _begin_of(each))
            for deed in each.deeds:
                self.deed(deed, inner, task.id, each.number)
            for spoken in each.verdicts:
                self.verdict(inner, spoken)
            self.end(inner, each.outcome, each.ended)
        self.end(span, task.status, max((each.ended for each in attempts), default=begin))

    def deed(
        self, deed: ModelCall | ToolCall | Raised, parent: Span, task: str = "", attempt: int = 0
    ) -> None:
        """An answer or a call as a span, an alarm as an event."""
        if isinstance(deed, ModelCall):
            self.chat(deed, parent, task, attempt)
        elif isinstance(deed, ToolCall):
            self.tool(deed, parent, task, attempt)
        else:
            told = {"punchlist.alarm.kind": deed.kind, "punchlist.alarm.advice": deed.advice}
            told |= self._said(punchlist__alarm__evidence=list(deed.evidence))
            parent.add_event(
                "punchlist.alarm", {**told, "punchlist.alarm.times": deed.times}, _nanos(deed.at)
            )

    @property
    def _provider(self) -> str:
        return "openai" if self._model.startswith("http") else SCOPE

    def chat(self, call: ModelCall, parent: Span, task: str = "", attempt: int = 0) -> None:
        """An answer of a model; one that is in this process is no client's call."""
        from opentelemetry.trace import SpanKind

        remote = self._model.startswith("http")
        output = [
            {
                "role": "assistant",
                "parts": [{"type": "text", "content": call.answer}],
                "finish_reason": "stop",
            }
        ]
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self._provider,
            "gen_ai.request.model": self._model,
            "gen_ai.usage.input_tokens": call.prompt_tokens,
            "gen_ai.usage.output_tokens": call.tokens,
            "punchlist.role": call.role,
            **_where(task, attempt),
            "punchlist.confidence": call.confidence,
            "punchlist.strategy": call.strategy,
            **self._said(gen_ai__output__messages=json.dumps(output)),
        }
        kind = SpanKind.CLIENT if remote else SpanKind.INTERNAL
        span = self._begin(f"chat {self._model}".rstrip(), parent, call.at - call.seconds, attributes, kind)
        span.end(end_time=_nanos(call.at))

    def tool(self, call: ToolCall, parent: Span, task: str = "", attempt: int = 0) -> None:
        """A call of a tool; without an outcome it ends where it began, and says so."""
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.tool,
            "gen_ai.tool.call.id": call.key,
            "gen_ai.tool.type": "function",
            "punchlist.recovery": call.recovery,
            **_where(task, attempt),
            "punchlist.by_verifier": call.checking,
            **self._said(
                gen_ai__tool__call__arguments=json.dumps(call.args),
                gen_ai__tool__call__result=json.dumps(call.result),
            ),
        }
        span = self._begin(f"execute_tool {call.tool}".rstrip(), parent, call.at, attributes)
        ended = call.at if call.ended is None else call.ended
        if call.checking:
            span.end(end_time=_nanos(ended))
            return
        self.end(span, call.status or "no_outcome", ended, error=text(table(call.result).get("code")))

    def verdict(self, span: Span, spoken: Spoken) -> None:
        """The findings of a verdict as events of the attempt that it is about."""
        for place, finding in enumerate(map(table, listed(spoken.body.get("findings"))), 1):
            name = text(finding.get("criterion")) if self._content else f"criterion {place}"
            attributes: dict[str, Any] = {
                "gen_ai.evaluation.name": name,
                "gen_ai.evaluation.score.label": text(finding.get("outcome")),
                **self._said(gen_ai__evaluation__explanation=text(finding.get("why"))),
            }
            level = finding.get("confidence")
            if isinstance(level, int | float):
                attributes["punchlist.confidence"] = float(level)
            span.add_event("gen_ai.evaluation.result", attributes, _nanos(spoken.at))


def _where(task: str, attempt: int) -> dict[str, Any]:
    return {"punchlist.task.id": task, **({"punchlist.attempt": attempt} if attempt else {})}


def _begin_of(attempt: AttemptRecord) -> float:
    """When an attempt began, the answers before its order included."""
    begins = [deed.at - (deed.seconds if isinstance(deed, ModelCall) else 0.0) for deed in attempt.deeds]
    return min([attempt.began, *begins])


def _nanos(at: float) -> int:
    return round(at * 1_000_000_000)


class _Live:
    """Keeps the spans that are open while a run goes on."""

    def __init__(self, told: _Told) -> None:
        self._told = told
        self._began = self._last = time.time()
        self._waiting: list[tuple[float, Event]] = []
        self._run: Span | None = None
        self._titles: dict[str, str] = {}
        self._tasks: dict[str, Span] = {}
        self._attempts: dict[str, Span] = {}
        self._numbers: dict[str, int] = {}
        self._refused: set[str] = set()
        self._optional: dict[str, frozenset[str]] = {}
        self._number = 0

    def take(self, event: Event) -> None:
        """Take one event. Those before the first message wait for it: it says which run and trace this is."""
        now = time.time()
        if self._run is None and isinstance(event, Said | Ended):
            envelope = event.envelope if isinstance(event, Said) else None
            run = (
                envelope.run
                if envelope is not None
                else event.outcome.run
                if isinstance(event, Ended)
                else ""
            )
            self._run = self._told.run(run, "", self._began, envelope.trace if envelope is not None else "")
            for at, held in self._waiting:
                self._apply(held, self._run, at)
        if self._run is None:
            self._waiting.append((now, event))
        else:
            self._apply(event, self._run, now)
        self._last = now

    def close(self) -> None:
        """End what is still open: the stream was left before its end."""
        self._close_all("interrupted", time.time())
        if self._run is not None:
            self._told.end(self._run, "interrupted", time.time())
            self._run = None

    def _close_all(self, outcome: str, at: float) -> None:
        for name in list(self._attempts):
            self._end_attempt(name, "refused" if name in self._refused else outcome, at)
        for span in self._tasks.values():
            self._told.end(span, outcome, at)
        self._tasks.clear()

    def _apply(self, event: Event, whole: Span, at: float) -> None:
        match event:
            case Planned(tasks=titles):
                self._titles = dict(titles)
            case Said():
                self._said(event, whole, at)
            case Stood(task=name, status=status) if status in ("unverified", "failed", "cancelled"):
                self._end_attempt(name, "refused" if name in self._refused else status, at)
                self._end_task(name, status, at)
            case Thought():
                self._number += 1
                call = ModelCall(
                    self._number,
                    at,
                    event.role,
                    event.answer,
                    event.confidence,
                    event.prompt_tokens,
                    event.tokens,
                    event.seconds,
                )
                self._told.chat(call, self._place_of(event, whole), event.task, event.attempt)
            case Acted() if event.action.partition(" ")[0] not in STEPS:
                self._acted(event, whole, at)
            case Ended(outcome=outcome):
                word = type(outcome).__name__.lower()
                self._close_all(word, at)
                used = {"punchlist.tokens": outcome.cost.tokens, "punchlist.redos": outcome.cost.redos}
                self._told.end(whole, word, at, used)
                self._run = None
            case _:
                pass

    def _said(self, event: Said, whole: Span, at: float) -> None:
        envelope = event.envelope
        name = envelope.task.removeprefix(f"{envelope.run}.")
        if name not in self._tasks and envelope.kind in ("assign", "redo"):
            self._tasks[name] = self._told.task(name, self._titles.get(name, event.title), whole, at)
        if isinstance(envelope.body, Assign):
            criteria = envelope.body.spec.criteria
            self._optional[name] = frozenset(each.name for each in criteria if not each.required)
        if envelope.kind in ("assign", "redo"):
            self._end_attempt(name, "refused" if name in self._refused else "failed", at)
            self._refused.discard(name)
            worker, number = envelope.recipient, envelope.attempt
            self._numbers[name] = number
            self._attempts[name] = self._told.attempt(
                name, number, envelope.generation, worker, self._tasks[name], at
            )
        elif envelope.kind == "verdict" and name in self._attempts:
            body = envelope.body.model_dump(mode="json")
            spoken = Spoken(
                0, at, "verdict", envelope.sender, envelope.recipient, name, envelope.attempt, body
            )
            self._told.verdict(self._attempts[name], spoken)
            if wrong_of(body, self._optional.get(name, frozenset())):
                self._refused.add(name)
        elif envelope.kind == "confirm":
            self._end_attempt(name, "confirmed", at)
            self._end_task(name, "confirmed", at)
        elif envelope.kind in ("failed", "decline"):
            self._end_attempt(name, "failed" if envelope.kind == "failed" else "declined", at)

    def _acted(self, event: Acted, whole: Span, at: float) -> None:
        """A call of a tool as those who watch see it: in the browser a verb, else the tool's name."""
        first, _, rest = event.action.partition(" ")
        tool = "browser" if first.removesuffix(WITH_ENTER) in ALL_VERBS else first
        wrong = event.went_wrong
        self._number += 1
        call = ToolCall(self._number, self._last, "", tool, {"action": rest}, "")
        call.status, call.result, call.ended = "error" if wrong else "ok", event.result, at
        self._told.tool(call, self._place_of(event, whole), event.task, event.attempt)

    def _place_of(self, event: Thought | Acted, whole: Span) -> Span:
        """The span of the attempt that an event is about, before its order that of the task, or the run's."""
        name = event.task
        if name in self._titles and name not in self._tasks and isinstance(event, Thought):
            begun = time.time() - event.seconds
            self._tasks[name] = self._told.task(name, self._titles[name], whole, begun)
        if name:
            same = event.attempt in (0, self._numbers.get(name))  # a redo is thought of before its order
            return (self._attempts.get(name) if same else None) or self._tasks.get(name, whole)
        alone = list(self._attempts.values())
        return alone[0] if len(alone) == 1 else whole

    def _end_attempt(self, name: str, outcome: str, at: float) -> None:
        if (span := self._attempts.pop(name, None)) is not None:
            self._told.end(span, outcome, at)

    def _end_task(self, name: str, outcome: str, at: float) -> None:
        if (span := self._tasks.pop(name, None)) is not None:
            self._told.end(span, outcome, at)

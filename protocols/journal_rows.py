"""What a journal gives back: rows, runs, and tool calls joined out of their intents and outcomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue

Recovery = Literal["pure", "keyed", "queryable", "unsafe"]
Status = Literal["ok", "error", "unknown"]


@dataclass(frozen=True)
class Row:
    """One entry.

    Attributes:
        seq: From 1, growing, never reused.
        kind: E.g. "event", "envelope", "intent", "outcome", "decision"; "seal" where a run ended.
        key: Idempotency key of a tool call, or "".
        at: Seconds since 1970.
    """

    seq: int
    run: str
    task: str
    attempt: int
    kind: str
    key: str
    at: float
    body: JsonValue


@dataclass(frozen=True)
class RunInfo:
    """What a run is: its goal and settings, as given, and how it stands."""

    run: str
    goal: str
    settings: dict[str, JsonValue]
    status: str
    began: float
    changed: float


@dataclass(frozen=True)
class Call:
    """A tool call as recorded.

    Attributes:
        key: Idempotency key, `run/task/attempt/call`.
        recovery: How it is settled when its outcome is missing.
        status: None while no outcome is recorded.
        result: The outcome.
    """

    key: str
    run: str
    task: str
    attempt: int
    tool: str
    args: dict[str, JsonValue]
    recovery: Recovery
    status: Status | None = None
    result: JsonValue = None


def joined(found: Sequence[Any], decode: Callable[[str, int], Any]) -> list[Call]:
    """Join intents with their outcomes; rows are (run, task, attempt, kind, key, body, seq) in order."""
    calls: dict[str, Call] = {}
    for run, task, attempt, kind, key, text, seq in found:
        body = decode(text, seq)
        if kind == "intent":
            calls[key] = Call(key, run, task, attempt, body["tool"], body["args"], body["recovery"])
        elif key in calls:
            calls[key] = Call(**{**vars(calls[key]), "status": body["status"], "result": body["result"]})
    return list(calls.values())

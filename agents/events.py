"""What a run shows while it goes on: the one public stream that terminal, programs and tests read.

Events are for looking at. The journal is the record, and it is written before the event is shown.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, is_dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from ..protocols.messages import Envelope
from ..protocols.outcome import Confirmed, Failed, Unverified
from ..tools.browser.view import View
from .reasoning.trace import TraceEvent

_WENT_WRONG = re.compile(
    r"(no_effect|stale_ref|covered|not_visible|disabled|not_editable|bad_option|value_differs|blocked_origin"
    r"|bad_file|not_kept|needs_approval|secret_refused|not_found|timeout|crashed|unreachable|error"
    r"|[A-Z][A-Za-z]+:)"
)


@dataclass(frozen=True)
class Planned:
    """The manager read the goal: titles of the tasks by id, and what each waits for."""

    tasks: dict[str, str]
    after: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True)
class Said:
    """A message of the protocol was sent."""

    envelope: Envelope
    title: str


@dataclass(frozen=True)
class Stood:
    """A task's status changed, as the manager keeps it."""

    task: str
    title: str
    status: str
    attempt: int


@dataclass(frozen=True)
class Looked:
    """A worker looked at a page."""

    worker: str
    lane: str
    view: View


@dataclass(frozen=True)
class Acted:
    """A worker acted: on which step, what, and what came of it. `attempt` 0 is not told."""

    worker: str
    task: str
    step: str
    action: str
    result: str
    attempt: int = 0

    @property
    def went_wrong(self) -> bool:
        """Whether the result begins as that of an action that did not do what it was meant to do."""
        return _WENT_WRONG.match(self.result) is not None


@dataclass(frozen=True)
class Thought:
    """A model answered a question of a role, in an attempt of a task or, without one, about the run."""

    role: str
    answer: str
    prompt_tokens: int
    tokens: int
    seconds: float
    confidence: float | None = None
    task: str = ""
    attempt: int = 0


@dataclass(frozen=True)
class Searched:
    """Something happened in a search for the answer to a question of a task; see `reasoning.trace`."""

    task: str
    event: TraceEvent


@dataclass(frozen=True)
class Recalled:
    """Something from memory goes into a plan, a prompt or an order.

    Attributes:
        what: `lesson`, `preference`, or `note` (what an agent asked memory for).
        label: Its kind, time, source and trust.
    """

    task: str
    text: str
    what: str = "lesson"
    label: str = ""


@dataclass(frozen=True)
class Learned:
    """Something was kept in memory, proven by the confirm of its task; a lesson by that of what it mended."""

    task: str
    text: str
    what: str = "lesson"


@dataclass(frozen=True)
class Alarmed:
    """The watch saw that a task gets nowhere: in which way, and what it advises."""

    task: str
    kind: str
    text: str
    advice: str


@dataclass(frozen=True)
class Asked:
    """A person is asked something; who replies is told what `request` names. See `people.Request`."""

    task: str
    request: str
    subject: str
    text: str


@dataclass(frozen=True)
class Ended:
    """The run is over."""

    outcome: Confirmed[object] | Unverified | Failed


Event = (
    Planned
    | Said
    | Stood
    | Looked
    | Acted
    | Thought
    | Searched
    | Recalled
    | Learned
    | Alarmed
    | Asked
    | Ended
)


def event_as_json(event: Event) -> dict[str, Any]:
    """An event under its name, `event`; a page as its address and text."""
    body: dict[str, Any] = {"event": type(event).__name__.lower(), "at": round(time.time(), 3)}
    if isinstance(event, Looked):
        return body | {
            "worker": event.worker,
            "lane": event.lane,
            "url": event.view.url,
            "text": event.view.text(),
        }
    return body | {name: plain(value) for name, value in vars(event).items()}


_PLAIN = frozenset({str, int, float, bool})


def plain(value: Any) -> Any:
    """A value of an event or outcome as JSON."""
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, View):
        return value.text()
    if isinstance(value, Decimal):
        return money_text(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(each) for name, each in vars(value).items()}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def money_text(value: Decimal) -> str:
    """A sum of money, written out without an exponent and needless zeros."""
    return format(value.normalize(), "f")

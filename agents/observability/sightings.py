"""What the watch would have said of a run on record: sightings made from its journal.

Page text is not journalled, so a state is what the call before it changed: enough to recognise a place that
a worker comes back to in the same way, less than the whole page that a live watch sees.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic import JsonValue

from ..watch import Alarm, Sighting, Watch, WatchLimits
from .record import AttemptRecord, ModelCall, Record, ToolCall
from .values import listed, table, text, whole

LOOKING = ("read", "find", "scroll", "wait")
"""Verbs of the browser that are not meant to change anything."""


@dataclass(frozen=True)
class Seen:
    """An alarm, and where in a run it would have been raised."""

    task: str
    attempt: int
    alarm: Alarm


def watched(record: Record, limits: WatchLimits | None = None) -> list[Seen]:
    """The alarms that a watch over each task of a run would have raised, in the order of the tasks."""
    found: list[Seen] = []
    for task in record.tasks.values():
        watch = Watch((), limits)
        for attempt in task.attempts.values():
            order = attempt.order.body if attempt.order is not None else {}
            watch.began([text(step) for step in listed(order.get("plan"))])
            raised = _attempt(watch, attempt)
            for verdict in attempt.verdicts:
                findings = map(table, listed(verdict.body.get("findings")))
                watch.passed(
                    text(each.get("criterion")) for each in findings if each.get("outcome") == "pass"
                )
            found += [Seen(task.id, attempt.number, alarm) for alarm in raised]
    return found


def _attempt(watch: Watch, attempt: AttemptRecord) -> list[Alarm]:
    """The alarms of one attempt. That a step is done is read off a worker's answers, in the plan's order."""
    order = attempt.order.body if attempt.order is not None else {}
    plan = [text(step) for step in listed(order.get("plan"))]
    raised: list[Alarm | None] = []
    done, tokens, before = 0, 0, "the beginning"
    for deed in attempt.deeds:
        if isinstance(deed, ModelCall):
            tokens += deed.prompt_tokens + deed.tokens
            if deed.role == "act" and deed.answer.split(" ")[0] == "done" and plan:
                raised.append(watch.step_done(plan[min(done, len(plan) - 1)]))
                done += 1
        elif isinstance(deed, ToolCall) and not deed.checking:
            step = plan[min(done, len(plan) - 1)] if plan else ""
            raised.append(watch.see(Sighting(deed.doing(), before, _changed(deed), step, tokens)))
            before, tokens = _after(deed, before), 0
    if attempt.report is not None:
        raised.append(watch.reported())
    return [alarm for alarm in raised if alarm is not None]


def _changed(call: ToolCall) -> bool | None:
    """Whether a call had an effect; None where it was not meant to have one."""
    value = table(table(call.result).get("value"))
    effect, action = table(table(value.get("result")).get("effect")), table(value.get("action"))
    if not effect:
        return None if call.recovery == "pure" else call.status == "ok"
    if text(action.get("verb")) in LOOKING:
        return None
    return _moved(effect)


def _moved(effect: dict[str, JsonValue]) -> bool:
    """Whether a page is another one than before, be it that something was done or that time passed."""
    opened = effect.get("dialog") is not None or effect.get("new_tab") is True
    return opened or effect.get("url_changed") is True or effect.get("dom_changed") is True


def _after(call: ToolCall, before: str) -> str:
    """What stands for the state that a call led to; the one before it where nothing changed."""
    value = table(table(call.result).get("value"))
    effect = table(table(value.get("result")).get("effect"))
    if not effect:
        return json.dumps([call.tool, table(call.result).get("value", call.result)], default=str)
    if not _moved(effect):
        return before
    element = table(table(value.get("action")).get("element"))
    told: list[JsonValue] = [
        effect.get("url_changed"),
        effect.get("new"),
        effect.get("gone"),
        effect.get("value_after"),
        text(element.get("name")),
        text(table(effect.get("dialog")).get("message")),
        whole(effect.get("new_tab")),
    ]
    return json.dumps(told)

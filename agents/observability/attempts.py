"""The tasks of a run, each with its attempts side by side: plan, what was done, report, verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import JsonValue

from ..reasoning.boxes import clean
from .markup import badge, bar, block, counted, dim, facts, fold, grid, listing, paragraph, seconds, tag
from .record import AttemptRecord, Deed, ModelCall, Raised, Record, TaskRecord, ToolCall
from .swimlanes import criteria_lines, evidence_list, findings
from .values import listed, number, one_line, table, text

ROOM = 2_500_000
"""Characters of tasks told in full; beyond them a task keeps orders, reports and verdicts, and loses what was
done in between. Much more makes a browser slow to open the page and to react."""

MOST_TASKS = 200
"""Tasks that have a part of their own, those with trouble first; the table has more."""

MOST_LINES = 3000
"""Tasks in the table."""

MOST_ATTEMPTS = 12
"""Attempts of a task that stand side by side: the first, and the last ones."""

MOST_DEEDS = 150
"""Calls and answers shown of an attempt: the first third, and the last ones."""

RECOVERY = {
    "pure": "has no effect: made again after a restart",
    "keyed": "sent again with the same key after a restart",
    "queryable": "asked whether it took effect after a restart",
    "unsafe": "made at most once: after a restart a person looks",
}


def task_table(record: Record, left_out: Callable[[str], None]) -> str:
    """All tasks, a line each."""
    tasks = list(record.tasks.values())
    if len(tasks) > MOST_LINES:
        left_out(f"{len(tasks) - MOST_LINES:,} of {len(tasks):,} tasks of the table, the last ones")
    full = {task.id for task in _in_full(tasks)}
    rows = [
        (
            badge(task.status),
            f'<a href="#task-{place}">{clean(one_line(task.title or task.id))}</a>'
            if task.id in full
            else clean(one_line(task.title or task.id)),
            clean(task.id),
            str(len(task.attempts)),
            f"{task.tokens():,}",
            seconds(_span(task)),
        )
        for place, task in enumerate(tasks[:MOST_LINES])
    ]
    return grid(("", "task", "id", "attempts", "tokens", "took"), rows, "tasks") if rows else ""


def task_parts(record: Record, left_out: Callable[[str], None]) -> str:
    """The tasks one after another, as many as there is room for, those with trouble first to be kept."""
    tasks = list(record.tasks.values())
    chosen = _in_full(tasks)
    if len(chosen) < len(tasks):
        left_out(
            f"the attempts of {len(tasks) - len(chosen):,} of {len(tasks):,} tasks, such that went well first"
        )
    places = {task.id: place for place, task in enumerate(tasks)}
    marks = {key: f"call-{call.seq}" for key, call in record.calls().items()}
    parts: dict[int, str] = {}
    room, brief = ROOM, 0
    for task in chosen:
        made = _task(task, places[task.id], marks, full=room > 0)
        brief += room <= 0
        room -= len(made)
        parts[places[task.id]] = made
    if brief:
        left_out(f"what was done within {counted(brief, 'task')}; orders, reports and verdicts are there")
    return "".join(parts[place] for place in sorted(parts))


def _in_full(tasks: Sequence[TaskRecord]) -> list[TaskRecord]:
    """The tasks that have a part of their own, most telling first."""
    return sorted(tasks, key=lambda task: task.smooth)[:MOST_TASKS]


def _span(task: TaskRecord) -> float:
    ends = [(each.began, each.ended) for each in task.attempts.values() if each.began]
    return max(end for _, end in ends) - min(begin for begin, _ in ends) if ends else 0.0


def _task(task: TaskRecord, place: int, marks: dict[str, str], *, full: bool) -> str:
    attempts = list(task.attempts.values())
    shown = attempts if len(attempts) <= MOST_ATTEMPTS else [attempts[0], *attempts[1 - MOST_ATTEMPTS :]]
    skipped = len(attempts) - len(shown)
    judged = frozenset(
        text(each.get("name")) for each in map(table, task.criteria) if each.get("type") == "judge"
    )
    columns = "".join(_attempt(each, marks, judged, full=full) for each in shown)
    criteria = criteria_lines(task.criteria)
    head = " · ".join(
        filter(
            None,
            (task.id, counted(len(attempts), "attempt"), f"{task.tokens():,} tokens", seconds(_span(task))),
        )
    )
    asked = f"{len(criteria)} {'criterion' if len(criteria) == 1 else 'criteria'}"
    spec = fold(f"<b>asked for</b> {dim(asked)}", listing(criteria), "plain") if criteria else ""
    missing = (
        paragraph(f"{skipped} attempts between the first and these are not shown.", "note") if skipped else ""
    )
    title = clean(one_line(task.title or task.id, 300))
    return (
        f'<article id="task-{place}"><h3>{badge(task.status)} {title}</h3>'
        f'<p class="dim">{clean(head)}</p>{spec}{missing}<div class="attempts">{columns}</div></article>'
    )


def _attempt(attempt: AttemptRecord, marks: dict[str, str], judged: frozenset[str], *, full: bool) -> str:
    order = attempt.order.body if attempt.order is not None else {}
    generation = f" of generation {attempt.generation}" if attempt.generation > 1 else ""
    took = seconds(max(0.0, attempt.ended - attempt.began))
    parts = [
        f'<h4>{badge(attempt.outcome)} attempt {attempt.number}{clean(generation)}</h4><p class="dim">'
        f"{clean(' · '.join(filter(None, (attempt.worker, took, f'{attempt.tokens():,} tokens'))))}</p>"
    ]
    if order.get("feedback"):
        parts.append(_part("told", paragraph(text(order.get("feedback")), "told")))
    steps = listing(text(step) for step in listed(order.get("plan")))
    parts.append(_part("plan", steps) if steps else "")
    if full and attempt.deeds:
        parts.append(_part("done", _deeds(attempt.deeds)))
    if attempt.report is not None:
        body = attempt.report.body
        inner = block(body.get("result")) + evidence_list(body)
        told = one_line(body.get("result"), 140)
        parts.append(_part("reported", fold(f"<span>{clean(told)}</span>", inner, "said")))
    for verdict in attempt.verdicts:
        parts.append(_part("verdict", findings(verdict.body, marks, judged)))
    if attempt.end is not None and attempt.end.kind != "confirm":
        said = {name: value for name, value in attempt.end.body.items() if name != "kind"}
        parts.append(_part(attempt.end.kind, facts(said)))
    return f'<div class="attempt">{"".join(parts)}</div>'


def _part(title: str, inner: str) -> str:
    return f"<h5>{clean(title)}</h5>{inner}"


def _deeds(deeds: Sequence[Deed]) -> str:
    first, last = deeds, list[Deed]()
    if len(deeds) > MOST_DEEDS:
        cut = MOST_DEEDS // 3
        first, last = deeds[:cut], list(deeds[cut - MOST_DEEDS :])
    rows = [deed_row(deed) for deed in first]
    if last:
        rows.append(paragraph(f"{len(deeds) - MOST_DEEDS:,} more between these are not shown.", "note"))
        rows += [deed_row(deed) for deed in last]
    return f'<div class="deeds">{"".join(rows)}</div>'


def deed_row(deed: Deed) -> str:
    """An answer, a call or an alarm in a line that opens."""
    if isinstance(deed, ModelCall):
        return _model_row(deed)
    return _alarm_row(deed) if isinstance(deed, Raised) else _call_row(deed)


def _model_row(call: ModelCall) -> str:
    tokens = call.prompt_tokens + call.tokens
    said = clean(one_line("; ".join(call.answer.splitlines()), 120))
    spent = tag(call.strategy) if call.strategy else f'<span class="num">{tokens:,} tok</span>'
    summary = (
        f'<span class="what"><b>{clean(call.role)}</b> {said}</span>'
        f'<span class="side">{bar(call.confidence)}{spent}</span>'
    )
    inner = block(call.answer) + facts(
        {
            "confidence": None if call.confidence is None else round(call.confidence, 6),
            "prompt tokens": call.prompt_tokens or None,
            "tokens": call.tokens or None,
            "seconds": round(call.seconds, 4) or None,
            "strategy": call.strategy,
            "row": call.seq,
        }
    )
    return fold(summary, inner, "d model")


def _call_row(call: ToolCall) -> str:
    value = table(table(call.result).get("value"))
    state = badge(call.status) if call.status in ("error", "unknown") else ""
    state = badge("no outcome") if not call.status else state
    repeats = tag(f"again {call.repeats}×") if call.repeats else ""
    side = tag(call.recovery, RECOVERY.get(call.recovery, "")) if not call.checking else tag("look")
    summary = (
        f'<span class="what"><b>{clean(call.tool)}</b> {clean(one_line(call.doing(), 110))} '
        f'<span class="dim">{clean(one_line(came_of(call), 110))}</span></span>'
        f'<span class="side">{state}{repeats}{side}</span>'
    )
    effect = table(table(value.get("result")).get("effect"))
    took = number(table(call.result).get("seconds"))
    inner = facts(
        {
            "arguments": dict(call.args),
            "recovery": f"{call.recovery}: {RECOVERY.get(call.recovery, '')}" if call.recovery else "",
            "outcome": call.status or "none recorded: it was begun and not seen to end",
            "result": value.get("result") if effect else _returned(call),
            "seconds": took,
            "key": call.key,
            "row": call.seq,
        }
    )
    return fold(summary, inner, f"d tool{' bad' if call.status == 'error' else ''}", f"call-{call.seq}")


def _returned(call: ToolCall) -> JsonValue:
    """What a call returned; of one that failed all that is recorded."""
    result = table(call.result)
    return result.get("value") if result.get("ok") is True and "value" in result else call.result


def _alarm_row(alarm: Raised) -> str:
    summary = (
        f'<span class="what"><b>alarm</b> {clean(alarm.kind.replace("_", " "))} '
        f'<span class="dim">{clean(one_line("; ".join(alarm.evidence), 140))}</span></span>'
        f'<span class="side">{badge(alarm.advice)}</span>'
    )
    return fold(summary, listing(alarm.evidence), "d alarm")


def came_of(call: ToolCall) -> str:
    """What came of a call, in a few words."""
    result = table(call.result)
    if call.checking:
        return "by the verifier"
    if text(result.get("error")):
        return f"→ {text(result.get('code'))}: {text(result.get('error'))}"
    value: JsonValue = result.get("value") if "value" in result else call.result
    seen = table(table(value).get("result"))
    if not seen:
        return f"→ {one_line(value)}" if call.status else ""
    new = listed(table(seen.get("effect")).get("new"))
    said = text(seen.get("message")) or (text(new[0]) if new else "")
    return f"→ {text(seen.get('code'))}{': ' + said if said else ''}"

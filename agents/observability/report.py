"""A run as one file of HTML, made from its journal alone: what was said, done, refused, mended and spent.

Needs neither network nor script: the page's policy allows no script at all, so what a model or a web page
said cannot act, whatever it is. Parts open by themselves (`details`), follow the reader's light or dark
setting and fit a phone.

Does not cover: page text and pictures of pages, except where the run was recorded and its traces are still
there; what a running process has not written yet. What is too much for a page is left out, and the page says
so at its end.
"""

from __future__ import annotations

import base64
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ...protocols.journal import Journal, RunInfo
from ...protocols.outcome import PunchItem
from ..acting.recording import RECORDING
from ..events import money_text
from ..reasoning.boxes import clean
from ..reasoning.forest import Forest, traces_of, usage
from ..reasoning.picture import cost_line, draw, end_line
from ..reasoning.trace import Trace
from .attempts import deed_row, task_parts, task_table
from .browsing import POLICY, Recording, browsing, recordings_of
from .edits import edits_table
from .markup import badge, block, counted, dim, facts, fold, grid, listing, paragraph, seconds, section, tone
from .record import ModelCall, Record, Spoken, read_run, reasons_of
from .remembered import memory_rows
from .swimlanes import timeline
from .values import listed, one_line, text

MOST_TREES = 12
"""Trees of thoughts that are drawn."""

MOST_ITEMS = 500
"""Items of the punch list, and alarms, that are shown."""

LARGE = 1_000_000
"""Characters from which on a browser lays out only the parts of the page that are looked at."""

MOST_REASONS = 20
"""Reasons at the head of the page why tasks are not confirmed."""

REMEMBERED = "What was recalled, kept and weighed, with where it is from."
"""Said above what a run did with memory."""

EDITS = (
    "What people added, dropped or changed while the run went on. What a redo took over stands there again."
)
"""Said above the edits of plans."""

FILMED = "The page before each step, with what was chosen outlined. Each opens to what the model read."
"""Said above the recordings."""

Say = Callable[[str], None]
"""Takes a sentence about what is left out."""

SENTENCES = {
    "confirmed": "Every check of every task passed.",
    "unverified": "Not everything passed its checks; what is not confirmed is not to be relied on.",
    "failed": "The machinery broke down.",
    "cancelled": "It was cancelled.",
    "paused": "It was stopped by something that can be mended from outside, and can be resumed.",
    "interrupted": "Its process is gone; nothing that was recorded is lost, and it can be resumed.",
    "running": "It was still going on when this was made.",
}


@dataclass(frozen=True)
class Report:
    """A page and what it does not show.

    Attributes:
        html: The whole file.
        left_out: What was too much for it, a sentence each.
    """

    html: str
    left_out: tuple[str, ...]


def report_of(journal: Journal, info: RunInfo, status: str = "") -> Report:
    """The report of one run of an open journal.

    Args:
        journal: Open; `readonly` will do, also while another process writes.
        info: Which run of it.
        status: How it stands, where that is known better than the journal says.
    """
    record = read_run(journal, info, status)
    traces = [trace for trace in traces_of(journal, info.run) if trace.all_events()]
    record.others.pop(RECORDING, None)
    return page(record, traces, journal.named, recordings_of(journal, info.run))


def save_report(path: Path | str, out: Path | str, run: str | None = None, status: str = "") -> Report:
    """Write the report of a run to a file that only its owner reads, as the journal is.

    Args:
        path: The journal.
        out: The file; what it held before is replaced.
        run: Which run; None: the last.

    Raises:
        LookupError: The journal holds no such run.
        JournalError: It cannot be read.
        OSError: The file cannot be written.
    """
    with Journal.open(path, readonly=True) as journal:
        infos = [info for info in journal.runs() if run in (None, info.run)]
        if not infos:
            raise LookupError(f"{str(path)!r} holds no run {run or 'at all'!r}.")
        made = report_of(journal, infos[-1], status)
    file = Path(out)
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    os.fchmod(handle, 0o600)  # where it was there before
    with open(handle, "w", encoding="utf-8") as opened:
        opened.write(made.html)
    return made


def page(
    record: Record,
    traces: Sequence[Trace] = (),
    source: Path | str = "",
    recordings: Sequence[Recording] = (),
) -> Report:
    """The report of a record.

    Args:
        traces: What was thought in searches.
        source: The journal, as the page names it.
        recordings: What was done in browsers, where that was recorded.
    """
    left_out: list[str] = []
    say = left_out.append
    parts = (
        ("alarms", "Alarms", _alarms(record, say), "What the watch saw, with its evidence."),
        ("punch", "Punch list", _punch_list(record, say), ""),
        ("edits", "Edits of the plan", edits_table(record.edits, record.info.began), EDITS),
        (
            "messages",
            "Messages",
            timeline(record, say),
            "Each opens to what it carries. Seconds since the run began.",
        ),
        ("overview", "Tasks", task_table(record, say), ""),
        ("tasks", "Attempts", task_parts(record, say), ""),
        ("browser", "In the browser", film := browsing(recordings, say), FILMED),
        ("planning", "Planning", _planning(record), "Answers of models that belong to no task."),
        ("thoughts", "Thoughts", _trees(traces, say), "Searches for answers, the best path first."),
        ("lessons", "Lessons", _lessons(record), ""),
        ("memory", "Memory", _memory(record, say), REMEMBERED),
        ("costs", "Where the tokens went", _costs(record), ""),
        ("notes", "What broke down", listing(record.notes), ""),
        ("settings", "Settings", _settings(record), ""),
    )
    body = "".join(section(mark, title, inner, note) for mark, title, inner, note in parts)
    links = "".join(f'<a href="#{mark}">{clean(title)}</a>' for mark, title, inner, _ in parts if inner)
    others = [f"{kind} {amount:,}" for kind, amount in sorted(record.others.items())]
    if others:
        say(f"rows that repeat what is shown, or hold cookies and prompts: {', '.join(others)}")
    style = resources.files(__package__ or "").joinpath("report.css").read_text(encoding="utf-8")
    title = clean(one_line(record.info.goal, 80))
    large = ' class="large"' if len(body) - len(film) > LARGE else ""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{style}</style></head><body{large}>"
        f"<header>{_head(record, source)}</header><nav>{links}<a href='#rest'>Left out</a></nav>{body}"
        f"{section('rest', 'Left out', listing(left_out) or paragraph('Nothing.'))}</body></html>"
    )
    return Report(html, tuple(left_out))


def _head(record: Record, source: Path | str) -> str:
    info, cost = record.info, record.cost
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(info.began))
    last = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.last or info.began))
    done = sum(task.status == "confirmed" for task in record.tasks.values())
    sentence = SENTENCES.get(record.status, "")
    tasks = f"{done} of {counted(len(record.tasks), 'task')} confirmed. " if record.tasks else ""
    reasons = [
        f"{one_line(task.title or task.id)}: {one_line(reason, 400)}"
        for task in record.tasks.values()
        for reason in reasons_of(task)
    ][:MOST_REASONS]
    reasons = [one_line(text(each), 400) for each in listed(record.ended.get("reasons"))][
        :MOST_REASONS
    ] or reasons
    tiles = {
        "tokens": f"{cost.tokens:,}",
        "model calls": f"{cost.model_calls:,}",
        "tool calls": f"{cost.tool_calls:,}",
        "steps": f"{cost.steps:,}",
        "redos": f"{cost.redos:,}",
        "time": seconds(cost.seconds),
        **({"money": money_text(cost.money)} if cost.money else {}),
    }
    if record.sittings > 1:
        tiles["sittings"] = str(record.sittings)
    shown = "".join(
        f'<div class="tile"><b>{value}</b><span>{name}</span></div>' for name, value in tiles.items()
    )
    return (
        f'<p class="kicker">Punchlist · report of a run · {clean(info.run)}</p>'
        f"<h1>{clean(info.goal[:4000])}</h1>"
        f'<p class="said-so {tone(record.status)}">{badge(record.status)} {clean(tasks + sentence)}</p>'
        f'{listing(reasons)}<div class="tiles">{shown}</div><p class="dim">Began {began}, last row {last}, '
        f"{counted(record.rows, 'row')}{f' of {clean(str(source))}' if source else ''}.</p>"
    )


def _punch_list(record: Record, say: Say) -> str:
    items = record.punch_list()
    if not record.tasks:
        return ""
    if not items:
        ended = record.status in ("confirmed", "unverified", "failed", "cancelled")
        return paragraph(f"Empty: nothing failed {'on the way' if ended else 'so far'}.")
    if len(items) > MOST_ITEMS:
        say(f"{len(items) - MOST_ITEMS:,} of {len(items):,} items of the punch list, mended ones first")
        items = sorted(items, key=lambda item: bool(item.mended))[:MOST_ITEMS]
    redone = {
        (task.title or task.id, attempt.number): attempt.order
        for task in record.tasks.values()
        for attempt in task.attempts.values()
    }
    return "".join(_punch_item(item, redone.get((item.task, item.attempt + 1))) for item in items)


def _punch_item(item: PunchItem, redo: Spoken | None) -> str:
    """One item, with what the attempt after it was told to do."""
    steps = listed(redo.body.get("plan")) if redo is not None else []
    plan = "; ".join(one_line(step) for step in steps)
    how = f"{item.mended}{f', by: {plan}' if plan else ''}" if item.mended else "not mended"
    criterion = f"<b>{clean(one_line(item.criterion, 300))}</b>: " if item.criterion else ""
    where = dim(f"{one_line(item.task)}, attempt {item.attempt} → {how}")
    kind = "good" if item.mended else "bad"
    why = clean(one_line(item.why or "it does not pass", 600))
    return f'<div class="item {kind}">{criterion}{why}<br>{where}</div>'


def _alarms(record: Record, say: Say) -> str:
    if len(record.alarms) > MOST_ITEMS:
        say(f"{len(record.alarms) - MOST_ITEMS:,} of {len(record.alarms):,} alarms, the earliest")
    rows: list[str] = []
    for alarm in record.alarms[-MOST_ITEMS:]:
        when = f"{max(0.0, alarm.at - record.info.began):.1f} s"
        where = " · ".join(
            filter(None, (alarm.task, f"attempt {alarm.attempt}" if alarm.attempt else "", when))
        )
        again = f", raised {alarm.times} times" if alarm.times > 1 else ""
        summary = f"{badge(alarm.advice)} <b>{clean(alarm.kind.replace('_', ' '))}</b> {dim(where + again)}"
        rows.append(fold(summary, listing(alarm.evidence), "item doubt"))
    return "".join(rows)


def _planning(record: Record) -> str:
    rows = "".join(deed_row(deed) for deed in record.planning[:200])
    plan = f"<h5>plan</h5>{block(record.plan)}" if record.plan else ""
    return f'<div class="card"><div class="deeds">{rows}</div>{plan}</div>' if rows or plan else ""


def _trees(traces: Sequence[Trace], say: Say) -> str:
    drawn: list[str] = []
    for trace in traces[:MOST_TREES]:
        forest, answers = Forest.of(trace.all_events()), list(trace.answers())
        picture = draw(forest, answers=answers)
        whole = forest.outermost
        name = trace.task.partition("#")[0]
        title = f"{name or 'the goal'}{f', attempt {trace.attempt}' if trace.attempt else ''}"
        end = end_line(whole) if whole is not None else "notes only"
        held = base64.b64encode(picture.svg.encode("utf-8", "replace")).decode()
        inner = (
            f"{dim(cost_line(usage(answers)))}<div class='tree'>"
            f'<img alt="{clean(one_line(title))}" width="{picture.width:.0f}" height="{picture.height:.0f}" '
            f'src="data:image/svg+xml;base64,{held}"></div>'
            f"{paragraph('`punchlist journal tree` draws it with all details of every thought.', 'dim')}"
        )
        summary = f"<b>{clean(one_line(title))}</b> {dim(one_line(end, 300))}"
        drawn.append(fold(summary, inner, "item", opened=len(traces) == 1))
    if len(traces) > MOST_TREES:
        say(
            f"{len(traces) - MOST_TREES:,} of {len(traces):,} trees of thoughts; "
            "`punchlist journal tree` shows all"
        )
    return "".join(drawn)


def _lessons(record: Record) -> str:
    rows: list[str] = []
    for task in record.tasks.values():
        proven = "proven by its confirm" if task.status == "confirmed" else "not proven: it is not confirmed"
        where = dim(f"{one_line(task.title or task.id)}, {proven}")
        rows += [f'<div class="item">{clean(one_line(each, 600))}<br>{where}</div>' for each in task.lessons]
    return "".join(rows[:MOST_ITEMS])


def _memory(record: Record, say: Say) -> str:
    if len(record.memory) > MOST_ITEMS:
        say(f"{len(record.memory) - MOST_ITEMS:,} of {len(record.memory):,} rows about memory, the last ones")
    return memory_rows(record.memory, record.info.began, MOST_ITEMS)


def _costs(record: Record) -> str:
    """Answers, tokens and time by role."""
    answers: Counter[str] = Counter()
    read: Counter[str] = Counter()
    written: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    every = [
        *record.planning,
        *(d for t in record.tasks.values() for a in t.attempts.values() for d in a.deeds),
    ]
    for call in every:
        if isinstance(call, ModelCall):
            answers[call.role] += 1
            read[call.role] += call.prompt_tokens
            written[call.role] += call.tokens
            spent[call.role] += round(call.seconds * 1000)
    rows = [
        (clean(role), f"{number:,}", f"{read[role]:,}", f"{written[role]:,}", seconds(spent[role] / 1000))
        for role, number in answers.most_common()
    ]
    thoughts = sum(task.thoughts for task in record.tasks.values())
    if thoughts:
        rows.append(("strategies' thoughts", "", "", f"{thoughts:,}", ""))
    return (
        grid(("role", "answers", "tokens read", "tokens written", "model time"), rows, "roles")
        if rows
        else ""
    )


def _settings(record: Record) -> str:
    told = {key: value for key, value in record.info.settings.items() if key != "pid"}
    return f'<div class="card">{facts(told)}</div>' if told else ""

"""Traces of a run's attempts as markup: each step with the page before it, what was chosen outlined.

The outline is drawn over the picture, by this page; the page that was browsed was not changed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ...protocols.journal import Journal
from ...tools.browser.trace import Box, Trace, TraceStep, TraceUnreadable
from ..acting.recording import RECORDING
from ..reasoning.boxes import clean
from .markup import badge, block, counted, dim, facts, fold, paragraph, section
from .values import one_line, table, text

MOST_BYTES = 16_000_000
"""Bytes of pictures in one page; the pictures of later steps are left out."""

MOST_STEPS = 300
"""Steps of one page."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The content security policy of pages here: nothing runs, nothing is fetched."""


@dataclass(frozen=True)
class Recording:
    """The trace of one attempt.

    Attributes:
        problem: Why it is not whole, or not there.
    """

    task: str
    attempt: int
    folder: Path
    trace: Trace | None
    problem: str = ""


def recordings_of(journal: Journal, run: str) -> list[Recording]:
    """The traces that a run left, as far as their folders are still there.

    A folder that is gone is looked for beside the journal, so that a run may be moved with its traces.
    """
    found: dict[str, Recording] = {}
    for row in journal.rows(run, kinds=(RECORDING,)):
        body = table(row.body)
        if not text(body.get("folder")):  # pruned
            continue
        folder, problem = Path(text(body.get("folder"))), text(body.get("problem"))
        beside = Path(str(journal.named)).with_suffix(".traces") / folder.parent.name / folder.name
        try:
            trace = Trace.load(folder if folder.exists() else beside)
        except TraceUnreadable as error:
            trace, problem = None, problem or error.why
        found[str(folder)] = Recording(row.task, row.attempt, folder, trace, problem)
    return list(found.values())


def browsing(recordings: Sequence[Recording], say: Callable[[str], None]) -> str:
    """The recordings one after another."""
    room = _Room(MOST_BYTES, MOST_STEPS)
    parts = [_recording(each, room) for each in recordings]
    if room.pictures_left_out:
        say(f"{counted(room.pictures_left_out, 'picture')} of pages; they are in the folders of the traces")
    if room.steps_left_out:
        say(f"{counted(room.steps_left_out, 'step')} in the browser; `punchlist trace show` shows them")
    return "".join(parts)


def trace_page(trace: Trace) -> str:
    """A page about one trace, without network and scripts."""
    style = resources.files(__package__ or "").joinpath("report.css").read_text(encoding="utf-8")
    left_out: list[str] = []
    inner = browsing([Recording("", 0, trace.folder or Path(), trace)], left_out.append)
    title = clean(one_line(trace.head.about or trace.head.url, 80))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{style}</style></head><body>"
        f'<header><p class="kicker">Punchlist · trace of a browser task</p><h1>{title}</h1></header>'
        f"{section('browser', 'In the browser', inner)}"
        f"{section('rest', 'Left out', ''.join(map(paragraph, left_out)))}</body></html>"
    )


@dataclass
class _Room:
    """What still fits on the page, and what did not."""

    bytes: int
    steps: int
    pictures_left_out: int = 0
    steps_left_out: int = 0


def _recording(recording: Recording, room: _Room) -> str:
    trace = recording.trace
    where = f"{recording.task}, attempt {recording.attempt}" if recording.task else ""
    if trace is None:
        why = f"{recording.folder}: {recording.problem}"
        return f"<article><h3>{clean(where)}</h3>{paragraph(why, 'why')}</article>"
    shown = trace.steps[: max(0, room.steps)]
    room.steps -= len(shown)
    room.steps_left_out += len(trace.steps) - len(shown)
    steps = "".join(_step(trace, number, step, room) for number, step in enumerate(shown, 1))
    about = " · ".join(
        filter(
            None, (counted(len(trace.steps), "step"), trace.head.url, "cut by a kill" if trace.cut else "")
        )
    )
    title = " · ".join(filter(None, (where, one_line(trace.head.about, 200))))
    problem = paragraph(recording.problem, "why")
    return (
        f'<article><h3>{clean(title)}</h3><p class="dim">{clean(about)}</p>{problem}'
        f'<div class="film">{steps}</div></article>'
    )


def _step(trace: Trace, number: int, step: TraceStep, room: _Room) -> str:
    picture = trace.picture(step)
    if picture is not None and len(picture) > room.bytes:
        picture = None
        room.pictures_left_out += 1
    room.bytes -= len(picture or b"")
    effect = step.result.effect
    inner = facts(
        {
            "page": step.url,
            "element": f"{step.target.role} {step.target.name}" if step.target else "",
            "row": " | ".join(step.target.row) if step.target else "",
            "message": step.result.message,
            "appeared": "\n".join(effect.new),
            "gone": "\n".join(effect.gone),
            "holds": effect.value_after,
            "dialog": effect.dialog.message if effect.dialog else "",
            "led to": step.after if effect.url_changed else "",
            "ms": effect.ms,
        }
    )
    said = step.result.line()
    state = "" if step.result.ok else badge(step.result.code)
    caption = f"<b>{number}</b> {clean(one_line(step.words(), 120))} {dim(f'→ {one_line(said, 90)}')} {state}"
    drawn = "" if picture is None else _picture(picture, step, trace.head.window)
    kind = "" if step.result.ok else ' class="bad"'
    return f"<figure{kind}>{drawn}{fold(caption, inner + block(step.view), 'plain')}</figure>"


def _picture(picture: bytes, step: TraceStep, window: tuple[int, int]) -> str:
    outlines = "".join(
        _outline(each.box, window) for each in (step.target, step.to) if each is not None and each.box
    )
    data = base64.b64encode(picture).decode()
    alt = clean(one_line(f"the page before: {step.words()}", 200))
    drawn = f'<img alt="{alt}" decoding="async" src="data:image/png;base64,{data}">'
    return f'<div class="pic">{drawn}{outlines}</div>'


def _outline(box: Box, window: tuple[int, int]) -> str:
    """A frame over the part of the picture where the element is; nothing where it was outside of it."""
    (left, top, width, height), (wide, high) = box, window
    right, bottom = min(left + width, wide), min(top + height, high)
    left, top = max(left, 0.0), max(top, 0.0)
    if wide < 1 or high < 1 or right <= left or bottom <= top:
        return ""
    place = (left / wide, top / high, (right - left) / wide, (bottom - top) / high)
    sides = ("left", "top", "width", "height")
    style = ";".join(f"{side}:{100 * share:.2f}%" for side, share in zip(sides, place, strict=True))
    return f'<i style="{style}"></i>'

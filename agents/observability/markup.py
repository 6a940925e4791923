"""What the report's HTML is made of. Every text from a run goes through `clean`: it is shown, never obeyed.

Functions whose name says what they make return markup; arguments named `inner` or `summary` are markup
already, all others are plain text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from ..reasoning.boxes import clean
from .values import LONGEST, clipped, shown

GOOD = ("confirmed", "pass", "ok")
BAD = ("failed", "fail", "error", "refused", "declined", "stop", "unverified")
DOUBTFUL = (
    "interrupted", "paused", "cancelled", "unknown", "cannot_check", "nudge", "redo", "escalate", "open",
)  # fmt: skip
"""Words and the colour that they are shown in."""


def tone(word: str) -> str:
    """The class of a word: `good`, `bad`, `doubt` or "" for neither."""
    return "good" if word in GOOD else "bad" if word in BAD else "doubt" if word in DOUBTFUL else ""


def badge(word: str) -> str:
    """A word in a pill of its colour."""
    return f'<span class="badge {tone(word)}">{clean(word.replace("_", " "))}</span>'


def tag(word: str, title: str = "") -> str:
    """A word in a grey frame."""
    said = f' title="{clean(title)}"' if title else ""
    return f'<span class="tag"{said}>{clean(word)}</span>'


def dim(words: str) -> str:
    """Grey text."""
    return f'<span class="dim">{clean(words)}</span>' if words else ""


def paragraph(words: str, kind: str = "") -> str:
    """A paragraph that keeps its line breaks."""
    return f'<p class="{kind}">{clean(clipped(words, LONGEST))}</p>' if words else ""


def block(value: object) -> str:
    """Any value, whole up to a limit, in a fixed font."""
    return f"<pre>{clean(shown(value))}</pre>"


def fold(summary: str, inner: str, kind: str = "", mark: str = "", *, opened: bool = False) -> str:
    """Something that opens on a click, without a script. Where there is nothing inside, the summary alone."""
    name = f' id="{mark}"' if mark else ""
    if not inner:
        return f'<div class="{kind} leaf"{name}>{summary}</div>'
    state = " open" if opened else ""
    head = f'<details class="{kind}"{name}{state}><summary>{summary}</summary>'
    return f'{head}<div class="in">{inner}</div></details>'


def bar(value: float | None, title: str = "confidence") -> str:
    """A share from 0 to 1 as a bar with its number."""
    if value is None:
        return ""
    share = min(1.0, max(0.0, value))
    level = "high" if share >= 0.9 else "mid" if share >= 0.7 else "low"
    filled = f'<i style="width:{share * 100:.0f}%"></i>'
    drawn = f'<span class="bar {level}" title="{clean(title)} {value:.4f}">{filled}</span>'
    return f'{drawn}<span class="num">{value:.2f}</span>'


def facts(pairs: Mapping[str, JsonValue]) -> str:
    """Names and values; empty values are left out."""
    rows = [
        f"<dt>{clean(str(name)[:200])}</dt><dd>{clean(shown(value))}</dd>"
        for name, value in pairs.items()
        if value not in (None, "", [], {})
    ]
    return f"<dl>{''.join(rows)}</dl>" if rows else ""


def listing(items: Iterable[str], kind: str = "") -> str:
    """Plain texts as an ordered list."""
    rows = "".join(f"<li>{clean(clipped(item, LONGEST))}</li>" for item in items)
    return f'<ol class="{kind}">{rows}</ol>' if rows else ""


def grid(heads: Iterable[str], rows: Iterable[Iterable[str]], kind: str = "") -> str:
    """A table; heads are plain text, cells are markup."""
    top = "".join(f"<th>{clean(head)}</th>" for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    inner = f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide"><table class="{kind}">{inner}</table></div>'


def section(mark: str, title: str, inner: str, note: str = "") -> str:
    """A part of the page; nothing where it has nothing inside."""
    if not inner:
        return ""
    return f'<section id="{mark}"><h2>{clean(title)}</h2>{paragraph(note, "note")}{inner}</section>'


def seconds(value: float) -> str:
    """A duration for a person."""
    if value < 100:
        return f"{value:.1f} s"
    minutes, rest = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def counted(amount: int, one: str) -> str:
    """A number with its noun."""
    return f"{amount:,} {one if amount == 1 else one + 's'}"

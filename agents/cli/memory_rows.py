"""Records of a memory as rows of text for a terminal: tables, one record in full, the parts of a score."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ...memory import Recalled, Record
from ..reasoning.boxes import visible
from .memory_opening import Ids, owner_of, plural

PIPE_WIDTH = 160
"""Columns where the output is no terminal."""

LONGEST = 300
"""Characters of a record in a table; `show` prints all of it."""

BAR = 24
"""Cells of the longest bar."""

LABEL = 12
"""Cells of what stands before a line about a record."""


def width() -> int:
    """Columns to print in."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH


def show(*rows: RenderableType) -> None:
    """Print rows, wrapped to the terminal's width."""
    console = Console(width=width(), highlight=False, emoji=False)
    for row in rows:
        console.print(row)


def found_table(found: Sequence[Recalled], ids: Ids) -> Table:
    """What answers a question, best first."""
    table = _table("", "score", "when", "who", "text", "id")
    for rank, each in enumerate(found, 1):
        record = each.record
        table.add_row(str(rank), f"{each.score:.2f}", when(record), owner_of(record.scope),
                      words(record), Text(ids.short(record.id), "cyan"))  # fmt: skip
    return table


def record_table(records: Sequence[Record], ids: Ids) -> Table:
    """Records in the order given."""
    table = _table("when", "who", "text", "id")
    for record in records:
        table.add_row(when(record), owner_of(record.scope), words(record), Text(ids.short(record.id), "cyan"))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    for name in columns:
        wraps = name in ("text", "who")
        table.add_column(
            name, no_wrap=not wraps, overflow="fold", ratio=1 if name == "text" else None,
            justify="right" if name in ("", "score") else "left", max_width=18 if name == "who" else None,
        )  # fmt: skip
    return table


def when(record: Record) -> str:
    """The day on which it happened, or else was learned, in UTC."""
    return day(record.happened or record.learned)


def day(moment: datetime) -> str:
    """A day in UTC."""
    return moment.astimezone(UTC).date().isoformat()


def minute(moment: datetime) -> str:
    """A moment in UTC."""
    return f"{day(moment)} {moment.astimezone(UTC):%H:%M} UTC"


def words(record: Record) -> Text:
    """Kind, speaker, words, and what one must know before believing them."""
    flat = " ".join(visible(record.text).split())
    text = Text.assemble((f"{record.kind}  ", "bright_black"))
    if record.speaker:
        text.append(f"{visible(record.speaker)}: ", "bold")
    text.append(flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1].rstrip()}…")
    if cautions := list(_cautions(record)):
        text.append(f"  ({', '.join(cautions)})", "yellow")
    return text


def named(record: Record, ids: Ids) -> Text:
    """A record in a row, its short id first."""
    return Text.assemble((f"{ids.short(record.id)}  ", "cyan"), words(record))


def _cautions(record: Record) -> Iterator[str]:
    if record.trust == "untrusted":
        yield "untrusted"
    if record.stance == "implicit":
        yield f"seen in {len(record.provenance.sources)}"
    if record.standing in ("failed", "unverified"):
        yield record.standing
    if record.seen > 1:
        yield f"said {record.seen} times"
    if record.closed is not None:
        yield f"{'retracted' if _is_retracted(record) else 'corrected'} {day(record.closed)}"
    elif record.valid_until is not None:
        yield f"until {day(record.valid_until)}"


def _is_retracted(record: Record) -> bool:
    """Whether somebody took a closed record back, perhaps before what was to take its place holds."""
    return bool(record.reason) or record.superseded_by is None


def explained(rank: int, each: Recalled, ids: Ids, most: float) -> Iterator[RenderableType]:
    """A record with its score and a bar for each part of it.

    Args:
        most: The largest part of any score, which gets the longest bar.
    """
    record = each.record
    head = Text(f"{rank:>2}  ", "bold").append(f"{each.score:.3f}", "bold green")
    head.append(f"  {when(record)}  {owner_of(record.scope)}  ").append(ids.short(record.id), "cyan")
    yield head
    yield indented(words(record))
    filled = "#" if (sys.stdout.encoding or "").lower().replace("-", "") != "utf8" else "█"
    for name, value in sorted(each.why.parts.items(), key=lambda part: -abs(part[1])):
        if abs(value) < 0.0005:
            continue
        bar = filled * max(1, round(BAR * abs(value) / most)) if most else ""
        yield Text(f"    {name:<15} {value:6.3f}  ").append(bar, "blue" if value > 0 else "red")
    yield Text(f"    {'sum':<15} {sum(each.why.parts.values()):6.3f}  ").append(
        f"strength {each.why.strength:.2f}, cosine {each.why.cosine:.2f}, bm25 {each.why.bm25:.2f}",
        "bright_black",
    )


def indented(text: Text, by: int = 4) -> RenderableType:
    """A text that keeps its indent where it wraps."""
    return Padding.indent(text, by)


def whole(record: Record, mark: str = "") -> Iterator[RenderableType]:
    """Everything that a record says of itself, its words first and `mark` behind them."""
    yield Text.assemble((visible_lines(record.text), "bold"), (mark, "bright_black"))
    for name, told in facts(record):
        yield line(name, told)


def bytes_of(size: int) -> str:
    """A size for a person."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"


def line(name: str, told: str | Text) -> RenderableType:
    """One thing about a record, with its label."""
    row = Table.grid(padding=(0, 1))
    row.add_column(width=LABEL, style="bright_black")
    row.add_column(ratio=1, overflow="fold")
    row.add_row(name, Text(told) if isinstance(told, str) else told)
    return row


def visible_lines(text: str) -> str:
    """A text of several lines, without anything that acts on a terminal."""
    return "\n".join(visible(each) for each in text.splitlines())


def facts(record: Record) -> Iterator[tuple[str, str]]:
    """Each thing that a record says of itself, with its name."""
    origin = record.provenance
    kind = record.kind if record.stance is None else f"{record.kind} ({record.stance})"
    yield "id", visible(record.id)
    yield "kind", f"{kind}, {record.trust}, {record.standing}"
    about = f", about {record.scope.key}" if record.scope.key else ""
    yield "whose", visible(f"{owner_of(record.scope)}{about}")
    if record.speaker or record.session:
        yield "said", visible(", ".join(filter(None, (
            f"by {record.speaker}" if record.speaker else "",
            f"in {record.session}" if record.session else "",
        ))))  # fmt: skip
    if record.happened is not None:
        yield "happened", minute(record.happened)
    yield "learned", f"{minute(record.learned)}, {plural(record.seen, 'time')}"
    where = ", ".join(filter(None, (
        f"by a {origin.by}", f"from {origin.origin}" if origin.origin else "",
        f"run {origin.run}" if origin.run else "", f"task {origin.task}" if origin.task else "",
        f"check {origin.check}" if origin.check else "",
    )))  # fmt: skip
    yield "written", visible(where)
    yield "weighs", f"importance {record.importance:.2f}, confidence {record.confidence:.2f}"
    if record.valid_from is not None or record.valid_until is not None:
        since = f"from {minute(record.valid_from)} " if record.valid_from is not None else ""
        yield "holds", f"{since}{f'until {minute(record.valid_until)}' if record.valid_until else ''}".strip()
    if record.closed is not None:
        became = "retracted" if _is_retracted(record) else f"superseded by {record.superseded_by}"
        reason = f": {record.reason}" if record.reason else ""
        yield "closed", visible(f"{minute(record.closed)}, {became}{reason}")

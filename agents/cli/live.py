"""The live view: goal, punch list, messages, the page that a worker looks at, what the model thinks.

One picture is drawn from a `Board` at a time; nothing here decides anything. It is drawn a few times a second
on the terminal's alternate screen, so that the shell's history stays as it was.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Self

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from ...tools.browser.view import View
from ..events import Event
from .board import Board, Doing, Moment, TaskLine, count

SMALLEST = (80, 24)
"""Columns and rows that the view needs; a smaller terminal gets plain lines."""

PICTURE = (120, 38)
"""Columns and rows of a saved picture."""

MARKS = {
    "not_done": ("☐", "dim"),
    "assigned": ("▶", "yellow"),
    "working": ("▶", "yellow"),
    "verifying": ("◆", "cyan"),
    "waiting": ("▷", "magenta"),
    "disposing": ("▷", "magenta"),
    "confirmed": ("☑", "bold green"),
    "unverified": ("☒", "bold red"),
    "failed": ("☒", "bold red"),
    "cancelled": ("☒", "red"),
}
KIND_STYLES = {
    "confirm": "bold green",
    "verdict": "cyan",
    "verify": "cyan",
    "redo": "bold yellow",
    "assign": "blue",
    "report": "blue",
    "recall": "magenta",
    "learn": "magenta",
}
NUMBERED = re.compile(r"\[\d+\] (\w+)")
PAPER = TerminalTheme(
    (24, 26, 31),
    (214, 218, 224),
    [
        (59, 63, 71),
        (229, 104, 104),
        (129, 199, 132),
        (229, 192, 123),
        (97, 160, 239),
        (198, 140, 221),
        (86, 182, 194),
        (200, 204, 210),
    ],
    [
        (110, 116, 126),
        (255, 130, 130),
        (152, 221, 155),
        (245, 211, 146),
        (127, 184, 255),
        (216, 166, 236),
        (112, 206, 217),
        (255, 255, 255),
    ],
)
"""Colours of a saved picture."""


class Rows:
    """Lines that take the room there is: the last ones, or with `top` the first, each cut to the width."""

    def __init__(self, rows: Sequence[Text], *, top: bool = False) -> None:
        self._rows, self._top = rows, top

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = max(1, options.height or options.max_height)
        rows = self._rows[:room] if self._top else self._rows[-room:]
        if self._top and len(self._rows) > room:
            rows = [*rows[:-1], Text(f"… {len(self._rows) - room + 1} more lines", "dim")]
        for row in rows:
            line = row.copy()
            line.truncate(options.max_width, overflow="ellipsis")
            yield line


def picture(board: Board, now: float | None = None) -> Layout:
    """The board as one layout.

    Args:
        now: Seconds since 1970, for the clock; None: now.
    """
    elapsed = max(0.0, (time.time() if now is None else now) - board.began)
    tasks = [line for task in board.tasks.values() for line in _task_rows(task)]
    tasks = tasks or [Text("the model reads the goal …", "dim")]
    messages = [_moment(each) for each in board.timeline if each.kind not in ("act", "end")]
    whole = Layout()
    whole.split_column(
        Layout(_header(board, elapsed), size=4),
        Layout(name="middle"),
        Layout(_footer(board, elapsed), size=1),
    )
    whole["middle"].split_row(Layout(name="left", ratio=11), Layout(name="right", ratio=10))
    whole["left"].split_column(
        Layout(_panel("punch list", Rows(tasks)), size=min(len(tasks) + 2, 12)),
        Layout(_panel("messages", Rows(messages))),
    )
    page = f"page of {board.viewer}" if board.viewer else "page"
    whole["right"].split_column(
        Layout(_panel(page, Rows(_page(board.view), top=True)), ratio=3),
        Layout(
            _panel("thinks and does", Rows([_doing(each) for each in board.doings])), ratio=2, minimum_size=5
        ),
    )
    return whole


def _panel(title: str, inside: Rows) -> Panel:
    return Panel(
        inside,
        title=f"[bold default]{title}[/]",
        title_align="left",
        box=box.ROUNDED,
        border_style="bright_black",
        padding=(0, 1),
    )


def _header(board: Board, elapsed: float) -> Panel:
    total = len(board.tasks)
    done = f"{board.confirmed()} of {total} confirmed" if total else "planning"
    style = {"confirmed": "bold green", "unverified": "bold yellow", "failed": "bold red"}.get(
        board.outcome, "bold"
    )
    state = f"{board.outcome or done}  {_clock(elapsed)}"
    return Panel(
        Text(board.goal, overflow="ellipsis"),
        title="[bold default]Punchlist[/]",
        title_align="left",
        subtitle=f"[{style}]{state}[/]",
        subtitle_align="right",
        box=box.ROUNDED,
        border_style="bright_black",
        padding=(0, 1),
    )


def _footer(board: Board, elapsed: float) -> Table:
    row = Table.grid(expand=True)
    row.add_column(no_wrap=True, overflow="ellipsis")
    row.add_column(justify="right", no_wrap=True)
    row.add_column(width=1)
    parts = [
        count(board.prompt_tokens + board.answer_tokens, "token"),
        f"{board.tokens_per_second:.0f} tokens/s",
        count(board.model_calls, "model call"),
        count(board.steps, "step"),
        count(board.redos, "redo"),
    ]
    asked = next(iter(board.waiting.values()), "")
    row.add_row(
        Text(f"  waits for you: {asked}", "bold yellow")
        if asked
        else Text("  " + " · ".join(parts), "bright_black"),
        Text("Ctrl-C stops", "bright_black"),
        "",
    )
    return row


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02}:{int(seconds) % 60:02}"


def _task_rows(task: TaskLine) -> list[Text]:
    mark, style = MARKS.get(task.status, ("☐", "dim"))
    plain = "dim" if task.status == "not_done" else ""
    row = Text.assemble((f"{mark} ", style), (task.title, plain))
    if task.status not in ("not_done", "confirmed"):
        row.append(f"  {task.status}", style)
    if task.attempt > 1:
        row.append(f"  attempt {task.attempt}", "yellow")
    mended = task.status == "confirmed"
    return [
        row,
        *(
            Text.assemble(("  ↻ ", "yellow"), (flaw, "dim strike" if mended else "yellow"))
            for flaw in task.flaws
        ),
    ]


def _moment(moment: Moment) -> Text:
    clock = time.strftime("%H:%M:%S", time.localtime(moment.at))
    style = KIND_STYLES.get(moment.kind, "red" if moment.good is False else "")
    text = {"redo": "yellow"}.get(
        moment.kind, "red" if moment.good is False else "green" if moment.good else ""
    )
    return Text.assemble(
        (f"{clock} ", "bright_black"),
        (f"{moment.task or 'all':<9} ", "bright_black"),
        (f"{moment.kind:<8}", style),
        (moment.text, text),
    )


def _page(view: View | None) -> list[Text]:
    if view is None:
        return [Text("no page yet", "dim")]
    head, *body = view.text().splitlines()
    rows = [Text(head, "bold")]
    for line in body:
        row = Text(line)
        row.highlight_regex(r"\[\d+\]", Style(color="cyan", bold=True))
        row.highlight_regex(
            r"(?<=\] )(?:link|button|textbox|searchbox|number|date|select|checkbox|radio|tab|other)\b",
            Style(dim=True),
        )
        rows.append(row)
    return rows


def _doing(doing: Doing) -> Text:
    if not doing.role:
        return Text("        " + doing.text, "" if doing.good else "red")
    row = Text.assemble((f"{doing.role:<8}", "magenta"), doing.text)
    if doing.confidence is not None:
        row.append(f"  {doing.confidence:.0%}", "green" if doing.confidence > 0.9 else "yellow")
    return row


def fits() -> bool:
    """Whether stdout is a terminal on which the view can be drawn."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "") in ("", "dumb"):
        return False
    size = os.get_terminal_size(sys.stdout.fileno())
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return unicode and size.columns >= SMALLEST[0] and size.lines >= SMALLEST[1]


class LiveView:
    """Draws the board on the terminal until it is left; then the screen is as it was before."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._live = Live(console=Console(), screen=True, auto_refresh=False)

    def take(self, event: Event) -> None:
        """Apply an event; the next `draw` shows it."""
        self._board.take(event)

    def draw(self) -> None:
        """Draw the board as it is now."""
        self._live.update(picture(self._board), refresh=True)

    def __enter__(self) -> Self:
        self._live.start()
        self.draw()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()


def save_picture(board: Board, path: Path) -> None:
    """Write the view as an SVG picture that needs nothing from the network.

    Raises:
        OSError: The file cannot be written.
    """
    ended = max((moment.at for moment in board.timeline), default=board.began)
    console = Console(
        width=PICTURE[0],
        height=PICTURE[1],
        record=True,
        file=StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    console.print(picture(board, ended), height=PICTURE[1])
    svg = console.export_svg(title="punchlist run", theme=PAPER)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # fonts that would be fetched
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg, encoding="utf-8", errors="replace")

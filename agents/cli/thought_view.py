"""The live view of thinking: the question, the searches and trials so far, the tree that grows."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Self

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ...protocols.outcome import Cost
from ..reasoning.forest import Forest, Grown
from ..reasoning.picture import cost_line
from ..reasoning.thinking import Thinking
from ..reasoning.trace import TraceEvent
from .live import Rows
from .thought_rows import closing, notes, one_line, rows


@dataclass
class Pondered:
    """What is shown of thinking while it goes on.

    Attributes:
        asked: The question.
        how: Strategy and model, in words.
        door: What is asked through; None before it begins.
    """

    asked: str
    how: str
    forest: Forest = field(default_factory=Forest)
    door: Thinking | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def cost(self) -> Cost:
        """Tokens and calls so far, those on record included."""
        return Cost() if self.door is None else self.door.budget.total()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.began


class TreeRows:
    """The tree of a search in the rows that there are."""

    def __init__(self, search: Grown) -> None:
        self._search = search

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = max(1, options.height or options.max_height)
        drawn = list(rows(self._search, room // 2))[: room - 1]
        yield from Rows([*drawn, closing(self._search)], top=True).__rich_console__(console, options)


def picture(pondered: Pondered) -> Layout:
    """All of it as one layout."""
    grown = [search for search in pondered.forest if search.name]
    whole = Layout()
    whole.split_column(
        Layout(_head(pondered), size=4), Layout(name="middle"), Layout(_foot(pondered), size=1)
    )
    current = grown[-1] if grown else None
    tree = TreeRows(current) if current is not None else Rows([Text("the model is asked …", "dim")])
    title = (current.title or current.name) if current is not None else "thoughts"
    told = [row for search in pondered.forest for row in (_line(search), *notes(search))]
    parts = [Layout(_panel(title, tree), ratio=3)]
    if len(grown) > 1 or any(search.notes for search in pondered.forest):
        parts.append(Layout(_panel("searches and notes", Rows(told)), size=min(12, len(told) + 2)))
    whole["middle"].split_column(*parts)
    return whole


def _line(search: Grown) -> Text:
    row = Text(f"{one_line(search.title or search.name or 'notes')}  ", "bold")
    return row.append_text(closing(search))


def _panel(title: str, inside: Rows | TreeRows) -> Panel:
    return Panel(
        inside,
        title=Text(one_line(title, 60), "bold default"),
        title_align="left",
        box=box.ROUNDED,
        border_style="bright_black",
        padding=(0, 1),
    )


def _head(pondered: Pondered) -> Panel:
    return Panel(
        Text(one_line(pondered.asked), overflow="ellipsis"),
        title="[bold default]Punchlist thinks[/]",
        title_align="left",
        subtitle=Text(one_line(pondered.how, 100), "bold"),
        subtitle_align="right",
        box=box.ROUNDED,
        border_style="bright_black",
        padding=(0, 1),
    )


def _foot(pondered: Pondered) -> Table:
    row = Table.grid(expand=True)
    row.add_column(no_wrap=True, overflow="ellipsis")
    row.add_column(justify="right", no_wrap=True)
    row.add_row(
        Text(f"  {cost_line(pondered.cost)}, {pondered.seconds:.0f} s", "bright_black"),
        Text("Ctrl-C gives the best so far ", "bright_black"),
    )
    return row


class LiveThoughts:
    """Draws what is thought on the terminal until it is left; then the screen is as it was before."""

    def __init__(self, pondered: Pondered) -> None:
        self._pondered = pondered
        self._live = Live(console=Console(), screen=True, auto_refresh=False)

    def take(self, event: TraceEvent) -> None:
        """Nothing: the next `draw` shows it."""

    def draw(self) -> None:
        """Draw it as it is now."""
        self._live.update(picture(self._pondered), refresh=True)

    def __enter__(self) -> Self:
        self._live.start()
        self.draw()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

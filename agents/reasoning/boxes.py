"""Where the boxes of a drawn search go and what stands in them: a tidy tree from left to right."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from html import escape

from rich.cells import cell_len, chop_cells, set_cell_size

from .forest import Grown, Shown

BOX, GAP, LINE, APART = 272, 52, 16, 8
"""Pixels: width of a box, between columns, height of a line, between boxes."""

COLUMNS = 36
"""Characters in a line of a box."""

_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
"""What XML forbids, and what acts on terminals or on the text around it."""


def visible(text: str) -> str:
    """A text of a model with marks for what would act on a terminal, hide, or turn the text around it."""
    return _HIDDEN.sub("\ufffd", text)


def clean(text: str) -> str:
    """A text of a model for XML: visible and escaped."""
    return escape(visible(text))


def flat(answer: str) -> str:
    """An answer of several lines in one."""
    return "; ".join(line.strip() for line in answer.splitlines() if line.strip())


def wrapped(text: str, width: int, most: int) -> list[str]:
    """A text in at most `most` lines of at most `width` cells; what is left out is an ellipsis."""
    lines = [""]
    for word in visible(text[: width * most * 8]).split():
        room = width - cell_len(lines[-1])
        if lines[-1] and cell_len(word) + 1 <= room:
            lines[-1] += f" {word}"
            continue
        pieces = chop_cells(word, width)
        lines += pieces if lines[-1] else []
        if not lines[-1]:
            lines[-1:] = pieces
    if len(lines) > most:
        lines = [*lines[: most - 1], set_cell_size(lines[most - 1], width - 1).rstrip() + "…"]
    return lines


@dataclass
class Box:
    """A node, or how many are left out, with its place.

    Attributes:
        lines: (class, text) of each line.
        top, left: Pixels in its panel.
    """

    node: Shown | None
    lines: list[tuple[str, str]]
    column: int
    children: list[Box] = field(default_factory=list["Box"])
    top: float = 0.0

    @property
    def left(self) -> float:
        """Pixels from the panel's left edge."""
        return self.column * (BOX + GAP)

    @property
    def height(self) -> float:
        """Pixels."""
        return len(self.lines) * LINE + 10

    def every(self) -> list[Box]:
        """This and all below, depth first."""
        found: list[Box] = []
        waiting: list[Box] = [self]
        while waiting:
            box = waiting.pop()
            found.append(box)
            waiting.extend(reversed(box.children))
        return found


def boxes_of(search: Grown, most: int) -> tuple[Box, float]:
    """The boxes of a search, parents with their children, and the pixels of height that they take.

    What is left out is one box beside those that are not.
    """
    chosen = search.chosen(most)
    best = search.best
    root = Box(search.nodes[""], _lines(search.nodes[""], best), 0)
    waiting = [root]
    while waiting:
        box = waiting.pop()
        children = box.node.children if box.node is not None else []
        shown = [child for child in children if child.id in chosen]
        box.children = [Box(child, _lines(child, best), box.column + 1) for child in search.ordered(shown)]
        waiting += box.children
        hidden = [child for child in children if child.id not in chosen]
        if hidden:
            box.children.append(Box(None, _rest(hidden), box.column + 1))
    return root, _place(root)


def _place(root: Box) -> float:
    """Give every box its place; returns the height of all.

    A box is level with its first child, which is the one on the path to the best: so that path is a straight
    line. Further children follow below as soon as their column is free.
    """
    free: dict[int, float] = {}
    waiting = [root]
    while waiting:
        line = [waiting.pop()]
        while line[-1].children:
            line.append(line[-1].children[0])
        middle = max(free.get(box.column, 0.0) + box.height / 2 for box in line)
        for box in line:
            box.top = middle - box.height / 2
            free[box.column] = box.top + box.height + APART
            waiting.extend(reversed(box.children[1:]))
    return max(free.values())


def count(number: int, one: str) -> str:
    """A number with its noun."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


def _lines(node: Shown, best: Shown | None) -> list[tuple[str, str]]:
    """What a box says: the thought, then the value with what became of it, then an answer."""
    thought = node.text if node.id else f"start: {node.state}" if node.state else "start"
    lines = [("", line) for line in wrapped(thought, COLUMNS, 2)]
    words = {"final": "an end", "dead": f"dead: {node.why}", "pruned": f"pruned: {node.why}"}
    status = words.get(node.status, node.status if node.status == "open" else "")
    if node is best:
        status = "the best, an end" if node.answer is not None else "the best so far"
    who = node.kind if node.kind not in ("", "model") else ""
    told = ", ".join(
        part for part in (who, status, count(node.visits, "visit") if node.visits else "") if part
    )
    room = COLUMNS + 3 - (7 if node.value is not None else 0)
    more = wrapped(told, room, 2) if told else []
    if more or node.value is not None:
        lines.append(("v", more[0] if more else ""))
        lines += [("q", line) for line in more[1:]]
    if node.answer is not None and node.answer.split() != node.text.split():
        good = "a" if (node.value or 0.0) > 0.5 else "m"
        lines += [(good, line) for line in wrapped(f"= {flat(node.answer)}", COLUMNS, 2)]
    return lines


def _rest(hidden: list[Shown]) -> list[tuple[str, str]]:
    """What stands for children that are left out."""
    count = sum(1 for child in hidden for _ in child.below())
    counts = Counter(child.status for child in hidden)
    told = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    values = [child.value for child in hidden if child.value is not None]
    lines = [("m", f"{len(hidden)} more" + (f", {count} with what is below" if count > len(hidden) else ""))]
    lines += [("q", line) for line in wrapped(told, COLUMNS + 3, 2)]
    if values:
        lines.append(("q", f"values {min(values):.2f} to {max(values):.2f}"))
    return lines

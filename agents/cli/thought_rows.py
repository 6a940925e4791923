"""Searches as rows of text, for a terminal: the tree with values, what was pruned and why, and the notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.text import Text

from ...tools.browser.view import clip
from ..reasoning.boxes import count, flat, visible
from ..reasoning.forest import CLOSED, Forest, Grown, Shown, note_text
from ..reasoning.picture import colour, end_line, good
from ..reasoning.trace import TraceEvent

MOST_ROWS = 60
"""Thoughts that are printed of one search, unless told otherwise."""

LONGEST = 72
"""Characters of a thought, and of an answer, in a row."""

LINES = ("│  ", "├─ ", "└─ ", "   ")
ASCII = ("|  ", "+- ", "`- ", "   ")
"""What joins a thought to its parent: beside further ones, one of several, the last, below the last."""


def rows(search: Grown, most: int = MOST_ROWS, guides: tuple[str, str, str, str] = LINES) -> Iterator[Text]:
    """The tree of a search, a thought a row, the best path first; what is left out is counted."""
    if "" not in search.nodes:
        return
    chosen, best = search.chosen(most), search.best
    path = {id(node) for node in best.path()} if best is not None else set[int]()
    beside, one, last, below = guides
    waiting: list[tuple[Shown | list[Shown], str, str]] = [(search.nodes[""], "", "")]
    while waiting:
        node, own, under = waiting.pop()
        row = Text(own, "bright_black", no_wrap=True, overflow="ellipsis")
        if isinstance(node, list):
            yield row.append_text(_left_out(node))
            continue
        yield row.append_text(thought(node, on_path=id(node) in path, best=node is best))
        shown = [child for child in node.children if child.id in chosen]
        hidden = [child for child in node.children if child.id not in chosen]
        family: list[Shown | list[Shown]] = [*search.ordered(shown), *([hidden] if hidden else [])]
        for place, child in reversed(list(enumerate(family))):
            ends = place == len(family) - 1
            waiting.append((child, under + (last if ends else one), under + (below if ends else beside)))


def thought(node: Shown, *, on_path: bool = False, best: bool = False) -> Text:
    """A thought in a row: value, text, what became of it."""
    row = Text()
    closed = node.status in CLOSED
    if node.value is not None:
        row.append(f"{node.value:.2f} ", "bright_black" if closed else f"bold {colour(node.value)}")
    words = node.text if node.id else f"start: {node.state}"
    row.append(clip(one_line(words), LONGEST), "bright_black" if closed else "bold blue" if on_path else "")
    if node.answer is not None:
        if node.answer.split() != node.text.split():
            row.append(
                f"  => {clip(one_line(flat(node.answer)), LONGEST)}", "bold green" if good(node) else ""
            )
        row.append("  the best" if best else "  an end", "green" if good(node) else "bright_black")
    if closed:
        row.append(f"  {node.status}: {one_line(node.why)}", "yellow" if node.status == "dead" else "magenta")
    told = [node.kind] if node.kind not in ("", "model") else []
    told += [count(node.visits, "visit")] if node.visits else []
    if told:
        row.append(f"  ({', '.join(told)})", "bold red" if node.kind == "oracle" else "bright_black")
    return row


def _left_out(hidden: list[Shown]) -> Text:
    counts = Counter(child.status for child in hidden)
    told = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    under = sum(1 for child in hidden for _ in child.below()) - len(hidden)
    below = f", {under} below them" if under else ""
    return Text(f"{len(hidden)} more: {told}{below}", "italic bright_black")


def one_line(text: str, most: int = 400) -> str:
    """A text in a line, without anything that acts on a terminal."""
    return visible(" ".join(text[: most * 2].split()))[:most]


def closing(search: Grown) -> Text:
    """Why a search stopped and with what."""
    return Text(one_line(end_line(search)), "bold green" if good(search.best) else "bold")


def notes(search: Grown, most: int = 8) -> Iterator[Text]:
    """The last notes of a search."""
    if len(search.notes) > most:
        yield Text(f"{len(search.notes) - most} notes before these", "italic bright_black")
    for note in search.notes[-most:]:
        yield Text(one_line(note_text(note)), "cyan")


def event_line(event: TraceEvent, forest: Forest) -> str | None:
    """An event as a plain line; None for those that another line tells of."""
    where = event.scope + (event.node or "·")
    body = event.body
    match event.what:
        case "began":
            told = f"{body.get('search')}: {body.get('proposer')} proposes, {body.get('evaluator')} judges"
        case "node":
            status = str(body.get("status"))
            why = f" ({status}{': ' if body.get('why') else ''}{body.get('why')})" if status != "open" else ""
            told = f"{body.get('text')}{why}"
        case "scored":
            value = body.get("value")
            told = f"{value:.2f} by {body.get('kind')}" if isinstance(value, int | float) else "no value"
        case "closed":
            told = f"{body.get('status')}: {body.get('why')}"
        case "stopped":
            search = next((each for each in reversed(forest.searches) if each.scope == event.scope), None)
            told = "" if search is None else end_line(search).removeprefix("stopped: ")
        case "visited" | "halted":
            return None
        case _:
            told = note_text(event).partition(": ")[2]
    return f"{one_line(where, 40):<12} {one_line(event.what, 12):<9} {one_line(told, 200)}".rstrip()

"""A record of searches as a picture: SVG, or a page of HTML around it (`page`). Nothing is fetched.

Each search is a panel: its head says how it searched and what it came to, below it the tree grows from left
to right. A box holds a thought, its value as number and colour, and what became of it; the path to the best
is thick, what was pruned or is dead is grey and says why. Where there are more nodes than can be read, the
best path, the ends and the promising ones are drawn and the rest is counted beside their parents.

Texts come from models and may be anything: they are escaped, and clipped to their boxes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue
from rich.cells import set_cell_size

from ...protocols.outcome import Cost
from ..events import money_text
from .boxes import BOX, LINE, Box, boxes_of, clean, count, flat, wrapped
from .forest import CLOSED, Forest, Grown, Shown, note_text, usage
from .trace import TraceEvent

MARGIN = 24
"""Pixels around it all."""

HEAD = 80
"""Characters of a line of a panel's head."""

MOST_NODES = 90
"""Nodes that are drawn of one search, unless told otherwise."""

MOST_PANELS = 12
"""Searches that are drawn; the rest are counted."""

STYLE = """
text{font:11.5px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#1c2330;white-space:pre}
.h{font:600 17px system-ui,'DejaVu Sans',sans-serif}.t{font:600 13.5px system-ui,'DejaVu Sans',sans-serif}
.s{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#5a6475}.q{font-size:10.5px;fill:#5a6475}
.v{font-size:10.5px;font-weight:700}.a{font-weight:700;fill:#0b6b4f}.r{font-weight:700;fill:#1c2330}.w{fill:#b42318;font-weight:600}
.p{fill:#fff;stroke:#d9dee7}.b{fill:#fff;stroke:#aab3c2}.n:hover .b{stroke:#2455d6;stroke-width:2}
.final .b{stroke:#5a6475;stroke-width:2}.good .b{stroke:#13855f}.best .b{stroke:#2455d6;stroke-width:2.5}
.grey .b{stroke-dasharray:4 3;fill:#f5f6f8}.grey text{fill:#7d8696}.grey .c{opacity:.45}
.e{fill:none;stroke:#c3cad6;stroke-width:1.3}.g{stroke-dasharray:4 3}.k{stroke:#2455d6;stroke-width:3}
.m{font-style:italic}
"""


def colour(value: float) -> str:
    """From orange (0) over pale sand to teal (1); no red against green, which many cannot tell apart."""
    low, middle, high = (217, 95, 2), (233, 220, 190), (27, 148, 116)
    value = min(1.0, max(0.0, value))
    start, end, share = (low, middle, 2 * value) if value < 0.5 else (middle, high, 2 * value - 1)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(start, end, strict=True))


@dataclass(frozen=True)
class Picture:
    """A drawn record.

    Attributes:
        svg: The picture.
        numbers: Of each node that is drawn or not: the number in `data-n` of its box.
    """

    svg: str
    width: float
    height: float
    numbers: Mapping[int, int]


def draw(
    forest: Forest,
    *,
    title: str = "",
    answers: Sequence[Mapping[str, JsonValue]] = (),
    most: int = MOST_NODES,
) -> Picture:
    """The picture of a record.

    Args:
        title: What was asked.
        answers: Those on record (`Trace.answers`), for what each search has cost.
        most: Nodes that are drawn of each search.
    """
    searches = forest.searches
    numbers = {id(node): place for place, node in enumerate(_nodes(forest))}
    panels: list[str] = []
    top, width = MARGIN, 800.0
    if title:
        lines = wrapped(title, 72, 3)
        panels += [
            f'<text class="h" x="{MARGIN}" y="{top + 16 + 22 * place}">{clean(line)}</text>'
            for place, line in enumerate(lines)
        ]
        top += 22 * len(lines) + 6
    panels.append(_legend(MARGIN, top, any(search.oracle for search in searches)))
    top += 34
    shown = _panels_of(searches)
    for search in shown:
        drawn, wide, high = _panel(search, usage(answers, search.scope), most, numbers, bool(answers))
        indent = MARGIN + 22 * search.depth
        panels.append(f'<g transform="translate({indent},{top})">{drawn}</g>')
        top, width = top + high + 16, max(width, indent + wide + MARGIN)
    if len(shown) < len(searches):
        left = len(searches) - len(shown)
        panels.append(f'<text class="s" x="{MARGIN}" y="{top + 8}">{left} more searches are not drawn</text>')
        top += 24
    if not searches:
        panels.append(f'<text class="s" x="{MARGIN}" y="{top + 8}">nothing is on record yet</text>')
        top += 24
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{top:.0f}" '
        f'viewBox="0 0 {width:.0f} {top:.0f}" role="img" aria-label="{clean(title) or "a search"}">'
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#eef1f5"/>{"".join(panels)}</svg>'
    )
    return Picture(svg, width, top, numbers)


def svg(
    events: Iterable[TraceEvent],
    *,
    title: str = "",
    answers: Sequence[Mapping[str, JsonValue]] = (),
    most: int = MOST_NODES,
) -> str:
    """The picture of a record as SVG; see `draw`."""
    return draw(Forest.of(events), title=title, answers=answers, most=most).svg


def head_lines(search: Grown, cost: Cost | None) -> list[str]:
    """How a search was set up, and what it came to and cost, in words."""
    settings = ", ".join(f"{name} {value}" for name, value in search.settings.items() if _told(value))
    named = f"{search.name}{f' ({settings})' if settings else ''}"
    lines = [named if search.title else settings]  # without a title the name is the heading
    lines = [line for line in lines if line]
    if search.name:
        judge = search.evaluator + (f" ({search.kind})" if search.kind else "")
        lines.append(f"{search.proposer} proposes, {judge} judges")
        counts = Counter(node.status for node in search.nodes.values() if node.id)
        told = ", ".join(
            f"{counts[status]} {status}"
            for status in ("expanded", "open", "final", *CLOSED)
            if counts[status]
        )
        lines.append(f"{count(len(search.nodes) - 1, 'thought')}{f': {told}' if told else ''}")
    if cost is not None and (cost.model_calls or cost.tool_calls):
        lines.append(cost_line(cost))
    return lines


def cost_line(cost: Cost) -> str:
    """Tokens and calls in words."""
    told = {"token": cost.tokens, "model call": cost.model_calls, "tool call": cost.tool_calls}
    parts = [count(number, what) for what, number in told.items() if number]
    parts += [f"{money_text(cost.money)} of money"] if cost.money else []
    return ", ".join(parts) or "nothing was asked"


def end_line(search: Grown) -> str:
    """Why a search stopped and with what."""
    if not search.name:
        return ""
    best = search.best
    end = f"stopped: {search.stopped}" if search.stopped else "not at its end"
    if best is None:
        return f"{end}, without a thought that was judged"
    value = "" if best.value is None else f" of value {best.value:.2f}"
    if best.answer is None:
        return f"{end}, no answer; the best thought{value}: {best.text or 'none, it did not begin'}"
    return f"{end}, answer{value}: {flat(best.answer)}"


# --- one panel ------------------------------------------------------------------------


def _panels_of(searches: list[Grown]) -> list[Grown]:
    """The searches that are drawn: the outer ones before those inside them, in their order."""
    told = [search for search in searches if search.name or search.notes]
    kept = sorted(range(len(told)), key=lambda place: (told[place].depth, place))[:MOST_PANELS]
    return [told[place] for place in sorted(kept)]


def _nodes(forest: Forest) -> list[Shown]:
    return [node for search in forest for node in search.nodes.values()]


def _panel(
    search: Grown, cost: Cost, most: int, numbers: Mapping[int, int], costed: bool
) -> tuple[str, float, float]:
    """A search with its head, at (0, 0); its width and height."""
    title = search.title or search.name or "notes"
    parts = [f'<text class="t" x="16" y="24">{clean(wrapped(title, HEAD, 1)[0])}</text>']
    top = 42.0
    heads = [("s", line) for line in head_lines(search, cost if costed else None)]
    if search.oracle:
        heads.append(
            ("s w", "judged by an oracle: it knows the solution, so this is no measure of the model")
        )
    heads += [
        ("s a" if good(search.best) else "s r", line) for line in wrapped(end_line(search), HEAD, 2) if line
    ]
    for note in search.notes[:8]:
        heads += [("s m", line) for line in wrapped(note_text(note), HEAD, 2)]
    if len(search.notes) > 8:
        heads.append(("s m", f"{len(search.notes) - 8} more notes"))
    for kind, line in heads:
        words = clean(set_cell_size(line, HEAD + 8).rstrip())
        parts.append(f'<text class="{kind}" x="16" y="{top:.0f}">{words}</text>')
        top += 17
    width = 720.0
    if search.name:
        root, high = boxes_of(search, most)
        drawn, wide = _tree(search, root, numbers)
        parts.append(f'<g transform="translate(16,{top:.0f})">{drawn}</g>')
        top, width = top + high + 12, max(width, wide + 32)
    frame = f'<rect class="p" width="{width:.0f}" height="{top:.0f}" rx="10"/>'
    return frame + "".join(parts), width, top


def _tree(search: Grown, root: Box, numbers: Mapping[int, int]) -> tuple[str, float]:
    best = search.best
    path = {id(node) for node in best.path()} if best is not None else set[int]()
    edges: list[str] = []
    thick: list[str] = []
    boxes = root.every()
    for box in boxes:
        for child in box.children:
            on_path = child.node is not None and id(child.node) in path
            grey = child.node is None or child.node.status in CLOSED
            kind = "e k" if on_path else "e g" if grey else "e"
            (thick if on_path else edges).append(f'<path class="{kind}" d="{_curve(box, child)}"/>')
    drawn = [_box(box, path, best, numbers) for box in boxes]
    width = max(box.left for box in boxes) + BOX + 4
    clips = "".join(
        f'<clipPath id="c{height:.0f}"><rect width="{BOX}" height="{height:.0f}"/></clipPath>'
        for height in sorted({box.height for box in boxes})
    )
    return "".join([f"<defs>{clips}</defs>", *edges, *thick, *drawn]), width


def good(node: Shown | None) -> bool:
    """Whether a node is an end that somebody judged to be rather right than wrong."""
    return node is not None and node.answer is not None and (node.value or 0.0) > 0.5


def _curve(box: Box, child: Box) -> str:
    left, right = box.left + BOX, child.left
    start, end, middle = box.top + box.height / 2, child.top + child.height / 2, (left + right) / 2
    return f"M{left:.0f} {start:.1f}C{middle:.0f} {start:.1f} {middle:.0f} {end:.1f} {right:.0f} {end:.1f}"


def _box(box: Box, path: set[int], best: Shown | None, numbers: Mapping[int, int]) -> str:
    node = box.node
    where = f'transform="translate({box.left:.0f},{box.top:.1f})"'
    frame = f'<rect class="b" x=".5" y=".5" width="{BOX - 1}" height="{box.height - 1:.0f}" rx="6"/>'
    if node is None:
        return f'<g class="grey" {where}>{frame}{_texts(box, None)}</g>'
    kinds = ["n", "best" if id(node) in path else "final" if node.status == "final" else ""]
    kinds.append("grey" if node.status in CLOSED else "")
    kinds.append("good" if node.status == "final" and good(node) else "")
    bar = ""
    if node.value is not None:
        fill = colour(node.value)
        bar = f'<rect class="c" x="1" y="1" width="5" height="{box.height - 2:.0f}" rx="2.5" fill="{fill}"/>'
    number = numbers[id(node)]
    return (
        f'<g class="{" ".join(filter(None, kinds))}" data-n="{number}" {where}>'
        f"<title>{clean(_hover(node))}</title>{frame}{bar}"
        f'<g clip-path="url(#c{box.height:.0f})">{_texts(box, node.value)}</g></g>'
    )


def _texts(box: Box, value: float | None) -> str:
    drawn: list[str] = []
    for place, (kind, text) in enumerate(box.lines):
        base, left = 17 + place * LINE, 12.0
        if kind == "v":
            if value is not None:
                drawn.append(
                    f'<rect class="c" x="12" y="{base - 11}" width="38" height="14" rx="7" '
                    f'fill="{colour(value)}"/><text class="v" x="18" y="{base}">{value:.2f}</text>'
                )
                left = 57.0
            kind = "q"
        drawn.append(
            f'<text{f" class={kind!r}" if kind else ""} x="{left:.0f}" y="{base}">{clean(text)}</text>'
        )
    return "".join(drawn)


def facts(node: Shown) -> dict[str, str]:
    """All that is known of a node, by name."""
    value = "" if node.value is None else f"{node.value:.4g} by {node.kind or 'nobody'}"
    told = {
        "thought": node.text or "(start)",
        "node": node.id or "the root",
        "became of it": f"{node.status}{f': {node.why}' if node.why else ''}",
        "answer": node.answer or "",
        "value": f"{value}, {node.samples} samples" if node.samples > 1 else value,
        "said of it": node.detail,
        "log-probability": "" if node.logprob is None else f"{node.logprob:.3f}",
        "visits": str(node.visits or ""),
        "state": "" if flat(node.state) == flat(node.text) else node.state,
    }
    return {name: text for name, text in told.items() if text}


def _hover(node: Shown) -> str:
    return "\n".join(f"{name}: {text[:1000]}" for name, text in facts(node).items())


def _legend(left: float, top: float, oracle: bool) -> str:
    """What colours and lines mean."""
    base, marks = top + 12, "".join(f'<stop offset="{at}" stop-color="{colour(at)}"/>' for at in (0, 0.5, 1))
    parts = [
        f'<linearGradient id="scale">{marks}</linearGradient>',
        f'<text class="s" x="{left}" y="{base}">value 0</text>',
        f'<rect x="{left + 50}" y="{top + 2}" width="90" height="12" rx="6" fill="url(#scale)"/>',
        f'<text class="s" x="{left + 146}" y="{base}">1</text>',
    ]
    place = left + 176
    for kind, words in (("e k", "path to the best"), ("e", "thought"), ("e g", "pruned, dead or left out")):
        parts.append(f'<path class="{kind}" d="M{place} {top + 8}h34"/>')
        parts.append(f'<text class="s" x="{place + 42}" y="{base}">{words}</text>')
        place += 62 + len(words) * 7
    if oracle:
        parts.append(f'<text class="s w" x="{place}" y="{base}">with an oracle</text>')
    return "".join(parts)


def _told(value: JsonValue) -> bool:
    return not (isinstance(value, int | float) and value >= 1_000_000)

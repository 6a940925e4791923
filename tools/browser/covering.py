"""Where a page shows secrets, so that a picture of it can be painted over: read from its layout.

Covers: text as it is drawn, in documents, shadow roots open and closed, and frames, also of other processes;
what style sheets write; values, chosen labels, placeholders and the texts that stand for pictures; a value in
pieces, with blanks or characters without width between them. Nothing of the page runs for it.

Does not cover: canvases, pictures and films that show one, shadows and reflections of text, and pieces that
only a style sheet puts in order. A frame that cannot be read is covered whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Error
from pydantic import BaseModel, Field

from .boxes import Box
from .holding import Process
from .secrets import Vault

CONTROLS = frozenset(
    "INPUT TEXTAREA SELECT IMG OBJECT EMBED VIDEO AUDIO CANVAS METER PROGRESS AREA image".split()
)
"""Elements that draw more than the text in them; one that has a value is covered whole."""

FRAMES = frozenset({"IFRAME", "FRAME"})
STYLES = ["visibility"]
MARGIN = 3.0
"""Pixels that letters may stand out of their box."""


class Unplaced(Exception):
    """A secret is shown, and it cannot be told where."""


class _Rare(BaseModel):
    index: list[int] = []
    value: list[int] = []

    def table(self) -> dict[int, int]:
        return dict(zip(self.index, self.value, strict=True))


class _Nodes(BaseModel):
    parents: list[int] = Field(alias="parentIndex")
    names: list[int] = Field(alias="nodeName")
    values: list[int] = Field(alias="nodeValue")
    ids: list[int] = Field(alias="backendNodeId")
    attributes: list[list[int]]
    text_values: _Rare = Field(_Rare(), alias="textValue")
    input_values: _Rare = Field(_Rare(), alias="inputValue")
    contents: _Rare = Field(_Rare(), alias="contentDocumentIndex")


class _Layout(BaseModel):
    nodes: list[int] = Field(alias="nodeIndex")
    styles: list[list[int]]
    bounds: list[tuple[float, float, float, float]]
    text: list[int]


class _Document(BaseModel):
    nodes: _Nodes
    layout: _Layout


class _Snapshot(BaseModel):
    """What `DOMSnapshot.captureSnapshot` answers, as far as it is needed; texts are places in `strings`."""

    documents: list[_Document]
    strings: list[str]

    def string(self, place: int) -> str:
        return self.strings[place] if place >= 0 else ""


@dataclass(frozen=True)
class _Piece:
    """Text that is drawn: whose, and whether it can be seen."""

    node: int
    text: str
    seen: bool


async def covers(processes: Sequence[Process], vault: Vault) -> tuple[Box, ...]:
    """What is to be painted over in a picture of the window, in order.

    Args:
        processes: Those that draw the page, the main frame's first (`holding.attached`).

    Raises:
        Unplaced: Something that shows a value has no place that could be told.
        playwright.async_api.Error: The page went away.
    """
    main, *others = processes
    if not vault.unlocked:
        return ()
    read = dict(zip((each.id for each in processes), await _snapshots(processes), strict=True))
    owners = await _owners(main, others)
    dirty = {each.id for each in others if any(_showing(read[each.id], vault))}

    def clean(id: str) -> set[int]:
        """Elements in a process's documents whose frames were read and show no value."""
        return {owner for inner, (around, owner) in owners.items() if around == id and inner not in dirty}

    for _ in others:  # what is around a frame that has to be covered shows it
        dirty |= {each.id for each in others if set(_remote(read[each.id])) - clean(each.id)}
    unread = set(_remote(read[main.id])) - clean(main.id)
    nodes = {*_showing(read[main.id], vault), *unread}
    places = await asyncio.gather(*(_quads(main, node) for node in nodes))
    return tuple(sorted(box for boxes in places for box in boxes))


async def _snapshots(processes: Iterable[Process]) -> list[_Snapshot]:
    async def read(process: Process) -> _Snapshot:
        answer = await process.cdp.send("DOMSnapshot.captureSnapshot", {"computedStyles": STYLES})
        return _Snapshot.model_validate(answer)

    return list(await asyncio.gather(*map(read, processes)))


async def _owners(main: Process, others: Iterable[Process]) -> dict[str, tuple[str, int]]:
    """Of each further process: whose document its frame stands in, and the element there."""
    by_frame = {each.frame: each for each in others}
    found: dict[str, tuple[str, int]] = {}
    for each in by_frame.values():
        around = each.frame.parent_frame
        while around is not None and around not in by_frame:
            around = around.parent_frame
        outer = main if around is None else by_frame[around]
        try:
            owner = await outer.cdp.send("DOM.getFrameOwner", {"frameId": each.id})
        except Error:  # the element is gone; what came in its place is covered as one that was not read
            continue
        found[each.id] = outer.id, int(owner["backendNodeId"])
    return found


def _remote(snapshot: _Snapshot) -> Iterator[int]:
    """Frames that are drawn and that this process has no document of."""
    for document in snapshot.documents:
        nodes, drawn = document.nodes, set(document.layout.nodes)
        here = nodes.contents.table()
        for node, name in enumerate(nodes.names):
            if node in drawn and node not in here and snapshot.string(name).upper() in FRAMES:
                yield nodes.ids[node]


def _showing(snapshot: _Snapshot, vault: Vault) -> Iterator[int]:
    """The browser's ids of nodes that show a value, or a part of one."""
    pieces: list[_Piece] = []
    for document in snapshot.documents:
        told = _controls(snapshot, document)
        drawn = set(document.layout.nodes)
        for node, texts in told.items():
            if node in drawn and vault.runs("\n".join(texts)):
                yield document.nodes.ids[node]
        pieces.extend(_pieces(snapshot, document))
    yield from _in_runs(pieces, vault)
    yield from _in_runs([piece for piece in pieces if piece.seen], vault)


def _in_runs(pieces: list[_Piece], vault: Vault) -> Iterator[int]:
    """Whose pieces a value touches when all are read as one text."""
    runs = vault.runs("".join(piece.text for piece in pieces))
    start, first = 0, 0
    for piece in pieces:
        end = start + len(piece.text)
        while first < len(runs) and runs[first][1] <= start:
            first += 1
        if first < len(runs) and runs[first][0] < end:
            yield piece.node
        start = end


def _pieces(snapshot: _Snapshot, document: _Document) -> Iterator[_Piece]:
    nodes, layout = document.nodes, document.layout
    values = nodes.input_values.table() | nodes.text_values.table()
    for at, node in enumerate(layout.nodes):
        control = snapshot.string(nodes.names[node]) in CONTROLS
        text = snapshot.string(values.get(node, -1) if control else layout.text[at])
        _, _, width, height = layout.bounds[at]
        shown = [snapshot.string(style) for style in layout.styles[at]] in ([], ["visible"])
        if text:
            yield _Piece(nodes.ids[node], text, shown and width >= 1 and height >= 1)


def _controls(snapshot: _Snapshot, document: _Document) -> dict[int, list[str]]:
    """What each control may draw: its value, its attributes, and the texts and attributes in it."""
    nodes, found = document.nodes, dict[int, list[str]]()
    values = nodes.input_values.table(), nodes.text_values.table()
    inside: list[int] = []
    for node, parent in enumerate(nodes.parents):
        own = snapshot.string(nodes.names[node]) in CONTROLS
        inside.append(node if own else inside[parent] if parent >= 0 else -1)
        if inside[node] < 0:
            continue
        places = [nodes.values[node], *nodes.attributes[node][1::2], *(each.get(node, -1) for each in values)]
        found.setdefault(inside[node], []).extend(snapshot.string(place) for place in places)
    return found


async def _quads(process: Process, node: int) -> list[Box]:
    """The boxes of what a node draws, in the window."""
    try:
        answer: dict[str, Any] = await process.cdp.send("DOM.getContentQuads", {"backendNodeId": node})
    except Error as error:
        raise Unplaced from error
    boxes: list[Box] = []
    for quad in answer["quads"]:
        left, top, right, bottom = min(quad[::2]), min(quad[1::2]), max(quad[::2]), max(quad[1::2])
        boxes.append((left - MARGIN, top - MARGIN, right - left + 2 * MARGIN, bottom - top + 2 * MARGIN))
    if not boxes:
        raise Unplaced
    return boxes

"""What on a page can be used, found without our observer: the browser's own tree, listeners and styles.

A thing is what can be seen and is a native control, an ARIA widget, an editable block, takes focus, listens
to the mouse, or is where a pointer cursor begins, in frames and in shadow roots of both kinds.
A control has to have a number of its own. What listens or points is reached, too, by a number inside it or
around it (a list that listens for its items, the text in a button); a listener inside a numbered thing only
where the thing's middle is.

Does not cover: frames in processes of their own, and what only listens on the whole document.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any

from ...tools.browser.document import Debugger

MOUSE = frozenset({"click", "mousedown", "mouseup", "pointerdown", "pointerup", "dblclick"})
WIDGETS = frozenset(
    "button link checkbox radio tab menuitem menuitemcheckbox menuitemradio option textbox searchbox switch "
    "combobox treeitem spinbutton slider".split()
)
WHOLE_PAGE = frozenset({"html", "body", "label", "iframe", "frame", "form", "slot"})

FLAGS = """function () {
  return [...this.querySelectorAll('*')].map((el) => {
    const box = el.getBoundingClientRect();
    const seen = box.width > 1 && box.height > 1 &&
      el.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const up = el.parentElement;
    const middle = [box.left + box.width / 2, box.top + box.height / 2];
    const points = (one) => getComputedStyle(one).cursor === 'pointer';
    const pointer = points(el) && !(up && points(up));
    const editable = el.isContentEditable && !(up && up.isContentEditable);
    return [seen, pointer, editable, [box.left, box.top, box.right, box.bottom], middle];
  });
}"""


@dataclass(eq=False)
class Node:
    """An element of the browser's tree."""

    id: int
    tag: str
    attributes: dict[str, str]
    parent: Node | None
    children: list[Node] = field(default_factory=list["Node"])
    seen: bool = False
    pointer: bool = False
    editable: bool = False
    heard: bool = False
    box: tuple[float, float, float, float] = (0, 0, 0, 0)
    middle: tuple[float, float] = (0, 0)

    def below(self) -> Iterator[Node]:
        """The node and all in it."""
        yield self
        for child in self.children:
            yield from child.below()

    def is_control(self) -> bool:
        """Whether it is something to use by what it is, not by what listens to it."""
        role = self.attributes.get("role", "").split(" ")[0]
        if self.tag == "input":
            return self.attributes.get("type", "").lower() != "hidden"
        if self.tag in ("button", "select", "textarea", "summary") or role in WIDGETS or self.editable:
            return True
        if self.tag in ("video", "audio"):
            return "controls" in self.attributes
        return self.tag in ("a", "area") and "href" in self.attributes


async def usable(cdp: Debugger) -> list[Node]:
    """Everything on the page that can be used, in the order of the tree."""
    root = (await cdp.send("DOM.getDocument", {"depth": -1, "pierce": True}))["root"]
    top = Node(0, "", {}, None)
    await _Tree(cdp).add_document(root, top)
    return [node for node in top.below() if node.seen and node.tag not in WHOLE_PAGE and _is_usable(node)]


def unnumbered(things: list[Node], numbered: Set[int]) -> list[Node]:
    """Those of `things` that no number reaches.

    Args:
        numbered: Ids, in the browser's tree, of the elements that have a number.
    """
    return [node for node in things if not _is_reached(node, numbered)]


def _is_usable(node: Node) -> bool:
    focusable = node.attributes.get("tabindex", "-1").lstrip("+").isdecimal()
    return node.is_control() or node.heard or node.pointer or focusable


def _is_reached(node: Node, numbered: Set[int]) -> bool:
    if node.id in numbered:
        return True
    if node.is_control():
        return False
    above = node.parent
    while above is not None:
        if above.id in numbered:
            return not node.heard or _lies_in(above.middle, node.box)
        above = above.parent
    return any(one.id in numbered for one in node.below())


def _lies_in(point: tuple[float, float], box: tuple[float, float, float, float]) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


class _Tree:
    """Makes nodes of what the debugger tells of a page."""

    def __init__(self, cdp: Debugger) -> None:
        self._cdp = cdp
        self._listening: set[int] = set()

    async def add_document(self, told: dict[str, Any], parent: Node) -> None:
        """Add a document or a shadow root, with the roots and documents inside it."""
        handle = await self._resolve(told["backendNodeId"])
        heard = await self._cdp.send(
            "DOMDebugger.getEventListeners", {"objectId": handle, "depth": -1, "pierce": True}
        )
        self._listening |= {one["backendNodeId"] for one in heard["listeners"] if one["type"] in MOUSE}
        answer = await self._cdp.send(
            "Runtime.callFunctionOn",
            {"objectId": handle, "functionDeclaration": FLAGS, "returnByValue": True},
        )
        flags = iter(answer["result"]["value"])
        for child in told.get("children", ()):
            await self._add(child, parent, flags)

    async def _add(self, told: dict[str, Any], parent: Node, flags: Iterator[list[Any]]) -> None:
        if told["nodeType"] != 1:
            return
        listed = told.get("attributes", [])
        node = Node(
            told["backendNodeId"],
            told["localName"],
            dict(zip(listed[::2], listed[1::2], strict=True)),
            parent,
        )
        parent.children.append(node)
        node.seen, node.pointer, node.editable, node.box, node.middle = next(flags)
        node.heard = node.id in self._listening
        for root in told.get("shadowRoots", ()):
            if root["shadowRootType"] != "user-agent":
                await self.add_document(root, node)
        for child in told.get("children", ()):
            await self._add(child, node, flags)
        if "contentDocument" in told and node.seen:
            await self.add_document(told["contentDocument"], node)

    async def _resolve(self, backend_id: int) -> str:
        answer = await self._cdp.send("DOM.resolveNode", {"backendNodeId": backend_id})
        return str(answer["object"]["objectId"])

"""Where numbered things are on a page's window, for whoever draws or points at them.

Nothing is scrolled or changed for it. A thing has the part of its box that the window shows and that nothing
around it cuts off; one that only its label stands for has the label's. Does not cover: what lies over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import TypeAdapter

from .document import ContextLost, Document

Box = tuple[float, float, float, float]
"""Left, top, width and height in CSS pixels of a window."""

_BORDER = """const inner = (el) => {
    const { left, top } = el.getBoundingClientRect();
    const { paddingLeft, paddingTop, paddingRight, paddingBottom } = getComputedStyle(el);
    const pads = [paddingLeft, paddingTop, paddingRight, paddingBottom].map(parseFloat);
    const at = [left + el.clientLeft + pads[0], top + el.clientTop + pads[1]];
    return [...at, el.clientWidth - pads[0] - pads[2], el.clientHeight - pads[1] - pads[3]];
  };"""

WHERE = """function (indexes) {
  const around = (el) => el.assignedSlot || el.parentElement || el.getRootNode().host || null;
  const sides = (el) => {
    const { left, top, right, bottom } = el.getBoundingClientRect();
    return [left, top, right, bottom];
  };
  %s
  const cut = (box, by) => box.map((side, at) => (at < 2 ? Math.max(side, by[at]) : Math.min(side, by[at])));
  const cuts = (el) => getComputedStyle(el).overflow !== "visible" && el !== el.ownerDocument.body;
  const stands = (el) => {
    const { width, height } = el.getBoundingClientRect();
    const seen = width > 2 && height > 2 && getComputedStyle(el).opacity !== "0";
    return seen || !el.labels || !el.labels.length ? el : el.labels[0];
  };
  const place = (thing) => {
    let el = stands(thing);
    let box = sides(el);
    for (;;) {
      for (let up = around(el); up; up = around(up)) if (cuts(up)) box = cut(box, sides(up));
      const view = el.ownerDocument.defaultView;
      if (!view) return null;
      box = cut(box, [0, 0, view.innerWidth, view.innerHeight]);
      if (view === window || !view.frameElement) break;
      el = view.frameElement;
      const shift = inner(el);
      box = box.map((side, at) => side + shift[at % 2]);
    }
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]];
  };
  return indexes.map((index) => {
    const el = this[index];
    const box = el && el.isConnected ? place(el) : null;
    return box && box[2] >= 1 && box[3] >= 1 ? box : null;
  });
}""".replace("%s", _BORDER)

INSIDE = f"function () {{ {_BORDER} return inner(this); }}"
"""The place of a frame's own window."""

_BOXES = TypeAdapter(list[Box | None])
_BOX = TypeAdapter(Box)


class PlacedDocument(Document):
    """A document that also says where its numbered things are."""

    async def boxes(self, indexes: Iterable[int]) -> dict[int, Box]:
        """Boxes in this document's window, by index of the latest view; without those that have none.

        Raises:
            ContextLost: The document is gone.
        """
        wanted = list(indexes)
        found = _BOXES.validate_python(await self._where("numbered", [], WHERE, wanted))
        return {index: box for index, box in zip(wanted, found, strict=True) if box is not None}

    async def inside(self, mark: int) -> Box:
        """The window of the frame that the latest reading calls `mark`, in this document's window.

        Raises:
            ContextLost: The document or the frame is gone.
        """
        return _BOX.validate_python(await self._where("frame", [{"value": mark}], INSIDE, None))

    async def _where(
        self, method: str, given: list[dict[str, int]], function: str, argument: object
    ) -> object:
        if self._object is None:
            raise ContextLost
        thing = await self._call(method, given, by_value=False, settles=False)
        if "objectId" not in thing:
            raise ContextLost
        call = {
            "objectId": thing["objectId"],
            "functionDeclaration": function,
            "arguments": [{"value": argument}],
            "returnByValue": True,
            "silent": True,
        }
        answer = await self._send("Runtime.callFunctionOn", call)
        if "exceptionDetails" in answer:
            raise ContextLost
        return answer["result"].get("value")


def shifted(boxes: Mapping[int, Box], window: Box) -> dict[int, Box]:
    """Boxes inside a frame as boxes of the window around it, cut at the frame's edges."""
    left, top, width, height = window
    found: dict[int, Box] = {}
    for number, (x, y, wide, high) in boxes.items():
        right, bottom = min(x + wide, width), min(y + high, height)
        if right - x >= 1 and bottom - y >= 1:
            found[number] = (x + left, y + top, right - x, bottom - y)
    return found

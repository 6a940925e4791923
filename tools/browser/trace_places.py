"""Where a numbered thing is on the page, and how Playwright finds it again: for pictures and for scripts.

The observer gives a point of the thing that nothing covers. Ways to find it are tried in the order in which a
person would write them; the first that leads to something at that point is taken.

Does not cover: things in closed shadow roots, which no selector reaches; they are known by their point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from playwright.async_api import Frame, Locator, Page

from .actions import Action
from .reach import Reach
from .trace import Box, Target, Where

ARIA = {
    "link": ("link",), "button": ("button", "combobox"), "textbox": ("textbox", "combobox"),
    "searchbox": ("searchbox", "textbox", "combobox"), "number": ("spinbutton", "slider"),
    "select": ("combobox", "listbox"), "checkbox": ("checkbox", "switch", "menuitemcheckbox"),
    "radio": ("radio", "menuitemradio"), "tab": ("tab",), "menuitem": ("menuitem",),
    "option": ("option", "treeitem"),
}  # fmt: skip
"""The ARIA roles behind a role of a view; a role that is not here has none."""

FIELDS = frozenset(
    {"textbox", "searchbox", "password", "number", "date", "select", "file", "checkbox", "radio"}
)
ROWS = ("row", "listitem", "article")
CLIPPED = "…"
DOT = 8.0
MOST_MATCHES = 300

BOXES = """els => els.slice(0, 300).map(el => {
  const box = el.getBoundingClientRect();
  return [box.x, box.y, box.width, box.height];
})"""

PATH = """function () {
  const node = this.nodeType === 1 ? this : this.parentElement;
  const own = "a,button,input,select,textarea,summary,label,[role],[tabindex],[onclick],[contenteditable]," +
    "td,th,li";
  const steps = [];
  for (let el = node.closest(own) || node; el;) {
    const root = el.getRootNode();
    if (el.id && root.querySelectorAll("#" + CSS.escape(el.id)).length === 1) {
      steps.unshift("#" + CSS.escape(el.id));
      el = null;
    } else {
      const beside = el.parentNode ? [...el.parentNode.children] : [el];
      const same = beside.filter((one) => one.localName === el.localName);
      const place = same.length > 1 ? `:nth-of-type(${same.indexOf(el) + 1})` : "";
      steps.unshift(CSS.escape(el.localName) + place);
      if (el.parentElement) { el = el.parentElement; steps.unshift(">"); continue; }
      el = null;
    }
    if (root.host) el = root.host;
  }
  return steps.join(" ");
}"""
"""A selector of the nearest thing that may be acted on at a node; it goes through open shadow roots."""

FRAME_SELECTOR = """el => {
  const root = el.getRootNode(), tag = el.localName;
  for (const key of ["id", "name", "title", "src"]) {
    const value = el.getAttribute(key);
    if (!value) continue;
    const selector = `${tag}[${key}=${JSON.stringify(value)}]`;
    if (root.querySelectorAll(selector).length === 1) return selector;
  }
  return `${tag} >> nth=${[...root.querySelectorAll(tag)].indexOf(el)}`;
}"""

INSET = "el => [el.clientLeft, el.clientTop]"


@dataclass(frozen=True)
class _Inside:
    """A frame that a point lies in: its own corner in the window, and the selectors that lead there."""

    frame: Frame
    x: float = 0.0
    y: float = 0.0
    selectors: tuple[str, ...] = ()


class Places(Reach):
    """Finds the elements of a look on its page."""

    async def find(self, action: Action, target: Target) -> Target:
        """The target with the place where it is and a way to find it. It is scrolled into sight for that.

        Raises:
            Refused, DialogOpened, BrowserCrashed, TooSlow, ContextLost: As `Reach._point`.
            playwright.async_api.Error: The page went away.
        """
        x, y = await self._point(action, target.number)
        where, box = await self._tab.race(self._way(target, (x, y)))
        return target.model_copy(update={"where": where, "box": box or (x - DOT, y - DOT, 2 * DOT, 2 * DOT)})

    async def _way(self, target: Target, point: tuple[float, float]) -> tuple[Where, Box | None]:
        insides = await _frames_at(self._tab.page, point)
        for inside in insides:
            for way in _ways(target):
                found = await self._try(inside, way, target, point)
                if found is not None:
                    return found
        path = await self._at(point, PATH)
        for inside in insides if isinstance(path, str) and path else ():
            found = await self._try(inside, Where(by="css", name=str(path)), target, point)
            if found is not None:
                return found
        return Where(by="point", point=point), None

    async def _try(
        self, inside: _Inside, way: Where, target: Target, point: tuple[float, float]
    ) -> tuple[Where, Box] | None:
        """The way, made to lead to one thing, if it leads to something at the point."""
        way = way.model_copy(update={"frames": inside.selectors})
        boxes = await _boxes(inside, locate(inside.frame, way))
        hit = _hit(boxes, point)
        if hit is None:
            return None
        if len(boxes) == 1:
            return way, boxes[0]
        for text in target.row[:1] if way.by == "role" else ():
            for row in ROWS:
                scoped = way.model_copy(update={"row": row, "row_text": text})
                rows = await _boxes(inside, locate(inside.frame, scoped))
                if len(rows) == 1 and _hit(rows, point) is not None:
                    return scoped, rows[0]
        return way.model_copy(update={"nth": hit}), boxes[hit]


def locate(frame: Frame, where: Where) -> Locator:
    """Playwright's locator of a way within its frame; of all that it leads to, unless it has an `nth`.

    Raises:
        ValueError: It is a point.
    """
    scope: Frame | Locator = frame
    if where.row:
        scope = frame.get_by_role(cast("Any", where.row)).filter(has_text=where.row_text)
    name, exact = where.name, where.exact
    match where.by:
        case "role":
            role = cast("Any", where.role)
            found = scope.get_by_role(role, name=name, exact=exact) if name else scope.get_by_role(role)
        case "label":
            found = scope.get_by_label(name, exact=exact)
        case "placeholder":
            found = scope.get_by_placeholder(name, exact=exact)
        case "title":
            found = scope.get_by_title(name, exact=exact)
        case "text":
            found = scope.get_by_text(name, exact=exact)
        case "css":
            found = scope.locator(name)
        case "point":
            raise ValueError("a point is no locator")
    return found if where.nth is None else found.nth(where.nth)


def _ways(target: Target) -> list[Where]:
    """Ways that may lead to a target, those first that a person would write."""
    name, exact = target.name, True
    if name.endswith(CLIPPED):
        name, exact = name[:-1], False
    ways = [Where(by="role", role=role, name=name, exact=exact) for role in ARIA.get(target.role, ())]
    if name and exact:
        ways += [way.model_copy(update={"exact": False}) for way in ways]
    if name and target.role in FIELDS:
        ways += [Where(by="label", name=name, exact=exact), Where(by="label", name=name, exact=False)]
        ways.append(Where(by="placeholder", name=name, exact=exact))
    if name:
        ways += [Where(by="text", name=name, exact=exact), Where(by="title", name=name, exact=exact)]
    return ways


async def _frames_at(page: Page, point: tuple[float, float]) -> list[_Inside]:
    """The frames that a point of the window lies in, innermost first, the page itself last."""
    found = [_Inside(page.main_frame)]
    inside = found[0]
    while inside.frame.child_frames:
        inner = None
        for frame in inside.frame.child_frames:
            element = await frame.frame_element()
            box = await element.bounding_box()
            if box is None or not _holds((box["x"], box["y"], box["width"], box["height"]), point):
                continue
            left, top = await element.evaluate(INSET)
            selector = str(await element.evaluate(FRAME_SELECTOR))
            inner = replace(
                inside,
                frame=frame,
                x=box["x"] + left,
                y=box["y"] + top,
                selectors=(*inside.selectors, selector),
            )
        if inner is None:
            break
        found.append(inner)
        inside = inner
    return found[::-1]


async def _boxes(inside: _Inside, locator: Locator) -> list[Box]:
    """Where in the window the things are that a locator leads to."""
    boxes = cast("list[list[float]]", await locator.evaluate_all(BOXES))
    return [
        (round(box[0] + inside.x, 1), round(box[1] + inside.y, 1), round(box[2], 1), round(box[3], 1))
        for box in boxes
    ]


def _hit(boxes: list[Box], point: tuple[float, float]) -> int | None:
    """The place of the smallest box that holds a point."""
    holding = [place for place, box in enumerate(boxes) if _holds(box, point)]
    return min(holding, key=lambda place: boxes[place][2] * boxes[place][3], default=None)


def _holds(box: Box, point: tuple[float, float]) -> bool:
    left, top, width, height = box
    return left - 1 <= point[0] <= left + width + 1 and top - 1 <= point[1] <= top + height + 1

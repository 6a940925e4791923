"""Draws on pictures of the window: numbers at the things that a view gives them to, paint over secrets.

Source of the numbers, for models that see: set-of-mark prompting, Yang et al. 2023, arXiv:2310.11441. What is
drawn on is the picture, in an empty page of its own that is given nothing but the picture and the places; the
page that it shows stays as it is.

Does not cover: things that the window does not show, and what lies over a thing; see `boxes`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Mapping, Sequence

from playwright.async_api import Browser, BrowserContext, Error, Page

from ..errors import BrowserCrashed
from .boxes import Box

PATIENCE = 10.0
"""Seconds that drawing may take; it takes a small part of one."""

DRAW = """async ([picture, covers, marks]) => {
  const shown = new Image();
  shown.src = "data:image/png;base64," + picture;
  await shown.decode();
  const canvas = document.createElement("canvas");
  canvas.width = shown.naturalWidth;
  canvas.height = shown.naturalHeight;
  const pen = canvas.getContext("2d");
  pen.drawImage(shown, 0, 0);
  for (const box of covers) pen.fillRect(...box);
  pen.font = "bold 12px sans-serif";
  pen.textBaseline = "top";
  for (const [number, [left, top, width, height]] of marks) {
    const colour = `hsl(${(number * 137) % 360} 90% 30%)`;
    const wide = pen.measureText(number).width + 4;
    const x = Math.min(Math.max(left, 0), canvas.width - wide);
    const y = top >= 14 ? top - 14 : top;
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = 2;
    pen.strokeRect(left + 1, top + 1, width - 2, height - 2);
    pen.fillRect(x, y, wide, 14);
    pen.fillStyle = "white";
    pen.fillText(number, x + 2, y + 1);
  }
  return canvas.toDataURL("image/png").split(",")[1];
}"""


class NotDrawn(Exception):
    """The browser lives, and the picture could not be drawn on."""


class Easel:
    """Draws on pictures, in a page of its own that opens at the first one."""

    def __init__(self, browser: Browser | None) -> None:
        self._browser = browser
        self._context: BrowserContext | None = None
        self._page: Page | None = None

    async def draw(self, picture: bytes, boxes: Mapping[int, Box], covers: Sequence[Box] = ()) -> bytes:
        """`picture`, a PNG, with each box outlined and its number at its corner, and with `covers` black.

        Raises:
            NotDrawn: It could not be drawn on, in a new page neither.
            BrowserCrashed: The browser is gone.
        """
        marks = [[number, list(box)] for number, box in sorted(boxes.items())]
        given: list[object] = [
            base64.b64encode(picture).decode("ascii"),
            [list(box) for box in covers],
            marks,
        ]
        used = self._page is not None
        try:
            return await self._draw(given)
        except NotDrawn:
            if not used:
                raise
        return await self._draw(given)

    async def close(self) -> None:
        """Close its page, which may be gone already."""
        context, self._context, self._page = self._context, None, None
        if context is not None:
            with contextlib.suppress(Error):
                await context.close()

    async def _draw(self, given: list[object]) -> bytes:
        try:
            async with asyncio.timeout(PATIENCE):
                page = self._page or await self._open()
                drawn: str = await page.evaluate(DRAW, given)
        except (Error, TimeoutError) as error:
            if self._browser is None or not self._browser.is_connected():
                raise BrowserCrashed from error
            await self.close()
            raise NotDrawn from error
        return base64.b64decode(drawn)

    async def _open(self) -> Page:
        if self._browser is None:
            raise BrowserCrashed
        self._context = await self._browser.new_context(offline=True)
        self._page = await self._context.new_page()
        return self._page

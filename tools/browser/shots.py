"""Screenshots in which no secret can be read: what holds one is painted over.

Does not cover: pictures and canvases that show one.
"""

from __future__ import annotations

from playwright.async_api import Frame, Locator, Page

from ..errors import PageUnreadable
from .secrets import Vault

PAINT = "#000000"
LOOKS = 3
EVERYTHING = "body *"
TEXTS = """els => els.map(el => {
  if (typeof el.value === "string") return el.value;
  return [...el.childNodes].filter(node => node.nodeType === 3).map(node => node.nodeValue).join(" ");
})"""


async def masked_screenshot(page: Page, vault: Vault) -> bytes:
    """The visible part of `page` as PNG.

    Raises:
        PageUnreadable: What shows a secret moves about the document faster than it can be painted over.
        playwright.async_api.Error: The page went away.
    """
    places = await _places(page, vault)
    for _ in range(LOOKS):
        picture = await page.screenshot(mask=[place for _, place in places], mask_color=PAINT)
        after = await _places(page, vault)
        if [key for key, _ in after] == [key for key, _ in places]:
            return picture
        places = after
    raise PageUnreadable(vault.mask(page.url), "it does not hold still for a picture without secrets")


async def _places(page: Page, vault: Vault) -> list[tuple[tuple[int, int], Locator]]:
    """Where secrets are shown: frame and index among its elements, and how to find it."""
    if not vault.unlocked:
        return []
    found: list[tuple[tuple[int, int], Locator]] = []
    for number, frame in enumerate(page.frames):
        everything = frame.locator(EVERYTHING)
        for index in await _showing(frame, vault):
            found.append(((number, index), everything.nth(index)))
    return found


async def _showing(frame: Frame, vault: Vault) -> list[int]:
    texts: list[str] = await frame.locator(EVERYTHING).evaluate_all(TEXTS)
    return [index for index, text in enumerate(texts) if vault.holds(text)]

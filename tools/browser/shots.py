"""Pictures of the window in which no secret can be read: scripts are held, what shows one is painted over.

What shows a value is looked up before and after the picture is taken; where the two differ there is another
try, and after `TRIES` no picture. A numbered thing that does not stand still has no number in the picture.
The page itself is not changed. What can be found, see `covering`; how scripts are held, see `holding`.

Does not cover: what a style sheet, without scripts, moves away and back within two frames.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from ..errors import PageUnreadable
from .boxes import Box
from .covering import Unplaced, covers
from .document import ContextLost
from .holding import Process, attached, hold
from .marks import Easel, NotDrawn
from .secrets import Vault
from .tab import DialogOpened, Tab, TooSlow

TRIES = 3
SECONDS = 5.0
"""That a picture may take."""


@dataclass(frozen=True)
class _Shot:
    """A picture, what is to be painted over, and where the numbered things are."""

    picture: bytes
    covers: tuple[Box, ...]
    boxes: Mapping[int, Box]


async def screenshot(tab: Tab, vault: Vault, easel: Easel, numbers: Mapping[int, int] | None = None) -> bytes:
    """The visible part of a tab as PNG, with what shows a secret painted over.

    Args:
        numbers: Of things to outline and number: their indexes in the latest reading, by number.

    Raises:
        PageUnreadable: A dialog is open, or the page does not draw in time or does not hold still, or shows a
            secret where that cannot be painted over.
        BrowserCrashed: The browser is gone.
    """
    shooting = asyncio.ensure_future(_shoot(tab, vault, numbers or {}))
    why = "it cannot be drawn now"
    try:
        shot = await tab.race(_end_of(shooting), SECONDS)
        if shot is not None:
            marked = shot.covers or shot.boxes
            return await easel.draw(shot.picture, shot.boxes, shot.covers) if marked else shot.picture
        why = "it does not hold still for a picture"
    except (DialogOpened, TooSlow, ContextLost, NotDrawn) as error:
        raise PageUnreadable(vault.mask(tab.page.url), why) from error
    except (Unplaced, ValidationError):  # without the cause, which may quote the page
        why = "it shows a secret where that cannot be painted over"
    finally:
        shooting.cancel()
    raise PageUnreadable(vault.mask(tab.page.url), why)


async def _end_of(shooting: asyncio.Future[_Shot | None]) -> _Shot | None:
    return await shooting


async def _shoot(tab: Tab, vault: Vault, numbers: Mapping[int, int]) -> _Shot | None:
    """A picture with what stood at the same place before and after it; None where a secret did not."""
    for left in reversed(range(TRIES)):
        async with attached(tab.page) as processes:
            await asyncio.gather(*map(hold, processes))
            hidden, boxes = await _marks(tab, processes, vault, numbers)
            answer = await processes[0].cdp.send("Page.captureScreenshot")
            hidden_after, after = await _marks(tab, processes, vault, numbers)
        if hidden == hidden_after and (boxes == after or not left):
            still = {number: box for number, box in boxes.items() if after.get(number) == box}
            return _Shot(base64.b64decode(answer["data"]), hidden, still)
    return None


async def _marks(
    tab: Tab, processes: tuple[Process, ...], vault: Vault, numbers: Mapping[int, int]
) -> tuple[tuple[Box, ...], Mapping[int, Box]]:
    found = await tab.observer.boxes(set(numbers.values())) if numbers else {}
    boxes = {number: found[index] for number, index in numbers.items() if index in found}
    return await covers(processes, vault), boxes

"""Looks at a tab: a reading of its page, masked before anything in it is cut, and the view made of it.

Does not cover: how a page is read (`observer`), and how a reading is presented (`presenting`).
"""

from __future__ import annotations

import contextlib

from ..errors import PageUnreadable
from .observer import ContextLost, Seen
from .presenting import present
from .reach import Look, behind_dialog
from .secrets import Vault
from .tab import DialogOpened, Tab, TooSlow
from .view import ViewStyle


async def look_at(
    tab: Tab, vault: Vault, style: ViewStyle, budget: int | None, before: Look | None, place: tuple[int, int]
) -> Look:
    """The page of a tab, or the dialog that is open there; the indexes of earlier readings are void.

    Args:
        budget: Characters of the view's text.
        before: The look before, whose numbers go on for the same things.
        place: The tab's number among how many.

    Raises:
        BrowserCrashed: The browser or the page's process is gone.
        PageUnreadable: The page cannot be read.
    """
    slow = False
    for _ in range(3):
        try:
            seen = vault.mask_seen(await tab.race(tab.observer.view(style)))
            known = None if before is None else (before.view, before.seen)
            return Look(*present(seen, budget, style, known, place), seen, budget, style)
        except DialogOpened:
            dialog = vault.mask_dialog(tab.describe_dialog())
            return behind_dialog(vault.mask(tab.page.url), dialog, before and before.seen)
        except (ContextLost, TooSlow) as error:
            if slow and isinstance(error, TooSlow):
                break
            slow = slow or isinstance(error, TooSlow)
            with contextlib.suppress(DialogOpened, TooSlow):
                await tab.settle()
    raise PageUnreadable(vault.mask(tab.page.url), "it gave no answer")


async def peek_at(tab: Tab, vault: Vault) -> Seen | None:
    """The page after an action; None while a dialog keeps it from being read.

    Raises:
        BrowserCrashed: The browser or the page's process is gone.
    """
    for _ in range(2):
        try:
            return vault.mask_seen(await tab.race(tab.observer.peek()))
        except (DialogOpened, PageUnreadable, TooSlow):
            return None
        except ContextLost:
            with contextlib.suppress(DialogOpened, TooSlow):
                await tab.settle()
    return None

"""What comes between on generated web pages: dialogs of the browser, boxes over the page, banners."""

from __future__ import annotations

from random import Random

from ...tools.browser.view import Dialog
from .sites import Item, Line
from .web_page import Move
from .web_words import prose
from .words import pick

LEAVE = """Leave this page? | Do you want to quit? | Return to the start page? |
    Discard what you typed? | Log out now? | Stop here?"""
STAY = (
    "Still there? | Your session ends soon. Stay signed in? | Keep going? | Do you want to stay on this page?"
)
NEWS = """Never miss an offer | Join our mailing list | Tell us what you think | Get our app |
    Rate this page | Chat with us"""


class Popup:
    """Something that came between.

    `kind` is dialog (of the browser), box (over the page), banner (on it) or loading (nothing there yet).
    """

    def __init__(self, rng: Random, kind: str = "") -> None:
        self.kind = kind or pick(rng, "dialog | dialog | box | box | box | banner")
        self.dialog: Dialog | None = None
        self.lines: list[Line] = []
        self.right = Move("click", "popup")
        if self.kind == "dialog":
            self._ask(rng)
        elif self.kind == "loading":
            self.lines = [[pick(rng, "Loading… | Loading... | Please wait | One moment… | Working…")]]
            self.right = Move("wait")
        else:
            self._show(rng)

    def _ask(self, rng: Random) -> None:
        accept = rng.random() < 0.6
        kind = "alert" if accept and rng.random() < 0.7 else "confirm"
        text = prose(rng) if kind == "alert" else pick(rng, STAY if accept else LEAVE)
        self.dialog = Dialog(kind, text)
        self.right = Move("dialog", "", "accept" if accept else "dismiss")

    def _show(self, rng: Random) -> None:
        what = rng.random()
        if what < 0.35:
            text, good, bad = (
                pick(rng, LEAVE),
                "Cancel | Stay | Stay here | No | Close",
                "OK | Yes | Leave | Quit",
            )
        elif what < 0.5:
            text, good, bad = pick(rng, STAY), "Continue | Stay | OK | Keep going", "Sign out | Leave | End"
        else:
            text, good = pick(rng, NEWS), "No thanks | Not now | Close | × | x | Dismiss | Maybe later | Skip"
            bad = "Subscribe | Sure | Tell me more | Install | Join now"
        first: Line = [
            Item("popup", rng.choice(("button", "button", "button", "other", "link")), pick(rng, good))
        ]
        rest: list[Line] = [[Item("popup-bad", "button", pick(rng, bad))]] if rng.random() < 0.7 else []
        buttons = [first, *rest]
        if rng.random() < 0.5:
            buttons.reverse()
        said: list[Line] = [[text], [prose(rng)]] if rng.random() < 0.4 else [[text]]
        self.lines = [*said, *buttons] if rng.random() < 0.8 else [*buttons, *said]

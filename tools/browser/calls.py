"""Every action as a plain method, for programs that drive a browser themselves.

`await session.click(3)` is `await session.act(Action("click", 3))`. Numbers are those of the latest view.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from .actions import SEVERAL, Action
from .results import ActionResult

Direction = Literal["up", "down", "top", "bottom"]


class ActionCalls(ABC):
    """The actions of a session by name. What a page does never makes one raise: it is in the result.

    All raise `MalformedAction` when an argument is not one that the verb takes.
    """

    @abstractmethod
    async def act(self, action: Action) -> ActionResult:
        """Carry out one action."""

    async def click(self, element: int) -> ActionResult:
        """Click a point of the element that nothing covers."""
        return await self.act(Action("click", element))

    async def type(self, element: int, text: str, *, enter: bool = False) -> ActionResult:
        """Replace what a field holds; `""` empties it.

        Args:
            element: The field's number.
            text: What it shall hold.
            enter: Press Enter afterwards, if the field holds it.
        """
        return await self.act(Action("type", element, text, enter=enter))

    async def keys(self, element: int, text: str, *, enter: bool = False) -> ActionResult:
        """As `type`, a key press for every character: for fields that suggest while one types."""
        return await self.act(Action("keys", element, text, enter=enter))

    async def select(self, element: int, *options: str) -> ActionResult:
        """Choose an option of a list by what it says; several of a list that takes several: exactly these."""
        several = SEVERAL.join(options) if len(options) != 1 else options[0]
        return await self.act(Action("select", element, several))

    async def press(self, key: str) -> ActionResult:
        """Press one of `KEYS`."""
        return await self.act(Action("press", None, key))

    async def hover(self, element: int) -> ActionResult:
        """Move the mouse over the element."""
        return await self.act(Action("hover", element))

    async def drag(self, element: int, to: int) -> ActionResult:
        """Drag one element onto another."""
        return await self.act(Action("drag", element, "", to))

    async def upload(self, element: int, file: str) -> ActionResult:
        """Give a file of the session's `files` folder to a file field, or to a button that asks for one."""
        return await self.act(Action("upload", element, file))

    async def scroll(self, direction: Direction = "down", element: int | None = None) -> ActionResult:
        """Scroll the page, or what scrolls at an element."""
        return await self.act(Action("scroll", element, direction))

    async def back(self) -> ActionResult:
        """Return to the page before."""
        return await self.act(Action("back"))

    async def goto(self, url: str) -> ActionResult:
        """Go to `url`, absolute or relative to the current page."""
        return await self.act(Action("goto", None, url))

    async def find(self, text: str) -> ActionResult:
        """Scroll to a text; `ActionResult.text` is the lines around it."""
        return await self.act(Action("find", None, text))

    async def read(self, element: int | None = None) -> ActionResult:
        """The whole text of the page or of an element, up to 2,000 characters, in `ActionResult.text`."""
        return await self.act(Action("read", element))

    async def wait(self, text: str | None = None, *, ms: int | None = None) -> ActionResult:
        """Wait until a text is there, for a time, or, without either, until the page changes.

        Raises:
            ValueError: Both were given.
        """
        if text is not None and ms is not None:
            raise ValueError("wait takes a text or a time, not both")
        said = "" if text is None else f'"{text}"'
        return await self.act(Action("wait", None, said if ms is None else str(ms)))

    async def tab(self, which: int | Literal["close"] | None = None) -> ActionResult:
        """Go to a tab by its number, close the current one, or list all in `ActionResult.text`."""
        return await self.act(Action("tab", None, "" if which is None else str(which)))

    async def dialog(self, answer: Literal["accept", "dismiss"], text: str | None = None) -> ActionResult:
        """Answer the open dialog.

        Args:
            answer: OK or Cancel.
            text: What an accepted prompt is answered with; what it offers when None.
        """
        said = "" if text is None else f' "{text}"'
        return await self.act(Action("dialog", None, f"{answer}{said}"))

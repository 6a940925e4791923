"""What an action has to have approved: its gates on the page as it is now, and asking for them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from urllib.parse import urljoin

from .actions import Action
from .fence import Fence
from .gates import NEW_ORIGIN, Gate, GateClosed, Gatekeeper, gates_at
from .reach import Look, Reach, Refused
from .secrets import Vault
from .tab import Tab
from .view import clip

APPROVAL_LOOKS = 3
"""Times that a page may become another one while somebody is asked about it."""

FILES_NAMED = 10

UPLOAD: Gate = "upload"
ENTER = Action("press", None, "Enter")


class Approval(Reach):
    """The gates of one action on `tab`, chosen from `look`.

    Args:
        approved: Gates that the caller's own policy lets pass.
    """

    files: Path | None = None
    """The folder that `upload` takes files from; None: there is none."""

    def __init__(
        self,
        tab: Tab,
        look: Look,
        fence: Fence,
        vault: Vault,
        keeper: Gatekeeper,
        approved: Collection[Gate] = (),
    ) -> None:
        super().__init__(tab, look, vault)
        self._fence, self._keeper = fence, keeper
        self._approved = frozenset(approved)
        self._passed: set[Gate] = set(approved)
        self._leads: set[str] = set()

    async def gates(self, action: Action) -> set[Gate]:
        """The gates that the action would have to pass on the page as it is now.

        Raises:
            Refused: It could not be done in any case.
            DialogOpened, BrowserCrashed, TooSlow, ContextLost: As `Tab.race`.
        """
        verb = action.verb
        if verb == "dialog":
            kind = self._tab.dialog.type if self._tab.dialog is not None else ""
            accepts = action.text.partition(" ")[0] == "accept"
            return {"confirm"} if accepts and kind in ("confirm", "beforeunload") else set()
        if verb == "goto":
            url = urljoin(self._tab.page.url, action.text.strip())
            return {"new_origin"} if self._leads_to_new(url) else set()
        if verb in ("type", "keys"):
            return await self._gates_of_typing(action)
        if verb == "upload":
            inside(self.files, action.text)
            return {UPLOAD, *await self._gates_of_press(await self._point(action))}
        if verb == "drag":  # let go inside of what it was pressed on, it is a click
            ends = [await self._point(action), await self._point(action, action.to)]
            return set[Gate]().union(*[await self._gates_of_press(end) for end in ends])
        if verb == "click":
            return await self._gates_of_press(await self._point(action))
        return await self._gates_of_press(None) if (verb, action.text) == ("press", "Enter") else set()

    async def _gates_of_typing(self, action: Action) -> set[Gate]:
        element = self._look.view.elements.get(action.target or 0)
        found: set[Gate] = {"upload"} if element is not None and element.role == "file" else set()
        if not action.enter or found:
            return found
        self._check(action, await self._ask("focus", self._index(action)))
        return await self._gates_of_press(None)

    async def _gates_of_press(self, point: tuple[float, float] | None) -> set[Gate]:
        """Those of pressing at `point`; of Enter where the keyboard is when None."""
        place = None if point is None else {"x": point[0], "y": point[1]}
        found, leads = await self._tab.race(gates_at(self._tab.cdp, place))
        if leads and self._leads_to_new(leads):
            found.add("new_origin")
        return found

    def _leads_to_new(self, url: str) -> bool:
        new = self._fence.allows(url) and self._keeper.is_new(url)
        if new:
            self._leads.add(url)
        return new

    async def _pass_gates(self, action: Action, done: Action | None = None) -> None:
        """Have the action approved; where that took asking, the page is looked at once more.

        Args:
            action: What leads through gates.
            done: What is named to whoever is asked, where `action` is a part of that.
        """
        for _ in range(APPROVAL_LOOKS):
            self._leads.clear()
            gates = await self.gates(action)
            line = self._vault.mask((done or action).line())
            url = self._vault.mask(self._tab.page.url)
            here = gates - {NEW_ORIGIN}
            try:
                asked = await self._keeper.require(sorted(here), self._passed, line, url)
                asked = await self._pass_to_new(line) or asked
            except GateClosed as error:
                raise Refused("needs_approval", str(error)) from error
            if not asked:
                return
            self._passed |= here
        raise Refused("stale_ref", "the page changed while approval was asked for")

    async def _pass_to_new(self, line: str) -> bool:
        """Have each new origin approved that the action leads to, once for the way there and the arrival."""
        asked = False
        for url in sorted(self._leads):
            if await self._keeper.require((NEW_ORIGIN,), self._approved, line, self._vault.mask(url)):
                self._keeper.arrive(url)
                asked = True
        return asked

    async def _press_enter(self, action: Action) -> None:
        """Press Enter behind `action`, through the gates of where the keyboard is now."""
        await self._pass_gates(ENTER, action)
        await self._tab.race(self._tab.page.keyboard.press("Enter"))
        await self._tab.settle()


def inside(folder: Path | None, name: str) -> Path:
    """The file `name` of the task's folder, links followed.

    Raises:
        Refused: There is no folder, the file is not in it, or it is no file.
    """
    if folder is None:
        raise Refused("bad_file", "this task has no folder to upload from")
    try:
        root = folder.resolve(strict=True)
        path = (root / name).resolve()
    except (OSError, ValueError):
        raise Refused("bad_file", f"{clip(name, 40)!r} cannot be read") from None
    if not path.is_relative_to(root):
        raise Refused("bad_file", f"{clip(name, 40)!r} is outside this task's folder")
    if not path.is_file():
        files = sorted(item.name for item in root.iterdir() if item.is_file())[:FILES_NAMED]
        has = f"it has {' | '.join(files)}" if files else "it is empty"
        raise Refused("bad_file", f"{clip(name, 40)!r} is no file of this task's folder; {has}")
    return path

"""Records what a session does: before each action the page and what was chosen, then what came of it."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, time
from typing import IO

from playwright.async_api import Error
from pydantic import TypeAdapter

from ..errors import BrowserCrashed, PageUnreadable
from .actions import Action
from .observer import ContextLost
from .reach import Look, Refused
from .results import MASK, ActionResult, evidence, secret_name
from .secrets import SHORTEST, Vault, spellings
from .tab import DialogOpened, Tab, TooSlow
from .trace import FILE, Target, Trace, TraceHead, TraceStep, describe, line_of, new_folder, open_new
from .trace_places import Places
from .view import View, ViewStyle

NOT_NOW = (Refused, DialogOpened, TooSlow, ContextLost, BrowserCrashed, PageUnreadable, Error)
"""What keeps a page from being looked at; the action itself will say so."""

_RESULT = TypeAdapter(ActionResult)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Moment:
    """The page just before an action."""

    began: float
    url: str
    view: View
    target: Target | None = None
    to: Target | None = None
    picture: bytes | None = None


class Recorder:
    """The trace of a session while it grows.

    Attributes:
        folder: Where it is written; None: it is kept in memory only.
        problem: Why nothing more is written; empty while all is well.
        steps: What was recorded, oldest first.

    Args:
        pictures: Take one of the page before each action.

    Raises:
        FileExistsError: The folder holds a trace already.
        OSError: It cannot be made, or not be written to.
    """

    def __init__(
        self,
        folder: Path | None,
        url: str,
        *,
        window: tuple[int, int],
        budget: int | None,
        style: ViewStyle,
        pictures: bool = True,
        about: str = "",
    ) -> None:
        self.folder = folder
        self.problem = ""
        self.steps: list[TraceStep] = []
        self._pictures = pictures and folder is not None
        chosen = {name: True for name, wanted in vars(style).items() if wanted}
        self.head = TraceHead(url=url, began=time(), window=window, budget=budget, style=chosen, about=about)
        self._begun = perf_counter()
        self._file: IO[str] | None = None
        self._made = False
        if folder is not None:
            self._made = new_folder(folder)
            self._file = open_new(folder / FILE)
            try:
                self._file.write(line_of(self.head))
            except OSError:
                self.close()
                raise
        self._hidden: set[str] = set()

    @property
    def trace(self) -> Trace:
        """What was recorded so far."""
        return Trace(head=self.head, steps=tuple(self.steps), folder=self.folder)

    async def before(
        self, action: Action, tab: Tab, look: Look, vault: Vault, picture: Callable[[], Awaitable[bytes]]
    ) -> Moment:
        """Look at the page and at what the action will act on. What keeps it from that is no error.

        Args:
            picture: Draws the tab's window.
        """
        target, to = describe(look.view, action.target), describe(look.view, action.to)
        moment = Moment(perf_counter(), vault.mask(tab.page.url), look.view, target, to)
        if tab.dialog is not None or tab.crashed:
            return moment
        places = Places(tab, look, vault)
        with contextlib.suppress(*NOT_NOW):
            if to is not None:
                moment = replace(moment, to=await places.find(action, to))
        with contextlib.suppress(*NOT_NOW):
            if target is not None and action.verb not in ("read", "scroll"):
                moment = replace(moment, target=await places.find(action, target))
        if self._pictures:
            with contextlib.suppress(*NOT_NOW):
                moment = replace(moment, picture=await picture())
        return moment

    def after(
        self, moment: Moment, action: Action, result: ActionResult, *, url: str, tabs: int, vault: Vault
    ) -> None:
        """Write a step. A disk that takes no more ends the recording, not the task; `problem` says so."""
        if self.problem:
            return
        typed = action.verb in ("type", "keys") and secret_name(action.text) is None
        password = moment.target is not None and moment.target.role == "password"
        told = password or vault.holds(action.text) or self._mask(action.text) != action.text
        hidden = typed and bool(action.text) and told
        if hidden and len(action.text) >= SHORTEST:
            self._hidden |= spellings(action.text)
        step = TraceStep(
            at=round(moment.began - self._begun, 3),
            url=self._mask(moment.url),
            path=self._mask(moment.view.path),
            view=self._mask(moment.view.text()),
            verb=action.verb,
            text=MASK if hidden else self._mask(vault.mask(action.text)),
            enter=action.enter,
            target=self._masked_target(moment.target),
            to=self._masked_target(moment.to),
            hidden=hidden,
            result=self._masked(action, result),
            after=self._mask(url),
            tabs=tabs,
            picture="" if moment.picture is None else f"{len(self.steps) + 1:03}.png",
        )
        self.steps.append(step)
        if self.folder is not None and self._file is not None:
            try:
                self._write(self.folder, self._file, step, moment.picture)
            except OSError as error:
                self.problem = f"{str(self.folder)!r} cannot be written: {error.strerror or error}"
                _log.warning("the recording ended: %s", self.problem)

    def close(self) -> None:
        """Let go of the file. Where nothing was recorded it is taken away, and the folder if it was made."""
        if self._file is None or self.folder is None:
            return
        with contextlib.suppress(OSError):  # what a full disk did not take
            self._file.close()
        if not self.steps:
            with contextlib.suppress(OSError):
                (self.folder / FILE).unlink()
                if self._made:
                    self.folder.rmdir()

    @staticmethod
    def _write(folder: Path, file: IO[str], step: TraceStep, picture: bytes | None) -> None:
        if picture is not None:
            handle = os.open(folder / step.picture, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            with open(handle, "wb") as image:
                image.write(picture)
        file.write(line_of(step))

    def _masked(self, action: Action, result: ActionResult) -> ActionResult:
        if not self._hidden:
            return result
        return _RESULT.validate_python(evidence(action, result, None, self._hidden)["result"])

    def _masked_target(self, target: Target | None) -> Target | None:
        if target is None or not self._hidden:
            return target
        where = target.where and target.where.model_copy(
            update={
                "name": self._mask(target.where.name),
                "row_text": self._mask(target.where.row_text),
                "frames": tuple(map(self._mask, target.where.frames)),
            }
        )
        row = tuple(map(self._mask, target.row))
        return target.model_copy(update={"name": self._mask(target.name), "row": row, "where": where})

    def _mask(self, text: str) -> str:
        for secret in sorted(self._hidden, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text

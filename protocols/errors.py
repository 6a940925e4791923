"""Errors of the protocol and of the journal, grouped by who acts on them.

`ProtocolViolation` is a bug of the party that sent the message (or of us). The
`Journal...` family goes to the operator: the run stops, and what was recorded stays.
"""

from __future__ import annotations

from pathlib import Path


class ProtocolError(Exception):
    """Base of everything that `protocols` raises on purpose."""


class ProtocolViolation(ProtocolError):
    """An event that is not legal in the state it met. The state is unchanged.

    Args:
        role: "manager" or "worker", whose reducer refused.
        task: Task id.
        status: Status in which the event arrived.
        event: Kind of the event, e.g. "report".
        why: One sentence.
    """

    def __init__(self, role: str, task: str, status: str, event: str, why: str) -> None:
        self.role, self.task, self.status, self.event, self.why = role, task, status, event, why
        super().__init__(f"{role} of task {task!r} is {status!r}: {event!r} is not legal there. {why}")


class MessageVersionError(ProtocolError):
    """An envelope of a protocol version that this build does not read."""

    def __init__(self, found: str, known: str) -> None:
        self.found, self.known = found, known
        super().__init__(
            f"The envelope has protocol version {found!r}; this build reads {known!r}. "
            "Install the same punchlist version on both sides."
        )


class BudgetOverdrawn(ProtocolError):
    """Children were promised more than their parent has left."""

    def __init__(self, task: str, promised: int, available: int) -> None:
        self.task, self.promised, self.available = task, promised, available
        super().__init__(
            f"The children of task {task!r} were promised {promised} units, but {available} are available. "
            "Give them less, or raise the budget of the parent."
        )


class JournalError(ProtocolError):
    """Base of the journal's errors. `path` is the journal's file."""

    def __init__(self, path: str | Path, message: str) -> None:
        self.path = Path(path)
        super().__init__(message)


class JournalMissing(JournalError):
    """There is no journal at this path, and none was to be made."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, f"There is no journal at {str(path)!r}. Check the run's name or path.")


class JournalVersionError(JournalError):
    """The journal was written in a format that this build does not read or must not extend."""

    def __init__(self, path: str | Path, found: str, known: str) -> None:
        self.found, self.known = found, known
        super().__init__(
            path,
            f"The journal {str(path)!r} has format {found}; this build knows {known}. "
            "Open it with the punchlist version that wrote it, or start a new run with another file.",
        )


class JournalCorrupt(JournalError):
    """The file is not a journal, or its pages are damaged."""

    def __init__(self, path: str | Path, detail: str) -> None:
        self.detail = detail
        super().__init__(
            path,
            f"{str(path)!r} is not a readable journal ({detail}). It was left as it is. "
            "Restore it from a copy, or start a new run with another file.",
        )


class JournalFull(JournalError):
    """The row could not be written because there is no space. It was not acknowledged."""

    def __init__(self, path: str | Path, detail: str) -> None:
        self.detail = detail
        super().__init__(
            path,
            f"No space left to write the journal {str(path)!r} ({detail}). "
            "Everything recorded so far is kept: free space and resume the run, or begin it again "
            "if none is recorded yet.",
        )


class RunLocked(JournalError):
    """Another process writes this journal.

    Attributes:
        pid: Process id of the writer, or None where it could not be read.
    """

    def __init__(self, path: str | Path, pid: int | None) -> None:
        self.pid = pid
        who = f"process {pid}" if pid is not None else "another process"
        super().__init__(
            path,
            f"The journal {str(path)!r} is being written by {who}. Wait for it or stop it, then resume.",
        )


class IntentExists(JournalError):
    """A tool call with this idempotency key was already begun; it must not be begun again."""

    def __init__(self, path: str | Path, key: str) -> None:
        self.key = key
        super().__init__(
            path,
            f"The tool call {key!r} was already begun in {str(path)!r}. "
            "Settle it by its recovery class; use `again=True` only for pure and keyed calls.",
        )


class IntentMissing(JournalError):
    """An outcome was recorded for a call that was never begun, or that already has one."""

    def __init__(self, path: str | Path, key: str) -> None:
        self.key = key
        super().__init__(
            path, f"The tool call {key!r} has no open intent in {str(path)!r}. Record the intent first."
        )

"""What a journal needs of the place where its rows lie: an SQLite file, or a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol

FORMAT: tuple[int, int] = (1, 1)
"""Major and minor version of the tables. 1.1 brought the hash chain."""

Durability = Literal["normal", "full"]
"""`normal`: rows survive SIGKILL, intents of calls with effects also loss of power; `full`: all rows do."""

INSERT_ROW = "INSERT INTO rows"

Statement = tuple[str, Sequence[Any]]
"""SQL that both places understand, with `?` for its values."""


class Store(Protocol):
    """A place for rows. Its caller sees to it that one thread uses it at a time.

    Attributes:
        path: The file; on a server a path made of its address.
        named: The same for messages, without a password.
        format: Version of the tables that are there.
    """

    path: Path
    named: str
    format: tuple[int, int]

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows that a query finds."""
        ...

    def write(self, run: str, *statements: Statement, durable: bool = False) -> int:
        """Carry statements out, all or none, if this process may write the run.

        Args:
            durable: Return when it is on the disk itself.

        Returns:
            `seq` of the row, where the first statement begins with `INSERT_ROW`, else how many it changed.

        Raises:
            LeaseLost, RunTaken: Another process writes the run.
            JournalFull, JournalReadonly, JournalUnavailable: It was not written.
        """
        ...

    def together(self, run: str) -> AbstractContextManager[None]:
        """Everything that is written inside is written at the end, or not at all."""
        ...

    def hold(self, run: str) -> int:
        """Claim the run for this process, or see that it still has it.

        Returns:
            The epoch of its claim: grows each time that another process takes the run over.

        Raises:
            LeaseLost, RunTaken: Another process writes the run.
            JournalReadonly: Nothing may be written.
        """
        ...

    def erased(self) -> None:
        """See that what was replaced is gone from the disk as well."""
        ...

    def close(self) -> None:
        """Release everything. A second call does nothing."""
        ...

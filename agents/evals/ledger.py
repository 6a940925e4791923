"""The ledger of a measurement: one JSON line per finished item, so that nothing measured is lost to a kill.

The first line names the measurement and its settings; a ledger of other settings is never added to. A last
line that a kill cut short is dropped. One process at a time writes a file, which a lock ensures.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import JsonValue

Row = dict[str, JsonValue]

FORMAT = 1


class EvalError(Exception):
    """A measurement cannot be made as asked. The operator changes a setting; nothing measured is lost."""


class LedgerMismatch(EvalError):
    """A ledger holds results of another measurement or of other settings."""

    def __init__(self, path: Path, has: JsonValue, wanted: JsonValue) -> None:
        self.path, self.has, self.wanted = path, has, wanted
        super().__init__(
            f"{str(path)!r} holds results of {has!r}, not of {wanted!r}. "
            "Name another file with --out, or leave out --resume to begin anew."
        )


class LedgerDamaged(EvalError):
    """A line of a ledger, not the last one, cannot be read."""

    def __init__(self, path: Path, line: int) -> None:
        self.path, self.line = path, line
        super().__init__(
            f"Line {line} of {str(path)!r} cannot be read. Remove it, or leave out --resume to begin anew."
        )


class LedgerInUse(EvalError):
    """Another process writes this ledger."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"Another process writes {str(path)!r}. Wait for it, or name another file with --out."
        )


class Ledger:
    """Rows by key, kept in a file.

    Args:
        path: The file; a shard writes beside it, with `.2-of-4` before the suffix.
        name, settings: What the rows are of.
        resume: Keep what is there, of all shards; otherwise begin anew, and what is there becomes `.old`.
        shard: "2/4", or None.

    Raises:
        LedgerMismatch, LedgerDamaged, LedgerInUse: See there.
    """

    def __init__(
        self, path: Path, name: str, settings: Row, *, resume: bool = False, shard: str | None = None
    ) -> None:
        self.path = path if shard is None else path.with_suffix(f".{shard.replace('/', '-of-')}{path.suffix}")
        self._head: Row = {"ledger": FORMAT, "name": name, "settings": settings}
        self.rows: dict[str, Row] = {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise LedgerInUse(self.path) from error
        try:
            self._begin(path, resume)
        except EvalError:
            self._file.close()
            raise

    def _begin(self, path: Path, resume: bool) -> None:
        if not resume:
            self._file.seek(0)
            if former := self._file.read():
                self.path.with_suffix(f"{self.path.suffix}.old").write_bytes(former)
            self._file.truncate(0)
        else:
            for part in sorted({path, *path.parent.glob(f"{path.stem}.*-of-*{path.suffix}")} - {self.path}):
                if part.exists():
                    self._read(part, part.read_bytes())
            self._file.seek(0)
            whole = self._read(self.path, self._file.read())
            self._file.truncate(whole)
        if self._file.seek(0, 2) == 0:
            self._write(self._head)

    def _read(self, path: Path, data: bytes) -> int:
        """Take in the rows; returns the number of bytes that are whole lines."""
        whole = data.rfind(b"\n") + 1
        for number, line in enumerate(data[:whole].splitlines(), 1):
            try:
                row: Any = json.loads(line)
            except json.JSONDecodeError as error:
                raise LedgerDamaged(path, number) from error
            if number == 1:
                if row != self._head:
                    raise LedgerMismatch(path, row, self._head)
            else:
                self.rows[row["key"]] = row["row"]
        return whole

    def add(self, key: str, row: Row) -> None:
        """Keep a row; when this returns, a kill cannot lose it."""
        self._write({"key": key, "row": row})
        self.rows[key] = row

    def _write(self, value: Row) -> None:
        self._file.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Let go of the file. A second call does nothing."""
        self._file.close()


def settings_mark(name: str, settings: Row) -> str:
    """Eight hexadecimal digits that tell settings apart."""
    return hashlib.sha256(json.dumps([name, settings], sort_keys=True).encode()).hexdigest()[:8]

"""A PostgreSQL server of one's own: made in a temporary folder, reached by a socket there, and ended.

For measurements and tests that need one. It answers nobody else, and its data goes with it; `fsync` is off,
so it says nothing of what a database survives.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

BINARIES = ("initdb", "pg_ctl", "postgres")
USER = "postgres"
"""Who runs it where this process is root's, which PostgreSQL refuses."""


def why_there_is_none() -> str | None:
    """Why there can be no server here; None where there can."""
    if find_spec("psycopg") is None:
        return 'psycopg is not installed: pip install "punchlist[postgres]"'
    missing = [name for name in BINARIES if _binary(name) is None]
    if missing:
        return f"no PostgreSQL server on this machine: {', '.join(missing)} not found"
    if os.geteuid() == 0 and (shutil.which("runuser") is None or not _has_user()):
        return f"PostgreSQL does not run as root, and there is no user {USER!r} to run it as"
    return None


class PostgresServer:
    """A running server.

    Args:
        folder: Empty; for its data and its socket, whose path must be short (about 100 characters).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._as: list[str] = []
        if os.geteuid() == 0:
            self._as = ["runuser", "-u", USER, "--"]
            shutil.chown(folder, USER)
        folder.chmod(0o755)
        self._do("initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-D", str(folder / "data"))
        self.start()

    def start(self) -> None:
        """Start it; back once it answers."""
        settings = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c fsync=off"
        log = str(self.folder / "log")
        self._do("pg_ctl", "-w", "-D", str(self.folder / "data"), "-l", log, "-o", settings, "start")

    def stop(self) -> None:
        """End it at once, as a crash would."""
        self._do("pg_ctl", "-w", "-D", str(self.folder / "data"), "-m", "immediate", "stop")

    def url(self) -> str:
        """The address of a database that is new each time."""
        import psycopg

        name = f"t{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._address(name)

    def _address(self, database: str) -> str:
        return f"postgresql://postgres:sesame@/{database}?host={self.folder}"

    def _do(self, binary: str, *arguments: str) -> None:
        command = [*self._as, _binary(binary) or binary, *arguments]
        # A server keeps the pipes of who started it, so what it says goes nowhere.
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, timeout=60)


@contextmanager
def own_server() -> Generator[PostgresServer]:
    """A server for as long as the block takes.

    Raises:
        subprocess.SubprocessError: It does not start; see `why_there_is_none` before.
    """
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        server = PostgresServer(folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _binary(name: str) -> str | None:
    found = shutil.which(name) or next(iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None)
    return None if found is None else str(found)


def _has_user() -> bool:
    return any(user.pw_name == USER for user in pwd.getpwall())

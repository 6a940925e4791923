"""A PostgreSQL server of the tests' own: made in a temporary folder, reached by a socket there, and ended."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


def _binary(name: str) -> str | None:
    found = shutil.which(name) or next(iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None)
    return None if found is None else str(found)


def _problem() -> str | None:
    """Why there can be no server here, or None."""
    try:
        import psycopg  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        return 'psycopg is not installed: pip install "punchlist[postgres]"'
    missing = [name for name in ("initdb", "pg_ctl", "postgres") if _binary(name) is None]
    if missing:
        return f"no PostgreSQL server on this machine: {', '.join(missing)} not found"
    if os.geteuid() == 0 and (shutil.which("runuser") is None or not _user()):
        return "PostgreSQL does not run as root, and there is no user 'postgres' to run it as"
    return None


def _user() -> str:
    return next((user.pw_name for user in pwd.getpwall() if user.pw_name == "postgres"), "")


class Server:
    """A running server. `url()` names a database that is new each time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._as: list[str] = []
        if os.geteuid() == 0:
            self._as = ["runuser", "-u", _user(), "--"]
            shutil.chown(folder, _user())
        folder.chmod(0o755)
        self._do("initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-D", str(folder / "data"))
        self.start()

    def start(self) -> None:
        settings = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c fsync=off"
        log = str(self.folder / "log")
        self._do("pg_ctl", "-w", "-D", str(self.folder / "data"), "-l", log, "-o", settings, "start")

    def stop(self) -> None:
        self._do("pg_ctl", "-w", "-D", str(self.folder / "data"), "-m", "immediate", "stop")

    def url(self) -> str:
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


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server; skips where there can be none."""
    if (problem := _problem()) is not None:
        pytest.skip(problem)
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a socket's path must be short
    try:
        server = Server(folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=["file", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Names a new place for a journal, of each kind."""
    if request.param == "file":
        return lambda: str(tmp_path / f"{uuid.uuid4().hex}.db")
    return request.getfixturevalue("postgres").url

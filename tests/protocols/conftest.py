"""Places of journals: a file, and a database of a PostgreSQL server of the tests' own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from punchlist.agents.evals.postgres_server import PostgresServer, own_server, why_there_is_none


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The server; skips where there can be none."""
    if (problem := why_there_is_none()) is not None:
        pytest.skip(problem)
    with own_server() as server:
        yield server


@pytest.fixture(params=["file", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Names a new place for a journal, of each kind."""
    if request.param == "file":
        return lambda: str(tmp_path / f"{uuid.uuid4().hex}.db")
    return request.getfixturevalue("postgres").url

"""The real embedder, loaded once, and memories that are closed after the test."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from punchlist.memory import Memory, MiniLM

from .doubles import FakeEmbedder


@pytest.fixture(scope="session")
def embedder() -> MiniLM:
    return MiniLM()


@pytest.fixture
def open_memory(tmp_path: Path) -> Iterator[Callable[..., Memory]]:
    """Opens the memory of this test, with vectors that mean nothing unless an embedder is given."""
    opened: list[Memory] = []

    def open_one(**settings: object) -> Memory:
        settings.setdefault("embedder", FakeEmbedder())
        opened.append(Memory.open(tmp_path / "memory", **settings))
        return opened[-1]

    yield open_one
    for memory in opened:
        memory.close()


@pytest.fixture
def close_to_us(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a folder one that this user may not look into, even where the user may look into any."""

    def close(folder: Path) -> None:
        for name in ("scandir", "listdir"):
            plain = getattr(os, name)

            def refuse(path: str | Path = ".", plain: Callable[..., object] = plain) -> object:
                if Path(path) == folder:
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
                return plain(path)

            monkeypatch.setattr(os, name, refuse)

    return close

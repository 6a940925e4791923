"""The real embedder, loaded once, and memories that are closed after the test."""

from __future__ import annotations

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

"""Our memory in `bench memory`, asked as the others are; run as a process of its own (`-m`).

An owner is a user's scope; what everybody's records are asked for is the question `across` users. Records
are episodes, the kind that raw turns have. The embedder is a table of the given vectors. With `embedding`
on, it first embeds the text with the embedder that memory has by default, and then still gives the vector
of the table, so that the same records are found.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ...memory import Embedder, Memory, Record, Scope, embedder_of
from ...memory.embedder import Vectors
from .peers.remembering import Asked, Given, answer_all

NAME = "punchlist"


class Table:
    """An embedder that looks its vectors up.

    Attributes:
        real: Embeds each text too, where it is set.
    """

    name = "table of the benchmark"

    def __init__(self, given: Given) -> None:
        self._given = given
        self.real: Embedder | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), 384) float32 of length 1."""
        if self.real is not None:
            self.real.embed(texts)
        return np.stack([self._given.vector_of(text) for text in texts]).astype(np.float32)

    def pieces(self, text: str) -> list[str]:
        """Every text of the benchmark fits in one piece."""
        return [text]


class Ours:
    """Our memory in a folder."""

    def __init__(self, folder: Path, given: Given) -> None:
        self.given, self.table = given, Table(given)
        self.memory = Memory.open(folder, embedder=self.table)

    def fill(self, numbers: list[int]) -> None:
        """See `Store`."""
        self.memory.remember_all_sync([self._record(number) for number in numbers])

    add_many = fill

    def add(self, number: int) -> None:
        """See `Store`."""
        self.memory.remember_sync(self._record(number))

    def search(self, question: int, owner: str | None, count: int) -> list[int]:
        """See `Store`."""
        found = self.memory.recall_sync(
            self.given.questions[question],
            count,
            scope=Scope() if owner is None else Scope(user=owner),
            across=("user",) if owner is None else (),
            vector=self.given.question_vectors[question],
        )
        return [int(each.record.id) for each in found]

    def close(self) -> None:
        """See `Store`."""
        self.memory.close()

    def _record(self, number: int) -> Record:
        owner = Scope(user=self.given.owners[number])
        return Record(kind="episode", text=self.given.texts[number], scope=owner, id=str(number))


class AskedOfOurs(Asked):
    """What only ours is asked: the work of the embedder."""

    def __init__(self) -> None:
        super().__init__(Ours)
        self.embedder: Embedder | None = None

    def embedding(self, on: bool) -> dict[str, Any]:
        """Whether texts are embedded before the table is asked; its name."""
        self.embedder = self.embedder or embedder_of(None, None)
        self.embedder.embed(["one that loads the model"])
        self.store.table.real = self.embedder if on else None
        return {"embedder": self.embedder.name}

    def embed(self, numbers: list[int]) -> dict[str, Any]:
        """Embed texts one by one: seconds of each."""
        if self.embedder is None:
            raise RuntimeError("switch embedding on first")
        seconds: list[float] = []
        for number in numbers:
            began = time.perf_counter()
            self.embedder.embed([self.given.texts[number]])
            seconds.append(time.perf_counter() - began)
        return {"seconds": seconds}


if __name__ == "__main__":
    answer_all(metadata.version(NAME), AskedOfOurs())

"""How a memory is asked in `bench memory`: JSON lines in and out, the same work for every party.

The parent lays the data in a folder: texts, vectors, whose each record is, and questions with their
vectors. A script gives `serve_memory` the name of its distribution and a `Store`. Each operation is timed
alone, in the process of the party, so neither pipes nor the reading of the data count:

    fill      many records at once, in the order and the portions of the request
    add       single records, each on the disk before the call returns, as the party documents it
    add_many  a list of records in one call
    search    questions; of one owner's records, or of everybody's

Vectors are given: who wants to embed a text gets the vector of that text out of a table. The process has no
network.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

ALL = "everybody"
"""Who owns everything, where a party must name somebody."""


class Given:
    """The data of the parent.

    Attributes:
        texts, owners: Of every record, by its number.
        vectors: (records, dimension), float32, of length 1.
        questions: Texts; `question_vectors` (questions, dimension) and `asked_of`, the owner of each one's
            target.
    """

    def __init__(self, folder: Path) -> None:
        data = json.loads((folder / "data.json").read_text())
        self.texts: list[str] = data["texts"]
        self.owners: list[str] = data["owners"]
        self.questions: list[str] = data["questions"]
        self.targets: list[int] = data["targets"]
        self.vectors = np.load(folder / "vectors.npy", mmap_mode="r")
        self.question_vectors = np.load(folder / "questions.npy")
        self._rows = {text: number for number, text in enumerate(self.texts)}
        self._asked = {text: number for number, text in enumerate(self.questions)}

    def vector_of(self, text: str) -> Any:
        """The vector of a text or a question."""
        number = self._rows.get(text)
        return self.vectors[number] if number is not None else self.question_vectors[self._asked[text]]


class Store(Protocol):
    """A party's memory in a folder. Records are told apart by their numbers."""

    def __init__(self, folder: Path, given: Given) -> None: ...

    def fill(self, numbers: list[int]) -> None:
        """Many records at once, as the party best takes them."""
        ...

    def add(self, number: int) -> None:
        """One record, on the disk when it returns."""
        ...

    def add_many(self, numbers: list[int]) -> None:
        """A list of records in one call."""
        ...

    def search(self, question: int, owner: str | None, count: int) -> list[int]:
        """The best records, of an owner or of everybody."""
        ...

    def close(self) -> None:
        """The end."""
        ...


class Asked:
    """A party and what it is asked."""

    def __init__(self, made: Callable[[Path, Given], Store]) -> None:
        self.made = made
        self._given: Given | None = None
        self.store: Any = None

    def prepare(self, data: str) -> dict[str, Any]:
        """Read the data."""
        self._given = Given(Path(data))
        return {}

    @property
    def given(self) -> Given:
        """The data.

        Raises:
            RuntimeError: They were not read yet.
        """
        if self._given is None:
            raise RuntimeError("prepare first")
        return self._given

    def open(self, folder: str) -> dict[str, Any]:
        """Open the memory in a folder."""
        return self._timed([lambda: setattr(self, "store", self.made(Path(folder), self.given))])

    def open_and_search(self, folder: str, question: int, owner: str | None, count: int) -> dict[str, Any]:
        """From nothing open to the first answer, as one operation."""

        def both() -> list[int]:
            self.store = self.made(Path(folder), self.given)
            return self.store.search(question, owner, count)

        return self._timed([both])

    def fill(self, numbers: list[int], portion: int) -> dict[str, Any]:
        """Many records, so many at once."""
        parts = [numbers[first : first + portion] for first in range(0, len(numbers), portion)]
        return self._timed([lambda part=part: self.store.fill(part) for part in parts])

    def add(self, numbers: list[int]) -> dict[str, Any]:
        """Single records."""
        return self._timed([lambda number=number: self.store.add(number) for number in numbers])

    def add_many(self, portions: list[list[int]]) -> dict[str, Any]:
        """Lists of records, a call each."""
        return self._timed([lambda part=part: self.store.add_many(part) for part in portions])

    def search(self, questions: list[list[Any]], count: int) -> dict[str, Any]:
        """Pairs of a question and an owner or null."""
        return self._timed([lambda a=ask: self.store.search(a[0], a[1], count) for ask in questions])

    def close(self) -> dict[str, Any]:
        """Close the memory."""
        if self.store is not None:
            self.store.close()
        self.store = None
        return {}

    @staticmethod
    def _timed(todo: list[Callable[[], Any]]) -> dict[str, Any]:
        seconds: list[float] = []
        answers: list[Any] = []
        spent = time.process_time()
        for each in todo:
            began = time.perf_counter()
            answer = each()
            seconds.append(time.perf_counter() - began)
            answers.append(answer)
        return {"seconds": seconds, "cpu": time.process_time() - spent, "answers": answers}


def answer_all(version: str, asked: Asked) -> None:
    """Answer requests until standard input ends."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a framework prints goes where it does not disturb

    def say(answer: dict[str, Any]) -> None:
        out.write(json.dumps(answer) + "\n")
        out.flush()

    say({"version": version, "situations": [], "works": []})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                answer = getattr(asked, request.pop("do"))(**request)
        except Exception:
            answer = {"broke": traceback.format_exc()[-1500:]}
        say(answer)
    with contextlib.suppress(Exception):
        asked.close()


def serve_memory(distribution: str, made: Callable[[Path, Given], Store]) -> None:
    """Answer requests about a framework's memory."""
    from speaking import block_network  # the script's folder is its path

    block_network()
    answer_all(importlib.metadata.version(distribution), Asked(made))

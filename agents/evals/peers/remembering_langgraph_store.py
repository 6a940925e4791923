"""LangGraph's long-term store: `SqliteStore` with its vector index (docs.langchain.com, "Semantic search").

A namespace for each owner, below one that holds all. The connection is the one of `from_conn_string`:
SQLite's own defaults, which are a rollback journal and every commit on the disk. `text_fields` is the name
under which it reads what the documentation calls `fields`; without it the JSON of the whole value would be
embedded. It needs a Python whose sqlite3 loads extensions.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import speaking  # noqa: F401  every opt-out of telemetry is set before a framework is imported
from langgraph.store.base import PutOp
from langgraph.store.sqlite import SqliteStore
from remembering import Given, serve_memory

DIMENSION = 384


class LangGraphStore:
    """A store in a file."""

    def __init__(self, folder: Path, given: Given) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.given, self.open = given, ExitStack()
        index: Any = {"dims": DIMENSION, "embed": self.embed, "fields": ["text"], "text_fields": ["text"]}
        self.store = self.open.enter_context(
            SqliteStore.from_conn_string(str(folder / "store.db"), index=index)
        )
        self.store.setup()

    def embed(self, texts: list[str]) -> list[list[float]]:
        return [self.given.vector_of(text).tolist() for text in texts]

    def add_many(self, numbers: list[int]) -> None:
        self.store.batch(
            [
                PutOp(
                    ("memories", self.given.owners[number]), str(number), {"text": self.given.texts[number]}
                )
                for number in numbers
            ]
        )

    fill = add_many

    def add(self, number: int) -> None:
        self.store.put(
            ("memories", self.given.owners[number]), str(number), {"text": self.given.texts[number]}
        )

    def search(self, question: int, owner: str | None, count: int) -> list[int]:
        below = ("memories",) if owner is None else ("memories", owner)
        found = self.store.search(below, query=self.given.questions[question], limit=count)
        return [int(item.key) for item in found]

    def close(self) -> None:
        self.open.close()


if __name__ == "__main__":
    serve_memory("langgraph-checkpoint-sqlite", LangGraphStore)

"""mem0 without its language model: `add(..., infer=False)` over Chroma (docs.mem0.ai, "Configurations").

The embedder is handed in through its provider `langchain`. `user_id` is the owner; everything carries one
`agent_id` too, since its search must name somebody. It writes the vector store and its history in SQLite,
each with the defaults. Filling goes to its vector store with the payload that `add` makes, for `add` takes
records one by one; single and batch writes are `add` itself. spaCy, which it takes for entities and
keywords where it is installed, is not: on Chroma it has no keyword search.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import speaking  # noqa: F401  every opt-out of telemetry is set before a framework is imported

os.environ |= {"MEM0_TELEMETRY": "False", "MEM0_DIR": os.environ.get("MEM0_DIR", "/nonexistent")}

from langchain.embeddings.base import Embeddings
from remembering import ALL, Given, serve_memory


class Table(Embeddings):
    """Vectors out of the data."""

    def __init__(self, given: Given) -> None:
        self.given = given

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.given.vector_of(text).tolist()


class Mem0:
    """Its `Memory`."""

    def __init__(self, folder: Path, given: Given) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["MEM0_DIR"] = str(folder)
        from mem0 import Memory

        self.given = given
        self.memory: Any = Memory.from_config(
            {
                "vector_store": {
                    "provider": "chroma",
                    "config": {"collection_name": "memories", "path": str(folder / "chroma")},
                },
                "embedder": {"provider": "langchain", "config": {"model": Table(given)}},
                "history_db_path": str(folder / "history.db"),
            }
        )

    def fill(self, numbers: list[int]) -> None:
        moment = datetime.now(UTC).isoformat()
        payloads = [
            {
                "user_id": self.given.owners[number], "agent_id": ALL, "number": number, "role": "user",
                "data": (text := self.given.texts[number]), "hash": hashlib.md5(text.encode()).hexdigest(),
                "created_at": moment, "updated_at": moment, "text_lemmatized": text,
            }
            for number in numbers
        ]  # fmt: skip
        self.memory.vector_store.insert(
            vectors=[self.given.vectors[number] for number in numbers],
            payloads=payloads,
            ids=[str(uuid.uuid4()) for _ in numbers],
        )

    def add(self, number: int) -> None:
        self.memory.add(
            self.given.texts[number],
            user_id=self.given.owners[number],
            agent_id=ALL,
            metadata={"number": number},
            infer=False,
        )

    def add_many(self, numbers: list[int]) -> None:
        self.memory.add(
            [{"role": "user", "content": self.given.texts[number]} for number in numbers],
            user_id=self.given.owners[numbers[0]],
            agent_id=ALL,
            metadata={"number": numbers[0]},
            infer=False,
        )

    def search(self, question: int, owner: str | None, count: int) -> list[int]:
        whose = {"agent_id": ALL} if owner is None else {"user_id": owner}
        found = self.memory.search(self.given.questions[question], top_k=count, filters=whose)["results"]
        return [int(each["metadata"]["number"]) for each in found]

    def close(self) -> None:
        self.memory.vector_store.client.close()
        self.memory.close()


if __name__ == "__main__":
    serve_memory("mem0ai", Mem0)

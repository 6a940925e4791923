"""Chroma alone, embedded: one collection, owners in the metadata (docs.trychroma.com, "Metadata filtering").

`PersistentClient` writes each `add` to its SQLite file before it returns; there is no other setting of
durability. Vectors are given with `embeddings=`, texts with `documents=`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import speaking  # noqa: F401  every opt-out of telemetry is set before a framework is imported

os.environ["CHROMA_TELEMETRY"] = "false"

import chromadb
from chromadb.config import Settings
from remembering import Given, serve_memory


class ChromaAlone:
    """A collection."""

    def __init__(self, folder: Path, given: Given) -> None:
        self.given = given
        self.client: Any = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
        self.collection = self.client.get_or_create_collection(
            "memories", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )

    def add_many(self, numbers: list[int]) -> None:
        self.collection.add(
            ids=[str(number) for number in numbers],
            embeddings=[self.given.vectors[number] for number in numbers],
            documents=[self.given.texts[number] for number in numbers],
            metadatas=[{"owner": self.given.owners[number]} for number in numbers],
        )

    fill = add_many

    def add(self, number: int) -> None:
        self.add_many([number])

    def search(self, question: int, owner: str | None, count: int) -> list[int]:
        found = self.collection.query(
            query_embeddings=[self.given.question_vectors[question]],
            n_results=count,
            where=None if owner is None else {"owner": owner},
            include=["documents", "metadatas", "distances"],
        )
        return [int(each) for each in found["ids"][0]]

    def close(self) -> None:
        self.client.close()


if __name__ == "__main__":
    serve_memory("chromadb", ChromaAlone)

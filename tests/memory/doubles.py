"""Doubles for tests of storage, which need vectors but no meaning; light enough for child processes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from punchlist.memory import Provenance, Record, Scope
from punchlist.protocols.messages import Confirm, Finding, Verdict


class FakeEmbedder:
    """A vector per text that depends on nothing but its bytes: equal texts are near, others are not."""

    def __init__(self, name: str = "fake") -> None:
        self.name = name

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(len(texts), 384) float32 of length 1."""
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) for text in texts]
        rows = np.stack([np.random.default_rng(seed).standard_normal(384) for seed in seeds])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def confirm(outcome: str = "pass", attempt: int = 2, run: str = "", task: str = "") -> Confirm:
    """A confirm as the runtime mints it; without run and task as an older one did."""
    verdict = Verdict(findings=(Finding(criterion="cart", outcome=outcome),))
    return Confirm(
        spec_hash="5", artifact_hash="a", verdict=verdict, attempt=attempt, generation=1, run=run, task=task
    )


def record(text: str, scope: Scope | None = None, kind: str = "fact", **fields: object) -> Record:
    """A record with ordinary provenance; a reflection names its check."""
    check = "cart" if kind == "reflection" else ""
    provenance = Provenance(run="r1", task="t1", attempt=1, check=check)
    return Record(kind=kind, text=text, scope=scope or Scope.shared(), provenance=provenance, **fields)


class BagOfWords:
    """A vector per text made of its words: the more of them two texts share, the nearer they are."""

    name = "bag-of-words"

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(len(texts), 256) float32 of length 1."""
        rows = np.stack([sum(map(self._word, text.casefold().split() or [""])) for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    @staticmethod
    def _word(word: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(word.strip(".,;:!?").encode()).digest()[:8])
        return np.random.default_rng(seed).standard_normal(256)

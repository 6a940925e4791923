"""Tokenised documents on disk, read at random without loading them: what a long training run feeds on.

A corpus is a folder: `tokens.bin` (uint16 or uint32), `weights.bin` (uint8, loss weight in 1/16), `ends.bin`
(uint64, end offset of each document) and `corpus.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

Document = tuple[Sequence[int], Sequence[float]]
"""Token ids, and for each the weight of the loss on predicting it (the first's is ignored)."""

_SCALE = 16


def write_corpus(folder: Path | str, documents: Iterable[Document], vocab_size: int) -> int:
    """Write documents one after another; weights are rounded to 1/16 and must be in [0, 15.9].

    Returns:
        Number of documents written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    dtype = np.dtype(np.uint16 if vocab_size <= 1 << 16 else np.uint32)
    end, ends = 0, [0]
    with (
        (folder / "tokens.bin").open("wb") as tokens_file,
        (folder / "weights.bin").open("wb") as weights_file,
    ):
        for tokens, weights in documents:
            if len(tokens) != len(weights):
                raise ValueError(f"A document has {len(tokens)} tokens but {len(weights)} weights.")
            tokens_file.write(np.asarray(tokens, dtype).tobytes())
            scaled = np.rint(np.asarray(weights, np.float64) * _SCALE)
            if len(scaled) and (scaled.min() < 0 or scaled.max() > 255):
                raise ValueError(
                    f"Loss weights must be in [0, 15.9], got {min(weights)!r} to {max(weights)!r}."
                )
            weights_file.write(scaled.astype(np.uint8).tobytes())
            end += len(tokens)
            ends.append(end)
    (folder / "ends.bin").write_bytes(np.asarray(ends, np.uint64).tobytes())
    facts = {"documents": len(ends) - 1, "tokens": end, "dtype": dtype.name}
    (folder / "corpus.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    return len(ends) - 1


class Corpus:
    """Documents of a folder in an endless order: each epoch is a fresh shuffle drawn from (seed, epoch).

    Calling it with an index >= 0 always returns the same document, so a run resumes from the index alone.
    """

    def __init__(self, folder: Path | str, seed: int = 0) -> None:
        folder = Path(folder)
        facts = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
        self.count: int = facts["documents"]
        self.token_count: int = facts["tokens"]
        self.seed = seed
        self._tokens = np.memmap(folder / "tokens.bin", np.dtype(facts["dtype"]), "r")
        self._weights = np.memmap(folder / "weights.bin", np.uint8, "r")
        self._ends = np.fromfile(folder / "ends.bin", np.uint64).astype(np.int64)
        self._epoch = -1
        self._order = np.empty(0, np.int64)

    def __call__(self, index: int) -> Document:
        epoch, place = divmod(index, self.count)
        if epoch != self._epoch:
            self._order = np.random.default_rng((self.seed, epoch)).permutation(self.count)
            self._epoch = epoch
        which = int(self._order[place])
        start, end = int(self._ends[which]), int(self._ends[which + 1])
        weights = self._weights[start:end].astype(np.float32) / _SCALE
        return self._tokens[start:end].astype(np.int64).tolist(), weights.tolist()

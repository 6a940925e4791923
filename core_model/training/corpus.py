"""Tokenised documents on disk, read at random without loading them: what a long training run feeds on.

A corpus is a folder: `tokens.bin` (uint16 or uint32), `weights.bin` (uint8, loss weight in 1/16), `ends.bin`
(uint64, end offset of each document) and `corpus.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Document = tuple[Sequence[int], Sequence[float]]
"""Token ids, and for each the weight of the loss on predicting it (the first's is ignored)."""

_SCALE = 16


class SoftDocument(NamedTuple):
    """A document with a teacher's likeliest tokens.

    Attributes:
        tokens, weights: As in `Document`.
        ids: (tokens, k) integers, the likeliest tokens at each place, what the teacher expected there.
        logprobs: (tokens, k), their log-probabilities in nats.
    """

    tokens: Sequence[int]
    weights: Sequence[float]
    ids: NDArray[Any]
    logprobs: NDArray[Any]


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
        start, end = self.place(index)
        weights = self._weights[start:end].astype(np.float32) / _SCALE
        return self._tokens[start:end].astype(np.int64).tolist(), weights.tolist()

    def place(self, index: int) -> tuple[int, int]:
        """Where document `index` begins and ends in the files, in tokens."""
        epoch, place = divmod(index, self.count)
        if epoch != self._epoch:
            self._order = np.random.default_rng((self.seed, epoch)).permutation(self.count)
            self._epoch = epoch
        which = int(self._order[place])
        return int(self._ends[which]), int(self._ends[which + 1])


def write_soft_corpus(folder: Path | str, documents: Iterable[SoftDocument], vocab_size: int) -> int:
    """`write_corpus` with a teacher's likeliest tokens, equally many at each place.

    Their ids are kept in `likely.bin` (uint32), their log-probabilities in `logprobs.bin` (float16: to
    11 bits).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "likely.bin").open("wb") as likely, (folder / "logprobs.bin").open("wb") as logprobs:

        def plain() -> Iterator[Document]:
            for document in documents:
                if len(document.ids) != len(document.tokens) or document.ids.shape != document.logprobs.shape:
                    raise ValueError(
                        f"A document has {len(document.tokens)} tokens, but likeliest ones of shape "
                        f"{document.ids.shape} and {document.logprobs.shape}."
                    )
                likely.write(document.ids.astype(np.uint32).tobytes())
                logprobs.write(document.logprobs.astype(np.float16).tobytes())
                yield document.tokens, document.weights

        return write_corpus(folder, plain(), vocab_size)


class SoftCorpus:
    """`Corpus` of documents that `write_soft_corpus` wrote."""

    def __init__(self, folder: Path | str, seed: int = 0) -> None:
        folder = Path(folder)
        self.plain = Corpus(folder, seed)
        shape = (self.plain.token_count, -1)
        self._likely = np.memmap(folder / "likely.bin", np.uint32, "r").reshape(shape)
        self._logprobs = np.memmap(folder / "logprobs.bin", np.float16, "r").reshape(shape)

    def __call__(self, index: int) -> SoftDocument:
        tokens, weights = self.plain(index)
        start, end = self.plain.place(index)
        ids = self._likely[start:end].astype(np.int64)
        return SoftDocument(tokens, weights, ids, self._logprobs[start:end].astype(np.float32))

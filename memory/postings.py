"""Which rows hold a word and how often: an inverted index in RAM that grows without being copied.

Most of it is one block of sorted arrays; what was added since lies in a small array per word. The block is
written anew whenever the rest has grown as large, so adding a row costs the row's own words on average.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]

SMALLEST_BLOCK = 20_000
"""Words in loose arrays before a first block is written."""


class Postings:
    """Words by row. Rows are numbered from 0 and only ever added."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._starts = np.zeros(1, dtype=np.int64)  # (words of the block + 1,)
        self._rows = np.zeros(0, dtype=np.int32)
        self._counts = np.zeros(0, dtype=np.int32)
        self._loose: dict[int, tuple[array[int], array[int]]] = {}
        self._loose_size = 0

    def __contains__(self, word: str) -> bool:
        return word in self._numbers

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, the words themselves counted roughly."""
        block = self._starts.nbytes + self._rows.nbytes + self._counts.nbytes
        return block + 8 * self._loose_size + 160 * len(self._loose) + 100 * len(self._numbers)

    def add(self, first: int, terms: Sequence[str]) -> None:
        """Add the words of rows `first`, `first + 1`, ...

        Args:
            terms: Of each row, its words with a space between two.
        """
        if sum(map(len, terms)) > 6 * (SMALLEST_BLOCK + self._rows.size):
            self._add_as_block(first, terms)
            return
        numbers, loose = self._numbers, self._loose
        for row, text in enumerate(terms, first):
            for word, count in Counter(text.split()).items():
                number = numbers.setdefault(word, len(numbers))
                held = loose.get(number)
                if held is None:
                    held = loose[number] = (array("i"), array("i"))
                held[0].append(row)
                held[1].append(count)
                self._loose_size += 1
        if self._loose_size > SMALLEST_BLOCK + self._rows.size:
            self._settle()

    def of(self, word: str) -> tuple[Ints, Ints]:
        """Rows that hold the word, ascending, and how often each does."""
        number = self._numbers.get(word)
        if number is None:
            return self._rows[:0], self._counts[:0]
        held = self._loose.get(number)
        more = (
            None if held is None else (np.array(held[0], dtype=np.int32), np.array(held[1], dtype=np.int32))
        )
        if number + 1 >= self._starts.size:
            return (self._rows[:0], self._counts[:0]) if more is None else more
        start, end = self._starts[number], self._starts[number + 1]
        rows, counts = self._rows[start:end], self._counts[start:end]
        if more is None:
            return rows, counts
        return np.concatenate((rows, more[0])), np.concatenate((counts, more[1]))

    def _add_as_block(self, first: int, terms: Sequence[str]) -> None:
        """Many rows at once: counted by sorting instead of word by word."""
        numbers = self._numbers
        words = [text.split() for text in terms]
        flat = np.array(
            [numbers.setdefault(word, len(numbers)) for each in words for word in each], dtype=np.int64
        )
        lengths = np.array([len(each) for each in words], dtype=np.int64)
        rows = np.repeat(np.arange(first, first + len(words), dtype=np.int64), lengths)
        pairs, counts = np.unique(flat << 32 | rows, return_counts=True)
        self._settle(pairs, counts)

    def _settle(
        self, pairs: NDArray[np.int64] | None = None, counts: NDArray[np.int64] | None = None
    ) -> None:
        """Write block, loose words and the given ones as one block.

        Args:
            pairs: Word number << 32 | row, of rows later than all that are held.
            counts: How often each row holds its word.
        """
        block = np.repeat(np.arange(self._starts.size - 1), np.diff(self._starts)) << 32 | self._rows
        loose = [(number << 32 | np.array(rows, dtype=np.int64)) for number, (rows, _) in self._loose.items()]
        loose_counts = [np.array(counted, dtype=np.int64) for _, counted in self._loose.values()]
        if pairs is not None and counts is not None:
            loose.append(pairs)
            loose_counts.append(counts)
        every = np.concatenate([block, *loose])
        every_count = np.concatenate([self._counts, *loose_counts])
        order = np.argsort(every, kind="stable")
        every = every[order]
        self._rows = (every & 0xFFFFFFFF).astype(np.int32)
        self._counts = every_count[order].astype(np.int32)
        self._starts = np.searchsorted(every >> 32, np.arange(len(self._numbers) + 1))
        self._loose, self._loose_size = {}, 0

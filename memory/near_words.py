"""Words that records have and that are near in meaning to those of a question: "sports" finds "tennis".

    NearWords().of("What sports does Tim play?", shelf)    # ["tennis", "football", "basketball", ...]

A search for the question together with them finds what is told in other words, of which the embedding of a
whole record keeps little. Which words are near is read from the input layer of all-MiniLM-L6-v2: a word's
vector is the mean of its pieces', so no model runs. The table is mapped, not loaded, and read word by word.

Source: query expansion by embeddings that are local to what is searched: Diaz, Mitra & Craswell 2016,
arXiv:1605.07891. Does not cover: languages other than that model's, English, whose words have no near ones;
and what is in sight of a scope too large for a shelf.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from .embedder import Vectors
from .minilm_files import DIMENSION, WINDOW, package_folder, verified_tokenizer, verified_weights
from .shelf import Row, Shelf
from .wordpieces import Wordpieces
from .words import ASKING, STOP_WORDS, stem_of, words_of

NEAREST = 4
"""Words of the records that each word of a question, and all of them together, may add."""

LEAST = 0.3
"""Cosine from which a word is near."""

MOST_ADDED = 16
MOST_WORDS = 20_000
"""Words of a scope that are looked at; the first ones it used."""

SHORTEST = 3
"""Letters of a word that is looked at."""

_TABLE = "embeddings.word_embeddings.weight"


@dataclass
class _Vocabulary:
    """The words of a shelf: their numbers in the table, and up to where of which rows they were read."""

    rows: list[Row]
    upto: int = 0
    known: set[str] = field(default_factory=set[str])
    numbers: list[int] = field(default_factory=list[int])


class NearWords:
    """Loads the model's files when it is first asked. Safe to share between threads."""

    def __init__(self, folder: Path | None = None) -> None:
        """Args:
        folder: Where all-MiniLM-L6-v2 is; None: in the installed package.
        """
        self._folder = folder
        self._lock = threading.Lock()
        self._pieces: Wordpieces | None = None
        self._table = np.zeros((0, DIMENSION), dtype=np.float32)  # (pieces, dimension) of the model
        self._numbers: dict[str, int] = {}  # word -> row of `_vectors`; -1: it has none
        self._words: list[str] = []
        self._vectors = np.zeros((256, DIMENSION), dtype=np.float32)
        self._of: WeakKeyDictionary[Shelf, _Vocabulary] = WeakKeyDictionary()

    def of(self, question: str, shelf: Shelf) -> list[str]:
        """Words of the records on a shelf, the nearest first; none of the question's own in another form.

        Raises:
            EmbedderMissing, EmbedderCorrupt: The files of the model are not there, or are others.
        """
        with self._lock, shelf.lock:
            asked = [word for word in dict.fromkeys(words_of(question)) if word not in shelf.speakers]
            asked = [word for word in asked if word not in ASKING]
            numbers = [number for word in asked if (number := self._number(word)) >= 0]
            if not numbers:
                return []
            here = np.array(self._vocabulary(shelf).numbers, dtype=np.intp)
            if not here.size:
                return []
            wanted = self._vectors[numbers]
            if len(numbers) > 1:
                wanted = np.concatenate((wanted, _of_length_1(wanted.mean(axis=0))[None]))
            vectors, own = self._vectors[here], {stem_of(word) for word in words_of(question)}
            found: dict[str, float] = {}
            for each in wanted:
                cosines = np.vecdot(vectors, each)
                for word, cosine in self._nearest(here, cosines, own):
                    found[word] = max(found.get(word, 0.0), cosine)
        return sorted(found, key=lambda word: -found[word])[:MOST_ADDED]

    def _nearest(
        self, here: NDArray[np.intp], cosines: NDArray[np.float32], own: set[str]
    ) -> list[tuple[str, float]]:
        near = np.flatnonzero(cosines >= LEAST)
        near = near[np.argsort(-cosines[near], kind="stable")]
        found: list[tuple[str, float]] = []
        for place in near:
            word = self._words[here[place]]
            if stem_of(word) not in own:
                found.append((word, float(cosines[place])))
            if len(found) == NEAREST:
                break
        return found

    def _vocabulary(self, shelf: Shelf) -> _Vocabulary:
        """The words of a shelf, those of new rows among them."""
        known = self._of.get(shelf)
        if known is None or known.rows is not shelf.rows:  # none yet, or the shelf was written anew
            known = self._of[shelf] = _Vocabulary(shelf.rows)
        for row in shelf.rows[known.upto :]:
            if len(known.numbers) >= MOST_WORDS:
                break
            for word in words_of(row.text):
                if word not in known.known:
                    known.known.add(word)
                    if word not in STOP_WORDS and (number := self._number(word)) >= 0:
                        known.numbers.append(number)
        known.upto = len(shelf.rows)
        return known

    def _number(self, word: str) -> int:
        number = self._numbers.get(word)
        if number is None:
            vector = self._vector(word)
            number = self._numbers[word] = -1 if vector is None else len(self._words)
            if vector is not None:
                if number == len(self._vectors):
                    self._vectors = np.concatenate((self._vectors, np.zeros_like(self._vectors)))
                self._vectors[number] = vector
                self._words.append(word)
        return number

    def _vector(self, word: str) -> Vectors | None:
        """(dimension,) of length 1; None of a short word, a number and one that the model does not know."""
        if len(word) < SHORTEST or not word.isalpha():
            return None
        if self._pieces is None:
            folder = self._folder or package_folder()
            self._table = _mapped(verified_weights(folder))
            self._pieces = Wordpieces(verified_tokenizer(folder), WINDOW)
        pieces = self._pieces.known(word)
        return None if not pieces else _of_length_1(self._table[pieces].mean(axis=0))


def _of_length_1(vector: Vectors) -> Vectors:
    return vector / max(float(np.sqrt(np.vecdot(vector, vector))), 1e-12)


def _mapped(weights: Path) -> Vectors:
    """(pieces, dimension): the table in a file of safetensors, whose header is JSON behind its length."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        table = json.loads(file.read(length))[_TABLE]
    begin, _ = table["data_offsets"]
    return np.memmap(weights, np.float32, "r", 8 + length + begin, tuple(table["shape"]))

"""What `eval locomo` compares with: usual ways to search, on the same vectors.

`full` is the sum that hand-made hybrids converge to, with round weights: 0.3 cosine, 0.2 cosine of the turn
with the one before it (a second vector for each turn), 0.3 FTS5, 0.2 FTS5 of the turn with the one before it,
0.3 FTS5 of the session, 0.1 said by somebody the question names, 0.15 cosine of the next turn; each scaled to
0..1 over the conversation. Words are compared by SQLite's FTS5 with Porter's stemmer, stop words left out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...memory import Embedder, Record
from ...memory.words import STOP_WORDS, words_of

Floats = NDArray[np.float64]
CONSTANT = 60
"""Of reciprocal rank fusion. Source: Cormack, Clarke & Büttcher 2009."""

MOST_TERMS = 12


def baselines(
    turns: Sequence[Record], questions: Sequence[str], embedder: Embedder, k: int
) -> dict[str, list[list[int]]]:
    """For each system the `k` best turns of each question, as places, best first."""
    sessions = list(dict.fromkeys(turn.session for turn in turns))
    of_turn = np.array([sessions.index(turn.session) for turn in turns])
    own = [f"{turn.speaker}: {turn.text}" for turn in turns]
    first = [place == 0 or of_turn[place] != of_turn[place - 1] for place in range(len(turns))]
    with_previous = [text if first[i] else f"{own[i - 1]}\n{text}" for i, text in enumerate(own)]
    together = ["\n".join(own[i] for i in np.flatnonzero(of_turn == j)) for j in range(len(sessions))]
    words, words_before, words_session = _Words(own), _Words(with_previous), _Words(together)
    vectors = embedder.embed([turn.statement() for turn in turns])
    vectors_before = embedder.embed(with_previous)
    orders: dict[str, list[list[int]]] = {name: [] for name in ("dense", "bm25", "rrf", "hybrid", "full")}
    for question, vector in zip(questions, embedder.embed(questions), strict=True):
        cosine: NDArray[Any] = np.vecdot(vectors, vector)
        cosine_before: NDArray[Any] = np.vecdot(vectors_before, vector)
        following: NDArray[Any] = np.append(cosine[1:], 0.0)
        following[[*first[1:], True]] = cosine.min()
        lexical = words.scores(question)
        named = set(words_of(question))
        spoke = np.array([not named.isdisjoint(words_of(turn.speaker)) for turn in turns])
        scores = {
            "dense": cosine,
            "bm25": lexical,
            "rrf": _reciprocal(cosine) + _reciprocal(lexical),
            "hybrid": 0.5 * _scaled(cosine) + 0.5 * _scaled(lexical),
            "full": 0.3 * _scaled(cosine)
            + 0.2 * _scaled(cosine_before)
            + 0.3 * _scaled(lexical)
            + 0.2 * _scaled(words_before.scores(question))
            + 0.3 * _scaled(words_session.scores(question))[of_turn]
            + 0.1 * spoke
            + 0.15 * _scaled(following),
        }
        for name, score in scores.items():
            orders[name].append([int(each) for each in np.argsort(-score, kind="stable")[:k]])
    return orders


class _Words:
    """Texts in an FTS5 table."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._size = len(texts)
        self._base = sqlite3.connect(":memory:")
        self._base.execute("CREATE VIRTUAL TABLE texts USING fts5(words, tokenize='porter unicode61')")
        self._base.executemany("INSERT INTO texts(rowid, words) VALUES (?, ?)", list(enumerate(texts)))

    def scores(self, question: str) -> Floats:
        """(texts,) BM25 of each; 0 where no word is in common."""
        terms = [word for word in dict.fromkeys(words_of(question)) if word not in STOP_WORDS][:MOST_TERMS]
        found = np.zeros(self._size)
        if terms:
            match = " OR ".join(f'"{term}"' for term in terms)
            query = "SELECT rowid, bm25(texts) FROM texts WHERE texts MATCH ?"
            for place, score in self._base.execute(query, (match,)):
                found[place] = -score
        return found


def _scaled(values: NDArray[Any]) -> Floats:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros(values.shape)


def _reciprocal(values: NDArray[Any]) -> Floats:
    """(rows,) of the place in the order; rows that are equal share the better one."""
    best_first = np.sort(values)[::-1]
    return 1.0 / (CONSTANT + 1 + np.searchsorted(-best_first, -values, side="left"))

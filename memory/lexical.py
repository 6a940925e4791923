"""What the words of a question say about each row: BM25F, with a row's neighbours and session as its fields.

A row is read together with what was said around it: a word in the turn before counts half as much as a word
of its own, one anywhere in the session a little. The counts are added up first and saturate once, so a row
whose neighbour has one of the question's words, while it has the other itself, beats one that has one twice.
Rarity counts squared, as a weight of the question's word and of the row's.

Source: Robertson, Zaragoza & Taylor 2004, "Simple BM25 Extension to Multiple Weighted Fields".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .shelf import Floats, Shelf
from .words import K1, B, stems

MOST_TERMS = 48
"""Stems of a question that are looked up; the first ones."""

SATURATION = 1.0
"""How many of a word count half as much as any number of them."""

OWN_LENGTH = 0.3
"""How much a row's length is held against it; turns of a conversation are all short."""

SESSION_LENGTH = 0.75


@dataclass(frozen=True)
class Fields:
    """How much a word counts that stands somewhere near a row, where one of its own counts 1.

    Attributes:
        previous, second_previous, next: In the row before it in its session, in the one before that, in the
            one after it.
        session: Anywhere in the session.
    """

    previous: float = 0.5
    second_previous: float = 0.3
    next: float = 0.2
    session: float = 0.05


@dataclass(frozen=True)
class Statistics:
    """Figures of a whole scope, for a shelf that holds only its candidates.

    Attributes:
        documents: Records of the scope.
        mean_length: Stems of a record, on average.
        documents_with: Records that hold a stem.
    """

    documents: int
    mean_length: float
    documents_with: Callable[[str], float]


@dataclass(frozen=True)
class _Hits:
    """Where the question's terms stand: one entry for each term and each admitted row that holds it.

    Attributes:
        term, row: (hits,) numbers of the two.
        count: (hits,) how often it stands there.
        rarity: (terms,) the less frequent a term, the higher; at least 0.
        mean_length: Stems of a row, on average.
    """

    term: NDArray[np.int64]
    row: NDArray[np.int32]
    count: Floats
    rarity: Floats
    mean_length: float


@dataclass(frozen=True)
class Lexical:
    """What the question's words say about rows.

    Attributes:
        near: (rows,) BM25F over the row and what is around it.
        own: (rows,) BM25 of the row's own words.
        covered: (rows,) share of the question's words that stand in the row, or less so around it, 0..1.
            Rarer ones count more, and one that stands nowhere in the scope most.
    """

    near: Floats
    own: Floats
    covered: Floats


def lexical(
    shelf: Shelf, text: str, admitted: NDArray[np.bool_], fields: Fields, statistics: Statistics | None = None
) -> Lexical:
    """Compare a question's words with every row. A row that is not admitted holds no word.

    Args:
        admitted: (rows,).
    """
    terms = list(dict.fromkeys(stems(text).split()))[:MOST_TERMS]
    hits = _hits(shelf, terms, admitted, statistics)
    size = shelf.size
    if hits is None:
        return Lexical(np.zeros(size), np.zeros(size), np.zeros(size))
    lengths = shelf.column["length"][:size][hits.row] / hits.mean_length  # (hits,)
    weight = hits.rarity[hits.term]
    own = weight * hits.count * (K1 + 1) / (hits.count + K1 * (1 - B + B * lengths))
    counts = _counted_around(shelf, hits, lengths, len(terms), fields)
    if fields.session and shelf.sessions:
        counts += fields.session * _counted_in_session(shelf, hits, admitted, len(terms))
    squared = hits.rarity**2
    near = np.einsum("t,tr->r", squared, counts / (counts + SATURATION))
    once = near / max(float(squared.sum()) / (1 + SATURATION), 1e-12)  # 1: each stands there once
    return Lexical(near, sums(hits.row, own, size), np.minimum(once, 1.0))


def sums(places: NDArray[Any], values: NDArray[Any], size: int) -> Floats:
    """(size,) sum of the values that lie at each place."""
    return np.bincount(places, weights=values, minlength=size).astype(np.float64, copy=False)


def _hits(
    shelf: Shelf, terms: Sequence[str], admitted: NDArray[np.bool_], statistics: Statistics | None
) -> _Hits | None:
    """None where no admitted row holds any of the terms."""
    found = [shelf.postings.of(term) for term in terms]
    sizes = np.array([each[0].size for each in found])
    if not sizes.any():
        return None
    rows = np.concatenate([each[0] for each in found])
    counts = np.concatenate([each[1] for each in found])
    term = np.arange(len(terms)).repeat(sizes)
    if statistics is not None:
        documents, mean_length = statistics.documents, max(statistics.mean_length, 1.0)
        holding = np.array([statistics.documents_with(each) for each in terms], dtype=np.float64)
    else:
        documents, mean_length = len(shelf), shelf.mean_length
        masked = documents < shelf.size
        holding = sums(term, shelf.column["live"][rows], len(terms)) if masked else sizes
    rarity = np.log1p(np.maximum(documents - holding + 0.5, 0.0) / (holding + 0.5))
    seen = admitted[rows]
    if not seen.all():
        rows, counts, term = rows[seen], counts[seen], term[seen]
    return _Hits(term, rows, counts.astype(np.float64), rarity, mean_length) if rows.size else None


def _counted_around(shelf: Shelf, hits: _Hits, lengths: Floats, terms: int, fields: Fields) -> Floats:
    """(terms, rows) how often a term stands in a row and in its neighbours, by the fields' weights."""
    size = shelf.size
    own = hits.count / (1 - OWN_LENGTH + OWN_LENGTH * lengths)
    if not shelf.sessions:
        counts = np.zeros((terms, size))
        counts[hits.term, hits.row] = own  # each of them once
        return counts
    before, after = shelf.column["previous"][:size], shelf.column["next"][:size]
    following = after[hits.row]
    second = np.where(following >= 0, after[following], -1)
    places = (hits.row, following, second, before[hits.row])  # -1: there is no such neighbour
    values = (
        own,
        fields.previous * hits.count,
        fields.second_previous * hits.count,
        fields.next * hits.count,
    )
    line = hits.term * (size + 1) + 1  # each term's line begins with a place for no neighbour
    flat = np.concatenate([line + place for place in places])
    return sums(flat, np.concatenate(values), terms * (size + 1)).reshape(terms, size + 1)[:, 1:]


def _counted_in_session(shelf: Shelf, hits: _Hits, admitted: NDArray[np.bool_], terms: int) -> Floats:
    """(terms, rows) how often a term stands in a row's session, less in longer ones; 0 without a session."""
    session, width = shelf.column["session"][: shelf.size], shelf.sessions + 1
    flat = hits.term * width + 1 + session[hits.row]
    counts = sums(flat, hits.count, terms * width).reshape(terms, width)
    counts[:, 0] = 0.0
    lengths = sums(session + 1, shelf.column["length"][: shelf.size] * admitted, width)
    there = lengths[1:][lengths[1:] > 0]
    if there.size:
        counts /= 1 - SESSION_LENGTH + SESSION_LENGTH * np.maximum(lengths / there.mean(), 1e-9)
    return counts[:, session + 1]

"""Weights of memory's ranking, chosen on some conversations and measured on another.

So it tells what a user with other conversations may expect. The weights that ship are round numbers near
those chosen on all of them. Chosen are `WEIGHED`; how much words around a record count
(`memory.lexical.Fields`) is given.

The choice maximises the likelihood of the evidence under a softmax over each conversation's turns, by
gradient (Adam), from equal weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...memory import Embedder, Record
from ...memory.embedder import Vectors
from ...memory.lexical import Fields
from ...memory.ranking import SIGNALS, Question, signals_of
from ...memory.shelf import Row, Shelf
from ...memory.words import stems

WEIGHED = ("words", "dense", "next_dense", "session_dense", "speaker", "date", "asking")
SHARPNESS = 8.0
"""By which scores are multiplied before the softmax."""

STEPS, RATE, SHRINK = 200, 0.03, 1e-3


@dataclass(frozen=True)
class Judged:
    """A question's turns.

    Attributes:
        signals: (weights, turns).
        evidence: (turns,).
    """

    signals: NDArray[np.float64]
    evidence: NDArray[np.bool_]


def judged(
    turns: Sequence[Record],
    questions: Sequence[tuple[str, Vectors, frozenset[int]]],
    embedder: Embedder,
    asked: datetime,
) -> list[Judged]:
    """The signals of every turn for every question.

    Args:
        questions: Words, vector, and places of the evidence.
        asked: When they are asked.
    """
    vectors = embedder.embed([turn.statement() for turn in turns])
    shelf = Shelf()
    shelf.put(_row(place, turn, vectors[place]) for place, turn in enumerate(turns))
    chosen = [SIGNALS.index(name) for name in WEIGHED]
    found: list[Judged] = []
    for text, vector, evidence in questions:
        question = Question(text, vector, 1, asked.timestamp())
        signals = signals_of(shelf, question, Fields())
        every = np.stack([signals[str(place)][chosen] for place in range(len(turns))], axis=1)
        marks = np.zeros(len(turns), dtype=np.bool_)
        marks[list(evidence)] = True
        found.append(Judged(every, marks))
    return found


def _row(place: int, turn: Record, vector: Vectors) -> Row:
    learned = turn.learned.timestamp()
    return Row(
        id=str(place),
        kind=turn.kind,
        trust=turn.trust,
        text=turn.text,
        terms=stems(turn.text),
        speaker=turn.speaker,
        session=turn.session,
        seq=place,
        happened=float("nan") if turn.happened is None else turn.happened.timestamp(),
        learned=learned,
        since=learned,
        until=float("inf"),
        closed=float("inf"),
        importance=turn.importance,
        confidence=turn.confidence,
        vectors=vector[None],
    )


def held_out(conversations: Sequence[Sequence[Judged]], depths: Sequence[int]) -> list[list[float]]:
    """For each depth the recall of every question, by weights chosen on the other conversations."""
    values: list[list[float]] = [[] for _ in depths]
    for place, tested in enumerate(conversations):
        weights = choose([one for at, each in enumerate(conversations) if at != place for one in each])
        for one in tested:
            scores = np.einsum("s,st->t", weights, one.signals)
            hits = one.evidence[np.argsort(-scores, kind="stable")]
            for depth, found in zip(depths, values, strict=True):
                found.append(float(hits[:depth].sum() / hits.sum()))
    return values


def choose(questions: Sequence[Judged]) -> NDArray[np.float64]:
    """(weights,) under which the evidence is likeliest."""
    signals = np.concatenate([one.signals for one in questions], axis=1)  # (weights, turns of all questions)
    share = np.concatenate([one.evidence / one.evidence.sum() for one in questions])
    starts = np.cumsum([0, *(one.evidence.size for one in questions[:-1])])
    owner = np.repeat(np.arange(len(questions)), [one.evidence.size for one in questions])
    weights = np.full(signals.shape[0], 0.2)
    speed, force = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, STEPS + 1):
        expected = _softmax(SHARPNESS * np.einsum("s,st->t", weights, signals), starts, owner)
        slope = np.einsum("t,st->s", expected - share, signals) * SHARPNESS / len(questions)
        slope += 2 * SHRINK * SHARPNESS * weights
        speed = 0.9 * speed + 0.1 * slope
        force = 0.99 * force + 0.01 * slope**2
        weights -= RATE * (speed / (1 - 0.9**step)) / (np.sqrt(force / (1 - 0.99**step)) + 1e-8)
    return weights


def _softmax(scores: NDArray[Any], starts: NDArray[Any], owner: NDArray[Any]) -> NDArray[np.float64]:
    powers = np.exp(scores - np.maximum.reduceat(scores, starts)[owner])
    return powers / np.add.reduceat(powers, starts)[owner]

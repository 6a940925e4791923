"""The data of `bench memory`: sentences as agents keep them, their vectors, and questions about them.

Everything is drawn from a seed. A record is a sentence of twenty words or so about somebody, a thing, a
place and a number, and a vector of length 1 that lies in one of 300 clusters; owners are drawn too. A
question is a few words of its target's sentence, and its target's vector with noise, so that the target is
the answer to find.

What this does not cover: vectors of a real embedder, which lie in narrower cones, and texts as real people
write them. Speed depends on neither; quality is measured by `eval locomo`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, cast

import numpy as np

DIMENSION = 384
CLUSTERS = 300
SPREAD = 1.0
"""Length of what a vector has of its own beside its cluster's centre."""

NOISE = 0.7
"""Length of the noise in a question's vector."""

OWNERS = 100

WHO = """
    Ada Bertram Carla Dmitri Elif Farid Greta Hiro Ines Jonas Kamala Liam Mina Nadia Oskar Priya Quentin
    Rosa Samir Tilda Ursula Viktor Wanda Xaver Yuki Zoe Amara Bruno Celeste Diego Esther Felix Gulnara
    Hugo Ivana Jasper Keiko Lorenzo Maren Noah
""".split()
THINGS = """
    kettle bicycle violin lamp passport tent notebook camera jacket mattress printer garden fence boiler
    suitcase piano recipe sourdough marathon visa invoice contract warranty insurance vaccine allergy
    prescription telescope canoe aquarium greenhouse bookshelf projector drone keyboard headset router
    freezer dishwasher stroller helmet ladder sculpture poster festival concert workshop exam
    scholarship internship apartment mortgage sofa curtain carpet
""".split()
COLOURS = """
    blue green red yellow white black silver wooden striped used folding foreign second broken tiny
    heavy
""".split()
PLACES = """
    Leeds Porto Kyoto Lima Turin Gdansk Ghent Izmir Cork Tromso Quito Hanoi Accra Tartu Bergen Split
    Lyon Graz Malaga Oulu Perth Austin Halifax Nantes Basel Utrecht Bilbao Riga Bari Zadar
""".split()
VERBS = """
    bought sold repaired borrowed lost found ordered returned compared reviewed cancelled booked renewed
    cleaned described forgot packed painted photographed recommended registered replaced reserved
    shipped stored tested
""".split()
FRIENDS = (
    "her sister",
    "a neighbour",
    "his dentist",
    "the landlord",
    "an old friend",
    "their manager",
    "the new trainer",
    "a colleague",
)
REASONS = (
    "because the old one leaked",
    "since the delivery was late",
    "after the rain had stopped",
    "before the summer holidays",
    "although it was too expensive",
    "so that the children could sleep",
    "when the office moved",
    "while waiting for the train",
    "as the doctor had advised",
    "in spite of the bad reviews",
    "once the paperwork was done",
    "because the battery died",
)
DAYS = """
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday
""".split()
SHAPES = (
    "{who} {verb} a {colour} {thing} in {place} on {day} for {number} euros {reason}.",
    "On {day} {who} told {friend} that the {colour} {thing} from {place} weighs {number} grams {reason}.",
    "{who} likes the {colour} {thing} and {verb} it with {friend} in {place}, number {number}, {reason}.",
    "In {place} {friend} and {who} {verb} {number} photos of a {colour} {thing} last {day} {reason}.",
    "{who} must know on {day} that {friend} {verb} the {colour} {thing}, {number} pages in {place} {reason}.",
)


@dataclass(frozen=True)
class Data:
    """What every party is given; see `peers.remembering.Given`.

    Attributes:
        targets: Of every question the number of its record.
    """

    folder: Path
    texts: list[str]
    owners: list[str]
    questions: list[str]
    targets: list[int]

    def numbers_of(self, owner: str, first: int) -> list[int]:
        """Records of an owner, from a number on."""
        return [number for number in range(first, len(self.texts)) if self.owners[number] == owner]


def make_data(folder: Path, records: int, asked: int, among: int, seed: int = 7) -> Data:
    """Draw data and lay it in a folder.

    Args:
        records: How many.
        asked: How many questions.
        among: Their targets are among the first so many records.
    """
    rng, noise = Random(seed), np.random.default_rng(seed)
    texts = [_sentence(rng, number) for number in range(records)]
    owners = [f"owner{rng.randrange(OWNERS):02}" for _ in range(records)]
    vectors = _vectors(noise, records)
    targets = [rng.randrange(among) for _ in range(asked)]
    questions = [_question(rng, texts[target], number) for number, target in enumerate(targets)]
    asked_vectors = _unit(vectors[targets] + NOISE * _unit(_drawn(noise, asked)))
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "questions.npy", asked_vectors)
    data: dict[str, Any] = {"texts": texts, "owners": owners, "questions": questions, "targets": targets}
    (folder / "data.json").write_text(json.dumps(data))
    return Data(folder, texts, owners, questions, targets)


def _sentence(rng: Random, number: int) -> str:
    """A sentence that no other record has: the number is in it."""
    return rng.choice(SHAPES).format(
        who=rng.choice(WHO),
        verb=rng.choice(VERBS),
        colour=rng.choice(COLOURS),
        thing=rng.choice(THINGS),
        place=rng.choice(PLACES),
        friend=rng.choice(FRIENDS),
        reason=rng.choice(REASONS),
        day=rng.choice(DAYS),
        number=number + 1000,
    )


def _question(rng: Random, sentence: str, number: int) -> str:
    """Some words of a sentence, in their order, and a number that keeps it apart from other questions."""
    words = [word.strip(",.") for word in sentence.split() if len(word) > 3 and not word[0].isdigit()]
    chosen = sorted(rng.sample(range(len(words)), 5))
    return f"What about {' '.join(words[place] for place in chosen)}? ({number})"


def _vectors(rng: np.random.Generator, count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    centres = _unit(_drawn(rng, CLUSTERS))
    found = np.empty((count, DIMENSION), np.float32)
    for first in range(0, count, 10_000):
        part = found[first : first + 10_000]
        part[:] = _unit(
            centres[rng.integers(0, CLUSTERS, len(part))] + SPREAD * _unit(_drawn(rng, len(part)))
        )
    return found


def _drawn(rng: np.random.Generator, count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return rng.standard_normal((count, DIMENSION), dtype=np.float32)


def _unit(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return cast("np.ndarray[Any, np.dtype[np.float32]]", (rows / lengths).astype(np.float32))

"""Summaries without a model, and the check of those that a model wrote.

`extract` chooses the most central sentences of texts: near to the mean of all in meaning, made of the words
that most of them use, and long enough to say something. What is less central than the average is left out,
and one that says what a chosen one says is passed over. The sentences stand in their order, word for word,
with their speakers. It depends on nothing but the texts and their vectors.

`unfaithful` holds a written summary against the texts it was made of: it must not be empty or longer than
they are, and every number and every name in it must occur in them. Does not cover: what is said of these
names and numbers. A summary names its sources for that reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from .embedder import Vectors
from .words import STOP_WORDS, fold, stem_of, stems, words_of

MOST_SENTENCES = 6
LONGEST = 900
"""Characters of an extract."""

LONGEST_WRITTEN = 4_000
"""Characters of a summary that a model wrote."""

MOST_COMPARED = 200
"""Sentences that are embedded; of more the ones with the commonest words."""

LONGEST_SENTENCE = 300
"""Characters; a longer one is cut between two words, and says so with an ellipsis."""

FULL = 8
"""Stems from which on a sentence is not held to say too little to stand for others; greetings do."""

SAME = 0.85
"""Cosine from which on a sentence says what another one says."""

NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen twenty".split()
    )
    if word != "one"  # "one of them" is no number
}

_END = re.compile(r"(?<=[.!?…。！？])\s+|\n+")
_SPEAKER = re.compile(r"^[^\W\d][^:\n]{0,60}: (?=\S)")
_TOKEN = re.compile(r"[^\W_]+(?:['’.,:/-][^\W_]+)*")
_ODD = re.compile("[\0\ud800-\udfff]")
_STARTS = re.compile(r"(?:^|[.!?:;…\n\"“(•-])\s*$")


def sentences_of(text: str) -> list[str]:
    """The sentences of a text, none longer than `LONGEST_SENTENCE`."""
    return [_cut(" ".join(part.split())) for part in _END.sub("\n", text).split("\n") if part.strip()]


def extract(said: Sequence[tuple[str, str]], embed: Callable[[Sequence[str]], Vectors]) -> str:
    """The most central sentences of texts, a line each; at most half as long as all of them together.

    Args:
        said: Who said it, or "", and the text. Each sentence keeps its speaker.
        embed: (n, dimension) float32 of so many sentences, rows of length 1.
    """
    every = list(dict.fromkeys((who, each) for who, text in said for each in sentences_of(text)))
    lines = [f"{who}: {each}" if who else each for who, each in every]
    bare = [_SPEAKER.sub("", each) for _, each in every]
    terms = [set(stems(each).split()) for each in bare]
    common = _shared(terms)
    kept = sorted(sorted(range(len(every)), key=lambda at: -common[at])[:MOST_COMPARED])
    vectors = embed([bare[at] for at in kept])
    middle = vectors.mean(axis=0)
    near = vectors @ (middle / max(float(np.linalg.norm(middle)), 1e-9))
    full = np.array([min(len(terms[at]) / FULL, 1.0) for at in kept])
    central = (_scaled(near) + _scaled(np.array([common[at] for at in kept]))) * full
    room = min(LONGEST, max(sum(map(len, lines)) // 2, max(map(len, lines))))
    best_first: list[int] = np.argsort(-central, kind="stable").tolist()
    best_first = [place for place in best_first if central[place] >= central.mean() - 1e-6]
    chosen: list[int] = []
    for place in best_first:
        used = sum(len(lines[kept[each]]) + 1 for each in chosen)
        alike = any(float(vectors[place] @ vectors[each]) >= SAME for each in chosen)
        if not alike and used + len(lines[kept[place]]) <= room:
            chosen.append(place)
        if len(chosen) == MOST_SENTENCES:
            break
    return "\n".join(lines[kept[place]] for place in sorted(chosen))


def unfaithful(summary: str, texts: Sequence[str]) -> str:
    """Why a summary cannot stand for the texts; empty where nothing speaks against it."""
    if not summary.strip():
        return "it is empty"
    if len(summary) > min(sum(map(len, texts)), LONGEST_WRITTEN):
        return f"it has {len(summary)} characters, more than what it sums up or than {LONGEST_WRITTEN}"
    if _ODD.search(summary):
        return "it has characters that cannot be kept"
    numbers = {_number(found[0]) for text in texts for found in _TOKEN.finditer(text)}
    known = {stem_of(word) or word for text in texts for word in words_of(text)}
    for found in _TOKEN.finditer(summary):
        token = found[0]
        if _is_number(token) and _number(token) not in numbers:
            return f"its number {token!r} is in none of its sources"
        if _is_number(token) or not token[0].isupper():
            continue
        words = words_of(token)
        begins = token == "I" or _STARTS.search(summary[: found.start()]) is not None
        plain = begins and all(word in STOP_WORDS for word in words)
        if not plain and not all((stem_of(word) or word) in known for word in words):
            return f"its name {token!r} is in none of its sources"
    return ""


def _is_number(token: str) -> bool:
    return any(map(str.isdigit, token)) or fold(token) in NUMBER_WORDS


def _number(token: str) -> str:
    return NUMBER_WORDS.get(fold(token), fold(token))


def _shared(terms: Sequence[set[str]]) -> list[float]:
    """How much each has of the words that others have too, longer ones not favoured."""
    counts = Counter(term for each in terms for term in each)
    return [
        sum(counts[term] - 1 for term in sorted(each)) / max(len(each), 1) ** 0.5 if each else 0.0
        for each in terms
    ]


def _scaled(values: Vectors) -> Vectors:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _cut(sentence: str) -> str:
    if len(sentence) <= LONGEST_SENTENCE:
        return sentence
    begun = sentence[: LONGEST_SENTENCE - 2]
    return f"{begun.rpartition(' ')[0] or begun} …"

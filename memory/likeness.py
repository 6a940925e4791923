"""Whether two texts that are near in meaning say the same: an embedder alone does not tell.

Vectors of a statement and of its contrary are as near to each other as those of two wordings of one
statement. So texts count as saying the same only if they agree in every number and the word before it, in
every name, in negations and in words that have a contrary (`before`, `more`, `left`), and in which side of
such a word things stand on.

Does not cover: contraries that are told in other words (`add it` and `leave it out`) and other languages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .embedder import Vectors
from .words import stem_of, words_of

POLAR = frozenset(
    (
        "not no never none nothing nobody neither nor without cannot cant wont dont doesnt didnt isnt arent "
        "wasnt werent shouldnt couldnt wouldnt hasnt havent hadnt mustnt neednt except only always unless "
        "before after first last until since then instead rather earlier later early late "
        "add remove open close off out up down left right top bottom above below over under "
        "more less most least many few higher lower increase decrease increases decreases "
        "enable disable allow deny accept reject start stop show hide keep drop include exclude "
        "love hate like dislike good bad true false yes "
        "morning evening day night"
    ).split()
)
"""Words of which two texts that say the same have the same."""

_POLAR_FORMS = frozenset(stem_of(word) or word for word in POLAR)

SIDED = frozenset("before after until then instead rather than over under above below from to".split())
"""Words of which it matters what stands before and behind them."""

_NAME = re.compile(r"(?<=[\w,;'’] )[^\W\d_a-zß-öø-ÿ][\w'’-]*")


def opposed(one: str, other: str) -> bool:
    """Whether two texts differ in what their vectors do not tell."""
    mine, theirs = words_of(one), words_of(other)
    differ = set(mine) ^ set(theirs)
    if set(map(_form, mine)) & _POLAR_FORMS != set(map(_form, theirs)) & _POLAR_FORMS:
        return True
    if _numbered(mine) != _numbered(theirs) or _names(one) != _names(other):
        return True
    if not differ and mine != theirs:
        return True  # the same words in another order
    return any(_swapped(mine, theirs, word) for word in sorted(SIDED & set(mine) & set(theirs)))


def clusters(texts: Sequence[str], vectors: Sequence[Vectors], least: float) -> list[list[int]]:
    """Places of texts that all say the same as each other, in order; each joins the first that it fits.

    A text that is added at the end changes no cluster of those before it.

    Args:
        vectors: (pieces, dimension) of each text.
        least: Cosine that any two of a cluster have at the least.
    """
    found: list[list[int]] = []
    for at in range(len(texts)):
        for cluster in found:
            near = all(cosine(vectors[at], vectors[other]) >= least for other in cluster)
            if near and not any(opposed(texts[at], texts[other]) for other in cluster):
                cluster.append(at)
                break
        else:
            found.append([at])
    return found


def cosine(one: Vectors, other: Vectors) -> float:
    """That of the two nearest pieces."""
    return float((one @ other.T).max())


def _form(word: str) -> str:
    return stem_of(word) or word


def _numbered(words: Sequence[str]) -> frozenset[tuple[str, str]]:
    pairs = zip(["", *words], words, strict=False)
    return frozenset(pair for pair in pairs if any(map(str.isdigit, pair[1])))


def _names(text: str) -> frozenset[str]:
    return frozenset(name.casefold() for name in _NAME.findall(text))


def _swapped(mine: Sequence[str], theirs: Sequence[str], word: str) -> bool:
    """Whether what stands before a word in the one text stands rather behind it in the other."""
    before, behind = _sides(mine, word)
    other_before, other_behind = _sides(theirs, word)
    across = len(before & other_behind) + len(behind & other_before)
    return across > len(before & other_before) + len(behind & other_behind)


def _sides(words: Sequence[str], word: str) -> tuple[set[str], set[str]]:
    at = words.index(word)
    before, behind = ({stem_of(each) for each in side} - {""} for side in (words[:at], words[at + 1 :]))
    return before, behind

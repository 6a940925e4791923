"""Whether two texts that are near in meaning say the same: an embedder alone does not tell.

Vectors of a statement and of its contrary are as near to each other as those of two wordings of one
statement. So texts count as saying the same only if they agree in every number and the word before it, in
every name and in whether they negate; if neither has the contrary of a word of the other (`before`, `more`,
`left`); if things stand on the same side of words like `before` and `instead`. Those of a cluster share
enough words, too.

Does not cover: contraries that are told in other words (`add it` and `leave it out`), two things of one sort
(`the address` for `the date`) in texts that share all the rest, and other languages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .embedder import Vectors
from .words import stem_of, stems, words_of

NEGATIONS = frozenset(
    (
        "not no never none nothing nobody neither nor without cannot cant wont dont doesnt didnt isnt arent "
        "wasnt werent shouldnt couldnt wouldnt hasnt havent hadnt mustnt neednt unless except avoid"
    ).split()
)

CONTRARIES = (
    ("before", "after"), ("first", "last"), ("always", "never"), ("early earlier", "late later"),
    ("add", "remove drop delete"), ("open", "close"), ("on", "off"), ("in", "out"), ("up", "down"),
    ("left", "right"), ("top", "bottom"), ("above over", "below under"),
    ("more most many", "less least few fewer"), ("high higher highest", "low lower lowest"),
    ("increase raise", "decrease reduce"), ("enable", "disable"),
    ("allow accept", "deny refuse reject decline"), ("start begin", "stop end"), ("show", "hide"),
    ("keep", "drop remove change"), ("include", "exclude"), ("love like", "hate dislike"), ("good", "bad"),
    ("true", "false"), ("yes", "no"), ("morning", "evening"), ("day", "night"), ("with", "without"),
    ("same", "other different"), ("buy", "sell"), ("long", "short"), ("big large", "small"),
    ("cheap", "dear expensive"),
)  # fmt: skip
"""Words, and those that say the contrary of one of them."""

SIDED = (
    {"before": "before", "then": "before", "until": "before", "after": "after", "instead": "instead"}
    | {word: word for word in "over under above below from to".split()}
    | {"rather": "instead"}
)
"""Words of which it matters what stands before and behind them, by which they share that with."""

LEAST_SHARED = 0.3
"""Of the stems of two texts together, the share that both have."""

_NAME = re.compile(r"(?<=[\w,;'’] )[^\W\d_a-zß-öø-ÿ][\w'’-]*")


def opposed(one: str, other: str) -> bool:
    """Whether two texts differ in what their vectors do not tell."""
    mine, theirs = words_of(one), words_of(other)
    if _numbered(mine) != _numbered(theirs) or _names(one) != _names(other):
        return True
    if bool(set(mine) & NEGATIONS) != bool(set(theirs) & NEGATIONS):
        return True
    if mine != theirs and sorted(mine) == sorted(theirs):
        return True  # the same words in another order
    my_forms, their_forms = set(map(_form, mine)), set(map(_form, theirs))
    if _contrary(my_forms - their_forms, their_forms - my_forms):
        return True
    sides, others = _sides(mine), _sides(theirs)
    return any(_swapped(sides[word], others[word]) for word in sorted(sides.keys() & others.keys()))


def share(one: str, other: str) -> float:
    """Share of the stems of two texts that both have, 0 to 1."""
    mine, theirs = set(stems(one).split()), set(stems(other).split())
    return len(mine & theirs) / max(len(mine | theirs), 1)


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
            if near and all(_same(texts[at], texts[other]) for other in cluster):
                cluster.append(at)
                break
        else:
            found.append([at])
    return found


def cosine(one: Vectors, other: Vectors) -> float:
    """That of the two nearest pieces."""
    return float((one @ other.T).max())


def _same(one: str, other: str) -> bool:
    return share(one, other) >= LEAST_SHARED and not opposed(one, other)


def _form(word: str) -> str:
    return stem_of(word) or word


_POLES = [tuple(frozenset(map(_form, pole.split())) for pole in pair) for pair in CONTRARIES]


def _contrary(mine: set[str], theirs: set[str]) -> bool:
    return any((mine & one and theirs & other) or (mine & other and theirs & one) for one, other in _POLES)


def _numbered(words: Sequence[str]) -> frozenset[tuple[str, str]]:
    pairs = zip(["", *words], words, strict=False)
    return frozenset(pair for pair in pairs if any(map(str.isdigit, pair[1])))


def _names(text: str) -> frozenset[str]:
    return frozenset(name.casefold() for name in _NAME.findall(text))


Sides = tuple[set[str], set[str]]


def _sides(words: Sequence[str]) -> dict[str, Sides]:
    """Of each kind of sided word, what stands before and behind the first one."""
    found: dict[str, Sides] = {}
    for at, word in enumerate(words):
        if (kind := SIDED.get(word)) is not None and kind not in found:
            before, behind = (
                {stem_of(each) for each in side} - {""} for side in (words[:at], words[at + 1 :])
            )
            found[kind] = before, behind
    return found


def _swapped(mine: Sides, theirs: Sides) -> bool:
    """Whether what stands before a word in the one text stands rather behind it in the other."""
    across = len(mine[0] & theirs[1]) + len(mine[1] & theirs[0])
    return across > len(mine[0] & theirs[0]) + len(mine[1] & theirs[1])

"""Words, folding and spans: how free text becomes what a small model reads, and how copies find home again.

Folding lower-cases and sets every word and punctuation mark apart by one space, so that one word is the same
tokens wherever it stands. A copied span of folded text is looked up in the source again (`locate`), so what
leaves the model is always a literal span of what a person wrote, with its offsets.

Does not cover: languages that do not put spaces between words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"\w+(?:[-./:@_+]\w+)*|['’]s\b|[^\w\s]")

NUMBER_WORDS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
"""Spelled-out counts that a span may hold."""


FUNCTION = frozenset(
    """a an the and or but then so also as at by for from in into of on onto to with without via per her his
    hers their theirs its our your my me him them they she he it we i you us this that these those who whose
    which is are was be been has have had do does not no if when while once after before please""".split()
)
"""English function words."""


CARRIERS = frozenset(
    """
    a about account add added addition additional address addressed after afterwards again all also
    among an and answer answering any apart are arrange arrangement arrive arrives arriving article as
    asked asking at back be been behalf being besides bring brought but buy buyer buying by called can
    case cases charge charged cheers choose chosen client close closed closes closing colleague come
    comes coming comment complete could courtesy customer customers date days deliver delivered
    deliveries delivering delivery desk dispatch do doing done due each else end ending everything
    expected fill final finally find finish following for form from further get gets getting give given
    gives giving go goes going gone good goods had handed has have having he hear hello help her here
    hers hey hi him his house how i in independent inform is it item items its job just kindly know
    known last later leave let like made make makes making many matter me mention mentioning message
    minute moment must my name named near need needed needs new note now number of off on once open
    opened option options order ordered ordering orders organise our out over owe owed pack paid parcel
    pass pay paying payment person piece pieces place placed placing please plus post present promised
    purchase put question quote quoting reach receive receives recipient reference regards remain
    remains remark reply replying request requested requests reserve resolve resolved respond response
    result resulting right say saying says schedule see send sending sends sent separate separately
    service settle settled shall she ship shipment shipped shipping shopping should shut since so solve
    solved some somebody someone soon sort speed state stating stay stays still subject submit support
    sure take task tell telling text thank thanks that the their them then there they thing things this
    those through ticket tickets till titled to together too under unit units unrelated up us use used
    using via wait waiting want wanted wants way we well what when which while who whom whose wish with
    within words would write writes writing wrote x yes yet you your
    """.split()
)
"""Words that only carry a sentence. Negations are not: `not`, `without`, `no`, `except`, `instead`.

Words that do so only in a phrase, and phrases of these that mean something, are told in `carrying`."""


@dataclass(frozen=True)
class Span:
    """A literal stretch of a source text: `source[start:end] == text`."""

    text: str
    start: int
    end: int


def words(text: str) -> list[str]:
    """The folded words and punctuation marks of `text`, in order."""
    return [word.lower().replace("i\u0307", "i") for word in _TOKEN.findall(text)]  # the Turkish capital I


def fold(text: str) -> str:
    """`text` as the embedded model reads it: lower case, words and marks apart by one space."""
    return _folded(text) if len(text) <= KEPT else " ".join(words(text))


def told_apart(options: Sequence[str]) -> dict[str, str]:
    """Options by what they are called: folded, but as they are written where two would be called the same."""
    folded = Counter(map(fold, dict.fromkeys(options)))
    found: dict[str, str] = {}
    for option in options:
        name = fold(option)
        found.setdefault(name if folded[name] == 1 else " ".join(option.split()), option)
    return found


def option_name(option: str, options: Sequence[str]) -> str:
    """What `told_apart` calls one of them; any other text folded."""
    return next((name for name, each in told_apart(options).items() if each == option), fold(option))


KEPT = 200
"""Characters of a text whose folding is kept: tasks, names and values, which every question says anew."""


@lru_cache(maxsize=1024)
def _folded(text: str) -> str:
    return " ".join(words(text))


def tokens(text: str) -> list[Span]:
    """Every word and punctuation mark of `text` with its place, in order."""
    return [Span(match.group(), match.start(), match.end()) for match in _TOKEN.finditer(text)]


def locate(copy: str, source: str, after: int = 0) -> Span | None:
    """Find a folded copy in the text it was copied from; None if it is no run of whole words of it.

    Args:
        copy: A run of folded words.
        source: The text as it was written.
        after: Prefer the first occurrence that starts at or after this offset; else the first of all.
    """
    hits = places(copy, source)
    return next((hit for hit in hits if hit.start >= after), hits[0] if hits else None)


def places(copy: str, source: str) -> list[Span]:
    """Every place where a text stands as whole words, apart from case and spacing, in order."""
    wanted, said = words(copy), words(source)
    count = len(wanted)
    runs = [i for i in range(len(said) - count + 1) if wanted and said[i : i + count] == wanted]
    if not runs:
        return []
    found = list(_TOKEN.finditer(source))
    ends = [(found[i].start(), found[i + count - 1].end()) for i in runs]
    return [Span(source[start:end], start, end) for start, end in ends]


def count_of(text: str) -> int | None:
    """The whole number that a span says (`2`, `two`, `a`), or None."""
    folded = fold(text)
    if re.fullmatch(r"[0-9]{1,6}", folded):
        return int(folded)
    return NUMBER_WORDS.get(folded)


def stem(word: str) -> str:
    """A crude singular: it holds `mugs` against `mug`, `boxes` against `box`, `berries` against `berry`.

    Endings come off by rule, so it is no word at times (`buse` for `buses`); both sides meet the same rule.
    """
    word = word.lower()
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "xes", "sses", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def stems(text: str) -> list[str]:
    """Stems of the words of `text`, without punctuation marks."""
    return [stem(word) for word in words(text) if word[0].isalnum()]

"""Which words of a goal only carry its sentence, and which mean something: told by their neighbours.

Most words that carry do so anywhere (`wording.CARRIERS`). Some do only in a phrase (`another task`, not
`another two`), and some mean something in one (`pay on delivery`). A word with a capital beside another such
word is part of a name (`Doris Day`), unless the goal has capitals everywhere.

Covers: the words and phrases listed here. Does not cover: a meaning that only the sense of a sentence gives.
"""

from __future__ import annotations

import re

from ..wording import CARRIERS, FUNCTION, NUMBER_WORDS, Span, tokens

APOSTROPHES = ("'", "’")
ENDS = frozenset(".;:!?")
"""Marks after which a sentence or part of one begins."""

_COUNT = rf"(?:\d+|{'|'.join(NUMBER_WORDS)})"
_TASK = r"(?:one|order|task|job|customer|matter|ticket|case|person|thing|request)"
_PHRASES = re.compile(
    rf"""
    one\ order | the\ one\ who
    | (?:that|this|another)\ one | one\ more\ {_TASK} | another\ {_TASK} | different\ {_TASK}
    | if\ you\ (?:can|like|please) | if\ possible | with\ only | ordered\ by\ phone
    | (?:other|different|apart)\ (?:than|from)\ (?:that|this)
    | today(?=\ (?:\S+\ ){{1,4}}should\ ) | shop\ for | pick\ up(?=\ {_COUNT}\ )
    | mark(?=\ (?:it|that|this|the|them|her|his|their|as)\ )
    | (?:she|he|it|they|this|that|we|i|you|who)\ (?:will|may)
    | (?:will|may)(?=\ (?:be|have|not|you|i|we|she|he|it)\ )
    | book(?=\ (?:\S+\ ){{1,2}}(?:shipping|delivery)\ )
    | set\ up(?=\ (?:\S+\ ){{1,2}}(?:shipping|delivery)\ )
    | such\ that | pick(?=\ ["“]) | keep(?=\ (?:\S+\ ){{0,4}}open\ )
    | urgent(?=\ (?:[:,.;]|please)\ ) | both(?=\ (?:tickets|cases|of\ them|[.,;:])\ )
    | (?:dr|mr|mrs|ms|prof)(?=\ \.) | (?<=['’]\ )(?:ll|re|ve|d|m)(?=\ )
    | (?:don|doesn|didn|isn|won|shouldn|mustn|needn)(?=\ ['’]\ t\ )
    """,
    re.VERBOSE,
)
"""Phrases that only carry a sentence, of words that mean something elsewhere."""

_MEANT = re.compile(
    r"""
    (?:pay|paid|paying|payment)\ (?:on|upon|after|before|later|afterwards)(?:\ delivery)?
    | (?<=\bon\ )delivery | (?<=\bupon\ )delivery | (?<=\bbefore\ )delivery
    | (?<=\bby\ )(?:post|phone|account|service|message|parcel|ship)(?!\ :)
    | (?<=\bvia\ )(?:post|phone|service)
    | (?:deliver|delivered|arrive|arriving|come|send|sent|ship|shipped)\ (?:later|soon|now)
    """,
    re.VERBOSE,
)
"""Phrases of carriers that mean something."""

_RANKS = frozenset("first second next last".split())
_TIMES = frozenset(
    "day week month year morning evening class monday tuesday wednesday thursday friday".split()
)
PLAIN = frozenset(
    """
    client customer date deliver deliveries delivery desk help order orders payment please service
    shipment shipping speed ticket tickets
    """.split()
)
"""Carriers that are no part of a name, whatever their capitals."""


def carried(goal: str) -> list[bool]:
    """For every word and mark of `tokens(goal)`: whether it only carries the sentence, as marks do."""
    found = tokens(goal)
    said = [token.text.lower() for token in found]
    line, starts = "", dict[int, int]()
    for place, word in enumerate(said):
        starts[len(line)] = place
        line += word + " "
    flags = [word in CARRIERS or not word[0].isalnum() for word in said]
    for place, word in enumerate(said):
        before, after = said[place - 1] if place else ".", said[place + 1] if place + 1 < len(said) else "."
        if word in _RANKS:
            led = not before[0].isalnum() or after in CARRIERS | FUNCTION or not after[0].isalnum()
            flags[place] = led and after not in _TIMES
        elif word == "day":
            flags[place] = before in CARRIERS | FUNCTION
    for pattern, flag in ((_PHRASES, True), (_MEANT, False)):
        for hit in pattern.finditer(line):
            inside = [place for at, place in starts.items() if hit.start() <= at < hit.end()]
            if hit.start() in starts and (
                hit.end() + 1 in starts or hit.end() in starts or hit.end() + 1 == len(line)
            ):
                for place in inside:
                    flags[place] = flag
    return [flag and not _named(found, place, flags) for place, flag in enumerate(flags)]


def begins(found: list[Span], place: int) -> bool:
    """Whether a sentence or a part of one begins with this word, so that a capital there says nothing."""
    return place == 0 or found[place - 1].text in ENDS or found[place - 1].text in ('"', "“", "”")


def titled(found: list[Span]) -> bool:
    """Whether a goal has capitals everywhere, as titles do: then they tell no names."""
    inner = [token.text for place, token in enumerate(found) if not begins(found, place)]
    small = [word[0].isupper() for word in inner if word.lower() in FUNCTION - {"i"}]
    shouted = all(word.isupper() for word in inner if word[0].isalpha())
    return shouted or sum(small) * 2 > len(small)


def _named(found: list[Span], place: int, flags: list[bool]) -> bool:
    """Whether a carrier is part of a name: it has a capital, and so has the word beside it."""
    word = found[place].text
    if not word[0].isupper() or word.lower() in FUNCTION | PLAIN or begins(found, place) or titled(found):
        return False
    return any(
        found[near].text[0].isupper()
        and found[near].text.lower() not in PLAIN | FUNCTION
        and (not begins(found, near) or not flags[near])
        for near in (place - 1, place + 1)
        if 0 <= near < len(found)
    )


def glued(found: list[Span], place: int) -> bool:
    """Whether an apostrophe stands inside a word: `O'Neill`."""
    return (
        found[place].text in APOSTROPHES
        and 0 < place < len(found) - 1
        and found[place - 1].end == found[place].start
        and found[place].end == found[place + 1].start
        and found[place + 1].text[0].isalpha()
    )

"""Names, texts and sentences that generated web pages are made of, and how goals say them.

Nearly everything that a goal names is drawn anew: made-up words, random strings, people, numbers, in any case
of letters. What is short and fixed (Submit, Cancel, Next) is what the web has everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from . import words
from .words import pick

SCRIPTS = (
    "ァアィイウエオカキクケコサシスセソタチツテトナニヌネノ",
    "αβγδεζηθλμξπρστφψω",
    "абвгдежзиклмнопрстуфхэюя",
    "ÄÖÜßéèêñçåø",
    "★☆♠♣♦♪→✓●■",
)
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
SENDS = """Submit | Submit | Submit | Submit | submit | OK | Send | Save | Go | Continue | Confirm |
    Apply | Done | Finish"""
SPARES = "Reset | Clear | Cancel | Back | Help | Print | Preview | Undo"
HINTS = "tt | tt1 | input | input 1 | field | field 2 | text | value | q | box | entry | txt | data"
QUOTES = (('"', '"'), ('"', '"'), ('"', '"'), ("'", "'"), ("“", "”"), ("«", "»"))
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()


def cased(text: str, rng: Random) -> str:
    """A text in one of the ways in which pages write their letters."""
    roll = rng.random()
    if roll < 0.3:
        return text
    if roll < 0.65:
        return " ".join(word[:1].upper() + word[1:] for word in text.split())
    return text[:1].upper() + text[1:] if roll < 0.88 else text.upper()


def code(rng: Random, low: int = 2, high: int = 8) -> str:
    """A string of letters and digits without sense."""
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(low, high)))


def caption(rng: Random) -> str:
    """What a thing may be called: words, made-up words, random strings, now and then another script."""
    roll = rng.random()
    if roll < 0.3:
        return cased(" ".join(words.fresh(rng) for _ in range(rng.choice((1, 1, 1, 2)))), rng)
    if roll < 0.5:
        return code(rng)
    if roll < 0.65:
        return cased(" ".join(words.product(rng)), rng)
    if roll < 0.75:
        return cased(words.either(rng, words.FIRST + words.OPTIONS, 0.2), rng)
    if roll < 0.83:
        return cased(" ".join(words.person(rng)), rng)
    if roll < 0.9:
        return f"{cased(words.fresh(rng), rng)} {rng.choice(('', '#', 'no. '))}{rng.randint(1, 99)}"
    if roll < 0.95:
        return words.fresh(rng).upper()
    script = rng.choice(SCRIPTS)
    return "".join(rng.choice(script) for _ in range(rng.randint(1, 5)))


def short(rng: Random) -> str:
    """One word: made up, a name or a random string."""
    roll = rng.random()
    if roll < 0.4:
        return cased(words.fresh(rng), rng)
    return code(rng) if roll < 0.7 else cased(words.either(rng, words.FIRST + words.THINGS, 0.2), rng)


def text_of(rng: Random) -> str:
    """Something to type: a word, a string, a few words, a number, a reference."""
    roll = rng.random()
    if roll < 0.5:
        return short(rng)
    if roll < 0.7:
        return cased(" ".join(words.fresh(rng) for _ in range(rng.randint(2, 4))), rng)
    if roll < 0.8:
        return cased(" ".join(words.person(rng)), rng)
    return str(rng.randint(0, 99999)) if roll < 0.9 else words.reference(rng)


def distinct(
    rng: Random, count: int, make: Callable[[Random], str] = caption, apart: Sequence[str] = ()
) -> list[str]:
    """So many texts of which none stands within another, whatever the case of letters; nor in `apart`."""
    found: list[str] = []
    known = [text.lower() for text in apart]
    while len(found) < count:
        text = " ".join(make(rng).split())
        low = text.lower()
        if low and not any(low in other or other in low for other in known):
            found.append(text)
            known.append(low)
    return found


def prose(rng: Random, low: int = 3, high: int = 12) -> str:
    """A sentence that says nothing, as pages are full of."""
    said = [
        words.fresh(rng) if rng.random() < 0.6 else rng.choice(words.THINGS + words.KINDS)
        for _ in range(rng.randint(low, high))
    ]
    return " ".join(said).capitalize() + rng.choice((".", ".", ".", "", "!"))


class Voice:
    """How one goal is said: which quotes it uses, whether it uses any, and how it ends."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.marks = rng.choice(QUOTES) if rng.random() < 0.65 else ("", "")

    def quote(self, text: str) -> str:
        """The text as this goal quotes things, if it does."""
        return f"{self.marks[0]}{text}{self.marks[1]}"

    def listed(self, texts: Sequence[str]) -> str:
        """Several texts in a row."""
        said = [self.quote(text) for text in texts]
        if len(said) < 2:
            return "".join(said)
        joint = self.rng.choice((", ", ", ", " and ", ", and "))
        return ", ".join(said[:-1]) + joint + said[-1]

    def say(self, templates: str, **values: str) -> str:
        """One of the `|`-separated templates with its values, as a sentence."""
        text = pick(self.rng, templates).format(**values)
        text = text[:1].upper() + text[1:] if self.rng.random() < 0.9 else text
        return text if text.endswith((".", "?", "!")) or self.rng.random() < 0.15 else f"{text}."

    def then(self, button: str) -> str:
        """The end of a goal that says what is pressed last; may leave it unsaid only by its usual name."""
        said = self.quote(button) if self.rng.random() < 0.5 else button
        end = pick(
            self.rng,
            f""", then click {said} | and click {said} | and press {said} |
                , then press the {said} button | and hit {said} | . Then click on {said} |
                . Press {said} when done | and click the {said} button | , and finish with {said} |
                , then {said}""",
        )
        return end if end.startswith((",", ".")) else f" {end}"


def ordinal(number: int, rng: Random) -> str:
    """A place in a row, from 1, in figures or in letters."""
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return ORDINALS[number - 1] if number <= 10 and rng.random() < 0.3 else f"{number}{suffix}"

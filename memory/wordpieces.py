"""Cuts texts so that each piece fits an embedder's window, and reads a piece into tokens.

The tokenizer is BERT's (WordPiece after Devlin et al. 2019, arXiv:1810.04805), which turns every word of
more than 100 characters into one unknown token; here such a word is read in parts instead, so that its
content counts.

Promises: the pieces of a text, put together, are the text; a piece never has more tokens than the window;
a text that has is refused, never cut. Does not cover: what a word's meaning loses by a cut inside of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .errors import TextTooLong
from .installed import installed

LONGEST_WORD = 100  # characters, decomposed; BERT's `max_input_chars_per_word`
_PART = 25  # characters of a long word that is not ASCII: decomposed, none becomes more than four
_SURE = 60  # characters that fit every window: at most four tokens each
_LONG = 20  # characters for each token of the window: what is longer does not fit, or is mostly space
_SPACE = "\t\n\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # what BERT separates words by
_LONG_RUN = re.compile(f"[^{_SPACE}]{{{_PART + 1},}}")
_SEGMENT = re.compile(f"[{_SPACE}]*[^{_SPACE}]+[{_SPACE}]*|[{_SPACE}]+")
_PLAIN = re.compile(r"[A-Za-z]{1,3}|[^\sA-Za-z]")
_SENTENCE_END = re.compile(f"(?:[.!?…。！？؟۔।][\"'”’»)\\]]*[{_SPACE}]+|\n[{_SPACE}]*)$")


class Wordpieces:
    """A BERT tokenizer of a model that reads `window` tokens, special ones included."""

    def __init__(self, path: Path, window: int) -> None:
        """Open a `tokenizer.json`.

        Raises:
            EmbedderMissing: The package tokenizers is not installed.
        """
        self.window = window
        self._tokenizer = installed("tokenizers").Tokenizer.from_file(str(path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def tokens(self, text: str) -> list[int]:
        """Ids of a piece, special tokens included.

        Raises:
            TextTooLong: There are more than `window`.
        """
        ids = self._read(text)
        if len(ids) > self.window:
            raise TextTooLong(len(ids), self.window)
        return ids

    def pieces(self, text: str) -> list[str]:
        """See `Embedder`: cut where a sentence ends, else a word, else anywhere."""
        if _surely_fits(text, self.window):
            return [text]
        if len(text) <= _LONG * self.window and len(self._read(text)) <= self.window:
            return [text]
        return packed(text, self.window - 2, lambda part: len(self._read(part)) - 2)

    def known(self, word: str) -> list[int]:
        """Ids of a word alone, without special tokens; none if a part of it is unknown."""
        ids = self._tokenizer.encode(readable(word), add_special_tokens=False).ids
        return [] if self._tokenizer.token_to_id("[UNK]") in ids else ids

    def _read(self, text: str) -> list[int]:
        return self._tokenizer.encode(readable(text)).ids


def packed(text: str, budget: int, count: Callable[[str], int]) -> list[str]:
    """The text in pieces of at most `budget` tokens each, as `count` counts them.

    Args:
        count: Tokens of a text, at most four for a character.
    """
    pieces: list[str] = []
    held: list[str] = []
    sizes: list[int] = []
    for segment, size in _segments(text, budget, count):
        if held and sum(sizes) + size > budget:
            end = _best_end(held, sizes)
            pieces.append("".join(held[:end]))
            held, sizes = held[end:], sizes[end:]
            if held and sum(sizes) + size > budget:
                pieces.append("".join(held))
                held, sizes = [], []
        held.append(segment)
        sizes.append(size)
    pieces.append("".join(held))
    return [part for piece in pieces for part in _halved(piece, budget, count)]


def encodable(text: str) -> str:
    """The text, with a question mark for each lone surrogate, which no encoding has."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def readable(text: str) -> str:
    """The text as the tokenizer is given it: encodable, and long words in parts."""
    return _LONG_RUN.sub(lambda run: _in_parts(run[0]), encodable(text))


def plain_pieces(text: str, tokens: int) -> list[str]:
    """The text in pieces for a tokenizer that is not known: three letters, or any other sign, are a token."""
    return packed(text, tokens, lambda part: len(_PLAIN.findall(unicodedata.normalize("NFD", part))))


def _surely_fits(text: str, window: int) -> bool:
    return len(text) * 4 <= window - 2 or (text.isascii() and len(text) <= window - 2)


def _segments(text: str, budget: int, count: Callable[[str], int]) -> Iterator[tuple[str, int]]:
    """Words with the space after them, and their tokens; one over the budget in slices that are not."""
    for segment in _SEGMENT.findall(text):
        size = count(segment) if len(segment) <= _LONG * budget else budget + 1
        if size <= budget or len(segment) <= _SURE:
            yield segment, size
            continue
        width = LONGEST_WORD if segment.isascii() and budget >= LONGEST_WORD else _PART
        for start in range(0, len(segment), width):
            part = segment[start : start + width]
            yield part, count(part)


def _best_end(held: Sequence[str], sizes: Sequence[int]) -> int:
    """How many of the segments make the piece: up to the last sentence end of its second half, or all."""
    left, half = sum(sizes), sum(sizes) / 2
    for end in range(len(held), 0, -1):
        if left < half:
            break
        if _SENTENCE_END.search(held[end - 1]):
            return end
        left -= sizes[end - 1]
    return len(held)


def _halved(piece: str, budget: int, count: Callable[[str], int]) -> list[str]:
    """The piece, in halves as long as it does not fit: slices of one word can read longer together."""
    if len(piece) <= 1 or count(piece) <= budget:
        return [piece]
    middle = len(piece) // 2
    return _halved(piece[:middle], budget, count) + _halved(piece[middle:], budget, count)


def _in_parts(run: str) -> str:
    """A run without spaces, in which each word that the tokenizer would give up is parted by spaces."""
    made: list[str] = []
    start = 0
    for place in range(len(run) + 1):
        if place == len(run) or _is_punctuation(run[place]):
            made += [_parted(run[start:place]), run[place : place + 1]]
            start = place + 1
    return "".join(made)


def _parted(word: str) -> str:
    if len(unicodedata.normalize("NFD", word)) <= LONGEST_WORD:
        return word
    width = LONGEST_WORD if word.isascii() else _PART
    return " ".join(word[start : start + width] for start in range(0, len(word), width))


def _is_punctuation(character: str) -> bool:
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character).startswith("P")

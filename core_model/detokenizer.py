"""Text of tokens as they arrive, equal to decoding all of them at once, at a cost per token that stays flat.

Which tokens may still change the text depends on the tokenizer's decoder: bytes of a character that is not
whole yet (byte-level), a run of byte tokens (byte fallback: one bad byte spoils the whole run), and what may
turn out to be the beginning of a stop text. Just that is held back.

What it does not cover: decoders of other kinds (a suffix on the last token, repeated tokens taken as one).
What they make of a token depends on those after it, so they give no text before the end.
"""

from __future__ import annotations

import codecs
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

from .generation import Delta

if TYPE_CHECKING:
    from .tokenizer import Tokenizer

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2}|\+[0-9A-Fa-f])>")  # as the tokenizers library reads them


class Detokenizer(ABC):
    """Turns tokens into text piece by piece; the pieces together are `Tokenizer.decode` of all the tokens."""

    @abstractmethod
    def add(self, ids: Sequence[int]) -> str:
        """Take further tokens; returns the text that has become certain, maybe none."""

    @abstractmethod
    def finish(self) -> str:
        """The rest, which was held back; nothing may be added after it."""


def detokenizers(tokenizer: Tokenizer) -> partial[Detokenizer]:
    """What makes a fresh detokenizer when called, of the kind that fits the tokenizer's decoder."""
    decoder: dict[str, Any] | None = json.loads(tokenizer.fast.to_str()).get("decoder")
    inner: list[dict[str, Any]] = [] if decoder is None else decoder.get("decoders", [decoder])
    kinds = [str(stage["type"]) for stage in inner]
    if kinds == ["ByteLevel"]:
        return partial(_ByteLevel, _Pieces(tokenizer, _level_bytes))
    if kinds in ([], ["Metaspace"], ["WordPiece"]):
        return partial(_Apart, tokenizer, _Pieces(tokenizer, str), {}, {})
    if (fused := _fused(inner)) is not None:
        replaced, stripped = fused
        has_bytes = "ByteFallback" in kinds
        return partial(_Fused, _Pieces(tokenizer, partial(_fused_piece, replaced, has_bytes)), stripped)
    return partial(_AtTheEnd, tokenizer)


def token_bytes(tokenizer: Tokenizer) -> Callable[[int], bytes]:
    """What tells the bytes that a token adds to a text that has begun; a special token is its name."""
    is_level = detokenizers(tokenizer).func is _ByteLevel
    special = frozenset(tokenizer.special_tokens)
    before = tokenizer.fast.encode("a", add_special_tokens=False).ids
    begun = tokenizer.decode(before)

    def bytes_of(token: int) -> bytes:
        name = tokenizer.fast.id_to_token(token)
        if name is None or name in special:
            return (name or "").encode("utf-8")
        if is_level:
            return _level_bytes(name)
        if (byte := _BYTE.fullmatch(name)) is not None:
            return bytes([int(byte.group(1), 16)])
        return tokenizer.decode([*before, token]).removeprefix(begun).encode("utf-8")

    return cache(bytes_of)  # never larger than the vocabulary


class _Pieces:
    """What each token adds, by id, looked up once; None for special tokens and ids that stand for nothing."""

    def __init__(self, tokenizer: Tokenizer, read: Callable[[str], bytes | str]) -> None:
        self._fast, self._read = tokenizer.fast, read
        self._special = frozenset(tokenizer.special_tokens)
        self._known: dict[int, bytes | str | None] = {}

    def __getitem__(self, token: int) -> bytes | str | None:
        if token not in self._known:
            text = self._fast.id_to_token(token)
            self._known[token] = None if text is None or text in self._special else self._read(text)
        return self._known[token]


class _ByteLevel(Detokenizer):
    """GPT-2's bytes written as characters: text is certain as soon as its characters are whole."""

    def __init__(self, pieces: _Pieces) -> None:
        self._pieces = pieces
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, ids: Sequence[int]) -> str:
        pieces = cast("list[bytes | None]", [self._pieces[token] for token in ids])
        return self._utf8.decode(b"".join(piece for piece in pieces if piece is not None))

    def finish(self) -> str:
        return self._utf8.decode(b"", final=True)


class _Apart(Detokenizer):
    """Decoders in which a token's text depends only on whether it is the first one."""

    def __init__(
        self, tokenizer: Tokenizer, pieces: _Pieces, first: dict[str, str], later: dict[str, str]
    ) -> None:
        self._fast, self._pieces = tokenizer.fast, pieces
        self._texts = (later, first)  # shared by all detokenizers of the tokenizer
        self._first = True

    def add(self, ids: Sequence[int]) -> str:
        return "".join(self._text(cast("str", piece)) for i in ids if (piece := self._pieces[i]) is not None)

    def _text(self, token: str) -> str:
        known = self._texts[self._first]
        if token not in known:
            decoder = self._fast.decoder
            if decoder is None:
                known[token] = token if self._first else " " + token
            elif self._first:
                known[token] = decoder.decode([token])
            else:
                known[token] = decoder.decode(["a", token]).removeprefix("a")
        self._first = False
        return known[token]

    def finish(self) -> str:
        return ""


class _Fused(Detokenizer):
    """SentencePiece with byte fallback: texts end to end, runs of bytes in them, a strip at the start."""

    def __init__(self, pieces: _Pieces, stripped: tuple[str, int]) -> None:
        self._pieces = pieces
        self._strip, self._left = stripped
        self._run = bytearray()

    def add(self, ids: Sequence[int]) -> str:
        texts: list[str] = []
        for token in ids:
            piece = self._pieces[token]
            if isinstance(piece, bytes):
                self._run += piece
            elif piece is not None:
                texts += [self._end_run(), piece]
        return self._stripped("".join(texts))

    def finish(self) -> str:
        return self._stripped(self._end_run())

    def _end_run(self) -> str:
        run, self._run = bytes(self._run), bytearray()
        try:
            return run.decode("utf-8")
        except UnicodeDecodeError:
            return "\ufffd" * len(run)

    def _stripped(self, text: str) -> str:
        while self._left and text:
            if text[0] != self._strip:
                self._left = 0
            else:
                text, self._left = text[1:], self._left - 1
        return text


class _AtTheEnd(Detokenizer):
    """Any other decoder."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []

    def add(self, ids: Sequence[int]) -> str:
        self._ids += ids
        return ""

    def finish(self) -> str:
        return self._tokenizer.decode(self._ids)


def _level_bytes(token: str) -> bytes:
    """Bytes of a byte-level token; a text with any other character in it stands for itself."""
    try:
        return bytes(_BYTE_OF[character] for character in token)
    except KeyError:
        return token.encode("utf-8")


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's characters for bytes: printable ones are themselves, the rest follow from U+0100 on.

    Source: Radford et al. 2019, `bytes_to_unicode` of the released encoder.
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}


_BYTE_OF = _byte_alphabet()


def _fused(stages: Sequence[dict[str, Any]]) -> tuple[list[tuple[str, str]], tuple[str, int]] | None:
    """Replacements in every token, and what is stripped at the start how often; None for another decoder."""
    left = list(stages)
    replaced: list[tuple[str, str]] = []
    while left and left[0]["type"] == "Replace" and "String" in left[0]["pattern"]:
        stage = left.pop(0)
        replaced.append((stage["pattern"]["String"], stage["content"]))
    if left and left[0]["type"] == "ByteFallback":
        left.pop(0)
    if [stage["type"] for stage in left] == ["Fuse"]:
        return replaced, (" ", 0)
    if [stage["type"] for stage in left] == ["Fuse", "Strip"] and not left[1]["stop"]:
        return replaced, (left[1]["content"], left[1]["start"])
    return None


def _fused_piece(replaced: Sequence[tuple[str, str]], has_bytes: bool, token: str) -> bytes | str:
    for old, new in replaced:
        token = token.replace(old, new)
    found = _BYTE.fullmatch(token) if has_bytes else None
    return token if found is None else bytes([int(found.group(1), 16)])


def cut_place(text: str, stops: Sequence[str]) -> int:
    """Where the first of `stops` begins in `text`; its length when none is in it."""
    return min((place for stop in stops if (place := text.find(stop)) >= 0), default=len(text))


class GrowingText:
    """Text up to the first stop text, piece by piece, without anything that may turn out to begin one.

    Attributes:
        stopped: A stop text was found: what comes after it is left out.
    """

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str] = ()) -> None:
        self.stopped = False
        self._stops = [stop for stop in stops if stop]
        self._detokenizer = tokenizer.detokenizer()
        self._held: str = ""

    def add(self, ids: Sequence[int]) -> str:
        """Take further tokens; returns the text that has become certain."""
        return self._show(self._detokenizer.add(ids), self._may_begin)

    def finish(self) -> str:
        """The rest."""
        return self._show(self._detokenizer.finish(), len)

    def _show(self, new: str, end_of: Callable[[str], int]) -> str:
        if self.stopped:
            return ""
        text = self._held + new
        end = cut_place(text, self._stops)
        self.stopped = end < len(text)
        if not self.stopped:
            end = end_of(text)
        self._held = "" if self.stopped else text[end:]
        return text[:end]

    def _may_begin(self, text: str) -> int:
        """Where the longest ending of `text` begins that a stop text could begin with."""
        for size in range(min(len(text), max(map(len, self._stops), default=1) - 1), 0, -1):
            if any(stop.startswith(text[-size:]) for stop in self._stops if len(stop) > size):
                return len(text) - size
        return len(text)


class GrowingDeltas:
    """`GrowingText` as `Delta`s, each with the log-probability of the tokens it came with."""

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str]) -> None:
        self._text = GrowingText(tokenizer, stops)
        self._logprob: float | None = None

    def add(self, ids: Sequence[int], logprobs: Sequence[float | None]) -> Delta | None:
        """Take further tokens; None while no text has become certain."""
        for value in logprobs:
            if value is not None:
                self._logprob = value + (self._logprob or 0.0)
        return self._delta(self._text.add(ids))

    def finish(self) -> Delta | None:
        """The rest, if any."""
        return self._delta(self._text.finish())

    def _delta(self, text: str) -> Delta | None:
        if not text:
            return None
        delta = Delta(text, self._logprob)
        self._logprob = None
        return delta

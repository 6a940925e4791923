"""What a model may write, compiled for llguidance: JSON schemas, Lark grammars, regular expressions, choices.

In process, only tokens that keep the text inside the grammar can be sampled, and tokens that the grammar
forces may be taken without asking the model. For text from elsewhere, `Grammar.accepts` checks it afterwards.
A schema that cannot be enforced is refused at compile time (`json_schema.py` says what can).

What it does not promise: that the text is complete. When tokens run out first, the generation says so
(`stop_reason == "length"`). A grammar with a way out (`Grammar.closing`) does promise it: shortly before the
limit the text is taken back to where it can still become one of the way out, and is finished as such, so that
it is neither cut nor claims what the model did not decide. Whoever reads it must know the way out for what it
is; the generation is flagged.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import takewhile
from typing import Any, cast

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from numpy.typing import NDArray
from pydantic import BaseModel

from .errors import InvalidGrammar, NoRoomToClose
from .json_schema import enforceable
from .tokenizer import Tokenizer

LONGEST_WAY_OUT = 512
"""Tokens; a way out that needs more is refused."""

_QUIET = LLParserLimits(verbose_errors=False)
_FENCE = re.compile(r"```[a-z]*\n(.*)\n```", re.DOTALL)


@dataclass(frozen=True)
class Grammar:
    """A set of texts. Make one with `schema`, `lark`, `regex` or `choices`.

    Attributes:
        compiled: What llguidance reads.
        kind: "schema", "lark", "regex" or "choices".
        source: The JSON schema, pattern, Lark text or tuple of choices it was made from.
        model: The pydantic model, where it was made from one.
        last: The way out, see `closing`.
    """

    compiled: str
    kind: str
    source: Any = field(hash=False)
    model: type[BaseModel] | None = None
    last: Grammar | None = None

    @classmethod
    def schema(cls, model: type[BaseModel] | Mapping[str, Any]) -> Grammar:
        """Compact JSON that fits a pydantic model or a JSON schema.

        Raises:
            InvalidGrammar: the schema uses something that cannot be enforced; names the keyword.
        """
        schema = dict(model) if isinstance(model, Mapping) else model.model_json_schema()
        text = json.dumps(enforceable(schema))
        try:
            compiled = LLMatcher.grammar_from_json_schema(
                text, overrides={"whitespace_flexible": False, "lenient": False}
            )
        except ValueError as error:
            raise InvalidGrammar(text, str(error)) from error
        return cls(
            _validated(compiled, json.dumps(schema)),
            "schema",
            schema,
            None if isinstance(model, Mapping) else model,
        )

    @classmethod
    def lark(cls, text: str) -> Grammar:
        """Texts of a Lark grammar whose first rule is `start` (llguidance's dialect).

        Raises:
            InvalidGrammar: it does not compile.
        """
        return cls(_validated(LLMatcher.grammar_from_lark(text), text), "lark", text)

    @classmethod
    def regex(cls, pattern: str) -> Grammar:
        """Texts that match `pattern` from end to end (Rust syntax: no look-around, no back-references).

        Raises:
            InvalidGrammar: it does not compile.
        """
        return cls(_validated(LLMatcher.grammar_from_regex(pattern), pattern), "regex", pattern)

    @classmethod
    def choices(cls, texts: Sequence[str]) -> Grammar:
        """Exactly one of `texts`, each at least one character.

        Raises:
            InvalidGrammar: there are none, or one is empty.
        """
        if not texts or "" in texts:
            raise InvalidGrammar(repr(list(texts)), "choices must be one or more texts, none of them empty")
        lark = "start: " + " | ".join(json.dumps(text, ensure_ascii=False) for text in texts)
        return cls(_validated(LLMatcher.grammar_from_lark(lark), lark), "choices", tuple(texts))

    def closing(self, last: Grammar) -> Grammar:
        """The same texts, and those of `last` as a way out when the token limit comes near.

        The texts should begin alike and `last` should need few tokens: so much of the limit is kept for it
        (`GrammarState.reserve`), and what the model wrote beyond the common beginning is lost.
        """
        return replace(self, last=last)

    def accepts(self, text: str) -> bool:
        """Whether `text` as a whole is in the grammar, or is its way out."""
        tokenizer = _byte_tokenizer()
        matcher = _byte_matcher(self.compiled).deep_copy()
        tokens = tokenizer.tokenize_bytes(text.encode("utf-8"))
        if matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting():
            return True
        return self.last is not None and self.last.accepts(text)

    def normalise(self, text: str) -> str:
        """The form of `text` that is in the grammar: trimmed, JSON made compact.

        For text that was written without the grammar. A code fence around it is taken off.

        Raises:
            ValueError: it is not in the grammar; says why.
        """
        fence = _FENCE.fullmatch(text.strip())
        text = fence.group(1).strip() if fence else text.strip()
        if self.kind == "schema":
            if self.model is not None:
                text = self.model.model_validate_json(text).model_dump_json(by_alias=True)
            else:
                text = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
        if not self.accepts(text):
            raise ValueError(f"{text[:200]!r} is not a text of the {self.kind} grammar")
        return text


class GrammarCompiler:
    """Starts matchers for one tokenizer; making it takes long enough (up to seconds) to share it.

    Attributes:
        words: Length of a packed mask, in numbers of 32 bits.
        ends: Tokens that end a text.
    """

    KEPT = 64  # compiled grammars: agents ask the same few questions again

    def __init__(self, tokenizer: Tokenizer, vocab_size: int, eos_ids: Sequence[int]) -> None:
        self.vocab_size, self.ends = vocab_size, frozenset(eos_ids)
        size = max(tokenizer.vocab_size, vocab_size)
        self.words = (size + 31) // 32
        self._tokenizer = LLTokenizer(tokenizer.fast.to_str(), n_vocab=size, eos_token=list(eos_ids))
        self._compiled: dict[str, LLMatcher] = {}
        self._ways_out: dict[str, list[int]] = {}
        self._lock = threading.Lock()
        found = [tokenizer.encode_literal(text) for text in _CLOSERS]
        self.closers = [tokens[0] for tokens in found if len(tokens) == 1]

    def start(self, grammar: Grammar, limit: int | None = None) -> GrammarState:
        """A fresh state of `grammar`, before any token.

        Args:
            grammar: From any thread.
            limit: Tokens that the text may have.

        Raises:
            InvalidGrammar: it, or its way out, cannot be compiled for this vocabulary.
            NoRoomToClose: `limit` is less than the way out needs.
        """
        reserve = 0 if grammar.last is None else len(self.way_out(grammar.last))
        if limit is not None and limit < reserve:
            raise NoRoomToClose(limit, reserve)
        return GrammarState(self.matcher(grammar), self, grammar, reserve)

    def masks(self, rows: int) -> NDArray[np.int32]:
        """Packed masks (rows, words) that allow everything, for `GrammarState.fill`."""
        return np.full((rows, self.words), -1, dtype=np.int32)

    def matcher(self, grammar: Grammar) -> LLMatcher:
        """A fresh matcher, compiled at most once as long as it is among the last `KEPT`."""
        with self._lock:
            known = self._compiled.pop(grammar.compiled, None)
        if known is None:  # without the lock: a large grammar takes its time
            known = LLMatcher(self._tokenizer, grammar.compiled, log_level=0, limits=_QUIET)
            if known.is_error():
                raise InvalidGrammar(str(grammar.source), known.get_error())
        with self._lock:
            self._compiled[grammar.compiled] = known
            while len(self._compiled) > self.KEPT:
                del self._compiled[next(iter(self._compiled))]
            return known.deep_copy()

    def way_out(self, last: Grammar) -> list[int]:
        """Tokens of a short text of `last`, found once."""
        with self._lock:
            known = self._ways_out.get(last.compiled)
        if known is not None:
            return known
        known = shortest_ending(self.matcher(last), self.closers, LONGEST_WAY_OUT)
        if known is None:
            why = f"as a way out it has no text of at most {LONGEST_WAY_OUT} tokens"
            raise InvalidGrammar(str(last.source), why)
        with self._lock:
            while len(self._ways_out) >= self.KEPT:
                del self._ways_out[next(iter(self._ways_out))]
            self._ways_out[last.compiled] = known
        return known


@dataclass(frozen=True)
class Closing:
    """How a text ends by its way out: the first `keep` of its tokens, then `tokens`, and nothing after."""

    keep: int
    tokens: list[int]


class GrammarState:
    """Where a text under way stands in its grammar.

    Attributes:
        reserve: Tokens of the limit that are kept for the way out; 0 where there is none. With fewer than
            these left, or as many, and a text that is not finished, `close` says how it ends.
    """

    def __init__(self, matcher: LLMatcher, compiler: GrammarCompiler, grammar: Grammar, reserve: int) -> None:
        self._matcher, self._compiler, self._grammar = matcher, compiler, grammar
        self.reserve = reserve
        self._tokens: list[int] = []
        self._shadow: LLMatcher | None = None  # follows the text in the way out, as far as it goes
        self._shared, self._parted = 0, False

    def mask(self) -> NDArray[np.bool_]:
        """Which tokens may come next, (vocab_size,) bool; end tokens are in it where the text may end."""
        packed = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._check()
        bits = np.unpackbits(packed, bitorder="little")[: self._compiler.vocab_size]
        return bits.view(np.bool_)

    def fill(self, masks: NDArray[np.int32], row: int) -> None:
        """Write the packed mask of the next token into a row of `GrammarCompiler.masks`."""
        line = masks[row]
        self._matcher.unsafe_compute_mask_ptr(line.ctypes.data, line.nbytes)
        self._check()

    def fill_draft(self, masks: NDArray[np.int32], row: int, draft: Sequence[int]) -> None:
        """`fill` for the next token and after each token of `draft`, in len(draft) + 1 rows from `row` on.

        `draft` must be allowed as far as it goes (`validate`). The state stays where it is.
        """
        self.fill(masks, row)
        for place, token in enumerate(draft, start=1):
            self._matcher.consume_token(token)
            self.fill(masks, row + place)
        if draft:
            self._matcher.rollback(len(draft))

    def validate(self, draft: Sequence[int]) -> int:
        """How many tokens of `draft` are allowed one after the other, up to the first end token."""
        inside = list(takewhile(lambda token: token not in self._compiler.ends, draft))
        return self._matcher.validate_tokens(inside)

    def forced(self, room: int | None = None) -> list[int]:
        """Take and return the tokens that the grammar leaves no choice about.

        Args:
            room: Tokens that the text may still get. Where the forced ones do not finish it within them, no
                more are taken than leave room for the way out.
        """
        tokens = self._matcher.compute_ff_tokens()
        if room is not None and len(tokens) > room - self.reserve:
            whole = self._matcher.deep_copy()
            fits = len(tokens) <= room and whole.consume_tokens(tokens) and whole.is_stopped()
            tokens = tokens if fits else tokens[: max(0, room - self.reserve)]
        if tokens:
            self.take(tokens)
        return tokens

    def take(self, tokens: Sequence[int]) -> None:
        """Go on past `tokens`, which must be allowed."""
        self._matcher.consume_tokens(list(tokens))
        self._check()
        self._tokens.extend(tokens)

    def rollback(self, count: int) -> None:
        """Take back the last `count` tokens.

        Raises:
            ValueError: there are not so many.
        """
        if not 0 <= count <= len(self._tokens):
            raise ValueError(f"{count} tokens cannot be taken back of {len(self._tokens)}.")
        if count:
            self._matcher.rollback(count)
            self._check()
            del self._tokens[-count:]
            self._shadow = None

    def ending(self, most: int = LONGEST_WAY_OUT) -> list[int] | None:
        """Tokens, few but not always the fewest, that make the text complete; None if `most` do not do it.

        Its length is an upper bound of what closing the text costs.
        """
        return shortest_ending(self._matcher.deep_copy(), self._compiler.closers, most)

    def close(self, left: int) -> Closing | None:
        """How to finish the text with at most `left` more tokens; None as long as it need not be.

        Nothing of the state changes: the request ends with it. It costs a walk over the text's tokens, once.

        Args:
            left: Tokens that may still be generated; those that are taken back count as generated.
        """
        if self._grammar.last is None or left > self.reserve or self.finished:
            return None
        if self.complete:
            return Closing(len(self._tokens), [])
        shared = self._shared_with_way_out()
        if self._shadow is not None:
            ending = shortest_ending(self._shadow.deep_copy(), self._compiler.closers, left)
            if ending is not None:
                return Closing(shared, ending)
        return Closing(0, list(self._compiler.way_out(self._grammar.last)))

    def _shared_with_way_out(self) -> int:
        """With how many of its tokens the text can still become one of the way out."""
        if self._shadow is None:
            self._shadow = self._compiler.matcher(cast("Grammar", self._grammar.last))
            self._shared, self._parted = 0, False
        if not self._parted:
            new = self._tokens[self._shared :]
            followed = self._shadow.try_consume_tokens(new)
            self._shared += followed
            self._parted = followed < len(new)
        return self._shared

    @property
    def finished(self) -> bool:
        """Nothing may follow any more."""
        return self._matcher.is_stopped()

    @property
    def complete(self) -> bool:
        """The text so far is in the grammar."""
        return self._matcher.is_accepting()

    def fork(self) -> GrammarState:
        """An independent copy."""
        copy = GrammarState(self._matcher.deep_copy(), self._compiler, self._grammar, self.reserve)
        copy._tokens = list(self._tokens)
        return copy

    def _check(self) -> None:
        if self._matcher.is_error():
            raise InvalidGrammar(str(self._grammar.source), self._matcher.get_error())


_BEAM, _BRANCHES = 3, 6
_CLOSERS = (
    '"}}', '"}', '"]', "}}", "}]", "]}", "}", "]", '"', '",', ",", ":", "0", "1", "null", "true", "false",
    " ", "a", "-",
)  # fmt: skip
"""What tends to bring a text of JSON to its end, soonest first."""


def shortest_ending(matcher: LLMatcher, closers: Sequence[int], most: int) -> list[int] | None:
    """Tokens that make a text complete: a beam search, forced tokens first, then `closers`, then any.

    Not always the fewest, and None also where only a text beyond the beam would do.

    Args:
        matcher: Where the text stands; it is used up.
        closers: Tokens to try first.
        most: So many tokens at most.
    """
    levels: dict[int, list[tuple[LLMatcher, list[int]]]] = {0: [(matcher, [])]}
    for length in range(most + 1):
        seen: set[bytes] = set()
        for state, tokens in levels.pop(length, []):
            if state.is_accepting():
                return tokens
            forced = state.compute_ff_tokens()
            mask = state.compute_bitmask()
            if state.is_error() or mask in seen:
                continue
            seen.add(mask)
            if len(seen) > _BEAM:
                break
            branches = [forced] if forced else [[token] for token in _branches(mask, closers)]
            for branch in branches:
                further = state.deep_copy()
                if further.consume_tokens(branch):
                    reached = [*tokens, *branch]
                    levels.setdefault(len(reached), []).append((further, reached))
    return None


def _branches(mask: bytes, closers: Sequence[int]) -> list[int]:
    """A few of the tokens that a packed mask allows, those of `closers` first."""
    chosen = [token for token in closers if mask[token // 8] >> (token % 8) & 1][:_BRANCHES]
    if len(chosen) < _BRANCHES:
        bits = np.unpackbits(np.frombuffer(mask, dtype=np.uint8), bitorder="little")
        allowed: list[int] = np.flatnonzero(bits)[: 2 * _BRANCHES].tolist()
        chosen += [token for token in allowed if token not in chosen]
    return chosen[:_BRANCHES]


@lru_cache(maxsize=1)
def _byte_tokenizer() -> LLTokenizer:
    return LLTokenizer("byte")


@lru_cache(maxsize=64)
def _byte_matcher(compiled: str) -> LLMatcher:
    """A matcher of single bytes to copy; it is compiled once for all texts that are checked."""
    return LLMatcher(_byte_tokenizer(), compiled, log_level=0, limits=_QUIET)


def _validated(compiled: str, source: str) -> str:
    matcher = _byte_matcher(compiled)
    if matcher.is_error():
        raise InvalidGrammar(source, matcher.get_error())
    first = matcher.deep_copy()
    first.compute_bitmask()
    if first.is_stopped() and not first.is_accepting():
        raise InvalidGrammar(source, f"no text is in it ({first.stop_reason()})")
    return compiled

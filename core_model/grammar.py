"""What a model may write, compiled for llguidance: JSON schemas, Lark grammars, regular expressions, choices.

In process, only tokens that keep the text inside the grammar can be sampled, and tokens that the grammar
forces are taken without asking the model. For text from elsewhere, `Grammar.accepts` checks it afterwards.

What it does not promise: that the text is complete. When tokens run out first, the generation says so
(`stop_reason == "length"`). And a schema's keywords that llguidance does not know are refused at compile
time, not ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from numpy.typing import NDArray
from pydantic import BaseModel

from .errors import InvalidGrammar
from .tokenizer import Tokenizer

_FENCE = re.compile(r"```[a-z]*\n(.*)\n```", re.DOTALL)


@dataclass(frozen=True)
class Grammar:
    """A set of texts. Make one with `schema`, `lark`, `regex` or `choices`.

    Attributes:
        compiled: What llguidance reads.
        kind: "schema", "lark", "regex" or "choices".
        source: The JSON schema, pattern, Lark text or tuple of choices it was made from.
        model: The pydantic model, where it was made from one.
    """

    compiled: str
    kind: str
    source: Any = field(hash=False)
    model: type[BaseModel] | None = None

    @classmethod
    def schema(cls, model: type[BaseModel] | Mapping[str, Any]) -> Grammar:
        """Compact JSON that fits a pydantic model or a JSON schema.

        Raises:
            InvalidGrammar: the schema uses something that cannot be enforced.
        """
        schema = dict(model) if isinstance(model, Mapping) else model.model_json_schema()
        compiled = LLMatcher.grammar_from_json_schema(
            json.dumps(schema), defaults={"whitespace_flexible": False}
        )
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

    def accepts(self, text: str) -> bool:
        """Whether `text` as a whole is in the grammar."""
        tokenizer = _byte_tokenizer()
        matcher = LLMatcher(tokenizer, self.compiled, log_level=0)
        tokens = tokenizer.tokenize_bytes(text.encode("utf-8"))
        return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()

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
    """Starts matchers for one tokenizer; making it takes long enough (up to seconds) to share it."""

    def __init__(self, tokenizer: Tokenizer, vocab_size: int, eos_ids: Sequence[int]) -> None:
        self.vocab_size = vocab_size
        known = tokenizer.vocab_size
        self._tokenizer = LLTokenizer(
            tokenizer.fast.to_str(), n_vocab=max(known, vocab_size), eos_token=list(eos_ids)
        )

    def start(self, grammar: Grammar) -> GrammarState:
        """A fresh state of `grammar`, before any token."""
        matcher = LLMatcher(self._tokenizer, grammar.compiled, log_level=0)
        if matcher.is_error():
            raise InvalidGrammar(str(grammar.source), matcher.get_error())
        return GrammarState(matcher, self.vocab_size, grammar)


class GrammarState:
    """Where a text under way stands in its grammar."""

    def __init__(self, matcher: LLMatcher, vocab_size: int, grammar: Grammar) -> None:
        self._matcher, self._vocab_size, self._grammar = matcher, vocab_size, grammar

    def mask(self) -> NDArray[np.bool_]:
        """Which tokens may come next, (vocab_size,) bool; end tokens are in it where the text may end."""
        packed = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._check()
        bits = np.unpackbits(packed, bitorder="little")[: self._vocab_size]
        return bits.view(np.bool_)

    def forced(self) -> list[int]:
        """Take and return the tokens that the grammar leaves no choice about."""
        tokens = self._matcher.compute_ff_tokens()
        if tokens:
            self.take(tokens)
        return tokens

    def take(self, tokens: list[int]) -> None:
        """Go on past `tokens`, which must be allowed."""
        self._matcher.consume_tokens(tokens)
        self._check()

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
        return GrammarState(self._matcher.deep_copy(), self._vocab_size, self._grammar)

    def _check(self) -> None:
        if self._matcher.is_error():
            raise InvalidGrammar(str(self._grammar.source), self._matcher.get_error())


@lru_cache(maxsize=1)
def _byte_tokenizer() -> LLTokenizer:
    return LLTokenizer("byte")


def _validated(compiled: str, source: str) -> str:
    failed, messages = LLMatcher.validate_grammar_with_warnings(compiled, _byte_tokenizer())
    if failed:
        raise InvalidGrammar(source, "; ".join(messages))
    return compiled

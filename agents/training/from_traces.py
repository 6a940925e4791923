"""Tokens of what traces teach, with the model's own chat template: what is trained is what is asked later.

A prompt is encoded as `LocalModel` does it, what the assistant says as its threads do; then comes the text or
the token with which the answer ended.

Does not cover: tools in the prompt, and answers that do not fit the context with it (they are left out).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..reasoning.export import Example, ExportRefused, Preference

if TYPE_CHECKING:
    from ...core_model.chat_template import Message
    from ...core_model.tokenizer import Tokenizer
    from ...core_model.training.corpus import Document
    from ...core_model.training.preferences import Preference as Pair
    from ...core_model.transformer import Transformer


@dataclass(frozen=True)
class Learner:
    """A checkpoint that is to be trained.

    Attributes:
        folder: Where it lies.
        ends: Tokens that end the assistant's turn, the usual one first.
    """

    folder: Path
    model: Transformer
    tokenizer: Tokenizer
    ends: tuple[int, ...]

    @classmethod
    def open(cls, source: str | None) -> Learner:
        """The checkpoint that `--model` names; None is the embedded one.

        Raises:
            ExportRefused: It is a server's: its weights are not here.
            CoreModelError: It cannot be opened.
        """
        from ...core_model.checkpoint import check_vocabulary, load_checkpoint
        from ...core_model.model import EMBEDDED, resolve
        from ...core_model.tokenizer import Tokenizer

        if source is not None and source.lower().startswith(("http://", "https://")):
            raise ExportRefused(
                f"{source!r} is a server, whose weights cannot be trained from here. "
                "Name a checkpoint folder or hub name with --model."
            )
        folder = EMBEDDED if source is None else resolve(source)
        model, tokenizer = load_checkpoint(folder), Tokenizer.load(folder)
        check_vocabulary(model.config, tokenizer, folder)
        return cls(folder, model, tokenizer, _ends(model, tokenizer))


class Encoder:
    """Prompts and answers as tokens of one checkpoint."""

    def __init__(self, learner: Learner) -> None:
        from ...core_model.chat_template import ChatTemplate
        from ...core_model.thread import SpeechEncoder

        self._template, self._speech = ChatTemplate(learner.tokenizer), SpeechEncoder(learner.tokenizer)
        self._end = learner.ends[0]
        self.context = learner.model.config.context_length

    def prompt(self, turns: Sequence[tuple[str, str]], said: str) -> list[int]:
        """A conversation, and what the assistant had said already."""
        messages = [cast("Message", {"role": role, "content": text}) for role, text in turns]
        return self._template.encode(messages) + (self._speech(said) if said else [])

    def answer(self, text: str, stop: str) -> list[int]:
        """An answer with what ended it."""
        return self._speech(text + stop) if stop else [*self._speech(text), self._end]


def documents(encoder: Encoder, examples: Sequence[Example]) -> list[Document]:
    """A document of each example that fits the context; the loss is on the answer alone."""
    found: list[Document] = []
    for example in examples:
        prompt = encoder.prompt(example.prompt, example.said)
        answer = encoder.answer(example.answer, example.stop)
        if len(prompt) + len(answer) <= encoder.context:
            found.append((prompt + answer, [0.0] * len(prompt) + [1.0] * len(answer)))
    return found


def pairs(encoder: Encoder, preferences: Sequence[Preference]) -> list[Pair]:
    """A pair of each preference that fits the context and whose answers differ as tokens."""
    from ...core_model.training.preferences import Preference as Pair

    found: list[Pair] = []
    for each in preferences:
        prompt = encoder.prompt(each.prompt, each.said)
        chosen, rejected = (encoder.answer(text, each.stop) for text in (each.chosen, each.rejected))
        if chosen != rejected and len(prompt) + max(len(chosen), len(rejected)) <= encoder.context:
            found.append(Pair(prompt, chosen, rejected))
    return found


@dataclass
class Shuffled:
    """Documents in an endless order, each epoch shuffled afresh by (seed, epoch)."""

    documents: Sequence[Document]
    seed: int = 0

    def __post_init__(self) -> None:
        self._epoch, self._order = -1, list[int]()

    def __call__(self, number: int) -> Document:
        epoch, place = divmod(number, len(self.documents))
        if epoch != self._epoch:
            self._epoch, self._order = epoch, list(range(len(self.documents)))
            random.Random(f"{self.seed}/{epoch}").shuffle(self._order)
        return self.documents[self._order[place]]


def _ends(model: Transformer, tokenizer: Tokenizer) -> tuple[int, ...]:
    """What ends a turn: the token that the chat template writes behind one, then what the model knows."""
    from ...core_model.chat_template import ChatTemplate
    from ...core_model.errors import TemplateError
    from ...core_model.thread import SpeechEncoder

    template, speech = ChatTemplate(tokenizer), SpeechEncoder(tokenizer)
    asked: list[Message] = [{"role": "user", "content": "a"}]
    answered: list[Message] = [*asked, {"role": "assistant", "content": "b"}]
    begun = template.encode(asked) + speech("b")
    try:
        whole = template.encode(answered, add_generation_prompt=False)
    except TemplateError:  # it has no words for a turn that has ended
        whole = []
    after = whole[len(begun) : len(begun) + 1] if whole[: len(begun)] == begun else []
    special = {tokenizer.id_of(token) for token in tokenizer.special_tokens}
    found = [token for token in after if token in special]
    found += [tokenizer.eos_id] if tokenizer.eos_id is not None else []
    found += model.config.eos_token_ids
    if not found:
        raise ExportRefused(
            "The checkpoint names no token that ends a turn, so answers would never end. "
            "Add eos_token_id to its config.json."
        )
    return tuple(dict.fromkeys(found))

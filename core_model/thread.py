"""Conversations that can be forked while the assistant speaks: on the engine's cache, or by sending again.

`LocalThread` keeps one open sequence of the engine, so a fork copies nothing and reads nothing twice. Its
tokens are those that were generated and those of the texts that were put behind them; the same text in one
piece may be split into other tokens.

`ResentThread` has the same face over any model's `generate` and `score`. What the assistant has begun is told
to it as a message of its own, so how well it goes on from there is up to the model.
"""

from __future__ import annotations

import asyncio
import re
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from .chat_template import Message
from .detokenizer import cut_place
from .generation import Generation, Model, Thread
from .pricing import tokens_of
from .sampling import Sampling

if TYPE_CHECKING:
    from .grammar import Grammar
    from .jobs import Job
    from .model import LocalModel
    from .sequence import Sequence as Tokens
    from .tokenizer import Tokenizer

_GREEDY = Sampling()
GO_ON = "Go on."
"""What a model is told behind its own begun answer, where it cannot be made to go on with it."""

Result = TypeVar("Result")


class SpeechEncoder:
    """Tokens of text that an assistant says in the middle of its turn.

    Special tokens written in it are plain characters; other added ones (`</think>`) are tokens, as in what a
    chat template makes of an assistant's message.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        special = frozenset(tokenizer.special_tokens)
        added = [token.content for token in tokenizer.fast.get_added_tokens_decoder().values()]
        plain = sorted((token for token in added if token not in special), key=len, reverse=True)
        self._added = re.compile("(" + ("|".join(map(re.escape, plain)) or "(?!)") + ")")

    def __call__(self, text: str) -> list[int]:
        """Ids of `text`."""
        ids: list[int] = []
        for place, part in enumerate(self._added.split(text)):
            if place % 2:
                ids.append(self._tokenizer.id_of(part))
            elif part:
                ids += self._tokenizer.encode_literal(part, at_start=False)
        return ids


class LocalThread:
    """A thread on the cache of a model in this process; see `Thread`. Made by `LocalModel.open`.

    Its pages belong to it until `close`; those of a thread that was dropped without are given back before the
    engine's next step.
    """

    def __init__(
        self, model: LocalModel, sequence: Tokens, prompt_tokens: int, *, resends: bool = False
    ) -> None:
        """Go on with `sequence`, which then belongs to the thread.

        Args:
            prompt_tokens: Tokens of the sequence before the assistant's turn.
            resends: Forget the cache before every request and at every fork, as a model without forks has to:
                what to measure forks against. An engine with `prefix_cache` still knows the tokens.
        """
        self._model, self._prompt, self._resends = model, prompt_tokens, resends
        self._decode = model.tokenizer.decode
        self._text = self._decode(sequence.tokens[prompt_tokens:])
        self._prefilled = 0
        self._lock = asyncio.Lock()
        self._unsettled: tuple[Job[Any], int] | None = None
        self._finalizer: weakref.finalize[..., LocalThread] | None = None
        self._hold(sequence)

    @property
    def text(self) -> str:
        """What the assistant has said so far in this turn."""
        return self._text

    @property
    def prompt_tokens(self) -> int:
        """Tokens before the assistant's turn."""
        return self._prompt

    @property
    def prefilled_tokens(self) -> int:
        """Tokens computed for this thread beside those it generated; see `Thread`."""
        return self._prefilled

    @property
    def tokens(self) -> list[int]:
        """Prompt and turn so far, but not what a request under way or cancelled has generated."""
        known = self._sequence.tokens
        return list(known if self._unsettled is None else known[: self._unsettled[1]])

    async def fork(self, count: int = 1) -> list[Thread]:
        """`count` threads that go on from here and share the cache. What is not computed yet is, once.

        Raises:
            EngineClosed: the thread or the engine is closed.
            CacheFull: the pages do not suffice.
        """
        async with self._lock:
            await self._settle()
            sequence = self._sequence
            if self._resends:
                engine = self._model.engine
                made = [engine.open(sequence.tokens, read=False) for _ in range(count)]
            else:
                self._model.engine.check_room(len(sequence.tokens))
                job = sequence.start_read()
                if job is not None:
                    await self._finish(job, len(sequence.tokens))
                    self._prefilled += len(sequence.tokens) - 1 - (job.reused_tokens or 0)
                made = sequence.fork(count)
            return [LocalThread(self._model, each, self._prompt, resends=self._resends) for each in made]

    async def extend(self, text: str) -> None:
        """Put `text` behind what the assistant has said; it is computed with the next request.

        Raises:
            PromptTooLong: it does not fit the context.
        """
        async with self._lock:
            await self._settle()
            self._sequence.extend(self._model.speech(text))
            self._text = self._decode(self._sequence.tokens[self._prompt :])

    async def generate(self, *, sampling: Sampling = _GREEDY, grammar: Grammar | None = None) -> Generation:
        """Have the assistant go on; the thread grows by the text that comes out, without the end token.

        A text that was cut at a stop text stays cut: the thread goes on from the last token of what is left,
        and the part of a token that is left too is encoded anew. Cancelling the task ends the work and leaves
        the thread as it was.

        Raises:
            PromptTooLong: there is no room for a token.
            InvalidGrammar: `grammar` cannot be compiled, or becomes too complex on the way.
        """
        async with self._lock:
            sequence = await self._ready()
            before = len(sequence.tokens)
            job = sequence.start(self._model.begin(sampling), grammar)
            output = await self._finish(job, before)
            self._prefilled += output.prompt_tokens - output.reused_tokens
            return self._model.generation(output, self._take(before, sampling.stop))

    async def score(self, continuations: Sequence[str]) -> list[float]:
        """Log-probability (nats) of each continuation of the turn; see `LocalModel.score`."""
        async with self._lock:
            sequence = await self._ready()
            before = len(sequence.tokens)
            encoded = [self._model.speech(each) for each in continuations]
            self._model.begin(_GREEDY)
            job = sequence.start_score(encoded)
            scores = await self._finish(job, before)
            self._prefilled += before - 1 - (job.reused_tokens or 0) + sum(map(len, encoded))
            return scores

    async def close(self) -> None:
        """Give the pages back, after a request under way. Closing twice is fine; forks live on."""
        async with self._lock:
            await self._settle(rewind=False)
            self._sequence.close()

    async def _ready(self) -> Tokens:
        await self._settle()
        if self._resends:
            self._exchange(self._model.engine.open(self._sequence.tokens, read=False))
        return self._sequence

    async def _finish(self, job: Job[Result], before: int) -> Result:
        """Wait for a job. Unless it succeeds, `_settle` brings back the first `before` tokens later."""
        self._unsettled = job, before
        try:
            result = await asyncio.wrap_future(job.future)
        except asyncio.CancelledError:
            job.cancel()
            raise
        self._unsettled = None
        return result

    async def _settle(self, *, rewind: bool = True) -> None:
        """After a job that was cancelled or failed: wait until it is over and forget what came of it."""
        if self._unsettled is None:
            return
        job, before = self._unsettled
        await asyncio.gather(asyncio.wrap_future(job.future), return_exceptions=True)
        self._unsettled = None
        if rewind and len(self._sequence.tokens) > before:
            self._rewind(before)

    def _take(self, before: int, stops: Sequence[str]) -> str:
        """Add the text of the tokens from `before` on, up to the first of `stops`; returns what is new."""
        whole = self._decode(self._sequence.tokens[self._prompt :])
        start = _shared(self._text, whole)  # less where a character became whole
        end = start + cut_place(whole[start:], stops)
        if end < len(whole):
            self._cut(whole[:end], before)
        self._text = whole[:end]
        return whole[start:end]

    def _cut(self, text: str, before: int) -> None:
        tokens = self._sequence.tokens
        keep = len(tokens)
        while keep > before and not text.startswith(self._decode(tokens[self._prompt : keep])):
            keep -= 1
        kept = self._decode(tokens[self._prompt : keep])
        rest = text[_shared(kept, text) :]
        self._rewind(keep)
        self._sequence.tokens.extend(self._model.speech(rest))  # the next request checks that they fit

    def _rewind(self, length: int) -> None:
        self._exchange(self._sequence.fork(at=length)[0])

    def _exchange(self, sequence: Tokens) -> None:
        old = self._sequence
        self._hold(sequence)
        old.close()

    def _hold(self, sequence: Tokens) -> None:
        if self._finalizer is not None:
            self._finalizer.detach()
        self._sequence = sequence
        self._finalizer = weakref.finalize(self, self._model.engine.discard, sequence)
        self._finalizer.atexit = False


class ResentThread:
    """A thread over any model, which sends the conversation again with every request; see `Thread`."""

    def __init__(
        self, model: Model, messages: Sequence[Message], *, text: str = "", continues: bool = False
    ) -> None:
        """Begin after `messages`, with the turn as far as `text`.

        Args:
            continues: The model goes on with a last message that is the assistant's; otherwise a short
                message of the user behind it asks for that.
        """
        self._model, self._messages, self._continues = model, list(messages), continues
        self._text = text
        self._prefilled = 0

    @property
    def text(self) -> str:
        """What the assistant has said so far in this turn."""
        return self._text

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the messages' contents, as `count_tokens` counts them."""
        return sum(tokens_of(self._model, message) for message in self._messages)

    @property
    def prefilled_tokens(self) -> int:
        """Prompt tokens of the answers it generated; what scores cost is not told."""
        return self._prefilled

    async def fork(self, count: int = 1) -> list[Thread]:
        """`count` threads with the same messages and text."""
        return [
            ResentThread(self._model, self._messages, text=self._text, continues=self._continues)
            for _ in range(count)
        ]

    async def extend(self, text: str) -> None:
        """Put `text` behind what the assistant has said."""
        self._text += text

    async def generate(self, *, sampling: Sampling = _GREEDY, grammar: Grammar | None = None) -> Generation:
        """Ask the model to go on; raises what its `generate` raises."""
        generation = await self._model.generate(self._asked(), sampling=sampling, grammar=grammar)
        self._text += generation.text
        self._prefilled += generation.prefilled_tokens
        return generation

    async def score(self, continuations: Sequence[str]) -> list[float]:
        """Ask the model; raises what its `score` raises."""
        return await self._model.score(self._asked(), continuations)

    async def close(self) -> None:
        """Nothing is held."""

    def _asked(self) -> list[Message]:
        if not self._text:
            return self._messages
        asked: list[Message] = [*self._messages, {"role": "assistant", "content": self._text}]
        return asked if self._continues else [*asked, {"role": "user", "content": GO_ON}]


def _shared(one: str, other: str) -> int:
    """Number of characters with which both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))

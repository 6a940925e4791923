"""A request's jobs on the engine, and what they have written so far.

Tokens wait in the job until the sender's connection takes them, a bounded number of them; a job whose reader
has stopped, or has gone, is cancelled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Protocol

from ..detokenizer import GrowingText
from ..engine import Engine
from ..grammar import Grammar
from ..jobs import GenerateJob, Output
from ..sampling import Sampling
from ..tokenizer import Tokenizer
from .admission import Admission
from .answers import CachedTokens, ChosenToken, Finish, Likely, Usage
from .metrics import Metrics
from .refusals import Refusal

BACKLOG = 65_536
"""Tokens of one answer that may wait for their reader."""


class Served(Protocol):
    """What the server needs of a model of this process."""

    name: str
    context_length: int
    tokenizer: Tokenizer
    engine: Engine


@dataclass(frozen=True)
class Prompt:
    """One answer to write: after which tokens, how, and within which grammar."""

    tokens: list[int]
    sampling: Sampling
    grammar: Grammar | None = None
    adapter: str | None = None


@dataclass
class Piece:
    """What is new of one answer; the last one has its `finish`."""

    choice: int
    text: str = ""
    tokens: list[ChosenToken] = field(default_factory=list[ChosenToken])
    finish: Finish | None = None


class Writing:
    """One answer under way. The job's thread calls `_post`, everything else happens on the event loop.

    Attributes:
        output: What the job gave, once it has ended.
        taken: Tokens seen so far.
    """

    def __init__(self, choice: int, model: Served, prompt: Prompt, wake: asyncio.Event) -> None:
        self.choice = choice
        self.output: Output | None = None
        self._tokenizer = model.tokenizer
        self._text = GrowingText(model.tokenizer, prompt.sampling.stop)
        self._loop, self._wake = asyncio.get_running_loop(), wake
        self._arrived: list[tuple[int, float | None]] = []
        self.taken = 0
        self._pending: list[ChosenToken] = []
        self._wants_tops = prompt.sampling.top_logprobs > 0
        self.job: GenerateJob = model.engine.start(
            prompt.tokens, prompt.sampling, prompt.grammar, self._post, adapter=prompt.adapter
        )
        self.job.future.add_done_callback(lambda _: self._rouse())

    def _post(self, ids: list[int], logprobs: list[float | None]) -> None:
        self._arrived.extend(zip(ids, logprobs, strict=True))
        self._rouse()

    def _rouse(self) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            self._loop.call_soon_threadsafe(self._wake.set)

    def take(self, with_logprobs: bool) -> Piece | None:
        """What has come since the last time; None for nothing.

        Raises:
            CoreModelError: The job failed.
        """
        if self.output is not None:
            return None
        over = self.job.future.done()  # before looking at the tokens: none comes after it
        arrived = self._arrived[self.taken :]
        if len(arrived) > BACKLOG:
            self.job.cancel()
            raise Refusal(503, "The answer was not read for too long, so it was given up.")
        piece = Piece(self.choice)
        for token, logprob in arrived:
            self._add(piece, token, logprob, with_logprobs)
        if over:
            self.output = self.job.future.result()
            if self.output.stop_reason == "cancelled":
                raise Refusal(503, "The server stopped before the answer was complete.", retry_after=5)
            self._show(piece, self._text.finish())
            piece.tokens += self._pending  # of no text of their own
            piece.finish = self.output.stop_reason
        return piece if piece.text or piece.tokens or over else None

    def _add(self, piece: Piece, token: int, logprob: float | None, with_logprobs: bool) -> None:
        if with_logprobs:
            tops = self.job.top_logprobs[self.taken] if self._wants_tops else ()
            likely = self._likely(token, logprob or 0.0)  # forced: it was certain within the grammar
            chosen = ChosenToken(
                **likely.model_dump(), top_logprobs=[self._likely(other, value) for other, value in tops]
            )
            self._pending.append(chosen)
        self.taken += 1
        self._show(piece, self._text.add([token]))

    def _show(self, piece: Piece, text: str) -> None:
        """Add text and the tokens that it came of; those of a stop text are never shown."""
        piece.text += text
        if self._text.stopped:
            shown = 0
            while self._pending and shown < len(text):
                shown += len(self._pending[0].token)
                piece.tokens.append(self._pending.pop(0))
            self._pending.clear()
        elif text:
            piece.tokens += self._pending
            self._pending = []

    def _likely(self, token: int, logprob: float) -> Likely:
        raw = self._tokenizer.token_bytes(token)
        return Likely(token=raw.decode("utf-8", "replace"), logprob=max(logprob, -9999.0), bytes=list(raw))


class Answers:
    """All answers of one request. Iterate `pieces` once; leaving the iteration cancels what still runs."""

    def __init__(
        self,
        model: Served,
        prompts: Sequence[Prompt],
        admission: Admission,
        metrics: Metrics,
        *,
        with_logprobs: bool,
        arrived: float,
    ) -> None:
        """`arrived` is when the request came, by the monotonic clock."""
        self._model, self._prompts = model, prompts
        self._admission, self._metrics = admission, metrics
        self._with_logprobs, self._arrived = with_logprobs, arrived
        self._writings: list[Writing] = []

    async def pieces(self) -> AsyncGenerator[Piece]:
        """What is written, as it is written.

        Raises:
            CoreModelError: As of the engine.
            Refusal: The server stopped.
        """
        wake = asyncio.Event()
        first = True
        with self._admission.work(self._cancel):
            try:
                for number, prompt in enumerate(self._prompts):
                    self._writings.append(Writing(number, self._model, prompt, wake))
                while any(writing.output is None for writing in self._writings):
                    await wake.wait()
                    wake.clear()
                    for writing in self._writings:
                        piece = writing.take(self._with_logprobs)
                        if piece is None:
                            continue
                        if first:
                            self._metrics.first_token.observe(time.monotonic() - self._arrived)
                            first = False
                        yield piece
            finally:
                self._cancel()
                self._count()

    def _cancel(self) -> None:
        for writing in self._writings:
            if writing.output is None:
                writing.job.cancel()

    def _count(self) -> None:
        for writing in self._writings:
            output = writing.output
            self._metrics.prompt_tokens += len(self._prompts[writing.choice].tokens)
            self._metrics.cached_tokens += 0 if output is None else output.reused_tokens
            self._metrics.output_tokens += writing.taken

    def usage(self) -> Usage:
        """Tokens, once everything is written; a prompt that several choices share counts once."""
        outputs = [writing.output for writing in self._writings if writing.output is not None]
        firsts = [
            place
            for place in range(len(outputs))
            if all(self._prompts[place].tokens is not other.tokens for other in self._prompts[:place])
        ]
        prompt = sum(len(self._prompts[place].tokens) for place in firsts)
        written = sum(len(output.token_ids) for output in outputs)
        cached = sum(outputs[place].reused_tokens for place in firsts)
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=written,
            total_tokens=prompt + written,
            prompt_tokens_details=CachedTokens(cached_tokens=cached),
        )


async def collect(answers: Answers) -> list[Piece]:
    """Every answer as one piece."""
    whole: dict[int, Piece] = {}
    async with aclosing(answers.pieces()) as pieces:
        async for piece in pieces:
            known = whole.setdefault(piece.choice, Piece(piece.choice))
            known.text += piece.text
            known.tokens += piece.tokens
            known.finish = piece.finish
    return [whole[choice] for choice in sorted(whole)]

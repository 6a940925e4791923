"""`POST /v1/completions`: text goes on, without a conversation around it."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from .answers import ChosenToken, Completion, TextChoice, TextLogprobs
from .generating import Answers, Prompt, Served, collect
from .refusals import Refusal
from .requests import CompletionRequest

Given = str | list[str] | list[int] | list[list[int]]
_DEFAULT_TOKENS = 16  # as of OpenAI


def token_lists(model: Served, given: Given, param: str) -> list[list[int]]:
    """One or more texts or token lists as token lists; texts get what the tokenizer puts around any text.

    Raises:
        Refusal: There is nothing, or a token that the model does not have.
    """
    if isinstance(given, str):
        lists = _encoded(model, [given])
    elif given and isinstance(given[0], int):
        lists = [cast("list[int]", given)]
    elif given and isinstance(given[0], str):
        lists = _encoded(model, cast("list[str]", given))
    else:
        lists = cast("list[list[int]]", given)
    vocabulary = model.engine.config.vocab_size
    if not lists or not all(lists):
        raise Refusal(400, f"'{param}' must not be empty.", code="invalid_value", param=param)
    if any(not 0 <= token < vocabulary for tokens in lists for token in tokens):
        message = f"'{param}' holds a token that is not between 0 and {vocabulary - 1}."
        raise Refusal(400, message, code="invalid_value", param=param)
    return lists


def _encoded(model: Served, texts: list[str]) -> list[list[int]]:
    bos = model.tokenizer.bos_id
    for_nothing = [] if bos is None else [bos]
    encoded = model.tokenizer.fast.encode_batch_fast(texts, add_special_tokens=True)  # without the GIL
    return [each.ids or for_nothing for each in encoded]


class Completions:
    """Turns completion requests into prompts, and what is written into answers."""

    def __init__(self, model: Served, name: str) -> None:
        self._model, self._name = model, name

    def prepare(self, request: CompletionRequest) -> list[Prompt]:
        """Encode the prompts; choices of one prompt stand together.

        Raises:
            PromptTooLong, InvalidSampling, Refusal: It cannot be answered.
        """
        lists = token_lists(self._model, request.prompt, "prompt")
        if len(lists) * request.choices > 128:
            raise Refusal(400, "Prompts times 'n' must not be above 128.", param="prompt")
        for tokens in lists:
            self._model.engine.check_room(len(tokens), 1)
        samplings = request.samplings(_DEFAULT_TOKENS, request.logprobs or 0)
        adapter = None if request.model == self._name else request.model
        return [Prompt(tokens, sampling, None, adapter) for tokens in lists for sampling in samplings]

    async def answer(self, request: CompletionRequest, answers: Answers) -> Completion:
        """The whole answer."""
        wants = request.logprobs is not None
        choices = [
            TextChoice(
                index=piece.choice,
                text=piece.text,
                logprobs=_logprobs(piece.tokens, 0) if wants else None,
                finish_reason=piece.finish,
            )
            for piece in await collect(answers)
        ]
        return Completion(**_shape(request), choices=choices, usage=answers.usage())

    async def stream(self, request: CompletionRequest, answers: Answers) -> AsyncGenerator[str]:
        """The answer in pieces, JSON each."""
        shape = _shape(request)
        shown: dict[int, int] = {}
        async with aclosing(answers.pieces()) as pieces:
            async for piece in pieces:
                start = shown.get(piece.choice, 0)
                logprobs = None if request.logprobs is None else _logprobs(piece.tokens, start)
                choice = TextChoice(
                    index=piece.choice, text=piece.text, logprobs=logprobs, finish_reason=piece.finish
                )
                shown[piece.choice] = start + len(piece.text)
                yield Completion(**shape, choices=[choice]).model_dump_json(exclude_none=True)
        if request.stream_options is not None and request.stream_options.include_usage:
            last = Completion(**shape, choices=[], usage=answers.usage())
            yield last.model_dump_json(exclude_none=True)


def _shape(request: CompletionRequest) -> dict[str, Any]:
    return {"id": f"cmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": request.model}


def _logprobs(tokens: list[ChosenToken], start: int) -> TextLogprobs:
    offsets: list[int] = []
    for token in tokens:
        offsets.append(start)
        start += len(token.token)
    return TextLogprobs(
        tokens=[token.token for token in tokens],
        token_logprobs=[token.logprob for token in tokens],
        top_logprobs=[{each.token: each.logprob for each in token.top_logprobs} for token in tokens],
        text_offset=offsets,
    )

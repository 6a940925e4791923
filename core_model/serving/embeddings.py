"""`POST /v1/embeddings`: one vector per text.

A decoder's vectors are means of its final hidden states, scaled to length 1; an encoder's are those that
sentence-transformers makes with it, which reads a text up to the encoder's limit and leaves out the rest.

A few texts are in the engine at a time, whatever number of requests hold how many: those that generate keep
their places, requests take turns, and little is left to do for a sender that has gone.
"""

from __future__ import annotations

import array
import asyncio
import base64
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar, cast

from ..encoder import SentenceEncoder
from .answers import Embedding, Embeddings, PromptUsage
from .completions import Given, token_lists
from .generating import Served
from .refusals import Refusal
from .requests import EmbeddingRequest

MOST_TEXTS = 2048  # as of OpenAI
AT_ONCE = 16
"""Texts of all requests that are in the engine at once: half of its batch, as it is unless set."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class ServedEncoder:
    """An encoder under the name that clients call it by."""

    name: str
    encoder: SentenceEncoder

    @property
    def context_length(self) -> int:
        """Tokens of a text that are read."""
        return self.encoder.limit


@dataclass(frozen=True)
class Vectors:
    """Vectors of texts in their order, and how many tokens the texts were."""

    vectors: list[list[float]]
    tokens: int


class Embedder(Protocol):
    """What makes vectors. Cancelling `embed` ends the work."""

    async def embed(self, given: Given) -> Vectors:
        """Vectors of texts or token lists.

        Raises:
            PromptTooLong, Refusal: They cannot be read.
            CoreModelError: The engine failed.
        """
        ...


def embedder_of(model: Served | ServedEncoder) -> Embedder:
    """What makes vectors with `model`."""
    return _EncoderEmbedder(model.encoder) if isinstance(model, ServedEncoder) else _DecoderEmbedder(model)


class _DecoderEmbedder:
    """Vectors by the engine, among what it generates."""

    def __init__(self, model: Served) -> None:
        self._model = model
        self._places = asyncio.Semaphore(AT_ONCE)
        self._thread = ThreadPoolExecutor(1, "punchlist-embeddings")

    async def embed(self, given: Given) -> Vectors:
        texts = _texts(given)
        lists: list[list[int]] = []
        for first in range(0, len(texts), AT_ONCE):
            lists += await _in(self._thread, partial(self._read, texts[first : first + AT_ONCE]))
        made: list[list[float]] = [[] for _ in lists]
        left = iter(enumerate(lists))

        async def work() -> None:
            for place, tokens in left:
                async with self._places:
                    made[place] = await self._embed_one(tokens)

        workers = [asyncio.ensure_future(work()) for _ in lists[:AT_ONCE]]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
        return Vectors(made, sum(map(len, lists)))

    def _read(self, texts: list[str] | list[list[int]]) -> list[list[int]]:
        lists = token_lists(self._model, texts, "input")
        for tokens in lists:
            self._model.engine.check_room(len(tokens))
        return lists

    async def _embed_one(self, tokens: list[int]) -> list[float]:
        (job,) = self._model.engine.start_embed([tokens])
        try:
            return await asyncio.wrap_future(job.future)
        finally:
            if not job.future.done():
                job.cancel()


class _EncoderEmbedder:
    """Vectors by an encoder, in a thread of its own; a pass over some texts is what cannot be cancelled."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder
        self._thread = ThreadPoolExecutor(1, "punchlist-encoder")

    async def embed(self, given: Given) -> Vectors:
        texts = _texts(given)
        if not all(isinstance(text, str) and text for text in texts):
            raise Refusal(400, "'input' must be one or more texts, none of them empty.", param="input")
        passes = self._encoder.passes(cast("list[str]", texts))
        made: list[list[float]] = []
        tokens = 0
        while (ids := await _in(self._thread, lambda: next(passes, None))) is not None:
            made += await _in(self._thread, partial(self._encoded, ids))
            tokens += sum(map(len, ids))
        return Vectors(made, tokens)

    def _encoded(self, ids: list[list[int]]) -> list[list[float]]:
        return cast("list[list[float]]", self._encoder.embed_ids(ids).tolist())  # pyright: ignore[reportUnknownMemberType]


async def _in(thread: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(thread, work)


def _texts(given: Given) -> list[str] | list[list[int]]:
    """The texts one by one; raises Refusal where there are none, or too many."""
    if isinstance(given, str):
        return [given]
    if given and isinstance(given[0], int):
        return [cast("list[int]", given)]
    if not given:
        raise Refusal(400, "'input' must not be empty.", code="invalid_value", param="input")
    if len(given) > MOST_TEXTS:
        raise Refusal(400, f"'input' must not hold more than {MOST_TEXTS} texts.", param="input")
    return cast("list[str] | list[list[int]]", given)


def answer(request: EmbeddingRequest, name: str, made: Vectors) -> Embeddings:
    """The answer of the model called `name`."""
    as_text = request.encoding_format == "base64"
    data = [
        Embedding(index=index, embedding=_base64(vector) if as_text else vector)
        for index, vector in enumerate(made.vectors)
    ]
    usage = PromptUsage(prompt_tokens=made.tokens, total_tokens=made.tokens)
    return Embeddings(data=data, model=name, usage=usage)


def _base64(vector: list[float]) -> str:
    numbers = array.array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode("ascii")

"""Bodies of answers. Source: OpenAI's API reference."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

Finish = Literal["stop", "length", "tool_calls"]


class CachedTokens(BaseModel):
    """Tokens of the prompt that were not computed again."""

    cached_tokens: int


class Usage(BaseModel):
    """Tokens of a request, all choices together; the prompt counts once."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens


class PromptUsage(BaseModel):
    """Tokens of a request that generates nothing."""

    prompt_tokens: int
    total_tokens: int


class Likely(BaseModel):
    """A token with its log-probability (nats) and its bytes, which need not be whole characters."""

    token: str
    logprob: float
    bytes: list[int]


class ChosenToken(Likely):
    """The token that was generated, and the likeliest ones in its place."""

    top_logprobs: list[Likely]


class ChatLogprobs(BaseModel):
    """Log-probabilities of an answer's tokens."""

    content: list[ChosenToken]
    refusal: None = None


class CalledFunction(BaseModel):
    """A function and its arguments, JSON; in a stream a piece of them."""

    name: str | None = None
    arguments: str = ""


class Call(BaseModel):
    """A call that the model asks for; `index` is there in a stream only."""

    index: int | None = None
    id: str | None = None
    type: Literal["function"] | None = None
    function: CalledFunction


class Said(BaseModel):
    """A message of the model, or a piece of one."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    tool_calls: list[Call] | None = None


class ChatChoice(BaseModel):
    """One answer."""

    index: int
    message: Said
    logprobs: ChatLogprobs | None = None
    finish_reason: Finish


class ChatCompletion(BaseModel):
    """The answer to a chat request."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage


class ChunkChoice(BaseModel):
    """What is new of one answer."""

    index: int
    delta: Said
    logprobs: ChatLogprobs | None = None
    finish_reason: Finish | None = None


class ChatChunk(BaseModel):
    """A piece of a streamed answer; usage, if it was asked for, comes last and without choices."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | None = None


class TextLogprobs(BaseModel):
    """Log-probabilities of a text's tokens, in columns; `text_offset` counts characters."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class TextChoice(BaseModel):
    """One continuation, or what is new of it."""

    index: int
    text: str
    logprobs: TextLogprobs | None = None
    finish_reason: Finish | None = None


class Completion(BaseModel):
    """The answer to a completion request, or a piece of it."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage | None = None


class Embedding(BaseModel):
    """One vector, as numbers or as base64 of little-endian float32."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class Embeddings(BaseModel):
    """The answer to an embedding request."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: PromptUsage


class ModelCard(BaseModel):
    """A model that is served; `max_model_len` is its context in tokens, as vLLM tells it."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["punchlist"] = "punchlist"
    max_model_len: int


class ModelList(BaseModel):
    """The answer of `GET /v1/models`."""

    object: Literal["list"] = "list"
    data: list[ModelCard]

"""Bodies of requests. A field that is not here is refused, never ignored.

Source: OpenAI's API reference; `top_k`, `min_p`, `repetition_penalty` and `chat_template_kwargs` are named as
in vLLM. Fields that only name the user (`user`, `safety_identifier`, `prompt_cache_key`) change no answer.
"""

from __future__ import annotations

import secrets
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..sampling import Sampling

MOST_CHOICES = 16
MOST_STOPS = 16


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


StopText = Annotated[str, Field(max_length=1000)]
TokenId = Annotated[str, Field(pattern=r"^\d{1,9}$")]
Bias = Annotated[float, Field(ge=-100, le=100)]


class StreamOptions(_Body):
    """What a stream tells besides."""

    include_usage: bool = False


class Sampled(_Body):
    """What requests that generate have in common.

    Attributes:
        prompt_field: Name of the field with what the model reads.
    """

    prompt_field: ClassVar[str]
    model: str
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    min_p: Annotated[float, Field(ge=0, lt=1)] | None = None
    seed: int | None = None
    stop: StopText | Annotated[list[StopText], Field(max_length=MOST_STOPS)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0)] | None = None
    logit_bias: Annotated[dict[TokenId, Bias], Field(max_length=1024)] | None = None
    user: str | None = None

    @model_validator(mode="after")
    def _streams_alone_have_options(self) -> Sampled:
        if self.stream_options is not None and not self.stream:
            raise ValueError("'stream_options' is only allowed when 'stream' is true")
        return self

    @model_validator(mode="after")
    def _stops_are_texts(self) -> Sampled:
        if "" in self.stops():
            raise ValueError("'stop' must not hold an empty text")  # it would end everything at once
        return self

    @property
    def choices(self) -> int:
        """How many answers are wanted."""
        return self.n or 1

    def stops(self) -> tuple[str, ...]:
        """Stop texts."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    def samplings(self, room: int, top_logprobs: int) -> list[Sampling]:
        """How to choose the tokens of each choice; without a seed each request draws its own.

        Args:
            room: Tokens of an answer when the request names no number.
            top_logprobs: Alternatives wanted per token.
        """
        seed = secrets.randbits(31) if self.seed is None else self.seed
        given: dict[str, Any] = {
            "temperature": 1.0 if self.temperature is None else self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "min_p": self.min_p,
            "presence_penalty": self.presence_penalty,
            "frequency_penalty": self.frequency_penalty,
            "repetition_penalty": self.repetition_penalty,
            "logit_bias": {int(token): bias for token, bias in (self.logit_bias or {}).items()} or None,
            "top_logprobs": top_logprobs or None,
        }
        told = {name: value for name, value in given.items() if value is not None}
        limit = self.max_tokens or room
        return [
            Sampling(seed=seed + number, max_tokens=limit, stop=self.stops(), **told)
            for number in range(self.choices)
        ]


class TextPart(_Body):
    """A piece of a message."""

    type: Literal["text"]
    text: str


Content = str | Annotated[list[TextPart], Field(min_length=1)]


class SystemTurn(_Body):
    """What the model is told beforehand."""

    role: Literal["system", "developer"]
    content: Content
    name: str | None = None


class UserTurn(_Body):
    """What the user says."""

    role: Literal["user"]
    content: Content
    name: str | None = None


class FunctionOfCall(_Body):
    """Which function with which arguments, JSON."""

    name: str
    arguments: str


class CallMade(_Body):
    """A call of an earlier answer."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionOfCall


class AssistantTurn(_Body):
    """An earlier answer. Its fields for what this server never sends may be there, empty."""

    role: Literal["assistant"]
    content: Content | None = None
    name: str | None = None
    tool_calls: list[CallMade] | None = None
    reasoning_content: str | None = None
    refusal: None = None
    audio: None = None
    function_call: None = None
    annotations: Annotated[list[Any], Field(max_length=0)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> AssistantTurn:
        if self.content is None and not self.tool_calls:
            raise ValueError("an assistant's message needs 'content' or 'tool_calls'")
        return self


class ToolTurn(_Body):
    """What a call gave."""

    role: Literal["tool"]
    content: Content
    tool_call_id: str
    name: str | None = None


Turn = Annotated[SystemTurn | UserTurn | AssistantTurn | ToolTurn, Field(discriminator="role")]


class Function(_Body):
    """A function the model may call."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(_Body):
    """A tool the model may use."""

    type: Literal["function"]
    function: Function


class FunctionName(_Body):
    """A function by name."""

    name: str


class NamedTool(_Body):
    """The one tool to use."""

    type: Literal["function"]
    function: FunctionName


class PlainFormat(_Body):
    """Any text."""

    type: Literal["text"]


class JsonObject(_Body):
    """Any JSON object."""

    type: Literal["json_object"]


class NamedSchema(_Body):
    """A JSON schema; it is kept to whatever `strict` says."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    strict: bool | None = None


class JsonSchema(_Body):
    """JSON that fits a schema."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


class ChatRequest(Sampled):
    """`POST /v1/chat/completions`."""

    prompt_field = "messages"
    messages: Annotated[list[Turn], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: Annotated[list[Tool], Field(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: Annotated[PlainFormat | JsonObject | JsonSchema, Field(discriminator="type")] | None = (
        None
    )
    modalities: list[Literal["text"]] | None = None
    store: Literal[False] | None = None
    service_tier: Literal["auto", "default"] | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    chat_template_kwargs: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> ChatRequest:
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("'top_logprobs' is only allowed when 'logprobs' is true")
        if self.max_tokens is not None and self.max_completion_tokens is not None:
            raise ValueError("give 'max_completion_tokens' or 'max_tokens', not both")
        if not self.tools and self.tool_choice not in (None, "none", "auto"):
            raise ValueError("'tool_choice' is only allowed when 'tools' are given")
        names = [tool.function.name for tool in self.tools or ()]
        if len(set(names)) < len(names):
            raise ValueError("two of the 'tools' have the same name")
        if isinstance(self.tool_choice, NamedTool) and self.tool_choice.function.name not in names:
            raise ValueError(
                f"'tool_choice' names {self.tool_choice.function.name!r}, which is not in 'tools'"
            )
        self.max_tokens = self.max_tokens or self.max_completion_tokens
        return self


class CompletionRequest(Sampled):
    """`POST /v1/completions`."""

    prompt_field = "prompt"
    prompt: Annotated[str | list[str] | list[int] | list[list[int]], Field(union_mode="left_to_right")]
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    echo: Literal[False] | None = None
    suffix: None = None
    best_of: Literal[1] | None = None


class EmbeddingRequest(_Body):
    """`POST /v1/embeddings`."""

    prompt_field: ClassVar[str] = "input"
    model: str
    input: Annotated[str | list[str] | list[int] | list[list[int]], Field(union_mode="left_to_right")]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: None = None
    user: str | None = None

"""`POST /v1/chat/completions`."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from ..chat_template import ChatTemplate, Message, ToolCall
from ..grammar import Grammar
from .answers import (
    Call,
    CalledFunction,
    ChatChoice,
    ChatChunk,
    ChatCompletion,
    ChatLogprobs,
    ChunkChoice,
    Finish,
    Said,
)
from .generating import Answers, Piece, Prompt, Served, collect
from .refusals import Refusal
from .requests import (
    AssistantTurn,
    CallMade,
    ChatRequest,
    Content,
    JsonObject,
    JsonSchema,
    NamedTool,
    ToolTurn,
    Turn,
)
from .tools import CallReader, Read, ToolForm, as_json, grammar, parsed_arguments


@dataclass(frozen=True)
class Prepared:
    """A request that can be answered: its prompts, and whether what is written may hold calls."""

    prompts: list[Prompt]
    calls: bool


class Chat:
    """Turns chat requests into prompts, and what is written into answers."""

    def __init__(self, model: Served, name: str) -> None:
        self._model, self._name = model, name
        self._template = ChatTemplate(model.tokenizer)
        self._form = ToolForm.of(self._template)

    def prepare(self, request: ChatRequest) -> Prepared:
        """Render, encode and compile; takes as long as the request is large.

        Raises:
            TemplateError, PromptTooLong, InvalidGrammar, InvalidSampling, Refusal: It cannot be answered.
        """
        tools = [] if request.tool_choice == "none" else list(request.tools or ())
        callable_tools = tools
        if is_named := isinstance(request.tool_choice, NamedTool):
            callable_tools = [t for t in tools if t.function.name == request.tool_choice.function.name]
        messages = self._form.told([_message(turn) for turn in request.messages], tools)
        told = [as_json(tool) for tool in tools] if tools and self._form.knows_tools else None
        tokens = self._encode(messages, told, request.chat_template_kwargs)
        answer = _answer_schema(request)
        if callable_tools:
            within: Grammar | None = grammar(
                self._form,
                callable_tools,
                required=request.tool_choice not in (None, "auto"),
                parallel=request.parallel_tool_calls is not False and not is_named,
                answer=answer,
            )
        else:
            within = None if answer is None else Grammar.schema(answer)
        if within is not None:
            self._model.engine.compiler.matcher(within)  # kept: starting is then quick
        samplings = request.samplings(self._model.context_length, request.top_logprobs or 0)
        adapter = None if request.model == self._name else request.model
        prompts = [Prompt(tokens, sampling, within, adapter) for sampling in samplings]
        return Prepared(prompts, bool(callable_tools))

    def _encode(
        self,
        messages: list[Message],
        tools: list[dict[str, Any]] | None,
        variables: dict[str, Any] | None,
    ) -> list[int]:
        tokens = self._template.encode(messages, tools, variables=variables)
        if not tokens:
            why = "The model's chat template makes no token of these messages."
            raise Refusal(400, why, code="invalid_value", param="messages")
        self._model.engine.check_room(len(tokens), 1)
        return tokens

    async def answer(self, request: ChatRequest, prepared: Prepared, answers: Answers) -> ChatCompletion:
        """The whole answer."""
        pieces = await collect(answers)
        return ChatCompletion(
            id=_new_id(),
            created=int(time.time()),
            model=request.model,
            choices=[self._choice(request, prepared, piece) for piece in pieces],
            usage=answers.usage(),
        )

    def _choice(self, request: ChatRequest, prepared: Prepared, piece: Piece) -> ChatChoice:
        reader = CallReader(self._form) if prepared.calls else None
        read = Read(piece.text) if reader is None else reader.add(piece.text, last=True)
        calls = [_call(call.id, call.name, call.arguments, None) for call in read.calls]
        return ChatChoice(
            index=piece.choice,
            message=Said(
                role="assistant",
                content=read.text.rstrip() or None if calls else read.text,
                tool_calls=calls or None,
            ),
            logprobs=ChatLogprobs(content=piece.tokens) if request.logprobs else None,
            finish_reason=_finish(piece.finish, bool(calls)),
        )

    async def stream(self, request: ChatRequest, prepared: Prepared, answers: Answers) -> AsyncGenerator[str]:
        """The answer as chunks, JSON each."""
        readers = [CallReader(self._form) for _ in prepared.prompts] if prepared.calls else []
        shape: dict[str, Any] = {"id": _new_id(), "created": int(time.time()), "model": request.model}

        def chunk(index: int, **what: Any) -> str:
            return _json(ChatChunk(**shape, choices=[ChunkChoice(index=index, **what)]))

        async with aclosing(answers.pieces()) as pieces:
            begun: set[int] = set()
            async for piece in pieces:
                if piece.choice not in begun:
                    begun.add(piece.choice)
                    yield chunk(piece.choice, delta=Said(role="assistant", content=""))
                reader = readers[piece.choice] if readers else None
                over = piece.finish is not None
                read = Read(piece.text) if reader is None else reader.add(piece.text, last=over)
                calls = [_call(call.id, call.name, call.arguments, call.index) for call in read.calls]
                if read.text or calls or piece.tokens:
                    said = Said(content=read.text or None, tool_calls=calls or None)
                    logprobs = ChatLogprobs(content=piece.tokens) if request.logprobs else None
                    yield chunk(piece.choice, delta=said, logprobs=logprobs)
                if over:
                    finish = _finish(piece.finish, reader is not None and reader.calls > 0)
                    yield chunk(piece.choice, delta=Said(), finish_reason=finish)
        if request.stream_options is not None and request.stream_options.include_usage:
            yield _json(ChatChunk(**shape, choices=[], usage=answers.usage()))


def _json(body: BaseModel) -> str:
    return body.model_dump_json(exclude_none=True)


def _new_id() -> str:
    return f"chatcmpl-{secrets.token_hex(12)}"


def _finish(finish: Finish | None, calls: bool) -> Finish:
    return "tool_calls" if calls and finish == "stop" else finish or "stop"


def _call(id: str | None, name: str | None, arguments: str, index: int | None) -> Call:
    begins = "function" if name is not None else None
    return Call(index=index, id=id, type=begins, function=CalledFunction(name=name, arguments=arguments))


def _answer_schema(request: ChatRequest) -> dict[str, Any] | None:
    """The JSON schema that an answer must fit; None for any text."""
    if isinstance(request.response_format, JsonObject):
        return {"type": "object"}
    if isinstance(request.response_format, JsonSchema):
        return request.response_format.json_schema.schema_
    return None


def _message(turn: Turn) -> Message:
    """A turn as chat templates take it."""
    message: Message = {
        "role": "system" if turn.role == "developer" else turn.role,
        "content": _text(turn.content),
    }
    if turn.name is not None:
        message["name"] = turn.name
    if isinstance(turn, ToolTurn):
        message["tool_call_id"] = turn.tool_call_id
    if isinstance(turn, AssistantTurn):
        if turn.reasoning_content is not None:
            message["reasoning_content"] = turn.reasoning_content
        if turn.tool_calls:
            message["tool_calls"] = [_earlier(call) for call in turn.tool_calls]
    return message


def _earlier(call: CallMade) -> ToolCall:
    """A call as templates take it.

    Raises:
        Refusal: A text in its arguments is none (half of a surrogate pair), or they are nested too deeply.
    """
    arguments = parsed_arguments(call.function.arguments)
    try:
        json.dumps(arguments, ensure_ascii=False).encode("utf-8")
    except (UnicodeEncodeError, RecursionError) as error:
        message = f"The arguments of the call {call.id!r} are no JSON that a model can be shown: {error}."
        raise Refusal(400, message, code="invalid_value", param="messages") from error
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.function.name, "arguments": arguments},
    }


def _text(content: Content | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part.text for part in content)

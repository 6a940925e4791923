"""What goes to an OpenAI-compatible server, what comes back, and what it is paid for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .chat_template import Message, ToolCall
from .generation import Delta, Generation, StopReason
from .grammar import Grammar
from .pictures import parts


@dataclass
class Paid:
    """What a request is paid for where its answer does not come.

    Attributes:
        read, most: Tokens of its prompt, an estimate on the high side, and of its longest answer.
        count: Counts tokens of a text, on the high side.
        lost_read, lost_written: Of tries that were sent and whose answer was not waited for.
    """

    read: int
    most: int
    count: Callable[[str], int]
    lost_read: int = 0
    lost_written: int = 0

    def lose(self) -> None:
        """A try was sent, and nothing is known of its answer: all that it can come to counts."""
        self.lost_read += self.read
        self.lost_written += self.most


class Collected:
    """Puts a whole completion, or its chunks, together."""

    def __init__(self, paid: Paid) -> None:
        self._paid = paid
        self.seen = self.finished = False
        self.output_tokens = 0
        self._texts: list[str] = []
        self._logprobs: list[float | None] = []
        self._stop_reason: StopReason = "stop"
        self._prompt_tokens = 0

    def add(self, answer: dict[str, Any]) -> Delta | None:
        """Take a completion or a chunk of one."""
        usage: dict[str, Any] = answer.get("usage") or {}
        self._prompt_tokens = int(usage.get("prompt_tokens") or self._prompt_tokens)
        self.output_tokens = int(usage.get("completion_tokens") or self.output_tokens)
        choices: list[dict[str, Any]] = answer.get("choices") or []
        if not choices:
            return None
        self.seen = True
        choice = choices[0]
        said: dict[str, Any] = choice.get("delta") or choice.get("message") or {}
        self.finished = self.finished or bool(choice.get("finish_reason"))
        if choice.get("finish_reason") == "length":
            self._stop_reason = "length"
        told: dict[str, Any] = choice.get("logprobs") or {}
        tokens: list[dict[str, Any]] = told.get("content") or []
        logprobs = [float(token["logprob"]) for token in tokens]
        self._logprobs += logprobs
        text = str(said.get("content") or "")
        self._texts.append(text)
        return Delta(text, sum(logprobs) if logprobs else None) if text else None

    @property
    def spent(self) -> tuple[int, int]:
        """Tokens, read and written, so far: as the server tells, else what was sent and has arrived.

        Tries before it that are paid for are in it.
        """
        paid = self._paid
        written = self.output_tokens or paid.count("".join(self._texts))
        return (self._prompt_tokens or paid.read) + paid.lost_read, written + paid.lost_written

    def generation(self, seconds: float) -> Generation:
        """The whole answer."""
        read, written = self.spent
        text = "".join(self._texts)
        return Generation(text, (), tuple(self._logprobs), self._stop_reason, read, seconds, written)


def with_cost_of(generation: Generation, earlier: Generation) -> Generation:
    """The answer, with the tokens and seconds of an earlier one added to its own."""
    return replace(
        generation,
        prompt_tokens=generation.prompt_tokens + earlier.prompt_tokens,
        seconds=generation.seconds + earlier.seconds,
        untold_tokens=generation.untold_tokens + earlier.output_tokens,
    )


def on_the_wire(message: Message) -> dict[str, Any]:
    """A message as OpenAI's interface has it: arguments of calls are JSON text."""
    told: dict[str, Any] = dict(message)
    if images := told.pop("images", None):
        told["content"] = parts(message["content"], images)
    if calls := message.get("tool_calls"):
        told["tool_calls"] = [
            {**call, "type": "function", "function": _function_on_the_wire(call)} for call in calls
        ]
    return told


def _function_on_the_wire(call: ToolCall) -> dict[str, Any]:
    arguments = call["function"]["arguments"]
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {"name": call["function"]["name"], "arguments": text}


def instruction(grammar: Grammar) -> str:
    if grammar.kind == "schema":
        keys = "keys in the order of the schema"
        return f"Answer with JSON only, {keys}, that fits this JSON schema: {json.dumps(grammar.source)}"
    if grammar.kind == "choices":
        choices = json.dumps(grammar.source, ensure_ascii=False)
        return f"Answer with exactly one of these and nothing else: {choices}"
    if grammar.kind == "regex":
        return f"Answer with nothing but a text that matches all of this regular expression: {grammar.source}"
    return f"Answer with nothing but a text of this Lark grammar:\n{grammar.source}"


def without_begun(messages: Sequence[Message]) -> tuple[Sequence[Message], str]:
    """The messages before what the assistant has begun to say, and that; "" where it has not."""
    if messages and messages[-1]["role"] == "assistant":
        return messages[:-1], messages[-1]["content"]
    return messages, ""


def with_instruction(messages: Sequence[Message], grammar: Grammar) -> list[Message]:
    """Tell the model the grammar in the last user message, as the server will not enforce it."""
    told: list[Message] = list(messages)
    for place in range(len(told) - 1, -1, -1):
        if told[place]["role"] == "user":
            told[place] = {
                **told[place],
                "content": f"{told[place]['content']}\n\n{instruction(grammar)}",
            }
            return told
    return [*told, {"role": "user", "content": instruction(grammar)}]

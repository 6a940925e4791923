"""What tokens of a model cost, and the most that a request can come to before it is made.

Amounts are decimal numbers of whatever currency the prices are in; sums of floats would drift. A model in
this process is free unless it is given a price; one behind a server has none until it is given one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from .pictures import picture_tokens

if TYPE_CHECKING:
    from .chat_template import Message
    from .generation import Model
    from .grammar import Grammar

MILLION = Decimal(1_000_000)

AROUND = 16
"""Tokens that a chat template may put around a message, at most, where it cannot be asked."""

COMPLAINT = 600
"""Characters that are said to a server about an answer that did not fit, at most, beside the grammar."""


def amount(value: Decimal | int | str) -> Decimal:
    """A sum of money, exactly as it is written.

    Raises:
        ValueError: It is a float, below 0, or no number.
    """
    if isinstance(value, float):
        raise ValueError(f"{value!r} is a float, which is not exactly what it shows; write '{value}'.")
    try:
        found = Decimal(value)
    except (InvalidOperation, TypeError) as error:
        raise ValueError(f"{value!r} is no sum of money; write '0.25', for example.") from error
    if not found.is_finite() or found < 0:
        raise ValueError(f"{value!r} is no sum of money from 0 up.")
    return found


@dataclass(frozen=True)
class Price:
    """What a model costs, per million tokens.

    Attributes:
        prompt: Of what it reads. Given as a decimal, a whole number or a text.
        completion: Of what it writes.

    Raises:
        ValueError: See `amount`.
    """

    prompt: Decimal
    completion: Decimal

    def __init__(self, prompt: Decimal | int | str, completion: Decimal | int | str) -> None:
        object.__setattr__(self, "prompt", amount(prompt))
        object.__setattr__(self, "completion", amount(completion))

    def of(self, prompt_tokens: int, completion_tokens: int) -> Decimal:
        """What so many tokens cost."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / MILLION

    @property
    def free(self) -> bool:
        """Whether nothing costs anything."""
        return not (self.prompt or self.completion)


FREE = Price(0, 0)


def price_of(model: Model) -> Price | None:
    """What a model costs; None where nobody has said it, of a server's."""
    return getattr(model, "price", FREE)


@dataclass(frozen=True)
class Bound:
    """The most that a request can cost, as a function of `max_tokens`.

    Attributes:
        read: Prompt tokens, over all answers that may be asked for.
        again: How often each token of an answer may be read again, in a complaint about it.
        answers: How many may be asked for.
    """

    read: int
    again: int = 0
    answers: int = 1

    def tokens(self, max_tokens: int) -> int:
        """Tokens in all."""
        return self.read + (self.again + self.answers) * max_tokens

    def money(self, max_tokens: int, price: Price) -> Decimal:
        """What they cost."""
        return price.of(self.read + self.again * max_tokens, self.answers * max_tokens)

    def most(self, room: int) -> int:
        """The largest `max_tokens` with which it fits into so many tokens; below 1 where none does."""
        return (room - self.read) // (self.again + self.answers)


def bound_of(model: Model, messages: Sequence[Message], grammar: Grammar | None = None) -> Bound:
    """The most that a request can come to.

    Exact for a model in this process. A server is asked for several answers until one fits a grammar, and
    its prompt is an estimate on the high side, as `count_tokens` says.
    """
    encode: Any = getattr(model, "encode", None)
    if encode is not None:
        return Bound(len(encode(messages)))
    read = read_at_most(model, messages)
    answers: int = getattr(getattr(model, "retry", None), "answers", 1) if grammar is not None else 1
    if answers == 1 or grammar is None:
        return Bound(read)
    told = model.count_tokens(str(grammar.source) + "x" * COMPLAINT) + 2 * AROUND
    again = answers * (answers - 1) // 2
    return Bound(answers * (read + told) + again * told, again, answers)


def read_at_most(model: Model, messages: Sequence[Message]) -> int:
    """Prompt tokens of a request, an estimate on the high side."""
    return sum(tokens_of(model, message) + AROUND for message in messages)


def tokens_of(model: Model, message: Message) -> int:
    """Tokens of a message's content, pictures included, as `count_tokens` counts them."""
    return model.count_tokens(message["content"]) + sum(map(picture_tokens, message.get("images", ())))


SPENT = "punchlist_spent"
"""Attribute of an error: tokens, read and written, that are paid for although there is no answer."""


def charge(error: BaseException, read: int, written: int) -> None:
    """Say with an error what the call that it ended is paid for, beside what it says already.

    It is said with the error because that reaches whoever asked, also from another machine.
    """
    before = spent_by(error) or (0, 0)
    setattr(error, SPENT, (before[0] + read, before[1] + written))


def spent_by(error: BaseException) -> tuple[int, int] | None:
    """Tokens, read and written, of a call that ended with this error; None where the model does not say."""
    return getattr(error, SPENT, None)

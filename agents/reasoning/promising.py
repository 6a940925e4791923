"""What a batch of requests is promised of the budget before it is made, and how long answers may be."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ...core_model.errors import MalformedOutput
from ...core_model.pricing import AROUND, FREE, Bound, Price, bound_of, price_of
from ..budget import Budget, PriceMissing
from ..cut_off import count_cut_off, spent_without_answer
from .asking import Choice, Prompt, Request

if TYPE_CHECKING:
    from ...core_model.generation import Model
    from ...core_model.sampling import Sampling
    from .trace import Trace


def price_in(model: Model, budget: Budget) -> Price:
    """What a model costs; free where nobody has said it and no limit asks.

    Raises:
        PriceMissing: Nobody has said it, and the budget limits money.
    """
    price = price_of(model)
    if price is None and budget.limits_money:
        raise PriceMissing(model.name)
    return price or FREE


@asynccontextmanager
async def promised(
    model: Model, budget: Budget, requests: Iterable[Request | Choice], *, shares: bool
) -> AsyncGenerator[int | None]:
    """Set aside what these can come to together; gives the most tokens of each answer, None for no limit.

    Args:
        shares: A prompt is read once for all answers to it.

    Raises:
        BudgetExhausted: They do not fit.
    """
    wanted = list(requests)
    if not wanted or not (budget.limited or not price_in(model, budget).free):
        yield None
        return
    read = again = answers = 0
    seen = set[Prompt]()
    for each in wanted:
        bound = bound_for(model, each)
        read += 0 if shares and each.prompt in seen else bound.read
        again, answers = again + bound.again, answers + bound.answers
        seen.add(each.prompt)
    longest = max(each.max_tokens if isinstance(each, Request) else 1 for each in wanted)
    price = price_in(model, budget)
    async with budget.hold(Bound(read, again, answers), longest, price, calls=len(wanted)) as most:
        yield most


def bound_for(model: Model, request: Request | Choice) -> Bound:
    """The most that a request can come to, with what was said before in the answer that it goes on with."""
    grammar = request.grammar if isinstance(request, Request) else None
    bound = bound_of(model, request.prompt.messages, grammar)
    said = model.count_tokens(request.prompt.said) + AROUND if request.prompt.said else 0
    return replace(bound, read=bound.read + bound.answers * said)


@contextmanager
def paid_if_cut_off(
    model: Model, budget: Budget, trace: Trace, asked: Request | Choice, most: int
) -> Generator[None]:
    """Count a call inside that ends without an answer (see `cut_off`). What did not fit its grammar is one.

    Args:
        most: Tokens that its answer may have.
    """
    try:
        yield
    except MalformedOutput:
        raise
    except BaseException as error:
        spent = spent_without_answer(error, lambda: bound_for(model, asked), most)
        where = {"run": trace.run, "task": trace.task}
        price = price_in(model, budget)
        count_cut_off(budget, trace.journal, spent, price, **where, attempt=trace.attempt)
        raise


def priced(model: Model, budget: Budget, read: int, tokens: int) -> dict[str, JsonValue]:
    """What an answer cost, as it stands on record; nothing where the model is free."""
    price = price_in(model, budget)
    return {} if price.free else {"money": str(price.of(read, tokens))}


def sampling_of(request: Request, mark: str, most: int) -> Sampling:
    """How a model is to answer a request.

    Args:
        mark: What the random numbers come from.
        most: Tokens that are left for it.
    """
    from ...core_model.sampling import Sampling

    return Sampling(
        temperature=request.temperature,
        top_p=request.top_p,
        seed=int.from_bytes(hashlib.sha256(mark.encode()).digest()[:4], "big"),
        max_tokens=min(request.max_tokens, most),
        stop=request.stop,
    )

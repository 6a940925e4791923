"""What stands where a manager was given no model: whatever would ask one says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from ...core_model.capabilities import Capabilities
from ...core_model.errors import CoreModelError
from ...core_model.generation import Delta, Generation, ModelUsage

if TYPE_CHECKING:
    from ...core_model.chat_template import Message
    from ...core_model.generation import Thread
    from ...core_model.grammar import Grammar
    from ...core_model.sampling import Sampling


class NoModelGiven(CoreModelError):
    """Something needs a model, and there is none."""

    def __init__(self) -> None:
        super().__init__(
            "This needs a model, and the manager was given none. Give it one, Manager(load_model(), ...), or "
            "criteria that are checked without: Schema, Check, ToolCheck."
        )


class NoModel:
    """A model that is not there."""

    name = "none"
    context_length = 0
    capabilities = Capabilities(grammar=False, logprobs=False, fork=False, score=True, seed=False)
    usage = ModelUsage()

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None, grammar: Grammar | None = None
    ) -> Generation:
        """Raises `NoModelGiven`."""
        raise NoModelGiven()

    async def stream(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None, grammar: Grammar | None = None
    ) -> AsyncIterator[Delta | Generation]:
        """Raises `NoModelGiven`."""
        raise NoModelGiven()
        yield  # what makes it a stream

    async def score(self, messages: Sequence[Message], continuations: Sequence[str]) -> list[float]:
        """Raises `NoModelGiven`."""
        raise NoModelGiven()

    async def open(self, messages: Sequence[Message]) -> Thread:
        """Raises `NoModelGiven`."""
        raise NoModelGiven()

    def count_tokens(self, text: str) -> int:
        """None are read."""
        return 0

    async def aclose(self) -> None:
        """Nothing to let go of."""

"""Idle work on memory where a model is at hand: `memory.Consolidation`, its summaries written by it.

    done = await consolidate(memory, mind, seconds=60)

The model is asked as in a run: counted in its budget, on record, under a grammar. Notes are data, between
marks for models that read instructions. What it writes is held against its sources by memory.

Does not cover: the embedded model, and others that read no instructions. They were not trained on summaries,
so that with them sentences of the sources stand.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from ..memory.jobs import NoSummary
from .mind import ANSWER_TOKENS, Mind, Truncated, is_instructed
from .question import Question

if TYPE_CHECKING:
    from ..memory import Done, Memory

log = logging.getLogger(__name__)

LINES, LONGEST_LINE = 6, 200
"""Of a summary: so many lines of so many characters fit into the tokens of an answer."""

GRAMMAR = f'start: LINE ("\\n" LINE)~0..{LINES - 1}\nLINE: /[^\\n]{{1,{LONGEST_LINE}}}/\n'

TASK = "memory"
"""Under which the questions are recorded."""


def ask_summary(texts: Sequence[str]) -> Question:
    """Ask what notes come to."""
    notes = "\n".join(f"note {' '.join(text.split())}" for text in texts)
    return Question("summarize", f"{notes}\nsummary:", GRAMMAR, data=notes)


class Summaries:
    """Asks a model for summaries, from a thread beside the event loop in which the model lives.

    Args:
        mind: Asks it, with its budget and its record.
        loop: Where its questions are asked.
    """

    def __init__(self, mind: Mind, loop: asyncio.AbstractEventLoop) -> None:
        self._mind, self._loop = mind, loop

    @property
    def name(self) -> str:
        """The model's name."""
        return self._mind.model.name

    def __call__(self, texts: Sequence[str]) -> str:
        """See `memory.Summarizer`. Blocks; not to be called in the loop itself."""
        return asyncio.run_coroutine_threadsafe(self.ask(texts), self._loop).result()

    async def ask(self, texts: Sequence[str]) -> str:
        """One summary; of more than the model's context holds, that of the summaries of two halves.

        Raises:
            NoSummary: One text is longer than the context, or the answer was cut.
            BudgetExhausted: Before anything is spent.
        """
        question = ask_summary(texts)
        if not self._fits(question) and len(texts) > 1:
            half = len(texts) // 2
            question = ask_summary([await self.ask(texts[:half]), await self.ask(texts[half:])])
        if not self._fits(question):
            context = self._mind.model.context_length
            raise NoSummary(f"what it is to read is longer than its context of {context} tokens")
        try:
            return await self._mind.ask(question, task=TASK)
        except Truncated as error:
            raise NoSummary(str(error)) from error

    def _fits(self, question: Question) -> bool:
        model = self._mind.model
        if len(question.text) > 32 * model.context_length:
            return False
        used = model.count_tokens(f"{question.system()}\n{question.fenced()}") + ANSWER_TOKENS
        return used <= model.context_length


async def consolidate(
    memory: Memory,
    mind: Mind | None = None,
    *,
    jobs: Collection[str] | None = None,
    records: int | None = None,
    seconds: float | None = None,
    tell: Callable[[str, int], None] | None = None,
) -> Done:
    """Run the idle jobs; with a mind whose model reads instructions, summaries are written by it.

    Args:
        mind: None, or one whose model reads none: summaries are sentences of their sources.
        jobs, records, seconds, tell: See `memory.Consolidation.run_sync`.

    Raises:
        BudgetExhausted: That of the mind; what was done before is kept, and the next call goes on.
        MemoryFault, CoreModelError: Memory or the model cannot be used.
    """
    from ..memory import Consolidation

    engine = None
    if mind is not None and is_instructed(mind.model):
        engine = Summaries(mind, asyncio.get_running_loop())
    return await Consolidation(memory, engine).run(jobs, records=records, seconds=seconds, tell=tell)


async def tidy(memory: Memory, seconds: float) -> Done | None:
    """Run the idle jobs without a model, for so long at most; where memory fails that is logged, and None."""
    from ..memory import MemoryFault, MemoryRefused

    try:
        return await consolidate(memory, seconds=seconds)
    except (MemoryFault, MemoryRefused) as error:
        log.warning("Memory was not consolidated: %s", error)
        return None

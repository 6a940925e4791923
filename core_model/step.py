"""One step of the engine: lay the planned parts into a batch, compute it, choose tokens.

A step that fails for one request (a number that is none, memory that runs out) is computed again request by
request, so that only the one that causes it fails.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .backend import Decoder
from .batch import Batch
from .errors import CoreModelError, NumericalError, OutOfMemory
from .jobs import EmbedJob, GenerateJob, Job, Part, RowsJob
from .kv_cache import PagePool, common_length
from .sampling import Chosen, RowState, choose_rows
from .scheduler import Planned

_WORTH_A_THREAD = 1 << 28  # multiplications of a step, some milliseconds


@dataclass(eq=False)
class Outcome:
    """What a step brought one job: its rows, or the error that ends it.

    Attributes:
        wanted: How many scores its parts ask for.
        rows: (wanted, vocab) scores; (wanted, hidden) for an embedding; None where the job has an error.
        first: Of a generating job, the number of its first row among all rows to choose from.
        advanced: Of a generating job, how many of its part's tokens are now known to be right.
        over: Whether a generating job has ended.
    """

    job: Job[Any]
    parts: list[Part]
    wanted: int
    rows: Tensor | None = None
    first: int = 0
    advanced: int = 0
    over: bool = False


class Stepper:
    """Computes steps with one decoder and one pool of pages."""

    def __init__(
        self, decoder: Decoder, pool: PagePool, parameters: int, masks: Callable[[int], NDArray[np.int32]]
    ) -> None:
        """`masks` makes packed grammar masks of so many rows; `parameters` tells how long a step takes."""
        self.adapters: dict[str | None, int] = {}  # number of each adapter, by name
        self._decoder, self._pool, self._parameters, self._masks = decoder, pool, parameters, masks
        self._beside: ThreadPoolExecutor | None = None

    def compute(self, planned: Planned) -> list[Outcome]:
        """The forward pass and the choice of tokens; needs no lock. `settle` has to follow under it."""
        outcomes = [Outcome(job, parts, sum(part.wanted for part in parts)) for job, parts in planned]
        scored = [each for each in outcomes if not isinstance(each.job, EmbedJob)]
        embedded = [each for each in outcomes if isinstance(each.job, EmbedJob)]
        choosing = [each for each in scored if isinstance(each.job, GenerateJob) and each.wanted]
        states = self._row_states(choosing)
        masked = [each for each in choosing if cast("GenerateJob", each.job).state is not None]
        filled = self._fill_masks(masked, states, sum(len(p.tokens) for each in outcomes for p in each.parts))
        if scored:
            self._forward(scored, self._decoder.forward)
        if embedded:
            self._forward(embedded, self._decoder.hidden)
        if filled is not None:
            filled.result()
        self._choose([each for each in choosing if each.job.error is None], states)
        for each in scored:
            if isinstance(each.job, GenerateJob) and not each.wanted:
                each.advanced = len(each.parts[0].tokens)
        return outcomes

    def settle(self, outcome: Outcome) -> bool:
        """Count what was computed; True when the job has ended. The engine's lock is held."""
        job = outcome.job
        if job.error is not None or outcome.rows is None:
            return True
        if isinstance(job, GenerateJob):
            if job.rewound is None:
                for part in outcome.parts:
                    part.cache.advance(job.tokens, outcome.advanced)
            return outcome.over
        try:
            return cast("RowsJob[Any]", job).take(outcome.parts, outcome.rows)
        except CoreModelError as error:
            job.error = error
            return True

    def close(self) -> None:
        """End the thread beside the worker's own."""
        if self._beside is not None:
            self._beside.shutdown(wait=False, cancel_futures=True)

    def _forward(self, outcomes: list[Outcome], run: Callable[..., Tensor]) -> None:
        parts = [part for outcome in outcomes for part in outcome.parts]
        adapters = [self.adapters.get(each.job.adapter, -1) for each in outcomes for _ in each.parts]
        try:
            rows = run(lay_out(parts, adapters), self._pool.keys, self._pool.values).float().cpu()
        except (NumericalError, RuntimeError, MemoryError) as error:
            if len(outcomes) > 1:
                for outcome in outcomes:
                    self._forward([outcome], run)
                return
            outcomes[0].job.error = _typed(error, len(outcomes[0].job.tokens))
            return
        for outcome, mine in zip(
            outcomes, torch.split(rows, [each.wanted for each in outcomes]), strict=True
        ):
            outcome.rows = mine

    def _row_states(self, choosing: list[Outcome]) -> list[RowState]:
        states: list[RowState] = []
        for outcome in choosing:
            outcome.first = len(states)
            job = cast("GenerateJob", outcome.job)
            states.extend(job.row_state(ahead) for ahead in range(outcome.wanted))
        return states

    def _fill_masks(self, masked: list[Outcome], states: list[RowState], tokens: int) -> Future[None] | None:
        """Ask the grammars what may come next: beside the forward pass where that takes long enough."""
        if not masked:
            return None
        masks = self._masks(len(states))

        def fill() -> None:
            for outcome in masked:
                job, part = cast("GenerateJob", outcome.job), outcome.parts[0]
                assert job.state is not None
                try:
                    job.state.fill_draft(masks, outcome.first, draft_of(part))
                except CoreModelError as error:  # of this request alone: a grammar that became too complex
                    job.error = error
                for row in range(outcome.first, outcome.first + outcome.wanted):
                    states[row].mask = masks[row]

        if tokens * self._parameters < _WORTH_A_THREAD:
            fill()
            return None
        if self._beside is None:
            self._beside = ThreadPoolExecutor(1, "punchlist-masks")
        return self._beside.submit(fill)

    def _choose(self, outcomes: list[Outcome], states: list[RowState]) -> None:
        """Choose tokens for all generating jobs at once, then let each accept what it can use."""
        if not outcomes:
            return
        rows = [cast("Tensor", outcome.rows) for outcome in outcomes]
        asked = [state for each in outcomes for state in states[each.first : each.first + each.wanted]]
        chosen = choose_rows(rows[0] if len(rows) == 1 else torch.cat(rows), asked)
        start = 0
        for outcome in outcomes:
            try:
                self._accept(outcome, chosen, start)
            except CoreModelError as error:
                outcome.job.error = error
            start += outcome.wanted

    def _accept(self, outcome: Outcome, chosen: Chosen, start: int) -> None:
        """Take the chosen tokens one by one, as long as what was guessed behind them proves right."""
        job, part = cast("GenerateJob", outcome.job), outcome.parts[0]
        draft = draft_of(part)
        before, right = len(job.tokens), 0
        while True:
            row = start + right
            if row in chosen.errors:
                raise chosen.errors[row]
            outcome.over = job.accept(chosen.token_ids[row], chosen.logprobs[row], chosen.top_logprobs[row])
            grown = job.tokens[before:]
            if outcome.over or len(grown) > len(draft) or grown != draft[: len(grown)]:
                break
            right = len(grown)
        if draft:
            right = common_length(draft, job.tokens[before:])
            job.judge(len(draft), right)
        outcome.advanced = len(part.tokens) - len(draft) + right


def draft_of(part: Part) -> list[int]:
    """The guessed tokens at the end of a generating job's part."""
    return part.tokens[len(part.tokens) - part.wanted + 1 :] if part.wanted > 1 else []


def lay_out(parts: list[Part], adapters: list[int] | None = None) -> Batch:
    """The flat batch of several parts; `adapters` holds the number of each part's adapter, -1 for none."""
    counts = [len(part.tokens) for part in parts]
    total = sum(counts)
    tokens = np.fromiter((token for part in parts for token in part.tokens), np.int32, total)
    positions = np.empty(total, np.int32)
    wanted: list[int] = []
    width = max(-(-(part.cache.length + count) // 16) for part, count in zip(parts, counts, strict=True))
    tables = np.zeros((len(parts), width), np.int32)
    at = 0
    for row, (part, count) in enumerate(zip(parts, counts, strict=True)):
        start = part.cache.length
        positions[at : at + count] = range(start, start + count)
        pages = len(part.cache.pages)
        tables[row, : min(pages, width)] = part.cache.table[: min(pages, width)]
        at += count
        wanted.extend(range(at - part.wanted, at))
    rows = np.repeat(np.arange(len(parts), dtype=np.int32), counts)
    numbers: NDArray[np.int32] | None = None
    if adapters is not None and any(number >= 0 for number in adapters):
        numbers = np.repeat(np.asarray(adapters, np.int32), counts)
    return Batch(tokens, positions, rows, tables, np.asarray(wanted, np.int32), numbers)


def _typed(error: BaseException, tokens: int) -> CoreModelError:
    if isinstance(error, CoreModelError):
        return error
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        return OutOfMemory(tokens)
    raise error

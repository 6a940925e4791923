"""`punchlist bench engine`: speed of the engine beside `transformers` and llama.cpp, in one run.

A ratio is seconds of the other by seconds of ours: above 1 ours is faster. It is of the fastest turns, with
`_median` behind it of the medians. Engines run in processes of their own and take turns, with the same number
of threads and the same random weights in the shape of Qwen2.5-0.5B; with `_1b` behind the name in the shape
of Llama-3.2-1B (`_tiny`: of `--shape tiny`, which only tries the benchmark out). Ours has int8 weights,
llama.cpp Q8_0, `transformers` bfloat16. All decode greedily without an early end; only forward passes and
choosing tokens are timed, and reading the prompt only where that is what is measured. Each peer goes the
fastest of its ways (settings.ways), and is left out where it does not compute the same model
(settings.agreement: correlation of log-probabilities with those of the first engine).

    decode_vs_hf, decode_vs_llamacpp       one token after another, after 64 tokens
    decode_bfloat16_vs_hf                  the same with bfloat16 weights on both sides
    decode4k_vs_hf, decode4k_vs_llamacpp   after 4,000 tokens
    prefill_vs_hf, prefill_vs_llamacpp     reading 512 tokens, up to the first token
    batch8_vs_hf, batch8_vs_llamacpp       eight sequences of different prompts at once
    tot_vs_hf, tot_vs_llamacpp             a tree of thought: a trunk of 1,000 tokens, then three levels of
                                           five thoughts of 60 tokens, each valued by the log-probabilities
                                           of two continuations; the best goes on. Peers share prefixes too
    tot_fork_vs_resend                     ours alone: sending every prompt again, without prefix cache, by
                                           forking
    fork4k_seconds                         forking a sequence of 4,000 tokens
    embedded_b1_vs_hf, embedded_b16_vs_hf  the embedded model, one and 16 sequences: ours under the grammar of
                                           a typed message, in bfloat16, `transformers` without, in whichever
                                           of bfloat16 and float32 is faster
    embedded_b1_float32_vs_hf, embedded_b16_float32_vs_hf
                                           the same with ours in float32, its default
    forced_tokens_gain                     typed messages of the protocol: seconds without by seconds with
                                           tokens that the grammar forces
    lora_merged_vs_bare, lora_loaded_vs_bare
                                           the embedded model with a random adapter, merged into its weights
                                           or loaded beside them: seconds bare by seconds with it
    int8_perplexity_change                 of the embedded model's answers on held-out documents, int8 by
                                           float32, less 1; perplexity_int8, perplexity_float32
    <workload>_seconds_<party>             of the fastest turn: per step of a decode, per fork, per prompt,
                                           per tree; of forced_tokens per 1,000 characters
    <workload>_tokens_per_second_<party>   tokens read or written in that time

`--quick` takes one shape, fewer tokens and turns: its figures only show that everything works. Checkpoints
are made once, below `--data` or in the user's cache folder. It keeps no ledger.

What it does not cover: a GPU, compiled or quantised `transformers`, text quality of any kind, and machines
that do something else meanwhile: an engine that waits for its threads more often suffers more there
(settings.load_before: processes that wanted to run in the minute before).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import exp
from pathlib import Path
from statistics import StatisticsError, correlation

from pydantic import JsonValue

from ..harness import Figures, Measuring, OptionRefused
from ..models import WEIGHTS
from . import contests
from .contests import LORA, PERPLEXITY, Contest
from .parties import Child, PartyFailed, Seat, absent
from .report import write_report
from .rounds import Result, compare
from .shapes import SHAPES, Shape, cache_folder, checkpoint, shapes
from .work import prompt

CHECKED = (8, 16)
"""Tokens before, and tokens whose log-probabilities must be alike between engines."""

ALIKE = 0.9
"""Least correlation of these between two engines that compute the same model, rounding of int8 included."""


@dataclass
class Bench:
    """A run of the benchmark: what it was asked for, and what it has found so far."""

    measuring: Measuring
    threads: int
    only: frozenset[str]
    figures: Figures = field(default_factory=dict[str, float | int | None])
    results: list[Result] = field(default_factory=list[Result])
    told: dict[str, dict[str, JsonValue]] = field(default_factory=dict[str, dict[str, JsonValue]])

    def tell(self, what: str, where: str, value: JsonValue) -> None:
        """Put something into the settings of the report, per model."""
        self.told.setdefault(what, {})[where] = value

    def wanted(self, made: Iterable[Contest]) -> list[Contest]:
        """Those that were asked for."""
        return [contest for contest in made if contest.work.name in self.only]

    def arena(self, where: str, folder: Path, suffix: str, made: Sequence[Contest]) -> None:
        """Hold contests on one model, every engine with it open in a process of its own."""
        seats = list(dict.fromkeys(entrant.seat for contest in made for entrant in contest.entrants))
        with ExitStack() as stack:
            children, missing = self._open(stack, where, folder, seats)
            for contest in made:
                repeats = self.measuring.options.repeats or contest.repeats
                self.measuring.say(f"{where}: {contest.work.name}")
                result = Result(contest, where, suffix)
                compare(result, children, missing, repeats, self.measuring.say)
                figures, reasons = result.figures()
                self.figures |= figures
                self.measuring.skipped |= reasons
                self.results.append(result)
                self.tell("ways", f"{where} {contest.work.name}", dict(result.ways))
            peaks: dict[str, JsonValue] = {seat.label: child.peak_bytes for seat, child in children.items()}
            self.tell("peak_bytes", where, peaks)

    def _open(
        self, stack: ExitStack, where: str, folder: Path, seats: Sequence[Seat]
    ) -> tuple[dict[Seat, Child], dict[Seat, str]]:
        """The parties that can take part, and why the others cannot."""
        children: dict[Seat, Child] = {}
        missing: dict[Seat, str] = {}
        names: dict[str, JsonValue] = {}
        for seat in seats:
            if (why := absent(seat.party)) is not None:
                missing[seat] = why
                continue
            self.measuring.say(f"{where}: {seat.label} opens")
            child = stack.enter_context(Child(seat, self.threads))
            try:
                names[seat.label] = child.load(folder)
            except PartyFailed as error:
                missing[seat] = error.why
            else:
                children[seat] = child
        self.tell("engines", where, names)
        for seat, why in self._strangers(where, folder, children).items():
            missing[seat] = why
            del children[seat]
        return children, missing

    def _strangers(self, where: str, folder: Path, children: dict[Seat, Child]) -> dict[Seat, str]:
        """Parties that do not compute the same model as the first one, and what shows it."""
        from ....core_model.config import ModelConfig

        before, checked = CHECKED
        tokens = prompt(before + checked, ModelConfig.load(folder).vocab_size, 0)
        pairs = [(tokens[:end], [tokens[end]]) for end in range(before, before + checked)]
        found: dict[Seat, list[float]] = {}
        strangers: dict[Seat, str] = {}
        alike: dict[str, JsonValue] = {}
        for seat, child in children.items():
            try:
                found[seat] = child.logprobs(pairs)
                alike[seat.label] = value = round(correlation(next(iter(found.values())), found[seat]), 4)
            except PartyFailed as error:
                strangers[seat] = error.why
                continue
            except StatisticsError:
                value = 0.0
            if value < ALIKE:
                strangers[seat] = f"its log-probabilities are not those of the others (correlation {value})"
        self.tell("agreement", where, alike)
        return strangers

    def perplexity(self) -> None:
        """What int8 does to the embedded model's answers."""
        pairs = _answers(self.measuring.count(20, 2))
        seats = (contests.OURS, contests.OURS_FLOAT32)
        found: dict[Seat, float] = {}
        for seat in seats:
            self.measuring.say(f"{PERPLEXITY}: {seat.weights}, {len(pairs)} answers")
            with Child(seat, self.threads) as child:
                try:
                    child.load(WEIGHTS)
                    nats = sum(child.logprobs(pairs))
                except PartyFailed as error:
                    self.measuring.skipped[f"perplexity_{seat.weights}"] = error.why
                else:
                    found[seat] = exp(-nats / sum(len(answer) for _, answer in pairs))
        for seat in seats:
            self.figures[f"perplexity_{seat.weights}"] = found.get(seat)
        int8, float32 = (found.get(seat) for seat in seats)
        change = None if int8 is None or float32 is None else int8 / float32 - 1
        self.figures["int8_perplexity_change"] = change

    def lora(self) -> None:
        """What an adapter costs, in seconds per token and as bare/with."""
        from .adapted import lora_seconds

        self.measuring.say("embedded: an adapter")
        seconds = lora_seconds(self.measuring.options.repeats or self.measuring.count(20, 5), self.threads)
        self.figures |= seconds
        bare = seconds["lora_bare_seconds"]
        for way in ("merged", "loaded"):
            self.figures[f"lora_{way}_vs_bare"] = bare / seconds[f"lora_{way}_seconds"]


def measure(measuring: Measuring) -> Figures:
    """The figures of `bench engine`."""
    options = measuring.options
    bench = Bench(measuring, options.threads or _cores(), _only(options.only))
    chosen = _shapes(options.shape, options.quick)
    measuring.settings |= {"shapes": [shape.name for shape in chosen], "threads": bench.threads}
    measuring.settings["load_before"] = round(os.getloadavg()[0], 2)
    if made := bench.wanted(contests.shape_contests(options.quick)):
        for shape in chosen:
            measuring.say(f"{shape.name}: the checkpoint")
            bench.arena(shape.name, checkpoint(shape, options.data or cache_folder()), shape.suffix, made)
    if made := bench.wanted(contests.embedded_contests(options.quick)):
        bench.arena("embedded", WEIGHTS, "", made)
    if PERPLEXITY in bench.only:
        bench.perplexity()
    if LORA in bench.only:
        bench.lora()
    measuring.settings |= bench.told
    if options.report is not None:
        write_report(options.report, measuring, bench.figures, bench.results)
    return bench.figures


def _only(named: str | None) -> frozenset[str]:
    """The workloads that were asked for.

    Raises:
        OptionRefused: One of them does not exist.
    """
    known = contests.workloads()
    asked = known if named is None else tuple(part.strip() for part in named.split(","))
    if unknown := [name for name in asked if name not in known]:
        raise OptionRefused("engine", "only", f"there is no workload {unknown[0]!r} among {', '.join(known)}")
    return frozenset(asked)


def _shapes(named: str | None, quick: bool) -> tuple[Shape, ...]:
    """The shapes that were asked for.

    Raises:
        OptionRefused: There is no such shape.
    """
    if named is None:
        return SHAPES[:1] if quick else SHAPES
    if named not in (known := shapes()):
        raise OptionRefused("engine", "shape", f"there is no {named!r} among {', '.join(known)}")
    return (known[named],)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _answers(count: int) -> list[tuple[list[int], list[int]]]:
    """Answers of `count` held-out documents of each role, as token ids: what stands before, the answer."""
    from ....core_model.tokenizer import Tokenizer
    from ...training.documents import ROLES
    from ...training.embedded import encode
    from ..questions import documents

    tokenizer = Tokenizer.load(WEIGHTS)
    pairs: list[tuple[list[int], list[int]]] = []
    for role in ROLES:
        for pieces in documents(role, count):
            ids, weights = encode(tokenizer, pieces)
            start = 0
            while start < len(ids):
                end = start
                while end < len(ids) and (weights[end] > 0) == (weights[start] > 0):
                    end += 1
                if weights[start] > 0:
                    pairs.append((ids[:start], ids[start:end]))
                start = end
    return pairs

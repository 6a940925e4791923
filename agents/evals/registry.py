"""What can be measured, and which options each measurement takes; loads nothing, so that `--help` can ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["eval", "bench"]

ALWAYS = frozenset({"quick", "json"})
"""Options that every measurement takes."""

LEDGER = frozenset({"out", "resume"})
"""Options of a measurement that keeps a ledger."""


@dataclass(frozen=True)
class Measurement:
    """A row of the registry: the module's `measure` is called with a `Measuring`.

    Attributes:
        takes: Names of `EvalOptions` beside `ALWAYS`.
    """

    kind: Kind
    name: str
    about: str
    module: str
    takes: frozenset[str]


MEASUREMENTS = (
    Measurement(
        "eval",
        "shop",
        "unseen goals at unseen shops, start to end, judged by the shop's database",
        "shop",
        LEDGER | {"model", "limit", "seed", "shard", "parallel", "compare"},
    ),
    Measurement(
        "eval",
        "embedded",
        "answers of each role on held-out documents, with and without grammar",
        "embedded",
        LEDGER | {"model", "limit", "shard"},
    ),
    Measurement(
        "eval",
        "explorer",
        "every configuration of the protocol, and planted faults",
        "explorer",
        LEDGER | {"limit", "shard"},
    ),
    Measurement(
        "eval",
        "conformance",
        "scripted situations in which a refused result could pass for a success: what does the caller get?",
        "conformance",
        LEDGER | {"limit", "shard", "peers"},
    ),
    Measurement(
        "eval",
        "faults",
        "one planted fault a run, by six operators: detected, acted on, recovered, confirmed wrong",
        "faults",
        LEDGER | {"limit", "seed", "shard"},
    ),
    Measurement(
        "eval",
        "kill",
        "SIGKILL in the middle of runs, then resume (--only shop,classes,resumes,races,ray,memory,peers)",
        "kill",
        LEDGER | {"model", "limit", "seed", "shard", "parallel", "only", "peers"},
    ),
    Measurement(
        "eval",
        "game24",
        "puzzles 901-1000 of the Game of 24: tree and chain of thought, and who does the work",
        "game24",
        LEDGER | {"model", "limit", "seed", "shard", "parallel", "only"},
    ),
    Measurement(
        "eval",
        "countdown",
        "unseen Countdown problems by every search at equal budgets of calls",
        "countdown",
        LEDGER | {"model", "limit", "seed", "shard", "parallel", "only"},
    ),
    Measurement(
        "eval",
        "arithmetic",
        "word problems by chain of thought with a calculator, checked and mended (--data: GSM8K)",
        "arithmetic",
        LEDGER | {"model", "limit", "seed", "shard", "data"},
    ),
    Measurement(
        "eval",
        "tools",
        "tool calls over unseen schemas, a verifier against planted faults, answers from notes",
        "tools",
        LEDGER | {"model", "limit", "seed", "shard", "parallel", "data"},
    ),
    Measurement(
        "eval",
        "calibration",
        "whether a judge's probabilities are the shares that hold, over reports with planted faults",
        "calibration",
        LEDGER | {"model", "limit", "seed", "shard", "parallel"},
    ),
    Measurement(
        "eval",
        "worst_case",
        "a model that says anything legal, at random and exhaustively: what is confirmed, overspent, hung",
        "worst_case",
        LEDGER | {"limit", "seed", "shard", "parallel"},
    ),
    Measurement(
        "eval",
        "household",
        "unseen household games over five trials, with and without lessons of the failed ones",
        "household",
        LEDGER | {"model", "limit", "seed", "shard"},
    ),
    Measurement(
        "eval",
        "miniwob",
        "short tasks on MiniWoB++'s pages in a real browser (--tasks A,B --seeds 10000-10024)",
        "miniwob",
        LEDGER | {"model", "limit", "shard", "parallel", "compare", "data", "only", "seeds"},
    ),
    Measurement(
        "eval",
        "everyday",
        "plain goals on everyday pages of our own: reached, called done, given up where nothing fits",
        "everyday",
        LEDGER | {"model", "limit", "shard", "compare"},
    ),
    Measurement(
        "eval",
        "fence",
        "ways out of the browser's fence, with and without it, and what a browser does by itself",
        "fence",
        LEDGER | {"limit", "shard"},
    ),
    Measurement(
        "eval",
        "memory",
        "bytes left of erased records, contradictions merged, secrets stored, lessons (--only erase,...)",
        "memory",
        LEDGER | {"model", "limit", "seed", "shard", "only"},
    ),
    Measurement(
        "eval",
        "json_schema",
        "JSON schemas that grammars enforce, by a test suite (--data FOLDER)",
        "json_schema",
        frozenset({"data", "limit"}),
    ),
    Measurement(
        "eval",
        "locomo",
        "evidence that memory recalls of long conversations, beside usual searches (--data FILE)",
        "locomo",
        LEDGER | {"data", "limit", "shard"},
    ),
    Measurement(
        "bench",
        "engine",
        "speed of the engine beside transformers and llama.cpp, in one run",
        "engine",
        frozenset({"data", "shape", "threads", "only", "repeats", "report"}),
    ),
    Measurement(
        "bench",
        "engine-gpu",
        "the engine's GPU path at the shape of an 8B model, on a CUDA device",
        "engine_gpu",
        frozenset(),
    ),
    Measurement(
        "bench",
        "overhead",
        "CPU time that the framework itself costs, with and without a journal, beside others (--peers)",
        "overhead",
        frozenset({"repeats", "peers"}),
    ),
    Measurement(
        "bench",
        "journal",
        "seconds a row in each durability mode, and of hashes (--data postgresql://... too)",
        "journal",
        frozenset({"data", "limit", "repeats"}),
    ),
    Measurement(
        "bench",
        "view",
        "what views number and how long they are, beside Playwright's snapshot (--data: miniwob/html)",
        "view",
        frozenset({"data", "peers"}),
    ),
    Measurement(
        "bench",
        "browser",
        "ms a look, a click and a start, episodes a second, beside Playwright and browser-use (--peers)",
        "browser",
        frozenset({"data", "limit", "peers"}),
    ),
    Measurement(
        "bench",
        "soak",
        "2,000 episodes in one process: memory of it and of its browser, processes that are left (--limit)",
        "browser_soak",
        frozenset({"data", "limit"}),
    ),
    Measurement(
        "bench",
        "memory",
        "writes and questions a second among 10k and 100k records, beside other memories (--peers)",
        "memory_bench",
        frozenset({"data", "peers"}),
    ),
    Measurement(
        "bench",
        "demo",
        "fresh clone with and without set-up, import, decoding",
        "demo",
        frozenset({"model", "clone"}),
    ),
)


def names(kind: Kind) -> tuple[str, ...]:
    """The measurements of a kind, in the registry's order."""
    return tuple(entry.name for entry in MEASUREMENTS if entry.kind == kind)


def abouts(kind: Kind) -> dict[str, str]:
    """One line about each measurement of a kind."""
    return {entry.name: entry.about for entry in MEASUREMENTS if entry.kind == kind}


def taken(kind: Kind) -> frozenset[str]:
    """Options that some measurement of a kind takes."""
    return ALWAYS.union(*(entry.takes for entry in MEASUREMENTS if entry.kind == kind))

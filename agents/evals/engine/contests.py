"""Which engines do what against each other, and what the figures are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .parties import Seat
from .work import Kind, Work

OURS = Seat("ours", "ours", "int8")
OURS_BFLOAT16 = Seat("ours_bfloat16", "ours", "bfloat16")
OURS_FLOAT32 = Seat("ours_float32", "ours", "float32")
HF = Seat("hf", "hf", "bfloat16")
HF_ANY = Seat("hf", "hf", "any")
LLAMACPP = Seat("llamacpp", "llamacpp", "q8_0")


@dataclass(frozen=True)
class Entrant:
    """A party that takes part in a contest; `kind` where its work is of another kind than the contest's."""

    label: str
    seat: Seat
    kind: Kind | None = None


@dataclass(frozen=True)
class Contest:
    """The same work for several entrants, in turns.

    Attributes:
        work: What they do.
        entrants: Who.
        repeats: Turns, unless the operator says how many.
        ratios: Figure -> (label of the one divided, label of the one it is divided by), in seconds.
    """

    work: Work
    entrants: tuple[Entrant, ...]
    repeats: int = 5
    ratios: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])


def _against_peers(work: Work, *more: Entrant, repeats: int = 5, **ratios: tuple[str, str]) -> Contest:
    entrants = (Entrant("ours", OURS), Entrant("hf", HF), Entrant("llamacpp", LLAMACPP), *more)
    against = {f"{work.name}_vs_{peer}": (peer, "ours") for peer in ("hf", "llamacpp")}
    return Contest(work, entrants, repeats, {**against, **ratios})


def shape_contests(quick: bool) -> tuple[Contest, ...]:
    """What is measured on every shape."""
    tokens, thought = (16, 12) if quick else (64, 60)
    repeats = 2 if quick else 5
    return (
        _against_peers(
            Work("decode", "decode", 64, tokens),
            Entrant("ours_bfloat16", OURS_BFLOAT16),
            repeats=repeats,
            decode_bfloat16_vs_hf=("hf", "ours_bfloat16"),
        ),
        _against_peers(Work("decode4k", "decode", 4000, tokens), repeats=repeats),
        _against_peers(Work("prefill", "prefill", 512), repeats=repeats),
        _against_peers(Work("batch8", "decode", 64, tokens, batch=8), repeats=repeats),
        _against_peers(
            Work("tot", "tree", 1000, thought, breadth=5, depth=2 if quick else 3),
            Entrant("resend", OURS, "resend"),
            repeats=min(repeats, 3),
            tot_fork_vs_resend=("resend", "ours"),
        ),
        Contest(Work("fork4k", "fork", 4000), (Entrant("", OURS),), repeats),
    )


def embedded_contests(quick: bool) -> tuple[Contest, ...]:
    """What is measured on the embedded model."""
    tokens, repeats = (32, 2) if quick else (128, 5)
    found: list[Contest] = []
    for batch in (1, 16):
        work = Work(f"embedded_b{batch}", "constrained", 128, tokens, batch)
        three = (
            Entrant("ours", OURS_BFLOAT16),
            Entrant("ours_float32", OURS_FLOAT32),
            Entrant("hf", HF_ANY),
        )
        ratios = {
            f"{work.name}_vs_hf": ("hf", "ours"),
            f"{work.name}_float32_vs_hf": ("hf", "ours_float32"),
        }
        found.append(Contest(work, three, repeats, ratios))
    typed = Work("forced_tokens", "typed", 128, 200)
    both = (Entrant("ours", OURS_FLOAT32), Entrant("plain", OURS_FLOAT32, "typed_plain"))
    return (*found, Contest(typed, both, repeats, {"forced_tokens_gain": ("plain", "ours")}))


PERPLEXITY, LORA = "int8_perplexity", "lora"
"""The measurements that are no contests."""


def workloads() -> tuple[str, ...]:
    """Every name that `--only` takes."""
    contests = (*shape_contests(False), *embedded_contests(False))
    return (*(contest.work.name for contest in contests), PERPLEXITY, LORA)

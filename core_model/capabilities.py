"""What a model can really do, so that callers can replace what is missing by something labelled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Capabilities:
    """True means: done by the model itself, exactly.

    Attributes:
        grammar: Only texts of the grammar can be decoded; where False, answers are validated afterwards and
            asked for again a bounded number of times, then `MalformedOutput`.
        logprobs: Generations carry the log-probability of each token; where False, `None` for each.
        score: `score` works; where False it raises `NotSupported` (sample votes instead).
        fork: Prompts that begin alike are computed once.
        seed: The same seed gives the same tokens, whatever else runs.
        token_counts: `count_tokens` is exact; where False it is an estimate on the high side.
        images: Messages may show pictures; where False one that does raises `NotSupported`.
    """

    grammar: bool = False
    logprobs: bool = False
    score: bool = False
    fork: bool = False
    seed: bool = False
    token_counts: bool = False
    images: bool = False

"""How fast a local model reads and writes on this machine."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from .model import LocalModel
from .sampling import Sampling


@dataclass(frozen=True)
class DecodeSpeed:
    """Medians over the repeats, of one request alone.

    Attributes:
        tokens_per_second: Generated tokens per second after the first.
        prompt_tokens_per_second: Prompt tokens per second up to the first generated token.
        first_token_seconds: From request to first token.
    """

    tokens_per_second: float
    prompt_tokens_per_second: float
    first_token_seconds: float


def measure_decode(
    model: LocalModel, *, prompt_tokens: int = 400, output_tokens: int = 64, repeats: int = 3
) -> DecodeSpeed:
    """Time `repeats` requests after one to warm up; no prompt begins like another, so none is reused."""
    rates: list[float] = []
    waits: list[float] = []
    vocab = min(model.tokenizer.vocab_size, model.engine.config.vocab_size)
    prompt_tokens = max(1, min(prompt_tokens, model.context_length - output_tokens))
    for repeat in range(repeats + 1):
        prompt = [(17 + repeat + 31 * place) % vocab for place in range(prompt_tokens)]
        times: list[float] = []
        started = time.monotonic()
        job = model.engine.start(
            prompt,
            Sampling(max_tokens=output_tokens),
            on_token=lambda ids, logprobs, times=times: times.append(time.monotonic()),
            ignore_end=True,
        )
        job.future.result()
        if repeat:
            waits.append(times[0] - started)
            rates.append((len(times) - 1) / (times[-1] - times[0]))
    wait = statistics.median(waits)
    return DecodeSpeed(statistics.median(rates), prompt_tokens / wait, wait)

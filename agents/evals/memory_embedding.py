"""Speed of the embedder's forms beside each other: torch, ONNX Runtime in float32, and int8.

The forms take turns on the same texts, each on one thread, so that what else the machine does meets all.

Figures:
    embed_int8_vs_torch: Texts per CPU-second with int8, as a multiple of torch; median over the rounds.
    embed_onnx_vs_torch: The same with float32.
    embed_torch_per_cpu_second: Texts per CPU-second, the tokenizer included; median over the rounds.
    embed_onnx_per_cpu_second: The same on ONNX Runtime in float32.
    embed_int8_per_cpu_second: The same in int8.
    embed_int8_cosine: Mean cosine between a text's vectors of int8 and of torch.
    embed_int8_cosine_least: The least of them.
    embed_onnx_cosine_least: The least between float32 and torch.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import numpy as np

from ...memory import Embedder, MiniLM, OnnxMiniLM

BATCH, ROUNDS = 32, 5


def compare_embedders(
    texts: Sequence[str], *, batch: int = BATCH, rounds: int = ROUNDS
) -> dict[str, float | None]:
    """The figures, for texts that fit the window.

    Args:
        texts: At least one. Those that come together in a batch are as they stand.
        batch: Texts in one call.
        rounds: How often each form embeds all of them.
    """
    forms: dict[str, Embedder] = {"torch": MiniLM(), "onnx": OnnxMiniLM("onnx"), "int8": OnnxMiniLM("int8")}
    vectors = {name: form.embed(texts) for name, form in forms.items()}  # loads, and makes what is not made
    rates: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(rounds):
        for name, form in forms.items():
            start = time.process_time()
            for first in range(0, len(texts), batch):
                form.embed(texts[first : first + batch])
            rates[name].append(len(texts) / (time.process_time() - start))
    cosine = {name: np.sum(vectors[name] * vectors["torch"], axis=1) for name in ("onnx", "int8")}
    return {
        "embed_int8_vs_torch": _median_ratio(rates["int8"], rates["torch"]),
        "embed_onnx_vs_torch": _median_ratio(rates["onnx"], rates["torch"]),
        **{f"embed_{name}_per_cpu_second": round(statistics.median(each), 1) for name, each in rates.items()},
        "embed_int8_cosine": round(float(cosine["int8"].mean()), 4),
        "embed_int8_cosine_least": round(float(cosine["int8"].min()), 4),
        "embed_onnx_cosine_least": round(float(cosine["onnx"].min()), 6),
    }


def _median_ratio(left: list[float], right: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(left, right, strict=True)), 2)

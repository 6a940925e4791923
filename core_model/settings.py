"""How an engine is set up, and what it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

import torch

from .batch import PAGE
from .kv_cache import PagePool

if TYPE_CHECKING:
    from .config import ModelConfig

Weights = Literal["float32", "bfloat16", "int8", "fp8"]
Backend = Literal["auto", "native", "gpu", "reference"]


@dataclass
class Usage:
    """Counters since the engine was made; `forward_seconds` is time in forward passes and sampling."""

    prompt_tokens: int = 0
    reused_tokens: int = 0
    computed_tokens: int = 0
    output_tokens: int = 0
    forced_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    forward_passes: int = 0
    preemptions: int = 0
    forward_seconds: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Output tokens per second of engine time, prompts included; 0 before any."""
        return self.output_tokens / self.forward_seconds if self.forward_seconds else 0.0


class EngineSettings(TypedDict, total=False):
    """Settings of an `Engine`, which `load_model` passes on.

    Attributes:
        weights: What the weights are kept as: "float32", "bfloat16", "int8" (on a GPU also "fp8"); None
            keeps the model's dtype.
        backend: "auto", "native", "gpu" or "reference"; the engine's own `backend` says which it became.
        max_batch: Requests that run at once; further ones wait in order of arrival. Default 32.
        step_tokens: Prompt tokens computed in one step at most. Default 512.
        kv_bytes: Memory for keys and values; None takes what `max_batch` requests of 2,048 tokens or one of
            the whole context need, whichever is more, and at most a quarter of the free memory.
        prefix_cache: Keep the pages of what was computed, for prompts that begin alike. Default true.
        fast_forward: Take tokens that a grammar forces without asking the model. Default true.
        speculate: Guess tokens from what the text repeats and check several in one pass, where a pass is
            bound by reading the weights; the output is the same without. Default true.
        threads: CPU threads of the native backend; None takes torch's number.
        deterministic: On a GPU, results do not depend on the batch to the last bit, at the price of speed; on
            the native backend they never do. Default false.
    """

    weights: Weights | None
    backend: Backend
    max_batch: int
    step_tokens: int
    kv_bytes: int | None
    prefix_cache: bool
    fast_forward: bool
    speculate: bool
    threads: int | None
    deterministic: bool


_COUNTS = ("max_batch", "step_tokens", "kv_bytes", "threads")


def check_settings(settings: EngineSettings) -> None:
    """Raise ValueError for a setting that does not exist, or a number below 1."""
    known = EngineSettings.__annotations__
    for name, value in settings.items():
        if name not in known:
            raise ValueError(f"There is no setting {name!r} of an engine; choose among {', '.join(known)}.")
        if name in _COUNTS and value is not None and not (isinstance(value, int) and value >= 1):
            raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1.")


def page_count(
    config: ModelConfig, dtype: torch.dtype, kv_bytes: int | None, max_batch: int, device: str
) -> int:
    """How many pages to reserve; at least one request's worth of two."""
    page = PagePool.page_bytes(config, dtype)
    if kv_bytes is None:
        tokens = max(config.context_length, max_batch * min(2048, config.context_length))
        kv_bytes = min(-(-tokens // PAGE) * page, _free_memory(device) // 4)
    return max(2, kv_bytes // page)


def _free_memory(device: str) -> int:
    """Bytes that can be had on a device; on a CPU what the kernel calls available."""
    if device.startswith("cuda"):
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:  # no Linux
        pass
    return 8 << 30

"""Keys and values of tokens already computed, one contiguous slab per sequence.

Each sequence owns its slab, so a sequence's attention never depends on what shares its batch, and a fork is
one copy of the used part (a few megabytes for a small model). No pages, no hashes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .config import ModelConfig
from .transformer import causal_attention


class KVCache:
    """Keys and values of the first `length` tokens of one sequence; grows by doubling."""

    def __init__(
        self, config: ModelConfig, capacity: int = 64, dtype: torch.dtype = torch.float32, device: str = "cpu"
    ) -> None:
        self.config = config
        self.length = 0
        shape = (2, config.num_layers, config.num_kv_heads, max(1, capacity), config.head_dim)
        self.slab = torch.empty(shape, dtype=dtype, device=device)

    @property
    def nbytes(self) -> int:
        """Bytes that the slab occupies."""
        return self.slab.nbytes

    def reserve(self, total: int) -> None:
        """Make room for `total` tokens, keeping what is there."""
        capacity = self.slab.shape[3]
        if total <= capacity:
            return
        grown = min(max(total, 2 * capacity), max(total, self.config.context_length))
        slab = self.slab.new_empty((*self.slab.shape[:3], grown, self.slab.shape[4]))
        slab[:, :, :, : self.length] = self.slab[:, :, :, : self.length]
        self.slab = slab

    def write(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Put k, v (N, kv_heads, head_dim) behind the first `length` tokens of `layer`.

        `length` itself moves only with `advance`, once every layer is written.

        Returns:
            Views of keys and values up to and with these, each (kv_heads, length + N, head_dim).
        """
        end = self.length + k.shape[0]
        keys, values = self.slab[0, layer], self.slab[1, layer]
        keys[:, self.length : end] = k.transpose(0, 1)
        values[:, self.length : end] = v.transpose(0, 1)
        return keys[:, :end], values[:, :end]

    def advance(self, count: int) -> None:
        """Count the last `count` written tokens as computed."""
        self.length += count

    def truncate(self, length: int) -> None:
        """Forget all tokens from `length` on."""
        self.length = min(self.length, length)

    def fork(self, length: int | None = None, room: int = 64) -> KVCache:
        """A copy of the first `length` tokens (default all) with room for `room` more."""
        length = self.length if length is None else min(length, self.length)
        copy = KVCache(self.config, length + room, self.slab.dtype, str(self.slab.device))
        copy.slab[:, :, :, :length] = self.slab[:, :, :, :length]
        copy.length = length
        return copy


@dataclass(frozen=True)
class Entry:
    """One sequence's part of a flat batch.

    Attributes:
        cache: Where its keys and values are, with room for the new tokens.
        tokens: New tokens, at least one.
        positions: Position of each.
        wanted: How many of the last tokens need an output, 0 to len(tokens).
        hidden: None for causal; else bool (new, old + new), True where a key must not be seen.
    """

    cache: KVCache
    tokens: list[int]
    positions: list[int]
    wanted: int
    hidden: Tensor | None = None


class CacheAttention:
    """Attention of several sequences' new tokens, each over its own cache (an `Attend`)."""

    def __init__(self, entries: list[Entry], last_layer: int) -> None:
        self.entries, self.last_layer = entries, last_layer
        self.counts = [len(entry.tokens) for entry in entries]
        self.wanted = [entry.wanted for entry in entries]

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        asked = self.wanted if layer == self.last_layer else self.counts
        if len(self.entries) == 1:
            parts = [(self.entries[0], q, k, v)]
        else:
            split = torch.split(q, asked), torch.split(k, self.counts), torch.split(v, self.counts)
            parts = list(zip(self.entries, *split, strict=True))
        outputs: list[Tensor] = []
        for entry, qi, ki, vi in parts:
            keys, values = entry.cache.write(layer, ki, vi)
            if len(qi) == 1 and entry.hidden is None:
                outputs.append(attend_last(qi, keys, values))
            elif len(qi):
                hidden = None if entry.hidden is None else entry.hidden[-len(qi) :]
                outputs.append(
                    causal_attention(qi, keys.transpose(0, 1), values.transpose(0, 1), hidden=hidden)
                )
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs) if outputs else q


def attend_last(q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention of one query that sees every key: two plain batched products per layer.

    Args:
        q: (1, heads, head_dim).
        keys, values: (kv_heads, length, head_dim).

    Returns:
        (1, heads, head_dim).
    """
    kv_heads, _, head_dim = keys.shape
    grouped = q.reshape(kv_heads, -1, head_dim)  # (kv_heads, group, head_dim)
    scores = torch.baddbmm(q.new_empty(1), grouped, keys.transpose(1, 2), beta=0, alpha=head_dim**-0.5)
    weights = scores.softmax(dim=-1)  # (kv_heads, group, length)
    return torch.bmm(weights, values).view(1, -1, head_dim)

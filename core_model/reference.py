"""The decoder over paged keys and values in plain torch: any architecture, any device, no kernel of our own.

It gathers each sequence's pages before it attends. This is the slow obvious way that the fast ones are tested
against, and what runs where no faster one is to be had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .batch import PAGE, Batch
from .errors import NumericalError
from .lora import Adapter, AdapterHooks

if TYPE_CHECKING:
    from .transformer import Transformer


class ReferenceDecoder:
    """`forward` of a decoder `Transformer` over a `Batch`."""

    def __init__(self, model: Transformer) -> None:
        """Use a loaded model, on its device and in its dtype."""
        self.model = model
        self.device = model.model.embed_tokens.weight.device
        self._adapters = AdapterHooks(model)

    def add_adapter(self, adapter: Adapter) -> None:
        """Make an adapter usable; its number in `Batch.adapters` counts from 0 in order of adding."""
        self._adapters.add(adapter)

    def forward(self, batch: Batch, keys: Tensor, values: Tensor) -> Tensor:
        """Write the keys and values of the batch's tokens into their pages, and score what follows.

        Args:
            batch: N tokens of R sequences.
            keys: (layers, pages, kv_heads, head_dim, PAGE).
            values: (layers, pages, kv_heads, PAGE, head_dim).

        Returns:
            Logits (M, vocab) float32 of the wanted rows, on the CPU.

        Raises:
            NumericalError: something is not finite; `layer` is the first that is broken, None for the head.
        """
        hidden = self.hidden(batch, keys, values)
        if not len(hidden):
            return torch.empty(0, self.model.config.vocab_size)
        logits = self.model.logits(hidden).float().cpu()
        if not bool(torch.isfinite(logits.sum())):
            raise NumericalError(self._first_broken_layer(batch, keys, values))
        return logits

    def _first_broken_layer(self, batch: Batch, keys: Tensor, values: Tensor) -> int | None:
        """Compute the step again, and see which layer's output is the first that is not finite."""
        broken: list[int] = []

        def look(number: int) -> Callable[[nn.Module, object, Tensor], None]:
            def hook(_: nn.Module, __: object, out: Tensor) -> None:
                if not bool(torch.isfinite(out).all()):
                    broken.append(number)

            return hook

        layers = self.model.model.layers
        hooks = [layer.register_forward_hook(look(number)) for number, layer in enumerate(layers)]
        try:
            self.hidden(batch, keys, values)
        finally:
            for hook in hooks:
                hook.remove()
        return min(broken, default=None)

    def hidden(self, batch: Batch, keys: Tensor, values: Tensor) -> Tensor:
        """Final normed hidden states (M, hidden_size) of the wanted rows; arguments as in `forward`."""
        place = self.device
        self._adapters.use(batch)
        attend = PagedAttention(self.model, batch, keys, values)
        every = len(batch.wanted) == len(batch.tokens)
        keep = None if every else _indices(batch.wanted, place)
        tokens = _indices(batch.tokens, place)
        positions = _indices(batch.positions, place)
        return self.model.hidden(tokens, positions, attend, keep)


class PagedAttention:
    """Attention of a batch's tokens over their sequences' pages (an `Attend`)."""

    def __init__(self, model: Transformer, batch: Batch, keys: Tensor, values: Tensor) -> None:
        self.keys, self.values = keys, values
        self.config = model.config
        place = keys.device
        self.pages = _indices(batch.tables[batch.rows, batch.positions // PAGE], place)  # (N,)
        self.slots = _indices(batch.positions % PAGE, place)  # (N,)
        self.parts: list[tuple[Tensor, Tensor, Tensor, int]] = []
        wanted = np.zeros(len(batch.tokens), np.bool_)
        wanted[batch.wanted] = True
        edges: list[int] = (np.flatnonzero(np.diff(batch.rows)) + 1).tolist()
        for start, end in zip([0, *edges], [*edges, len(batch.rows)], strict=True):
            positions = batch.positions[start:end]
            length = int(positions[-1]) + 1
            table = batch.tables[batch.rows[start], : -(-length // PAGE)]
            inside = np.flatnonzero(wanted[start:end])
            part = _indices(table, place), _indices(positions, place), _indices(inside, place), length
            self.parts.append(part)

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        self.keys[layer, self.pages, :, :, self.slots] = k.to(self.keys.dtype)
        self.values[layer, self.pages, :, self.slots] = v.to(self.values.dtype)
        every = len(q) == len(k)
        sizes = [len(positions) if every else len(inside) for _, positions, inside, _ in self.parts]
        outputs: list[Tensor] = []
        for part, mine in zip(self.parts, torch.split(q, sizes), strict=True):
            if len(mine):
                outputs.append(self._one(layer, mine, part, every))
        return torch.cat(outputs) if outputs else q

    def _one(self, layer: int, q: Tensor, part: tuple[Tensor, Tensor, Tensor, int], every: bool) -> Tensor:
        table, positions, inside, length = part
        queries, heads, size = q.shape
        keys = self.keys[layer, table]  # (pages, kv_heads, head_dim, PAGE)
        kv_heads = keys.shape[1]
        keys = keys.permute(1, 2, 0, 3).reshape(kv_heads, size, -1)[:, :, :length].to(q.dtype)
        values = self.values[layer, table]  # (pages, kv_heads, PAGE, head_dim)
        values = values.permute(1, 0, 2, 3).reshape(kv_heads, -1, size)[:, :length].to(q.dtype)
        grouped = q.view(queries, kv_heads, heads // kv_heads, size).permute(1, 2, 0, 3)
        grouped = grouped.reshape(kv_heads, -1, size)  # (kv_heads, group * queries, head_dim)
        scores = torch.bmm(grouped, keys) * size**-0.5
        at = (positions if every else positions[inside])[:, None]  # (queries, 1)
        places = torch.arange(length, device=q.device)[None]
        hidden = places > at
        window = self.config.window(layer)
        if window is not None:
            hidden |= places <= at - window
        scores = scores.view(kv_heads, -1, queries, length).masked_fill(hidden, float("-inf"))
        weights = scores.softmax(dim=-1).view(kv_heads, -1, length)
        mixed = torch.bmm(weights, values)  # (kv_heads, group * queries, head_dim)
        return mixed.view(kv_heads, -1, queries, size).permute(2, 0, 1, 3).reshape(queries, heads, size)


def _indices(numbers: NDArray[Any], device: torch.device) -> Tensor:
    return torch.tensor(numbers, dtype=torch.int64, device=device)

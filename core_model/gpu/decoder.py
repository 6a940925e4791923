"""The runner: one CUDA graph per size of batch and of context, everything else kernel by kernel.

A graph replays a whole decode step with one launch. It was recorded with fixed addresses, so every step's
metadata is copied into the same device tensors, and a batch is padded to the next recorded size; padding has
position -1, attends to nothing and writes into no page, so it needs no page of its own. Raw
`torch.cuda.CUDAGraph` rather than torch.compile's "reduce-overhead", which leaves graphs out silently where
the cache is an input that the step changes (pytorch#132714).

What has run where: the kernels and the whole step run in the tests under Triton's interpreter on a CPU, with
float32 activations, since the interpreter cannot multiply bfloat16 matrices; and the bfloat16, int8 and fp8
kernels are compiled for compute capability 9.0. `CudaDecoder` itself (recording, replay, upload from pinned
memory) runs only in tests on a machine with a GPU. Block sizes are reasoned, not tuned by measurement.
"""

from __future__ import annotations

from importlib.util import find_spec
from itertools import chain, count
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..batch import PAGE, Batch
from ..errors import GpuUnavailable, NotSupported

if TYPE_CHECKING:
    from ..lora import Adapter
    from ..transformer import Transformer
    from .step import EagerDecoder, Inputs
    from .weights import Kind

Pool = tuple[Tensor, Tensor]
"""Keys and values."""

Memory = Any
"""torch's handle of the memory that graphs share; its type is private."""

_FIRST_CONTEXT = 64  # pages of the smallest recorded context
_NEXT_CONTEXT = 4  # factor from one recorded context to the next


def require_gpu(weights: str = "bfloat16") -> torch.device:
    """The current CUDA device.

    Raises:
        GpuUnavailable: torch sees none, it is too old for `weights`, or Triton is not installed.
    """
    if not torch.cuda.is_available():
        why = "torch sees no CUDA device" if torch.version.cuda else "this torch was built without CUDA"
        raise GpuUnavailable(why, "Use device='cpu', or install a CUDA build of torch on a machine with one.")
    found, needed = torch.cuda.get_device_capability(), (8, 9) if weights == "fp8" else (8, 0)
    if found < needed:
        why = (
            f"its compute capability is {found[0]}.{found[1]}, {weights} weights need {needed[0]}.{needed[1]}"
        )
        raise GpuUnavailable(why, "Choose weights='bfloat16' or 'int8', or another GPU.")
    if find_spec("triton") is None:
        raise GpuUnavailable("the package triton is not installed", "Install it: pip install triton.")
    return torch.device("cuda", torch.cuda.current_device())


def buckets(most: int) -> tuple[int, ...]:
    """Batch sizes that get a graph, ascending: 1, 2, 4, 8, then multiples of 8, up to the first >= `most`."""
    sizes = list[int]()
    for size in chain((1, 2, 4), count(8, 8)):
        sizes.append(size)
        if size >= most:
            break
    return tuple(sizes)


def contexts(most: int) -> tuple[int, ...]:
    """Pages per sequence that get a graph, ascending, up to `most`."""
    sizes = list[int]()
    size = _FIRST_CONTEXT
    while size < most:
        sizes.append(size)
        size *= _NEXT_CONTEXT
    return (*sizes, most)


class Slots:
    """Fixed places on the device for the metadata of a step of up to `size` tokens and sequences.

    One pinned buffer, one copy.
    """

    def __init__(self, size: int, pages: int, device: torch.device) -> None:
        """Reserve them for tables of `pages` pages."""
        from .step import Inputs

        total = 4 * size + size * pages
        pinned = device.type == "cuda"
        self.staging = torch.zeros(total, dtype=torch.int32, pin_memory=pinned)
        self.placed = torch.zeros(total, dtype=torch.int32, device=device)
        parts = torch.split(self.placed, [size] * 4 + [size * pages])
        self.inputs: Inputs = Inputs(parts[0], parts[1], parts[2], parts[4].view(size, pages), parts[3])
        whole: NDArray[np.int32] = self.staging.numpy()
        self._tokens, self._positions, self._rows, self._wanted = whole[: 4 * size].reshape(4, size)
        self._tables = whole[4 * size :].reshape(size, pages)
        self._positions[:] = -1
        self.placed.copy_(self.staging)
        self._copied = torch.cuda.Event() if pinned else None

    def load(self, batch: Batch) -> None:
        """Put a batch into the places; what is left over becomes padding."""
        if self._copied is not None:
            self._copied.synchronize()  # the buffer may still be on its way from the step before
        tokens, wanted = len(batch.tokens), len(batch.wanted)
        used = int(batch.positions.max()) // PAGE + 1
        for to, what in ((self._tokens, batch.tokens), (self._rows, batch.rows)):
            to[:tokens], to[tokens:] = what, 0
        self._positions[:tokens], self._positions[tokens:] = batch.positions, -1
        self._wanted[:wanted], self._wanted[wanted:] = batch.wanted, 0
        self._tables[: len(batch.tables), :used] = batch.tables[:, :used]
        self.placed.copy_(self.staging, non_blocking=True)
        if self._copied is not None:
            self._copied.record()


class _Graph:
    """A recorded step; its logits go to the first rows of `scores`, as those of the other graphs do."""

    def __init__(
        self, decoder: EagerDecoder, slots: Slots, pool: Pool, scores: Tensor, memory: Memory
    ) -> None:
        from .step import splits_of

        self.slots = slots
        size, pages = slots.inputs.tables.shape
        self._scores = scores[:size]

        def step() -> None:
            self._scores.copy_(decoder.step(slots.inputs, *pool, splits_of(pages * PAGE)))

        side, main = torch.cuda.Stream(), torch.cuda.current_stream()
        side.wait_stream(main)
        with torch.cuda.stream(side):  # compiles the kernels; all slots are padding, so no page is written
            step()
        main.wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, pool=memory):
            step()

    def run(self, batch: Batch) -> Tensor:
        """Logits (M, vocab) of a batch, in memory of their own."""
        self.slots.load(batch)
        self._graph.replay()
        return self._scores[: len(batch.wanted)].clone()


class CudaDecoder:
    """The decoder on a CUDA device, with the same face as the CPU's.

    Products: up to 15 rows by our kernels (quantised: 64), above by cuBLAS. Attention: by pages for decode
    steps and short extends, gathered for long pieces.

    `deterministic` promises: the logits of a token have the same bits whatever else is in its batch, however
    its prompt was cut into chunks, wherever its pages lie, and at every repeat, on one machine and version of
    this package, torch and Triton. Every product then goes through one kernel with the same tiles for every
    number of rows, summed over k in one order; attention splits the context at fixed positions, token by
    token, also in prefills; no atomic additions. It costs prefill speed most. Without it the same holds for
    repeats of the very same batches only as far as cuBLAS and torch's attention hold it, and results depend
    on the size of the batch by rounding.
    """

    def __init__(
        self,
        model: Transformer,
        *,
        weights: Kind = "bfloat16",
        max_batch: int,
        max_pages: int,
        deterministic: bool = False,
        release: bool = False,
    ) -> None:
        """Pack the model's weights on the current CUDA device.

        Args:
            weights: "float32" and "bfloat16" compute in that dtype; "int8" and "fp8" store matrices in 8 bits
                and compute in bfloat16.
            max_batch: Largest number of tokens in a step that graphs are recorded for; larger ones run
                without.
            max_pages: Pages of the longest sequence.
            deterministic: See above.
            release: Free the model's own weights as they are packed; the model is of no other use then.

        Raises:
            GpuUnavailable: there is no CUDA device, it is too old, or Triton is missing.
            NotSupported: the architecture is none of those that the kernels cover.
            ValueError: `max_batch` or `max_pages` is below 1.
        """
        if max_batch < 1 or max_pages < 1:
            raise ValueError(f"max_batch {max_batch} and max_pages {max_pages} must both be at least 1.")
        device = require_gpu(weights)
        from .step import EagerDecoder

        self.eager = EagerDecoder(
            model, weights=weights, device=device, deterministic=deterministic, release=release
        )
        self.device, self.dtype = device, self.eager.dtype
        self.weight_bytes = self.eager.weights.step_bytes
        self._sizes, self._contexts = buckets(max_batch), contexts(max_pages)
        self._graphs: dict[tuple[int, ...], _Graph] = {}
        self._memory: Memory = torch.cuda.graph_pool_handle()
        self._scores = torch.zeros(self._sizes[-1], model.config.vocab_size, device=device)

    def forward(self, batch: Batch, keys: Tensor, values: Tensor) -> Tensor:
        """Write the keys and values of the batch's tokens into their pages, and score what follows.

        Args:
            batch: N tokens of R sequences.
            keys: (layers, pages, kv_heads, head_dim, PAGE) on the device, contiguous, in `dtype`.
            values: (layers, pages, kv_heads, PAGE, head_dim), likewise.

        Returns:
            Logits (M, vocab) float32 of the wanted rows, on the device.

        Raises:
            NumericalError: a score is not a finite number; names the layer, for which the batch is computed
                once more without a graph.
            ValueError: a sequence is longer than `max_pages`.
        """
        from .step import finite

        most = max(len(batch.tokens), len(batch.tables))
        if not len(batch.tokens) or most > self._sizes[-1]:
            return self.eager.forward(batch, keys, values)
        needed = int(batch.positions.max()) // PAGE + 1
        if needed > self._contexts[-1]:
            raise ValueError(
                f"A sequence has {needed} pages; this decoder was made for {self._contexts[-1]}. "
                "Make it with a larger max_pages."
            )
        size = next(size for size in self._sizes if size >= most)
        pages = next(pages for pages in self._contexts if pages >= needed)
        scores = self._graph(size, pages, keys, values).run(batch)
        if not finite(scores):
            raise self.eager.blame(batch, keys, values)
        return scores

    def hidden(self, batch: Batch, keys: Tensor, values: Tensor) -> Tensor:
        """Like `forward`, but the final normed hidden states (M, hidden_size); without graphs."""
        return self.eager.hidden(batch, keys, values)

    def add_adapter(self, adapter: Adapter) -> None:
        """Refused: the kernels know no adapters.

        Raises:
            NotSupported: always.
        """
        remedy = "Choose backend='reference', or merge it."
        raise NotSupported("on the gpu backend", f"use the adapter {adapter.name!r}", remedy)

    def prepare(self, keys: Tensor, values: Tensor) -> None:
        """Record every graph now, the largest first, rather than each at its first use."""
        for pages in reversed(self._contexts):
            for size in reversed(self._sizes):
                self._graph(size, pages, keys, values)

    def _graph(self, size: int, pages: int, keys: Tensor, values: Tensor) -> _Graph:
        place = (size, pages, keys.data_ptr(), values.data_ptr(), keys.shape[1])
        if place not in self._graphs:
            slots = Slots(size, pages, self.device)
            self._graphs[place] = _Graph(self.eager, slots, (keys, values), self._scores, self._memory)
        return self._graphs[place]

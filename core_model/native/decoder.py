"""The C++ decoder's face: one call takes a flat batch from token ids to logits.

Covers what `supports` says: RMSNorm, rotary positions, SwiGLU, biases on q, k, v, norms on q and k, sliding
windows. A row's logits have the same bits alone, batched, in chunks of any size, with any number of threads
and after a fork; on another kind of processor they differ in the last digits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from itertools import product as pairs_of
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..batch import PAGE, Batch
from ..config import ModelConfig
from ..errors import NumericalError
from ..lora import MODULES, Adapter
from ..transformer import Transformer, rotary_frequencies
from . import abi
from .build import load_library
from .packing import KINDS, LowRankHalf, PackedMatrix, as_lanes, pack

_DEEPEST = 65_000  # products of int8 rows longer than this could overflow 32 bits
_FINE = -1
_REFUSED = {
    -2: "a token id is outside the vocabulary",
    -3: "positions and rows are not contiguous ascending runs inside the tables",
    -4: "a table names a page that is not in the pool",
    -5: "`wanted` is not ascending indices into the batch",
    -6: "a token names an adapter that was not added",
}


class NativeDecoder:
    """A model's weights, packed, and the compiled decoder that runs them.

    Calls release the interpreter's lock while they compute. One instance may be called from several threads
    at once, with caches whose written pages differ.

    Attributes:
        weight_bytes: Bytes of packed weights and embedding table.
        threads: Threads that a call may use; little work is done by one.
    """

    def __init__(
        self,
        model: Transformer,
        *,
        weights: str = "float32",
        threads: int | None = None,
        release: bool = False,
        build_flags: Sequence[str] = (),
    ) -> None:
        """Compile the decoder where that was not done yet (seconds) and pack the weights.

        Args:
            model: A model whose `config` is supported.
            weights: float32, bfloat16 (half the memory; activations are rounded to it too where the processor
                multiplies it) or int8 (a quarter; activations are rounded to 8 bits too).
            threads: At most this many; None takes torch's number.
            release: See `pack`.
            build_flags: See `load_library`.

        Raises:
            NativeUnavailable: No compiler, or it failed.
            ValueError: The model is not supported, or `weights` is none of these.
        """
        if not self.supports(model.config):
            raise ValueError(f"{model.config!r} is not supported; ask supports() first.")
        self.config = model.config
        self.threads = torch.get_num_threads() if threads is None else threads
        self._decode = load_library(*build_flags).punchlist_decode
        self._packed = pack(model, weights, release=release)
        self.weight_bytes = self._packed.nbytes
        self._frequencies = rotary_frequencies(model.config).contiguous()
        self._layers = (abi.Layer * len(self._packed.layers))(
            *(
                abi.describe_layer(layer, model.config.window(number))
                for number, layer in enumerate(self._packed.layers)
            )
        )
        self._adapters: list[dict[tuple[int, str], tuple[LowRankHalf, LowRankHalf]]] = []
        self._model = self._describe_model()

    @staticmethod
    def supports(config: ModelConfig) -> bool:
        """Whether this decoder covers the architecture."""
        widest = max(config.hidden_size, config.intermediate_size, config.num_heads * config.head_dim)
        return config.llama_type and config.head_dim % 2 == 0 and widest <= _DEEPEST

    def add_adapter(self, adapter: Adapter) -> None:
        """Make an adapter usable; its number in `Batch.adapters` counts from 0 in order of adding.

        Not while a batch is being run.
        """
        self._adapters.append({place: (as_lanes(a), as_lanes(b)) for place, (a, b) in adapter.pairs.items()})
        places = list(pairs_of(range(self.config.num_layers), MODULES))
        table = [
            abi.describe_low_rank(*pairs[place]) if place in pairs else abi.LowRank()
            for pairs in self._adapters
            for place in places
        ]
        self._low_ranks = (abi.LowRank * len(table))(*table)
        self._model.adapters, self._model.adapter_count = self._low_ranks, len(self._adapters)

    def forward(self, batch: Batch, keys: Tensor, values: Tensor, out: Tensor | None = None) -> Tensor:
        """Write the batch's keys and values into the pool and return the wanted logits.

        Args:
            batch: See `Batch`.
            keys: (layers, pages, kv_heads, head_dim, 16), float32 or bfloat16, contiguous, on the CPU.
            values: (layers, pages, kv_heads, 16, head_dim), like `keys`.
            out: (M, vocab_size) float32, contiguous, to be filled; None makes one.

        Returns:
            (M, vocab_size) float32.

        Raises:
            NumericalError: A value was not finite; what was written to the pool is of no use.
            ValueError: An argument is out of range; nothing was written.
        """
        out = self._room(out, len(batch.wanted), self.config.vocab_size)
        self._run(batch, keys, values, logits=out)
        return out

    def hidden(self, batch: Batch, keys: Tensor, values: Tensor) -> Tensor:
        """Like `forward`, but the final normed hidden states, (M, hidden_size) float32."""
        out = self._room(None, len(batch.wanted), self.config.hidden_size)
        self._run(batch, keys, values, states=out)
        return out

    def _run(
        self,
        batch: Batch,
        keys: Tensor,
        values: Tensor,
        logits: Tensor | None = None,
        states: Tensor | None = None,
    ) -> None:
        self._check_pool(keys, values)
        arrays = [
            _as_int32(each)
            for each in (batch.tokens, batch.positions, batch.rows, batch.tables, batch.wanted)
        ]
        tokens, positions, rows, tables, wanted = arrays
        adapters = None if batch.adapters is None else _as_int32(batch.adapters)
        if adapters is not None and len(adapters) != len(tokens):
            raise ValueError(f"adapters has length {len(adapters)}; tokens has {len(tokens)}.")
        if not len(tokens) == len(positions) == len(rows) or tables.ndim != 2:
            raise ValueError("tokens, positions and rows must have one length, and tables two dimensions.")
        step = abi.Step(
            len(tokens),
            *tables.shape,
            len(wanted),
            keys.shape[1],
            *(array.ctypes.data for array in arrays),
            keys.data_ptr(),
            values.data_ptr(),
            keys.dtype == torch.bfloat16,
            self.threads,
            None if logits is None else logits.data_ptr(),
            None if states is None else states.data_ptr(),
            None if adapters is None else adapters.ctypes.data,
        )
        outcome = self._decode(ctypes.byref(self._model), ctypes.byref(step))
        if outcome in _REFUSED:
            raise ValueError(f"The batch cannot be run: {_REFUSED[outcome]}.")
        if outcome >= 0:
            raise NumericalError(outcome if outcome < self.config.num_layers else None)
        if outcome != _FINE:
            raise MemoryError("There is no memory left for a step of the decoder. Use smaller batches.")

    def _check_pool(self, keys: Tensor, values: Tensor) -> None:
        c = self.config
        lead = (c.num_layers, keys.shape[1], c.num_kv_heads)
        if keys.shape != (*lead, c.head_dim, PAGE) or values.shape != (*lead, PAGE, c.head_dim):
            raise ValueError(
                f"The pool has shapes {tuple(keys.shape)} and {tuple(values.shape)}; expected "
                f"{(*lead, c.head_dim, PAGE)} and {(*lead, PAGE, c.head_dim)}."
            )
        if keys.dtype != values.dtype or keys.dtype not in (torch.float32, torch.bfloat16):
            raise ValueError(f"The pool has {keys.dtype} and {values.dtype}; use float32 or bfloat16.")
        if not keys.is_contiguous() or not values.is_contiguous() or keys.is_cuda or values.is_cuda:
            raise ValueError("The pool must be contiguous and on the CPU.")

    def _room(self, out: Tensor | None, rows: int, columns: int) -> Tensor:
        if out is None:
            return torch.empty(rows, columns)
        if out.shape != (rows, columns) or out.dtype != torch.float32 or not out.is_contiguous():
            raise ValueError(f"`out` must be contiguous float32 of shape {(rows, columns)}.")
        return out

    def _describe_model(self) -> abi.Model:
        c, packed = self.config, self._packed
        return abi.Model(
            c.vocab_size,
            c.hidden_size,
            c.num_layers,
            c.num_heads,
            c.num_kv_heads,
            c.head_dim,
            c.intermediate_size,
            c.norm_eps,
            KINDS.index(packed.kind),
            packed.embedding.dtype == torch.bfloat16,
            packed.embedding.data_ptr(),
            self._frequencies.data_ptr(),
            packed.final_norm.data_ptr(),
            self._layers,
            abi.describe_matrix(packed.head),
        )


def product(matrix: PackedMatrix, x: Tensor, *, threads: int = 1, build_flags: Sequence[str] = ()) -> Tensor:
    """What the decoder makes of activations x (N, depth) float32 and packed weights: (N, width) float32.

    For tests and measurements; int8 weights have the activations rounded to int8 first.
    """
    out = torch.empty(len(x), matrix.width)
    padded = F.pad(x, (0, matrix.depth - x.shape[1])).contiguous()
    kind = 2 if matrix.scale is not None else int(matrix.data.dtype == torch.bfloat16)
    described, x_at, out_at = abi.describe_matrix(matrix), padded.data_ptr(), out.data_ptr()
    multiply = load_library(*build_flags).punchlist_multiply
    multiply.argtypes = (abi.INT, abi.POINTER, abi.POINTER, abi.LONG, abi.POINTER, abi.INT)
    multiply(kind, ctypes.addressof(described), x_at, len(x), out_at, threads)
    return out


def _as_int32(array: NDArray[Any]) -> NDArray[np.int32]:
    return np.ascontiguousarray(array, dtype=np.int32)

"""One step of the decoder through the kernels, without graphs: seven kernels per layer for a decode step.

    1. norm, q, k, v, bias      2. norms of heads, rotation, cache write     3. attention over splits
    4. merge of the splits      5. output projection, residual               6. norm, gate, up, SwiGLU
    7. down projection, residual

`CudaDecoder` records `EagerDecoder.step` into CUDA graphs. Where some sequence brings many tokens at once,
attention is `chunks.ChunkAttention` and the products are cuBLAS's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..batch import Batch
from ..errors import NotSupported, NumericalError
from ..transformer import rotary_frequencies
from .attention import SPLIT, paged_attention
from .chunks import LONG, ChunkAttention, pieces
from .placing import place
from .products import product
from .weights import Kind, Layer, pack

if TYPE_CHECKING:
    from ..transformer import Transformer

AttendLayer = Callable[[int, Tensor], Tensor]
"""From a layer's number and q, k, v (N, heads + 2 * kv_heads, head_dim) to (N, heads, head_dim)."""

WatchLayer = Callable[[int, Tensor], None]
"""Is told a layer's number and its output."""


@dataclass(frozen=True)
class Inputs:
    """A `Batch` on the device: all int32. A token with a negative position is padding."""

    tokens: Tensor  # (N,)
    positions: Tensor  # (N,)
    rows: Tensor  # (N,)
    tables: Tensor  # (R, pages)
    wanted: Tensor  # (M,)

    @classmethod
    def of(cls, batch: Batch, device: torch.device) -> Inputs:
        """Copy a batch to the device."""
        arrays = (batch.tokens, batch.positions, batch.rows, batch.tables, batch.wanted)
        return cls(*(torch.as_tensor(array, device=device) for array in arrays))


def splits_of(tokens: int) -> int:
    """Splits of attention that a context of so many tokens has, at least 1."""
    return max(1, -(-tokens // SPLIT))


class EagerDecoder:
    """`forward` of a Llama-type `Transformer` over a `Batch`, kernel by kernel.

    On "cpu" it needs TRITON_INTERPRET=1, and float32 for `dtype`: Triton's interpreter multiplies bfloat16
    matrices wrongly.
    """

    def __init__(
        self,
        model: Transformer,
        *,
        weights: Kind = "bfloat16",
        dtype: torch.dtype | None = None,
        device: str | torch.device = "cuda",
        deterministic: bool = False,
        release: bool = False,
    ) -> None:
        """Pack a model's weights for `device`.

        Args:
            weights: How matrices are stored.
            dtype: Of activations; None takes float32 for float32 weights and bfloat16 for all others.
            deterministic: See `CudaDecoder`.
            release: Free the model's own weights as they are packed, see `pack`.

        Raises:
            NotSupported: the architecture is none of those that this covers.
        """
        self.config = config = model.config
        if not config.llama_type:
            raise NotSupported(
                config.model_type, "run on the GPU kernels", "They cover Llama-type decoders; use the CPU."
            )
        self.device = torch.device(device)
        self.dtype = dtype or (torch.float32 if weights == "float32" else torch.bfloat16)
        self.deterministic = deterministic
        self.weights = pack(model, weights, self.dtype, self.device, release=release)
        self.frequencies = rotary_frequencies(config).to(self.device, torch.float32)  # (head_dim / 2,)

    def forward(self, batch: Batch, keys: Tensor, values: Tensor) -> Tensor:
        """Write the keys and values of the batch's tokens into their pages, and score what follows.

        Args:
            batch: N tokens of R sequences.
            keys: (layers, pages, kv_heads, head_dim, PAGE) on this device, contiguous.
            values: (layers, pages, kv_heads, PAGE, head_dim), likewise.

        Returns:
            Logits (M, vocab) float32 of the wanted rows, on this device.

        Raises:
            NumericalError: a score is not a finite number; names the layer.
            ValueError: the pages are on another device, or not contiguous.
        """
        scores = self._scores(self._states(batch, keys, values))
        if not finite(scores):
            raise self.blame(batch, keys, values)
        return scores

    def hidden(self, batch: Batch, keys: Tensor, values: Tensor) -> Tensor:
        """Like `forward`, but the final normed hidden states, (M, hidden_size) in the decoder's dtype."""
        states = self._states(batch, keys, values)
        states = F.rms_norm(states, states.shape[-1:], self.weights.final_norm, self.config.norm_eps)
        if not finite(states):
            raise self.blame(batch, keys, values)
        return states

    def blame(self, batch: Batch, keys: Tensor, values: Tensor) -> NumericalError:
        """The error that names the first layer whose output is not finite; computes the batch once more."""
        found: list[int] = []

        def watch(layer: int, x: Tensor) -> None:
            if not found and not finite(x):
                found.append(layer)

        self._states(batch, keys, values, watch)
        return NumericalError(found[0] if found else None)

    def _states(self, batch: Batch, keys: Tensor, values: Tensor, watch: WatchLayer | None = None) -> Tensor:
        """What the last layer gives for the wanted tokens, (M, hidden_size)."""
        for pages in (keys, values):
            if pages.device.type != self.device.type or not pages.is_contiguous():
                raise ValueError(
                    f"The pages are on {str(pages.device)!r} with strides {pages.stride()}; the kernels need "
                    f"them contiguous on {str(self.device)!r}."
                )
        if not len(batch.tokens):
            return torch.empty(0, self.config.hidden_size, dtype=self.dtype, device=self.device)
        inputs = Inputs.of(batch, self.device)
        splits = splits_of(int(batch.positions.max()) + 1)
        longest = max(piece.end - piece.start for piece in pieces(batch))
        if self.deterministic or longest < LONG:
            return self._run(inputs, keys, values, self._by_pages(inputs, keys, values, splits), watch)
        chunks = ChunkAttention(batch, inputs.tables, inputs.rows, inputs.positions, splits)
        heads, window = self.config.num_heads, self.config.window

        def attend(layer: int, qkv: Tensor) -> Tensor:
            return chunks(qkv, heads, keys[layer], values[layer], window(layer))

        return self._run(inputs, keys, values, attend, watch)

    def step(self, inputs: Inputs, keys: Tensor, values: Tensor, splits: int) -> Tensor:
        """A step in which every token attends by itself; nothing in it depends on the values of `inputs`.

        Args:
            splits: Splits of the longest context that may be met, see `splits_of`.

        Returns:
            Logits (M, vocab) float32.
        """
        return self._scores(self._run(inputs, keys, values, self._by_pages(inputs, keys, values, splits)))

    def _by_pages(self, inputs: Inputs, keys: Tensor, values: Tensor, splits: int) -> AttendLayer:
        def attend(layer: int, qkv: Tensor) -> Tensor:
            return paged_attention(
                qkv[:, : self.config.num_heads], keys[layer], values[layer],
                inputs.tables, inputs.rows, inputs.positions,
                splits=splits, window=self.config.window(layer),
            )  # fmt: skip

        return attend

    def _scores(self, states: Tensor) -> Tensor:
        """Logits (M, vocab) float32 of states that are not normed yet."""
        return product(
            states, self.weights.head, gain=self.weights.final_norm, eps=self.config.norm_eps,
            dtype=torch.float32, fixed=self.deterministic,
        )  # fmt: skip

    def _run(
        self,
        inputs: Inputs,
        keys: Tensor,
        values: Tensor,
        attend: AttendLayer,
        watch: WatchLayer | None = None,
    ) -> Tensor:
        weights, eps, fixed = self.weights, self.config.norm_eps, self.deterministic
        x = F.embedding(inputs.tokens, weights.embedding)  # (N, hidden)
        angle = inputs.positions.to(torch.float32)[:, None] * self.frequencies  # (N, head_dim / 2)
        turns = angle.cos(), angle.sin()
        for number, layer in enumerate(weights.layers):
            mixed = self._attention(number, layer, x, turns, inputs, keys[number], values[number], attend)
            if number == len(weights.layers) - 1:
                x, mixed = x.index_select(0, inputs.wanted), mixed.index_select(0, inputs.wanted)
            x = product(mixed, layer.out, residual=x, fixed=fixed)
            middle = product(x, layer.gate_up, gain=layer.mlp_norm, eps=eps, gated=True, fixed=fixed)
            x = product(middle, layer.down, residual=x, fixed=fixed)
            if watch is not None:
                watch(number, x)
        return x  # (M, hidden)

    def _attention(
        self,
        number: int,
        layer: Layer,
        x: Tensor,
        turns: tuple[Tensor, Tensor],
        inputs: Inputs,
        keys: Tensor,
        values: Tensor,
        attend: AttendLayer,
    ) -> Tensor:
        """What attention gives before the output projection, (N, heads * head_dim)."""
        config = self.config
        qkv = product(x, layer.qkv, gain=layer.input_norm, eps=config.norm_eps, fixed=self.deterministic)
        qkv = qkv.view(len(x), config.num_heads + 2 * config.num_kv_heads, config.head_dim)
        place(
            qkv, *turns, inputs.tables, inputs.rows, inputs.positions, keys, values,
            heads=config.num_heads, gains=layer.head_norms, eps=config.norm_eps,
        )  # fmt: skip
        return attend(number, qkv).view(len(x), -1)


def finite(numbers: Tensor) -> bool:
    """Whether all of them are finite, and so is their sum; waits for the device."""
    return bool(torch.isfinite(numbers.sum(dtype=torch.float32)))

"""Which code computes the decoder: the native one on a CPU, the Triton one on a GPU, else plain torch."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from .batch import PAGE, Batch
from .errors import NativeUnavailable, NotSupported
from .reference import ReferenceDecoder

if TYPE_CHECKING:
    from .lora import Adapter
    from .settings import EngineSettings
    from .transformer import Transformer

_log = logging.getLogger(__name__)


class Decoder(Protocol):
    """One forward pass over a `Batch`; see `ReferenceDecoder` for shapes and errors."""

    def forward(self, batch: Batch, keys: Tensor, values: Tensor) -> Tensor: ...

    def hidden(self, batch: Batch, keys: Tensor, values: Tensor) -> Tensor: ...

    def add_adapter(self, adapter: Adapter) -> None: ...


def choose_decoder(
    model: Transformer, settings: EngineSettings, *, release: bool = False
) -> tuple[Decoder, str, torch.dtype]:
    """The decoder to use, the backend's name, and the dtype of the key-value cache.

    Args:
        release: The module's own weights may be freed once they are packed.

    Raises:
        NotSupported: the backend that was named cannot run this model, or none can with these weights.
        NativeUnavailable: "native" was named, or is needed for these weights, and cannot be built here.
    """
    weights, backend = settings.get("weights"), settings.get("backend", "auto")
    weight = model.model.embed_tokens.weight
    dtype, device = weight.dtype, weight.device.type
    own = weights is None or weights == str(dtype).removeprefix("torch.")
    if device == "cuda" and backend in ("auto", "gpu") and model.config.llama_type:
        from .gpu.decoder import CudaDecoder

        kind = weights or ("float32" if dtype == torch.float32 else "bfloat16")
        pages = -(-model.config.context_length // PAGE)
        gpu = CudaDecoder(
            model,
            weights=kind,
            max_batch=settings.get("max_batch", 32),
            max_pages=pages,
            deterministic=settings.get("deterministic", False),
            release=release,
        )
        return gpu, "gpu", gpu.dtype
    if device == "cpu" and backend in ("auto", "native") and weights != "fp8":
        from .native import NativeDecoder

        kind = weights or ("float32" if dtype == torch.float32 else "bfloat16")
        if NativeDecoder.supports(model.config):
            try:
                threads = settings.get("threads")
                native = NativeDecoder(model, weights=kind, threads=threads, release=release)
            except NativeUnavailable as error:
                if backend == "native" or not own:
                    raise
                _log.warning("%s Going on with plain torch, which is several times slower.", error)
            else:
                return native, "native", torch.float32 if kind == "float32" else torch.bfloat16
    if backend not in ("auto", "reference") or not own:
        raise NotSupported(
            f"of type {model.config.model_type}",
            f"be run by the {backend} backend with {weights or dtype} weights on {device}",
            "Choose backend='auto', and weights in the model's own dtype.",
        )
    return ReferenceDecoder(model), "reference", dtype

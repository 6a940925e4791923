"""placeholder"""

from __future__ import annotations

from .embedder import Embedder, MiniLM
from .onnx_minilm import OnnxMiniLM


def embedder_of(spec: Embedder | str | None, stored: str | None) -> Embedder:
    if spec is None:
        return MiniLM() if stored and "+" not in stored else OnnxMiniLM("int8")
    if isinstance(spec, str):
        return OnnxMiniLM("int8") if spec == "minilm-int8" else MiniLM()
    return spec

"""The structures that `decoder.cpp` reads, field by field as they are declared there."""

from __future__ import annotations

import ctypes

from torch import Tensor

from .packing import LowRankHalf, PackedLayer, PackedMatrix

INT, LONG, POINTER = ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p


class Matrix(ctypes.Structure):
    _fields_ = (
        ("data", POINTER),
        ("scale", POINTER),
        ("bias", POINTER),
        ("depth", LONG),
        ("width", LONG),
    )


class Layer(ctypes.Structure):
    _fields_ = (
        *((name, Matrix) for name in ("qkv", "out", "gate_up", "down")),
        *((name, POINTER) for name in ("attention_norm", "mlp_norm", "q_norm", "k_norm")),
        ("window", LONG),
    )


class LowRank(ctypes.Structure):
    _fields_ = (
        ("down", POINTER),
        ("up", POINTER),
        ("rank", LONG),
        ("depth", LONG),
        ("width", LONG),
    )


class Model(ctypes.Structure):
    _fields_ = (
        *(
            (name, LONG)
            for name in ("vocab", "hidden", "layers", "heads", "kv_heads", "head_dim", "intermediate")
        ),
        ("eps", ctypes.c_float),
        ("kind", INT),
        ("embedding_bf16", INT),
        ("embedding", POINTER),
        ("frequencies", POINTER),
        ("final_norm", POINTER),
        ("layer", ctypes.POINTER(Layer)),
        ("head", Matrix),
        ("adapters", ctypes.POINTER(LowRank)),
        ("adapter_count", LONG),
    )


class Step(ctypes.Structure):
    _fields_ = (
        *((name, LONG) for name in ("count", "rows", "table_width", "wanted_count", "pages")),
        *((name, POINTER) for name in ("tokens", "positions", "row", "tables", "wanted")),
        ("keys", POINTER),
        ("values", POINTER),
        ("cache_bf16", INT),
        ("threads", INT),
        ("logits", POINTER),
        ("states", POINTER),
        ("adapters", POINTER),
    )


def describe_matrix(matrix: PackedMatrix) -> Matrix:
    return Matrix(
        matrix.data.data_ptr(), _address(matrix.scale), _address(matrix.bias), matrix.depth, matrix.width
    )


def describe_layer(layer: PackedLayer, window: int | None) -> Layer:
    return Layer(
        *(describe_matrix(each) for each in (layer.qkv, layer.out, layer.gate_up, layer.down)),
        *(_address(each) for each in (layer.attention_norm, layer.mlp_norm, layer.q_norm, layer.k_norm)),
        window or 0,
    )


def describe_low_rank(a: LowRankHalf, b: LowRankHalf) -> LowRank:
    """The pair A (rank, in) and B (out, rank) of an adapter."""
    return LowRank(a.data.data_ptr(), b.data.data_ptr(), a.width, len(a.data), b.width)


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()

"""Writes all-MiniLM-L6-v2 as an ONNX graph, from its weights: in float32, or with int8 matrices.

The graph is the whole embedder after the tokenizer: BERT (Devlin et al. 2019, arXiv:1810.04805) with six
layers, mean pooling over the mask, unit length. It is made for `ORT_ENABLE_BASIC`: further fusions of ONNX
Runtime are slower on a CPU than the operators that they replace.

int8: a scale for each output of a matrix and for each token that goes in, so that a vector does not depend
on what is embedded beside it. Matrices take 7 of the 8 bits: two products with an activation then fit the 16
bits in which processors without VNNI add them, and every x86 processor gives the same sums.

Needs the package onnx; torch is not needed. Some operators are ONNX Runtime's own (domain com.microsoft).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .installed import installed

Form = Literal["onnx", "int8"]
GRAPH_VERSION = 2
"""Part of the name of the file that is kept: raise it with every change of the graph. One that changes what
is computed needs a new form as well: stored vectors go by its name."""

LAYERS, HEADS, WIDTH, EPSILON = 6, 12, 384, 1e-12
_WEIGHT, _ACTIVATION = 63, 127  # the largest integers that stand for a weight and an activation
_LOWEST_GELU = 0.17  # no output of GELU is below -0.17
_OPSET, _IR_VERSION, _RUNTIME = 20, 10, "com.microsoft"

Weights = Mapping[str, NDArray[np.float32]]


def minilm_graph(weights: Weights, form: Form) -> bytes:
    """The model file.

    Inputs `ids` int64 and `mask` int32, (texts, tokens); output `vectors` float32, (texts, 384).
    """
    return _Writer(weights, form).write()


class _Writer:
    """Nodes and constants of one graph, in the order in which they are added."""

    def __init__(self, weights: Weights, form: Form) -> None:
        self._onnx = installed("onnx")
        self._weights, self._form = weights, form
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def write(self) -> bytes:
        hidden = self._embedded()  # (texts, tokens, width)
        for layer in range(LAYERS):
            hidden = self._layer(hidden, f"encoder.layer.{layer}.")
        mask = self._node("Unsqueeze", self._node("Cast", "mask", to=1), self._constant(np.array([1])))
        total = self._node("Squeeze", self._node("MatMul", mask, hidden), self._constant(np.array([1])))
        length = self._node("ReduceL2", total, self._constant(np.array([1])), keepdims=1)
        self._nodes.append(self._onnx.helper.make_node("Div", [total, length], ["vectors"]))
        return self._file()

    def _file(self) -> bytes:
        helper, types = self._onnx.helper, self._onnx.TensorProto
        graph = helper.make_graph(
            self._nodes,
            "all-MiniLM-L6-v2",
            [
                helper.make_tensor_value_info("ids", types.INT64, ["texts", "tokens"]),
                helper.make_tensor_value_info("mask", types.INT32, ["texts", "tokens"]),
            ],
            [helper.make_tensor_value_info("vectors", types.FLOAT, ["texts", WIDTH])],
            self._constants,
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_RUNTIME, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
        return model.SerializeToString(deterministic=True)

    def _embedded(self) -> str:
        words = self._word_rows("embeddings.word_embeddings.weight")
        rows = self._weights["embeddings.position_embeddings.weight"]
        rows = rows + self._weights["embeddings.token_type_embeddings.weight"][0]
        tokens = self._node("Shape", "ids", start=1, end=2)
        zero = self._constant(np.array([0]))
        places = self._node("Slice", self._constant(rows), zero, tokens, zero)
        return self._normalised(words, places, "embeddings.LayerNorm")

    def _word_rows(self, name: str) -> str:
        if self._form == "onnx":
            return self._node("Gather", self._weight(name), "ids")
        table, scales = _rounded(self._weights[name], 127)
        rows = self._node("Cast", self._node("Gather", self._constant(table), "ids"), to=1)
        return self._node("Mul", rows, self._node("Gather", self._constant(scales), "ids"))

    def _layer(self, hidden: str, prefix: str) -> str:
        own = [f"{prefix}attention.self.{each}" for each in ("query", "key", "value")]
        together = self._linear(hidden, *own)
        query, key, value = self._nodes_of("Split", 3, together, axis=-1, num_outputs=3)
        attended = self._node(
            "MultiHeadAttention", query, key, value, "", "mask", domain=_RUNTIME, num_heads=HEADS
        )
        mixed = self._linear(attended, f"{prefix}attention.output.dense")
        hidden = self._normalised(mixed, hidden, f"{prefix}attention.output.LayerNorm")
        wide = self._node("Gelu", self._linear(hidden, f"{prefix}intermediate.dense"))
        narrow = self._linear(wide, f"{prefix}output.dense", lowest=_LOWEST_GELU)
        return self._normalised(narrow, hidden, f"{prefix}output.LayerNorm")

    def _linear(self, given: str, *names: str, lowest: float | None = None) -> str:
        """The matrices of these names side by side, each output with its bias.

        Args:
            lowest: What goes in is known to be at least minus this.
        """
        matrix = np.concatenate([self._weights[f"{name}.weight"] for name in names])  # (out, in)
        bias = self._constant(np.concatenate([self._weights[f"{name}.bias"] for name in names]))
        if self._form == "onnx":
            return self._node("Add", self._node("MatMul", given, self._constant(matrix.T)), bias)
        table, scales = _rounded(matrix, _WEIGHT)
        largest = self._largest(given, lowest)  # (texts, tokens, 1)
        spread = self._node("Div", self._number(np.float32(_ACTIVATION)), largest)
        middle = self._number(np.uint8(_ACTIVATION + 1))
        rounded = self._node(
            "QuantizeLinear", self._node("Mul", given, spread), self._number(np.float32(1)), middle
        )
        sums = self._node(
            "MatMulIntegerToFloat",
            rounded,
            self._constant(table.T),
            self._number(np.float32(1 / _ACTIVATION)),
            self._constant(scales[:, 0]),
            middle,
            self._constant(np.zeros(len(table), dtype=np.int8)),
            domain=_RUNTIME,
        )
        return self._node("Add", self._node("Mul", sums, largest), bias)

    def _largest(self, given: str, lowest: float | None) -> str:
        """The largest size of a number of each token; never zero."""
        last = self._constant(np.array([-1]))
        highest = self._node("ReduceMax", given, last, keepdims=1)
        if lowest is not None:
            return self._node("Max", highest, self._number(np.float32(lowest)))
        below = self._node("Neg", self._node("ReduceMin", given, last, keepdims=1))
        return self._node("Max", highest, below, self._number(np.float32(1e-9)))

    def _normalised(self, given: str, beside: str, name: str) -> str:
        weights = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return self._node("LayerNormalization", self._node("Add", given, beside), *weights, epsilon=EPSILON)

    def _weight(self, name: str) -> str:
        return self._constant(self._weights[name])

    def _number(self, value: Any) -> str:
        return self._constant(np.asarray(value))

    def _constant(self, value: NDArray[Any]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(value.copy(order="C"), name))
        return name

    def _node(self, kind: str, *inputs: str, domain: str = "", **settings: Any) -> str:
        return self._nodes_of(kind, 1, *inputs, domain=domain, **settings)[0]

    def _nodes_of(
        self, kind: str, outputs: int, *inputs: str, domain: str = "", **settings: Any
    ) -> list[str]:
        names = [f"{kind}_{len(self._nodes)}_{number}" for number in range(outputs)]
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, names, domain=domain, **settings))
        return names


def _rounded(matrix: NDArray[np.float32], largest: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers of at most this size, and the scale of each row, (rows, 1), whose product is the matrix."""
    scales = np.abs(matrix).max(axis=1, keepdims=True) / np.float32(largest)
    return np.rint(matrix / np.where(scales > 0, scales, 1)).astype(np.int8), scales

"""Writes all-MiniLM-L6-v2 as an ONNX graph, from its weights: in float32, or with int8 matrices.

The graph is the whole embedder after the tokenizer: BERT (Devlin et al. 2019, arXiv:1810.04805) with six
layers, mean pooling over the mask, unit length. int8: each output of a matrix has a scale of its own, and what
goes in is quantised when it is known ("dynamic").

Needs the package onnx; torch is not needed. Some operators are ONNX Runtime's own (domain com.microsoft).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Form = Literal["onnx", "int8"]
GRAPH_VERSION = 1
"""Part of the name of the file that is kept: raise it with every change to what is computed."""

LAYERS, HEADS, WIDTH, EPSILON = 6, 12, 384, 1e-12
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
        import onnx

        self._onnx: Any = onnx
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
        words = self._node("Gather", self._weight("embeddings.word_embeddings.weight"), "ids")
        rows = self._weights["embeddings.position_embeddings.weight"]
        rows = rows + self._weights["embeddings.token_type_embeddings.weight"][0]
        tokens = self._node("Shape", "ids", start=1, end=2)
        zero = self._constant(np.array([0]))
        places = self._node("Slice", self._constant(rows), zero, tokens, zero)
        return self._normalised(self._node("Add", words, places), "embeddings.LayerNorm")

    def _layer(self, hidden: str, prefix: str) -> str:
        own = [f"{prefix}attention.self.{each}" for each in ("query", "key", "value")]
        together = self._linear(hidden, *own)
        query, key, value = self._nodes_of("Split", 3, together, axis=-1, num_outputs=3)
        attended = self._node(
            "MultiHeadAttention", query, key, value, "", "mask", domain=_RUNTIME, num_heads=HEADS
        )
        mixed = self._linear(attended, f"{prefix}attention.output.dense")
        hidden = self._normalised(mixed, f"{prefix}attention.output.LayerNorm", hidden)
        wide = self._node("Gelu", self._linear(hidden, f"{prefix}intermediate.dense"))
        return self._normalised(
            self._linear(wide, f"{prefix}output.dense"), f"{prefix}output.LayerNorm", hidden
        )

    def _linear(self, given: str, *names: str) -> str:
        """The matrices of these names side by side, each output with its bias."""
        matrix = np.concatenate([self._weights[f"{name}.weight"] for name in names]).T  # (in, out)
        bias = self._constant(np.concatenate([self._weights[f"{name}.bias"] for name in names]))
        if self._form == "onnx":
            return self._node("Add", self._node("MatMul", given, self._constant(matrix)), bias)
        scale = np.abs(matrix).max(axis=0) / np.float32(127)
        rounded = np.rint(matrix / scale).astype(np.int8)
        zeros = self._constant(np.zeros(scale.shape, dtype=np.int8))
        inputs = (given, self._constant(rounded), self._constant(scale), zeros, bias)
        return self._node("DynamicQuantizeMatMul", *inputs, domain=_RUNTIME)

    def _normalised(self, given: str, name: str, beside: str | None = None) -> str:
        weights = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        if beside is None:
            return self._node("LayerNormalization", given, *weights, epsilon=EPSILON)
        return self._node("SkipLayerNormalization", given, beside, *weights, domain=_RUNTIME, epsilon=EPSILON)

    def _weight(self, name: str) -> str:
        return self._constant(self._weights[name])

    def _constant(self, value: NDArray[Any]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _node(self, kind: str, *inputs: str, domain: str = "", **settings: Any) -> str:
        return self._nodes_of(kind, 1, *inputs, domain=domain, **settings)[0]

    def _nodes_of(
        self, kind: str, outputs: int, *inputs: str, domain: str = "", **settings: Any
    ) -> list[str]:
        names = [f"{kind}_{len(self._nodes)}_{number}" for number in range(outputs)]
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, names, domain=domain, **settings))
        return names

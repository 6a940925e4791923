"""The GPU kernels in Triton's compiler, which runs without a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="triton is not installed; it comes with the CUDA builds of torch")

COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from punchlist.core_model.gpu import attention, bitmask, placing, products

def build(kernel, types, **fixed):
    names = kernel.arg_names
    assert set(names) == set(types) | set(fixed), set(names) ^ (set(types) | set(fixed))
    signature = {name: "constexpr" if name in fixed else types[name] for name in names}
    constants = {(names.index(name),): value for name, value in fixed.items()}
    aligned = {(names.index(name),): [["tt.divisibility", 16]] for name in types if types[name] != "fp32"}
    source = ASTSource(kernel, signature, constants, aligned)
    built = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 4})
    assert built.asm["cubin"]

B, F, I = "*bf16", "*fp32", "*i32"
where = {"tables": I, "rows": I, "positions": I, "keys": B, "values": B}
strides = {"table_stride": "i32", "page_stride": "i32"}
splits = {"partial": F, "lse": F, "splits": "i32"}
build(attention.attend_split, {"q": B, "q_stride": "i32", "scale": "fp32", **where, **strides, **splits},
      GROUP=4, GROUP_PAD=16, HEAD=128, HEAD_PAD=128, WINDOW=100, PAGE=16, SPLIT=256, TILE=64)
build(attention.merge_splits, {**splits, "positions": I, "out": B},
      HEAD=128, HEAD_PAD=128, WINDOW=0, SPLIT=256, MERGED=16)
build(placing.place_heads,
      {"qkv": B, "cos": F, "sin": F, "q_gain": B, "k_gain": B, "eps": "fp32", **where, **strides},
      HEADS=32, KV_HEADS=8, HALF=64, HALF_PAD=64, NORM=True, PAGE=16)
build(bitmask.mask_logits, {"logits": F, "mask": I, "vocab": "i32", "words": "i32"}, BLOCK=1024)
for weight in (B, "*i8", "*fp8e4nv"):
    around = {"x": B, "weight": weight, "scale": F, "bias": B, "gain": B, "residual": B, "out": B,
              "N": "i32", "K": "i32", "eps": "fp32"}
    switches = dict(NORM=True, GATED=True, BIAS=False, RESIDUAL=False, SCALED=weight != B, EVEN=True)
    build(products.vector_product, around, **switches, BLOCK_N=4, BLOCK_K=512)
    build(products.tile_product, {**around, "M": "i32"}, **switches, BLOCK_M=16, BLOCK_N=32, BLOCK_K=256)
"""


def test_every_kernel_compiles_for_hopper(tmp_path: Path) -> None:
    """Triton's compiler and assembler need no GPU; the interpreter lets through what they refuse."""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)

    ran = subprocess.run([sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stderr

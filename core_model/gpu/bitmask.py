# Triton has no types: its kernels are checked by the tests, against plain torch.
# pyright: basic, reportMissingImports=false, reportCallIssue=false
"""Apply a grammar's bitmask to logits, in place, on the device.

The mask is what llguidance fills: token t of a row is allowed when bit t % 32 of word t // 32 is 1.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 1024


@triton.jit
def mask_logits(logits, mask, vocab, words, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    token = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    known = token // 32 < words
    word = tl.load(mask + row * words + token // 32, mask=known, other=0)
    allowed = (word >> (token % 32)) & 1
    refused = (token < vocab) & (allowed == 0)
    tl.store(logits + row * vocab + token, float("-inf"), mask=refused)


def apply_bitmask(logits: Tensor, mask: Tensor) -> None:
    """Set the logits of refused tokens to -inf, in place.

    Args:
        logits: (M, vocab) float32, contiguous.
        mask: (M, words) int32, contiguous, on the same device; tokens beyond its 32 * words bits are refused.

    Raises:
        ValueError: the numbers of rows differ, or a tensor is not contiguous.
    """
    if len(mask) != len(logits) or not logits.is_contiguous() or not mask.is_contiguous():
        raise ValueError(
            f"logits are {tuple(logits.shape)}, mask {tuple(mask.shape)}; both need the same number of rows, "
            "contiguous."
        )
    if len(logits):
        vocab = logits.shape[1]
        mask_logits[(len(logits), triton.cdiv(vocab, _BLOCK))](
            logits, mask, vocab, mask.shape[1], BLOCK=_BLOCK, num_warps=4
        )

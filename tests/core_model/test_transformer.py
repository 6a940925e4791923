"""The decoder's fast ways against the plain one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from punchlist.core_model.transformer import DocumentAttention, RMSNorm, Transformer, causal_attention

LENGTHS = [5, 1, 9]


def flat(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    tokens = torch.arange(sum(lengths)) * 37 % 300
    return tokens, torch.cat([torch.arange(length) for length in lengths])


def test_documents_end_to_end_do_not_see_each_other(transformer: Transformer) -> None:
    tokens, positions = flat(LENGTHS)

    together = transformer.hidden(tokens, positions, DocumentAttention(LENGTHS))

    for part, hidden in zip(tokens.split(LENGTHS), together.split(LENGTHS), strict=True):
        torch.testing.assert_close(
            transformer.logits(hidden), transformer(part[None])[0], atol=1e-4, rtol=1e-4
        )


def test_wanted_rows_are_the_rows_of_the_whole(transformer: Transformer) -> None:
    tokens, positions = flat(LENGTHS)
    keep = torch.tensor([0, 3, 8, 14])

    some = transformer.hidden(tokens, positions, DocumentAttention(LENGTHS, keep), keep)

    whole = transformer.hidden(tokens, positions, DocumentAttention(LENGTHS))
    torch.testing.assert_close(some, whole[keep], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("queries", [1, 4, 12])
def test_attention_is_the_reference_attention(queries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(queries, 6, 8), torch.randn(12, 2, 8), torch.randn(12, 2, 8)

    packed = causal_attention(q, k, v)

    rows = torch.arange(12 - queries, 12)
    mask = torch.arange(12)[None, :] <= rows[:, None]
    wide = (x.repeat_interleave(3, dim=1).transpose(0, 1) for x in (k, v))
    expected = F.scaled_dot_product_attention(q.transpose(0, 1), *wide, attn_mask=mask).transpose(0, 1)
    torch.testing.assert_close(packed, expected, atol=1e-5, rtol=1e-5)
    monkeypatch.setattr("punchlist.core_model.attention._LARGE", 0)
    torch.testing.assert_close(causal_attention(q, k, v), expected, atol=1e-5, rtol=1e-5)


def test_the_norm_has_the_gradient_of_the_reference() -> None:
    torch.manual_seed(0)
    norm = RMSNorm(16, 1e-5)
    torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    x, upstream = torch.randn(7, 16, requires_grad=True), torch.randn(7, 16)

    ours = torch.autograd.grad(norm(x), (x, norm.weight), upstream)

    theirs = torch.autograd.grad(F.rms_norm(x, (16,), norm.weight, 1e-5), (x, norm.weight), upstream)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)

"""Each block of the transformer against its formula, written out in numpy and float64."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from punchlist.core_model.attention import (
    CrossAttention,
    DocumentAttention,
    GrowingAttention,
    attention,
    causal_attention,
)
from punchlist.core_model.config import Activation, Experts, ModelConfig, RopeScaling
from punchlist.core_model.transformer import (
    MLP,
    FeedForward,
    LayerNorm,
    MixtureOfExperts,
    RMSNorm,
    Transformer,
    activate,
    rotary_frequencies,
    rotate,
    rotation,
    sinusoids,
)

Array = NDArray[np.float64]
SMALL: dict[str, Any] = {
    "vocab_size": 50, "hidden_size": 24, "num_layers": 2, "num_heads": 4, "num_kv_heads": 2, "head_dim": 6,
    "intermediate_size": 40, "context_length": 64,
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(11)
    yield
    torch.set_num_threads(before)


def made(**more: Any) -> Transformer:
    model = Transformer(ModelConfig(**SMALL | more))
    model.initialise(5)
    return model.requires_grad_(False)


def same(ours: Tensor, expected: Array, atol: float = 1e-5) -> None:
    np.testing.assert_allclose(ours.detach().numpy(), expected, atol=atol, rtol=1e-5)


def wide(x: Tensor) -> Array:
    return x.detach().double().numpy()


def softmax(scores: Array) -> Array:
    raised = np.exp(scores - scores.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def silu(x: Array) -> Array:
    return x / (1 + np.exp(-x))


@pytest.mark.parametrize("size", [1, 7, 64])
def test_rmsnorm_is_x_over_its_root_mean_square_times_a_weight(size: int) -> None:
    norm, x = RMSNorm(size, 1e-6), torch.randn(5, size)
    torch.nn.init.normal_(norm.weight)

    expected = wide(x) / np.sqrt((wide(x) ** 2).mean(-1, keepdims=True) + 1e-6) * wide(norm.weight)
    same(norm(x), expected)
    same(norm(x.requires_grad_()), expected)  # the way that training takes


def test_layernorm_is_x_less_its_mean_over_its_deviation() -> None:
    norm, x = LayerNorm(24, 1e-5), torch.randn(5, 24) * 3 + 1
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)

    centred = wide(x) - wide(x).mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    same(norm(x), centred / deviation * wide(norm.weight) + wide(norm.bias))


@pytest.mark.parametrize("kind", ["silu", "gelu", "gelu_tanh", "relu"])
def test_activations_are_their_formulas(kind: Activation) -> None:
    x = torch.linspace(-9, 9, 181)
    a = wide(x)
    formulas = {
        "silu": silu(a),
        "gelu": a * 0.5 * (1 + np.array([math.erf(each / math.sqrt(2)) for each in a])),
        "gelu_tanh": 0.5 * a * (1 + np.tanh(math.sqrt(2 / math.pi) * (a + 0.044715 * a**3))),
        "relu": np.maximum(a, 0),
    }

    same(activate(x, kind), formulas[kind])


@pytest.mark.parametrize("biased", [False, True])
def test_swiglu_is_silu_of_the_gate_times_up_projected_down(biased: bool) -> None:
    mlp, x = MLP(ModelConfig(**SMALL, mlp_bias=biased)), torch.randn(9, 24)

    def linear(layer: Any, value: Array) -> Array:
        return value @ wide(layer.weight).T + (wide(layer.bias) if biased else 0.0)

    gate, up = linear(mlp.gate_proj, wide(x)), linear(mlp.up_proj, wide(x))
    same(mlp(x), linear(mlp.down_proj, silu(gate) * up))


def test_feed_forward_is_two_products_with_an_activation_between() -> None:
    config = ModelConfig(**SMALL, gated=False, mlp_bias=True, activation="relu")
    network, x = FeedForward(config), torch.randn(9, 24)

    inner = np.maximum(wide(x) @ wide(network.up_proj.weight).T + wide(network.up_proj.bias), 0)
    same(network(x), inner @ wide(network.down_proj.weight).T + wide(network.down_proj.bias))


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("chosen", [1, 2, 5])
def test_a_mixture_adds_the_likeliest_experts_weighted(chosen: int, normalise: bool) -> None:
    experts = Experts(5, chosen, 16, normalise)
    mixture, x = MixtureOfExperts(ModelConfig(**SMALL, experts=experts), experts), torch.randn(9, 24)
    for weight in mixture.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    gate_up, down = wide(mixture.experts.gate_up_proj), wide(mixture.experts.down_proj)

    expected = np.zeros((9, 24))
    for row, (token, shares) in enumerate(
        zip(wide(x), softmax(wide(x) @ wide(mixture.gate.weight).T), strict=True)
    ):
        best = np.argsort(-shares)[:chosen]
        for expert in best:
            gate, up = np.split(gate_up[expert] @ token, 2)
            share = shares[expert] / (shares[best].sum() if normalise else 1.0)
            expected[row] += share * (down[expert] @ (silu(gate) * up))
    same(mixture(x), expected)


def test_a_token_of_a_mixture_does_not_depend_on_its_batch() -> None:
    model = made(experts=Experts(4, 2, 16))
    tokens = torch.arange(12)

    together = model.hidden(tokens, tokens * 0, DocumentAttention([1] * 12))

    alone = [model.hidden(token[None], token[None] * 0, DocumentAttention([1])) for token in tokens]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "heads", [(4, 4), (4, 2), (6, 1)], ids=["multi-head", "grouped-query", "multi-query"]
)
@pytest.mark.parametrize("window", [None, 1, 3, 50])
def test_attention_is_softmax_of_scaled_products(heads: tuple[int, int], window: int | None) -> None:
    q, k, v = (torch.randn(9, count, 6) for count in (heads[0], heads[1], heads[1]))

    ours = causal_attention(q, k, v, window=window)

    rows, columns = np.indices((9, 9))
    seen = (columns <= rows) & (columns > rows - (window or 9))
    for head in range(heads[0]):
        shared = head // (heads[0] // heads[1])
        scores = np.where(seen, wide(q)[:, head] @ wide(k)[:, shared].T / math.sqrt(6), -np.inf)
        same(ours[:, head], softmax(scores) @ wide(v)[:, shared])


@pytest.mark.parametrize("window", [None, 3])
def test_attention_over_many_scores_is_the_same(window: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = torch.randn(4, 6, 8), torch.randn(12, 2, 8), torch.randn(12, 2, 8)
    few = causal_attention(q, k, v, window=window), attention(q, k, v)
    monkeypatch.setattr("punchlist.core_model.attention._LARGE", 0)

    many = causal_attention(q, k, v, window=window), attention(q, k, v)

    torch.testing.assert_close(many, few, atol=1e-5, rtol=1e-5)


def test_rotary_positions_turn_each_pair_by_its_angle() -> None:
    config, positions = ModelConfig(**SMALL, rope_theta=500.0), torch.tensor([0, 1, 17, 63])
    x = torch.randn(4, 2, 6)

    turned = rotate(x, *rotation(positions, rotary_frequencies(config)))

    for pair in range(3):
        angle = wide(positions)[:, None] * 500.0 ** (-2 * pair / 6)
        left, right = wide(x)[..., pair], wide(x)[..., pair + 3]
        same(turned[..., pair], left * np.cos(angle) - right * np.sin(angle))
        same(turned[..., pair + 3], right * np.cos(angle) + left * np.sin(angle))


def test_rotated_products_depend_on_distance_only() -> None:
    frequencies = rotary_frequencies(ModelConfig(**SMALL))
    q, k = torch.randn(1, 1, 6), torch.randn(1, 1, 6)

    def product(at: int, other: int) -> Tensor:
        turned = [
            rotate(x, *rotation(torch.tensor([place]), frequencies)) for x, place in ((q, at), (k, other))
        ]
        return (turned[0] * turned[1]).sum()

    torch.testing.assert_close(product(20, 13), product(50, 43), atol=1e-4, rtol=1e-4)


def test_linear_scaling_is_a_longer_ruler() -> None:
    scaled = ModelConfig(**SMALL, rope_scaling=RopeScaling("linear", 4.0))

    torch.testing.assert_close(rotary_frequencies(scaled) * 4, rotary_frequencies(ModelConfig(**SMALL)))


def test_long_contexts_keep_no_table_of_positions() -> None:
    model = Transformer(ModelConfig(**SMALL | {"context_length": 131_072}))

    assert model.model.frequencies is not None
    assert model.model.frequencies.shape == (3,)
    assert not list(model.buffers())


def test_sinusoids_are_sines_then_cosines() -> None:
    positions = torch.tensor([0, 1, 5, 511])

    table = sinusoids(positions, 10)

    for place in range(5):
        angle = wide(positions) / 10_000 ** (2 * place / 10)
        same(table[:, place], np.sin(angle), 1e-7)
        same(table[:, 5 + place], np.cos(angle), 1e-7)


def test_self_attention_without_positions_is_permutation_equivariant() -> None:
    model, tokens = made(causal=False), torch.arange(10) * 3
    order = torch.randperm(10)
    attend = DocumentAttention([10], causal=False)

    hidden = model.hidden(tokens, torch.zeros_like(tokens), attend)

    permuted = model.hidden(tokens[order], torch.zeros_like(tokens), attend)
    torch.testing.assert_close(permuted, hidden[order], atol=1e-5, rtol=1e-5)


def test_positions_end_the_equivariance() -> None:
    model, tokens = made(causal=False), torch.arange(10) * 3
    attend = DocumentAttention([10], causal=False)

    turned = model.hidden(tokens.flip(0), torch.arange(10), attend).flip(0)

    assert (turned - model.hidden(tokens, torch.arange(10), attend)).abs().max() > 0.01


@pytest.mark.parametrize("window", [None, 3])
def test_causal_attention_never_sees_the_future(window: int | None) -> None:
    model, tokens = made(sliding_window=window), torch.arange(12)[None]
    before = model(tokens)

    for place in range(1, 12):
        changed = tokens.clone()
        changed[0, place] = 49
        after = model(changed)
        assert torch.equal(after[0, :place], before[0, :place])
        assert not torch.allclose(after[0, place], before[0, place], atol=1e-3)


def test_a_window_hides_what_lies_before_it() -> None:
    model, tokens = made(sliding_window=3, full_layers=(1,)), torch.arange(12)[None]
    narrow = made(sliding_window=3)
    changed = tokens.clone()
    changed[0, 2] = 49

    reached = [(each(changed) - each(tokens)).abs().amax(-1)[0] > 1e-6 for each in (model, narrow)]

    assert reached[0].nonzero().flatten().tolist() == list(range(2, 12))
    assert reached[1].nonzero().flatten().tolist() == list(range(2, 7))  # two layers reach 2 + 2 further


@pytest.mark.parametrize("pieces", [[12], [1] * 12, [5, 1, 6]])
def test_a_sequence_given_piece_by_piece_is_the_same(pieces: list[int]) -> None:
    model, tokens = made(sliding_window=4, full_layers=(0,)), torch.arange(12)
    attend = GrowingAttention(model.config.window)

    parts = [
        model.hidden(part, place, attend)
        for part, place in zip(tokens.split(pieces), torch.arange(12).split(pieces), strict=True)
    ]

    torch.testing.assert_close(model.logits(torch.cat(parts)), model(tokens[None])[0], atol=1e-5, rtol=1e-5)


def test_cross_attention_has_one_output_for_each_query() -> None:
    memory, q = torch.randn(11, 24), torch.randn(5, 4, 6)
    asked: list[int] = []

    def project(states: Tensor) -> tuple[Tensor, Tensor]:
        asked.append(len(states))
        return states.view(-1, 4, 6), states.view(-1, 4, 6) * 2

    cross = CrossAttention(memory, [8, 3], [4, 1])
    mixed, again = cross(0, q, project), cross(0, q, project)

    assert mixed.shape == q.shape
    assert asked == [11]
    states = memory.view(11, 4, 6)
    expected = torch.cat(
        [attention(q[:4], states[:8], states[:8] * 2), attention(q[4:], states[8:], states[8:] * 2)]
    )
    assert torch.equal(mixed, expected)
    assert torch.equal(again, expected)


def test_what_a_config_cannot_mean_is_refused() -> None:
    for change in ({"sliding_window": 0}, {"head_dim": 5}, {"num_kv_heads": 3}, {"intermediate_size": 0}):
        with pytest.raises(ValueError, match=next(iter(change))):
            ModelConfig(**SMALL | change)


@pytest.mark.parametrize(
    ("change", "plain"),
    [
        ({}, True),
        ({"qkv_bias": True, "qk_norm": True, "sliding_window": 4}, True),
        ({"output_bias": True}, False),
        ({"mlp_bias": True}, False),
        ({"experts": Experts(4, 2, 8)}, False),
        ({"norm": "layer"}, False),
        ({"positions": "learned"}, False),
        ({"activation": "relu"}, False),
        ({"gated": False}, False),
        ({"causal": False}, False),
        ({"pre_norm": False}, False),
        ({"embedding_scale": 2.0}, False),
    ],
    ids=str,
)
def test_llama_type_is_what_has_only_the_blocks_of_llama(change: dict[str, Any], plain: bool) -> None:
    assert ModelConfig(**SMALL | change).llama_type is plain

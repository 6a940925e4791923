"""The GPU path against plain torch: on a GPU where there is one, else under Triton's interpreter on a CPU."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from punchlist.core_model.batch import PAGE, Batch
from punchlist.core_model.config import ModelConfig
from punchlist.core_model.errors import GpuUnavailable, NotSupported, NumericalError
from punchlist.core_model.gpu.decoder import CudaDecoder, Slots, buckets, contexts
from punchlist.core_model.transformer import DocumentAttention, Transformer

if find_spec("triton") is None:
    pytest.skip("triton is not installed; it comes with the CUDA builds of torch", allow_module_level=True)

GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if GPU else "cpu")

with pytest.MonkeyPatch.context() as patch:
    if not GPU:
        patch.setenv(
            "TRITON_INTERPRET", "1"
        )  # read when a kernel is declared, those of Triton's own included
        for name in [name for name in sys.modules if name.split(".")[0] == "triton" and "._C" not in name]:
            patch.delitem(sys.modules, name)
    from punchlist.core_model.gpu.attention import SPLIT, merge, paged_attention, split_attention
    from punchlist.core_model.gpu.bitmask import apply_bitmask
    from punchlist.core_model.gpu.placing import place
    from punchlist.core_model.gpu.products import Matrix, product
    from punchlist.core_model.gpu.step import EagerDecoder
    from punchlist.core_model.gpu.weights import quantise

NAN = float("nan")


@pytest.fixture(autouse=True)
def interpreter(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kernels run in the mode in which they were declared, and torch leaves the other core alone."""
    threads = torch.get_num_threads()
    if not GPU:
        monkeypatch.setenv("TRITON_INTERPRET", "1")
        torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


def int32(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.int32, device=DEVICE)


class Pages:
    """Random keys and values of sequences of `lengths` tokens, and pages that hold them in some order.

    Whatever no sequence uses is NaN.
    """

    def __init__(
        self,
        lengths: list[int],
        kv_heads: int,
        head_dim: int,
        order: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        shapes = [(length, kv_heads, head_dim) for length in lengths]
        self.k = [noise(*shape, seed=1 + row).to(dtype) for row, shape in enumerate(shapes)]
        self.v = [noise(*shape, seed=100 + row).to(dtype) for row, shape in enumerate(shapes)]
        width = -(-max(lengths) // PAGE)
        count = width * len(lengths) + 3
        shuffled = torch.randperm(count, generator=torch.Generator().manual_seed(order)).to(torch.int32)
        self.tables = shuffled[: width * len(lengths)].view(len(lengths), width).to(DEVICE)
        self.keys = torch.full((count, kv_heads, head_dim, PAGE), NAN, dtype=dtype, device=DEVICE)
        self.values = torch.full((count, kv_heads, PAGE, head_dim), NAN, dtype=dtype, device=DEVICE)
        for row, length in enumerate(lengths):
            for at in range(length):
                page = self.tables[row, at // PAGE]
                self.keys[page, :, :, at % PAGE] = self.k[row][at]
                self.values[page, :, at % PAGE] = self.v[row][at]


def plain_attention(q: Tensor, pages: Pages, row: int, position: int, window: int | None = None) -> Tensor:
    """Softmax over the whole context in float64, one query head at a time; q is (heads, head_dim)."""
    first = 0 if window is None else max(0, position - window + 1)
    k, v = (what[row][first : position + 1].double() for what in (pages.k, pages.v))
    group = len(q) // k.shape[1]
    heads: list[Tensor] = []
    for head, query in enumerate(q.double()):
        weights = (k[:, head // group] @ query * q.shape[-1] ** -0.5).softmax(0)
        heads.append(weights @ v[:, head // group])
    return torch.stack(heads)


@pytest.mark.parametrize(("group", "head_dim"), [(1, 64), (4, 128), (7, 64), (8, 128), (3, 24)])
def test_attention_of_any_group_and_head_size_is_that_of_a_plain_softmax(group: int, head_dim: int) -> None:
    pages = Pages([40], 1, head_dim)
    q = noise(2, group, head_dim)

    found = paged_attention(q, pages.keys, pages.values, pages.tables, int32(0, 0), int32(38, 39), splits=1)

    wanted = torch.stack([plain_attention(q[0], pages, 0, 38), plain_attention(q[1], pages, 0, 39)])
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("window", [None, 1, 20, SPLIT])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_holds_at_the_borders_of_pages_tiles_splits_and_windows(
    window: int | None, dtype: torch.dtype
) -> None:
    pages = Pages([2 * SPLIT + 1], 1, 16, dtype=dtype)
    at = [0, 15, 16, 63, 64, SPLIT - 1, SPLIT, 2 * SPLIT - 1, 2 * SPLIT]
    q = noise(len(at), 2, 16)

    found = paged_attention(
        q, pages.keys, pages.values, pages.tables, int32(*[0] * len(at)), int32(*at), splits=3, window=window
    )

    wanted = torch.stack([plain_attention(q[n], pages, 0, p, window) for n, p in enumerate(at)])
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)


def test_where_pages_lie_and_who_shares_the_batch_changes_no_bit_of_attention() -> None:
    alone, among = Pages([70, 33], 2, 16, order=1), Pages([70, 33], 2, 16, order=2)
    q = noise(3, 4, 16)

    one = paged_attention(q[:1], alone.keys, alone.values, alone.tables, int32(0), int32(69), splits=1)
    three = paged_attention(
        q, among.keys, among.values, among.tables, int32(0, 1, 1), int32(69, 31, 32), splits=4
    )

    assert torch.equal(one[0], three[0])


def test_the_log_sum_of_every_split_is_given_and_weighs_it_in_the_merge() -> None:
    pages = Pages([SPLIT + 10], 1, 16)
    q = noise(1, 1, 16)

    partial, lse = split_attention(
        q, pages.keys, pages.values, pages.tables, int32(0), int32(SPLIT + 9), splits=2
    )
    out = torch.empty_like(q)
    merge(partial, lse, int32(SPLIT + 9), out)

    scores = pages.k[0][:, 0] @ q[0, 0] * 0.25
    torch.testing.assert_close(lse[0, 0], torch.stack([part.logsumexp(0) for part in scores.split(SPLIT)]))
    shares = (lse[0, 0] - scores.logsumexp(0)).exp()
    torch.testing.assert_close(out[0, 0], shares @ partial[0, 0], rtol=1e-5, atol=1e-6)


def test_padding_attends_to_nothing_and_writes_into_no_page() -> None:
    pages = Pages([5], 1, 16)
    before = pages.keys.clone(), pages.values.clone()
    qkv = noise(1, 3, 16)

    turns = torch.ones(1, 8, device=DEVICE), torch.zeros(1, 8, device=DEVICE)
    place(qkv, *turns, pages.tables, int32(0), int32(-1), pages.keys, pages.values, heads=1)
    found = paged_attention(qkv[:, :1], pages.keys, pages.values, pages.tables, int32(0), int32(-1), splits=1)

    assert torch.equal(found, torch.zeros_like(found))
    assert torch.equal(pages.keys.nan_to_num(), before[0].nan_to_num())
    assert torch.equal(pages.values.nan_to_num(), before[1].nan_to_num())


@pytest.mark.parametrize("normed", [False, True])
def test_heads_are_normed_turned_and_written_into_their_slots(normed: bool) -> None:
    pages = Pages([40, 40], 2, 12)
    qkv, angle = noise(2, 7, 12), noise(2, 6)
    gains = (noise(12, seed=5), noise(12, seed=6)) if normed else None
    q, k, v = qkv.clone().split([3, 2, 2], dim=1)

    place(
        qkv, angle.cos(), angle.sin(), pages.tables, int32(1, 0), int32(17, 32), pages.keys, pages.values,
        heads=3, gains=gains, eps=1e-5,
    )  # fmt: skip

    if gains is not None:
        q, k = F.rms_norm(q, (12,), gains[0], 1e-5), F.rms_norm(k, (12,), gains[1], 1e-5)
    cos, sin = torch.cat([angle, angle], 1).cos()[:, None], torch.cat([angle, angle], 1).sin()[:, None]
    turned = [part * cos + torch.cat((-part[..., 6:], part[..., :6]), -1) * sin for part in (q, k)]
    torch.testing.assert_close(qkv, torch.cat([*turned, v], dim=1), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(pages.keys[pages.tables[1, 1], :, :, 1], qkv[0, 3:5])
    torch.testing.assert_close(pages.values[pages.tables[0, 2], :, 0], v[1])


@pytest.mark.parametrize("rows", [1, 3, 8, 17])
@pytest.mark.parametrize("fixed", [False, True])
def test_a_product_with_norm_and_swiglu_is_that_of_separate_steps(rows: int, fixed: bool) -> None:
    x, weight, gain = noise(rows, 72, seed=1), noise(2 * 20, 72, seed=2), noise(72, seed=3)

    found = product(x, Matrix(weight), gain=gain, eps=1e-5, gated=True, fixed=fixed)

    gate, up = (F.rms_norm(x, (72,), gain, 1e-5) @ weight.t()).chunk(2, dim=1)
    torch.testing.assert_close(found, F.silu(gate) * up, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 5, 17])
def test_a_product_adds_its_bias_and_the_residual(rows: int) -> None:
    x, weight, bias, residual = (
        noise(rows, 64),
        noise(24, 64, seed=2),
        noise(24, seed=3),
        noise(rows, 24, seed=4),
    )

    found = product(x, Matrix(weight, bias=bias), residual=residual)

    torch.testing.assert_close(found, x @ weight.t() + bias + residual, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["int8", "fp8"])
@pytest.mark.parametrize("rows", [1, 4, 65])
@pytest.mark.parametrize("gated", [False, True])
def test_a_quantised_product_is_that_of_the_widened_weights(kind: str, rows: int, gated: bool) -> None:
    matrix = quantise(noise(32, 64, seed=2), "int8" if kind == "int8" else "fp8")
    x = noise(rows, 64)

    found = product(x, matrix, gated=gated)

    wanted = x @ matrix.widened(torch.float32).t()
    if gated:
        wanted = F.silu(wanted[:, :16]) * wanted[:, 16:]
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("kind", "share"), [("int8", 0.5 / 127), ("fp8", 1 / 16)])
def test_quantising_moves_a_weight_by_at_most_half_a_step(kind: str, share: float) -> None:
    weight = noise(8, 50)
    weight[3] = 0.0

    matrix = quantise(weight, "int8" if kind == "int8" else "fp8")

    moved = (matrix.widened(torch.float32) - weight).abs()
    step = weight.abs().amax(1, keepdim=True).expand_as(weight) if kind == "int8" else weight.abs()
    floor = weight.abs().amax(1, keepdim=True) * 2.0**-18  # half of e4m3's smallest step, of 448
    assert bool((moved <= step * share * 1.001 + (floor if kind == "fp8" else 0.0)).all())


def test_a_bitmask_refuses_what_its_bits_do_not_allow_and_what_it_has_no_bits_for() -> None:
    allowed = torch.rand(2, 64, generator=torch.Generator().manual_seed(1)) < 0.5
    bits = allowed.view(2, 2, 32).to(torch.int64) << torch.arange(32)
    mask = bits.sum(-1).to(torch.int32).to(DEVICE)
    logits = noise(2, 70)
    before = logits.clone()

    apply_bitmask(logits, mask)

    refused = ~F.pad(allowed, (0, 6)).to(DEVICE)
    assert torch.equal(logits, before.masked_fill(refused, float("-inf")))


def shape(**changes: object) -> ModelConfig:
    sizes: dict[str, object] = {
        "vocab_size": 40, "hidden_size": 32, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1,
        "head_dim": 16, "intermediate_size": 48, "context_length": 512,
    }  # fmt: skip
    return ModelConfig(**{**sizes, **changes})  # pyright: ignore[reportArgumentType]


def random_model(config: ModelConfig) -> Transformer:
    model = Transformer(config)
    model.initialise(3)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("bias"):
                weight.normal_(generator=torch.Generator().manual_seed(1))
    return model.requires_grad_(False)


def batch_of(tokens: list[int], rows: list[int], positions: list[int], tables: list[list[int]]) -> Batch:
    fields = (np.array(what, np.int32) for what in (tokens, positions, rows, tables, range(len(tokens))))
    return Batch(*fields)


def pool(config: ModelConfig, pages: int = 8, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    start = config.num_layers, pages, config.num_kv_heads
    keys = torch.full((*start, config.head_dim, PAGE), NAN, dtype=dtype, device=DEVICE)
    return keys, torch.full((*start, PAGE, config.head_dim), NAN, dtype=dtype, device=DEVICE)


def in_chunks(decoder: EagerDecoder, tokens: list[int], table: list[int], cuts: list[int]) -> Tensor:
    """Logits of a sequence that is given in chunks which end at `cuts`."""
    keys, values = pool(decoder.config)
    logits: list[Tensor] = []
    for start, end in zip([0, *cuts], [*cuts, len(tokens)], strict=True):
        batch = batch_of(tokens[start:end], [0] * (end - start), list(range(start, end)), [table])
        logits.append(decoder.forward(batch, keys, values))
    return torch.cat(logits)


SENTENCE = [int(token) for token in torch.randint(0, 40, (40,), generator=torch.Generator().manual_seed(9))]


@pytest.mark.parametrize(
    "changes",
    [{"num_layers": 2, "qkv_bias": True, "qk_norm": True, "tie_embeddings": False}, {"sliding_window": 10}],
    ids=["biases, head norms, own head", "sliding window"],
)
def test_a_prefill_a_later_chunk_an_extend_and_a_decode_give_the_transformers_logits(
    changes: dict[str, object],
) -> None:
    model = random_model(shape(**changes))
    decoder = EagerDecoder(model, weights="float32", device=DEVICE)

    found = in_chunks(decoder, SENTENCE, [5, 2, 7], [18, 36, 39])

    torch.testing.assert_close(found.cpu(), model(torch.tensor([SENTENCE]))[0], rtol=1e-4, atol=1e-4)


def test_a_mixed_batch_scores_only_what_is_wanted() -> None:
    model = random_model(shape())
    decoder = EagerDecoder(model, weights="float32", device=DEVICE)
    keys, values = pool(model.config)
    told = SENTENCE[:17]
    decoder.forward(batch_of(told, [0] * 17, list(range(17)), [[3, 4]]), keys, values)
    whole = batch_of([7, *told], [0] + [1] * 17, [17, *range(17)], [[3, 4], [6, 1]])
    mixed = Batch(whole.tokens, whole.positions, whole.rows, whole.tables, np.array([0, 17], np.int32))

    found = decoder.forward(mixed, keys, values).cpu()

    after = model(torch.tensor([[*told, 7]]))[0]
    torch.testing.assert_close(found, torch.stack([after[17], after[16]]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["int8", "fp8"])
def test_eight_bit_weights_stay_near_the_transformers_logits(kind: str) -> None:
    model = random_model(shape())
    weights = "int8" if kind == "int8" else "fp8"
    decoder = EagerDecoder(model, weights=weights, dtype=torch.float32, device=DEVICE)

    found = in_chunks(decoder, SENTENCE[:3], [1], [2])

    wanted = model(torch.tensor([SENTENCE[:3]]))[0]
    assert float((found.cpu() - wanted).std() / wanted.std()) < (0.02 if kind == "int8" else 0.08)


def test_deterministic_steps_have_the_same_bits_chunked_batched_padded_and_on_other_pages() -> None:
    config = shape()
    decoder = EagerDecoder(random_model(config), weights="float32", device=DEVICE, deterministic=True)
    tokens, (keys, values) = SENTENCE[:18], pool(config)

    whole = decoder.forward(batch_of(tokens, [0] * 18, list(range(18)), [[4, 6]]), keys, values)
    chunked = in_chunks(decoder, tokens, [5, 3], [15, 17])
    slots = Slots(4, 3, DEVICE)
    slots.load(batch_of([tokens[0], tokens[17]], [0, 1], [0, 17], [[2, 0], [4, 6]]))
    padded = decoder.step(slots.inputs, keys, values, splits=2)

    assert torch.equal(whole, chunked)
    assert torch.equal(whole[[0, 17]], padded[:2])


@pytest.mark.parametrize("count", [2, 20], ids=["by pages", "gathered"])
@pytest.mark.parametrize("layer", [0, 1, None])
def test_numbers_that_are_not_finite_are_refused_by_the_layer_they_come_from(
    layer: int | None, count: int
) -> None:
    model = random_model(shape(num_layers=2))
    broken = model.model.norm if layer is None else model.model.layers[layer].mlp.down_proj
    broken.weight.view(-1)[0] = NAN
    decoder = EagerDecoder(model, weights="float32", device=DEVICE)
    batch = batch_of(SENTENCE[:count], [0] * count, list(range(count)), [[0, 1]])

    for run in (decoder.forward, decoder.hidden):
        with pytest.raises(NumericalError) as refused:
            run(batch, *pool(model.config))
        assert refused.value.layer == layer


@pytest.mark.parametrize("own", [True, False], ids=["own dtype", "another dtype"])
def test_released_weights_are_held_once_and_give_the_same_scores_and_states(own: bool) -> None:
    model = random_model(shape(num_layers=2, qkv_bias=True, tie_embeddings=False))
    if not own:
        model = model.to(torch.float64)
    tokens, table = SENTENCE[:20], [[5, 2]]
    batch = batch_of(tokens, [0] * 20, list(range(20)), table)
    attend = DocumentAttention([20])
    states = model.hidden(torch.tensor(tokens), torch.arange(20), attend).float()
    scores = model(torch.tensor([tokens]))[0].float()

    decoder = EagerDecoder(model, weights="float32", device=DEVICE, release=True)

    held = [weight.data_ptr() for weight in model.parameters() if weight.dim() > 1 and weight.numel()]
    assert held == [decoder.weights.embedding.data_ptr()]
    assert not sum(weight.numel() for weight in model.model.layers.parameters())
    for found, wanted in ((decoder.hidden, states), (decoder.forward, scores)):
        given = found(batch, *pool(model.config))
        torch.testing.assert_close(given.cpu(), wanted, rtol=1e-4, atol=1e-4)


def test_states_are_those_of_wanted_tokens_and_of_quantised_weights() -> None:
    """Embeddings come from the weights that were asked for, not from a second copy."""
    model = random_model(shape())
    whole = batch_of(SENTENCE[:6], [0] * 6, list(range(6)), [[3]])
    batch = Batch(whole.tokens, whole.positions, whole.rows, whole.tables, np.array([5], np.int32))
    exact = EagerDecoder(model, weights="float32", device=DEVICE)
    rounded = EagerDecoder(model, weights="int8", dtype=torch.float32, device=DEVICE)

    states = [decoder.hidden(batch, *pool(model.config)).cpu() for decoder in (exact, rounded)]

    wanted = model.hidden(torch.tensor(SENTENCE[:6]), torch.arange(6), DocumentAttention([6]))[5:]
    torch.testing.assert_close(states[0], wanted, rtol=1e-4, atol=1e-4)
    assert not torch.equal(states[0], states[1])
    assert float(torch.cosine_similarity(*states)) > 0.99


def test_pages_of_another_layout_are_refused() -> None:
    model = random_model(shape())
    keys, values = pool(model.config)

    with pytest.raises(ValueError, match="contiguous"):
        EagerDecoder(model, weights="float32", device=DEVICE).forward(
            batch_of([1], [0], [0], [[0]]), keys.transpose(3, 4), values
        )


def test_other_architectures_are_refused() -> None:
    config = shape(embedding_scale=2.0)

    with pytest.raises(NotSupported, match="Llama-type"):
        EagerDecoder(random_model(config), device=DEVICE)


def test_sizes_of_graphs_grow_as_batches_and_contexts_do() -> None:
    assert [buckets(most) for most in (1, 3, 8, 20)] == [(1,), (1, 2, 4), (1, 2, 4, 8), (1, 2, 4, 8, 16, 24)]
    assert [contexts(most) for most in (10, 64, 300)] == [(10,), (64,), (64, 256, 300)]


@pytest.mark.skipif(GPU, reason="there is a GPU")
def test_without_a_gpu_the_runner_says_so() -> None:
    with pytest.raises(GpuUnavailable, match="device='cpu'"):
        CudaDecoder(random_model(shape()), max_batch=8, max_pages=4)


@pytest.mark.skipif(not GPU, reason="records CUDA graphs: needs a GPU")
@pytest.mark.parametrize("deterministic", [False, True])
def test_replayed_graphs_give_the_transformers_logits(deterministic: bool) -> None:
    model = random_model(shape())
    decoder = CudaDecoder(model, weights="float32", max_batch=8, max_pages=4, deterministic=deterministic)
    keys, values = pool(model.config)
    decoder.prepare(keys, values)

    parts = [
        decoder.forward(batch_of(SENTENCE[a:b], [0] * (b - a), list(range(a, b)), [[5, 2, 7]]), keys, values)
        for a, b in ((0, 30), (30, 31), (31, 34), (34, 40))
    ]

    wanted = model(torch.tensor([SENTENCE]))[0]
    torch.testing.assert_close(torch.cat(parts).cpu(), wanted, rtol=1e-4, atol=1e-4)

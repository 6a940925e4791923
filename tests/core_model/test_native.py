"""The C++ decoder against the plain one, and its promise: a row's bits do not depend on the batch."""

from __future__ import annotations

import copy
import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from punchlist.core_model.batch import PAGE, Batch
from punchlist.core_model.config import ModelConfig
from punchlist.core_model.errors import NativeUnavailable, NumericalError
from punchlist.core_model.lora import MODULES, Adapter
from punchlist.core_model.native import NativeDecoder
from punchlist.core_model.native.build import load_library
from punchlist.core_model.native.decoder import product
from punchlist.core_model.native.packing import pack_matrix
from punchlist.core_model.transformer import Transformer

X86 = platform.machine() == "x86_64"
PORTABLE = ("-O1", "-mno-avx512f") if X86 else ("-O1",)
OLDEST = ("-O1", "-march=x86-64") if X86 else ("-O1",)
SHAPES = {
    "grouped": {"head_dim": 32, "num_heads": 6, "num_kv_heads": 2},
    "biased": {"head_dim": 64, "num_heads": 4, "num_kv_heads": 4, "qkv_bias": True},
    "normed": {"head_dim": 128, "num_heads": 7, "num_kv_heads": 1, "qk_norm": True, "tie_embeddings": False},
    "windowed": {"head_dim": 24, "num_heads": 4, "num_kv_heads": 2, "sliding_window": 70},
}


def make_model(shape: str = "grouped", strength: float = 2.0) -> Transformer:
    sizes = {"vocab_size": 201, "hidden_size": 72, "num_layers": 3, "intermediate_size": 100}
    full_layers = (1,) if shape == "windowed" else ()
    model = Transformer(ModelConfig(**sizes, **SHAPES[shape], full_layers=full_layers))
    model.requires_grad_(False).eval().initialise(3)
    torch.manual_seed(3)
    for name, weight in model.named_parameters():
        if "proj" in name:
            weight.mul_(strength)
        if weight.dim() == 1:
            weight.add_(torch.randn_like(weight) * 0.1)
    return model


class Pool:
    """Keys and values of `pages` pages that hold no number yet."""

    def __init__(self, config: ModelConfig, pages: int = 64, dtype: torch.dtype = torch.float32) -> None:
        lead = (config.num_layers, pages, config.num_kv_heads)
        self.keys = torch.full((*lead, config.head_dim, PAGE), float("nan"), dtype=dtype)
        self.values = torch.full((*lead, PAGE, config.head_dim), float("nan"), dtype=dtype)

    def run(self, decoder: NativeDecoder, batch: Batch) -> Tensor:
        return decoder.forward(batch, self.keys, self.values)


def lay(*parts: tuple[Tensor, int, list[int]], wanted: list[int] | None = None) -> Batch:
    """A batch of (tokens, first position, pages) of each sequence; all logits unless some are wanted."""
    widest = max(len(pages) for _, _, pages in parts)
    tokens = np.concatenate([part.numpy() for part, _, _ in parts]).astype(np.int32)
    return Batch(
        tokens,
        np.concatenate([np.arange(at, at + len(part)) for part, at, _ in parts]).astype(np.int32),
        np.repeat(np.arange(len(parts)), [len(part) for part, _, _ in parts]).astype(np.int32),
        np.array([pages + [0] * (widest - len(pages)) for _, _, pages in parts], np.int32),
        np.array(range(len(tokens)) if wanted is None else wanted, np.int32),
    )


def some_tokens(count: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 201, (count,), generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=["float32", "bfloat16", "int8", "portable"])
def decoder(request: pytest.FixtureRequest) -> NativeDecoder:
    if request.param == "portable":
        return NativeDecoder(make_model(), build_flags=PORTABLE)
    return NativeDecoder(make_model(), weights=request.param)


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_are_those_of_the_plain_decoder_in_double_precision(shape: str) -> None:
    model, tokens = make_model(shape), some_tokens(150)
    pool = Pool(model.config)

    got = pool.run(NativeDecoder(model), lay((tokens, 0, list(range(2, 12)))))

    expected = copy.deepcopy(model).double()(tokens[None])[0]
    assert (got - expected).abs().max() < 1e-4


@pytest.mark.parametrize("flags", [PORTABLE, OLDEST])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_build_for_lesser_processors_agrees(shape: str, flags: tuple[str, ...]) -> None:
    model, tokens = make_model(shape), some_tokens(100)
    batch = lay((tokens, 0, list(range(7))))

    portable = Pool(model.config).run(NativeDecoder(model, build_flags=flags), batch)

    assert (portable - copy.deepcopy(model).double()(tokens[None])[0]).abs().max() < 1e-4


def test_int8_weights_change_logits_little() -> None:
    model, tokens = make_model(strength=1.0), some_tokens(100)

    got = Pool(model.config).run(NativeDecoder(model, weights="int8"), lay((tokens, 0, list(range(7)))))

    expected = model(tokens[None])[0]
    assert (got - expected).std() < 0.05 * expected.std()


def test_a_bfloat16_model_and_cache_are_nearer_to_the_truth_than_plain_bfloat16() -> None:
    model, tokens = make_model().bfloat16(), some_tokens(100)
    pool = Pool(model.config, dtype=torch.bfloat16)

    got = pool.run(NativeDecoder(model, weights="bfloat16"), lay((tokens, 0, list(range(7)))))

    plain = model(tokens[None])[0]
    expected = model.float()(tokens[None])[0]
    assert (got - expected).std() < (plain - expected).std()


@pytest.mark.parametrize("flags", [(), PORTABLE, OLDEST])
@pytest.mark.parametrize("rows", [1, 6, 23])
def test_the_int8_product_is_exact(rows: int, flags: tuple[str, ...]) -> None:
    torch.manual_seed(1)
    weight, x = torch.randn(100, 150), torch.randn(rows, 150)
    w_scale, peak = weight.abs().amax(1) / 127, x.abs().amax(1)

    got = product(pack_matrix(weight, None, "int8"), x, build_flags=flags)

    levels = (x * (127 / peak)[:, None]).round().long() @ (weight / w_scale[:, None]).round().long().T
    assert torch.equal(got, levels.float() * (w_scale[None] * (peak / 127)[:, None]))


@pytest.mark.parametrize("chunk", [1, 7, 64, 100])
def test_chunks_of_any_size_give_the_same_bits(decoder: NativeDecoder, chunk: int) -> None:
    tokens, pages = some_tokens(170), list(range(11))
    whole = Pool(decoder.config).run(decoder, lay((tokens, 0, pages)))
    pool = Pool(decoder.config)

    parts = [pool.run(decoder, lay((part, at * chunk, pages))) for at, part in enumerate(tokens.split(chunk))]

    assert torch.equal(torch.cat(parts), whole)


def test_a_sliding_window_gives_the_same_bits_in_chunks_when_what_left_it_is_overwritten() -> None:
    decoder = NativeDecoder(make_model("windowed"))
    tokens, pages = some_tokens(230), list(range(15))
    whole = Pool(decoder.config).run(decoder, lay((tokens, 0, pages)))
    pool = Pool(decoder.config)

    for at in range(0, 230, 10):
        part = pool.run(decoder, lay((tokens[at : at + 10], at, pages)))
        for layer in (0, 2):
            pool.keys[layer, : max(0, at - 60) // PAGE] = float("nan")
            pool.values[layer, : max(0, at - 60) // PAGE] = float("nan")

        assert torch.equal(part, whole[at : at + 10])


def test_a_batch_gives_the_bits_of_each_sequence_alone(decoder: NativeDecoder) -> None:
    sizes = (5, 90, 1, 33)
    parts = [(some_tokens(size, size), 0, [*range(8 * row, 8 * row + 8)]) for row, size in enumerate(sizes)]
    alone = [Pool(decoder.config).run(decoder, lay(part)) for part in parts]

    together = Pool(decoder.config).run(decoder, lay(*parts))

    assert torch.equal(together, torch.cat(alone))


def test_branches_that_share_pages_give_the_bits_of_branches_that_do_not(decoder: NativeDecoder) -> None:
    trunk, branches = some_tokens(128), [some_tokens(20, seed) for seed in range(1, 10)]
    shared, tables = Pool(decoder.config), [[*range(8), 10 + 2 * row, 11 + 2 * row] for row in range(9)]
    shared.run(decoder, lay((trunk, 0, tables[0])))

    steps = [
        shared.run(decoder, lay(*zip((b[at, None] for b in branches), [128 + at] * 9, tables, strict=True)))
        for at in range(20)
    ]

    for row, branch in enumerate(branches):
        alone = Pool(decoder.config)
        alone.run(decoder, lay((trunk, 0, tables[row])))
        expected = [alone.run(decoder, lay((t[None], 128 + at, tables[row]))) for at, t in enumerate(branch)]
        assert torch.equal(torch.cat([step[row, None] for step in steps]), torch.cat(expected))


def test_where_pages_lie_and_how_many_threads_compute_changes_nothing() -> None:
    model, tokens = make_model(), some_tokens(200)
    one = Pool(model.config).run(NativeDecoder(model, threads=1), lay((tokens, 0, list(range(13)))))

    two = Pool(model.config).run(NativeDecoder(model, threads=2), lay((tokens, 0, list(range(60, 34, -2)))))

    assert torch.equal(one, two)


def test_only_wanted_logits_come_back(decoder: NativeDecoder) -> None:
    batch = lay((some_tokens(40), 0, [0, 1, 2]))
    every = Pool(decoder.config).run(decoder, batch)

    some = Pool(decoder.config).run(decoder, lay((some_tokens(40), 0, [0, 1, 2]), wanted=[3, 39]))
    none = Pool(decoder.config).run(decoder, lay((some_tokens(40), 0, [0, 1, 2]), wanted=[]))

    assert torch.equal(some, every[[3, 39]])
    assert none.shape == (0, 201)


def test_hidden_states_are_those_of_the_plain_decoder() -> None:
    model, tokens = make_model(), some_tokens(50)
    pool = Pool(model.config)

    got = NativeDecoder(model).hidden(lay((tokens, 0, [0, 1, 2, 3])), pool.keys, pool.values)

    assert torch.allclose(model.logits(got), model(tokens[None])[0], atol=1e-4)


@pytest.mark.parametrize("weights", ["float32", "int8"])
@pytest.mark.parametrize("name", ["self_attn.v_proj", "mlp.gate_proj", "mlp.down_proj"])
def test_a_weight_that_is_no_number_names_its_layer(weights: str, name: str) -> None:
    model = make_model()
    model.get_parameter(f"model.layers.1.{name}.weight")[5, 5] = float("nan")

    with pytest.raises(NumericalError) as caught:
        Pool(model.config).run(NativeDecoder(model, weights=weights), lay((some_tokens(5), 0, [0])))

    assert caught.value.layer == 1


@pytest.mark.parametrize(
    ("batch", "why"),
    [
        (lay((torch.tensor([201]), 0, [0])), "vocabulary"),
        (lay((some_tokens(20), 0, [0])), "positions"),
        (lay((some_tokens(5), 0, [64])), "page"),
        (lay((some_tokens(5), 0, [0]), wanted=[2, 2]), "wanted"),
        (replace(lay((some_tokens(1), 0, [0])), adapters=np.zeros(1, np.int32)), "adapter"),
    ],
)
def test_a_batch_out_of_range_is_refused(batch: Batch, why: str) -> None:
    model = make_model()

    with pytest.raises(ValueError, match=why):
        Pool(model.config).run(NativeDecoder(model), batch)


def make_adapter(model: Transformer, seed: int, modules: tuple[str, ...] = MODULES) -> Adapter:
    torch.manual_seed(seed)
    pairs: dict[tuple[int, str], tuple[Tensor, Tensor]] = {}
    for layer in range(model.config.num_layers):
        for module in modules:
            part = "self_attn" if module in MODULES[:4] else "mlp"
            width, depth = model.get_parameter(f"model.layers.{layer}.{part}.{module}.weight").shape
            pairs[layer, module] = torch.randn(5, depth) * 0.2, torch.randn(width, 5) * 0.1
    return Adapter(str(seed), pairs)


@pytest.mark.parametrize("modules", [MODULES, ("v_proj", "up_proj")])
def test_an_adapter_does_what_it_does_merged_into_the_weights(modules: tuple[str, ...]) -> None:
    model, tokens = make_model("windowed"), some_tokens(90)
    adapter, decoder = make_adapter(model, 1, modules), NativeDecoder(model)
    decoder.add_adapter(adapter)

    got = Pool(model.config).run(decoder, adapted(lay((tokens, 0, [*range(6)])), [0] * 90))

    plain = model(tokens[None])[0]
    adapter.merge(model)
    assert (got - model(tokens[None])[0]).abs().max() < 1e-4 < (got - plain).std()


def adapted(batch: Batch, adapters: list[int]) -> Batch:
    return replace(batch, adapters=np.array(adapters, np.int32))


def test_rows_with_adapters_and_without_have_the_bits_that_they_have_alone(decoder: NativeDecoder) -> None:
    for seed in (1, 2):
        decoder.add_adapter(make_adapter(make_model(), seed))
    parts = [(some_tokens(40, row), 0, [4 * row + page for page in range(4)]) for row in range(3)]
    alone = [Pool(decoder.config).run(decoder, lay(parts[0]))]
    alone += [Pool(decoder.config).run(decoder, adapted(lay(parts[row]), [row - 1] * 40)) for row in (1, 2)]

    together = adapted(lay(*parts, wanted=[39, 79, 119]), [-1] * 40 + [0] * 40 + [1] * 40)

    assert torch.equal(Pool(decoder.config).run(decoder, together), torch.stack([each[39] for each in alone]))


def test_released_weights_are_gone_from_the_model() -> None:
    model, batch = make_model(), lay((some_tokens(5), 0, [0]))
    expected = Pool(model.config).run(NativeDecoder(model), batch)

    decoder = NativeDecoder(model, release=True)

    assert sum(weight.numel() for weight in model.model.layers.parameters()) == 0
    assert torch.equal(Pool(model.config).run(decoder, batch), expected)


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)

    with pytest.raises(NativeUnavailable, match=r"no C\+\+ compiler was found.*Install"):
        load_library("-DNOTHING")


def test_a_compiler_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    with pytest.raises(NativeUnavailable, match="no-such-flag"):
        load_library("--no-such-flag")

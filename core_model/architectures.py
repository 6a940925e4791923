"""Which tensor of a checkpoint file is which parameter, for each family.

Parameters have the names of Llama-type decoders. Files of other families have other names, hold some
parameters in one tensor (GPT-2's query, key and value), some transposed (GPT-2), some in many (experts).
`pieces` says how a family is written; `other_pieces` how else it may be found in files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .config import ModelConfig

Index = tuple[int | slice, ...]
Shape = tuple[int, ...]

_PARAMETER = re.compile(r"(model|encoder|decoder)\.(?:layers\.(\d+)\.)?(.+)\.(weight|bias)")
_EXPERTS = re.compile(r"(model\.layers\.\d+)\.mlp\.experts\.(gate_up_proj|down_proj)")
_ALL: Index = ()


@dataclass(frozen=True)
class Family:
    """Names of one family in files.

    Attributes:
        names: From our name of a module to that in files, where they differ.
        layer, outside: What precedes the names in and outside of layers; `{n}` is the layer's number,
            `{stack}` encoder or decoder.
        ignored: Tensors in files that hold no weights of ours.
        bare: Names that files of the model without its head begin with, and what then is left out before.
    """

    names: Mapping[str, str]
    layer: str = "model.layers.{n}."
    outside: str = "model."
    ignored: str = r"\.rotary_emb\.inv_freq$"
    bare: tuple[str, str] = (r"(layers|embed_tokens|norm)\.", "model.")


_LLAMA = Family({})
_GPT2 = Family(
    {
        "embed_tokens": "wte",
        "embed_positions": "wpe",
        "norm": "ln_f",
        "input_layernorm": "ln_1",
        "self_attn.q_proj": "attn.c_attn",
        "self_attn.k_proj": "attn.c_attn",
        "self_attn.v_proj": "attn.c_attn",
        "self_attn.o_proj": "attn.c_proj",
        "post_attention_layernorm": "ln_2",
        "mlp.up_proj": "mlp.c_fc",
        "mlp.down_proj": "mlp.c_proj",
    },
    layer="transformer.h.{n}.",
    outside="transformer.",
    ignored=r"\.attn\.(masked_)?bias$",  # the causal mask, stored as if it were a weight
    bare=(r"(h|wte|wpe|ln_f)\.", "transformer."),
)
_BERT = Family(
    {
        "embed_tokens": "embeddings.word_embeddings",
        "embed_positions": "embeddings.position_embeddings",
        "embed_types": "embeddings.token_type_embeddings",
        "embed_norm": "embeddings.LayerNorm",
        "self_attn.q_proj": "attention.self.query",
        "self_attn.k_proj": "attention.self.key",
        "self_attn.v_proj": "attention.self.value",
        "self_attn.o_proj": "attention.output.dense",
        "input_layernorm": "attention.output.LayerNorm",
        "mlp.up_proj": "intermediate.dense",
        "mlp.down_proj": "output.dense",
        "post_attention_layernorm": "output.LayerNorm",
    },
    layer="bert.encoder.layer.{n}.",
    outside="bert.",
    ignored=r"^bert\.pooler\.|^cls\.|\.position_ids$",  # heads of the pre-training, and 0, 1, 2, ...
    bare=(r"(embeddings|encoder|pooler)\.", "bert."),
)
_MARIAN = Family(
    {
        "self_attn.o_proj": "self_attn.out_proj",
        "input_layernorm": "self_attn_layer_norm",
        "cross_attn.q_proj": "encoder_attn.q_proj",
        "cross_attn.k_proj": "encoder_attn.k_proj",
        "cross_attn.v_proj": "encoder_attn.v_proj",
        "cross_attn.o_proj": "encoder_attn.out_proj",
        "cross_layernorm": "encoder_attn_layer_norm",
        "mlp.up_proj": "fc1",
        "mlp.down_proj": "fc2",
        "post_attention_layernorm": "final_layer_norm",
    },
    layer="model.{stack}.layers.{n}.",
    outside="model.{stack}.",
    ignored=r"\.embed_positions\.weight$",  # the sinusoids, which are computed
    bare=(r"(encoder|decoder|shared)\.", "model."),
)
_FAMILIES = {"gpt2": _GPT2, "bert": _BERT, "marian": _MARIAN}
_EXPERT_NAMES = {
    "mixtral": ("block_sparse_moe.experts.{e}.{p}.weight", ("w1", "w3", "w2")),
    "qwen3_moe": ("mlp.experts.{e}.{p}.weight", ("gate_proj", "up_proj", "down_proj")),
}


@dataclass(frozen=True)
class Piece:
    """A part of a tensor in a file that is a part of a parameter.

    Attributes:
        stored: Name of the tensor in files.
        shape: Shape of the whole tensor there.
        source: Which part of it is meant.
        name: Name of the parameter.
        target: Which part of the parameter it is.
        transposed: Whether the part of the file is the transpose of that of the parameter.
    """

    stored: str
    shape: Shape
    name: str
    source: Index = _ALL
    target: Index = _ALL
    transposed: bool = False


def pieces(config: ModelConfig, shapes: Mapping[str, Shape]) -> Iterator[Piece]:
    """Every part of the parameters `shapes` (name to shape), as files of the family are written."""
    family = _FAMILIES.get(config.model_type, _LLAMA)
    for name, shape in shapes.items():
        if (found := _EXPERTS.fullmatch(name)) is not None:
            yield from _one_by_one(config, name, shape, found[1], found[2])
        elif config.model_type == "gpt2" and ".layers." in name and "norm" not in name:
            yield _conv1d(name, _stored(family, name), shape)
        elif config.model_type == "mixtral" and name.endswith(".mlp.gate.weight"):
            yield Piece(name.replace(".mlp.", ".block_sparse_moe."), shape, name)
        elif config.share_embeddings and name.endswith("embed_tokens.weight"):
            yield Piece("model.shared.weight", shape, name)
        else:
            yield Piece(_stored(family, name), shape, name)


def other_pieces(config: ModelConfig, shapes: Mapping[str, Shape]) -> Iterator[Piece]:
    """Parts as they may be found in files beside or instead of `pieces`.

    Experts may lie in one tensor, a tied table may be there under each of its names.
    """
    for name, shape in shapes.items():
        if _EXPERTS.fullmatch(name) or (config.experts is not None and name.endswith(".mlp.gate.weight")):
            yield Piece(name, shape, name)
        if name.endswith("embed_tokens.weight"):
            if config.share_embeddings:
                yield Piece("model.encoder.embed_tokens.weight", shape, name)
                yield Piece("model.decoder.embed_tokens.weight", shape, name)
            decoder = config.share_embeddings or not name.startswith("encoder.")
            if config.tie_embeddings and config.causal and decoder:
                yield Piece("lm_head.weight", shape, name)


def full_name(config: ModelConfig, stored: str) -> str | None:
    """The name in `pieces` of a tensor in a file; None when it holds no weights of ours.

    Files of a model without its head leave out what precedes its names; very old ones call the scale and
    shift of LayerNorm gamma and beta.
    """
    family = _FAMILIES.get(config.model_type, _LLAMA)
    start, before = family.bare
    if re.match(start, stored):
        stored = before + stored
    if re.search(family.ignored, stored):
        return None
    return re.sub(
        r"LayerNorm\.beta$", "LayerNorm.bias", re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", stored)
    )


def _stored(family: Family, name: str) -> str:
    found = _PARAMETER.fullmatch(name)
    if found is None:
        return name
    stack, layer, module, kind = found.groups()
    before = family.outside if layer is None else family.layer
    return f"{before.format(stack=stack, n=layer)}{family.names.get(module, module)}.{kind}"


def _conv1d(name: str, stored: str, shape: Shape) -> Piece:
    """GPT-2 stores products input first; query, key and value side by side in one."""
    turned = len(shape) == 2
    part = next((at for at, each in enumerate("qkv") if f"self_attn.{each}_proj" in name), None)
    if part is None:
        return Piece(stored, shape[::-1], name, transposed=turned)
    width = shape[0]
    columns = slice(part * width, (part + 1) * width)
    source = (slice(None), columns) if turned else (columns,)
    return Piece(stored, (*shape[1:], 3 * width), name, source, transposed=turned)


def _one_by_one(config: ModelConfig, name: str, shape: Shape, layer: str, kind: str) -> Iterator[Piece]:
    """Each expert's matrices in tensors of their own, as transformers 4 reads and both 4 and 5 write."""
    template, (gate, up, down) = _EXPERT_NAMES[config.model_type]
    experts, rows, columns = shape
    for expert in range(experts):
        if kind == "down_proj":
            yield Piece(
                f"{layer}.{template.format(e=expert, p=down)}", (rows, columns), name, target=(expert,)
            )
            continue
        half = rows // 2
        for number, part in enumerate((gate, up)):
            yield Piece(
                f"{layer}.{template.format(e=expert, p=part)}",
                (half, columns),
                name,
                target=(expert, slice(number * half, (number + 1) * half)),
            )

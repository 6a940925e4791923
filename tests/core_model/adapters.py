"""LoRA adapters with random matrices, in the files that the peft library writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from punchlist.core_model.lora import MODULES, linear
from punchlist.core_model.transformer import Transformer

RANK = 3


def write_adapter(folder: Path, model: Transformer, seed: int, **settings: Any) -> Path:
    """A folder as the peft library writes it."""
    draw = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for layer in range(model.config.num_layers):
        for module in MODULES:
            target = linear(model, layer, module)
            assert target is not None
            part = "self_attn" if module in MODULES[:4] else "mlp"
            name = f"base_model.model.model.layers.{layer}.{part}.{module}"
            tensors[f"{name}.lora_A.weight"] = torch.randn(RANK, target.in_features, generator=draw) * 0.3
            tensors[f"{name}.lora_B.weight"] = torch.randn(target.out_features, RANK, generator=draw) * 0.3
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    plain = {"peft_type": "LORA", "r": RANK, "lora_alpha": 6, "target_modules": list(MODULES), "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(plain | settings), encoding="utf-8")
    return folder

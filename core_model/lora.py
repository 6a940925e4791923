"""Low-rank adapters (Hu et al. 2021, arXiv:2106.09685) in the files that the peft library writes.

An adapter adds `scale * B(A x)` to the output of some linear layers of each block. Several can be loaded over
one model and are switched per request; `merge` adds one into the weights for good, where it costs nothing.

Covers rank and alpha per module (`rank_pattern`, `alpha_pattern`) and `use_rslora`. Does not cover DoRA,
biases, `modules_to_save`, and adapters of embeddings or of the head: those are refused, never left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn

from .batch import Batch
from .config_json import read_settings
from .errors import AdapterRefused

if TYPE_CHECKING:
    from .transformer import Transformer

MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Linear layers of a block that an adapter may change."""

_NAME = re.compile(r"(?:^|\.)layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)\.lora_([AB])(?:\.default)?\.weight$")
_NEUTRAL: dict[str, object] = {
    "bias": "none",
    "use_dora": False,
    "fan_in_fan_out": False,
    "modules_to_save": None,
    "trainable_token_indices": None,
    "lora_bias": False,
}


@dataclass(frozen=True)
class Adapter:
    """A loaded adapter.

    Attributes:
        name: How requests name it.
        pairs: By layer and module: A (rank, in) and B (out, rank), float32; B holds the scale.
    """

    name: str
    pairs: dict[tuple[int, str], tuple[Tensor, Tensor]]

    @classmethod
    def load(cls, name: str, folder: Path | str, model: Transformer) -> Adapter:
        """Read `adapter_config.json` and `adapter_model.safetensors` in `folder`.

        Raises:
            AdapterRefused: it is no LoRA adapter, uses what is not covered, or does not fit the model.
        """
        folder = Path(folder)
        file, config = folder / "adapter_model.safetensors", folder / "adapter_config.json"
        for path in (config, file):
            if not path.is_file():
                raise AdapterRefused(folder, f"it has no {path.name}")
        settings = read_settings(config)
        _refuse_what_is_not_covered(folder, settings)
        try:
            found = load_file(file)
        except (SafetensorError, OSError) as error:
            raise AdapterRefused(folder, f"{file.name} cannot be read ({error})") from error
        return cls(name, _pairs(folder, settings, found, model))

    def merge(self, model: Transformer) -> None:
        """Add the adapter into the model's weights; the adapter itself stays as it is."""
        with torch.no_grad():
            for (layer, module), (a, b) in self.pairs.items():
                target = cast("nn.Linear", linear(model, layer, module))
                target.weight.add_((b @ a).to(target.weight))


class AdapterHooks:
    """Adds the adapters of a batch's tokens to a torch model's layers; `use` comes before each pass."""

    def __init__(self, model: Transformer) -> None:
        self.adapters: list[Adapter] = []
        self._rows: NDArray[np.int32] | None = None
        self._kept: NDArray[np.int32] | None = None
        self._model = model
        self._hooked: set[tuple[int, str]] = set()

    def add(self, adapter: Adapter) -> None:
        """Make an adapter usable; its number is its place in `adapters`."""
        self.adapters.append(adapter)
        for layer, module in adapter.pairs.keys() - self._hooked:
            self._hook(layer, module)
            self._hooked.add((layer, module))

    def use(self, batch: Batch) -> None:
        """The next forward pass is of this batch."""
        self._rows = batch.adapters
        self._kept = None if batch.adapters is None else batch.adapters[batch.wanted]

    def _hook(self, layer: int, module: str) -> None:
        def add_low_rank(_: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> Tensor:
            rows, kept = self._rows, self._kept
            if rows is None or kept is None:
                return out
            x = args[0]
            numbers = rows if len(x) == len(rows) else kept
            used: list[int] = np.unique(numbers[numbers >= 0]).tolist()
            for number in used:
                pair = self.adapters[number].pairs.get((layer, module))
                if pair is not None:
                    at = torch.tensor(np.flatnonzero(numbers == number), device=x.device)
                    a, b = (each.to(x.device, x.dtype) for each in pair)
                    out = out.index_add(0, at, (x[at] @ a.t()) @ b.t())
            return out

        cast("nn.Linear", linear(self._model, layer, module)).register_forward_hook(add_low_rank)


def linear(model: Transformer, layer: int, module: str) -> nn.Linear | None:
    """One linear layer of a block, by its Hugging Face name; None where the block has no such layer."""
    block: Any = model.model.layers[layer]
    found = getattr(block.self_attn if module in MODULES[:4] else block.mlp, module, None)
    return found if isinstance(found, nn.Linear) else None


def _refuse_what_is_not_covered(folder: Path, settings: dict[str, Any]) -> None:
    if str(settings.get("peft_type", "LORA")).upper() != "LORA":
        raise AdapterRefused(folder, f"peft_type is {settings.get('peft_type')!r}, not LORA")
    for key, neutral in _NEUTRAL.items():
        if settings.get(key, neutral) not in (neutral, [], {}):
            raise AdapterRefused(folder, f"{key} is {settings[key]!r}, which is not supported")


def _pairs(
    folder: Path, settings: dict[str, Any], found: dict[str, Tensor], model: Transformer
) -> dict[tuple[int, str], tuple[Tensor, Tensor]]:
    halves: dict[tuple[int, str], dict[str, Tensor]] = {}
    for key, tensor in found.items():
        match = _NAME.search(key)
        if match is None or match.group(2) not in MODULES:
            raise AdapterRefused(folder, f"the tensor {key!r} is for no layer that can be adapted")
        place = int(match.group(1)), match.group(2)
        halves.setdefault(place, {})[match.group(3)] = tensor.float()
    pairs: dict[tuple[int, str], tuple[Tensor, Tensor]] = {}
    for (layer, module), half in sorted(halves.items()):
        where = f"model.layers.{layer}.{'self_attn' if module in MODULES[:4] else 'mlp'}.{module}"
        if half.keys() != {"A", "B"}:
            raise AdapterRefused(folder, f"{where} has only one of its two matrices")
        if layer >= model.config.num_layers:
            raise AdapterRefused(folder, f"it has a layer {layer}, the model has {model.config.num_layers}")
        a, b = half["A"], half["B"]
        target = linear(model, layer, module)
        if target is None:
            raise AdapterRefused(folder, f"the model has no {where}")
        fits = a.shape == (len(a), target.in_features) and b.shape == (target.out_features, len(a))
        if not fits:
            raise AdapterRefused(
                folder,
                f"{where} is {tuple(b.shape)} x {tuple(a.shape)}, the model needs "
                f"{target.out_features} x {target.in_features}",
            )
        pairs[layer, module] = a, b * _scale(settings, where, len(a))
    if not pairs:
        raise AdapterRefused(folder, "it has no matrices")
    return pairs


def _scale(settings: dict[str, Any], where: str, rank: int) -> float:
    alpha = float(settings.get("lora_alpha", rank))
    for pattern, own in cast("dict[str, float]", settings.get("alpha_pattern") or {}).items():
        if re.fullmatch(rf"(.*\.)?({pattern})", where):
            alpha = float(own)
            break
    return alpha / (rank**0.5 if settings.get("use_rslora") else rank)

"""More room for a trained model: a wider feed-forward that computes the same at first.

Source: Chen et al. 2016 (Net2Net), arXiv:1511.05641, of which this is the plain case: the new units begin
with random inputs and an output of zero, so nothing changes until they are trained.

Does not cover: mixtures of experts, and feed-forwards without a gate.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from ..transformer import Transformer


def widen(model: Transformer, intermediate_size: int, seed: int = 0) -> Transformer:
    """A model with the same outputs and a wider feed-forward.

    Args:
        model: Dense, with gate and up projections (SwiGLU); its weights are copied.
        intermediate_size: New width of the feed-forward; above the present one.
        seed: Of the inputs of the new units, drawn as wide as the present ones are spread.

    Raises:
        ValueError: It is not wider, or the model has no such feed-forward.
    """
    old = model.config.intermediate_size
    if intermediate_size <= old:
        raise ValueError(f"intermediate_size is {intermediate_size!r}; the model has {old} already.")
    wider = Transformer(replace(model.config, intermediate_size=intermediate_size))
    wider.initialise(seed)
    own, found = wider.state_dict(), model.state_dict()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in own.items():
            before = found[name].to(weight.dtype)
            if weight.shape == before.shape:
                weight.copy_(before)
            elif name.endswith("mlp.down_proj.weight"):  # (hidden, intermediate)
                weight.zero_()
                weight[:, :old] = before
            elif name.endswith(("mlp.gate_proj.weight", "mlp.up_proj.weight")):  # (intermediate, hidden)
                weight[:old] = before
                weight[old:] = torch.randn(weight[old:].shape, generator=generator) * before.std()
            else:
                raise ValueError(f"{name!r} of this model cannot be widened; only gated feed-forwards can.")
    return wider

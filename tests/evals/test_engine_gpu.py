"""The bench of the GPU path: what can be held to without a GPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from punchlist.agents.evals.engine.shapes import TINY
from punchlist.agents.evals.engine.work import Work
from punchlist.agents.evals.engine_gpu import (
    NoGpu,
    batch_of,
    materialised,
    measure,
    random_model,
    shape,
    tree_gain,
)
from punchlist.agents.evals.harness import EvalOptions, Measuring
from punchlist.agents.evals.registry import Measurement


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_measures_nothing():
    entry = Measurement("bench", "engine-gpu", "", "engine_gpu", frozenset())

    with pytest.raises(NoGpu, match="CUDA"):
        measure(Measuring(entry, EvalOptions()))


def test_its_model_has_the_weights_of_llama_8b():
    assert shape().parameters == 8_030_261_248


def test_its_batches_want_the_last_token_of_every_sequence_and_share_no_page():
    batch = batch_of(3, 40, range(38, 40))

    assert batch.positions[batch.wanted].tolist() == [39] * 3
    assert batch.rows[batch.wanted].tolist() == [0, 1, 2]
    assert len(np.unique(batch.tables)) == batch.tables.size


def test_a_tree_of_thought_is_run_by_forking_and_by_sending_again() -> None:
    model = random_model(TINY.config, "cpu")
    work = Work("tot", "tree", 40, 3, breadth=2, depth=2)

    assert tree_gain(model, work, repeats=1, backend="reference") > 0


def test_the_form_it_compares_attention_with_is_causal_attention():
    qkv = torch.randn(9, 4 + 2 * 2, 16, generator=torch.Generator().manual_seed(1))
    q, k, v = qkv.transpose(0, 1).split([4, 2, 2])

    found = materialised(qkv, 4, 2)

    repeated = (part.repeat_interleave(2, 0)[None] for part in (k, v))
    wanted = F.scaled_dot_product_attention(q[None], *repeated, is_causal=True)[0]
    torch.testing.assert_close(found, wanted)

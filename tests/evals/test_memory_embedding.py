"""The comparison of the embedder's forms gives every figure that it explains."""

import re

from punchlist.agents.evals import memory_embedding
from punchlist.agents.evals.memory_embedding import compare_embedders


def test_every_form_is_measured_and_every_figure_explained():
    figures = compare_embedders([f"Ada ordered {number} green mugs." for number in range(8)], rounds=1)

    assert set(figures) == set(re.findall(r"^    (embed_\w+):", memory_embedding.__doc__, re.MULTILINE))
    assert all(figure > 0 for figure in figures.values())
    assert figures["embed_int8_cosine_least"] > 0.95 and figures["embed_onnx_cosine_least"] > 0.9999

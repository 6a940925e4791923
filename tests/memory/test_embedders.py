"""Names of embedders: what a user writes, what a store holds, and that they mean the same."""

import shutil

import numpy as np
import pytest

from punchlist.memory import (
    HubEmbedder,
    MiniLM,
    OnnxMiniLM,
    RemoteEmbedder,
    TextTooLong,
    UnknownEmbedder,
    embedder_of,
)
from punchlist.memory.minilm_files import package_folder

from .doubles import confirm, record

WRITTEN = {
    "minilm": (MiniLM, "all-MiniLM-L6-v2@53aa51172d14"),
    "minilm-onnx": (OnnxMiniLM, "all-MiniLM-L6-v2@53aa51172d14+onnx"),
    "minilm-int8": (OnnxMiniLM, "all-MiniLM-L6-v2@53aa51172d14+int8"),
    None: (OnnxMiniLM, "all-MiniLM-L6-v2@53aa51172d14+int8"),
    "http://host/v1#m@384": (RemoteEmbedder, "http://host/v1#m@384"),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_what_is_written_opens_its_embedder_and_its_name_opens_it_again(written):
    kind, name = WRITTEN[written]

    made = embedder_of(written, None)
    again = embedder_of(None, made.name)

    assert type(made) is type(again) is kind
    assert made.name == again.name == name


def test_what_is_asked_for_goes_before_what_the_store_has():
    """Whether the two may meet is for the memory to say."""
    assert embedder_of("minilm", "all-MiniLM-L6-v2@53aa51172d14+int8").name == MiniLM.name


@pytest.mark.parametrize("written", ["http://host#m", "http://HOST/v1/", "http://host/v1#m"])
def test_an_url_that_leaves_something_open_is_completed_by_the_store(written):
    """So that a memory is opened without a question to the server."""
    assert embedder_of(written, "http://host/v1#m@384").name == "http://host/v1#m@384"


def test_a_hub_name_without_revision_means_that_of_the_store():
    assert (
        embedder_of("somebody/minilm", "somebody/minilm@1110a24").covers("somebody/minilm@1110a24") is False
    )
    assert embedder_of("somebody/minilm").covers("somebody/minilm@1110a24") is True
    assert embedder_of("somebody/minilm").covers("somebody/other@1110a24") is False


def test_an_object_is_taken_as_it_is():
    class Own:
        name = "own"

        def embed(self, texts):
            return np.ones((len(texts), 1), dtype=np.float32)

    own = Own()

    assert embedder_of(own, "own") is own


@pytest.mark.parametrize("name", ["minilm-int4", "", " ", "a/b/c", "/nowhere", "owner/name@master!"])
def test_a_name_that_means_nothing_says_what_there_is(name):
    if not name:
        assert isinstance(embedder_of(name or None), OnnxMiniLM)
        return
    with pytest.raises(UnknownEmbedder, match="minilm-int8"):
        embedder_of(name)


def test_a_store_made_with_an_object_can_be_looked_through_without_it(open_memory):
    kept = open_memory().remember_sync(record("A thing."), confirm())

    memory = open_memory(embedder=None)

    assert memory.records_sync() == [kept] and memory.health_sync().faults == ()
    with pytest.raises(UnknownEmbedder, match="hand the embedder in"):
        memory.recall_sync("thing")
    assert memory.forget_sync(kept.id).records == 1


def test_a_hub_name_that_is_not_here_is_refused_without_the_network():
    with pytest.raises(UnknownEmbedder, match="the network was not permitted"):
        embedder_of("sentence-transformers/all-mpnet-base-v2").embed(["text"])


def test_a_hub_name_in_the_local_cache_is_opened_and_named_by_its_revision(tmp_path, monkeypatch, embedder):
    revision = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
    place = tmp_path / "models--somebody--minilm"
    shutil.copytree(package_folder(), place / "snapshots" / revision)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(revision)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    made = embedder_of("somebody/minilm")

    assert made.name == f"somebody/minilm@{revision}" == embedder_of(None, made.name).name
    assert np.allclose(made.embed(["text"]), embedder.embed(["text"]), atol=1e-6)


def test_a_folder_is_named_by_what_is_in_it(tmp_path, embedder):
    here, there, changed = (tmp_path / name / "minilm" for name in ("here", "there", "changed"))
    for folder in (here, there, changed):
        shutil.copytree(package_folder(), folder)
    with (changed / "model.safetensors").open("r+b") as file:
        file.seek(50_000_000)
        file.write(b"\x01")

    assert HubEmbedder(here).name == embedder_of(str(there)).name != HubEmbedder(changed).name
    assert np.allclose(HubEmbedder(here).embed(["text"]), embedder.embed(["text"]), atol=1e-6)


def test_a_folder_cuts_by_its_own_tokenizer_and_refuses_what_is_too_long(embedder):
    model = HubEmbedder(package_folder())
    text = "The cart holds two green mugs for Ada. " * 60

    with pytest.raises(TextTooLong, match="the embedder reads 256"):
        model.embed([text])

    assert model.pieces(text) == embedder.pieces(text)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UnknownEmbedder, match=r"no config\.json"):
        embedder_of(str(tmp_path)).embed(["text"])

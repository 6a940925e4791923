"""Any model of sentence-transformers: a folder, or a name of the Hugging Face hub.

Promises: a hub name is looked up in the local cache alone, unless the network was permitted; a hub model is
named by its revision, a folder by the sha256 of what is in it; a text longer than the model reads is refused,
never cut. Does not cover: models whose code lies beside their weights (none is run).
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from .embedder import BATCH, Vectors, checked, no_progress_bar, offline, one_thread
from .errors import TextTooLong, UnknownEmbedder
from .installed import installed
from .minilm_files import sha256_of
from .wordpieces import encodable, packed

HUB_NAME = re.compile(r"(?P<name>[\w.-]+/[\w.-]+?)(?:@(?P<revision>[0-9a-f]{7,40}))?")
WEIGHTS = (".safetensors", ".bin", ".json", ".txt", ".model")
_DEFAULT_WINDOW = 512


class HubEmbedder:
    """A model of sentence-transformers on the CPU, on one thread."""

    def __init__(self, source: str | Path, *, network: bool = False) -> None:
        """Loads nothing yet.

        Args:
            source: A folder, or "owner/name", or "owner/name@revision".
            network: Whether the hub may be asked for what is not in the local cache.
        """
        self._source, self._network = str(source), network
        self._place: tuple[Path, str] | None = None
        self._model: Any = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """See `Embedder.name`. The first look reads a folder's files, or finds the hub name's revision.

        Raises:
            UnknownEmbedder, EmbedderMissing: See `embed`.
        """
        with self._lock:
            return self._found()[1]

    def covers(self, name: str) -> bool:
        """Whether this stored name is a revision of the hub name that was given without one."""
        asked, found = HUB_NAME.fullmatch(self._source), HUB_NAME.fullmatch(name)
        if asked is None or found is None or Path(self._source).expanduser().is_dir():
            return False
        return asked["revision"] is None and found["revision"] is not None and asked["name"] == found["name"]

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`. The first call loads the model.

        Raises:
            UnknownEmbedder: There is no such folder, or the hub name is not here and may not be fetched.
            EmbedderMissing: A package is not installed.
            TextTooLong: A text does not fit the window; see `pieces`.
            WrongVectors: The model's output cannot be used.
        """
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        with self._lock:
            model, name = self._loaded(), self._found()[1]
            given = [encodable(text) for text in texts]
            window = self._window()
            for text in given:
                if (count := self._count(text)) > window:
                    raise TextTooLong(count, window)
            with one_thread():
                rows = model.encode(
                    given, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
                )
        return checked(name, rows, len(texts))

    def pieces(self, text: str) -> list[str]:
        """See `Embedder`: counted by the model's own tokenizer, so it loads the model."""
        with self._lock:
            self._loaded()
            special = self._count("")
            if self._count(encodable(text)) <= self._window():
                return [text]
            return packed(
                text, self._window() - special, lambda part: max(self._count(encodable(part)) - special, 0)
            )

    def _count(self, text: str) -> int:
        return len(self._model.tokenizer(text, truncation=False, verbose=False)["input_ids"])

    def _window(self) -> int:
        return int(self._model.max_seq_length or _DEFAULT_WINDOW)

    def _loaded(self) -> Any:
        if self._model is None:
            folder, _ = self._found()
            library = installed("sentence_transformers")
            try:
                with offline(), no_progress_bar():
                    self._model = library.SentenceTransformer(
                        str(folder), device="cpu", local_files_only=True
                    )
            except (OSError, ValueError, KeyError) as error:
                why = f"sentence-transformers cannot load it: {error}"
                raise UnknownEmbedder(self._source, why) from error
        return self._model

    def _found(self) -> tuple[Path, str]:
        if self._place is None:
            folder = Path(self._source).expanduser()
            self._place = self._of_folder(folder) if folder.is_dir() else self._of_hub()
        return self._place

    def _of_folder(self, folder: Path) -> tuple[Path, str]:
        files = sorted(path for path in folder.rglob("*") if path.suffix in WEIGHTS and path.is_file())
        if not any(path.name == "config.json" for path in files):
            raise UnknownEmbedder(self._source, "the folder has no config.json")
        lines = [f"{path.relative_to(folder)} {sha256_of(path)}" for path in files]
        found = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        return folder, f"{folder.resolve().name}@{found[:12]}"

    def _of_hub(self) -> tuple[Path, str]:
        asked = HUB_NAME.fullmatch(self._source)
        if asked is None:
            raise UnknownEmbedder(self._source, "there is no such folder")
        hub = installed("huggingface_hub")
        try:
            with nullcontext() if self._network else offline():
                found = hub.snapshot_download(
                    asked["name"], revision=asked["revision"], local_files_only=not self._network
                )
        except (OSError, ValueError) as error:
            why = (
                f"the hub did not give it: {error}"
                if self._network
                else "it is not in the local cache of the hub, and the network was not permitted. Fetch it "
                "once with `hf download`, or permit the network (network=True)"
            )
            raise UnknownEmbedder(self._source, why) from error
        return Path(found), f"{asked['name']}@{Path(found).name}"

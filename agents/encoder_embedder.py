"""Lets an encoder of `core_model` embed for `memory`; the two packages do not know each other."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..memory.embedder import Vectors, checked, one_thread
from ..memory.errors import TextTooLong
from ..memory.wordpieces import packed, readable

if TYPE_CHECKING:
    from ..core_model.encoder import SentenceEncoder


class EncoderEmbedder:
    """An embedder for `Memory.open(folder, embedder=...)`. On the CPU it computes on one thread."""

    def __init__(self, encoder: SentenceEncoder, name: str) -> None:
        """Wrap an open encoder.

        Args:
            name: Stored with the vectors. Weights that are others, or trained further, need another name.

        Raises:
            ValueError: The encoder's vectors are not scaled to length 1, so their cosine is not what its
                model means by nearness, or there is no name.
        """
        if not encoder.normalise or not name:
            raise ValueError("An embedder needs a name, and an encoder that scales its vectors to length 1.")
        self.name, self._encoder = name, encoder
        self._window = encoder.limit - 1  # the encoder cuts at its limit: what reaches it may have been cut
        self._lock = threading.Lock()

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._encoder.model.config.hidden_size

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`.

        Raises:
            TextTooLong: A text does not fit the window; see `pieces`.
        """
        given = [readable(text) for text in texts]
        for text in given:
            if (count := len(self._encoder.tokens(text))) > self._window:
                raise TextTooLong(count, self._window)
        with self._lock, one_thread():
            rows = self._encoder.embed(given).numpy()
        return checked(self.name, rows, len(texts), self.dimension)

    def pieces(self, text: str) -> list[str]:
        """The text in pieces that fit the window; put together, they are the text."""
        special = len(self._encoder.tokens(""))
        if len(self._encoder.tokens(readable(text))) <= self._window:
            return [text]
        return packed(
            text, self._window - special, lambda part: len(self._encoder.tokens(readable(part))) - special
        )

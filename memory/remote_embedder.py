"""An embedder behind a server: `POST /v1/embeddings` as OpenAI defines it, and as `punchlist serve` answers.

Promises: nothing is sent before the first text or the first look at `name`, and only to the server that was
named; tries and waits are bounded; what comes back is checked before it is used. Does not cover: that the
server computes with the same weights tomorrow, or reads all of a text that its tokenizer makes longer than
`tokens_per_piece` (pieces are counted without knowing that tokenizer, on the high side for most).
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from .embedder import PLAIN_TOKENS, Vectors, checked
from .errors import EmbedderServerFailed, UnknownEmbedder, WrongVectors
from .wordpieces import encodable, plain_pieces

if TYPE_CHECKING:
    import httpx

BATCH = 32  # texts in one request
KEY_VARIABLE = "PUNCHLIST_EMBEDDINGS_KEY"
PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""HTTP errors after which a request is sent again."""
_DIMENSION = re.compile(r"(?P<model>.*)@(?P<dimension>[1-9][0-9]*)$")


class RemoteEmbedder:
    """A server's model. Its name is the server's address, the model and the dimension of its vectors."""

    def __init__(
        self,
        url: str,
        *,
        key_variable: str | None = KEY_VARIABLE,
        timeout: float = 60.0,
        tries: int = 4,
        first_wait: float = 0.5,
        longest_wait: float = 20.0,
        tokens_per_piece: int = PLAIN_TOKENS,
    ) -> None:
        """Point at a server; nothing is sent yet.

        Args:
            url: Base URL, "/v1" included; "#model" behind it chooses the model, else the server's first one
                is taken; "#model@dimension" says what is otherwise asked for when `name` is first read.
            key_variable: Environment variable whose value is sent as bearer token, if it is set.
            timeout: Seconds to wait for a connection and for each answer.
            tries: Attempts in all, for refused connections, timeouts and passing HTTP errors.
            first_wait: Seconds before the second attempt; doubled each time.
            longest_wait: No wait is longer, not even one that the server asks for.
            tokens_per_piece: What the model reads of a text.

        Raises:
            UnknownEmbedder: `url` is no http(s) address, or holds a password, which would be stored.
        """
        address, _, named = url.partition("#")
        self.url = _address(address)
        found = _DIMENSION.match(named)
        self._model = found["model"] if found else named
        self._dimension = int(found["dimension"]) if found else None
        self._key_variable, self._timeout = key_variable, timeout
        self._tries, self._first_wait, self._longest_wait = tries, first_wait, longest_wait
        self._tokens_per_piece = tokens_per_piece
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """See `Embedder.name`. Where the URL does not say model and dimension, the server is asked, once."""
        if self._dimension is None:
            self.embed(["What is the dimension of your vectors?"])
        return f"{self.url}#{self._model}@{self._dimension}"

    def covers(self, name: str) -> bool:
        """Whether the URL leaves open what this stored name says: the model, or the dimension."""
        address, _, rest = name.partition("#")
        found = _DIMENSION.match(rest)
        return (
            self._dimension is None
            and address == self.url
            and found is not None
            and self._model in ("", found["model"])
        )

    @property
    def dimension(self) -> int | None:
        """Length of a vector; None: not known yet."""
        return self._dimension

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`.

        Raises:
            EmbedderServerFailed: The server is not there, refuses, or answers something else.
            WrongVectors: Its vectors cannot be used.
        """
        if not texts:
            return np.zeros((0, self._dimension or 0), dtype=np.float32)
        with self._lock:
            if not self._model:
                self._model = self._first_model()
            parts = [self._batch(texts[first : first + BATCH]) for first in range(0, len(texts), BATCH)]
        return np.concatenate(parts)

    def pieces(self, text: str) -> list[str]:
        """See `Embedder`; counted without the server's tokenizer."""
        return plain_pieces(text, self._tokens_per_piece)

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _batch(self, texts: Sequence[str]) -> Vectors:
        given = [encodable(text) or " " for text in texts]  # servers refuse empty texts
        body = {"model": self._model, "input": given, "encoding_format": "float"}
        answer = self._asked("POST", "/embeddings", body)
        try:
            data = {int(each["index"]): each["embedding"] for each in answer["data"]}
            rows = [data.pop(place) for place in range(len(texts))]
        except (KeyError, TypeError, ValueError) as error:
            what = f"its answer does not have one vector for each of {len(texts)} texts ({error!r})"
            raise EmbedderServerFailed(self.url, what) from error
        if data:
            raise WrongVectors(f"{self.url}#{self._model}", f"are {len(data)} more than texts")
        vectors = checked(f"{self.url}#{self._model}", rows, len(texts), self._dimension)
        self._dimension = vectors.shape[1]
        return vectors

    def _first_model(self) -> str:
        answer = self._asked("GET", "/models", None)
        try:
            return str(answer["data"][0]["id"])
        except (KeyError, IndexError, TypeError) as error:
            raise EmbedderServerFailed(self.url, "it lists no models; name one behind '#'") from error

    def _asked(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        """The answer of the server, asked again while it is not there or busy."""
        import httpx

        if self._client is None:
            self._client = httpx.Client(timeout=self._timeout)
        wait = self._first_wait
        for left in range(self._tries - 1, -1, -1):
            try:
                response = self._client.request(method, self.url + path, json=body, headers=self._headers())
            except httpx.TransportError as error:
                if not left:
                    raise EmbedderServerFailed(self.url, str(error) or type(error).__name__) from error
                time.sleep(min(wait, self._longest_wait))
            else:
                if response.status_code not in PASSING or not left:
                    return self._read(response)
                time.sleep(min(max(wait, _asked_wait(response)), self._longest_wait))
            wait *= 2
        raise ValueError(f"tries is {self._tries!r}; it must be at least 1.")

    def _read(self, response: httpx.Response) -> Any:
        status = response.status_code
        if status != 200:
            raise EmbedderServerFailed(self.url, f"HTTP {status}: {response.text[:300]}", status)
        try:
            return response.json()
        except ValueError as error:
            raise EmbedderServerFailed(self.url, "its answer is not JSON", status) from error

    def _headers(self) -> dict[str, str]:
        key = os.environ.get(self._key_variable, "") if self._key_variable else ""
        if key and not (key.isascii() and key.isprintable() and key.strip() == key):
            why = f"the key in {self._key_variable} is not printable ASCII without spaces around it"
            raise EmbedderServerFailed(self.url, why)
        return {"Authorization": f"Bearer {key}"} if key else {}


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        well = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise UnknownEmbedder(url, f"it is no address: {error}") from error
    if not well or parts.query:
        raise UnknownEmbedder(url, "it is no http(s) address of a server")
    if parts.username or parts.password:
        raise UnknownEmbedder(
            parts.hostname or "", f"its URL holds a password; put the key in {KEY_VARIABLE} instead"
        )
    path = parts.path.rstrip("/") or "/v1"
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def _asked_wait(response: httpx.Response) -> float:
    """Seconds that the server asks for; 0 where it does not say a number."""
    told = response.headers.get("retry-after", "")
    return float(told) if told.isdecimal() else 0.0

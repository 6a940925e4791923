"""Which embedder a name means: what a user writes, and what a store holds.

| written | stored |
|---|---|
| `minilm` | `all-MiniLM-L6-v2@53aa51172d14` |
| `minilm-onnx` | the same with `+onnx` |
| `minilm-int8`, the default | the same with `+int8` |
| `https://host/v1#model` | the same with `@` and the dimension |
| `owner/name` of the hub | the same with `@` and the revision |
| a folder | its last part with `@` and a hash of its files |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from .embedder import Embedder, MiniLM, Vectors
from .errors import UnknownEmbedder
from .hub_embedder import HUB_NAME, HubEmbedder
from .minilm_files import MODEL_NAME
from .onnx_minilm import OnnxMiniLM
from .remote_embedder import RemoteEmbedder

DEFAULT = "minilm-int8"
BY_NAME: dict[str, Callable[[], Embedder]] = {
    "minilm": MiniLM,
    "minilm-onnx": lambda: OnnxMiniLM("onnx"),
    "minilm-int8": lambda: OnnxMiniLM("int8"),
}
"""The forms of the embedder that comes along, by what a user writes."""
_STORED = {MODEL_NAME: "minilm", f"{MODEL_NAME}+onnx": "minilm-onnx", f"{MODEL_NAME}+int8": "minilm-int8"}


class Absent:
    """Stands for an embedder that was not handed in."""

    def __init__(self, error: UnknownEmbedder) -> None:
        self.name = error.name
        self._error = error

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Raises UnknownEmbedder."""
        raise UnknownEmbedder(self._error.name, self._error.why)


def embedder_of(spec: str | Embedder | None, stored: str | None = None, *, network: bool = False) -> Embedder:
    """The embedder that is meant. Loads nothing and asks no server.

    Args:
        spec: What the user wrote, or an embedder; None: the one of the store, for a new one the default.
        stored: Name of the embedder that a store was made with; None: the store is new.
        network: Whether a hub name that is not in the local cache may be fetched.

    Where a store was made with an object or a folder, and none is handed in, it can still be looked through,
    exported and forgotten: what embeds raises UnknownEmbedder when it is asked to.

    Raises:
        UnknownEmbedder: The name means nothing.
    """
    if spec is not None and not isinstance(spec, str):
        return spec
    if spec is None and stored is not None:
        try:
            return _of_name(
                stored, network, "this memory was made with it: hand the embedder in, or its folder"
            )
        except UnknownEmbedder as error:
            return Absent(error)
    made = _of_name(spec or DEFAULT, network, None, folders=True)
    if stored is not None and isinstance(made, (RemoteEmbedder, HubEmbedder)) and made.covers(stored):
        return _of_name(stored, network, None)  # with what was left open as it was when the store was made
    return made


def _of_name(name: str, network: bool, otherwise: str | None, *, folders: bool = False) -> Embedder:
    if (made := BY_NAME.get(_STORED.get(name, name))) is not None:
        return made()
    if name.startswith(("http://", "https://")):
        return RemoteEmbedder(name)
    if folders and Path(name).expanduser().is_dir():
        return HubEmbedder(name)
    if HUB_NAME.fullmatch(name):
        return HubEmbedder(name, network=network)
    raise UnknownEmbedder(
        name, otherwise or f"choose {', '.join(BY_NAME)}, a folder, 'owner/name' of the hub or a URL"
    )

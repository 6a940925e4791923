"""Hugging Face checkpoint folders: config.json, sharded safetensors, and a manifest of their hashes.

`manifest.json` lists every file with its size and sha256; it is checked before anything is read. A folder
without a manifest (any checkpoint that was not saved here) loads unchecked. Only safetensors are read:
pickled weights can run code.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from .config import ModelConfig
from .errors import CorruptWeights, MissingWeights, UnknownCheckpoint
from .tokenizer import Tokenizer
from .transformer import Transformer

MANIFEST = "manifest.json"
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
SHARD_BYTES = 12_000_000


def save_checkpoint(
    folder: Path | str,
    model: Transformer,
    tokenizer: Tokenizer | None = None,
    *,
    dtype: torch.dtype = torch.bfloat16,
    shard_bytes: int = SHARD_BYTES,
) -> None:
    """Write a folder that any Hugging Face loader opens, then its manifest.

    Args:
        folder: Made if needed; files of the same names are replaced, others are left and listed too.
        dtype: Dtype of the weights on disk.
        shard_bytes: No shard is larger, unless a single tensor is.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("model*.safetensors"), folder / INDEX):
        old.unlink(missing_ok=True)
    state = {
        name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in model.state_dict().items()
    }
    shards = _split(state, shard_bytes)
    placed: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        save_file({name: state[name] for name in names}, folder / file, metadata={"format": "pt"})
        placed |= dict.fromkeys(names, file)
    total = sum(tensor.nbytes for tensor in state.values())
    _write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": placed})
    _write_json(
        folder / "config.json", model.config.to_hf() | {"torch_dtype": str(dtype).removeprefix("torch.")}
    )
    if tokenizer is not None:
        tokenizer.save(folder)
    write_manifest(folder)


def write_manifest(folder: Path | str) -> None:
    """List every file of `folder` (hidden ones excepted) with size and sha256 in `manifest.json`."""
    folder = Path(folder)
    files = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
        and path.name != MANIFEST
        and not path.relative_to(folder).parts[0].startswith((".", "__"))
    )
    listed = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": _sha256(folder / name)} for name in files
    }
    _write_json(folder / MANIFEST, {"version": 1, "files": listed})


def verify_manifest(folder: Path | str) -> None:
    """Check every listed file; does nothing when there is no manifest.

    Raises:
        MissingWeights: a listed file is absent.
        CorruptWeights: a file has another size or hash, or the manifest is unreadable.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    if not path.is_file():
        return
    try:
        files: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["files"]
        expected = [(name, int(entry["bytes"]), str(entry["sha256"])) for name, entry in files.items()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptWeights(path, f"it cannot be read as a manifest ({error!r})") from error
    for name, size, digest in expected:
        file = folder / name
        if not file.is_file():
            raise MissingWeights(folder, f"the manifest lists {name!r}", "Fetch the checkpoint again.")
        if file.stat().st_size != size:
            raise CorruptWeights(file, f"it has {file.stat().st_size} bytes, the manifest says {size}")
        if _sha256(file) != digest:
            raise CorruptWeights(file, "its sha256 is not the one in the manifest")


def load_checkpoint(
    folder: Path | str, *, dtype: torch.dtype = torch.float32, device: str | torch.device = "cpu"
) -> Transformer:
    """Open a folder's model, ready for inference (no gradients, evaluation mode).

    Raises:
        UnknownCheckpoint: no such folder, or an architecture that is not supported.
        MissingWeights: a file or a tensor is absent.
        CorruptWeights: a file does not match the manifest, cannot be read, or has tensors of other shapes.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UnknownCheckpoint(
            folder, "there is no such folder", "Give a folder, a hub name or a server URL."
        )
    verify_manifest(folder)
    config = ModelConfig.load(folder)
    state: dict[str, Tensor] = {}
    for file in _weight_files(folder):
        try:
            state |= load_file(file)
        except (SafetensorError, OSError) as error:
            raise CorruptWeights(file, f"it cannot be read as safetensors ({error})") from error
    with torch.device("meta"):
        model = Transformer(config)
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    if absent := sorted(shapes.keys() - state.keys()):
        raise MissingWeights(
            folder, f"{len(absent)} tensors, first {absent[0]!r}", "Fetch the checkpoint again."
        )
    for name, shape in shapes.items():
        if state[name].shape != shape:
            raise CorruptWeights(
                folder, f"{name!r} has shape {tuple(state[name].shape)}, expected {tuple(shape)}"
            )
    weights = {name: state[name].to(device, dtype) for name in shapes}
    model.load_state_dict(weights, assign=True)
    model.place_rotary_tables(device)
    return model.requires_grad_(False).eval()


def _weight_files(folder: Path) -> Iterable[Path]:
    index = folder / INDEX
    if not index.is_file():
        if not (folder / SINGLE).is_file():
            remedy = "Only safetensors are read; convert with `save_pretrained(safe_serialization=True)`."
            raise MissingWeights(folder, f"neither {INDEX} nor {SINGLE}", remedy)
        return [folder / SINGLE]
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptWeights(index, f"it cannot be read as an index ({error!r})") from error
    for name in names:
        if not (folder / name).is_file():
            raise MissingWeights(folder, f"the shard {name!r}", "Fetch the checkpoint again.")
    return [folder / name for name in names]


def _split(state: dict[str, Tensor], limit: int) -> list[list[str]]:
    shards: list[list[str]] = []
    room = 0
    for name, tensor in state.items():
        if tensor.nbytes > room or not shards:
            shards.append([])
            room = limit
        shards[-1].append(name)
        room -= tensor.nbytes
    return shards


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_json(path: Path, value: object) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(temporary, path)

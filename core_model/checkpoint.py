"""Hugging Face checkpoint folders: config.json, sharded safetensors, and a manifest of their hashes.

`manifest.json` lists every file with its size and sha256; it is checked before anything is read. A folder
without a manifest (any checkpoint that was not saved here) loads unchecked. Only safetensors are read:
pickled weights can run code.

Weights are read tensor by tensor into the model's own memory, so loading needs little more than the model.
Before the first is read, names, shapes and dtypes of all are compared with what the config says.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn

from .architectures import Piece, Shape, full_name, other_pieces, pieces
from .config import ModelConfig
from .errors import CorruptWeights, MissingWeights, UnknownCheckpoint, VocabularyMismatch
from .tokenizer import Tokenizer
from .transformer import Transformer

Progress = Callable[[int, int], None]
"""Told how many bytes of weights are read, and how many there are."""

MANIFEST = "manifest.json"
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
SHARD_BYTES = 12_000_000
_DTYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_MAPPED = 8_000_000  # bytes of a file that may be mapped into memory before it is opened anew


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

    Raises:
        NotSupported: The config fits no family that is written; nothing was changed.
    """
    hf = model.config.to_hf() | {"torch_dtype": str(dtype).removeprefix("torch.")}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("model*.safetensors"), folder / INDEX):
        old.unlink(missing_ok=True)
    state = {name: tensor.detach() for name, tensor in model.named_parameters()}
    stored = _stored_tensors(model.config, state)
    sizes = {name: _elements(parts[0].shape) * dtype.itemsize for name, parts in stored.items()}
    shards = _split(sizes, shard_bytes)
    placed: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        tensors = {name: _assemble(stored[name], state, dtype) for name in names}
        save_file(tensors, folder / file, metadata={"format": "pt"})
        placed |= dict.fromkeys(names, file)
    _write_json(folder / INDEX, {"metadata": {"total_size": sum(sizes.values())}, "weight_map": placed})
    _write_json(folder / "config.json", hf)
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
    folder: Path | str,
    *,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    kind: Literal["decoder", "encoder"] = "decoder",
    progress: Progress | None = None,
) -> Transformer:
    """Open a folder's model, ready for inference (no gradients, evaluation mode).

    Args:
        dtype: Dtype of the weights in memory, whatever it is on disk.
        kind: Whether a decoder is wanted, which predicts the next token, or an encoder.
        progress: Called after each tensor.

    Raises:
        UnknownCheckpoint: No such folder, an architecture that is not supported, or one of another kind.
        MissingWeights: A file or a tensor is absent.
        CorruptWeights: A file does not match the manifest, cannot be read, has tensors of other shapes, or
            has more than the config says.
    """
    config = read_config(folder)
    found = "encoder-decoder" if config.encoder is not None else "decoder" if config.causal else "encoder"
    if found != kind:
        opener = {
            "encoder-decoder": "EncoderDecoder.load",
            "decoder": "load_checkpoint",
            "encoder": "SentenceEncoder.load",
        }[found]
        raise UnknownCheckpoint(
            folder, f"{config.model_type} is no {kind} but an {found}", f"Open it with {opener}."
        )
    with torch.device("meta"):
        model = Transformer(config)
    read_weights(folder, config, model, dtype=dtype, device=device, progress=progress)
    model.place_rotary_tables(device)
    return model.requires_grad_(False).eval()


def read_config(folder: Path | str) -> ModelConfig:
    """Check a folder against its manifest and read its config.

    Raises:
        UnknownCheckpoint: No such folder, or an architecture that is not supported.
        MissingWeights, CorruptWeights: It does not match its manifest.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UnknownCheckpoint(
            folder, "there is no such folder", "Give a folder, a hub name or a server URL."
        )
    verify_manifest(folder)
    return ModelConfig.load(folder)


def check_vocabulary(config: ModelConfig, tokenizer: Tokenizer, source: object) -> None:
    """Make sure that every id of the tokenizer has a row in the embedding.

    Raises:
        VocabularyMismatch: It has more ids than the model.
    """
    largest = max(tokenizer.fast.get_vocab(with_added_tokens=True).values(), default=-1)
    if largest >= config.vocab_size:
        raise VocabularyMismatch(source, largest + 1, config.vocab_size)


@dataclass(frozen=True)
class _Stored:
    """A tensor in a file: where, under which name, and how many bytes."""

    file: Path
    key: str
    shape: Shape
    nbytes: int


def read_weights(
    folder: Path | str,
    config: ModelConfig,
    model: nn.Module,
    *,
    dtype: torch.dtype,
    device: str | torch.device,
    progress: Progress | None = None,
) -> None:
    """Give `model`, made on the meta device, the weights in `folder`.

    Args:
        config: Says which family's names the files have.
        model: Its parameters have the names that `architectures` knows.

    Raises:
        UnknownCheckpoint, MissingWeights, CorruptWeights: See `load_checkpoint`.
    """
    folder = Path(folder)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.named_parameters()}
    found = _scan(_weight_files(folder), config)
    plan = _plan(folder, config, shapes, found)
    weights = {name: torch.empty(shape, dtype=dtype, device=device) for name, shape in shapes.items()}
    _fill(weights, found, plan, progress)
    model.load_state_dict(weights, assign=True, strict=False)  # tied tables have a second name there


def _scan(files: Iterable[Path], config: ModelConfig) -> dict[str, _Stored]:
    """The tensors in `files` by full name, nothing of them read."""
    found: dict[str, _Stored] = {}
    for file in files:
        listed: dict[str, tuple[str, Shape]] = {}
        with _opened(file) as tensors:
            for key in list(tensors.keys()):
                part = tensors.get_slice(key)
                listed[key] = part.get_dtype(), tuple(part.get_shape())
        for key, (kind, shape) in listed.items():
            name = full_name(config, key)
            if name is None:
                continue
            if name in found:
                raise CorruptWeights(file, f"{key!r} is in {found[name].file.name!r} too")
            if kind not in _DTYPES:
                remedy = "Fetch the checkpoint in bfloat16, float16 or float32."
                raise UnknownCheckpoint(file, f"{key!r} is stored as {kind}", remedy)
            found[name] = _Stored(file, key, shape, _elements(shape) * _DTYPES[kind])
    return found


def _plan(
    folder: Path, config: ModelConfig, shapes: Mapping[str, Shape], found: Mapping[str, _Stored]
) -> dict[str, list[Piece]]:
    """What to do with each tensor in the files; raises where files and config contradict each other."""
    first = list(pieces(config, shapes))
    known: dict[str, list[Piece]] = {}
    for piece in (*first, *other_pieces(config, shapes)):
        known.setdefault(piece.stored, []).append(piece)
    here = {(piece.name, str(piece.target)) for name in known.keys() & found.keys() for piece in known[name]}
    absent = [
        piece.stored
        for piece in first
        if (piece.name, str(piece.target)) not in here and (piece.name, "()") not in here
    ]
    if absent:
        raise MissingWeights(
            folder, f"{len(absent)} tensors, first {sorted(absent)[0]!r}", "Fetch the checkpoint again."
        )
    if extra := sorted(found.keys() - known.keys()):
        raise CorruptWeights(
            found[extra[0]].file,
            f"it has {len(extra)} tensors that config.json has no place for, first {found[extra[0]].key!r}",
        )
    for name, stored in found.items():
        if stored.shape != known[name][0].shape:
            raise CorruptWeights(
                stored.file, f"{stored.key!r} has shape {stored.shape}, expected {known[name][0].shape}"
            )
    return {name: known[name] for name in found}


def _fill(
    weights: Mapping[str, Tensor],
    found: Mapping[str, _Stored],
    plan: Mapping[str, Sequence[Piece]],
    progress: Progress | None,
) -> None:
    """Copy tensor after tensor; what is already there must be the same once more."""
    total = sum(stored.nbytes for stored in found.values())
    read, filled = 0, set[tuple[str, str]]()
    for name, tensor in _tensors(found):
        for piece in plan[name]:
            part = tensor[piece.source].t() if piece.transposed else tensor[piece.source]
            target, place = weights[piece.name][piece.target], (piece.name, str(piece.target))
            if place not in filled:
                target.copy_(part)
                filled.add(place)
            elif not torch.equal(target, part.to(target.device, target.dtype)):
                stored = found[name]
                raise CorruptWeights(
                    stored.file, f"{stored.key!r} is not the table that config.json ties it to"
                )
        read += found[name].nbytes
        if progress is not None:
            progress(read, total)


def _tensors(found: Mapping[str, _Stored]) -> Iterator[tuple[str, Tensor]]:
    """Name and content of each tensor, large ones first, while there is least beside them in memory.

    Files are mapped into memory; what is mapped is given back whenever a file is opened anew.
    """

    def turn(name: str) -> tuple[int, str]:
        size = found[name].nbytes
        return (-size if size > _MAPPED else 0), str(found[name].file)

    waiting = sorted(found, key=turn, reverse=True)
    while waiting:
        file, mapped = found[waiting[-1]].file, 0
        with _opened(file) as tensors:
            while waiting and mapped < _MAPPED and found[waiting[-1]].file == file:
                name = waiting.pop()
                yield name, tensors.get_tensor(found[name].key)
                mapped += found[name].nbytes


@contextmanager
def _opened(file: Path) -> Generator[Any]:
    try:
        with safe_open(file, "pt") as tensors:  # pyright: ignore[reportUnknownVariableType]
            yield tensors
    except (SafetensorError, OSError) as error:
        raise CorruptWeights(file, f"it cannot be read as safetensors ({error})") from error


def _weight_files(folder: Path) -> Iterable[Path]:
    index = folder / INDEX
    if not index.is_file():
        if not (folder / SINGLE).is_file():
            remedy = "Only safetensors are read; convert with `save_pretrained(safe_serialization=True)`."
            raise MissingWeights(folder, f"neither {INDEX} nor {SINGLE}", remedy)
        return [folder / SINGLE]
    try:
        placed: dict[str, object] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names = sorted({str(name) for name in placed.values()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptWeights(index, f"it cannot be read as an index ({error!r})") from error
    if strange := [name for name in names if Path(name).name != name]:
        raise CorruptWeights(index, f"it names a file outside of the folder, {strange[0]!r}")
    for name in names:
        if not (folder / name).is_file():
            raise MissingWeights(folder, f"the shard {name!r}", "Fetch the checkpoint again.")
    return [folder / name for name in names]


def _stored_tensors(config: ModelConfig, state: Mapping[str, Tensor]) -> dict[str, list[Piece]]:
    """The tensors to write, by name, and the parts that each is made of."""
    stored: dict[str, list[Piece]] = {}
    for piece in pieces(config, {name: tuple(tensor.shape) for name, tensor in state.items()}):
        stored.setdefault(piece.stored, []).append(piece)
    return stored


def _assemble(parts: Sequence[Piece], state: Mapping[str, Tensor], dtype: torch.dtype) -> Tensor:
    made = torch.empty(parts[0].shape, dtype=dtype)
    for piece in parts:
        value = state[piece.name][piece.target]
        made[piece.source].copy_(value.t() if piece.transposed else value)
    return made


def _elements(shape: Shape) -> int:
    return torch.Size(shape).numel()


def _split(sizes: Mapping[str, int], limit: int) -> list[list[str]]:
    shards: list[list[str]] = []
    room = 0
    for name, size in sizes.items():
        if size > room or not shards:
            shards.append([])
            room = limit
        shards[-1].append(name)
        room -= size
    return shards


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_json(path: Path, value: object) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(temporary, path)

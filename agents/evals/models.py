"""Models by the names that measurements take: embedded, string-match, or whatever `load_model` opens."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...core_model.generation import Model

STRING_MATCH = "string-match"
EMBEDDED = "embedded"
EMBEDDED_WEB = "embedded-web"
WEIGHTS = Path(__file__).parents[2] / "core_model" / "weights"


def open_model(name: str | None) -> Model:
    """A model; None and "embedded" are the embedded one, "string-match" is the baseline.

    Raises:
        CoreModelError: There is no such model, or its weights are missing or damaged.
    """
    if name == STRING_MATCH:
        from .string_match import string_match_model

        return string_match_model()
    from ...core_model import load_model

    return load_model(None if name in (None, EMBEDDED) else name)


def model_mark(name: str | None) -> str:
    """The model's name, with the first digits of its manifest's hash where it has one."""
    if name == STRING_MATCH:
        return STRING_MATCH
    from ...core_model.model import SHIPPED

    folder = SHIPPED[name or EMBEDDED] if name is None or name in SHIPPED else Path(name)
    manifest = folder / "manifest.json"
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()[:12] if manifest.is_file() else ""
    return f"{name or EMBEDDED} {digest}".strip()

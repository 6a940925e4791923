"""Loads a library when it is first needed, or says what to install."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from .errors import EmbedderMissing


def installed(package: str) -> Any:
    """The imported package.

    Raises:
        EmbedderMissing: It is not installed.
    """
    if importlib.util.find_spec(package.partition(".")[0]) is None:
        name = package.partition(".")[0].replace("_", "-")
        raise EmbedderMissing(f"the package {name}", f"pip install {name}")
    return importlib.import_module(package)

"""What can go wrong in `core_model`, each error with the value and what to do.

All of them are for the operator: none is meant to be shown to a model.
"""

from __future__ import annotations

from pathlib import Path


class CoreModelError(Exception):
    """Anything that this package raises on purpose."""


class UnknownCheckpoint(CoreModelError):
    """A folder, name or architecture that this package cannot open."""

    def __init__(self, source: object, why: str, remedy: str) -> None:
        self.source, self.why = source, why
        super().__init__(f"Cannot open the checkpoint {str(source)!r}: {why}. {remedy}")


class MissingWeights(CoreModelError):
    """The checkpoint is known, but some or all of its weights are not there."""

    def __init__(self, folder: object, missing: str, remedy: str) -> None:
        self.folder, self.missing = folder, missing
        super().__init__(f"Weights are missing in {str(folder)!r}: {missing}. {remedy}")


class CorruptWeights(CoreModelError):
    """A file of the checkpoint is not the file that was saved."""

    def __init__(self, path: Path | str, why: str) -> None:
        self.path, self.why = str(path), why
        super().__init__(f"The file {str(path)!r} is damaged: {why}. Fetch or copy the checkpoint again.")

"""A memory that goes along with an agent: its folder is opened anew in the process where the agent lives.

Several processes of one machine use one folder at once, so what an agent recalls there is what its manager
would recall here. On another machine there is no such folder: that is found before the agent's first attempt,
and no empty memory is made in its place.

Does not cover: settings of the memory other than its embedder (index, weights, reranker); there they are the
usual ones. A folder on a network file system, which SQLite cannot share between machines.
"""

from __future__ import annotations

import copyreg
import platform
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ...memory.errors import MemoryFault

if TYPE_CHECKING:
    from ...memory import Embedder, Memory


class MemoryElsewhere(MemoryFault):
    """The memory of an agent's tools is not where the agent was placed."""

    def __init__(self, folder: str, node: str, why: str) -> None:
        self.folder, self.node, self.why = folder, node, why
        super().__init__(
            f"The memory {folder!r} cannot be used on {node}: {why}. A memory is shared by processes of one "
            "machine: place the agent on that machine (RayFleet(resources=...)), leave it with its manager, "
            "or give it the tools of a memory that lies where it lives."
        )

    def __reduce__(self) -> tuple[type[MemoryElsewhere], tuple[str, str, str]]:
        """As it was made, for the way back to the manager."""
        return type(self), (self.folder, self.node, self.why)


def memories_travel() -> None:
    """From now on a memory is pickled as its folder, and opened again where it is unpickled."""
    from ...memory import Memory

    copyreg.pickle(Memory, _folder_of)


def _folder_of(memory: Memory) -> tuple[Callable[..., Memory], tuple[str, str, Embedder | None]]:
    from ...memory.embedders import Absent, embedder_of

    identity, embedder = memory.ledger.identity, memory.embedder
    by_name = type(embedder_of(None, embedder.name)) is type(embedder) or isinstance(embedder, Absent)
    return open_again, (str(memory.folder), identity, None if by_name else embedder)


def open_again(folder: str, identity: str, embedder: Embedder | None) -> Memory:
    """The memory of a folder, in another process.

    Args:
        embedder: None: the one that its name in the folder says.

    Raises:
        MemoryElsewhere: There is none here, or another one.
        MemoryFault: It cannot be opened.
    """
    from ...memory import Memory

    if not (Path(folder) / "memory.sqlite3").is_file():
        raise MemoryElsewhere(folder, platform.node(), "there is no such folder")
    memory = Memory.open(folder, embedder=embedder)
    if memory.ledger.identity != identity:
        memory.close()
        raise MemoryElsewhere(folder, platform.node(), "the memory in this folder is another one")
    return memory

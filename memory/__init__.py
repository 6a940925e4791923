"""What an agent knows across runs: proven records in SQLite, found through Chroma and BM25.

Importing this loads neither torch nor chromadb.
"""

from .embedder import Embedder, MiniLM, pieces_of
from .episodes import EpisodicMemory, Lesson
from .errors import (
    AlreadySuperseded,
    DuplicateRecord,
    EmbedderCacheUnusable,
    EmbedderCorrupt,
    EmbedderMismatch,
    EmbedderMissing,
    ForgetIncomplete,
    IndexUnusable,
    MemoryClosed,
    MemoryFault,
    MemoryRefused,
    StoreUnusable,
    StoreVersion,
    TextTooLong,
    UnknownRecord,
    UnprovenMemory,
    WrongVectors,
)
from .memory import Memory
from .onnx_minilm import OnnxMiniLM
from .records import Forgotten, Kind, Provenance, Recalled, Record, Scope, Trust, Weights, Why

__all__ = [
    "AlreadySuperseded",
    "DuplicateRecord",
    "Embedder",
    "EmbedderCacheUnusable",
    "EmbedderCorrupt",
    "EmbedderMismatch",
    "EmbedderMissing",
    "EpisodicMemory",
    "ForgetIncomplete",
    "Forgotten",
    "IndexUnusable",
    "Kind",
    "Lesson",
    "Memory",
    "MemoryClosed",
    "MemoryFault",
    "MemoryRefused",
    "MiniLM",
    "OnnxMiniLM",
    "Provenance",
    "Recalled",
    "Record",
    "Scope",
    "StoreUnusable",
    "StoreVersion",
    "TextTooLong",
    "Trust",
    "UnknownRecord",
    "UnprovenMemory",
    "Weights",
    "Why",
    "WrongVectors",
    "pieces_of",
]

"""What an agent knows across runs: proven records in SQLite, found through Chroma and BM25.

Importing this loads neither torch nor chromadb.
"""

from .embedder import Embedder, MiniLM, pieces_of
from .embedders import embedder_of
from .episodes import EpisodicMemory, Lesson
from .errors import (
    AlreadySuperseded,
    DuplicateRecord,
    EmbedderCacheUnusable,
    EmbedderCorrupt,
    EmbedderMismatch,
    EmbedderMissing,
    EmbedderServerFailed,
    ForgetIncomplete,
    IndexUnusable,
    MemoryClosed,
    MemoryFault,
    MemoryRefused,
    StoreUnusable,
    StoreVersion,
    TextTooLong,
    UnknownEmbedder,
    UnknownRecord,
    UnprovenMemory,
    WrongVectors,
)
from .hub_embedder import HubEmbedder
from .memory import Memory
from .onnx_minilm import OnnxMiniLM
from .records import Forgotten, Kind, Provenance, Recalled, Record, Scope, Trust, Weights, Why
from .remote_embedder import RemoteEmbedder

__all__ = [
    "AlreadySuperseded",
    "DuplicateRecord",
    "Embedder",
    "EmbedderCacheUnusable",
    "EmbedderCorrupt",
    "EmbedderMismatch",
    "EmbedderMissing",
    "EmbedderServerFailed",
    "EpisodicMemory",
    "ForgetIncomplete",
    "Forgotten",
    "HubEmbedder",
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
    "RemoteEmbedder",
    "Scope",
    "StoreUnusable",
    "StoreVersion",
    "TextTooLong",
    "Trust",
    "UnknownEmbedder",
    "UnknownRecord",
    "UnprovenMemory",
    "Weights",
    "Why",
    "WrongVectors",
    "embedder_of",
    "pieces_of",
]

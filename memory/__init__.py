"""What an agent knows across runs: records in SQLite, found by meaning and by words.

Importing this loads neither torch, chromadb nor onnxruntime.
"""

from .choices import Choice, Preference, preferences_of
from .consolidate import Consolidation, Done, JobDone
from .embedder import Embedder, MiniLM, pieces_of
from .embedders import embedder_of
from .episodes import EpisodicMemory, Lesson
from .erasing import Erased, Left
from .errors import (
    AlreadyClosed,
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
    NotAnExport,
    PlaceTaken,
    SecretRefused,
    StoreUnusable,
    StoreVersion,
    TextTooLong,
    UnfitCorrection,
    UnknownEmbedder,
    UnknownRecord,
    UnprovenMemory,
    WrongVectors,
)
from .health import Health
from .hops import searches
from .hub_embedder import HubEmbedder
from .jobs import NoSummary, Summarizer
from .memory import Memory
from .onnx_minilm import OnnxMiniLM
from .ranking import Reranker, Weights
from .records import Forgotten, Kind, Owner, Provenance, Recalled, Record, Scope, Stance, Standing, Trust, Why
from .remote_embedder import RemoteEmbedder

__all__ = [
    "AlreadyClosed",
    "AlreadySuperseded",
    "Choice",
    "Consolidation",
    "Done",
    "DuplicateRecord",
    "Embedder",
    "EmbedderCacheUnusable",
    "EmbedderCorrupt",
    "EmbedderMismatch",
    "EmbedderMissing",
    "EmbedderServerFailed",
    "EpisodicMemory",
    "Erased",
    "ForgetIncomplete",
    "Forgotten",
    "Health",
    "HubEmbedder",
    "IndexUnusable",
    "JobDone",
    "Kind",
    "Left",
    "Lesson",
    "Memory",
    "MemoryClosed",
    "MemoryFault",
    "MemoryRefused",
    "MiniLM",
    "NoSummary",
    "NotAnExport",
    "OnnxMiniLM",
    "Owner",
    "PlaceTaken",
    "Preference",
    "Provenance",
    "Recalled",
    "Record",
    "RemoteEmbedder",
    "Reranker",
    "Scope",
    "SecretRefused",
    "Stance",
    "Standing",
    "StoreUnusable",
    "StoreVersion",
    "Summarizer",
    "TextTooLong",
    "Trust",
    "UnfitCorrection",
    "UnknownEmbedder",
    "UnknownRecord",
    "UnprovenMemory",
    "Weights",
    "Why",
    "WrongVectors",
    "embedder_of",
    "pieces_of",
    "preferences_of",
    "searches",
]

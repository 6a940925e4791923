"""The transformer: checkpoint, tokenizer, trainer, engine, and models of other servers.

Importing this is cheap; what needs torch is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .capabilities import Capabilities as Capabilities
    from .chat_template import Message as Message
    from .encoder import SentenceEncoder as SentenceEncoder
    from .encoder_decoder import EncoderDecoder as EncoderDecoder
    from .engine import Engine as Engine
    from .generation import Delta as Delta
    from .generation import Generation as Generation
    from .generation import Model as Model
    from .generation import ModelUsage as ModelUsage
    from .generation import Thread as Thread
    from .generation import normalise as normalise
    from .grammar import Grammar as Grammar
    from .model import LocalModel as LocalModel
    from .model import load_model as load_model
    from .remote import RemoteModel as RemoteModel
    from .sampling import Sampling as Sampling
    from .sequence import Sequence as Sequence

__all__ = [
    "Capabilities",
    "Delta",
    "EncoderDecoder",
    "Engine",
    "Generation",
    "Grammar",
    "LocalModel",
    "Message",
    "Model",
    "ModelUsage",
    "RemoteModel",
    "Sampling",
    "SentenceEncoder",
    "Sequence",
    "Thread",
    "load_model",
    "normalise",
]

_WHERE = {
    "Capabilities": "capabilities",
    "Message": "chat_template",
    "EncoderDecoder": "encoder_decoder",
    "Engine": "engine",
    "Delta": "generation",
    "Generation": "generation",
    "Model": "generation",
    "ModelUsage": "generation",
    "Thread": "generation",
    "normalise": "generation",
    "Grammar": "grammar",
    "LocalModel": "model",
    "load_model": "model",
    "RemoteModel": "remote",
    "Sampling": "sampling",
    "SentenceEncoder": "encoder",
    "Sequence": "sequence",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f".{_WHERE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])

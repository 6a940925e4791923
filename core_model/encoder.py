"""Texts to vectors: an encoder of the BERT family, mean pooling, unit length.

Source: Reimers and Gurevych 2019 (arXiv:1908.10084); the folder is one of sentence-transformers, and what its
`modules.json` asks for beyond mean pooling and normalisation is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import Tokenizer as FastTokenizer
from torch import Tensor

from .attention import DocumentAttention
from .checkpoint import Progress, check_vocabulary, load_checkpoint
from .config import read_settings
from .config_json import read_list
from .errors import UnknownCheckpoint
from .tokenizer import Tokenizer
from .transformer import Transformer

_BATCH = 4096  # tokens in one pass; a single longer text is a pass of its own
_TEXTS = 256  # read at once
_REMEDY = "Only a transformer, mean pooling and normalisation, in this order, are supported."


class SentenceEncoder:
    """An encoder with its tokenizer. Make one with `load`."""

    def __init__(
        self, model: Transformer, tokenizer: Tokenizer, limit: int, *, normalise: bool = True
    ) -> None:
        """Wrap a loaded encoder.

        Args:
            limit: Tokens of a text that are read, special ones included; the rest is left out.
            normalise: Whether vectors are scaled to unit length.
        """
        self.model, self.normalise = model, normalise
        self.limit = min(limit, model.config.context_length)
        self._fast = FastTokenizer.from_str(tokenizer.fast.to_str())
        self._fast.enable_truncation(self.limit)  # pyright: ignore[reportUnknownMemberType]

    @classmethod
    def load(
        cls,
        source: Path | str,
        *,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
        progress: Progress | None = None,
    ) -> SentenceEncoder:
        """Open a folder of sentence-transformers, or of a plain encoder (mean pooling, unit length).

        Args:
            source: The folder, or a hub name ("owner/name", fetched once).
            dtype: What to compute in.
            device: Where.
            progress: Called with the bytes read so far and in all.

        Raises:
            UnknownCheckpoint: No encoder, no tokenizer, or a pooling that is not supported.
            HubUnavailable: The hub name could not be fetched.
            MissingWeights, CorruptWeights: See `load_checkpoint`.
            VocabularyMismatch: The tokenizer has more ids than the embedding.
        """
        from .model import resolve

        folder = resolve(source)
        model = load_checkpoint(folder, dtype=dtype, device=device, kind="encoder", progress=progress)
        tokenizer = Tokenizer.load(folder)
        check_vocabulary(model.config, tokenizer, folder)
        limit = model.config.context_length
        if (path := folder / "sentence_bert_config.json").is_file():
            limit = int(read_settings(path).get("max_seq_length") or limit)
        return cls(model, tokenizer, limit, normalise=_read_modules(folder))

    def tokens(self, text: str) -> list[int]:
        """Ids of a text with its special tokens, cut at `limit`."""
        return self._fast.encode(text).ids

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Vectors of texts, (texts, hidden_size) float32 on the CPU."""
        made = [self.embed_ids(ids) for ids in self.passes(texts)]
        return torch.cat(made) if made else torch.empty(0, self.model.config.hidden_size)

    def passes(self, texts: Sequence[str]) -> Iterator[list[list[int]]]:
        """Ids of texts as `tokens` gives them, in order, so many together as one pass should take."""
        together: list[list[int]] = []
        count = 0
        for first in range(0, len(texts), _TEXTS):
            read = self._fast.encode_batch_fast(list(texts[first : first + _TEXTS]))
            for ids in (each.ids for each in read):
                if together and count + len(ids) > _BATCH:
                    yield together
                    together, count = [], 0
                together.append(ids)
                count += len(ids)
        if together:
            yield together

    @torch.inference_mode()
    def embed_ids(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """Vectors of texts, at least one, given as `tokens` gives them, (texts, hidden_size) in one pass.

        Texts are laid end to end without padding, and none attends to another.
        """
        vectors = torch.stack(self._pooled(ids)).float()
        return torch.nn.functional.normalize(vectors, dim=-1) if self.normalise else vectors

    def _pooled(self, ids: Sequence[Sequence[int]]) -> list[Tensor]:
        lengths = [len(each) for each in ids]
        device = self.model.model.embed_tokens.weight.device
        tokens = torch.tensor([token for each in ids for token in each], device=device)
        positions = torch.cat([torch.arange(length, device=device) for length in lengths])
        hidden = self.model.hidden(tokens, positions, DocumentAttention(lengths, causal=False))
        return [part.mean(dim=0).cpu() for part in torch.split(hidden, lengths)]


def _read_modules(folder: Path) -> bool:
    """Whether vectors are normalised; raises UnknownCheckpoint for another way than mean pooling."""
    path = folder / "modules.json"
    if not path.is_file():
        return True
    modules = [cast("dict[str, Any]", each) for each in read_list(path) if isinstance(each, dict)]
    kinds = [str(each.get("type", "")).rpartition(".")[2] for each in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise UnknownCheckpoint(path, f"its modules are {kinds!r}", _REMEDY)
    pooling = read_settings(folder / str(modules[1].get("path", "1_Pooling")) / "config.json")
    ways = [key for key, value in pooling.items() if key.startswith("pooling_mode_") and value is True]
    if (ways or [f"pooling_mode_{pooling.get('pooling_mode')}_tokens"]) != ["pooling_mode_mean_tokens"]:
        raise UnknownCheckpoint(path, f"its pooling is {ways or pooling.get('pooling_mode')!r}", _REMEDY)
    return len(kinds) == 3

"""The transformer of Vaswani et al. 2017 as it was: an encoder reads, a decoder writes what it attends to.

Opens Marian checkpoints (Junczys-Dowmunt et al. 2018, the OPUS-MT translators). Tokens go in and come out:
their tokenizers are SentencePiece models, which this package does not read. Search is greedy; beams are not
covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import CrossAttention, DocumentAttention, GrowingAttention
from .checkpoint import Progress, read_config, read_weights
from .config import ModelConfig, read_settings, token_ids
from .errors import PromptTooLong, UnknownCheckpoint
from .transformer import Linear, Stack

_NEUTRAL: dict[str, tuple[object, ...]] = {
    "repetition_penalty": (None, 1.0),
    "encoder_repetition_penalty": (None, 1.0),
    "no_repeat_ngram_size": (None, 0),
    "encoder_no_repeat_ngram_size": (None, 0),
    "min_length": (None, 0),
    "min_new_tokens": (None, 0),
    "suppress_tokens": (None, []),
    "begin_suppress_tokens": (None, []),
    "forced_bos_token_id": (None,),
    "forced_decoder_ids": (None, []),
    "sequence_bias": (None,),
}
"""Settings that would change what greedy search finds, and the values with which they do not."""


@dataclass(frozen=True)
class Search:
    """What greedy search obeys.

    Attributes:
        ends: Ids after any of which a text is over.
        forced_end: Id that the last token within the limit is made to be; None lets it be any.
        refused: Ids that are never chosen.
    """

    ends: tuple[int, ...] = ()
    forced_end: int | None = None
    refused: tuple[int, ...] = ()


class EncoderDecoder(nn.Module):
    """Two stacks joined by cross-attention. `load` opens a checkpoint."""

    def __init__(self, config: ModelConfig, search: Search | None = None) -> None:
        """Make it with fresh weights.

        Args:
            config: The decoder's, its `encoder` not None.
            search: What `generate` obeys; None for the config's end tokens.
        """
        super().__init__()
        if config.encoder is None or config.start_token_id is None:
            raise ValueError(f"config {config!r} must have an encoder and a start_token_id.")
        self.config, self.start = config, config.start_token_id
        self.search = search or Search(config.eos_token_ids)
        self.encoder = Stack(config.encoder)
        self.decoder = Stack(config)
        if config.share_embeddings:
            self.decoder.embed_tokens = self.encoder.embed_tokens
        tied = config.tie_embeddings
        self.lm_head = None if tied else Linear(config.hidden_size, config.vocab_size, bias=False)
        self.final_logits_bias = nn.Parameter(torch.zeros(1, config.vocab_size))

    @classmethod
    def load(
        cls,
        source: Path | str,
        *,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
        progress: Progress | None = None,
    ) -> EncoderDecoder:
        """Open a Marian checkpoint, ready for inference.

        Args:
            source: Its folder, or a hub name ("owner/name", fetched once).
            dtype: What to compute in.
            device: Where.
            progress: Called with the bytes read so far and in all.

        Raises:
            UnknownCheckpoint: No such folder, another kind of model, or a search that is not supported.
            HubUnavailable: The hub name could not be fetched.
            MissingWeights, CorruptWeights: See `load_checkpoint`.
        """
        from .model import resolve

        folder = resolve(source)
        config = read_config(folder)
        if config.encoder is None:
            raise UnknownCheckpoint(
                folder, f"{config.model_type} is no encoder-decoder", "Open it with load_model."
            )
        with torch.device("meta"):
            model = cls(config, _read_search(folder))
        read_weights(folder, config, model, dtype=dtype, device=device, progress=progress)
        return model.requires_grad_(False).eval()

    def encode(self, sources: Sequence[Sequence[int]]) -> Tensor:
        """States of several sources laid end to end, (S, hidden_size).

        Raises:
            ValueError: A source is empty, or holds an id that is outside of the vocabulary.
        """
        tokens, positions = self._flat(sources, "source", self.encoder.config.vocab_size)
        lengths = [len(source) for source in sources]
        return self.encoder(tokens, positions, DocumentAttention(lengths, causal=False))

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of the next token, (M, vocab_size), of a decoder's hidden states (M, hidden_size)."""
        head = self.decoder.embed_tokens.weight if self.lm_head is None else self.lm_head.weight
        return F.linear(hidden, head.to(hidden.dtype)) + self.final_logits_bias.to(hidden.dtype)

    def forward(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> Tensor:
        """Logits (T, vocab_size) after each token of several targets laid end to end, without a cache.

        Raises:
            ValueError: A source or target is empty, or holds an id that is outside of its vocabulary.
        """
        tokens, positions = self._flat(targets, "target", self.config.vocab_size)
        lengths = [len(target) for target in targets]
        cross = CrossAttention(self.encode(sources), [len(source) for source in sources], lengths)
        return self.logits(self.decoder(tokens, positions, DocumentAttention(lengths), cross=cross))

    @torch.inference_mode()
    def generate(self, source: Sequence[int], max_tokens: int) -> list[int]:
        """The target that greedy search finds: at each step the token with the highest score.

        Args:
            source: Ids, as the tokenizer ends them.
            max_tokens: At most so many, 1 or more; with `Search.forced_end` the last of them is that.

        Returns:
            Ids, the start token left out, an end token included.

        Raises:
            PromptTooLong: The source, or what is asked for, is longer than the context.
            ValueError: The source is empty or holds an id that is outside of the vocabulary, or `max_tokens`
                is below 1.
        """
        if max_tokens < 1:
            raise ValueError(f"max_tokens is {max_tokens!r}; it must be at least 1.")
        longest = max(len(source), max_tokens)
        if longest > self.config.context_length:
            raise PromptTooLong(longest, self.config.context_length)
        cross = CrossAttention(self.encode([source]), [len(source)], [1])
        attend, made = GrowingAttention(), [self.start]
        for position in range(max_tokens):
            token, place = (torch.tensor([each], device=cross.memory.device) for each in (made[-1], position))
            scores = self.logits(self.decoder(token, place, attend, cross=cross))[0]  # (vocab,)
            scores[list(self.search.refused)] = float("-inf")
            if position == max_tokens - 1 and self.search.forced_end is not None:
                made.append(self.search.forced_end)
            else:
                made.append(int(scores.argmax()))
            if made[-1] in self.search.ends:
                break
        return made[1:]

    def _flat(self, rows: Sequence[Sequence[int]], name: str, vocab_size: int) -> tuple[Tensor, Tensor]:
        for row in rows:
            if not len(row):
                raise ValueError(f"A {name} needs at least one token; end it as its tokenizer does.")
            for token in row:
                if not 0 <= token < vocab_size:
                    raise ValueError(
                        f"The token {token!r} of a {name} is outside of the vocabulary, "
                        f"0 to {vocab_size - 1}."
                    )
        device = self.final_logits_bias.device
        tokens = torch.tensor([token for row in rows for token in row], device=device)
        return tokens, torch.cat([torch.arange(len(row), device=device) for row in rows])


def _read_search(folder: Path) -> Search:
    """The search of a folder: `generation_config.json`, and what it leaves out of `config.json`."""
    told: dict[str, Any] = read_settings(folder / "config.json")
    if (path := folder / "generation_config.json").is_file():
        told |= read_settings(path)
    for key, neutral in _NEUTRAL.items():
        if told.get(key) not in neutral:
            raise UnknownCheckpoint(
                folder, f"{key} is {told[key]!r}", f"Only {neutral[-1]!r} is supported: search is greedy."
            )
    refused: list[list[int]] = told.get("bad_words_ids") or []
    if any(len(word) != 1 for word in refused):
        raise UnknownCheckpoint(
            folder, f"bad_words_ids is {refused!r}", "Only words of a single token are supported."
        )
    forced = token_ids(told.get("forced_eos_token_id"))
    return Search(
        ends=token_ids(told.get("eos_token_id")),
        forced_end=min(forced, default=None),
        refused=tuple(word[0] for word in refused),
    )

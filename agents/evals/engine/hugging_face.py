"""transformers as a party: `generate`, greedy, with the cache and the attention that prove fastest.

Ways: attention `sdpa` or `eager` over its growing cache, or its static cache. A tree of thought reads its
trunk once and repeats the cache per branch (`batch_repeat_interleave`, `batch_select_indices`).

What it does not cover: compiled models (minutes per shape on a CPU), and quantised ones, which need a further
library.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from .work import CONTINUATIONS, PartyError, Work, fresh, prompt

LONGEST_STATIC = 512
"""Tokens: a static cache cannot be cut back, so that every turn would read a longer prompt again."""


ALONE = "alone"
"""Ends the name of a way that takes one thread."""


class _Clock:
    """A streamer: notes when each token came. The first call brings the prompt."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, value: object) -> None:
        self.times.append(time.perf_counter())

    def end(self) -> None:
        pass


class HuggingFace:
    """See the module; `weights` "any" puts float32 and one thread among the ways: faster for small models."""

    def __init__(self) -> None:
        self._library: Any = None
        self._models: dict[str, Any] = {}
        self._threads = 1
        self._kept: dict[tuple[Work, str], tuple[Any, Any]] = {}

    def load(self, folder: Path, threads: int, weights: str) -> str:
        self._threads = threads
        torch.set_num_threads(threads)
        self._library = import_module("transformers")
        for dtype in ("bfloat16", "float32") if weights == "any" else (weights,):
            model = self._library.AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
            model.eval()
            model.generation_config.eos_token_id = None
            model.generation_config.pad_token_id = 0
            self._models[dtype] = model
        return f"transformers {self._library.__version__}"

    def ways(self, work: Work) -> list[str]:
        attention = ["sdpa", "eager"]
        if work.kind in ("decode", "constrained") and work.context <= LONGEST_STATIC:
            attention.append("static")
        ways = [f"{dtype} {each}" for dtype in self._models for each in attention]
        alone = [f"{way} {ALONE}" for way in ways] if len(self._models) > 1 and self._threads > 1 else []
        return ways + alone

    def run(self, work: Work, way: str, turn: int) -> float:
        torch.set_num_threads(1 if way.endswith(ALONE) else self._threads)
        with torch.inference_mode():
            if work.kind in ("decode", "constrained"):
                return self._decode(work, way)
            self._model(way)
            return self._prefill(work, way, turn) if work.kind == "prefill" else self._tree(work, way, turn)

    def logprobs(self, pairs: Sequence[Sequence[Sequence[int]]]) -> list[float]:
        model = next(iter(self._models.values()))
        found: list[float] = []
        for before, after in pairs:
            ids = torch.tensor([[*before, *after]])
            with torch.inference_mode():
                rows = model(ids).logits[0, len(before) - 1 : -1].float().log_softmax(-1)
            found.append(float(rows.gather(1, torch.tensor(after)[:, None]).sum()))
        return found

    def forget(self) -> None:
        self._kept.clear()

    def _model(self, way: str, attention: str | None = None) -> Any:
        dtype, named = way.split()[:2]
        model = self._models[dtype]
        attention = attention or ("sdpa" if named == "static" else named)
        if model.config._attn_implementation != attention:
            model.set_attn_implementation(attention)
        return model

    def _generate(self, model: Any, ids: Any, tokens: int, **settings: Any) -> tuple[Any, list[float]]:
        clock = _Clock()
        made = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False, use_cache=True,
            streamer=clock, **settings,
        )  # fmt: skip
        if made.shape[1] != ids.shape[1] + tokens:
            raise PartyError(f"transformers generated {made.shape[1] - ids.shape[1]} of {tokens} tokens.")
        return made, clock.times

    def _decode(self, work: Work, way: str) -> float:
        """Seconds between the first and the last of `tokens` + 1 tokens."""
        model = self._model(way)
        if " static" in way:
            ids = self._prompts(work, model)
            _, times = self._generate(model, ids, work.tokens + 1, cache_implementation="static")
            return times[-1] - times[1]
        key = (work.brief, way.partition(" ")[0])
        if key not in self._kept:
            self._kept[key] = self._read(self._prompts(work, model), way)
        model = self._model(way)
        ids, cache = self._kept[key]
        cache.crop(ids.shape[1] - 1 - cache.get_seq_length())
        _, times = self._generate(model, ids, work.tokens + 1, past_key_values=cache)
        return times[-1] - times[1]

    def _prompts(self, work: Work, model: Any) -> Any:
        vocab = model.config.vocab_size
        return torch.tensor([prompt(work.context, vocab, row) for row in range(work.batch)])

    def _read(self, ids: Any, way: str) -> tuple[Any, Any]:
        """All but the last token in a cache; with `sdpa`: `eager` needs memory for the length squared."""
        model = self._model(way, "sdpa")
        cache = self._library.DynamicCache(config=model.config)
        model(ids[:, :-1], past_key_values=cache, logits_to_keep=1)
        return ids, cache

    def _prefill(self, work: Work, way: str, turn: int) -> float:
        model = self._model(way)
        ids = torch.tensor([fresh(work, model.config.vocab_size, turn)])
        began = time.perf_counter()
        self._generate(model, ids, 1)
        return time.perf_counter() - began

    def _tree(self, work: Work, way: str, turn: int) -> float:
        model = self._model(way)
        vocab = model.config.vocab_size
        ids = torch.tensor([fresh(work, vocab, turn)])
        began = time.perf_counter()
        _, cache = self._read(ids, way)
        self._model(way)
        cache.batch_repeat_interleave(work.breadth)
        paths = ids.repeat(work.breadth, 1)
        for level in range(work.depth):
            branches = torch.tensor([prompt(work.breadth, vocab, level)]).T
            paths = torch.cat((paths, branches), 1)
            paths, _ = self._generate(model, paths, work.tokens, past_key_values=cache)
            best = int(self._values(model, paths, cache).argmax())
            if level < work.depth - 1:
                chosen = torch.full((work.breadth,), best)
                cache.batch_select_indices(chosen)
                paths = paths[chosen]
        return time.perf_counter() - began

    def _values(self, model: Any, paths: Any, cache: Any) -> Any:
        """(breadth,): log-probability of the first continuation less that of the second."""
        sums: list[Any] = []
        for continuation in CONTINUATIONS:
            tokens = torch.tensor([continuation]).repeat(len(paths), 1)
            ids = torch.cat((paths[:, -1:], tokens[:, :-1]), 1)
            logprobs = model(ids, past_key_values=cache).logits.float().log_softmax(-1)
            cache.crop(-ids.shape[1])
            sums.append(logprobs.gather(2, tokens[:, :, None]).sum((1, 2)))
        return sums[0] - sums[1]

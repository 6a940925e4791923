"""llama.cpp as a party: Q8_0 through the C functions that llama-cpp-python binds, in batches where they pay.

Ways: flash attention on or off, and for several sequences one shared or separate key-value buffers. A tree of
thought reads its trunk once; branches share it (`llama_memory_seq_cp`) and are decoded in one batch. Tokens
are chosen by numpy's argmax over the logits, without a sampler chain. Batches are of 512 tokens.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .gguf_file import gguf_file
from .work import CONTINUATIONS, PartyError, Work, fresh, prompt

BATCH = 512
"""Tokens that one call computes at most."""

ROOM = 256
"""Tokens that a context for decoding has room for behind the prompt, so that short and long runs share it."""

Entry = tuple[int, int, int, bool]
"""(token, position, sequence, whether its logits are wanted)."""


class _Context:
    """A context of llama.cpp with its batch; what it computes is kept by sequence number."""

    def __init__(
        self, library: Any, model: Any, vocab: int, room: int, sequences: int, way: str, threads: int
    ) -> None:
        """`room` is in tokens: of all sequences where the way is a shared buffer, else of each."""
        self.library, self.vocab = library, vocab
        params = library.llama_context_default_params()
        params.n_ctx = room * (1 if "shared" in way else sequences)
        params.n_batch = params.n_ubatch = BATCH
        params.n_seq_max = sequences
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = int(way.startswith("flash"))
        params.kv_unified = "shared" in way
        params.offload_kqv = params.op_offload = False
        self.pointer = library.llama_init_from_model(model, params)
        if not self.pointer:
            raise PartyError(f"llama.cpp made no context of {room} tokens for {sequences} sequences.")
        self.memory = library.llama_get_memory(self.pointer)
        self._batch = library.llama_batch_init(BATCH, 0, 1)

    def decode(self, entries: Sequence[Entry]) -> list[NDArray[np.float32]]:
        """Compute at most `BATCH` tokens; logits (vocab,) of those wanted, valid until the next call."""
        batch = self._batch
        batch.n_tokens = len(entries)
        for place, (token, position, sequence, wanted) in enumerate(entries):
            batch.token[place] = token
            batch.pos[place] = position
            batch.n_seq_id[place] = 1
            batch.seq_id[place][0] = sequence
            batch.logits[place] = wanted
        if code := self.library.llama_decode(self.pointer, batch):
            raise PartyError(f"llama_decode of {len(entries)} tokens ended with {code}.")
        rows = [place for place, entry in enumerate(entries) if entry[3]]
        get = self.library.llama_get_logits_ith
        return [np.ctypeslib.as_array(get(self.pointer, row), shape=(self.vocab,)) for row in rows]

    def read(
        self, tokens: Sequence[int], sequence: int = 0, wanted: bool = False
    ) -> list[NDArray[np.float32]]:
        """Read a prompt; the logits of its last token where wanted."""
        last = len(tokens) - 1
        entries = [(token, place, sequence, wanted and place == last) for place, token in enumerate(tokens)]
        found: list[NDArray[np.float32]] = []
        for start in range(0, len(entries), BATCH):
            found = self.decode(entries[start : start + BATCH])
        return found

    def cut(self, sequence: int, start: int) -> None:
        """Forget the positions from `start` on."""
        self.library.llama_memory_seq_rm(self.memory, sequence, start, -1)

    def copy(self, source: int, targets: Iterable[int]) -> None:
        """Make other sequences the same as `source`."""
        for target in targets:
            if target != source:
                self.cut(target, 0)
                self.library.llama_memory_seq_cp(self.memory, source, target, 0, -1)

    def generate(self, lasts: Sequence[Sequence[int]], position: int, steps: int) -> list[list[int]]:
        """`steps` tokens of each sequence 0, 1, ..., after its one or more `lasts`, the first at `position`.

        Returns:
            Step by step, the tokens of all sequences; the last ones are not computed yet.
        """
        made: list[list[int]] = []
        for _ in range(steps):
            entries = [
                (token, position + place, row, place == len(tokens) - 1)
                for row, tokens in enumerate(lasts)
                for place, token in enumerate(tokens)
            ]
            made.append([int(logits.argmax()) for logits in self.decode(entries)])
            position += len(lasts[0])
            lasts = [[token] for token in made[-1]]
        return made

    def close(self) -> None:
        self.library.llama_batch_free(self._batch)
        self.library.llama_free(self.pointer)


class LlamaCpp:
    """See the module."""

    def __init__(self) -> None:
        self._library: Any = None
        self._model: Any = None
        self._quiet: Any = None
        self._vocab = 0
        self._threads = 1
        self._contexts: dict[tuple[Work, str], _Context] = {}

    def load(self, folder: Path, threads: int, weights: str) -> str:
        self._library = import_module("llama_cpp")
        self._quiet = self._library.llama_log_callback(_ignore)
        self._library.llama_log_set(self._quiet, None)
        self._library.llama_backend_init()
        file = gguf_file(folder)
        params = self._library.llama_model_default_params()
        params.n_gpu_layers = 0
        self._model = self._library.llama_model_load_from_file(str(file).encode(), params)
        if not self._model:
            raise PartyError(f"llama.cpp cannot open {str(file)!r}. Delete it, so that it is made anew.")
        vocabulary = self._library.llama_model_get_vocab(self._model)
        self._vocab = int(self._library.llama_vocab_n_tokens(vocabulary))
        self._threads = threads
        return f"llama-cpp-python {version('llama-cpp-python')}"

    def ways(self, work: Work) -> list[str]:
        several = work.batch > 1 or work.kind == "tree"
        buffers = [" shared", " separate"] if several else [""]
        return [f"{attention}{buffer}" for attention in ("flash", "plain") for buffer in buffers]

    def run(self, work: Work, way: str, turn: int) -> float:
        if work.kind == "decode":
            return self._decode(work, way)
        return self._prefill(work, way, turn) if work.kind == "prefill" else self._tree(work, way, turn)

    def logprobs(self, pairs: Sequence[Sequence[Sequence[int]]]) -> list[float]:
        room = max(len(before) + len(after) for before, after in pairs)
        context = _Context(self._library, self._model, self._vocab, room, 1, "plain", self._threads)
        found: list[float] = []
        for before, after in pairs:
            context.cut(0, 0)
            context.read(before[:-1])
            told = [before[-1], *after[:-1]]
            start = len(before) - 1
            rows = context.decode([(token, place, 0, True) for place, token in enumerate(told, start)])
            found.append(sum(_logprob(row, token) for row, token in zip(rows, after, strict=True)))
        context.close()
        return found

    def forget(self) -> None:
        for context in self._contexts.values():
            context.close()
        self._contexts.clear()

    def _context(self, work: Work, way: str, room: int, sequences: int) -> tuple[_Context, bool]:
        """The context of a piece of work, and whether it is new."""
        key = (work.brief if work.kind == "decode" else work, way)
        if new := key not in self._contexts:
            self._contexts[key] = _Context(
                self._library, self._model, self._vocab, room, sequences, way, self._threads
            )
        return self._contexts[key], new

    def _decode(self, work: Work, way: str) -> float:
        room = (work.context + max(work.tokens, ROOM)) * (work.batch if "shared" in way else 1)
        context, new = self._context(work, way, room, work.batch)
        prompts = [prompt(work.context, self._vocab, row) for row in range(work.batch)]
        for row, tokens in enumerate(prompts):
            if new:
                context.read(tokens[:-1], row)
            else:
                context.cut(row, work.context - 1)
        began = time.perf_counter()
        context.generate([tokens[-1:] for tokens in prompts], work.context - 1, work.tokens)
        return time.perf_counter() - began

    def _prefill(self, work: Work, way: str, turn: int) -> float:
        context, _ = self._context(work, way, work.context, 1)
        context.cut(0, 0)
        tokens = fresh(work, self._vocab, turn)
        began = time.perf_counter()
        (logits,) = context.read(tokens, wanted=True)
        logits.argmax()
        return time.perf_counter() - began

    def _tree(self, work: Work, way: str, turn: int) -> float:
        breadth, values = work.breadth, work.breadth * len(CONTINUATIONS)
        length = work.context + work.depth * (work.tokens + 1) + len(CONTINUATIONS[0])
        shared = length + (breadth - 1) * (length - work.context) + values * len(CONTINUATIONS[0])
        room = shared if "shared" in way else length
        context, _ = self._context(work, way, room, breadth + values)
        for sequence in range(breadth + values):
            context.cut(sequence, 0)
        tokens = fresh(work, self._vocab, turn)
        began = time.perf_counter()
        context.read(tokens)
        context.copy(0, range(breadth))
        position, newest = work.context, list[int]()
        for level in range(work.depth):
            branches = [[*newest, token] for token in prompt(breadth, self._vocab, level)]
            made = context.generate(branches, position, work.tokens)
            position += len(branches[0]) + work.tokens - 1
            scores = self._values(context, made[-1], position)
            best = scores.index(max(scores))
            newest = [made[-1][best]]
            if level < work.depth - 1:
                context.copy(best, range(breadth))
        return time.perf_counter() - began

    def _values(self, context: _Context, newest: Sequence[int], position: int) -> list[float]:
        """Log-probability of the first continuation less that of the second, of each branch, in one batch."""
        entries: list[Entry] = []
        wanted: list[int] = []
        breadth = len(newest)
        for branch, token in enumerate(newest):
            for number, continuation in enumerate(CONTINUATIONS):
                sequence = breadth + branch * len(CONTINUATIONS) + number
                context.copy(branch, [sequence])
                told = (token, *continuation[:-1])
                entries += [(each, position + place, sequence, True) for place, each in enumerate(told)]
                wanted += continuation
        rows = context.decode(entries)
        logprobs = [_logprob(row, token) for row, token in zip(rows, wanted, strict=True)]
        for entry in entries:
            context.cut(entry[2], 0)
        length = len(CONTINUATIONS[0])
        sums = [sum(logprobs[start : start + length]) for start in range(0, len(logprobs), length)]
        return [first - second for first, second in zip(sums[::2], sums[1::2], strict=True)]


def _logprob(logits: NDArray[np.float32], token: int) -> float:
    highest = float(logits.max())
    return float(logits[token]) - highest - float(np.log(np.exp(logits - highest).sum()))


def _ignore(level: int, text: bytes, data: object) -> None:
    """What llama.cpp says while it works; errors come back as codes."""

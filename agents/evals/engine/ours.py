"""This package's engine as a party, through its public face alone."""

from __future__ import annotations

import time
from collections.abc import Sequence as Tokens
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import torch

from ....core_model.checkpoint import load_checkpoint
from ....core_model.engine import Engine, Sequence
from ....core_model.grammar import Grammar
from ....core_model.jobs import Output
from ....core_model.sampling import Sampling
from ....core_model.settings import Weights
from ....core_model.tokenizer import Tokenizer
from .typed import endless, messages
from .work import CONTINUATIONS, FORKS, PartyError, Work, fresh, prompt


class Ours:
    """The engine without speculation, which random weights would flatter: they repeat themselves.

    Kinds of work that are about one of its settings have an engine of their own: `resend` one without prefix
    cache, `typed_plain` one without forced tokens.
    """

    def __init__(self) -> None:
        self._folder = Path()
        self._weights: Weights = "int8"
        self._engine: Engine | None = None
        self._others: dict[str, Engine] = {}
        self._kept: dict[Work, list[Sequence]] = {}

    def load(self, folder: Path, threads: int, weights: Weights) -> str:
        torch.set_num_threads(threads)
        self._folder, self._weights = folder, weights
        self._engine = self._open()
        return f"punchlist {version('punchlist')} {weights} {self.engine.backend}"

    def ways(self, work: Work) -> list[str]:
        return ["only"]

    def run(self, work: Work, way: str, turn: int) -> float:
        if work.kind in ("decode", "constrained"):
            return self._decode(work)
        if work.kind == "prefill":
            return self._prefill(work, turn)
        if work.kind == "tree":
            return self._tree(work, turn)
        if work.kind == "resend":
            return self._resend(work, turn)
        return self._fork(work) if work.kind == "fork" else self._typed(work)

    def logprobs(self, pairs: Tokens[Tokens[Tokens[int]]]) -> list[float]:
        jobs = [self.engine.start_score(before, [after]) for before, after in pairs]
        return [job.future.result()[0] for job in jobs]

    def forget(self) -> None:
        for sequence in (each for kept in self._kept.values() for each in kept):
            sequence.close()
        self._kept.clear()
        for engine in self._others.values():
            engine.close()
        self._others.clear()

    @property
    def engine(self) -> Engine:
        """The engine with its defaults."""
        if self._engine is None:
            raise PartyError("No model is loaded yet.")
        return self._engine

    def _open(self, *, prefix_cache: bool = True, fast_forward: bool = True) -> Engine:
        dtype = torch.float32 if self._weights == "float32" else torch.bfloat16
        return Engine(
            load_checkpoint(self._folder, dtype=dtype),
            Tokenizer.load(self._folder),
            weights=self._weights,
            prefix_cache=prefix_cache,
            fast_forward=fast_forward,
            speculate=False,
            release=True,
        )

    def _other(self, name: str, *, prefix_cache: bool = True, fast_forward: bool = True) -> Engine:
        if name not in self._others:
            self._others[name] = self._open(prefix_cache=prefix_cache, fast_forward=fast_forward)
        return self._others[name]

    def _sequences(self, engine: Engine, work: Work) -> list[Sequence]:
        """Fresh copies of sequences that hold the prompts of a piece of work; reading is done once."""
        if work.brief not in self._kept:
            vocab = self.engine.config.vocab_size
            prompts = [prompt(work.context, vocab, row) for row in range(work.batch)]
            self._kept[work.brief] = [engine.open(tokens) for tokens in prompts]
        return [sequence.fork(1)[0] for sequence in self._kept[work.brief]]

    def _decode(self, work: Work) -> float:
        grammar = endless() if work.kind == "constrained" else None
        sequences = self._sequences(self.engine, work)
        began = time.perf_counter()
        _generate(sequences, work.tokens, grammar)
        seconds = time.perf_counter() - began
        for sequence in sequences:
            sequence.close()
        return seconds

    def _prefill(self, work: Work, turn: int) -> float:
        tokens = fresh(work, self.engine.config.vocab_size, turn)
        began = time.perf_counter()
        self.engine.start(tokens, Sampling(max_tokens=1), ignore_end=True).future.result()
        return time.perf_counter() - began

    def _tree(self, work: Work, turn: int) -> float:
        vocab = self.engine.config.vocab_size
        tokens = fresh(work, vocab, turn)
        began = time.perf_counter()
        branch = self.engine.open(tokens)
        for level in range(work.depth):
            children = branch.fork(work.breadth)
            branch.close()
            for child, token in zip(children, prompt(work.breadth, vocab, level), strict=True):
                child.extend([token])
            _generate(children, work.tokens)
            with ThreadPoolExecutor(work.breadth) as pool:
                values = list(pool.map(_value, children))
            branch = children.pop(values.index(max(values)))
            for child in children:
                child.close()
        branch.close()
        return time.perf_counter() - began

    def _resend(self, work: Work, turn: int) -> float:
        engine = self._other("resend", prefix_cache=False)
        vocab = engine.config.vocab_size
        branch = fresh(work, vocab, turn)
        began = time.perf_counter()
        for level in range(work.depth):
            paths = [[*branch, token] for token in prompt(work.breadth, vocab, level)]
            jobs = [engine.start(path, Sampling(max_tokens=work.tokens), ignore_end=True) for path in paths]
            outputs = [job.future.result() for job in jobs]
            paths = [[*path, *output.token_ids] for path, output in zip(paths, outputs, strict=True)]
            scored = [engine.start_score(path, CONTINUATIONS) for path in paths]
            values = [first - second for first, second in (job.future.result() for job in scored)]
            branch = paths[values.index(max(values))]
        return time.perf_counter() - began

    def _fork(self, work: Work) -> float:
        if work not in self._kept:
            self._kept[work] = [self.engine.open(prompt(work.context, self.engine.config.vocab_size, 0))]
        (sequence,) = self._kept[work]
        seconds = 0.0
        for _ in range(FORKS):
            began = time.perf_counter()
            (copy,) = sequence.fork(1)
            seconds += time.perf_counter() - began
            copy.close()
        return seconds

    def _typed(self, work: Work) -> float:
        """Seconds of 1,000 characters: forced and chosen tokens may divide the same text differently."""
        plain = work.kind == "typed_plain"
        engine = self._other("typed_plain", fast_forward=False) if plain else self.engine
        seconds, characters = 0.0, 0
        for grammar in messages():
            sequences = self._sequences(engine, work)
            began = time.perf_counter()
            (output,) = _generate(sequences, work.tokens, grammar, exactly=False)
            seconds += time.perf_counter() - began
            characters += len(engine.tokenizer.decode(output.token_ids))
            sequences[0].close()
        return seconds * 1000 / characters


def _generate(
    sequences: Tokens[Sequence], tokens: int, grammar: Grammar | None = None, *, exactly: bool = True
) -> list[Output]:
    """Go on with all sequences at once.

    Raises:
        PartyError: One of them ended before `tokens` tokens, where `exactly` so many are wanted.
    """
    sampling = Sampling(max_tokens=tokens)
    jobs = [sequence.start(sampling, grammar, ignore_end=exactly) for sequence in sequences]
    outputs = [job.future.result() for job in jobs]
    if exactly and (short := [len(each.token_ids) for each in outputs if len(each.token_ids) != tokens]):
        raise PartyError(f"The engine generated {short} instead of {tokens} tokens.")
    return outputs


def _value(sequence: Sequence) -> float:
    """Log-probability of the first continuation less that of the second."""
    first, second = sequence.score(CONTINUATIONS)
    return first - second

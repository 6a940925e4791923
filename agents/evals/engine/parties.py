"""Engines in processes of their own, as the benchmark talks to them, and which of them are installed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..ledger import EvalError
from .work import Work

NEEDS = {"hf": ("transformers",), "llamacpp": ("llama_cpp", "gguf"), "ours": ()}
INSTALLS = {"hf": "pip install transformers", "llamacpp": "pip install llama-cpp-python gguf"}
"""Modules that a party needs, and the command that brings them."""


class PartyFailed(EvalError):
    """An engine answered with an error, or its process ended."""

    def __init__(self, party: str, why: str) -> None:
        self.party, self.why = party, why
        super().__init__(f"The engine {party!r} failed: {why}")


def absent(party: str) -> str | None:
    """Why a party cannot take part, with the command that helps; None when it can."""
    missing = [module for module in NEEDS[party] if find_spec(module) is None]
    if not missing:
        return None
    return f"{' and '.join(missing)} not installed; `{INSTALLS[party]}` brings it"


@dataclass(frozen=True)
class Seat:
    """A party as it takes part: with these weights. `label` names it in figures."""

    label: str
    party: str
    weights: str


class Child:
    """One party's process; use it as a context manager: nothing of it outlives the block."""

    def __init__(self, seat: Seat, threads: int) -> None:
        self.seat, self.threads = seat, threads
        self.peak_bytes = 0
        self._said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115  (closed by __exit__)
        environment = os.environ | {
            "OMP_NUM_THREADS": str(threads),
            "TOKENIZERS_PARALLELISM": "false",
            "HF_HUB_OFFLINE": "1",
        }
        command = [sys.executable, "-m", f"{__package__}.child", seat.party]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
            env=environment, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._said):
            if pipe is not None:
                pipe.close()

    def load(self, folder: Path) -> str:
        """Open a checkpoint; gives the engine's name and version."""
        return self._ask(do="load", folder=str(folder), threads=self.threads, weights=self.seat.weights)

    def ways(self, work: Work) -> list[str]:
        return self._ask(do="ways", work=work.as_json())

    def run(self, work: Work, way: str, turn: int) -> float:
        """Seconds of doing it once."""
        return self._ask(do="run", work=work.as_json(), way=way, turn=turn)

    def forget(self) -> None:
        self._ask(do="forget")

    def logprobs(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[float]:
        """Log-probability (nats) of the second token ids after the first, of each pair."""
        return self._ask(do="logprobs", pairs=list(pairs))

    def _ask(self, **told: Any) -> Any:
        """The answer's value.

        Raises:
            PartyFailed: The party answered with an error, or has ended; the last lines it said are told.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        try:
            stdin.write(json.dumps(told) + "\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise PartyFailed(self.seat.label, f"its process {self._ending()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise PartyFailed(self.seat.label, answer["error"])
        self.peak_bytes = max(self.peak_bytes, int(answer["peak_bytes"]))
        return answer["value"]

    def _ending(self) -> str:
        """How the process ended, and the last lines it said."""
        code = self._process.wait()
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        self._said.seek(0)
        last = " / ".join(self._said.read().strip().splitlines()[-3:])
        return f"{how}: {last[-500:]}" if last else how

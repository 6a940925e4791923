"""Where errors become a sentence and an exit code."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

DONE, ILL, USAGE, UNVERIFIED, FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Exit codes: confirmed or done; something is wrong with what was looked at; wrong usage or settings; not
verified; broke down; stopped by a signal."""

DEBUG = "PUNCHLIST_DEBUG"
"""Environment variable: when set, errors are followed by where they came from."""


class SettingsError(ValueError):
    """An option or argument that cannot be used; says which and what to do."""


def sentence_for(error: BaseException) -> str | None:
    """What to tell a person about an error that this package raises on purpose; None for any other."""
    if isinstance(error, SettingsError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return (
            f"The package {error.name!r} is not installed. Install Punchlist with what it needs: "
            "pip install punchlist (in a clone: make setup)."
        )
    if isinstance(error, OSError):
        where = f" {str(error.filename)!r}" if error.filename else ""
        return (
            f"The operating system refused{where}: {error.strerror or error}. Check path, rights and space."
        )
    if not isinstance(error, _on_purpose()):
        return None
    return _of_memory(error) or str(error)


def _of_memory(error: BaseException) -> str | None:
    """What to type next, where memory refused."""
    from ...memory.errors import MemoryFault, MemoryRefused
    from .memory_errors import sentence_of

    return sentence_of(error) if isinstance(error, MemoryFault | MemoryRefused) else None


def _on_purpose() -> tuple[type[BaseException], ...]:
    from ...core_model.errors import CoreModelError
    from ...memory.errors import MemoryFault, MemoryRefused
    from ...protocols.errors import ProtocolError
    from ...tools.errors import ToolError
    from ..acting.attempt import StepFailed
    from ..agent import NothingToWorkWith
    from ..budget import BudgetExhausted, PriceMissing
    from ..evals.ledger import EvalError
    from ..letters import LetterUnread
    from ..manager import UnknownRun
    from ..mind import NoAnswer, Truncated
    from ..plan_edits import PlanError
    from ..reasoning.search import SearchRefused
    from ..reasoning.strategy import NoStrategy, UnknownStrategy
    from ..reasoning.trace import TraceDiverged

    return (
        CoreModelError,
        MemoryFault,
        MemoryRefused,
        ProtocolError,
        ToolError,
        BudgetExhausted,
        PriceMissing,
        EvalError,
        LetterUnread,
        PlanError,
        UnknownRun,
        NoAnswer,
        Truncated,
        SearchRefused,
        UnknownStrategy,
        NoStrategy,
        TraceDiverged,
        NothingToWorkWith,
        StepFailed,
    )


def describe_error(error: BaseException) -> str:
    """One sentence about any error; an unforeseen one is said to be our fault."""
    known = sentence_for(error)
    if known is not None:
        return " ".join(known.split())
    text = " ".join(str(error).split())[:300]
    return (
        f"{type(error).__name__}: {text}. This is a fault of punchlist; "
        f"with {DEBUG}=1 in the environment it says where. Please report it."
    )


def report_error(error: BaseException, *, as_json: bool = False) -> int:
    """Say on stderr what went wrong, with `as_json` also as one object on stdout; returns the exit code."""
    sentence = describe_error(error)
    if as_json:
        body = {"outcome": "error", "error": {"type": type(error).__name__, "message": sentence}}
        print(json.dumps(body), flush=True)
    print(f"punchlist: {sentence}", file=sys.stderr, flush=True)
    if os.environ.get(DEBUG):
        traceback.print_exception(error, file=sys.stderr)
    return USAGE if sentence_for(error) is not None else FAILED


def report_interrupt(*, as_json: bool = False) -> int:
    """Say that a signal ended the command before there was anything to report; returns the exit code."""
    if as_json:
        print(json.dumps({"outcome": "interrupted"}), flush=True)
    print("Interrupted.", file=sys.stderr, flush=True)
    return INTERRUPTED


@contextmanager
def term_interrupts() -> Generator[None]:
    """Let SIGTERM end the block as Ctrl-C does, wherever nothing else handles it (main thread only)."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: its owner handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def any_text_prints() -> None:
    """Let stdout escape what its encoding cannot express: pages may hold halves of characters."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

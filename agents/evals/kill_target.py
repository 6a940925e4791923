"""One process that does the main job, or goes on with it: what `eval kill` kills.

    python -m punchlist.agents.evals.kill_target --url URL --goal TEXT --journal FILE --model NAME

Resumes when the journal holds a run, else begins one, so the same command is right before and after a kill.
Prints one JSON line each: `{"began": true}` when models and tools are ready, `{"event": "Said"}` for every
event of the run, and at the end `{"ended": ...}`.
It ends when standard input closes, so that nothing stays when the process that started it is killed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from pydantic import JsonValue

from ...protocols.errors import JournalMissing
from ...protocols.journal import Journal
from ...protocols.outcome import Confirmed, Failed, Unverified
from ...tools.browser import Browser
from ..events import Ended, Event
from ..manager import Manager
from ..worker import Worker
from .models import open_model

Told = dict[str, JsonValue]


def main() -> None:
    """Run or resume until the run ends."""
    parser = argparse.ArgumentParser(prog="python -m punchlist.agents.evals.kill_target", description=__doc__)
    for name in ("url", "goal", "journal", "model"):
        parser.add_argument(f"--{name}", required=True)
    chosen = parser.parse_args()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_run(chosen.url, chosen.goal, Path(chosen.journal), chosen.model))


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(3)


async def _run(url: str, goal: str, journal: Path, which: str) -> None:
    model = open_model(which)
    browser = Browser(allow=[url])
    manager = Manager(model, [Worker(name, model, [browser]) for name in ("a", "b")], journal=journal)
    _tell({"began": True})
    told: Told = {"outcome": "none", "reasons": [], "value": None}
    async for event in _events(manager, journal, goal):
        _tell({"event": type(event).__name__})
        if isinstance(event, Ended):
            told = told_of(event.outcome)
    await manager.close()
    await model.aclose()
    _tell({"ended": told})


def _events(manager: Manager, journal: Path, goal: str) -> AsyncIterator[Event]:
    return manager.resume(journal) if holds_run(journal) else manager.stream(goal)


def holds_run(path: Path) -> bool:
    """Whether a journal is there and a run was begun in it."""
    try:
        with Journal.open(path, readonly=True) as journal:
            return bool(journal.runs())
    except JournalMissing:
        return False


def told_of(outcome: Confirmed[object] | Unverified | Failed) -> Told:
    """An outcome as JSON."""
    if isinstance(outcome, Confirmed):
        return {
            "outcome": "confirmed",
            "reasons": [],
            "value": json.loads(json.dumps(outcome.result, default=str)),
        }
    if isinstance(outcome, Unverified):
        return {"outcome": "unverified", "reasons": list(outcome.reasons), "value": outcome.last}
    return {
        "outcome": "failed",
        "reasons": [f"{type(outcome.error).__name__}: {outcome.error}"],
        "value": None,
    }


def _tell(value: Mapping[str, JsonValue]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()

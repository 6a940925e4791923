"""Stand-ins for a model; as a program, the command with one of them: `python standins.py NAME run ...`."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from punchlist.agents.evals.string_match import answer, string_match_model
from punchlist.agents.testing import ScriptedModel
from punchlist.core_model.errors import RemoteError


class Stuck(ScriptedModel):
    """Plans like the baseline, and thinks for ever about the first action."""

    def __init__(self) -> None:
        super().__init__(answer)

    async def generate(self, messages: Sequence[Any], **options: Any) -> Any:
        if messages[-1]["content"].endswith("do:"):
            print("STUCK", flush=True)
            await asyncio.Event().wait()
        return await super().generate(messages, **options)


class Breaking(ScriptedModel):
    """Plans like the baseline; then its server is gone."""

    def __init__(self) -> None:
        super().__init__(answer)

    async def generate(self, messages: Sequence[Any], **options: Any) -> Any:
        if messages[-1]["content"].endswith("plan:"):
            return await super().generate(messages, **options)
        raise RemoteError("http://127.0.0.1:9/v1", "connection refused", "Start it.")


def searching(text: str) -> str:
    """Types what the goal quotes into the search field of a page; says that it is done when it did."""
    if "did : type" in text:
        return "done"
    field = next(row for row in text.splitlines() if row.startswith("searchbox"))
    called = field.removeprefix("searchbox ").partition("]")[0]
    return f"type {called}] = {text.rsplit('goal : ', 1)[1].split(chr(34))[1].strip()}"


def loading() -> ScriptedModel:
    """Takes for ever to load."""
    print("STUCK", flush=True)
    while True:
        time.sleep(1)


MODELS: dict[str, Callable[[], ScriptedModel]] = {
    "helpless": lambda: ScriptedModel(lambda _: "cannot"),
    "string-match": string_match_model,
    "searching": lambda: ScriptedModel(searching),
    "stuck": Stuck,
    "breaking": Breaking,
    "loading": loading,
}
"""By name: `helpless` knows no task, the others are told at their classes."""


if __name__ == "__main__":
    from punchlist.agents.cli import main

    sys.exit(main(sys.argv[2:], open_model=lambda _: MODELS[sys.argv[1]]()))

"""A command line called in this process, in an empty folder, with a stand-in for the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from punchlist.agents.cli import main
from punchlist.examples.site import Site

from ..memory.doubles import FakeEmbedder
from . import standins

AISLE = "Ada always takes the aisle seat"


@dataclass(frozen=True)
class Ended:
    """What a call of the command left: exit code and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one object on stdout."""
        return json.loads(self.out)


Call = Callable[..., Ended]


@pytest.fixture
def punchlist(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command with a stand-in by name (None: the real loader)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: str, model: str | None = "helpless") -> Ended:
        opener = None if model is None else lambda _: standins.MODELS[model]()
        capsys.readouterr()
        code = main(arguments, open_model=opener)
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return call


@pytest.fixture
def shop() -> Any:
    """The example shop without flaws."""
    with Site(3, flaws=()) as site:
        yield site


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors that mean nothing; words still do. An embedder's name is what `--embedder` says."""
    monkeypatch.setattr(
        "punchlist.memory.memory.embedder_of",
        lambda spec, stored: FakeEmbedder(spec or stored or "fake") if isinstance(spec, str | None) else spec,
    )


@pytest.fixture
def hers(punchlist: Call, quick: None) -> Call:
    """The command, in a folder with what Ada prefers, what she said, and what everybody may know."""
    punchlist("memory", "add", AISLE, "--kind", "preference", "--user", "ada")
    said = ("--kind", "episode", "--user", "ada", "--speaker", "Ada", "--happened", "2026-05-03")
    punchlist("memory", "add", "We met at the fair in Graz.", *said)
    punchlist("memory", "add", "The office pays for rail travel in second class.")
    return punchlist

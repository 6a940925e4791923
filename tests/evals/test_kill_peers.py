"""Other durable frameworks under SIGKILL: how one is killed, gone on with, and judged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from punchlist.agents.evals import peers
from punchlist.agents.evals.harness import EvalOptions, OptionRefused, execute
from punchlist.agents.evals.kill_peers import KILLED, trial
from punchlist.agents.evals.kill_plan import Kill
from punchlist.agents.evals.peers import PeerBroke, opened

SCRIPTS = Path(peers.__file__).parent

AT_LEAST_ONCE = """
import importlib.metadata, sys
sys.path.insert(0, PLACE)
from mortal import TOOLS, World, mortal_connect, serve_kills
importlib.metadata.version = lambda name: "1.0"

def plan(folder):
    world, store = World(folder), mortal_connect(folder / "store.db")
    store.execute("CREATE TABLE IF NOT EXISTS done (tool TEXT)")
    done = {name for name, in store.execute("SELECT tool FROM done")}
    for name in TOOLS:
        if name not in done:
            world.do(name)
            store.execute("INSERT INTO done VALUES (?)", (name,))
            store.commit()
    return LAST

serve_kills("at least once", plan)
"""
LOOK, PAY = 3, 4
"""Moments of a call of the double: before and after its effect, if it has one, and its commit."""


def double(folder: Path, last: str = "True") -> Path:
    """A double of a framework that runs again what it has not recorded."""
    code = AT_LEAST_ONCE.replace("PLACE", repr(str(SCRIPTS))).replace("LAST", last)
    path = folder / "dbos" / "bin" / "python"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(0o700)
    return folder


def killed(folder: Path, at: int | None) -> Any:
    """One trial of the double."""
    with opened(folder, {}, KILLED, script="killed") as running:
        return trial(running["dbos"], None if at is None else Kill(at))


def test_an_effect_that_was_not_recorded_is_doubled_and_one_that_was_is_not(tmp_path: Path) -> None:
    folder = double(tmp_path)

    before, between, behind = (killed(folder, LOOK + at) for at in (1, 2, PAY))

    assert [(row.kills, row.lost, row.doubled) for row in (before, between, behind)] == [
        (1, False, False), (1, False, True), (1, False, False),
    ]  # fmt: skip
    assert between.stage == "at pay 1, ship 0, mail 0"


def test_a_run_that_nobody_kills_has_all_its_moments(tmp_path: Path) -> None:
    whole = killed(double(tmp_path), None)

    assert (whole.kills, whole.lost, whole.moments) == (0, False, LOOK + 3 * PAY)


def test_a_run_that_does_not_come_to_its_end_is_lost(tmp_path: Path) -> None:
    folder = double(tmp_path, "False")

    assert killed(folder, LOOK + 1).lost
    with pytest.raises(PeerBroke):
        killed(folder, None)


def test_every_peer_that_is_killed_has_its_script_and_a_pinned_version_in_the_readme() -> None:
    readme = (SCRIPTS / "README.md").read_text()

    assert {path.stem for path in SCRIPTS.glob("killed_*.py")} == {f"killed_{name}" for name in KILLED}
    assert [name for name in KILLED if f"DIR/{name}/bin/pip install" not in readme] == []


def test_peers_are_killed_only_where_it_is_said_where_they_are(tmp_path: Path) -> None:
    with pytest.raises(OptionRefused, match="--peers DIR"):
        execute("eval", "kill", EvalOptions(only="peers", out=tmp_path / "kill.jsonl"))

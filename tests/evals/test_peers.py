"""How what another framework's caller got is judged, and how scripts are talked to."""

import sys
from pathlib import Path

import pytest

from punchlist.agents.evals import peers
from punchlist.agents.evals.peers import NoPeers, PeerBroke, judged, opened

SCRIPTS = Path(peers.__file__).parent
REFUSAL = "wrong_with_budget_2"


def value(output, success=True):
    """What a script says of a caller that got a value."""
    return {"output": output, "success": success, "flag": "", "calls": 1}


@pytest.mark.parametrize(
    ("name", "told", "verdict"),
    [
        (REFUSAL, value("41"), "not held"),
        (REFUSAL, value("41", success=False), "held"),
        (REFUSAL, {"raised": "TooManyRetries", "calls": 2}, "held"),
        (REFUSAL, {"not_offered": "there is no check"}, "not offered"),
        (REFUSAL, {"broke": "Traceback"}, "broke"),
        ("mended_by_redo", value("42"), "held"),
        ("mended_by_redo", value("41"), "not held"),
        ("mended_by_redo", {"raised": "TooManyRetries", "calls": 2}, "not held"),
    ],
)
def test_a_refused_result_must_not_pass_and_a_right_one_must(name, told, verdict):
    assert judged(name, told) == verdict


def test_every_peer_has_its_script_and_a_pinned_version_in_the_readme():
    readme = (SCRIPTS / "README.md").read_text()

    assert {path.stem for path in SCRIPTS.glob("with_*.py")} == {f"with_{name}" for name in peers.PEERS}
    assert {path.stem for path in SCRIPTS.glob("remembering_*.py")} == {
        f"remembering_{name}" for name in peers.REMEMBERING
    }
    assert [
        name for name in (*peers.PEERS, *peers.REMEMBERING) if f"DIR/{name}/bin/pip install" not in readme
    ] == []


def test_a_folder_without_environments_says_how_to_make_them(tmp_path):
    with pytest.raises(NoPeers, match="README"), opened(tmp_path, {}):
        pass


def environment(folder, name, code):
    """A double of a virtual environment: a `python` that runs `code` in place of the script."""
    path = folder / name / "bin" / "python"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(0o700)


ECHO = """
import json, sys
sys.path.insert(0, PLACE)
from speaking import ended, per_unit, serve

async def wrong():
    print("frameworks print")
    return ended("41")

async def crashes():
    raise KeyError("nothing")

async def agent(count, durability):
    async def one():
        return "12"
    return await per_unit(one, count)

serve("pytest", {"wrong_with_budget_2": wrong, "check_raises": crashes}, {"agent": agent})
"""


def test_a_script_is_asked_for_situations_and_work_and_may_print(tmp_path):
    environment(tmp_path, "agno", ECHO.replace("PLACE", repr(str(SCRIPTS))))
    missing = {}

    with opened(tmp_path, missing) as running:
        peer = running["agno"]
        verdicts = {name: peer.situation(name) for name in peer.situations}
        seconds = peer.work("agent", 10, "off")

    assert verdicts == {"wrong_with_budget_2": "not held", "check_raises": "held"}
    assert seconds >= 0
    assert set(missing) == set(peers.PEERS) - {"agno"}


def test_a_script_that_does_not_start_is_left_out_with_the_reason(tmp_path):
    environment(tmp_path, "agno", "raise SystemExit(1)")
    missing = {}

    with opened(tmp_path, missing) as running:
        assert running == {}

    assert "'agno' broke" in missing["agno"]


def test_work_that_comes_to_nothing_is_an_error_with_the_reason(tmp_path):
    broken = ECHO.replace("PLACE", repr(str(SCRIPTS))).replace('return "12"', 'return "13"')
    environment(tmp_path, "agno", broken)

    with opened(tmp_path, {}) as running, pytest.raises(PeerBroke, match="13"):
        running["agno"].work("agent", 1, "off")

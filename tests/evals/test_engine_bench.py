"""The benchmark of the engine: turns, peers that are absent or fail, its report, no process left behind."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from punchlist.agents.evals import engine
from punchlist.agents.evals.engine import contests, parties
from punchlist.agents.evals.engine.contests import HF, LLAMACPP, OURS, Contest, Entrant
from punchlist.agents.evals.engine.parties import Child, PartyFailed
from punchlist.agents.evals.engine.rounds import Result, compare
from punchlist.agents.evals.engine.shapes import TINY, checkpoint
from punchlist.agents.evals.engine.typed import MESSAGES, endless, messages
from punchlist.agents.evals.engine.work import Work
from punchlist.agents.evals.harness import EvalOptions, OptionRefused, execute
from punchlist.agents.evals.processes import descendants, leftovers

WORK = Work("decode", "decode", 64, 10)
CONTEST = Contest(
    WORK, (Entrant("ours", OURS), Entrant("hf", HF), Entrant("llamacpp", LLAMACPP)),
    ratios={"decode_vs_hf": ("hf", "ours"), "decode_vs_llamacpp": ("llamacpp", "ours")},
)  # fmt: skip
BUSY = """
import sys
from pathlib import Path
from punchlist.agents.evals.engine.contests import OURS_FLOAT32
from punchlist.agents.evals.engine.parties import Child
from punchlist.agents.evals.engine.work import Work

with Child(OURS_FLOAT32, 1) as child:
    child.load(Path(sys.argv[1]))
    print("ready", flush=True)
    while True:
        child.run(Work("decode", "decode", 64, 4000), "only", 0)
"""


def silent(line):
    """A double for stderr."""


@dataclass
class Double:
    """A double for a party's process: ways with their seconds; it notes what it is asked in `said`."""

    seat: object
    seconds: dict[str, float]
    said: list = field(default_factory=list)
    fails_at: int | None = None

    def ways(self, work):
        return list(self.seconds)

    def run(self, work, way, turn):
        if turn == self.fails_at:
            raise PartyFailed(self.seat.label, "out of memory")
        self.said.append((self.seat.label, way, turn))
        return self.seconds[way]

    def forget(self):
        self.said.append((self.seat.label, "forget", None))


def held(said, absent=(), hf_fails_at=None):
    children = {
        OURS: Double(OURS, {"only": 1.0}, said),
        HF: Double(HF, {"slow": 9.0, "fast": 3.0}, said, hf_fails_at),
        LLAMACPP: Double(LLAMACPP, {"only": 2.0}, said),
    }
    result = Result(CONTEST, "double", "")
    compare(result, children, dict(absent), 2, silent)
    return result


def test_engines_take_turns_and_each_goes_its_fastest_way():
    said = []

    result = held(said)

    turns = [one for one in said if one[2] is not None and one[2] >= 0]
    assert turns == [
        ("ours", "only", 0), ("hf", "fast", 0), ("llamacpp", "only", 0),
        ("hf", "fast", 1), ("llamacpp", "only", 1), ("ours", "only", 1),
    ]  # fmt: skip
    assert result.seconds["hf"] == [0.3, 0.3]
    assert result.figures()[0]["decode_vs_hf"] == pytest.approx(3)
    assert result.figures()[0]["decode_tokens_per_second_llamacpp"] == pytest.approx(5)


@pytest.mark.parametrize("how", [{"absent": {HF: "no memory"}}, {"hf_fails_at": 1}], ids=["absent", "fails"])
def test_an_engine_that_cannot_leaves_the_others_their_figures(how):
    figures, reasons = held([], **how).figures()

    assert figures["decode_vs_hf"] is None
    assert "memory" in reasons["decode_vs_hf"]
    assert figures["decode_vs_llamacpp"] == pytest.approx(2)


@pytest.mark.parametrize(("option", "value"), [("shape", "gpt-5"), ("only", "decode,nothing")])
def test_a_shape_or_workload_that_does_not_exist_is_refused_with_those_that_do(option, value):
    with pytest.raises(OptionRefused, match=r"there is no .*(tiny|tot)"):
        execute("bench", "engine", EvalOptions(**{option: value}, say=silent))


def test_every_headline_is_explained_where_the_benchmark_says_what_it_measures():
    made = (*contests.shape_contests(False), *contests.embedded_contests(False))
    explained = set(re.findall(r"\w+", engine.__doc__))

    assert {name for contest in made for name in contest.ratios} <= explained
    assert {"fork4k_seconds", "int8_perplexity_change"} <= explained


def test_quick_and_whole_runs_measure_the_same_figures():
    for made in (contests.shape_contests, contests.embedded_contests):
        assert [(each.work.name, each.ratios) for each in made(True)] == [
            (each.work.name, each.ratios) for each in made(False)
        ]


def test_typed_messages_are_those_of_the_protocol():
    assert len(messages()) == len(MESSAGES)
    assert messages()[2].accepts('{"kind":"failed","error":"WorkerLost","message":"gone","retry":true}')
    assert not messages()[2].accepts('{"kind":"failed","error":"WorkerLost","message":"gone"}')
    assert not endless().accepts("[]")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder for the checkpoint, which is made once."""
    return tmp_path_factory.mktemp("checkpoints")


def tiny(data, only, **options):
    options = EvalOptions(shape="tiny", quick=True, only=only, repeats=1, data=data, say=silent, **options)
    return execute("bench", "engine", options)


def test_an_absent_peer_is_named_with_the_command_that_brings_it(data, monkeypatch):
    monkeypatch.setitem(parties.NEEDS, "hf", ("no_such_library",))
    monkeypatch.setitem(parties.NEEDS, "llamacpp", ("neither_this", "nor_that"))

    made = tiny(data, "batch8")

    assert made["figures"]["batch8_vs_hf_tiny"] is None
    assert "`pip install transformers`" in made["settings"]["skipped"]["batch8_vs_hf_tiny"]
    assert "`pip install llama-cpp-python gguf`" in made["settings"]["skipped"]["batch8_vs_llamacpp_tiny"]


def test_every_installed_engine_computes_the_same_model_and_is_timed(data, tmp_path):
    """Llama with stretched rotary frequencies, so that a GGUF file with rows out of order would be seen."""
    here = [seat for seat in (OURS, HF, LLAMACPP) if parties.absent(seat.party) is None]

    made = tiny(data, "tot", threads=1, report=tmp_path / "report")

    figures, settings = made["figures"], made["settings"]
    assert list(made) == ["name", "figures", "settings", "machine", "seconds"]
    assert set(settings["agreement"]["tiny"]) == {seat.label for seat in here}
    assert min(settings["agreement"]["tiny"].values()) > 0.99
    assert all(figures[f"tot_seconds_{seat.label}_tiny"] > 0 for seat in here)
    assert figures["tot_fork_vs_resend_tiny"] > 0
    kept = json.loads((tmp_path / "report" / "bench-engine.json").read_text())
    assert {"date", "machine", "figures", "settings", "samples"} == set(kept)
    assert "| `tot_vs_hf_tiny` |" in (tmp_path / "report" / "bench-engine.md").read_text()


def test_an_engine_says_what_went_wrong_and_goes_on(data):
    folder = checkpoint(TINY, data)

    with Child(contests.OURS_FLOAT32, 1) as child:
        with pytest.raises(PartyFailed, match=r"UnknownCheckpoint: .*nowhere"):
            child.load(folder / "nowhere")
        name = child.load(folder)

    assert name.startswith("punchlist ")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=lambda end: end.name)
async def test_whichever_way_the_benchmark_is_stopped_no_engine_is_left_running(end, data):
    """In the middle of a run that would take long."""
    command = [sys.executable, "-c", BUSY, str(checkpoint(TINY, data))]
    parent = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    await asyncio.wait_for(parent.stdout.readline(), 60)
    below = descendants(parent.pid)

    os.kill(parent.pid, end)
    await parent.wait()

    assert below
    assert await leftovers(below, patience=5) == 0

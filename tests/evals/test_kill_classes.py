"""What counts as lost, doubled and unknown when a run with a tool of each class is killed."""

from pathlib import Path

import pytest

from punchlist.agents.evals import harness
from punchlist.agents.evals.harness import EvalOptions, OptionRefused
from punchlist.agents.evals.kill_classes import Ended, _judged, trial  # pyright: ignore[reportPrivateUsage]
from punchlist.agents.evals.kill_classes_target import RUN, TOOLS, World
from punchlist.protocols.journal import Journal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run that was confirmed after each of its tools was called once."""
    world = World(tmp_path / "world.db")
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin(RUN, "goal")
        for name, recovery in TOOLS.items():
            key = f"{RUN}/t/1/{name}"
            journal.intent(key, name, {}, recovery, run=RUN, task="t", attempt=1)  # pyright: ignore
            if recovery != "pure":
                world.do(name, key)
            journal.outcome(key, "done")
    return tmp_path


def ended(outcome: str = "confirmed") -> Ended:
    return Ended(outcome, (), 0, 1.0)


def test_a_run_that_was_killed_goes_on_and_counts_each_effect_once() -> None:
    row = trial(at=30, after=None)

    assert (row.killed, row.outcome) == (True, "confirmed")
    assert (row.lost, row.doubled, row.unknown) == ((), (), ())


def test_what_is_as_recorded_is_neither_lost_nor_doubled(folder: Path) -> None:
    assert _judged(folder, ended()) == ((), (), ())


def test_an_effect_that_is_there_twice_is_doubled(folder: Path) -> None:
    World(folder / "world.db").do("mail", "again")

    assert _judged(folder, ended()) == ((), ("unsafe",), ())


def test_an_effect_that_is_recorded_and_not_there_is_lost(folder: Path) -> None:
    (folder / "world.db").unlink()

    assert _judged(folder, ended()) == (("keyed", "queryable", "unsafe"), (), ())


def test_an_effect_without_an_intent_is_lost(folder: Path) -> None:
    (folder / "run.db").unlink()
    with Journal.open(folder / "run.db") as journal:
        journal.begin(RUN, "goal")

    lost, _, _ = _judged(folder, ended("unverified"))

    assert "unsafe" in lost


def test_a_run_that_leaves_a_call_to_a_person_is_unknown_and_not_lost(folder: Path) -> None:
    with Journal.open(folder / "run.db") as journal:
        journal.intent(f"{RUN}/t/2/mail", "mail", {}, "unsafe", run=RUN, task="t", attempt=2)

    assert _judged(folder, ended("unverified")) == ((), (), ("unsafe",))


def test_a_run_that_ends_otherwise_has_lost_its_work(folder: Path) -> None:
    assert _judged(folder, ended("failed"))[0] == tuple(sorted(TOOLS.values()))


def test_a_part_that_there_is_not_is_refused() -> None:
    with pytest.raises(OptionRefused, match="shop, classes"):
        harness.execute("eval", "kill", EvalOptions(only="klasses"))

"""What counts as lost, doubled and unknown when a run with a tool of each class is killed."""

import shutil
from pathlib import Path

import pytest

from punchlist.agents.evals import harness
from punchlist.agents.evals.harness import EvalOptions, OptionRefused
from punchlist.agents.evals.kill_classes import (
    ClassRow,
    Ended,
    class_figures,
    judged,
    process,
    trial,
)
from punchlist.agents.evals.kill_classes_target import RUN, TOOLS, World
from punchlist.agents.evals.kill_plan import Kill
from punchlist.agents.evals.kill_resumes import IN_A_ROW, resume_figures
from punchlist.protocols.journal import Journal
from punchlist.protocols.journal_lines import export_lines, import_lines, write_lines


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
    row = trial(Kill(at=25))

    assert (row.kills, row.outcome) == (1, "confirmed")
    assert (row.lost, row.doubled, row.unknown) == ((), (), ())


def test_a_run_that_is_killed_again_and_again_while_it_is_gone_on_with_counts_each_effect_once() -> None:
    row = trial(Kill(at=25), Kill(at=9), Kill(at=20))

    assert (row.kills, row.outcome, row.stage.count("behind")) == (3, "confirmed", 3)
    assert (row.lost, row.doubled, row.unknown) == ((), (), ())


def test_a_kill_that_comes_too_late_comes_earlier_in_the_same_run_begun_again() -> None:
    row = trial(Kill(at=35), Kill(at=400))

    assert (row.kills, row.lost, row.doubled) == (2, (), ())


@pytest.mark.parametrize("how", ["copy", "lines"])
def test_a_run_that_was_killed_goes_on_elsewhere_with_nothing_but_its_journal(
    tmp_path: Path, how: str
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    assert process(here, Kill(at=33)) is None
    shutil.copy(here / "world.db", there)  # the world is the same everywhere
    if how == "copy":
        for file in here.glob("run.db*"):
            shutil.copy(file, there)
    else:
        with Journal.open(here / "run.db", readonly=True) as journal:
            write_lines(tmp_path / "run.jsonl", export_lines(journal, RUN))
        with Journal.open(there / "run.db") as journal:
            import_lines(journal, tmp_path / "run.jsonl")
    shutil.rmtree(here)

    ended = process(there)

    assert ended is not None and ended.outcome == "confirmed"
    assert [World(there / "world.db").count(name) for name in ("pay", "ship", "mail")] == [1, 1, 1]


def test_what_is_as_recorded_is_neither_lost_nor_doubled(folder: Path) -> None:
    assert judged(folder, ended()) == ((), (), ())


def test_an_effect_that_is_there_twice_is_doubled(folder: Path) -> None:
    World(folder / "world.db").do("mail", "again")

    assert judged(folder, ended()) == ((), ("unsafe",), ())


def test_an_effect_that_is_recorded_and_not_there_is_lost(folder: Path) -> None:
    (folder / "world.db").unlink()

    assert judged(folder, ended()) == (("keyed", "queryable", "unsafe"), (), ())


def test_an_effect_without_an_intent_is_lost(folder: Path) -> None:
    (folder / "run.db").unlink()
    with Journal.open(folder / "run.db") as journal:
        journal.begin(RUN, "goal")

    lost, _, _ = judged(folder, ended("unverified"))

    assert "unsafe" in lost


def test_a_run_that_leaves_a_call_to_a_person_is_unknown_and_not_lost(folder: Path) -> None:
    with Journal.open(folder / "run.db") as journal:
        journal.intent(f"{RUN}/t/2/mail", "mail", {}, "unsafe", run=RUN, task="t", attempt=2)

    assert judged(folder, ended("unverified")) == ((), (), ("unsafe",))


def test_a_run_that_ends_otherwise_has_lost_its_work(folder: Path) -> None:
    assert judged(folder, ended("failed"))[0] == tuple(sorted(TOOLS.values()))


def row(kills: int, **flags: tuple[str, ...]) -> ClassRow:
    whole = {"stage": "", "moments": 80, "seconds": 1.0, "outcome": "confirmed", "reasons": ()}
    found = {"lost": (), "doubled": (), "unknown": ()} | flags
    return ClassRow.model_validate(whole | found | {"kills": kills})


def test_only_runs_that_were_killed_count_and_for_resumes_those_that_were_killed_again() -> None:
    rows = [row(0), row(1, doubled=("unsafe",)), row(2, unknown=("unsafe",)), row(3, lost=("keyed", "pure"))]

    once, again = class_figures(rows), resume_figures(rows)

    assert (once["kills"], once["doubled"], once["doubled_unsafe"], once["moments"]) == (6, 1, 1, 80)
    assert (again["resumes_runs"], again["resumes_kills"], again["resumes_doubled"]) == (2, 5, 0)
    assert (again["resumes_lost"], again["resumes_lost_keyed"], again["resumes_unknown_unsafe"]) == (1, 1, 1)


def test_resumes_are_killed_by_the_command_and_what_came_of_it_has_its_figures(tmp_path: Path) -> None:
    options = EvalOptions(only="resumes", limit=2, out=tmp_path / "kill.jsonl", say=lambda line: None)

    figures = harness.execute("eval", "kill", options)["figures"]

    assert isinstance(figures, dict)
    assert figures["resumes_runs"] == 2 and 2 * 2 <= int(str(figures["resumes_kills"])) <= 2 * IN_A_ROW
    assert [figures[f"resumes_{name}"] for name in ("lost", "doubled")] == [0, 0]
    assert "kills" not in figures


def test_a_part_that_there_is_not_is_refused() -> None:
    with pytest.raises(OptionRefused, match="shop, classes"):
        harness.execute("eval", "kill", EvalOptions(only="klasses"))

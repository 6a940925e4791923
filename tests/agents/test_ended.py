"""What a run came to is in its journal, with the reasons, and whoever looks at it is told."""

import gc
import weakref

import pytest

from punchlist.agents import Manager, Plan
from punchlist.agents.budget import Budget
from punchlist.agents.cli import main
from punchlist.agents.evals.staging import Part, StagedRun
from punchlist.agents.managing.driving import Driver
from punchlist.agents.mind import Mind
from punchlist.agents.observability.report import save_report
from punchlist.agents.testing import ScriptedModel
from punchlist.agents.worker import Worker
from punchlist.protocols import Check, Confirmed, Unverified
from punchlist.protocols.journal import Journal
from punchlist.tools.permissions import preset
from punchlist.tools.tool import tool

from .doubles import FINE, worker

NEVER = Check("it is <right>", lambda result: "it is not")


def a_plan(spec):
    plan = Plan()
    plan.task("it", "do it", spec=[spec])
    return plan


@pytest.mark.parametrize(
    ("spec", "given", "outcome", "status"),
    [
        (FINE, {}, "confirmed", "confirmed"),
        (NEVER, {"redos": 0}, "unverified", "unverified"),
        (FINE, {"steps": 0}, "confirmed", "confirmed"),
        (FINE, {"seconds": 0.0}, "unverified", "paused"),
    ],
)
async def test_the_last_row_before_the_seal_says_what_a_run_came_to(tmp_path, spec, given, outcome, status):
    path = tmp_path / "run.db"

    made = await Manager(None, [worker()], journal=path, **given).run(a_plan(spec))

    with Journal.open(path, readonly=True) as journal:
        (row,) = journal.rows(made.run, kinds=("ended",))
        (found,) = journal.verify(made.run)
    assert (row.body["outcome"], row.body["status"]) == (outcome, status)
    assert row.body["reasons"] == list(getattr(made, "reasons", ())) and found.intact


async def test_what_broke_a_run_down_is_told(tmp_path):
    path = tmp_path / "run.db"
    plan = Plan()
    plan.task("it", lambda given: 1 / 0, spec=[FINE])

    made = await Manager(None, [worker()], journal=path).run(plan)

    with Journal.open(path, readonly=True) as journal:
        (row,) = journal.rows(made.run, kinds=("ended",))
    assert row.body["outcome"] == "failed" and "ZeroDivisionError" in row.body["reasons"][0]


async def test_journal_show_and_the_report_tell_it(tmp_path, capsys):
    path, page = tmp_path / "run.db", tmp_path / "run.html"
    made = await Manager(None, [worker()], journal=path, redos=0).run(a_plan(NEVER))

    main(["journal", "show", str(path)])
    save_report(path, page)

    assert isinstance(made, Unverified)
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("ended   unverified") + 1] == f"        - {made.reasons[0]}"
    assert "it is &lt;right&gt;: it is not" in page.read_text()


async def test_a_run_that_goes_on_again_is_not_told_to_have_ended(tmp_path):
    path, page = tmp_path / "run.db", tmp_path / "run.html"
    made = await Manager(None, [worker()], journal=path, seconds=0.0).run(a_plan(FINE))
    with Journal.open(path) as journal:
        journal.append("sitting", {"pid": 1}, run=made.run)

    save_report(path, page)

    assert made.reasons[0].split(".")[0] not in page.read_text()


async def test_a_run_that_is_over_is_freed_without_a_search_for_cycles(tmp_path):
    path = tmp_path / "run.db"
    gc.disable()
    try:
        drivers = weakref.WeakSet()
        with Journal.open(path) as journal:
            await _staged(journal, drivers)

            assert not drivers
    finally:
        gc.enable()


async def _staged(journal, drivers):
    class Noted(Driver):
        def __init__(self, *given):
            super().__init__(*given)
            drivers.add(self)

    journal.begin("r", "all of it")
    mind = Mind(
        ScriptedModel(["call count\nend", "answer 3"] * 2), Budget(), journal, "r", lambda event: None
    )
    run = StagedRun(
        "r", "all of it", [Worker("w", mind.model, tools=[count])], mind, preset("unattended"), show=mind.show
    )
    run.driving = Noted
    run.parts = [Part(name, lambda found: "how many ?", lambda found: [FINE]) for name in "ab"]
    assert isinstance(await run.to_the_end(), Confirmed)
    assert len(drivers) == 2


@tool(effect="read")
def count() -> str:
    """What is there."""
    return "3"


async def test_a_run_that_is_stopped_before_its_first_step_lets_go_of_its_journal(tmp_path):
    path, workers = tmp_path / "run.db", [worker()]
    running = Manager(None, workers, journal=path).start(a_plan(FINE))

    await running.stop()

    again = await Manager(None, workers).go_on(path, plan=a_plan(FINE)).outcome()
    assert isinstance(again, Confirmed) and again.run == running.id

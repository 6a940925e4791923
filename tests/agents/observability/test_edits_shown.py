"""A run whose plans were edited, as its report and `journal show` tell it."""

import pytest

from punchlist.agents import Manager, Plan, PlanEdit
from punchlist.agents.cli import main
from punchlist.agents.observability.edits import Edited
from punchlist.agents.observability.report import report_of
from punchlist.protocols import Check
from punchlist.protocols.journal import Journal, Row

from ..doubles import FINE, worker


@pytest.fixture
async def edited(tmp_path):
    """The shelf is refused once; its plan is edited in the first attempt, and again when it was confirmed."""
    tries = iter([False, True, True])

    def inner(order):
        plan = Plan()
        plan.task("sort", "sort", spec=[FINE])
        return plan

    def work(brief):
        if brief.goal == "door":  # the last task: everything before it is confirmed
            running.edit(PlanEdit(edit="add", task="wipe", of="shelf", text="Wipe <it>.", like="sort"), "ada")
        elif brief.goal == "sort" and "shelf/2/sort" not in running.tasks:
            running.edit(PlanEdit(edit="add", task="dust", of="shelf", text="Dust it.", like="sort"), "ada")
            running.edit(PlanEdit(edit="drop", task="label", reason="not needed"), "grace")
        return brief.goal

    plan = Plan("shop")
    spec = [Check("tidy", lambda result: next(tries))]
    shelf = plan.task("shelf", "shelf", worker="boss", spec=spec)
    price = plan.task("price", "price", inputs={"x": shelf}, worker="clerk", spec=[FINE])
    plan.task("door", "door", after=[price], worker="clerk", spec=[FINE])
    plan.task("label", "label", after=[price], worker="clerk", spec=[FINE])
    boss = Manager(None, [worker("hand", work)]).as_worker("boss", inner)
    path = tmp_path / "run.db"
    running = Manager(None, [boss, worker("clerk", work)], journal=path).start(plan)
    await running.outcome()
    return path


async def test_the_report_tells_who_changed_what_of_which_plan_and_why(edited):
    with Journal.open(edited, readonly=True) as journal:
        html = report_of(journal, journal.runs()[0]).html

    section = html.partition('id="edits"')[2].partition("</section>")[0]
    assert [
        section.count(text) for text in ("added &#x27;dust&#x27;", "taken over</span>", "Wipe &lt;it&gt;.")
    ] == [2, 1, 1]
    assert "grace" in section and "not needed" in section and "the outermost" in section
    assert html.count("<b>plan edit</b>") == 4 and "upstream 0" not in html


async def test_the_journal_is_shown_with_edits_and_what_they_re_opened(edited, capsys):
    main(["journal", "show", str(edited)])

    lines = [line[10:] for line in capsys.readouterr().out.splitlines()]
    told = [line for line in lines if " plan_edit " in line or " reopen " in line]
    like = "held against the spec of 'sort'"
    assert told[:5] == [
        f"shelf      plan_edit ada added 'dust' to the plan of 'shelf': Dust it.; {like}",
        "           plan_edit grace dropped 'label' from the plan (not needed)",
        "shelf      plan_edit taken over by the next attempt: "
        f"ada added 'dust' to the plan of 'shelf': Dust it.; {like}",
        f"shelf      plan_edit ada added 'wipe' to the plan of 'shelf': Wipe <it>.; {like}",
        "shelf      reopen   ada: the plan of shelf was edited",
    ]
    assert "price      reopen   runtime: shelf is done again" in told[5:] and len(set(told)) == len(told)


@pytest.mark.parametrize("body", [None, "x", {"pruned": True}, {"edit": 3, "person": []}])
def test_a_row_that_tells_no_edit_is_told_as_one_that_says_nothing(body):
    row = Row(1, "r", "shelf/1/", 0, "plan_edit_left_out", "", 0.0, body)

    words = Edited.of_row(row).words()

    assert words.startswith("left out of the next attempt: somebody edited '' in the plan of 'shelf'")

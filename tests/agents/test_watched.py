"""What becomes of a run whose worker gets nowhere: each alarm is on record with evidence, and is followed."""

from punchlist.agents.watch import ALARM, LADDER
from punchlist.protocols import Confirmed, Unverified
from punchlist.protocols.journal import Journal
from punchlist.tools import tool

GOAL = "How many green mugs are in stock?"
PLAN = "task use\ntext how many green mugs are in stock ?\nend"
CALL = "call stock\nitem green mugs\nend"


@tool(effect="read")
def stock(item: str) -> int:
    """Units of an item in stock."""
    return 12


def alarms_of(path, run):
    with Journal.open(path, readonly=True) as journal:
        return [row.body for row in journal.rows(run, kinds=(ALARM,))]


async def test_an_alarm_that_comes_again_is_told_redone_escalated_and_ends_the_task(manager, watch, tmp_path):
    asked = []

    def again(question):
        asked.append(question)
        return PLAN if question.endswith("plan:") else CALL

    outcome, _ = await watch(manager(again, [stock], redos=9), GOAL)

    raised = alarms_of(tmp_path / "run.db", outcome.run)
    assert isinstance(outcome, Unverified) and "WatchStopped" in outcome.reasons[0]
    assert tuple(each["advice"] for each in raised) == LADDER
    assert all("'stock green mugs' was done 3 times" in each["evidence"][0] for each in raised)
    assert any("did : watch -> error : that was done before" in question for question in asked)


async def test_a_person_says_how_to_go_on_and_the_worker_reads_it(manager, watch, tmp_path):
    def says(question):
        if question.endswith("plan:"):
            return PLAN
        return "answer 12" if "did : a person -> say what you found" in question else CALL

    person = {"person": lambda request: "say what you found"}

    outcome, _ = await watch(manager(says, [stock], redos=9, **person), GOAL)

    assert isinstance(outcome, Confirmed) and outcome.result["answer"] == "12"
    assert [each["advice"] for each in alarms_of(tmp_path / "run.db", outcome.run)] == [*LADDER[:3]]

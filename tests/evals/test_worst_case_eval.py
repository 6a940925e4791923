"""The worst model is measured: nothing wrong is confirmed, and a fault would be seen."""

from random import Random

from punchlist.agents.evals import worst_case
from punchlist.agents.evals.harness import EvalOptions, execute
from punchlist.agents.evals.worst_case import SAID


async def test_what_is_right_is_confirmed_and_what_is_wrong_is_not():
    right = await worst_case._run(worst_case._Saying([SAID["right"]], Random(1)), Random(1))
    wrong = await worst_case._run(worst_case._Saying([SAID["wrong"]], Random(1)), Random(1))

    assert right == {"ended": "confirmed", "hung": False, "over_budget": False, "confirmed_wrong": False}
    assert wrong["ended"] == "unverified" and not wrong["confirmed_wrong"]


def test_the_figures_tell_how_runs_ended(tmp_path):
    options = EvalOptions(limit=3, quick=True, out=tmp_path / "out.jsonl", say=lambda _: None)

    figures = execute("eval", "worst_case", options)["figures"]

    assert figures["runs"] == 3 and figures["exhaustive_runs"] == len(SAID) ** 2
    assert figures["exhaustive_confirmed"] > 0
    assert [figures[name] for name in worst_case.FAULTS] == [0, 0, 0]

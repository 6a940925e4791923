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
    done = execute(
        "eval", "worst_case", EvalOptions(limit=3, quick=True, out=tmp_path / "out.jsonl"), lambda _: None
    )

    assert done["figures"]["runs"] == 3 and done["figures"]["exhaustive_runs"] == len(SAID) ** 2
    assert done["figures"]["exhaustive_confirmed"] > 0
    assert [done["figures"][name] for name in worst_case.FAULTS] == [0, 0, 0]

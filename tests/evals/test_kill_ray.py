"""What counts when nodes of a Ray cluster go away in the middle of runs."""

import importlib.util

import pytest

from punchlist.agents.evals.harness import EvalOptions, OptionRefused, execute
from punchlist.agents.evals.kill_ray import RayRow, ray_figures

INSTALLED = importlib.util.find_spec("ray") is not None


def row(way: str = "machine", **given: object) -> RayRow:
    whole = {
        "killed": True,
        "events": 9,
        "outcome": "confirmed",
        "attempts": 1,
        "seconds": 2.0,
        "reasons": (),
    }
    flags = {"lost": (), "doubled": (), "unknown": ()}
    return RayRow.model_validate(whole | flags | {"way": way} | given)


def test_only_runs_whose_node_went_away_before_their_end_count() -> None:
    whole = row("", killed=False, attempts=0, seconds=1.0)
    rows = [row(), row("frozen", unknown=("mail ada",)), row("raylet", killed=False, doubled=("pay ada",))]

    figures = ray_figures([whole, *rows])

    assert (figures["ray_kills"], figures["ray_kills_frozen"], figures["ray_kills_raylet"]) == (2, 1, 0)
    assert (figures["ray_lost"], figures["ray_doubled"], figures["ray_unknown"]) == (0, 0, 1)
    assert (figures["ray_lost_attempts"], figures["ray_whole_seconds"]) == (2, 1.0)


@pytest.mark.skipif(INSTALLED, reason="Ray is installed")
def test_without_ray_it_says_what_to_install() -> None:
    with pytest.raises(OptionRefused, match=r"pip install 'punchlist\[ray\]'"):
        execute("eval", "kill", EvalOptions(only="ray"))

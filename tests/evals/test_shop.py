"""The shop's eval and the kills, with the string-matching baseline in the model's place."""

import json

import pytest

from punchlist.agents.evals import kill, shop
from punchlist.agents.evals.harness import EvalOptions, execute
from punchlist.agents.evals.kill import Moment, trial
from punchlist.agents.evals.kill_target import holds_run
from punchlist.agents.evals.models import STRING_MATCH, open_model
from punchlist.agents.evals.shop import Booth
from punchlist.examples.site import demo_goal, goal

FIXED = set(
    "confirmed_right confirmed_wrong unverified unknown confirmed_right_no_redo string_match_baseline"
    " step_accuracy spec_accuracy redos_per_goal tokens_per_goal median_seconds".split()
)
ENDS = ("confirmed_right", "confirmed_wrong", "unverified", "unknown", "failed")


def silent(line):
    """A double for stderr."""


@pytest.mark.browser
def test_one_goal_gives_every_fixed_figure_and_one_of_five_ends(tmp_path, unexplained):
    options = EvalOptions(model=STRING_MATCH, limit=1, compare=False, out=tmp_path / "x.jsonl", say=silent)

    figures = execute("eval", "shop", options)["figures"]

    assert set(figures) >= FIXED
    assert list(figures)[:2] == ["step_accuracy", "spec_accuracy"]
    assert figures["goals"] == 1
    assert sum(figures[end] for end in ENDS) == 1
    assert {f"{share}_{end}" for share in (*ENDS, "spec_exact") for end in ("low", "high")} <= set(figures)
    assert unexplained(shop, figures) == set()


@pytest.mark.browser
async def test_goals_share_a_browser_and_each_has_a_shop_of_its_own():
    booth = Booth()
    try:
        rows = [
            await booth.run(wanted, open_model(STRING_MATCH), redos=2)
            for wanted in (demo_goal(), goal(20_000))
        ]
    finally:
        await booth.close()

    assert [(row.seed, row.outcome, row.right) for row in rows] == [
        (92, "confirmed", True),
        (20_000, "unverified", False),
    ]
    assert rows[0].fields_right == rows[0].fields == 10
    assert 0 < rows[0].steps_right <= rows[0].steps
    assert rows[0].tokens > 0


def test_a_missing_journal_holds_no_run(tmp_path):
    assert not holds_run(tmp_path / "none.db")


@pytest.mark.browser
@pytest.mark.long
async def test_a_run_that_is_killed_while_it_shops_ends_right_and_leaves_no_process():
    row = await trial(demo_goal(), STRING_MATCH, Moment(events=40, pause=0.2))

    assert row.killed_at is not None
    assert (row.lost, row.doubled, row.orphans) == (False, False, 0)
    assert (row.outcome, row.right) == ("confirmed", True)


@pytest.mark.browser
@pytest.mark.long
def test_kills_are_counted_and_written_down_one_by_one(tmp_path, unexplained):
    path = tmp_path / "kills.jsonl"

    figures = execute("eval", "kill", EvalOptions(model=STRING_MATCH, limit=1, out=path, say=silent))[
        "figures"
    ]

    keys = [json.loads(line).get("key") for line in path.read_text().splitlines()]
    assert keys[1:] == ["whole:92", "kill:0"]
    assert (figures["kills"], figures["lost"], figures["doubled"], figures["orphans"]) == (1, 0, 0, 0)
    assert {"unverified_low", "failed_high"} <= set(figures)
    assert unexplained(kill, figures) == set()


@pytest.mark.browser
@pytest.mark.long
def test_a_hundred_kills_lose_nothing_and_double_nothing(tmp_path):
    """The stand-in thinks, since what is held here is the journal's promise, not the model's skill."""
    options = EvalOptions(model=STRING_MATCH, out=tmp_path / "kills.jsonl", parallel=2, say=silent)

    figures = execute("eval", "kill", options)["figures"]

    print(f"{figures['unknown']} of {figures['kills']} kills leave a person to look what was done")
    assert figures["kills"] >= 95
    assert [figures[name] for name in ("lost", "doubled", "orphans", "confirmed_wrong")] == [0, 0, 0, 0]
    shares = sum(figures[name] for name in ("confirmed_right", "unverified", "failed"))
    assert figures["unknown"] == pytest.approx(figures["kills"] * (1 - shares), abs=0.1)

"""How a run ends for the one who called it: exit code, report, and the JSON forms."""

import json

import pytest

from punchlist.agents.cli.edge import DONE, FAILED, UNVERIFIED

GOAL = "Order 1 green mug for Ada Lovelace, express, deliver on 3 May."
pytestmark = pytest.mark.browser


def test_a_goal_outside_what_the_model_knows_ends_unverified(punchlist, shop):
    ended = punchlist("run", "Write a poem.", "--site", shop.url, "--memory", "none")

    assert ended.code == UNVERIFIED
    assert "UNVERIFIED" in ended.out
    assert "punchlist tasks" in ended.out


def test_with_json_there_is_one_object_and_nothing_else(punchlist, shop):
    ended = punchlist("run", "Write a poem.", "--site", shop.url, "--memory", "none", "--json")

    told = ended.json()
    assert ended.code == UNVERIFIED
    assert told["outcome"] == "unverified"
    assert told["reasons"]
    assert told["cost"]["model_calls"] == 1
    assert ended.err == ""


def test_a_model_that_breaks_down_fails_the_run_which_can_be_resumed(punchlist, shop):
    ended = punchlist("run", GOAL, "--site", shop.url, "--memory", "none", "--quiet", model="breaking")

    assert ended.code in (FAILED, UNVERIFIED)
    assert "http://127.0.0.1:9/v1" in ended.out
    assert "punchlist" in ended.out.splitlines()[-1]
    assert "Traceback" not in ended.err


def test_the_demo_ends_confirmed_and_the_shop_holds_exactly_what_was_asked_for(punchlist, tmp_path):
    """Its first quantity is lost by the shop, so there is always something to mend."""
    ended = punchlist("run", "--demo", "--events", "--memory", "none", model="string-match")

    *events, told = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.code == DONE
    assert told["outcome"] == "confirmed"
    assert told["judged"] == {"right": True, "reasons": []}
    assert told["result"]["number"]
    assert [bool(item["mended"]) for item in told["punch_list"]] == [True]
    assert {"planned", "said", "stood", "looked", "acted", "thought"} <= {event["event"] for event in events}
    assert list((tmp_path / ".punchlist" / "demo").iterdir()) == []

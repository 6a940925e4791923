"""How a run ends for the one who called it: exit code, report, and the JSON forms."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from punchlist.agents.cli.board import Board, TaskLine
from punchlist.agents.cli.edge import DONE, FAILED, UNVERIFIED
from punchlist.agents.cli.journals import KINDS
from punchlist.agents.cli.report import Ending
from punchlist.protocols.journal import Journal
from punchlist.protocols.outcome import Unverified

GOAL = "Order 1 green mug for Ada Lovelace, express, deliver on 3 May."


@pytest.fixture
def half_done():
    """An ending of a run with one task that was confirmed, and one that was not."""
    board = Board("goal")
    board.tasks["1.cart"] = TaskLine("1.cart", "put 2 x mugs in the cart", "confirmed")
    board.tasks["1.place"] = TaskLine("1.place", "place the order", "unverified")
    cart = {"items": [{"name": "mugs", "count": 2}], "changes": ["internal"], "returned": "internal"}
    last = {"1.cart": cart, "1.place": {"number": "R1", "left_out": ["internal"]}}
    return Ending(board, Path("run.db"), Unverified(last, ("no order number",)))


def test_what_was_confirmed_stands_apart_from_what_is_not_to_be_trusted(half_done):
    lines = half_done.lines()

    at = lines.index("Confirmed:")
    assert lines[at + 1 : at + 4] == ["  put 2 x mugs in the cart", "    items", "      2 x mugs"]
    at = lines.index("Reported last, not to be trusted:")
    assert lines[at + 1 : at + 3] == ["  place the order", f"    {'number':<10} R1"]
    assert "internal" not in "".join(lines)


def test_a_run_that_can_go_on_ends_with_the_command_for_it(half_done):
    assert replace(half_done, resumable=True).lines()[-1].strip() == "punchlist resume run.db"
    assert half_done.lines()[-1].strip() == "punchlist journal show run.db"


@pytest.mark.browser
def test_the_report_is_printed_where_the_picture_cannot_be_saved_any_more(punchlist, shop, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("punchlist.agents.cli.live.save_picture", full)

    ended = punchlist("run", "Write a poem.", "--site", shop.url, "--memory", "none", "--picture", "p.svg")

    assert ended.code == UNVERIFIED
    assert "UNVERIFIED" in ended.out and "The picture was not saved" in ended.err


@pytest.mark.browser
def test_a_goal_outside_what_the_model_knows_ends_unverified(punchlist, shop):
    ended = punchlist("run", "Write a poem.", "--site", shop.url, "--memory", "none")

    assert ended.code == UNVERIFIED
    assert "UNVERIFIED" in ended.out
    assert "punchlist tasks" in ended.out


@pytest.mark.browser
def test_with_json_there_is_one_object_and_nothing_else(punchlist, shop):
    ended = punchlist("run", "Write a poem.", "--site", shop.url, "--memory", "none", "--json")

    told = ended.json()
    assert ended.code == UNVERIFIED
    assert told["outcome"] == "unverified"
    assert told["reasons"]
    assert told["cost"]["model_calls"] == 1
    assert ended.err == ""


@pytest.mark.browser
def test_a_model_that_breaks_down_fails_the_run_which_can_be_resumed(punchlist, shop):
    ended = punchlist("run", GOAL, "--site", shop.url, "--memory", "none", "--quiet", model="breaking")

    assert ended.code in (FAILED, UNVERIFIED)
    assert "http://127.0.0.1:9/v1" in ended.out
    assert "punchlist" in ended.out.splitlines()[-1]
    assert "Traceback" not in ended.err


@pytest.mark.browser
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
    with Journal.open(told["journal"], readonly=True) as journal:
        assert {row.kind for row in journal.rows(told["run"])} <= set(KINDS)

"""Rules are data: the first that matches decides, and where none matches nothing runs."""

from __future__ import annotations

import pytest

from punchlist.tools import PRESETS, Policy, Rule, preset
from punchlist.tools.errors import ToolDenied
from punchlist.tools.permissions import Call

READ = Call("stock", "read", {"item": "mug"})
WRITE = Call("note", "write", {"text": "x"})
PAY = Call("pay", "irreversible", {"to": "ada@shop.test", "amount": 3})


async def decide(policy: Policy, call: Call) -> str:
    try:
        await policy.permit(call)
    except ToolDenied:
        return "denied"
    return "allowed"


async def test_no_rule_at_all_refuses():
    with pytest.raises(ToolDenied, match="no rule") as caught:
        await Policy([]).permit(READ)

    assert "rule" not in caught.value.for_model


async def test_the_first_rule_that_matches_decides():
    policy = Policy([Rule("deny", "pay"), Rule("allow", "*"), Rule("deny", "*")])

    assert [await decide(policy, call) for call in (READ, WRITE, PAY)] == ["allowed", "allowed", "denied"]


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (Rule("allow", "p?y"), True),
        (Rule("allow", "PAY"), False),
        (Rule("allow", effect="irr*"), True),
        (Rule("allow", effect="read"), False),
        (Rule("allow", arguments={"to": "*@shop.test"}), True),
        (Rule("allow", arguments={"to": "*@shop"}), False),
        (Rule("allow", arguments={"amount": "[1-5]"}), True),
        (Rule("allow", arguments={"to": "*", "amount": "9*"}), False),
        (Rule("allow", arguments={"missing": "*"}), False),
    ],
)
def test_a_rule_matches_by_tool_effect_and_argument_patterns(rule, matches):
    assert rule.matches(PAY) is matches


@pytest.mark.parametrize(
    ("name", "asked", "allowed_without_person"),
    [
        ("suggest", ["stock"], []),
        ("ask_each", ["stock", "note", "pay"], []),
        ("ask_risky", ["note", "pay"], ["stock"]),
        ("ask_irreversible", ["pay"], ["stock", "note"]),
        ("unattended", [], ["stock", "note", "pay"]),
    ],
)
async def test_each_preset_asks_about_what_it_says(name, asked, allowed_without_person):
    heard: list[str] = []
    watched = preset(name, lambda call: heard.append(call.tool) or True)
    alone = preset(name)

    for call in (READ, WRITE, PAY):
        await decide(watched, call)

    assert heard == asked
    assert [
        call.tool for call in (READ, WRITE, PAY) if await decide(alone, call) == "allowed"
    ] == allowed_without_person
    assert name in PRESETS


@pytest.mark.parametrize("answer", [False, None, "yes", 1])
async def test_only_a_plain_yes_of_the_person_permits(answer):
    with pytest.raises(ToolDenied, match="a person, asked by the rule `ask pay"):
        await Policy([Rule("ask", "pay")], lambda call: answer).permit(PAY)


async def test_a_person_may_take_their_time():
    async def person(call: Call) -> bool:
        return call.arguments["amount"] == 3

    assert await decide(Policy([Rule("ask")], person), PAY) == "allowed"


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(ValueError, match="'yolo' is no autonomy; there are suggest, ask_each"):
        preset("yolo")

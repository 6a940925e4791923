"""The text of actions: what the grammar of a view can produce is what the parser reads, and nothing else."""

from __future__ import annotations

import random
import re
from datetime import date

import llguidance
import pytest

from punchlist.tools.browser.actions import (
    ALL_VERBS,
    KEYS,
    VERBS,
    Action,
    MalformedAction,
    action_grammar,
    checked,
    parse_action,
)
from punchlist.tools.browser.dates import resolve_date
from punchlist.tools.browser.results import ActionResult, Effect, evidence, refused
from punchlist.tools.browser.view import Dialog, Element, View

VIEW = View(
    "http://127.0.0.1/x",
    "/x",
    "Shop",
    (
        (Element(1, "link", "Home"),),
        ("Green mug", Element(2, "number", "Quantity", "1"), Element(3, "button", "Remove")),
        (Element(4, "select", "Delivery", "Standard", ("Standard", 'Say "now"')),),
        (Element(5, "button", "Pay", disabled=True),),
        (Element(6, "textbox", "Name", ""),),
    ),
)
ASKED = View("http://127.0.0.1/x", "/x", "Shop", (), Dialog("confirm", "Sure?"))


class ByteSampler:
    """Draws random texts from a grammar, one byte a token, through the library that decodes with it."""

    def __init__(self) -> None:
        self.tokens = [bytes([byte]) for byte in range(256)] + [b""]
        self.tokenizer = llguidance.LLTokenizer(llguidance.TokenizerWrapper(self))

    eos_token_id = 256
    bos_token_id = None
    special_token_ids = (256,)

    def __call__(self, text: str | bytes) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)

    def sample(self, grammar: str, random: random.Random, limit: int = 200) -> str:
        matcher = llguidance.LLMatcher(self.tokenizer, llguidance.LLMatcher.grammar_from_lark(grammar))
        found = bytearray()
        while len(found) < limit:
            mask = matcher.compute_bitmask()
            allowed = [token for token in range(257) if mask[token // 8] >> (token % 8) & 1]
            printable = [token for token in allowed if token < 128 or token == 256] or allowed
            token = 256 if 256 in printable and random.random() < 0.2 else random.choice(printable)
            if token == 256:
                break
            matcher.consume_token(token)
            found.append(token)
        return found.decode("utf-8", "replace")


SAMPLER = ByteSampler()


@pytest.mark.parametrize("view", [VIEW, ASKED], ids=["page", "dialog"])
@pytest.mark.parametrize(
    "spans", [(), ("buy 2 green mugs for Ada Lovelace", "Order B-17")], ids=["free", "copied"]
)
def test_every_action_the_grammar_allows_parses(view, spans):
    grammar = action_grammar(view, spans=spans, origins=("http://127.0.0.1/",))
    drawn = random.Random(7)

    lines = [SAMPLER.sample(grammar, drawn) for _ in range(150)]
    actions = [parse_action(line, view) for line in lines]

    assert len({action.verb for action in actions}) >= (2 if view.dialog else 9)
    for line, action in zip(lines, actions, strict=True):
        assert parse_action(action.line(), view) == action, line


PROMPT = View("http://127.0.0.1/x", "/x", "Shop", (), Dialog("prompt", "Name?"))


@pytest.mark.parametrize("view", [VIEW, PROMPT], ids=["page", "dialog"])
@pytest.mark.parametrize("spans", [(), ("buy 2 green mugs for Ada Lovelace",)], ids=["free", "copied"])
def test_every_action_of_the_full_set_parses_and_all_of_them_come(view, spans):
    grammar = action_grammar(
        view, spans=spans, origins=("http://127.0.0.1/",), full=True, files=("a b.csv",), tabs=2
    )
    drawn = random.Random(7)

    lines = [SAMPLER.sample(grammar, drawn) for _ in range(400)]
    actions = [parse_action(line, view, full=True) for line in lines if line.strip() == line]

    assert {action.verb for action in actions} == (
        {"dialog", "tab", "cannot"} if view.dialog else set(ALL_VERBS) - {"dialog"}
    )
    for action in actions:
        assert parse_action(action.line(), view, full=True) == action == checked(action)


def test_the_full_set_is_off_until_it_is_asked_for():
    plain = action_grammar(VIEW, origins=("http://127.0.0.1/",), files=("a.csv",), tabs=3)

    assert not re.search(r"hover|drag|upload|tab |keys|enter|top|bottom", plain.replace("Enter", ""))
    assert set(re.findall(r'"(\w+)', plain.partition("\n")[0])) >= set(VERBS) - {"dialog"}
    with pytest.raises(ValueError, match="full=True has more"):
        action_grammar(VIEW, verbs=("click", "hover"))


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("type+enter 6 green mug", Action("type", 6, "green mug", enter=True)),
        ("keys 6 Par", Action("keys", 6, "Par")),
        ("drag 1 6", Action("drag", 1, "", 6)),
        ("hover 3", Action("hover", 3)),
        ("upload 3 a b.csv", Action("upload", 3, "a b.csv")),
        ("scroll page down", Action("scroll", None, "down")),
        ("scroll 3 bottom", Action("scroll", 3, "bottom")),
        ("select 4 A | B", Action("select", 4, "A | B")),
        ("tab close", Action("tab", None, "close")),
        ("tab", Action("tab")),
        ('wait "Order placed"', Action("wait", None, '"Order placed"')),
        ("wait 500", Action("wait", None, "500")),
        ("dialog accept Ada", Action("dialog", None, "accept Ada")),
    ],
)
def test_an_action_of_the_full_set_is_one_line(line, action):
    assert parse_action(line, VIEW, full=True) == action
    assert parse_action(action.line(), VIEW, full=True) == action


@pytest.mark.parametrize(
    "line",
    ["hover", "hover 9", "hover 1 x", "drag 1", "drag 1 9", "drag 1 2 3", "upload 3", "keys 6", "scroll left",
     "scroll 9 up", "scroll 3", "tab 0", "tab x", "click+enter 1", "type+x 6 a", "dialog dismiss no"],
)  # fmt: skip
def test_what_is_no_action_of_the_full_set_is_refused(line):
    with pytest.raises(MalformedAction):
        parse_action(line, VIEW, full=True)


def test_the_grammar_offers_no_dead_number_no_typing_into_buttons_and_no_page_behind_a_dialog():
    grammar = action_grammar(VIEW)
    behind = action_grammar(ASKED)

    assert re.search(r'"click " \("1" \| "2" \| "3" \| "4" \| "6"\)', grammar)
    assert re.search(r'"type " \("2" \| "6"\)', grammar)
    assert "click" not in behind and "done" not in behind and '"dialog accept"' in behind


def test_text_with_line_breaks_and_backslashes_survives_its_line():
    for text in ("one\ntwo", "C:\\new", "a\\\\n", "tail\\"):
        action = Action("type", 6, text)
        assert "\n" not in action.line()
        assert parse_action(action.line()) == action


@pytest.mark.parametrize(
    "line",
    ["", "hover 1", "click", "click x", "click 9", "type 2", "select 4 ", "press F5", "scroll left", "goto",
     "dialog yes", "wait 3", "back 1", "find", "cannot", "read x"],
)  # fmt: skip
def test_what_is_no_action_of_the_view_is_refused(line):
    with pytest.raises(MalformedAction):
        parse_action(line, VIEW)


def test_every_key_can_be_pressed():
    assert {parse_action(f"press {key}").text for key in KEYS} == set(KEYS)


TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("3 May", "2027-05-03"),
        ("May 3rd", "2027-05-03"),
        ("on december 20", "2026-12-20"),
        ("December 20", "2026-12-20"),
        ("21 November", "2026-11-21"),
        ("20 nov", "2027-11-20"),
        ("29 Feb", "2028-02-29"),
        ("2027-05-03", "2027-05-03"),
        ("3 May 2026", "2026-05-03"),
        ("03/05/2027", "2027-05-03"),
        ("Friday", "2026-11-27"),
        ("saturday", "2026-11-21"),
        ("tomorrow", "2026-11-22"),
        ("the 32nd of May", None),
        ("soon", None),
        ("12", None),
        ("", None),
    ],
)
def test_a_date_without_a_year_is_the_next_such_day(text, day):
    found = resolve_date(text, today=TODAY)

    assert found == (date.fromisoformat(day) if day else None)


def test_the_fields_minimum_and_the_pages_language_decide():
    assert resolve_date("3 May", today=TODAY, earliest=date(2027, 5, 4)) == date(2028, 5, 3)
    assert resolve_date("3 May", today=TODAY, earliest=date(2020, 1, 1)) == date(2027, 5, 3)
    assert resolve_date("03/05/2027", today=TODAY, day_first=False) == date(2027, 3, 5)


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (ActionResult(True, "ok"), "ok"),
        (ActionResult(True, "ok", effect=Effect(new=("Added " + "x" * 80,))), "ok: Added " + "x" * 53 + "…"),
        (ActionResult(True, "ok", effect=Effect(new=("Cart",), url_changed=True)), "ok"),
        (ActionResult(True, "ok", effect=Effect(new=("Cart",), new_tab=True)), "ok"),
        (ActionResult(True, "ok", effect=Effect(dialog=Dialog("alert", "Hi"))), "dialog alert: Hi"),
        (ActionResult(False, "no_effect", "nothing changed"), "no effect"),
        (refused("disabled", "button 'Pay' cannot be used now"), "disabled: button 'Pay' cannot be used now"),
        (refused("crashed"), "crashed"),
    ],
)
def test_a_result_is_one_short_line(result, line):
    assert result.line() == line


def test_evidence_masks_secrets_wherever_they_occur():
    result = ActionResult(
        True, "ok", effect=Effect(new=("Your token is abc123def",), value_after="abc123def")
    )

    kept = evidence(Action("type", 6, "abc123def"), result, VIEW, secrets=["abc", "abc123def", ""])

    assert kept["action"] == {
        "verb": "type", "target": 6, "text": "••••••", "element": {"role": "textbox", "name": "Name"},
    }  # fmt: skip
    assert "abc" not in repr(kept) and "Your token is ••••••" in repr(kept)


def test_a_password_that_was_typed_key_by_key_is_masked_and_the_rest_of_the_action_is_kept():
    view = View("http://127.0.0.1/x", "/x", "In", ((Element(1, "password", "Password", ""),),))

    kept = evidence(Action("keys", 1, "hunter2", enter=True), ActionResult(True, "ok"), view)
    dragged = evidence(Action("drag", 1, "", 2), ActionResult(True, "ok"), VIEW)

    assert "hunter2" not in repr(kept) and kept["action"]["enter"] is True
    assert (dragged["action"]["target"], dragged["action"]["to"]) == (1, 2)

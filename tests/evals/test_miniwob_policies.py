"""Policies, experts and options of the MiniWoB measurement, without a browser."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from punchlist.agents.cli.parser import build_parser
from punchlist.agents.evals import miniwob
from punchlist.agents.evals.harness import MEASUREMENTS, EvalOptions, Measuring, OptionRefused, execute
from punchlist.agents.evals.miniwob import pages
from punchlist.agents.evals.miniwob.advice import advise
from punchlist.agents.evals.miniwob.experts import EXPERTS
from punchlist.agents.evals.miniwob.moves import labels
from punchlist.agents.evals.miniwob.pages import TASKS, PagesMissing, Told, find_pages, with_driver
from punchlist.agents.evals.miniwob.policies import Policy, Scripted, StringMatch
from punchlist.tools.browser import ActionResult, Element, View
from punchlist.tools.browser.view import Line

from .miniwob_pages import write_pages

FORM = (("Name",), (Element(1, "textbox", "", ""),), ("Day:",), (Element(2, "textbox", "", ""),))
SEND = (Element(3, "button", "Submit"),)


def silent(line: str) -> None:
    """A double for stderr."""


def _nothing(name: str) -> None:
    """A double for a search that finds no package."""


def view(*lines: Line) -> View:
    return View("http://127.0.0.1/x", "/x", "X", lines)


def lines_of(policy: Policy, *views: View) -> list[str]:
    """What a policy does on these views, one after another."""
    return [asyncio.run(policy.choose(each, ActionResult(True, "ok"))).line() for each in views]


def measuring(options: EvalOptions) -> Measuring:
    return Measuring(next(entry for entry in MEASUREMENTS if entry.name == "miniwob"), options)


def test_every_task_that_is_developed_on_has_an_expert() -> None:
    assert set(EXPERTS) == set(TASKS) and len(TASKS) == 39


def test_a_label_belongs_to_the_field_beside_it() -> None:
    before = view(*FORM, SEND)
    behind = view(FORM[1], FORM[0], FORM[3], FORM[2], SEND)
    rows = view(("Day", Element(1, "textbox", "", "")), ("Name", Element(2, "textbox", "", "")))

    assert labels(before) == labels(behind) == {1: "name", 2: "day"}
    assert labels(rows) == {1: "day", 2: "name"}


def test_string_matching_types_what_is_quoted_in_order_and_sends_once() -> None:
    policy = StringMatch("", 'Enter "Ada" and "Friday" and press Submit.')

    assert lines_of(policy, *[view(*FORM, SEND)] * 4) == ["type 1 Ada", "type 2 Friday", "click 3", "done"]


def test_string_matching_presses_names_of_the_goal_as_whole_words() -> None:
    policy = StringMatch("", "Select One and click Submit")
    boxes = view((Element(1, "checkbox", "On", "off"),), (Element(2, "checkbox", "One", "off"),), SEND)

    assert lines_of(policy, boxes, boxes) == ["click 2", "click 3"]


def test_an_expert_that_does_not_find_what_it_looks_for_gives_up() -> None:
    policy = Scripted(EXPERTS["click-test-2"], "Click button ONE.")

    assert lines_of(policy, view(SEND))[0].startswith("cannot ")


def test_an_expert_is_done_when_its_script_is() -> None:
    policy = Scripted(EXPERTS["click-test-2"], "Click button ONE.")
    one = view((Element(1, "button", "ONE"),))

    assert lines_of(policy, one, one) == ["click 1", "done"]


@pytest.mark.parametrize(
    ("values", "advice"),
    [(("", "off"), "click 1"), (("off", "on"), "click 2"), (("on", "off"), "click 3")],
    ids=["nothing ticked", "the wrong one ticked", "all is right"],
)
def test_an_expert_that_begins_in_the_middle_goes_on_from_what_the_view_shows(
    values: tuple[str, str], advice: str
) -> None:
    boxes = view(*((Element(place, "checkbox", f"B{place}", values[place - 1]),) for place in (1, 2)), SEND)

    assert advise("click-checkboxes", "Select B1 and click Submit.", boxes).line() == advice


def test_a_page_gets_the_driver_behind_its_own_scripts_and_is_else_as_it_was() -> None:
    page = b"<html><head><script src=core.js></script></head><body>x</body></html>"

    served = with_driver(page)

    assert served.index(b"core.js") < served.index(b"/driver.js") < served.index(b"</head>")
    assert with_driver(b"no head") == b"no head"


def test_a_page_cannot_tell_more_than_how_an_episode_went() -> None:
    with pytest.raises(ValueError, match="extra"):
        Told.model_validate_json('{"seed": 1, "raw": 1, "success": true}')


def test_the_command_line_takes_tasks_and_seeds() -> None:
    options = build_parser().parse_args(["eval", "miniwob", "--tasks", "a,b", "--seeds", "3-4"])

    assert (options.only, options.seeds) == ("a,b", "3-4")
    assert miniwob.seeds_of(measuring(EvalOptions(seeds="3-9", limit=2))) == range(3, 5)


@pytest.mark.parametrize("seeds", ["5", "9-2", "a-b"])
def test_seeds_that_are_no_range_are_refused(seeds: str) -> None:
    options = EvalOptions(seeds=seeds, say=silent)

    with pytest.raises(OptionRefused, match="refuses --seeds"):
        miniwob.seeds_of(measuring(options))


def test_an_empty_list_of_tasks_is_refused(tmp_path: Path) -> None:
    options = EvalOptions(only=" , ", data=write_pages(tmp_path / "html"), say=silent)

    with pytest.raises(OptionRefused, match="names no task"):
        execute("eval", "miniwob", options)


def test_without_the_package_a_sentence_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "find_spec", _nothing)

    with pytest.raises(PagesMissing, match=r"not installed.*pip install --no-deps miniwob==1\.1\.0"):
        find_pages()
    with pytest.raises(PagesMissing, match=r"has no core/core\.js"):
        find_pages(tmp_path)

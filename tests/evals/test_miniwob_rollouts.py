"""What experts advise after what was done, and episodes that a learner plays with their labels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from punchlist.agents.cli.edge import SettingsError
from punchlist.agents.cli.parser import build_parser
from punchlist.agents.cli.training import record
from punchlist.agents.evals.miniwob.advice import advise
from punchlist.agents.evals.miniwob.experts import EXPERTS
from punchlist.agents.evals.miniwob.moves import NotSeen, click, named
from punchlist.agents.evals.miniwob.recording import Recording
from punchlist.agents.evals.miniwob.rollouts import Learner
from punchlist.agents.testing import ScriptedModel
from punchlist.agents.training.web_steps import WebStep, read_episodes
from punchlist.tools.browser import Action, Element, View
from punchlist.tools.browser.view import Line

from .miniwob_pages import write_pages

SEND = (Element(20, "button", "Submit"),)
GOAL = 'Click on the folder or file named "Tula".'


def view(*lines: Line) -> View:
    return View("http://127.0.0.1/x", "/x", "X", lines)


def folder(number: int, name: str) -> Line:
    return Element(number, "other", "hitarea picture 16x16"), Element(number + 1, "other", name)


def silent(line: str) -> None:
    """A double for stderr."""


NUMBERS = view(
    *(
        (str(n), Element(2 * at + 1, "button", "Odd"), Element(2 * at + 2, "button", "Even"))
        for at, n in enumerate((4, 7))
    ),
    SEND,
)
CLOSED = view(folder(1, "Ada"), folder(3, "Kim"))
WITHIN = view(folder(1, "Ada"), (Element(3, "other", "Bo"),), folder(4, "Kim"))
FOUND = view(folder(1, "Ada"), folder(3, "Kim"), (Element(5, "other", "Tula"),))
SEARCHED = view(
    (Element(1, "textbox", "", "Kari"), Element(2, "button", "Search")),
    *((Element(at, "link", name),) for at, name in enumerate(("a", "b", "c"), 3)),
    tuple(Element(at, "link", name) for at, name in enumerate(("1", "2", "3", ">"), 6)),
)
FIFTH = 'Enter "Kari" and press "Search", then find and click the 5th search result.'


def test_advice_along_the_way_of_an_expert_is_what_the_expert_does() -> None:
    views = [NUMBERS] * 3
    moves = EXPERTS["odd-or-even"]("Mark the numbers.", views[0])
    expert = [next(moves), *(moves.send(each) for each in views[1:])]
    past: list[tuple[View, Action]] = []

    for each, action in zip(views, expert, strict=True):
        assert advise("odd-or-even", "Mark the numbers.", each, past) == action
        past.append((each, action))


def test_a_wrong_mark_is_mended_before_the_next_number() -> None:
    assert (
        advise("odd-or-even", "Mark the numbers.", NUMBERS, [(NUMBERS, Action("click", 1))]).line()
        == "click 2"
    )


@pytest.mark.parametrize(
    ("shown", "clicks", "advice"),
    [
        (CLOSED, [], "click 2"),
        (WITHIN, [2], "click 5"),
        (CLOSED, [2, 2], "click 4"),
        (CLOSED, [1, 2, 4, 3], "click 2"),
        (FOUND, [2, 4], "click 5"),
    ],
    ids=["nothing open", "one is open", "closed again", "all were open", "found"],
)
def test_folders_of_a_tree_are_opened_that_were_not_open(shown: View, clicks: list[int], advice: str) -> None:
    past = [(CLOSED, Action("click", number)) for number in clicks]

    assert advise("navigate-tree", GOAL, shown, past).line() == advice


@pytest.mark.parametrize(
    ("done", "advice"),
    [
        ([], "Search"),
        (["Search"], "2"),
        (["Search", "2"], "b"),
        (["Search", "3"], "2"),
        (["Search", ">"], "b"),
        (["Search", "2", "type", "Search"], "2"),
        (["Search", "2", "type"], "Search"),
    ],
)
def test_results_are_turned_from_the_page_that_was_turned_to(done: list[str], advice: str) -> None:
    past = [
        (SEARCHED, Action("type", 1, "Kari") if name == "type" else click(named(SEARCHED, name)))
        for name in done
    ]

    assert advise("search-engine", FIFTH, SEARCHED, past) == click(named(SEARCHED, advice))


def test_a_section_that_was_open_is_not_opened_again() -> None:
    sections = view(*((Element(at, "tab", f"Section #{at}"),) for at in (1, 2)))
    goal, task = 'Find and click on the link "sit".', "click-collapsible-2"

    assert advise(task, goal, sections, [(sections, Action("click", 1))]).line() == "click 2"
    with pytest.raises(NotSeen):
        advise(task, goal, sections, [(sections, Action("click", at)) for at in (1, 2)])


def played(tmp_path: Path, learner: Learner, seeds: str = "0-9") -> list[list[WebStep]]:
    """The episodes that a learner plays on a page of three buttons."""
    recording = Recording(
        tmp_path / "out", write_pages(tmp_path / "pages"), ("click-test-2",), seeds, learner
    )
    recording.run(1, silent)
    return [steps for _, _, steps in read_episodes(sorted((tmp_path / "out").glob("*-own-*.jsonl.gz")))]


def first_button(question: str) -> str:
    """Clicks whatever comes first."""
    found = re.search(r"button (.*?) \[(\d+)\]", question)
    return f"click {found[1]} [{found[2]}]" if found else "cannot"


def test_a_learner_is_labelled_with_what_the_expert_would_do_also_where_it_fails(tmp_path: Path) -> None:
    episodes = played(tmp_path, Learner(ScriptedModel(first_button), expert_share=0))

    assert len(episodes) == 10
    for (step,) in episodes:
        wanted = re.search('"(.*)"', step.goal)
        assert wanted and step.view.elements[step.action.target or 0].name == wanted[1]
        assert step.missed == (step.action.target != 1)
    assert {step.missed for (step,) in episodes} == {True, False}


def test_the_episodes_of_another_learner_lie_beside_those_of_the_first(tmp_path: Path) -> None:
    model, pages = ScriptedModel(first_button), write_pages(tmp_path / "pages")

    for share in (0.0, 1.0, 1.0):
        learner = Learner(model, expert_share=share)
        Recording(tmp_path / "out", pages, ("click-test-2",), "0-9", learner).run(1, silent)

    assert len(list((tmp_path / "out").glob("*.jsonl.gz"))) == 2


def test_where_a_learner_gives_up_the_expert_goes_on(tmp_path: Path) -> None:
    episodes = played(tmp_path, Learner(ScriptedModel(lambda question: "cannot"), expert_share=0))

    assert [step.missed for (step,) in episodes] == [True] * 10


def test_the_expert_takes_its_share_of_the_actions(tmp_path: Path) -> None:
    scroll = ScriptedModel(lambda question: "scroll down")

    (always,) = played(tmp_path / "a", Learner(scroll, expert_share=1), "3-3")
    (never,) = played(tmp_path / "b", Learner(scroll, expert_share=0), "3-3")

    assert len(always) == 1
    assert len(never) == 2  # the same page is kept twice at most


def test_a_share_without_a_policy_is_refused(tmp_path: Path) -> None:
    options = build_parser().parse_args(["train", "pages", "--out", str(tmp_path), "--expert-share", "0.5"])

    with pytest.raises(SettingsError, match="--policy"):
        record(options)
    with pytest.raises(SystemExit):
        build_parser().parse_args(["train", "pages", "--out", "x", "--policy", "m", "--expert-share", "2"])

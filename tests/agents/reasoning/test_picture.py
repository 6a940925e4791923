"""Pictures of searches: whatever models say they are well-formed, nothing overlaps, and nothing acts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import pytest_asyncio

from punchlist.agents.reasoning import Beam, Checked, Enumerated, MonteCarlo, Rejected, Terminal, Trace
from punchlist.agents.reasoning.boxes import BOX, boxes_of, flat, visible, wrapped
from punchlist.agents.reasoning.forest import Forest, usage
from punchlist.agents.reasoning.page import kind_of, page, save
from punchlist.agents.reasoning.picture import MOST_PANELS, colour, draw, svg
from punchlist.agents.reasoning.trace import TraceEvent
from punchlist.tools.browser.locate import find_browser

from .toys import Sum, grown

Open = Callable[[str], Awaitable[tuple[Any, list[str]]]]

HOSTILE = (
    "<script>alert(1)</script>",
    ']]></text><svg onload="alert(1)">',
    "' onclick='alert(1)' x=\"",
    "\x00\x1b[31m\ud800 \u202e txet",
    "&amp; " + "w" * 500,
    "漢字🙂" * 60,
    "a\nb\n\n\nc",
    "",
)


class Hostile:
    """Every thought is one of the texts; some are refused in such words too, some end with them."""

    def initial(self) -> str:
        return HOSTILE[0]

    def key(self, state: str) -> str:
        return state

    def apply(self, state: str, action: str) -> str | Rejected:
        return Rejected(HOSTILE[1]) if action == HOSTILE[2] else state + action

    def terminal(self, state: str) -> Terminal | None:
        return Terminal(state) if state.endswith(HOSTILE[0]) and state != HOSTILE[0] else None

    @property
    def proposer(self) -> Enumerated:
        return Enumerated(lambda state: [(text, text) for text in HOSTILE])

    @property
    def evaluator(self) -> Checked:
        return Checked(lambda node: 0.5)


def chain(count: int, wide: int) -> list[TraceEvent]:
    """A search with `count` thoughts, of which each has up to `wide` below it."""
    events = [TraceEvent("began", body={"search": "bfs", "settings": {}, "kind": "model", "state": "s"})]
    ids = [""]
    for number in range(count):
        parent = ids[number // wide]
        ids.append(f"{parent}.{number % wide}" if parent else str(number % wide))
        body = {"text": f"thought {number}", "state": "", "status": "open", "why": "", "answer": None}
        events.append(TraceEvent("node", node=ids[-1], body={**body, "logprob": None}))
        events.append(
            TraceEvent(
                "scored", node=ids[-1], body={"value": number % 97 / 97, "kind": "model", "samples": 1}
            )
        )
    return events


async def test_the_forest_tells_what_the_search_itself_holds() -> None:
    result = await grown(MonteCarlo(simulations=20, width=3), Sum())

    (search,) = Forest.of(result.trace.all_events())

    told = [(node.id, node.status, node.why, node.value) for node in search.nodes.values()]
    held = [(node.id, node.status, node.why, node.score and node.score.value) for node in result.tree]
    assert sorted(told, key=str) == sorted(held, key=str)
    assert search.best is not None and search.best.id == result.best.id
    assert search.nodes[""].visits == len([e for e in result.trace.all_events() if e.what == "visited"])


async def test_a_picture_shows_values_the_best_and_why_the_rest_was_pruned() -> None:
    result = await grown(Beam(beam=1, width=3), Sum())

    drawn = svg(result.trace.all_events(), title="Reach 10", answers=list(result.trace.answers()))

    words = " ".join(text.text or "" for text in ElementTree.fromstring(drawn).iter() if "text" in text.tag)
    assert "Reach 10" in words and "the best, an end" in words and "tool calls" in words
    assert "pruned: place 2 of 3" in words and f"stopped: {result.stop_reason}" in words
    assert drawn.count('class="e k"') == result.best.depth + 1  # one of them in the legend


@pytest.mark.parametrize("kind", ["svg", "html"])
async def test_hostile_texts_are_shown_and_do_nothing(kind: str, tmp_path: Path) -> None:
    result = await grown(Beam(beam=3, width=9, depth=2), Hostile())

    save(result.trace.all_events(), tmp_path / f"a.{kind}", title=HOSTILE[1])

    text = (tmp_path / f"a.{kind}").read_text(encoding="utf-8")
    if kind == "svg":
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text).iter()}
        assert tags <= {"svg", "style", "rect", "text", "g", "title", "path", "defs", "clipPath",
                        "linearGradient", "stop"}  # fmt: skip
    assert "<script>alert" not in text and 'onload="' not in text and "\x1b" not in text
    assert "&lt;script&gt;alert(1)" in text


async def test_of_many_thoughts_as_many_are_drawn_as_can_be_read() -> None:
    events = chain(900, wide=7)

    drawn = draw(Forest.of(events), most=80)

    assert 80 <= drawn.svg.count("data-n=") <= 90
    assert re.search(r">\d+ more, \d+ with what is below<", drawn.svg)


@pytest.mark.parametrize("wide", [1, 3, 30])
def test_no_two_boxes_overlap_and_the_best_path_is_straight(wide: int) -> None:
    (search,) = Forest.of(chain(400, wide))

    root, height = boxes_of(search, 120)

    boxes = root.every()
    for column in {box.column for box in boxes}:
        mine = sorted((box for box in boxes if box.column == column), key=lambda box: box.top)
        assert all(a.top + a.height < b.top for a, b in pairwise(mine))
    assert max(box.top + box.height for box in boxes) < height
    assert min(b.left - a.left for a in boxes for b in a.children) > BOX
    line = [root]
    while line[-1].children:
        line.append(line[-1].children[0])
    assert len({box.top + box.height / 2 for box in line}) == 1
    assert search.best in [box.node for box in line]


def test_searches_inside_each_other_are_panels_with_their_own_scope_and_cost() -> None:
    inner = [TraceEvent(e.what, "trial 1/", e.node, e.body) for e in chain(3, 2)]
    events = [*inner, TraceEvent("reflected", node="0", body={"lesson": "Do not <b>multiply</b>."})]
    answers = [{"scope": "trial 1/", "tokens": 5, "read": 2}, {"scope": "", "tokens": 1, "read": 0}]

    drawn = svg(events, answers=answers)

    assert "trial 1" in drawn and "reflected at 0: Do not &lt;b&gt;multiply" in drawn
    assert "7 tokens" in drawn and "8 tokens" in drawn
    assert usage(answers, "trial 1/").tokens == 7


def test_so_many_searches_that_nobody_could_read_them_are_counted() -> None:
    many = [TraceEvent(e.what, f"s{n}/", e.node, e.body) for n in range(40) for e in chain(2, 2)]

    drawn = svg(many)

    assert drawn.count('class="p"') == MOST_PANELS
    assert f"{40 - MOST_PANELS} more searches" in drawn


def test_an_oracle_is_marked_wherever_it_judged() -> None:
    events = chain(2, 2)
    events[-1] = TraceEvent(
        "scored", node=events[-1].node, body={"value": 1.0, "kind": "oracle", "samples": 1}
    )

    assert "no measure of the model" in svg(events)
    assert "no measure of the model" in page(Forest.of(events))
    assert "oracle" not in svg(chain(2, 2))


@pytest.mark.parametrize("events", [[], [TraceEvent("failed", body={"tool": "x", "why": "gone"})]])
def test_a_record_without_a_tree_is_a_picture_too(events: list[TraceEvent]) -> None:
    assert ElementTree.fromstring(svg(events)) is not None
    assert page(Forest.of(events)).endswith("</html>")


def test_a_file_of_another_kind_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"\.svg nor in \.html"):
        kind_of(Path("tree.png"))

    assert (kind_of(Path("A.HTM")), kind_of(Path("b.svg"))) == ("html", "svg")


@pytest.mark.parametrize("width", [2, 7, 36])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_wrapped_into_the_room_there_is(text: str, width: int) -> None:
    from rich.cells import cell_len

    lines = wrapped(text, width, 2)

    assert 1 <= len(lines) <= 2 and all(cell_len(line) <= width for line in lines)


def test_small_things_of_texts_and_colours() -> None:
    assert visible("a\x1b[2J\u202eb\nc") == "a\ufffd[2J\ufffdb\nc"
    assert flat("1 + 1 = 2\n\n 2 * 3 = 6 ") == "1 + 1 = 2; 2 * 3 = 6"
    assert len({colour(value) for value in (0.0, 0.25, 0.5, 0.75, 1.0)}) == 5
    assert (colour(-3), colour(9)) == (colour(0.0), colour(1.0))


@pytest_asyncio.fixture
async def view(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens a picture in a browser; whatever the page runs, asks for or complains of is in `said`."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(find_browser()), args=["--no-sandbox"])

        async def open_file(name: str) -> tuple[Any, list[str]]:
            said: list[str] = []
            shown = await browser.new_page(viewport={"width": 1300, "height": 850})
            shown.on("console", lambda message: said.append(message.text))
            shown.on("pageerror", lambda error: said.append(str(error)))
            shown.on("request", lambda asked: said.append(asked.url))
            await shown.goto((tmp_path / name).as_uri())
            return shown, said[1:]

        yield open_file
        await browser.close()


@pytest.mark.browser
async def test_in_a_browser_a_click_tells_all_of_a_thought_and_nothing_else_runs(
    view: Open, tmp_path: Path
) -> None:
    result = await grown(Beam(beam=3, width=9, depth=2), Hostile())
    save(result.trace.all_events(), tmp_path / "a.html", title=HOSTILE[1])

    shown, said = await view("a.html")
    await shown.locator(".n.best").last.click()
    wide = (await shown.locator("#view svg").bounding_box())["width"]
    await shown.click("#in")

    told = await shown.locator("#side").inner_text()
    assert "thought" in told and HOSTILE[0] in told and "by tool" in told
    assert (await shown.locator("#view svg").bounding_box())["width"] > wide
    assert said == []


@pytest.mark.browser
async def test_in_a_browser_texts_stay_within_their_boxes(view: Open, tmp_path: Path) -> None:
    result = await grown(Beam(beam=3, width=9, depth=2), Hostile())
    save(result.trace.all_events(), tmp_path / "a.svg")

    shown, said = await view("a.svg")

    over = await shown.evaluate("""() => [...document.querySelectorAll('.n')].filter(box => {
        const frame = box.querySelector('.b').getBBox();
        return [...box.querySelectorAll('text')].some(text => {
            const held = text.getBBox();
            return held.x + held.width > frame.x + frame.width || held.y + held.height > frame.height + 2;
        })}).map(box => box.textContent)""")
    assert [text for text in over if text.isascii()] == []
    assert said == []


def test_a_trace_in_memory_is_shown_as_it_is() -> None:
    trace = Trace()
    trace.add(
        "began", search="beam", settings={"beam": 2}, proposer="P", evaluator="E", kind="tool", state="s"
    )

    assert "not at its end" in svg(trace.all_events()) and "beam 2" in svg(trace.all_events())

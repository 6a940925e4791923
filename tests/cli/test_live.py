"""The live view, drawn from a recorded list of events."""

import io

import pytest
from rich.console import Console

from punchlist.agents.cli.board import Board
from punchlist.agents.cli.live import SMALLEST, fits, picture, save_picture
from punchlist.agents.events import Looked
from punchlist.tools.browser.view import Element, View

from .test_plain_lines import AT, EVENTS

PAGE = View(
    "http://shop/bag", "/bag", "Your bag", (("Green mug", "£4.50", Element(1, "button", "Remove")),) * 60
)


@pytest.fixture
def board():
    board = Board("Order 2 mugs.", began=AT)
    for event in [*EVENTS, Looked("worker-1", "order-1", PAGE)]:
        board.take(event)
    return board


def drawn(board, width, height):
    console = Console(width=width, height=height, file=io.StringIO(), record=True)
    console.print(picture(board, AT + 75), height=height)
    return console.export_text().splitlines()


def test_it_shows_goal_punch_list_messages_page_thoughts_and_cost(board):
    text = "\n".join(drawn(board, 120, 38))

    for shown in (
        "Order 2 mugs.",
        "confirmed  01:15",
        "☑ put 2 x mugs in the cart",
        "↻ the page shows 1",
        "redo",
        "page of worker-1",
        "[1] button Remove",
        "more lines",
        "click add  97%",
        "305 tokens · 50 tokens/s · 1 model call",
    ):
        assert shown in text


@pytest.mark.parametrize("size", [SMALLEST, (100, 30), (200, 60)])
def test_it_fills_the_terminal_and_no_line_is_wider(board, size):
    width, height = size

    lines = drawn(board, width, height)

    assert len(lines) == height
    assert max(len(line) for line in lines) <= width


def test_it_can_be_drawn_before_anything_happened():
    assert "the model reads the goal" in "\n".join(drawn(Board("Order 2 mugs."), 100, 30))


def test_a_saved_picture_needs_nothing_from_the_network(board, tmp_path):
    save_picture(board, tmp_path / "pictures" / "run.svg")

    svg = (tmp_path / "pictures" / "run.svg").read_text()
    assert svg.startswith("<svg")
    assert "font-face" not in svg
    assert "Order&#160;2&#160;mugs." in svg


def test_what_is_no_terminal_gets_plain_lines(monkeypatch):
    monkeypatch.setattr("sys.stdout", io.StringIO())

    assert not fits()

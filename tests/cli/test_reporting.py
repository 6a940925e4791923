"""`punchlist journal report`: a page of a run, and what it says when it cannot make one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from punchlist.agents.cli.edge import DONE, USAGE
from punchlist.agents.cli.journals import new_journal
from punchlist.agents.events import Said
from punchlist.protocols.journal import Journal

from .test_plain_lines import EVENTS


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal with one run that was left while it ran."""
    monkeypatch.chdir(tmp_path)
    path = new_journal()
    with Journal.open(path) as journal:
        journal.begin("r", "Order 2 mugs.", {})
        for event in EVENTS:
            if isinstance(event, Said):
                envelope = event.envelope
                journal.append("envelope", envelope, run="r", task="1.cart", attempt=envelope.attempt)
    return path


def test_a_page_is_written_where_it_was_asked_for_and_the_journal_is_left_alone(
    punchlist: Any, recorded: Path
) -> None:
    before = recorded.read_bytes()

    ended = punchlist("journal", "report", str(recorded), "--html", "pages/run.html")

    assert ended.code == DONE and "Wrote 'pages/run.html'" in ended.out
    html = Path("pages/run.html").read_text(encoding="utf-8")
    assert "Order 2 mugs." in html and "interrupted" in html and "the page shows 1" in html
    assert recorded.read_bytes() == before


def test_without_a_name_it_goes_beside_the_journal_and_a_run_is_named_by_its_id(
    punchlist: Any, recorded: Path
) -> None:
    told = punchlist("journal", "report", "r", "--json").json()

    assert Path(told["html"]).resolve() == recorded.with_suffix(".html").resolve()
    assert told["bytes"] == recorded.with_suffix(".html").stat().st_size
    assert told["left_out"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "There is no journal at 'nowhere'"),
        (("r", "--html", "run.txt"), "'run.txt' does not end in .html"),
        (("r", "--html", "pages.html"), "'pages.html' is a folder"),
        (("r", "--html", "file/run.html"), "The operating system refused"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    punchlist: Any, recorded: Path, arguments: tuple[str, ...], said: str
) -> None:
    Path("pages.html").mkdir()
    Path("file").write_text("a file, no folder")

    ended = punchlist("journal", "report", *arguments)

    assert ended.code == USAGE and said in ended.err


def test_a_run_that_the_file_does_not_hold_is_refused_with_those_it_holds(
    punchlist: Any, recorded: Path
) -> None:
    ended = punchlist("journal", "report", str(recorded), "--run", "other")

    assert ended.code == USAGE and "It holds: r" in ended.err

"""A browser that records leaves a trace of each attempt, and the report of the run shows it."""

from __future__ import annotations

import re
import struct
import zlib

import pytest

from punchlist.agents.acting.attempt import Assignment, Attempt
from punchlist.agents.acting.recording import RECORDING, recorded
from punchlist.agents.cli import main
from punchlist.agents.observability.browsing import recordings_of
from punchlist.agents.observability.report import save_report
from punchlist.agents.steps import Stage, Step
from punchlist.protocols.journal import Journal
from punchlist.tools.browser.results import ActionResult, Effect
from punchlist.tools.browser.trace import FILE, Target, Trace, TraceHead, TraceStep

RUN = "run-1"


def png() -> bytes:
    """A white dot."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\xff\xff\xff")) + chunk(b"IEND", b"")
    )


class Recording:
    def __init__(self, folder):
        self.folder, self.problem = folder, ""


class Lane:
    """A session that writes one step by itself when it is recorded."""

    recording = None

    async def record(self, folder, *, about=""):
        if folder is None:
            self.recording = None
            return
        result = ActionResult(True, "ok", effect=Effect(new=("<b>Added</b>",)), did="click Add")
        step = TraceStep(
            at=0, url="http://shop.test/", path="/", view="page /: Shop\n[1] button Add", verb="click",
            target=Target(number=1, role="button", name="Add", box=(128, 72, 256, 36)), result=result,
            after="http://shop.test/", picture="001.png",
        )  # fmt: skip
        head = TraceHead(url="http://shop.test/", began=0, window=(1280, 720), budget=4000, about=about)
        Trace(head=head, steps=(step,)).save(folder)
        line = (folder / FILE).read_text().replace('"after"', '"picture":"001.png","after"')
        (folder / FILE).write_text(line)
        (folder / "001.png").write_bytes(png())
        self.recording = Recording(folder)


class Mind:
    def __init__(self, journal):
        self.journal = journal


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin(RUN, goal="Buy a mug", settings={})
        yield journal


async def attempt_in(journal, base, lane):
    order = Assignment(RUN, "1.cart", 1, Stage("cart", ()), (Step("add", "2 x mugs"),), "lane")
    async with recorded(Attempt(order, Mind(journal), None, session=lane), base):
        assert (lane.recording is not None) is (base is not None)
    assert lane.recording is None


async def test_each_attempt_has_a_trace_that_the_journal_names(journal, tmp_path):
    await attempt_in(journal, tmp_path / "run.traces", Lane())
    await attempt_in(journal, tmp_path / "run.traces", Lane())

    found = recordings_of(journal, RUN)

    assert [each.folder.name for each in found] == ["1.cart-1", "1.cart-1-1"]
    assert found[0].trace.head.about == "add 2 x mugs" and found[0].task == "1.cart"


async def test_a_browser_that_does_not_record_leaves_nothing(journal):
    await attempt_in(journal, None, Lane())

    assert list(journal.rows(RUN, kinds=(RECORDING,))) == []


async def test_the_report_outlines_what_was_chosen(journal, tmp_path):
    await attempt_in(journal, tmp_path / "run.traces", Lane())

    html = save_report(tmp_path / "run.db", tmp_path / "run.html").html

    assert '<i style="left:10.00%;top:10.00%;width:20.00%;height:5.00%"></i>' in html
    assert "data:image/png;base64," in html and "&lt;b&gt;Added" in html and "<b>Added" not in html
    assert "<script" not in html and "[1] button Add" in html


async def test_a_trace_that_moved_with_its_journal_is_found_and_a_lost_one_is_named(journal, tmp_path):
    await attempt_in(journal, tmp_path / "elsewhere", Lane())
    (tmp_path / "elsewhere").rename(tmp_path / "run.traces")
    moved = recordings_of(journal, RUN)
    (tmp_path / "run.traces").rename(tmp_path / "away")

    (gone,) = recordings_of(journal, RUN)

    assert moved[0].trace is not None
    assert gone.trace is None and "No such file" in gone.problem
    assert "No such file" in save_report(tmp_path / "run.db", tmp_path / "run.html").html


async def test_a_folder_that_cannot_be_made_is_no_failure_of_the_task(journal, tmp_path):
    class Full(Lane):
        async def record(self, folder, *, about=""):
            if folder is not None:
                raise OSError(28, "No space left on device")

    order = Assignment(RUN, "1.cart", 1, Stage("cart", ()), (Step("add", "2 x mugs"),), "lane")
    async with recorded(Attempt(order, Mind(journal), None, session=Full()), tmp_path / "run.traces"):
        pass

    assert "No space left" in recordings_of(journal, RUN)[0].problem


async def test_the_command_line_shows_and_exports_a_trace(journal, tmp_path, capsys):
    await attempt_in(journal, tmp_path / "t", Lane())
    folder = str(tmp_path / "t" / RUN / "1.cart-1")

    assert main(["trace", "show", folder, "--step", "1"]) == 0
    shown = capsys.readouterr().out
    assert main(["trace", "show", folder, "--html", str(tmp_path / "t.html")]) == 0
    assert main(["trace", "export", folder, "--out", str(tmp_path / "t.py")]) == 0
    assert main(["trace", "show", str(tmp_path)]) == 2
    refused = capsys.readouterr().err
    assert main(["trace", "export", folder, "--param", "x=nothing"]) == 2

    assert "1  click Add  →  ok: <b>Added</b>" in shown and "[1] button Add" in shown
    assert re.search(r"left:10\.00%", (tmp_path / "t.html").read_text())
    assert "page.get_by_role('button', name='Add', exact=True).click()" in (tmp_path / "t.py").read_text()
    assert folder in refused and "no step of the trace" in capsys.readouterr().err

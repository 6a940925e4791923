"""Criteria that look at files, commands, addresses and pages: what passes, fails and cannot be told."""

import asyncio
import contextlib
import hashlib
import http.server
import os
import re
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from punchlist.agents import Manager, Worker
from punchlist.agents.checking import world
from punchlist.agents.checking.checks import Page
from punchlist.agents.checking.programs import hold
from punchlist.agents.checking.reading import READERS, CannotLook, told
from punchlist.agents.checking.world import (
    command_exits,
    field_has,
    file_has,
    file_is,
    http_answers,
    page_shows,
)
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols import Confirmed, Spec, Unverified


async def outcome(criterion):
    """What the criterion comes to in the world as it is, and why."""
    try:
        seen = await READERS[criterion.call.tool](criterion.call.args)
    except CannotLook as error:
        return "cannot_check", str(error)
    finding = hold(criterion, seen)
    return finding.outcome, finding.why


# --- files ----------------------------------------------------------------------------------------------


async def test_a_file_is_known_by_its_hash(tmp_path):
    path = tmp_path / "report.txt"
    path.write_bytes(b"two mugs")
    right, wrong = hashlib.sha256(b"two mugs").hexdigest(), hashlib.sha256(b"three").hexdigest()

    assert await outcome(file_is(str(path), sha256=right.upper())) == ("pass", "")
    assert await outcome(file_is(str(path), sha256=wrong)) == ("fail", f"its sha256 is {right}")


async def test_a_file_is_known_by_its_words(tmp_path):
    path = tmp_path / "report.txt"
    path.write_text("two mugs", encoding="utf-8")

    assert await outcome(file_has(str(path), "two mugs")) == ("pass", "")
    assert await outcome(file_has(str(path), "lamp")) == ("fail", "the file does not have 'lamp'")
    assert await outcome(file_has(str(path), lambda text: text.endswith("mugs"))) == ("pass", "")
    assert (await outcome(file_has(str(path), lambda text: None)))[0] == "cannot_check"


@pytest.mark.parametrize("name", ["missing.txt", "report.txt/below"])
async def test_a_file_that_is_not_there_is_a_fail(tmp_path, name):
    (tmp_path / "report.txt").write_text("x")

    found, why = await outcome(file_has(str(tmp_path / name), "x"))

    assert found == "fail" and "there is no file" in why


async def test_what_keeps_a_file_from_being_read_is_no_fail(tmp_path):
    pipe, latin = tmp_path / "pipe", tmp_path / "latin"
    os.mkfifo(pipe)
    latin.write_bytes(b"caf\xe9")

    for path in (tmp_path, pipe, latin, "a\0b"):
        assert (await outcome(file_has(str(path), "x")))[0] == "cannot_check", path


async def test_a_file_larger_than_is_read_cannot_be_checked(tmp_path, monkeypatch):
    (tmp_path / "large").write_bytes(b"x" * 2**17)
    monkeypatch.setattr("punchlist.agents.checking.reading.MOST_BYTES", 2**16)

    found, why = await outcome(file_is(str(tmp_path / "large"), sha256="0" * 64))

    assert found == "cannot_check" and "larger than the 65536 bytes" in why


# --- commands -------------------------------------------------------------------------------------------


def python(program, **how):
    return command_exits([sys.executable, "-c", program], **how)


async def test_a_command_is_known_by_its_exit_code():
    assert await outcome(python("pass")) == ("pass", "")
    assert await outcome(python("raise SystemExit(3)", code=3)) == ("pass", "")

    found, why = await outcome(python("import sys; sys.exit('no mugs')"))
    assert (found, why) == ("fail", "it exited with 1, not 0: no mugs")


async def test_a_command_runs_where_it_is_told_and_reads_nothing(tmp_path):
    code = f"import os, sys; assert os.getcwd() == {str(tmp_path)!r} and sys.stdin.read() == ''"

    assert await outcome(python(code, cwd=str(tmp_path))) == ("pass", "")


async def test_an_argument_is_no_shell_text():
    argument = "; exit 7 $(exit 8) *"
    code = f"import sys; sys.exit(sys.argv[1:] != [{argument!r}])"

    assert await outcome(command_exits([sys.executable, "-c", code, argument])) == ("pass", "")


async def test_a_command_that_is_not_over_in_time_cannot_be_checked_and_leaves_nothing(tmp_path):
    pids = tmp_path / "pid"
    child = f"import os, time; open({str(pids)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"

    found, why = await outcome(python(code, timeout=1.5))

    assert found == "cannot_check" and "not over after 1.5 s" in why
    assert ends(int(pids.read_text()))


async def test_a_command_that_leaves_something_running_is_not_waited_for(tmp_path):
    pids = tmp_path / "pid"
    child = "import time; time.sleep(60)"
    code = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {child!r}]); "
    code += f"open({str(pids)!r}, 'w').write(str(p.pid))"
    began = time.monotonic()

    assert await outcome(python(code)) == ("pass", "")
    assert time.monotonic() - began < 30 and ends(int(pids.read_text()))


def ends(pid):
    """Whether a process is gone or only waits to be reaped, at the latest in five seconds."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state.rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


async def test_a_command_may_print_as_much_as_it_likes():
    found, why = await outcome(python("import sys; print('x' * 5_000_000 + 'end'); sys.exit(1)"))

    assert found == "fail" and why.endswith("characters more)") and len(why) < 1100


async def test_a_program_that_is_not_there_cannot_be_checked(tmp_path):
    for criterion in (command_exits(["no-such-program"]), python("pass", cwd=str(tmp_path / "gone"))):
        found, why = await outcome(criterion)

        assert found == "cannot_check" and "No such file" in why


async def test_a_look_that_is_cancelled_ends_its_command(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = f"import os, time; open({str(pipe)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    looking = asyncio.ensure_future(outcome(python(code)))
    pid = int(await asyncio.to_thread(pipe.read_text))

    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking

    assert ends(pid)


# --- addresses ------------------------------------------------------------------------------------------


class Answers(http.server.BaseHTTPRequestHandler):
    """`/json`, `/text`, `/moved`, `/hangs`, `/large`, `/page`; everything else is 404."""

    def do_GET(self):
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("location", "/json")
            self.end_headers()
            return
        if self.path == "/hangs":
            self.server.over.wait(20)
        known = {
            "/json": b'{"status": "paid", "n": 2}',
            "/text": b"two mugs",
            "/large": b"x" * (5 * 2**20),
            "/page": HTML,
        }
        body = known.get(self.path)
        self.send_response(404 if body is None else 200)
        if self.path == "/page":
            self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body or b"")))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # whoever asked has gone
            self.wfile.write(body or b"" if self.command == "GET" else b"")

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.over = threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.mark.parametrize(
    ("path", "how", "expected"),
    [
        ("/json", {"json": {"status": "paid"}}, "pass"),
        ("/json", {"json": {"status": "open"}}, "fail"),
        ("/json", {"json": lambda seen: seen["n"] == 2}, "pass"),
        ("/json", {"json": lambda seen: seen["no"]}, "cannot_check"),
        ("/json", {"method": "HEAD"}, "pass"),
        ("/text", {"text": "two mugs"}, "pass"),
        ("/text", {"text": "lamp"}, "fail"),
        ("/text", {"json": {"status": "paid"}}, "fail"),
        ("/gone", {}, "fail"),
        ("/gone", {"status": 404}, "pass"),
        ("/moved", {}, "fail"),
        ("/moved", {"status": 302}, "pass"),
        ("/hangs", {"timeout": 0.3}, "cannot_check"),
        ("/hangs", {"timeout": 0.3, "must_be_up": True}, "cannot_check"),
        ("/large", {}, "cannot_check"),
    ],
)
async def test_an_address_answers_as_it_must(site, path, how, expected):
    assert (await outcome(http_answers(site + path, **how)))[0] == expected


async def test_a_refused_connection_is_a_fail_only_where_something_must_be_up(site):
    closed = http.server.HTTPServer(("127.0.0.1", 0), Answers)
    url = f"http://127.0.0.1:{closed.server_address[1]}/"
    closed.server_close()

    assert (await outcome(http_answers(url)))[0] == "cannot_check"
    assert await outcome(http_answers(url, must_be_up=True)) == ("fail", f"nothing answers at {url}")


async def test_a_name_that_nobody_knows_is_no_refusal():
    found, _ = await outcome(http_answers("http://no-such-host.invalid/", must_be_up=True))

    assert found == "cannot_check"


# --- pages ----------------------------------------------------------------------------------------------

PAGE = {
    "url": "u",
    "path": "/order",
    "title": "Order",
    "rows": [["Thank you, Ada!"], ["Delivery", "Express"], ["Number: 112"], ["Gift", "yes"], ["Gift", "no"]],
    "fields": [["textbox", "Full name", "Ada Lovelace"], ["checkbox", "Newsletter", "off"]],
}


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        (page_shows("thank   YOU"), "pass"),
        (page_shows("Express"), "pass"),
        (page_shows("12"), "fail"),
        (page_shows("Delivery Express"), "pass"),
        (page_shows("you Delivery"), "fail"),
        (field_has("Delivery", "express"), "pass"),
        (field_has("delivery:", "standard"), "fail"),
        (field_has("Full name", "Ada Lovelace"), "pass"),
        (field_has("Full name", "Ada"), "fail"),
        (field_has("Newsletter", "off"), "pass"),
        (field_has("Number", "112"), "pass"),
        (field_has("Gift", "yes"), "cannot_check"),
        (field_has("Colour", "blue"), "cannot_check"),
    ],
)
def test_a_page_is_held_against_words_and_fields(criterion, expected):
    assert hold(criterion, PAGE).outcome == expected


def test_a_page_with_nothing_on_it_tells_nothing():
    empty = PAGE | {"rows": [], "fields": []}

    assert hold(page_shows("Thank you"), empty).outcome == "cannot_check"


HTML = b"""<!doctype html><title>Order</title><h1>Thank you, Ada!</h1>
<table><tr><td>Delivery</td><td>Express</td></tr></table>
<label>Full name <input value="Ada Lovelace"></label>"""


@pytest.mark.browser
async def test_a_page_in_a_browser_is_held_against_words_and_fields(site):
    from punchlist.tools.browser.browser import Browser

    async with Browser(allow=[site]) as browser:
        session = await browser.open("lane", None, site + "/page")
        page = Page.of(await session.view(budget=20_000)).as_json()

    made = [page_shows("thank you"), field_has("Delivery", "Express"), field_has("Full name", "Ada Lovelace")]
    wrong = [page_shows("thank you, Bo"), field_has("Delivery", "Standard"), field_has("Full name", "Bo")]
    assert [hold(each, page).outcome for each in made] == ["pass"] * 3
    assert [hold(each, page).outcome for each in wrong] == ["fail"] * 3


# --- asking ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    [
        lambda: file_is("x", sha256="abc"),
        lambda: command_exits("make test"),
        lambda: command_exits([]),
        lambda: command_exits(["true"], timeout=0),
        lambda: http_answers("ftp://x"),
        lambda: http_answers("http://x", method="POST"),
        lambda: http_answers("http://x", method="HEAD", text="x"),
        lambda: http_answers("http://x", timeout=-1),
        lambda: page_shows(" "),
        lambda: field_has("", "x"),
    ],
)
def test_a_criterion_that_makes_no_sense_is_refused_when_it_is_made(made):
    with pytest.raises(ValueError, match=r"\w+ .*"):
        made()


def test_what_is_asked_of_the_world_is_in_the_hash_of_the_spec():
    made = [page_shows("A", name="n"), page_shows("B", name="n"), file_has("A", "b", name="n")]
    made += [http_answers("http://x", status=status, name="n") for status in (200, 404)]

    assert len({Spec([criterion]).hash for criterion in made}) == len(made)
    assert Spec([page_shows("A")]).hash == Spec([page_shows("A")]).hash


def test_a_planted_value_that_passes_breaks_the_criterion():
    blind = replace(file_has("x", lambda text: True), must_refuse=[{"exists": True, "text": ""}])

    found = hold(blind, {"exists": True, "text": "two mugs"})

    assert found.outcome == "cannot_check" and "passes the planted fault" in found.why


def test_the_example_of_the_module_makes_a_spec():
    [example] = re.findall(r"^    Spec\(\[.*?^    \]\)", world.__doc__, re.MULTILINE | re.DOTALL)

    made = eval(textwrap.dedent(example), vars(world) | {"Spec": Spec, "EXPECTED": "0" * 64})

    assert len(made.criteria) == 6


def test_what_was_seen_is_told_in_a_few_words():
    assert told("world.file", {"exists": True, "sha256": "ab"}) == "sha256 ab"
    assert told("world.command", {"code": 3}) == "exit code 3"
    assert told("world.http", {"status": None}) == "nobody listens"


async def test_a_run_is_confirmed_by_what_the_runtime_saw_itself(tmp_path):
    """The worker says the same in both runs; the file decides."""
    (tmp_path / "notes.txt").write_text("two mugs")
    ended = []

    for number, wanted in enumerate(("two mugs", "lamp")):
        model = ScriptedModel(lambda question: "Done")
        worker = Worker("clerk", model, strategy="direct")
        manager = Manager(model, workers=[worker], journal=tmp_path / f"{number}.db", redos=1)
        criteria = [file_has(str(tmp_path / "notes.txt"), wanted), command_exits(["true"])]
        ended.append(await manager.run("Write down what there is.", spec=criteria))

    assert isinstance(ended[0], Confirmed) and isinstance(ended[1], Unverified)
    assert "the file does not have 'lamp'" in ended[1].reasons[0]

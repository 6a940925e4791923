"""`punchlist browse` in the terminal: what is typed is done, what a gate asks is asked, nothing is left."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import fields

import pytest

from punchlist.agents.cli.browse_parser import STYLES
from punchlist.agents.cli.browse_told import beginnings, pieces_of
from punchlist.agents.cli.edge import DONE, INTERRUPTED, USAGE
from punchlist.tools.browser import Element, View, ViewStyle, action_grammar, parse_action
from punchlist.tools.browser.view import Dialog

from ..tools.browser.site import Site, redirect
from .test_interrupt import processes, until

LOGIN = """<title>Log in</title><form action=/in><label>User <input name=u></label>
    <label>Password <input type=password name=p></label><button>Sign in</button></form>"""


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site({
        "/": "<title>Shop</title><a href=/mug>Mug</a><button onclick='q.append(1)'>More</button><p id=q></p>",
        "/mug": "<title>Mug</title><p>A green mug</p>",
        "/login": LOGIN,
        "/in": "<title>In</title><p>Welcome</p>",
        "/rude": "<title>\x1b[31mRude</title><button onclick=\"console.error('\\x1b[2J')\">Go</button>",
    })  # fmt: skip
    yield site
    site.close()


@pytest.fixture
def typing(punchlist, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Browse with these lines on stdin."""

    def type_(url: str, *lines: str, more: tuple[str, ...] = ()):
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return punchlist("browse", url, "--text", *more, model=None)

    return type_


@pytest.mark.browser
def test_lines_are_done_one_after_the_other_until_done(typing, site):
    ended = typing(site.url, "click 2", "read", "click 1", "", "done", "click 1")

    said = ended.out.splitlines()
    assert ended.code == DONE and site.hits["/mug"] == 1
    assert said[:3] == ["page /: Shop", "[1] link Mug", "[2] button More"]
    assert "ok  (" in ended.out and "  new       1" in said and "(the page reads as before)" in said
    assert ended.out.count("page /mug: Mug\n- A green mug\n") == 2 and said[-1] == "> done"


@pytest.mark.browser
def test_a_wrong_line_in_a_pipe_ends_it_before_more_is_done(typing, site):
    ended = typing(site.url, "click 9", "click 1")

    assert ended.code == USAGE and site.hits["/mug"] == 0
    assert "there is no element 9 in this view" in ended.err


@pytest.mark.browser
def test_a_gate_asks_and_the_next_line_answers_unless_it_is_none(typing, site, monkeypatch):
    monkeypatch.setenv("LOGIN_PW", "hunter22")
    enter = ["type 2 secret:pw", "click 3"]

    lines = [*enter, "n", "click 3", "goto /mug", "back", *enter, "y"]
    ended = typing(f"{site.url}/login", *lines, more=("--secret", "pw=LOGIN_PW"))

    question = f"This submits a form with a password: `click 3` at {site.url}/login\n"
    assert ended.out.count(question) == 3 and ended.out.count("\nneeds_approval  (") == 2
    assert "page /mug: Mug" in ended.out  # what is no answer refuses, and is the next action
    assert site.hits["/in?u=&p=hunter22"] == 1 and "hunter22" not in ended.out + ended.err
    assert ended.code == DONE and "- Welcome" in ended.out  # the end of the input ends it


@pytest.mark.browser
def test_what_a_page_says_does_not_act_on_the_terminal(typing, site):
    ended = typing(f"{site.url}/rude", "click 1")

    assert "Rude" in ended.out and "console" in ended.out and "\x1b" not in ended.out


@pytest.mark.browser
def test_only_the_origin_of_the_url_and_those_that_are_allowed_are_reached(typing, site):
    other = Site({"/": "<title>Other</title>"})
    site.pages["/away"] = redirect(other.url)

    led = typing(f"{site.url}/away")
    let = typing(site.url, "goto http://127.0.0.1:1/", f"goto {other.url}/", "y", more=("--allow", other.url))
    other.close()

    assert (led.code, led.out) == (USAGE, "") and "--allow" in led.err and other.url in led.err
    assert "blocked_origin" in let.out and "leads to a site that was not visited" in let.out
    assert "page /: Other" in let.out and sum(other.hits.values()) == 1


@pytest.mark.browser
def test_a_browser_that_is_killed_is_opened_anew(typing, site, monkeypatch):
    class Typed(io.StringIO):
        def readline(self, size: int | None = -1, /) -> str:
            line = super().readline(size)
            if line == "read\n":
                for pid in processes(mark):
                    os.kill(pid, signal.SIGKILL)
            return line

    mark = uuid.uuid4().hex
    monkeypatch.setenv("MARK", mark)  # of what is started from now on, not of this process
    monkeypatch.setattr(io, "StringIO", Typed)

    ended = typing(site.url, "read", "click 1", "done")

    assert "\ncrashed  (" in ended.out and "The browser ended; the page is opened anew." in ended.out
    assert ended.code == DONE and "page /mug: Mug" in ended.out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["shop"], "URL 'shop' is no address"),
        (["ftp://shop.test"], "no address"),
        (["http://127.0.0.1:9", "--allow", "*"], "--allow '*' is no address"),
        (["http://127.0.0.1:9", "--style", "hints,loud"], "--style 'loud' is none; there are hints,"),
        (["http://127.0.0.1:9", "--secret", "pw"], "NAME=ENV"),
        (["http://127.0.0.1:9", "--secret", "pw=NOT_SET_HERE"], "'NOT_SET_HERE' is not set"),
        (["http://127.0.0.1:9", "--secret", "pw=PATH@shop"], "'shop' is no address"),
        (["http://127.0.0.1:9", "--files", "/nowhere/at/all"], "is no folder"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_used_is_said_before_a_browser_starts(punchlist, arguments, why):
    ended = punchlist("browse", *arguments, "--text", model=None)

    assert (ended.code, ended.out) == (USAGE, "") and why in ended.err


@pytest.mark.parametrize("face", [["--text"], []])
def test_without_a_browser_it_says_what_to_install(punchlist, monkeypatch, face):
    monkeypatch.setenv("PUNCHLIST_BROWSER", "/nowhere/chromium")

    ended = punchlist("browse", "http://127.0.0.1:9", *face, model=None)

    assert ended.code == USAGE and "apt-get install chromium-headless-shell" in ended.err


@pytest.mark.browser
@pytest.mark.parametrize("face", [["--text"], []])
def test_a_site_that_is_down_is_named(punchlist, face):
    gone = Site()
    gone.close()

    ended = punchlist("browse", gone.url, *face, model=None)

    assert ended.code == USAGE and f"{gone.url!r} cannot be reached" in ended.err


@pytest.mark.browser
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_at_a_terminal_it_prompts_and_a_signal_leaves_no_process(site, number):
    mark, (ours, its) = uuid.uuid4().hex, pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-m", "punchlist.agents.cli", "browse", site.url, "--text"],
        stdin=its, stdout=its, stderr=its, env={**os.environ, "MARK": mark}, start_new_session=True,
    )  # fmt: skip
    os.close(its)
    try:
        assert "[2] button More" in read_until(ours, "> ")
        os.write(ours, b"dance\n")
        assert "unknown verb 'dance'" in read_until(ours, "> ")

        program.send_signal(number)

        assert program.wait(30) == (-9 if number == signal.SIGKILL else INTERRUPTED)
        assert until(lambda: processes(mark) == [])
    finally:
        program.kill()
        os.close(ours)


def read_until(terminal: int, end: str, seconds: float = 60.0) -> str:
    """What is printed until a line begins with `end` and stops there."""
    deadline, said = time.monotonic() + seconds, ""
    while not said.endswith(f"\n{end}"):
        ready, _, _ = select.select([terminal], [], [], max(deadline - time.monotonic(), 0))
        assert ready, f"{end!r} did not come after {said!r}"
        said += os.read(terminal, 10_000).decode().replace("\r", "")
    return said


# --- what is told --------------------------------------------------------------------------

VIEW = View("http://s/", "/", "T", (
    (Element(1, "textbox", "Name", ""),),
    ("Mug", Element(2, "button", "Buy"), Element(3, "select", "Size", "S", ("S", "XL"))),
    (Element(4, "file", "Photo"),),
    (Element(5, "button", "Off", disabled=True),),
    ("[2] button Free",),
), below=3)  # fmt: skip


def test_pieces_are_the_text_of_the_view_and_a_text_is_no_number():
    lines = pieces_of(VIEW)

    assert ["".join(text for _, text in line) for line in lines] == VIEW.text().split("\n")
    assert [number for line in lines for number, _ in line if number] == [1, 2, 3, 4, 5]
    assert lines[5] == [(None, "- "), (None, "[2] button Free")]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("dialog", [None, Dialog("prompt", "Name?"), Dialog("confirm", "Sure?")])
def test_every_beginning_is_of_an_action_and_every_verb_of_the_grammar_has_one(full, dialog):
    view = View(VIEW.url, VIEW.path, VIEW.title, VIEW.lines, dialog)

    lines = beginnings(view, full=full, files=["a.png"], tabs=2)

    for line in lines:
        more = {"drag": "2", "wait": "100"}.get(line.split()[0], "x") if line.endswith(" ") else ""
        assert parse_action(line + more, view, full=full)
    grammar = action_grammar(view, full=full, files=["a.png"], tabs=2, origins=["/"])
    start = grammar.splitlines()[0]
    for _ in range(2):
        start = re.sub(r"\([^()]*\)", "", start)
    assert {line.split()[0] for line in lines} == set(re.findall(r'(?:: |\| )"([a-z+]+)', start))


def test_the_styles_are_those_of_a_view():
    assert tuple(field.name for field in fields(ViewStyle)) == STYLES

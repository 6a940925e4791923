"""The commands about traces: what they are given, in the right way and in the wrong one."""

from __future__ import annotations

import pytest

from punchlist.agents.cli import main
from punchlist.tools.browser.results import MASK, ActionResult, Effect
from punchlist.tools.browser.trace import Target, Trace, TraceHead, TraceStep

from ..tools.browser.site import Site


@pytest.fixture
def folder(tmp_path):
    """The trace of a password that was typed, on a site that still stands."""
    site = Site({"/in": "<title>In</title><label>Password <input type=password></label>"})
    url = site.url + "/in"
    head = TraceHead(url=url, began=0.0, window=(1280, 720), budget=4000)
    step = TraceStep(
        at=0.0, url=url, path="/in", view="", verb="type", text=MASK, hidden=True, after=url,
        target=Target(number=1, role="password", name="Password"),
        result=ActionResult(True, "ok", did="type Password", effect=Effect(dom_changed=True)),
    )  # fmt: skip
    Trace(head=head, steps=(step,)).save(tmp_path / "trace")
    yield str(tmp_path / "trace")
    site.close()


@pytest.mark.browser
def test_a_password_is_taken_from_the_environment(folder, capsys, monkeypatch):
    monkeypatch.setenv("TYPED", "hunter2222")

    code = main(["trace", "replay", folder, "--value", "typed_1=env:TYPED"])

    told = capsys.readouterr()
    assert "hunter2222" not in told.out + told.err
    assert "what was typed is not in the trace" not in told.out
    assert code == 0, told.out


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["replay", "--value", "typed_1=env:PUNCHLIST_NOT_SET"], "'PUNCHLIST_NOT_SET' is not set."),
        (["replay", "--value", "typed_1"], "--value 'typed_1' is not NAME=TEXT."),
        (["export", "--param", "x"], "--param 'x' is not NAME=TEXT."),
        (["export", "--param", "x=nothing"], "--param: parameter 'x' is 'nothing', which no step"),
    ],
)
def test_a_wrong_option_is_named_once(command, told, folder, capsys):
    code = main(["trace", command[0], folder, *command[1:]])

    said = capsys.readouterr().err
    assert code == 2 and told in said, said
    assert said.count(command[1]) == 1, said

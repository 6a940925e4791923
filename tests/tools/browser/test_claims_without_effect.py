"""A claim that the page does not bear out is done again, and no model is asked whether it is true."""

from __future__ import annotations

import json

import pytest

from punchlist.agents import Manager, Worker
from punchlist.agents.plan import Plan
from punchlist.agents.reasoning import ReAct
from punchlist.agents.testing import ScriptedModel
from punchlist.agents.watch import Sighting, Watch
from punchlist.protocols import Confirmed
from punchlist.tools.browser import browser_tools, took_effect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

DEAD_AT_FIRST = """<title>Post</title><button id=b>Like</button><p id=p></p><script>
    let armed = 0; b.onclick = () => { if (armed++) p.textContent = 'You like this' }</script>"""


def step(tool: str, **arguments: object) -> str:
    return json.dumps({"thought": "so", "tool": tool, "arguments": arguments})


CLAIM = json.dumps({"thought": "done", "tool": "finish", "answer": "clicked Like"})


async def test_a_claimed_click_without_effect_is_a_redo_that_no_model_is_asked_for(show, tmp_path):
    visit = await show(DEAD_AT_FIRST)
    tools = browser_tools(visit.session)
    click = step("browser_click", element=1)
    worker_model = ScriptedModel([click, CLAIM, click, click, CLAIM])
    nobody = ScriptedModel([])
    plan = Plan("like it")
    plan.task("like", "Like the post.", spec=[took_effect("click Like")])
    worker = Worker("hand", worker_model, tools=tools, strategy=ReAct(tools=tools))

    outcome = await Manager(nobody, [worker], journal=tmp_path / "run.db").run(plan)

    assert isinstance(outcome, Confirmed), outcome
    assert nobody.asked == [] and len(worker_model.asked) == 5
    assert "You like this" in (await visit.look())


@pytest.mark.parametrize(
    ("returned", "finding"),
    [
        ([], "nobody did 'click Like' in the browser"),
        ([("click Like", False, "no effect")], "'click Like' was not done: no effect"),
        ([("click Like", True, "ok"), ("click Like", False, "off")], "'click Like' was not done: off"),
        ([("click like", False, "no effect"), ("click Like", True, "ok")], ""),
        ([("type Name", False, "value_differs: …")], "nobody did 'click Like' in the browser"),
    ],
)  # fmt: skip
async def test_what_the_page_did_last_decides(returned, finding):
    told = [json.dumps({"did": did, "ok": ok, "result": result}) for did, ok, result in returned]

    found = took_effect("click Like").find({"answer": "clicked Like", "returned": ["a text", *told]})

    assert (found.outcome, found.why) == ("fail" if finding else "pass", finding)


async def test_the_watch_sees_actions_that_change_nothing(show):
    visit = await show("<title>T</title><button>Dead</button><button disabled>Off</button>")
    watch, alarms = Watch(), []

    for line in ("click 1", "click 2", "click 1"):
        result = await visit.line(line)
        seen = Sighting(f"{result.did} {len(alarms)}", "", changed=result.effect.dom_changed)
        alarms.append(watch.see(seen))

    assert [alarm and alarm.kind for alarm in alarms] == [None, None, "no_effect"]

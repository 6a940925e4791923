"""The weights for pages, on pages that nobody trained them on, in a real browser."""

from __future__ import annotations

import pytest
import pytest_asyncio

from punchlist.agents import Manager, Plan, Worker
from punchlist.agents.checking.criteria import shows
from punchlist.agents.worker import NotTaught
from punchlist.core_model import load_model
from punchlist.protocols import Confirmed, Failed
from punchlist.tools.browser import Browser
from punchlist.tools.permissions import preset

from ..tools.browser.site import Site

SAY = "<p id=said></p><script>const say = (text) => { said.textContent = text }</script>"

LOGIN = f"""<title>Club</title><h1>Members</h1>
<label>User <input id=u></label><label>Password <input id=w type=password></label>
<button onclick="say(u.value === 'rosa' && w.value === 'k8Zt' ? 'Welcome back' : 'No')">Login</button>{SAY}"""

TICKED = "[...document.querySelectorAll(':checked')].map((box) => box.value)"
TOPPINGS = "".join(
    f"<label><input type=checkbox value={one}>{one}</label>" for one in ("Olives", "Corn", "Basil")
)
BOXES = f"""<title>Toppings</title>{TOPPINGS}<button onclick="say('Got ' + {TICKED})">Submit</button>{SAY}"""

TABS = f"""<title>Help</title><button onclick="say('Tickets are open')">Tickets</button>
<button onclick="say('Here are guides')">Guides</button><a href=# onclick="say('About us')">About</a>{SAY}"""


@pytest_asyncio.fixture
async def site():
    site = Site({"/login": LOGIN, "/boxes": BOXES, "/tabs": TABS})
    yield site
    site.close()


async def go(site, page, goal, said, model="embedded-web", observer="view"):
    url = f"{site.url}/{page}"
    async with Browser(allow=[url], policy=preset("unattended"), observer=observer) as browser:
        plan = Plan(goal)
        plan.task("goal", goal, spec=[shows(said, "goal")])
        worker = Worker("hand", load_model(model), [browser])
        return await Manager(None, [worker], redos=0, policy=preset("unattended")).run(plan)


@pytest.mark.parametrize(
    ("page", "goal", "said"),
    [
        ("login", 'Enter the user "rosa" and the password "k8Zt" and press Login.', "Welcome back"),
        ("boxes", "Select Corn, Basil and click Submit.", "Got Corn,Basil"),
        ("tabs", 'Click on "Guides".', "Here are guides"),
    ],
)
async def test_goals_on_pages_are_reached_and_confirmed(site, page, goal, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    outcome = await go(site, page, goal, said)

    assert isinstance(outcome, Confirmed), outcome


async def test_the_weights_for_jobs_are_not_asked(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    outcome = await go(site, "tabs", 'Click on "Tickets".', "Tickets are open", model="embedded")

    assert isinstance(outcome, Failed) and "load_model('embedded-web')" in str(outcome.error)
    assert issubclass(NotTaught, ValueError)


@pytest.mark.parametrize("observer", ["aria", "screenshot"])
async def test_the_weights_for_pages_are_shown_the_numbered_view_alone(site, observer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    outcome = await go(site, "tabs", 'Click on "Guides".', "Here are guides", observer=observer)

    assert isinstance(outcome, Failed) and f"Leave out the observer '{observer}'" in str(outcome.error)

"""The measurement of views: every page has a number for what can be used, and what has none is noticed."""

from __future__ import annotations

import pytest

from punchlist.agents.evals import view
from punchlist.agents.evals.harness import EvalOptions, execute
from punchlist.agents.evals.ledger import EvalError
from punchlist.agents.evals.view_pages import PAGES, PageServer
from punchlist.agents.evals.view_truth import unnumbered, usable
from punchlist.tools.browser.browser import Browser

pytestmark = pytest.mark.browser


@pytest.mark.asyncio(loop_scope="session")
async def test_everything_on_the_pages_has_a_number_and_nothing_would_without_any():
    with PageServer() as server:
        async with Browser(allow=server.origins) as browser:
            for name in PAGES[:-1]:
                session = await browser.open(name, url=f"{server.url}/{name}")
                await session.view()
                things = await usable(session._tab.cdp)

                missed = unnumbered(things, set(await session._tab.observer.node_ids()))

                assert [(name, node.tag, node.attributes) for node in missed] == []
                assert things and unnumbered(things, frozenset()) == things


@pytest.mark.asyncio(loop_scope="session")
async def test_a_listener_beside_the_middle_of_a_numbered_thing_is_not_reached_by_it():
    with PageServer() as server:
        async with Browser(allow=server.origins) as browser:
            session = await browser.open("tabs", url=f"{server.url}/tabs")
            await session.view()
            things = await usable(session._tab.cdp)
            cross = next(node for node in things if node.attributes.get("class") == "shut")

            missed = unnumbered(things, set(await session._tab.observer.node_ids()) - {cross.id})

            assert missed == [cross]


@pytest.mark.long
def test_the_figures_are_those_that_the_module_names_and_a_wrong_folder_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(view, "PAGES", ("login", "cards"))
    monkeypatch.setattr(view, "_task_folder", lambda given: None)

    report = execute("bench", "view", EvalOptions(quick=True, say=lambda line: None))

    assert all(name in (view.__doc__ or "") for name in report["figures"])
    assert report["figures"]["unnumbered_rate"] == 0 and report["figures"]["chars_cards_window"] < 2500
    monkeypatch.undo()
    with pytest.raises(EvalError, match="Name the folder miniwob/html"):
        execute("bench", "view", EvalOptions(data=tmp_path))

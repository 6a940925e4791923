"""One browser and one loopback site for all browser tests; every test gets a lane of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import pytest_asyncio

from punchlist.tools.browser.actions import Action, parse_action
from punchlist.tools.browser.browser import Browser
from punchlist.tools.browser.results import ActionResult
from punchlist.tools.browser.session import BrowserSession
from punchlist.tools.browser.view import View
from punchlist.tools.permissions import preset

from .site import Site


class Visit:
    """A session with the latest view; elements are named, so that tests read like a person acts."""

    def __init__(self, session: BrowserSession, view: View) -> None:
        self.session, self.view = session, view

    def number(self, name: str) -> int:
        return next(
            key for key, element in self.view.elements.items() if name in (element.name, element.role)
        )

    async def look(self) -> str:
        self.view = await self.session.view()
        return self.view.text()

    async def do(self, verb: str, name: str = "", text: str = "") -> ActionResult:
        return await self.session.act(Action(verb, self.number(name) if name else None, text))

    async def line(self, line: str, full: bool = False) -> ActionResult:
        return await self.session.act(parse_action(line, full=full))


Opener = Callable[[str], Awaitable[Visit]]


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser(site: Site) -> AsyncIterator[Browser]:
    async with Browser(allow=[site.url], policy=preset("unattended")) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def show(site: Site, browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Opener]:
    """Open a page with this HTML (served at /page) and look at it."""
    opened: list[BrowserSession] = []

    async def show(html: str, path: str = "/page") -> Visit:
        site.pages[path] = html
        session = await browser.open(request.node.name, url=site.url + path)
        opened.append(session)
        return Visit(session, await session.view())

    yield show
    for session in opened:
        await session.close()

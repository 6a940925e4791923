"""Look at a page as numbered lines, act on it, and see what an action is answered with.

The example shop runs on a loopback port. The browser may reach that origin and nothing else.

Prints:
    page /: ...
    click 7 -> ok...
    - Green mug | ...
    goto https://example.org/ -> blocked_origin...
"""

import asyncio

from punchlist.examples.site import Site
from punchlist.tools.browser import Browser, BrowserSession, parse_action


async def act(session: BrowserSession, line: str) -> None:
    """Do what one line of the action grammar says, and print the typed answer."""
    action = parse_action(line, await session.view())
    print(f"{line} -> {(await session.act(action)).line()}")


async def main() -> None:
    """Search the shop for a mug, then try to leave it."""
    with Site(seed=3, flaws=()) as site:
        async with Browser(allow=[site.url]) as browser:
            session = await browser.open("visitor", url=site.url)
            view = await session.view()
            print(view.text(), end="\n\n")

            search = next(number for number, element in view.elements.items() if element.role == "searchbox")
            await act(session, f"type {search} green mug")
            await act(session, f"click {search + 1}")
            print("", (await session.view()).text(), "", sep="\n")

            await act(session, "goto https://example.org/")


asyncio.run(main())

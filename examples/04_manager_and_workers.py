"""Give one goal to a manager with two workers: independent tasks are done at once, each is verified.

The example shop's help desk runs on a loopback port. The manager reads two tasks out of the goal; neither
waits for the other, so each worker takes one, in a browsing session of its own. The embedded model does the
thinking.

Prints:
    Ann: close the ticket of ...
    Ben: close the ticket of ...
    close the ticket of Clara Farrow: confirmed
    close the ticket of Rosa Eklund: confirmed
    Confirmed
    the site's own database says: right
"""

import asyncio
from tempfile import TemporaryDirectory

from punchlist.agents import Manager, Worker
from punchlist.agents.events import Ended, Said, Stood
from punchlist.core_model import load_model
from punchlist.examples.site import Expected, ExpectedTicket, Site, judge
from punchlist.tools.browser import Browser

GOAL = (
    'Reply to Rosa Eklund\'s ticket with "it left our house today" and close it. '
    'Also reply to Clara Farrow\'s ticket with "please wash it by hand" and close it.'
)
REPLIES = {"Rosa Eklund": "it left our house today", "Clara Farrow": "please wash it by hand"}


async def main(journal: str) -> None:
    """One goal, one browser, two workers."""
    model = load_model()
    done: list[str] = []
    with Site(seed=3, flaws=()) as site:
        async with Browser(allow=[site.url]) as browser:
            workers = [Worker(name, model, tools=[browser]) for name in ("Ann", "Ben")]
            async for event in Manager(model, workers, journal=journal).stream(GOAL):
                match event:
                    case Said(envelope, title) if envelope.kind == "assign":
                        print(f"{envelope.recipient}: {title}")
                    case Stood(title=title, status="confirmed"):
                        done.append(title)
                    case Ended(outcome):
                        print(*(f"{title}: confirmed" for title in sorted(done)), sep="\n")
                        print(type(outcome).__name__)
                    case _:
                        pass
        wanted = [
            ExpectedTicket(ticket.id, ticket.customer, closed=True, reply=REPLIES[ticket.customer])
            for ticket in site.plan.tickets
            if ticket.customer in REPLIES
        ]
        right = judge(site, Expected(tickets=tuple(wanted))).right
        print("the site's own database says:", "right" if right else "wrong")


with TemporaryDirectory() as folder:
    asyncio.run(main(f"{folder}/run.db"))

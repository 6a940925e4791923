"""Log in with a password that nobody gets to see, and read a table into typed rows that have to add up.

The site is a ledger on loopback, served from here. Logging in is tried once: what a wrong password costs is
the site's to say. At first only the rows that the page shows at once are read. They do not come to the total
at its foot: refused, and done again with that as feedback. The steps are plain Python, no model.

    python 11_log_in.py

Prints:
    refused: rows add up : 505.50 in 3 rows, the page says 566.50
    Confirmed
    number='2027-035' customer='Babbage Ltd' due=datetime.date(2027, 3, 30) amount=Decimal('18.75')
    total: 566.50
    in the record: secret:ledger True
    in the record: the password False
"""

import asyncio
import secrets
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel

from punchlist.agents import Brief, FunctionWorker, Manager, Plan
from punchlist.examples.small_sites import Ledger
from punchlist.protocols import Check, Confirmed, Outcome
from punchlist.tools import Policy, Rule
from punchlist.tools.browser import Browser, BrowserSession, Secret, browser_tools


class Invoice(BaseModel):  # a row of the table
    number: str
    customer: str
    due: date
    amount: Decimal


class Statement(BaseModel):  # the table, and the total at its foot
    invoices: list[Invoice]
    total: Decimal


def adds_up(result: Any) -> bool | str:
    """Whether these are all rows."""
    said = Statement.model_validate(result)
    found = sum(invoice.amount for invoice in said.invoices)
    return found == said.total or f"{found} in {len(said.invoices)} rows, the page says {said.total}"


def the_team(session: BrowserSession) -> list[FunctionWorker]:
    """Two workers with one browsing session: one calls tools, which are recorded, one looks for itself."""

    async def log_in(brief: Brief) -> str:
        form = await session.view()
        await brief.call("browser_type", element=form.find("Name").number, text="ada")
        await brief.call("browser_type", element=form.find("Password").number, text="secret:ledger")
        await brief.call("browser_click", element=form.find("Log in", "button").number)
        return (await session.view()).text()

    async def read(brief: Brief) -> Statement:
        await session.goto("/invoices")
        if brief.feedback:
            await session.click((await session.view()).find("Show all").number)
        view = await session.view(budget=50_000)  # characters: no row is cut off
        heads, *body, foot = [[str(cell) for cell in line] for line in view.lines if len(line) > 1]
        rows = [dict(zip(map(str.lower, heads), row, strict=True)) for row in body]
        return Statement(invoices=[Invoice.model_validate(row) for row in rows], total=Decimal(foot[-1]))

    return [FunctionWorker("porter", log_in, tools=browser_tools(session)), FunctionWorker("reader", read)]


async def main(site: Ledger, password: str, journal: Path) -> Outcome[Any]:
    """Log in and read. The password is asked for when it is typed; `env="NAME"` takes it from there."""
    plan = Plan("open invoices")
    inside = Check("logged in", lambda page: "Open invoices" in page or page)
    entered = plan.task("log_in", "Log in as ada.", spec=[inside], attempts=1, worker="porter")
    whole = [Check("rows add up", adds_up)]
    plan.task("read", "Read all.", output=Statement, spec=whole, after=[entered], worker="reader")
    vault = {"ledger": Secret(site.url, ask=lambda: password)}
    policy = Policy([Rule("allow", "browser", arguments={"gate": "password_form"})])  # and no other gate
    async with Browser(allow=[site.url], secrets=vault, policy=policy) as browser:
        team = the_team(await browser.open("clerk", url=site.url))
        return await Manager(None, team, journal=journal).run(plan)


if __name__ == "__main__":
    chosen = secrets.token_urlsafe()
    with Ledger(chosen) as ledger, TemporaryDirectory() as folder:
        ended = asyncio.run(main(ledger, chosen, Path(folder, "run.db")))
        records = b"".join(file.read_bytes() for file in Path(folder).iterdir())
    print(*(f"refused: {it.criterion} : {it.why}" for it in ended.punch_list), type(ended).__name__, sep="\n")
    if isinstance(ended, Confirmed):
        print(*ended.result["read"].invoices, f"total: {ended.result['read'].total}", sep="\n")
    print("in the record: secret:ledger", b"secret:ledger" in records)
    print("in the record: the password", chosen.encode() in records)

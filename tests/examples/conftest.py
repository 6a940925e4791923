"""A visitor who knows the site: plays a goal's truth through the pages, by labels, as a person would."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
from playwright.async_api import Browser, Dialog, Locator, Page, async_playwright

from punchlist.examples.site import Expected, ExpectedOrder, ExpectedTicket, Site
from punchlist.tools.browser.locate import find_browser


@dataclass(frozen=True)
class Answer:
    """A page as it came: where redirects ended, its status, its HTML."""

    url: str
    status: int
    html: str


class PlainVisitor:
    """A visitor without a browser: fetches pages and posts forms, and keeps cookies."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def get(self, path: str, **query: str) -> Answer:
        return self._open(f"{path}?{urlencode(query)}" if query else path, None)

    def post(self, path: str, **form: str) -> Answer:
        return self._open(path, urlencode(form).encode())

    def _open(self, path: str, data: bytes | None) -> Answer:
        try:
            reply = self._opener.open(self.site.url + path, data, timeout=5)
        except HTTPError as refusal:
            reply = refusal
        with reply:
            return Answer(reply.url, reply.status or 0, reply.read().decode())

    def order(self, order: ExpectedOrder) -> str:
        """Order by posting the forms and return the order number."""
        for product, quantity in order.lines:
            self.post("/bag/add", product=slug(product), quantity=str(quantity))
        self.post("/bag", **{slug(product): str(quantity) for product, quantity in order.lines})
        self.post("/details", **details(order))
        return self.post("/place").url.split("/order/")[1].split("?")[0]


def slug(product: str) -> str:
    return product.lower().replace(" ", "-")


def details(order: ExpectedOrder, **changes: str) -> dict[str, str]:
    """The checkout form's fields for `order`."""
    ticks = {"terms": "on"} | ({"gift": "on"} if order.gift else {})
    day = order.day.isoformat()
    return dict(name=order.name, delivery=order.delivery, day=day, payment=order.payment, **ticks) | changes


class KnowingVisitor:
    """Plays `Expected` on a page of `site`; finds everything by the labels that people see."""

    def __init__(self, site: Site, page: Page) -> None:
        self.site, self.plan, self.page = site, site.plan, page
        self.dialogs: list[str] = []
        page.on("dialog", self._accept)

    async def _accept(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        await dialog.accept()

    async def play(self, expected: Expected) -> list[str]:
        """Do all that is expected and return the order numbers."""
        numbers = [await self.order(order) for order in expected.orders]
        for ticket in expected.tickets:
            await self.answer(ticket, ticket.reply or f"Your order number is {numbers[ticket.order]}.")
        return numbers

    async def order(self, order: ExpectedOrder) -> str:
        """Order and return the order number."""
        for product, quantity in order.lines:
            await self.put_in_bag(product, quantity)
        await self.open_bag()
        for product, quantity in order.lines:
            await self.set_quantity(product, quantity)
        await self.fill_form(order)
        return await self.place()

    async def put_in_bag(self, product: str, quantity: int) -> None:
        """Search for the product, type the quantity, press the button."""
        if not self.plan.layout.search_everywhere:
            await self.page.goto(self.site.url)
        await self.page.get_by_label(self.say("search_label")).fill(product)
        await self.press(self.button("search_button"))
        if self.plan.layout.opener == "name":
            await self.page.get_by_role("link", name=product, exact=True).click()
        else:
            row = self.page.locator("main li, main tr").filter(has_text=re.compile(rf"{product}(?!\w)"))
            await row.get_by_role("link").click()
        await self.page.get_by_label(self.say("quantity_label")).fill(str(quantity))
        await self.press(self.button("add_button"))

    async def open_bag(self) -> None:
        """Follow the link to the basket, wherever it is."""
        await self.page.locator("a.bag").click()

    async def set_quantity(self, product: str, quantity: int) -> None:
        """Correct a quantity in the basket where it is not what was asked for."""
        row = self.page.get_by_role("row").filter(has_text=product)
        field = row.locator("input")
        if await field.input_value() == str(quantity):
            return
        await field.fill(str(quantity))
        by_row = self.plan.layout.update == "row"
        button = (
            row.get_by_role("button", name=self.say("update_row")) if by_row else self.button("update_button")
        )
        await self.press(button)

    async def fill_form(self, order: ExpectedOrder) -> None:
        """Fill the checkout form, the day last, and go on to the review page."""
        await self.page.get_by_role("link", name=self.say("checkout_link"), exact=True).click()
        await self.page.get_by_label(self.say("name_label")).fill(order.name)
        await self.page.get_by_label(self.say("delivery_label")).select_option(order.delivery)
        await self.page.get_by_label(self.say("gift_label")).set_checked(order.gift)
        await self.page.get_by_label(order.payment).check()
        await self.page.get_by_label(self.say("date_label")).fill(order.day.isoformat())
        await self.page.get_by_label(self.say("terms_label")).check()
        await self.press(self.button("review_button"))

    async def place(self) -> str:
        """Press the last button and read the order number."""
        await self.press(self.button("final_button"))
        return await self.fact("fact_number")

    async def answer(self, ticket: ExpectedTicket, text: str) -> None:
        """Answer a ticket with `text`, and close it where that is expected."""
        await self.open_ticket(ticket)
        await self.page.get_by_label(self.say("answer_label")).fill(text)
        if self.plan.layout.desk_buttons == "joint":
            await self.press(self.button("answer_close" if ticket.closed else "answer_only"))
            return
        await self.press(self.button("answer_send"))
        if ticket.closed:
            await self.press(self.button("close_button"))

    async def open_ticket(self, ticket: ExpectedTicket) -> None:
        """Find the customer's open ticket in the inbox and open it."""
        subject = next(item.subject for item in self.plan.tickets if item.id == ticket.ticket)
        await self.page.get_by_role("link", name=self.say("desk_link")).click()
        row = self.page.get_by_role("row").filter(has_text=ticket.customer).filter(has_text=subject)
        await self.page.get_by_role("row").nth(1).wait_for()
        if not await row.count():
            await self.page.get_by_role("link", name=self.say("next_page")).click()
        await row.get_by_role("link").click()

    async def fact(self, key: str) -> str:
        """Value beside a label on a review, order or ticket page."""
        rows = self.page.locator("main tr, main dl > div").filter(has_text=self.say(key))
        return (await rows.locator("td, dd").first.inner_text()).strip()

    async def press(self, button: Locator) -> None:
        """Click a button that leads to a page; once more where the first click is known to be dead."""
        await button.wait_for()
        asleep = await button.get_attribute("data-asleep") is not None
        if asleep and not await self.page.evaluate("sessionStorage.getItem('woken')"):
            await button.click()
        async with self.page.expect_navigation():
            await button.click()

    def button(self, key: str) -> Locator:
        return self.page.get_by_role("button", name=self.say(key), exact=True)

    def say(self, key: str) -> str:
        return self.plan.say(key)


@pytest.fixture
def plain_visitor() -> type[PlainVisitor]:
    """Opens a session without a browser on a site that runs."""
    return PlainVisitor


@pytest.fixture
def form_for() -> Callable[..., dict[str, str]]:
    """The checkout form's fields for an order, some of them changed."""
    return details


Visitors = Callable[[Site], AbstractAsyncContextManager[KnowingVisitor]]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_browser())
        yield browser
        await browser.close()


@pytest.fixture
def visiting(browser: Browser) -> Visitors:
    """Opens a fresh browser session on a site: `async with visiting(site) as visitor`."""

    @asynccontextmanager
    async def visit(site: Site) -> AsyncIterator[KnowingVisitor]:
        context = await browser.new_context()
        context.set_default_timeout(5000)
        page = await context.new_page()
        await page.goto(site.url)
        yield KnowingVisitor(site, page)
        await context.close()

    return visit


@pytest.fixture
def spoil() -> Callable[..., Expected]:
    """Changes fields of the first expected order."""

    def change(expected: Expected, **fields: object) -> Expected:
        first = replace(expected.orders[0], **fields)
        return replace(expected, orders=(first, *expected.orders[1:]))

    return change

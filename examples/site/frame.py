"""What every page is made of: the request, the reply, the frame around a page, and small parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from .plan import SitePlan
from .store import Store

_LATE = re.compile("<!--late-->(.*?)<!--/late-->", re.DOTALL)


@dataclass(frozen=True)
class Shop:
    """A site's fixed plan and its changing state: all that a page is drawn from."""

    plan: SitePlan
    store: Store

    def say(self, key: str, **slots: object) -> str:
        """This site's wording for `key`, escaped for HTML."""
        return escape(self.plan.say(key, **slots))


@dataclass(frozen=True)
class Request:
    """One HTTP request, decoded; of repeated fields the last one counts."""

    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    visit: str
    banner_seen: bool = False

    @property
    def wants_part(self) -> bool:
        """Whether the page's script asks for the part that comes late."""
        return self.query.get("part") == "late"

    def number(self, name: str) -> int:
        """A page number from the query, 1 where there is none or it is not a number."""
        value = self.query.get(name, "1")
        return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 1


@dataclass(frozen=True)
class Reply:
    """What to send back: a body, or a redirect to `location`; `delay_ms` is waited first."""

    body: str = ""
    status: int = 200
    location: str = ""
    delay_ms: int = 0
    content_type: str = "text/html; charset=utf-8"


def redirect(location: str) -> Reply:
    """Send the browser on after a form was accepted, so that a reload does not repeat it."""
    return Reply(status=303, location=location)


def late(shop: Shop, part: str, html: str) -> str:
    """Mark `html` as the part that arrives late, where this site has that flaw in this part."""
    if "late_content" in shop.plan.flaws and shop.plan.layout.late_part == part:
        return f"<!--late-->{html}<!--/late-->"
    return html


def asleep(shop: Shop, button: str) -> str:
    """Attribute of the button whose first click does nothing, where this site has that flaw."""
    struck = "dead_first_click" in shop.plan.flaws and shop.plan.layout.dead_button == button
    return " data-asleep" if struck else ""


def page(shop: Shop, request: Request, title: str, main: str, status: int = 200) -> Reply:
    """Put `main` (HTML) into the site's frame; `title` is plain text."""
    layout = shop.plan.layout
    found = _LATE.search(main)
    if request.wants_part:
        delay = layout.late_ms if layout.late_by == "server" else 0
        return Reply(found.group(1) if found else "", status, delay_ms=delay)
    if found and status == 422:  # the answer to a form: its address cannot be fetched again
        main = _LATE.sub(lambda part: part.group(1), main)
    elif found:
        wait = layout.late_ms if layout.late_by == "timer" else 0
        main = _LATE.sub(f'<p class="late" data-late="{wait}">{shop.say("loading")}</p>', main)
    notice = shop.store.take_notice(request.visit)
    if notice:
        main = f'<p class="notice" role="status">{escape(notice)}</p>{main}'
    bag = _bag_link(shop, request)
    search = search_form(shop, request.query.get("q", "")) if layout.search_everywhere else ""
    strip = f'<div class="strip">{bag}</div>' if layout.bag_link == "strip" else ""
    body = f"""{_banner(shop, request)}<header><div class="bar">
<a class="brand" href="/">{escape(shop.plan.name)}</a>
<nav><a href="/shelf">{shop.say("shelf_link")}</a> <a href="/desk">{shop.say("desk_link")}</a>
<a href="/orders">{shop.say("orders_link")}</a></nav>
{bag if layout.bag_link == "header" else ""}{search}</div></header>{strip}
<main>{main}</main>
<footer>{f"<p>{bag}</p>" if layout.bag_link == "foot" else ""}<p>{shop.say("footer")}</p></footer>"""
    return Reply(_document(f"{title} · {shop.plan.name}", body), status)


def _document(title: str, body: str) -> str:
    icon = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'/%3E"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="{icon}">
<link rel="stylesheet" href="/site.css"></head>
<body>{body}
<script src="/site.js"></script></body></html>"""


def _bag_link(shop: Shop, request: Request) -> str:
    pieces = sum(shop.store.basket(request.visit).values())
    return f'<a class="bag" href="/bag">{shop.say("bag_link")} ({pieces})</a>'


def _banner(shop: Shop, request: Request) -> str:
    if "banner" not in shop.plan.widgets or request.banner_seen:
        return ""
    return f"""<div class="banner"><span>{shop.say("banner")}</span>
<button type="button">{shop.say("banner_button")}</button></div>"""


def search_form(shop: Shop, query: str) -> str:
    """The search field with its button; `query` is what it holds."""
    return f"""<form class="search" action="/shelf" role="search">
<label for="search">{shop.say("search_label")}</label>
<input id="search" type="search" name="q" value="{escape(query)}">
<button>{shop.say("search_button")}</button></form>"""


def facts(shop: Shop, rows: Iterable[tuple[str, str]]) -> str:
    """Label and value pairs (plain text) as a list or a table, whichever the site uses."""
    pairs = [(escape(label), escape(value)) for label, value in rows]
    if shop.plan.layout.facts == "list":
        return (
            "<dl>"
            + "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for label, value in pairs)
            + "</dl>"
        )
    lines = "".join(f'<tr><th scope="row">{label}</th><td>{value}</td></tr>' for label, value in pairs)
    return f"<table><tbody>{lines}</tbody></table>"


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of HTML cells under HTML headings."""
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def complaints(shop: Shop, texts: Iterable[str]) -> str:
    """A box that says what is wrong with a form, or nothing where nothing is; `texts` are plain."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f'<div class="wrong" role="alert">{shop.say("wrong_title")}<ul>{items}</ul></div>' if items else ""


def pager(shop: Shop, path: str, number: int, pages: int, query: Mapping[str, str]) -> str:
    """Links to the neighbouring pages; nothing where there is only one page."""
    if pages < 2:
        return ""

    def link(target: int, key: str) -> str:
        address = f"{path}?{urlencode({**query, 'page': str(target)})}"
        return f'<a href="{escape(address)}">{shop.say(key)}</a>'

    back = link(number - 1, "previous_page") if number > 1 else ""
    onward = link(number + 1, "next_page") if number < pages else ""
    where = shop.say("page_of", page=number, pages=pages)
    return f'<div class="pager">{back}<span class="muted">{where}</span>{onward}</div>'


def missing(shop: Shop, request: Request) -> Reply:
    """The page for an address that the site does not have."""
    title = shop.plan.say("missing_title")
    main = f"""<h1>{escape(title)}</h1><p>{shop.say("missing_line")}</p>
<p><a href="/shelf">{shop.say("shelf_back")}</a></p>"""
    return page(shop, request, title, main, status=404)

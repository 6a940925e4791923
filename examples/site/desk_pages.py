"""The help desk: the inbox of tickets, and a ticket with its thread."""

from __future__ import annotations

from html import escape

from .frame import (
    Reply,
    Request,
    Shop,
    asleep,
    complaints,
    facts,
    late,
    missing,
    page,
    pager,
    redirect,
    table,
)
from .store import TicketState


def desk(shop: Shop, request: Request) -> Reply:
    """The inbox: what each ticket is about, who wrote it, how it stands."""
    title = shop.plan.say("desk_title")
    tickets = shop.store.tickets()
    size = shop.plan.layout.desk_page
    pages = max(1, -(-len(tickets) // size))
    number = min(max(request.number("page"), 1), pages)
    rows = [
        (
            f'<a href="/desk/{ticket.id}">{escape(ticket.subject)}</a>',
            escape(ticket.customer),
            _state(shop, ticket),
        )
        for ticket in tickets[(number - 1) * size : number * size]
    ]
    columns = ("column_subject", "column_customer", "column_state")
    listing = table((shop.say(column) for column in columns), rows) + pager(shop, "/desk", number, pages, {})
    return page(shop, request, title, f"<h1>{escape(title)}</h1>{late(shop, 'desk', listing)}")


def _state(shop: Shop, ticket: TicketState) -> str:
    text = shop.say("status_closed" if ticket.closed else "status_open")
    return f'<span class="state{" closed" if ticket.closed else ""}">{text}</span>'


def _find(shop: Shop, number: str) -> TicketState | None:
    return next((ticket for ticket in shop.store.tickets() if str(ticket.id) == number), None)


def ticket(shop: Shop, request: Request, number: str, wrong: tuple[str, ...] = ()) -> Reply:
    """A ticket: customer, state, thread, and the form to answer it."""
    found = _find(shop, number)
    if found is None:
        return missing(shop, request)
    state = shop.plan.say("status_closed" if found.closed else "status_open")
    rows = [(shop.plan.say("ticket_customer"), found.customer), (shop.plan.say("ticket_status"), state)]
    voices = {"customer": escape(found.customer), "desk": shop.say("desk_voice")}
    thread = "".join(
        f'<div class="said {author}"><b>{voices[author]}</b> {escape(text)}</div>'
        for author, text in found.lines
    )
    main = f"""<h1>{escape(found.subject)}</h1>{complaints(shop, wrong)}{facts(shop, rows)}
<h2>{shop.say("thread_title")}</h2>{thread}{_forms(shop, found)}
<p><a href="/desk">{shop.say("desk_back")}</a></p>"""
    return page(shop, request, found.subject, main, status=422 if wrong else 200)


def _forms(shop: Shop, found: TicketState) -> str:
    """The answer form; its buttons answer and close at once or, on other sites, one after the other."""
    dead = asleep(shop, "answer")
    if shop.plan.layout.desk_buttons == "joint":
        buttons = f"""<button name="then" value="close"{dead}>{shop.say("answer_close")}</button>
<button class="quiet" name="then" value="leave">{shop.say("answer_only")}</button>"""
    else:
        buttons = f"<button{dead}>{shop.say('answer_send')}</button>"
    answer = f"""<form method="post" action="/desk/{found.id}/answer"><div class="field">
<label for="answer">{shop.say("answer_label")}</label><textarea id="answer" name="answer"></textarea></div>
<div class="actions">{buttons}</div></form>"""
    if found.closed:
        return answer + _post(f"/desk/{found.id}/open", shop.say("reopen_button"))
    if shop.plan.layout.desk_buttons == "separate":
        return answer + _post(f"/desk/{found.id}/close", shop.say("close_button"))
    return answer


def _post(action: str, label: str) -> str:
    return f"""<form method="post" action="{action}"><div class="actions">
<button class="quiet">{label}</button></div></form>"""


def answer(shop: Shop, request: Request, number: str) -> Reply:
    """Send an answer, and close the ticket where that button was pressed."""
    found = _find(shop, number)
    if found is None:
        return missing(shop, request)
    text = request.form.get("answer", "").strip()[:2000]
    if not text:
        return ticket(shop, request, number, (shop.plan.say("answer_missing"),))
    shop.store.answer(found.id, text)
    if request.form.get("then") == "close":
        shop.store.set_closed(found.id, True)
        shop.store.leave_notice(request.visit, shop.plan.say("closed_now"))
    else:
        shop.store.leave_notice(request.visit, shop.plan.say("answer_sent"))
    return redirect(f"/desk/{found.id}")


def set_closed(shop: Shop, request: Request, number: str, closed: bool) -> Reply:
    """Close the ticket or open it again."""
    found = _find(shop, number)
    if found is None:
        return missing(shop, request)
    shop.store.set_closed(found.id, closed)
    if closed:
        shop.store.leave_notice(request.visit, shop.plan.say("closed_now"))
    return redirect(f"/desk/{found.id}")

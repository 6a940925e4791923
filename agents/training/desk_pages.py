"""Generated pages of help desks: the list of tickets, and one ticket."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ..steps import Done, Step
from . import labels, words
from .sites import Item, Line, Sheet, Site, apart, chrome, footer, ok, open_step
from .words import pick


def inbox(rng: Random) -> Sheet:
    """A list of tickets, one row each."""
    site = Site.draw(rng)
    if not any(tag == "help" for tag, _ in site.nav):
        site.nav.append(("help", site.labels["help"]))
    path = pick(rng, "/help | /tickets | /support | /inbox | /desk | /requests?page=1")
    sheet = Sheet(path, site.labels["help"])
    chrome(site, sheet, None)
    count = len(site.people)
    heads = f"{site.labels['help']} | open tickets | customer requests | {count} tickets | what customers ask"
    sheet.add(pick(rng, heads))
    if rng.random() < 0.4:
        columns = pick(rng, "subject customer status | from about state | ticket name date")
        sheet.add(*columns.split())
    order = pick(rng, "spo | pso | sp | op | osp")
    linked = pick(rng, "s | s | p | v")
    late = rng.random() < 0.1
    if count > 2 and rng.random() < 0.4:
        site.people[1] = site.people[0]
        rng.shuffle(site.people)
    subjects, closed = ([], []) if late else inbox_rows(site, sheet, order, linked)
    if late:
        sheet.add(site.labels["loading"])
    more = not late and rng.random() < 0.4
    if not late and rng.random() < 0.25:
        sheet.add(Item("prev", "link", site.labels["prev"]))
    if rng.random() < 0.3:
        sheet.add(f"{words.fresh(rng)} {2 - more} of 2")
    if more:
        sheet.add(Item("next", "link", site.labels["next"]))
    footer(site, sheet)
    inbox_cases(site, sheet, subjects, closed, "s" in order, more)
    return sheet


def inbox_rows(site: Site, sheet: Sheet, order: str, linked: str) -> tuple[list[str], list[bool]]:
    """Add a row for each person's ticket; returns the subjects, and which tickets the rows show as closed.

    Args:
        site: Whose people ask.
        sheet: Gets the rows.
        order: Of the parts of a row: s subject, p person, o whether it is open.
        linked: The part that is a link; v adds one of its own.
    """
    rng = site.rng
    subjects: list[str] = []
    closed: list[bool] = []
    for index, person in enumerate(site.people):
        subjects.append(" ".join(words.sentence(rng)))
        closed.append("o" in order and rng.random() < 0.4)
        state = site.labels["closed" if closed[-1] else "open"]
        texts = {"s": subjects[-1], "p": " ".join(person), "o": state}
        row: Line = []
        for part in order:
            row.append(Item(f"t{index}", "link", texts[part]) if part == linked else texts[part])
        if linked == "v" or linked not in order:
            role = pick(rng, "link | button")
            label = pick(rng, f"open | view | show | answer | #{rng.randint(10, 99)}")
            row.append(Item(f"t{index}", role, label))
        sheet.lines += [row] if site.rows or rng.random() < 0.7 else apart(row)
    return subjects, closed


def inbox_cases(
    site: Site, sheet: Sheet, subjects: list[str], closed: list[bool], titled: bool, more: bool
) -> None:
    """Questions about a list of tickets; no `subjects` means that it has not loaded.

    Args:
        site: Whose people ask.
        sheet: The page.
        subjects: Of the tickets, in the order of the people.
        closed: Which of them the rows show as closed: of two by one person, the open one is meant.
        titled: Whether the rows show them.
        more: Whether there is a next page.
    """
    rng = site.rng
    came, ahead = ok(f"click {site.labels['help']}"), ok(f"click {site.labels['next']}")
    if rng.random() < 0.2:
        came = Done("wait", f"ok: {rng.choice(subjects or ['from'])}")
    late = not subjects
    for index in rng.sample(range(len(site.people)), min(len(site.people), 3)):
        who = " ".join(site.people[index])
        same = [other for other, person in enumerate(site.people) if person == site.people[index]]
        told = not late and [closed[other] for other in same].count(False) == 1 and not closed[index]
        twins = len(same) > 1 and not told
        step = open_step(who)
        if (twins or rng.random() < 0.15) and not late and titled:
            step = open_step(who, subjects[index])
        elif twins and not late:
            continue
        if late:
            sheet.ask(step, "wait", came)
        elif step == open_step(who) and all(closed[other] for other in same):
            seek(site, sheet, step, more, came, ahead)
        else:
            sheet.click(f"t{index}", step, rng, *([came] if rng.random() < 0.6 else []))
    if not late:
        seek(site, sheet, open_step(" ".join(words.person(rng)), subject_at_times(rng)), more, came, ahead)


def seek(site: Site, sheet: Sheet, step: Step, more: bool, came: Done, ahead: Done) -> None:
    """A ticket that this page of the list does not show, or only as closed: look on other pages, or give up.

    `came` and `ahead` are the actions that led to the list and to its next page.
    """
    rng = site.rng
    if more:
        sheet.click("next", step, rng, *rng.choice(([], [came], [ahead])))
    elif sheet.number("prev") and rng.random() < 0.5:
        sheet.click("prev", step, rng)
    else:
        sheet.ask(step, "cannot not found", *([ahead] if sheet.number("prev") else [came]))


def subject_at_times(rng: Random) -> str:
    """The subject of a ticket, mostly empty."""
    return " ".join(words.sentence(rng)) if rng.random() < 0.3 else ""


@dataclass(frozen=True)
class Talk:
    """A ticket's page in one state: whose it is, what the reply is to be, how it is closed.

    `state` is fresh, typed, sent, closed or wrong (someone else's is wanted). `control` is what closes it: a
    button or a select of the status; `combined` is one button for sending and closing.
    """

    who: str
    subject: str
    reply: str
    state: str
    combined: bool
    control: str


def ticket(rng: Random) -> Sheet:
    """One ticket: thread, reply box, buttons."""
    site = Site.draw(rng)
    who = " ".join(site.people[0])
    reply = words.reference(rng) if rng.random() < 0.6 else " ".join(words.sentence(rng))
    state = pick(rng, "fresh | fresh | typed | typed | sent | closed | wrong")
    status = site.labels["closed" if state == "closed" else "open"]
    paths = f"/tickets/{rng.randint(1, 99)} | /help/{rng.randint(1, 99)} | /case?id={rng.randint(1, 99)}"
    path = pick(rng, paths)
    subject = " ".join(words.sentence(rng))
    sheet = Sheet(path, pick(rng, f"{subject} | ticket {rng.randint(1, 99)}"))
    chrome(site, sheet, None)
    sheet.lines += ticket_head(rng, subject, who, status)
    thread: Line = [who, " ".join(words.sentence(rng))]
    if rng.random() < 0.3:
        sheet.add(pick(rng, "messages | conversation | all messages | history"))
    shown: tuple[list[Line], ...] = ([[" ".join(map(str, thread))]], apart(thread), [thread[1:]])
    sheet.lines += rng.choice(shown)
    if rng.random() < 0.25:
        answered = pick(rng, "you | the desk | our team | support")
        sheet.lines += apart([answered, " ".join(words.sentence(rng))])
    if state in ("sent", "closed"):
        sheet.add(*(("you", reply) if rng.random() < 0.5 else (reply,)))
    combined = site.combined_close
    control = "buttons" if combined else pick(rng, "buttons | buttons | buttons | select")
    talk = Talk(who, subject, reply, state, combined, control)
    if state != "closed" or rng.random() < 0.4:
        answer_lines(site, sheet, talk, status)
    if rng.random() < 0.4:
        spare = "all tickets | back to the list | next ticket | assign to me | print"
        sheet.add(Item("list", "link", pick(rng, spare)))
    footer(site, sheet)
    ticket_cases(site, sheet, talk)
    return sheet


def ticket_head(rng: Random, subject: str, who: str, status: str) -> list[Line]:
    """Subject, customer and status of a ticket."""
    head: list[Line] = [
        [subject],
        [pick(rng, "customer | from | name | asked by"), who],
        [pick(rng, "status | state"), status],
    ]
    if rng.random() < 0.2:
        head = [[subject], [f"{pick(rng, 'from | by | customer:')} {who}, {status}"]]
    if rng.random() < 0.4:
        rng.shuffle(head)
    return head


def answer_lines(site: Site, sheet: Sheet, talk: Talk, status: str) -> None:
    """Add the reply box and what sends and closes."""
    rng = site.rng
    sheet.add(Item("reply", "textbox", site.labels["reply"], talk.reply if talk.state == "typed" else ""))
    buttons: list[Line] = []
    if talk.combined:
        buttons.append([Item("both", "button", site.labels["both"])])
        if rng.random() < 0.3:
            buttons.append([Item("send", "button", rng.choice(labels.OPENS))])
    elif talk.control == "select":
        states = tuple(dict.fromkeys((site.labels["open"], "waiting", site.labels["closed"])))
        sheet.add(Item("state", "select", "status", status, states))
        buttons.append([Item("send", "button", pick(rng, "save | update | send | save ticket"))])
    else:
        buttons.append([Item("send", "button", site.labels["send"])])
        buttons.append([Item("close", "button", site.labels["close"])])
    rng.shuffle(buttons)
    sheet.lines += buttons


def ticket_cases(site: Site, sheet: Sheet, talk: Talk) -> None:
    """Questions about a ticket page."""
    rng, state = site.rng, talk.state
    opened = ok("click " + " ".join(words.sentence(rng)))
    about = talk.subject if rng.random() < 0.3 else ""
    sheet.ask(open_step(talk.who, about), "done", *rng.choice(([opened], [opened], [])))
    if state == "wrong":
        sheet.ask(open_step(" ".join(words.person(rng)), subject_at_times(rng)), "back", opened)
    reply_cases(site, sheet, talk)
    if state == "closed":
        closed_cases(site, sheet)
    elif talk.combined:
        sheet.click("both", Step("close"), rng)
        if sheet.number("send"):
            sheet.click("send", Step("send"), rng)
    elif talk.control == "select":
        sheet.ask(Step("close"), f"select {sheet.number('state')} {site.labels['closed']}")
        if state == "typed":
            sheet.click("send", Step("send"), rng)
    elif state in ("sent", "fresh"):
        sheet.click("close", Step("close"), rng)
        if state == "sent":
            typed = ok(f"type {site.labels['reply']} = {talk.reply}")
            sent = ok(f"click {site.labels['send']}", rng.choice(("", talk.reply, "sent")))
            sheet.ask(Step("send"), "done", typed, sent)


def reply_cases(site: Site, sheet: Sheet, talk: Talk) -> None:
    """Type the reply; send it where that is a step of its own."""
    rng, reply = site.rng, talk.reply
    step = reply_step(reply)
    box = sheet.number("reply")
    typed = ok(f"type {site.labels['reply']} = {reply}")
    if talk.state in ("fresh", "wrong"):
        sheet.ask(step, f"type {box} {reply}")
    elif talk.state == "typed":
        if sheet.number("send") and not talk.combined and talk.control == "buttons":
            sheet.click("send", step, rng, typed)
        else:
            sheet.ask(step, "done", typed)
        other = words.reference(rng)
        sheet.ask(reply_step(other), f"type {box} {other}")
    elif talk.state == "sent":
        sent = ok(f"click {site.labels['send']}", rng.choice(("", reply, "sent", "reply sent")))
        sheet.ask(step, "done", typed, sent)


def reply_step(text: str) -> Step:
    """`reply ab-123`."""
    return Step("reply", text, (text,))


def closed_cases(site: Site, sheet: Sheet) -> None:
    """A closed ticket, at times with a way to open it again: nothing is left to do."""
    rng = site.rng
    if rng.random() < 0.3:
        sheet.add(Item("reopen", "button", pick(rng, "reopen | open it again | reopen ticket")))
    both = ok(f"click {site.labels['both']}", site.labels["closed"])
    past = rng.choice((ok("click close", "closed"), Done("dialog accept", "ok"), both))
    sheet.ask(Step("close"), "done", *rng.choice(([past], [past], [])))
    sheet.ask(Step("send"), "done", past)


def saved(rng: Random) -> Sheet:
    """A ticket whose status select stands on closed but is not saved yet."""
    sheet = ticket(rng)
    if not sheet.number("state"):
        return sheet
    item = sheet.item("state")
    item.value = item.options[-1]
    sheet.cases = []
    sheet.click("send", Step("close"), rng, ok(f"select status = {item.options[-1]}"))
    return sheet

"""Documents that the embedded model is trained on: prompts and right answers of every role, mixed.

A document is a list of (text, is_answer) pieces; several questions about one page stand behind one another.
The loss is taken on answers alone. `document(seed, index)` is a pure function, so training can resume at any
index and anyone can look at what was trained on. Held-out data is drawn with seeds from `HELD_OUT` up.
"""

from __future__ import annotations

from random import Random

from ...tools.browser.actions import parse_action
from ...tools.browser.view import View
from .. import roles
from ..checks import Page
from ..roles import Done, Step
from ..wording import fold
from . import checkout_pages, goals, labels, pages, shop_pages, sites, words
from .pieces import join, spread

HELD_OUT = 1_000_000_000
"""Seeds from here on are never trained on."""

Piece = tuple[str, bool]

ROLES = ("act", "plan", "steps", "judge", "reflect", "use")
SHARES = (60, 19, 8, 6, 2, 5)


CURRICULUM = ((0.6, 0.3), (0.15, 0.35), (0.04, 0.12), (0.0, 0.03))
"""Shares of echoes and drills in each stage; the rest are documents of the roles."""


def document(seed: int, index: int, stage: int = 3) -> list[Piece]:
    """The document with this number.

    Args:
        seed: Of the whole stream.
        index: Number of the document in the stream.
        stage: Of the curriculum: 0 one thing to copy, 1 small pages, 2 most, 3 everything.
    """
    rng = Random(seed * 1_000_003 + index)
    echoes, drills = CURRICULUM[stage]
    roll = rng.random()
    if roll < echoes:
        return echo(rng)
    if roll < echoes + drills:
        return drill(rng)
    role = rng.choices(ROLES, SHARES)[0]
    return role_document(role, rng, stage)


def role_document(role: str, rng: Random, stage: int = 3) -> list[Piece]:
    """A document of one role."""
    if role == "act":
        return act(rng, stage)
    if role == "plan":
        return plan(rng)
    if role == "steps":
        return steps(rng)
    if role == "judge":
        return judge(rng)
    return reflect(rng) if role == "reflect" else use(rng)


def echo(rng: Random) -> list[Piece]:
    """Say it again: a run of words as it stands, or the value that stands behind a name. Copying, and nothing else."""
    if rng.random() < 0.5:
        text = " ".join(words.fresh(rng) for _ in range(rng.randint(4, 24)))
        return [(f"echo : {text}", False), (text, True)]
    values = {words.fresh(rng): " ".join(words.fresh(rng) for _ in range(rng.choice((1, 2, 3)))) for _ in range(rng.randint(2, 8))}
    pieces: list[Piece] = []
    for name in rng.sample(list(values), rng.randint(2, len(values))):
        rows = "" if pieces else "\n".join(f"{key} : {value}" for key, value in values.items()) + "\n"
        pieces += [(f"{rows}echo : {name}", False), (f"{name} : {values[name]}", True)]
    return pieces


def drill(rng: Random) -> list[Piece]:
    """Copying and matching in their simplest form: which number has this name, which field takes this text.

    Many questions about a short page, names of one or two words that never were, spelled the same in both places.
    """
    names = list(dict.fromkeys(" ".join(words.fresh(rng) for _ in range(rng.choice((1, 1, 2)))) for _ in range(rng.randint(2, 9))))
    sheet = sites.Sheet("/", "goods")
    for name in names:
        sheet.add(sites.Item(name, "textbox" if rng.random() < 0.3 else rng.choice(("link", "button")), name))
    view = sheet.view()
    pieces: list[Piece] = []
    for name in rng.choices(names, k=rng.randint(5, 10)):
        number = sheet.number(name)
        if sheet.item(name).role == "textbox":
            text = " ".join(words.fresh(rng) for _ in range(rng.choice((1, 2, 2, 3))))
            pieces += query(view, [], Step("fill", f"{name} : {text}", (text,)), f"type {number} {text}", first=not pieces)
        else:
            count = rng.randint(1, 9)
            pieces += query(view, [], Step("add", f"{count} x {name}", (name,)), f"click {number}", first=not pieces)
    return pieces


def query(view: View, history: list[Done], step: Step, answer: str, first: bool) -> list[Piece]:
    """A question about a page: the whole page for the first one, only what follows it for the rest."""
    text = f"{roles.page_text(view)}\n{roles.act_query(history, step)}" if first else roles.act_query(history, step)
    return [(text, False), (roles.write_act(parse_action(answer, view), view, step), True)]


def act(rng: Random, stage: int) -> list[Piece]:
    """Several decisions on one page."""
    sheet = pages.draw(rng)
    while stage < 2 and len(sheet.lines) > (16 if stage == 0 else 24):
        sheet = pages.draw(rng)
    view = sheet.view()
    pieces: list[Piece] = []
    for case in sheet.cases:
        pieces += query(view, case.history, case.step, case.answer, first=not pieces)
    return pieces


def plan(rng: Random) -> list[Piece]:
    """A goal and its tasks."""
    if rng.random() < 0.12:
        text = join(spread(use_task(rng)[0]))
        question = roles.ask_plan(text, ("use",))
        return [(question.text, False), (f"task use\ntext {fold(text)}\nend", True)]
    goal = goals.draw(rng)
    kinds = ("order", "ticket")
    return [(roles.ask_plan(goal.text, kinds).text, False), (roles.write_plan(goal.tasks), True)]


def steps(rng: Random) -> list[Piece]:
    """Stages, first attempts and redos."""
    kind = rng.choice(("cart", "cart", "cart", "details", "details", "ticket", "place"))
    if kind == "place":
        stage = roles.Stage("place", (), (Step("place"),))
        return answer_steps(stage, [], [], ["place"])
    if kind == "ticket":
        return ticket_steps(rng)
    if kind == "details":
        return details_steps(rng)
    parts = [sites.add_step(words.product(rng), rng) for _ in range(rng.choice((1, 1, 2, 2, 3, 4)))]
    stage = roles.Stage("cart", tuple(parts), (Step("open cart"),))
    numbers = list(range(1, len(parts) + 1))
    adds = [f"do {number}" for number in numbers]
    roll = rng.random()
    if roll < 0.4:
        return answer_steps(stage, [], [], [*adds, "open cart"])
    if roll < 0.55:
        lesson = rng.choice(("quantity", "missing"))
        verb = "set" if lesson == "quantity" else "do"
        return answer_steps(stage, [roles.LESSONS[lesson]], [], [*adds, "open cart", *(f"{verb} {number}" for number in numbers)])
    failed: list[str] = []
    repairs: list[str] = []
    for number in sorted(rng.sample(numbers, rng.randint(1, min(2, len(numbers))))):
        text = parts[number - 1].text
        cause = rng.choice(("count", "count", "missing"))
        failed.append(f"{number} : {text} : " + (f"the page shows {rng.randint(1, 9)}" if cause == "count" else "not on the page"))
        repairs.append(f"set {number}" if cause == "count" else f"do {number}")
    if rng.random() < 0.25:
        extra = " ".join(words.product(rng))
        failed.append(f"not asked for : {extra}")
        repairs.append(f"remove {extra}")
    sets = [item for item in repairs if not item.startswith("do ")]
    again = [item for item in repairs if item.startswith("do ")]
    return answer_steps(stage, [], failed, [*again, "open cart", *sets])


def details_steps(rng: Random) -> list[Piece]:
    """The details stage: fields in order; a lesson may put the date last; a redo fills what failed."""
    name, when = " ".join(words.person(rng)), words.day(rng)[0]
    parts = [Step("fill", f"name : {name}", (name,))]
    parts += [Step("choose", " ".join(words.option(rng))) for _ in range(rng.choice((0, 1, 1, 2)))]
    if rng.random() < 0.8:
        parts.append(Step("fill", f"date : {when}", (when,)))
    rng.shuffle(parts)
    stage = roles.Stage("details", tuple(parts), (Step("review"),))
    numbers = list(range(1, len(parts) + 1))
    dates = [number for number in numbers if parts[number - 1].text.startswith("date")]
    roll = rng.random()
    if roll < 0.4:
        return answer_steps(stage, [], [], [*(f"do {number}" for number in numbers), "review"])
    if roll < 0.6:
        rest = [number for number in numbers if number not in dates]
        return answer_steps(stage, [roles.LESSONS["order"]], [], [*(f"do {number}" for number in [*rest, *dates]), "review"])
    if roll < 0.75:
        refused = [f"refused : {rng.choice(('please fill in', 'missing', 'choose', 'we need', 'please check'))} {rng.choice(labels.DATES + labels.NAMES)}"]
        rest = [number for number in numbers if number not in dates]
        return answer_steps(stage, [], refused, [*(f"do {number}" for number in [*rest, *dates]), "review"])
    wrong = sorted(rng.sample(numbers, rng.randint(1, min(2, len(numbers)))))
    failed = [f"{number} : {parts[number - 1].text} : not on the page" for number in wrong]
    return answer_steps(stage, [], failed, [*(f"do {number}" for number in wrong), "review"])


def ticket_steps(rng: Random) -> list[Piece]:
    """The ticket stage."""
    who = " ".join(words.person(rng))
    text = words.reference(rng) if rng.random() < 0.5 else " ".join(words.sentence(rng))
    parts = [Step("open ticket", f"of {who}", (who,))]
    if rng.random() < 0.85:
        parts.append(Step("reply", text, (text,)))
    stage = roles.Stage("ticket", tuple(parts), (Step(rng.choice(("close", "close", "send"))),))
    numbers = range(1, len(parts) + 1)
    failed = [rng.choice((f"{len(parts)} : {parts[-1].text} : not on the page", "the ticket is closed : no", "refused"))] if rng.random() < 0.3 else []
    return answer_steps(stage, [], failed, [*(f"do {number}" for number in numbers), stage.last[0].verb])


def answer_steps(stage: roles.Stage, notes: list[str], failed: list[str], answer: list[str]) -> list[Piece]:
    return [(roles.ask_steps(stage, notes, failed).text, False), ("\n".join([*answer, "end"]), True)]


def judge(rng: Random) -> list[Piece]:
    """Whether a page shows what a criterion says: ticket closed, reply shown, order placed."""
    site = sites.Site.draw(rng)
    who = " ".join(site.people[0])
    if rng.random() < 0.3:
        sheet = rng.choice((checkout_pages.placed, checkout_pages.review, shop_pages.cart, checkout_pages.form))(rng)
        done = sheet.title == "your order" or any("done " in case.answer for case in sheet.cases)
        verdict = "pass" if done else "fail"
        return [(roles.ask_judge(Page.of(sheet.view()).text(), "the order was placed").text, False), (verdict, True)]
    closed = rng.random() < 0.5
    status = rng.choice(labels.CLOSED if closed else labels.OPEN)
    sheet = sites.Sheet(f"/tickets/{rng.randint(1, 99)}", " ".join(words.sentence(rng)))
    sites.chrome(site, sheet, None)
    head: list[list[str | sites.Item]] = [[" ".join(words.sentence(rng))], [rng.choice(("customer", "from", "name")), who]]
    known = rng.random() < 0.9
    if known:
        head.append(rng.choice(([rng.choice(("status", "state", "ticket")), status], [f"status: {status}"], [f"this ticket is {status}"])))
    rng.shuffle(head)
    sheet.lines += head
    for _ in range(rng.randint(1, 3)):
        sheet.add(rng.choice((who, "you")), " ".join(words.sentence(rng)))
    if rng.random() < (0.3 if closed else 0.9):
        sheet.add(sites.Item("reply", "textbox", site.labels["reply"], ""))
        sheet.add(sites.Item("both", "button", rng.choice((site.labels["both"], site.labels["close"]))))
    sites.footer(site, sheet)
    criterion = f"the ticket of {who} is closed" if rng.random() < 0.5 else "the ticket is closed"
    verdict = "cannot check" if not known else "pass" if closed else "fail"
    return [(roles.ask_judge(Page.of(sheet.view()).text(), criterion).text, False), (verdict, True)]


def reflect(rng: Random) -> list[Piece]:
    """What a failed attempt teaches."""
    kind = rng.choice(("count", "missing", "date", "fields", "none"))
    good = sites.add_step(words.product(rng), rng)
    number = rng.randint(1, 3)
    done = [Step("add", good.text).line(), "open cart"]
    failed, stage, lesson = f"{number} : {good.text} : the page shows {rng.randint(1, 9)}", "cart", "quantity"
    if kind == "missing":
        failed, lesson = f"{number} : {good.text} : not on the page", "missing"
    elif kind == "date":
        stage, lesson = "details", "order"
        when = words.day(rng)[0]
        done = [f"fill date : {when}", f"choose {' '.join(words.option(rng))}", "review"]
        failed = rng.choice((f"refused : {rng.choice(('please choose', 'missing', 'we need'))} {rng.choice(labels.DATES)}", f"{number} : date : {when} : not on the page"))
    elif kind == "fields":
        stage, lesson = "details", "again"
        name = " ".join(words.person(rng))
        done = [f"fill name : {name}", "review"]
        failed = f"{number} : name : {name} : not on the page"
    elif kind == "none":
        stage, lesson = rng.choice((("place", "none"), ("ticket", "none")))
        done, failed = [stage], rng.choice(("nothing happens", "not found", "out of stock", "the page did not answer"))
    return [(roles.ask_reflect(stage, [failed], done).text, False), (lesson, True)]


VERBS = "count find get look read check fetch list measure convert translate weigh price book lock paint sort ping track".split()


def use_task(rng: Random) -> tuple[str, list[roles.ToolCard], str, dict[str, str], str]:
    """A task in words, the tools at hand, the right one, its arguments, and what it will return."""
    cards: list[roles.ToolCard] = []
    for _ in range(rng.randint(1, 4)):
        verb, thing = words.either(rng, VERBS, 0.5), words.either(rng, words.THINGS, 0.6)
        arguments = tuple(dict.fromkeys(words.either(rng, ["item", "city", "name", "text", "day", "amount", "unit", "path"], 0.4) for _ in range(rng.choice((0, 1, 1, 1, 2)))))
        cards.append(roles.ToolCard(rng.choice((thing, f"{verb}_{thing}", f"{thing}_{verb}")), f"{verb} {rng.choice(('the', 'a', 'of', 'for the'))} {thing}", arguments))
    right = rng.choice(cards)
    values = {name: " ".join(words.product(rng)) if rng.random() < 0.7 else str(rng.randint(1, 500)) for name in right.arguments}
    about = right.about
    task = rng.choice(("{a}", "please {a}", "can you {a}", "{a} now", "what is {a}", "i want to {a}", "how many : {a}", "tell me {a}")).format(a=about)
    for value in values.values():
        task += f" {rng.choice(('for', 'of', 'with', ':', 'in', 'called'))} {value}"
    result = str(rng.randint(0, 999)) if rng.random() < 0.6 else " ".join(words.product(rng))
    return task, cards, right.name, values, result


def use(rng: Random) -> list[Piece]:
    """Choosing a tool and its arguments, then answering with its result."""
    task, cards, name, values, result = use_task(rng)
    call = "\n".join([f"call {name}", *(f"{key} {fold(value)}" for key, value in values.items()), "end"])
    first = roles.ask_use(cards, [], task).text
    then = roles.ask_use(cards, [Done(f"{name} {' '.join(values.values())}", result)], task).text
    if rng.random() < 0.5:
        return [(first, False), (call, True)]
    return [(then, False), (f"answer {fold(result)}", True)]

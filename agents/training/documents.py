"""Documents that the embedded model is trained on: prompts and right answers of every role, mixed.

A document is a list of (text, is_answer) pieces; several questions about one page stand behind one another.
The loss is taken on answers alone. `document(seed, index)` is a pure function, so training can resume at any
index and anyone can look at what was trained on. Held-out data is drawn with seeds from `HELD_OUT` up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random

from ...tools.browser.actions import parse_action
from ...tools.browser.view import View
from .. import roles
from ..checking.checks import Page
from ..steps import Done, Step
from ..wording import fold
from . import (
    arithmetic_documents,
    cart_pages,
    checkout_pages,
    goals,
    household_documents,
    labels,
    note_documents,
    number_documents,
    pages,
    sites,
    tool_documents,
    verify_documents,
    web_documents,
    words,
)
from .pieces import join, spread
from .words import pick

HELD_OUT = 1_000_000_000
"""Seeds from here on are never trained on."""

Piece = tuple[str, float]
"""(text, weight in the loss); 0 is a prompt, 1 an answer, more where an answer has few tokens that teach."""

SHARES = {
    "act": 190,
    "plan": 105,
    "steps": 32,
    "judge": 10,
    "reflect": 4,
    "use": 84,
    "value": 200,
    "propose": 110,
    "chain": 36,
    "word_problem": 82,
    "mended": 42,
    "check_work": 44,
    "household_act": 50,
    "household_reflect": 34,
    "household_judge": 40,
    "verify": 70,
    "recall": 78,
    "browse": 1000,
}
"""Of the roles among the documents that are no echo and no drill. Those of number games are very short."""

ROLES = tuple(SHARES)

JOBS = tuple(role for role in ROLES if role != "browse")
"""The roles of one set of weights; `browse` has weights of its own, which forget these."""

CURRICULUM = ((0.6, 0.3), (0.15, 0.35), (0.04, 0.12), (0.0, 0.03))
"""Shares of echoes and drills in each stage; the rest are documents of the roles."""


def document(
    seed: int, index: int, stage: int = 3, recorded: str | None = None, only: Sequence[str] = JOBS
) -> list[Piece]:
    """The document with this number.

    Args:
        seed: Of the whole stream.
        index: Number of the document in the stream.
        stage: Of the curriculum, 0 to 3; pages are small below 2.
        recorded: Folder with recorded decisions on pages; see `web_documents.browse`.
        only: Roles that documents are of.
    """
    rng = Random(seed * 1_000_003 + index)
    echoes, drills = CURRICULUM[stage]
    roll = rng.random()
    if roll < echoes:
        return echo(rng)
    if roll < echoes + drills:
        return drill(rng)
    role = rng.choices(only, [SHARES[role] for role in only])[0]
    return role_document(role, rng, stage, recorded)


def role_document(role: str, rng: Random, stage: int = 3, recorded: str | None = None) -> list[Piece]:
    """A document of one role."""
    if role == "browse":
        return web_documents.browse(rng, recorded)
    return act(rng, stage) if role == "act" else GENERATORS[role](rng)


def echo(rng: Random) -> list[Piece]:
    """Say it again: a run of words, or the value that stands behind a name. Copying, and nothing else."""
    if rng.random() < 0.5:
        text = nonsense(rng, rng.randint(4, 24))
        return [(f"echo : {text}", False), (text, True)]
    values = {words.fresh(rng): nonsense(rng, rng.choice((1, 2, 3))) for _ in range(rng.randint(2, 8))}
    pieces: list[Piece] = []
    for name in rng.sample(list(values), rng.randint(2, len(values))):
        rows = "" if pieces else "\n".join(f"{key} : {value}" for key, value in values.items()) + "\n"
        pieces += [(f"{rows}echo : {name}", False), (f"{name} : {values[name]}", True)]
    return pieces


def nonsense(rng: Random, count: int) -> str:
    """So many fresh words."""
    return " ".join(words.fresh(rng) for _ in range(count))


def drill(rng: Random) -> list[Piece]:
    """Copying and matching in their simplest form: which thing has this name, which field takes this text.

    Many questions about a short page, names of one or two words that never were, spelled the same in both
    places.
    """
    drawn = [nonsense(rng, rng.choice((1, 1, 2))) for _ in range(rng.randint(2, 9))]
    names = list(dict.fromkeys(drawn))
    sheet = sites.Sheet("/", "goods")
    for name in names:
        role = "textbox" if rng.random() < 0.3 else rng.choice(("link", "button"))
        sheet.add(sites.Item(name, role, name))
    view = sheet.view()
    pieces: list[Piece] = []
    for name in rng.choices(names, k=rng.randint(5, 10)):
        number = sheet.number(name)
        if sheet.item(name).role == "textbox":
            text = nonsense(rng, rng.choice((1, 2, 2, 3)))
            step, answer = sites.fill_step(name, text), f"type {number} {text}"
        else:
            step, answer = Step("add", f"{rng.randint(1, 9)} x {name}", (name,)), f"click {number}"
        pieces += query(view, [], step, answer, first=not pieces)
    return pieces


def query(view: View, history: list[Done], step: Step, answer: str, first: bool) -> list[Piece]:
    """A question about a page: the whole page for the first one, only what follows it for the rest."""
    text = roles.act_query(history, roles.told_here(view, step))
    if first:
        text = f"{roles.page_text(view, step)}\n{text}"
    return [(text, False), (roles.write_act(parse_action(answer, view), view, step), True)]


def act(rng: Random, stage: int) -> list[Piece]:
    """Decisions on one page: those of its cases whose steps are shown the same of it."""
    sheet = pages.draw(rng)
    while stage < 2 and len(sheet.lines) > (16 if stage == 0 else 24):
        sheet = pages.draw(rng)
    view = sheet.view()
    chosen = roles.page_text(view, rng.choice(sheet.cases).step)
    pieces: list[Piece] = []
    for case in sheet.cases:
        if roles.page_text(view, case.step) != chosen:
            continue
        pieces += query(view, case.history, case.step, case.answer, first=not pieces)
    return pieces


def plan(rng: Random) -> list[Piece]:
    """A goal and its tasks."""
    if rng.random() < 0.12:
        cards = tool_documents.draw_cards(rng, tool_documents.OPEN)
        text = join(spread(tool_documents.draw_job(rng, cards, tool_documents.OPEN).text))
        question = roles.ask_plan(text, ("use",))
        return [(question.text, False), (f"task use\ntext {fold(text)}\nend", True)]
    goal = goals.draw(rng)
    kinds = ("order", "ticket")
    return [(roles.ask_plan(goal.text, kinds).text, False), (roles.write_plan(goal.tasks), True)]


def steps(rng: Random) -> list[Piece]:
    """Stages, first attempts and redos."""
    kind = rng.choice(("cart", "cart", "cart", "details", "details", "ticket", "place"))
    if kind == "place":
        return answer_steps(roles.Stage("place", (), (Step("place"),)), [], [], ["place"])
    if kind == "ticket":
        return ticket_steps(rng)
    return details_steps(rng) if kind == "details" else cart_steps(rng)


def do(numbers: Iterable[int], verb: str = "do") -> list[str]:
    """Parts of a stage by number, as an answer names them."""
    return [f"{verb} {number}" for number in numbers]


def cart_steps(rng: Random) -> list[Piece]:
    """The cart stage: add everything; a lesson sets counts afterwards; a redo mends what failed."""
    parts = [sites.add_step(words.product(rng), rng) for _ in range(rng.choice((1, 1, 2, 2, 3, 4)))]
    stage = roles.Stage("cart", tuple(parts), (Step("open cart"),))
    numbers = list(range(1, len(parts) + 1))
    adds = do(numbers)
    roll = rng.random()
    if roll < 0.4:
        return answer_steps(stage, [], [], [*adds, "open cart"])
    if roll < 0.55:
        lesson = rng.choice(("quantity", "missing"))
        again = do(numbers, "set" if lesson == "quantity" else "do")
        return answer_steps(stage, [roles.LESSONS[lesson]], [], [*adds, "open cart", *again])
    return cart_redo(rng, stage)


def cart_redo(rng: Random, stage: roles.Stage) -> list[Piece]:
    """A cart that failed: what is missing is added first, then counts are set and strangers removed."""
    many = len(stage.parts)
    failed: list[str] = []
    adds: list[str] = []
    sets: list[str] = []
    for number in sorted(rng.sample(range(1, many + 1), rng.randint(1, min(2, many)))):
        text = stage.parts[number - 1].text
        if rng.choice(("count", "count", "missing")) == "count":
            failed.append(f"{number} : {text} : the page shows {rng.randint(1, 9)}")
            sets += do([number], "set")
        else:
            failed.append(f"{number} : {text} : not on the page")
            adds += do([number])
    if rng.random() < 0.25:
        extra = " ".join(words.product(rng))
        failed.append(f"not asked for : {extra}")
        sets.append(f"remove {extra}")
    return answer_steps(stage, [], failed, [*adds, "open cart", *sets])


def details_steps(rng: Random) -> list[Piece]:
    """The details stage: fields in order; a lesson may put the date last; a redo fills what failed."""
    name, when = " ".join(words.person(rng)), words.day(rng)[0]
    parts = [sites.fill_step("name", name)]
    parts += [Step("choose", " ".join(words.option(rng))) for _ in range(rng.choice((0, 1, 1, 2)))]
    if rng.random() < 0.8:
        parts.append(sites.fill_step("date", when))
    rng.shuffle(parts)
    stage = roles.Stage("details", tuple(parts), (Step("review"),))
    numbers = list(range(1, len(parts) + 1))
    dates = [number for number in numbers if parts[number - 1].text.startswith("date")]
    date_last = [*do(number for number in numbers if number not in dates), *do(dates), "review"]
    roll = rng.random()
    if roll < 0.4:
        return answer_steps(stage, [], [], [*do(numbers), "review"])
    if roll < 0.6:
        return answer_steps(stage, [roles.LESSONS["order"]], [], date_last)
    if roll < 0.75:
        complaint = pick(rng, "please fill in | missing | choose | we need | please check")
        refused = f"refused : {complaint} {rng.choice(labels.DATES + labels.NAMES)}"
        return answer_steps(stage, [], [refused], date_last)
    wrong = sorted(rng.sample(numbers, rng.randint(1, min(2, len(numbers)))))
    failed = [f"{number} : {parts[number - 1].text} : not on the page" for number in wrong]
    return answer_steps(stage, [], failed, [*do(wrong), "review"])


def ticket_steps(rng: Random) -> list[Piece]:
    """The ticket stage."""
    who = " ".join(words.person(rng))
    text = words.reference(rng) if rng.random() < 0.5 else " ".join(words.sentence(rng))
    parts = [sites.open_step(who)]
    if rng.random() < 0.85:
        parts.append(Step("reply", text, (text,)))
    stage = roles.Stage("ticket", tuple(parts), (Step(rng.choice(("close", "close", "send"))),))
    failed: list[str] = []
    if rng.random() < 0.3:
        unseen = f"{len(parts)} : {parts[-1].text} : not on the page"
        failed.append(rng.choice((unseen, "the ticket is closed : no", "refused")))
    return answer_steps(stage, [], failed, [*do(range(1, len(parts) + 1)), stage.last[0].verb])


def answer_steps(stage: roles.Stage, notes: list[str], failed: list[str], answer: list[str]) -> list[Piece]:
    """A document of one question about a stage.

    Args:
        stage: To put in order.
        notes: Lessons of attempts before.
        failed: Findings of the attempt before, none for a first one.
        answer: Its rows without the end.
    """
    return [(roles.ask_steps(stage, notes, failed).text, False), ("\n".join([*answer, "end"]), True)]


def judge(rng: Random) -> list[Piece]:
    """Whether a page shows what a criterion says: ticket closed, reply shown, order placed."""
    site = sites.Site.draw(rng)
    return judge_order(rng) if rng.random() < 0.3 else judge_ticket(site)


def answer_judge(sheet: sites.Sheet, criterion: str, verdict: str) -> list[Piece]:
    """A document of one question about a page and a criterion."""
    page = Page.of(sheet.view()).text()
    return [(roles.ask_judge(page, criterion).text, False), (verdict, True)]


def judge_order(rng: Random) -> list[Piece]:
    """Whether a page of a checkout shows an order that was placed."""
    draw = rng.choice((checkout_pages.placed, checkout_pages.review, cart_pages.cart, checkout_pages.form))
    sheet = draw(rng)
    done = sheet.title == "your order" or any("done " in case.answer for case in sheet.cases)
    return answer_judge(sheet, "the order was placed", "pass" if done else "fail")


def judge_ticket(site: sites.Site) -> list[Piece]:
    """Whether a page shows that a ticket is closed; it cannot be said of one that shows no status."""
    rng = site.rng
    who = " ".join(site.people[0])
    closed = rng.random() < 0.5
    status = rng.choice(labels.CLOSED if closed else labels.OPEN)
    sheet = sites.Sheet(f"/tickets/{rng.randint(1, 99)}", " ".join(words.sentence(rng)))
    sites.chrome(site, sheet, None)
    head: list[sites.Line] = [[" ".join(words.sentence(rng))], [pick(rng, "customer | from | name"), who]]
    known = rng.random() < 0.9
    if known:
        label = pick(rng, "status | state | ticket")
        shown: tuple[sites.Line, ...] = ([label, status], [f"status: {status}"], [f"this ticket is {status}"])
        head.append(rng.choice(shown))
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
    return answer_judge(sheet, criterion, verdict)


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
        complaint = pick(rng, "please choose | missing | we need")
        refused = f"refused : {complaint} {rng.choice(labels.DATES)}"
        failed = rng.choice((refused, f"{number} : date : {when} : not on the page"))
    elif kind == "fields":
        stage, lesson = "details", "again"
        name = " ".join(words.person(rng))
        done = [f"fill name : {name}", "review"]
        failed = f"{number} : name : {name} : not on the page"
    elif kind == "none":
        stage, lesson = rng.choice((("place", "none"), ("ticket", "none")))
        done = [stage]
        failed = pick(rng, "nothing happens | not found | out of stock | the page did not answer")
    return [(roles.ask_reflect(stage, [failed], done).text, False), (lesson, True)]


GENERATORS: dict[str, Callable[[Random], list[Piece]]] = {
    "plan": plan,
    "steps": steps,
    "judge": judge,
    "reflect": reflect,
    "use": tool_documents.use,
    "value": number_documents.value,
    "propose": number_documents.propose,
    "chain": number_documents.chain,
    "word_problem": arithmetic_documents.word_problem,
    "mended": arithmetic_documents.mended,
    "check_work": arithmetic_documents.check_work,
    "household_act": household_documents.household_act,
    "household_reflect": household_documents.household_reflect,
    "household_judge": household_documents.household_judge,
    "verify": verify_documents.verify,
    "recall": note_documents.recall,
}
"""What draws a document of each role but `act`, whose pages depend on the stage, and `browse`."""

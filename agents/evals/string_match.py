"""The baseline that a learned policy has to beat: plain string matching behind the face of a model.

It answers the same questions as a model: plans with a few patterns, clicks what shares most words with the
step, types into the field whose label says so. It knows common English labels and nothing else.

Does not cover: learning from failures, and judging; to every other question it says `pass`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from ..testing import ScriptedModel

NUMBER = r"(?:\d+|a|an|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
DAY = re.compile(
    rf"(?:\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{MONTH}(?: \d{{4}})?"
    rf"|{MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?: \d{{4}})?)"
)
ITEM = re.compile(rf"\b({NUMBER}) ((?!of\b)[a-z]+ [a-z]+)\b")
NAME = re.compile(r"\b(?:for|to|of|name of) ([a-z]+ [a-z]+)\b")
OPTION = re.compile(
    r"\b(express|standard|economy|overnight|priority|invoice|card|cash|bank transfer"
    r"|gift wrapped|gift wrapping|gift wrap|wrapped as a gift)\b"
)
ADD = {"add", "basket", "bag", "trolley", "cart", "buy", "pop", "into"}
GO = {"search", "find", "look"}
CART = {"basket", "bag", "trolley", "cart"}
ONWARD = {"next", "more", "further", "onwards"}
LABELS = {"name": {"name", "recipient"}, "date": {"date", "day"}}
NOT_FOUND = "cannot not found"


def string_match_model() -> ScriptedModel:
    """The baseline as a model."""
    return ScriptedModel(answer, scores={"pass": 0.0})


def answer(question: str) -> str:
    """An answer to any role's question."""
    if question.endswith("plan:"):
        return plan(question.split("goal: ", 1)[1].removesuffix("\nplan:"))
    if question.endswith("steps:"):
        return steps(question.splitlines()[:-1])
    if question.endswith("lesson:"):
        return "none"
    if question.endswith("do:"):
        return act(question)
    return "pass"


def plan(goal: str) -> str:
    """An order, a ticket, or both, by patterns."""
    head, _, tail = goal.partition(" ticket")
    rows: list[str] = []
    found = ITEM.findall(head)
    name = NAME.search(head)
    if found and name:
        rows.append("task order")
        for count, item in found:
            rows += [f"count {count}", f"item {item}"]
        rows.append(f"name {name.group(1)}")
        rows += [f"option {option}" for option in OPTION.findall(head)[:2]]
        rows += [f"date {day}" for day in DAY.findall(head)[:1]]
    owner = re.search(r"([a-z]+ [a-z]+) 's$", head)
    if "ticket" in goal and (owner or name):
        who = owner.group(1) if owner else name.group(1) if name else ""
        said = re.search(r'" (.+?) "', goal)
        rows += ["task ticket", f"name {who}"]
        if said:
            rows.append(f"text {said.group(1)}")
        elif rows[0] == "task order":
            rows.append("number 1")
        if "close" in tail or "close" in head:
            rows.append("close")
    return "\n".join([*rows, "end"]) if rows else "cannot"


def steps(rows: list[str]) -> str:
    """Every part in order, then the last step."""
    parts = [row for row in rows if re.match(r"\d+ : ", row)]
    failed = [row for row in rows if row.startswith("failed")]
    last = [row.removeprefix("last : ") for row in rows if row.startswith("last : ")]
    todo = [f"do {index}" for index in range(1, len(parts) + 1)]
    if rows[0] == "stage cart" and failed:
        wrong = re.findall(r"failed : (\d+) :.*shows", "\n".join(failed))
        missing = re.findall(r"failed : (\d+) :.*not on the page", "\n".join(failed))
        todo = [f"do {number}" for number in missing]
        last += [f"set {number}" for number in wrong]
    return "\n".join([*todo, *last, "end"])


THING = re.compile(
    r"^(link|button|other|textbox|searchbox|number|date|select|checkbox|radio)\b"
    r" ?([^:(]*)(?:: ?([^(]*))?(?:\((.*)\))?$"
)


class Thing:
    """Something on the page: role, name, value, options, the words of its row, and how to call it."""

    def __init__(self, role: str, name: str, value: str, options: str, row: str) -> None:
        self.role, self.name, self.value, self.row = role, name.strip(), value.strip(), row
        self.options = [option.strip() for option in options.split(" | ")] if options else []
        self.call = self.name

    def shares(self, wanted: Collection[str]) -> int:
        """How many words of `wanted` are in the name."""
        return len(set(self.name.split()) & set(wanted))

    def holds(self, item: str) -> bool:
        """Whether the row has every word of `item`, plural or not."""
        return set(stems(item)) <= set(stems(self.row))


def things(lines: Sequence[str]) -> list[Thing]:
    """Everything on the page that can be acted on."""
    found: list[Thing] = []
    for line in lines:
        cells = re.split(r" \| (?![^(]*\))", line.removeprefix("- "))
        for cell in cells:
            match = THING.match(cell)
            if match:
                found.append(Thing(match[1], match[2], match[3] or "", match[4] or "", line))
    for thing in found:
        if sum(other.name == thing.name for other in found) > 1:
            title = re.sub(r"^(?:link|button) ", "", thing.row.removeprefix("- ").split(" | ")[0])
            thing.call = f"{title} / {thing.name}" if title != thing.name else thing.name
    return found


@dataclass(frozen=True)
class Turn:
    """A question for the next action: the page, the step, what was done.

    Attributes:
        head: First line of the page: its address and title.
        lines: The rest of the page.
        found: What can be acted on.
        verb: First word of the step.
        rest: The step without it.
        did: Actions with their results, in order.
    """

    head: str
    lines: tuple[str, ...]
    found: tuple[Thing, ...]
    verb: str
    rest: str
    did: tuple[str, ...]

    @classmethod
    def of(cls, question: str) -> Turn:
        """What a question's text says."""
        head, *lines = question.splitlines()
        step = next(line for line in lines if line.startswith("step : ")).removeprefix("step : ")
        did = tuple(line.removeprefix("did : ") for line in lines if line.startswith("did : "))
        page = tuple(line for line in lines if not line.startswith(("did : ", "step : ", "do:")))
        verb, _, rest = step.partition(" ")
        return cls(head, page, tuple(things(page)), verb, rest, did)

    @property
    def last(self) -> str:
        """The last action with its result, or empty."""
        return self.did[-1] if self.did else ""

    def first(self, roles: str, test: Callable[[Thing], object]) -> Thing | None:
        """The first thing of these roles that passes."""
        return next((thing for thing in self.found if thing.role in roles.split() and test(thing)), None)

    def best(self, roles: str, wanted: Collection[str]) -> str:
        """A click on the thing of these roles that shares most words with `wanted`; empty when none does."""
        among = [thing for thing in self.found if thing.role in roles.split()]
        thing = max(among, key=lambda thing: thing.shares(wanted), default=None)
        return f"click {thing.call}" if thing and thing.shares(wanted) else ""


def act(question: str) -> str:
    """The next action by the words that labels share with the step."""
    turn = Turn.of(question)
    if turn.lines and turn.lines[0].startswith("dialog "):
        return "dialog accept"
    if turn.verb == "open":
        return open_cart(turn) if turn.rest == "cart" else open_ticket(turn)
    return ACTS.get(turn.verb, close)(turn)


def add(turn: Turn) -> str:
    """Find the thing, open it, set the count, add it."""
    count, _, item = turn.rest.partition(" x ")
    last = turn.last
    if last.startswith("click") and "ok" in last and ADD & set(last.split(" -> ")[0].split()):
        return "done"
    field = next((t for t in turn.found if t.role == "number" or t.shares({"many", "quantity"})), None)
    if field and set(stems(item)) <= set(stems(turn.head)):
        if field.value != count:
            return f"type {field.call} = {count}"
        return turn.best("button", ADD) or NOT_FOUND
    link = turn.first("link button", lambda thing: thing.holds(item))
    if link:
        return f"click {link.call}"
    box = turn.first("searchbox textbox", lambda thing: thing.role == "searchbox" or thing.shares(GO))
    if box and last.startswith("type"):
        return "press enter"
    if box and not any(line.startswith("type") for line in turn.did):
        return f"type {box.call} = {item}"
    return turn.best("link", ONWARD) or NOT_FOUND


def open_cart(turn: Turn) -> str:
    """A cart is a page where things can be removed."""
    removing = ("remove", "take it out", "leave this")
    opened = any(words in thing.name for thing in turn.found for words in removing)
    return "done" if opened and turn.did else turn.best("link", CART) or NOT_FOUND


def set_count(turn: Turn) -> str:
    """The count in the thing's row, then the button that saves it."""
    count, _, item = turn.rest.partition(" x ")
    field = turn.first("number textbox select", lambda thing: thing.holds(item))
    if field is None:
        return NOT_FOUND
    if field.value != count:
        return f"type {field.call} = {count}"
    if len(turn.did) > 1:
        return "done"
    return turn.best("button", {"update", "save", "quantity", "sum"}) or "done"


def fill(turn: Turn) -> str:
    """The field whose label names the key; else on to the form."""
    key, _, value = turn.rest.partition(" : ")
    if turn.last.startswith("type"):
        return "done"
    field = turn.first("textbox date", lambda thing: thing.role == key or thing.shares(LABELS[key]))
    if field:
        return f"type {field.call} = {value}"
    return turn.best("link button", {"checkout", "delivery", "check"}) or NOT_FOUND


def choose(turn: Turn) -> str:
    """The option of a select, radio or checkbox that shares words with what was said."""
    if "select" in turn.last or "click" in turn.last:
        return "done"
    for thing in turn.found:
        option = next((option for option in thing.options if turn.rest in option), "")
        if option:
            return f"select {thing.call} = {option}"
        if thing.role in ("radio", "checkbox") and set(stems(turn.rest)) & set(stems(thing.name)):
            return f"click {thing.call}"
    return NOT_FOUND


def review(turn: Turn) -> str:
    """Accept the terms, then the button that shows the order."""
    terms = turn.first("checkbox", lambda thing: "terms" in thing.name and thing.value == "off")
    if terms:
        return f"click {terms.call}"
    if turn.did and turn.best("button", {"place", "send"}):
        return "done"
    return turn.best("button", {"review", "look", "last", "show", "order"}) or "done"


def place(turn: Turn) -> str:
    """The button that orders; done with the order's number once the page shows it."""
    shown = re.search(r"order.{0,20}number \W*(?:is )?([a-z]*-?\w*\d[\w-]*)", "\n".join(turn.lines))
    if shown:
        return f"done {shown.group(1)}"
    return turn.best("button", {"place", "order", "send"}) or NOT_FOUND


def reply_box(turn: Turn) -> Thing | None:
    """Where a reply to a ticket is typed."""
    return turn.first("textbox", lambda thing: thing.shares({"reply", "answer"}))


def open_ticket(turn: Turn) -> str:
    """The link in the row that has the person's name; else the next page, else the help desk."""
    who = turn.rest.removeprefix("ticket of ")
    if reply_box(turn) and turn.did:
        return "done"
    row = turn.first("link", lambda thing: who in thing.row and thing.row != thing.name)
    if row:
        return f"click {row.call}"
    onward = turn.best("link", ONWARD) if turn.did else ""
    return onward or turn.best("link", {"desk"}) or NOT_FOUND


def reply(turn: Turn) -> str:
    """Type it; the first action is taken for it."""
    box = reply_box(turn)
    if turn.did:
        return "done"
    return f"type {box.call} = {turn.rest}" if box else NOT_FOUND


def close(turn: Turn) -> str:
    """The button that closes or sends; the first action is taken for it."""
    return "done" if turn.did else turn.best("button", {"close", "send"}) or NOT_FOUND


ACTS: dict[str, Callable[[Turn], str]] = {
    "add": add,
    "set": set_count,
    "fill": fill,
    "choose": choose,
    "review": review,
    "place": place,
    "reply": reply,
}
"""By verb of the step; `open` has two, all others close."""


def stems(text: str) -> list[str]:
    """The words of lower-case letters, singular as far as an s goes."""
    return [word.rstrip("s") for word in re.findall(r"[a-z]+", text)]

"""The baseline that a learned policy has to beat: plain string matching behind the face of a model.

It answers the same questions as a model: plans with a few patterns, clicks what shares most words with the
step, types into the field whose label says so. It knows common English labels and nothing else.
"""

from __future__ import annotations

import re

from ..testing import ScriptedModel

NUMBER = r"(?:\d+|a|an|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
DAY = re.compile(rf"(?:\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{MONTH}(?: \d{{4}})?|{MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?: \d{{4}})?)")
ITEM = re.compile(rf"\b({NUMBER}) ((?!of\b)[a-z]+ [a-z]+)\b")
NAME = re.compile(r"\b(?:for|to|of|name of) ([a-z]+ [a-z]+)\b")
OPTION = re.compile(r"\b(express|standard|economy|overnight|priority|invoice|card|cash|bank transfer|gift wrapped|gift wrapping|gift wrap|wrapped as a gift)\b")
ADD = {"add", "basket", "bag", "trolley", "cart", "buy", "pop", "into"}
GO = {"search", "find", "look"}
LABELS = {"name": {"name", "recipient"}, "date": {"date", "day"}}


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
        return "\n".join([*(f"do {number}" for number in missing), *last, *(f"set {number}" for number in wrong), "end"])
    return "\n".join([*todo, *last, "end"])


THING = re.compile(r"^(link|button|other|textbox|number|date|select|checkbox|radio)\b ?([^:(]*)(?:: ?([^(]*))?(?:\((.*)\))?$")


class Thing:
    """Something on the page: role, name, value, options, the words of its row, and how to call it."""

    def __init__(self, role: str, name: str, value: str, options: str, row: str) -> None:
        self.role, self.name, self.value, self.row = role, name.strip(), value.strip(), row
        self.options = [option.strip() for option in options.split(" | ")] if options else []
        self.call = self.name


def things(lines: list[str]) -> list[Thing]:
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


def act(question: str) -> str:
    """The next action by the words that labels share with the step."""
    lines = question.splitlines()
    step = next(line for line in lines if line.startswith("step : ")).removeprefix("step : ")
    did = [line.removeprefix("did : ") for line in lines if line.startswith("did : ")]
    if lines[1].startswith("dialog "):
        return "dialog accept"
    page = [line for line in lines[1:] if not line.startswith(("did : ", "step : ", "do:"))]
    found = things(page)
    verb, _, rest = step.partition(" ")
    if verb == "add":
        return add(found, rest, did, lines[0])
    if step == "open cart":
        opened = any("remove" in thing.name or "take it out" in thing.name or "leave this" in thing.name for thing in found)
        return "done" if opened and did else best(found, CART, ("link",)) or "cannot not found"
    if verb == "set":
        count, _, item = rest.partition(" x ")
        field = next((t for t in found if t.role in ("number", "textbox", "select") and set(stems(item)) <= set(stems(t.row))), None)
        if field is None:
            return "cannot not found"
        if field.value != count:
            return f"type {field.call} = {count}"
        return "done" if len(did) > 1 else best(found, {"update", "save", "quantity", "sum"}, ("button",)) or "done"
    return form(found, step, verb, rest, did, page)


CART = {"basket", "bag", "trolley", "cart"}


def add(found: list[Thing], rest: str, did: list[str], head: str) -> str:
    """Find the thing, open it, set the count, add it."""
    count, _, item = rest.partition(" x ")
    if did and did[-1].startswith("click") and "ok" in did[-1] and ADD & set(did[-1].split(" -> ")[0].split()):
        return "done"
    field = next((t for t in found if t.role == "number" or {"many", "quantity"} & set(t.name.split())), None)
    if field and set(stems(item)) <= set(stems(head)):
        return f"type {field.call} = {count}" if field.value != count else best(found, ADD, ("button",)) or "cannot not found"
    link = next((t for t in found if t.role in ("link", "button") and set(stems(item)) <= set(stems(t.row))), None)
    if link:
        return f"click {link.call}"
    box = next((t for t in found if t.role == "textbox" and GO & set(t.name.split())), None)
    if box and did and did[-1].startswith("type"):
        return "press enter"
    if box and not any(line.startswith("type") for line in did):
        return f"type {box.call} = {item}"
    return best(found, {"next", "more", "further", "onwards"}, ("link",)) or "cannot not found"


def form(found: list[Thing], step: str, verb: str, rest: str, did: list[str], page: list[str]) -> str:
    """Fields, options, buttons, tickets."""
    if verb == "fill":
        key, _, value = rest.partition(" : ")
        if did and did[-1].startswith("type"):
            return "done"
        hit = next((t for t in found if t.role in ("textbox", "date") and (t.role == key or LABELS[key] & set(t.name.split()))), None)
        return f"type {hit.call} = {value}" if hit else best(found, {"checkout", "delivery", "check"}, ("link", "button")) or "cannot not found"
    if verb == "choose":
        return choose(found, rest, did)
    if verb == "review":
        terms = next((t for t in found if t.role == "checkbox" and "terms" in t.name and t.value == "off"), None)
        if terms:
            return f"click {terms.call}"
        if did and best(found, {"place", "send"}, ("button",)):
            return "done"
        return best(found, {"review", "look", "last", "show", "order"}, ("button",)) or "done"
    if verb == "place":
        shown = re.search(r"order.{0,20}number \W*(?:is )?([a-z]*-?\w*\d[\w-]*)", "\n".join(page))
        return f"done {shown.group(1)}" if shown else best(found, {"place", "order", "send"}, ("button",)) or "cannot not found"
    return ticket(found, step, verb, rest, did)


def choose(found: list[Thing], rest: str, did: list[str]) -> str:
    """The option of a select, radio or checkbox that shares words with what was said."""
    if did and ("select" in did[-1] or "click" in did[-1]):
        return "done"
    for thing in found:
        option = next((option for option in thing.options if rest in option), "")
        if option:
            return f"select {thing.call} = {option}"
        if thing.role in ("radio", "checkbox") and set(stems(rest)) & set(stems(thing.name)):
            return f"click {thing.call}"
    return "cannot not found"


def ticket(found: list[Thing], step: str, verb: str, rest: str, did: list[str]) -> str:
    """Find the ticket, type the reply, close it."""
    boxes = [t for t in found if t.role == "textbox" and {"reply", "answer"} & set(t.name.split())]
    if step.startswith("open ticket"):
        who = rest.removeprefix("ticket of ")
        row = next((t for t in found if t.role == "link" and who in t.row and t.row != t.name), None)
        if boxes and did:
            return "done"
        if row:
            return f"click {row.call}"
        return (best(found, {"next", "more", "further", "onwards"}, ("link",)) if did else "") or best(found, {"desk"}, ("link",)) or "cannot not found"
    if verb == "reply":
        return "done" if did else f"type {boxes[0].call} = {rest}" if boxes else "cannot not found"
    return "done" if did else best(found, {"close", "send"}, ("button",)) or "cannot not found"


def stems(text: str) -> list[str]:
    return [word.rstrip("s") for word in re.findall(r"[a-z]+", text)]


def best(found: list[Thing], wanted: set[str], roles: tuple[str, ...]) -> str:
    """A click on the thing of these roles that shares most words with `wanted`; empty when none does."""
    scored = [(len(wanted & set(thing.name.split())), -index) for index, thing in enumerate(found) if thing.role in roles]
    top = max(scored, default=(0, 0))
    return f"click {found[-top[1]].call}" if top[0] else ""

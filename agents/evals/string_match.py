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


def act(question: str) -> str:
    """The next action by the words that labels share with the step."""
    lines = question.splitlines()
    step = next(line for line in lines if line.startswith("step : ")).removeprefix("step : ")
    did = [line.removeprefix("did : ") for line in lines if line.startswith("did : ")]
    if any(line.startswith("dialog ") for line in lines[1:]):
        return "dialog accept"
    elements = [(int(n), role, label) for line in lines for n, role, label in re.findall(r"\[(\d+)\] (\w+) ?((?:\([^)]*\)|[^\[|(])*)", line)]
    verb, _, rest = step.partition(" ")
    if verb == "add":
        return add(elements, rest, did, lines)
    if step == "open cart":
        opened = any("quantity" in label or "remove" in label for _, _, label in elements)
        return "done" if opened and did else best(elements, {"basket", "bag", "trolley", "cart"}, ("link",)) or "cannot not found"
    if verb == "set":
        count, _, item = rest.partition(" x ")
        row = next((line for line in lines if set(stems(item)) <= set(stems(line)) and "[" in line), "")
        number = re.search(r"\[(\d+)\] (?:number|textbox|select)[^:|]*: ?(\d+)", row)
        if not number:
            return "cannot not found"
        if number.group(2) != count:
            return f"type {number.group(1)} {count}"
        return "done" if len(did) > 1 else best(elements, {"update", "save", "quantity", "sum"}, ("button",)) or "done"
    return form(elements, step, verb, rest, did, question)


def add(elements: list[tuple[int, str, str]], rest: str, did: list[str], lines: list[str]) -> str:
    """Find the thing, open it, set the count, add it."""
    count, _, item = rest.partition(" x ")
    if did and did[-1].startswith("click") and "ok" in did[-1] and ADD & set(did[-1].split(" -> ")[0].split()):
        return "done"
    field = next((element for element in elements if element[1] in ("number", "textbox") and "update" not in str(elements) and {"many", "quantity"} & set(element[2].split())), None)
    opened = set(stems(item)) <= set(stems(lines[0]))
    if field and opened:
        if field[2].strip().endswith(f": {count}"):
            return best(elements, ADD, ("button",)) or "cannot not found"
        return f"type {field[0]} {count}"
    for line in lines[1:]:
        link = re.search(r"\[(\d+)\] (?:link|button)", line)
        if link and set(stems(item)) <= set(stems(line)):
            return f"click {link.group(1)}"
    box = next((element for element in elements if element[1] == "textbox" and GO & set(element[2].replace(":", "").split())), None)
    if box and did and did[-1].startswith("type"):
        return "press Enter"
    if box and not any(line.startswith("type") for line in did):
        return f"type {box[0]} {item}"
    return best(elements, {"next", "more", "further", "onwards"}, ("link",)) or "cannot not found"


def form(elements: list[tuple[int, str, str]], step: str, verb: str, rest: str, did: list[str], text: str) -> str:
    """Fields, options, buttons."""
    if verb == "fill":
        key, _, value = rest.partition(" : ")
        if did and did[-1].startswith("type"):
            return "done"
        hit = next((element for element in elements if element[1] in ("textbox", "date") and (element[1] == key or LABELS[key] & set(re.findall(r"[a-z]+", element[2])))), None)
        return f"type {hit[0]} {value}" if hit else best(elements, {"checkout", "delivery", "check"}, ("link", "button")) or "cannot not found"
    if verb == "choose":
        if did and ("select" in did[-1] or "click" in did[-1]):
            return "done"
        for number, role, label in elements:
            if role == "select" and rest in label:
                option = next(text.strip(" )") for text in label.split("(", 1)[1].split("|") if rest in text)
                return f"select {number} {option}"
            if role in ("radio", "checkbox") and set(stems(rest)) & set(stems(label)):
                return f"click {number}"
        return "cannot not found"
    if verb == "review":
        terms = next((n for n, role, label in elements if role == "checkbox" and "terms" in label and "off" in label), None)
        if terms:
            return f"click {terms}"
        if best(elements, {"place", "send"}, ("button",)) and did:
            return "done"
        return best(elements, {"review", "look", "last", "show", "order"}, ("button",)) or "done"
    if verb == "place":
        shown = re.search(r"order.{0,20}number\W+(?:is )?([a-z]*-?\w*\d[\w-]*)", "\n".join(label for _, _, label in elements) + text)
        if shown:
            return f"done {shown.group(1)}"
        return best(elements, {"place", "order", "send"}, ("button",)) or "cannot not found"
    if step.startswith("open ticket"):
        who = rest.removeprefix("ticket of ")
        if did and who.split()[0] in " ".join(label for _, _, label in elements) + step and "reply" in " ".join(label for _, _, label in elements):
            return "done"
        row = next((line for line in text.splitlines() if who in line and "[" in line and line.startswith("-")), "")
        link = re.search(r"\[(\d+)\] (?:link|button)", row)
        if link:
            return f"click {link.group(1)}"
        on = best(elements, {"next", "more", "further", "onwards"}, ("link",)) if did else ""
        return on or best(elements, {"desk"}, ("link",)) or "cannot not found"
    if verb == "reply":
        box = next((n for n, role, label in elements if role == "textbox" and {"reply", "answer"} & set(re.findall(r"[a-z]+", label))), None)
        return "done" if did else f"type {box} {rest}" if box else "cannot not found"
    return "done" if did else best(elements, {"close", "send"}, ("button",)) or "cannot not found"


def stems(text: str) -> list[str]:
    return [word.rstrip("s") for word in re.findall(r"[a-z]+", text)]


def best(elements: list[tuple[int, str, str]], wanted: set[str], roles: tuple[str, ...]) -> str:
    """A click on the element of these roles that shares most words with `wanted`; empty when none does."""
    scored = [(len(wanted & set(re.findall(r"[a-z]+", label))), -number) for number, role, label in elements if role in roles]
    top = max(scored, default=(0, 0))
    return f"click {-top[1]}" if top[0] else ""

"""What each role is asked and may answer: prompt, grammar and parser of every question put to a model.

This is the one place where the text of a role lives. The running agents use it, and so do the generators
that make training data, so the two cannot drift apart. Prompts are short on purpose: the page first, what was
done, then the step, right before the answer. Instructions for models that were not trained on these roles are
files in `prompts/`, sent as the system message (the embedded model's chat template leaves them out).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import combinations, permutations

from ..tools.browser.actions import Action, MalformedAction, parse_action, span_terminal
from ..tools.browser.view import TEXT_ROLES, Element, View
from .acting import claims, uses
from .acting.rows import at_its_page, concerns, lists_person
from .days import days_in
from .planning.reading import Field, PlannedTask, ask_plan, read_plan, write_plan
from .question import Question, any_of, choices
from .steps import Done, Stage, Step
from .tool_use import Call, ToolCard, ask_use, read_use
from .wording import fold, locate, option_name, stems, told_apart, words

__all__ = [
    "CLICKABLE",
    "JUDGEMENTS",
    "LESSONS",
    "Call",
    "Done",
    "Field",
    "PlannedTask",
    "Question",
    "Stage",
    "Step",
    "ToolCard",
    "act_grammar",
    "act_query",
    "answers_of",
    "ask_act",
    "ask_judge",
    "ask_plan",
    "ask_reflect",
    "ask_steps",
    "ask_use",
    "choices",
    "describe",
    "handles",
    "page_text",
    "read_act",
    "read_plan",
    "read_steps",
    "read_use",
    "steps_grammar",
    "told_here",
    "write_act",
    "write_plan",
]  # fmt: skip

LESSONS = {
    "quantity": "set each quantity again in the cart",
    "missing": "add again what is missing in the cart",
    "order": "fill the date last",
    "again": "fill every field again before the review",
    "none": "nothing to change",
}
"""What a reflection may conclude, and the words in which it is kept and recalled."""


# --- steps: one stage of a task -> the worker's plan ----------------------------------------------------


def ask_steps(stage: Stage, notes: Sequence[str], feedback: Sequence[str]) -> Question:
    """Ask in which order to do the parts of a stage, given lessons and, in a redo, what failed."""
    rows = [f"stage {stage.name}"]
    rows += [f"{index} : {part.line()}" for index, part in enumerate(stage.parts, 1)]
    rows += [f"last : {step.line()}" for step in stage.last]
    rows += [f"note : {fold(note)}" for note in notes]
    rows += [f"failed : {fold(item)}" for item in feedback]
    grammar = steps_grammar(stage, feedback)
    return Question("steps", "\n".join([*rows, "steps:"]), grammar)


def steps_grammar(stage: Stage, feedback: Sequence[str]) -> str:
    """What may be ordered: at first every part once, in any order; in a redo any of them, once; then the end.

    In a cart, parts may be set right (or taken out, in a redo) after it was opened.
    """
    count = len(stage.parts)
    last = json.dumps("".join(f"{step.verb}\n" for step in stage.last))
    sizes = range(count, count + 1) if not feedback else range(count + 1)
    orders = [order for size in sizes for order in _orders(count, size)]
    todo = " | ".join(json.dumps("".join(f"do {number}\n" for number in order)) for order in orders)
    after = ""
    if stage.name == "cart":
        after = "".join(f' ("do {number}\\n" | "set {number}\\n")?' for number in range(1, count + 1))
        after += ' ("remove" SPAN "\\n")?' if feedback else ""
    spans = span_terminal([fold(item) for item in feedback]) if stage.name == "cart" and feedback else ""
    return f'start: ({todo}) {last}{after} "end"\n{spans}'


def _orders(count: int, size: int) -> Iterable[tuple[int, ...]]:
    """Every order of `size` of `count` parts; beyond a handful only as they come."""
    numbers = range(1, count + 1)
    return permutations(numbers, size) if count <= MOST_PERMUTED else combinations(numbers, size)


MOST_PERMUTED = 5
"""Parts of a stage up to which every order may be chosen."""


def read_steps(answer: str, stage: Stage) -> tuple[Step, ...]:
    """The steps of an answer, each with its text and spans."""
    steps: list[Step] = []
    for line in answer.splitlines():
        verb, _, rest = line.partition(" ")
        if verb in ("do", "set") and rest.isdigit() and 0 < int(rest) <= len(stage.parts):
            part = stage.parts[int(rest) - 1]
            steps.append(replace(part, verb="set", shown=None) if verb == "set" else part)
        elif verb == "remove":
            steps.append(Step("remove", rest))
        else:
            steps += [step for step in stage.last if step.verb == line]
    return tuple(steps)


# --- act: page, history, step -> the next browser action ------------------------------------------------


def handles(view: View, step: Step) -> dict[str, int]:
    """Words that name each element that a step is shown of a view, with its number.

    An element is called by its folded name (or role, when it has none); where several share a name, the
    first text of the row goes before it (`oak tray / view`), and what is still the same is counted
    (`view 2`). A model that copies words finds its target by them; a number it would have to look up.
    """
    lines = [line for line in view.lines if concerns(line, step)]
    rows = [(line, part) for line in lines for part in line if isinstance(part, Element)]
    names = [fold(part.name) or part.role for _, part in rows]
    found: dict[str, int] = {}
    for (line, part), name in zip(rows, names, strict=True):
        handle = name
        if names.count(name) > 1:
            head = line[0]
            title = fold(head if isinstance(head, str) else head.name)
            handle = f"{title} / {name}" if head is not part and title else name
        base, count = handle, 2
        while handle in found:
            handle, count = f"{base} {count}", count + 1
        found[handle] = part.number
    cells = [fold(part) for line in lines if len(line) > 1 for part in line if isinstance(part, str)]
    for line in lines:
        first = next((part for part in line if isinstance(part, Element) and part.role in CLICKABLE), None)
        for part in line if first is not None and not first.disabled else ():
            cell = fold(part) if isinstance(part, str) else ""
            if first is not None and cell and cells.count(cell) == 1 and any(char.isalpha() for char in cell):
                found.setdefault(cell, first.number)
    return found


CLICKABLE = frozenset({"link", "button", "other", "tab", "menuitem", "option"})
"""Roles of things whose row stands for them."""


def page_text(view: View, step: Step) -> str:
    """The page as a worker's model reads it: folded, without numbers, of rows about other things only one."""
    rows = [f"page {view.path.lower()} : {fold(view.title)}"]
    if view.dialog is not None:
        return f"{rows[0]}\ndialog {view.dialog.kind} : {fold(view.dialog.message)}"
    others = [line for line in view.lines if not concerns(line, step)]
    for line in view.lines:
        if others and line is others[0]:
            cells = " | ".join(fold(part if isinstance(part, str) else part.name) for part in line)
            rows.append(f"- {len(others)} others : {cells}")
        if not concerns(line, step):
            continue
        text = " | ".join(fold(part) if isinstance(part, str) else _element_text(part) for part in line)
        rows.append(text if isinstance(line[0], Element) else f"- {text}")
    if view.below:
        rows.append("... more below")
    return "\n".join(rows)


def _element_text(element: Element) -> str:
    parts = [f"{element.role} {fold(element.name)}".strip()]
    if element.value is not None:
        parts.append(f": {option_name(element.value, element.options)}".rstrip())
    if element.options:
        parts.append(f"( {' | '.join(told_apart(element.options))} )")
    if element.disabled:
        parts.append("( disabled )")
    return " ".join(parts)


def act_query(history: Sequence[Done], step: Step, recent: int = 3) -> str:
    """What follows the page in a worker's prompt."""
    rows = [f"did : {item.line()}" for item in history[-recent:]]
    return "\n".join([*rows, f"step : {step.line()}", "do:"])


def ask_act(
    view: View, history: Sequence[Done], step: Step, spent: Collection[str] = frozenset()
) -> Question:
    """Ask for the next action on `view`; typed text is copied from the step, an answer from the page."""
    text = f"{page_text(view, step)}\n{act_query(history, told_here(view, step))}"
    read = text.rsplit("\n", 2)[0]  # all but the step and the last line; what was done names things of pages
    return Question("act", text, act_grammar(view, history, step, spent), data=read)


def told_here(view: View, step: Step) -> Step:
    """A step as it is said on this page: the subject of a ticket only where it tells tickets apart."""
    head, _, about = step.text.partition(" about ")
    apart = not about or step.verb != "open ticket" or lists_person(view, step)
    return step if apart else replace(step, text=head)


def act_grammar(view: View, history: Sequence[Done], step: Step, spent: Collection[str] = frozenset()) -> str:
    """The actions that are legal in this view during this step; `acting` says what may be used and claimed.

    `spent` has lines of actions that led round in circles from this very page: they are not offered again.
    """
    rules: list[str] = []
    spans = [fold(span) for span in step.spans]
    typed = [*spans, *(word for span in spans for word in span.split()[:1] if step.verb == "add")]
    if view.dialog is not None:
        rules.append('"dialog accept" | "dialog dismiss"')
    else:
        allowed = uses.usable(view, step)
        usable = {
            name: view.elements[number] for name, number in handles(view, step).items() if number in allowed
        }
        editable = {name: item for name, item in usable.items() if item.role in TEXT_ROLES}
        pressed = [
            name
            for name, item in usable.items()
            if item.role not in TEXT_ROLES and item.role != "select" and f"click {item.number}" not in spent
        ]
        if pressed:
            rules.append(f'"click " ({any_of(pressed)})')
        for name, item in editable.items() if spans else ():
            counts = item.role == "number" or (item.value or "").isdigit()
            fitting = [text for text in typed if step.verb not in ("add", "set") or text.isdigit() == counts]
            texts = any_of(text for text in fitting if text != fold(item.value or ""))
            if texts:
                rules.append(f"{json.dumps(f'type {name} = ', ensure_ascii=False)} ({texts})")
        for name, item in usable.items():
            named = told_apart(item.options).items()
            options = any_of(said for said, option in named if uses.may_select(option, step))
            if item.role == "select" and options:
                rules.append(f"{json.dumps(f'select {name} = ', ensure_ascii=False)} ({options})")
        stays = uses.has_control(view, step) or bool(uses.shown_there(view, step))
        stays = stays or at_its_page(view, step) or claims.is_at_ticket(view, step)
        moves = MOVES[:1] if stays else MOVES
        rules += [json.dumps(move.lower()) for move in moves if move not in spent]
        answers = answers_of(view) if step.verb == "place" else ()
        if claims.may_claim(view, history, step) and (answers or step.verb != "place"):
            rules.append(f'"done " ({any_of(answers)})' if answers else '"done"')
    reasons = any_of(claims.reasons(view, history, step)) if view.dialog is None else ""
    if reasons or not rules:
        rules.append(f'"cannot " ({reasons or json.dumps(claims.LEAVING)})')
    return f"start: {' | '.join(rules)}\n"


MOVES = ("wait", "press Enter", "scroll down", "scroll up", "back")
"""Actions that need nothing on the page, waiting first."""


def answers_of(view: View) -> tuple[str, ...]:
    """Words of the page that could be an order number, in reading order, once each.

    At least three digits, alone or with letters; no amounts, no years, nothing out of a date.
    """
    texts = [part if isinstance(part, str) else part.name for line in view.lines for part in line]
    found = [word for text in texts if not days_in(text) for word in words(text)]
    numbers = [word for word in found if sum(char.isdigit() for char in word) >= 3 and "." not in word]
    return tuple(dict.fromkeys(word for word in numbers if not (len(word) == 4 and word.startswith("20"))))


def read_act(answer: str, view: View, step: Step) -> Action:
    """The action of an answer, its text as the step, the page or the option list spells it.

    Raises:
        MalformedAction: It is no action of this view (a model without grammar said it).
    """
    verb, _, rest = answer.partition(" ")
    if verb in ("click", "type", "select"):
        known = handles(view, step)
        name = max(
            (name for name in known if rest == name or rest.startswith(f"{name} = ")), key=len, default=""
        )
        if not name:
            raise MalformedAction(answer, "nothing on the page is called that")
        text = rest[len(name) :].removeprefix(" = ")
        element = view.elements[known[name]]
        if verb == "select":
            text = told_apart(element.options).get(text, text)
        elif verb == "type":
            span = next((hit for source in step.spans if (hit := locate(text, source))), None)
            text = span.text if span else text
        return Action(verb, element.number, text)
    if verb == "done" and rest:
        sources = [part if isinstance(part, str) else part.name for line in view.lines for part in line]
        span = next((hit for source in sources if (hit := locate(rest, source))), None)
        return Action("done", None, span.text if span else rest)
    return parse_action("press Enter" if answer == "press enter" else answer, view)


def write_act(action: Action, view: View, step: Step) -> str:
    """The answer that `read_act` reads back; what a worker is trained to say.

    Of several names for a thing the one that shares most words with the step is said.
    """
    if action.target is None:
        return action.line().lower()
    names = [name for name, number in handles(view, step).items() if number == action.target]
    if action.verb != "click":
        names = names[:1]
    wanted = set(stems(step.line()))
    name = max(names, key=lambda name: len(wanted & set(stems(name))))
    text = option_name(action.text, view.elements[action.target].options)
    return f"{action.verb} {name}{' = ' + text if text else ''}"


def describe(action: Action, view: View) -> str:
    """An action in words that outlive the view: the element's words in place of its number."""
    if action.target is None:
        return action.line()
    element = view.elements.get(action.target)
    name = (element.name or element.role) if element is not None else str(action.target)
    return f"{action.verb} {name}{' = ' + action.text if action.text else ''}"


# --- judge: page, criterion -> verdict ------------------------------------------------------------------

JUDGEMENTS = ("pass", "fail", "cannot check")


def ask_judge(page: str, criterion: str) -> Question:
    """Ask whether a page shows that a criterion holds."""
    page = page.lower()
    text = f"{page}\ncriterion : {fold(criterion)}\nverdict:"
    return Question("judge", text, choices(JUDGEMENTS), data=page)


# --- reflect: what failed -> what to remember -----------------------------------------------------------


def ask_reflect(stage: str, failed: Sequence[str], done: Sequence[str]) -> Question:
    """Ask which lesson a failed attempt teaches."""
    rows = [f"stage {stage}", *(f"did : {fold(item)}" for item in done[-6:])]
    rows += [f"failed : {fold(item)}" for item in failed]
    return Question("reflect", "\n".join([*rows, "lesson:"]), choices(LESSONS))

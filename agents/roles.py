"""What each role is asked and may answer: prompt, grammar and parser of every question put to a model.

This is the one place where the text of a role lives. The running agents use it, and so do the generators
that make training data, so the two cannot drift apart. Prompts are short on purpose: the page first, what was
done, then the step, right before the answer. Instructions for models that were not trained on these roles are
files in `prompts/`, sent as the system message (the embedded model's chat template leaves them out).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources

from ..tools.browser.actions import Action, action_grammar, parse_action, span_terminal
from ..tools.browser.view import Dialog, Element, Line, View
from .wording import Span, fold, locate, words

REASONS = ("not found", "out of stock", "refused", "nothing happens")
"""What a worker may give as the reason why a step cannot be done."""

STEP_VERBS = ("click", "type", "select", "press", "scroll", "back", "wait", "done", "cannot")
"""Browser verbs of a worker that follows a plan (the plan says where to go, so no `goto` or `find`)."""

LESSONS = {
    "quantity": "set each quantity again in the cart",
    "missing": "add again what is missing in the cart",
    "order": "fill the date last",
    "again": "fill every field again before the review",
    "none": "nothing to change",
}
"""What a reflection may conclude, and the words in which it is kept and recalled."""


@dataclass(frozen=True)
class Question:
    """One question to a model: the instructions' file, the user text, and the grammar of the answer."""

    role: str
    text: str
    grammar: str

    def system(self) -> str:
        """The instructions of this role, for models that were not trained on it."""
        return (
            resources.files(__package__ or "")
            .joinpath("prompts", f"{self.role}.md")
            .read_text(encoding="utf-8")
        )


def choices(options: Iterable[str]) -> str:
    """A grammar that accepts exactly `options`."""
    return f"start: {' | '.join(json.dumps(option, ensure_ascii=False) for option in options)}\n"


# --- plan: goal -> typed tasks --------------------------------------------------------------------------

ORDER_FIELDS = ("count", "item", "name", "option", "date")
TICKET_FIELDS = ("name", "about", "text")


@dataclass(frozen=True)
class Field:
    """One field of a planned task: its key, and the span of the goal that fills it."""

    key: str
    span: Span


@dataclass(frozen=True)
class PlannedTask:
    """A task as the planner reads it out of a goal.

    Attributes:
        kind: `order`, `ticket` or `use`.
        fields: In the goal's order.
        number_of: For a ticket: the 1-based task whose order number is the text to send, if any.
        close: For a ticket: close it afterwards.
    """

    kind: str
    fields: tuple[Field, ...]
    number_of: int | None = None
    close: bool = False

    def values(self, key: str) -> list[str]:
        """The texts of all fields called `key`, in order."""
        return [item.span.text for item in self.fields if item.key == key]


def ask_plan(goal: str, kinds: Sequence[str]) -> Question:
    """Ask which tasks of the known `kinds` a goal asks for, with every field a literal span of the goal."""
    tasks: list[str] = []
    rules: list[str] = []
    if "order" in kinds:
        tasks.append("order")
        rules.append(
            'order: "task order\\n" (pair | name | option | date)+\n'
            'pair: "count" SPAN "\\nitem" SPAN "\\n"\n'
            'option: "option" SPAN "\\n"\ndate: "date" SPAN "\\n"'
        )
    if "ticket" in kinds:
        tasks.append("ticket")
        rules.append(
            'ticket: "task ticket\\n" name about? (text | number)? "close\\n"?\n'
            'about: "about" SPAN "\\n"\n'
            'text: "text" SPAN "\\n"\nnumber: "number " ("1" | "2" | "3") "\\n"'
        )
    if "use" in kinds:
        tasks.append("use")
        rules.append('use: "task use\\ntext" SPAN "\\n"')
    if "order" in kinds or "ticket" in kinds:
        rules.append('name: "name" SPAN "\\n"')
    grammar = f'start: ({" | ".join(tasks)})+ "end" | "cannot"\n' + "\n".join(rules)
    text = f"kinds: {' '.join(tasks)}\ngoal: {fold(goal)}\nplan:"
    return Question("plan", text, f"{grammar}\n{span_terminal([fold(goal)])}")


def read_plan(answer: str, goal: str) -> tuple[PlannedTask, ...]:
    """The tasks of a planner's answer, spans located in the goal as it was written; empty for `cannot`.

    A span is looked for after the field before it first, so that repeated words find their own place.
    """
    tasks: list[PlannedTask] = []
    cursor = 0
    for line in answer.splitlines():
        key, _, value = line.partition(" ")
        if key == "task":
            tasks.append(PlannedTask(value, ()))
        elif key == "close":
            tasks[-1] = replace(tasks[-1], close=True)
        elif key == "number":
            tasks[-1] = replace(tasks[-1], number_of=int(value))
        elif key not in ("end", "cannot"):
            span = locate(value, goal, after=cursor)
            if span is not None:
                cursor = max(cursor, span.end)
                tasks[-1] = replace(tasks[-1], fields=(*tasks[-1].fields, Field(key, span)))
    return tuple(tasks)


def write_plan(tasks: Sequence[PlannedTask]) -> str:
    """The answer that `read_plan` reads back; what a planner is trained to say."""
    rows: list[str] = []
    for task in tasks:
        rows.append(f"task {task.kind}")
        rows += [f"{item.key} {fold(item.span.text)}" for item in task.fields]
        if task.number_of is not None:
            rows.append(f"number {task.number_of}")
        if task.close:
            rows.append("close")
    return "\n".join([*rows, "end"]) if tasks else "cannot"


# --- steps: one stage of a task -> the worker's plan ----------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One step of a worker's plan.

    Attributes:
        verb: add, set, remove, open cart, fill, choose, review, place, open ticket, reply, send, close.
        text: The argument as the worker reads it.
        spans: What may be typed during this step.
        part: 1-based part of the stage that the step serves; 0 for the steps that serve the whole stage.
        shown: Whether a page shows the step's effect already; then it is not done again.
    """

    verb: str
    text: str = ""
    spans: tuple[str, ...] = ()
    part: int = 0
    shown: Callable[[View], bool] | None = field(default=None, compare=False, repr=False)

    def line(self) -> str:
        return fold(f"{self.verb} {self.text}")


@dataclass(frozen=True)
class Stage:
    """A stage of a task: what it is called, its parts, and the steps that end it."""

    name: str
    parts: tuple[Step, ...]
    last: tuple[Step, ...] = ()


def ask_steps(stage: Stage, notes: Sequence[str], feedback: Sequence[str]) -> Question:
    """Ask in which order to do the parts of a stage, given lessons and, in a redo, what failed."""
    rows = [f"stage {stage.name}"]
    rows += [f"{index} : {part.line()}" for index, part in enumerate(stage.parts, 1)]
    rows += [f"last : {step.line()}" for step in stage.last]
    rows += [f"note : {fold(note)}" for note in notes]
    rows += [f"failed : {fold(item)}" for item in feedback]
    numbers = " | ".join(json.dumps(str(index)) for index in range(1, len(stage.parts) + 1))
    verbs = ["do", "set"] if stage.name == "cart" else ["do"]
    rules = [f'"{verb} " ({numbers}) "\\n"' for verb in verbs] if stage.parts else []
    if stage.name == "cart" and feedback:
        rules.append('"remove" SPAN "\\n"')
    rules += [f'"{step.verb}\\n"' for step in stage.last]
    grammar = f'start: ({" | ".join(rules)})+ "end"\n'
    if stage.name == "cart" and feedback:
        grammar += span_terminal([fold(item) for item in feedback])
    return Question("steps", "\n".join([*rows, "steps:"]), grammar)


def read_steps(answer: str, stage: Stage) -> tuple[Step, ...]:
    """The steps of an answer, each with its text and spans."""
    steps: list[Step] = []
    for line in answer.splitlines():
        verb, _, rest = line.partition(" ")
        if verb in ("do", "set") and rest.isdigit() and 0 < int(rest) <= len(stage.parts):
            part = stage.parts[int(rest) - 1]
            steps.append(replace(part, verb="set") if verb == "set" else part)
        elif verb == "remove":
            steps.append(Step("remove", rest))
        else:
            steps += [step for step in stage.last if step.verb == line]
    return tuple(steps)


# --- act: page, history, step -> the next browser action ------------------------------------------------


@dataclass(frozen=True)
class Done:
    """One action that was taken in this step, and what came of it."""

    action: str
    result: str

    def line(self) -> str:
        return f"{fold(self.action)} -> {fold(self.result)}"


def fold_view(view: View) -> View:
    """The view in lower case; numbers, structure and options stay."""

    def part(item: str | Element) -> str | Element:
        if isinstance(item, str):
            return item.lower()
        return replace(
            item,
            name=item.name.lower(),
            value=None if item.value is None else item.value.lower(),
            options=tuple(option.lower() for option in item.options),
        )

    lines: tuple[Line, ...] = tuple(tuple(part(item) for item in line) for line in view.lines)
    dialog = None if view.dialog is None else Dialog(view.dialog.kind, view.dialog.message.lower())
    return replace(view, path=view.path.lower(), title=view.title.lower(), lines=lines, dialog=dialog)


def act_query(history: Sequence[Done], step: Step, recent: int = 3) -> str:
    """What follows the page in a worker's prompt."""
    rows = [f"did : {item.line()}" for item in history[-recent:]]
    return "\n".join([*rows, f"step : {step.line()}", "do:"])


def ask_act(view: View, history: Sequence[Done], step: Step) -> Question:
    """Ask for the next action on `view`; typed text is copied from the step, an answer from the page."""
    folded = fold_view(view)
    grammar = action_grammar(
        folded,
        spans=[fold(span) for span in step.spans],
        answers=answers_of(folded) if step.verb == "place" else (),
        reasons=REASONS,
        keys=("Enter",),
        verbs=[verb for verb in STEP_VERBS if verb != "type" or step.spans],
    )
    return Question("act", f"{folded.text()}\n{act_query(history, step)}", grammar)


def answers_of(view: View) -> tuple[str, ...]:
    """Words of the page that could be an order number: those with a digit, in reading order, once each."""
    found = [
        word.strip(".,;:!?()\"'#")
        for line in view.lines
        for part in line
        for word in (part if isinstance(part, str) else part.name).lower().split()
    ]
    return tuple(dict.fromkeys(word for word in found if any(char.isdigit() for char in word)))


def read_act(answer: str, view: View, step: Step) -> Action:
    """The action of an answer, its text as the step, the page or the option list spells it."""
    action = parse_action(answer, view)
    if action.verb == "select" and action.target is not None:
        options = view.elements[action.target].options
        return replace(action, text=next((o for o in options if o.lower() == action.text), action.text))
    if action.verb == "type":
        span = next((hit for source in step.spans if (hit := locate(action.text, source))), None)
        return replace(action, text=span.text if span else action.text)
    if action.verb == "done" and action.text:
        text = view.text()
        at = text.lower().find(action.text)
        return replace(action, text=text[at : at + len(action.text)] if at >= 0 else action.text)
    return action


def describe(action: Action, view: View) -> str:
    """An action in words that outlive the view: the element's name in place of its number."""
    if action.target is None:
        return action.line()
    element = view.elements.get(action.target)
    name = element.name if element is not None else str(action.target)
    return f"{action.verb} {name}{' = ' + action.text if action.text else ''}"


# --- judge: page, criterion -> verdict ------------------------------------------------------------------

JUDGEMENTS = ("pass", "fail", "cannot check")


def ask_judge(page: str, criterion: str) -> Question:
    """Ask whether a page shows that a criterion holds."""
    return Question("judge", f"{page.lower()}\ncriterion : {fold(criterion)}\nverdict:", choices(JUDGEMENTS))


# --- reflect: what failed -> what to remember -----------------------------------------------------------


def ask_reflect(stage: str, failed: Sequence[str], done: Sequence[str]) -> Question:
    """Ask which lesson a failed attempt teaches."""
    rows = [f"stage {stage}", *(f"did : {fold(item)}" for item in done[-6:])]
    rows += [f"failed : {fold(item)}" for item in failed]
    return Question("reflect", "\n".join([*rows, "lesson:"]), choices(LESSONS))


# --- use: tools, task -> the next call ------------------------------------------------------------------


@dataclass(frozen=True)
class ToolCard:
    """A tool as the model reads it: name, one line about it, argument names."""

    name: str
    about: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """A chosen tool call, or an answer when `tool` is empty."""

    tool: str
    arguments: dict[str, str] = field(default_factory=dict[str, str])
    answer: str = ""


def ask_use(tools: Sequence[ToolCard], done: Sequence[Done], task: str) -> Question:
    """Ask for the next tool call for `task`, or the answer out of the results so far."""
    rows = [f"tool {tool.name} ( {' , '.join(tool.arguments)} ) : {fold(tool.about)}" for tool in tools]
    rows += [f"did : {item.line()}" for item in done[-3:]]
    rows += [f"task : {fold(task)}", "do:"]
    rules: list[str] = []
    for tool in tools:
        arguments = "".join(f' "\\n{name}" TASK' for name in tool.arguments)
        rules.append(f'"call {tool.name}"{arguments} "\\nend"')
    spans = span_terminal([fold(task)]).replace("COPY", "WORDS").replace("SPAN", "TASK")
    if done:
        rules.append('"answer" SPAN')
        spans += span_terminal([fold(item.result) for item in done[-3:]])
    rules.append('"cannot"')
    return Question("use", "\n".join(rows), f"start: {' | '.join(rules)}\n{spans}")


def read_use(answer: str, task: str, done: Sequence[Done]) -> Call:
    """The call or answer, its texts as the task and the results spell them."""
    head, *rest = answer.splitlines()
    verb, _, value = head.partition(" ")
    if verb == "answer":
        hits = (locate(value, item.result) for item in reversed(done))
        span = next((hit for hit in hits if hit is not None), None)
        return Call("", answer=span.text if span else value)
    if verb == "cannot":
        return Call("")
    arguments: dict[str, str] = {}
    for line in rest:
        name, _, text = line.partition(" ")
        if name != "end":
            span = locate(text, task)
            arguments[name] = span.text if span else text
    return Call(value, arguments)


def mentioned(text: str) -> set[str]:
    """The distinct folded words of `text` (no punctuation marks)."""
    return {word for word in words(text) if word[0].isalnum()}

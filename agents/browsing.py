"""The role that reaches a goal on any page: what a model is asked and may answer, action by action.

Other than in the role `act`, which serves one step of a known kind of task, nothing is known here but the
goal in a person's words. The page is told with names before numbers (`button submit [7]`), so that an answer
copies a name and goes on with the number behind it. Text to type is copied too: from the goal or from the
page, as it stands, or all in upper or lower case. What is copied is looked up again where it came from, so
capitals and spaces of the original are typed. A cell of a row is said with the cell before it (`country |
nepal`): what names a value comes first, and the value is what follows it.

Does not cover: text that stands neither in the goal nor on the page; addresses to go to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from ..tools.browser.actions import Action, MalformedAction, parse_action, span_terminal
from ..tools.browser.view import OPTION_LIMIT, TEXT_ROLES, Element, View, ViewStyle
from .question import Question, any_of
from .steps import Done
from .wording import fold, locate, option_name, told_apart

STYLE = ViewStyle(hints=True, states=True)
"""How pages are looked at for this role."""

RECENT = 12
"""Actions that a question tells of, the last ones."""

NAMED = 8
"""Words by which an answer names a thing at most."""

BESIDE = " | "
"""Between a cell and the one before it."""

CASES = ("upper", "lower")
"""How copied text may be changed."""

NOT_DONE = frozenset(
    """no_effect stale_ref covered not_visible disabled not_editable bad_option value_differs timeout
    needs_approval blocked_origin secret_refused dialog_open bad_file not_kept""".split()
)
"""Codes of results by which an action is not done and something is to be redone, without asking anybody."""

MOVES = ("press enter", "scroll down", "scroll up", "back", "wait")

_ON_THING = re.compile(r"(click|type|select) (?:.*?)\[(\d+)\](?: (upper|lower))?(?: = (.+))?")


def ask_browse(view: View, history: Sequence[Done], goal: str, spent: Collection[str] = ()) -> Question:
    """Ask for the next action towards `goal`.

    Args:
        view: The page, looked at in `STYLE`.
        history: What was done, oldest first, as `told` says it.
        goal: In a person's words.
        spent: Lines of actions (`Action.line`) that are not offered: they had no effect on this very page.
    """
    page = "\n".join(page_rows(view))
    did = "".join(f"did : {told(item)}\n" for item in history[-RECENT:])
    text = f"{page}\n{did}goal : {fold(goal)}\ndo:"
    return Question("browse", text, browse_grammar(view, goal, spent), data=f"{page}\n{did}".rstrip("\n"))


def told(item: Done) -> str:
    """An action that was taken, and what came of it where that was not what was meant."""
    return item.action if item.result == "ok" else f"{item.action} : {fold(item.result)}"


def page_rows(view: View) -> Iterator[str]:
    """The page as this role reads it: folded, line by line, names before numbers."""
    if view.dialog is not None:
        yield f"dialog {view.dialog.kind} : {fold(view.dialog.message)}"
        return
    if view.above or view.unread_above:
        yield "... more above"
    for line in view.lines:
        if view.raw:
            yield _snapshot_row(line[0])
            continue
        yield " | ".join(fold(part) if isinstance(part, str) else _row(part) for part in line)
    if view.below or view.unread_below:
        yield "... more below"


def _snapshot_row(part: str | Element) -> str:
    """A line of a snapshot, indented as there, with its number as in all other views."""
    text = part if isinstance(part, str) else part.text()
    number = "" if isinstance(part, str) else f"[{part.number}]"
    before, _, behind = text.partition(f"[ref={number[1:-1]}]") if number else (text, "", "")
    indent = text[: len(text) - len(text.lstrip())]
    return indent + " ".join(filter(None, (fold(before.replace('"', "")), number, fold(behind))))


def _row(item: Element) -> str:
    parts = [" ".join(filter(None, (item.role, fold(item.name), f"[{item.number}]")))]
    if item.value is not None:
        parts.append(f": {option_name(item.value, item.options)}".rstrip())
    if item.options:
        parts.append(f"( {' | '.join(list(told_apart(item.options))[:OPTION_LIMIT])} )")
    if item.disabled:
        parts.append("( disabled )")
    if item.state:
        parts.append(f"( {item.state} )")
    return " ".join(parts)


def _called(item: Element, labels: dict[int, str]) -> str:
    """Name and number of a thing, as answers say them; a field that has no name by what stands beside it."""
    name = labels.get(item.number) or " ".join(fold(item.name).split()[:NAMED])
    return f"{name or item.role} [{item.number}]"


def labels_of(view: View) -> dict[int, str]:
    """The text beside each field that nothing names: in its row before it, else on the line before.

    Where the first of these fields stands before all texts: on the line behind.
    """
    places = [
        (row, place, part)
        for row, line in enumerate(view.lines)
        for place, part in enumerate(line)
        if isinstance(part, Element) and part.hinted
    ]
    if not places:
        return {}
    behind = not any(isinstance(part, str) for line in view.lines[: places[0][0] + 1] for part in line)
    found: dict[int, str] = {}
    for row, place, field in places:
        line = view.lines[row]
        beside = [part for part in line[:place] if isinstance(part, str)][-1:]
        other = row + 1 if behind else row - 1
        if not beside and 0 <= other < len(view.lines) and len(view.lines[other]) == 1:
            beside = [part for part in view.lines[other] if isinstance(part, str)]
        label = fold(beside[0]).rstrip(" :*") if beside else ""
        if label and len(label.split()) <= NAMED:
            found[field.number] = label
    return found


def browse_grammar(view: View, goal: str, spent: Collection[str] = ()) -> str:
    """The answers that are legal in this view, as a Lark grammar."""
    if view.dialog is not None:
        return 'start: "dialog accept" | "dialog dismiss"\n'
    usable = [item for item in view.elements.values() if not item.disabled]
    labels = labels_of(view)
    called = {item.number: _called(item, labels) for item in usable}
    rules: list[str] = []
    pressed = [called[item.number] for item in usable if Action("click", item.number).line() not in spent]
    if pressed:
        rules.append(f'"click " ({any_of(pressed)})')
    fields = any_of(called[item.number] for item in usable if item.role in TEXT_ROLES)
    cells = any_of(f" {pair}" for pair in pairs_of(view))
    text = f"(SPAN | {cells})" if cells else "SPAN"
    if fields:
        cases = any_of(f" {case}" for case in CASES)
        rules.append(f'"type " ({fields}) ({cases})? " =" {text}')
    for item in usable:
        options = any_of(told_apart(item.options))
        if item.role == "select" and options:
            rules.append(f"{json.dumps(f'select {called[item.number]} = ', ensure_ascii=False)} ({options})")
    rules += [json.dumps(move) for move in MOVES if _as_line(move) not in spent]
    rules += [f'"done" (" =" {text})?', '"cannot"']
    sources = [fold(text) for text in sources_of(view, goal)]
    return f"start: {' | '.join(rules)}\n{span_terminal(list(dict.fromkeys(sources)))}"


def sources_of(view: View, goal: str) -> list[str]:
    """Texts that may be copied: what the goal quotes, the goal, then the texts of the page in order."""
    found = [*re.findall(r'"([^"]+)"', goal), goal]
    for line in view.lines:
        for part in line:
            found += [part] if isinstance(part, str) else [part.name, part.value or ""]
    return [text for text in found if text.strip()]


def pairs_of(view: View) -> dict[str, str]:
    """Cells of rows with the cells before them, folded, and each cell as the page has it."""
    pairs: dict[str, str] = {}
    for line in view.lines:
        for name, cell in pairwise(line):
            if isinstance(name, str) and isinstance(cell, str) and fold(name) and fold(cell):
                pairs.setdefault(f"{fold(name)}{BESIDE}{fold(cell)}", cell)
    return pairs


def _as_line(move: str) -> str:
    return "press Enter" if move == "press enter" else move


def read_browse(answer: str, view: View, goal: str) -> Action:
    """The action of an answer, its text as the goal or the page spells it.

    Raises:
        MalformedAction: It is no action of this view (a model without grammar said it).
    """
    found = _ON_THING.fullmatch(answer)
    if found is None:
        verb, _, copied = answer.partition(" = ")
        if verb == "done":
            return Action("done", None, _original(copied, view, goal) or copied)
        if verb == "cannot":
            return Action("cannot", None, copied)
        if not _of_this_role(answer):
            raise MalformedAction(answer, "no action of this role")
        return parse_action(_as_line(answer), view)
    verb, number, case, copied = found[1], int(found[2]), found[3], found[4] or ""
    item = view.elements.get(number)
    if item is None:
        raise MalformedAction(answer, f"nothing has the number {number}")
    if (verb == "click") == bool(copied):
        raise MalformedAction(answer, "a text belongs behind `type` and `select`, and nowhere else")
    if verb == "select":
        text = told_apart(item.options).get(copied, copied)
    else:
        text = _cased(_original(copied, view, goal) or copied, case)
    return Action(verb, number, text)


def _of_this_role(answer: str) -> bool:
    return answer in MOVES or answer.partition(" ")[0] in ("dialog", "press", "scroll")


def _original(copied: str, view: View, goal: str) -> str | None:
    """Copied text as it is spelled where it was copied from; None where it stands nowhere."""
    if BESIDE in copied and (cell := pairs_of(view).get(copied)) is not None:
        return cell
    found = (locate(copied, source) for source in sources_of(view, goal))
    return next((span.text for span in found if span), None)


def _cased(text: str, case: str | None) -> str:
    return text.upper() if case == "upper" else text.lower() if case == "lower" else text


def write_browse(action: Action, view: View, goal: str) -> str:
    """The answer that `read_browse` reads back; what a model is trained to say.

    Raises:
        ValueError: The text of the action cannot be copied from the goal or the page.
    """
    if action.target is None:
        text = f" = {_copy(action.text, view, goal)}" if action.verb == "done" and action.text else ""
        return f"{action.verb}{text}" if action.verb in ("done", "cannot") else action.line().lower()
    said = f"{action.verb} {_called(view.elements[action.target], labels_of(view))}"
    if action.verb == "click":
        return said
    if action.verb == "select":
        return f"{said} = {option_name(action.text, view.elements[action.target].options)}"
    copy = _copy(action.text, view, goal)
    for case in ("", *CASES):
        read = _original(copy, view, goal)
        if read is not None and _cased(read, case) == action.text:
            return f"{said}{f' {case}' if case else ''} = {copy}"
    raise ValueError(f"{action.text!r} stands neither in the goal nor on the page")


class Course:
    """The way towards one goal so far: what was done, what had no effect where, what is to be asked next.

    An action without effect is not offered again on the same page, and a `done` right behind one is refused
    once: whoever acts has to be told what came of it (`came`), or everything reads as if it had gone well.
    """

    def __init__(self, goal: str) -> None:
        self.goal = goal
        self._history: list[Done] = []
        self._spent: dict[str, set[str]] = {}
        self._failed = self._refused = False

    def ask(self, view: View) -> Question:
        """The question about this page."""
        return ask_browse(view, self._history, self.goal, self._spent.get(view.text(), ()))

    def refuses(self, action: Action) -> bool:
        """Whether the goal cannot count as reached by this word; then it is to be asked again."""
        if action.verb != "done" or not self._failed or self._refused:
            return False
        self._refused = True
        self._history.append(Done("done", "refused: the last action had no effect"))
        return True

    def came(self, action: Action, view: View, code: str = "ok") -> None:
        """Note an action that was taken on `view`, and the code of its result."""
        self._history.append(did(action, view, code))
        self._failed = code in NOT_DONE
        if self._failed:
            self._spent.setdefault(view.text(), set()).add(action.line())

    def note(self, said: Done) -> None:
        """Note what the model is to be told besides."""
        self._history.append(said)


def _copy(text: str, view: View, goal: str) -> str:
    """A text as an answer copies it: a cell that the goal does not say with the cell before it."""
    if locate(fold(text), goal) is None:
        return next((pair for pair, cell in pairs_of(view).items() if cell == text), fold(text))
    return fold(text)


def did(action: Action, view: View, code: str = "ok") -> Done:
    """An action as later questions tell of it: what was said, with the name it had then."""
    item = None if action.target is None else view.elements.get(action.target)
    if item is None:
        return Done(action.line().lower(), code)
    text = f" = {option_name(action.text, item.options)}" if action.text else ""
    return Done(f"{action.verb} {_called(item, labels_of(view))}{text}", code)

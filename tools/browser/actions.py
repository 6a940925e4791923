"""The closed set of browser actions: their text form, their parser, and their grammar for one view.

The grammar is rebuilt for every view, so a number that is not on the page, typing into a button, or acting
on the page while a dialog waits cannot be decoded. One action is one line; text runs to the end of the line
(`\\n` and `\\\\` are the two escapes).

There are two sets. The plain one is what a small model learns. The full one has more verbs and, for some
plain verbs, more arguments; whoever wants it says `full=True`, to the grammar and to the parser.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .view import TEXT_ROLES, Element, View

VERBS = (
    "click", "type", "select", "press", "scroll", "back", "goto", "find", "read", "wait", "dialog", "done",
    "cannot",
)  # fmt: skip
"""The plain set."""

ALL_VERBS = (*VERBS, "keys", "hover", "drag", "upload", "tab")
"""The full set."""

KEYS = ("Enter", "Tab", "Escape", "Backspace", "Delete", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight")
DIRECTIONS = ("up", "down", "top", "bottom")
SEVERAL = " | "
"""Between the options of a `select` that names several, as a view prints them."""

BACKSLASH = "\\"

ON_THINGS = ("click", "type", "select", "keys", "hover", "drag", "upload")
"""Verbs that take a thing of the page."""

WITH_ENTER = "+enter"
"""Behind `type` and `keys`: press Enter afterwards."""


@dataclass(frozen=True)
class Action:
    """One browser action.

    Attributes:
        verb: One of `ALL_VERBS`.
        target: The element's number in the view it was chosen from, where the verb takes one.
        text: The argument: text to type, option, key, direction, address, file, tab, answer or reason.
        to: The number of the element that `drag` ends on.
        enter: `type` and `keys` press Enter afterwards.
    """

    verb: str
    target: int | None = None
    text: str = ""
    to: int | None = None
    enter: bool = False

    def line(self) -> str:
        """The action as one line of text; `parse_action` reads it back."""
        text = _escaped(self.text)
        numbers = [str(number) for number in (self.target, self.to) if number is not None]
        verb = f"{self.verb}{WITH_ENTER}" if self.enter else self.verb
        return " ".join([verb, *numbers, *([text] if text else [])])


class MalformedAction(ValueError):
    """A line that is no action of this view. Carries the line and why."""

    def __init__(self, line: str, why: str, verbs: Sequence[str] = VERBS) -> None:
        self.line, self.why = line, why
        super().__init__(f"{line!r} is not an action of this view: {why}. Actions: {', '.join(verbs)}.")


def parse_action(line: str, view: View | None = None, *, full: bool = False) -> Action:
    """Read one action line; with `view`, numbers are checked against it.

    Args:
        line: The line.
        view: What numbers must be in; None checks none.
        full: Read the full set of actions; else the plain one.

    Raises:
        MalformedAction: Unknown verb, missing or dead number, or an argument that the verb does not take.
    """
    try:
        return _Reader(view, full).read(line)
    except _Wrong as error:
        raise MalformedAction(line, str(error), ALL_VERBS if full else VERBS) from None


def checked(action: Action) -> Action:
    """The action, if its verb is one and takes what it has.

    Raises:
        MalformedAction: It does not.
    """
    numbers: tuple[object, ...] = (action.target, action.to)
    if any(number is not None and type(number) is not int for number in numbers):
        raise MalformedAction(str(action), "things are named by their numbers", ALL_VERBS)
    if type(action.text) is not str:
        raise MalformedAction(str(action), f"{action.text!r} is no text", ALL_VERBS)
    any_text = action.verb in ("type", "keys")  # none empties a field, which a line cannot say
    parse_action((replace(action, text="x") if any_text else action).line(), full=True)
    return action


class _Wrong(Exception):
    """Why a line is no action."""


class _Reader:
    """Reads lines of one view."""

    def __init__(self, view: View | None, full: bool) -> None:
        self._view, self._full = view, full

    def read(self, line: str) -> Action:
        word, _, rest = line.strip().partition(" ")
        verb = word.removesuffix(WITH_ENTER) if self._full else word
        enter = verb != word
        if verb not in (ALL_VERBS if self._full else VERBS) or (enter and verb not in ("type", "keys")):
            raise _Wrong(f"unknown verb {word!r}")
        rest = rest.strip()
        if self._view is not None and self._view.dialog is not None and verb in ON_THINGS:
            raise _Wrong("a dialog is open: answer it first, with dialog accept or dialog dismiss")
        if verb in ("click", "type", "select", "keys", "hover", "upload") or (verb == "read" and rest):
            number, text = self._number(verb, rest)
            if verb in ("type", "select", "keys", "upload") and not text:
                raise _Wrong(f"{verb} takes text after the number")
            if verb == "hover" and text:
                raise _Wrong("hover takes nothing after the number")
            return Action(verb, number, _unescape(text), enter=enter)
        if verb == "drag":
            number, text = self._number(verb, rest)
            to, text = self._number(verb, text)
            if text:
                raise _Wrong("drag takes two numbers")
            return Action(verb, number, "", to)
        return self._without_element(verb, rest)

    def _without_element(self, verb: str, rest: str) -> Action:
        if verb == "scroll" and self._full:
            return self._scroll(rest)
        if verb == "dialog" and self._full and rest.startswith("accept "):
            return Action(verb, None, f"accept {_unescape(rest.removeprefix('accept ').strip())}")
        allowed = {"press": KEYS, "scroll": ("up", "down"), "dialog": ("accept", "dismiss")}.get(verb)
        if allowed is not None and rest not in allowed:
            raise _Wrong(f"{verb} takes one of {', '.join(allowed)}")
        if verb == "tab" and not (rest in ("", "close") or (_is_number(rest) and int(rest) > 0)):
            raise _Wrong("tab takes nothing, a tab's number or close")
        if verb in ("goto", "find", "cannot") and not rest:
            raise _Wrong(f"{verb} takes text")
        if verb == "wait" and rest and not rest.strip("\"' "):
            raise _Wrong("wait takes some text, or milliseconds")
        if (verb == "back" or (verb == "wait" and not self._full)) and rest:
            raise _Wrong(f"{verb} takes nothing")
        return Action(verb, None, _unescape(rest))

    def _scroll(self, rest: str) -> Action:
        number, direction = None, rest.removeprefix("page ").strip()
        if _is_number(rest.partition(" ")[0]):
            number, direction = self._number("scroll", rest)
        if direction not in DIRECTIONS:
            raise _Wrong(
                f"scroll takes an element's number, page or nothing, then one of {', '.join(DIRECTIONS)}"
            )
        return Action("scroll", number, direction)

    def _number(self, verb: str, rest: str) -> tuple[int, str]:
        """The number that `rest` begins with, and what follows it."""
        number, _, text = rest.partition(" ")
        if not _is_number(number):
            raise _Wrong(f"{verb} takes an element's number first")
        if self._view is not None and int(number) not in self._view.elements:
            raise _Wrong(f"there is no element {number} in this view")
        return int(number), text.strip()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def unquoted(text: str) -> str:
    """Text without the quotes that may stand around the argument of `wait` and `dialog accept`."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _unescape(text: str) -> str:
    return text.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")


def action_grammar(
    view: View,
    *,
    spans: Sequence[str] = (),
    answers: Sequence[str] | None = None,
    reasons: Sequence[str] = (),
    origins: Sequence[str] = (),
    keys: Sequence[str] = KEYS,
    verbs: Sequence[str] | None = None,
    full: bool = False,
    files: Sequence[str] = (),
    tabs: int = 1,
) -> str:
    """Lark grammar (llguidance dialect) of the actions that are legal in `view`.

    Args:
        view: Numbers, editable fields, options and the open dialog come from here.
        spans: Sources of text arguments. With some, typed and returned text is a run of whole words of one of
            them (copying); without, it is free text on one line.
        answers: What `done` may return; None: the same text as typing; empty: `done` stands alone.
        reasons: The reasons that `cannot` may give; free text when empty.
        origins: Address prefixes that `goto` may start with; without any, `goto` is left out.
        keys: The keys that `press` may name.
        verbs: Which verbs to allow; all of the set when None. `dialog` is allowed exactly when one is open.
        full: The full set of actions, to be read with `parse_action(..., full=True)`; else the plain one.
        files: Names that `upload` may give; without any, `upload` is left out.
        tabs: How many tabs are open; with one, `tab` is left out.

    Raises:
        ValueError: `verbs` names one that the set does not have.
    """
    known = ALL_VERBS if full else VERBS
    chosen = known if verbs is None else tuple(verbs)
    if unknown := [verb for verb in chosen if verb not in known]:
        raise ValueError(f"{unknown!r} are no verbs of this set ({', '.join(known)}); full=True has more")
    rules: list[str] = []
    if view.dialog is not None:
        rules += _dialog_rules(view, chosen, full)
    else:
        elements = [element for element in view.elements.values() if not element.disabled]
        rules += _element_rules(elements, chosen, full)
        rules += _more_rules(elements, chosen, files, tabs) if full else []
        if "goto" in chosen and origins:
            rules.append(f'"goto " ({_choice(origins)}) /[!-~]*/')
        if "press" in chosen and keys:
            rules.append(f'"press " ({_choice(keys)})')
        if "find" in chosen:
            rules.append('"find" SPAN')
        rules += [f'"{verb}"' for verb in ("back", "wait", "read") if verb in chosen]
        if "scroll" in chosen:
            rules.append('"scroll down" | "scroll up"')
    if "done" in chosen and view.dialog is None:
        returned = '"done" SPAN' if answers is None else f'"done " ({_choice(answers)})'
        rules.append('"done"' if answers == () else f'"done" | {returned}')
    if "cannot" in chosen:
        rules.append(f'"cannot " ({_choice(reasons)})' if reasons else '"cannot " /[^\\n]{1,80}/')
    copied = [span.replace(BACKSLASH, BACKSLASH * 2) for span in spans]
    return f"start: {' | '.join(rules)}\n{span_terminal(copied)}"


def _dialog_rules(view: View, verbs: Sequence[str], full: bool) -> list[str]:
    rules = ['"dialog accept" | "dialog dismiss"']
    if full and view.dialog is not None and view.dialog.kind == "prompt":
        rules.append('"dialog accept" SPAN')
    return [*rules, '"tab close"'] if full and "tab" in verbs else rules


def _element_rules(elements: Sequence[Element], verbs: Sequence[str], full: bool) -> list[str]:
    """What can be done to single elements in both sets."""
    rules: list[str] = []
    clickable = _numbers(elements)
    editable = _numbers(
        [item for item in elements if item.role in TEXT_ROLES and not (full and item.role == "file")]
    )
    if "click" in verbs and clickable:
        rules.append(f'"click " ({clickable})')
    if "type" in verbs and editable:
        rules.append(f'"type " ({editable}) SPAN')
    for item in elements if "select" in verbs else ():
        if item.role == "select" and item.options:
            options = f"({_choice(map(_escaped, item.options))})"
            more = f" ({json.dumps(SEVERAL)} {options})*" if full else ""
            rules.append(f'"select {item.number} " {options}{more}')
    if full and editable:
        with_enter = [f"{verb}{WITH_ENTER}" for verb in ("type", "keys") if verb in verbs]
        said = [*with_enter, *(["keys"] if "keys" in verbs else [])]
        rules += [f'"{verb} " ({editable}) SPAN' for verb in said]
    return rules


def _more_rules(
    elements: Sequence[Element], verbs: Sequence[str], files: Sequence[str], tabs: int
) -> list[str]:
    """What only the full set has."""
    rules: list[str] = []
    numbers = _numbers(elements)
    directions = _choice(DIRECTIONS)
    if "hover" in verbs and numbers:
        rules.append(f'"hover " ({numbers})')
    if "drag" in verbs and len(elements) > 1:
        rules.append(f'"drag " ({numbers}) " " ({numbers})')
    choosing = [item for item in elements if item.role == "file"] or [
        item for item in elements if item.role in ("button", "other")
    ]
    if "upload" in verbs and files and choosing:
        rules.append(f'"upload " ({_numbers(choosing)}) " " ({_choice(map(_escaped, files))})')
    if "scroll" in verbs:
        rules.append('"scroll top" | "scroll bottom"')
        rules += [f'"scroll " ({numbers}) " " ({directions})'] if numbers else []
    if "wait" in verbs:
        rules.append('"wait " /[1-9][0-9]{0,3}/ | "wait" SPAN')
    if "read" in verbs and numbers:
        rules.append(f'"read " ({numbers})')
    if "tab" in verbs and tabs > 1:
        rules.append(f'"tab " ({_choice(map(str, range(1, tabs + 1)))}) | "tab close"')
    return rules


def _numbers(elements: Iterable[Element]) -> str:
    return _choice(str(element.number) for element in elements)


def span_terminal(spans: Sequence[str]) -> str:
    """The terminal `SPAN`: a space, then whole words copied from one of `spans`; free text without any."""
    sources = [json.dumps([f" {word}" for word in span.split()]) for span in spans if span.split()]
    if not sources:
        return "SPAN: / [^\\n]{1,400}/\n"
    pieces = "\n".join(
        f'COPY{index}: %regex {{ "substring_chunks": {source} }}' for index, source in enumerate(sources)
    )
    return f"{pieces}\nSPAN: ({' | '.join(f'COPY{index}' for index in range(len(sources)))}) & /.+/\n"


def _escaped(text: str) -> str:
    """`text` as it stands in the line of an action, which `parse_action` reads back."""
    return text.replace(BACKSLASH, BACKSLASH * 2).replace("\n", "\\n")


def _choice(items: Iterable[str]) -> str:
    return " | ".join(json.dumps(item, ensure_ascii=False) for item in items)

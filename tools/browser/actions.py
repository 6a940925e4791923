"""The closed set of browser actions: their text form, their parser, and their grammar for one view.

The grammar is rebuilt for every view, so a number that is not on the page, typing into a button, or acting
on the page while a dialog waits cannot be decoded. One action is one line; text runs to the end of the line
(`\\n` and `\\\\` are the two escapes).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .view import TEXT_ROLES, View

VERBS = (
    "click", "type", "select", "press", "scroll", "back", "goto", "find", "read", "wait", "dialog", "done",
    "cannot",
)  # fmt: skip
KEYS = ("Enter", "Tab", "Escape", "Backspace", "Delete", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight")


@dataclass(frozen=True)
class Action:
    """One browser action.

    Attributes:
        verb: One of `VERBS`.
        target: The element's number in the view it was chosen from, where the verb takes one.
        text: The argument: text to type, option, key, direction, address, answer or reason.
    """

    verb: str
    target: int | None = None
    text: str = ""

    def line(self) -> str:
        """The action as one line of text; `parse_action` reads it back."""
        target = "" if self.target is None else f" {self.target}"
        text = self.text.replace("\\", "\\\\").replace("\n", "\\n")
        return f"{self.verb}{target}{' ' + text if text else ''}"


class MalformedAction(ValueError):
    """A line that is no action of this view. Carries the line and why."""

    def __init__(self, line: str, why: str) -> None:
        self.line, self.why = line, why
        super().__init__(f"{line!r} is not an action of this view: {why}. Actions: {', '.join(VERBS)}.")


def parse_action(line: str, view: View | None = None) -> Action:
    """Read one action line; with `view`, numbers are checked against it.

    Raises:
        MalformedAction: Unknown verb, missing or dead number, or an argument that the verb does not take.
    """
    verb, _, rest = line.strip().partition(" ")
    if verb not in VERBS:
        raise MalformedAction(line, f"unknown verb {verb!r}")
    rest = rest.strip()
    if verb in ("click", "type", "select") or (verb == "read" and rest):
        number, _, text = rest.partition(" ")
        if not number.isdigit():
            raise MalformedAction(line, f"{verb} takes an element's number first")
        if view is not None and int(number) not in view.elements:
            raise MalformedAction(line, f"there is no element {number} in this view")
        if verb in ("type", "select") and not text.strip():
            raise MalformedAction(line, f"{verb} takes text after the number")
        return Action(verb, int(number), _unescape(text.strip()))
    allowed = {"press": KEYS, "scroll": ("up", "down"), "dialog": ("accept", "dismiss")}.get(verb)
    if allowed is not None and rest not in allowed:
        raise MalformedAction(line, f"{verb} takes one of {', '.join(allowed)}")
    if verb in ("goto", "find", "cannot") and not rest:
        raise MalformedAction(line, f"{verb} takes text")
    if verb in ("back", "wait") and rest:
        raise MalformedAction(line, f"{verb} takes nothing")
    return Action(verb, None, _unescape(rest))


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
    verbs: Sequence[str] = VERBS,
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
        verbs: Which verbs to allow; `dialog` is allowed exactly when a dialog is open.
    """
    rules: list[str] = []
    if view.dialog is not None:
        rules.append('"dialog accept" | "dialog dismiss"')
    else:
        elements = [element for element in view.elements.values() if not element.disabled]
        clickable = [element.number for element in elements]
        editable = [element.number for element in elements if element.role in TEXT_ROLES]
        if "click" in verbs and clickable:
            rules.append(f'"click " ({_choice(map(str, clickable))})')
        if "type" in verbs and editable:
            rules.append(f'"type " ({_choice(map(str, editable))}) SPAN')
        if "select" in verbs:
            rules += [
                f'"select {element.number} " ({_choice(element.options)})'
                for element in elements
                if element.role == "select" and element.options
            ]
        if "goto" in verbs and origins:
            rules.append(f'"goto " ({_choice(origins)}) /[!-~]*/')
        if "press" in verbs and keys:
            rules.append(f'"press " ({_choice(keys)})')
        if "find" in verbs:
            rules.append('"find" SPAN')
        rules += [f'"{verb}"' for verb in ("back", "wait", "read") if verb in verbs]
        if "scroll" in verbs:
            rules.append('"scroll down" | "scroll up"')
    if "done" in verbs and view.dialog is None:
        returned = '"done" SPAN' if answers is None else f'"done " ({_choice(answers)})'
        rules.append('"done"' if answers == () else f'"done" | {returned}')
    if "cannot" in verbs:
        rules.append(f'"cannot " ({_choice(reasons)})' if reasons else '"cannot " /[^\\n]{1,80}/')
    return f"start: {' | '.join(rules)}\n{span_terminal(spans)}"


def span_terminal(spans: Sequence[str]) -> str:
    """The terminal `SPAN`: a space, then whole words copied from one of `spans`; free text without any."""
    sources = [json.dumps([f" {word}" for word in span.split()]) for span in spans if span.split()]
    if not sources:
        return "SPAN: / [^\\n]{1,400}/\n"
    pieces = "\n".join(
        f'COPY{index}: %regex {{ "substring_chunks": {source} }}' for index, source in enumerate(sources)
    )
    return f"{pieces}\nSPAN: ({' | '.join(f'COPY{index}' for index in range(len(sources)))}) & /.+/\n"


def _choice(items: Iterable[str]) -> str:
    return " | ".join(json.dumps(item, ensure_ascii=False) for item in items)

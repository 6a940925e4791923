"""What a person is told of a page that is driven by hand: its lines, what can be done, what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...tools.browser.actions import DIRECTIONS, KEYS, WITH_ENTER
from ...tools.browser.gates import WORDS, gates_in
from ...tools.browser.results import ActionResult
from ...tools.browser.view import TEXT_ROLES, Element, View
from ...tools.permissions import Call

Piece = tuple[int | None, str]
"""Text of a line, and the number of the thing that it is about."""


def pieces_of(view: View) -> list[list[Piece]]:
    """The view's text, line by line, cut where things begin and end."""
    known: dict[str, list[Piece]] = {}
    for line, text in zip(view.lines, view.printed(), strict=True):
        pieces: list[Piece] = []
        for part in line:
            if pieces:
                pieces.append((None, " | "))
            number = part.number if isinstance(part, Element) else None
            pieces.append((number, part.text() if isinstance(part, Element) else part))
        told = "".join(piece for _, piece in pieces)
        if text != told:  # a line of text has a dash before it
            pieces.insert(0, (None, text.removesuffix(told)))
        known[text] = pieces
    return [known.get(text, [(None, text)]) for text in view.text().split("\n")]


def beginnings(view: View, *, full: bool, files: Sequence[str] = (), tabs: int = 1) -> list[str]:
    """The actions that a view allows, as its grammar has them; one that ends in a space takes text."""
    if view.dialog is not None:
        found = ["dialog accept", "dialog dismiss"]
        if full:
            found += (["dialog accept "] if view.dialog.kind == "prompt" else []) + ["tab close"]
        return [*found, "cannot "]
    things = [element for element in view.elements.values() if not element.disabled]
    found = [line for element in things for line in _for(element, full)]
    found += [f"upload {number} {name}" for number in _choosing(things) for name in files if full]
    found += [f"press {key}" for key in KEYS]
    found += [f"scroll {where}" for where in (DIRECTIONS if full else DIRECTIONS[:2])]
    found += ["find ", "read", "wait", *(["wait "] if full else []), "back", "goto "]
    if full and tabs > 1:
        found += [*(f"tab {number}" for number in range(1, tabs + 1)), "tab close"]
    return [*found, "done", "done ", "cannot "]


def _choosing(things: Sequence[Element]) -> list[int]:
    """Where files are chosen: file fields, else whatever a page may ask for one from."""
    fields = [element.number for element in things if element.role == "file"]
    return fields or [element.number for element in things if element.role in ("button", "other")]


def _for(element: Element, full: bool) -> Iterator[str]:
    number = element.number
    if element.role in TEXT_ROLES and not (full and element.role == "file"):
        yield f"type {number} "
        if full:
            yield from (f"type{WITH_ENTER} {number} ", f"keys {number} ", f"keys{WITH_ENTER} {number} ")
    if element.role == "select":
        yield from (f"select {number} {option}" for option in element.options)
    yield f"click {number}"
    if full:
        yield from (f"hover {number}", f"drag {number} ", f"read {number}")
        yield from (f"scroll {number} {where}" for where in DIRECTIONS)


def first_of(element: Element, full: bool) -> str:
    """What one most likely wants to do with a thing: the beginning of its line."""
    if element.role == "file" and full:
        return f"upload {element.number} "
    if element.role in TEXT_ROLES:
        return f"type {element.number} "
    return f"select {element.number} " if element.role == "select" else f"click {element.number}"


def outcome_of(result: ActionResult) -> list[tuple[str, str]]:
    """What an action came to, besides its code: a word and a text for each thing that was seen."""
    effect = result.effect
    rows = [("why", result.message), ("hint", result.hint)]
    rows += [
        ("address", "changed" if effect.url_changed else ""),
        ("tab", "another" if effect.new_tab else ""),
    ]
    rows += [("page", "changed" if effect.dom_changed else "")]
    if effect.value_after is not None:
        rows.append(("field", effect.value_after or "(empty)"))
    if effect.dialog is not None:
        rows.append(("dialog", f"{effect.dialog.kind}: {effect.dialog.message}"))
    if effect.focus is not None:
        rows.append(("keyboard", effect.focus or "nowhere"))
    if effect.download is not None:
        file = effect.download
        kept = f"not kept: {file.problem}" if file.problem else f"{file.size} bytes at {file.path}"
        rows.append(("file", f"{file.name}, {kept}"))
    rows += [*(("new", line) for line in effect.new), *(("gone", line) for line in effect.gone)]
    rows += [("console", line) for line in effect.console_errors]
    return [(word, text) for word, text in [*rows, ("found", result.text)] if text]


def question_of(call: Call) -> tuple[str, str, str]:
    """What a gate asks a person: what the action does, the action, and where it is done."""
    gates = gates_in(str(call.arguments.get("gate", "")))
    words = ", and ".join(WORDS[gate] for gate in gates) or f"this is {call.effect}"
    return words, str(call.arguments.get("action", "")), str(call.arguments.get("url", ""))

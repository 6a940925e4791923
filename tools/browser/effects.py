"""What an action came to: the page before against the page after, and what the network said meanwhile."""

from __future__ import annotations

from collections import Counter

from .actions import Action
from .observer import Seen
from .results import Code, Effect
from .tab import Tab
from .view import clip

Failure = tuple[Code, str]

NEW_LINES = 20
NEEDS_CHANGE = ("click", "press", "scroll", "back", "wait", "hover", "drag", "goto")


def outside(address: str) -> Failure:
    """The failure of going to an address that the fence does not allow."""
    return "blocked_origin", f"{clip(address, 80)} is outside the allowed sites"


def failure_of(tab: Tab, effect: Effect) -> Failure | None:
    """What the network, or a file that was sent, says of the action."""
    if tab.blocked is not None:
        return outside(tab.blocked)
    if tab.unreachable is not None:
        return "unreachable", tab.unreachable
    file = effect.download
    return None if file is None or not file.problem else ("not_kept", f"{file.name}: {file.problem}")


def idle(action: Action, tab: Tab, effect: Effect, moved: bool) -> Failure | None:
    """Whether an action that is meant to change something changed nothing."""
    changed = moved or effect.dom_changed or effect.url_changed or effect.new_tab or effect.dialog is not None
    file = effect.download
    came = file is not None and (action.verb == "wait" or not file.late)
    if action.verb not in NEEDS_CHANGE or changed or came:
        return None
    return ("no_effect", "nothing changed") if tab.refused is None else outside(tab.refused)


def still(before: Seen | None, after: Seen | None, action: Action) -> bool:
    """Whether nothing is seen yet of an action that is meant to change something."""
    seen, moved = compare(before, after, action.verb)
    waits = action.verb in NEEDS_CHANGE and action.verb != "wait"
    return waits and after is not None and not seen.dom_changed and not moved


def compare(before: Seen | None, after: Seen | None, verb: str) -> tuple[Effect, bool]:
    """What changed on the page, and whether the place in it did (scrolled, or the caret moved)."""
    if before is None or after is None:
        return Effect(), False
    was, now = before.texts(), after.texts()
    new = tuple((Counter(now) - Counter(was)).elements())
    gone = tuple((Counter(was) - Counter(now)).elements())
    same_document = before.url.partition("#")[0] == after.url.partition("#")[0]
    changed = before.state() != after.state() or (same_document and before.changes != after.changes)
    refocused = before.focus != after.focus and (verb == "press" or after.focus.startswith("field:"))
    moved = before.scroll != after.scroll or refocused
    focus = after.focus.split(":", 2)[-1] if before.focus != after.focus else None
    return Effect(dom_changed=changed, new=new[:NEW_LINES], gone=gone[:NEW_LINES], focus=focus), moved

"""What an action did to a page: a typed code and the effect that was seen. Evidence, not narration."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Literal

from pydantic_core import to_jsonable_python

from .actions import Action
from .view import Dialog, View, clip

Code = Literal[
    "ok", "no_effect", "stale_ref", "covered", "not_visible", "disabled", "not_editable", "bad_option",
    "value_differs", "blocked_origin", "needs_approval", "secret_refused", "dialog_open", "timeout",
    "unreachable", "crashed", "bad_file", "not_kept",
]  # fmt: skip
"""`ok`: done, and something changed. `no_effect`: done, and nothing changed. Others: not done, or not so."""

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

MESSAGE_LIMIT = 160
HINT_LIMIT = 60
SECRET = re.compile(r"secret:([A-Za-z][\w-]*)\s*")
MASK = "••••••"


@dataclass(frozen=True)
class Download:
    """A file that the page sent.

    Attributes:
        name: What it is called in the quarantine folder; made of the page's proposal, cleaned.
        size: Bytes that arrived.
        path: Where it is; empty when it was not kept.
        problem: Why it was not kept; empty when it was.
        late: It is due to an action before this one.
    """

    name: str
    size: int = 0
    path: str = ""
    problem: str = ""
    late: bool = False


@dataclass(frozen=True)
class Effect:
    """What was seen to change between just before an action and when the page was quiet again.

    Attributes:
        url_changed: The address is another one.
        dom_changed: Something on the page changed: its nodes, its visible lines or a field's value.
        new, gone: Text lines that appeared or went away, in reading order, at most 20 each.
        value_after: What the field that was acted on holds afterwards; bullets for a password.
        dialog: The dialog that the action opened and that waits for an answer.
        new_tab: Another tab is the current one now: a new one, or the one before when this one closed.
        focus: The name of what has the keyboard afterwards, where the action moved it; None where not.
        download: The file that the action led to, kept or not.
        console_errors: What the page's scripts complained about meanwhile, at most 5 lines.
        ms: Milliseconds the action took, settling included.
    """

    url_changed: bool = False
    dom_changed: bool = False
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    value_after: str | None = None
    dialog: Dialog | None = None
    new_tab: bool = False
    focus: str | None = None
    download: Download | None = None
    console_errors: tuple[str, ...] = ()
    ms: float = 0.0


@dataclass(frozen=True)
class ActionResult:
    """The outcome of one action.

    Attributes:
        ok: The action was carried out and had the effect its verb promises.
        code: Why not, in one word; `ok` otherwise.
        message: One sentence, at most 160 characters, safe to show to a model; may be empty.
        effect: What changed.
        text: What `read` and `find` found, and the open tabs that `tab` lists; empty for other verbs.
        hint: What may help further, such as what an element that is gone may have become; not in `line()`.
        did: The action in words that outlive the page, as `in_words` says it.
    """

    ok: bool
    code: Code
    message: str = ""
    effect: Effect = Effect()
    text: str = ""
    hint: str = ""
    did: str = ""

    def line(self) -> str:
        """One short line for a model's history."""
        if self.effect.dialog is not None and self.code != "needs_approval":
            return f"dialog {self.effect.dialog.kind}: {clip(self.effect.dialog.message)}"
        if self.code == "no_effect":
            return "no effect"
        if not self.ok:
            return f"{self.code}: {self.message}" if self.message else self.code
        if self.effect.download is not None:
            return f"ok: downloaded {clip(self.effect.download.name, HINT_LIMIT)}"
        if self.effect.new and not self.effect.url_changed and not self.effect.new_tab:
            return f"ok: {clip(self.effect.new[0], HINT_LIMIT)}"
        return "ok"


def since(begun: float) -> float:
    """Milliseconds since a `perf_counter` time."""
    return round((perf_counter() - begun) * 1000, 1)


def refused(code: Code, message: str = "", ms: float = 0.0) -> ActionResult:
    """A result of an action that was not carried out."""
    return ActionResult(False, code, clip(message, MESSAGE_LIMIT), Effect(ms=ms))


def in_words(action: Action, view: View) -> str:
    """The action with the element's name, or role, in place of its number: `click Like`.

    What was typed is left out: it may be a secret.
    """
    names = [view.elements[number] for number in (action.target, action.to) if number in view.elements]
    words = [action.verb, *(element.name or element.role for element in names)]
    if action.text and action.verb not in ("type", "keys", "dialog"):
        words.append(action.text)
    if action.verb == "dialog":
        words.append(action.text.partition(" ")[0])
    return clip(" ".join(words))


def evidence(
    action: Action, result: ActionResult, view: View | None = None, secrets: Iterable[str] = ()
) -> dict[str, Json]:
    """An action and its result as JSON for a journal, without secrets.

    Covers: text typed into a password field of `view`, and every string of `secrets` wherever it occurs.
    Does not cover: a secret that the page shows in another spelling.
    """
    named = secret_name(action.text) is not None
    element = view.elements.get(action.target) if view is not None and action.target is not None else None
    typed = action.text
    hidden = [secret for secret in secrets if secret]
    if element is not None and element.role == "password" and action.verb in ("type", "keys") and not named:
        hidden.append(typed)
        typed = MASK
    described: dict[str, Json] = {"verb": action.verb, "target": action.target, "text": typed}
    if action.to is not None:
        described["to"] = action.to
    if action.enter:
        described["enter"] = True
    if element is not None:
        described["element"] = {"role": element.role, "name": element.name}
    body: dict[str, Json] = {"action": described, "result": to_jsonable_python(asdict(result))}
    masked = _masked(body, sorted(hidden, key=len, reverse=True))
    return masked if isinstance(masked, dict) else {}


def secret_name(text: str) -> str | None:
    """The name in `secret:NAME`; None where a text names no secret."""
    found = SECRET.fullmatch(text)
    return None if found is None else found[1]


def _masked(value: Json, secrets: list[str]) -> Json:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, list):
        return [_masked(item, secrets) for item in value]
    if isinstance(value, dict):
        return {key: _masked(item, secrets) for key, item in value.items()}
    return value

"""Criteria that look at the world by themselves: a file, a command, an HTTP answer, a page.

    Spec([
        file_is("out/report.pdf", sha256=EXPECTED),
        file_has("out/notes.txt", "green mugs"),
        command_exits(["python", "-m", "pytest", "-q"], cwd="project", timeout=300),
        http_answers("http://127.0.0.1:8000/orders/17", json={"status": "paid"}),
        page_shows("Thank you"),
        field_has("Delivery", "Express"),
    ])

Each is a `ToolCheck`; the tools that it calls are built in (`reading`), so no worker has to bring them.

What becomes of a look that shows nothing: what the look itself proves to be absent is a fail (no file of
that name, another status), since a redo can mend it. What kept the look from being made is `cannot_check`
(no permission, no such program, a refused connection, no answer in time, more than is read), since that
says nothing about the work. `http_answers(..., must_be_up=True)` is for work whose point is that something
answers: there a refused connection is a fail.

**`command_exits` runs a program on the user's machine with the user's rights**, and no permission rule is
asked, since a spec comes from the user alone. Never make its argument list of what a model or a page said.

Values that a criterion must not pass are planted with `dataclasses.replace(criterion, must_refuse=[...])`;
what a built-in tool returns stands in `reading`.

Does not cover: sandboxing, a login at an HTTP service, and pages longer than the verifier's look at them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from pydantic import JsonValue

from ...protocols.spec import ToolCall, ToolCheck, brief
from ..wording import fold, places
from .checks import Page, facts, typed
from .criteria import look
from .reading import COMMAND, FILE, HTTP

Expect = str | Callable[[str], bool | str | None]
"""Words that must occur in a text, or a function of the text as in `Check`."""

SAFE_METHODS = ("GET", "HEAD")


def file_is(path: str, *, sha256: str, name: str = "", required: bool = True) -> ToolCheck:
    """The file at `path` has these bytes.

    Args:
        path: Absolute, or relative to the folder in which the run's process works.
        sha256: 64 hex digits, as `sha256sum` prints them.

    Raises:
        ValueError: `sha256` is no such hash.
    """
    wanted = sha256.lower()
    if len(wanted) != 64 or not set(wanted) <= set("0123456789abcdef"):
        raise ValueError(f"{sha256!r} is no sha256: it has 64 hex digits, as `sha256sum {path}` prints them")
    call = ToolCall(FILE, {"path": path})
    return ToolCheck(name or f"{path} is {wanted[:12]}", call, partial(_has_hash, wanted), required)


def file_has(path: str, expect: Expect, *, name: str = "", required: bool = True) -> ToolCheck:
    """The file at `path` is UTF-8 text that has these words, or of which `expect` says yes."""
    call = ToolCall(FILE, {"path": path, "text": True})
    what = f"has {expect!r}" if isinstance(expect, str) else "has what it must"
    return ToolCheck(name or f"{path} {what}", call, partial(_file_text, expect), required)


def command_exits(
    argv: Sequence[str],
    *,
    code: int = 0,
    cwd: str = "",
    timeout: float = 60.0,
    name: str = "",
    required: bool = True,
) -> ToolCheck:
    """A command, run on this machine with the user's rights and without a shell, ends with this exit code.

    It reads nothing and may print what it likes; its last lines are quoted. What it leaves running in its
    process group is killed.

    Args:
        argv: The program and its arguments, each a string of its own.
        cwd: Folder to run it in; empty is the process's own.
        timeout: Seconds, above 0; when they are over it is killed and the criterion could not be checked.

    Raises:
        ValueError: There is no program, `argv` is one string, or `timeout` is not above 0.
    """
    if isinstance(argv, str) or not argv or not argv[0]:
        raise ValueError(f"argv is {argv!r}; give a list of program and arguments: ['make', 'test']")
    if not timeout > 0:
        raise ValueError(f"timeout is {timeout!r} s; a command needs more than 0")
    call = ToolCall(COMMAND, {"argv": list(argv), "cwd": cwd, "timeout": timeout})
    shown = " ".join(argv)
    return ToolCheck(name or f"`{brief(shown)}` exits {code}", call, partial(_exits, code), required)


def http_answers(
    url: str,
    *,
    status: int = 200,
    text: Expect | None = None,
    json: JsonValue | Callable[[Any], bool | str | None] = None,
    method: str = "GET",
    any_method: bool = False,
    must_be_up: bool = False,
    timeout: float = 10.0,
    name: str = "",
    required: bool = True,
) -> ToolCheck:
    """An address answers with this status, and with these words or this JSON where any are named.

    Redirects are not followed: 302 is a status like another one.

    Args:
        json: The value that must come back, for an object the fields that must be in it; or a function of it.
            None: any content.
        any_method: Also allow methods other than GET and HEAD. A look is made once or more for each attempt:
            make sure that the service does not mind.
        must_be_up: A refused connection is a fail, rather than a look that could not be made.
        timeout: Seconds for the whole answer, above 0.

    Raises:
        ValueError: The address is none of http or https, `timeout` is not above 0, the method is not allowed,
            or a HEAD request is to have content.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no address of http:// or https://")
    if method.upper() not in SAFE_METHODS and not any_method:
        raise ValueError(
            f"{method!r} may change what it looks at. Use GET or HEAD, or say any_method=True if it is safe."
        )
    if method.upper() == "HEAD" and (text is not None or json is not None):
        raise ValueError("the answer to HEAD has no content; use GET to hold text or json against it")
    if not timeout > 0:
        raise ValueError(f"timeout is {timeout!r} s; an answer needs more than 0")
    args: dict[str, JsonValue] = {"url": url, "method": method.upper(), "timeout": timeout}
    call = ToolCall(HTTP, {**args, "must_be_up": must_be_up})
    expect = partial(_answers, status, text, json)
    return ToolCheck(name or f"{url} answers {status}", call, expect, required)


def page_shows(text: str, *, name: str = "", again: bool = True, required: bool = True) -> ToolCheck:
    """The page of the task shows these words next to one another, whatever their case and spacing.

    Args:
        again: Load the page anew. A form would lose what was typed into it: then False.

    Raises:
        ValueError: There is no word in `text`.
    """
    if not fold(text):
        raise ValueError(f"{text!r} has no word that a page could show")
    made = look(name or f"the page shows {text!r}", "", partial(_shows, text), again=again)
    return ToolCheck(made.name, made.call, made.expect, required)


def field_has(
    field: str, value: str, *, name: str = "", again: bool = True, required: bool = True
) -> ToolCheck:
    """A field of a form, or a row with a label (`Delivery | Express`), has this value and no other.

    Raises:
        ValueError: There is no word in `field`.
    """
    if not fold(field):
        raise ValueError(f"{field!r} has no word that could name a field")
    made = look(name or f"{field!r} is {value!r}", "", partial(_field_is, field, value), again=again)
    return ToolCheck(made.name, made.call, made.expect, required)


# --- what is held against what was seen --------------------------------------------------------------------


def _has_hash(wanted: str, seen: Mapping[str, Any]) -> bool | str | None:
    if not seen["exists"]:
        return f"there is no file {seen['path']}"
    return seen["sha256"] == wanted or f"its sha256 is {seen['sha256']}"


def _file_text(expect: Expect, seen: Mapping[str, Any]) -> bool | str | None:
    if not seen["exists"]:
        return f"there is no file {seen['path']}"
    return _text_is(expect, seen["text"], "the file")


def _text_is(expect: Expect, text: str, what: str) -> bool | str | None:
    if not isinstance(expect, str):
        return expect(text)
    return expect in text or f"{what} does not have {expect!r}"


def _exits(code: int, seen: Mapping[str, Any]) -> bool | str:
    if seen["code"] == code:
        return True
    said = (seen["error"] or seen["output"]).strip()
    return f"it exited with {seen['code']}, not {code}{': ' + said if said else ''}"


def _answers(status: int, text: Expect | None, json: Any, seen: Mapping[str, Any]) -> bool | str | None:
    if seen["status"] is None:
        return f"nothing answers at {seen['url']}"
    if seen["status"] != status:
        return f"it answered {seen['status']}, not {status}: {brief(seen['text'])}"
    if text is not None and (said := _text_is(text, seen["text"], "the answer")) is not True:
        return said
    if json is None:
        return True
    if "json" not in seen:
        return f"the answer is no JSON: {brief(seen['text'])}"
    if callable(json):
        return cast("Callable[[Any], bool | str | None]", json)(seen["json"])
    found = ToolCheck("json", ToolCall(HTTP), json).find(seen["json"])
    return found.outcome == "pass" or found.why


def _shows(text: str, page: Page) -> bool | str | None:
    """Nothing at all on a page is a page that did not load."""
    said = [*(cell for row in page.rows for cell in row), *(" ".join(row) for row in page.rows)]
    said += [page.title, *(value for _, _, value in page.fields), *page.links]
    if any(places(text, line) for line in said):
        return True
    return f"the page {page.path} does not show {text!r}" if page.rows else None


def _field_is(field: str, value: str, page: Page) -> bool | str | None:
    """A field that is not there may have another name; several of one name that disagree tell nothing."""
    ticks = [(name, (state,)) for role, name, state in page.fields if role in ("checkbox", "radio")]
    roles = {role for role, _, _ in page.fields} - {"checkbox", "radio"}
    named = [
        fold(" ".join(values))
        for label, values in [*facts(page), *typed(page, *roles), *ticks]
        if fold(label.rstrip(" :")) == fold(field.rstrip(" :"))
    ]
    if len(set(named)) != 1:
        return None
    return named[0] == fold(value) or f"{field!r} is {named[0]!r}, not {value!r}"

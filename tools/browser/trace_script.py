"""A trace as a plain Playwright script in Python: it runs without this package.

Does not cover: gates and the fence, which a plain script has none of, and what pages said beyond the address
that a step led to and what a field held. A thing that no selector reaches is clicked by its place.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from .actions import unquoted
from .results import MASK, secret_name
from .trace import Target, Trace, TraceStep, Where, plain_path
from .trace_places import ARIA, FIELDS
from .view import clip

HEAD = '''"""{about}

Made from a recorded trace. Needs `pip install playwright`, and a Chromium: `playwright install chromium`, or
one of this machine in BROWSER_EXECUTABLE.{needs}
"""

import os
import re
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

FILES = Path(os.environ.get("FILES", "."))  # uploads come from here, downloads go here
{values}

def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("BROWSER_EXECUTABLE") or None)
        context = browser.new_context(viewport={{"width": {width}, "height": {height}}})
        page = context.new_page()
        page.set_default_timeout(10_000)
'''
TAIL = """        browser.close()


if __name__ == "__main__":
    main()
"""


def to_playwright(trace: Trace) -> str:
    """A script that does what the trace did, in a browser of its own.

    Secrets, and what was typed and hidden, come from environment variables that the script names at its top;
    so may the trace's parameters. Steps that were not carried out are left out.
    """
    return _Script(trace).text()


class _Script:
    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._names = {value: _variable(name) for name, value in trace.head.values.items()}
        self._needed: dict[str, None] = {}
        self._lines: list[str] = []

    def text(self) -> str:
        """The whole script."""
        head = self._trace.head
        if head.url != "about:blank":
            self._say(f"page.goto({head.url!r})")
        steps = self._trace.steps
        for place, step in enumerate(steps):
            if step.done:
                self._step(place + 1, step, steps[place + 1] if place + 1 < len(steps) else None)
        values = "".join(
            f"{name} = os.environ.get({name!r}, {value!r})\n" for value, name in self._names.items()
        )
        needs = f" Set before: {', '.join(self._needed)}." if self._needed else ""
        about = _comment(head.about) or "What was done in a browser, again."
        body = "".join(f"        {line}\n" if line else "\n" for line in self._lines)
        width, height = head.window
        filled = HEAD.format(about=about, needs=needs, values=values, width=width, height=height)
        return filled + body + TAIL

    def _say(self, line: str) -> None:
        self._lines.append(line)

    def _step(self, place: int, step: TraceStep, following: TraceStep | None) -> None:
        calls = self._calls(place, step)
        if not calls:
            return
        self._lines.append("")
        self._say(f"# {place}. {_comment(step.words())}")
        effect = step.result.effect
        if effect.dialog is not None and following is not None and following.verb == "dialog":
            answer, _, said = following.text.partition(" ")
            given = self._expression(unquoted(said)) if said else ""
            self._say(f'page.once("dialog", lambda dialog: dialog.{answer}({given}))')
        opened = effect.new_tab and step.verb not in ("tab", "dialog") and step.tabs > 1
        if opened:
            self._say("with page.expect_popup() as opened:")
        elif effect.download is not None and not effect.download.problem:
            self._say("with page.expect_download() as sent:")
        indent = "    " if self._lines[-1].startswith("with ") else ""
        self._lines += [f"{indent}{call}" for call in calls]
        if opened:
            self._say("page = opened.value")
        elif indent:
            self._say("sent.value.save_as(FILES / Path(sent.value.suggested_filename).name)")
        self._checks(step, opened)

    def _checks(self, step: TraceStep, opened: bool) -> None:
        effect = step.result.effect
        if effect.url_changed and effect.dialog is None and step.after.startswith("http"):
            path = urlsplit(step.after).path or "/"
            pattern = re.sub(r"[0-9]+", "[0-9]+", re.escape(path))
            if not any(plain_path(value) in plain_path(path) for value in self._names):
                whole = f"^https?://[^/]+{pattern}([?#].*)?$"
                self._say(f"expect(page).to_have_url(re.compile({whole!r}))")
        held = effect.value_after
        reached = step.target is not None and (step.target.where is None or step.target.where.by != "point")
        stays = step.verb in ("type", "keys") and not step.enter and not effect.url_changed and not opened
        known = reached and held is not None and MASK not in held and not step.hidden
        if stays and known and step.target is not None and secret_name(step.text) is None:
            self._say(f"expect({self._locator(step.target)}).to_have_value({self._expression(held or '')})")

    def _calls(self, place: int, step: TraceStep) -> list[str]:
        """The calls of one step; none for what only looks, or was answered with the step before."""
        verb, target = step.verb, step.target
        match verb:
            case "goto":
                return [f"page.goto({self._expression(step.text)})"]
            case "back":
                return ["page.go_back()"]
            case "press":
                return [f"page.keyboard.press({step.text!r})"]
            case "scroll" if target is None:
                return [f"page.mouse.wheel(0, {'-' if step.text in ('up', 'top') else ''}600)"]
            case "wait":
                return [self._wait(step.text)]
            case "tab" if step.text == "close":
                return ["page.close()", "page = context.pages[-1]"]
            case "tab" if step.text:
                return [f"page = context.pages[{int(step.text) - 1}]"]
            case _ if target is not None:
                return self._on(place, step, target)
            case _:
                return []

    def _on(self, place: int, step: TraceStep, target: Target) -> list[str]:
        """The calls of a step that acts on a thing."""
        if any(each.where is not None and each.where.by == "point" for each in (target, step.to or target)):
            return self._by_place(place, step, target)
        thing = self._locator(target)
        match step.verb:
            case "click" | "hover":
                return [f"{thing}.{step.verb}()"]
            case "type" | "keys":
                text, held = self._typed(place, step), step.result.effect.value_after
                if target.role == "date" and held and MASK not in held:
                    text = self._expression(held)
                typing = "fill" if step.verb == "type" else "press_sequentially"
                first = [] if step.verb == "type" else [f'{thing}.fill("")']
                enter = [f'{thing}.press("Enter")'] if step.enter else []
                return [*first, f"{thing}.{typing}({text})", *enter]
            case "select":
                labels = [self._expression(label) for label in step.text.split(" | ")]
                chosen = labels[0] if len(labels) == 1 else f"[{', '.join(labels)}]"
                return [f"{thing}.select_option(label={chosen})"]
            case "drag" if step.to is not None:
                return [f"{thing}.drag_to({self._locator(step.to)})"]
            case "upload":
                given = f"FILES / {step.text!r}"
                if target.role == "file":
                    return [f"{thing}.set_input_files({given})"]
                return [
                    "with page.expect_file_chooser() as asked:",
                    f"    {thing}.click()",
                    f"asked.value.set_files({given})",
                ]
            case _:
                return []

    def _by_place(self, place: int, step: TraceStep, target: Target) -> list[str]:
        """The calls of a step on a thing that no selector reaches: the mouse goes where it was."""
        x, y = _middle(target)
        match step.verb:
            case "click":
                return [f"page.mouse.click({x:g}, {y:g})"]
            case "hover":
                return [f"page.mouse.move({x:g}, {y:g})"]
            case "type" | "keys":
                typing = f"page.keyboard.type({self._typed(place, step)})"
                clicks = f"page.mouse.click({x:g}, {y:g}, click_count=3)"
                return [clicks, typing, *(['page.keyboard.press("Enter")'] if step.enter else [])]
            case "drag" if step.to is not None:
                to_x, to_y = _middle(step.to)
                return [
                    f"page.mouse.move({x:g}, {y:g})",
                    "page.mouse.down()",
                    f"page.mouse.move({to_x:g}, {to_y:g}, steps=8)",
                    "page.mouse.up()",
                ]
            case _:
                return [f'raise SystemExit("step {place}: no selector reaches what it acts on")']

    def _typed(self, place: int, step: TraceStep) -> str:
        secret = secret_name(step.text)
        if secret is None and not step.hidden:
            return self._expression(step.text)
        name = _variable(secret or f"typed_{place}")
        self._needed[name] = None
        return f"os.environ[{name!r}]"

    @staticmethod
    def _wait(text: str) -> str:
        if text.isascii() and text.isdigit():
            return f"page.wait_for_timeout({int(text)})"
        if text:
            return f"expect(page.get_by_text({unquoted(text)!r}).first).to_be_visible()"
        return "page.wait_for_timeout(500)"

    def _locator(self, target: Target) -> str:
        """The thing as an expression of the script."""
        where = target.where or _guess(target)
        scope = "page" + "".join(f".frame_locator({selector!r})" for selector in where.frames)
        if where.row:
            text = self._expression(where.row_text)
            scope += f".get_by_role({where.row!r}).filter(has_text={text})"
        name, exact = self._expression(where.name), ", exact=True" if where.exact else ""
        match where.by:
            case "role":
                named = f", name={name}{exact}" if where.name else ""
                found = f"{scope}.get_by_role({where.role!r}{named})"
            case "css":
                found = f"{scope}.locator({where.name!r})"
            case _:
                found = f"{scope}.get_by_{where.by}({name}{exact})"
        return found if where.nth is None else f"{found}.nth({where.nth})"

    def _expression(self, text: str) -> str:
        """A text as Python writes it, with the trace's parameters by their names."""
        if not self._names or not text:
            return repr(text)
        old = "|".join(re.escape(value) for value in sorted(self._names, key=len, reverse=True))
        pieces = re.split(rf"(?<!\w)({old})(?!\w)", text)
        parts = [
            self._names[piece] if place % 2 else repr(piece) for place, piece in enumerate(pieces) if piece
        ]
        return " + ".join(parts)


def _middle(target: Target) -> tuple[float, float]:
    """Where in the window the mouse meets a thing."""
    if target.where is not None and target.where.point is not None:
        return target.where.point
    left, top, width, height = target.box or (0.0, 0.0, 0.0, 0.0)
    return left + width / 2, top + height / 2


def _guess(target: Target) -> Where:
    """A way to a thing that could not be looked at when it was recorded."""
    roles = ARIA.get(target.role)
    nth = target.nth if target.of > 1 else None
    if roles:
        return Where(by="role", role=roles[0], name=target.name, nth=nth)
    return Where(by="label" if target.role in FIELDS else "text", name=target.name, nth=nth)


def _variable(name: str) -> str:
    """The environment variable of a secret or parameter."""
    word = re.sub(r"\W", "_", name, flags=re.ASCII).upper()
    return word if word[:1].isalpha() else f"VALUE_{word}"


def _comment(text: str) -> str:
    """A text that can stand in a comment or docstring of the script, whatever a page put into it."""
    return clip(re.sub(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029]', " ", text), 100)

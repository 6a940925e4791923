"""A trace as a plain Playwright script in Python: it runs without this package.

Does not cover: gates and the fence, which a plain script has none of, and what pages said beyond the address
that a step led to and what a field held. A thing that no selector reaches is clicked by its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from urllib.parse import urljoin, urlsplit

from .actions import SEVERAL, unquoted
from .dates import resolve_time
from .results import MASK, secret_name
from .trace import Target, Trace, TraceStep, Where, plain_path, swapped
from .trace_places import ARIA, FIELDS
from .view import clip

HEAD = r'''"""{about}

Made from a recorded trace. Needs `pip install playwright`, and a Chromium: `playwright install chromium`, or
one of this machine in BROWSER_EXECUTABLE.{needs}
"""

import os
import re
from collections import deque
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Dialog, Error, Locator, expect, sync_playwright

FILES = Path(os.environ.get("FILES", "."))  # uploads come from here, downloads go here
HELD = r"""async (field, text) => {{
  const plain = (said) => String(said).replace(/\s+/g, " ").trim();
  const held = () => "value" in field ? field.value : field.innerText;
  for (let tries = 0; tries < 50 && plain(held()) !== plain(text); tries++) {{
    await new Promise((next) => setTimeout(next, 100));
  }}
  return plain(held()) === plain(text) ? text : held();
}}"""
answers = deque()  # to the dialogs to come: accept or dismiss, and what to write into it
{values}

def answer(dialog: Dialog) -> None:
    """Answer a dialog as it was; others are dismissed, but pages may be left."""
    said = answers.popleft() if answers else ("accept" if dialog.type == "beforeunload" else "dismiss",)
    getattr(dialog, said[0])(*said[1:])


def holds(field: Locator, text: str) -> None:
    """Wait until a field has this text."""
    held = field.evaluate(HELD, text)
    if held != text:
        raise SystemExit(f"{{field}} holds {{held!r}} and held {{text!r}}")


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("BROWSER_EXECUTABLE") or None)
        context = browser.new_context(viewport={{"width": {width}, "height": {height}}})
        context.on("dialog", answer)
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
        head, steps = self._trace.head, self._trace.steps
        self._queue(_answers(steps))
        if head.url != "about:blank":
            self._say(f"page.goto({head.url!r})")
        for place, step in enumerate(steps, 1):
            if step.done:
                self._step(place, step)
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

    def _queue(self, answers: Sequence[TraceStep]) -> None:
        """Have the answers to the dialogs of the next step ready."""
        for step in answers:
            answer, _, said = step.text.partition(" ")
            given = f", {self._expression(unquoted(said))}" if said else ","
            self._say(f"answers.append(({answer!r}{given}))")

    def _step(self, place: int, step: TraceStep) -> None:
        calls = self._calls(place, step)
        if not calls:
            return
        self._lines.append("")
        self._say(f"# {place}. {_comment(step.words())}")
        steps = self._trace.steps
        answers = _answers(steps[place:])
        self._queue(answers)
        parts = (step, *answers)
        turned = step.verb != "tab" and any(part.result.effect.new_tab for part in parts)
        more = parts[-1].tabs - (steps[place - 2].tabs if place > 1 else 1)
        sent = [part.result.effect.download for part in parts]
        before, after = "", ""
        if turned and more > 0:
            before, after = "with page.expect_popup() as opened:", "page = opened.value"
        elif turned and more < 0:
            # a page that goes away in the middle of a call ends the call with an error
            before = 'with page.expect_event("close"), suppress(Error):'
            after = "page = context.pages[-1]"
        elif any(file is not None and not file.problem for file in sent):
            before = "with page.expect_download() as sent:"
            after = "sent.value.save_as(FILES / Path(sent.value.suggested_filename).name)"
        self._lines += [before, *(f"    {call}" for call in calls), after] if before else calls
        self._checks(parts[-1], turned)

    def _checks(self, step: TraceStep, turned: bool) -> None:
        effect = step.result.effect
        if effect.url_changed and effect.dialog is None and step.after.startswith("http"):
            path = urlsplit(step.after).path or "/"
            pattern = re.sub(r"[0-9]+", "[0-9]+", re.escape(path))
            if not any(plain_path(value) in plain_path(path) for value in self._names):
                whole = f"^https?://[^/]+{pattern}([?#].*)?$"
                self._say(f"expect(page).to_have_url(re.compile({whole!r}))")
        held = effect.value_after
        reached = step.target is not None and (step.target.where is None or step.target.where.by != "point")
        stays = step.verb in ("type", "keys") and not step.enter and not effect.url_changed and not turned
        known = reached and held is not None and MASK not in held and not step.hidden
        if stays and known and step.target is not None and secret_name(step.text) is None:
            self._say(f"holds({self._locator(step.target)}, {self._expression(held or '')})")

    def _calls(self, place: int, step: TraceStep) -> list[str]:
        """The calls of one step; none for what only looks, or was answered with the step before."""
        verb, target = step.verb, step.target
        match verb:
            case "goto":
                return [f"page.goto({self._expression(urljoin(step.url, step.text.strip()))})"]
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
                text = self._typed(place, step)
                typing = "fill" if step.verb == "type" else "press_sequentially"
                first = [] if step.verb == "type" else [f'{thing}.fill("")']
                enter = [f'{thing}.press("Enter")'] if step.enter else []
                return [*first, f"{thing}.{typing}({text})", *enter]
            case "select":
                labels = [self._expression(label) for label in self._chosen(step)]
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
            held = step.result.effect.value_after
            said = (step.target is not None and step.target.role == "date") or (
                held is not None and held == resolve_time(step.text)
            )
            return self._expression(self._held(step) if said else step.text)
        name = _variable(secret or f"typed_{place}")
        self._needed[name] = None
        return f"os.environ[{name!r}]"

    def _held(self, step: TraceStep) -> str:
        """What a field held afterwards: Playwright takes no words for a day, a time, or a part of an option.
        What was said, where that has a parameter and what the field held has not."""
        held = step.result.effect.value_after
        usable = held and MASK not in held and (self._named(held) or not self._named(step.text))
        return held if held and usable else step.text

    def _chosen(self, step: TraceStep) -> list[str]:
        """The labels of the options that a step chose."""
        said, held = step.text.split(SEVERAL), self._held(step)
        if held == step.text or len(said) == 1:
            return [held]
        whole = held.split(", ")  # unless a label has a comma itself
        return whole if len(whole) == len(said) else said

    def _named(self, text: str) -> bool:
        """Whether a parameter of the trace is in a text."""
        return swapped(text, dict.fromkeys(self._names, "")) != text

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


def _answers(steps: Sequence[TraceStep]) -> list[TraceStep]:
    """The answers to dialogs that come before the next step that acts on a page."""
    before = takewhile(lambda step: not step.done or step.verb in ("dialog", "read", "find"), steps)
    return [step for step in before if step.done and step.verb == "dialog"]


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

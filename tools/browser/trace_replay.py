"""Replays a trace: finds each thing again by its description, acts, and compares what comes of it.

It stops at the first step that comes out otherwise; what was done until then stays done. Gates are asked
again, by the policy of the session's browser, as for every action.

Does not cover: what `read` and `find` found, and a page whose texts alone differ by less than half of what a
step made appear. Numbers within texts and addresses may be others, but not sums of money, before a step or
after it, except in lines that name a thing acted on which is another one now.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from ..errors import BrowserCrashed, OriginBlocked, SiteUnreachable
from .actions import Action
from .results import MASK, ActionResult
from .session import BrowserSession
from .trace import Target, Trace, TraceStep, plain_path, swapped
from .trace_recorder import Recorder
from .view import View, ViewStyle, clip

Outcome = Literal["same", "skipped", "differs", "target_missing", "needs_value"]
"""`skipped`: it was not carried out when it was recorded either, and changed nothing."""

Act = Callable[[Action, View], Awaitable[ActionResult]]
"""Carries out an action that was chosen from a view."""

LOOKS = 3
"""Times that a page is looked at for a thing, with a wait for a change between them."""

KEPT_LINES = 0.5
"""Share of the lines that a step made appear that must appear again."""

_NUMBER = r"[-−]?\d+(?:[.,'’ \u00a0\u202f]\d{3}(?!\d))*(?:[.,]\d{1,2})?"
_SIGNS = "[£$€¥₹₩₪₽₺₴฿]"
_WORDS = (
    "eur|usd|gbp|chf|sek|nok|dkk|pln|jpy|czk|huf|cad|aud|inr|cny|brl|"
    "euros?|dollars?|kr|zł|kč|rs|руб|fr|ft|lei|лв"
)
_AHEAD = rf"(?:(?<!\w)[a-z]{{0,3}}{_SIGNS}|(?<!\w)(?:{_WORDS})\.?)"
_BEHIND = rf"(?:{_SIGNS}(?!\d)|(?:{_WORDS})(?!\w))"
_APART = r"[\s|]{0,3}"
_CENTS = r"(?:[\s|]{1,3}\d\d(?![\w.,]|\s?[^\W\d]))?"
SUMS = (
    re.compile(
        rf"{_AHEAD}\s?{_NUMBER}{_CENTS}|(?<!\d)(?<!\d\s){_AHEAD}{_APART}{_NUMBER}{_CENTS}", re.IGNORECASE
    ),
    re.compile(rf"(?<![\d.,]){_NUMBER}{_APART}{_BEHIND}", re.IGNORECASE),
)
"""A number beside the sign or the word of a currency, before or behind it, also where both stand apart."""

LOOKING = ("wait", "read", "find", "scroll")
"""Verbs whose effect depends on time, or that have none."""

UNBOUND = (*LOOKING, "goto", "back", "hover", "tab")
"""Verbs by which nobody is bound to a sum that the page names."""

TASK_ENDS = ("done", "cannot")


@dataclass(frozen=True)
class ReplayedStep:
    """How one step came out this time.

    Attributes:
        number: Its place in the trace, from 1; 0 is the way to where the trace began.
        words: What it does, in words.
        outcome: `same` or `skipped` go on; the others end the replay.
        why: What is different; empty where nothing is.
        result: What the action came to this time; None where it was not done.
    """

    number: int
    words: str
    outcome: Outcome
    why: str = ""
    result: ActionResult | None = None


@dataclass(frozen=True)
class Replayed:
    """What came of a replay.

    Attributes:
        steps: Those that were tried, in order.
        total: Steps of the trace.
    """

    steps: tuple[ReplayedStep, ...]
    total: int

    @property
    def stopped(self) -> ReplayedStep | None:
        """The step that ended it; None when all came out as they did before."""
        last = self.steps[-1] if self.steps else None
        return None if last is None or last.outcome in ("same", "skipped") else last

    @property
    def ok(self) -> bool:
        """Whether every step came out as it did before."""
        return self.stopped is None

    def line(self) -> str:
        """One sentence for a person or a model."""
        stopped = self.stopped
        if stopped is None:
            return (
                "the step came out as before"
                if self.total == 1
                else f"all {self.total} steps came out as before"
            )
        return f"step {stopped.number} of {self.total}, {stopped.words}: {stopped.outcome}, {stopped.why}"


async def replay(
    trace: Trace,
    session: BrowserSession,
    values: Mapping[str, str] | None = None,
    *,
    act: Act | None = None,
    tell: Callable[[ReplayedStep], None] | None = None,
    from_here: bool = False,
) -> Replayed:
    """Do a trace again in a session that begins as the recorded one did: with the same cookies, or none.

    Args:
        values: Other values for the trace's parameters (see `Trace.parameterized`), and what was typed and
            hidden, as `typed_N`.
        act: Carries out each action, for callers that permit and journal them; the session itself when None.
        tell: Is told of each step when it is over.
        from_here: Begin at the page where the session is, not where the trace began.

    Raises:
        ValueError: The trace has no such parameter.
        PageUnreadable: The page cannot be read.
    """
    steps = trace.filled(values or {})
    recording, style, budget = session.recording, session.style, session.budget
    if recording is None:  # things are then scrolled into sight before an action, as they were
        session.recording = Recorder(
            None, session.url, window=trace.head.window, budget=trace.head.budget, style=style
        )
    session.budget = trace.head.budget
    session.style = ViewStyle(**{name: True for name, wanted in trace.head.style.items() if wanted})
    run = _Replay(trace, session, values or {}, act)
    done: list[ReplayedStep] = []
    try:
        if not from_here and (failed := await run.begin()) is not None:
            return Replayed((failed,), len(steps))
        for number, (recorded, step) in enumerate(zip(trace.steps, steps, strict=True), 1):
            try:
                found = await run.step(number, recorded, step)
            except BrowserCrashed:
                found = ReplayedStep(number, step.words(), "differs", "the browser is gone")
            done.append(found)
            if tell is not None:
                tell(found)
            if found.outcome not in ("same", "skipped"):
                break
        return Replayed(tuple(done), len(steps))
    finally:
        session.recording, session.style, session.budget = recording, style, budget


class _Replay:
    """One replay; `values` are those that it was given."""

    def __init__(
        self, trace: Trace, session: BrowserSession, values: Mapping[str, str], act: Act | None
    ) -> None:
        self._trace, self._session, self._act = trace, session, act
        known = trace.head.values
        self._pairs = {known[name]: value for name, value in values.items() if name in known}
        things = [each for step in trace.steps for each in (step.target, step.to) if each is not None]
        named = "\n".join(text for each in things for text in (each.name, *each.row)).casefold()
        others = [pair for pair in self._pairs.items() if pair[0] != pair[1] and pair[0].casefold() in named]
        self._others = [text.casefold() for pair in others for text in pair]
        """Names of things acted on that are others now: a line with them may name another sum."""
        hidden = [value for name, value in values.items() if name not in known and value]
        self._hidden = sorted(hidden, key=len, reverse=True)

    async def begin(self) -> ReplayedStep | None:
        """Go to where the trace began; the failure, if it cannot."""
        url = self._trace.head.url
        if url == "about:blank":
            return None
        try:
            await self._session.load(url)
        except (OriginBlocked, SiteUnreachable, BrowserCrashed) as error:
            return ReplayedStep(0, f"goto {url}", "differs", error.for_model)
        return None

    async def step(self, number: int, recorded: TraceStep, step: TraceStep) -> ReplayedStep:
        """Do one step and hold its result against the recorded one."""
        words = swapped((recorded if recorded.hidden else step).words(), self._pairs)
        if step.verb in TASK_ENDS:
            return ReplayedStep(number, words, "same")
        if not step.done and step.verb not in LOOKING:
            return ReplayedStep(number, words, "skipped", f"it was not done then: {step.result.code}")
        if step.hidden:
            why = f"what was typed is not in the trace; give it as typed_{number}"
            return ReplayedStep(number, words, "needs_value", why)
        view, numbers, why = await self._look(step)
        if why:
            return ReplayedStep(number, words, "target_missing", why)
        target, to = numbers
        if why := self._priced(number, step, view, target):
            return ReplayedStep(number, words, "differs", why)
        action = Action(step.verb, target, step.text, to, step.enter)
        result = await (self._session.act(action) if self._act is None else self._act(action, view))
        why = self._difference(recorded, step, result)
        return ReplayedStep(number, words, "differs" if why else "same", why, result)

    async def _look(self, step: TraceStep) -> tuple[View, tuple[int | None, int | None], str]:
        """The page with the things of a step on it, their numbers, and what is missing."""
        view, why = await self._session.view(), ""
        for look in range(LOOKS):
            if look:
                await self._session.act(Action("wait"))
                view = await self._session.view()
            here, there = shape(view.path), shape(step.path, self._pairs)
            if step.target is not None and here != there:
                why = f"the page is {here} and was {there}"
                continue
            target, why = find(view, step.target, self._hidden)
            to, also = find(view, step.to, self._hidden)
            why = why or also
            if not why:
                return view, (target, to), ""
        return view, (None, None), why

    def _difference(self, recorded: TraceStep, step: TraceStep, result: ActionResult) -> str:
        """What came out otherwise; empty when nothing did."""
        was, old, new = recorded.result, recorded.result.effect, result.effect
        if step.verb in LOOKING:
            timely = ("ok", "no_effect", "timeout")
            same = result.code == was.code or (step.verb in ("wait", "scroll") and result.code in timely)
            return "" if same else f"it was {was.code} and is {result.line()}"
        if result.code != was.code:
            return f"it was {was.code} and is {result.line()}"
        before, after = shape(recorded.after, self._pairs), shape(self._session.url)
        if (old.url_changed or new.url_changed) and before != after:
            return f"it led to {before} and leads to {after}"
        for name in ("url_changed", "dom_changed", "new_tab"):
            if getattr(old, name) != getattr(new, name):
                words = name.replace("_", " ")
                return (
                    f"it had the effect {words!r}, and has not" if getattr(old, name) else f"{words!r} is new"
                )
        asked, asks = (None if each is None else each.message for each in (old.dialog, new.dialog))
        if self._line(asked or "") != self._seen(asks or "") or self._amounts([asked or ""], [asks or ""]):
            return f"the dialog said {asked!r} and says {asks!r}"
        if (old.download is None) != (new.download is None):
            return "a file came, and comes no more" if new.download is None else "a file comes that did not"
        return self._value(recorded, step, result) or self._lines(old.new, new.new)

    def _value(self, recorded: TraceStep, step: TraceStep, result: ActionResult) -> str:
        old, new = recorded.result.effect.value_after, result.effect.value_after
        if recorded.text != step.text and old != recorded.text:
            return ""  # the page writes what was typed in its own way
        expected = step.text if recorded.text != step.text else old
        if expected == new or MASK in (old or "") or MASK in (new or "") or recorded.hidden:
            return ""
        return f"the field held {expected!r} and holds {new!r}"

    def _lines(self, old: tuple[str, ...], new: tuple[str, ...]) -> str:
        """Whether enough of the lines appeared that appeared then."""
        wanted, found = Counter(map(self._line, old)), Counter(map(self._seen, new))
        kept = (wanted & found).total()
        if kept >= KEPT_LINES * wanted.total():
            return self._amounts(old, [masked(line, self._hidden) for line in new])
        missing = next(line for line in old if self._line(line) not in found)
        return f"{kept} of {wanted.total()} lines appeared that did then; missing is {clip(missing, 60)!r}"

    def _priced(self, number: int, step: TraceStep, view: View, target: int | None) -> str:
        """Whether the page, or the row of what is acted on, names other sums before a step that may cost."""
        if step.verb in UNBOUND or (step.verb == "type" and not step.enter):
            return ""
        if step.target is not None:
            row = " | ".join(_rows(view).get(target or 0, ()))
            if why := self._amounts((" | ".join(step.target.row),), (masked(row, self._hidden),)):
                return why
        if self._late(number, step):
            return ""
        then = [line.removeprefix("- ") for line in step.view.splitlines()]
        if self._trace.head.style.get("diff"):  # what was as before was left out then
            return self._amounts(then, self._plain(view.printed()), whole=False)
        return self._amounts(then, self._plain(view.text().splitlines()))

    def _plain(self, lines: Sequence[str]) -> list[str]:
        return [masked(line.removeprefix("- "), self._hidden) for line in lines]

    def _late(self, number: int, step: TraceStep) -> bool:
        """Whether the page had changed when the step was done, and had not been looked at again."""
        before = self._trace.steps[number - 2] if number > 1 else None
        if before is None or before.view != step.view:
            return False
        effect = before.result.effect
        return effect.dom_changed or effect.url_changed or effect.dialog is not None

    def _amounts(self, old: Sequence[str], new: Sequence[str], *, whole: bool = True) -> str:
        """Whether lines name other sums of money, but for lines with a thing that is another one now.

        Args:
            whole: `old` is all there was; otherwise `new` may name more.
        """
        was, now = (
            [line for line in lines if not any(text in line.casefold() for text in self._others)]
            for lines in (old, new)
        )
        then, here = sums("\n".join(was)), sums("\n".join(now))
        gone, come = then - here, here - then
        if not gone and not (come and whole):
            return ""
        said, says = (
            next((line for line in lines if sums(line) & apart), ", ".join(apart) or "no such sum")
            for lines, apart in ((was, gone), (now, come))
        )
        return f"it said {clip(said, 60)!r} and says {clip(says, 60)!r}"

    def _seen(self, text: str) -> str:
        """A line of now as the trace would have it: what was hidden then is hidden."""
        return shape_text(masked(text, self._hidden))

    def _line(self, text: str) -> str:
        return shape_text(swapped(text, self._pairs))


def sums(text: str) -> Counter[str]:
    """The sums of money that a text names, as it writes them, without spaces."""
    found = (each.group() for pattern in SUMS for each in pattern.finditer(text))
    return Counter(re.sub(r"[\s|]", "", each).casefold() for each in found)


def masked(text: str, hidden: Sequence[str]) -> str:
    """A text with bullets for what was hidden when it was recorded; longer ones come first."""
    for value in hidden:
        text = text.replace(value, MASK)
    return text


def find(view: View, target: Target | None, hidden: Sequence[str] = ()) -> tuple[int | None, str]:
    """The number in `view` of the thing that was described, and why there is none.

    One that was the only one of its role and name, and still is, is it, unless its row begins with another
    text. Of several it is the one in the same row, or at the same place among as many as there were.

    Args:
        hidden: Texts that are bullets in the description, longest first.
    """
    if target is None:
        return None, ""
    named = [
        each
        for each in view.elements.values()
        if each.role == target.role and masked(each.name, hidden) == target.name
    ]
    what = clip(f"{target.role} {target.name}", 80)
    if not named:
        return None, f"there is no {what}"
    rows = {number: tuple(masked(text, hidden) for text in texts) for number, texts in _rows(view).items()}
    if len(named) == 1 and target.alike == 1:
        begins = [shape_text(text) for text in rows[named[0].number][:1]]
        if not target.row or begins == [shape_text(target.row[0])]:
            return named[0].number, ""
    same = [each.number for each in named if rows[each.number] == target.row]
    if not same and target.row:
        same = [each.number for each in named if rows[each.number][:1] == target.row[:1]]
    if len(same) == target.of:
        return same[target.nth], ""
    row = f" in the row {clip(target.row[0], 60)!r}" if target.row else ""
    return None, f"of {what}{row} there are {len(same)} now and there were {target.of}"


def _rows(view: View) -> dict[int, tuple[str, ...]]:
    """The texts of the line that each number stands in."""
    return {
        part.number: tuple(text for text in line if isinstance(text, str))
        for line in view.lines
        for part in line
        if not isinstance(part, str)
    }


def shape(address: str, pairs: Mapping[str, str] | None = None) -> str:
    """An address without what differs from one time to the next: site, query, and numbers in the path.

    Args:
        pairs: Texts that are others now; in paths they may be spelled `green-mug` or `Green%20mug`.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("", "http", "https"):
        return address
    spelled = {plain_path(old): plain_path(new) for old, new in (pairs or {}).items()}
    return re.sub(r"\d+", "#", swapped(plain_path(parts.path or "/"), spelled))


def shape_text(text: str) -> str:
    """A text without its numbers and the case of its letters."""
    return re.sub(r"\d+", "#", " ".join(text.split()).casefold())

"""`punchlist eval everyday`: plain goals, as people word them, on everyday pages of our own, in a browser.

All goals are used for development: kinds of pages and words are like those of the generated everyday pages
(`training/web_plain.py`), and whoever wrote these knew most goals. The later goals were written after the
others. No page was trained on. The pages are served on a loopback address, which is all that the browser can
reach. The policy is told what its actions did. A page says by itself whether its goal holds; what counts is
whether it does at the end, after `done`, `cannot` or 12 actions, with nothing else pressed beside.

    reached             share of the goals that hold at the end
    reached_said_done   share of the goals that hold and that the policy then called done
    later_reached       `reached` of the later goals
    left_alone          of goals that name what is not there, the share on whose pages nothing was changed
    said_cannot         of these goals, the share that the policy gave up with nothing changed
    string_match_reached, string_match_later_reached
                        clicking what the goal names, typing what it quotes
    ways_reached, ways_later_reached
                        the actions that are written down with each goal, as a ceiling

`goals`, `later_goals` and `absent_goals` are counts. `steps_per_goal` is the mean number of actions, the last
word aside.
The model is `embedded-web`, unless `--model` names another one, by the same role (`agents/browsing.py`).
`--model string-match` and `--model ways` put these policies in the model's place.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import PurePosixPath

from ...tools.browser import Action, ActionResult, Browser, View
from ...tools.permissions import preset
from ..browsing import STYLE
from .harness import Figures, Measuring, mean, rate
from .ledger import Row
from .miniwob.policies import Asked, ModelPolicy, Policy, StringMatch
from .models import EMBEDDED_WEB, STRING_MATCH, model_mark, open_model

MOST_STEPS = 12
WAYS = "ways"
"""The written actions, as the name of a policy."""

QUICK = 6


@dataclass(frozen=True)
class Goal:
    """A goal on a page.

    Attributes:
        page: Name of the page that it begins on.
        text: In a person's words.
        holds: In the page's JavaScript, what is true at the end.
        way: Actions that reach it, things by their names (`Name #2` is the second of them); none where the
            page has nothing of the kind.
        later: Whether it was written after the weights were trained.
    """

    page: str
    text: str
    holds: str
    way: tuple[str, ...]
    later: bool = False


@lru_cache
def goals() -> tuple[Goal, ...]:
    """All goals, in the order of their file."""
    rows = json.loads(_data("everyday_goals.json"))
    return tuple(
        Goal(row["page"], row["text"], row["holds"], tuple(row["way"]), row["later"]) for row in rows
    )


def _data(name: str) -> bytes:
    return resources.files(__package__ or "").joinpath("data", name).read_bytes()


class Pages:
    """Serves the pages of one goal after another; `holds` is what the page of the moment said last."""

    def __init__(self) -> None:
        self.goal: Goal | None = None
        self.holds = False
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def begin(self, goal: Goal) -> str:
        """The address where a goal begins."""
        self.goal, self.holds = goal, False
        return f"{self.url}/{goal.page}"

    def read(self, path: str) -> tuple[str, bytes] | None:
        """Content type and body of what is at `path`; None when there is nothing."""
        name = PurePosixPath(path).name
        if name == "everyday.js":
            holds = "false" if self.goal is None else self.goal.holds
            return "text/javascript", _data(name) + f"const goalHolds = () => ({holds});\n".encode()
        if not re.fullmatch("[a-z]+", name):
            return None
        try:
            return "text/html", _data(f"everyday-{name}.html")
        except FileNotFoundError:
            return None

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away in the middle of a reply is no error of the server."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        found = self.server.pages.read(self.path)
        self._reply(404, "text/plain", b"") if found is None else self._reply(200, *found)

    def do_POST(self) -> None:
        size = min(int(self.headers.get("Content-Length") or 0), 10)
        self.server.pages.holds = self.rfile.read(size) == b"true"
        self._reply(200, "text/plain", b"")

    def _reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged."""


class Way:
    """The written actions of a goal, one after another, then `done`; `cannot` where there are none."""

    def __init__(self, goal: Goal) -> None:
        self._steps = list(goal.way)
        self._end = "done" if goal.way else "cannot"

    async def choose(self, view: View, last: ActionResult | None) -> Action:
        """See `Policy`."""
        if not self._steps:
            return Action(self._end)
        verb, _, rest = self._steps.pop(0).partition(" ")
        if verb == "dialog":
            return Action(verb, None, rest)
        name, text = rest.partition(" = ")[::2]
        name, place = name.partition(" #")[::2]
        found = [each for each in view.elements.values() if each.name == name][int(place or 1) - 1 :]
        return Action(verb, found[0].number, text) if found else Action("cannot")


async def play(browser: Browser, pages: Pages, goal: Goal, policy: Policy) -> Row:
    """One goal: look, choose, act, until the policy ends it or the actions are out."""
    session = await browser.open("everyday", url=pages.begin(goal))
    session.style = STYLE
    said, steps, last = "steps", 0, None
    for _ in range(MOST_STEPS):
        action = await policy.choose(await session.view(), last)
        if action.verb in ("done", "cannot"):
            said = action.verb
            break
        last = await session.act(action)
        steps += 1
    await session.view()  # whoever is looked at has told before what came of the last action
    return {
        "present": bool(goal.way),
        "later": goal.later,
        "holds": pages.holds,
        "said": said,
        "steps": steps,
    }


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval everyday`.

    Raises:
        BrowserMissing: There is no browser.
    """
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    options = measuring.options
    name = options.model or EMBEDDED_WEB
    count = min(measuring.count(len(goals()), QUICK), len(goals()))
    measuring.settings |= {
        "model": name if name == WAYS else model_mark(name),
        "goals": count,
        "most_steps": MOST_STEPS,
    }
    pages = Pages()
    browser = Browser(allow=[pages.url], policy=preset("unattended"))
    try:
        rows = await _walk(measuring, browser, pages, "model", name, count)
        figures = _figures(rows) | {
            "goals": sum(bool(row["present"]) for row in rows),
            "later_goals": sum(bool(row["present"] and row["later"]) for row in rows),
            "absent_goals": sum(not row["present"] for row in rows),
            "steps_per_goal": mean([float(str(row["steps"])) for row in rows]),
        }
        if options.compare:
            plain = _figures(await _walk(measuring, browser, pages, "plain", STRING_MATCH, count))
            ways = _figures(await _walk(measuring, browser, pages, "ways", WAYS, count))
            return figures | _beside(plain, "string_match_") | _beside(ways, "ways_")
    finally:
        await browser.close()
        pages.close()
    left = ("string_match_reached", "ways_reached")
    measuring.skipped |= dict.fromkeys(left, "left out as asked")
    return figures | dict.fromkeys(left)


async def _walk(
    measuring: Measuring, browser: Browser, pages: Pages, word: str, which: str, count: int
) -> list[Row]:
    """One pass over the goals, but for what the ledger has."""
    model = None if which in (STRING_MATCH, WAYS) else open_model(which)
    begin: Callable[[Goal], Policy] = (
        Way
        if which == WAYS
        else (lambda goal: StringMatch("", goal.text))
        if model is None
        else (lambda goal: ModelPolicy(model, goal.text, Asked()))
    )

    async def one(key: str) -> Row:
        goal = goals()[int(key.partition(":")[2])]
        return await play(browser, pages, goal, begin(goal))

    try:
        keys = [f"{word}:{at}" for at in range(count)]
        return await measuring.each(keys, one, lambda row: f"{row['holds']}, said {row['said']}")
    finally:
        if model is not None:
            await model.aclose()


def _figures(rows: list[Row]) -> Figures:
    present = [row for row in rows if row["present"]]
    absent = [row for row in rows if not row["present"]]
    return (
        rate("reached", (bool(row["holds"]) for row in present))
        | rate("reached_said_done", (bool(row["holds"]) and row["said"] == "done" for row in present))
        | rate("later_reached", (bool(row["holds"]) for row in present if row["later"]))
        | rate("left_alone", (bool(row["holds"]) for row in absent))
        | rate("said_cannot", (bool(row["holds"]) and row["said"] == "cannot" for row in absent))
    )


def _beside(figures: Figures, prefix: str) -> Figures:
    """What of another policy's figures is told."""
    told = [name for name in figures if re.match("(later_)?reached(_low|_high)?$", name)]
    return {f"{prefix}{name}": figures[name] for name in told}

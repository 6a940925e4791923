"""`punchlist trace`: a recorded browser task as lines, as a page, again in a browser, or as a script."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools.browser.trace import FILE, Trace, TraceStep, TraceUnreadable
from ...tools.browser.view import clip
from ...tools.permissions import Call, preset
from .edge import DONE, UNVERIFIED, USAGE, SettingsError

if TYPE_CHECKING:
    from ...tools.browser.trace_replay import Replayed, ReplayedStep

FROM_ENVIRONMENT = "env:"
PLAIN_MARKS = {"same": "ok", "skipped": "--"}


def explain(options: argparse.Namespace) -> int:
    """`trace` alone."""
    print(options.usage())
    return USAGE


def show(options: argparse.Namespace) -> int:
    """Print a trace, or write a page of it."""
    trace = _load(options.folder)
    steps = list(enumerate(trace.steps, 1))
    if options.step is not None:
        steps = steps[options.step - 1 : options.step]
        if not steps:
            raise SettingsError(f"--step {options.step}: the trace has {len(trace.steps)} steps.")
    if options.html:
        from ..observability.browsing import trace_page

        _write(Path(options.html), trace_page(trace))
        if not options.json:
            print(f"Wrote {options.html!r}. Open it in a browser; it needs no network.")
            return DONE
    if options.json:
        body = {
            "head": trace.head.model_dump(mode="json"),
            "steps": [step.model_dump(mode="json") for _, step in steps],
        }
        print(json.dumps(body | ({"html": options.html} if options.html else {}), ensure_ascii=False))
        return DONE
    print(f"trace   {trace.head.about or Path(options.folder).name}")
    print(f"began   {trace.head.url}")
    for number, step in steps:
        print(_line(number, step))
        if options.step is not None:
            print("\n".join(f"      {line}" for line in step.view.splitlines()))
    if trace.cut:
        print("The trace ends here: its program was killed while it wrote.")
    return DONE


def replay_trace(options: argparse.Namespace) -> int:
    """Do a trace again; 0 where all came out as before, 3 where something did not."""
    trace = _load(options.folder)
    values = {name: _given(name, text) for name, text in _pairs("--value", options.value).items()}
    try:
        trace.filled(values)
    except ValueError as error:
        raise SettingsError(f"--value: {error}.") from error
    replayed = asyncio.run(_replay(options, trace, values))
    if options.json:
        body = {
            "ok": replayed.ok,
            "line": replayed.line(),
            "steps": [
                {
                    "number": step.number,
                    "words": step.words,
                    "outcome": step.outcome,
                    "why": step.why,
                    "code": step.result.code if step.result else None,
                }
                for step in replayed.steps
            ],
        }
        print(json.dumps(body, ensure_ascii=False))
    else:
        print(replayed.line()[0].upper() + replayed.line()[1:] + ".")
    return DONE if replayed.ok else UNVERIFIED


async def _replay(options: argparse.Namespace, trace: Trace, values: dict[str, str]) -> Replayed:
    from ...tools.browser import Browser, Secret, replay
    from ...tools.browser.secrets import SecretUnusable

    site = trace.head.url
    try:
        named = _pairs("--secret", options.secret)
        secrets = {name: Secret(site, env=variable) for name, variable in named.items()}
        browser = Browser(
            [*([site] if site != "about:blank" else []), *options.allow],
            secrets=secrets,
            policy=preset(options.autonomy, _person if sys.stdin.isatty() else None),
        )
    except (ValueError, SecretUnusable) as error:
        raise SettingsError(str(error)) from error
    tell = None if options.json else _tell
    async with browser:
        session = await browser.open("replay", files=Path(options.files) if options.files else None)
        if options.record:
            try:
                await session.record(options.record, about=trace.head.about)
            except FileExistsError as error:
                raise SettingsError(f"--record: {error}.") from error
        return await replay(trace, session, values, tell=tell)


async def _person(call: Call) -> bool:
    """Ask at the terminal whether an action may be done."""
    what = f"{call.arguments.get('action', call.tool)} ({call.arguments.get('gate', call.effect)})"
    answer = await asyncio.to_thread(input, f"May it {clip(what, 160)}? [y/N] ")
    return answer.strip().casefold() in ("y", "yes")


def export(options: argparse.Namespace) -> int:
    """Write a trace as a script."""
    from ...tools.browser import to_playwright

    trace = _load(options.folder)
    named = _pairs("--param", options.param)
    try:
        script = to_playwright(trace.parameterized(named))
    except ValueError as error:
        raise SettingsError(f"--param: {error}.") from error
    if not options.out:
        print(script, end="")
        return DONE
    _write(Path(options.out), script)
    print(f"Wrote {options.out!r}. Run it with: python {options.out}")
    return DONE


def _load(folder: str) -> Trace:
    """The trace in a folder.

    Raises:
        SettingsError: It holds none that can be read; the message lists those in folders below.
    """
    place = Path(folder)
    try:
        return Trace.load(place)
    except TraceUnreadable as error:
        below = sorted(str(found.parent) for found in place.glob(f"**/{FILE}"))[:10] if place.is_dir() else []
        hint = f" Name one of: {', '.join(below)}." if below and not (place / FILE).exists() else ""
        raise SettingsError(f"{error}{hint}") from error


def _pairs(option: str, given: Iterable[str]) -> dict[str, str]:
    """Names and texts of an option that takes NAME=TEXT.

    Raises:
        SettingsError: One has no name or no equals sign.
    """
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise SettingsError(f"{option} {each!r} is not NAME=TEXT.")
        found[name] = value
    return found


def _given(name: str, text: str) -> str:
    """A value of `--value`; `env:VARIABLE` keeps it off the command line, which others can read.

    Raises:
        SettingsError: There is no such variable.
    """
    if not text.startswith(FROM_ENVIRONMENT):
        return text
    variable = text.removeprefix(FROM_ENVIRONMENT)
    if variable not in os.environ:
        raise SettingsError(f"--value {name}: the environment variable {variable!r} is not set.")
    return os.environ[variable]


def _line(number: int, step: TraceStep) -> str:
    row = f" in the row {clip(step.target.row[0], 40)!r}" if step.target and step.target.row else ""
    return f"{number:>4}  {step.words()}{row}  →  {step.result.line()}"


def _tell(step: ReplayedStep) -> None:
    mark = PLAIN_MARKS.get(step.outcome, "!!")
    print(f"{mark} {step.number:>4}  {step.words}{f'  →  {step.why}' if step.why else ''}", flush=True)


def _write(path: Path, content: str) -> None:
    """Write a file that only its owner reads: it holds what pages said."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    os.fchmod(handle, 0o600)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(content)

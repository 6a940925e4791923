"""`punchlist run` and `punchlist resume`: put the parts together, follow the run, and end it cleanly."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from ...protocols.errors import JournalError
from ...protocols.journal import Journal
from ...protocols.outcome import Confirmed
from ...tools.browser.locate import find_browser
from ...tools.permissions import preset
from ..checking.criteria import shows
from ..events import Ended, Event
from ..manager import RUNS, Manager
from ..people import waiting
from ..plan import Plan
from ..reasoning.strategy import strategy_named
from .board import Board
from .edge import SettingsError, describe_error
from .journals import Found, find_run, new_journal, recorded_events
from .lines import JsonLines, PlainLines, Silence, line_of
from .opening import open_model
from .report import Ending, Outcome
from .sites import DemoShop, check_site

if TYPE_CHECKING:
    from ...core_model.generation import Model
    from ...memory import Memory
    from ...tools.browser.browser import Observer

CLOSING_SECONDS = 15.0
"""How long browser and model may take to end before the process goes on without them."""

OF_A_SITTING = ("site", "model", "tokens", "seconds", "money", "price", "autonomy")
"""Settings that a run may be resumed with other values of."""

GOAL = "goal"
"""Name of the task of a goal that is reached on pages."""

BEAT = 0.2
"""Seconds between two pictures of the live view."""


class Front(Protocol):
    """Something that shows a run."""

    def take(self, event: Event) -> None:
        """Apply an event and show it."""
        ...


@dataclass(frozen=True)
class Settings:
    """What a run was started with, kept in its journal for `resume`."""

    site: str
    model: str | None = None
    workers: int = 2
    memory: str | None = None
    redos: int = 2
    tokens: int | None = None
    seconds: float | None = None
    demo: str | None = None
    strategy: str | None = None
    money: str | None = None
    price: str | None = None
    autonomy: str = "unattended"
    record: str | None = None
    observer: Observer = "view"
    expect: tuple[str, ...] = ()
    user: str = ""

    def plan(self, goal: str) -> Plan | None:
        """The plan of a goal that is reached on pages and held against what they then show; None without."""
        if not self.expect:
            return None
        plan = Plan(goal)
        plan.task(GOAL, goal, spec=[shows(text, GOAL) for text in self.expect])
        return plan

    @classmethod
    def recorded(cls, found: Found) -> Settings:
        """The settings in a journal.

        Raises:
            SettingsError: The run was started by another program.
        """
        body = found.info.settings.get("command")
        known = {field.name for field in fields(cls)}
        if not isinstance(body, dict) or "site" not in body:
            raise SettingsError(
                f"{found.named!r} was not made by `punchlist run`, so its workers and tools are not "
                "recorded. Resume it from the program that made it: Manager(...).resume(path)."
            )
        kept = cast("dict[str, Any]", {key: body[key] for key in known if key in body})
        kept["expect"] = tuple(kept.get("expect", ()))
        return cls(**kept)


def run(options: argparse.Namespace) -> int:
    """`punchlist run`."""
    memory = None if options.memory == "none" else str(Path(options.memory).expanduser().absolute())
    settings = Settings(
        options.site, options.model, options.workers, memory, options.redos, options.tokens, options.seconds,
        strategy=options.strategy, money=options.money, price=options.price, autonomy=options.autonomy,
        expect=tuple(options.expect), observer=options.observer, user=options.user,
    )  # fmt: skip
    if not all(text.strip() for text in settings.expect):
        raise SettingsError("--expect is empty; say what the page must show when the goal is reached.")
    if settings.user and memory is None:
        raise SettingsError(
            "--user names whose preferences count: they are in a memory, so leave out --memory none."
        )
    if settings.expect and (options.demo or settings.strategy):
        raise SettingsError("--expect goes with a goal on pages, without --demo and --strategy.")
    reads = settings.model not in (None, "embedded", "embedded-web")
    if settings.observer != "view" and not (settings.expect and reads):
        raise SettingsError(
            f"--observer {settings.observer} goes with --expect, and with a --model that reads instructions, "
            "such as a server's: the embedded ones were taught the numbered view."
        )
    if settings.strategy is not None:
        strategy_named(settings.strategy)  # refuses an unknown one before anything is started
    if options.demo:
        if options.goal or options.site:
            raise SettingsError("--demo brings its own goal and site; leave them out, or leave out --demo.")
        with DemoShop.new() as shop:
            shop.finished = True  # until there is a journal, nothing is worth keeping
            settings = replace(settings, site=shop.url, demo=str(shop.folder))
            return _perform(options, shop.goal, settings, shop=shop)
    if options.goal is None:
        raise SettingsError(
            'Name a goal and its site: punchlist run "GOAL" --site URL; or: punchlist run --demo.'
        )
    if not options.goal.strip():
        raise SettingsError("The goal is empty; say in a sentence what is to be done.")
    check_site(settings.site)
    return _perform(options, options.goal, settings)


def resume(options: argparse.Namespace) -> int:
    """`punchlist resume`."""
    found = find_run(options.run, options.which)
    if "think" in found.info.settings:
        from .thinking import resume_found

        return resume_found(options, found)
    with found.open_to_write() as journal:
        journal.hold(
            found.info.run
        )  # refuses a journal that another process writes, before anything is started
    settings = Settings.recorded(found)
    given = {name: getattr(options, name) for name in OF_A_SITTING}
    settings = replace(settings, **{name: value for name, value in given.items() if value is not None})
    if settings.demo is not None and options.site is None:
        with DemoShop.again(Path(settings.demo), settings.site) as shop:
            return _perform(options, found.info.goal, settings, shop=shop, found=found)
    check_site(settings.site, resuming=True)
    return _perform(options, found.info.goal, settings, found=found)


def _perform(
    options: argparse.Namespace,
    goal: str,
    settings: Settings,
    *,
    shop: DemoShop | None = None,
    found: Found | None = None,
) -> int:
    """Open what the run needs, follow it, close everything, report."""
    find_browser()
    if options.picture:
        _check_picture(Path(options.picture))
    machine = options.json or options.events
    if settings.expect and settings.model == "embedded":
        raise SettingsError(
            "--expect needs a model that was taught pages: leave out --model, or name embedded-web or a "
            "server."
        )
    source = settings.model or ("embedded-web" if settings.expect else None)
    sees = settings.observer == "screenshot"
    quiet = machine or options.quiet
    model = open_model(options.open_model, source, quiet=quiet, price=settings.price, sees=sees)
    place, named = (found.place, found.named) if found is not None else _journal(options.journal)
    if getattr(options, "record", False):
        settings = replace(settings, record=str(traces_of(place)))
    if shop is not None:
        shop.finished = False
    board = Board(goal, journal=named)
    with memory_in(settings.memory) as memory:
        manager = manager_of(place, settings, model, memory, patient=options.wait)
        plan = settings.plan(goal)
        events = (
            manager.stream(plan or goal)
            if found is None
            else manager.resume(place, found.info.run, plan=plan)
        )
        with _front(options, board, found) as front:
            outcome, error = asyncio.run(_follow(events, manager, model, front))
    board.run, resumable, asks = _note_end(place, board.run, outcome)
    judged = shop.judged() if shop is not None and isinstance(outcome, Confirmed) else None
    if shop is not None:
        shop.finished = isinstance(outcome, Confirmed)
    ending = Ending(board, named, outcome, error, judged, resumable, asks)
    print(json.dumps(ending.as_json()) if machine else "\n".join(["", *ending.lines()]), flush=True)
    if options.picture:
        _save_picture(board, Path(options.picture))
    return ending.code


def _check_picture(path: Path) -> None:
    """Find out whether the picture can be written before the run begins.

    Raises:
        SettingsError: It cannot.
    """
    absent = not path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise SettingsError(
            f"The picture {str(path)!r} cannot be written: {error.strerror}. Name another with --picture."
        ) from error
    if absent:
        path.unlink()


def _save_picture(board: Board, path: Path) -> None:
    """Write the picture; where the disk has become full meanwhile, say so: the run has ended all the same."""
    from .live import save_picture

    try:
        save_picture(board, path)
    except OSError as error:
        print(f"punchlist: The picture was not saved. {describe_error(error)}", file=sys.stderr, flush=True)


def _journal(named: str | None) -> tuple[str, str]:
    """The journal of a new run, found writable: what opens it, and what it is called.

    Raises:
        JournalError: It is something else, full, or in use.
    """
    place = str(new_journal()) if named is None else named
    with Journal.open(place) as journal:
        return place, journal.named


def traces_of(place: str) -> Path:
    """Where a run leaves its traces: beside its journal, where that is a file."""
    return (Path(RUNS) / "run.traces" if "://" in place else Path(place).with_suffix(".traces")).absolute()


@contextlib.contextmanager
def memory_in(folder: str | None) -> Any:
    """The memory in a folder, closed afterwards; None for none."""
    if folder is None:
        yield None
        return
    from ...memory import Memory

    with Memory.open(folder) as memory:
        yield memory


def manager_of(
    path: Path | str | None,
    settings: Settings,
    model: Model,
    memory: Memory | None,
    *,
    patient: bool = False,
) -> Manager:
    """A manager whose workers share one browser that reaches the site and nothing else.

    Args:
        path: The journal; None: a new one for each run.
        patient: See `Manager`.
    """
    from ...tools.browser import Browser
    from ..worker import Worker

    browser = Browser(allow=[settings.site], record=settings.record, observer=settings.observer)
    workers = [
        Worker(f"worker-{number}", model, [browser], strategy=settings.strategy)
        for number in range(1, settings.workers + 1)
    ]
    return Manager(
        model, workers, memory=memory, user=settings.user, journal=path, patient=patient,
        redos=settings.redos, tokens=settings.tokens, seconds=settings.seconds, money=settings.money,
        strategy=settings.strategy, policy=preset(settings.autonomy), extra={"command": asdict(settings)},
    )  # fmt: skip


@contextlib.contextmanager
def _front(options: argparse.Namespace, board: Board, found: Found | None) -> Any:
    """What shows the run: nothing, JSON lines, the live view, or plain lines."""
    say: Callable[[str], None] = lambda line: print(line, flush=True)  # noqa: E731
    recorded = list(recorded_events(found.place, found.info.run)) if found is not None else []
    moments = [moment for event in recorded for moment in board.take(event)]
    if options.events:
        yield JsonLines(board, say)
    elif options.json or options.quiet:
        yield Silence(board)
    else:
        if found is not None:
            say(f"Recorded so far: {len(moments)} messages, {board.confirmed()} tasks confirmed. Going on.")
        yield from _shown(board, say, [line_of(moment) for moment in moments])


def _shown(board: Board, say: Callable[[str], None], recorded: list[str]) -> Any:
    from .live import LiveView, fits

    if fits():
        with LiveView(board) as live:
            yield live
        return
    for line in recorded:
        say(line)
    yield PlainLines(board, say)


async def _follow(
    events: AsyncIterator[Event], manager: Manager, model: Model, front: Front
) -> tuple[Outcome | None, Exception | None]:
    """Show a run until it ends or a signal asks it to; then end browser and model.

    Returns:
        The outcome, or None when it was interrupted or an error of its surroundings ended it; that error.
    """
    stopped = _cancel_on_signals()
    outcome: Outcome | None = None
    error: Exception | None = None
    beating = asyncio.create_task(_beat(front))
    try:
        async with contextlib.aclosing(cast("AsyncGenerator[Event]", events)):
            async for event in events:
                front.take(event)
                if isinstance(event, Ended):
                    outcome = event.outcome
    except asyncio.CancelledError:
        if not stopped:
            raise
    except Exception as failure:  # whatever ended the run, browser and model are closed and the journal named
        error = failure
    finally:
        beating.cancel()
        await _close(manager, model)
    return outcome, error


def _cancel_on_signals() -> list[int]:
    """Let the first SIGINT, SIGTERM or SIGHUP cancel the current task; further ones wait for its end.

    A SIGHUP that is ignored, as under nohup, stays so.
    """
    task, seen = asyncio.current_task(), list[int]()

    def stop(number: int) -> None:
        seen.append(number)
        if task is not None and len(seen) == 1:
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
            continue
        loop.add_signal_handler(number, stop, number)
    return seen


async def _beat(front: Front) -> None:
    """Let a live view draw itself again and again."""
    from .live import LiveView

    while isinstance(front, LiveView):
        front.draw()
        await asyncio.sleep(BEAT)


async def _close(manager: Manager, model: Model) -> None:
    """End browser and model; neither may keep the process."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSING_SECONDS):
            await manager.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSING_SECONDS):
            await model.aclose()


def _note_end(place: str, run: str, outcome: Outcome | None) -> tuple[str, bool, bool]:
    """The run's id, whether it can be gone on with, and whether it waits for an answer.

    One without an outcome is marked as paused.
    """
    try:
        found = find_run(place, run or None)
        if outcome is None and found.unfinished:
            with found.open_to_write() as journal:
                journal.set_status(found.info.run, "paused")
        with found.open() as journal:
            asks = found.unfinished and bool(waiting(journal, found.info.run))
    except LookupError:
        return run, False, False  # it ended before it was recorded
    except JournalError:
        return run, outcome is None, False  # the disk is full or the file is gone: the report says so already
    return found.info.run, found.unfinished, asks

"""`punchlist think`: think about one question, show how, and say the answer with who vouches for it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shlex
import signal
import sys
from collections.abc import Generator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from ...core_model.errors import CoreModelError
from ...core_model.pricing import amount
from ...protocols.journal import Journal
from ...protocols.messages import new_id
from ..budget import Budget
from ..events import plain
from ..reasoning.forest import traces_of
from ..reasoning.page import kind_of, save
from ..reasoning.picture import cost_line
from ..reasoning.problem import Task
from ..reasoning.search import INTERRUPTED, Result
from ..reasoning.strategy import Strategy, strategy_named, think
from ..reasoning.tasks import NOT_JUDGED
from ..reasoning.thinking import Thinking
from ..reasoning.trace import TraceEvent
from ..reasoning.tree import Score
from . import edge
from .edge import SettingsError
from .games import game_of, game_question, game_strategy
from .journals import Found, find_run, in_database, new_journal
from .live import fits
from .opening import open_model
from .thought_rows import event_line, one_line
from .thought_view import LiveThoughts, Pondered

if TYPE_CHECKING:
    from ...core_model.generation import Model

BEAT = 0.2
"""Seconds between two pictures of the live view."""

LIMITS = ("tokens", "seconds", "calls", "money", "price")
"""Settings that a run may be resumed with other values of."""

COMMAND = "think"
"""Name of these settings in a journal."""


@dataclass(frozen=True)
class Thought:
    """What a run of `punchlist think` was started with, kept in its journal for `--resume`."""

    question: str
    strategy: str
    model: str | None = None
    game24: str | None = None
    seed: int = 0
    tokens: int | None = None
    seconds: float | None = None
    calls: int | None = None
    money: str | None = None
    price: str | None = None

    @classmethod
    def recorded(cls, found: Found) -> Thought:
        """The settings in a journal.

        Raises:
            SettingsError: Another program made it.
        """
        body = found.info.settings.get(COMMAND)
        if not isinstance(body, dict):
            raise SettingsError(
                f"The last run of {found.named!r} was not made by `punchlist think`. "
                "Go on with runs of `punchlist run` by `punchlist resume`."
            )
        known = {field.name for field in fields(cls)}
        return cls(**cast("dict[str, Any]", {key: body[key] for key in known if key in body}))


def think_about(options: argparse.Namespace) -> int:
    """`punchlist think`."""
    if options.picture:
        _check_picture(options.picture)
    if options.resume is not None:
        return _resume(options)
    settings = _settings(options)
    strategy = _strategy(settings)
    model = _opened(options, settings)
    _refuse_database(options.journal or "")
    path = new_journal() if options.journal is None else Path(options.journal)
    with Journal.open(path) as journal:
        journal.begin(new_id(), settings.question, {COMMAND: cast("Any", asdict(settings))})
    return _perform(options, settings, strategy, model, path)


def _opened(options: argparse.Namespace, settings: Thought) -> Model:
    quiet = options.json or options.quiet
    return open_model(options.open_model, settings.model, quiet=quiet, price=settings.price)


def _refuse_database(named: str) -> None:
    if in_database(named):
        raise SettingsError(
            "`punchlist think` keeps its journal in a file; name one, or leave out the address."
        )


def _settings(options: argparse.Namespace) -> Thought:
    question = options.question
    if options.game24 is not None:
        if question is not None:
            raise SettingsError("--game24 brings its own question; leave it out, or leave out --game24.")
        question = game_question(game_of(options.game24))
    if question is None or not question.strip():
        raise SettingsError('Name a question: punchlist think "QUESTION"; or a game: --game24 "4 6 8 3".')
    usual = "chain-of-thought" if options.game24 is None else "tree-of-thoughts"
    return Thought(
        question.strip(), options.strategy or usual, options.model, options.game24, options.seed or 0,
        options.tokens, options.seconds, options.calls, options.money, options.price,
    )  # fmt: skip


def _strategy(settings: Thought) -> Strategy:
    """The strategy that settings name; of a game the search of that name.

    Raises:
        UnknownStrategy: There is none.
    """
    if settings.game24 is not None:
        return game_strategy(settings.strategy)
    return strategy_named(settings.strategy)


def _resume(options: argparse.Namespace) -> int:
    kept = {"a question": options.question, "--game24": options.game24, "--strategy": options.strategy}
    kept |= {"--model": options.model, "--seed": options.seed, "--journal": options.journal}
    given = [name for name, value in kept.items() if value is not None]
    if given:
        raise SettingsError(
            f"--resume goes on with what the journal says; leave out {', '.join(given)}, or begin anew."
        )
    return resume_found(options, find_run(options.resume))


def resume_found(options: argparse.Namespace, found: Found) -> int:
    """Go on with a run of `punchlist think`; limits that are given replace those it was begun with."""
    _refuse_database(found.address)
    settings = Thought.recorded(found)
    with found.open_to_write() as journal:  # refuses one that another process writes
        if journal.runs()[-1].run != found.info.run:
            raise SettingsError(
                f"{found.named!r} holds later runs; only the last can be resumed. Begin this one anew."
            )
        journal.set_status(found.info.run, "running")
    limits = {name: getattr(options, name, None) for name in LIMITS}
    settings = replace(settings, **{name: value for name, value in limits.items() if value is not None})
    strategy = _strategy(settings)
    model = _opened(options, settings)
    return _perform(options, settings, strategy, model, found.path)


def _perform(
    options: argparse.Namespace, settings: Thought, strategy: Strategy, model: Model, path: Path
) -> int:
    """Think, show it, and report."""
    how = f"{settings.strategy}, {model.name}"
    pondered = Pondered(settings.question, how)
    with _front(options, pondered) as front:
        try:
            result = asyncio.run(_follow(settings, strategy, model, path, pondered, front))
        except asyncio.CancelledError:
            result = None
        except CoreModelError:
            _tell_resumable(path)
            raise
    if result is None:  # a second signal broke it off
        _tell_resumable(path)
        raise KeyboardInterrupt
    ending = Ending(settings, path, result, pondered.seconds)
    run = _note_end(path, ending)
    if options.json:
        print(json.dumps(ending.as_json() | {"run": run}), flush=True)
    else:
        print("\n".join(["", *ending.lines()] if not options.quiet else ending.lines()), flush=True)
    if options.picture:
        _save_picture(path, run, Path(options.picture), settings.question)
    return ending.code


def _tell_resumable(path: Path) -> None:
    told = f"It can go on: punchlist think --resume {shlex.quote(str(path))}"
    print(told, file=sys.stderr, flush=True)


class Front(Protocol):
    """Something that shows thinking."""

    def take(self, event: TraceEvent) -> None:
        """Show an event."""
        ...


class Silence:
    """Shows nothing."""

    def take(self, event: TraceEvent) -> None:
        """Nothing."""


class PlainThoughts:
    """Prints an event a line."""

    def __init__(self, pondered: Pondered) -> None:
        self._pondered = pondered

    def take(self, event: TraceEvent) -> None:
        """Print an event."""
        line = event_line(event, self._pondered.forest)
        if line is not None:
            print(line, flush=True)


@contextlib.contextmanager
def _front(options: argparse.Namespace, pondered: Pondered) -> Generator[Front]:
    if options.json or options.quiet:
        yield Silence()
    elif fits():
        with LiveThoughts(pondered) as live:
            yield live
    else:
        yield PlainThoughts(pondered)


async def _follow(
    settings: Thought, strategy: Strategy, model: Model, path: Path, pondered: Pondered, front: Front
) -> Result:
    """Think to the end; the first signal gives the best so far, a second one breaks off."""

    def show(event: TraceEvent) -> None:
        pondered.forest.take(event)
        front.take(event)

    def begun(door: Thinking) -> None:
        pondered.door = door
        _stop_on_signals(door)

    if settings.game24 is None:
        task = Task(settings.question)
    else:
        task = Task(settings.question, problem=game_of(settings.game24))
    budget = Budget(
        tokens=settings.tokens, model_calls=settings.calls, seconds=settings.seconds,
        money=None if settings.money is None else amount(settings.money),
    )  # fmt: skip
    beating = asyncio.create_task(_beat(front))
    try:
        return await think(
            task, model, strategy, budget=budget, seed=settings.seed, journal=path, show=show, thinking=begun
        )
    finally:
        beating.cancel()
        await model.aclose()


def _stop_on_signals(door: Thinking) -> None:
    """Let the first SIGINT, SIGTERM or SIGHUP stop the search, and the next one break off."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    seen: list[int] = []

    def stop(number: int) -> None:
        seen.append(number)
        door.stop()
        if len(seen) > 1 and task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
            continue
        with contextlib.suppress(ValueError, RuntimeError):  # not the main thread: its owner handles signals
            loop.add_signal_handler(number, stop, number)


async def _beat(front: Front) -> None:
    """Let a live view draw itself again and again."""
    while isinstance(front, LiveThoughts):
        front.draw()
        await asyncio.sleep(BEAT)


# --- the end --------------------------------------------------------------------------


@dataclass(frozen=True)
class Ending:
    """How thinking ended for the one who asked."""

    settings: Thought
    journal: Path
    result: Result
    seconds: float

    @property
    def score(self) -> Score | None:
        """What somebody thinks of the answer; None where nobody was asked."""
        score = self.result.best.score
        return None if score == NOT_JUDGED else score

    @property
    def vouched(self) -> bool:
        """Whether somebody other than the model says how good the answer is."""
        return self.score is not None and self.score.kind != "model"

    @property
    def outcome(self) -> str:
        """ "done" (somebody other than the model accepts it), "unverified", "failed" or "interrupted"."""
        if self.result.stop_reason == INTERRUPTED:
            return "interrupted"
        if self.result.answer is None:
            return "failed"
        return "done" if self.result.solved and self.vouched else "unverified"

    @property
    def code(self) -> int:
        """The exit code."""
        codes = {"done": edge.DONE, "unverified": edge.UNVERIFIED, "interrupted": edge.INTERRUPTED}
        return codes.get(self.outcome, edge.FAILED)

    @property
    def resumable(self) -> bool:
        """Whether more could come of going on."""
        return self.outcome == "interrupted" or self.result.stop_reason.startswith("budget.")

    def as_json(self) -> dict[str, Any]:
        """The one object that `--json` prints."""
        score = self.score
        return {
            "outcome": self.outcome,
            "answer": self.result.answer,
            "value": None if score is None else score.value,
            "kind": None if score is None else score.kind,
            "stop_reason": self.result.stop_reason,
            "question": self.settings.question,
            "strategy": self.settings.strategy,
            "thoughts": len(self.result.tree) - 1,
            "cost": {**plain(self.result.usage), "seconds": round(self.seconds, 3)},
            "journal": str(self.journal),
            "resumable": self.resumable,
        }

    def lines(self) -> list[str]:
        """The same for a person."""
        result, file = self.result, shlex.quote(str(self.journal))
        best, score = result.best, self.score
        if result.answer is None:
            thought = "" if best.thought is None else f" The best thought: {one_line(best.thought.text)}"
            rows = [f"No answer.{thought}"]
        else:
            rows = [one_line(line) for line in result.answer.splitlines() if line.strip()] or ["(empty)"]
        rows.append("")
        if score is not None:
            whose = {"model": "the model itself says", "oracle": "an oracle says"}
            who = whose.get(score.kind, f"the {score.kind} says")
            rows.append(f"{self.outcome}: value {score.value:.2f}, {who}; stopped: {result.stop_reason}")
        else:
            rows.append(f"{self.outcome}: nobody judged it; stopped: {result.stop_reason}")
        rows.append(f"{self.settings.strategy}: {cost_line(result.usage)}, {self.seconds:.1f} s")
        rows.append(f"the tree: punchlist journal tree {file}")
        if self.resumable:
            more = "" if self.outcome == "interrupted" else " with a larger --tokens, --calls or --seconds"
            rows.append(f"go on: punchlist think --resume {file}{more}")
        return rows


def _note_end(path: Path, ending: Ending) -> str:
    """Record how the run stands; returns its id."""
    status = {"done": "confirmed"}.get(ending.outcome, ending.outcome)
    with Journal.open(path, create=False) as journal:
        run = journal.runs()[-1].run
        journal.set_status(run, "paused" if ending.resumable else status)
    return run


def _check_picture(named: str) -> None:
    """Refuse a picture of another kind before anything is asked.

    Raises:
        SettingsError: It ends neither in .svg nor in .html.
    """
    try:
        kind_of(Path(named))
    except ValueError as error:
        raise SettingsError(str(error)) from error


def _save_picture(path: Path, run: str, file: Path, title: str) -> None:
    """Write the picture; where that fails say so: the answer is there all the same."""
    with Journal.open(path, readonly=True) as journal:
        trace = traces_of(journal, run)[0]
        answers = list(trace.answers())
    try:
        save(trace.all_events(), file, title=title, answers=answers)
    except OSError as error:
        told = edge.describe_error(error)
        print(f"punchlist: The picture was not saved. {told}", file=sys.stderr, flush=True)

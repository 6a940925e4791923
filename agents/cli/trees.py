"""`punchlist journal tree` and `journal export`: what searches on record did, shown or made training data."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue
from rich.console import Console
from rich.text import Text

from ...protocols.journal import Journal
from ..reasoning.forest import Forest, Grown, traces_of, usage
from ..reasoning.page import kind_of, save
from ..reasoning.picture import MOST_NODES, head_lines
from ..reasoning.trace import Trace, TraceEvent
from .edge import DONE, SettingsError
from .journals import Found, find_run
from .thought_rows import ASCII, LINES, MOST_ROWS, closing, notes, one_line, rows

PIPE_WIDTH = 160
"""Columns where the output is no terminal."""


def tree(options: argparse.Namespace) -> int:
    """`punchlist journal tree`."""
    out = None if options.out is None else Path(options.out)
    if out is not None:
        try:
            kind_of(out)
        except ValueError as error:
            raise SettingsError(str(error)) from error
    found = find_run(options.file, options.run)
    with found.open() as journal:
        traces = searched(found, journal, options.task)
        if out is not None:
            _draw(found, traces, out, options)
            print(f"Saved {str(out)!r}.")
            return DONE
        if options.json:
            for trace in traces:
                for event in _within(trace, options.scope):
                    print(json.dumps({"task": trace.task, "attempt": trace.attempt} | event.row()))
            return DONE
        _print(found, traces, options)
    return DONE


def searched(found: Found, journal: Journal, task: str | None) -> list[Trace]:
    """The traces of a run.

    Raises:
        SettingsError: It holds none, or none of that task.
    """
    every = [trace for trace in traces_of(journal, found.info.run) if trace.all_events()]
    where = f"Run {found.info.run!r} of {found.named!r}"
    if not every:
        raise SettingsError(
            f"{where} holds no search. `punchlist think` and runs with --strategy record one; "
            "`punchlist journal show` prints what else a run did."
        )
    chosen = [trace for trace in every if task in (None, trace.task, trace.task.partition("#")[0])]
    if not chosen:
        known = dict.fromkeys(trace.task.partition("#")[0] or "''" for trace in every)
        raise SettingsError(f"{where} holds no search for task {task!r}. There are: {', '.join(known)}.")
    return chosen


def _within(trace: Trace, scope: str | None) -> list[TraceEvent]:
    """The events of a scope and of those inside it."""
    wanted = (scope or "").strip("/")
    events = trace.all_events()
    if not wanted:
        return events
    return [event for event in events if f"{event.scope}/".startswith(f"{wanted}/")]


def _chosen(traces: list[Trace], scope: str | None) -> list[tuple[Trace, list[TraceEvent]]]:
    """The traces with their events in a scope.

    Raises:
        SettingsError: None has any.
    """
    found = [(trace, events) for trace in traces if (events := _within(trace, scope))]
    if not found:
        scopes = dict.fromkeys(event.scope for trace in traces for event in trace.all_events())
        known = ", ".join(repr(name.strip("/")) for name in list(scopes)[:20] if name)
        raise SettingsError(f"No search has scope {scope!r}. There are: {known or 'none but the outermost'}.")
    return found


def _title(found: Found, trace: Trace) -> str:
    if not trace.task:
        return found.info.goal
    name = trace.task.partition("#")[0]
    return f"{name}{f', attempt {trace.attempt}' if trace.attempt else ''}: {found.info.goal}"


def _draw(found: Found, traces: list[Trace], out: Path, options: argparse.Namespace) -> None:
    """One picture of all: several traces stand below each other, each in a scope of its own."""
    chosen = _chosen(traces, options.scope)
    events: list[TraceEvent] = []
    answers: list[dict[str, JsonValue]] = []
    for place, (trace, mine) in enumerate(chosen, 1):
        name = trace.task.partition("#")[0] or "search"
        prefix = f"{place} {name}, attempt {trace.attempt}/" if len(chosen) > 1 else ""
        events += [TraceEvent(e.what, prefix + e.scope, e.node, e.body) for e in mine]
        answers += [{**each, "scope": prefix + str(each.get("scope") or "")} for each in trace.answers()]
    title = _title(found, chosen[0][0]) if len(chosen) == 1 else found.info.goal
    save(events, out, title=title, answers=answers, most=options.limit or MOST_NODES)


def _print(found: Found, traces: list[Trace], options: argparse.Namespace) -> None:
    for trace, events in _chosen(traces, options.scope):
        answers = list(trace.answers())
        show(Text(one_line(_title(found, trace)), "bold"))
        for search in Forest.of(events):
            for row in search_rows(search, answers, options.limit or MOST_ROWS):
                show(row)


def search_rows(search: Grown, answers: Sequence[Mapping[str, JsonValue]], most: int) -> Iterator[Text]:
    """A search with its head, tree, notes and end."""
    yield Text("")
    yield Text(one_line(search.title or search.name or "notes"), "bold underline")
    for line in head_lines(search, usage(answers, search.scope)):
        yield Text(one_line(line), "bright_black")
    if search.oracle:
        yield Text("judged by an oracle: it knows the solution, so this is no measure", "bold red")
    yield from notes(search)
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    yield from rows(search, most, ASCII if plain else LINES)
    if search.name:
        yield closing(search)


def show(row: Text) -> None:
    """Print a row, cut to the terminal's width."""
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else PIPE_WIDTH
    console = Console(width=width, highlight=False, soft_wrap=False)
    row.truncate(width, overflow="ellipsis")
    console.print(row, no_wrap=True)

"""Journals on disk: find the one that is meant, list their runs, print one."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from ...protocols.errors import JournalError, JournalMissing
from ...protocols.journal import Journal, Row, RunInfo
from ...protocols.journal_file import is_locked
from ...protocols.messages import Assign, Envelope
from ...tools.browser.view import clip
from ..events import Event, Said
from ..manager import RUNS, UnknownRun
from ..managing.ending import ENDED
from ..observability.edits import KINDS as EDITS
from ..observability.edits import Edited
from ..observability.remembered import remembered
from ..plan_edits import ENDED_FOR_GOOD, owner_of
from ..reasoning.trace import EVENT
from ..remembering import ROWS as MEMORY
from .board import Board
from .edge import DONE, SettingsError, describe_error
from .lines import line_of

FINISHED = ENDED_FOR_GOOD
"""What `Journal.set_status` says of runs that cannot be gone on with."""

KINDS = (
    "sitting",
    "recording",
    "plan",
    "plan_hash",
    "outline",
    *EDITS,
    "letter",
    "sync",
    "children",
    "spec",
    "request",
    "reply",
    "withdrawn",
    "refused",
    "looked",
    "control",
    "anomalies",
    "alarm",
    "envelope",
    "decision",
    "intent",
    "intent_again",
    "outcome",
    "event",
    "worker_event",
    "wake",
    "lane",
    "look",
    "lesson",
    "lesson_lost",
    "lesson_outcome",
    "outcome_lost",
    "recall_lost",
    "weighing_lost",
    "noting_lost",
    *MEMORY,
    "breakdown",
    "tree",
    "tree_cut",
    "thought",
    "cut_off",
    "prompt",
    "ended",
    "seal",
)
"""Kinds of rows that runs write and a reader may ask for, also where a journal has none yet."""


TOLD = ("plan", "decision", "intent", "outcome", "lesson", *EDITS, *MEMORY)
"""Kinds of rows that `journal show` prints beside messages, unless it is asked for others."""


@dataclass(frozen=True)
class Found:
    """A run and the journal that holds it.

    Attributes:
        address: Of the database, where it lies in one; may hold a password, so it is never shown.
        shown: The address without it.
    """

    path: Path
    info: RunInfo
    address: str = field(default="", repr=False)
    shown: str = ""

    def open(self) -> Journal:
        """The journal, to look at it."""
        return Journal.open(self.place, readonly=True)

    def open_to_write(self) -> Journal:
        """The journal, to go on with the run or to add to it. Raises as `Journal.open` does."""
        return Journal.open(self.place, create=False)

    @property
    def place(self) -> str:
        """What opens the journal: file or address, with its password."""
        return self.address or str(self.path)

    @property
    def named(self) -> str:
        """What the journal is called in messages and commands; without a password."""
        return str(self.path) if not self.address else self.shown

    def status(self) -> str:
        """How the run stands; a run whose process is gone is `interrupted`, where that can be told."""
        cut_short = self.info.status == "running" and not self.address and not is_locked(self.path)
        return "interrupted" if cut_short else self.info.status

    @property
    def unfinished(self) -> bool:
        """Whether it can be gone on with."""
        return self.info.status not in FINISHED


@dataclass(frozen=True)
class Unreadable:
    """A file among the journals that cannot be read, and why."""

    path: Path
    reason: JournalError | OSError

    def sentence(self) -> str:
        """What is wrong, and what to do."""
        return describe_error(self.reason)


def new_journal(folder: Path | str = RUNS) -> Path:
    """Make an empty file for a journal, named by the time, readable by its owner only.

    Raises:
        OSError: The folder cannot be written.
    """
    place = Path(folder)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    for number in range(1, 1000):
        path = place / f"{stamp}{f'-{number}' if number > 1 else ''}.db"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            continue
        return path
    raise SettingsError(f"{str(place)!r} has too many journals of this second; name one with --journal FILE.")


def find_run(named: str | None, run: str | None = None, folder: Path | str = RUNS) -> Found:
    """The run that `resume` and `journal show` mean.

    Args:
        named: A journal file, the address of a database, or the id of a run in `folder`; None: the last run
            there that is unfinished and that no process is writing, or if all are being written, the last.
        run: Which run of the file; None: the last.

    Raises:
        JournalMissing, UnknownRun: There is none.
        JournalError: The file cannot be read.
        SettingsError: Nothing is unfinished.
    """
    if named is None:
        return _last_unfinished(folder)
    path, address = Path(named), named if in_database(named) else ""
    if not address and not path.exists():
        found, unreadable = runs_in(folder)
        for each in found:
            if named == each.info.run or named in (each.path.name, each.path.stem):
                return each
        for each in unreadable:
            if named in (each.path.name, each.path.stem):
                raise each.reason
        raise JournalMissing(path)
    with Journal.open(address or path, readonly=True) as journal:
        infos, path, shown = journal.runs(), journal.path, journal.named
    chosen = [info for info in infos if run in (None, info.run)]
    if not chosen:
        raise UnknownRun(run or "", shown, [info.run for info in infos])
    return Found(path, chosen[-1], address, shown)


def in_database(named: str) -> bool:
    """Whether this is the address of a database and no file."""
    return named.startswith(("postgresql://", "postgres://"))


def _last_unfinished(folder: Path | str) -> Found:
    found, unreadable = runs_in(folder)
    waiting = [each for each in found if each.unfinished]
    if waiting:
        return next((each for each in waiting if not is_locked(each.path)), waiting[0])
    damaged = "".join(f" Not readable: {each.sentence()}" for each in unreadable)
    raise SettingsError(
        f"No run under {str(folder)!r} is unfinished. `punchlist journal list` shows them; name one.{damaged}"
    )


def runs_in(folder: Path | str) -> tuple[list[Found], list[Unreadable]]:
    """Every run of every journal in a folder, newest first; and the files there that cannot be read."""
    found: list[Found] = []
    unreadable: list[Unreadable] = []
    for path in sorted(Path(folder).glob("*.db")):
        try:
            with Journal.open(path, readonly=True) as journal:
                found += [Found(path, info) for info in journal.runs()]
        except (JournalError, OSError) as error:
            unreadable.append(Unreadable(path, error))
    return sorted(found, key=lambda each: each.info.began, reverse=True), unreadable


def runs_of(address: str) -> tuple[list[Found], list[Unreadable]]:
    """Every run of a database, newest first.

    Raises:
        JournalError: It cannot be read.
    """
    with Journal.open(address, readonly=True) as journal:
        found = [Found(journal.path, info, address, journal.named) for info in journal.runs()]
    return found[::-1], []


def recorded_events(place: Path | str, run: str) -> Iterator[Event]:
    """The messages of a run as the events they were shown as."""
    titles: dict[str, str] = {}
    with Journal.open(place, readonly=True) as journal:
        for row in journal.rows(run, kinds=("envelope",)):
            envelope = _envelope(row)
            if envelope is None:
                continue
            if isinstance(envelope.body, Assign):
                titles[envelope.task] = envelope.body.task
            yield Said(envelope, titles.get(envelope.task, row.task))


def list_journals(options: argparse.Namespace) -> int:
    """`punchlist journal list`."""
    folder: str = options.folder
    found, unreadable = runs_of(folder) if in_database(folder) else runs_in(folder)
    if options.json:
        body = {
            "runs": [asdict(each.info) | _place(each) for each in found],
            "unreadable": [{"journal": str(each.path), "reason": each.sentence()} for each in unreadable],
        }
        print(json.dumps(body))
        return DONE
    if not found and not unreadable:
        print(f"No journal in {folder!r}. `punchlist run` makes one.")
    for each in found:
        began = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.info.began))
        print(f"{began}  {each.status():<11}  {each.named}  {clip(each.info.goal, 80)}")
    for each in unreadable:
        print(f"{'':16}  {'unreadable':<11}  {each.path}  {each.sentence()}")
    return DONE


def _place(found: Found) -> dict[str, Any]:
    return {"journal": found.named, "status": found.status()}


def show_journal(options: argparse.Namespace) -> int:
    """`punchlist journal show`."""
    found = find_run(options.file, options.run)
    kinds = tuple(kind.strip() for kind in (options.kinds or "").split(",") if kind.strip())
    with found.open() as journal:
        if kinds:
            _check_kinds(kinds, journal, found.info.run)
        rows = journal.rows(found.info.run, kinds=kinds)
        if options.json:
            for row in rows:
                print(json.dumps(asdict(row)))
            return DONE
        for line in show_lines(found, rows, every=bool(kinds)):
            print(line)
    return DONE


def _check_kinds(kinds: Sequence[str], journal: Journal, run: str) -> None:
    """Refuse a kind that no row has and no run writes.

    Raises:
        SettingsError: One is misspelt.
    """
    known = {*KINDS, *(row.kind for row in journal.rows(run))}
    wrong = [kind for kind in kinds if kind not in known]
    if wrong:
        raise SettingsError(
            f"There are no rows of kind {', '.join(map(repr, wrong))}. Kinds are: {', '.join(sorted(known))}."
        )


def show_lines(found: Found, rows: Iterator[Row] | Sequence[Row], *, every: bool) -> Iterator[str]:
    """A run as lines: messages, decisions of models, calls of tools.

    Args:
        every: Also rows that repeat in another form what a message says.
    """
    info = found.info
    yield f"goal    {info.goal}"
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(info.began))
    yield f"run     {info.run}, {found.status()}, {began}"
    board = Board(info.goal)
    titles: dict[str, str] = {}
    steps = 0
    acts = set[str]()
    for row in rows:
        envelope = _envelope(row) if row.kind == "envelope" else None
        steps += row.kind == EVENT
        if envelope is not None:
            if isinstance(envelope.body, Assign):
                titles[envelope.task] = envelope.body.task
            for moment in board.take(Said(envelope, titles.get(envelope.task, row.task))):
                yield line_of(moment)
        elif row.kind == ENDED and isinstance(row.body, dict):
            yield from _ended_lines(row.body)
        elif every or row.kind in TOLD:
            yield _line(row, row.kind, brief(row))
        elif row.kind == "event" and (act := _person_act(row)) is not None:
            mark = json.dumps([row.task, act["upstream"], act["generation"]]) if act.get("upstream") else ""
            if not mark or mark not in acts:  # a task is told of the same re-opening again where in doubt
                yield _line(row, str(act["kind"]), f"{act['person']}: {act.get('reason') or ''}".rstrip(": "))
            acts.add(mark)
    if steps and not every:
        yield f"thought {steps} steps; they are shown by: punchlist journal tree {found.named}"


def _line(row: Row, kind: str, told: str) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(row.at))
    about = owner_of(row.task) if row.kind in EDITS else row.task
    return f"{clock}  {about:<10} {kind:<8} {clip(told, 160)}".rstrip()


def _person_act(row: Row) -> dict[str, Any] | None:
    """What a person, or the runtime for one, did about a task; None where an event is something else."""
    event = row.body.get("event") if isinstance(row.body, dict) else None
    if not isinstance(event, dict) or event.get("kind") != "person" or not isinstance(event.get("act"), dict):
        return None
    return {
        "kind": "act",
        **cast("dict[str, Any]", event["act"]),
        "person": event.get("person") or "somebody",
    }


def _ended_lines(body: dict[str, Any]) -> Iterator[str]:
    stands = f" ({body['status']})" if body.get("status") not in (None, body.get("outcome")) else ""
    yield f"ended   {body.get('outcome')}{stands}"
    for reason in body.get("reasons") or ():
        yield f"        - {clip(' '.join(str(reason).split()), 300)}"


def brief(row: Row) -> str:
    """The body of a row in a line."""
    body = row.body
    if isinstance(body, dict):
        if row.kind in MEMORY:
            return remembered(row.kind, body)
        if row.kind in EDITS:
            return Edited.of_row(row).words()
        if row.kind == "intent":
            return f"{body.get('tool')} {json.dumps(body.get('args'), ensure_ascii=False)}"
        if row.kind == "decision":
            return f"{body.get('role')}: {body.get('answer')}"
        if row.kind == "outcome":
            return f"{body.get('status')}: {json.dumps(body.get('result'), ensure_ascii=False)}"
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)


def _envelope(row: Row) -> Envelope | None:
    """The message of a row; None where its body was pruned."""
    try:
        return Envelope.model_validate(row.body)
    except ValidationError:
        return None

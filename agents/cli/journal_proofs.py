"""`punchlist journal verify`, `journal export --kind run`, `journal import`: runs with their hashes."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from ...protocols.journal import Journal
from ...protocols.journal_chain import Verified
from ...protocols.journal_lines import export_lines, import_lines, verify_lines, write_lines
from ..manager import UnknownRun
from .edge import DONE, UNVERIFIED, SettingsError
from .journals import find_run, in_database, new_journal

LINES = ".jsonl"


def verify(options: argparse.Namespace) -> int:
    """`punchlist journal verify`: exit code 3 where something was done to a run."""
    found = verified(options.file, options.run, options.head or "")
    intact = all(each.intact for each in found)
    if options.json:
        told = [{**asdict(each), "intact": each.intact} for each in found]
        print(json.dumps({"journal": options.file, "intact": intact, "runs": told}))
    else:
        for each in found:
            print(line_of(each))
        if not found:
            print(f"{options.file!r} holds no run.")
    return DONE if intact else UNVERIFIED


def verified(named: str, run: str | None, head: str) -> tuple[Verified, ...]:
    """What the chains of a journal, or of lines that were exported, say.

    Raises:
        SettingsError: A head without a run, where there are several.
        UnknownRun, JournalError: It is not there, or cannot be read.
    """
    if named.endswith(LINES):
        found = verify_lines(Path(named), head)
        if run not in (None, found.run):
            raise UnknownRun(run or "", Path(named), [found.run])
        return (found,)
    if not in_database(named):
        named = str(find_run(named).path)
    with Journal.open(named, readonly=True) as journal:
        known = [info.run for info in journal.runs()]
        if run is not None and run not in known:
            raise UnknownRun(run, journal.named, known)
        if head and run is None and len(known) != 1:
            raise SettingsError(
                f"{journal.named!r} holds {len(known)} runs. Say with --run which one has this head."
            )
        return journal.verify(run or (known[0] if head else None), head=head)


def line_of(found: Verified) -> str:
    """A run in a line."""
    if found.fault is not None:
        return f"{found.run}  NOT INTACT at row {found.fault.place}: {found.fault.said}."
    pruned = f", {found.pruned:,} of them without their bodies (pruned)" if found.pruned else ""
    sealed = "sealed" if found.sealed else "not sealed: the run is not over"
    return f"{found.run}  intact, {found.rows:,} rows{pruned}, {sealed}\n  head {found.head}"


def export_run(options: argparse.Namespace) -> int:
    """`punchlist journal export --kind run`."""
    if len(options.files) != 1:
        raise SettingsError("--kind run exports one run. Name one journal, and its run with --run.")
    (named,) = options.files
    out = Path(options.out)
    if out.suffix != LINES:
        raise SettingsError(f"--out {options.out!r} must end in {LINES}, by which `journal verify` knows it.")
    found = find_run(named, options.run)
    run = found.info.run
    with found.open() as journal:
        found_run = journal.verify(run)[0]
        if found_run.fault is not None:
            raise SettingsError(f"{found.named!r} is not exported: {found_run.fault.said}.")
        count = write_lines(out, export_lines(journal, run))
    told = {"kind": "run", "run": run, "rows": count - 2, "head": found_run.head, "out": str(out)}
    text = f"Wrote run {run} with {count - 2:,} rows to {str(out)!r}.\n  head {found_run.head}"
    print(json.dumps(told) if options.json else text)
    return DONE


def take_in(options: argparse.Namespace) -> int:
    """`punchlist journal import`."""
    lines = Path(options.file)
    verify_lines(lines)  # before anything is made
    place = str(new_journal()) if options.journal is None else options.journal
    with Journal.open(place) as journal:
        run, shown = import_lines(journal, lines), journal.named
    told = {"run": run, "journal": shown}
    print(
        json.dumps(told)
        if options.json
        else f"Run {run} is in {shown!r}. `punchlist resume` goes on with it."
    )
    return DONE

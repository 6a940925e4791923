"""`punchlist memory` where it looks and changes nothing: search, explain, list, show, history, doctor."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from ...memory import Health, Memory, Recalled, Record
from ...memory.errors import MemoryFault
from ...memory.finder import AUTO, EMBEDDED, EXACT, MOST_EXACT
from ...memory.health import clock_faults
from .edge import DONE, ILL, USAGE, SettingsError, describe_error
from .memory_opening import Ids, across_of, counted, names_nobody, opened, plural, scope_of, seen_from
from .memory_rows import bytes_of, explained, found_table, line, named, record_table, show, whole

COUNTED = 12
"""Owners that `doctor` names."""

INDEXES = {
    AUTO: f"auto: exact up to {MOST_EXACT:,} records in sight, Chroma in index/ beyond",
    EXACT: "exact: every record in sight is compared",
    EMBEDDED: "chroma, in index/",
}
"""What each choice of `--index` means."""


def explain_commands(options: argparse.Namespace) -> int:
    """`memory` alone."""
    print(options.usage())
    return USAGE


def search(options: argparse.Namespace) -> int:
    """`punchlist memory search`."""
    with opened(options) as memory:
        found = _found(memory, options)
        if options.json:
            print(_as_json(memory, options, found))
        elif found:
            show(found_table(found, Ids(memory.ids_sync())))
            if names_nobody(options):
                show(Text(_unseen(memory), "bright_black"))
        else:
            print(_nothing(memory, options))
    return DONE


def explain(options: argparse.Namespace) -> int:
    """`punchlist memory explain`."""
    with opened(options) as memory:
        found = _found(memory, options)
        if options.json:
            print(_as_json(memory, options, found))
            return DONE
        show(
            line("asked", options.question),
            line("in sight of", seen_from(scope_of(options), across_of(options))),
            line("looked at", memory.used),
            line("embedder", memory.embedder.name),
        )
        if not found:
            print(_nothing(memory, options))
        ids, most = (
            Ids(memory.ids_sync()),
            max((abs(v) for e in found for v in e.why.parts.values()), default=0),
        )
        for rank, each in enumerate(found, 1):
            show(Text(""), *explained(rank, each, ids, most))
    return DONE


def _found(memory: Memory, options: argparse.Namespace) -> list[Recalled]:
    if not options.question.strip():
        raise SettingsError("The question is empty.")
    return memory.recall_sync(
        options.question,
        options.k,
        options.kind,
        scope_of(options),
        across=across_of(options),
        at=options.at,
        trusted=options.trusted,
        min_score=options.min_score,
        diversity=options.diversity,
    )


def _as_json(memory: Memory, options: argparse.Namespace, found: list[Recalled]) -> str:
    answers = [
        {
            "score": each.score,
            "strength": each.why.strength,
            "cosine": each.why.cosine,
            "bm25": each.why.bm25,
            "parts": dict(each.why.parts),
            "record": each.record.model_dump(mode="json"),
        }
        for each in found
    ]
    told = {"question": options.question, "embedder": memory.embedder.name, "looked_at": memory.used}
    return json.dumps({**told, "found": answers}, ensure_ascii=False)


def _nothing(memory: Memory, options: argparse.Namespace) -> str:
    """Why nothing was found, as far as that can be told, and where there is something."""
    return " ".join((_what_is_there(memory, options), *clock_faults(memory.ledger)))


def _what_is_there(memory: Memory, options: argparse.Namespace) -> str:
    scope, across = scope_of(options), across_of(options)
    there, whom = (
        len(memory.records_sync(options.kind, scope, options.at, across, holding=True)),
        seen_from(scope, across),
    )
    if there:
        hint = " A lower --min-score admits more." if options.min_score else ""
        return f"Of {plural(there, 'record')} in sight of {whom} none answers that.{hint}"
    hidden = sum(each[-1] for each in memory.counts_sync())
    others = (
        f" Elsewhere in this memory: {plural(hidden, 'record')}. Name whose with --user, --agent, --run or "
        "--tenant, or ask across everybody's with --across all."
    )
    return f"Nothing is in sight of {whom}.{others if hidden else ''}"


def _unseen(memory: Memory) -> str:
    """That others have records too, for whoever named nobody."""
    others = sum(each[-1] for each in memory.counts_sync() if any(each[:4]))
    return (
        f"Asked of what is shared. {others:,} more are somebody's: --user NAME, --across all."
        if others
        else ""
    )


def list_records(options: argparse.Namespace) -> int:
    """`punchlist memory list`."""
    with opened(options) as memory:
        nobody = names_nobody(options)
        scope, across = (None, ()) if nobody else (scope_of(options), across_of(options))
        records = memory.records_sync(options.kind, scope, options.at, across, holding=not options.closed)
        if options.json:
            print(json.dumps({"records": [as_json(each) for each in records]}, ensure_ascii=False))
            return DONE
        if records:
            show(record_table(records, Ids(memory.ids_sync())))
        whose = (
            "of everybody" if nobody else f"in sight of {seen_from(scope_of(options), across_of(options))}"
        )
        print(f"{counted(records) or 'No record'} {whose}.")
    return DONE


def as_json(record: Record) -> dict[str, Any]:
    """A record as programs read it."""
    return record.model_dump(mode="json")


def show_record(options: argparse.Namespace) -> int:
    """`punchlist memory show`."""
    with opened(options) as memory:
        ids = Ids(memory.ids_sync())
        record = memory.get_sync(ids.whole(options.id))
        if options.json:
            print(json.dumps(_around(memory, record) | {"record": as_json(record)}, ensure_ascii=False))
            return DONE
        show(*whole(record))
        _show_around(memory, record, ids)
    return DONE


def history(options: argparse.Namespace) -> int:
    """`punchlist memory history`."""
    with opened(options) as memory:
        ids = Ids(memory.ids_sync())
        name = ids.whole(options.id)
        steps = memory.history_sync(name)
        if options.json:
            told = [_around(memory, each) | {"record": as_json(each)} for each in steps]
            print(json.dumps({"history": told}, ensure_ascii=False))
            return DONE
        for before, each in zip((None, *steps), steps, strict=False):
            if before is not None:
                show(Text(""))
                if before.superseded_by == each.id:  # not where it was restored, and the other taken back
                    show(Text("superseded by", "yellow"))
            show(*whole(each, "  <- asked for" if each.id == name and len(steps) > 1 else ""))
            _show_around(memory, each, ids)
    return DONE


def _around(memory: Memory, record: Record) -> dict[str, Any]:
    return {
        "proofs": [each.model_dump(mode="json") for each in memory.proofs_sync(record.id)],
        "sources": list(record.provenance.sources),
        "derived": memory.derived_from_sync(record.id),
        "near": memory.near_sync(record.id),
    }


def _show_around(memory: Memory, record: Record, ids: Ids) -> None:
    """Proofs, sources, what was derived, and what says nearly the same."""
    for proof in memory.proofs_sync(record.id):
        passed = [each.criterion for each in proof.verdict.findings if each.outcome == "pass"]
        show(
            line("proof", f"attempt {proof.attempt} passed {', '.join(passed)}; spec {proof.spec_hash[:12]}")
        )
    for label, names in (
        ("source", record.provenance.sources),
        ("derived", memory.derived_from_sync(record.id)),
    ):
        for name in names:
            _show_other(memory, label, name, ids)
    for name, cosine in memory.near_sync(record.id):
        _show_other(memory, f"near {cosine:.2f}", name, ids)


def _show_other(memory: Memory, label: str, name: str, ids: Ids) -> None:
    other = memory.get_sync(name)
    show(line(label, named(other, ids)))


def doctor(options: argparse.Namespace) -> int:
    """`punchlist memory doctor`: exit code 1 where something is wrong."""
    try:
        with opened(options) as memory:
            health = memory.health_sync()
    except MemoryFault as error:
        told = describe_error(error)
        print(json.dumps({"ok": False, "faults": [told]}) if options.json else f"FAIL  {told}")
        return ILL
    folder = Path(options.memory).expanduser()
    if options.json:
        body = {"ok": not health.faults, **asdict(health), "backups": [str(path) for path in health.backups]}
        print(json.dumps(body | {"files": sizes(folder)}))
    else:
        _show_health(health, folder)
    return ILL if health.faults else DONE


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file and folder that lies in a memory's folder, the largest first."""
    found = {
        f"{path.name}/" if path.is_dir() else path.name: sum(
            each.stat().st_size for each in (path, *path.rglob("*")) if each.is_file()
        )
        for path in folder.iterdir()
    }
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def _show_health(health: Health, folder: Path) -> None:
    open_ones = sum(each[-1] for each in health.counts)
    closed = health.records - open_ones
    first = f"; {health.opened_with} at the first record" if health.opened_with else ""
    show(
        line("memory", str(folder.resolve())),
        line("records", f"{open_ones:,} hold, {closed:,} closed (corrected or retracted)"),
        line("embedder", health.embedder or f"none yet{first}"),
        line("index", INDEXES.get(health.index, f"the Chroma server {health.index}")),
        line("size", bytes_of(health.bytes)),
    )
    for name, size in sizes(folder).items():
        show(line("", f"{bytes_of(size):>10}  {name}"))
    for path in health.backups:
        show(line("backup", f"{path}: of an older format; it goes when something is forgotten"))
    if health.counts:
        show(_owners(health))
    for fault in health.faults:
        show(Text.assemble(("FAIL  ", "bold red"), fault))
    print("ok    nothing is wrong" if not health.faults else f"{plural(len(health.faults), 'fault')}")


def _owners(health: Health) -> Table:
    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="bright_black")
    for name in ("whose", "kind", "open"):
        table.add_column(name, justify="right" if name == "open" else "left", overflow="fold")
    for tenant, user, agent, run, kind, number in health.counts[:COUNTED]:
        owner = [
            f"{level} {name}"
            for level, name in zip(
                ("tenant", "user", "agent", "run"), (tenant, user, agent, run), strict=True
            )
            if name
        ]
        table.add_row(Text(", ".join(owner) or "shared"), kind, f"{number:,}")
    if len(health.counts) > COUNTED:
        table.add_row(
            f"{len(health.counts) - COUNTED} more", "", f"{sum(e[-1] for e in health.counts[COUNTED:]):,}"
        )
    return table

"""`punchlist memory` where it changes something: add, correct, carry over, delete, embed anew."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Generator
from dataclasses import asdict
from getpass import getuser
from pathlib import Path
from typing import Any

from rich.text import Text

from ...memory import Consolidation, Erased, Memory, Owner, Provenance, Record, Scope
from ...memory.consolidate import JOBS
from ...memory.errors import ForgetIncomplete, IndexUnusable
from ...memory.records import kept_reason, now
from ...memory.transfer import read_export
from .edge import DONE, UNVERIFIED, SettingsError
from .memories import as_json
from .memory_opening import (
    Ids,
    across_of,
    counted,
    is_memory,
    names_nobody,
    opened,
    plural,
    scope_of,
    text_of,
    told,
)
from .memory_rows import day, indented, named, show

SHOWN = 5
"""Records that are shown before they are deleted."""

PROVEN_ONLY = ("reflection", "skill")
"""Kinds that a check has proven, so that a person cannot put them into other words."""


def add(options: argparse.Namespace) -> int:
    """`punchlist memory add`."""
    with told():
        record = Record(
            kind=options.kind,
            text=text_of(options.text),
            scope=scope_of(options),
            provenance=_by_hand(options, options.origin),
            trust="untrusted" if options.origin else "trusted",
            speaker=options.speaker,
            session=options.session,
            happened=options.happened,
            importance=options.importance,
            stance="explicit" if options.kind == "preference" else None,
        )
    with opened(options, make=True) as memory:
        kept = memory.remember_sync(record)
        known = kept.id != record.id
        if options.json:
            body = {"record": as_json(kept), "known": known, "near": memory.near_sync(kept.id)}
            print(json.dumps(body, ensure_ascii=False))
            return DONE
        ids = Ids(memory.ids_sync())
        again = f"Known since {day(kept.learned)}, said {plural(kept.seen, 'time')} now:"
        _say(again if known else "Remembered", kept, ids)
        _point_at_near(memory, kept, ids, "It says nearly the same as")
    return DONE


def _by_hand(options: argparse.Namespace, origin: str = "") -> Provenance:
    return Provenance(by="person", origin=origin or options.person or getuser())


def _say(what: str, record: Record, ids: Ids) -> None:
    show(Text.assemble(f"{what}  ", named(record, ids)))


def _point_at_near(memory: Memory, record: Record, ids: Ids, what: str) -> None:
    """Name what holds and says nearly the same: it may want a correction, too."""
    near = [(memory.get_sync(name), cosine) for name, cosine in memory.near_sync(record.id)]
    for other, cosine in [each for each in near if each[0].closed is None]:
        _say(f"{what} (cosine {cosine:.2f})", other, ids)
        print(f"  To correct that one: punchlist memory supersede {ids.short(other.id)} TEXT")


def supersede(options: argparse.Namespace) -> int:
    """`punchlist memory supersede`."""
    with opened(options) as memory:
        old = memory.get_sync(Ids(memory.ids_sync()).whole(options.id))
        if old.kind in PROVEN_ONLY:
            raise SettingsError(
                f"A {old.kind} holds because a check proved it, and not in other words. If it is wrong: "
                f"punchlist memory retract {options.id} --reason TEXT."
            )
        with told():
            record = Record(
                kind=old.kind,
                text=text_of(options.text),
                scope=old.scope,
                provenance=_by_hand(options).model_copy(
                    update={"sources": old.provenance.sources if old.kind == "summary" else ()}
                ),
                trust="trusted",
                speaker=old.speaker,
                session=old.session,
                happened=old.happened,
                valid_from=options.since,
                importance=old.importance,
                stance="explicit" if old.kind == "preference" else None,
            )
        kept = memory.supersede_sync(old.id, record)
        closed = memory.get_sync(old.id)
        if options.json:
            print(json.dumps({"record": as_json(kept), "superseded": as_json(closed)}, ensure_ascii=False))
            return DONE
        ids = Ids(memory.ids_sync())
        if kept.id == old.id:
            _say("It says that already:", kept, ids)
            return DONE
        _say("From now on" if options.since is None else f"From {day(options.since)} on", kept, ids)
        _say("No longer", closed, ids)
        _point_at_near(memory, closed, ids, "Still said, nearly as the old one was")
    return DONE


def retract(options: argparse.Namespace) -> int:
    """`punchlist memory retract`."""
    if not options.reason.strip():
        raise SettingsError("--reason is empty. Say why, for whoever looks at the record later.")
    try:
        reason = kept_reason(options.reason)
    except ValueError as error:
        raise SettingsError(f"--reason: {error}.") from error
    return _of_one(options, "Retracted", lambda memory, name: memory.retract_sync(name, reason))


def restore(options: argparse.Namespace) -> int:
    """`punchlist memory restore`."""
    return _of_one(options, "It holds again:", lambda memory, name: memory.restore_sync(name))


def _of_one(options: argparse.Namespace, what: str, act: Callable[[Memory, str], Record]) -> int:
    with opened(options) as memory:
        ids = Ids(memory.ids_sync())
        record = act(memory, ids.whole(options.id))
        if options.json:
            print(json.dumps({"record": as_json(record)}, ensure_ascii=False))
        else:
            _say(what, record, ids)
    return DONE


def export(options: argparse.Namespace) -> int:
    """`punchlist memory export`."""
    path = Path(options.file).expanduser()
    if path.exists():
        raise SettingsError(f"{options.file!r} is there already. Name another file, or remove it first.")
    with opened(options) as memory:
        every = names_nobody(options) and not options.shared
        number = memory.export_sync(path, None if every else scope_of(options), across_of(options))
    body = {"file": str(path), "records": number}
    text = f"Wrote {plural(number, 'record')} to {str(path)!r}. It holds their words: keep it safe."
    print(json.dumps(body) if options.json else text)
    return DONE


def take_in(options: argparse.Namespace) -> int:
    """`punchlist memory import`."""
    path = Path(options.file).expanduser()
    if not path.is_file():
        raise SettingsError(f"There is no file {options.file!r}. `punchlist memory export` writes one.")
    if not is_memory(options):
        read_export(path)  # what is refused makes no folder
    with opened(options, make=True) as memory:
        number = memory.import_sync(path)
        there = len(memory.ids_sync())
    body = {"file": str(path), "new": number, "records": there}
    text = f"Took in {plural(number, 'new record')}; {there:,} are here now."
    print(json.dumps(body) if options.json else text)
    return DONE


def forget(options: argparse.Namespace) -> int:
    """`punchlist memory forget`."""
    with opened(options) as memory:
        if (meant := _meant(memory, options)) is None:
            return DONE
        done = memory.forget_sync(*meant)
    if options.json:
        print(json.dumps({"records": done.records, "index_pending": done.index_pending}))
        return DONE
    print(_deleted(done.records))
    if done.index_pending:
        print(PENDING)
    return DONE


def _deleted(number: int) -> str:
    return f"Deleted {plural(number, 'record')} for good." if number else "There was nothing of that here."


PENDING = (
    "Another process holds the Chroma index in use; it drops the vectors when it next looks something up."
)


def erase(options: argparse.Namespace) -> int:
    """`punchlist memory erase`: exit code 3 where bytes were found, or a place could not be looked at."""
    with opened(options) as memory:
        if (meant := _meant(memory, options)) is None:
            return DONE
        done = memory.erase_sync(*meant)
    if options.json:
        left = [{"path": str(each.path), "what": each.what, "record": each.record} for each in done.left]
        body: dict[str, Any] = {
            "records": done.records, "proven": done.proven, "files": done.files, "bytes": done.bytes,
            "left": left, "unseen": list(done.unseen), "index_pending": done.index_pending,
        }  # fmt: skip
        print(json.dumps(body))
    else:
        _show_proof(done)
    return DONE if done.proven else UNVERIFIED


def _show_proof(done: Erased) -> None:
    print(_deleted(done.records))
    looked = f"Looked through {plural(done.files, 'file')}, {done.bytes:,} bytes"
    left = "NOT all is gone." if done.left else "nothing is left."
    print(f"{looked}, for ids, texts, words and vectors: {left}")
    for each in done.left:
        print(f"  {each.what} of {each.record} is in {each.path}")
    if done.left:
        print(
            "Remove these copies, or end the process that holds them, and clean up: punchlist memory rebuild"
        )
    for place in done.unseen:
        print(
            f"Not looked at: the Chroma server {place}. It drops the vectors when this memory next uses it; "
            "what its files keep is not known."
        )
    if done.index_pending:
        print(PENDING)


def _meant(memory: Memory, options: argparse.Namespace) -> tuple[Scope | str, tuple[Owner, ...]] | None:
    """What is to be deleted, once a person has agreed to it; None where they do not.

    Raises:
        SettingsError: It is not said, said twice, or nobody can be asked.
    """
    nobody = names_nobody(options) and not options.shared
    if (options.id is None) == nobody:
        raise SettingsError(
            "Say what is to be deleted: an ID, or whose with --user, --agent, --run, --tenant or --shared."
            if nobody
            else "An ID and options that say whose are two different things. Leave one out."
        )
    if options.id is None:
        target, across = scope_of(options), across_of(options)
        if target.is_shared and not options.shared:
            raise SettingsError(
                "That deletes what belongs to nobody in particular. If it is meant, say --shared as well."
            )
    else:
        target, across = Ids(memory.ids_sync()).whole(options.id), ()
    if not options.yes and not _agreed(memory, target, across, options):
        print("Nothing was deleted.")
        return None
    return target, across


def _agreed(
    memory: Memory, target: Scope | str, across: tuple[Owner, ...], options: argparse.Namespace
) -> bool:
    """Whether a person says yes to what would go, which is shown to them."""
    if options.json or not sys.stdin.isatty():
        raise SettingsError("Nobody can be asked whether that is meant. If it is, say --yes.")
    doomed = memory.doomed_sync(target, across)
    if not doomed:
        print("There is nothing of that here.")
        return False
    ids = Ids(memory.ids_sync())
    print(f"This deletes {counted(doomed)} for good, corrections and what was derived from them included:")
    for each in doomed[:SHOWN]:
        show(indented(named(each, ids)))
    if len(doomed) > SHOWN:
        print(f"    and {len(doomed) - SHOWN:,} more")
    try:
        return input("Delete them? Type yes: ").strip().casefold() == "yes"
    except EOFError:
        print()
        return False


def tidy(options: argparse.Namespace) -> int:
    """`punchlist memory tidy`."""
    with opened(options) as memory:
        jobs = Consolidation(memory)
        if options.undo is not None:
            return _undo(memory, jobs, options)
        done = jobs.run_sync(options.job, seconds=options.seconds)
        ids = Ids(memory.ids_sync())
        if options.json:
            print(json.dumps(asdict(done) | {"changed": done.changed, "left": done.left}))
            return DONE
        for each in done.jobs:
            print(each)
            for name in each.made:
                show(indented(named(memory.get_sync(name), ids)))
        print(
            "Nothing new." if not done.changed else "`punchlist memory tidy --undo ID` undoes what was made."
        )
    return DONE


def _undo(memory: Memory, jobs: Consolidation, options: argparse.Namespace) -> int:
    """Undo one derived record, or the whole work of a job."""
    ids = Ids(memory.ids_sync())
    changed = jobs.undo_sync(options.undo if options.undo in JOBS else ids.whole(options.undo))
    if options.json:
        print(json.dumps({"changed": changed}))
        return DONE
    for name in changed:
        show(named(memory.get_sync(name), ids))
    print(
        f"Undone; {plural(len(changed), 'record')} changed by it." if changed else "There is nothing to undo."
    )
    return DONE


def reembed(options: argparse.Namespace) -> int:
    """`punchlist memory reembed`."""
    if options.embedder is None:
        raise SettingsError("Say which embedder it is to go over to: --embedder NAME.")
    name, options.embedder = options.embedder, None
    began = now()
    with opened(options) as memory, _progress(options) as tell:
        try:
            number = memory.reembed_sync(name, tell)
        except ValueError as error:
            raise SettingsError(str(error)) from error
        embedder = memory.embedder.name
    seconds = (now() - began).total_seconds()
    body = {"records": number, "embedder": embedder, "seconds": round(seconds, 3)}
    text = (
        f"Embedded {plural(number, 'record')} with {embedder} in {seconds:.1f} s. Others must open it again."
    )
    print(json.dumps(body) if options.json else text)
    return DONE


@contextlib.contextmanager
def _progress(options: argparse.Namespace) -> Generator[Callable[[int, int], None] | None]:
    """Shows on a terminal how far it is; elsewhere nothing."""
    if options.json or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        bar = shown.add_task("Embedding", total=None)
        yield lambda done, of: shown.update(bar, completed=done, total=of)


def rebuild(options: argparse.Namespace) -> int:
    """`punchlist memory rebuild`."""
    with opened(options) as memory:
        try:
            memory.forget_sync("")  # no record has this id; files are cleaned of what was deleted before
        except ForgetIncomplete as error:
            if isinstance(error.__cause__, IndexUnusable):  # nothing was to be deleted, so nothing is left
                raise error.__cause__ from None
            raise
        number = memory.rebuild_sync()
    text = f"Cleaned the files, and wrote the index of {plural(number, 'record')} anew."
    print(json.dumps({"records": number}) if options.json else text)
    return DONE

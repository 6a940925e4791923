"""`punchlist eval memory`: what is left of erased records, what is merged or kept that must not be.

`--only erase,contradictions,secrets,lessons` picks parts; without it all are done. Whether lessons help is
measured by `memory_lessons`, with `--model` and `--limit` goals in each way. The texts are our own
(`memory_texts`), and nothing was tuned on them but the patterns of `memory/secrecy.py` and `logins.py`, which
have the same author: read `secrets_stored` as a check that nothing known gets in, not as an estimate for what
nobody thought of.

Erase: 1,200 records of two owners, of whom one is erased (`memory_erase`). Looked through is every byte of
the folder, Chroma's files, the log and copies included, while the memory is open and when it is closed:

    erased_bytes_left        of texts, words, ids and vectors, with all kinds of index together
    erased_bytes_left_exact, erased_bytes_left_chroma, erased_bytes_left_server   by kind
    erased_bytes_before      how many there were: the search sees them
    erased_bytes_left_on_server   in the files of the Chroma server itself, which erasing does not cover
    chroma_alone_bytes_left  of Chroma alone, after `delete` and its `vacuum`
    chroma_alone_vectors_left     share of the deleted vectors that it still has

Contradictions: pairs of which one must not swallow the other. The first is told and recalled, then the
second is told, as facts by a person; then again in the other order. Embedded by the usual embedder:

    contradiction_pairs, contradictions_merged   merged, closed or missing from the answer that has the other
    duplicates_merged        share of statements told twice in the same words that are kept once

Secrets: sentences with a password, key, card number and the like, each told as an episode:

    secrets_planted, secrets_stored
    harmless_told, harmless_refused              sentences about secrets, and with numbers that are none

What it does not cover: bytes that the disk or a file system's snapshots keep.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from ...memory import Memory, Provenance, Record, Scope, SecretRefused
from . import memory_lessons
from .harness import Figures, Measuring, OptionRefused, share
from .kill_memory_target import WordSums
from .memory_erase import erase_in_chroma, erase_on_server, erase_ours
from .memory_texts import CONTRADICTIONS, REPEATED, harmless, secrets

PARTS = ("erase", "contradictions", "secrets", "lessons")
PERSON = Provenance(by="person")

Counts = dict[str, float]
"""What was counted of an item."""


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval memory`."""
    parts = [part.strip() for part in (measuring.options.only or ",".join(PARTS)).split(",")]
    if wrong := [part for part in parts if part not in PARTS]:
        raise OptionRefused("memory", "only", f"{', '.join(wrong)!r} is not one of {', '.join(PARTS)}")
    measuring.settings |= {"seed": measuring.options.seed, "only": ",".join(sorted(parts))}
    if "lessons" in parts:
        measuring.settings |= memory_lessons.settings_of(measuring)
    figures = asyncio.run(_measure(measuring, parts))
    return figures | (memory_lessons.lessons(measuring) if "lessons" in parts else {})


async def _measure(measuring: Measuring, parts: list[str]) -> Figures:
    seed = measuring.options.seed
    todo: dict[str, Callable[[Path], Counts]] = {}
    if "erase" in parts:
        todo |= {
            "erase:exact": lambda at: erased(at, "exact"),
            "erase:chroma": lambda at: erased(at, "chroma"),
            "erase:server": on_server,
            "erase:alone": alone,
        }
    if "contradictions" in parts:
        todo |= {"contradictions": contradictions, "duplicates": duplicates}
    if "secrets" in parts:
        todo |= {
            "secrets": lambda at: told(at, secrets(seed)),
            "harmless": lambda at: told(at, harmless(seed)),
        }

    async def one(key: str) -> dict[str, JsonValue]:
        with tempfile.TemporaryDirectory(prefix="punchlist-memory-") as folder:
            return {**await asyncio.to_thread(todo[key], Path(folder))}

    await measuring.each(list(todo), one)
    rows = cast("dict[str, Counts]", measuring.ledger().rows)
    return figures_of({key: rows[key] for key in todo if key in rows})


def erased(folder: Path, index: str) -> Counts:
    """One kind of index in the memory's own folder."""
    (found,) = erase_ours(folder, index, [folder])
    return {"before": found.before, "left": found.left, "vectors_left": found.vectors_left}


def on_server(folder: Path) -> Counts:
    """A Chroma server: the memory's folder, and apart from it the server's."""
    ours, server = erase_on_server(folder)
    return {"before": ours.before, "left": ours.left, "on_server": server.left}


def alone(folder: Path) -> Counts:
    """Chroma alone."""
    found = erase_in_chroma(folder)
    return {"before": found.before, "left": found.left, "vectors_left": found.vectors_left}


def contradictions(folder: Path) -> Counts:
    """Every pair in both orders, in a scope of its own."""
    merged = 0
    with Memory.open(folder) as memory:
        for number, (first, second) in enumerate(CONTRADICTIONS):
            orders = ((first, second), (second, first))
            merged += any(
                not both_kept(memory, Scope(user=f"pair{number}", run=f"order{order}"), *pair)
                for order, pair in enumerate(orders)
            )
    return {"pairs": len(CONTRADICTIONS), "merged": merged}


def both_kept(memory: Memory, scope: Scope, first: str, second: str) -> bool:
    """Whether two statements are both open and both in one answer, the first one recalled in between."""
    kept = [memory.remember_sync(_fact(first, scope))]
    memory.recall_sync(second, scope=scope)
    kept.append(memory.remember_sync(_fact(second, scope)))
    ids = {each.id for each in kept}
    is_open = all(memory.get_sync(name).closed is None for name in ids)
    answers = [memory.recall_sync(text, scope=scope) for text in (first, second)]
    found = [{each.record.text for each in answer} for answer in answers]
    return len(ids) == 2 and is_open and found == [{first, second}] * 2


def duplicates(folder: Path) -> Counts:
    """The same words twice."""
    scope = Scope(user="twice")
    with Memory.open(folder) as memory:
        for text in REPEATED * 2:
            memory.remember_sync(_fact(text, scope))
        kept = memory.records_sync(scope=scope)
    once = sum(sum(each.text == text for each in kept) == 1 for text in REPEATED)
    return {"told": len(REPEATED), "once": once}


def _fact(text: str, scope: Scope) -> Record:
    return Record(kind="fact", text=text, scope=scope, provenance=PERSON)


def told(folder: Path, texts: list[str]) -> Counts:
    """Each text told as an episode; how many were refused, and how many are stored."""
    refused = 0
    with Memory.open(folder, embedder=WordSums(), index="exact") as memory:
        for text in texts:
            try:
                memory.remember_sync(Record(kind="episode", text=text))
            except SecretRefused:
                refused += 1
        stored = {record.text for record in memory.records_sync()}
    return {"told": len(texts), "refused": refused, "stored": sum(text in stored for text in texts)}


def figures_of(rows: dict[str, Counts]) -> Figures:
    """See the module."""
    figures: Figures = {}
    kinds = [kind for kind in ("exact", "chroma", "server") if f"erase:{kind}" in rows]
    if kinds:
        figures["erased_bytes_left"] = sum(rows[f"erase:{kind}"]["left"] for kind in kinds)
        figures["erased_bytes_before"] = sum(rows[f"erase:{kind}"]["before"] for kind in kinds)
        figures |= {f"erased_bytes_left_{kind}": rows[f"erase:{kind}"]["left"] for kind in kinds}
    if "erase:server" in rows:
        figures["erased_bytes_left_on_server"] = rows["erase:server"]["on_server"]
    if row := rows.get("erase:alone"):
        figures |= {
            "chroma_alone_bytes_left": row["left"],
            "chroma_alone_vectors_left": row["vectors_left"],
        }
    if row := rows.get("contradictions"):
        figures |= {"contradiction_pairs": row["pairs"], "contradictions_merged": row["merged"]}
    if row := rows.get("duplicates"):
        figures["duplicates_merged"] = share(int(row["once"]), int(row["told"]))
    if row := rows.get("secrets"):
        figures |= {"secrets_planted": row["told"], "secrets_stored": row["stored"]}
    if row := rows.get("harmless"):
        figures |= {"harmless_told": row["told"], "harmless_refused": row["refused"]}
    return figures

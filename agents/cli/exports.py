"""`punchlist journal export`: a run as it is, or training data out of the searches that runs recorded."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

from ..reasoning.export import Example, ExportRefused, Preference, to_preferences, to_sft, write_lines
from ..reasoning.trace import Trace
from ..reasoning.tree import Kind
from .edge import DONE, SettingsError
from .journal_proofs import export_run
from .journals import find_run
from .trees import searched


def export(options: argparse.Namespace) -> int:
    """`punchlist journal export`."""
    if options.kind == "run":
        return export_run(options)
    trust = trusted(options.trust)
    rows: list[Example | Preference] = []
    for named in options.files:
        rows += rows_of(named, options.kind, trust, options.least, options.run, options.task)
    if not rows:
        raise SettingsError(nothing_found(options.kind, options.files, trust))
    out = Path(options.out)
    count = write_lines(out, rows)
    told: dict[str, Any] = {"kind": options.kind, "rows": count, "out": str(out)}
    print(json.dumps(told) if options.json else f"Wrote {count:,} rows to {str(out)!r}.")
    return DONE


def trusted(text: str) -> tuple[Kind, ...]:
    """Whose judgement counts, as `--trust` names it.

    Raises:
        SettingsError: One is misspelt.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    known = get_args(Kind)
    wrong = [name for name in names if name not in known]
    if wrong or not names:
        told = f"has {', '.join(map(repr, wrong))}" if wrong else "is empty"
        raise SettingsError(f"--trust {told}. Choose among {', '.join(known)}, separated by commas.")
    return cast("tuple[Kind, ...]", names)


def rows_of(
    named: str,
    kind: str,
    trust: Sequence[Kind],
    least: float = 1.0,
    run: str | None = None,
    task: str | None = None,
) -> list[Example] | list[Preference]:
    """What a run teaches.

    Args:
        named: A journal, or a run id.
        kind: "sft" or "preferences".

    Raises:
        SettingsError: It holds no search, or an oracle judged and is not trusted.
        JournalError: It cannot be read.
    """
    found = find_run(named, run)
    with found.open() as journal:
        traces: list[Trace] = searched(found, journal, task)
    try:
        if kind == "sft":
            return [row for trace in traces for row in to_sft(trace, least=least, trust=trust)]
        return [row for trace in traces for row in to_preferences(trace, trust=trust)]
    except ExportRefused as error:
        raise SettingsError(f"{found.named!r}: {error}") from error


def nothing_found(kind: str, files: Sequence[str], trust: Sequence[Kind]) -> str:
    """Why there may be no rows, and what to do."""
    what = (
        "no answer that led to an end judged good"
        if kind == "sft"
        else "no two answers to one prompt of which one led to a better end"
    )
    return (
        f"{', '.join(map(repr, files))}: {what} by {' or '.join(trust)}. Look with `punchlist journal tree`; "
        "name others with --trust, record more runs, or take a lower --least."
    )

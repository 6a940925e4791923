"""The traces of skills, which lie beside the records: each in a folder that its record's text names.

Memory neither reads nor writes them. It deletes those that no record names, so that forgetting a skill
forgets how it was done, too.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .errors import ForgetIncomplete, cause_of
from .ledger import Ledger
from .records import Filter

FOLDER = "skills"
MARK = "\nskill "
_NAME = re.compile("[0-9a-f]{32}")


def trace_named(text: str) -> str | None:
    """Name of the folder that a skill's text names; None where it names none."""
    name = text.rpartition(MARK)[2]
    return name if MARK in text and _NAME.fullmatch(name) else None


def drop_orphans(folder: Path, ledger: Ledger) -> int:
    """Delete the traces beside a memory that no record names; how many there were.

    Raises:
        ForgetIncomplete: One cannot be deleted, or their folder not be read.
    """
    try:
        traces = [place for place in (folder / FOLDER).iterdir() if _NAME.fullmatch(place.name)]
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise ForgetIncomplete(str(folder / FOLDER), str(error), cause_of(error)) from error
    if not traces:
        return 0
    known = {trace_named(record.text) for record in ledger.records(Filter(kinds=frozenset({"skill"})))}
    orphans = [place for place in traces if place.name not in known]
    for place in orphans:
        try:
            shutil.rmtree(place)
        except FileNotFoundError:
            continue  # another process was faster
        except OSError as error:
            raise ForgetIncomplete(str(place), str(error), cause_of(error)) from error
    return len(orphans)

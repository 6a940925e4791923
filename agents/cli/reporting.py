"""`punchlist journal report`: a run as one HTML page, made from its journal."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..observability.report import save_report
from .edge import DONE, SettingsError
from .journals import find_run


def report(options: argparse.Namespace) -> int:
    """Write the page, and say where it is and what it leaves out.

    Raises:
        SettingsError: The file's name does not end in .html, or it is the journal itself.
        JournalError, UnknownRun: There is no such run, or it cannot be read.
    """
    found = find_run(options.file, options.run)
    usual = Path(f"{found.info.run}.html") if found.address else found.path.with_suffix(".html")
    out = Path(options.html) if options.html else usual
    if out.suffix.lower() not in (".html", ".htm"):
        raise SettingsError(f"--html {str(out)!r} does not end in .html. Name a file that does.")
    if out.is_dir():
        raise SettingsError(f"--html {str(out)!r} is a folder. Name a file in it.")
    made = save_report(found.place, out, found.info.run, found.status())
    size = out.stat().st_size
    if options.json:
        print(json.dumps({"html": str(out), "bytes": size, "left_out": list(made.left_out)}))
        return DONE
    print(
        f"Wrote {str(out)!r}, {max(1, round(size / 1000)):,} kB. Open it in a browser; it needs no network."
    )
    for each in made.left_out:
        print(f"Left out: {each}")
    return DONE

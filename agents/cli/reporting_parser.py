"""The command that makes a page of a run, with its options: `journal report`."""

from __future__ import annotations

from typing import Any

from .arguments import command


def add_report(inner: Any) -> None:
    """`journal report`."""
    about = "write a run as one HTML page: messages, attempts, verdicts, costs"
    example = "punchlist journal report .punchlist/2027-05-03-101500.db --html run.html"
    parser = command(inner, "report", about, example, "reporting:report")
    parser.add_argument("file", metavar="RUN", help="the journal, or a run id")
    parser.add_argument("--run", metavar="RUN", help="which run of the file (default: the last)")
    parser.add_argument(
        "--html", metavar="FILE", help="where to write it (default: beside the journal, ending in .html)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")

"""The commands `journal verify` and `journal import` with their options."""

from __future__ import annotations

from typing import Any

from .arguments import command


def add_verify(inner: Any) -> None:
    """`journal verify`."""
    example = "punchlist journal verify .punchlist/2027-05-03-101500.db\n  punchlist journal verify run.jsonl"
    about = "say whether runs are as they were recorded, or what was done to them"
    verify = command(inner, "verify", about, example, "journal_proofs:verify")
    verify.add_argument(
        "file", metavar="FILE", help="journal, run id, postgresql:// address, or exported run (.jsonl)"
    )
    verify.add_argument("--run", metavar="RUN", help="only this run (default: all)")
    verify.add_argument("--head", metavar="HASH", help="what an earlier look gave; it must still be there")
    verify.add_argument("--json", action="store_true", help="print one JSON object")


def add_import(inner: Any) -> None:
    """`journal import`."""
    example = "punchlist journal import run.jsonl\n  punchlist resume"
    about = "take in a run that was exported elsewhere, to go on with it here"
    taking = command(inner, "import", about, example, "journal_proofs:take_in")
    taking.add_argument("file", metavar="FILE", help="what `journal export --kind run` wrote")
    taking.add_argument(
        "--journal",
        metavar="FILE",
        help="journal or postgresql:// address to take it in (default: a new file under .punchlist/)",
    )
    taking.add_argument("--json", action="store_true", help="print one JSON object")

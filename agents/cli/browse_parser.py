"""The options of `punchlist browse`."""

from __future__ import annotations

from typing import Any

from .arguments import command, port

STYLES = ("hints", "shared", "states", "window", "place", "new", "diff", "snapshot")
"""The fields of `tools.browser.ViewStyle`, which parsing does not import; a test holds them together."""


def add_browse(commands: Any) -> None:
    """`browse`."""
    example = (
        "punchlist browse http://127.0.0.1:8000\n"
        "  punchlist browse http://127.0.0.1:8000 --text --style hints,place"
    )
    about = "drive a page by hand: what a model sees of it beside its picture"
    parser = command(commands, "browse", about, example, "browse:browse")
    parser.add_argument("url", metavar="URL", help="where to begin; its origin is the only one allowed")
    parser.add_argument(
        "--text", action="store_true",
        help="in the terminal alone: an action a line, an empty line looks again, `done` ends",
    )  # fmt: skip
    parser.add_argument(
        "--allow", action="append", default=[], metavar="ORIGIN",
        help="another site that may be reached; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--secret", action="append", default=[], metavar="NAME=ENV[@ORIGIN]",
        help="`type 2 secret:NAME` types what the environment variable ENV holds, on that site alone "
        "(default: the site of URL); may be given several times",
    )  # fmt: skip
    parser.add_argument("--full", action="store_true", help="take the full set of actions")
    parser.add_argument(
        "--style", default="", metavar="A,B", help=f"what views have beside the usual: {', '.join(STYLES)}"
    )
    parser.add_argument("--files", metavar="DIR", help="what `upload` takes files from (with --full)")
    parser.add_argument(
        "--downloads", metavar="DIR", help="where to keep files that pages send (default: they are refused)"
    )
    parser.add_argument(
        "--port", type=port, default=0, metavar="N",
        help="of the page to drive from, on 127.0.0.1 alone (default 0: a free one)",
    )  # fmt: skip

"""The commands about recorded browser tasks with their options: `trace show`, `replay` and `export`."""

from __future__ import annotations

from typing import Any

from .arguments import add_autonomy, command, whole

FOLDER = "the folder of a trace"
VALUE = (
    "another value for a parameter of the trace, or for typed_N; env:VARIABLE takes it from the environment; "
    "may be given several times"
)


def add_trace(commands: Any) -> None:
    """`trace` with its commands."""
    about = "see what was done in a browser, do it again, or make a Playwright script of it"
    example = "punchlist trace show .punchlist/2027-05-03-101500.traces/RUN/TASK-1"
    parser = command(commands, "trace", about, example, "traces:explain")
    parser.set_defaults(usage=parser.format_help)
    inner = parser.add_subparsers(dest="trace_command", title="commands", metavar="COMMAND")
    _add_show(inner)
    _add_replay(inner)
    _add_export(inner)


def _add_show(inner: Any) -> None:
    example = "punchlist trace show traces/shop\n  punchlist trace show traces/shop --html shop.html"
    show = command(inner, "show", "print a trace, or make an HTML page of it", example, "traces:show")
    show.add_argument("folder", metavar="FOLDER", help=FOLDER)
    show.add_argument("--step", type=whole, metavar="N", help="only this step, with what the model read")
    show.add_argument("--html", metavar="FILE", help="write a page with every step's picture instead")
    show.add_argument("--json", action="store_true", help="print one JSON object")


def _add_replay(inner: Any) -> None:
    about = "do a trace again, and stop where something comes out otherwise"
    example = (
        "punchlist trace replay traces/shop\n"
        "  punchlist trace replay traces/shop --secret login_pw=SHOP_PASSWORD --value typed_2=env:TYPED"
    )
    again = command(inner, "replay", about, example, "traces:replay_trace")
    again.add_argument("folder", metavar="FOLDER", help=FOLDER)
    again.add_argument(
        "--allow", action="append", default=[], metavar="URL",
        help="a site that may be reached beside the one where the trace began; may be given several times",
    )  # fmt: skip
    again.add_argument(
        "--secret", action="append", default=[], metavar="NAME=VARIABLE",
        help="environment variable of a secret of the site where it began; may be given several times",
    )  # fmt: skip
    again.add_argument("--value", action="append", default=[], metavar="NAME=TEXT", help=VALUE)
    again.add_argument("--files", metavar="DIR", help="the folder that uploads come from")
    again.add_argument("--record", metavar="DIR", help="record this time, too, in a folder")
    add_autonomy(again, "ask_irreversible")
    again.add_argument("--json", action="store_true", help="print one JSON object")


def _add_export(inner: Any) -> None:
    example = "punchlist trace export traces/shop --out shop.py"
    export = command(
        inner, "export", "write a trace as a Playwright script in Python", example, "traces:export"
    )
    export.add_argument("folder", metavar="FOLDER", help=FOLDER)
    export.add_argument("--out", metavar="FILE", help="where to write it (default: print it)")
    export.add_argument(
        "--param", action="append", default=[], metavar="NAME=TEXT",
        help="a text of the trace that an environment variable may replace; may be given several times",
    )  # fmt: skip

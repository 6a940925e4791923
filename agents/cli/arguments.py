"""What the parsers of all commands are made of: one command, numbers of a kind, options that many take."""

from __future__ import annotations

import argparse
from typing import Any

MODEL = "checkpoint folder, hub name or URL of an OpenAI-compatible server (default: the embedded model)"


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Examples keep their lines; names of options get a column that fits them."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)


def command(commands: Any, name: str, about: str, example: str, handler: str) -> argparse.ArgumentParser:
    """A command with its help; `handler` is "module:function" of this package."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=Formatter,
    )
    parser.set_defaults(handler=handler)
    return parser


def whole(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return number


def natural(text: str) -> int:
    """A whole number of at least 0, for argparse."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


def port(text: str) -> int:
    """A port, or 0 for a free one, for argparse."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 65535")
    return number


def positive(text: str) -> float:
    """A number above 0, for argparse."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def add_budget(parser: argparse.ArgumentParser) -> None:
    """`--tokens` and `--seconds`."""
    parser.add_argument("--tokens", type=whole, metavar="N", help="stop after so many model tokens")
    parser.add_argument("--seconds", type=positive, metavar="N", help="stop after so many seconds")

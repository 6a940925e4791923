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
    parser.set_defaults(handler=handler, called=parser.prog)
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


def share(text: str) -> float:
    """A number from 0 to 1, for argparse."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return number


def positive(text: str) -> float:
    """A number above 0, for argparse."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def add_autonomy(parser: argparse.ArgumentParser, default: str | None = "unattended") -> None:
    """`--autonomy`."""
    from ...tools.permissions import PRESETS

    told = "as recorded" if default is None else default
    parser.add_argument(
        "--autonomy", choices=tuple(PRESETS), metavar="PRESET", default=default,
        help=f"what a person is asked about: {', '.join(PRESETS)} (default: {told}); see tools/README.md",
    )  # fmt: skip


def add_wait(parser: argparse.ArgumentParser) -> None:
    """`--wait`."""
    parser.add_argument(
        "--wait", action="store_true",
        help="where a person is asked, wait for `punchlist answer` from another terminal; without it the run "
        "ends for now",
    )  # fmt: skip


def add_budget(parser: argparse.ArgumentParser) -> None:
    """`--tokens`, `--seconds`, `--money` and `--price`."""
    parser.add_argument("--tokens", type=whole, metavar="N", help="stop after so many model tokens")
    parser.add_argument("--seconds", type=positive, metavar="N", help="stop after so many seconds")
    parser.add_argument(
        "--money", type=money, metavar="SUM", help="stop before models and tools cost more than this"
    )
    parser.add_argument(
        "--price", type=price, metavar="P/A",
        help="of a server's model: what a million tokens of prompt and of answer cost, as 2.50/10",
    )  # fmt: skip


def money(text: str) -> str:
    """A sum of money as it is written, for argparse."""
    from ...core_model.pricing import amount

    try:
        amount(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def price(text: str) -> str:
    """Prices of prompt and answer, for argparse."""
    prompt, slash, answer = text.partition("/")
    if not slash:
        raise argparse.ArgumentTypeError(f"{text!r} is not PROMPT/ANSWER, as 2.50/10")
    return f"{money(prompt)}/{money(answer)}"

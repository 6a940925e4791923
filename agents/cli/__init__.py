"""The command line: `punchlist run`, `resume`, `tasks`, `doctor` and the rest that `--help` lists.

Importing this, and `punchlist --help`, loads nothing heavy: each command imports what it needs when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...core_model.generation import Model

__all__ = ["main"]


def main(
    arguments: Sequence[str] | None = None, *, open_model: Callable[[str | None], Model] | None = None
) -> int:
    """Run a command.

    Args:
        arguments: Without the program's name; None: those of this process.
        open_model: Opens what `--model` names, None being the embedded model; None: `load_model`.

    Returns:
        Exit code: 0 confirmed or done, 1 something is wrong with what was looked at, 2 usage or settings,
        3 unverified, 4 failed, 130 interrupted.
    """
    from .edge import INTERRUPTED, USAGE, any_text_prints, report_error, report_interrupt, term_interrupts
    from .parser import build_parser

    parser = build_parser()
    options, strange = parser.parse_known_args(arguments)
    if strange:
        told = " ".join(strange)
        parser.error(
            f"{told!r} means nothing here; `{getattr(options, 'called', 'punchlist')} --help` says what does"
        )
    options.open_model = open_model
    if not options.command:
        parser.print_help()
        return USAGE
    module, _, name = options.handler.partition(":")
    as_json: bool = getattr(options, "json", False) or getattr(options, "events", False)
    any_text_prints()
    try:
        with term_interrupts():
            code: int = getattr(import_module(f".{module}", __name__), name)(options)
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        return report_interrupt(as_json=as_json)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us has gone; nothing is left to say to them
        return INTERRUPTED
    except Exception as error:  # the edge of the process: a person reads a sentence, not a traceback
        return report_error(error, as_json=as_json)

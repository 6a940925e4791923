"""The memory that a command names, opened; its records by a part of their ids; whose records are meant."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from ...memory import Memory, Owner, Record, Scope
from ..reasoning.boxes import visible
from .edge import SettingsError

FILE = "memory.sqlite3"
SHORT = 6
"""Characters of a short id, at least: the end of an id, since what was written together begins alike."""

LEVELS: tuple[Owner, ...] = ("user", "agent", "run")


def is_memory(options: argparse.Namespace) -> bool:
    """Whether there is a memory in `--memory`."""
    return (Path(options.memory).expanduser() / FILE).is_file()


@contextmanager
def opened(options: argparse.Namespace, *, make: bool = False) -> Generator[Memory]:
    """The memory in `--memory`.

    Args:
        make: Make it where there is none.

    Raises:
        SettingsError: There is none, or an option does not fit.
        MemoryFault: It cannot be used.
    """
    folder = Path(options.memory).expanduser()
    if not make and not is_memory(options):
        raise SettingsError(
            f"{options.memory!r} holds no memory. Name its folder with --memory DIR; `punchlist memory add` "
            "and runs begin one."
        )
    try:
        memory = Memory.open(folder, embedder=options.embedder, index=options.index)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    with memory:
        yield memory


class Ids:
    """The ids of a memory, as a person writes them."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._ids = ids
        self._length = SHORT
        while len({name[-self._length :] for name in ids}) < len(ids):
            self._length += 1

    def short(self, name: str) -> str:
        """The end of an id that no other has."""
        return visible(name[-self._length :])

    def whole(self, part: str) -> str:
        """The id that is, begins with or ends with `part`.

        Raises:
            SettingsError: None is, or several are.
        """
        if part in self._ids:
            return part
        found = [name for name in self._ids if part and (name.startswith(part) or name.endswith(part))]
        if len(found) == 1:
            return found[0]
        if not found:
            raise SettingsError(
                f"No record {part!r} is in this memory. `punchlist memory list` shows what is."
            )
        some = ", ".join(visible(name) for name in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise SettingsError(f"{part!r} means {len(found)} records: {some}{more}. Write more of it.")


def scope_of(options: argparse.Namespace) -> Scope:
    """Whose records are meant.

    Raises:
        SettingsError: A name cannot be kept.
    """
    given = {name: getattr(options, name) for name in ("tenant", *LEVELS, "key")}
    with told():
        return Scope(**given)


def names_nobody(options: argparse.Namespace) -> bool:
    """Whether no option says whose records are meant."""
    return not any(getattr(options, name) for name in ("tenant", *LEVELS, "key")) and not across_of(options)


def across_of(options: argparse.Namespace) -> tuple[Owner, ...]:
    """Levels at which everybody's records are meant."""
    given: list[str] = options.across
    return LEVELS if "all" in given else tuple(cast("list[Owner]", list(dict.fromkeys(given))))


def text_of(given: str) -> str:
    """A text as it was given; of `-` what stdin holds.

    Raises:
        SettingsError: It is no text.
    """
    try:
        text = sys.stdin.read().strip() if given == "-" else given
        text.encode()
    except UnicodeError as error:
        raise SettingsError("The text is not in UTF-8. Convert it first.") from error
    return text


@contextmanager
def told() -> Generator[None]:
    """Say in a sentence what is wrong with a record that was put together from options.

    Raises:
        SettingsError: Something is.
    """
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        about = ".".join(str(part) for part in first["loc"])
        what = str(first["msg"]).removeprefix("Value error, ")
        raise SettingsError(f"{about}: {what}." if about else f"{what}.") from error


def owner_of(scope: Scope) -> str:
    """Whose a record is, in a few words."""
    owners = [
        getattr(scope, level) if level == "user" else f"{level} {getattr(scope, level)}"
        for level in LEVELS
        if getattr(scope, level)
    ]
    tenant = f"{scope.tenant}: " if scope.tenant else ""
    return visible(tenant + (", ".join(owners) or "all"))


def seen_from(scope: Scope, across: Collection[Owner]) -> str:
    """From where was asked, in a few words."""
    owners = [f"{level} {getattr(scope, level)}" for level in LEVELS if getattr(scope, level)]
    everybody = f", across every {' and every '.join(across)}" if across else ""
    about = f", about {scope.key}" if scope.key else ""
    tenant = f", at {scope.tenant}" if scope.tenant else ""
    return visible((" and ".join(owners) or "anybody") + everybody + about + tenant)


def counted(records: Iterable[Record]) -> str:
    """How many there are of each kind, most first."""
    found = Counter(record.kind for record in records)
    return ", ".join(plural(number, kind) for kind, number in found.most_common())


def plural(number: int, kind: str) -> str:
    """A number of things: 1 fact, 2 summaries."""
    several = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    return f"{number:,} {kind if number == 1 else several}"

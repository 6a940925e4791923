"""A run as lines of JSON: to be looked at, held against its hashes, and taken in by a journal elsewhere.

The first line is the run's header, each following one a row with its place and hash, the last one says how
many rows there are and the head. Numbers (`seq`) are the journal's own and not exported.

What this does not cover: a run that is still being written. Two journals that go on with it are two runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from .errors import JournalMissing
from .journal import FORMAT, Journal
from .journal_chain import Header, Link, Verified, encode, verify
from .journal_errors import ImportRefused

_HEX = "^([0-9a-f]{64})?$"


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class HeaderLine(_Line):
    """What a run is."""

    line: Literal["run"] = "run"
    format: str
    run: str
    goal: str
    settings: Any
    status: str
    began: float
    changed: float
    sealed: int


class RowLine(_Line):
    """One row; `pruned` is the hash of a body that was taken out."""

    line: Literal["row"] = "row"
    place: int
    task: str
    attempt: int
    kind: str
    key: str
    at: float
    body: Any
    pruned: Annotated[str, Field(pattern=_HEX)] = ""
    hash: Annotated[str, Field(pattern=_HEX)]


class EndLine(_Line):
    """How many rows there are, and the hash of the last."""

    line: Literal["end"] = "end"
    rows: int
    head: str


_LINES: TypeAdapter[HeaderLine | RowLine | EndLine] = TypeAdapter(
    Annotated[HeaderLine | RowLine | EndLine, Field(discriminator="line")]
)


def export_lines(journal: Journal, run: str) -> Iterator[str]:
    """A run as lines, without their ends.

    Raises:
        LookupError: The journal does not hold it, or holds rows of it only.
        ChainMissing: The journal is of an older format.
    """
    header = journal.header(run)
    if header is None:
        raise LookupError(f"{str(journal.path)!r} holds no run {run!r} that was begun")
    told = {**vars(header), "settings": json.loads(header.settings)}
    yield encode(HeaderLine(format=".".join(map(str, FORMAT)), **told).model_dump())
    rows, head = 0, ""
    for link in journal.links(run):
        row = RowLine(
            place=link.place,
            task=link.task,
            attempt=link.attempt,
            kind=link.kind,
            key=link.key,
            at=link.at,
            body=json.loads(link.body),
            pruned=(link.pruned or b"").hex(),
            hash=(link.hash or b"").hex(),
        )
        yield encode(row.model_dump())
        rows, head = rows + 1, row.hash
    yield encode(EndLine(rows=rows, head=head).model_dump())


def read_lines(path: Path) -> tuple[Header, list[Link]]:
    """An exported run.

    Raises:
        JournalMissing: There is no such file.
        ImportRefused: A line is damaged, or the end is missing.
    """
    if not path.is_file():
        raise JournalMissing(path)
    header: Header | None = None
    links: list[Link] = []
    end: EndLine | None = None
    for number, text in enumerate(path.read_text("utf-8", "replace").rstrip("\n").split("\n"), 1):
        try:
            line = _LINES.validate_python(json.loads(text))  # pydantic's own reader refuses lone surrogates
        except ValueError as error:
            raise ImportRefused(path, f"line {number} is damaged") from error
        if end is not None or (header is None) != isinstance(line, HeaderLine):
            raise ImportRefused(path, f"line {number} does not belong there")
        if isinstance(line, HeaderLine):
            header = _header(path, line)
        elif isinstance(line, RowLine):
            links.append(_link(header.run if header else "", number, line))
        else:
            end = line
    if header is None or end is None or end.rows != len(links):
        raise ImportRefused(
            path, f"it has {len(links)} rows and no end that says so: a part of it is missing"
        )
    return header, links


def _header(path: Path, line: HeaderLine) -> Header:
    major, minor = (int(part) if part.isdigit() else -1 for part in f"{line.format}.x".split(".")[:2])
    if major != FORMAT[0] or minor > FORMAT[1]:
        raise ImportRefused(path, f"it has format {line.format}; this build reads {FORMAT[0]}.{FORMAT[1]}")
    settings = encode(line.settings)
    return Header(line.run, line.goal, settings, line.status, line.began, line.changed, line.sealed)


def _link(run: str, number: int, line: RowLine) -> Link:
    pruned, linked = (bytes.fromhex(text) or None for text in (line.pruned, line.hash))
    return Link(
        number, line.place, run, line.task, line.attempt, line.kind, line.key, line.at, encode(line.body),
        pruned, linked,
    )  # fmt: skip


def verify_lines(path: Path, head: str = "") -> Verified:
    """Hold an exported run against its hashes; rows are named by the lines they stand in."""
    header, links = read_lines(path)
    return verify(header.run, header, links, head)


def import_lines(journal: Journal, path: Path) -> str:
    """Write an exported run into a journal, to be resumed there; returns its id.

    Raises:
        ImportRefused: The lines are damaged or were changed, or the journal holds the run.
    """
    header, links = read_lines(path)
    found = verify(header.run, header, links)
    if found.fault is not None:
        raise ImportRefused(path, found.fault.said)
    try:
        journal.restore(header, links)
    except ValueError as error:
        raise ImportRefused(path, str(error)) from error
    return header.run


def write_lines(path: Path, lines: Iterable[str]) -> int:
    """Write lines to a file that only its owner reads, whole or not at all; returns how many."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    part.touch(0o600)
    count = 0
    with part.open("w", encoding="ascii") as file:
        for line in lines:
            file.write(f"{line}\n")
            count += 1
    part.replace(path)
    return count

"""A trace: what was done in a browser, step by step, so that it can be read, replayed and exported.

A trace is a folder: `trace.jsonl`, one line of JSON for its head and one for each action, and the pictures
that were taken. What was acted on is described in ways that outlive the view it was chosen from: role, name,
the row it stands in, its place among things alike, its frame. Files are readable by their owner only.

Does not cover: pages themselves, cookies, and what was in the context before the first step. Secrets are
names here; a password that was typed as it is, is bullets, in what was typed and what pages said afterwards
too, but not in pictures, nor in steps before it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Literal, Self, TypeVar, cast
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .results import ActionResult, secret_name
from .view import Element, View

VERSION = 1
FILE = "trace.jsonl"

Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels of the browser's window, as in the picture."""


Row = TypeVar("Row", bound=BaseModel)


class TraceUnreadable(ValueError):
    """A folder holds no trace, or one that this version cannot read."""

    def __init__(self, folder: Path, why: str) -> None:
        self.folder, self.why = folder, why
        super().__init__(f"{str(folder)!r} is no trace that can be read: {why}.")


class Where(BaseModel):
    """One way to find a thing with Playwright, tried when the step was recorded.

    Attributes:
        by: What it is found by; `point` where nothing else led to it.
        name: Accessible name, label, placeholder, title, text, or selector.
        role: An ARIA role, for `role`.
        exact: `name` is the whole of it, in the same spelling.
        row, row_text: It stands in something of this ARIA role that says this.
        nth: Its place among all that are found so, from 0; None: it is the only one.
        frames: Selectors of the frames around it, outermost first.
        point: Where it was clicked, in pixels of the window.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["role", "label", "placeholder", "title", "text", "css", "point"]
    name: str = ""
    role: str = ""
    exact: bool = True
    row: str = ""
    row_text: str = ""
    nth: int | None = None
    frames: tuple[str, ...] = ()
    point: tuple[float, float] | None = None


class Target(BaseModel):
    """A thing that was acted on, in ways that outlive the view.

    Attributes:
        number: Its number in the view of its step; of no use in any other.
        role, name: As the view has them.
        row: The texts of the line it stands in, empty for a thing that has a line of its own.
        nth, of: Its place among things of the same role, name and row, from 0, and how many there were.
        alike: How many things of the same role and name there were.
        where: How Playwright finds it; None where that was not found out.
        box: Where it was in the window; None where it could not be seen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    role: str
    name: str
    row: tuple[str, ...] = ()
    nth: int = 0
    of: int = 1
    alike: int = 1
    where: Where | None = None
    box: Box | None = None


class TraceStep(BaseModel):
    """One action and what it came to.

    Attributes:
        at: Seconds since the trace began.
        url: Address of the page before the action.
        path: The part of it that a model reads.
        view: The page before the action, as a model reads it.
        verb, text, enter: As in `Action`; `text` names secrets, and is bullets where `hidden`.
        target, to: What was acted on; `to` is where a drag ended.
        hidden: What was typed is not in the trace.
        result: What it came to.
        after: Address of the page after it.
        tabs: How many tabs were open after it.
        picture: File of the page before the action; empty: none was taken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: float
    url: str
    path: str
    view: str
    verb: str
    text: str = ""
    enter: bool = False
    target: Target | None = None
    to: Target | None = None
    hidden: bool = False
    result: ActionResult
    after: str
    tabs: int = 1
    picture: str = ""

    @property
    def done(self) -> bool:
        """Whether it was carried out, whatever came of it."""
        return self.result.ok or self.result.code in ("no_effect", "value_differs", "not_kept")

    def words(self) -> str:
        """The action with names in place of numbers, and what was typed: `type Email = ada@example.com`."""
        said = self.result.did or self.verb
        typed = f" = {self.text}" if self.verb in ("type", "keys") else ""
        return f"{said}{typed}{' +enter' if self.enter else ''}"


class TraceHead(BaseModel):
    """What holds for a whole trace.

    Attributes:
        url: Where it began.
        began: Seconds since 1970.
        window: Width and height of the browser's window in pixels.
        budget: Characters of its views; None: nobody said, see `presenting.number`.
        style: What its views had beside the usual, as in `ViewStyle`.
        values: What was typed or chosen there and may be something else another time, by name.
        about: What the trace is of, in words; empty where nobody said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["punchlist.trace"] = "punchlist.trace"
    version: int = VERSION
    url: str
    began: float
    window: tuple[int, int]
    budget: int | None
    style: dict[str, bool] = Field(default_factory=dict)
    values: dict[str, str] = Field(default_factory=dict)
    about: str = ""


class Trace(BaseModel):
    """A recorded browser task.

    Attributes:
        folder: Where its pictures are; None where it has none.
        cut: The last line was not written to its end: the program was killed meanwhile.
    """

    model_config = ConfigDict(frozen=True)

    head: TraceHead
    steps: tuple[TraceStep, ...] = ()
    folder: Path | None = None
    cut: bool = False

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """The trace in a folder.

        Raises:
            TraceUnreadable: There is none, it is damaged, or of another version.
        """
        place = Path(folder)
        try:
            text = (place / FILE).read_bytes().decode("utf-8", "replace")
        except OSError as error:
            raise TraceUnreadable(place, f"{FILE}: {error.strerror or error}") from error
        (first, *others), rest = text.split("\n")[:-1] or [""], text.rpartition("\n")[2]
        version = _version(first)
        if version != VERSION:
            raise TraceUnreadable(place, f"it is of version {version}, this reads {VERSION}")
        head = _read(TraceHead, first, place, 1)
        steps = tuple(_read(TraceStep, line, place, number) for number, line in enumerate(others, 2))
        return cls(head=head, steps=steps, folder=place, cut=bool(rest))

    def save(self, folder: Path | str) -> None:
        """Write it to another folder, without its pictures.

        Raises:
            FileExistsError: A trace is there.
            OSError: It cannot be written.
        """
        place = Path(folder)
        new_folder(place)
        with open_new(place / FILE) as file:
            for row in (self.head, *(step.model_copy(update={"picture": ""}) for step in self.steps)):
                file.write(line_of(row))

    def picture(self, step: TraceStep) -> bytes | None:
        """The picture of a step; None where it has none, or the file is gone."""
        if self.folder is None or not re.fullmatch(r"[0-9]+\.png", step.picture):
            return None
        try:
            return (self.folder / step.picture).read_bytes()
        except OSError:
            return None

    def parameterized(self, values: Mapping[str, str], about: str = "") -> Trace:
        """The trace with names for what was typed, chosen or clicked and may be something else next time.

        Args:
            values: What it was in this trace, by name: `{"customer": "Ada Lovelace"}`.
            about: What the trace is of; empty: as it was.

        Raises:
            ValueError: A value is blank, or was neither typed nor chosen, nor is in a name that was acted on.
        """
        for name, value in values.items():
            if not value.strip() or not any(replaced(step, {value: "\0"}) != step for step in self.steps):
                raise ValueError(
                    f"parameter {name!r} is {value!r}, which no step of the trace types, chooses or acts on"
                )
        update = {"values": {**self.head.values, **values}, "about": about or self.head.about}
        return self.model_copy(update={"head": self.head.model_copy(update=update)})

    def filled(self, values: Mapping[str, str]) -> tuple[TraceStep, ...]:
        """The steps with other values for the trace's parameters; those that are not given stay as they were.

        What was typed as it is and hidden is given by `typed_N`, N being the step's place from 1.

        Raises:
            ValueError: The trace has no such parameter, or a value would put in a secret where none was.
        """
        hidden = {f"typed_{place}": place for place, step in enumerate(self.steps, 1) if step.hidden}
        if unknown := [name for name in values if name not in self.head.values and name not in hidden]:
            known = ", ".join([*self.head.values, *hidden]) or "none"
            raise ValueError(f"the trace has no parameter {', '.join(map(repr, unknown))}; it has: {known}")
        pairs = {self.head.values[name]: value for name, value in values.items() if name not in hidden}
        steps = [replaced(step, pairs) for step in self.steps]
        for was, now in zip(self.steps, steps, strict=True):
            if secret_name(now.text) is not None and secret_name(was.text) is None:
                raise ValueError(f"{now.text!r} names a secret; the trace types none in {was.words()!r}")
        for name, place in hidden.items():
            if name in values:
                shown = {"text": values[name], "hidden": False}
                steps[place - 1] = steps[place - 1].model_copy(update=shown)
        return tuple(steps)


def _version(line: str) -> int:
    """The version that the first line of a trace names; this one where it names none."""
    with contextlib.suppress(ValueError):
        body: object = json.loads(line)
        if isinstance(body, dict):
            version = cast("dict[str, object]", body).get("version")
            return version if isinstance(version, int) else VERSION
    return VERSION


def _read(kind: type[Row], line: str, folder: Path, number: int) -> Row:
    """A line of a trace's file; `number` is its place, from 1.

    Raises:
        TraceUnreadable: It is damaged.
    """
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        place = f"{'.'.join(map(str, found['loc']))}: " if found["loc"] else ""
        told = found["msg"].replace(" at line 1 column ", " at column ")  # the line's own count is 1 always
        raise TraceUnreadable(folder, f"line {number} of {FILE}: {place}{told}") from error


def replaced(step: TraceStep, pairs: Mapping[str, str]) -> TraceStep:
    """A step with whole words replaced in what it types or chooses and in what it acts on.

    In an address they are spelled so that they stay one piece of it.
    """
    if not pairs:
        return step
    in_text = pairs
    if step.verb == "goto":
        spelled = {old: quote(new, safe="") for old, new in pairs.items()}
        in_text = spelled | {quote(old, safe=""): new for old, new in spelled.items()}

    def name_of(target: Target | None) -> Target | None:
        if target is None:
            return None
        row = tuple(swapped(text, pairs) for text in target.row)
        where = target.where and target.where.model_copy(
            update={
                field: swapped(getattr(target.where, field), pairs)
                for field in ("name", "row_text")
                if target.where.by not in ("css", "point")
            }
        )
        return target.model_copy(update={"name": swapped(target.name, pairs), "row": row, "where": where})

    return step.model_copy(
        update={
            "text": step.text if step.hidden else swapped(step.text, in_text),
            "target": name_of(step.target),
            "to": name_of(step.to),
        }
    )


def swapped(text: str, pairs: Mapping[str, str]) -> str:
    """`text` with whole words replaced, all at once, longer ones first."""
    if not pairs:
        return text
    old = "|".join(re.escape(each) for each in sorted(pairs, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{old})(?!\w)", lambda found: pairs[found[0]], text)


def plain_path(path: str) -> str:
    """A path, or a text that may be in one, without the ways in which sites spell words there."""
    return re.sub(r"[-_+ ]+", " ", unquote(path)).casefold()


def describe(view: View, number: int | None) -> Target | None:
    """What a number of a view stands for, in words; None where it stands for nothing."""
    element = view.elements.get(number or 0)
    if element is None:
        return None
    rows = {
        part.number: tuple(text for text in line if isinstance(text, str))
        for line in view.lines
        for part in line
        if isinstance(part, Element)
    }
    alike = [
        each for each in view.elements.values() if (each.role, each.name) == (element.role, element.name)
    ]
    same = [each.number for each in alike if rows[each.number] == rows[element.number]]
    return Target(
        number=element.number,
        role=element.role,
        name=element.name,
        row=rows[element.number],
        nth=same.index(element.number),
        of=len(same),
        alike=len(alike),
    )


def new_folder(folder: Path) -> bool:
    """Make a folder for a trace, for its owner only; whether it was not there before.

    Raises:
        FileExistsError: A file is in the way.
        OSError: It cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        if not folder.is_dir():
            raise
        return False
    return True


def trace_folder(base: Path, name: str) -> Path:
    """A folder of `base` for a trace of `name` that is not there yet."""
    plain = plain_name(name)
    places = (base / (f"{plain}-{count}" if count else plain) for count in itertools.count())
    return next(place for place in places if not place.exists())


def plain_name(name: str) -> str:
    """A name that any file system takes."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip(".-")[:80] or "trace"


def open_new(path: Path) -> IO[str]:
    """A new file that only its owner reads, as text; lines are on their way when they are written.

    Raises:
        FileExistsError: A trace is there.
        OSError: It cannot be made.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    except FileExistsError as error:
        told = f"{str(path.parent)!r} holds a trace already; record into another folder"
        raise FileExistsError(told) from error
    return open(handle, "w", encoding="utf-8", buffering=1)


def line_of(row: TraceHead | TraceStep) -> str:
    """One line of a trace's file."""
    return f"{row.model_dump_json(exclude_defaults=not isinstance(row, TraceHead))}\n"

"""What a person changes of a plan while its run goes on, or stands still: tasks added, dropped, changed.

    running.edit(PlanEdit(edit="add", task="wrap", text="Wrap them.", after=("count",), like="count"), "ada")

An `Outline` is a plan as far as it can be told in words: who waits for whom. It is on record with the run, so
an edit is checked in the same way by the process that is at the run and by one that has no more than the
journal. A task that has begun is not edited; no edit leaves a cycle, or an input that nothing gives.

The plan of a manager that works for another one is meant where `PlanEdit.of` names the task that it was given
(see `plans_below`).

Does not cover: joins, and tasks that were read out of a goal in words: their fields are words of the goal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from ..protocols.journal import Journal
from .jobs import SYNC, needless

OUTLINE, PLAN_EDIT, EDIT_LEFT_OUT = "outline", "plan_edit", "plan_edit_left_out"
"""Kinds of the journal's rows: a plan as it was begun with, what a person changed of it, and a change that
the plan of another attempt could not take over."""

ENDED_FOR_GOOD = ("confirmed", "unverified", "failed", "cancelled")
"""How a run stands in its journal that nobody goes on with."""

Code = Literal["begun", "cyclic", "dangling", "unknown", "taken", "unfit", "needless", "over"]


class PlanError(ValueError):
    """A plan that cannot be carried out. Says which task, and what to change."""

    def __init__(self, task: str, why: str, remedy: str) -> None:
        self.task, self.why, self.remedy = task, why, remedy
        super().__init__(f"Task {task!r} {why}. {remedy}")


class EditRefused(PlanError):
    """An edit that changes nothing: the plan would be none, or the task has begun. `code` says which."""

    def __init__(self, code: Code, task: str, why: str, remedy: str) -> None:
        self.code = code
        super().__init__(task, why, remedy)


class PlanEdit(BaseModel):
    """One change of a plan.

    Attributes:
        edit: `add` a task, `drop` one, or `change` text, inputs, order or worker of one.
        task: Its name.
        of: The task whose plan is meant, as it stands in the journal; "" is the outermost plan.
        text: What is to be done; None leaves it.
        inputs: What it gets, by name: ids of tasks or joins; None leaves them.
        after: What must be confirmed before, without being given; None leaves that.
        worker: Who does it; None leaves that, "" means whoever can.
        like: Of an added task: the one whose spec, output and everything else it takes over.
        checks: Of an added task: sentences that the model has to find true of its result.
        by_person: Of an added task: a person is asked whether it was done.
        reason: Why, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    edit: Literal["add", "drop", "change"]
    task: str
    of: str = ""
    text: str | None = None
    inputs: dict[str, str] | None = None
    after: tuple[str, ...] | None = None
    worker: str | None = None
    like: str | None = None
    checks: tuple[str, ...] = ()
    by_person: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Part:
    """A task or join in words.

    Attributes:
        text: None where a function of the inputs says it.
        inputs: Where each of them comes from, by its name.
        after: What must be confirmed before, without being given; of a join, what it joins.
        join: `gather`, `first_of` or `barrier`; "" for a task.
        output: Name of its result's model; "" for any JSON.
    """

    text: str | None = ""
    inputs: dict[str, str] = field(default_factory=dict[str, str])
    after: tuple[str, ...] = ()
    join: str = ""
    worker: str = ""
    output: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """Everything that it waits for."""
        return tuple(dict.fromkeys((*self.inputs.values(), *self.after)))


@dataclass(frozen=True)
class Outline:
    """A plan in words, each part behind what it waits for.

    Attributes:
        workers: Who there is.
        model: Whether there is a model that could judge.
    """

    parts: dict[str, Part]
    workers: tuple[str, ...] = ()
    model: bool = True

    def as_json(self) -> dict[str, JsonValue]:
        """As it is recorded."""
        return _OUTLINE.dump_python(self, mode="json")

    def edited(
        self, edit: PlanEdit, begun: Collection[str] = (), needless: Mapping[str, str] | None = None
    ) -> Outline:
        """The plan after an edit.

        Args:
            begun: Tasks that have begun.
            needless: Parts that were called off, each with the `first_of` that was decided without it.

        Raises:
            EditRefused: It may not be edited so.
        """
        parts, name = dict(self.parts), edit.task
        _refuse_unsayable(edit)
        if edit.edit == "add":
            self._refuse_name(name)
        else:
            self._refuse_closed(name, begun)
        if edit.edit == "drop":
            users = [each for each, part in parts.items() if name in part.needs]
            if users:
                told = f"gives {', '.join(map(repr, users))} what they wait for"
                raise EditRefused("dangling", name, told, "Drop or change those first.")
            del parts[name]
            return Outline(parts, self.workers, self.model)
        parts[name] = self._written(edit)
        _refuse_needless(name, parts[name], needless or {})
        return Outline(_in_order(parts, name), self.workers, self.model)

    def replayed(self, edits: Iterable[PlanEdit]) -> Outline:
        """The plan after edits that were taken up before.

        Whether their workers and a model were there was for the process to say that took them up.

        Raises:
            EditRefused: They are edits of another plan.
        """
        outline = Outline(self.parts)
        for edit in edits:
            outline = outline.edited(edit)
        return Outline(outline.parts, self.workers, self.model)

    def needless(self, won: Mapping[str, str]) -> dict[str, str]:
        """Parts that nothing needs any more, each with the `first_of` that was decided without it.

        Args:
            won: Of each `first_of` that was decided, the part that was first.
        """
        users: dict[str, list[str]] = {}
        for name, part in self.parts.items():
            for need in part.needs:
                users.setdefault(need, []).append(name)
        off, found = needless(self.parts, users, won), dict[str, str]()
        for name in reversed(self.parts):
            if name in off:
                found[name] = next(found.get(user, user) for user in users[name])
        return found

    def _refuse_name(self, name: str) -> None:
        if name in self.parts:
            raise EditRefused("taken", name, "is there already", "Give the new one another name.")
        if not name or not all(char.isalnum() or char in "_-" for char in name):
            raise EditRefused("unfit", name, "has no usable name", "Use letters, digits, '_' and '-'.")

    def _refuse_closed(self, name: str, begun: Collection[str]) -> None:
        if name not in self.parts:
            known = ", ".join(self.parts) or "none"
            raise EditRefused("unknown", name, "is not in the plan", f"There are: {known}.")
        if self.parts[name].join:
            raise EditRefused("unfit", name, "is a join", "Edit the tasks that it joins.")
        if name in begun:
            raise EditRefused(
                "begun", name, "has begun", "Cancel it, take it over, or re-open it when it is done."
            )

    def _written(self, edit: PlanEdit) -> Part:
        """The task as the edit leaves it."""
        name, old = edit.task, self._before(edit)
        inputs = dict(old.inputs) if edit.inputs is None else dict(edit.inputs)
        after = old.after if edit.after is None else edit.after
        for need in (*inputs.values(), *after):
            if need == name:
                raise EditRefused("cyclic", name, "would wait for itself", "Name other tasks.")
            if need not in self.parts:
                remedy = f"There are: {', '.join(self.parts)}."
                raise EditRefused("dangling", name, f"would wait for {need!r}, which is not there", remedy)
        self._refuse_types(name, old, inputs)
        text = old.text if edit.text is None else edit.text
        if text is not None and not text.strip():
            raise EditRefused("unfit", name, "has no text", "Say in a sentence what is to be done.")
        if text is None and inputs.keys() != old.inputs.keys():
            why = f"has a text that is made of its inputs {', '.join(old.inputs) or '(none)'}"
            raise EditRefused("unfit", name, why, "Keep those names, or give a text of its own.")
        worker = old.worker if edit.worker is None else edit.worker
        if worker and self.workers and worker not in self.workers:
            why = f"wants the worker {worker!r}, who is not there"
            raise EditRefused("unfit", name, why, f"There are: {', '.join(self.workers)}.")
        return Part(text, inputs, tuple(dict.fromkeys(after)), "", worker, old.output)

    def _before(self, edit: PlanEdit) -> Part:
        """What the edit begins with: the task, the one that it is like, or nothing."""
        if edit.edit == "change":
            if edit.like is not None or edit.checks or edit.by_person:
                why = "cannot be held against something else"
                raise EditRefused("unfit", edit.task, why, "Drop it and add another one.")
            return self.parts[edit.task]
        if edit.like is not None:
            part = self.parts.get(edit.like)
            if part is None or part.join:
                why = f"is to be like {edit.like!r}, which is no task of the plan"
                raise EditRefused("unknown", edit.task, why, f"There are: {', '.join(self.parts)}.")
            if edit.checks or edit.by_person:
                why = "is held against the spec of the task that it is like"
                raise EditRefused("unfit", edit.task, why, "Leave out the checks, or what it is like.")
            return part
        if not self.model and not edit.by_person:
            why = "could be held against nothing: the run has no model that judges"
            raise EditRefused("unfit", edit.task, why, "Name a task that it is like, or let a person look.")
        if edit.checks and edit.by_person:
            raise EditRefused("unfit", edit.task, "is looked at by a person", "Leave out the checks.")
        return Part()

    def _refuse_types(self, name: str, old: Part, inputs: Mapping[str, str]) -> None:
        for key, source in inputs.items():
            if self.parts[source].join == "barrier":
                why = f"would get {key!r} of {source!r}, a barrier, which has no result"
                raise EditRefused("unfit", name, why, "Let it wait for that with `after`.")
            before = self.parts.get(old.inputs.get(key, ""))
            if before is not None and before.output != self.parts[source].output:
                got, wanted = self.parts[source].output or "any JSON", before.output or "any JSON"
                why = f"takes {key!r} as {wanted}, but {source!r} gives {got}"
                raise EditRefused("unfit", name, why, f"Name something that gives {wanted}.")


def _refuse_needless(name: str, part: Part, needless: Mapping[str, str]) -> None:
    """Refuse to touch what was called off, or to wait for it: it will never have a result.

    Raises:
        EditRefused: It was.
    """
    if name in needless:
        why = f"was called off: {needless[name]!r} was decided without it"
        raise EditRefused("needless", name, why, f"Add a task that waits for {needless[name]!r} instead.")
    for need in part.needs:
        if need in needless:
            why = f"would wait for {need!r}, which was called off: {needless[need]!r} was decided without it"
            raise EditRefused(
                "needless", name, why, f"Let it wait for {needless[need]!r}, which has a result."
            )


def _refuse_unsayable(edit: PlanEdit) -> None:
    for said in (edit.text or "", edit.reason, *edit.checks):
        try:
            said.encode("utf-8")
        except UnicodeEncodeError as error:
            why = f"would have a text that is none: {error}"
            raise EditRefused("unfit", edit.task, why, "Leave out halves of surrogates.") from error


def _in_order(parts: Mapping[str, Part], edited: str) -> dict[str, Part]:
    """The parts, each behind what it waits for, otherwise in their order.

    Raises:
        EditRefused: Some wait for one another.
    """
    placed, left = dict[str, Part](), dict(parts)
    while left:
        before = len(placed)
        for name, part in list(left.items()):
            if all(need in placed for need in part.needs):
                placed[name] = left.pop(name)
        if len(placed) == before:
            told = ", ".join(map(repr, left))
            raise EditRefused("cyclic", edited, f"would wait for what waits for it ({told})", "Name others.")
    return placed


# --- the record -------------------------------------------------------------------------

_OUTLINE = TypeAdapter(Outline)


def recorded_edits(journal: Journal, run: str, prefix: str = "") -> Iterable[PlanEdit]:
    """What people changed of a plan, in order; `prefix` is that of its tasks, "" for the outermost."""
    for row in journal.rows(run, kinds=(PLAN_EDIT,), task=prefix):
        body: dict[str, Any] = row.body if isinstance(row.body, dict) else {}
        yield PlanEdit.model_validate(body.get("edit"))


def record_edit(journal: Journal, run: str, edit: PlanEdit, person: str, prefix: str = "") -> None:
    """Put an edit on record as a person's; the row says when."""
    body: dict[str, JsonValue] = {
        "edit": edit.model_dump(mode="json", exclude_defaults=True),
        "person": person,
    }
    journal.append(PLAN_EDIT, body, run=run, task=prefix, key=edit.task)


def owner_of(prefix: str) -> str:
    """The task that the plan under a prefix belongs to; "" for the outermost."""
    return prefix[:-1].rpartition("/")[0]


def recorded_outline(journal: Journal, run: str, prefix: str = "") -> Outline | None:
    """A plan as it stands on record, edits included; None where it is none of a program."""
    body = next((row.body for row in journal.rows(run, kinds=(OUTLINE,), task=prefix)), None)
    if body is None:
        return None
    return _OUTLINE.validate_python(body).replayed(recorded_edits(journal, run, prefix))


def begun_tasks(journal: Journal, run: str, prefix: str = "") -> frozenset[str]:
    """Names of the tasks of a plan that have begun."""
    tasks = {row.task for row in journal.rows(run, kinds=("event",)) if row.task.startswith(prefix)}
    names = (task.removeprefix(prefix) for task in tasks)
    return frozenset(name for name in names if "/" not in name)


def needless_parts(journal: Journal, run: str, outline: Outline, prefix: str = "") -> dict[str, str]:
    """Parts of a plan that were called off before they had a result; see `Outline.needless`."""
    won: dict[str, str] = {}
    for row in journal.rows(run, kinds=(SYNC,), task=prefix):
        if isinstance(row.body, dict) and "join" in row.body:
            won[str(row.body["join"])] = str(row.body["won"])
    found = outline.needless(won) if won else {}
    return {name: join for name, join in found.items() if not _is_confirmed(journal, run, f"{prefix}{name}")}


def _is_confirmed(journal: Journal, run: str, task: str) -> bool:
    for row in journal.rows(run, kinds=("envelope",), task=task):
        body = row.body.get("body") if isinstance(row.body, dict) else None
        if isinstance(body, dict) and body.get("kind") == "confirm":
            return True
    return False


def edit_as_recorded(journal: Journal, run: str, edit: PlanEdit, prefix: str = "") -> Outline:
    """A plan with an edit, held against what the journal knows of it; nothing is written.

    Raises:
        EditRefused: It may not be edited so, or is not on record.
    """
    outline = recorded_outline(journal, run, prefix)
    if outline is None:
        why = "belongs to a run whose plan is not on record"
        raise EditRefused("unknown", edit.task, why, "Only plans that a program wrote can be edited.")
    needless = needless_parts(journal, run, outline, prefix)
    return outline.edited(edit, begun_tasks(journal, run, prefix), needless)


def refuse_if_ended(journal: Journal, run: str, task: str) -> None:
    """Refuse to edit the plan of a run that nobody goes on with.

    Raises:
        EditRefused: It has ended.
    """
    status = next((info.status for info in journal.runs() if info.run == run), "")
    if status in ENDED_FOR_GOOD:
        why = f"is of a run that has ended ({status}): nothing reads its plan any more"
        raise EditRefused("over", task, why, "Change the plan in its program, and begin a new run.")


def parsed_edit(body: Mapping[str, Any]) -> PlanEdit:
    """An edit out of what a client sent.

    Raises:
        ValueError: It is none; says in a sentence what is wrong with it.
    """
    try:
        return PlanEdit.model_validate(dict(body))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the edit"
        raise ValueError(f"{where}: {first['msg']}") from error

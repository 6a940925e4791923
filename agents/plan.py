"""Plans that a program writes: tasks with typed inputs and outputs, and what holds them together.

    plan = Plan()
    count = plan.task("count", "Count the green mugs.", output=Count, spec=[Check("it is a number", sane)])
    order = plan.task("order", lambda got: f"Order {10 - got['count'].units}.", inputs={"count": count})
    outcome = Manager(model, [keeper, buyer]).run_sync(plan)

Everything that can be known before the first task begins is checked while the plan is written: names, cycles
(a task can only be given what is there already), and whether what a task takes is what the others give.

Does not cover: how a goal in words becomes tasks (`families`), and which task goes first (`board`).
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any

from pydantic import BaseModel, JsonValue, TypeAdapter

from ..core_model.pricing import amount
from ..protocols.messages import canonical_json
from ..protocols.spec import Check, Criterion, Judge, Schema, Spec
from .jobs import Job, Join, JoinKind, Results, Work
from .plan_edits import Outline, Part, PlanEdit, PlanError
from .steps import TASK, Stage, Step

__all__ = ["Node", "Plan", "PlanChanged", "PlanError", "Text"]

Text = str | Callable[[Mapping[str, Any]], str]
"""What is to be done: a sentence, or a function of the task's inputs that says it."""


class PlanChanged(ValueError):
    """A run is to be resumed with another plan than it was begun with."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"Run {run!r} was begun with another plan: other tasks, specs or what they wait for. "
            "Resume it with the plan that it was begun with, or begin a new run."
        )


@dataclass(frozen=True)
class Node:
    """A task or a join of a plan, to be given to others as what they wait for.

    Attributes:
        id: Its name in the plan.
        output: The model of its result; None for any JSON.
        plan: That it belongs to.
    """

    id: str
    output: type[BaseModel] | None
    plan: Plan = field(repr=False, compare=False)


@dataclass(frozen=True)
class _Told:
    """A task as it was written down.

    Attributes:
        given: Id and model of what gives each input, by the input's name.
        after: Ids of what must be confirmed before without being given.
    """

    name: str
    text: Text
    criteria: tuple[Criterion, ...]
    output: type[BaseModel] | None
    given: Mapping[str, tuple[str, type[BaseModel] | None]]
    after: tuple[str, ...]
    worker: str
    skills: frozenset[str]
    locks: tuple[str, ...]
    attempts: int | None
    tokens: int | None
    seconds: float | None
    money: Decimal | None = None

    def job(self) -> Job:
        """The task as a run has it.

        Raises:
            PlanError: Its spec is none.
        """
        stated = _stated(self.name, self.text, self.output, self.criteria)
        needed = dict.fromkeys((*(source for source, _ in self.given.values()), *self.after))
        making = partial(_work, self.name, self.text, stated, self.given)
        title = self.text if isinstance(self.text, str) else self.name
        return Job(
            self.name, title, self.name, tuple(needed), making, needs="", worker=self.worker,
            skills=self.skills, locks=self.locks, attempts=self.attempts, tokens=self.tokens,
            seconds=self.seconds, spec=stated.hash, money=self.money,
        )  # fmt: skip


class Plan:
    """A dependency graph of tasks. Tasks that do not wait for one another are done at once."""

    def __init__(self, title: str = "") -> None:
        self.title = title
        self._nodes: dict[str, Node] = {}
        self._parts: dict[str, Job | Join] = {}
        self._told: dict[str, _Told] = {}

    @property
    def parts(self) -> tuple[Job | Join, ...]:
        """Jobs and joins in the order in which they were added."""
        return tuple(self._parts.values())

    def node(self, name: str) -> Node:
        """A part that is there already, by its name.

        Raises:
            PlanError: It is not.
        """
        if name not in self._nodes:
            raise PlanError(name, "is not there", f"There are: {', '.join(self._nodes) or 'none yet'}.")
        return self._nodes[name]

    def task(
        self,
        name: str,
        text: Text,
        *,
        spec: Sequence[Criterion] = (),
        output: type[BaseModel] | None = None,
        inputs: Mapping[str, Node] | None = None,
        takes: Mapping[str, type[BaseModel]] | None = None,
        after: Iterable[Node] = (),
        worker: str = "",
        skills: Iterable[str] = (),
        locks: Iterable[str] = (),
        attempts: int | None = None,
        tokens: int | None = None,
        seconds: float | None = None,
        money: Decimal | int | str | None = None,
    ) -> Node:
        """Add a task.

        Args:
            name: Unique in the plan; letters, digits, `_` and `-`.
            text: What is to be done; a function gets the inputs by name.
            spec: What its result is held against. Empty, and without `output`, the manager's model judges it.
            output: Model of the result. It is the first criterion, and what later tasks get.
            inputs: What this task gets, by name: the confirmed results of other tasks.
            takes: Models that inputs must have; what gives them must have that model as `output`.
            after: What must be confirmed before, without being given.
            worker: Name of the agent that does it; "" leaves it to skills and load.
            skills: What the agent must have declared.
            locks: Names of what no two tasks use at once.
            attempts: At most so many that may come to nothing; None: as many as the manager allows.
            tokens: Budget of model tokens of this task, taken out of that of the run; None: all that is left.
            seconds: Deadline of an attempt; one that takes longer has failed.
            money: What its models and tools may cost, out of what the run's may; None: all that is left.

        Raises:
            PlanError: The name is taken or malformed, a node is of another plan, or an input is of another
                model than the task takes.
        """
        self._refuse_name(name)
        given, after = dict(inputs or {}), list(after)
        self._refuse_strangers(name, (*given.values(), *after))
        _refuse_types(name, given, takes or {})
        if not callable(text):
            _refuse_words(name, text)
        if any(limit is not None and limit <= 0 for limit in (attempts, tokens, seconds)):
            remedy = "Give it at least 1 attempt, 1 token and more than 0 seconds."
            raise PlanError(name, "may not be attempted at all", remedy)
        told = _Told(
            name, text, tuple(spec), output, {key: (node.id, node.output) for key, node in given.items()},
            tuple(node.id for node in after), worker, frozenset(skills), tuple(sorted(set(locks))),
            attempts, tokens, seconds, _sum_of(name, money),
        )  # fmt: skip
        return self._add_task(told)

    def gather(self, name: str, *nodes: Node) -> Node:
        """What is confirmed when all of these are; its result is the list of theirs.

        Raises:
            PlanError: See `task`.
        """
        return self._join(name, "gather", nodes)

    def first_of(self, name: str, *nodes: Node) -> Node:
        """What is confirmed with the first of these, whose result it has; the others are called off, and what
        only they needed, but for what something else needs.

        Raises:
            PlanError: See `task`; or they have different models.
        """
        self._refuse_strangers(name, nodes)
        models = {node.output for node in nodes}
        if len(models) > 1:
            told = ", ".join(sorted("any JSON" if each is None else each.__name__ for each in models))
            raise PlanError(name, f"would have one of several models ({told})", "Give them one `output`.")
        return self._join(name, "first_of", nodes, next(iter(models), None))

    def barrier(self, name: str, *nodes: Node) -> Node:
        """What is confirmed when all of these are; for `after`, since it has no result.

        Raises:
            PlanError: See `task`.
        """
        return self._join(name, "barrier", nodes)

    def read(self, name: str, result: JsonValue) -> Any:
        """The result of a task or join as its model types it."""
        return _typed(result, self._nodes[name].output)

    def describe(self) -> JsonValue:
        """What is recorded of the plan: each part with what it waits for, and the hash of each spec."""
        return [_described(part) for part in self._parts.values()]

    def gathered(self, found: Results) -> dict[str, Any]:
        """The results by name, each as the task's model types it."""
        return {name: self.read(name, found[name]) for name in self._parts if name in found}

    def outline(self, workers: Iterable[str] = (), *, model: bool = True) -> Outline:
        """The plan in words: what edits are checked against. See `Outline`."""
        return Outline({name: self._outlined(name) for name in self._parts}, tuple(workers), model)

    def edited(self, edit: PlanEdit, outline: Outline) -> Plan:
        """A plan with a change; this one stays as it is.

        Args:
            outline: What `Outline.edited` made of the edit: it was found to leave a plan.

        Raises:
            PlanError: The task has a spec that is none.
        """
        plan = Plan(self.title)
        for name in outline.parts:
            if name == edit.task:
                plan._add_task(self._rewritten(edit, outline.parts[name]))
            else:
                if name in self._told:
                    plan._told[name] = self._told[name]
                plan._add(self._parts[name], self._nodes[name].output)
        return plan

    def _rewritten(self, edit: PlanEdit, part: Part) -> _Told:
        """A task as an edit wants it."""
        old = self._told.get(edit.task) or self._told.get(edit.like or "")
        text: Text = part.text or ("" if old is None else old.text)
        given = {key: (source, self._nodes[source].output) for key, source in part.inputs.items()}
        if old is not None:
            return replace(old, name=edit.task, text=text, given=given, after=part.after, worker=part.worker)
        criteria: tuple[Criterion, ...] = tuple(Judge(each) for each in edit.checks)
        if edit.by_person:
            criteria = (Check(f"a person finds that it was done: {part.text}", _left_to_a_person),)
        return _Told(
            edit.task, text, criteria, None, given, part.after, part.worker, frozenset(), (), None, None, None
        )

    def _outlined(self, name: str) -> Part:
        part, node = self._parts[name], self._nodes[name]
        output = "" if node.output is None else node.output.__name__
        if isinstance(part, Join):
            return Part(None, {}, part.of, part.what, "", output)
        told = self._told[name]
        text = told.text if isinstance(told.text, str) else None
        inputs = {key: source for key, (source, _) in told.given.items()}
        return Part(text, inputs, told.after, "", told.worker, output)

    @property
    def hash(self) -> str:
        """sha256 (hex) of `describe`: a run is resumed with the plan that it was begun with."""
        return hashlib.sha256(canonical_json(self.describe()).encode("ascii")).hexdigest()

    def _join(
        self, name: str, what: JoinKind, nodes: Sequence[Node], output: type[BaseModel] | None = None
    ) -> Node:
        self._refuse_name(name)
        if not nodes:
            raise PlanError(name, "joins nothing", "Name at least one task.")
        self._refuse_strangers(name, nodes)
        return self._add(Join(name, what, tuple(node.id for node in nodes)), output)

    def _add_task(self, told: _Told) -> Node:
        node = self._add(told.job(), told.output)
        self._told[told.name] = told
        return node

    def _add(self, part: Job | Join, output: type[BaseModel] | None) -> Node:
        node = Node(part.id, output, self)
        self._nodes[part.id], self._parts[part.id] = node, part
        return node

    def _refuse_name(self, name: str) -> None:
        if name in self._nodes:
            raise PlanError(name, "is there already", "Give each task and join a name of its own.")
        if not name or not all(char.isalnum() or char in "_-" for char in name):
            raise PlanError(name, "has no usable name", "Use letters, digits, '_' and '-'.")

    def _refuse_strangers(self, name: str, nodes: Iterable[object]) -> None:
        for node in nodes:
            if not isinstance(node, Node):
                why = f"waits for {node!r}, which is no task or join"
                raise PlanError(name, why, "Give what plan.task(...) returned, or plan.node(NAME).")
            if node.plan is not self or self._nodes.get(node.id) != node:
                why = f"waits for {node.id!r}, which is of another plan"
                raise PlanError(name, why, "Add it to this plan first; so no cycle can come about.")


def _stated(name: str, text: Text, output: type[BaseModel] | None, spec: Sequence[Criterion]) -> Spec:
    """What the task is held against; a judge's question where nothing else is."""
    criteria = [Schema(output, name="result"), *spec] if output is not None else list(spec)
    if not criteria:
        criteria = [Judge(f"this was done: {text}" if isinstance(text, str) else "it was done as asked")]
    try:
        return Spec(criteria)
    except ValueError as error:
        raise PlanError(name, f"has a spec that is none: {error}", "Name criteria apart.") from error


def _sum_of(name: str, money: Decimal | int | str | None) -> Decimal | None:
    try:
        return None if money is None else amount(money)
    except ValueError as error:
        raise PlanError(name, f"has a budget of money that is none: {error}", "Mend it.") from error


def _left_to_a_person(result: JsonValue) -> bool:
    raise LookupError("a person has to look")


def _refuse_words(name: str, said: object) -> None:
    if not isinstance(said, str) or not said.strip():
        raise PlanError(name, f"has the text {said!r}", "Say in a sentence what is to be done.")
    try:
        said.encode("utf-8")
    except UnicodeEncodeError as error:
        raise PlanError(
            name, f"has a text that is none: {error}", "Leave out halves of surrogates."
        ) from error


def _refuse_types(name: str, given: Mapping[str, Node], takes: Mapping[str, type[BaseModel]]) -> None:
    for key, model in takes.items():
        if key not in given:
            raise PlanError(name, f"takes {key!r}, which nothing gives", f"Add {key!r} to its inputs.")
        output = given[key].output
        if output is None or not issubclass(output, model):
            got = "any JSON" if output is None else output.__name__
            why = f"takes {key!r} as {model.__name__}, but {given[key].id!r} gives {got}"
            raise PlanError(name, why, f"Give {given[key].id!r} the output {model.__name__}.")


def _work(
    name: str,
    text: Text,
    spec: Spec,
    given: Mapping[str, tuple[str, type[BaseModel] | None]],
    results: Results,
) -> Work:
    """The task made concrete out of what it was given.

    Raises:
        PlanError: Its text cannot be said.
    """
    inputs = {key: _typed(results[source], model) for key, (source, model) in given.items()}
    try:
        said = text if isinstance(text, str) else text(inputs)
    except Exception as error:  # the edge to the program's own code
        why = f"has a text that breaks down: {type(error).__name__}: {error}"
        raise PlanError(name, why, "Mend the function that says it.") from error
    _refuse_words(name, said)
    return Work(Stage(TASK, (Step(TASK, said, (said,), 1),)), spec, inputs=inputs)


def _typed(result: JsonValue, model: type[BaseModel] | None) -> Any:
    mine = copy.deepcopy(result)  # what was confirmed stays as it is, whatever is done to what is handed out
    return mine if model is None else TypeAdapter(model).validate_python(mine)


def _described(part: Job | Join) -> dict[str, JsonValue]:
    if isinstance(part, Join):
        return {"id": part.id, "join": part.what, "of": list(part.of)}
    told: dict[str, JsonValue] = {"id": part.id, "title": part.title, "after": list(part.after)}
    skills: list[JsonValue] = [*sorted(part.skills)]
    told |= {"worker": part.worker, "skills": skills, "locks": list(part.locks), "spec": part.spec}
    return told

"""What "done" means for a task: a list of criteria, and how a verdict is weighed against it.

Cheap programmatic criteria (`Schema`, `Check`) come first, then looks at the world
(`ToolCheck`), then the model as judge (`Judge`). A criterion holds functions and stays in
its process; `Spec.describe` is what travels.

What this does not cover: who runs the criteria (the verifier in `agents`), and whether the
spec says what the person meant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, JsonValue, ValidationError

from .messages import Anomaly, CriterionText, Finding, SpecText, Verdict, canonical_json

Standing = Literal["pass", "fail", "cannot_check", "missing", "anomalies"]
"""What a verdict amounts to; only `pass` can be confirmed."""


@dataclass(frozen=True)
class Schema:
    """The result is valid for a pydantic model."""

    model: type[BaseModel]
    name: str = "schema"
    required: bool = True

    def describe(self) -> CriterionText:
        """Name, type and JSON schema of the model."""
        text = canonical_json(self.model.model_json_schema())
        return CriterionText(name=self.name, type="schema", text=text, required=self.required)

    def find(self, result: JsonValue) -> Finding:
        """Validate `result`; the first three complaints become the reason of a fail."""
        try:
            self.model.model_validate(result)
        except ValidationError as error:
            found = [(".".join(map(str, e["loc"])) or "result", e["msg"]) for e in error.errors()[:3]]
            why = "; ".join(f"{place}: {complaint}" for place, complaint in found)
            return Finding(criterion=self.name, outcome="fail", why=why)
        return Finding(criterion=self.name, outcome="pass")


@dataclass(frozen=True)
class Check:
    """A function of the result says yes (True), no (False or a sentence), or cannot say (None).

    The function gets the result as JSON. What it raises goes through to the caller.
    """

    name: str
    function: Callable[[Any], bool | str | None]
    required: bool = True

    def describe(self) -> CriterionText:
        """Name, type and the qualified name of the function (its code does not enter the hash)."""
        text = _function_name(self.function)
        return CriterionText(name=self.name, type="check", text=text, required=self.required)

    def find(self, result: JsonValue) -> Finding:
        """Run the function on `result`."""
        return _finding(self.name, self.function(result), "the check returned False")


@dataclass(frozen=True)
class ToolCall:
    """A call to make again when verifying: the tool's name and its arguments."""

    tool: str
    args: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])


@dataclass(frozen=True)
class ToolCheck:
    """Look at the world again: call a tool that reads, and compare what it returns.

    `expect` is the value that must come back (for an object: the fields that must be in
    it), or a function as in `Check`.
    """

    name: str
    call: ToolCall
    expect: JsonValue | Callable[[Any], bool | str | None]
    required: bool = True

    def describe(self) -> CriterionText:
        """Name, type, the call, and what is expected of it."""
        expect = _function_name(self.expect) if callable(self.expect) else self.expect
        text = canonical_json({"tool": self.call.tool, "args": dict(self.call.args), "expect": expect})
        return CriterionText(name=self.name, type="tool_check", text=text, required=self.required)

    def find(self, value: JsonValue, evidence: str = "") -> Finding:
        """Compare `value`, which the tool returned, with what is expected; `evidence` is the result's id."""
        if callable(self.expect):
            answer = self.expect(value)
        else:
            answer = _contains(value, self.expect) or f"expected {self.expect!r}, the tool returned {value!r}"
        return _finding(self.name, answer, f"{self.call.tool} returned {value!r}", evidence)


@dataclass(frozen=True)
class Judge:
    """A question in plain words that a model answers from result and evidence.

    Attributes:
        question: Answered with yes for a pass.
        name: Defaults to the question.
    """

    question: str
    name: str = ""
    required: bool = True

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.question)

    def describe(self) -> CriterionText:
        """Name, type and question."""
        return CriterionText(name=self.name, type="judge", text=self.question, required=self.required)


Criterion = Schema | Check | ToolCheck | Judge


@dataclass(frozen=True)
class Spec:
    """The criteria of a task, in the order in which they are checked.

    Raises:
        ValueError: No criteria, none of them required, or two with one name.
    """

    criteria: tuple[Criterion, ...]

    def __init__(self, criteria: Iterable[Criterion]) -> None:
        object.__setattr__(self, "criteria", tuple(criteria))
        self.describe()

    def describe(self) -> SpecText:
        """The spec as it travels."""
        criteria = tuple(criterion.describe() for criterion in self.criteria)
        content = canonical_json([criterion.model_dump() for criterion in criteria])
        return SpecText(criteria=criteria, hash=hashlib.sha256(content.encode("ascii")).hexdigest())

    @property
    def hash(self) -> str:
        """sha256 (hex) of the description; the same in every process."""
        return self.describe().hash


def weigh(findings: Iterable[Finding], anomalies: Iterable[Anomaly], spec: SpecText) -> Standing:
    """Compute what findings and open anomalies amount to.

    A fail of any required criterion outweighs everything, since it can be redone; then a
    required criterion that cannot be checked; then one that has no finding; then an open
    anomaly. Several findings about one criterion count as their worst. A fail of an
    optional criterion does not stand in the way.
    """
    outcomes: dict[str, set[str]] = {}
    for finding in findings:
        outcomes.setdefault(finding.criterion, set()).add(finding.outcome)
    required = [outcomes.get(criterion.name, set[str]()) for criterion in spec.criteria if criterion.required]
    if any("fail" in found for found in required):
        return "fail"
    if any("cannot_check" in found for found in required):
        return "cannot_check"
    if not all(required):
        return "missing"
    return "anomalies" if list(anomalies) else "pass"


def passes(verdict: Verdict, spec: Spec | SpecText) -> bool:
    """Whether every required criterion has only passes and no anomaly is open."""
    text = spec.describe() if isinstance(spec, Spec) else spec
    return weigh(verdict.findings, verdict.anomalies, text) == "pass"


def _finding(name: str, answer: bool | str | None, why: str, evidence: str = "") -> Finding:
    cited = (evidence,) if evidence else ()
    if answer is True:
        return Finding(criterion=name, outcome="pass", evidence=cited)
    if answer is None:
        return Finding(criterion=name, outcome="cannot_check", evidence=cited, why="the check could not say")
    complaint = answer if isinstance(answer, str) else why
    return Finding(criterion=name, outcome="fail", evidence=cited, why=complaint)


def _contains(value: JsonValue, expected: JsonValue) -> bool:
    if isinstance(expected, dict):
        return isinstance(value, dict) and all(
            key in value and _contains(value[key], expected[key]) for key in expected
        )
    return isinstance(value, bool) == isinstance(expected, bool) and value == expected


def _function_name(function: Callable[..., Any]) -> str:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '')}.{name}"

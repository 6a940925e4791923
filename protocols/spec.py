"""What "done" means for a task: a list of criteria, and how a verdict is weighed against it.

Cheap programmatic criteria (`Schema`, `Check`) come first, then looks at the world
(`ToolCheck`), then the model as judge (`Judge`). A criterion holds functions and stays in
its process; `Spec.describe` is what travels.

A criterion can say what it must refuse: faults that are planted to see whether it notices
them. One that passes a planted fault is broken, and its pass counts for nothing.

What this does not cover: who runs the criteria (the verifier in `agents`), and whether the
spec says what the person meant.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Literal, cast

from pydantic import BaseModel, JsonValue, ValidationError

from .messages import Anomaly, CriterionText, Finding, SpecText, Verdict, canonical_json

Standing = Literal["pass", "fail", "cannot_check", "missing", "anomalies"]
"""What a verdict amounts to; only `pass` can be confirmed."""

RESULT = "result"
"""Evidence of a finding that rests on the reported result itself."""

SURE = 0.7
"""Least probability of a judgement that counts, where a judge names none."""

NOTHING: tuple[JsonValue, ...] = (None, {}, [], "")
"""Results that say nothing: planted faults for a check of what a result says."""

LONGEST_WHY = 1000
"""Characters of a reason; what a tool returned may be far longer."""


def without_each(result: Mapping[str, JsonValue]) -> list[JsonValue]:
    """A good result with each of its fields left out: planted faults for a check that needs them all."""
    return [{key: value for key, value in result.items() if key != left_out} for left_out in result]


@dataclass(frozen=True)
class Schema:
    """The result is valid for a pydantic model.

    Attributes:
        must_refuse: Planted results that must not be valid, beside those of `faults`.
    """

    model: type[BaseModel]
    name: str = "schema"
    required: bool = True
    must_refuse: Sequence[JsonValue] = ()

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
            return Finding(criterion=self.name, outcome="fail", evidence=(RESULT,), why=brief(why))
        return Finding(criterion=self.name, outcome="pass", evidence=(RESULT,))

    def faults(self) -> tuple[JsonValue, ...]:
        """What it must refuse: `must_refuse`, and None and {} where the model declares a required field.

        No more is planted by itself: a model may rightly fill one missing field in from the others, and one
        without required fields takes {} by its own declaration.
        """
        needs = any(field.is_required() for field in self.model.model_fields.values())
        return (*((None, {}) if needs else ()), *self.must_refuse)


@dataclass(frozen=True)
class Check:
    """A function of the result says yes (True), no (False or a sentence), or cannot say (None).

    The function gets the result as JSON and runs in the event loop: it is quick and is no coroutine. What it
    raises goes through to the caller. Whatever else it returns (a number, a list) says neither yes nor no.

    Attributes:
        must_refuse: Planted results that it must not pass; see `NOTHING` and `without_each`. None are planted
            by themselves: a check may rightly ignore the result and look at something else.

    Raises:
        ValueError: The function is a coroutine function.
    """

    name: str
    function: Callable[[Any], bool | str | None]
    required: bool = True
    must_refuse: Sequence[JsonValue] = ()

    def __post_init__(self) -> None:
        _refuse_coroutines(self.name, self.function)

    def describe(self) -> CriterionText:
        """Name, type and the qualified name of the function (its code does not enter the hash)."""
        text = _function_name(self.function)
        return CriterionText(name=self.name, type="check", text=text, required=self.required)

    def find(self, result: JsonValue) -> Finding:
        """Run the function on `result`."""
        return _finding(self.name, self.function(result), "the check returned False", (RESULT,))

    def faults(self) -> tuple[JsonValue, ...]:
        """What it must refuse."""
        return tuple(self.must_refuse)


@dataclass(frozen=True)
class ToolCall:
    """A call to make again when verifying: the tool's name and its arguments."""

    tool: str
    args: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])


@dataclass(frozen=True)
class ToolCheck:
    """Look at the world again: call a tool that reads, and compare what it returns.

    `expect` is the value that must come back (for an object: the fields that must be in
    it, and {} for an empty one), or a function as in `Check`.

    Attributes:
        must_refuse: Planted values that a call might return and that must not pass.

    Raises:
        ValueError: `expect` is a coroutine function.
    """

    name: str
    call: ToolCall
    expect: JsonValue | Callable[[Any], bool | str | None]
    required: bool = True
    must_refuse: Sequence[JsonValue] = ()

    def __post_init__(self) -> None:
        if callable(self.expect):
            _refuse_coroutines(self.name, self.expect)

    def describe(self) -> CriterionText:
        """Name, type, the call, and what is expected of it."""
        expect = _function_name(self.expect) if callable(self.expect) else self.expect
        text = canonical_json({"tool": self.call.tool, "args": dict(self.call.args), "expect": expect})
        return CriterionText(name=self.name, type="tool_check", text=text, required=self.required)

    def find(self, value: JsonValue, evidence: str = "") -> Finding:
        """Compare `value`, which the tool returned, with what is expected; `evidence` is the result's id."""
        returned = f"{self.call.tool} returned {brief(value)}"
        if callable(self.expect):
            answer = self.expect(value)
        else:
            answer = _contains(value, self.expect) or f"expected {brief(self.expect)}, {returned}"
        return _finding(self.name, answer, returned, (evidence,) if evidence else ())

    def faults(self) -> tuple[JsonValue, ...]:
        """What it must refuse."""
        return tuple(self.must_refuse)


@dataclass(frozen=True)
class Exhibit:
    """What a judge reads: a report with the evidence for it, or the page that was looked at.

    Attributes:
        result: What is reported.
        evidence: A line for each call and what it returned: `stock green mug -> 40`.
        page: Lines of a page; where there are any, report and evidence are not read.
    """

    result: JsonValue = None
    evidence: Sequence[str] = ()
    page: str = ""


@dataclass(frozen=True)
class Judge:
    """A question in plain words that a model answers from result and evidence.

    It is a pass or a fail when `agree` of its judgements say so surely; anything else is `cannot_check`, as
    are, by default, judgements that contradict one another.

    Attributes:
        question: Answered with yes for a pass.
        name: Defaults to the question.
        judges: Times that it is asked, each with the evidence in another order. Where there is nothing to
            reorder, a model that gives probabilities judges the same again.
        agree: Of these, how many must say the same surely; more than half. None: all of them.
        sure: Least probability of a judgement that counts, above one half: no answer is right by a tie.
        ask_person_below: Where no judgement stands with at least this probability, a person is asked instead
            of letting the task end unverified (`open_questions`). Raises `sure` where it is higher. 0: never.
        anomalies: Whether the model is first asked what looks wrong, with verbatim quotes. What it quotes
            has to be disposed of before the task can be confirmed.
        must_refuse: Planted reports that it must not pass, each complete in itself, since they are to tell of
            the judge alone. Plant pages where it will read one. Each is judged once a run.

    Raises:
        ValueError: A number is out of its range.
    """

    question: str
    name: str = ""
    required: bool = True
    judges: int = 1
    agree: int | None = None
    sure: float = SURE
    ask_person_below: float = 0.0
    anomalies: bool = False
    must_refuse: Sequence[Exhibit] = ()

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.question)
        if self.judges < 1 or not self.judges < 2 * self.needed <= 2 * self.judges:
            raise ValueError(
                f"{self.name!r}: {self.needed} of {self.judges} judgements cannot agree on one answer; "
                "let more than half of at least one agree."
            )
        if not 0.5 < self.sure <= 1 or not 0 <= self.ask_person_below <= 1:
            raise ValueError(
                f"{self.name!r}: sure is {self.sure!r} and ask_person_below {self.ask_person_below!r}; they "
                "are probabilities, and sure is above one half."
            )

    @property
    def needed(self) -> int:
        """How many judgements must say the same."""
        return self.judges if self.agree is None else self.agree

    @property
    def bar(self) -> float:
        """Least probability of a judgement that counts."""
        return max(self.sure, self.ask_person_below)

    def describe(self) -> CriterionText:
        """Name, type and question; how it is judged stands behind it where that is not the usual way."""
        ways = [f"{self.needed} of {self.judges} judgements"] if self.judges > 1 else []
        ways += [f"sure {self.sure:g}"] if self.sure != SURE else []
        ways += [f"a person below {self.ask_person_below:g}"] if self.ask_person_below else []
        ways += ["anomalies first"] if self.anomalies else []
        text = f"{self.question} [{', '.join(ways)}]" if ways else self.question
        return CriterionText(name=self.name, type="judge", text=text, required=self.required)


Criterion = Schema | Check | ToolCheck | Judge


@dataclass(frozen=True)
class Spec:
    """The criteria of a task, in the order in which they are checked.

    Raises:
        ValueError: No criteria, none of them required, or two with one name.
    """

    criteria: tuple[Criterion, ...]
    _described: SpecText = field(init=False, repr=False, compare=False)

    def __init__(self, criteria: Iterable[Criterion]) -> None:
        object.__setattr__(self, "criteria", tuple(criteria))
        object.__setattr__(self, "_described", self._describe())

    def describe(self) -> SpecText:
        """The spec as it travels."""
        return self._described

    def _describe(self) -> SpecText:
        return _described(tuple(criterion.describe() for criterion in self.criteria))

    @property
    def hash(self) -> str:
        """sha256 (hex) of the description; the same in every process."""
        return self.describe().hash


@lru_cache(maxsize=256)
def _described(criteria: tuple[CriterionText, ...]) -> SpecText:
    """One object for specs that say the same: those of many tasks, and of one task done again."""
    content = canonical_json([criterion.model_dump() for criterion in criteria])
    return SpecText(criteria=criteria, hash=hashlib.sha256(content.encode("ascii")).hexdigest())


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


def open_questions(spec: Spec, verdict: Verdict) -> tuple[Judge, ...]:
    """The judges whose question a person is to answer before the task ends.

    None where a required criterion failed (then it is redone) or where another required criterion cannot be
    checked either (then no answer helps).
    """
    asking = {each.name: each for each in spec.criteria if isinstance(each, Judge) and each.ask_person_below}
    open_ones = [
        finding.criterion
        for finding in verdict.findings
        if finding.outcome == "cannot_check" and finding.criterion in asking
    ]
    answered = [finding for finding in verdict.findings if finding.criterion not in open_ones]
    answered += [Finding(criterion=name, outcome="pass") for name in open_ones]
    if weigh(answered, (), spec.describe()) != "pass":
        return ()
    return tuple(judge for name, judge in asking.items() if name in open_ones and judge.required)


def brief(value: object) -> str:
    """A value as a reason quotes it: text as it is, all else as Python writes it, cut where too long."""
    text = value if isinstance(value, str) else repr(value)
    over = len(text) - LONGEST_WHY
    return text if over <= 0 else f"{text[:LONGEST_WHY]}… ({over} characters more)"


def _finding(name: str, answer: object, why: str, evidence: tuple[str, ...] = ()) -> Finding:
    """What a function of the user said; it may say what its signature does not allow."""
    if answer is True:
        return Finding(criterion=name, outcome="pass", evidence=evidence)
    if answer is False or isinstance(answer, str):
        complaint = (answer or "").strip() or why
        return Finding(criterion=name, outcome="fail", evidence=evidence, why=brief(complaint))
    said = (
        "the check could not say"
        if answer is None
        else f"the check returned {brief(answer)}, which is neither True, False, a sentence nor None"
    )
    return Finding(criterion=name, outcome="cannot_check", evidence=evidence, why=brief(said))


def _refuse_coroutines(name: str, function: Callable[..., Any]) -> None:
    if inspect.iscoroutinefunction(function):
        raise ValueError(
            f"{name!r}: {_function_name(function)} is a coroutine function, whose answer nobody would await. "
            "Give a plain function, or make what it looks at a tool and check that with ToolCheck."
        )


def _contains(value: JsonValue, expected: JsonValue) -> bool:
    if isinstance(expected, dict):
        if not isinstance(value, dict) or bool(value) != bool(expected):
            return False
        return all(key in value and _contains(value[key], expected[key]) for key in expected)
    return isinstance(value, bool) == isinstance(expected, bool) and value == expected


def _function_name(function: Callable[..., Any]) -> str:
    """The qualified name of a function; of a partial one with what is filled in, since that is asked too."""
    if isinstance(function, partial):
        made = cast("partial[Any]", function)
        given = [_shown(each) for each in made.args]
        given += [f"{key}={_shown(each)}" for key, each in made.keywords.items()]
        return f"{_function_name(made.func)}({', '.join(given)})"
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '')}.{name}"


def _shown(value: object) -> str:
    if callable(value):
        return _function_name(value)
    try:
        return canonical_json(value)
    except (TypeError, ValueError):
        return type(value).__qualname__

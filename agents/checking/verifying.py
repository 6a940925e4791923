"""The role `verify`: what a report says and the evidence for it, held against the criteria of a spec.

    report = ["stock of green mug is 12"], {"answer": "12"}, ["stock green mug -> 40"]
    ask_verify(*report)                     # a question
    read_verify("1 fail 40", *report)       # [Found("fail", "40", "stock green mug -> 40")]

One line for each criterion: `1 pass`, `1 fail QUOTE`, or `1 cannot check` where no evidence speaks of it. It
fails where the evidence says QUOTE and the report something else or nothing, and where the criterion wants
something else. Under the grammar a quote is a run of words of one line of evidence or of the report, and
`read_verify` gives it as it stands there. `weigh` scores the three outcomes of one criterion.

Does not cover: evidence that lies. It is what tools returned, recorded by the executor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from pydantic import JsonValue

from ...tools.browser.actions import span_terminal
from ..question import Question
from ..wording import fold, locate

if TYPE_CHECKING:
    from ...core_model.chat_template import Message
    from ...core_model.generation import Model

Outcome = Literal["pass", "fail", "cannot check"]

OUTCOMES: tuple[Outcome, ...] = ("pass", "fail", "cannot check")
"""In the order in which `weigh` gives their probabilities."""

LINE = re.compile(r"([0-9]+) (?:(pass|cannot check)|(fail) (\S.*))")


class UnreadableFindings(ValueError):
    """An answer that is no list of findings, one for each criterion. Carries the answer."""

    def __init__(self, answer: str, why: str) -> None:
        self.answer, self.why = answer, why
        super().__init__(
            f"{answer!r} is no list of findings: {why}. Decode it under the grammar of the question."
        )


@dataclass(frozen=True)
class Found:
    """What was found about one criterion.

    Attributes:
        quote: Verbatim words of the evidence or the report that speak against it; only with `fail`.
        source: The line that has them; empty without a quote.
    """

    outcome: Outcome
    quote: str = ""
    source: str = ""


def said_lines(result: JsonValue) -> list[str]:
    """What a report says, a line for each field; fields of fields stand behind one another."""
    if not isinstance(result, Mapping):
        return [f"answer : {_value(result)}"]
    return [f"{_name(key)} : {_value(value)}" for key, value in result.items()]


def _value(value: JsonValue) -> str:
    """A JSON value in words."""
    if isinstance(value, Mapping):
        return " , ".join(f"{_name(key)} {_value(each)}" for key, each in value.items())
    if isinstance(value, list):
        return " , ".join(map(_value, value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return str(value)


def _name(key: str) -> str:
    return key.replace("_", " ")


def ask_verify(criteria: Sequence[str], result: JsonValue, evidence: Sequence[str]) -> Question:
    """Ask what holds of a report.

    Args:
        criteria: At least one; the answer has a line for each.
        result: Of the report.
        evidence: What was called and what it returned, a line each: `stock green mug -> 12`.

    Raises:
        ValueError: There is no criterion.
    """
    if not criteria:
        raise ValueError("There is nothing to verify: name at least one criterion.")
    rows = shown(result, evidence)
    rows += [f"{number} : {fold(line)}" for number, line in enumerate(criteria, 1)]
    failing = ' | "fail" SPAN' if _sources(result, evidence) else ""
    lines = ' "\\n" '.join(f'"{number} " verdict' for number in range(1, len(criteria) + 1))
    grammar = f'start: {lines}\nverdict: "pass" | "cannot check"{failing}\n'
    grammar += span_terminal(_sources(result, evidence)) if failing else ""
    read = "\n".join(shown(result, evidence))
    return Question("verify", "\n".join([*rows, "found:"]), grammar, data=read)


def shown(result: JsonValue, evidence: Sequence[str]) -> list[str]:
    """Evidence and report as a model reads them, a line each."""
    return [
        *(f"seen {_folded(line)}" for line in evidence),
        *(f"said {fold(line)}" for line in said_lines(result)),
    ]


def quoting(result: JsonValue, evidence: Sequence[str]) -> str | None:
    """The grammar under which the answer to a question about one criterion is `1 fail QUOTE`.

    None where there is nothing to quote.
    """
    sources = _sources(result, evidence)
    return f'start: "1 fail" SPAN\n{span_terminal(sources)}' if sources else None


def _sources(result: JsonValue, evidence: Sequence[str]) -> list[str]:
    """What may be quoted: each line of evidence and of the report once."""
    lines = [*map(_folded, evidence), *map(fold, said_lines(result))]
    return list(dict.fromkeys(filter(None, lines)))


def _folded(line: str) -> str:
    """A line of evidence, its arrow kept in one."""
    return " -> ".join(fold(part) for part in line.split("->"))


def read_verify(
    answer: str, criteria: Sequence[str], result: JsonValue, evidence: Sequence[str]
) -> list[Found]:
    """One finding for each criterion, in their order.

    Raises:
        UnreadableFindings: A line is missing or of another form, or a quote stands nowhere (a model that does
            not decode under the grammar says such things).
    """
    lines = answer.splitlines()
    if len(lines) != len(criteria):
        raise UnreadableFindings(answer, f"{len(lines)} lines for {len(criteria)} criteria")
    sources = [*evidence, *said_lines(result)]
    found: list[Found] = []
    for number, line in enumerate(lines, 1):
        read = LINE.fullmatch(line)
        if read is None or int(read[1]) != number:
            raise UnreadableFindings(answer, f"line {number} reads {line!r}")
        if not read[3]:
            found.append(Found(cast("Outcome", read[2])))
            continue
        places = ((span, source) for source in sources if (span := locate(read[4], source)))
        place = next(places, None)
        if place is None:
            raise UnreadableFindings(answer, f"nothing reads {read[4]!r}")
        found.append(Found("fail", place[0].text, place[1]))
    return found


async def weigh(
    model: Model, question: Question, number: int = 1, before: Sequence[str] = ()
) -> dict[Outcome, float]:
    """The probabilities of the outcomes of one criterion, which sum to 1: scored, not decoded.

    Args:
        model: One that can score.
        question: Of `ask_verify`.
        number: Of the criterion, from 1.
        before: The lines of the answer for the criteria before it.
    """
    from ...core_model.generation import normalise

    lines = ["\n".join([*before, f"{number} {outcome}"]) for outcome in OUTCOMES]
    messages: list[Message] = [
        {"role": "system", "content": question.system()},
        {"role": "user", "content": question.text},
    ]
    shares = normalise(await model.score(messages, lines))
    return dict(zip(OUTCOMES, shares, strict=True))

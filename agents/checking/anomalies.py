"""What looks wrong about a report, in its own words: asked before a judge gives its finding.

    ask_anomalies({"answer": "12"}, ["stock green mug -> 40"])             # a question
    read_anomalies("odd 40", {"answer": "12"}, evidence)                   # ([Anomaly(quote="40")], 0)

Under the grammar an anomaly is a run of words of one line of evidence or of one value of the report. A
quote that does not occur in the artifact is dropped and counted, whatever decoded it.

Does not cover: the embedded model, which was not trained on this question; it is for models that follow
prompts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from ...protocols.messages import Anomaly, Evidence, quote_occurs
from ...tools.browser.actions import span_terminal
from ..question import Question
from ..wording import fold, locate
from .verifying import shown

NONE = "none"
MOST = 4
"""Anomalies of one report that are taken."""


def ask_anomalies(result: JsonValue, evidence: Sequence[str]) -> Question:
    """Ask what looks wrong.

    Args:
        evidence: What was called and what it returned, a line each.

    Raises:
        ValueError: There is nothing that could be quoted.
    """
    sources = list(dict.fromkeys([fold(each) for each in says(result, evidence)]))
    if not sources:
        raise ValueError("Neither report nor evidence has a word: there is nothing that could look wrong.")
    odd = " | ".join(' "\\n" '.join(["odd"] * count) for count in range(1, MOST + 1))
    grammar = f'start: "{NONE}" | {odd}\nodd: "odd" SPAN\n{span_terminal(sources)}'
    read = "\n".join(shown(result, evidence))
    return Question("anomalies", f"{read}\nodd:", grammar, data=read)


def read_anomalies(answer: str, result: JsonValue, evidence: Sequence[Evidence]) -> tuple[list[Anomaly], int]:
    """The anomalies of an answer, as the artifact spells them, and how many lines were dropped.

    Dropped are quotes that do not occur, lines of another form, repetitions, and all beyond `MOST`.
    """
    lines = [] if answer.strip() == NONE else [line for line in answer.splitlines() if line.strip()]
    sources = list(says(result, [item.summary for item in evidence]))
    found: dict[str, Anomaly] = {}
    for line in lines:
        word, _, copied = line.strip().partition(" ")
        spans = (span.text for source in sources if (span := locate(copied, source)))
        quote = next(spans, copied.strip()) if word == "odd" else ""
        if len(found) < MOST and quote and quote_occurs(quote, result, tuple(evidence)):
            anomaly = Anomaly.of(quote, f"{quote!r} looks wrong")
            found.setdefault(anomaly.id, anomaly)
    return list(found.values()), len(lines) - len(found)


def says(result: JsonValue, evidence: Sequence[str]) -> Iterator[str]:
    """What may be quoted: lines of evidence, and each value of the report by itself."""
    yield from filter(fold, evidence)
    yield from filter(fold, _values(result))


def _values(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _values(each)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)

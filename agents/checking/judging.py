"""How a judge comes to a finding: judgements that must agree surely, and planted reports it must refuse.

Each judgement reads the same in another order (evidence and fields of the report reversed, then shuffled)
and is given its options in another order, so that what hangs on the order is found out by not agreeing. A
model that gives no probabilities is asked for votes, whose share stands for a probability.

A model that is not sure, that contradicts itself, whose context does not hold the report, or that passes a
planted one, leads to `cannot_check` and never to a pass. Of evidence and pages as much is read as there is
room for, from the beginning; the finding says so where that was not all.

Does not cover: faults that all judgements of one model share, unless a planted report shows them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from random import Random
from typing import Literal, TypeVar

from pydantic import JsonValue

from ...protocols.messages import Anomaly, Evidence, Finding, canonical_json
from ...protocols.spec import Exhibit, Judge, brief
from .. import roles
from ..mind import Mind
from ..question import Question
from .anomalies import ask_anomalies, read_anomalies, says
from .verifying import OUTCOMES, UnreadableFindings, ask_verify, quoting, read_verify

ANSWER_ROOM = 64
"""Tokens of the context that the chat template and the answer may take."""

MOST_OF_A_TOKEN = 32
"""Characters of a token; what has more than so many for each token of a context does not fit, uncounted."""

DECIDING: tuple[Literal["pass", "fail"], ...] = ("pass", "fail")

T = TypeVar("T")

CONTROL = "control"
"""Kind of the journal's row that tells how a judge took its planted reports."""


class DoesNotFit(Exception):
    """The report alone, or its first line of evidence, is longer than the model's context.

    Args:
        context: Tokens; 0 where there is no model at all.
    """

    def __init__(self, context: int) -> None:
        self.context = context
        super().__init__(
            f"it does not fit into the model's context of {context} tokens; use a model with a longer one, "
            "or report less"
            if context
            else "there is no model to judge it; give the manager one, Manager(load_model(), ...), or the "
            "task a spec that programs check"
        )


@dataclass(frozen=True)
class Judgement:
    """What one judgement says, and its probability among pass, fail and cannot check; "" is no answer."""

    said: str
    confidence: float


@dataclass(frozen=True)
class Judging:
    """Asks judges for one verification.

    Attributes:
        task, attempt: Under which the questions are recorded.
    """

    mind: Mind
    task: str = ""
    attempt: int = 0

    async def find(self, judge: Judge, exhibit: Exhibit, evidence: Sequence[str] = ()) -> Finding:
        """The finding of a judge about what it reads.

        Args:
            evidence: What a finding that quotes nothing names as what it rests on.
        """
        try:
            asked, fitted, whole = self._fit(judge, exhibit)
            finding = agreed(judge, await self._judgements(judge, fitted))
            if finding.outcome == "fail" and not fitted.page:
                finding = await self._quoted(finding, asked, judge, fitted)
            if finding.outcome == "pass" and (broken := await self._broken(judge)):
                finding = finding.model_copy(update={"outcome": "cannot_check", "why": broken})
        except DoesNotFit as error:
            return Finding(criterion=judge.name, outcome="cannot_check", confidence=0.0, why=str(error))
        if not whole:
            why = f"{finding.why}; only its beginning was read".removeprefix("; ")
            finding = finding.model_copy(update={"why": why})
        return finding if finding.evidence else finding.model_copy(update={"evidence": tuple(evidence)})

    async def anomalies(self, result: JsonValue, evidence: Sequence[Evidence]) -> list[Anomaly]:
        """What the model finds wrong about a report; what it invents is dropped, and told in the journal.

        Raises:
            DoesNotFit: The report is too long to be read.
        """
        lines = [item.summary for item in evidence]
        self._refuse_long(result)
        if not any(says(result, lines)):
            return []
        asked, _ = self._fitting(partial(ask_anomalies, result), lines)
        answer = await replace(self.mind, strategy=None).ask(asked, task=self.task)
        found, dropped = read_anomalies(answer, result, evidence)
        body: dict[str, JsonValue] = {"kept": [each.quote for each in found], "dropped": dropped}
        journal, run = self.mind.journal, self.mind.run
        journal.append("anomalies", body, run=run, task=self.task, attempt=self.attempt)
        return found

    # --- judgements -----------------------------------------------------------------------

    async def _judgements(self, judge: Judge, exhibit: Exhibit) -> list[Judgement]:
        """As many as it takes until enough agree, or no longer can."""
        made: list[Judgement] = []
        while len(made) < judge.judges and undecided(judge, made):
            made.append(await self._judgement(judge, exhibit, len(made)))
        return made

    async def _judgement(self, judge: Judge, exhibit: Exhibit, number: int) -> Judgement:
        asked = question_of(judge, arranged(exhibit, number))
        options = list(roles.JUDGEMENTS) if exhibit.page else [f"1 {outcome}" for outcome in OUTCOMES]
        turned = options[number % 3 :] + options[: number % 3]
        said, confidence = await self.mind.judge(
            asked, options=turned, task=self.task, attempt=self.attempt, seed=number
        )
        return Judgement(said.removeprefix("1 "), confidence)

    async def _quoted(self, finding: Finding, asked: Question, judge: Judge, exhibit: Exhibit) -> Finding:
        """A fail with words of evidence or report that speak for it, which a redo is told."""
        quote = quoting(exhibit.result, exhibit.evidence)
        if quote is None:
            return finding
        mind = replace(self.mind, strategy=None)
        answer = await mind.ask(replace(asked, grammar=quote), task=self.task)
        try:
            [found] = read_verify(answer, [judge.question], exhibit.result, exhibit.evidence)
        except UnreadableFindings:  # of a model that does not decode under the grammar
            return finding
        if not found.quote:
            return finding
        why = f"{brief(found.quote)!r} speaks against it"
        return finding.model_copy(update={"why": why, "evidence": (brief(found.quote),)})

    async def _broken(self, judge: Judge) -> str:
        """Why a pass of this judge counts for nothing; empty where it refuses all that is planted.

        Found out once a run; the journal has it for the verifications after that.
        """
        if not judge.must_refuse:
            return ""
        planted = [[each.result, list(each.evidence), each.page] for each in judge.must_refuse]
        content = canonical_json([judge.describe().model_dump(), planted])
        key = hashlib.sha256(content.encode("ascii")).hexdigest()
        journal, run = self.mind.journal, self.mind.run
        for row in journal.rows(run, kinds=(CONTROL,)):
            if row.key == key:
                return str(row.body)
        broken = ""
        for exhibit in judge.must_refuse:
            _, fitted, _ = self._fit(judge, exhibit)
            if agreed(judge, await self._judgements(judge, fitted)).outcome == "pass":
                shown = brief(exhibit.page or exhibit.result)
                broken = f"the judge is broken: it passes the planted report {shown}"
                break
        journal.append(CONTROL, broken, run=run, task=self.task, attempt=self.attempt, key=key)
        return broken

    # --- what fits ------------------------------------------------------------------------

    def _fit(self, judge: Judge, exhibit: Exhibit) -> tuple[Question, Exhibit, bool]:
        """The question about as much of an exhibit as the model holds, that much, and whether it is all."""
        if exhibit.page:
            lines = exhibit.page.splitlines()
            asked, kept = self._fitting(
                lambda rows: question_of(judge, replace(exhibit, page="\n".join(rows))), lines
            )
            return asked, replace(exhibit, page="\n".join(kept)), len(kept) == len(lines)
        self._refuse_long(exhibit.result)
        asked, kept = self._fitting(
            lambda rows: question_of(judge, replace(exhibit, evidence=tuple(rows))), exhibit.evidence
        )
        return asked, replace(exhibit, evidence=tuple(kept)), len(kept) == len(exhibit.evidence)

    def _fitting(
        self, question: Callable[[Sequence[str]], Question], lines: Sequence[str]
    ) -> tuple[Question, Sequence[str]]:
        """The question about as many of the lines as leave room for the answer; one at least, of any."""
        model = self.mind.model
        most = MOST_OF_A_TOKEN * model.context_length
        fitting = sum(length <= most for length in accumulate(map(len, lines)))
        if lines and not fitting:
            raise DoesNotFit(model.context_length)
        lines = lines[:fitting]
        while True:
            asked = question(lines)
            used = model.count_tokens(f"{asked.system()}\n{asked.text}") + ANSWER_ROOM
            if used <= model.context_length:
                return asked, lines
            if len(lines) <= 1:
                raise DoesNotFit(model.context_length)
            lines = lines[: max(1, min(len(lines) - 1, len(lines) * model.context_length // used))]

    def _refuse_long(self, result: JsonValue) -> None:
        """Refuse, before anything is made of it, a report of more characters than any context has."""
        if len(canonical_json(result)) > MOST_OF_A_TOKEN * self.mind.model.context_length:
            raise DoesNotFit(self.mind.model.context_length)


# --- what judgements come to --------------------------------------------------------------------------------


def question_of(judge: Judge, exhibit: Exhibit) -> Question:
    """The judge's question about a page, or about a report where there is none."""
    if exhibit.page:
        return roles.ask_judge(exhibit.page, judge.question)
    return ask_verify([judge.question], exhibit.result, exhibit.evidence)


def arranged(exhibit: Exhibit, number: int) -> Exhibit:
    """The exhibit in another order: 0 as it is, 1 reversed, else shuffled; a page keeps its first line."""
    if number == 0:
        return exhibit

    def order(items: Iterable[T]) -> list[T]:
        listed = list(items)
        return listed[::-1] if number == 1 else Random(number).sample(listed, len(listed))

    if exhibit.page:
        first, *rows = exhibit.page.splitlines()
        return replace(exhibit, page="\n".join([first, *order(rows)]))
    result = exhibit.result
    if isinstance(result, dict):
        result = dict(order(result.items()))
    return replace(exhibit, result=result, evidence=tuple(order(exhibit.evidence)))


def undecided(judge: Judge, made: Sequence[Judgement]) -> bool:
    """Whether further judgements could still make a difference."""
    most = max(len(_sure(judge, made, outcome)) for outcome in DECIDING)
    return most < judge.needed <= most + judge.judges - len(made)


def agreed(judge: Judge, made: Sequence[Judgement]) -> Finding:
    """What judgements amount to. The confidence is the least of those that agree, or of all where none do."""
    for outcome in DECIDING:
        sure = _sure(judge, made, outcome)
        if len(sure) >= judge.needed:
            why = "" if outcome == "pass" else "judged 'fail'"
            return Finding(criterion=judge.name, outcome=outcome, confidence=min(sure), why=why)
    told = ", ".join(f"{each.said!r} with probability {each.confidence:.2f}" for each in made)
    why = f"judged {told}, where {judge.needed} sure ones of at least {judge.bar:g} must agree"
    why += "; a person has to say" if judge.ask_person_below else ""
    least = min(each.confidence for each in made)
    return Finding(criterion=judge.name, outcome="cannot_check", confidence=least, why=why)


def _sure(judge: Judge, made: Sequence[Judgement], outcome: str) -> list[float]:
    said = [min(each.confidence, 1.0) for each in made if each.said == outcome]
    return [confidence for confidence in said if confidence >= judge.bar]

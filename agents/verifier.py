"""The verifier: holds a report against its spec, by programs first, then by its own look, then by a judge.

It gets spec, result and evidence, never the worker's reasoning. A look is its own: the page is loaded again.
What it cannot look at is `cannot_check`, never a pass.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from pydantic import JsonValue

from ..core_model.errors import CoreModelError
from ..protocols.messages import Finding, Verdict, Verify
from ..protocols.spec import Check, Judge, Schema, Spec, ToolCall, ToolCheck
from ..tools.errors import SiteUnreachable, ToolError
from . import roles
from .checking.checks import Page
from .checking.criteria import LOOK, REPORTED
from .checking.verifying import OUTCOMES, UnreadableFindings, ask_verify, quoting, read_verify
from .looking import PATIENCE
from .mind import Mind, Truncated
from .question import Question

Look = Callable[[str, Mapping[str, JsonValue]], Awaitable[Any]]
"""Calls a reading tool by name; raises ToolError when it cannot."""

SURE = 0.7
"""Least probability of a judgement that counts; below it the criterion could not be checked."""

ANSWER_ROOM = 64
"""Tokens of the context that the chat template and the answer may take."""

LATE = 2.0
"""Seconds that content may come late in a page before the page counts as not showing it."""


class Verifier:
    """Checks reports for one run. A page that does not pass at once is given time before it fails."""

    def __init__(self, mind: Mind, look: Look) -> None:
        self._mind = mind
        self._look = look

    async def verify(self, spec: Spec, verify: Verify, *, task: str = "", attempt: int = 0) -> Verdict:
        """One finding per criterion, in the spec's order."""
        seen: dict[str, Any] = {}
        findings: list[Finding] = []
        for criterion in spec.criteria:
            if isinstance(criterion, Schema | Check):
                findings.append(criterion.find(verify.result))
            elif isinstance(criterion, ToolCheck):
                key = _key(criterion.call)
                if key not in seen:
                    same = [each for each in spec.criteria if isinstance(each, ToolCheck)]
                    same = [each for each in same if _key(each.call) == key]
                    seen[key] = await self._see(same, verify.result)
                findings.append(_held_against(criterion, seen[key], key))
            else:
                findings.append(await self._judge(criterion, verify, seen, task, attempt))
        return Verdict(findings=tuple(findings))

    async def _see(self, criteria: Sequence[ToolCheck], result: JsonValue) -> Any:
        """What the call of these criteria shows, or the ToolError that it met.

        Where any of them does not pass at once, all of them are held against the page as it is after a while:
        what a page does not show yet speaks neither for nor against.
        """
        call = criteria[0].call
        early = await self._look_at(call.tool, call.args, result)
        passed = all(_held_against(each, early, "").outcome == "pass" for each in criteria)
        if passed or call.tool != LOOK or isinstance(early, ToolError):
            return early
        return await self._look_at(call.tool, {**call.args, PATIENCE: LATE}, result)

    async def _look_at(self, tool: str, args: Mapping[str, JsonValue], result: JsonValue) -> Any:
        self._mind.budget.spend(tool_calls=1)
        try:
            seen: Any = await self._look(tool, args)
        except SiteUnreachable:
            raise  # says nothing about the result; the run stops and can be resumed
        except ToolError as error:
            return error
        if tool != LOOK or not isinstance(seen, dict):
            return seen
        return {**cast("dict[str, Any]", seen), REPORTED: result}

    async def _judge(
        self, criterion: Judge, verify: Verify, looks: Mapping[str, Any], task: str, attempt: int
    ) -> Finding:
        """Ask the model about the page that was looked at, or about report and evidence where none was.

        It reads as much of it as its context holds. A model that breaks down over a question that need not be
        answered has not answered it.
        """
        pages: list[Any] = [value for value in looks.values() if isinstance(value, dict) and "rows" in value]
        try:
            if pages:
                return await self._judge_page(criterion, Page.read(pages[-1]).text(), task, attempt)
            return await self._judge_report(criterion, verify, task, attempt)
        except (CoreModelError, Truncated) as error:
            if criterion.required:
                raise
            return Finding(criterion=criterion.name, outcome="cannot_check", why=str(error))

    async def _judge_page(self, criterion: Judge, page: str, task: str, attempt: int) -> Finding:
        def question(rows: Sequence[str]) -> Question:
            return roles.ask_judge("\n".join(rows), criterion.question)

        asked = self._fitting(question, page.splitlines())
        said, confidence = await self._mind.judge(asked, task=task, attempt=attempt)
        return _judged(criterion, said, confidence)

    async def _judge_report(self, criterion: Judge, verify: Verify, task: str, attempt: int) -> Finding:
        """What fails is quoted: words of the evidence or of the report, which a redo is told."""
        evidence = [item.summary for item in verify.evidence]

        def question(rows: Sequence[str]) -> Question:
            return ask_verify([criterion.question], verify.result, rows)

        options = [f"1 {outcome}" for outcome in OUTCOMES]
        asked = self._fitting(question, evidence)
        said, confidence = await self._mind.judge(asked, options=options, task=task, attempt=attempt)
        finding = _judged(criterion, said.removeprefix("1 "), confidence)
        quote = quoting(verify.result, evidence)
        if finding.outcome != "fail" or quote is None:
            return finding
        answer = await replace(self._mind, strategy=None).ask(replace(asked, grammar=quote), task=task)
        try:
            [found] = read_verify(answer, [criterion.question], verify.result, evidence)
        except UnreadableFindings:  # of a model that does not decode under the grammar
            return finding
        if not found.quote:
            return finding
        why = f"{found.quote!r} speaks against it"
        return finding.model_copy(update={"why": why, "evidence": (found.quote,)})

    def _fitting(self, question: Callable[[Sequence[str]], Question], lines: Sequence[str]) -> Question:
        """The question about as many of the lines as leave room for the answer, at least one."""
        model = self._mind.model
        while True:
            asked = question(lines)
            used = model.count_tokens(f"{asked.system()}\n{asked.text}") + ANSWER_ROOM
            if used <= model.context_length or len(lines) <= 1:
                return asked
            lines = lines[: max(1, min(len(lines) - 1, len(lines) * model.context_length // used))]


def _judged(criterion: Judge, said: str, confidence: float) -> Finding:
    """A judgement as a finding; one that is not sure enough could not be made."""
    sure = confidence >= SURE
    outcome = "pass" if sure and said == "pass" else "fail" if sure and said == "fail" else "cannot_check"
    why = "" if outcome == "pass" else f"judged {said!r}"
    return Finding(criterion=criterion.name, outcome=outcome, confidence=confidence, why=why)


def _key(call: ToolCall) -> str:
    return json.dumps([call.tool, dict(call.args)], sort_keys=True)


def _held_against(criterion: ToolCheck, seen: Any, key: str) -> Finding:
    if isinstance(seen, ToolError):
        return Finding(criterion=criterion.name, outcome="cannot_check", why=str(seen))
    return criterion.find(seen, key)

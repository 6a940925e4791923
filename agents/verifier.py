"""The verifier: holds a report against its spec, by programs first, then by its own look, then by a judge.

It gets spec, result and evidence, never the worker's reasoning. A look is its own: the page is loaded
again, the file is read again. What cannot be looked at is `cannot_check`, never a pass; so is what a broken
check says (`checking.programs`) and a judge that is not sure (`checking.judging`). Every finding names what
it rests on.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from pydantic import JsonValue

from ..core_model.errors import CoreModelError
from ..protocols.messages import Anomaly, Finding, Verdict, Verify
from ..protocols.spec import RESULT, Check, Exhibit, Judge, Schema, Spec, ToolCall, ToolCheck
from ..tools.errors import SiteUnreachable, ToolError
from .checking.checks import Page
from .checking.criteria import LOOK, REPORTED
from .checking.judging import DoesNotFit, Judging
from .checking.programs import hold
from .checking.reading import READERS, told
from .managing.looking import PATIENCE
from .mind import Mind, Truncated

Look = Callable[[str, Mapping[str, JsonValue]], Awaitable[Any]]
"""Calls a reading tool by name; raises ToolError when it cannot."""

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
        anomalies: list[Anomaly] | None = None
        judging = Judging(self._mind, task, attempt)
        for criterion in spec.criteria:
            if isinstance(criterion, Schema | Check):
                findings.append(hold(criterion, verify.result))
            elif isinstance(criterion, ToolCheck):
                key = _key(criterion.call)
                if key not in seen:
                    same = [each for each in spec.criteria if isinstance(each, ToolCheck)]
                    same = [each for each in same if _key(each.call) == key]
                    seen[key] = await self._see(same, verify.result, task, attempt)
                findings.append(_held_against(criterion, seen[key], key))
            else:
                finding, odd = await self._judge(criterion, verify, seen, judging, anomalies)
                findings.append(finding)
                anomalies = odd
        return Verdict(anomalies=tuple(anomalies or ()), findings=tuple(findings))

    async def _see(
        self, criteria: Sequence[ToolCheck], result: JsonValue, task: str = "", attempt: int = 0
    ) -> Any:
        """What the call of these criteria shows, or the ToolError that it met.

        Where any of them does not pass at once, all of them are held against the page as it is after a while:
        what a page does not show yet speaks neither for nor against.
        """
        call = criteria[0].call
        if call.tool in READERS:
            return await self._read(call, task, attempt)
        early = await self._look_at(call.tool, call.args, result)
        passed = all(_held_against(each, early, "").outcome == "pass" for each in criteria)
        if passed or call.tool != LOOK or isinstance(early, ToolError):
            return early
        return await self._look_at(call.tool, {**call.args, PATIENCE: LATE}, result)

    async def _look_at(self, tool: str, args: Mapping[str, JsonValue], result: JsonValue) -> Any:
        await self._mind.budget.pay(tool)
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

    async def _read(self, call: ToolCall, task: str, attempt: int) -> Any:
        """What a built-in tool sees; that it is called, and what it saw, is in the journal."""
        mind = self._mind
        mind.budget.check()
        mind.budget.spend(tool_calls=1)
        body: dict[str, JsonValue] = {"tool": call.tool, "args": dict(call.args)}
        mind.journal.append("look", body, run=mind.run, task=task, attempt=attempt)
        try:
            seen = await READERS[call.tool](call.args)
            said = told(call.tool, seen)
        except ToolError as error:
            seen, said = error, str(error)
        mind.journal.append("looked", said, run=mind.run, task=task, attempt=attempt)
        return seen

    async def _judge(
        self,
        judge: Judge,
        verify: Verify,
        looks: Mapping[str, Any],
        judging: Judging,
        odd: list[Anomaly] | None,
    ) -> tuple[Finding, list[Anomaly] | None]:
        """Ask the model about the page that was looked at, or about report and evidence where none was.

        What looks wrong about the report is asked once, before the first judge that wants to know; `odd` is
        what was found so far, None where nobody asked. A model that breaks down over a question that need not
        be answered has not answered it.
        """
        pages = [key for key, seen in looks.items() if _is_page(key, seen)]
        if pages:
            exhibit, cited = Exhibit(page=Page.read(looks[pages[-1]]).text()), [pages[-1]]
        else:
            exhibit = Exhibit(verify.result, tuple(item.summary for item in verify.evidence))
            cited = [RESULT, *(item.id for item in verify.evidence)]
        try:
            if judge.anomalies and odd is None:
                odd = await judging.anomalies(verify.result, verify.evidence)
            return await judging.find(judge, exhibit, cited), odd
        except DoesNotFit as error:
            why = str(error)
        except (CoreModelError, Truncated) as error:
            if judge.required:
                raise
            why = str(error)
        return Finding(criterion=judge.name, outcome="cannot_check", confidence=0.0, why=why), odd


def _key(call: ToolCall) -> str:
    return json.dumps([call.tool, dict(call.args)], sort_keys=True)


def _is_page(key: str, seen: Any) -> bool:
    """Whether a call saw a page, rather than what a tool of the user may return."""
    return json.loads(key)[0] == LOOK and isinstance(seen, dict) and "rows" in seen


def _held_against(criterion: ToolCheck, seen: Any, key: str) -> Finding:
    if isinstance(seen, ToolError):
        cited = (key,) if key else ()
        return Finding(criterion=criterion.name, outcome="cannot_check", evidence=cited, why=str(seen))
    finding = hold(criterion, seen, key)
    if criterion.call.tool not in READERS:
        return finding
    return finding.model_copy(update={"evidence": (key, told(criterion.call.tool, seen))})

"""The verifier: holds a report against its spec, by programs first, then by its own look, then by a judge.

It gets spec, result and evidence, never the worker's reasoning. A look is its own: the page is loaded again.
What it cannot look at is `cannot_check`, never a pass.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import JsonValue

from ..protocols.messages import Finding, Verdict, Verify
from ..protocols.spec import Check, Judge, Schema, Spec, ToolCall, ToolCheck
from ..tools.errors import SiteUnreachable, ToolError
from . import roles
from .checks import Page
from .families import LOOK
from .looking import PATIENCE
from .mind import Mind

Look = Callable[[str, Mapping[str, JsonValue]], Awaitable[Any]]
"""Calls a reading tool by name; raises ToolError when it cannot."""

SURE = 0.7
"""Least probability of a judgement that counts; below it the criterion could not be checked."""


LATE = 2.0
"""Seconds that content may come late in a page before the page counts as not showing it."""


class Verifier:
    """Checks reports for one run. A page that does not pass at once is given time before it fails."""

    def __init__(self, mind: Mind, look: Look) -> None:
        self._mind = mind
        self._look = look

    async def verify(self, spec: Spec, verify: Verify, *, task: str = "", attempt: int = 0) -> Verdict:
        """One finding per criterion, in the spec's order."""
        looks: dict[str, Any] = {}
        findings: list[Finding] = []
        for criterion in spec.criteria:
            if isinstance(criterion, Schema | Check):
                findings.append(criterion.find(verify.result))
            elif isinstance(criterion, ToolCheck):
                findings.append(await self._tool_check(criterion, looks))
            else:
                findings.append(await self._judge(criterion, verify, looks, task, attempt))
        return Verdict(findings=tuple(findings))

    async def _tool_check(self, criterion: ToolCheck, looks: dict[str, Any]) -> Finding:
        key = json.dumps([criterion.call.tool, dict(criterion.call.args)], sort_keys=True)
        if key not in looks:
            self._mind.budget.spend(tool_calls=1)
            try:
                looks[key] = await self._look(criterion.call.tool, criterion.call.args)
            except SiteUnreachable:
                raise  # says nothing about the result; the run stops and can be resumed
            except ToolError as error:
                looks[key] = error
        if isinstance(looks[key], ToolError):
            return Finding(criterion=criterion.name, outcome="cannot_check", why=str(looks[key]))
        found = criterion.find(looks[key], key)
        if found.outcome == "pass" or criterion.call.tool != LOOK or PATIENCE in criterion.call.args:
            return found
        late = {**criterion.call.args, PATIENCE: LATE}
        return await self._tool_check(replace(criterion, call=ToolCall(LOOK, late)), looks)

    async def _judge(
        self, criterion: Judge, verify: Verify, looks: Mapping[str, Any], task: str, attempt: int
    ) -> Finding:
        """Ask the model about the page that was looked at, or about result and evidence where none was."""
        seen: list[Any] = [value for value in looks.values() if isinstance(value, dict) and "rows" in value]
        shown = json.dumps(verify.result, ensure_ascii=False)
        evidence = "\n".join([f"result {shown}", *(f"- {item.summary}" for item in verify.evidence)])
        page = Page.read(seen[-1]).text() if seen else evidence
        said, confidence = await self._mind.judge(
            roles.ask_judge(page, criterion.question), task=task, attempt=attempt
        )
        outcome = (
            "cannot_check"
            if said == "cannot check" or confidence < SURE
            else "pass"
            if said == "pass"
            else "fail"
        )
        return Finding(
            criterion=criterion.name,
            outcome=outcome,
            confidence=confidence,
            why="" if outcome == "pass" else f"judged {said!r}",
        )

"""Criteria that are programs, each with one defined outcome, held against their planted faults.

A program that raises has said nothing: `cannot_check`, never a fail that would have work done again, never
a pass. Each works on its own copy of what it is given, so that one which changes it changes nothing for the
next, nor the artifact whose hash is confirmed. Before a pass counts, the same program is given its planted
faults; one that passes any of them is broken, and its finding is `cannot_check` as well.

Does not cover: a program that never returns. It runs in the event loop, as its docstring says.
"""

from __future__ import annotations

import asyncio
import copy
from typing import Any, cast

from ...protocols.messages import Finding
from ...protocols.spec import Check, Schema, ToolCheck, brief

Program = Schema | Check | ToolCheck


def hold(program: Program, value: Any, evidence: str = "") -> Finding:
    """What a program finds, as far as it can be believed.

    Args:
        value: The reported result; for a `ToolCheck` what its call returned.
        evidence: Id of what the call returned.
    """
    finding = find(program, value, evidence)
    if finding.outcome != "pass" or not (why := broken(program)):
        return finding
    return finding.model_copy(update={"outcome": "cannot_check", "why": why})


def find(program: Program, value: Any, evidence: str = "") -> Finding:
    """What a program says of a value, without its planted faults."""
    try:
        own = _own(value)
        return program.find(own, evidence) if isinstance(program, ToolCheck) else program.find(own)
    except (
        SystemExit,
        asyncio.CancelledError,
        Exception,
    ) as error:  # the edge to the user's own code: what it raises says nothing of the result
        why = brief(f"the check raised {type(error).__name__}: {error}")
        cited = (evidence,) if evidence else ()
        return Finding(criterion=program.name, outcome="cannot_check", evidence=cited, why=why)


def _own(value: Any) -> Any:
    """A copy that shares nothing which can change; of plain JSON at a fraction of the cost of `deepcopy`."""
    if type(value) is dict:
        return {key: _own(item) for key, item in cast("dict[Any, Any]", value).items()}
    if type(value) is list:
        return [_own(item) for item in cast("list[Any]", value)]
    return value if type(value) in _FIXED else copy.deepcopy(value)


_FIXED = frozenset[type]({str, int, float, bool, type(None)})


def broken(program: Program) -> str:
    """The planted fault that a program passes, as a reason not to believe it; empty: it refuses all."""
    passed = (fault for fault in program.faults() if find(program, fault).outcome == "pass")
    return next((f"the check is broken: it passes the planted fault {brief(fault)}" for fault in passed), "")

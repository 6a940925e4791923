"""Situations with a worker that thinks, through the manager that users have.

The question is what six times seven is, the only right answer 42; a check or a judge holds it against that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from ....core_model.capabilities import Capabilities
from ....core_model.errors import CoreModelError
from ....protocols.journal import Journal
from ....protocols.outcome import Confirmed, Failed, Unverified
from ....protocols.spec import Check, Criterion, Judge, Schema
from ...events import Ended, Event, Said
from ...manager import Manager
from ...testing import ScriptedModel
from ...worker import Worker
from ..staging import said
from .situation import Seen, seen, told

GOAL = "What is six times seven?"
RIGHT, WRONG = "42", "41"
JUDGING = "found:"
"""How the judge's question ends."""


def right(result: Any) -> bool | str:
    """Whether the answer is the right one."""
    return result.get("answer") == RIGHT or f"six times seven is not {result.get('answer')}"


RIGHT_ANSWER = Check("it is right", right)


class JudgedModel(ScriptedModel):
    """A double: answers in order, the last one again and again; judges with fixed log-probabilities."""

    def __init__(self, answers: Sequence[str], passes: float = -9.0, fails: float = -9.0) -> None:
        left = list(answers)
        scores = {"1 pass": passes, "1 fail": fails, "1 cannot check": -9.0}
        super().__init__(lambda _: left.pop(0) if len(left) > 1 else left[0], scores)

    @property
    def thoughts(self) -> list[str]:
        """The questions that were not the judge's."""
        return [text for text in self.asked if not text.endswith(JUDGING)]


def manager(model: ScriptedModel, folder: Path, *, redos: int = 2, tokens: int | None = None) -> Manager:
    """A manager with one worker that thinks."""
    worker = Worker("thinker", model, strategy="direct")
    return Manager(model, [worker], journal=folder / "run.db", redos=redos, tokens=tokens)


async def ask(
    model: ScriptedModel,
    folder: Path,
    spec: Sequence[Criterion] = (RIGHT_ANSWER,),
    *,
    redos: int = 2,
    tokens: int | None = None,
    expect: type[BaseModel] | None = None,
) -> Confirmed[Any] | Unverified | Failed:
    """The outcome of the question."""
    return await manager(model, folder, redos=redos, tokens=tokens).run(GOAL, expect, spec=spec)


def sent(folder: Path, kind: str) -> int:
    """How many messages of a kind the journal holds."""
    with Journal.open(folder / "run.db", readonly=True) as journal:
        return len(said(list(journal.rows(journal.runs()[-1].run)), kind))


async def _always_wrong(folder: Path, attempts: int) -> Seen:
    model = JudgedModel([WRONG])
    outcome = await ask(model, folder, redos=attempts - 1)
    return seen(
        outcome,
        is_unverified=isinstance(outcome, Unverified),
        made_each_attempt_once=len(model.thoughts) == attempts,
        judged_each_attempt=sent(folder, "verdict") == attempts,
        says_why=_says(outcome, "it is right"),
    )


async def wrong_with_budget_1(folder: Path) -> Seen:
    """Worker always wrong, check always refuses, one attempt: Unverified with the check's reason."""
    return await _always_wrong(folder, 1)


async def wrong_with_budget_2(folder: Path) -> Seen:
    """The same with two attempts: Unverified, both attempts judged."""
    return await _always_wrong(folder, 2)


async def wrong_with_budget_3(folder: Path) -> Seen:
    """The same with three attempts: Unverified, all three judged, the last one too."""
    return await _always_wrong(folder, 3)


async def last_result_is_shown_as_refused(folder: Path) -> Seen:
    """When attempts run out the caller sees the last result, inside Unverified and nowhere else."""
    outcome = await ask(JudgedModel([WRONG]), folder, redos=0)
    last = outcome.last if isinstance(outcome, Unverified) else None
    return seen(outcome, is_unverified=isinstance(outcome, Unverified), shows_it=WRONG in str(last))


async def judge_always_refuses(folder: Path) -> Seen:
    """Checker always refuses by judging: Unverified, whatever the worker says."""
    outcome = await ask(JudgedModel([RIGHT], fails=-0.01), folder, [Judge("is it right?")], redos=1)
    return seen(outcome, is_unverified=isinstance(outcome, Unverified), judged=sent(folder, "verdict") == 2)


async def judge_is_not_sure(folder: Path) -> Seen:
    """A judge that finds pass hardly likelier than fail has not passed it: Unverified."""
    outcome = await ask(JudgedModel([RIGHT], -0.6, -0.8), folder, [Judge("is it right?")])
    return seen(outcome, is_unverified=isinstance(outcome, Unverified))


async def judge_cannot_be_read(folder: Path) -> Seen:
    """A judge whose answer cannot be parsed has judged nothing: Unverified, never a pass by default."""
    model = JudgedModel([RIGHT, "Well, that depends."])
    model.capabilities = Capabilities(grammar=False, logprobs=False, fork=False, score=False, seed=False)
    outcome = await ask(model, folder, [Judge("is it right?")])
    return seen(outcome, is_unverified=isinstance(outcome, Unverified))


class BrokenJudge(JudgedModel):
    """A double whose judging breaks down."""

    async def score(self, messages: Any, continuations: Sequence[str]) -> list[float]:
        """Breaks down."""
        raise CoreModelError("the judge's server is gone")


async def judge_breaks_down(folder: Path) -> Seen:
    """A judge that breaks down confirms nothing: Unverified or Failed, with the error."""
    outcome = await ask(BrokenJudge([RIGHT]), folder, [Judge("is it right?")])
    return seen(outcome, is_not_confirmed=not isinstance(outcome, Confirmed), says_why=_says(outcome, "gone"))


async def mended_by_redo(folder: Path) -> Seen:
    """Wrong, then right: Confirmed in attempt 2; the redo carried the check's reason; the flaw is listed."""
    model = JudgedModel([WRONG, RIGHT])
    outcome = await ask(model, folder)
    confirm = outcome.confirm if isinstance(outcome, Confirmed) else None
    return seen(
        outcome,
        is_confirmed=isinstance(outcome, Confirmed),
        of_attempt_2=confirm is not None and confirm.attempt == 2,
        was_told_why="six times seven is not 41" in model.thoughts[-1],
        lists_the_flaw=bool(outcome.punch_list),
    )


async def right_in_the_last_attempt(folder: Path) -> Seen:
    """Right only in the last attempt: it is judged like the others, and Confirmed."""
    outcome = await ask(JudgedModel([WRONG, WRONG, RIGHT]), folder)
    return seen(outcome, is_confirmed=isinstance(outcome, Confirmed), judged=sent(folder, "verdict") == 3)


async def redo_breaks_the_first_check(folder: Path) -> Seen:
    """Two checks; what mends the second breaks the first: every pass is void with a redo, so Unverified."""
    short = Check("it is short", lambda result: len(result["answer"]) < 4)
    outcome = await ask(JudgedModel(["41", "it is 42", "43"]), folder, [short, RIGHT_ANSWER])
    return seen(outcome, is_unverified=isinstance(outcome, Unverified), judged=sent(folder, "verdict") == 3)


async def redo_mends_both_checks(folder: Path) -> Seen:
    """Two checks, one broken by each redo until the last mends both: Confirmed with that attempt's passes."""
    short = Check("it is short", lambda result: len(result["answer"]) < 4)
    spec = [short, Check("has it", lambda result: RIGHT in result["answer"])]
    outcome = await ask(JudgedModel(["41", "it is 42", "42"]), folder, spec)
    confirm = outcome.confirm if isinstance(outcome, Confirmed) else None
    passed = [] if confirm is None else [finding.outcome for finding in confirm.verdict.findings]
    return seen(outcome, is_confirmed=isinstance(outcome, Confirmed), passed_both=passed == ["pass", "pass"])


async def check_raises(folder: Path) -> Seen:
    """A check that raises confirms nothing: Unverified or Failed, with what it raised."""

    def crash(_: Any) -> bool:
        raise KeyError("no such column")

    outcome = await ask(JudgedModel([RIGHT]), folder, [Check("it is right", crash)])
    confirmed = isinstance(outcome, Confirmed)
    return seen(outcome, is_not_confirmed=not confirmed, says_why=_says(outcome, "no such column"))


async def check_cannot_say(folder: Path) -> Seen:
    """A check that cannot say is neither a pass nor a reason to redo: Unverified after one attempt."""
    model = JudgedModel([RIGHT])
    outcome = await ask(model, folder, [Check("it is right", lambda _: None)])
    return seen(outcome, is_unverified=isinstance(outcome, Unverified), no_redo=len(model.thoughts) == 1)


class Number(BaseModel):
    """A number as the answer."""

    answer: int


async def result_of_the_wrong_type(folder: Path) -> Seen:
    """A result that its schema refuses is not confirmed: Unverified, with the field."""
    outcome = await ask(JudgedModel(["forty-two"]), folder, [Schema(Number)], redos=0)
    return seen(outcome, is_unverified=isinstance(outcome, Unverified), names_it=_says(outcome, "answer"))


async def result_unlike_what_was_expected(folder: Path) -> Seen:
    """A confirmed answer that is not what the caller expects is not returned as that: Unverified."""
    outcome = await ask(JudgedModel(["forty-two"]), folder, [Check("said", bool)], expect=Number)
    return seen(outcome, is_unverified=isinstance(outcome, Unverified))


async def budget_ends_before_the_judge(folder: Path) -> Seen:
    """Tokens run out between report and verdict: Unverified, it says so, and a resume still judges first."""
    model = JudgedModel([RIGHT], fails=-0.01)
    spec = [Judge("is it right?")]
    outcome = await ask(
        model, folder, spec, tokens=60
    )  # what the answer can come to, not what the judge reads
    again = await _resumed(manager(model, folder), folder, spec)
    return seen(
        outcome,
        is_unverified=isinstance(outcome, Unverified),
        says_why=_says(outcome, "tokens"),
        resume_is_judged=isinstance(again, Unverified) and sent(folder, "verdict") > 0,
    )


async def stopped_before_the_verdict(folder: Path) -> Seen:
    """Stopped between report and verdict, then resumed: the report is verified, not taken for done."""
    model = JudgedModel([WRONG])
    spec = [RIGHT_ANSWER]
    stream = manager(model, folder, redos=0).stream(GOAL, spec=spec)
    async with contextlib.aclosing(cast("AsyncGenerator[Event, None]", stream)) as events:
        async for event in events:
            if isinstance(event, Said) and event.envelope.kind == "report":
                break
    outcome = await _resumed(manager(model, folder, redos=0), folder, spec)
    return seen(outcome, is_unverified=isinstance(outcome, Unverified), judged=sent(folder, "verdict") > 0)


async def worker_says_nothing(folder: Path) -> Seen:
    """A worker that never comes to an answer: not confirmed, and the run ends."""
    outcome = await ask(JudgedModel([""]), folder, [Check("anything", lambda _: True)])
    return seen(outcome, is_not_confirmed=not isinstance(outcome, Confirmed))


UNDER_O = """
import asyncio, pathlib, sys
from {package}.by_thinking import wrong_with_budget_2 as play
seen = asyncio.run(play(pathlib.Path(sys.argv[1])))
sys.exit(0 if seen.held else 1)
"""


async def checks_without_asserts(folder: Path) -> Seen:
    """Under `python -O`, which removes asserts, the checks are still made: Unverified all the same."""
    code = UNDER_O.format(package=__package__)
    path = os.pathsep.join(filter(None, sys.path))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-O", "-c", code, str(folder), env={**os.environ, "PYTHONPATH": path}
    )
    held = await child.wait() == 0
    return Seen("the same as without -O" if held else "something else", () if held else ("held under -O",))


async def _resumed(
    on: Manager, folder: Path, spec: Sequence[Criterion]
) -> Confirmed[Any] | Unverified | Failed:
    outcomes = [
        event.outcome async for event in on.resume(folder / "run.db", spec=spec) if isinstance(event, Ended)
    ]
    return outcomes[-1]


def _says(outcome: Confirmed[Any] | Unverified | Failed, words: str) -> bool:
    return words in told(outcome)


PLAYS: Iterable[Callable[[Path], Any]] = (
    wrong_with_budget_1,
    wrong_with_budget_2,
    wrong_with_budget_3,
    last_result_is_shown_as_refused,
    judge_always_refuses,
    judge_is_not_sure,
    judge_cannot_be_read,
    judge_breaks_down,
    mended_by_redo,
    right_in_the_last_attempt,
    redo_breaks_the_first_check,
    redo_mends_both_checks,
    check_raises,
    check_cannot_say,
    result_of_the_wrong_type,
    result_unlike_what_was_expected,
    budget_ends_before_the_judge,
    stopped_before_the_verdict,
    worker_says_nothing,
    checks_without_asserts,
)

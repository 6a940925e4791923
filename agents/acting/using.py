"""A job with plugged-in tools: ask for the next call, make it through the one door, until there is an answer.

A call that does not fit the tool's schema is not made: what is wrong with it goes back to the model. Calls
with an effect are keyed by what they do, so that no attempt makes one twice, and what an earlier attempt
began is settled first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import JsonValue

from ...protocols.messages import Evidence, Report
from ...tools.executor import ToolResult, is_again
from ...tools.tool import AnyTool
from ..events import Acted
from ..steps import Done, Step
from ..tool_use import Call, ask_use, card_of, read_use, refusal, typed
from ..watch import Sighting
from .attempt import NUDGE, Attempt, EffectUnknown, StepFailed, StepStuck, notes_of

MOST_CALLS = 5
"""Calls, made or refused, after which a job counts as stuck."""

SUMMARY = 200
"""Characters of a result that stand in the summary of its evidence."""


async def use_tools(worker: str, functions: Sequence[AnyTool], attempt: Attempt) -> Report:
    """Call plugged-in tools until the model answers with what they returned.

    Args:
        worker: Name, for those who watch.
        functions: The tools that may be called; `attempt.executor` has them all.
        attempt: With a job of one step.

    Raises:
        StepFailed: No tool fits, or it took too many calls.
        EffectUnknown: See `Worker.perform`.
    """
    using = _Using(worker, {item.name: item for item in functions}, attempt)
    await using.take_up()
    return await using.run()


class _Using:
    def __init__(self, worker: str, tools: Mapping[str, AnyTool], attempt: Attempt) -> None:
        self._worker, self._tools, self._attempt = worker, tools, attempt
        self._step: Step = attempt.order.steps[0]
        self._cards = [card_of(item.name, item.description, item.schema) for item in tools.values()]
        self._before = self._last = "nothing yet"

    async def run(self) -> Report:
        attempt, order, task = self._attempt, self._attempt.order, self._step.text
        for _ in range(MOST_CALLS):
            question = ask_use(self._cards, attempt.done, task)
            question = replace(question, notes=notes_of(order, attempt.mind))
            answer = await attempt.mind.ask(question, task=order.task, attempt=order.attempt)
            call = read_use(answer, task, attempt.done, self._cards)
            if call.answer:
                result: dict[str, JsonValue] = {"answer": call.answer, "returned": attempt.returned}
                return Report(result=result, evidence=tuple(attempt.evidence))
            if not call.tool:
                raise StepFailed(task, "no tool fits")
            problem = refusal(self._cards, call)
            if problem:
                self._tell(_action(call.tool, call.arguments), f"error: {problem}")
                await self._watched(call, changed=False)
            else:
                pure = self._tools[call.tool].recovery == "pure"
                await self._make(call)
                await self._watched(call, changed=None if pure else True)
        raise StepStuck(task, "too many calls")

    async def take_up(self) -> None:
        """Settle what earlier attempts began, and go on from what came of it, in a redo as the world says.

        Raises:
            EffectUnknown: A call was begun, and how it came out cannot be found out.
        """
        attempt, journal = self._attempt, self._attempt.mind.journal
        redo = attempt.order.attempt > 1
        for call in journal.calls(attempt.order.run, attempt.order.task):
            if call.recovery == "pure" or is_again(call.key):
                continue
            if call.recovery == "unsafe" and call.status is None:
                raise EffectUnknown(self._step.text, call.tool)  # a person records what came of it
            tool, door = self._tools.get(call.tool), attempt.executor
            made = await (
                door.call_again(tool, call.args, key=call.key)
                if tool is not None and redo
                else door.call(call.tool, call.args, key=call.key)
            )
            if journal.settled(made.key) is None:
                raise EffectUnknown(self._step.text, call.tool)
            self._note(call.args, made)

    async def _watched(self, call: Call, *, changed: bool | None) -> None:
        """Show a call to the watch; the state before it is what the call before returned."""
        attempt, action = self._attempt, _action(call.tool, call.arguments)
        note = await attempt.watched(Sighting(action, self._before, changed, self._step.text))
        if note == Done("watch", NUDGE):
            note = Done("watch", f"error: {NUDGE}")  # no words for an answer to be made of
        if note is not None:
            attempt.done.append(note)

    async def _make(self, call: Call) -> None:
        attempt, item = self._attempt, self._tools[call.tool]
        arguments = typed(item.schema, call.arguments)
        pure = item.recovery == "pure"
        key = attempt.key() if pure else attempt.lasting_key(item.name, arguments)
        door = attempt.executor.call_again if attempt.order.attempt > 1 else attempt.executor.call
        made = await door(item, arguments, key=key)
        self._note(call.arguments, made)

    def _note(self, arguments: Mapping[str, Any], made: ToolResult) -> None:
        """Keep what a call came to, for the model and for the report."""
        attempt = self._attempt
        if made.unknown:
            raise EffectUnknown(self._step.text, made.tool)
        text = made.value if isinstance(made.value, str) else json.dumps(made.value)
        shown, action = text if made.ok else f"error: {made.error}", _action(made.tool, arguments)
        if made.ok:
            attempt.returned.append(text)
        summary = f"{action} -> {shown[:SUMMARY]}"
        evidence = Evidence(id=made.key, tool=made.tool, summary=summary, data=made.value)
        if evidence not in attempt.evidence:
            attempt.evidence.append(evidence)
        self._tell(action, shown)

    def _tell(self, action: str, shown: str) -> None:
        attempt = self._attempt
        attempt.done.append(Done(action, shown))
        self._before, self._last = self._last, shown
        attempt.mind.show(
            Acted(self._worker, attempt.order.task, self._step.text, action, shown, attempt.order.attempt)
        )


def _action(tool: str, arguments: Mapping[str, Any]) -> str:
    return " ".join([tool, *map(str, arguments.values())])

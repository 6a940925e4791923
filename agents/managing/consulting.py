"""What a task asks of people, and what it makes of their replies: answers, waivers, decisions, results."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Any

from pydantic import JsonValue

from ...protocols.messages import Answer, Ask, HandBack, Waive, canonical_json
from ...protocols.tasks import Overrule, Tick
from ..budget import Budget
from ..people import Desk, Reply, Request, Subject
from .drive import Drive

Offer = Callable[[Any, str], None]
"""Does what a person decided, where it is still legal: the act, and whose it is."""


class Consulting:
    """Puts the requests of one task to the desk, and offers what is replied to its driver."""

    def __init__(self, desk: Desk, drive: Drive, offer: Offer, budget: Budget) -> None:
        self._desk, self._drive, self._offer, self._budget = desk, drive, offer, budget

    async def answer(self) -> None:
        """Let a person answer the worker's question."""
        question = self._drive.state.question
        if question is None or not isinstance(question.body, Ask):
            return
        schema = question.body.answer_schema
        reply = await self._ask("answer", question.body.question, schema)
        if self._drive.state.question == question and self._drive.state.waiting_for == "answer":
            self._offer(Answer(value=reply.value), reply.person)

    async def dispose(self) -> None:
        """Let a person wave anomalies through, where there is one; else they are taken for true."""
        place = self._place()
        for anomaly in self._drive.state.anomalies if self._desk.attended else ():
            text = (
                f"{anomaly.why or 'this looks wrong'}: {anomaly.quote!r}. Let it through? Say why, or false."
            )
            reply = await self._ask("waive", text, None, anomaly.model_dump(mode="json"))
            if not isinstance(reply.value, str) or not reply.value.strip():
                break
            if self._place() != place:
                return
            self._offer(Waive(anomaly=anomaly.id, reason=reply.value), reply.person)
        else:
            if self._desk.attended:
                return
        if self._place() == place and self._drive.state.status == "disposing":
            self._drive.inbox.put(Tick(now=time.time(), timer=self._drive.state.timer))

    async def overrule(self) -> None:
        """Let a person decide what the verifier could not, one criterion after the other."""
        findings, place = self._drive.state.findings, self._place()
        for finding in [each for each in findings if each.outcome != "pass" and not each.by]:
            told: JsonValue = finding.model_dump(mode="json")
            text = f"{finding.criterion}: {finding.why or finding.outcome}. Does it hold all the same?"
            reply = await self._ask("overrule", text, {"type": "boolean"}, told)
            if self._place() != place:
                return
            outcome = "pass" if reply.value is True else "fail"
            act = Overrule(criterion=finding.criterion, outcome=outcome, reason=f"{reply.person} looked")
            self._offer(act, reply.person)

    async def hand_over(self) -> None:
        """Wait for what the person makes of a task that they took over."""
        place = self._place()
        text = f"You have {self._drive.job.title!r}. What is its result? null: a worker goes on with it."
        reply = await self._ask("take_over", text, None)
        if self._place() == place and self._drive.state.waiting_for == "person":
            self._offer(HandBack(result=reply.value, note="done by hand"), reply.person)

    def _place(self) -> tuple[int, int]:
        """Generation and attempt: what is replied about the work of another one decides nothing here."""
        return self._drive.state.generation, self._drive.state.attempt

    async def _ask(
        self, subject: Subject, text: str, schema: dict[str, JsonValue] | None, body: JsonValue = None
    ) -> Reply:
        """Put a request to the desk. A question that comes again because its attempt was lost is the same
        request; in a redo it is a new one, since the answer may be what was wrong."""
        drive, state = self._drive, self._drive.state
        attempt = state.attempt - state.losses if subject == "answer" else state.attempt
        told = canonical_json([subject, text, schema, state.generation, attempt, body])
        mark = hashlib.sha256(told.encode("ascii")).hexdigest()[:12]
        request = Request(f"{drive.id}.{mark}", subject, drive.id, text, schema, body)
        try:
            async with asyncio.timeout(self._budget.left()):
                return await self._desk.ask(request)
        except TimeoutError:
            self._budget.check()  # the run's time is up while a person is silent
            raise

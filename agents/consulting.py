"""What a task asks of people, and what it makes of their replies: answers, waivers, decisions, results."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ..protocols.messages import Answer, Ask, HandBack, Waive, canonical_json
from ..protocols.tasks import Overrule, Tick
from .people import Reply, Request, Subject

if TYPE_CHECKING:
    from .driving import Driver


class Consulting:
    """Puts the requests of one task to the desk, and gives what is replied to its driver."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def answer(self) -> None:
        """Let a person answer the worker's question."""
        question = self._driver.state.question
        if question is None or not isinstance(question.body, Ask):
            return
        schema = question.body.answer_schema
        reply = await self._ask("answer", question.body.question, schema)
        if self._driver.state.question == question and self._driver.state.waiting_for == "answer":
            self._driver.offer(Answer(value=reply.value), reply.person)

    async def dispose(self) -> None:
        """Let a person wave anomalies through, where there is one; else they are taken for true."""
        for anomaly in self._driver.state.anomalies if self._driver.crew.desk.attended else ():
            text = (
                f"{anomaly.why or 'this looks wrong'}: {anomaly.quote!r}. Let it through? Say why, or false."
            )
            reply = await self._ask("waive", text, None, anomaly.model_dump(mode="json"))
            if not isinstance(reply.value, str) or not reply.value.strip():
                break
            self._driver.offer(Waive(anomaly=anomaly.id, reason=reply.value), reply.person)
        else:
            if self._driver.crew.desk.attended:
                return
        if self._driver.state.status == "disposing":
            self._driver.drive.inbox.put_nowait(Tick(now=time.time(), timer=self._driver.state.timer))

    async def overrule(self) -> None:
        """Let a person decide what the verifier could not, one criterion after the other."""
        findings = self._driver.state.findings
        for finding in [each for each in findings if each.outcome != "pass" and not each.by]:
            told: JsonValue = finding.model_dump(mode="json")
            text = f"{finding.criterion}: {finding.why or finding.outcome}. Does it hold all the same?"
            reply = await self._ask("overrule", text, {"type": "boolean"}, told)
            outcome = "pass" if reply.value is True else "fail"
            act = Overrule(criterion=finding.criterion, outcome=outcome, reason=f"{reply.person} looked")
            self._driver.offer(act, reply.person)

    async def hand_over(self) -> None:
        """Wait for what the person makes of a task that they took over."""
        text = f"You have {self._driver.job.title!r}. What is its result? null: a worker goes on with it."
        reply = await self._ask("take_over", text, None)
        if self._driver.state.waiting_for == "person":
            self._driver.offer(HandBack(result=reply.value, note="done by hand"), reply.person)

    async def _ask(
        self, subject: Subject, text: str, schema: dict[str, JsonValue] | None, body: JsonValue = None
    ) -> Reply:
        """Put a request to the desk. A question that comes again is the same request; what is about the work
        of one attempt is not."""
        driver, state = self._driver, self._driver.state
        attempt = 0 if subject == "answer" else state.attempt
        told = canonical_json([subject, text, schema, state.generation, attempt, body])
        mark = hashlib.sha256(told.encode("ascii")).hexdigest()[:12]
        request = Request(f"{driver.id}.{mark}", subject, driver.id, text, schema, body)
        return await driver.crew.desk.ask(request)

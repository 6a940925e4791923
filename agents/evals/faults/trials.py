"""One run of the warehouse with one planted fault or none, and what journal and world say of it."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ....protocols.messages import Assign, Envelope, Redo, Verdict
from ....protocols.outcome import Confirmed
from ....protocols.tasks import Event
from ...managing.driving import Driver
from ...steps import Step
from ...testing import ScriptedModel
from ...worker import Worker
from ..staging import Played, StagedRun, play
from .operators import TARGETS, Fault, OperatorName
from .warehouse import CHECKED, Meddler, Warehouse, clerk, part_of

CLEAN = "clean"


class Trial(BaseModel):
    """What came of a run.

    Attributes:
        operator: Or "clean".
        part: In which task the fault was planted.
        landed: It changed something.
        covered: Declared checks look at what the tasks are about in which it changed something.
        detected: A verdict of the run has a finding that is no pass, or a worker reported a failure.
        acted_on: After that the task was redone, or the run did not end as confirmed.
        confirmed: The run ended as confirmed.
        right: The warehouse is as it should be, and so is what the caller got, where it was confirmed.
        undamaged: Nothing has happened in the warehouse that was not to happen.
        got: What the caller got, where the run did not end as confirmed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    operator: str
    part: str
    landed: bool
    covered: bool
    detected: bool
    acted_on: bool
    confirmed: bool
    right: bool
    undamaged: bool
    got: str

    @property
    def recovered(self) -> bool:
        """It ended as confirmed and everything is right."""
        return self.confirmed and self.right

    @property
    def confirmed_wrong(self) -> bool:
        """It ended as confirmed and something is wrong."""
        return self.confirmed and not self.right


class MeddledDriver(Driver):
    """A driver whose orders and messages pass through a fault."""

    fault: Fault

    async def _take(self, event: Event) -> None:
        if isinstance(event, Envelope) and isinstance(event.body, Assign | Redo):
            text = self.fault.order(self._part, self.state.attempt, self.drive.steps[0].text)
            step = Step("use", text, (text,), 1)
            self.drive.steps = (step,)
            altered = event.body.model_copy(update={"plan": (step.line(),)})
            event = event.model_copy(update={"body": altered})
        await super()._take(event)

    async def _hand_on(self, envelope: Envelope) -> None:
        await super()._hand_on(self.fault.report(self._part, envelope))

    @property
    def _part(self) -> str:
        return self.job.id.removesuffix(".use")


async def run_trial(operator: OperatorName | None, number: int, seed: int) -> Trial:
    """One run. The same arguments give the same run."""
    rng = random.Random(f"{seed}/{operator or CLEAN}/{number}")
    world = Warehouse.stocked(rng)
    fault = None if operator is None else Fault(operator, rng.choice(TARGETS[operator]), rng, world)
    between = fault or Meddler()
    model = ScriptedModel(lambda text: between.says(part_of(text), clerk(text)))
    worker = Worker("clerk", model, tools=world.tools(between))

    def staged(run: StagedRun) -> None:
        if fault is not None:
            run.driving = type("Meddled", (MeddledDriver,), {"fault": fault})

    with tempfile.TemporaryDirectory(prefix="punchlist-") as folder:
        path = Path(folder) / "run.db"
        played = await play(world.parts(), model, [worker], path, prepare=staged)
    return _trial(operator, fault, world, played)


def _trial(operator: OperatorName | None, fault: Fault | None, world: Warehouse, played: Played) -> Trial:
    outcome = played.outcome
    confirmed = isinstance(outcome, Confirmed)
    alarms = [envelope.sent_at for envelope in played.said("verdict") if _refuses(envelope)]
    alarms += [envelope.sent_at for envelope in played.said("failed")]
    again = [envelope for envelope in played.said("redo") + played.said("assign") if envelope.attempt > 1]
    return Trial(
        operator=operator or CLEAN,
        part="" if fault is None else fault.part,
        landed=fault is not None and fault.landed,
        covered=fault is not None and {fault.part, *fault.touched} <= CHECKED,
        detected=bool(alarms),
        acted_on=bool(alarms) and (bool(again) or not confirmed),
        confirmed=confirmed,
        right=world.is_right()
        and (not isinstance(outcome, Confirmed) or outcome.result == {"answer": "kept"}),
        undamaged=world.is_undamaged(),
        got="" if confirmed else "; ".join(getattr(outcome, "reasons", ())) or repr(outcome),
    )


def _refuses(envelope: Envelope) -> bool:
    body = envelope.body
    return isinstance(body, Verdict) and any(finding.outcome != "pass" for finding in body.findings)

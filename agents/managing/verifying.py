"""How a report is held against its spec: by a verifier that looks at the world and never at the work."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from ...core_model.errors import CoreModelError
from ...protocols.enclosing import enclose
from ...protocols.errors import JournalError
from ...protocols.messages import Envelope, Verify, new_id
from ...protocols.spec import Check, Schema, Spec
from ...tools.errors import SiteUnreachable
from ..budget import BudgetExhausted
from ..mind import Mind, Truncated
from ..verifier import Verifier
from .crew import Crew
from .drive import Drive
from .looking import look

if TYPE_CHECKING:
    from .lanes import Lane


class VerifierBroke(Exception):
    """A verifier broke down; it is asked again, boundedly."""


def is_by_programs(spec: Spec) -> bool:
    """Whether programs alone decide, so that a verification waits for nothing."""
    return all(isinstance(each, Schema | Check) for each in spec.criteria)


async def verified(crew: Crew, drive: Drive, mind: Mind, lane: Lane, envelope: Envelope) -> Envelope:
    """The verdict on a report.

    Args:
        envelope: It carries a `Verify`.

    Raises:
        BudgetExhausted, SiteUnreachable, CoreModelError, Truncated, JournalError: What ends the run.
        VerifierBroke: Anything else went wrong.
    """
    verify = envelope.body
    if not isinstance(verify, Verify):
        raise TypeError(f"{envelope.kind} is no verify")
    seeing = partial(look, crew.journal, crew.run, crew.workers, drive, lane, verify)
    try:
        verdict = await Verifier(mind, seeing).verify(
            drive.work.spec, verify, task=drive.id, attempt=envelope.attempt
        )
    except (BudgetExhausted, SiteUnreachable, CoreModelError, Truncated, JournalError):
        raise
    except Exception as error:
        raise VerifierBroke(repr(error)) from error
    drive.watch.passed(each.criterion for each in verdict.findings if each.outcome == "pass")
    return enclose(
        verdict, id=new_id(), run=crew.run, task=envelope.task, attempt=envelope.attempt,
        generation=envelope.generation, sender=drive.state.verifier, recipient=drive.state.name,
        sent_at=time.time(), in_reply_to=envelope.id,
    )  # fmt: skip

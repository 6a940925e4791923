"""What may enter memory: only what a confirmed task proves."""

import pytest
from pydantic import ValidationError

from punchlist.memory import Provenance, Record, Scope, UnprovenMemory
from punchlist.protocols.messages import Anomaly, Confirm, Finding, Verdict

from .doubles import confirm, record

OPEN_ANOMALY = Confirm.model_construct(
    spec_hash="5",
    artifact_hash="a",
    verdict=Verdict(anomalies=(Anomaly.of("£0.00"),), findings=(Finding(criterion="cart", outcome="pass"),)),
    waived=(),
    attempt=2,
    generation=1,
)


@pytest.mark.parametrize(
    ("proof", "why"),
    [
        (None, "not a Confirm"),
        (confirm().verdict, "not a Confirm"),
        (confirm("fail"), r"failed \['cart'\]"),
        (confirm("cannot_check"), "no check that passed"),
        (OPEN_ANOMALY, "open anomalies"),
    ],
    ids=["nothing", "bare-verdict", "failed", "unchecked", "open-anomaly"],
)
async def test_an_unproven_record_is_refused_and_leaves_no_trace(open_memory, proof, why):
    memory = open_memory()

    with pytest.raises(UnprovenMemory, match=why):
        await memory.remember(record("The order went through."), proof)

    assert await memory.records() == []


async def test_a_correction_needs_a_proof_too(open_memory):
    memory = open_memory()
    old = await memory.remember(record("Delivery costs £3."), confirm())

    with pytest.raises(UnprovenMemory):
        await memory.supersede(old.id, record("Delivery costs £4."), confirm("fail"))

    assert await memory.records() == [old]


async def test_a_confirm_proves_no_later_attempt(open_memory):
    """A redo voids earlier passes, so what a later attempt found is not proven by them."""
    memory = open_memory()
    later = Record(
        kind="fact",
        text="The cart keeps two mugs.",
        scope=Scope.shared(),
        provenance=Provenance(run="r1", task="t1", attempt=3),
    )

    with pytest.raises(UnprovenMemory, match="attempt 3"):
        await memory.remember(later, confirm(attempt=2))


async def test_the_confirms_that_prove_a_record_are_kept_with_it(open_memory):
    memory = open_memory()
    first, second = confirm(attempt=2), confirm(attempt=4)

    kept = await memory.remember(record("Delivery costs £3."), first)
    await memory.remember(record("delivery  costs £3."), second)

    assert await memory.proofs(kept.id) == [first, second]
    assert await memory.records() == [kept]


def test_a_lesson_must_name_the_check_that_failed():
    with pytest.raises(ValidationError, match=r"provenance\.check"):
        Record(
            kind="reflection",
            text="Set the quantity before adding to the cart.",
            scope=Scope.shared(),
            provenance=Provenance(run="r1", task="t1", attempt=1),
        )


@pytest.mark.parametrize(
    "scope", [{"level": "user"}, {"level": "shared", "owner": "ada"}, {"level": "user", "owner": "a", "x": 1}]
)
def test_a_scope_has_an_owner_exactly_where_it_needs_one(scope):
    with pytest.raises(ValidationError):
        Scope(**scope)

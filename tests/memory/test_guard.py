"""What was recalled does not come back as something new; what contradicts is never merged."""

from datetime import timedelta

import pytest

from punchlist.memory import AlreadyClosed, Provenance, Record, Scope
from punchlist.memory.records import now

from .doubles import confirm, record

SEAT = "Ada always takes the aisle seat"


def heard(text, **fields):
    """A record of an agent's own words."""
    return Record(kind="episode", text=text, provenance=Provenance(run="r2"), **fields)


async def test_recalled_words_are_not_remembered_as_new_ones(open_memory):
    memory = open_memory()
    kept = await memory.remember(record(SEAT), confirm())
    await memory.recall(SEAT)

    echo = await memory.remember(heard("ada always takes the aisle seat."))
    part = await memory.remember(heard("takes the aisle seat"))
    more = await memory.remember(heard("Ada always takes the aisle seat on night trains"))

    assert [echo, part] == [kept, kept] and more.id != kept.id
    assert (await memory.get(kept.id)).seen == 1


async def test_a_person_may_say_again_what_was_recalled(open_memory):
    memory = open_memory()
    await memory.remember(record(SEAT), confirm())
    await memory.recall(SEAT)

    said = await memory.remember(
        Record(kind="episode", text=SEAT, speaker="Ada", provenance=Provenance(by="person"))
    )

    assert said.text == SEAT and len(await memory.records()) == 2


async def test_another_process_does_not_derive_it_again_either(open_memory):
    memory = open_memory()
    source = await memory.remember(record("Ada chose the aisle.", kind="episode"), confirm())
    kept = await memory.remember(record(SEAT), confirm())
    again = Record(kind="fact", text=f"{SEAT}!", provenance=Provenance(by="job", sources=(source.id,)))

    assert await open_memory().remember(again) == kept


async def test_a_proof_of_the_same_words_elsewhere_is_a_record_of_its_own(open_memory):
    memory = open_memory()
    kept = await memory.remember(record(SEAT), confirm())
    await memory.recall(SEAT)

    hers = await memory.remember(record(SEAT, Scope(user="ada")), confirm())

    assert hers.id != kept.id


async def test_nearly_the_same_is_linked_and_kept(open_memory, embedder):
    memory = open_memory(embedder=embedder)
    love = await memory.remember(record("Ada loves the blue mug from the shop"), confirm())
    hate = await memory.remember(record("Ada loves the blue mugs from the shop"), confirm())

    assert [name for name, _ in await memory.near(hate.id)] == [love.id]
    assert [name for name, _ in await memory.near(love.id)] == [hate.id]
    assert len(await memory.records()) == 2


async def test_the_past_is_reproduced(open_memory):
    memory = open_memory()
    start = now() - timedelta(days=30)
    cheap = await memory.remember(record("Delivery costs £3.", learned=start), confirm())
    later = record("Delivery costs £4.", learned=start + timedelta(days=10))
    dear = await memory.supersede(cheap.id, later, confirm())
    moved = record("Delivery costs £5.", valid_from=now() + timedelta(days=5))
    await memory.supersede(dear.id, moved, confirm())

    async def cost(**when):
        found = await memory.recall("What does delivery cost?", **when)
        return [each.record.text for each in found]

    assert await cost(at=start - timedelta(days=1)) == []
    assert await cost(at=start + timedelta(days=1)) == ["Delivery costs £3."]
    assert await cost() == ["Delivery costs £4."]
    assert await cost(at=now() + timedelta(days=6)) == ["Delivery costs £5."]
    assert [each.text[-3:] for each in await memory.history(dear.id)] == ["£3.", "£4.", "£5."]


async def test_a_retracted_record_can_be_opened_again(open_memory):
    memory = open_memory()
    kept = await memory.remember(record(SEAT), confirm())

    closed = await memory.retract(kept.id, "she denies it")

    assert closed.reason == "she denies it" and await memory.recall(SEAT) == []
    with pytest.raises(AlreadyClosed):
        await memory.retract(kept.id, "again")
    assert await memory.restore(kept.id) == kept
    assert [each.record for each in await memory.recall(SEAT)] == [kept]
    with pytest.raises(AlreadyClosed):
        await memory.restore(kept.id)


@pytest.mark.parametrize("reason", ["r" * 501, "a\0b", "half \ud83d of it"])
def test_a_reason_that_no_export_could_carry_is_refused(open_memory, reason):
    memory = open_memory()
    kept = memory.remember_sync(record(SEAT), confirm())

    with pytest.raises(ValueError):
        memory.retract_sync(kept.id, reason)

    assert memory.get_sync(kept.id).closed is None

"""What was recalled does not come back as something new; what contradicts is never merged."""

from datetime import timedelta

import pytest

from punchlist.memory import AlreadyClosed, Choice, Provenance, Record, Scope, told
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


@pytest.mark.parametrize(
    "text",
    [
        "Memory says: Ada always takes the aisle seat.",
        "I recall that Ada always takes the aisle seat",
        "As I remember, “Ada always takes the aisle seat” (from my notes).",
        "[1] fact: Ada always takes the aisle seat",
        "[2] untrusted, fact, learned 2027-05-03, from a person\n  | Ada always takes the aisle seat",
    ],
)
async def test_a_frame_around_recalled_words_makes_nothing_new(open_memory, text):
    memory = open_memory()
    kept = await memory.remember(record(SEAT), confirm())
    await memory.recall(SEAT)

    assert await memory.remember(heard(text)) == kept


@pytest.mark.parametrize(
    "text",
    [
        "It is wrong that Ada always takes the aisle seat",
        "Memory says: Ada always takes the aisle seat on night trains",
        "Bob says that Ada always takes the aisle seat",
        "I recall that Ada always takes the aisle seat. Bob does not.",
        "Until May Ada always takes the aisle seat",
    ],
)
async def test_what_adds_to_recalled_words_is_new(open_memory, text):
    memory = open_memory()
    kept = await memory.remember(record(SEAT), confirm())
    await memory.recall(SEAT)

    assert (await memory.remember(heard(text))).id != kept.id


@pytest.mark.parametrize(
    ("told", "heard_now"),
    [
        ("Delivery to Leeds costs £5", "Delivery to Leeds costs €5"),
        ("Delivery to Leeds costs 5 $", "Delivery to Leeds costs 5 ¥"),
        ("Delivery to Leeds costs €5", "Delivery to Leeds costs 5"),
        ("The cold store is kept at -5 degrees", "The cold store is kept at 5 degrees"),
        ("The fee rose by 5%", "The fee rose by 5°"),
        ("The fee rose by 5", "Memory says: the fee rose by 5%"),
    ],
)
@pytest.mark.parametrize("proven", [False, True])
async def test_another_sign_at_a_number_is_another_statement(open_memory, told, heard_now, proven):
    """As an echo of what was recalled, and as taken from a derived record that is in sight."""
    memory = open_memory()
    kept = await memory.remember(record(told), confirm())
    await memory.recall(told)

    new = await memory.remember(
        record(heard_now) if proven else heard(heard_now), confirm() if proven else None
    )

    assert new.id != kept.id and new.text == heard_now
    assert (await memory.remember(heard(told))).id == kept.id


@pytest.mark.parametrize("scope", [Scope(user="bob"), Scope(tenant="other", user="ada"), Scope(key="k")])
async def test_what_somebody_else_was_told_is_new_here(open_memory, scope):
    """Whoever cannot see a record did not recall it, and is not handed it."""
    memory = open_memory()
    hers = await memory.remember(heard(SEAT, scope=Scope(user="ada")))
    assert await memory.recall(SEAT, scope=Scope(user="ada"))

    kept = await memory.remember(heard(SEAT, scope=scope))

    assert kept.id != hers.id and kept.scope == scope
    assert await memory.remember(heard(f"{SEAT}!", scope=Scope(user="ada", run="r3"))) == hers


@pytest.mark.parametrize("fields", [{"session": "s2"}, {"speaker": "Ada"}, {"happened": now()}])
async def test_an_event_in_recalled_words_is_an_event_of_its_own(open_memory, fields):
    memory = open_memory()
    await memory.remember(heard(SEAT))
    await memory.recall(SEAT)

    await memory.remember(heard(SEAT, **fields))

    assert len(await memory.records()) == 2


async def test_each_choice_counts_though_the_last_one_was_recalled(open_memory):
    memory = open_memory()
    seat = Choice(what="seat", value="aisle", options=("aisle", "window"))
    places = [Scope(user="ada"), Scope(user="ada", run="r1"), Scope(user="ada", run="r2")]

    for place in places:
        await memory.remember(heard(seat.text, scope=place))
        await memory.recall("which seat", scope=place, across=("run",))

    assert len(await memory.records()) == 3


async def test_the_words_of_a_closed_record_are_new(open_memory):
    memory = open_memory()
    kept = await memory.remember(heard(SEAT))
    await memory.recall(SEAT)
    await memory.retract(kept.id, "she denies it")

    again = await memory.remember(heard(f"{SEAT}."))

    assert again.closed is None and [each.record for each in await memory.recall(SEAT)] == [again]


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


async def test_only_the_last_recalled_are_known(open_memory, monkeypatch):
    monkeypatch.setattr(told, "MOST_TOLD", 1)
    memory = open_memory()
    first = await memory.remember(record(SEAT), confirm())
    then = await memory.remember(record("Bob likes the window seat"), confirm())
    for each in (first, then):
        await memory.recall(each.text, 1)

    assert await memory.remember(heard("I recall that Bob likes the window seat")) == then
    assert (await memory.remember(heard(SEAT))).id != first.id


async def test_who_only_asks_keeps_no_more_than_the_last_recalled(open_memory, monkeypatch):
    monkeypatch.setattr(told, "MOST_TOLD", 3)
    memory = open_memory()
    kept = [await memory.remember(record(f"Kettle {number} leaks"), confirm()) for number in range(12)]

    for each in kept:
        await memory.recall(each.text, 1)

    assert len(memory._asker.told._changed) == 3


async def test_a_short_record_comes_back_only_as_it_is(open_memory):
    memory = open_memory()
    kept = await memory.remember(record("Ada sails"), confirm())
    await memory.recall("Ada sails")

    assert await memory.remember(heard("ada sails!")) == kept
    assert (await memory.remember(heard("I recall that Ada sails"))).id != kept.id


async def test_a_part_of_several_is_the_first_that_is_in_sight(open_memory):
    memory = open_memory()
    theirs = await memory.remember(record(SEAT + " by day", Scope(user="bob")), confirm())
    ours = await memory.remember(record(SEAT + " by night"), confirm())
    await memory.recall(SEAT, scope=Scope(user="bob"))

    echo = await memory.remember(heard("takes the aisle seat", scope=Scope(user="ada")))

    assert echo == ours and echo != theirs

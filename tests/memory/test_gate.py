"""What may enter memory: only what a confirmed task proves."""

import pytest
from pydantic import ValidationError

from punchlist.memory import Provenance, Record, Scope, SecretRefused, UnknownRecord, UnprovenMemory
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
        (None, "needs a proof"),
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


@pytest.mark.parametrize(
    ("run", "task", "why"),
    [("r2", "t1", "run 'r1', the confirm is of run 'r2'"), ("r1", "t2", "of task 't2'"), ("r2", "t2", "r2")],
    ids=["run", "task", "both"],
)
@pytest.mark.parametrize("kind", ["fact", "reflection", "skill", "episode"])
async def test_a_confirm_proves_nothing_of_another_run_or_task(open_memory, kind, run, task, why):
    memory = open_memory()

    with pytest.raises(UnprovenMemory, match=why):
        await memory.remember(record("The cart keeps two mugs.", kind=kind), confirm(run=run, task=task))

    assert await memory.records() == []


@pytest.mark.parametrize(
    "way",
    [{"run": "r1", "task": "t1"}, {"run": "r1"}, {"task": "t1"}, {}],
    ids=["both-named", "run-named", "task-named", "none-named"],
)
async def test_a_confirm_proves_what_names_no_other_run_or_task(open_memory, way):
    memory = open_memory()
    learned = record("The cart keeps two mugs.").model_copy(update={"provenance": Provenance(**way)})

    kept = await memory.remember(learned, confirm(run="r1", task="t1"))

    assert kept.standing == "confirmed"


async def test_a_correction_takes_a_confirm_of_its_own_task(open_memory):
    memory = open_memory()
    old = await memory.remember(record("Delivery costs £3."), confirm())

    with pytest.raises(UnprovenMemory, match="of task 't2'"):
        await memory.supersede(old.id, record("Delivery costs £4."), confirm(run="r1", task="t2"))

    assert await memory.records() == [old]


async def test_the_confirms_that_prove_a_record_are_kept_with_it(open_memory):
    memory = open_memory()
    first, second = confirm(attempt=2), confirm(attempt=4)

    kept = await memory.remember(record("Delivery costs £3."), first)
    await memory.remember(record("delivery  costs £3."), second)

    assert await memory.proofs(kept.id) == [first, second]
    assert await memory.records() == [kept.model_copy(update={"seen": 2})]


def test_a_lesson_must_name_the_check_that_failed():
    with pytest.raises(ValidationError, match=r"provenance\.check"):
        Record(
            kind="reflection",
            text="Set the quantity before adding to the cart.",
            scope=Scope.shared(),
            provenance=Provenance(run="r1", task="t1", attempt=1),
        )


EPISODE = Record(kind="episode", text="The order went through.", standing="unverified")


async def test_what_happened_is_kept_whatever_became_of_it(open_memory):
    memory = open_memory()

    kept = await memory.remember(EPISODE)

    assert await memory.records() == [kept] and kept.standing == "unverified"


async def test_nothing_calls_itself_confirmed_without_a_proof(open_memory):
    with pytest.raises(UnprovenMemory, match="calls itself confirmed"):
        await open_memory().remember(EPISODE.model_copy(update={"standing": "confirmed"}))


async def test_what_a_person_says_needs_no_proof_but_is_no_lesson(open_memory):
    memory = open_memory()
    said = Provenance(by="person")
    await memory.remember(Record(kind="fact", text="Ada moved to Leeds.", provenance=said))
    wish = Record(kind="preference", text="She takes the aisle seat.", stance="explicit", provenance=said)
    await memory.remember(wish)

    with pytest.raises(UnprovenMemory, match="skill by a person"):
        await memory.remember(Record(kind="skill", text="Press Update.", provenance=said))

    assert {each.kind for each in await memory.records()} == {"fact", "preference"}


async def test_a_job_derives_facts_from_confirmed_records_only(open_memory):
    memory = open_memory()
    proven = await memory.remember(record("Delivery took two days.", kind="episode"), confirm())
    loose = await memory.remember(EPISODE)

    def derived(source: str) -> Record:
        return Record(kind="fact", text="Orders come.", provenance=Provenance(by="job", sources=(source,)))

    with pytest.raises(UnprovenMemory, match="was not confirmed"):
        await memory.remember(derived(loose.id))
    with pytest.raises(UnknownRecord):
        await memory.remember(derived("m0"))
    kept = await memory.remember(derived(proven.id))

    assert await memory.derived_from(proven.id) == [kept.id]


HERS = Record(kind="episode", text="She asked for a quiet room.", scope=Scope(user="ada"))


def summary(source: Record, **fields: object) -> Record:
    way = Provenance(sources=(source.id,))
    text = f"Quiet, {source.speaker} says."
    return Record(kind="summary", text=text, provenance=way, trust="trusted", **fields)


async def test_a_summary_is_no_more_trusted_than_what_it_sums_up(open_memory):
    memory = open_memory()
    read = await memory.remember(EPISODE)
    said = await memory.remember(
        EPISODE.model_copy(update={"id": "m2", "speaker": "Ada", "trust": "trusted"})
    )

    kept = [await memory.remember(summary(each)) for each in (read, said)]

    assert [each.trust for each in kept] == ["untrusted", "trusted"]
    assert await memory.records(["summary"]) == kept


@pytest.mark.parametrize("scope", [Scope(), Scope(user="grace"), Scope(user="ada", tenant="acme")], ids=str)
async def test_a_summary_is_seen_by_nobody_who_may_not_see_its_sources(open_memory, scope):
    memory = open_memory()
    source = await memory.remember(HERS)

    with pytest.raises(UnprovenMemory, match="not for all who would see it"):
        await memory.remember(summary(source, scope=scope))

    assert await memory.remember(summary(source, scope=Scope(user="ada", agent="guide")))


async def test_a_job_derives_no_explicit_preference(open_memory):
    memory = open_memory()
    source = await memory.remember(HERS)
    way = Provenance(by="job", sources=(source.id,))
    wish = Record(kind="preference", text="Quiet rooms.", stance="explicit", provenance=way, scope=HERS.scope)

    with pytest.raises(UnprovenMemory, match="explicitly"):
        await memory.remember(wish)
    kept = await memory.remember(wish.model_copy(update={"stance": "implicit", "trust": "trusted"}))

    assert kept.trust == "untrusted"


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "summary"},
        {"kind": "preference"},
        {"kind": "preference", "stance": "implicit"},
        {"kind": "fact", "stance": "explicit"},
        {"kind": "fact", "provenance": {"by": "job"}},
        {"kind": "fact", "importance": 1.5},
        {"kind": "fact", "scope": {"level": "user"}},
        {"kind": "fact", "text": "half \0 nothing"},
        {"kind": "fact", "text": "\ud800"},
        {"kind": "fact", "text": "   "},
        {"kind": "fact", "text": "x" * 1_000_000},
    ],
    ids=str,
)
def test_a_record_that_does_not_say_what_it_must_is_refused(fields):
    with pytest.raises(ValidationError):
        Record(**{"text": "Something.", **fields})


async def test_a_secret_is_refused_and_not_repeated(open_memory):
    memory = open_memory()

    with pytest.raises(SecretRefused) as refused:
        await memory.remember(record("The password is hunter2-Xylo!"), confirm())

    assert "hunter2" not in str(refused.value) and await memory.records() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"speaker": "password: hunter2xx"},
        {"session": "password: hunter2xx"},
        {"scope": {"key": "https://ada:lovelace1815@shop.example"}},
        {"provenance": {"origin": "https://ada:lovelace1815@shop.example"}},
        {"provenance": {"task": "log in with password hunter2xx"}},
        {"provenance": {"check": "the password is hunter2xx"}},
    ],
    ids=str,
)
async def test_a_secret_is_refused_in_every_field(open_memory, fields):
    memory = open_memory()

    with pytest.raises(SecretRefused):
        await memory.remember(Record(kind="episode", text="Something.", **fields))

    assert await memory.records() == []


async def test_a_reason_or_the_name_of_a_check_holds_no_secret(open_memory):
    memory = open_memory()
    kept = await memory.remember(EPISODE)

    with pytest.raises(SecretRefused, match=f"The reason for closing record '{kept.id}' holds"):
        await memory.retract(kept.id, "my password is hunter2xx")
    with pytest.raises(SecretRefused, match="The name of a check holds"):
        await memory.outcome("my password is hunter2xx", True)

    assert (await memory.get(kept.id)).closed is None

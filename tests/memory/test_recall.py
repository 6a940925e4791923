"""What a question finds, with the real embedder and the real Chroma."""

from datetime import timedelta

import pytest

from punchlist.memory import AlreadySuperseded, MemoryClosed, Scope, UnknownRecord, Weights
from punchlist.memory.records import now

from .doubles import confirm, record

SHOP = "http://127.0.0.1:8000"
QUANTITY = (
    "The quantity field on a product page is ignored once the item is in the cart; "
    "change the quantity in the cart and press Update."
)
OTHERS = [
    "The invoice archive needs the customer's number before it lists anything.",
    "Dates on the booking form are written day first.",
    "The newsletter checkbox is ticked by default; clear it before registering.",
    "The search box ignores words of two letters.",
]


@pytest.fixture
async def memory(open_memory, embedder):
    memory = open_memory(embedder=embedder)
    for text in OTHERS:
        await memory.remember(record(text, Scope.shared(SHOP), "reflection"), confirm())
    return memory


async def test_a_lesson_is_recalled_for_a_similar_task_in_other_words(memory):
    lesson = await memory.remember(record(QUANTITY, Scope.shared(SHOP), "reflection"), confirm())

    found = await memory.recall("Add three green mugs to the cart", k=5, scope=Scope.shared(SHOP))
    by_words = await memory.recall("set the quantity of an item in the cart to 2", k=5)

    assert by_words[0].record == lesson
    assert by_words[0].score > by_words[1].score + 0.3
    assert found[0].record == lesson
    assert len(found) == 5


async def test_every_score_says_what_it_is_made_of(memory):
    found = await memory.recall("how are dates written on the booking form?", k=2)

    best = found[0]
    why = best.why
    assert best.score == pytest.approx(sum(why.parts.values()))
    assert why.cosine > 0.4 and why.bm25 > 0
    assert best.record.id in best.explain() and f"cosine {why.cosine:.2f}" in best.explain()


async def test_a_word_that_the_embedder_does_not_know_is_found_by_its_letters(memory):
    code = await memory.remember(record("Voucher ZQ7781X takes ten percent off."), confirm())

    found = await memory.recall("zq7781x", k=1)

    assert [each.record for each in found] == [code]
    assert found[0].why.parts["words"] == pytest.approx(Weights().words)


async def test_an_answer_without_a_word_in_common_is_found_by_its_meaning(memory):
    yesterday = now() - timedelta(days=1)
    rule = await memory.remember(
        record("Delivery is free above thirty pounds.", learned=yesterday), confirm()
    )

    found = await memory.recall("how to avoid paying for shipping", k=2)

    assert found[0].record == rule
    assert found[0].why.bm25 == 0


async def test_recall_sees_no_scope_that_it_was_not_given(memory):
    mine = await memory.remember(record("Ada wants her mugs wrapped.", Scope(user="ada")), confirm())
    hers = await memory.remember(record("Grace wants her mugs wrapped.", Scope(user="grace")), confirm())

    shared = await memory.recall("Who wants mugs wrapped?", k=50)
    adas = await memory.recall("Who wants mugs wrapped?", k=50, scope=Scope(user="ada"))
    both = await memory.recall(
        "Who wants mugs wrapped?", k=50, scope=[Scope(user="ada"), Scope(user="grace")]
    )
    none = await memory.recall("Who wants mugs wrapped?", k=50, scope=[])

    assert {each.record.text for each in shared} == set(OTHERS)
    assert {each.record.text for each in adas} == {*OTHERS, mine.text}
    assert {each.record.text for each in both} == {*OTHERS, mine.text, hers.text}
    assert none == []


async def test_a_key_admits_what_is_about_it_or_about_nothing_in_particular(memory):
    general = await memory.remember(record("Prices include tax.", Scope.shared()), confirm())
    await memory.remember(record("Prices exclude tax.", Scope.shared("http://127.0.0.1:9000")), confirm())

    found = await memory.recall("Do prices include tax?", k=50, scope=Scope.shared(SHOP))

    assert {each.record.text for each in found} == {*OTHERS, general.text}


async def test_only_the_kinds_that_were_asked_for_come_back(memory):
    fact = await memory.remember(record("The quantity field takes 1 to 99."), confirm())

    found = await memory.recall("quantity field", k=50, kinds=["fact", "skill"])

    assert [each.record for each in found] == [fact]


async def test_a_corrected_record_is_closed_and_kept(memory):
    old = await memory.remember(record("Delivery costs £3."), confirm())
    await memory.recall("What does delivery cost?")
    new = await memory.supersede(old.id, record("Delivery costs £4."), confirm())

    found = [each.record for each in await memory.recall("What does delivery cost?", k=50)]
    closed = await memory.get(old.id)

    assert found[0] == new and old.id not in [each.id for each in found]
    assert closed.text == old.text
    assert (closed.superseded_by, closed.closed, closed.valid_until) == (new.id, new.learned, None)
    with pytest.raises(AlreadySuperseded, match=new.id):
        await memory.supersede(old.id, record("Delivery costs £5."), confirm())
    with pytest.raises(UnknownRecord):
        await memory.supersede("nothing", record("Delivery costs £5."), confirm())


async def test_an_expired_record_is_not_recalled(memory):
    yesterday = now() - timedelta(days=1)
    await memory.remember(
        record("The sale ends on Friday.", learned=yesterday, valid_until=yesterday + timedelta(hours=1)),
        confirm(),
    )

    found = await memory.recall("When does the sale end?", k=50)

    assert len(found) == len(OTHERS)


async def test_of_two_equal_answers_the_newer_comes_first(memory):
    text = "The {} warehouse ships on Monday."
    last_year = now() - timedelta(days=365)
    older = await memory.remember(record(text.format("old"), None, "episode", learned=last_year), confirm())
    newer = await memory.remember(record(text.format("new"), None, "episode", learned=now()), confirm())

    found = await memory.recall("warehouse ships on Monday", k=2)

    parts = {each.record.id: each.why.parts["recency"] for each in found}
    assert set(parts) == {older.id, newer.id}
    assert parts[older.id] < 0.001 < 0.019 < parts[newer.id] <= 0.02


async def test_long_text_is_embedded_to_its_end(memory):
    filler = "The weather was mild and nothing of note happened. " * 60
    long = await memory.remember(
        record(filler + "The parcel locker opens with the tracking number."), confirm()
    )

    cut = await memory.remember(record(filler), confirm())

    found = await memory.recall("How does one open a parcel locker?", k=50)

    cosines = {each.record.id: each.why.cosine for each in found}
    assert cosines[long.id] > cosines[cut.id] + 0.05


@pytest.mark.parametrize("question", ['" OR * NEAR(', "a AND the NOT", "x" * 5000, "naïve\0café"])
async def test_no_question_is_read_as_query_syntax(memory, question):
    found = await memory.recall(question, k=2)

    assert len(found) == 2
    assert await memory.recall(" ", k=2) == []


async def test_asking_for_fewer_than_one_is_refused(memory):
    with pytest.raises(ValueError, match="at least 1"):
        await memory.recall("anything", k=0)


async def test_a_closed_memory_says_so(memory):
    memory.close()

    with pytest.raises(MemoryClosed):
        await memory.recall("anything")


@pytest.mark.parametrize("index", ["exact", "chroma"])
async def test_sessions_that_two_users_name_alike_are_two(open_memory, index):
    """A turn lends its words to the turns after it in its own session only."""
    memory = open_memory(index=index)
    ada, bob = Scope(user="ada"), Scope(user="bob")
    said = [("Which seat?", ada), ("Nice weather.", bob), ("The usual one.", ada), ("Indeed.", bob)]
    for text, scope in said:
        await memory.remember(record(text, scope, "episode", session="monday"))

    found = {each.record.text: each.why.parts for each in await memory.recall("seat", across=("user",))}

    assert found["The usual one."]["words"] > 0.1
    assert found["Nice weather."].get("words", 0) == found["Indeed."].get("words", 0) == 0

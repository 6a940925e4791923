"""What `erase` calls left is left, and what it calls gone is gone, whatever else lives on beside it."""

import pytest

from punchlist.memory import ForgetIncomplete, Provenance, Record, Scope
from punchlist.memory.erasing import look_for
from punchlist.memory.scanning import scan
from punchlist.memory.store import Gone

from .doubles import confirm, record

ADA = Scope(user="ada")


@pytest.mark.parametrize(
    "text", ["x" * 60_000, "日" * 90_000, "y" * 40_000 + " z", "%_*?[" * 9_000 + "q" * 55_000]
)
def test_a_text_with_a_very_long_word_is_proven_gone(open_memory, text):
    memory = open_memory()
    kept = memory.remember_sync(record(text, ADA, "episode"))
    memory.remember_sync(record("y" * 50_000, ADA, "episode"))  # FTS5 takes it for the same word

    erased = memory.erase_sync(kept.id)

    assert erased.proven and (erased.records, erased.left) == (1, ())


def test_a_very_long_word_that_is_left_in_the_index_of_words_is_found(open_memory):
    memory = open_memory()
    store, word = memory._store, "x" * 60_000
    gone = Gone("erased-record", "", f"{word} thing", "a digest of it", b"")
    memory.remember_sync(record(gone.terms, ADA, "episode"))
    store._put_words()
    before = look_for([gone], memory.folder, store)

    store._connection.execute("UPDATE records SET terms = 'other'")  # the index of words still has the others

    assert before.left == ()
    assert [each.what for each in look_for([gone], memory.folder, store).left] == ["a word", "a word"]


WORDS = "Ada Lovelace Smith"
BEN = Scope(user="ben")


def said(**fields):
    """What somebody said to Ben."""
    way = Provenance(by="person", origin=fields.pop("origin", ""))
    return Record(**{"kind": "fact", "text": "Another thing.", "scope": BEN, "provenance": way} | fields)


@pytest.mark.parametrize(
    "living",
    [
        said(speaker=WORDS),
        said(session=WORDS),
        said(scope=Scope(user="ben", key=WORDS)),
        said(scope=Scope(user=WORDS)),
        said(scope=Scope(tenant=WORDS)),
        said(origin=WORDS),
        said(id=WORDS),
    ],
    ids=["speaker", "session", "key", "owner", "tenant", "origin", "id"],
)
@pytest.mark.parametrize("index", ["exact", "chroma"])
def test_words_that_a_living_record_has_elsewhere_are_not_left(open_memory, living, index):
    memory = open_memory(index=index)
    kept = memory.remember_sync(record(WORDS, ADA, "episode"))
    memory.remember_sync(living)
    memory.recall_sync(WORDS, scope=BEN)

    assert memory.erase_sync(kept.id).proven


def test_words_of_a_reason_a_check_a_proof_or_stems_of_others_are_not_left(open_memory):
    memory = open_memory()
    names = ["they are told twice", "holds after checkout", "spec-of-the-order", "likes figs", "integrity"]
    kept = [memory.remember_sync(record(each, ADA, "episode")) for each in names]
    wrong = memory.remember_sync(said())
    memory.retract_sync(wrong.id, f"{names[0]}, somebody said")
    memory.outcome_sync(names[1], True)
    memory.remember_sync(record("Proven."), confirm().model_copy(update={"spec_hash": names[2]}))
    memory.remember_sync(said(text="Ann likes figs! Likes: figs, LIKES figs."))

    assert all(memory.erase_sync(each.id).proven for each in kept)


def test_the_same_words_said_again_after_they_were_retracted_are_not_left(open_memory):
    memory = open_memory()
    first = memory.remember_sync(said(text=WORDS))
    memory.retract_sync(first.id, "she moved")
    again = memory.remember_sync(said(text=WORDS))

    erased = memory.erase_sync(first.id)

    assert again.id != first.id and again.digest() == first.digest()
    assert erased.proven and memory.ids_sync() == [again.id]


@pytest.mark.parametrize("name", ["a", "trip-to-rome-1"])
def test_an_id_that_stands_in_others_is_not_left(open_memory, name):
    memory = open_memory()
    memory.remember_sync(record("A thing.", ADA, "episode", id=name))
    memory.remember_sync(said(id="trip-to-rome-12", text="About trip-to-rome-1 later."))

    erased = memory.erase_sync(name)

    assert erased.proven and memory.ids_sync() == ["trip-to-rome-12"]


def test_what_a_person_says_again_goes_with_the_sources_that_they_name(open_memory):
    """Else the id of what was erased would stay in what they said."""
    memory = open_memory()
    seen, named = (memory.remember_sync(record(f"Trip {n}.", ADA, "episode")) for n in range(2))
    derived = Provenance(by="job", sources=(seen.id,))
    memory.remember_sync(
        said(kind="preference", stance="implicit", text="Aisle.", scope=ADA, provenance=derived)
    )
    hers = Provenance(by="person", sources=(named.id,))
    memory.remember_sync(
        said(kind="preference", stance="explicit", text="Aisle.", scope=ADA, provenance=hers)
    )

    first = memory.erase_sync(seen.id)
    then = memory.erase_sync(named.id)

    assert (first.records, then.records) == (1, 2) and first.proven and then.proven
    assert memory.ids_sync() == []


def test_an_erasure_is_proven_once_the_owner_of_the_index_has_dropped_the_vectors(open_memory):
    owner, other = open_memory(index="chroma"), open_memory(index="chroma")
    kept = owner.remember_sync(record(WORDS, ADA, "episode"))
    owner.remember_sync(said())
    assert owner.recall_sync(WORDS, scope=ADA)

    pending = other.erase_sync(kept.id)
    owner.recall_sync(WORDS, scope=BEN)
    then = other.erase_sync(kept.id)

    assert pending.index_pending and not pending.proven
    assert then.proven and owner.used.startswith("chroma") and not other.used.startswith("chroma")


def test_forgetting_nothing_leaves_the_index_as_it_is(open_memory):
    memory = open_memory(index="chroma")
    memory.remember_sync(said())
    memory.recall_sync(WORDS, scope=BEN)
    files = sorted((memory.folder / "index").rglob("*"))

    assert memory.erase_sync("unknown").proven
    assert sorted((memory.folder / "index").rglob("*")) == files


def test_whoever_erases_does_not_keep_the_index_from_others(open_memory):
    first = open_memory(index="chroma")
    kept = first.remember_sync(said())
    first.recall_sync(WORDS, scope=BEN)
    first.close()

    open_memory(index="exact").erase_sync(kept.id)
    last = open_memory(index="chroma")
    last.remember_sync(said())
    last.recall_sync(WORDS, scope=BEN)

    assert last.used.startswith("chroma")


@pytest.mark.parametrize("name", ["copies", "copies/older"])
def test_an_erasure_is_not_proven_where_a_folder_cannot_be_looked_into(open_memory, close_to_us, name):
    memory = open_memory()
    kept = memory.remember_sync(said())
    (memory.folder / name).mkdir(parents=True)
    close_to_us(memory.folder / name)

    with pytest.raises(ForgetIncomplete, match=rf"{name}'\. Give this user the right"):
        memory.erase_sync(kept.id)


def test_what_the_process_that_looks_is_refused_is_told_with_its_number(tmp_path):
    with pytest.raises(IsADirectoryError) as refused:
        scan([tmp_path], [b"words"])

    assert refused.value.filename == str(tmp_path)


def test_traces_of_skills_that_cannot_be_looked_for_are_told(open_memory, close_to_us):
    memory = open_memory()
    kept = memory.remember_sync(said())
    (memory.folder / "skills").mkdir()
    close_to_us(memory.folder / "skills")

    with pytest.raises(ForgetIncomplete, match=r"skills'\. Give this user the right"):
        memory.forget_sync(kept.id)

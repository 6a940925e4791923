"""Odd input and bad days: a defined answer or a typed error, and nothing lost."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from pydantic import ValidationError

from punchlist.memory import (
    EmbedderMismatch,
    Memory,
    Provenance,
    Record,
    Scope,
    StoreUnusable,
    WrongVectors,
    asking,
    connected,
    records,
)
from punchlist.memory.records import LONGEST_ORIGIN, MOST_SCOPES, kept_name, now

from .doubles import FakeEmbedder, confirm, record


class Broken(FakeEmbedder):
    """Gives what it is told to."""

    def __init__(self, rows):
        super().__init__()
        self.rows = rows

    def embed(self, texts):
        return self.rows


@pytest.mark.parametrize(
    "rows",
    [np.full((1, 384), np.nan), np.zeros((1, 384)), np.ones((2, 384)), np.ones(384), [["a"]]],
    ids=["nan", "zero", "too-many", "flat", "words"],
)
def test_vectors_that_are_none_are_refused_and_nothing_is_kept(open_memory, rows):
    memory = open_memory(embedder=Broken(rows))

    with pytest.raises(WrongVectors):
        memory.remember_sync(record("A thing."), confirm())

    assert memory.records_sync() == []


def test_vectors_of_another_dimension_are_refused(open_memory):
    open_memory().remember_sync(record("A thing."), confirm())
    memory = open_memory(embedder=Broken(np.ones((1, 8))))

    with pytest.raises(EmbedderMismatch, match="384 dimensions"):
        memory.remember_sync(record("Another."), confirm())
    with pytest.raises(WrongVectors):
        memory.recall_sync("A thing.")
    with pytest.raises(WrongVectors):
        open_memory().recall_sync("A thing.", vector=np.full(384, np.inf))


def test_a_scope_that_nobody_wrote_to_sees_what_is_shared(open_memory):
    memory = open_memory()
    kept = memory.remember_sync(record("A thing."), confirm())

    assert [each.record for each in memory.recall_sync("thing", scope=Scope(user="nobody"))] == [kept]
    assert memory.recall_sync("thing", scope=Scope(tenant="nobody")) == []
    assert memory.recall_sync("thing", scope=[]) == []


def test_what_happens_in_the_future_is_remembered_and_found(open_memory):
    memory = open_memory()
    then = datetime(2999, 1, 1, tzinfo=UTC)

    kept = memory.remember_sync(record("The eclipse.", happened=then), confirm())

    (found,) = memory.recall_sync("eclipse", between=(then, then + timedelta(days=1)))
    assert found.record == kept
    assert memory.recall_sync("eclipse", between=(now(), now() + timedelta(days=1))) == []


@pytest.mark.parametrize("index", ["exact", "chroma"])
@pytest.mark.parametrize("back", [timedelta(hours=20), timedelta(days=3), timedelta(days=18_000)])
def test_a_clock_that_was_set_back_hides_nothing_and_brings_nothing_back(
    open_memory, monkeypatch, back, index
):
    memory = open_memory(index=index)
    old = memory.remember_sync(record("Delivery costs £3."), confirm())
    new = memory.supersede_sync(old.id, record("Delivery costs £4."), confirm())
    wrong = memory.remember_sync(record("Delivery takes a year."), confirm())
    memory.retract_sync(wrong.id, "a joke")

    earlier = now() - back
    for module in (asking, connected, records):
        monkeypatch.setattr(module, "now", lambda: earlier)
    then = memory.remember_sync(record("Delivery is by post.", learned=earlier), confirm())

    assert {each.record.id for each in memory.recall_sync("delivery")} == {new.id, then.id}


def test_what_a_machine_ahead_has_closed_is_closed_where_it_is_carried_to(open_memory, monkeypatch, tmp_path):
    memory = open_memory()
    with monkeypatch.context() as patch:
        for module in (asking, connected, records):
            patch.setattr(module, "now", lambda: now() + timedelta(hours=2))
        ahead = now() + timedelta(hours=2)
        old = memory.remember_sync(record("The aisle.", learned=ahead - timedelta(minutes=1)), confirm())
        new = memory.supersede_sync(old.id, record("The window.", learned=ahead), confirm())
        memory.export_sync(tmp_path / "export")

    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        other.import_sync(tmp_path / "export")

        assert [each.record for each in other.recall_sync("seat")] == [new]
        assert other.records_sync(holding=True) == [new]
        assert [each.id for each in other.records_sync()] == [old.id, new.id]


def test_what_is_listed_as_holding_is_what_a_question_sees(open_memory, monkeypatch):
    memory = open_memory()
    with monkeypatch.context() as patch:
        patch.setattr(connected, "now", lambda: now() + timedelta(minutes=40))
        kept = memory.remember_sync(record("A thing.", learned=now() + timedelta(minutes=40)), confirm())

    assert [each.record for each in memory.recall_sync("thing")] == [kept]
    assert memory.records_sync(holding=True) == [kept]
    assert memory.records_sync(at=now()) == []


def test_a_clock_that_was_years_ahead_once_ends_nothing_early(open_memory, monkeypatch):
    memory = open_memory()
    monkeypatch.setattr(connected, "now", lambda: now() + timedelta(days=3650))
    kept = memory.remember_sync(record("The sale.", valid_until=now() + timedelta(days=30)), confirm())

    assert [each.record for each in memory.recall_sync("sale")] == [kept]


@pytest.mark.parametrize(
    "text",
    [
        "‮مرحبا بالعالم‬",
        "👩‍👩‍👧‍👦 🐪",
        "日本語のメモ",
        "a\tb\r\n",
        "'; DROP TABLE records; --",
        "x" * 90_000,
        "ﬁ ﬀ é",
    ],
)
def test_any_text_comes_back_as_it_was_and_is_found(open_memory, text):
    memory = open_memory()

    kept = memory.remember_sync(record(text), confirm())

    assert open_memory().get_sync(kept.id).text == text
    assert memory.recall_sync(text, 1)[0].record.id == kept.id


def test_a_file_that_somebody_locks_is_an_error_and_works_afterwards(open_memory, tmp_path):
    memory = open_memory()
    memory._store._connection.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / "memory" / "memory.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StoreUnusable, match="locked"):
        memory.remember_sync(record("A thing."), confirm())
    other.close()

    assert memory.remember_sync(record("A thing."), confirm()).text == "A thing."


def test_a_folder_that_is_a_file_is_an_error(open_memory, tmp_path):
    (tmp_path / "memory").write_text("")

    with pytest.raises(StoreUnusable, match="memory"):
        open_memory()


@pytest.mark.parametrize(("name", "value"), [("min_score", 2), ("diversity", -0.1), ("k", 0)])
def test_a_number_out_of_range_is_refused(open_memory, name, value):
    with pytest.raises(ValueError, match=name):
        open_memory().recall_sync("thing", **{name: value})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"across": "run"}, r"across must be several, such as \['run'\]"),
        ({"across": ("team",)}, "across must be of user, agent, run, not 'team'"),
        ({"kinds": "episode"}, "kinds must be several"),
        ({"kinds": ["note"]}, "kinds must be of fact, .*, not 'note'"),
        ({"scope": "ada"}, "scope must be a Scope"),
        ({"scope": [Scope(user=f"{n}") for n in range(5_000)]}, "at most 500 scopes, not 5000.*across"),
        ({"at": datetime(2026, 1, 1)}, "needs a time zone"),
        ({"between": (datetime(2026, 1, 1), datetime(2027, 1, 1))}, "needs a time zone"),
        ({"between": (now(), now() - timedelta(days=1))}, "between must go forward"),
        ({"query": "half \ud83d of it"}, "decode it first"),
    ],
)
def test_what_a_question_cannot_mean_is_refused(open_memory, given, said):
    with pytest.raises(ValueError, match=said) as caught:
        open_memory().recall_sync(**{"query": "thing"} | given)

    assert type(caught.value) is ValueError


@pytest.mark.parametrize("index", ["exact", "chroma"])
def test_as_many_scopes_as_may_be_asked_from_are_asked_from(open_memory, index):
    memory = open_memory(index=index)
    scopes = [Scope(user=f"{n}", agent="a", run="r", key="k") for n in range(MOST_SCOPES)]
    memory.remember_all_sync([record(f"A thing of {each.user}.", each, "episode") for each in scopes])

    found = memory.recall_sync("thing", 1_000, scope=scopes * 2, trusted=False)
    listed = memory.records_sync(scope=scopes * 2)

    assert len({each.record.id for each in found}) == len(listed) == MOST_SCOPES
    assert memory.recall_sync("thing", scope=scopes, trusted=True, between=(now(), now())) == []


def test_one_text_is_not_taken_for_several(open_memory):
    memory = open_memory()

    with pytest.raises(ValueError, match=r"queries must be several, such as \['one text'\]"):
        memory.recall_all_sync("one text")
    with pytest.raises(ValueError, match="recalled must be several"):
        memory.outcome_sync("cart", True, recalled="m1")


@pytest.mark.parametrize("across", ["run", ("team",)])
def test_nothing_is_deleted_or_exported_across_a_level_that_there_is_not(open_memory, tmp_path, across):
    memory = open_memory()
    memory.remember_sync(record("A thing.", Scope(run="r1")), confirm())

    for act in (memory.forget_sync, memory.erase_sync, memory.doomed_sync):
        with pytest.raises(ValueError, match="across"):
            act(Scope.shared(), across)
    with pytest.raises(ValueError, match="across"):
        memory.export_sync(tmp_path / "export", Scope.shared(), across)

    assert len(memory.records_sync()) == 1


def test_an_id_that_cannot_be_written_is_refused(open_memory):
    with pytest.raises(ValueError, match="decode it first") as caught:
        open_memory().get_sync("m\ud800")

    assert type(caught.value) is ValueError


@pytest.mark.parametrize("moment", [datetime.max, datetime.min])
def test_a_moment_that_utc_has_not_is_refused(moment):
    offset = timezone(timedelta(hours=-5 if moment == datetime.max else 5))

    with pytest.raises(ValidationError, match="years 1 and 9999"):
        record("A thing.", happened=moment.replace(tzinfo=offset))


@pytest.mark.parametrize("text", ["👩‍👩‍👧‍👦 🐪", "日本語のメモ", "مرحبا بالعالم", "naïve café"])
@pytest.mark.parametrize("index", ["exact", "chroma"])
def test_words_of_any_script_are_found_as_words(open_memory, text, index):
    memory = open_memory(index=index)
    memory.remember_sync(record("Something else."), confirm())
    kept = memory.remember_sync(record(f"{text} here"), confirm())

    found = memory.recall_sync(text, 1)[0]

    assert found.record.id == kept.id and found.why.bm25 > 0


FIELDS = ["id", "reason", "task", "check", "confirm", "origin", "sources"]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "odd", ["a\0b", "half \ud83d of it", "long" * 3000], ids=["nul", "surrogate", "long"]
)
def test_a_name_that_no_file_could_carry_is_refused_in_every_field(field, odd):
    given = {field: (odd,) if field == "sources" else odd}

    with pytest.raises(ValueError):
        if field in ("id", "reason"):
            record("Delivery costs £3.", **given)
        else:
            Provenance(**given)


def test_a_long_address_fits_as_an_origin(open_memory):
    origin = "https://shop.example/find?" + "&".join(f"filter{number}=blue" for number in range(500))
    said = Record(kind="fact", text="Mugs cost 6.", provenance=Provenance(by="person", origin=origin))

    assert open_memory().remember_sync(said).provenance.origin == origin


def test_what_an_older_version_stored_of_any_length_is_read(open_memory, tmp_path):
    memory = open_memory()
    kept = memory.remember_sync(record("Delivery costs £3."), confirm())
    with closing(sqlite3.connect(tmp_path / "memory/memory.sqlite3")) as file, file:
        file.execute("UPDATE records SET provenance = json_set(provenance, '$.origin', ?)", ("x" * 20_000,))

    assert memory.get_sync(kept.id).provenance == kept.provenance.model_copy(update={"origin": "x" * 20_000})


def test_a_name_is_made_to_fit():
    assert kept_name("a\0b \ud83d" + "c" * 20_000) == "a?b ?" + "c" * (LONGEST_ORIGIN - 5)
    assert kept_name("ordinary — ünïcödé 🐪") == "ordinary — ünïcödé 🐪"

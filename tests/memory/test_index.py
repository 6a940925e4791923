"""The index is derived: whatever happens to it, the store builds it anew."""

import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from punchlist.memory import (
    EmbedderMismatch,
    ForgetIncomplete,
    IndexUnusable,
    Memory,
    Scope,
    finder,
    pieces_of,
)
from punchlist.memory.index import ChromaIndex
from punchlist.memory.records import Filter, now

from .doubles import BagOfWords, FakeEmbedder, confirm, record

DAY = datetime(2020, 5, 5, tzinfo=UTC)


def fill(memory, count=30):
    """Records of two owners; returns them."""
    scopes = [Scope(user="ada", key="k"), Scope(user="grace")]
    trusts = ("untrusted", "trusted", "trusted", "untrusted")
    return [
        memory.remember_sync(
            record(
                f"thing {i}",
                scopes[i % 2],
                trust=trusts[i % 4],
                happened=DAY + timedelta(days=i) if i % 3 else None,
            ),
            confirm(),
        )
        for i in range(count)
    ]


def finds_all(memory, records):
    scopes = [Scope(user="ada"), Scope(user="grace")]
    return all(memory.recall_sync(each.text, 1, scope=scopes)[0].record.id == each.id for each in records)


def test_chroma_and_the_exact_comparison_agree(open_memory):
    memory = open_memory(index="chroma")
    every = fill(memory, 60)
    store = memory._store
    chroma = memory._finder._attached()
    questions = FakeEmbedder().embed([f"question {i}" for i in range(10)])
    filters = [
        Filter.of(kinds, scope, at, across)
        for kinds in (None, ["fact"], ["skill"])
        for scope in (
            None,
            Scope(user="ada", key="k"),
            Scope(user="grace", key="x"),
            [Scope(user="ada", key="other"), Scope(user="grace")],
        )
        for across in ((), ("user",))
        for at in (None, now())
    ] + [
        Filter.of(None, Scope(user="ada"), now(), (), trusted, between)
        for trusted in (False, True)
        for between in (None, (DAY, DAY + timedelta(days=10)))
    ]

    assert isinstance(chroma, ChromaIndex) and len(every) == 60
    for admitted in filters:
        vectors = {row.id: row.vectors[0] for row in store.rows(admitted)}
        for vector in questions:
            nearest = sorted(vectors, key=lambda name: -float(vectors[name] @ vector))[:10]
            assert chroma.nearest(vector, admitted, 10) == nearest


@pytest.mark.parametrize("asked", [{"trusted": True}, {"between": (DAY, DAY + timedelta(days=1))}])
def test_one_record_that_a_question_admits_is_found_among_many_nearer_ones(open_memory, asked):
    memory = open_memory(index="chroma", embedder=BagOfWords())
    near = [record(f"alpha beta gamma {i}", kind="episode") for i in range(300)]
    memory.remember_all_sync(near)
    far = memory.remember_sync(record("zulu", kind="episode", trust="trusted", happened=DAY))

    found = memory.recall_sync("beta gamma", **asked)

    assert [each.record for each in found] == [far] and memory.used.startswith("chroma")


@pytest.mark.parametrize("index", ["exact", "chroma"])
@pytest.mark.parametrize("k", [10**6, 10**10, 10**20])
def test_who_asks_for_more_than_there_is_gets_all_of_it(open_memory, index, k):
    memory = open_memory(index=index)
    memory.remember_all_sync([record(f"thing {i}", kind="episode", trust="trusted") for i in range(250)])

    assert len(memory.recall_sync("thing 3", k)) == 250
    assert len(memory.recall_sync("thing 3", k, trusted=True)) == 250
    assert len(memory.recall_all_sync(["thing 3", "thing 4"], k)) == 250


def test_a_text_of_several_pieces_is_found_by_each_of_them(open_memory):
    memory = open_memory(index="chroma")
    fill(memory, 20)
    long = memory.remember_sync(record(" ".join(f"x{n}" for n in range(400))), confirm())
    pieces = pieces_of(FakeEmbedder(), long.text)
    (vector,) = FakeEmbedder().embed([pieces[1]])

    (exact,) = open_memory(index="exact").recall_sync("zebra", 1, vector=vector)
    (near,) = memory.recall_sync("zebra", 1, vector=vector)

    assert (near.record.id, exact.record.id) == (long.id, long.id)
    assert near.why.cosine > 0.99 and exact.why.cosine > 0.99


def test_the_choice_is_automatic_and_visible(open_memory, monkeypatch):
    memory = open_memory()
    every = fill(memory)
    assert finds_all(memory, every) and memory.health_sync().used.startswith("exact")
    assert not (memory.folder / "index").exists()

    monkeypatch.setattr(finder, "MOST_EXACT", 20)
    monkeypatch.setattr(finder, "MOST_BEHIND", 5)
    assert finds_all(memory, every) and memory.health_sync().used == "exact, 30 records in sight"
    memory.rebuild_sync()

    assert finds_all(memory, every) and memory.health_sync().used.startswith("chroma (index/)")
    assert (memory.folder / "index").exists()
    memory.recall_sync("thing", scope=Scope(user="ada"))
    assert memory.health_sync().used == "exact, 15 records in sight"


def test_a_deleted_index_is_built_anew(open_memory, tmp_path):
    memory = open_memory(index="chroma")
    every = fill(memory)
    assert finds_all(memory, every)
    memory.close()
    shutil.rmtree(tmp_path / "memory" / "index")

    assert finds_all(open_memory(index="chroma"), every)
    assert list((tmp_path / "memory" / "index").rglob("chroma.sqlite3"))


def test_an_index_deleted_under_our_feet_is_built_anew(open_memory, tmp_path):
    memory = open_memory(index="chroma")
    every = fill(memory)
    assert finds_all(memory, every)

    shutil.rmtree(tmp_path / "memory" / "index")
    late = memory.remember_sync(record("written afterwards", Scope(user="ada")), confirm())

    assert finds_all(memory, [*every, late])


def test_a_damaged_index_is_built_anew(open_memory, tmp_path):
    memory = open_memory(index="chroma")
    every = fill(memory)
    assert finds_all(memory, every)
    memory.close()
    for path in (tmp_path / "memory" / "index").rglob("*.*"):
        if path.is_file():
            path.write_bytes(b"damaged" * 1000)

    assert finds_all(open_memory(index="chroma"), every)


def test_an_index_that_lost_records_is_noticed_on_opening_and_built_anew(open_memory):
    memory = open_memory(index="chroma")
    every = fill(memory)
    assert finds_all(memory, every)
    memory._finder._chroma._collection.delete(ids=[f"{each.id}#0" for each in every[:5]])
    memory.close()

    memory = open_memory(index="chroma")

    assert finds_all(memory, every)
    assert memory._finder._chroma.rebuilt == 1


def test_an_index_larger_than_what_chroma_saves_at_once_is_found_after_reopening(open_memory):
    memory = open_memory(index="chroma")
    memory._store._connection.execute("PRAGMA synchronous = OFF")
    every = fill(memory, 1200)
    assert finds_all(memory, every[::100])
    memory.close()

    memory = open_memory(index="chroma")

    assert finds_all(memory, every[::60] + every[995:1005])
    assert memory._finder._chroma.rebuilt == 0


def test_an_index_that_is_only_behind_is_not_built_anew(open_memory):
    """Writes of another process arrive one by one: starting over costs minutes in a large memory."""
    memory = open_memory(index="chroma")
    early = fill(memory)
    assert finds_all(memory, early)
    memory.close()
    late = fill(open_memory(index="exact"), 40)[30:]

    memory = open_memory(index="chroma")

    assert finds_all(memory, early + late)
    assert memory._finder._chroma.rebuilt == 0


def test_a_store_restored_from_a_copy_gets_an_index_of_its_own(open_memory, tmp_path):
    memory = open_memory(index="chroma")
    early = fill(memory, 10)
    memory.close()
    copy = shutil.copy(tmp_path / "memory" / "memory.sqlite3", tmp_path / "copy")
    memory = open_memory(index="chroma")
    fill(memory)
    memory.recall_sync("anything")
    memory.close()
    shutil.copy(copy, tmp_path / "memory" / "memory.sqlite3")

    memory = open_memory(index="chroma")
    late = memory.remember_sync(record("written after the restoration", Scope(user="ada")), confirm())

    assert finds_all(memory, [*early, late])
    assert memory._finder._chroma.rebuilt == 1


def test_rebuild_writes_the_index_from_the_store(open_memory):
    memory = open_memory(index="chroma")
    every = fill(memory)
    memory.recall_sync("anything")
    memory._finder._chroma._collection.delete(ids=[f"{each.id}#0" for each in every[:5]])

    count = memory.rebuild_sync()

    assert count == 30
    assert memory._finder._chroma._collection.count() == 30


def test_the_second_user_of_a_folder_gets_the_exact_scan_until_the_first_leaves(open_memory):
    first, second = open_memory(index="chroma"), open_memory(index="chroma")
    every = fill(first)

    assert finds_all(first, every) and finds_all(second, every)
    assert second._finder._chroma is None
    first.close()
    assert finds_all(second, every)
    assert second._finder._chroma is not None


def test_another_embedder_is_refused_until_everything_is_embedded_again(open_memory):
    memory = open_memory(embedder=FakeEmbedder("old"))
    every = fill(memory)
    memory.close()
    memory = open_memory(embedder=FakeEmbedder("new"))

    with pytest.raises(EmbedderMismatch, match="'old', not 'new'"):
        memory.recall_sync("thing 1")
    told = []
    memory.reembed_sync(FakeEmbedder("new"), lambda done, of: told.append((done, of)))

    assert told == [(30, 30)]

    assert finds_all(memory, every)


def test_an_unknown_kind_of_index_is_refused(open_memory):
    with pytest.raises(ValueError, match="'faiss'"):
        open_memory(index="faiss")


def test_a_server_that_is_not_there_is_an_error_that_says_what_to_do(open_memory):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    memory = open_memory(index=f"http://127.0.0.1:{port}")
    memory.remember_sync(record("thing"), confirm())

    with pytest.raises(IndexUnusable, match="index='exact'"):
        memory.recall_sync("thing")


def test_a_server_that_no_vector_ever_went_to_holds_nothing_back(open_memory):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    memory = open_memory(index=f"http://127.0.0.1:{port}")
    kept, other = (memory.remember_sync(record(f"thing {n}"), confirm()) for n in range(2))
    with pytest.raises(IndexUnusable):
        memory.recall_sync("thing")

    assert memory.erase_sync(kept.id).proven
    assert open_memory().erase_sync(other.id).proven


@pytest.fixture
def server(tmp_path):
    """URL of a real Chroma server."""
    with running_server(tmp_path / "server") as (url, _):
        yield url


@contextmanager
def running_server(folder):
    """URL and process of a real Chroma server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from chromadb.cli.cli import app; app()", "run"]
    command += ["--path", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 30
    while True:
        try:
            urlopen(f"{url}/api/v2/heartbeat", timeout=1).close()
            break
        except (URLError, ConnectionError, TimeoutError):
            assert process.poll() is None and time.monotonic() < deadline
    yield url, process
    process.terminate()
    process.wait(timeout=5)


def test_a_server_that_went_away_keeps_what_was_erased_and_is_to_be_started(tmp_path):
    with (
        running_server(tmp_path / "server") as (url, process),
        Memory.open(tmp_path / "memory", embedder=FakeEmbedder(), index=url) as memory,
    ):
        every = fill(memory, 3)
        assert finds_all(memory, every)
        process.terminate()
        process.wait(timeout=5)

        with pytest.raises(ForgetIncomplete) as caught:
            memory.erase_sync(every[0].id)

        said = str(caught.value)
        assert url in said and said.endswith("Start that Chroma server and call forget() again.")
        assert "rebuild()" not in said and len(memory.records_sync()) == 2


def test_two_memories_share_a_server_and_heal_each_other(server, tmp_path):
    with (
        Memory.open(tmp_path / "memory", embedder=FakeEmbedder(), index=server) as left,
        Memory.open(tmp_path / "memory", embedder=FakeEmbedder(), index=server) as right,
    ):
        every = fill(left)
        assert finds_all(right, every) and finds_all(left, every)
        right.forget_sync(every[0].id)
        assert finds_all(left, every[1:])
        left._finder._chroma._collection.delete(ids=[f"{every[1].id}#0"])
        right.rebuild_sync()
        assert finds_all(left, every[1:])
        assert [each.name for each in left._finder._chroma._client.list_collections()] == [
            left._finder._chroma._collection.name
        ]


def test_a_question_about_nearly_everything_asks_chroma_without_a_condition(open_memory, monkeypatch):
    """And finds the same: what is closed or out of sight is left out afterwards."""
    monkeypatch.setattr(finder, "MOST_EXACT", 20)
    monkeypatch.setattr(finder, "POOL", 10)
    memory = open_memory()
    every = fill(memory, 60)
    memory.retract_sync(every[7].id, "wrong")
    other = memory.remember_sync(record("thing 3", Scope(tenant="acme")), confirm())
    asked = []
    real = ChromaIndex._query
    monkeypatch.setattr(
        ChromaIndex, "_query", lambda self, *given: asked.append(given[1]) or real(self, *given)
    )

    found = [memory.recall_sync(f"thing {n}", 1, across=("user",))[0].record for n in range(60)]

    assert [n for n in range(60) if found[n].id != every[n].id] == [7]
    assert found[7].id != other.id and Filter() in asked


def test_an_erasure_names_the_server_that_somebody_else_used(server, tmp_path):
    with (
        Memory.open(tmp_path / "memory", embedder=FakeEmbedder(), index=server) as left,
        Memory.open(tmp_path / "memory", embedder=FakeEmbedder()) as right,
    ):
        every = fill(left)
        assert finds_all(left, every)

        erased = right.erase_sync(every[0].id)

        assert erased.unseen == (server,) and not erased.proven


def test_candidates_are_ranked_by_the_words_of_their_scope_alone(open_memory):
    """Beside the exact search, which sees nothing else; whatever others have and have erased."""
    mine, theirs = Scope(tenant="a"), Scope(tenant="b")
    exact, chroma = open_memory(index="exact"), open_memory(index="chroma")
    for text in ("The xylophone is sold.", "The kettle leaks.", "A xylophone kettle."):
        exact.remember_sync(record(text, mine, kind="episode"))

    def of_both():
        found = [each.recall_sync("xylophone kettle", 3, scope=mine) for each in (exact, chroma)]
        return [[(e.record.id, round(e.score, 5), round(e.why.strength, 5)) for e in each] for each in found]

    for number in range(40):
        exact.remember_sync(record(f"Xylophone {number}", theirs, kind="episode"))
        if number in (0, 39):
            assert of_both()[0] == of_both()[1]
    exact.forget_sync(theirs)
    assert of_both()[0] == of_both()[1]


def test_words_of_many_records_are_counted_over_some_and_rare_ones_over_all(open_memory, monkeypatch):
    monkeypatch.setattr(finder, "SAMPLE", 300)
    monkeypatch.setattr(finder, "RARE", 20)
    memory = open_memory()
    texts = [f"tea {'aisle' if number % 3 else 'seat'} n{number}" for number in range(2000)]
    for scope in (Scope(user="ada"), Scope(user="bob")):
        memory.remember_all_sync([record(text, scope, kind="episode") for text in texts])
    memory.remember_sync(record("a zither", Scope(user="ada"), kind="episode"))
    memory.ledger.best_by_words('"tea"', Filter(), 1)

    counted = finder._count(
        memory.ledger, Filter.of(None, Scope(user="ada"), None), memory.ledger.state
    ).statistics

    assert counted.documents == 2001 and counted.mean_length == pytest.approx(3, rel=0.1)
    assert counted.documents_with("zither") == 1 and counted.documents_with("nowhere") == 0
    assert counted.documents_with("tea") == pytest.approx(2000, rel=0.2)
    assert counted.documents_with("seat") == pytest.approx(667, rel=0.3)


def test_a_server_is_noted_with_the_first_vectors_that_go_to_it(server, tmp_path):
    with Memory.open(tmp_path / "memory", embedder=FakeEmbedder(), index=server) as memory:
        memory._finder.refresh()
        before = memory._store.servers()
        fill(memory, 1)

        memory._finder.refresh()

        assert (before, memory._store.servers()) == ([], [server])


def test_what_was_erased_before_others_could_see_where_vectors_go_does_not_go_there(
    server, tmp_path, monkeypatch
):
    with (
        Memory.open(tmp_path / "memory", embedder=FakeEmbedder(), index=server) as left,
        Memory.open(tmp_path / "memory", embedder=FakeEmbedder()) as right,
    ):
        every = fill(left, 3)
        note, erased = left._store.note_server, []
        monkeypatch.setattr(
            left._store, "note_server", lambda url: erased.append(right.erase_sync(every[0].id)) or note(url)
        )

        left._finder.refresh()

        assert erased[0].proven
        assert left._finder._chroma._collection.get(ids=[f"{every[0].id}#0"])["ids"] == []


def test_what_a_machine_ahead_has_learned_is_found_by_candidates_too(open_memory):
    ahead = now() + timedelta(days=3)
    exact, chroma = (
        open_memory(index="exact", embedder=BagOfWords()),
        open_memory(index="chroma", embedder=BagOfWords()),
    )
    kept = exact.remember_sync(record("the chair squeaks", kind="episode", learned=ahead))
    exact.remember_all_sync([record(f"lamp {number}", kind="episode") for number in range(5)])
    (vector,) = BagOfWords().embed(["the chair squeaks"])

    for memory in (exact, chroma):
        assert memory.recall_sync("zebra", 1, vector=vector)[0].record == kept


def test_rare_words_are_counted_from_the_words_and_not_from_all_in_sight(open_memory):
    """A join that SQLite turns round looks the word up once for every record of the owner."""
    memory = open_memory()
    ada = Scope(user="ada")
    memory.remember_all_sync([record(f"kettle {n}", ada, kind="episode") for n in range(3000)])
    asked = list[str]()
    memory.ledger._connection.set_trace_callback(asked.append)

    assert memory.ledger.count_with("zither", Filter.of(None, ada, None)) == 0
    memory.remember_sync(record("a zither", ada, kind="fact"), confirm())

    memory.ledger._connection.set_trace_callback(None)
    joins = [each for each in asked if "MATCH" in each]
    assert len(joins) == 2
    for query in joins:
        plan = memory.ledger._select(f"EXPLAIN QUERY PLAN {query}", [])
        first, then = [row[3] for row in plan][:2]
        assert first.startswith("SCAN lexicon") and then.startswith(
            "SEARCH records USING INTEGER PRIMARY KEY"
        )

"""An export holds everything, an import takes all of it or nothing, and past the gate."""

import base64
import errno
import json
import stat

import numpy as np
import pytest

from punchlist.memory import (
    DuplicateRecord,
    Memory,
    NotAnExport,
    Provenance,
    Record,
    Scope,
    SecretRefused,
    UnprovenMemory,
)

from .doubles import BagOfWords, FakeEmbedder, confirm, record


@pytest.fixture
def full(open_memory):
    """A memory with a bit of everything."""
    memory = open_memory()
    old = memory.remember_sync(record("Delivery costs £3.", Scope(user="ada", key="k")), confirm())
    memory.supersede_sync(old.id, record("Delivery costs £4.", Scope(user="ada", key="k")), confirm())
    said = Record(kind="episode", text="Zażółć 🐪 ‮שלום", speaker="Ada", session="s1", scope=Scope(user="ada"))
    kept = memory.remember_sync(said)
    made = Provenance(by="job", sources=(kept.id,))
    memory.remember_sync(Record(kind="summary", text="Words.", provenance=made, scope=Scope(user="ada")))
    memory.retract_sync(kept.id, "not so")
    memory.remember_sync(record("The shop opens at nine."), confirm())
    return memory


def test_a_round_trip_is_equal(full, tmp_path):
    count = full.export_sync(tmp_path / "one.jsonl")
    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        taken = other.import_sync(tmp_path / "one.jsonl")
        other.export_sync(tmp_path / "two.jsonl")

        assert (count, taken) == (5, 5)
        assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
        assert other.records_sync() == full.records_sync()
        assert other.import_sync(tmp_path / "one.jsonl") == 0
    assert stat.S_IMODE((tmp_path / "one.jsonl").stat().st_mode) == 0o600


def test_only_what_is_hers_is_exported(full, tmp_path):
    assert full.export_sync(tmp_path / "hers.jsonl", Scope(user="ada")) == 4
    with pytest.raises(FileExistsError):
        full.export_sync(tmp_path / "hers.jsonl")


def test_with_another_embedder_it_is_embedded_anew(full, tmp_path):
    full.export_sync(tmp_path / "one.jsonl")

    with Memory.open(tmp_path / "other", embedder=FakeEmbedder("other")) as other:
        other.import_sync(tmp_path / "one.jsonl")

        assert other.recall_sync("The shop opens at nine.", 1)[0].why.cosine > 0.99
        assert other.health_sync().embedder == "other"


def altered(path, change):
    """The export with its last line changed."""
    lines = path.read_text().splitlines()
    line = json.loads(lines[-1])
    change(line)
    path.write_text("\n".join([*lines[:-1], json.dumps(line)]) + "\n")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda line: line.update(proofs=[]), UnprovenMemory),
        (lambda line: line["record"].update(text="The password is hunter2-Xylo!"), SecretRefused),
        (lambda line: line["record"].update(level="user"), NotAnExport),
        (lambda line: line.update(vectors="AAA"), NotAnExport),
        (lambda line: line.update(vectors=""), NotAnExport),
        (lambda line: line.update(vectors="/////w=="), NotAnExport),
        (lambda line: line.update(vectors=times(line["vectors"], 1.01)), NotAnExport),
        (lambda line: line.update(vectors=times(line["vectors"], 0)), NotAnExport),
        (lambda line: line.update(vectors=times(line["vectors"], np.nan)), NotAnExport),
        (lambda line: line.update(near=[["m1", 5.0]]), NotAnExport),
        (lambda line: line.update(near=[["m1", float("nan")]]), NotAnExport),
        (lambda line: line["record"].update(text="The shop opens at ten."), NotAnExport),
        (lambda line: line.pop("digest"), NotAnExport),
        (lambda line: line["record"].update(seen=10**30), NotAnExport),
        (lambda line: line["record"]["provenance"].update(attempt=10**30), NotAnExport),
    ],
    ids=[
        "no-proof",
        "secret",
        "unknown-field",
        "half-vector",
        "no-vector",
        "vector-of-another-size",
        "longer-vector",
        "zeros",
        "nan",
        "cosine-of-5",
        "cosine-of-nan",
        "other-words",
        "no-digest",
        "seen-too-often",
        "too-many-attempts",
    ],
)
def test_what_was_tampered_with_is_refused_whole(full, tmp_path, change, error):
    path = tmp_path / "one.jsonl"
    full.export_sync(path)
    altered(path, change)

    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        with pytest.raises(error):
            other.import_sync(path)

        assert other.records_sync() == []


def times(vectors, factor):
    """Vectors as they are written, multiplied."""
    numbers = np.frombuffer(base64.b64decode(vectors), np.float16) * np.float16(factor)
    return base64.b64encode(numbers.tobytes()).decode()


@pytest.mark.parametrize("dimension", [-1, 0, 96, 192, 10**30])
def test_a_dimension_that_the_vectors_do_not_have_is_refused(full, tmp_path, dimension):
    full.export_sync(tmp_path / "one.jsonl")
    head, rest = (tmp_path / "one.jsonl").read_text().split("\n", 1)
    head = json.dumps(json.loads(head) | {"dimension": dimension})
    (tmp_path / "one.jsonl").write_text(f"{head}\n{rest}")

    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        with pytest.raises(NotAnExport):
            other.import_sync(tmp_path / "one.jsonl")

        assert other.remember_sync(record("The shop has a cat."), confirm()) in other.records_sync()


class Short(FakeEmbedder):
    """Has the name of the other double, but not its vectors."""

    def embed(self, texts):
        return super().embed(texts)[:, :96]


@pytest.mark.parametrize("filled", [True, False])
def test_vectors_of_another_dimension_than_the_embedders_are_refused(full, tmp_path, filled):
    full.export_sync(tmp_path / "one.jsonl")

    with Memory.open(tmp_path / "other", embedder=Short()) as other:
        mine = [other.remember_sync(record("The shop has a cat."), confirm())] if filled else []
        with pytest.raises(NotAnExport, match="its vectors have 384 dimensions, those of 'fake' here 96"):
            other.import_sync(tmp_path / "one.jsonl")

        assert other.records_sync() == mine
        assert other.remember_sync(record("The shop has a dog."), confirm()).text


@pytest.mark.parametrize(
    ("content", "why"),
    [("", "Invalid JSON"), ("{}\n", "Field required"), ("not json\n", "Invalid JSON"), ("\xff\n", "utf-8")],
)
def test_what_is_no_export_is_refused_with_the_reason(open_memory, tmp_path, content, why):
    (tmp_path / "file").write_bytes(content.encode("latin-1"))

    with pytest.raises(NotAnExport, match=f"line 1, cannot be imported: .*{why}"):
        open_memory().import_sync(tmp_path / "file")


def test_an_export_that_was_cut_is_refused(full, tmp_path):
    path = tmp_path / "one.jsonl"
    full.export_sync(path)
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")

    with (
        Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other,
        pytest.raises(NotAnExport, match="4 of 5"),
    ):
        other.import_sync(path)


def test_what_was_corrected_elsewhere_is_closed_here_too(full, tmp_path):
    """Else both would hold where two machines exchange what they know."""
    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        old = full.remember_sync(record("The shop opens at nine."), confirm())
        gone = full.remember_sync(record("The shop has a cat."), confirm())
        full.export_sync(tmp_path / "first.jsonl")
        other.import_sync(tmp_path / "first.jsonl")
        new = full.supersede_sync(old.id, record("The shop opens at ten now."), confirm())
        full.retract_sync(gone.id, "it was a visitor")
        full.export_sync(tmp_path / "second.jsonl")

        assert other.import_sync(tmp_path / "second.jsonl") == 1

        assert other.records_sync() == full.records_sync()
        assert other.get_sync(old.id).superseded_by == new.id
        assert old.id not in [each.record.id for each in other.recall_sync("The shop opens at nine.")]
        full.import_sync(tmp_path / "first.jsonl")  # an older export opens nothing again
        assert full.get_sync(old.id).closed is not None


def test_an_id_that_says_something_else_here_is_refused(full, tmp_path):
    path = tmp_path / "one.jsonl"
    full.export_sync(path)
    ten = full.records_sync()[-1].model_copy(update={"text": "The shop opens at ten."})
    altered(path, lambda line: line["record"].update(text=ten.text))
    altered(path, lambda line: line.update(digest=ten.digest()))

    with pytest.raises(DuplicateRecord):
        full.import_sync(path)


def test_one_proof_that_fits_suffices(open_memory, tmp_path):
    """The same words were proven again by an earlier attempt of another task, and kept once."""
    memory = open_memory()
    late = record("Delivery costs £3.")
    late = late.model_copy(update={"provenance": late.provenance.model_copy(update={"attempt": 3})})
    memory.remember_sync(late, confirm(attempt=3))
    early = late.model_copy(update={"id": "m1", "provenance": Provenance(run="r2", task="t2", attempt=1)})
    memory.remember_sync(early, confirm(attempt=1))
    memory.export_sync(tmp_path / "one.jsonl")

    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        assert other.import_sync(tmp_path / "one.jsonl") == 1
        assert len(other.proofs_sync(late.id)) == 2
        altered(tmp_path / "one.jsonl", lambda line: line["proofs"].pop(0))

    with Memory.open(tmp_path / "third", embedder=FakeEmbedder()) as third, pytest.raises(UnprovenMemory):
        third.import_sync(tmp_path / "one.jsonl")


@pytest.mark.parametrize("kind", ["fact", "episode"])
def test_words_that_several_tasks_proved_are_carried_with_all_proofs(open_memory, tmp_path, kind):
    memory = open_memory()
    first = memory.remember_sync(record("Delivery costs £3.", kind=kind), confirm(run="r1", task="t1"))
    again = record("Delivery costs £3.", kind=kind)
    again = again.model_copy(update={"provenance": again.provenance.model_copy(update={"run": "r2"})})
    memory.remember_sync(again, confirm(run="r2", task="t1"))
    memory.export_sync(tmp_path / "one.jsonl")

    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        assert other.import_sync(tmp_path / "one.jsonl") == 1
        assert other.proofs_sync(first.id) == memory.proofs_sync(first.id)
        assert len(other.proofs_sync(first.id)) == 2


def test_what_only_another_task_proves_is_not_imported(open_memory, tmp_path):
    memory = open_memory()
    memory.remember_sync(record("Delivery costs £3."), confirm(run="r1", task="t1"))
    memory.export_sync(tmp_path / "one.jsonl")
    altered(tmp_path / "one.jsonl", lambda line: line["proofs"][0].update(task="t9"))

    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        with pytest.raises(UnprovenMemory, match="of task 't9'"):
            other.import_sync(tmp_path / "one.jsonl")

        assert other.records_sync() == []


def test_an_episode_that_was_proven_by_a_later_task_is_carried(open_memory, tmp_path):
    """It needed no proof when it was kept, so its proof may be of another task than its own."""
    memory = open_memory()
    said = record("The parcel came.", kind="episode")
    memory.remember_sync(said)
    later = said.model_copy(update={"id": "m1", "provenance": Provenance(run="r2", task="t2")})
    memory.remember_sync(later, confirm(run="r2", task="t2"))
    memory.export_sync(tmp_path / "one.jsonl")

    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        assert other.import_sync(tmp_path / "one.jsonl") == 1
        assert other.get_sync(said.id).standing == "confirmed"


def test_an_export_that_cannot_be_finished_leaves_no_file(full, tmp_path, monkeypatch):
    def refuse(name):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(full.ledger, "linked", refuse)
    with pytest.raises(OSError, match="No space"):
        full.export_sync(tmp_path / "one.jsonl")

    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["memory"]
    assert full.export_sync(tmp_path / "one.jsonl") == 5


def test_an_export_is_of_one_moment(open_memory, tmp_path, monkeypatch):
    """Else it would say that the vectors are of the embedder that another one went over to meanwhile."""
    memory, other = open_memory(embedder=BagOfWords()), open_memory(embedder=BagOfWords())
    kept = memory.remember_sync(record("The shop opens at nine."), confirm())
    read = memory.ledger.owned

    def read_before_the_change(*of):
        found = read(*of)
        other.reembed_sync(FakeEmbedder())
        other.remember_sync(record("The shop has a cat."), confirm())
        other.outcome_sync("cart", True, ADA)
        return found

    monkeypatch.setattr(memory.ledger, "owned", read_before_the_change)
    memory.export_sync(tmp_path / "one.jsonl")

    assert other.health_sync().embedder == "fake"
    with Memory.open(tmp_path / "other", embedder=BagOfWords()) as third:
        assert third.import_sync(tmp_path / "one.jsonl") == 1
        assert third.records_sync() == [kept] and outcomes(third) == {}
        assert third.recall_sync(kept.text)[0].why.cosine > 0.99


ADA, BEN = Scope(user="ada", key="k"), Scope(user="ben")


@pytest.fixture
def tried(full):
    """The same, with outcomes of checks of several owners."""
    for held in (True, False, True):
        full.outcome_sync("cart", held, ADA)
    full.outcome_sync("cart", False, BEN)
    full.outcome_sync("total", True)
    return full


def outcomes(memory):
    return {(each.scope, each.check): each.outcomes for each in memory.ledger.trials(None, frozenset())}


def test_the_outcomes_of_checks_go_along(tried, tmp_path):
    tried.export_sync(tmp_path / "one.jsonl")

    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        assert [other.import_sync(tmp_path / "one.jsonl") for _ in range(2)] == [5, 0]
        other.export_sync(tmp_path / "two.jsonl")

        assert outcomes(other) == outcomes(tried)
        assert outcomes(other)[ADA, "cart"] == "+-+"
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


def test_outcomes_that_are_known_here_stay(tried, tmp_path):
    tried.export_sync(tmp_path / "one.jsonl")

    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        other.outcome_sync("cart", False, ADA)
        other.import_sync(tmp_path / "one.jsonl")

        assert outcomes(other)[ADA, "cart"] == "-"
        assert outcomes(other)[Scope.shared(), "total"] == "+"


@pytest.mark.parametrize(
    ("scope", "check", "mine"),
    [(ADA, "cart", "+-+"), (BEN, "cart", "-"), (Scope.shared(), "total", "+")],
    ids=["ada", "ben", "shared"],
)
def test_of_one_scope_only_its_outcomes_are_exported(tried, tmp_path, scope, check, mine):
    tried.export_sync(tmp_path / "one.jsonl", scope)

    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        other.import_sync(tmp_path / "one.jsonl")

        assert outcomes(other) == {(scope, check): mine}


def test_outcomes_alone_are_carried_too(open_memory, tmp_path):
    memory = open_memory()
    memory.outcome_sync("cart", True, ADA)
    assert memory.export_sync(tmp_path / "one.jsonl") == 0

    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        assert other.import_sync(tmp_path / "one.jsonl") == 0
        assert outcomes(other) == outcomes(memory)


def test_an_export_of_the_first_format_is_read(full, tmp_path):
    full.export_sync(tmp_path / "one.jsonl")
    head, *lines = (tmp_path / "one.jsonl").read_text().splitlines()
    first = json.loads(head) | {"punchlist_memory": 1}
    del first["checks"]
    old = [{name: value for name, value in json.loads(line).items() if name != "digest"} for line in lines]
    (tmp_path / "old.jsonl").write_text("\n".join(map(json.dumps, [first, *old])) + "\n")

    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        assert other.import_sync(tmp_path / "old.jsonl") == 5
        assert other.records_sync() == full.records_sync()


def test_an_export_of_a_later_format_is_refused(full, tmp_path):
    full.export_sync(tmp_path / "one.jsonl")
    text = (tmp_path / "one.jsonl").read_text().replace('"punchlist_memory":2', '"punchlist_memory":3', 1)
    (tmp_path / "one.jsonl").write_text(text)

    with (
        Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other,
        pytest.raises(NotAnExport, match="its format is 3, not 2"),
    ):
        other.import_sync(tmp_path / "one.jsonl")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda line: line.update(outcomes="+-x"), NotAnExport),
        (lambda line: line.update(outcomes=""), NotAnExport),
        (lambda line: line.update(outcomes="+" * 33), NotAnExport),
        (lambda line: line.update(level="user"), NotAnExport),
        (lambda line: line.update(check="password: hunter2-Xylo!"), SecretRefused),
    ],
    ids=["no-outcome", "none", "too-many", "unknown-field", "secret"],
)
def test_a_check_that_was_tampered_with_is_refused_whole(tried, tmp_path, change, error):
    path = tmp_path / "one.jsonl"
    tried.export_sync(path)
    altered(path, change)

    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other:
        with pytest.raises(error):
            other.import_sync(path)

        assert (other.records_sync(), outcomes(other)) == ([], {})


def test_an_export_whose_checks_were_cut_is_refused(tried, tmp_path):
    path = tmp_path / "one.jsonl"
    tried.export_sync(path)
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")

    with (
        Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as other,
        pytest.raises(NotAnExport, match="2 of 3 checks"),
    ):
        other.import_sync(path)

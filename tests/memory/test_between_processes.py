"""What one process does to the file takes nothing from another; what was meant for one embedder stays so."""

import subprocess
import sys
from datetime import timedelta

import pytest

from punchlist.memory import EmbedderMismatch, Provenance, Record, Scope, UnfitCorrection
from punchlist.memory.records import now

from .doubles import BagOfWords, FakeEmbedder, confirm, record

READS = (
    "import sys; sys.path.insert(0, sys.argv[2]); from doubles import FakeEmbedder\n"
    "from punchlist.memory import Memory\n"
    "with Memory.open(sys.argv[1], embedder=FakeEmbedder()) as memory:\n"
    "    print([each.text for each in memory.records_sync()])\n"
)


def read_elsewhere(memory):
    """What another process reads, which opens the memory and closes it again."""
    folder = __file__.rpartition("/")[0]
    done = subprocess.run(
        [sys.executable, "-c", READS, str(memory.folder), folder],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.parametrize("twice", ["opened", "erased"])
def test_another_process_never_takes_itself_for_the_last(open_memory, twice):
    """Closing a second handle of a file drops this process's locks on it, unless nobody does that."""
    memory = open_memory()
    memory.remember_sync(record("first"), confirm())
    if twice == "opened":
        open_memory().close()
    else:
        memory.erase_sync(memory.remember_sync(record("to be erased"), confirm()).id)
    assert read_elsewhere(memory) == "['first']"

    memory.remember_sync(record("second"), confirm())

    assert read_elsewhere(memory) == "['first', 'second']"
    assert [each.text for each in open_memory().records_sync()] == ["first", "second"]


class Sideways(FakeEmbedder):
    """Calls something else once while it embeds."""

    def __init__(self, name="fake"):
        super().__init__(name)
        self.meanwhile = None

    def embed(self, texts):
        vectors = super().embed(texts)
        if self.meanwhile is not None:
            once, self.meanwhile = self.meanwhile, None
            once()
        return vectors


def test_vectors_of_the_old_embedder_are_not_written_after_the_change(open_memory):
    embedder = Sideways()
    memory = open_memory(embedder=embedder)
    memory.remember_sync(record("first"), confirm())
    other = open_memory()
    embedder.meanwhile = lambda: other.reembed_sync(FakeEmbedder("new"))

    with pytest.raises(EmbedderMismatch):
        memory.remember_sync(record("second"), confirm())
    with pytest.raises(EmbedderMismatch):
        memory.recall_sync("first")

    assert [each.text for each in other.records_sync()] == ["first"]


def test_a_question_during_the_change_is_refused(open_memory):
    embedder = Sideways()
    memory = open_memory(embedder=embedder)
    memory.remember_sync(record("first"), confirm())
    other = open_memory()
    embedder.meanwhile = lambda: other.reembed_sync(FakeEmbedder("new"))

    with pytest.raises(EmbedderMismatch):
        memory.recall_sync("first")


def test_what_is_written_while_all_is_embedded_anew_is_embedded_too(open_memory):
    memory = open_memory()
    memory.remember_sync(record("first"), confirm())
    other, new = open_memory(), Sideways("new")
    new.meanwhile = lambda: memory.remember_sync(record("second"), confirm())

    assert other.reembed_sync(new) == 2

    assert {each.record.text for each in other.recall_sync("second")} == {"first", "second"}
    assert other.health_sync().faults == ()


def test_an_empty_memory_can_go_over_to_another_embedder(open_memory):
    memory = open_memory()
    memory.forget_sync(memory.remember_sync(record("first"), confirm()).id)

    assert memory.reembed_sync(FakeEmbedder("new")) == 0

    assert memory.remember_sync(record("second"), confirm()).text == "second"
    assert open_memory(embedder=FakeEmbedder("new")).recall_sync("second")[0].why.cosine > 0.99


@pytest.mark.parametrize("kind", ["fact", "episode"])
def test_who_wrote_before_is_told_that_all_is_embedded_anew_before_embedding(open_memory, kind):
    embedder = Sideways("fake")
    memory = open_memory(embedder=embedder)
    memory.remember_sync(record("first", kind=kind), confirm())
    open_memory().reembed_sync(BagOfWords())
    embedder.meanwhile = lambda: pytest.fail("a text was embedded")

    for _ in range(2):
        with pytest.raises(EmbedderMismatch):
            memory.remember_sync(record("second", kind=kind), confirm())


def test_a_thread_that_writes_while_another_embeds_all_anew_mixes_nothing(open_memory):
    embedder = Sideways("fake")
    memory = open_memory(embedder=embedder)
    memory.remember_sync(record("first"), confirm())
    embedder.meanwhile = lambda: memory.reembed_sync(FakeEmbedder("new"))

    with pytest.raises(EmbedderMismatch):
        memory.remember_sync(record("second"), confirm())
    assert memory.remember_sync(record("second"), confirm()).text == "second"


def test_a_thread_that_asks_while_another_embeds_all_anew_is_told(open_memory):
    embedder = Sideways("fake")
    memory = open_memory(embedder=embedder)
    memory.remember_sync(record("first"), confirm())
    embedder.meanwhile = lambda: memory.reembed_sync(FakeEmbedder("new"))

    with pytest.raises(EmbedderMismatch):
        memory.recall_sync("first")
    assert memory.recall_sync("first")


def test_who_wrote_before_writes_on_where_all_was_forgotten_and_nothing_embedded(open_memory):
    memory = open_memory()
    memory.forget_sync(memory.remember_sync(record("first"), confirm()).id)
    open_memory().reembed_sync(FakeEmbedder())

    assert memory.remember_sync(record("second"), confirm()).text == "second"


async def test_a_person_who_says_it_again_gives_their_word_for_it(open_memory):
    memory = open_memory()
    seen = await memory.remember(record("She chose the aisle.", kind="episode"), confirm())
    text = "She takes the aisle seat."
    found = Provenance(by="job", sources=(seen.id,))
    soon = now() + timedelta(days=1)
    await memory.remember(
        Record(kind="preference", text=text, stance="implicit", provenance=found, valid_until=soon)
    )

    said = await memory.remember(
        Record(
            kind="preference",
            text=text,
            stance="explicit",
            trust="trusted",
            provenance=Provenance(by="person"),
        )
    )
    await memory.forget(seen.id)

    assert (await memory.records()) == [said]
    assert (said.stance, said.trust, said.valid_until, said.seen) == ("explicit", "trusted", None, 2)
    assert said.provenance == Provenance(by="person")


@pytest.mark.parametrize(
    "correction",
    [
        Record(kind="episode", text="Delivery was £9."),
        record("Delivery costs £4.", Scope(user="ada")),
        record("Delivery costs £4.", Scope(tenant="acme")),
    ],
    ids=["kind", "user", "tenant"],
)
async def test_a_correction_is_of_the_same_kind_and_owner(open_memory, correction):
    memory = open_memory()
    old = await memory.remember(record("Delivery costs £3."), confirm())
    proof = None if correction.kind == "episode" else confirm()

    with pytest.raises(UnfitCorrection):
        await memory.supersede(old.id, correction, proof)

    assert await memory.records() == [old]


async def test_what_is_to_be_replaced_later_can_be_retracted_now(open_memory):
    memory = open_memory()
    old = await memory.remember(record("Delivery costs £3."), confirm())
    later = record("Delivery costs £4.", valid_from=now() + timedelta(days=9))
    await memory.supersede(old.id, later, confirm())

    closed = await memory.retract(old.id, "it never did")

    assert closed.closed < now() and await memory.recall("delivery") == []


async def test_what_only_memory_says_is_not_taken_from_a_record(open_memory):
    given = record("Delivery costs £3.", seen=99, closed=now(), reason="so", superseded_by="m0", outcomes="+")

    kept = await open_memory().remember(given, confirm())

    assert (kept.seen, kept.closed, kept.reason, kept.superseded_by, kept.outcomes) == (1, None, "", None, "")

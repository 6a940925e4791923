"""Going over to another embedder, beside others who write and with embedders that fail."""

import numpy as np
import pytest

from punchlist.memory import WrongVectors
from punchlist.memory.reembedding import AGAIN

from .doubles import FakeEmbedder, record


class Growing(FakeEmbedder):
    """Has one dimension more with each call."""

    def __init__(self):
        super().__init__("growing")
        self.calls = 0

    def embed(self, texts):
        self.calls += 1
        return np.ones((len(texts), 5 + self.calls), dtype=np.float32)


def fill(memory, count, start=0):
    texts = [f"thing {number}" for number in range(start, start + count)]
    return memory.remember_all_sync([record(text, kind="episode") for text in texts])


@pytest.mark.parametrize("meanwhile", [0, 1])
def test_vectors_of_several_dimensions_are_refused_and_nothing_changes(open_memory, meanwhile):
    memory, other = open_memory(), open_memory()
    fill(memory, AGAIN + 1 if not meanwhile else AGAIN)
    growing = Growing()
    embed = growing.embed

    def embed_beside_a_writer(texts):
        if not growing.calls and meanwhile:
            fill(other, meanwhile, start=1000)
        return embed(texts)

    growing.embed = embed_beside_a_writer

    with pytest.raises(WrongVectors, match="have 7 dimensions, and had 6 before"):
        memory.reembed_sync(growing)

    assert memory.health_sync().embedder == "fake" and memory.health_sync().faults == ()
    assert memory.recall_sync("thing 3", 1)[0].record.text == "thing 3"


class BesideAWriter(FakeEmbedder):
    """While it embeds, another one writes more than it embeds, as long as that is possible at all."""

    def __init__(self, write, held):
        super().__init__("new")
        self.write, self.held, self.embedded = write, held, 0

    def embed(self, texts):
        if not self.held() and self.embedded < 50 * AGAIN:
            self.write(len(texts) + AGAIN)
        self.embedded += len(texts)
        return super().embed(texts)


def test_it_ends_beside_one_who_writes_faster_than_it_embeds(open_memory):
    memory, other = open_memory(), open_memory()
    written = [0]

    def write(count):
        fill(other, count, written[0])
        written[0] += count

    write(10)
    embedder = BesideAWriter(write, lambda: memory.ledger._connection.in_transaction)

    assert memory.reembed_sync(embedder) == written[0]

    assert embedder.embedded == written[0] < 50 * AGAIN  # each once
    embedder.write = lambda _: None
    assert memory.health_sync().faults == ()
    last = f"thing {written[0] - 1}"
    assert memory.recall_sync(last, 1)[0].why.cosine > 0.99


def test_what_is_written_by_the_way_is_told_as_done(open_memory):
    memory, other = open_memory(), open_memory()
    fill(memory, 3)
    told = []
    embedder = BesideAWriter(lambda count: None, lambda: False)
    embedder.write = lambda count: (fill(other, AGAIN + 1, 100), setattr(embedder, "write", lambda _: None))

    assert memory.reembed_sync(embedder, lambda done, of: told.append((done, of))) == AGAIN + 4

    assert told == [(3, 3), (AGAIN + 3, AGAIN + 4), (AGAIN + 4, AGAIN + 4)]

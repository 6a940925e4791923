"""What `erase` calls left is left, and what it calls gone is gone, whatever else lives on beside it."""

import pytest

from punchlist.memory import Scope
from punchlist.memory.erasing import look_for
from punchlist.memory.store import Gone

from .doubles import record

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
    memory.remember_sync(record(word, ADA, "episode"))
    store._put_words()
    before = look_for([gone], memory.folder, store)

    store._connection.execute("INSERT INTO words (rowid, terms) VALUES (99, ?)", (gone.terms,))

    assert before.left == ()
    assert [each.what for each in look_for([gone], memory.folder, store).left] == ["a word", "a word"]

"""Words of the records that are near to those of a question: only these, of any age, and what they find."""

import numpy as np
import pytest

from punchlist.memory import EmbedderCorrupt, EmbedderMissing, Scope
from punchlist.memory.minilm_files import package_folder
from punchlist.memory.near_words import MOST_ADDED, NEAREST, NearWords
from punchlist.memory.shelf import Shelf

from .doubles import BagOfWords, confirm, record
from .shelved import row


@pytest.fixture(scope="module")
def near():
    return NearWords()


def shelf_of(*texts):
    shelf = Shelf()
    shelf.put(row(f"r{place}", text) for place, text in enumerate(texts))
    return shelf


def test_words_of_the_records_that_mean_nearly_the_same(near):
    shelf = shelf_of("She plays tennis on Sundays.", "The invoice is due.", "Our physician is away.")

    assert near.of("Which sports does she play?", shelf)[0] == "tennis"
    assert near.of("Who is the doctor?", shelf) == ["physician"]
    assert near.of("doctor", shelf_of("The invoice is due.")) == []


def test_neither_the_questions_own_words_nor_their_other_forms(near):
    shelf = shelf_of("Two doctors and a doctor; the hospital.")

    assert near.of("doctor", shelf) == ["hospital"]


@pytest.mark.parametrize("text", ["", "  ", "of the", "42 + 7", "走道 座位", "🎉", "xq", "Ada"])
def test_a_question_without_a_word_that_is_known_has_none(near, text):
    shelf = Shelf()
    shelf.put([row("a", "The doctor sails 42 boats, 走道.", speaker="Ada")])

    assert near.of(text, shelf) == []


def test_words_of_later_records_are_seen_and_of_a_shelf_written_anew(near):
    shelf = shelf_of(*(f"The invoice {number} is due." for number in range(70)))
    assert near.of("doctor", shelf) == []

    shelf.put([row("late", "Our physician is away.")])
    assert near.of("doctor", shelf) == ["physician"]
    shelf.drop([f"r{number}" for number in range(70)])
    assert shelf.size < 70 and near.of("doctor", shelf) == ["physician"]
    shelf.put([row("later", "A nurse came.")])
    assert set(near.of("doctor", shelf)) == {"physician", "nurse"}


def test_a_word_adds_the_nearest_few(near):
    shelf = shelf_of("tennis football basketball hockey golf soccer baseball cricket rugby swimming")

    one, several = near.of("sports", shelf), near.of("sports music doctor city animal weather", shelf)

    assert len(one) == NEAREST and len(several) <= MOST_ADDED


def test_near_words_are_those_of_the_whole_table(near):
    """Against the slow obvious way: every word's vector from the weights, all compared."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    table = load_file(package_folder() / "model.safetensors")["embeddings.word_embeddings.weight"]
    tokenizer = Tokenizer.from_file(str(package_folder() / "tokenizer.json"))
    tokenizer.no_padding()

    def vector(word):
        mean = table[tokenizer.encode(word, add_special_tokens=False).ids].mean(axis=0)
        return mean / np.linalg.norm(mean)

    words = "tennis guitar physician hospital kettle sailboat marathon unbelievably".split()
    cosines = {word: float(vector(word) @ vector("doctor")) for word in words}
    expected = sorted((word for word in words if cosines[word] >= 0.3), key=lambda word: -cosines[word])

    assert near.of("doctor", shelf_of(" ".join(words))) == expected[:NEAREST]


def test_what_is_told_in_other_words_is_found_by_them(open_memory):
    memory = open_memory(embedder=BagOfWords())
    told = ("The kettle was repaired.", "On Sundays they meet for tennis.", "The lamp is sold.")
    ids = [memory.remember_sync(record(text), confirm()).id for text in told]

    plain = memory.recall_all_sync(["Which sports?"], 1)
    wide = memory.recall_all_sync(["Which sports?"], 1, near_words=True)

    assert plain[0].record.id != ids[1] and wide[0].record.id == ids[1]


def test_words_of_others_lend_nothing(open_memory):
    memory = open_memory(embedder=BagOfWords())
    memory.remember_sync(record("On Sundays they meet for tennis.", Scope(user="bob")), confirm())
    memory.remember_sync(record("Ada repaired the kettle.", Scope(user="ada")), confirm())
    asked = ["Which sports?"]

    plain = memory.recall_all_sync(asked, 3, scope=Scope(user="ada"))

    assert memory.recall_all_sync(asked, 3, scope=Scope(user="ada"), near_words=True) == plain
    assert memory.recall_all_sync([" "], 3, near_words=True) == []


def test_files_that_are_missing_or_others_are_an_error(tmp_path):
    with pytest.raises(EmbedderMissing):
        NearWords(tmp_path).of("doctor", shelf_of("nurse"))
    (tmp_path / "model.safetensors").write_bytes(b"other")
    with pytest.raises(EmbedderCorrupt):
        NearWords(tmp_path).of("doctor", shelf_of("nurse"))

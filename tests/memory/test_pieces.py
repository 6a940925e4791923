"""Cutting texts: nothing is lost, every piece fits, and the cut is where a reader would make it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from punchlist.memory.embedder import PLAIN_TOKENS, pieces_of
from punchlist.memory.errors import TextTooLong
from punchlist.memory.minilm_files import WINDOW, package_folder, verified_tokenizer
from punchlist.memory.wordpieces import Wordpieces, encodable, plain_pieces

LONG = {
    "1 MB of words": "mugs and carts " * 66_700,
    "1 MB without a space": "x" * 1_000_000,
    "1 MB of spaces": " " * 1_000_000,
    "emoji": "🙂🚀" * 2_000,
    "right to left": "שלום עולם, " * 800,
    "Chinese": "你好世界。" * 500,
    "Korean": "한국어" * 700,
    "Thai": "สวัสดีชาวโลก" * 300,
    "marks without end": "e\u0301" * 5_000,
    "NUL bytes": "a\0b " * 900,
    "half of a surrogate pair": "\ud800 word " * 600,
    "an address": "http://127.0.0.1/" + "q1w2" * 800,
    "punctuation": "!?-" * 1_000,
    "digits and dots": "3.14159," * 500,
}


@pytest.fixture(scope="module")
def words():
    return Wordpieces(verified_tokenizer(package_folder()), WINDOW)


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_pieces_make_the_text_and_each_can_be_read_whole(words, text):
    pieces = words.pieces(text)

    assert "".join(pieces) == text
    assert all(len(words.tokens(piece)) <= WINDOW for piece in set(pieces))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(max_size=40) | st.sampled_from(list("x.\n 你e\u0301é🙂")), max_size=40),
    st.integers(1, 30),
)
def test_no_text_loses_a_character_or_overflows(words, parts, times):
    text = "".join(part * times for part in parts)

    pieces = words.pieces(text)

    assert "".join(pieces) == text
    assert all(len(words.tokens(piece)) <= WINDOW for piece in pieces)


@given(st.text(max_size=300))
def test_what_is_taken_to_fit_without_counting_does(words, text):
    if words.pieces(text) == [text]:
        assert len(words.tokens(text)) <= WINDOW


def test_a_short_text_is_one_piece_and_so_is_an_empty_one(words):
    assert words.pieces("Two green mugs.") == ["Two green mugs."]
    assert words.pieces("") == [""]


def test_a_cut_is_where_a_sentence_ends_or_else_a_word(words):
    sentences = words.pieces("The cart holds two green mugs for Ada. " * 60)
    no_ends = words.pieces("mug cart " * 400)

    assert len(sentences) > 1 and all(piece.endswith("Ada. ") for piece in sentences)
    assert len(no_ends) > 1 and all(piece.endswith(" ") for piece in no_ends)


def test_pieces_are_about_as_few_as_they_can_be(words):
    text = "mug " * 10_000  # one token each

    assert len(words.pieces(text)) == -(-10_000 // (WINDOW - 2))


def test_a_text_over_the_window_is_refused_not_cut(words):
    words.tokens("mug " * (WINDOW - 2))

    with pytest.raises(TextTooLong, match=f"has {WINDOW + 1} tokens; the embedder reads {WINDOW}"):
        words.tokens("mug " * (WINDOW - 1))


def test_a_word_that_the_tokenizer_would_give_up_is_read_in_parts(words):
    unknown = 100

    tokens = words.tokens("mug" * 60)

    assert unknown not in tokens and len(tokens) > 20


def test_parting_long_words_leaves_other_words_as_they_are(words):
    text = "http://127.0.0.1:8000/catalogue/green-mugs?sort=price&page=2#top, Donaudampfschifffahrt, naïve."

    assert words.tokens(text) == words._tokenizer.encode(text).ids


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_pieces_for_an_unknown_tokenizer_fit_this_one_all_the_same(words, text):
    class Plain:
        name = "plain"

        def embed(self, texts):
            return np.ones((len(texts), 1), dtype=np.float32)

    pieces = pieces_of(Plain(), text)

    assert "".join(pieces) == text
    assert all(len(words._tokenizer.encode(encodable(piece)).ids) <= WINDOW for piece in set(pieces))


def test_an_embedder_that_cuts_by_itself_is_asked():
    class Halves:
        name = "halves"

        def embed(self, texts):
            return np.ones((len(texts), 1), dtype=np.float32)

        def pieces(self, text):
            return [text[:2], text[2:]]

    assert pieces_of(Halves(), "mugs") == ["mu", "gs"]
    assert plain_pieces("mugs", PLAIN_TOKENS) == ["mugs"]

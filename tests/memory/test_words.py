"""Words are compared folded and by their stems, in any script."""

import threading

import pytest

from punchlist.memory import words
from punchlist.memory.words import IRREGULAR, STOP_WORDS, stems, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("She is running", "runs"),
        ("They went camping", "to go camp"),
        ("Melanie's children", "Melanie child"),
        ("Crème brûlée", "creme brulee"),
        ("ＦＵＬＬ width", "full WIDTH"),
        ("on the 3rd", "3"),
        ("don't pay", "pay"),
        ("Straße", "STRASSE"),
        ("ёлка", "елка"),
        ("שָׁלוֹם", "שלום"),
        ("مُحَمَّد", "محمد"),
        ("cafe\u0301", "café"),
    ],
)
def test_forms_of_a_word_have_one_stem(one, other):
    assert stems(one) == stems(other) != ""


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("彼女は通路側の席が好きです", "通路側"),
        ("她喜欢靠走道的座位", "走道"),
        ("그녀는 통로 좌석을 좋아한다", "통로"),
        ("เธอชอบที่นั่งริมทางเดิน", "ทางเดิน"),
        ("उसे गलियारे की सीट पसंद है", "सीट"),
        ("The seat is 12C 通路側", "通路側"),
        ("party 🎉🎉", "🎉"),
    ],
)
def test_any_script_is_found_by_a_part(text, asked):
    assert set(stems(asked).split()) <= set(stems(text).split())
    assert stems(asked)


def test_words_keep_their_order_and_number():
    assert stems("Tea, tea and the black cat's tea") == "tea tea black cat tea"
    assert words_of("Tea & the CAT") == ["tea", "the", "cat"]


def test_a_text_of_stop_words_keeps_them():
    assert stems("The Who") == "the who"
    assert stems("to be or not to be") == stems("To be, or not to be!")


@pytest.mark.parametrize("text", ["", " ", "...", "\u200b", "\x01", "—"])
def test_a_text_without_words_has_no_stems(text):
    assert stems(text) == ""


def test_stems_need_no_quoting():
    """They are joined by spaces, and looked up as quoted terms."""
    found = stems('He said "x OR y" AND (z*) -- NEAR/2; DROP TABLE "records"')

    assert not set('"*()/;') & set(found)


def test_tables_do_not_contradict_each_other():
    assert not STOP_WORDS & IRREGULAR.keys() - {"being"}
    assert all(base not in IRREGULAR for base in IRREGULAR.values())


def test_what_is_kept_of_words_has_an_end(monkeypatch):
    monkeypatch.setattr(words, "_MOST_KEPT", 10)
    monkeypatch.setattr(words, "_kept", {})

    for number in range(100):
        assert stems(f"thing{number}s") == f"thing{number}s" or stems(f"thing{number}s") == f"thing{number}"

    assert len(words._kept) <= 10


def test_threads_stem_alike(monkeypatch):
    monkeypatch.setattr(words, "_kept", {})
    texts = [f"running{number} happily{number} nationalization{number % 9}" for number in range(300)]
    found: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: found.append([stems(text) for text in texts])) for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(found) == 4 and all(each == found[0] for each in found)

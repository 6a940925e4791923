"""A shelf after any order of puts and drops is the shelf of what is left."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from punchlist.memory.postings import SMALLEST_BLOCK, Postings
from punchlist.memory.ranking import Weights, rank
from punchlist.memory.shelf import Shelf

from .shelved import DIMENSION, question, row, unit


def some(count, first=0):
    return [
        row(f"r{n}", f"word{n % 7} thing{n} tea", unit(1, n % 5), session=f"s{n % 3}", seq=n)
        for n in range(first, first + count)
    ]


def answers(shelf, text="word3 tea thing5"):
    return [(each.id, round(each.score, 9)) for each in rank(shelf, question(text, k=50), Weights())]


def test_rows_can_come_one_by_one_or_together():
    together, single = Shelf(), Shelf()
    together.put(some(200))
    for each in some(200):
        single.put([each])

    assert answers(together) == answers(single)
    assert len(together) == len(single) == 200


def test_a_row_takes_the_place_of_the_one_with_its_id():
    shelf, fresh = Shelf(), Shelf()
    shelf.put(some(40))
    changed = replace(some(1)[0], text="thing5", terms="thing5")
    shelf.put([changed])
    fresh.put([changed, *some(39, first=1)])

    assert len(shelf) == 40
    assert answers(shelf) == answers(fresh)


def test_dropping_most_rows_leaves_the_rest_as_though_they_had_been_alone():
    shelf, fresh = Shelf(), Shelf()
    shelf.put(some(300))
    shelf.drop(f"r{n}" for n in range(300) if n % 10)
    shelf.drop(["never there"])
    fresh.put([each for each in some(300) if int(each.id[1:]) % 10 == 0])

    assert len(shelf) == 30 and shelf.size < 100
    assert answers(shelf) == answers(fresh)


def test_what_is_dropped_is_gone_from_memory_once_most_is():
    shelf = Shelf()
    shelf.put(some(200))
    shelf.drop(f"r{n}" for n in range(200))

    assert len(shelf) == 0 and shelf.size == 0 and answers(shelf) == []
    assert "thing5" not in shelf.postings


def test_rows_of_another_dimension_are_refused_and_change_nothing():
    shelf = Shelf()
    shelf.put(some(3))

    with pytest.raises(ValueError, match=str(DIMENSION)):
        shelf.put([*some(1, first=9), row("bad", "x", np.ones(3, dtype=np.float32))])
    with pytest.raises(ValueError, match="'none'"):
        shelf.put([replace(some(1)[0], id="none", vectors=np.zeros((0, DIMENSION), dtype=np.float32))])
    assert len(shelf) == 3


def test_the_piece_nearest_to_the_question_counts():
    long = row("long", "x", np.stack([unit(0, 1), unit(1), unit(0, 0, 1)]))
    shelf = Shelf()
    shelf.put([long, row("short", "y", unit(1, 1))])

    found = rank(shelf, question("z", unit(1)), Weights())

    assert found[0].id == "long" and found[0].why.cosine == pytest.approx(1.0)


def test_adding_a_row_to_many_does_not_copy_them():
    shelf = Shelf()
    shelf.put(some(20_000))
    began = time.thread_time()
    for each in some(100, first=20_000):
        shelf.put([each])
    spent = (time.thread_time() - began) / 100
    bytes_before = shelf.nbytes

    again = Shelf()
    began = time.thread_time()
    again.put(some(20_100))
    assert spent < (time.thread_time() - began) / 20  # a copy for each row would take as long as this
    assert bytes_before == pytest.approx(again.nbytes, rel=0.6)


def test_threads_may_put_and_ask_at_once():
    shelf = Shelf()
    shelf.put(some(50))
    failed = []

    def ask():
        try:
            for _ in range(60):
                assert len(rank(shelf, question("tea thing5", k=5), Weights())) == 5
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for each in some(150, first=50):
        shelf.put([each])
        shelf.drop([f"r{int(each.id[1:]) - 50}"] if int(each.id[1:]) % 2 else [])
    for thread in threads:
        thread.join(60)

    assert failed == []


def test_postings_are_the_same_however_they_were_added():
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(list("abcdefgh"), 6)) for _ in range(9_000)]
    single, many = Postings(), Postings()
    for place, text in enumerate(texts):
        single.add(place, [text])
    many.add(0, texts[:8_000])
    many.add(8_000, texts[8_000:])

    assert len(texts) * 5 > SMALLEST_BLOCK
    for word in "abcdefghz":
        expected = [
            (place, text.split().count(word)) for place, text in enumerate(texts) if word in text.split()
        ]
        for postings in (single, many):
            rows, counts = postings.of(word)
            assert list(zip(rows.tolist(), counts.tolist(), strict=True)) == expected

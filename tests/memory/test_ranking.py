"""How a question orders what a scope sees: against the slow obvious way, and by what a user would expect."""

from dataclasses import replace

import numpy as np
import pytest

from punchlist.memory.dates import DAY
from punchlist.memory.ranking import RERANKED, SIGNALS, Statistics, Weights, rank, signals_of
from punchlist.memory.shelf import Shelf

from .shelved import DIMENSION, NOW, question, row, scores, unit

WORDS = "cat dog tree river kitchen travel Ada Bob museum painting 2023 May coffee aisle seat the was".split()
ASKED = (
    "Where did Ada see the dog by the river?",
    "What painting in May 2023?",
    "coffee",
    "the",
    "Bob and Ada: tree",
)


def shelf_of(*rows):
    shelf = Shelf()
    shelf.put(rows)
    return shelf


def names(found):
    return [each.id for each in found]


def random_rows(random, count, sessions=("", "s1", "s2", "s3")):
    rows = []
    for place in range(count):
        pieces = random.standard_normal((int(random.integers(1, 4)), DIMENSION))
        text = " ".join(random.choice(WORDS, int(random.integers(1, 12)))) + (
            "?" if random.random() < 0.2 else ""
        )
        rows.append(
            row(
                f"r{place}", text, pieces / np.linalg.norm(pieces, axis=1, keepdims=True),
                kind=str(random.choice(["fact", "episode", "reflection"])),
                trust=str(random.choice(["trusted", "untrusted"])),
                speaker=str(random.choice(["", "Ada", "Bob Ray"])),
                session=str(random.choice(sessions)),
                seq=int(random.permutation(1000)[0]) * 1000 + place,
                happened=float(random.choice([np.nan, NOW - 200 * DAY, NOW - 190 * DAY, NOW])),
                learned=NOW - float(random.integers(0, 400)) * DAY,
                since=float(random.choice([-np.inf, NOW - float(random.integers(0, 400)) * DAY])),
                until=float(random.choice([np.inf, NOW - 100 * DAY])),
                closed=float(random.choice([np.inf, NOW - 20 * DAY])),
                importance=float(random.random()),
            )
        )  # fmt: skip
    return rows


@pytest.mark.parametrize("sessions", [("", "s1", "s2", "s3"), ("",)], ids=["sessions", "no session"])
@pytest.mark.parametrize("seed", range(12))
def test_scores_are_those_of_the_slow_obvious_way(seed, sessions):
    random = np.random.default_rng(seed)
    shelf, rows = Shelf(), random_rows(random, 60, sessions)
    for start in range(0, 60, 7):
        shelf.put(rows[start : start + 7])
    shelf.drop(each.id for each in rows[::9])
    rows = [each for place, each in enumerate(rows) if place % 9]
    changed = replace(rows[3], text="Ada saw a river", terms="ada see river", importance=0.9)
    rows[3] = changed
    shelf.put([changed])
    filters = (
        {}, {"at": NOW - 50 * DAY}, {"at": NOW - 50 * DAY, "closed_by": NOW - 10 * DAY},
        {"kinds": frozenset({"fact"})}, {"trusted": True},
        {"between": (NOW - 195 * DAY, NOW)},
    )  # fmt: skip
    for text, chosen in ((text, chosen) for text in ASKED for chosen in filters):
        asked = question(text, unit(*random.standard_normal(DIMENSION)), k=len(rows), **chosen)

        found = rank(shelf, asked, Weights())

        expected = scores(rows, asked, Weights())
        assert {each.id: pytest.approx(each.score, abs=1e-5) for each in found}.items() <= expected.items()
        assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
        assert len(found) >= len(expected) - 3  # repeats are left out


def test_the_parts_add_up_to_the_score():
    shelf = shelf_of(row("a", "Ada took the aisle seat", speaker="Ada"), row("b", "Bob slept"))

    found = rank(shelf, question("Which seat did Ada take?"), Weights())

    for each in found:
        assert each.score == pytest.approx(sum(each.why.parts.values()))
        assert each.why.parts.keys() <= set(SIGNALS)
    assert found[0].id == "a" and {"words", "speaker"} <= found[0].why.parts.keys()


def test_what_is_not_admitted_is_neither_found_nor_lends_anything():
    hidden = row("hidden", "aisle seat", unit(1), session="s", seq=1, trust="untrusted")
    beside = row("beside", "yes please", unit(0, 1), session="s", seq=2)
    other = row("other", "no thanks", unit(0, 1), session="t", seq=1)
    shelf = shelf_of(hidden, beside, other)

    found = rank(shelf, question("aisle seat", trusted=True), Weights())

    assert names(found) == ["beside", "other"]
    assert found[0].score == pytest.approx(found[1].score)


def test_an_answer_is_found_by_the_question_before_it():
    shelf = shelf_of(
        row("asked", "Which instrument do you play?", unit(0, 1), session="s", seq=1),
        row("answer", "The clarinet, since I was ten.", unit(0, 1), session="s", seq=2),
        row("later", "Nice weather.", unit(0, 1), session="s", seq=3),
        row("elsewhere", "Nice shoes.", unit(0, 1), session="t", seq=1),
    )

    found = rank(shelf, question("Which instrument?"), Weights())

    assert names(found)[:2] == ["asked", "answer"]
    assert found[-1].id == "elsewhere"


def test_neighbours_count_by_order_of_writing_not_of_arrival():
    rows = [row(name, name, unit(0, 1), session="s", seq=seq) for seq, name in enumerate("abcdef")]
    shelf, straight = Shelf(), Shelf()
    for each in reversed(rows):
        shelf.put([each])
    straight.put(rows)

    asked = question("c", k=6)

    assert rank(shelf, asked, Weights()) == rank(straight, asked, Weights())


def test_a_date_lifts_what_happened_then_and_leaves_out_nothing():
    may, june = 1_684_000_000.0, 1_686_500_000.0  # 13 May and 11 June 2023
    shelf = shelf_of(
        row("june", "we went to the museum", happened=june),
        row("may", "we went to the museum too", happened=may),
        row("whenever", "we went to the museum as well"),
    )

    found = rank(shelf, question("What museum did they see in May 2023?"), Weights())

    assert names(found)[0] == "may" and len(found) == 3
    assert found[0].why.parts["date"] > 0.4


def test_nothing_fitting_gives_an_empty_answer():
    shelf = shelf_of(row("a", "Ada takes the aisle seat", unit(1)), row("b", "Bob likes tea", unit(0, 1)))
    far = unit(0, 0, 1)

    assert rank(shelf, question("quarterly revenue of Norway", far, min_score=0.3), Weights()) == []
    assert names(rank(shelf, question("aisle seat", unit(1), min_score=0.3), Weights())) == ["a"]
    assert len(rank(shelf, question("quarterly revenue of Norway", far), Weights())) == 2


def test_how_strong_an_answer_is_does_not_depend_on_the_others():
    good, poor = row("good", "aisle seat", unit(1)), row("poor", "window", unit(0.3, 1))
    asked = question("aisle seat", unit(1))

    alone, beside = rank(shelf_of(poor), asked, Weights()), rank(shelf_of(poor, good), asked, Weights())

    assert alone[0].why.strength == pytest.approx(beside[1].why.strength, abs=0.01)
    assert beside[0].why.strength > 0.9


def test_closed_records_are_masked_at_the_moment_asked_about():
    old = row("old", "Ada lives in Bern", since=NOW - 100 * DAY, until=NOW - 50 * DAY)
    new = row("new", "Ada lives in Oslo", since=NOW - 50 * DAY)
    shelf = shelf_of(old, new)

    assert names(rank(shelf, question("Where does Ada live?", at=NOW), Weights())) == ["new"]
    assert names(rank(shelf, question("Where does Ada live?", at=NOW - 60 * DAY), Weights())) == ["old"]
    assert len(rank(shelf, question("Where does Ada live?", at=None), Weights())) == 2


REPEATED = [
    ("Ada takes the aisle seat.", "Ada takes the aisle seat!", True),
    ("Ada takes the aisle seat.", "Ada takes no aisle seat.", False),
    ("Pay 20 on delivery.", "Pay 30 on delivery.", False),
    ("The bill goes to Bob.", "The bill goes to Eve.", False),
    ("She likes green tea.", "She likes black tea.", False),
    ("You can pay by card.", "You cannot pay by card.", False),
    ("Turn the heating on when Ada leaves.", "Turn the heating off when Ada leaves.", False),
    ("Take the pills before every meal.", "Take the pills after every meal.", False),
    ("The red team beat the blue team.", "The blue team beat the red team.", False),
    ("The train runs from Rome to Milan.", "The train runs from Milan to Rome.", False),
    ("She prefers tea over coffee.", "She prefers coffee over tea.", False),
    ("The red team won.", "The red team won?", False),
    ("It is 5 degrees.", "It is -5 degrees.", False),
    ("Er ist schon da.", "Er ist schön da.", False),
    ("Delivery costs €5.", "Delivery costs £5.", False),
    ("Delivery costs 1.5 euros.", "Delivery costs 15 euros.", False),
    ("Meet her in the Café (at noon)", "meet her in the “Café”, at noon!", True),
]


@pytest.mark.parametrize(("one", "other", "repeats"), REPEATED)
def test_only_what_says_the_same_is_left_out(one, other, repeats):
    shelf = shelf_of(row("one", one), row("other", other), row("third", "Something else", unit(0, 1)))

    found = rank(shelf, question(one, k=3), Weights())

    assert len(found) == (2 if repeats else 3)


def test_the_same_words_of_another_day_or_speaker_are_kept():
    shelf = shelf_of(
        row("one", "We went camping", speaker="Ada", happened=NOW),
        row("day", "We went camping", speaker="Ada", happened=NOW - 9 * DAY),
        row("who", "We went camping", speaker="Bob", happened=NOW),
    )

    assert len(rank(shelf, question("camping"), Weights())) == 3


def test_repeats_make_room_for_the_next_best():
    copies = [row(f"copy{number}", "Ada takes the aisle seat") for number in range(8)]
    shelf = shelf_of(*copies, row("other", "Ada takes tea", unit(0.5, 1)))

    assert names(rank(shelf, question("Ada aisle seat", k=2), Weights())) == ["copy0", "other"]


def test_of_a_great_many_repeats_are_left_out_as_of_few():
    rows = [
        row(f"r{n:03}", f"seat number {n % 300}", unit(1, n % 300, 7), importance=1 - n / 1000)
        for n in range(600)
    ]
    shelf = shelf_of(*rows)

    found = names(rank(shelf, question("seat", k=600), Weights()))

    assert len(found) == 300
    assert found[:20] == names(rank(shelf, question("seat", k=20), Weights()))


def test_a_fact_about_somebody_counts_like_their_own_words():
    shelf = shelf_of(
        row("said", "trains are fine", speaker="Ada"),
        row("told", "Ada takes trains", kind="fact"),
        row("other", "Bob takes trains", kind="fact"),
    )

    found = {each.id: each.why.parts for each in rank(shelf, question("What does Ada take?"), Weights())}

    assert found["told"]["speaker"] == found["said"]["speaker"] == Weights().speaker
    assert "speaker" not in found["other"]


def test_diversity_prefers_what_is_unlike_the_better_ones():
    shelf = shelf_of(
        row("best", "aisle seat on trains", unit(1, 0)),
        row("like", "aisle seat on planes", unit(1, 0.1)),
        row("unlike", "seat by the aisle", unit(0.4, 1)),
    )
    asked = question("aisle seat", k=2)

    assert names(rank(shelf, asked, Weights()))[1] == "like"
    assert names(rank(shelf, replace(asked, diversity=0.7), Weights()))[1] == "unlike"


def test_a_reranker_sees_the_best_and_orders_them_anew():
    rows = [row(f"r{number}", f"seat number {number}", unit(1, number / 100)) for number in range(80)]
    seen = []

    def longest_last(text, texts):
        seen.append((text, list(texts)))
        return [
            float(len(texts) - place) if "number 7" not in each else 999.0 for place, each in enumerate(texts)
        ]

    found = rank(shelf_of(*rows), question("seat number 3"), Weights(), reranker=longest_last)

    assert len(seen) == 1 and len(seen[0][1]) == RERANKED
    assert "number 7" in seen[0][1][int(found[0].id[1:]) - 7] or found[0].id.startswith("r7")
    assert found[0].why.parts["reranker"] == Weights().reranker
    assert found[0].score == pytest.approx(sum(found[0].why.parts.values()))


def test_a_reranker_that_gives_no_number_for_each_text_is_refused():
    shelf = shelf_of(row("a", "seat"), row("b", "aisle"))

    with pytest.raises(ValueError, match="reranker"):
        rank(shelf, question("seat"), Weights(), reranker=lambda text, texts: [1.0])


def test_a_shelf_of_candidates_counts_words_as_the_whole_scope_does():
    whole = [row(f"r{number}", "tea" if number % 2 else "tea aisle", unit(0, 1)) for number in range(40)]
    some = shelf_of(*whole[:4])
    known = Statistics(40, shelf_of(*whole).mean_length, {"tea": 40, "aisle": 20}.get)

    of_all = {each.id: each for each in rank(shelf_of(*whole), question("tea aisle", k=40), Weights())}
    of_some = rank(some, question("tea aisle", k=4), Weights(), known)

    for each in of_some:
        assert each.why.bm25 == pytest.approx(of_all[each.id].why.bm25)


@pytest.mark.parametrize("text", ["", "   ", "?!", "the of and", "\u202eשלום", "🎉", "x" * 100_000])
def test_any_text_can_be_asked(text):
    shelf = shelf_of(row("a", "Ada"), row("b", "Bob", session="s"))

    assert len(rank(shelf, question(text), Weights())) == 2


def test_a_vector_that_cannot_be_compared_is_refused():
    shelf = shelf_of(row("a", "Ada"))

    with pytest.raises(ValueError, match="shape"):
        rank(shelf, question("Ada", np.ones(3, dtype=np.float32)), Weights())
    with pytest.raises(ValueError, match="finite"):
        rank(shelf, question("Ada", np.full(DIMENSION, np.nan, dtype=np.float32)), Weights())


def test_an_empty_shelf_answers_nothing():
    assert rank(Shelf(), question("Ada"), Weights()) == []
    assert rank(shelf_of(row("a", "Ada")), question("Ada", kinds=frozenset({"skill"})), Weights()) == []
    assert rank(shelf_of(row("a", "Ada")), question("Ada", k=0), Weights()) == []


def test_signals_are_what_the_parts_are_made_of():
    shelf = shelf_of(row("a", "Ada took a seat", speaker="Ada"), row("b", "Bob slept", unit(0, 1)))
    asked = question("Where did Ada sit?")

    signals = signals_of(shelf, asked, Weights().fields)

    for each in rank(shelf, asked, Weights()):
        parts = [
            getattr(Weights(), name) * value for name, value in zip(SIGNALS, signals[each.id], strict=True)
        ]
        assert sum(parts) == pytest.approx(each.score)

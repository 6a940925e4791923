"""Questions that take several searches: which, and how their answers are united."""

import pytest

from punchlist.memory.hops import MOST_SEARCHES, SAME_SESSION, depth, searches, unite
from punchlist.memory.ranking import Ranked
from punchlist.memory.records import Why

from .doubles import record


def ranked(name, score, session="", **parts):
    return Ranked(name, score, Why(0.5, 1.0, parts or {"words": score}, 0.4), session)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("how does it work", ["how does it work"]),
        (
            "What sports do Tim and John play?",
            [
                "What sports do Tim and John play?",
                "Tim: I sports play",
                "John: I sports play",
            ],
        ),
        (
            "where is the key, and when was it lost?",
            ["where is the key, and when was it lost?", "where is the key", "when was it lost?"],
        ),
        ("What did she paint in May 2023?", ["What did she paint in May 2023?"]),
        (
            'Who wrote "Of Mice and Men" with him?',
            ['Who wrote "Of Mice and Men" with him?'],
        ),
        (
            "Which city did Ada Lovelace visit?",
            [
                "Which city did Ada Lovelace visit?",
                "Ada Lovelace: I city visit",
            ],
        ),
    ],
)
def test_a_question_is_split_at_its_clauses_and_names(question, expected):
    assert searches(question) == expected


@pytest.mark.parametrize(
    "text", ["", "  ", "?", "Ada", "ADA BOB EVE", "x" * 100_000, "🎉 שלום; 走道?", "to Ada " * 99_999]
)
def test_any_text_is_searched_for_as_it_stands(text):
    found = searches(text)

    assert found[0] == text.strip()
    assert len(found) == len(set(found)) <= MOST_SEARCHES


def test_a_record_that_several_searches_find_comes_before_one_that_one_finds():
    united = unite([[ranked("a", 0.9), ranked("b", 0.8)], [ranked("c", 0.85), ranked("b", 0.8)]], 3)

    assert [each.id for each in united] == ["b", "a", "c"]
    assert [each.score for each in united] == pytest.approx([0.8, 0.45, 0.425])


def test_the_parts_of_a_united_score_add_up_to_it():
    first = [ranked("a", 1.0, "s", words=0.7, dense=0.3), ranked("b", 0.9, "s", words=0.9)]
    second = [ranked("a", 0.5, "s", dense=0.5)]

    united = unite([first, second], 2)

    assert dict(united[0].why.parts) == pytest.approx({"words": 0.35, "dense": 0.4})
    assert dict(united[1].why.parts) == pytest.approx({"words": 0.45, "same_session": -SAME_SESSION})
    for each in united:
        assert each.score == pytest.approx(sum(each.why.parts.values()))


def test_nearly_as_good_an_answer_of_another_session_comes_first():
    found = [ranked("a", 0.90, "s"), ranked("b", 0.89, "s"), ranked("c", 0.88, "t")]

    assert [each.id for each in unite([found, found], 3)] == ["a", "c", "b"]


def test_records_without_session_do_not_hold_each_other_back():
    found = [ranked("a", 0.90), ranked("b", 0.89), ranked("c", 0.88, "t")]

    assert [each.id for each in unite([found, found], 3)] == ["a", "b", "c"]


def test_one_search_stays_as_it_was():
    found = [ranked("a", 0.9, "s"), ranked("b", 0.8, "s")]

    assert unite([found], 1) == found[:1]
    assert unite([[], []], 5) == []
    assert depth(1) >= 40 and depth(20) == 80


def test_uniting_a_great_many_takes_the_best_each_time():
    """Against the slow way: look at all that are left before each choice."""
    found = [ranked(f"r{n}", 1 - n * 0.003, f"s{n % 7 * n % 5}") for n in range(300)]
    left, taken, expected = list(found), {}, []
    while left:
        best = max(left, key=lambda each: each.score - SAME_SESSION * taken.get(each.session, 0))
        left.remove(best)
        taken[best.session] = taken.get(best.session, 0) + 1
        expected.append(best.id)

    assert [each.id for each in unite([found, found], 300)] == expected


async def test_several_searches_share_one_budget(open_memory):
    memory = open_memory()
    for text in ("Tim plays chess.", "John rides a bicycle.", "Nobody swims.", "It rains in Bern."):
        await memory.remember(record(text, kind="episode"))

    found = await memory.recall_all(["Tim plays", "John rides"], k=2)

    assert {each.record.text for each in found} == {"Tim plays chess.", "John rides a bicycle."}

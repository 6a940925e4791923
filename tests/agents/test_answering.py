"""Answers out of recalled notes: in their words, the later one before the earlier, or none."""

from collections import Counter
from datetime import UTC, date, datetime
from random import Random
from types import SimpleNamespace

import pytest

from punchlist.agents.answering import (
    FromMemory,
    Note,
    Recollection,
    UnreadableAnswer,
    ask_recall,
    in_order,
    read_recall,
)
from punchlist.agents.reasoning import think
from punchlist.agents.testing import ScriptedModel, sample
from punchlist.agents.training.note_documents import draw_notes, recall, told_apart
from punchlist.agents.training.tool_documents import OPEN
from punchlist.core_model.grammar import Grammar
from punchlist.memory import Provenance, Record, Scope

OLD = Note("Red Mugs cost 4", date(2026, 5, 30))
NEW = Note("Red Mugs cost 6 now", date(2027, 1, 2))
PLAIN = Note("Ada likes red")
NOTES = [NEW, OLD, PLAIN]


def accepts(answer, notes=NOTES):
    return Grammar.lark(ask_recall(notes, "What do red mugs cost?").grammar).accepts(answer)


def test_the_latest_note_stands_right_before_the_question():
    assert ask_recall(NOTES, "What do Red Mugs cost?").text.splitlines() == [
        "note ada likes red",
        "note 30 may 2026 : red mugs cost 4",
        "note 2 jan 2027 : red mugs cost 6 now",
        "ask : what do red mugs cost ?",
        "answer:",
    ]


def test_an_answer_is_words_of_one_note_or_that_none_says_it():
    assert accepts("says 6 now") and accepts("unknown")
    assert not accepts("says 5") and not accepts("says 4 red") and not accepts("6")
    assert accepts("unknown", []) and not accepts("says red", [])


def test_an_answer_is_read_in_the_words_of_the_latest_note_that_has_them():
    assert read_recall("says red mugs", NOTES) == Recollection("Red Mugs", NEW)
    assert read_recall("says 4", NOTES) == Recollection("4", OLD)
    assert read_recall("unknown", NOTES) == Recollection()


@pytest.mark.parametrize("answer", ["", "says", "says 5", "6 now"])
def test_words_that_no_note_has_are_refused(answer):
    with pytest.raises(UnreadableAnswer, match="neither 'unknown'"):
        read_recall(answer, NOTES)


def test_whatever_the_grammar_allows_can_be_read():
    grammar = Grammar.lark(ask_recall(NOTES, "What do red mugs cost?").grammar)

    for seed in range(30):
        found = read_recall(sample(grammar, Random(seed), 100), NOTES)
        assert found.note is None or found.text in found.note.text


def remembering(*rows):
    """A memory of these texts, each with the day it was learned on; counts how often it is asked."""
    source = Provenance(run="r", task="t", attempt=1)
    records = [
        Record(
            kind="fact",
            text=text,
            scope=Scope.shared(),
            provenance=source,
            learned=datetime(*day, tzinfo=UTC),
        )
        for text, day in rows
    ]
    memory = SimpleNamespace(asked=0)

    async def recall(query, k, scope):
        memory.asked += 1
        return [SimpleNamespace(record=record, score=1.0) for record in records][:k]

    memory.recall = recall
    return memory


async def test_memory_is_recalled_and_the_record_that_was_learned_later_holds():
    memory = remembering(("Red Mugs cost 6", (2027, 1, 2)), ("Red Mugs cost 4", (2026, 5, 30)))
    model = ScriptedModel(lambda question: "says 6" if question.splitlines()[-3].endswith("6") else "unknown")

    result = await think("What do red mugs cost?", model, FromMemory(memory))

    assert result.answer == "6"


async def test_what_memory_does_not_say_is_unknown():
    model = ScriptedModel(lambda question: "unknown")

    result = await think("Who is Ada?", model, FromMemory(remembering()))

    assert result.answer == "unknown"


async def test_words_that_memory_does_not_have_are_no_answer():
    model = ScriptedModel(lambda question: "says 7")

    result = await think(
        "What do red mugs cost?", model, FromMemory(remembering(("Red mugs cost 6", (2027, 1, 2))))
    )

    assert result.answer is None


async def test_a_resumed_thought_reads_the_notes_that_were_recalled_before(tmp_path):
    memory = remembering(("Red mugs cost 6", (2027, 1, 2)))
    model = ScriptedModel(lambda question: "says 6")

    for _ in range(2):
        result = await think("What do red mugs cost?", model, FromMemory(memory), journal=tmp_path / "j.db")

    assert (result.answer, memory.asked) == ("6", 1)


# --- documents ------------------------------------------------------------------------------------------


def test_what_notes_tell_in_the_end_is_found_in_the_last_note_that_tells_it():
    for seed in range(200):
        notes, known, _ = draw_notes(Random(seed), OPEN)
        assert 1 < len(notes) < 9 and notes == in_order(notes)
        for fact, value in known.items():
            about = [note for note in notes if fact.who in note.text]
            assert about and (not value or any(value in note.text for note in about))


def test_most_questions_have_an_answer_and_many_have_none():
    answers = Counter(
        text.split()[0] for seed in range(200) for text, weight in recall(Random(seed)) if weight
    )

    assert {*answers} == {"says", "unknown"}
    assert 0.2 < answers["unknown"] / answers.total() < 0.45


def test_right_answers_are_legal():
    for seed in range(100):
        notes, known, _ = draw_notes(Random(seed), OPEN)
        for fact, value in known.items():
            question = ask_recall(notes, fact.fill(fact.relation.asked[0]))
            assert not value or Grammar.lark(question.grammar).accepts(f"says {value}")


def test_names_are_told_apart_unless_one_is_part_of_the_other():
    assert told_apart("ada", "ada") and told_apart("ada reed", "ada moser")
    assert not told_apart("ada", "ada reed") and not told_apart("ada reed", "reed")

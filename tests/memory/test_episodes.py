"""Lessons of failed attempts: the newest by task; beyond the process only those that a confirm proves."""

from __future__ import annotations

import pytest

from punchlist.memory import Consolidation, EpisodicMemory, Lesson, Provenance, Scope, UnprovenMemory

from .doubles import BagOfWords, confirm

WHERE = Provenance(run="r1", task="t1", attempt=1, check="cart")


def lessons(*changes: str) -> list[Lesson]:
    return [Lesson(change=change) for change in changes]


async def test_the_newest_lessons_of_a_task_are_recalled_and_no_other_tasks():
    memory = EpisodicMemory(2)
    for lesson in lessons("one", "two", "three", "two"):
        memory.add("task", lesson)
    memory.add("other", Lesson(change="elsewhere"))

    assert await memory.recall("task") == tuple(lessons("three", "two"))
    assert memory.lessons("task") == tuple(lessons("one", "three", "two"))


@pytest.mark.parametrize("most", [0, 1, 3, 9])
def test_no_more_are_given_than_was_said(most):
    told = lessons("a", "b", "c", "d")

    assert EpisodicMemory(most).last(told) == tuple(told[max(0, 4 - most) :])


async def test_what_a_confirm_proves_is_there_in_another_process(open_memory):
    kept = open_memory()
    first = EpisodicMemory(memory=kept)
    first.add("task", Lesson(error="lost", change="set it: again", evidence="cart | 1"))

    await first.keep("task", confirm(), WHERE)

    later = EpisodicMemory(memory=kept)
    assert await later.recall("task") == first.lessons("task")
    assert await later.recall("another task") == ()


async def test_what_nothing_proves_ends_with_the_process(open_memory):
    kept = open_memory()
    first = EpisodicMemory(memory=kept)
    first.add("task", Lesson(change="again"))

    with pytest.raises(UnprovenMemory):
        await first.keep("task", confirm("fail"), WHERE)

    assert await EpisodicMemory(memory=kept).recall("task") == ()


async def test_lessons_of_one_agent_are_not_anothers(open_memory):
    kept = open_memory()
    mine = EpisodicMemory(memory=kept, scope=Scope(agent="ann"))
    mine.add("task", Lesson(change="again"))
    await mine.keep("task", confirm(), WHERE)

    assert await EpisodicMemory(memory=kept, scope=Scope(agent="bob")).recall("task") == ()
    assert await EpisodicMemory(memory=kept, scope=Scope(agent="ann")).recall("task") == mine.lessons("task")


def test_a_scope_that_is_about_something_already_is_refused():
    with pytest.raises(ValueError, match="leave it empty"):
        EpisodicMemory(scope=Scope.shared("a site"))


async def kept_lessons(memory, *changes: str) -> EpisodicMemory:
    first = EpisodicMemory(9, memory=memory)
    for change in changes:
        first.add("task", Lesson(change=change))
    await first.keep("task", confirm(), WHERE)
    return EpisodicMemory(9, memory=memory)


async def test_what_came_of_recalled_lessons_is_told_once(open_memory):
    memory = open_memory()
    lessons = await kept_lessons(memory, "again", "otherwise")
    await lessons.recall("task")

    await lessons.tell("task", True)
    await lessons.tell("task", False)

    assert [each.outcomes for each in await memory.records()] == ["+", "+"]


async def test_what_came_of_a_task_without_lessons_is_what_they_are_measured_by(open_memory):
    memory = open_memory()
    early = EpisodicMemory(memory=memory)
    for _ in range(3):
        await early.recall("task")
        await early.tell("task", False)
    await kept_lessons(memory, "again")

    [lesson] = await memory.records()
    assert memory.ledger.outcomes_without(lesson) == "---" and lesson.outcomes == ""


async def test_a_retired_lesson_is_recalled_no_more(open_memory):
    memory = open_memory()
    lessons = await kept_lessons(memory, "again")
    for _ in range(8):
        await lessons.recall("task")
        await lessons.tell("task", False)

    await Consolidation(memory).run(("retire",))

    assert await lessons.recall("task") == ()


async def test_a_drawn_lesson_stands_for_those_it_was_drawn_from(open_memory):
    memory = open_memory(embedder=BagOfWords())
    lessons = await kept_lessons(
        memory, "press the update button of the cart", "press the update button of that cart", "wait"
    )

    await Consolidation(memory).run(("lessons",))

    told = [each.change for each in await lessons.recall("task")]
    assert told == ["wait", "press the update button of the cart"]

"""A summary takes no place of what it sums up."""

import pytest

from punchlist.memory import Provenance, Record, Scope

from .doubles import BagOfWords

PLACES = ("Leeds", "York", "Bath", "Hull", "Derby", "Ely", "Wells", "Truro")


@pytest.fixture
def memory(open_memory):
    return open_memory(embedder=BagOfWords())


def said(memory, text, **fields):
    return memory.remember_sync(Record(kind="episode", text=text, **fields))


def summed(memory, sources, text, job="summary/session", **fields):
    way = Provenance(by="job", job=job, sources=tuple(each.id for each in sources))
    return memory.remember_sync(Record(kind="summary", text=text, provenance=way, **fields))


def trips(memory):
    return [said(memory, f"Ada took the train to {place} with Ben") for place in PLACES]


def ids(found):
    return [each.record.id for each in found]


def test_a_summary_makes_room_for_its_sources(memory):
    episodes = trips(memory)
    summary = summed(memory, episodes, "Ada took the train to Leeds, York and Bath")

    found = memory.recall_sync("Ada took the train to Leeds", 3)

    assert len(found) == 3 and summary.id not in ids(found) and ids(found)[0] == episodes[0].id
    assert ids(memory.recall_sync("Ada took the train to Leeds", 3, kinds=["summary"])) == [summary.id]
    assert summary.id in ids(
        memory.recall_sync("Ada took the train to Leeds", 3, kinds=["summary", "episode"])
    )


def test_answers_without_summaries_are_those_without_the_rule(memory):
    """The rest keep their order."""
    summed(memory, trips(memory), "Ada took the train to Leeds, York and Bath")
    every = memory.recall_sync("the train to Leeds", 20, kinds=["summary", "episode"])

    found = memory.recall_sync("the train to Leeds", 3)

    assert ids(found) == ids([each for each in every if each.record.kind == "episode"])[:3]


def test_a_summary_whose_sources_answer_worse_stands(memory):
    quiet = [said(memory, f"Something else, number {number}") for number in range(3)]
    trips(memory)
    summary = summed(memory, quiet, "Ada took the train to Leeds and came back")

    assert summary.id in ids(memory.recall_sync("Ada took the train to Leeds", 2))


def test_a_summary_of_summaries_makes_room_for_what_they_sum_up(memory):
    episodes = trips(memory)
    low = summed(memory, episodes, "Ada took the train to Leeds, York and Bath")
    top = summed(memory, [low, summed(memory, episodes[:2], "Trains")], "the train to Leeds", "summary/week")

    found = ids(memory.recall_sync("Ada took the train to Leeds", 3))

    assert not {low.id, top.id} & set(found) and len(found) == 3


def test_where_places_are_left_a_summary_keeps_its_own(memory):
    episodes = trips(memory)[:2]
    summary = summed(memory, episodes, "Ada took the train to Leeds and York")

    found = memory.recall_sync("Ada took the train to Leeds", 20)

    assert summary.id in ids(found) and len(found) == len(PLACES) + 1
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_a_source_that_may_not_be_seen_keeps_no_summary_out(memory):
    hers = Scope(user="ada", run="r1")
    source = said(memory, "Ada took the train to Leeds", scope=Scope(user="ada"))
    summary = summed(memory, [source], "the train to Leeds", scope=hers)
    trips(memory)
    memory.retract_sync(source.id, "it was a bus")

    assert summary.id in ids(memory.recall_sync("the train to Leeds", 1, scope=hers))


def test_several_searches_make_room_too(memory):
    episodes = trips(memory)
    summary = summed(memory, episodes, "Ada took the train to Leeds, York and Bath")

    found = ids(memory.recall_all_sync(["Ada took the train to Leeds", "the train to York"], 3))

    assert summary.id not in found and len(found) == 3


def test_a_summary_that_made_room_was_not_told(memory):
    """Words that no answer held are no echo when they come."""
    summed(memory, trips(memory), "By rail she saw Leeds and York")
    told = memory.recall_sync("By rail she saw Leeds", 1)

    assert told[0].record.kind == "episode"
    kept = said(memory, "By rail she saw Leeds and York, as planned.")

    assert kept.kind == "episode"

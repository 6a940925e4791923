"""Idle jobs: what they derive, that they do it once, that it can be undone, and that nothing is mixed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from punchlist.memory import Consolidation, Memory, Provenance, Record, Scope, UnknownRecord
from punchlist.memory.extracts import sentences_of

from .doubles import BagOfWords

ADA, BEN = Scope(user="ada"), Scope(user="ben")
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = datetime(2031, 1, 1, tzinfo=UTC)
CONSOLIDATOR = Path(__file__).with_name("consolidator.py")


@pytest.fixture
def memory(open_memory) -> Memory:
    return open_memory(embedder=BagOfWords())


def run(memory: Memory, *jobs: str, engine=None, **limits):
    return Consolidation(memory, engine).run_sync(jobs or None, at=LATER, **limits)


def tell(memory: Memory, session: str, count: int = 4, scope: Scope = ADA, day: int = 0, **fields):
    """A session of `count` episodes, a minute apart."""
    return memory.remember_all_sync(
        [
            Record(
                kind="episode",
                text=f"In {session} the baker sold {number + 3} loaves of rye bread. It rained.",
                scope=scope,
                session=session,
                happened=MONDAY + timedelta(days=day, minutes=number),
                **fields,
            )
            for number in range(count)
        ]
    )


class Engine:
    """Says what it was told to, and remembers what it was asked."""

    name = "double"

    def __init__(self, *said: str) -> None:
        self.said, self.asked = list(said), []

    def __call__(self, texts: Sequence[str]) -> str:
        self.asked.append(list(texts))
        return self.said.pop(0)


# --- summaries ------------------------------------------------------------------------------


def test_a_session_that_is_over_is_summed_up_in_its_own_words(memory):
    told = tell(memory, "market")

    run(memory, "summaries")

    [summary] = memory.records_sync(kinds=("summary",))
    own = {sentence for each in told for sentence in sentences_of(each.text)}
    assert set(summary.text.splitlines()) < own
    assert summary.provenance.sources == tuple(each.id for each in told)
    assert (summary.provenance.by, summary.provenance.origin) == ("job", "extractive")
    assert (summary.scope, summary.happened) == (ADA, MONDAY)


def test_a_session_that_goes_on_is_left_alone(memory):
    tell(memory, "market")

    done = Consolidation(memory).run_sync(("summaries",))

    assert not done.changed and memory.records_sync(kinds=("summary",)) == []


def test_weeks_are_made_of_sessions_and_months_of_weeks(memory):
    for day in (0, 1, 2, 7, 8, 9):
        tell(memory, f"day {day}", day=day)

    run(memory, "summaries")

    made = memory.records_sync(kinds=("summary",))
    levels = [each.provenance.job for each in made]
    assert levels == ["summary/session"] * 6 + ["summary/week"] * 2 + ["summary/month"]
    assert made[-1].provenance.sources == (made[6].id, made[7].id)


def test_a_long_session_is_summed_up_in_parts_of_even_size(memory):
    tell(memory, "market", 120)

    run(memory, "summaries")

    sizes = [len(each.provenance.sources) for each in memory.records_sync(kinds=("summary",))]
    assert sizes == [40, 40, 40, 3]


def test_episodes_without_session_are_summed_up_day_by_day(memory):
    tell(memory, "", 3)
    tell(memory, "", 3, day=1)

    run(memory, "summaries")

    made = memory.records_sync(kinds=("summary",))
    assert [each.happened.day for each in made] == [2, 3]


def test_running_again_adds_nothing(memory):
    for day in (0, 1, 2):
        tell(memory, f"day {day}", day=day)
    run(memory)
    before = memory.records_sync()

    done = run(memory)

    assert not done.changed and memory.records_sync() == before


def test_what_comes_later_in_a_session_gets_a_summary_of_its_own(memory):
    tell(memory, "market")
    run(memory, "summaries")
    late = tell(memory, "market", 3, day=1)

    run(memory, "summaries")

    assert memory.records_sync(kinds=("summary",))[-1].provenance.sources == tuple(e.id for e in late)


def test_a_written_summary_is_kept_where_its_sources_bear_it_out(memory):
    tell(memory, "market")
    engine = Engine("The baker sold rye bread, from 3 to six loaves.")

    run(memory, "summaries", engine=engine)

    [summary] = memory.records_sync(kinds=("summary",))
    assert summary.text == "The baker sold rye bread, from 3 to six loaves."
    assert summary.provenance.origin == "written by double"
    assert len(engine.asked[0]) == 4


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("  ", "it is empty"),
        ("The baker sold 7 loaves.", "its number '7' is in none"),
        ("The baker sold nine loaves.", "its number 'nine' is in none"),
        ("The baker, Gwen, sold bread.", "its name 'Gwen' is in none"),
        ("It rained. " * 100, "more than what it sums up"),
        ("The baker\0 sold bread.", "cannot be kept"),
    ],
)
def test_a_summary_that_says_what_no_source_says_is_not_kept_and_that_is_told(memory, said, why):
    tell(memory, "market")

    done = run(memory, "summaries", engine=Engine(said))

    [summary] = memory.records_sync(kinds=("summary",))
    [note] = done.jobs[0].notes
    assert summary.provenance.origin == "extractive" and why in note and why in str(done)


def test_an_engine_that_breaks_loses_nothing_that_was_done(memory):
    class Breaks(Engine):
        def __call__(self, texts):
            if len(self.asked) == 1:
                raise ConnectionError("the server is gone")
            return super().__call__(texts)

    for session in ("one", "two"):
        tell(memory, session)

    with pytest.raises(ConnectionError):
        run(memory, "summaries", engine=Breaks("It rained."))
    run(memory, "summaries")

    origins = [each.provenance.origin for each in memory.records_sync(kinds=("summary",))]
    assert origins == ["written by double", "extractive"]


def test_nothing_of_two_owners_is_drawn_together(memory):
    tell(memory, "market", 2)
    tell(memory, "market", 2, BEN)
    tell(memory, "fair", 3, BEN)

    run(memory, "summaries")

    assert [each.scope for each in memory.records_sync(kinds=("summary",))] == [BEN]


@pytest.mark.parametrize(("trust", "derived"), [("trusted", "trusted"), ("untrusted", "untrusted")])
def test_one_untrusted_source_makes_what_is_derived_untrusted(memory, trust, derived):
    tell(memory, "market", 3, trust="trusted")
    memory.remember_sync(
        Record(kind="episode", text="A page said so.", scope=ADA, session="market", trust=trust)
    )

    run(memory, "summaries")

    assert memory.records_sync(kinds=("summary",))[0].trust == derived


def test_a_summary_ends_with_the_first_of_its_sources(memory):
    tell(memory, "market", 3)
    tell(memory, "market", 1, day=1, valid_until=LATER + timedelta(days=1))

    run(memory, "summaries")

    assert memory.records_sync(kinds=("summary",))[0].valid_until == LATER + timedelta(days=1)


def test_forgetting_a_source_forgets_what_was_made_of_it_and_the_rest_is_summed_up_anew(memory):
    told = tell(memory, "market", 5)
    run(memory, "summaries")

    assert memory.forget_sync(told[0].id).records == 2
    run(memory, "summaries")

    assert memory.records_sync(kinds=("summary",))[0].provenance.sources == tuple(e.id for e in told[1:])


# --- stopping, killing, two at once ---------------------------------------------------------


def test_a_small_budget_goes_on_where_it_stopped(memory, tmp_path):
    for number in range(6):
        tell(memory, f"session {number}", day=7 * number)
    with Memory.open(tmp_path / "other", embedder=BagOfWords()) as other:
        for number in range(6):
            tell(other, f"session {number}", day=7 * number)
        run(other, "summaries")
        whole = [each.text for each in other.records_sync(kinds=("summary",))]

    runs = [run(memory, "summaries", records=4)]
    while runs[-1].left:
        runs.append(run(memory, "summaries", records=4))

    assert len(runs) == 7 and runs[0].jobs[0].looked == 4
    assert [each.text for each in memory.records_sync(kinds=("summary",))] == whole


def test_no_job_starves_behind_another(memory):
    tell(memory, "market", 300)

    done = run(memory, records=400)

    assert done.jobs[-1].made and done.jobs[0].left


def test_an_interrupt_loses_the_piece_at_hand_only(memory):
    for session in ("one", "two", "three"):
        tell(memory, session)

    def interrupt(job: str, looked: int) -> None:
        if looked == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(memory, "summaries", tell=interrupt)
    run(memory, "summaries")

    assert len(memory.records_sync(kinds=("summary",))) == 3 + 1  # and the week


async def test_a_run_can_be_stopped_from_outside(memory):
    for number in range(3):
        tell(memory, f"session {number}")
    consolidation = Consolidation(memory)

    done = await consolidation.run(("summaries",), at=LATER, tell=lambda job, looked: consolidation.stop())

    assert done.left and len(memory.records_sync(kinds=("summary",))) == 1


def test_a_job_killed_in_the_middle_goes_on_and_doubles_nothing(memory, tmp_path):
    for number in range(20):
        tell(memory, f"session {number}", day=number)
    killed = 0
    while killed < 4:
        command = [sys.executable, str(CONSOLIDATOR), str(tmp_path / "memory")]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for _ in range(2):
            child.stdout.readline()
        child.kill()
        child.wait(timeout=5)
        child.stdout.close()
        killed += 1
    made = len(memory.records_sync(kinds=("summary",)))

    run(memory)

    sources = [name for each in memory.records_sync(kinds=("summary",)) for name in each.provenance.sources]
    sessions = [e for e in memory.records_sync(kinds=("summary",)) if e.provenance.job == "summary/session"]
    assert 4 <= made < 23
    assert len(sessions) == 20 and len(sources) == len(set(sources))
    assert memory.health_sync().faults == ()


def test_two_at_once_do_not_double(tmp_path, memory):
    for number in range(12):
        tell(memory, f"session {number}", day=number)

    def consolidate(number: int) -> None:
        with Memory.open(tmp_path / "memory", embedder=BagOfWords()) as mine:
            run(mine, engine=Engine(*[f"It rained{'.' * (number + 1)}"] * 40))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(consolidate, range(2)))

    sources = [name for each in memory.records_sync(kinds=("summary",)) for name in each.provenance.sources]
    assert len(sources) == len(set(sources)) >= 48


# --- undo -----------------------------------------------------------------------------------


def test_what_is_undone_takes_along_what_was_made_of_it_and_is_not_made_again(memory):
    for day in (0, 1, 2):
        tell(memory, f"day {day}", day=day)
    run(memory)
    session, *_, week = memory.records_sync(kinds=("summary",))

    changed = Consolidation(memory).undo_sync(session.id)
    done = run(memory)

    assert changed == [session.id, week.id] and not done.changed
    assert [memory.get_sync(each).reason for each in changed] == ["undone", "undone"]
    recalled = {each.record.id for each in memory.recall_sync("rye bread", k=20, scope=ADA)}
    assert recalled and not recalled & set(changed)


@pytest.mark.parametrize("job", ["summaries", "links", "preferences", "lessons", "retire"])
def test_undoing_the_whole_work_of_a_job_that_did_nothing_changes_nothing(memory, job):
    tell(memory, "market", 2)

    assert Consolidation(memory).undo_sync(job) == []


def test_only_what_jobs_did_can_be_undone(memory):
    [told] = tell(memory, "market", 1)

    assert Consolidation(memory).undo_sync(told.id) == []
    with pytest.raises(UnknownRecord):
        Consolidation(memory).undo_sync("m0")


def test_an_unknown_job_is_refused(memory):
    with pytest.raises(ValueError, match="no job 'summary'; there are: links"):
        run(memory, "summary")


def test_what_a_person_took_back_is_not_opened_by_undoing_its_correction(memory):
    (seen,) = tell(memory, "Graz", 1)
    way = Provenance(by="job", sources=(seen.id,), job="preferences")
    fields = {"kind": "preference", "stance": "implicit", "scope": ADA, "provenance": way}
    old, new = Record(text="Aisle.", **fields), Record(text="Window.", valid_from=LATER, **fields)
    assert memory.derive_sync(old) and memory.derive_sync(new, closing=old.id)
    memory.retract_sync(old.id, "never")

    assert memory.ledger.undo(new.id, "undone") == [new.id]
    assert memory.get_sync(old.id).reason == "never" and memory.get_sync(old.id).closed is not None

"""The record: the same seed gives the same one, and from any part of it a search comes to the same end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from punchlist.agents.budget import Budget, answer_cost
from punchlist.agents.reasoning import (
    Beam,
    BestFirst,
    BestOfN,
    Checked,
    DepthFirst,
    Ensemble,
    Enumerated,
    Logits,
    Lookahead,
    MonteCarlo,
    Prompt,
    Rollout,
    SelfConsistency,
    Thinking,
    Trace,
)
from punchlist.agents.reasoning.thinking import Request
from punchlist.agents.reasoning.trace import (
    ANSWER,
    CUT,
    EVENT,
    PROMPT,
    TraceDiverged,
    TracePruned,
)
from punchlist.protocols.journal import Journal
from punchlist.protocols.outcome import Cost

from .toys import PaperJournal, SeededModel, Sum, Walled, grown, outline

PROBLEM = Sum(aim=5, most=3)
ASK = Logits(lambda node: Prompt.of("add up").and_said("".join(node.texts())))
JUDGE = Ensemble((ASK, PROBLEM.evaluator, Rollout(PROBLEM, PROBLEM.sampler, PROBLEM.evaluator, 1, 2)))
SEARCHES = (
    Beam(beam=2, width=2, enough=2),
    DepthFirst(width=2, depth=3),
    BestFirst(width=2, depth=3, at_once=2),
    MonteCarlo(5, width=2, enough=2),
    BestOfN(4),
    SelfConsistency(4),
)


def named(search):
    return search.name


async def run(search, trace, *, model=None, budget=None, seed=0, evaluator=JUDGE, proposer=None):
    """As `think` does it: a resumed search begins with what its record has cost."""
    budget = replace(budget or Budget())
    budget.cost += trace.cost()
    result = await grown(
        search,
        PROBLEM,
        proposer=proposer or PROBLEM.sampler,
        evaluator=evaluator,
        model=model or SeededModel(),
        trace=trace,
        budget=budget,
        seed=seed,
    )
    return result, budget.cost


def rows(path):
    with Journal.open(path, readonly=True) as journal:
        (info,) = journal.runs()
        return [(row.kind, row.key, row.body) for row in journal.rows(info.run)]


def what(result):
    return outline(result), result.best.id, result.stop_reason, result.usage


def events(trace):
    return [(event.what, event.scope, event.node, event.body) for event in trace.events]


@pytest.mark.parametrize("search", SEARCHES, ids=named)
async def test_the_same_seed_gives_the_same_trace_and_another_seed_another(search):
    traces = [Trace() for _ in range(3)]
    for trace, seed in zip(traces, (7, 7, 8), strict=True):
        await run(search, trace, seed=seed)

    assert events(traces[0]) == events(traces[1]) != events(traces[2])
    answers = [sorted(map(repr, trace.answers())) for trace in traces]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("search", SEARCHES, ids=named)
async def test_cut_at_every_row_it_comes_to_the_same_end(search):
    """With events, answers, usage and what is left of the budget as if it had never been killed."""
    whole_journal = PaperJournal()
    trace = whole_journal.trace()
    whole, cost = await run(search, trace)
    told, record = events(trace), whole_journal.kept
    cuts = [place for place, row in enumerate(record, 1) if row[0] == ANSWER]
    assert len(cuts) > 8

    for place in [0, *cuts, len(record)]:
        journal = PaperJournal(record[:place])
        trace = journal.trace()

        resumed, spent = await run(search, trace)

        assert (what(resumed), events(trace), spent) == (what(whole), told, cost), place
        assert sorted(journal.kept) == sorted(record), place


@pytest.mark.parametrize(
    "limit", [{"tokens": 5}, {"tokens": 10}, {"model_calls": 4}, {"model_calls": 9}], ids=str
)
@pytest.mark.parametrize("search", [SEARCHES[0], SEARCHES[3], SEARCHES[4]], ids=named)
async def test_a_limit_ends_a_resumed_search_where_it_ends_one_that_was_not_killed(search, limit):
    """Also inside of a batch of which a part was paid before the process died."""
    journal = PaperJournal()
    whole, cost = await run(search, journal.trace(), budget=Budget(**limit))
    assert whole.stop_reason == f"budget.{next(iter(limit))}"

    for place in range(len(journal.kept)):
        part = PaperJournal(journal.kept[:place])
        resumed, spent = await run(search, part.trace(), budget=Budget(**limit))

        assert (what(resumed), spent) == (what(whole), cost), place


@pytest.mark.parametrize("search", SEARCHES, ids=named)
async def test_with_a_larger_budget_it_goes_on_to_where_it_would_have_come_at_once(search):
    journal, parts = PaperJournal(), PaperJournal()
    trace = journal.trace()
    whole, cost = await run(search, trace)
    told = events(trace)

    for calls in (0, 3, 9, 10**6):
        trace = parts.trace()
        part, spent = await run(search, trace, budget=Budget(model_calls=calls))

        assert trace.events == trace.all_events() == parts.trace().all_events()

    assert (what(part), spent, events(trace)) == (what(whole), cost, told)
    assert CUT in {kind for kind, _, _ in parts.kept}


@pytest.mark.parametrize("search", SEARCHES[:4], ids=named)
async def test_stopped_anywhere_it_can_be_resumed(search):
    whole, cost = await run(search, Trace())

    for place in count(1, 3):
        journal = PaperJournal()
        model = SeededModel()
        thinking = Thinking(model, Budget(), journal.trace())
        model.before = stop_at(place, thinking)
        part = await search.run(PROBLEM, PROBLEM.sampler, JUDGE, thinking)
        resumed, spent = await run(search, journal.trace())

        assert (what(resumed), spent) == (what(whole), cost), place
        if part.stop_reason != "interrupted":
            break
    assert place > 5


def stop_at(place, thinking):
    async def before(begun):
        if begun == place:
            thinking.stop()

    return before


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"search": Beam(beam=1, width=2, enough=2)},
        {"search": Beam(beam=2, width=2, enough=3)},
        {"evaluator": Ensemble((ASK, Checked(lambda node: 0.5)))},
        {"evaluator": ASK},
        {"proposer": Enumerated(lambda state: [(3, "3"), (2, "2")])},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_what_is_resumed_with_something_else_is_refused(change, tmp_path):
    with Trace.open(tmp_path / "trace.db") as trace:
        await run(SEARCHES[0], trace)

    refused = pytest.raises(TraceDiverged, match="Resume with the same problem")
    with Trace.open(tmp_path / "trace.db") as trace, refused:
        await run(**{"search": SEARCHES[0], "trace": trace} | change)


async def test_a_finished_search_is_only_told_again_and_asks_nothing(tmp_path):
    class Silent(SeededModel):
        async def generate(self, *arguments, **named):
            raise AssertionError("asked")

        score = generate

    heard = []
    with Trace.open(tmp_path / "trace.db") as trace:
        whole, cost = await run(SEARCHES[0], trace)
    before = rows(tmp_path / "trace.db")

    with Trace.open(tmp_path / "trace.db") as trace:
        trace.listeners.append(heard.append)
        again, spent = await run(SEARCHES[0], trace, model=Silent(), budget=Budget(model_calls=1))

    assert (what(again), spent, len(heard)) == (what(whole), cost, len(whole.trace.events))
    assert rows(tmp_path / "trace.db") == before


async def test_what_the_record_cost_is_what_was_spent_and_what_the_result_tells(tmp_path):
    for search in SEARCHES:
        trace = Trace()
        result, cost = await run(search, trace)

        assert result.usage == cost == trace.cost() == sum(map(answer_cost, trace.answers()), Cost())
        assert cost.model_calls > 0


async def test_a_prompt_of_many_answers_is_on_record_once(tmp_path):
    question = "word " * 1000
    with Trace.open(tmp_path / "trace.db") as trace:
        requests = [Request(Prompt.of(question), str(place), 1.0) for place in range(20)]
        await Thinking(SeededModel(), trace=trace).generate(requests)
        told = list(trace.answers())

    kept = rows(tmp_path / "trace.db")
    assert [kind for kind, _, _ in kept] == [PROMPT] + [ANSWER] * 20
    assert sum(len(str(body)) for _, _, body in kept) < 20_000
    with Trace.open(tmp_path / "trace.db") as trace:
        assert list(trace.answers()) == told
    assert {str(answer["prompt"]) for answer in told} == {str([["user", question]])}


async def test_answers_that_were_pruned_are_asked_for_again(tmp_path):
    place, model = tmp_path / "trace.db", SeededModel()
    with Trace.open(place) as trace:
        whole, _ = await run(SEARCHES[0], trace)
    prune(place, ANSWER, PROMPT)

    with Trace.open(place) as trace:
        again, _ = await run(SEARCHES[0], trace, model=model)

    assert what(again) == what(whole)
    assert len(model.asked) == whole.usage.model_calls


async def test_a_search_whose_events_were_pruned_is_refused_with_what_to_do(tmp_path):
    with Trace.open(tmp_path / "trace.db") as trace:
        await run(SEARCHES[0], trace)
    prune(tmp_path / "trace.db", EVENT)

    with Trace.open(tmp_path / "trace.db") as trace:
        with pytest.raises(TracePruned, match="Begin a new run, or resume from a copy"):
            await run(SEARCHES[0], trace)

        assert trace.all_events() == []


def prune(path, *kinds):
    with Journal.open(path) as journal:
        assert journal.prune(journal.runs()[0].run, kinds)


async def nested(trace, *, budget=None, model=None, searches=3):
    """Searches side by side inside of one, and what each came to."""
    budget = replace(budget or Budget())
    budget.cost += trace.cost()
    outer = Thinking(model or SeededModel(), budget, trace)
    outer.tell("began")
    judge = Lookahead(PROBLEM, PROBLEM.sampler, JUDGE, width=2)
    results = await asyncio.gather(
        *(
            SEARCHES[place % 2].run(PROBLEM, PROBLEM.sampler, judge, outer.within(f"trial {place}"))
            for place in range(searches)
        )
    )
    outer.tell("ended", found=tuple(result.answer or "" for result in results))
    return [(outline(result), result.stop_reason) for result in results], outer.used


async def test_searches_side_by_side_are_resumed_though_their_events_come_in_another_order():
    journal = PaperJournal()
    trace = journal.trace()
    whole = await nested(trace)
    told = sorted(map(repr, events(trace)))

    for place in range(0, len(journal.kept), 7):
        part = PaperJournal(journal.kept[:place])
        trace = part.trace()

        assert await nested(trace) == whole

        assert sorted(map(repr, events(trace))) == told
        assert sorted(row[:2] for row in part.kept) == sorted(row[:2] for row in journal.kept)


async def test_searches_side_by_side_that_a_limit_ended_are_resumed_with_a_larger_one():
    trace, parts = Trace(), PaperJournal()
    whole = await nested(trace)
    told = sorted(map(repr, events(trace)))

    for calls in (10, 60, None):
        trace = parts.trace()
        part = await nested(trace, budget=Budget(model_calls=calls))

        kept = sorted(map(repr, trace.all_events()))
        assert kept == sorted(map(repr, trace.events)) == sorted(map(repr, parts.trace().all_events()))

    assert part == whole
    assert sorted(map(repr, events(trace))) == told


async def test_states_that_read_differently_in_every_process_do_not_matter(tmp_path):
    class Thing:
        """Has an address in its text."""

    class Things(Walled):
        def initial(self):
            return Thing()

        def key(self, state):
            return id(state)

        def apply(self, state, action):
            return Thing()

    proposer = Enumerated(lambda state: [(1, "one"), (2, "two")])
    checked = []

    for _ in range(2):
        with Trace.open(tmp_path / "trace.db") as trace:
            result = await grown(
                Beam(depth=2),
                Things(),
                proposer=proposer,
                evaluator=Checked(lambda node: checked.append(node) or 0.5),
                trace=trace,
            )

    assert len(checked) == 6 == len(result.tree) - 1


def test_an_event_from_a_journal_equals_the_one_that_was_told(tmp_path):
    def tell(trace):
        trace.add(
            "odd",
            scope="s",
            node="0",
            list=(1, (2.5, None)),
            dict={"1": True},
            inf=float("inf"),
            text="\ud800é",
        )
        trace.add("odd", nan=float("nan"))

    with Trace.open(tmp_path / "trace.db") as trace:
        tell(trace)
        told = trace.events
    with Trace.open(tmp_path / "trace.db") as trace:
        assert trace.all_events() == told
        tell(trace)  # the same again is no divergence

    assert [kind for kind, _, _ in rows(tmp_path / "trace.db")] == [EVENT, EVENT]


# --- a real process, really killed ---------------------------------------------------------------

KILLED = Beam(beam=3, width=3, enough=2)
SCRIPT = """
import asyncio, importlib.util, os, signal, sys

folder, journal, answers = sys.argv[1], sys.argv[2], int(sys.argv[3])
spec = importlib.util.spec_from_file_location("killed.toys", folder + "/toys.py")
toys = importlib.util.module_from_spec(spec)
sys.modules["killed.toys"] = toys
spec.loader.exec_module(toys)

from punchlist.agents.reasoning import Beam, Ensemble, Logits, Prompt, Trace
from punchlist.core_model import load_model


class Dying(Trace):
    def record(self, key, answer):
        super().record(key, answer)
        if len(self._answers) == answers:
            os.kill(os.getpid(), signal.SIGKILL)


problem = toys.Sum(aim=5, most=3)
ask = Logits(lambda node: Prompt.of("add up").and_said("".join(node.texts())))
search = Beam(beam=3, width=3, enough=2)
judge = Ensemble((ask, problem.evaluator))
how = {"proposer": problem.sampler, "evaluator": judge, "model": load_model()}
asyncio.run(toys.grown(search, problem, **how, trace=Dying.open(journal)))
"""


async def test_after_a_real_sigkill_the_result_is_that_of_a_run_that_was_not_killed(embedded, tmp_path):
    judge = Ensemble((ASK, PROBLEM.evaluator))
    whole, cost = await run(KILLED, Trace(), model=embedded, evaluator=judge)
    answers = sum(1 for _ in whole.trace.answers())
    path = tmp_path / "killed.db"

    died = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(path), str(answers // 2)),
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert await asyncio.wait_for(died.wait(), 60) == -signal.SIGKILL
    assert sum(kind == ANSWER for kind, _, _ in rows(path)) == answers // 2
    with Trace.open(path) as trace:
        resumed, spent = await run(KILLED, trace, model=embedded, evaluator=judge)

    assert (resumed.best.id, resumed.answer, resumed.usage, spent) == (
        whole.best.id, whole.answer, whole.usage, cost
    )  # fmt: skip
    for one, other in zip(outline(resumed), outline(whole), strict=True):
        assert (one[:4], one[5:]) == (other[:4], other[5:])
        assert one[4] == pytest.approx(other[4], abs=1e-4)
    assert [(event.what, event.node) for event in trace.events] == [
        (event.what, event.node) for event in whole.trace.events
    ]


async def test_cut_anywhere_a_search_on_the_embedded_model_comes_to_the_same_end(embedded):
    judge = Ensemble((ASK, PROBLEM.evaluator))
    journal = PaperJournal()
    whole, cost = await run(KILLED, journal.trace(), model=embedded, evaluator=judge)

    for place in range(3, len(journal.kept), len(journal.kept) // 6):
        trace = PaperJournal(journal.kept[:place]).trace()
        resumed, spent = await run(KILLED, trace, model=embedded, evaluator=judge)

        texts = [[(node.id, node.texts(), node.status) for node in each.tree] for each in (resumed, whole)]
        assert texts[0] == texts[1]
        assert (resumed.best.id, spent, resumed.usage) == (whole.best.id, cost, whole.usage)

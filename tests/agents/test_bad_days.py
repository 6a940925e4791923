"""What goes wrong around a run: no browser, no model, no disk, a person who says no, a second process."""

import asyncio
import os
from contextlib import aclosing, suppress

import pytest

from punchlist.agents import Budget, Manager, Worker
from punchlist.agents.agent import NothingToWorkWith
from punchlist.agents.evals.processes import descendants, leftovers
from punchlist.agents.evals.string_match import string_match_model
from punchlist.agents.mind import Mind
from punchlist.agents.run import Run
from punchlist.agents.testing import ScriptedModel
from punchlist.core_model import load_model
from punchlist.core_model.errors import NotAModelServer
from punchlist.core_model.generation import Generation
from punchlist.examples.site import DEMO_SEED, Site, demo_goal, judge
from punchlist.memory import StoreUnusable
from punchlist.protocols import Confirmed, Failed, Unverified
from punchlist.protocols.errors import JournalFull, RunLocked
from punchlist.protocols.journal import Journal
from punchlist.tools import preset, tool
from punchlist.tools.browser import Browser
from punchlist.tools.browser.results import refused
from punchlist.tools.errors import BrowserMissing, OriginBlocked, PageUnreadable, SiteUnreachable

from .doubles import ORDER_GOAL, ORDER_PLAN, URL, WANTED, PaperShop, knowing


async def test_without_a_browser_the_run_says_what_to_install(manager, watch, shop):
    async def missing(*_):
        raise BrowserMissing(("chromium",))

    shop.open = missing

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL)

    assert isinstance(outcome, Failed) and isinstance(outcome.error, BrowserMissing)
    assert "chromium-headless-shell" in str(outcome.error)


class LostModel(ScriptedModel):
    """Answers rightly so many times; then its server is gone."""

    def __init__(self, answers):
        super().__init__(knowing(ORDER_PLAN))
        self._left = answers

    async def generate(self, messages, **settings):
        if self._left == 0:
            raise NotAModelServer(URL, "connection refused")
        self._left -= 1
        return await super().generate(messages, **settings)


@pytest.mark.parametrize("answers", [0, 1, 2, 6])
async def test_a_model_that_goes_away_fails_the_run_with_its_error(manager, watch, shop, answers):
    outcome, _ = await watch(manager(LostModel(answers), [shop]), ORDER_GOAL)

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, NotAModelServer)


class CutModel(ScriptedModel):
    """Runs out of tokens in the middle of every answer of a role."""

    def __init__(self, role):
        super().__init__(knowing(ORDER_PLAN))
        self._role = role

    async def generate(self, messages, **settings):
        made = await super().generate(messages, **settings)
        cut = messages[-1]["content"].endswith(self._role)
        return Generation(made.text[:3], (), (), "length", 1, 0.0) if cut else made


@pytest.mark.parametrize("role", ["plan:", "steps:", "do:"])
async def test_an_answer_that_was_cut_is_never_used(manager, watch, shop, role):
    outcome, _ = await watch(manager(CutModel(role), [shop]), ORDER_GOAL)

    assert isinstance(outcome, Unverified)
    assert "was cut" in " ".join(outcome.reasons)
    assert shop.acted == []


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OriginBlocked("http://other.test/", (URL,)), "Browser(allow"),
        (PageUnreadable(URL, "odd"), "your own"),
    ],
)
async def test_advice_is_on_the_operators_list_and_never_reaches_the_model(
    manager, watch, shop, error, advice
):
    shop.outages, model = [error], ScriptedModel(knowing(ORDER_PLAN))

    outcome, _ = await watch(manager(model, [shop]), ORDER_GOAL)

    assert isinstance(outcome, Confirmed)
    assert [advice in item.why for item in outcome.punch_list] == [True]
    assert not any(advice.lower() in question.lower() for question in model.asked)


@pytest.mark.parametrize(("agrees", "kind"), [(True, Confirmed), (False, Unverified)])
async def test_what_cannot_be_undone_waits_for_a_person_where_the_policy_asks(
    manager, watch, shop, agrees, kind
):
    asked: list[str] = []

    def person(call):
        asked.append(str(call.arguments["action"]))
        return agrees

    policy = preset("ask_irreversible", person)
    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop], policy=policy), ORDER_GOAL)

    assert isinstance(outcome, kind)
    assert asked and shop.orders == ([WANTED] if agrees else [])


async def test_a_second_process_cannot_work_at_the_same_run(manager, shop, tmp_path):
    with Journal.open(tmp_path / "run.db"), pytest.raises(RunLocked):
        await manager(knowing(ORDER_PLAN), [shop]).run(ORDER_GOAL)


async def test_a_run_that_is_left_leaves_no_task_behind(manager, shop):
    async with aclosing(manager(knowing(ORDER_PLAN), [shop]).stream(ORDER_GOAL)) as events:
        await anext(events)

    assert asyncio.all_tasks() == {asyncio.current_task()}


class FullJournal(Journal):
    """A journal whose disk is full after so many rows."""

    room = 10**9

    def append(self, *arguments, **named):
        if self.room <= 0:
            raise JournalFull(self.path, "append")
        self.room -= 1 + len(named.get("then", ()))
        return super().append(*arguments, **named)


@pytest.mark.parametrize("room", range(0, 60, 5))
async def test_a_full_disk_stops_the_run_with_a_typed_error(shop, tmp_path, room):
    model = ScriptedModel(knowing(ORDER_PLAN))
    with FullJournal.open(tmp_path / "run.db") as journal:
        journal.room = room
        journal.begin("run", ORDER_GOAL)
        mind = Mind(model, Budget(), journal, "run", lambda _: None)
        run = Run(
            "run", ORDER_GOAL, [Worker("one", model, [shop])], mind, preset("unattended"), show=mind.show
        )

        async with asyncio.timeout(5):
            try:
                outcome = await run.to_the_end()
            except JournalFull as error:
                outcome = Failed(error)

    assert isinstance(outcome, Failed) and isinstance(outcome.error, JournalFull)


async def test_two_orders_go_through_one_worker(manager, watch):
    shop = PaperShop()
    goal = "Order 2 green mugs for Ada Lovelace. Also order 1 desk lamp for Grace Hopper."
    plan = (
        "task order\ncount 2\nitem green mugs\nname ada lovelace\n"
        "task order\ncount 1\nitem desk lamp\nname grace hopper\nend"
    )

    async with asyncio.timeout(5):
        outcome, _ = await watch(manager(knowing(plan), [shop]), goal)

    assert isinstance(outcome, Confirmed)
    assert sorted(order["name"] for order in shop.orders) == ["Ada Lovelace", "Grace Hopper"]
    assert [order["number"] for order in outcome.result["orders"]] == ["A-01", "A-11"]


@pytest.mark.parametrize("steps", [1, 2, 4, 6])
async def test_a_used_up_run_goes_on_with_a_larger_budget(manager, watch, shop, tmp_path, steps):
    first, _ = await watch(manager(knowing(ORDER_PLAN), [shop], steps=steps), ORDER_GOAL)

    events = [event async for event in manager(knowing(ORDER_PLAN), [shop]).resume(tmp_path / "run.db")]

    assert isinstance(first, Unverified)
    assert isinstance(events[-1].outcome, Confirmed) and shop.orders == [WANTED]


def status(path):
    with Journal.open(path, readonly=True) as journal:
        return journal.runs()[-1].status


async def test_workers_with_nothing_to_work_with_are_said_to_need_it_before_the_model_is_asked(
    manager, watch, tmp_path
):
    model = ScriptedModel(knowing(ORDER_PLAN))

    outcome, _ = await watch(manager(model, [], []), ORDER_GOAL)

    assert isinstance(outcome, Failed) and isinstance(outcome.error, NothingToWorkWith)
    assert "'worker 1, worker 2' has no browser" in str(outcome.error)
    assert "Give it one: Worker(" in str(outcome.error)
    assert model.asked == [] and status(tmp_path / "run.db") == "paused"


async def test_a_run_that_is_resumed_without_a_browser_waits_for_one(manager, watch, shop, tmp_path):
    @tool(effect="read")
    def stock(item: str) -> int:
        """Units of an item in stock."""
        return 12

    await watch(manager(knowing(ORDER_PLAN), [shop], steps=2), ORDER_GOAL)

    *_, ended = [event async for event in manager(knowing(ORDER_PLAN), [stock]).resume(tmp_path / "run.db")]
    *_, again = [event async for event in manager(knowing(ORDER_PLAN), [shop]).resume(tmp_path / "run.db")]

    assert isinstance(ended.outcome, Failed) and isinstance(ended.outcome.error, NothingToWorkWith)
    assert isinstance(again.outcome, Confirmed) and shop.orders == [WANTED]


class SilentShop(PaperShop):
    """Its pages can be looked at; what is done there finds nobody until `awake`."""

    awake = False

    async def open(self, *where):
        tab = await super().open(*where)
        if not self.awake:
            tab.act = self.silence
        return tab

    async def silence(self, action, approved=()):
        return refused("unreachable", f"{URL}/basket does not answer")


@pytest.mark.parametrize("redos", [0, 2])
async def test_a_site_that_is_silent_to_the_last_attempt_pauses_the_run(manager, watch, tmp_path, redos):
    """It says nothing about the work: with the site back, the attempt is made again."""
    shop = SilentShop()

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop], redos=redos), ORDER_GOAL)
    paused = status(tmp_path / "run.db")
    shop.awake = True
    *_, ended = [event async for event in manager(knowing(ORDER_PLAN), [shop]).resume(tmp_path / "run.db")]

    assert isinstance(outcome, Failed) and isinstance(outcome.error, SiteUnreachable)
    assert "basket does not answer" in str(outcome.error) and paused == "paused"
    assert len(outcome.punch_list) == redos
    assert isinstance(ended.outcome, Confirmed) and shop.orders == [WANTED]


class Door:
    """Stands before a site, lets so many connections through, and drops those after them."""

    def __init__(self, site, left):
        self.left, self._port = left, site.port

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._let_through, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _let_through(self, visitor, to_visitor):
        self.left -= 1
        if self.left >= 0:
            site, to_site = await asyncio.open_connection("127.0.0.1", self._port)
            await asyncio.gather(pour(visitor, to_site), pour(site, to_visitor))
        to_visitor.close()


async def pour(source, sink):
    """Hand on everything, then close."""
    with suppress(OSError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    sink.close()


@pytest.mark.browser
@pytest.mark.parametrize("requests", [1, 8, 20])
async def test_a_site_that_drops_connections_in_the_middle_pauses_the_run(tmp_path, requests):
    model, path, wanted = string_match_model(), tmp_path / "run.db", demo_goal()
    before = descendants(os.getpid())
    with Site(DEMO_SEED, flaws=()) as site:
        async with Door(site, requests) as door, asyncio.timeout(120):
            async with Browser(allow=[door.url]) as browser:
                manager = Manager(model, [Worker("one", model, [browser])], journal=path)

                outcome = await manager.run(wanted.text)
                paused, door.left, children = status(path), 10_000, descendants(os.getpid()) - before
                *_, ended = [event async for event in manager.resume(path)]
            left = await leftovers(children)

        assert isinstance(outcome, Failed) and isinstance(outcome.error, SiteUnreachable)
        assert (paused, left) == ("paused", 0)
        assert isinstance(ended.outcome, Confirmed) and judge(site, wanted.expected).right


@pytest.fixture(scope="module")
def embedded():
    model = load_model()
    yield model
    model.engine.close()


@pytest.mark.parametrize(
    "goal",
    [
        "Write a poem about the sea.",
        "Book a flight from Paris to Rome for Ada Lovelace on 3 May.",
        "Translate 'good morning' into French.",
        "How many people live in Japan?",
        "xq zzv blorp !! ;;",
        "...",
    ],
)
async def test_the_embedded_model_touches_nothing_for_a_goal_outside_of_what_it_knows(
    embedded, watch, shop, tmp_path, goal
):
    manager = Manager(embedded, [Worker("one", embedded, [shop])], journal=tmp_path / "run.db")

    outcome, _ = await watch(manager, goal)

    assert isinstance(outcome, Unverified) and outcome.reasons
    assert shop.visits == [] and outcome.cost.steps == 0


def test_a_worker_has_one_browser():
    with pytest.raises(ValueError, match="2 browsers"):
        Worker("one", ScriptedModel([]), [PaperShop(), PaperShop()])


def test_a_goal_can_be_run_without_an_event_loop(tmp_path):
    shop, model = PaperShop(), ScriptedModel(knowing(ORDER_PLAN))

    outcome = Manager(model, [Worker("one", model, [shop])], journal=tmp_path / "run.db").run_sync(ORDER_GOAL)

    assert isinstance(outcome, Confirmed)


class BrokenMemory:
    """Recalls nothing, and its disk is gone when something is to be kept."""

    async def recall_all(self, *_, **__):
        return []

    async def remember(self, *_):
        raise StoreUnusable("/memory", "input/output error")

    async def outcome(self, *_):
        raise StoreUnusable("/memory", "input/output error")


async def test_a_lesson_that_cannot_be_kept_leaves_the_confirm_as_it_is(manager, watch, shop, tmp_path):
    shop.loses_quantity = True

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop], memory=BrokenMemory()), ORDER_GOAL)

    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        [lost] = journal.rows(outcome.run, kinds=("lesson_lost",))
    assert isinstance(outcome, Confirmed) and "input/output error" in lost.body


class UnreadableMemory(BrokenMemory):
    """Its disk is gone when something is to be recalled, too."""

    async def recall_all(self, *_, **__):
        raise StoreUnusable("/memory", "input/output error")


async def test_a_run_whose_lessons_cannot_be_recalled_goes_on_without_them(manager, watch, shop, tmp_path):
    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop], memory=UnreadableMemory()), ORDER_GOAL)

    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        lost = list(journal.rows(outcome.run, kinds=("recall_lost", "outcome_lost")))
    assert isinstance(outcome, Confirmed) and shop.orders == [WANTED]
    assert lost and all("input/output error" in row.body for row in lost)

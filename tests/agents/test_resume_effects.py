"""What has taken effect is not made to take effect again: calls of tools, orders, and what was typed."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from punchlist.agents import Budget, Worker
from punchlist.agents.managing import placed
from punchlist.agents.mind import Mind
from punchlist.agents.run import Run
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols import Confirmed, Unverified
from punchlist.protocols.journal import Journal
from punchlist.tools import Policy, Rule, preset, tool
from punchlist.tools.browser.results import refused

from .doubles import ORDER_GOAL, ORDER_PLAN, WANTED, PaperShop, Tab, knowing

GOAL = "Pay Ada Lovelace"
PLAN = "task use\ntext pay ada lovelace\nend"


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the library may catch it."""


class DyingJournal(Journal):
    """The process dies before, or after, the first row of a kind that a chosen call writes."""

    kind, after, dead = "", False, False

    def _insert(self, run, task, rows, **named):
        chosen = any(kind == self.kind and self.is_it(body) for kind, body, *_ in rows)
        if self.dead or (chosen and not self.after):
            self.dead = True
            raise Killed
        row = super()._insert(run, task, rows, **named)
        self.dead = chosen
        return row

    @staticmethod
    def is_it(body):
        return True


@pytest.fixture(autouse=True)
def quiet(caplog):
    """The loop reports callbacks in which the process died."""
    caplog.set_level("CRITICAL", logger="asyncio")


async def go(path, model, equipment, goal=GOAL, die="", after=False, is_it=None):
    """One process's part of a run; it may die at a row of the journal."""
    with DyingJournal.open(path) as journal:
        journal.kind, journal.after = die, after
        if is_it is not None:
            journal.is_it = is_it
        journal.begin("run", goal)
        mind = Mind(model, Budget(), journal, "run", lambda _: None)
        run = Run("run", goal, [Worker("one", model, equipment)], mind, preset("unattended"), show=mind.show)
        async with asyncio.timeout(5):
            return await run.to_the_end()


async def killed_and_resumed(path, model, equipment, goal=GOAL, **death):
    with contextlib.suppress(BaseExceptionGroup, Killed):
        await go(path, model, equipment, goal, **death)
    return await go(path, model, equipment, goal)


def payer(*answers, name="pay"):
    """Plans, then pays until it sees a result, then answers; or gives these answers in turn."""
    left = list(answers)

    def answer(question):
        if question.endswith("plan:"):
            return PLAN
        if question.endswith("lesson:"):
            return "none"
        if left:
            return left.pop(0)
        return "answer receipt 77" if "did :" in question else f"call {name}\nwho ada lovelace\nend"

    return ScriptedModel(answer)


@pytest.fixture
def paid():
    """Whom the tools of these tests have paid."""
    return []


@pytest.fixture
def pay(paid):
    @tool(effect="irreversible")
    def pay(who: str) -> str:
        """Pay somebody."""
        paid.append(who)
        return "paid receipt 77"

    return pay


async def test_a_call_that_a_kill_cut_short_is_left_to_a_person(tmp_path, pay, paid):
    outcome = await killed_and_resumed(tmp_path / "run.db", payer(), [pay], die="outcome")

    assert paid == ["Ada Lovelace"]
    assert isinstance(outcome, Unverified) and "'pay' took effect is not known" in " ".join(outcome.reasons)


async def test_a_call_that_is_recorded_is_not_made_again_after_a_kill(tmp_path, pay, paid):
    outcome = await killed_and_resumed(tmp_path / "run.db", payer(), [pay], die="outcome", after=True)

    assert paid == ["Ada Lovelace"] and isinstance(outcome, Confirmed)


async def test_a_keyed_call_is_sent_again_with_the_same_key(tmp_path):
    keys = []

    @tool(effect="irreversible", recovery="keyed")
    def pay(who: str, idempotency_key: str) -> str:
        """Pay somebody."""
        keys.append(idempotency_key)
        return "paid receipt 77"

    outcome = await killed_and_resumed(tmp_path / "run.db", payer(), [pay], die="outcome")

    assert isinstance(outcome, Confirmed)
    assert len(keys) == 2 and len(set(keys)) == 1


async def test_a_redo_goes_on_from_what_was_paid_already(tmp_path, pay, paid):
    call = "call pay\nwho ada lovelace\nend"
    wrong_first = payer(call, "answer receipt 99", call, "answer receipt 77")

    outcome = await go(tmp_path / "run.db", wrong_first, [pay])

    assert isinstance(outcome, Confirmed) and outcome.punch_list
    assert paid == ["Ada Lovelace"]


async def test_the_same_call_twice_in_one_attempt_is_two_calls(tmp_path, pay, paid):
    call = "call pay\nwho ada lovelace\nend"

    await go(tmp_path / "run.db", payer(call, call), [pay])

    assert paid == ["Ada Lovelace"] * 2


async def test_a_call_without_an_answer_is_left_to_a_person(tmp_path):
    paid = []

    @tool(effect="irreversible", timeout=0.05)
    async def pay(who: str) -> str:
        """Pay somebody."""
        paid.append(who)
        await asyncio.sleep(60)
        return "never"

    outcome = await go(tmp_path / "run.db", payer(), [pay])

    assert paid == ["Ada Lovelace"] and isinstance(outcome, Unverified)


# --- orders -----------------------------------------------------------------------------------------


class SlowTab(Tab):
    """The first press of `place order` gets no answer; the order is there a while later."""

    def _draw(self):
        view = super()._draw()
        empty = self.path == "/orders" and not self.visit.orders
        return replace(view, lines=(*view.lines, ("you have no orders yet",))) if empty else view

    async def act(self, action, approved=()):
        element = self._draw().elements.get(action.target or 0)
        if element is not None and element.name == "place order" and self.shop.unanswered:
            self.shop.unanswered = False
            self.shop.late = self.number
            return refused("timeout", "the page did not answer in time")
        return await super().act(action)

    async def close(self):
        self.shop.closed += 1
        await super().close()


class SlowShop(PaperShop):
    """Books an order only when its orders are looked for the third time."""

    unanswered, late, looks, closed = True, None, 0, 0

    async def open(self, lane, storage=None, url=None):
        tab = await super().open(lane, storage, url)
        if lane == "lookup" and self.late is not None:
            self.looks += 1
            if self.looks == 3:
                visit = self.visits[self.late]
                visit.orders.append({"items": dict(visit.basket), **visit.form})
        return SlowTab(self, tab.number, tab.path)


async def test_an_order_that_shows_late_is_found_and_not_placed_again(manager, watch):
    shop = SlowShop()

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL)

    assert isinstance(outcome, Confirmed)
    assert shop.orders == [WANTED] and "click place order" not in shop.acted
    assert shop.closed > shop.looks, "the session that gave no answer is closed as well"


async def test_an_order_that_never_shows_is_placed_after_a_while(manager, watch, monkeypatch):
    monkeypatch.setattr(placed, "PATIENCE", 0.3)
    shop = SlowShop()
    shop.looks = 3

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop]), ORDER_GOAL)

    assert isinstance(outcome, Confirmed) and shop.orders == [WANTED]
    assert shop.looks > 4


# --- the doors of the browser ------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["type", "select"])
async def test_a_kill_in_the_middle_of_typing_leaves_nothing_unknown(tmp_path, verb):
    def typing(body):
        return str(body.get("args", {}).get("action", "")).startswith(verb)

    shop, path = PaperShop(), tmp_path / "run.db"
    outcome = await killed_and_resumed(
        path, ScriptedModel(knowing(ORDER_PLAN)), [shop], ORDER_GOAL, die="intent", after=True, is_it=typing
    )

    with Journal.open(path, readonly=True) as journal:
        calls = journal.calls("run")
    assert isinstance(outcome, Confirmed) and shop.orders == [WANTED]
    assert any(call.status is None for call in calls)
    assert not any(call.status == "unknown" for call in calls)
    assert {call.recovery for call in calls if typing({"args": call.args})} == {"pure"}


async def test_a_policy_that_denies_writing_denies_typing(manager, watch, shop):
    only_reading = Policy([Rule("allow", effect="read")])

    outcome, _ = await watch(manager(knowing(ORDER_PLAN), [shop], policy=only_reading), ORDER_GOAL)

    assert isinstance(outcome, Unverified) and shop.acted == []

"""A process that dies before any row of the journal: after a resume there is one order, not two or none."""

import asyncio
import contextlib

import pytest

from punchlist.agents import Budget, Worker
from punchlist.agents.mind import Mind
from punchlist.agents.run import Run
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols import Confirmed
from punchlist.protocols.journal import Journal
from punchlist.tools import preset

from .doubles import GOAL, ORDER_GOAL, ORDER_PLAN, PLAN, WANTED, PaperShop, knowing


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the library may catch it."""


class DyingJournal(Journal):
    """The process dies when the row after `rows` is to be written; later rows find it dead."""

    rows_left = 10**9

    def _insert(self, *arguments, **named):
        if self.rows_left <= 0:
            raise Killed
        self.rows_left -= 1
        return super()._insert(*arguments, **named)


async def go(path, shop, goal, plan, rows=10**9):
    """One process's part of the run: its outcome, and how many rows it wrote."""
    model = ScriptedModel(knowing(plan))
    with DyingJournal.open(path) as journal:
        journal.begin("run", goal)
        journal.rows_left = rows
        mind = Mind(model, Budget(), journal, "run", lambda _: None)
        run = Run("run", goal, [Worker("one", model, [shop])], mind, preset("unattended"), show=mind.show)
        async with asyncio.timeout(5):
            return await run.to_the_end(), rows - journal.rows_left


@pytest.fixture(autouse=True)
def quiet(caplog):
    """The loop reports callbacks in which the process died."""
    caplog.set_level("CRITICAL", logger="asyncio")


@pytest.mark.parametrize("part", range(10))
async def test_an_order_is_placed_once_whenever_the_process_dies(part, tmp_path):
    _, rows = await go(tmp_path / "whole.db", PaperShop(), ORDER_GOAL, ORDER_PLAN)
    for row in range(part, rows, 10):
        shop, path = PaperShop(loses_quantity=row % 2 == 1), tmp_path / f"{row}.db"

        with contextlib.suppress(BaseExceptionGroup, Killed):
            await go(path, shop, ORDER_GOAL, ORDER_PLAN, rows=row)
        outcome, _ = await go(path, shop, ORDER_GOAL, ORDER_PLAN)

        assert isinstance(outcome, Confirmed), (row, outcome)
        assert shop.orders == [WANTED], row


async def test_a_ticket_is_answered_once_whenever_the_process_dies(tmp_path):
    _, rows = await go(tmp_path / "whole.db", PaperShop(), GOAL, PLAN)
    for row in range(rows - 40, rows):
        shop, path = PaperShop(), tmp_path / f"{row}.db"

        with contextlib.suppress(BaseExceptionGroup, Killed):
            await go(path, shop, GOAL, PLAN, rows=row)
        outcome, _ = await go(path, shop, GOAL, PLAN)

        assert isinstance(outcome, Confirmed), (row, outcome)
        assert (shop.tickets[1].said, shop.tickets[1].closed, len(shop.orders)) == (["A-01"], True, 1), row

"""What a strategy's tools do to the world is permitted, made once, and never forgotten by a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import punchlist.agents.manager as managing
from punchlist.agents import Manager, Worker
from punchlist.agents.manager import SpecNotUsed
from punchlist.agents.reasoning import ReAct
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols import Confirmed, Unverified
from punchlist.protocols.spec import Check
from punchlist.tools import preset, tool

from .reasoning.killing import DyingJournal, Killed


class Till:
    """A tool that cannot be undone, and how often it was used."""

    def __init__(self) -> None:
        self.paid: list[int] = []

        @tool(effect="irreversible", recovery="unsafe")
        def pay(amount: int) -> str:
            """Pay an amount."""
            self.paid.append(amount)
            return "paid"

        self.pay = pay

    def manager(self, path: Path, **settings: Any) -> Manager:
        worker = Worker("cashier", ScriptedModel(pays_once), strategy=ReAct(tools=[self.pay]))
        return Manager(worker.model, [worker], journal=path, **settings)


def pays_once(question: str) -> str:
    if "observation: " in question:
        return '{"thought": "so", "tool": "finish", "answer": "done"}'
    return '{"thought": "now", "tool": "pay", "arguments": {"amount": 5}}'


def always(_: Any) -> bool:
    return True


def test_a_call_that_cannot_be_undone_is_made_once_over_all_attempts(tmp_path: Path) -> None:
    till, looks = Till(), iter((False, True))
    spec = [Check("looked at twice", lambda _: next(looks))]

    outcome = till.manager(tmp_path / "run.db").run_sync("Pay 5.", spec=spec)

    assert isinstance(outcome, Confirmed)
    assert till.paid == [5]


@pytest.mark.parametrize("rows", range(6, 24, 2))
def test_a_kill_at_any_row_doubles_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    till, path, spec = Till(), tmp_path / "run.db", [Check("anything", always)]

    class Dying(DyingJournal):
        rows_left = rows

    with monkeypatch.context() as patched:
        patched.setattr(managing, "Journal", Dying)
        try:
            till.manager(path).run_sync("Pay 5.", spec=spec)
        except BaseException as error:
            assert "Killed" in repr(error) or isinstance(error, Killed)
    outcome = till.manager(path).resume_sync(path, spec=spec)

    assert till.paid == [5]
    assert isinstance(outcome, Confirmed | Unverified)


def test_the_policy_of_the_manager_holds_for_the_tools_of_a_strategy(tmp_path: Path) -> None:
    till = Till()

    till.manager(tmp_path / "run.db", policy=preset("suggest")).run_sync(
        "Pay 5.", spec=[Check("anything", always)]
    )

    assert till.paid == []


def test_a_worker_asks_its_own_model(tmp_path: Path) -> None:
    model = ScriptedModel(lambda _: "42")
    worker = Worker("thinker", model, strategy="direct")
    manager = Manager(ScriptedModel([]), [worker], journal=tmp_path / "run.db")

    outcome = manager.run_sync("What is six by seven?", spec=[Check("anything", always)])

    assert isinstance(outcome, Confirmed)
    assert len(model.asked) == 1


def test_a_spec_that_no_task_would_use_is_refused(tmp_path: Path) -> None:
    till = Till()
    worker = Worker("cashier", ScriptedModel([]), tools=[till.pay])

    with pytest.raises(SpecNotUsed, match="cashier"):
        Manager(worker.model, [worker], journal=tmp_path / "run.db").run_sync(
            "Pay 5.", spec=[Check("anything", always)]
        )


def test_a_worker_that_reacts_with_its_tools_answers_with_what_they_returned(tmp_path: Path) -> None:
    @tool
    def stock(item: str) -> str:
        """Units in the warehouse."""
        return f"14 {item}"

    def acts(question: str) -> str:
        if "14 mugs" in question:
            return '{"thought": "so", "tool": "finish", "answer": "14 mugs"}'
        return '{"thought": "look", "tool": "stock", "arguments": {"item": "mugs"}}'

    planner = ScriptedModel(["task use\ntext how many mugs\nend"])
    worker = Worker("keeper", ScriptedModel(acts), tools=[stock], strategy=ReAct(tools=[stock]))

    outcome = Manager(planner, [worker], journal=tmp_path / "run.db").run_sync("how many mugs")

    assert isinstance(outcome, Confirmed)
    assert outcome.result["answer"] == "14 mugs"
    assert any(item.tool == "stock" for item in outcome.evidence)

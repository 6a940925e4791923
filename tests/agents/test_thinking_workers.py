"""Workers and managers that think by a strategy: one budget, one journal, nothing done without its check."""

from __future__ import annotations

from pathlib import Path

import pytest

from punchlist.agents import Manager, Worker
from punchlist.agents.agent import NothingToWorkWith
from punchlist.agents.manager import SpecMissing
from punchlist.agents.reasoning import BestOfN, Checked, Prompt, Result, Sampled, Task, Thinking
from punchlist.agents.reasoning.strategy import Answers, UnknownStrategy
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols import Confirmed, Failed, Unverified
from punchlist.protocols.journal import Journal
from punchlist.protocols.spec import Check
from punchlist.tools import tool


class Twice:
    """Samples two answers and takes the longer one."""

    name = "twice"

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        self.tasks.append(task)
        grammar = task.grammar
        proposer = Sampled(
            lambda _: Prompt.of(f"{task.question} {task.feedback}", task.instructions),
            grammar=None if grammar is None else lambda _: grammar,
        )
        longer = Checked(lambda node: len(node.answer or "") / 100)
        return await BestOfN(samples=2).run(Answers(), proposer, longer, thinking)


def says(text: str) -> Check:
    return Check(f"it says {text}", lambda result: result["answer"] == text)


def test_a_worker_without_tools_answers_the_goal_by_its_strategy(tmp_path: Path) -> None:
    worker = Worker("thinker", ScriptedModel(["forty", "forty-two"]), strategy=Twice())
    manager = Manager(worker.model, [worker], journal=tmp_path / "run.db")

    outcome = manager.run_sync("What is six by seven?", spec=[says("forty-two")])

    assert isinstance(outcome, Confirmed)
    assert outcome.result["answer"] == "forty-two"
    assert outcome.cost.model_calls == 2


def test_what_the_check_refuses_goes_back_with_its_feedback(tmp_path: Path) -> None:
    strategy = Twice()
    model = ScriptedModel(["no", "maybe", "no", "forty-two"])
    manager = Manager(model, [Worker("thinker", model, strategy=strategy)], journal=tmp_path / "run.db")

    outcome = manager.run_sync("What is six by seven?", spec=[says("forty-two")])

    assert isinstance(outcome, Confirmed)
    assert "it says forty-two" in strategy.tasks[1].feedback
    assert [item.criterion for item in outcome.punch_list] == ["it says forty-two"]


def test_an_answer_that_never_passes_ends_unverified(tmp_path: Path) -> None:
    model = ScriptedModel(lambda _: "no")
    manager = Manager(
        model, [Worker("thinker", model, strategy=Twice())], journal=tmp_path / "run.db", redos=1
    )

    outcome = manager.run_sync("What is six by seven?", spec=[says("forty-two")])

    assert isinstance(outcome, Unverified)


@pytest.mark.parametrize(
    ("scores", "kind"), [({"1 pass": -0.01}, Confirmed), ({"1 fail": -0.01}, Unverified)]
)
def test_without_a_spec_the_model_judges(
    tmp_path: Path, scores: dict[str, float], kind: type[Confirmed[object] | Unverified]
) -> None:
    model = ScriptedModel(lambda text: "1 fail 42" if text.endswith("found:") else "42", scores)
    manager = Manager(
        model, [Worker("thinker", model, strategy=Twice())], journal=tmp_path / "run.db", redos=0
    )

    outcome = manager.run_sync("What is six by seven?")

    assert isinstance(outcome, kind)


def test_a_worker_with_tools_thinks_over_each_of_its_questions(tmp_path: Path) -> None:
    @tool
    def stock() -> int:
        """Units in the warehouse."""
        return 7

    plan = "task use\ntext how many\nend"
    model = ScriptedModel([plan, "call stock\nend", "call stock\nend", "answer 7", "answer 7"])
    strategy = Twice()
    worker = Worker("keeper", model, tools=[stock], strategy=strategy)

    outcome = Manager(model, [worker], journal=tmp_path / "run.db").run_sync("how many")

    assert isinstance(outcome, Confirmed)
    assert len(strategy.tasks) == 2


def test_a_spent_budget_ends_the_run_unverified(tmp_path: Path) -> None:
    model = ScriptedModel(lambda _: "no")
    worker = Worker("thinker", model, strategy=Twice())
    manager = Manager(model, [worker], journal=tmp_path / "run.db", tokens=1)

    outcome = manager.run_sync("What is six by seven?", spec=[says("forty-two")])

    assert isinstance(outcome, Unverified)
    assert any("budget" in reason for reason in outcome.reasons)


def test_a_run_with_a_spec_is_not_resumed_without_it(tmp_path: Path) -> None:
    model = ScriptedModel(lambda _: "no")
    manager = Manager(
        model, [Worker("thinker", model, strategy=Twice())], journal=tmp_path / "run.db", redos=0
    )
    manager.run_sync("What is six by seven?", spec=[says("forty-two")])

    with pytest.raises(SpecMissing, match="it says forty-two"):
        manager.resume_sync(tmp_path / "run.db")


def test_every_thought_is_in_the_journal_of_the_run(tmp_path: Path) -> None:
    worker = Worker("thinker", ScriptedModel(["forty", "forty-two"]), strategy=Twice())
    Manager(worker.model, [worker], journal=tmp_path / "run.db").run_sync("6 x 7", spec=[says("forty-two")])

    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        rows = list(journal.rows(journal.runs()[0].run))

    assert [row.body["text"] for row in rows if row.kind == "thought" and "text" in row.body] == [
        "forty",
        "forty-two",
    ]
    assert "stopped" in [row.body["what"] for row in rows if row.kind == "tree"]


def test_an_unknown_strategy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownStrategy, match="tree-of-thoughts"):
        Worker("thinker", ScriptedModel([]), strategy="tree of thought")


def test_a_worker_with_neither_tools_nor_a_strategy_says_what_it_lacks(tmp_path: Path) -> None:
    model = ScriptedModel([])

    outcome = Manager(model, [Worker("idle", model)], journal=tmp_path / "run.db").run_sync("Think.")

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, NothingToWorkWith)
    assert "strategy" in str(outcome.error)

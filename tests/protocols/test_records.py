"""Copies of records with some fields changed, held against the slow obvious way."""

from __future__ import annotations

import dataclasses

import pytest

from punchlist.protocols.errors import BudgetOverdrawn
from punchlist.protocols.records import replace
from punchlist.protocols.spec import Check, Spec
from punchlist.protocols.tasks import Child, Limits, ManagerTask, WorkerTask


def task() -> ManagerTask:
    return ManagerTask("run", "task", Spec([Check("positive", lambda result: result > 0)]).describe())


def test_a_copy_is_the_one_that_the_constructor_makes_and_leaves_its_source_alone() -> None:
    state, other = task(), WorkerTask("run", "task", "shop")

    changed, worker = replace(state, status="working", arms=3), replace(other, attempt=2)

    assert changed == dataclasses.replace(state, status="working", arms=3)
    assert worker == dataclasses.replace(other, attempt=2)
    assert (state, other) == (task(), WorkerTask("run", "task", "shop"))
    assert hash(worker) == hash(dataclasses.replace(other, attempt=2))


def test_a_copy_cannot_be_changed() -> None:
    changed = replace(task(), arms=1)

    with pytest.raises(dataclasses.FrozenInstanceError):
        changed.arms = 2  # pyright: ignore[reportAttributeAccessIssue]


def test_a_field_that_there_is_not_is_refused() -> None:
    with pytest.raises(TypeError, match="armz"):
        replace(task(), armz=1)


def test_a_copy_is_checked_as_a_new_record_is() -> None:
    state = replace(task(), limits=Limits(budget=10))

    with pytest.raises(BudgetOverdrawn):
        replace(state, children=(Child("a", budget=8), Child("b", budget=8)))

"""What a mended failure teaches: kept only with a confirm, and recalled at the next similar task."""

import hashlib

import numpy as np
import pytest

from punchlist.agents.events import Learned, Recalled
from punchlist.memory import Memory
from punchlist.protocols import Confirmed, Unverified

from .doubles import ORDER_GOAL, ORDER_PLAN, WANTED, knowing

LESSON = "stage cart: set each quantity again in the cart"


class FakeEmbedder:
    """A vector per text that depends on nothing but its bytes."""

    name = "fake"

    def embed(self, texts):
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) for text in texts]
        rows = np.stack([np.random.default_rng(seed).standard_normal(384) for seed in seeds])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def memory(tmp_path):
    with Memory.open(tmp_path / "memory", embedder=FakeEmbedder(), index="exact") as memory:
        yield memory


async def test_a_mended_failure_leaves_a_lesson_with_its_proof(manager, watch, shop, memory):
    shop.loses_quantity = True

    outcome, events = await watch(manager(knowing(ORDER_PLAN), [shop], memory=memory), ORDER_GOAL)

    [kept] = memory.records_sync()
    [proof] = memory.proofs_sync(kept.id)
    assert isinstance(outcome, Confirmed)
    assert (kept.text, kept.kind, kept.provenance.attempt) == (LESSON, "reflection", 1)
    assert "green mugs" in kept.provenance.check and proof.attempt == 2
    assert [event.text for event in events if isinstance(event, Learned)] == [LESSON]


async def test_the_next_similar_task_recalls_the_lesson_and_needs_no_redo(
    manager, watch, shop, memory, tmp_path
):
    shop.loses_quantity = True
    await watch(manager(knowing(ORDER_PLAN), [shop], memory=memory), ORDER_GOAL)

    again = manager(knowing(ORDER_PLAN), [shop], memory=memory, journal=tmp_path / "second.db")
    outcome, events = await watch(again, ORDER_GOAL)

    assert isinstance(outcome, Confirmed)
    assert [event.text for event in events if isinstance(event, Recalled)] == [
        "set each quantity again in the cart"
    ]
    assert outcome.punch_list == () and outcome.cost.redos == 0
    assert shop.orders == [WANTED, WANTED]


async def test_a_failure_that_was_never_mended_teaches_nothing(manager, watch, shop, memory):
    shop.loses_quantity = True
    never_mends = knowing(
        ORDER_PLAN, steps=lambda text: "open cart\nend" if "failed" in text else "do 1\nopen cart\nend"
    )

    outcome, _ = await watch(manager(never_mends, [shop], memory=memory), ORDER_GOAL)

    assert isinstance(outcome, Unverified)
    assert memory.records_sync() == []


async def test_a_run_without_failures_keeps_nothing(manager, watch, shop, memory):
    await watch(manager(knowing(ORDER_PLAN), [shop], memory=memory), ORDER_GOAL)

    assert memory.records_sync() == []


async def test_what_came_of_a_recalled_lesson_is_told_and_of_none_counts_for_the_site(
    manager, watch, shop, memory, tmp_path
):
    shop.loses_quantity = True
    for number in range(3):
        again = manager(knowing(ORDER_PLAN), [shop], memory=memory, journal=tmp_path / f"{number}.db")
        await watch(again, ORDER_GOAL)

    [lesson] = memory.records_sync(kinds=("reflection",))
    assert lesson.outcomes == "++"
    assert memory.ledger.outcomes_without(lesson) == "-"

"""Memory tools of an agent that lives elsewhere: the same folder, in the process where it lives."""

import copyreg
import os
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest

from punchlist.agents import Agent, Plan
from punchlist.agents.errands import on_errand
from punchlist.agents.fleet import CannotTravel, LocalFleet
from punchlist.agents.fleet.memories import MemoryElsewhere, memories_travel
from punchlist.agents.memory_tools import memory_tools
from punchlist.agents.testing import ScriptedModel
from punchlist.memory import Memory, Provenance, Record, Scope
from punchlist.protocols import Check, Confirmed, Failed
from punchlist.protocols.journal import Journal
from punchlist.protocols.messages import Report
from punchlist.tools.executor import Executor

from ..doubles import FakeEmbedder

ADA = Scope(user="ada")
SEAT, NOTE = "Ada takes the aisle seat", "The night train has no aisle seats"


class Caller(Agent):
    """Recalls and notes something, and says where it did."""

    def __init__(self, *tools):
        super().__init__("caller")
        self.functions = tools

    async def perform(self, order, mind, policy):
        door = Executor(policy, mind.journal, self.functions)
        key = f"{order.run}/{order.task}/{order.attempt}"
        with on_errand(self.name, order, mind):
            found = await door.call("recall", {"queries": ["Which seat?"]}, key=f"{key}/1")
            noted = await door.call("remember", {"text": NOTE}, key=f"{key}/2")
        notes = [each["note"] for each in found.value["notes"]]
        return Report(result={"notes": notes, "noted": noted.ok, "process": os.getpid()})


class Packer(Agent):
    """Says whether its orders can be pickled, and whose preferences are in them."""

    async def perform(self, order, mind, policy):
        packed = pickle.dumps(replace(order, talk=None, watch=None))
        return Report(result=[memo.text for memo in pickle.loads(packed).preferences.known])


@pytest.fixture
def memory(tmp_path):
    """With the usual embedder: other processes make it by its name."""
    with Memory.open(tmp_path / "memory") as memory:
        said = Provenance(by="person")
        memory.remember_sync(Record(kind="fact", text=SEAT, scope=ADA, provenance=said, trust="trusted"))
        yield memory


@pytest.fixture
def travelling():
    """Memories are pickled as a fleet does it, in this test alone."""
    memories_travel()
    yield
    copyreg.dispatch_table.pop(Memory)


def a_task(right=True):
    plan = Plan()
    plan.task("it", "book a seat", spec=[Check("it is right", lambda result: right)])
    return plan


def kept(memory):
    return [each.text for each in memory.records_sync(kinds=("fact",), scope=ADA)]


async def test_an_agent_recalls_there_and_what_it_notes_is_kept_by_its_manager(
    place, carry_out, memory, tmp_path
):
    model = ScriptedModel(lambda question: "")

    outcome = await carry_out(a_task(), place(Caller(*memory_tools(memory, ADA))), model)

    assert isinstance(outcome, Confirmed) and outcome.result["it"]["notes"] == [SEAT]
    assert outcome.result["it"]["noted"] and kept(memory) == [SEAT, NOTE]
    [proof] = memory.proofs_sync(memory.records_sync(kinds=("fact",), scope=ADA)[1].id)
    assert (proof.run, proof.attempt) == (outcome.run, 1)
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        assert len(list(journal.rows(outcome.run, kinds=("recalled", "noted", "remembered")))) == 3


async def test_what_an_agent_notes_there_in_vain_leaves_nothing(place, carry_out, memory):
    model = ScriptedModel(lambda question: "")

    await carry_out(a_task(right=False), place(Caller(*memory_tools(memory, ADA))), model, redos=0)

    assert kept(memory) == [SEAT]


async def test_the_orders_of_a_run_with_a_memory_can_travel(carry_out, memory):
    async with LocalFleet() as fleet:
        outcome = await carry_out(a_task(), fleet.place(Packer("packer")), memory=memory, user="ada")

    assert isinstance(outcome, Confirmed) and outcome.result["it"] == []


def recalled_by(packed):
    """What another process finds in a memory that travelled there, or how it fails."""
    program = (
        "import pickle, sys\n"
        "memory = pickle.load(sys.stdin.buffer)\n"
        "from punchlist.memory import Scope\n"
        "print(memory.recall_sync('Which seat?', 1, scope=Scope(user='ada'))[0].record.text)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], input=packed, capture_output=True, timeout=60)
    return ended.stdout.decode().strip(), ended.stderr.decode()


def test_a_memory_is_opened_again_where_it_arrives(memory, travelling):
    assert recalled_by(pickle.dumps(memory)) == (SEAT, "")


def test_where_the_folder_is_not_there_none_is_made(memory, travelling):
    packed = pickle.dumps(memory)
    memory.close()
    memory.folder.rename(memory.folder.with_name("moved"))

    with pytest.raises(MemoryElsewhere, match=r"there is no such folder\..*place the agent on that machine"):
        pickle.loads(packed)

    assert not memory.folder.exists()


def test_another_memory_in_a_folder_of_the_same_name_is_not_taken_for_it(memory, travelling):
    packed = pickle.dumps(memory)
    memory.close()
    memory.folder.rename(memory.folder.with_name("moved"))
    with Memory.open(memory.folder):
        pass

    with pytest.raises(MemoryElsewhere, match="another one"):
        pickle.loads(packed)


def test_an_embedder_that_no_name_means_goes_along(tmp_path, travelling):
    with Memory.open(tmp_path / "other", embedder=FakeEmbedder()) as memory:
        memory.remember_sync(Record(kind="episode", text=SEAT))
        with pickle.loads(pickle.dumps(memory)) as there:
            assert there.recall_sync(SEAT, 1)[0].record.text == SEAT
            assert there.embedder is not memory.embedder


@pytest.mark.ray
async def test_a_memory_that_is_not_where_its_agent_is_placed_ends_the_run_before_it_begins(
    ray_fleet, carry_out, memory, tmp_path
):
    placed = ray_fleet.place(Caller(*memory_tools(memory, ADA)))
    memory.close()
    memory.folder.rename(memory.folder.with_name("moved"))

    outcome = await carry_out(a_task(), placed, ScriptedModel(lambda question: ""))

    assert isinstance(outcome, Failed) and "there is no such folder" in str(outcome.error)
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        assert list(journal.rows(outcome.run, kinds=("intent",))) == []


@pytest.mark.ray
def test_a_closed_memory_cannot_travel(ray_fleet, memory):
    memory.close()

    with pytest.raises(CannotTravel, match="MemoryClosed"):
        ray_fleet.place(Caller(*memory_tools(memory, ADA)))

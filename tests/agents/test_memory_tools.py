"""Memory as tools: in the scope that the program set, on record, kept by a confirm alone."""

import pytest

from punchlist.agents import FunctionWorker, Manager, Plan
from punchlist.agents.agent import Agent
from punchlist.agents.errands import on_errand
from punchlist.agents.events import Learned, Recalled
from punchlist.agents.memory_tools import MemoryTool, memory_tools, sees
from punchlist.agents.testing import ScriptedModel
from punchlist.memory import Memory, Provenance, Record, Scope
from punchlist.memory.records import LONGEST_ORIGIN
from punchlist.protocols import Check, Confirmed, Unverified
from punchlist.protocols.journal import Journal
from punchlist.protocols.messages import Report
from punchlist.tools.executor import Executor
from punchlist.tools.permissions import preset

from .doubles import FakeEmbedder

ADA = Scope(user="ada")
SAID = Provenance(by="person")


@pytest.fixture
def memory(tmp_path):
    with Memory.open(tmp_path / "memory", embedder=FakeEmbedder(), index="exact") as memory:
        yield memory


def know(memory, text, scope=ADA, **more):
    record = Record(kind="fact", text=text, scope=scope, provenance=SAID, **more)
    return memory.remember_sync(record)


class Caller(Agent):
    """Calls tools as it was told, and reports what they returned."""

    def __init__(self, tools, *calls, name="caller"):
        super().__init__(name)
        self.functions, self.calls = tools, calls

    async def perform(self, order, mind, policy):
        from punchlist.agents.memory_tools import asking

        door = Executor(asking(policy, self.functions), mind.journal, self.functions)
        said = []
        with on_errand(self.name, order, mind):
            for number, (name, args) in enumerate(self.calls):
                key = f"{order.run}/{order.task}/{order.attempt}/{number}"
                made = await door.call(name, args, key=key)
                said.append(made.value if made.ok else made.error)
        return Report(result=said)


@pytest.fixture
def call(memory, tmp_path):
    """Lets an agent call tools in a task that is confirmed or not; gives its outcome and the events."""

    async def call(*calls, right=True, scope=ADA, name="caller", **given):
        plan = Plan("a note")
        plan.task("one", "do it", spec=[Check("it is right", lambda result: right)])
        tools = memory_tools(memory, scope, **given.pop("tools", {}))
        model = ScriptedModel(lambda question: "")
        settings = {"journal": tmp_path / "run.db", "redos": 0} | given
        events = [
            e async for e in Manager(model, [Caller(tools, *calls, name=name)], **settings).stream(plan)
        ]
        return events[-1].outcome, events

    return call


def rows_of(path, kind):
    with Journal.open(path, readonly=True) as journal:
        return [row for info in journal.runs() for row in journal.rows(info.run, kinds=(kind,))]


def said(outcome):
    result = outcome.result if isinstance(outcome, Confirmed) else outcome.last
    return result["one"]


async def test_several_queries_are_united_within_one_number_of_notes(memory, call, tmp_path):
    for text in ("ada takes the aisle seat", "ada pays by invoice", "grace is deaf"):
        know(memory, text)

    outcome, events = await call(("recall", {"queries": ["which seat", "how does she pay"], "k": 2}))

    [told] = said(outcome)
    [row] = rows_of(tmp_path / "run.db", "recalled")
    assert len(told["notes"]) == 2 and row.body["queries"] == ["which seat", "how does she pay"]
    assert [each["id"] for each in told["notes"]] == [each["id"] for each in row.body["used"]]
    assert len([event for event in events if isinstance(event, Recalled)]) == 2


async def test_what_is_recalled_says_where_it_is_from_and_whether_it_is_trusted(memory, call):
    read = Provenance(by="person", origin="http://shop.example")
    memory.remember_sync(Record(kind="fact", text="mugs cost 6", scope=ADA, provenance=read))

    outcome, _ = await call(("recall", {"queries": ["mugs"]}))

    [note] = said(outcome)[0]["notes"]
    assert note["trust"] == "untrusted" and 'from "http://shop.example"' in note["from"]


@pytest.mark.parametrize(("text", "why"), [("mugs cost \0 6", "NUL"), ("  ", "blank")])
async def test_a_note_that_makes_no_record_is_refused_alone(memory, call, text, why):
    outcome, _ = await call(("remember", {"text": text}), ("remember", {"text": "mugs are red"}))

    assert isinstance(outcome, Confirmed) and why in said(outcome)[0]
    assert [each.text for each in memory.records_sync()] == ["mugs are red"]


async def test_the_note_of_an_agent_with_the_longest_name_is_kept(memory, call):
    await call(("remember", {"text": "mugs are red"}), name="a" * 20_000)

    [kept] = memory.records_sync()
    assert kept.provenance.origin == f"agent {'a' * 20_000}"[:LONGEST_ORIGIN]


async def test_what_does_not_fit_the_budget_is_left_out_and_said(memory, call):
    know(memory, "mugs are red")
    know(memory, "mugs " * 400)

    outcome, _ = await call(("recall", {"queries": ["mugs are red"]}), tools={"tokens": 150})

    [told] = said(outcome)
    assert [each["note"] for each in told["notes"]] == ["mugs are red"] and told["left_out"] == 1


async def test_no_argument_widens_the_scope(memory, call):
    know(memory, "grace pays by card", Scope(user="grace"))

    outcome, _ = await call(
        ("recall", {"queries": ["grace pays by card"]}),
        ("recall", {"queries": ["card"], "scope": {"user": "grace"}}),
    )

    told, refused = said(outcome)
    assert told["notes"] == [] and "do not fit its schema" in refused


async def test_a_note_is_kept_with_the_confirm_of_its_task(memory, call, tmp_path):
    outcome, events = await call(("remember", {"text": "mugs cost 6", "kind": "fact"}))

    [kept] = memory.records_sync()
    [row] = rows_of(tmp_path / "run.db", "remembered")
    assert isinstance(outcome, Confirmed)
    assert (kept.text, kept.scope, kept.trust, kept.standing) == (
        "mugs cost 6",
        ADA,
        "untrusted",
        "confirmed",
    )
    assert memory.proofs_sync(kept.id)[0].attempt == 1 == row.body["proof"]["attempt"]
    assert [event.what for event in events if isinstance(event, Learned)] == ["fact"]


@pytest.mark.parametrize("kind", ["fact", "episode"])
async def test_unconfirmed_work_leaves_nothing(memory, call, kind):
    outcome, _ = await call(("remember", {"text": "mugs cost 6", "kind": kind}), right=False)

    assert isinstance(outcome, Unverified) and memory.records_sync() == []


async def test_a_secret_is_not_noted(memory, call, tmp_path):
    outcome, _ = await call(("remember", {"text": "the password is hunter2-Xy91", "kind": "fact"}))

    assert "secret" in said(outcome)[0] and rows_of(tmp_path / "run.db", "noted") == []


async def test_what_was_recalled_does_not_come_back_as_a_new_fact(memory, call):
    known = know(memory, "mugs cost 6 at the corner shop")

    await call(
        ("recall", {"queries": ["mugs"]}),
        ("remember", {"text": "mugs cost 6 at the corner shop", "kind": "fact"}),
    )

    assert [record.id for record in memory.records_sync()] == [known.id]


async def test_forgetting_asks_a_person_whatever_the_rules_allow(memory, call, tmp_path):
    known, asked = know(memory, "mugs cost 6"), []

    def person(request):
        asked.append(request.text)
        return True

    outcome, _ = await call(("forget", {"record": known.id}), person=person, policy=preset("unattended"))

    assert said(outcome) == ["forgotten"] and memory.records_sync() == []
    assert known.id in asked[0] and len(rows_of(tmp_path / "run.db", "forgotten")) == 1


async def test_a_person_may_keep_what_an_agent_would_forget(memory, call):
    known = know(memory, "mugs cost 6")

    outcome, _ = await call(("forget", {"record": known.id}), person=lambda request: False)

    assert "not permitted" in said(outcome)[0] and memory.get_sync(known.id) == known


async def test_nobody_elses_record_is_forgotten(memory, call):
    known = know(memory, "grace pays by card", Scope(user="grace"))

    outcome, _ = await call(("forget", {"record": known.id}), person=lambda request: True)

    assert "no record" in said(outcome)[0] and memory.get_sync(known.id) == known


async def test_without_a_task_nothing_is_remembered_and_everything_can_be_recalled(memory):
    know(memory, "mugs cost 6")
    recall, remember, _ = memory_tools(memory, ADA)

    told = await Executor(preset("unattended")).call(recall, {"queries": ["mugs"]}, key="a/b/1/c")
    noted = await Executor(preset("unattended")).call(remember, {"text": "x"}, key="a/b/1/d")

    assert told.value["notes"][0]["note"] == "mugs cost 6"
    assert noted.error == "Nothing can be remembered here."


@pytest.mark.parametrize(
    "other",
    [
        Scope(),
        ADA,
        Scope(user="grace"),
        Scope(user="ada", agent="a"),
        Scope(tenant="t"),
        Scope(user="ada", key="k"),
    ],
)
@pytest.mark.parametrize(
    "scope", [ADA, Scope(), Scope(user="ada", agent="a", key="k"), Scope(user="ada", key="j")]
)
def test_sight_is_that_of_memory(memory, scope, other):
    kept = know(memory, "something", other)

    assert sees(scope, other) == (kept in memory.records_sync(scope=scope))


def test_a_worker_takes_them_beside_other_tools(memory):
    names = [each.name for each in memory_tools(memory) if isinstance(each, MemoryTool)]

    assert names == ["recall", "remember", "forget"]
    assert FunctionWorker("f", lambda brief: brief.goal).functions == ()

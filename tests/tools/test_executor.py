"""The one door: nothing runs unvalidated, unpermitted or unjournalled, and nothing recorded runs again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from punchlist.tools import Executor, Found, Policy, Rule, ToolResult, preset, tool


@dataclass
class RecordedCall:
    tool: str
    status: str | None = None
    result: Any = None
    recovery: str = "unsafe"


@dataclass
class ListJournal:
    """A double of the journal: remembers calls, and everything in the order it was told."""

    calls: dict[str, RecordedCall] = field(default_factory=dict)
    told: list[tuple[Any, ...]] = field(default_factory=list)

    def intent(self, key, tool, args, recovery, *, run, task="", attempt=0, again=False):
        self.told.append(("intent", key, tool, dict(args), recovery, run, task, attempt, again))
        self.calls[key] = RecordedCall(tool, recovery=recovery)
        return len(self.told)

    def outcome(self, key, result, *, status="ok"):
        self.told.append(("outcome", key, status))
        self.calls[key].status, self.calls[key].result = status, result
        return len(self.told)

    def call(self, key):
        return self.calls.get(key)

    def hold(self, run):
        return 0


KEY = "run7/shop/2/5"


class World:
    """Counts effects; its tools are made per recovery class."""

    def __init__(self) -> None:
        self.effects: list[str] = []

    def order(self, recovery: str, *, found: bool = True):
        def plain(item: str) -> str:
            """Order it."""
            self.effects.append(item)
            return f"ordered {item}"

        def keyed(item: str, idempotency_key: str) -> str:
            """Order it."""
            if idempotency_key not in self.effects:
                self.effects.append(idempotency_key)
            return f"ordered {item}"

        def ask(item: str) -> Found | None:
            return Found(f"ordered {item}") if found else None

        options = {"outcome_of": ask} if recovery == "queryable" else {}
        return tool(name="order", recovery=recovery, **options)(keyed if recovery == "keyed" else plain)


def door(journal: ListJournal | None, *tools: Any, policy: Policy | None = None) -> Executor:
    return Executor(policy or preset("unattended"), journal, tools)


async def test_the_intent_is_journalled_before_the_effect_and_the_outcome_after():
    journal = ListJournal()

    @tool
    def order(item: str) -> int:
        """Order it."""
        journal.told.append(("effect", item))
        return 17

    result = await door(journal, order).call("order", {"item": "mug"}, key=KEY)

    assert (result.ok, result.value, result.key, result.code) == (True, 17, KEY, "ok")
    assert journal.told == [
        ("intent", KEY, "order", {"item": "mug"}, "unsafe", "run7", "shop", 2, False),
        ("effect", "mug"),
        ("outcome", KEY, "ok"),
    ]


async def test_what_is_invalid_unknown_or_refused_runs_nothing_and_leaves_no_intent():
    journal, world = ListJournal(), World()
    executor = door(
        journal,
        world.order("unsafe"),
        policy=Policy([Rule("deny", arguments={"item": "bomb"}), Rule("allow")]),
    )

    results = [
        await executor.call(name, args, key=f"r/t/0/{number}")
        for number, (name, args) in enumerate(
            [("order", {}), ("ordr", {"item": "mug"}), ("order", {"item": "bomb"})]
        )
    ]

    assert [result.code for result in results] == ["InvalidArguments", "UnknownTool", "ToolDenied"]
    assert (world.effects, journal.told) == ([], [])
    assert "allow" in results[2].advice and "allow" not in results[2].error


@pytest.mark.parametrize("recovery", ["pure", "keyed", "queryable", "unsafe"])
async def test_a_recorded_outcome_is_given_back_and_nothing_runs_again(recovery):
    journal, world = ListJournal(), World()
    executor = door(journal, world.order(recovery))

    first = await executor.call("order", {"item": "mug"}, key=KEY)
    second = await executor.call("order", {"item": "mug"}, key=KEY)

    assert len(world.effects) == 1
    assert second == ToolResult(**{**first.as_json(), "replayed": True})


async def test_a_recorded_failure_is_given_back_too():
    @tool
    def order(item: str) -> int:
        """Order it."""
        raise ValueError("closed")

    journal = ListJournal()
    executor = door(journal, order)

    results = [await executor.call("order", {"item": "mug"}, key=KEY) for _ in range(2)]

    assert [(result.code, result.replayed) for result in results] == [
        ("ToolRaised", False),
        ("ToolRaised", True),
    ]
    assert journal.told[-1] == ("outcome", KEY, "error")


@pytest.mark.parametrize(
    ("recovery", "found", "effects", "status"),
    [
        ("pure", True, ["mug"], "ok"),
        ("keyed", True, [KEY], "ok"),
        ("queryable", True, [], "ok"),
        ("queryable", False, ["mug"], "ok"),
        ("unsafe", True, [], "unknown"),
    ],
)
async def test_a_call_that_was_begun_is_settled_by_its_recovery_class(recovery, found, effects, status):
    journal, world = ListJournal({KEY: RecordedCall("order", recovery=recovery)}), World()

    result = await door(journal, world.order(recovery, found=found)).call("order", {"item": "mug"}, key=KEY)

    assert world.effects == effects
    assert journal.calls[KEY].status == status
    assert (result.ok, result.unknown) == (status == "ok", status == "unknown")
    assert all(entry[-1] is True for entry in journal.told if entry[0] == "intent")


async def test_an_unknown_outcome_stays_unknown_until_a_person_writes_one():
    journal, world = ListJournal({KEY: RecordedCall("order")}), World()
    executor = door(journal, world.order("unsafe"))

    await executor.call("order", {"item": "mug"}, key=KEY)
    again = await executor.call("order", {"item": "mug"}, key=KEY)
    journal.calls[KEY] = RecordedCall("order", "ok", "B-17")
    told = await executor.call("order", {"item": "mug"}, key=KEY)

    assert (again.unknown, again.code, world.effects) == (True, "OutcomeUnknown", [])
    assert (told.ok, told.value, told.replayed) == (True, "B-17", True)


async def test_the_world_cannot_be_asked_now_so_the_call_stays_open():
    def ask(item: str) -> Found | None:
        raise ConnectionError("site is down")

    @tool(recovery="queryable", outcome_of=ask)
    def order(item: str) -> int:
        """Order it."""
        return 1

    journal = ListJournal({KEY: RecordedCall("order")})

    result = await door(journal, order).call("order", {"item": "mug"}, key=KEY)

    assert (result.unknown, journal.calls[KEY].status) == (True, None)


@pytest.mark.parametrize(
    ("effect", "unknown", "status"), [("read", False, "error"), ("write", True, "unknown")]
)
async def test_a_call_that_timed_out_may_have_taken_effect_unless_it_only_reads(effect, unknown, status):
    import asyncio

    @tool(effect=effect, timeout=0.02)
    async def order(item: str) -> int:
        """Order it."""
        await asyncio.Event().wait()
        return 1

    journal = ListJournal()

    result = await door(journal, order).call("order", {"item": "mug"}, key=KEY)

    assert (result.code, result.unknown, journal.calls[KEY].status) == ("ToolTimeout", unknown, status)


class Overtaken(Exception):
    """Another process writes the run."""


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("recovery", ["pure", "keyed", "queryable", "unsafe"])
async def test_who_lost_the_run_after_the_intent_calls_nothing_more(recovery, begun):
    class LostJournal(ListJournal):
        def hold(self, run):
            raise Overtaken(run)

    journal = LostJournal({KEY: RecordedCall("order", recovery=recovery)} if begun else {})
    world = World()
    executor = door(journal, world.order(recovery, found=False))

    if begun and recovery == "unsafe":
        assert (await executor.call("order", {"item": "mug"}, key=KEY)).unknown
    else:
        with pytest.raises(Overtaken, match="run7"):
            await executor.call("order", {"item": "mug"}, key=KEY)

    assert world.effects == []


@pytest.mark.parametrize(
    ("began_as", "is_now", "made", "unknown"),
    [
        ("pure", "keyed", True, False),
        ("pure", "unsafe", False, True),
        ("unsafe", "pure", False, True),
        ("unsafe", "keyed", False, True),
        ("queryable", "keyed", False, True),
        ("keyed", "pure", False, True),
        ("unsafe", "queryable", True, False),
    ],
)
async def test_a_tool_that_got_another_class_settles_as_its_call_was_made(began_as, is_now, made, unknown):
    """A call that was made without a key and is sent again with one is done twice."""
    journal, world = ListJournal({KEY: RecordedCall("order", recovery=began_as)}), World()

    result = await door(journal, world.order(is_now, found=False)).call("order", {"item": "mug"}, key=KEY)

    assert (bool(world.effects), result.unknown) == (made, unknown)


@pytest.mark.parametrize(("answers_at", "code"), [(2, "ok"), (3, "ToolTimeout")])
async def test_a_keyed_call_without_an_answer_is_sent_once_more_with_its_key(answers_at, code):
    import asyncio

    keys = []

    @tool(effect="irreversible", recovery="keyed", timeout=0.02)
    async def order(item: str, idempotency_key: str) -> int:
        """Order it."""
        keys.append(idempotency_key)
        if len(keys) < answers_at:
            await asyncio.Event().wait()
        return 1

    journal = ListJournal()

    result = await door(journal, order).call("order", {"item": "mug"}, key=KEY)

    assert (keys, result.code, result.unknown) == ([KEY, KEY], code, code != "ok")
    assert [entry[-1] for entry in journal.told if entry[0] == "intent"] == [False, True]


async def test_a_key_names_one_tool():
    journal, world = ListJournal({KEY: RecordedCall("pay", "ok", 3)}), World()

    result = await door(journal, world.order("unsafe")).call("order", {"item": "mug"}, key=KEY)

    assert (result.code, world.effects) == ("KeyReused", [])


async def test_a_tool_can_be_given_itself_and_names_are_unique():
    world = World()
    order = world.order("unsafe")

    assert (await door(None).call(order, {"item": "mug"}, key=KEY)).ok
    with pytest.raises(ValueError, match="two tools are called 'order'"):
        door(None, order, order)


async def test_the_real_journal_is_one_of_these(tmp_path):
    """The executor's small protocol and the journal of `protocols` agree, over a restart too."""
    from punchlist.protocols.journal import Journal

    world = World()
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("run7", "goal")
        first = await Executor(preset("unattended"), journal, [world.order("unsafe")]).call(
            "order", {"item": "mug"}, key=KEY
        )
    with Journal.open(tmp_path / "run.db") as journal:
        journal.intent("run7/shop/2/6", "order", {"item": "lamp"}, "unsafe", run="run7")
        executor = Executor(preset("unattended"), journal, [world.order("unsafe")])
        second = await executor.call("order", {"item": "mug"}, key=KEY)
        lost = await executor.call("order", {"item": "lamp"}, key="run7/shop/2/6")

    assert (first.ok, second.replayed, second.value, lost.unknown) == (True, True, "ordered mug", True)
    assert world.effects == ["mug"]


async def test_in_a_redo_the_world_is_believed_before_the_record_and_what_it_says_is_recorded():
    there = {"mug": "4137"}

    @tool(recovery="queryable", outcome_of=lambda item: Found(there[item]) if item in there else None)
    def order(item: str) -> str:
        """Order it."""
        there[item] = "4138"
        return "4138"

    journal = ListJournal()
    door = Executor(preset("unattended"), journal)
    journal.intent(KEY, "order", {"item": "mug"}, "queryable", run="run7")
    journal.outcome(KEY, ToolResult(KEY, "order", True, "4173").as_json())

    lied = await door.call_again(order, {"item": "mug"}, key=KEY)
    same = await door.call_again(order, {"item": "mug"}, key=KEY)
    there.clear()
    gone = await door.call_again(order, {"item": "mug"}, key=KEY)

    assert [(made.key, made.value) for made in (lied, same, gone)] == [
        (f"{KEY}.again1", "4137"), (f"{KEY}.again1", "4137"), (f"{KEY}.again2", "4138"),
    ]  # fmt: skip
    assert journal.calls[lied.key].result["value"] == "4137" and same.replayed

"""What a user prefers fills in what a goal leaves open, is said to be one, and never outvotes the goal."""

import pytest

from punchlist.agents.cli.journals import find_run, show_lines
from punchlist.agents.events import Planned, Recalled
from punchlist.agents.manager import Manager
from punchlist.agents.managing.preferences import NoMemory
from punchlist.agents.planning.wishes import as_row, fill_in, from_row
from punchlist.agents.recalling import Memo
from punchlist.agents.roles import read_plan
from punchlist.agents.worker import Worker
from punchlist.memory import Consolidation, Memory, Provenance, Record, Scope
from punchlist.protocols import Confirmed
from punchlist.protocols.journal import Journal

from .doubles import ORDER_GOAL, ORDER_PLAN, FakeEmbedder, PaperShop, knowing
from .test_recalling import Reading

GOAL = "Order 2 green mugs for Ada Lovelace."
PLAN = "task order\ncount 2\nitem green mugs\nname ada lovelace\nend"
EXPRESS = Memo(
    "m1", "preference", "Ada always takes express delivery", "trusted", "2027-01-01", stance="explicit"
)


def wished(text, goal=GOAL, plan=PLAN, **more):
    memo = {"kind": "preference", "trust": "trusted", "learned": "2027-01-01", "stance": "explicit"} | more
    [task] = fill_in(goal, read_plan(plan, goal), [Memo("m1", text=text, **memo)])
    return [wish.option for wish in task.wishes]


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("Ada always takes express delivery", ["express"]),
        ("pays by Invoice", ["Invoice"]),
        ("express delivery, paid by invoice", ["express", "invoice"]),
        ("she likes red mugs", []),
        ("express or standard, whatever is cheaper", []),
        ("never express", []),
        ("express if it is free", []),
        ("anything rather than express", []),
    ],
)
def test_a_preference_fills_in_the_one_option_that_it_names_without_a_condition(text, option):
    assert wished(text) == option


@pytest.mark.parametrize(
    ("goal", "plan"),
    [
        ("Order 2 green mugs for Ada Lovelace, standard.", PLAN.replace("\nend", "\noption standard\nend")),
        ("Order 2 green mugs for Ada Lovelace, by post.", PLAN.replace("\nend", "\noption by post\nend")),
        ("Order 2 green mugs, no overnight rush, for Ada Lovelace.", PLAN),
    ],
)
def test_the_goals_words_win(goal, plan):
    assert wished("Ada always takes express delivery", goal, plan) == []


def test_what_is_not_trusted_or_hardly_seen_fills_in_nothing():
    assert wished("express delivery", trust="untrusted") == []
    assert wished("express delivery", stance="implicit", confidence=0.4) == []
    assert wished("express delivery", stance="implicit", confidence=0.8) == ["express"]


def test_what_she_said_goes_before_what_was_seen_and_the_later_before_the_earlier():
    seen = Memo(
        "m2", "preference", "economy delivery", "trusted", "2027-03-01", stance="implicit", evidence=9
    )
    later = Memo("m3", "preference", "overnight delivery", "trusted", "2027-02-01", stance="explicit")
    tasks = read_plan(PLAN, GOAL)

    [one] = fill_in(GOAL, tasks, [seen, EXPRESS])
    [other] = fill_in(GOAL, tasks, [EXPRESS, later])

    assert [wish.option for wish in (*one.wishes, *other.wishes)] == ["express", "overnight"]


def test_a_row_gives_the_plan_back():
    filled = fill_in(GOAL, read_plan(PLAN, GOAL), [EXPRESS])

    assert from_row(read_plan(PLAN, GOAL), as_row(filled)) == filled
    assert from_row(read_plan(PLAN, GOAL), {"pruned": True}) == read_plan(PLAN, GOAL)


# --- in a run -------------------------------------------------------------------------------------------


@pytest.fixture
def memory(tmp_path):
    with Memory.open(tmp_path / "memory", embedder=FakeEmbedder(), index="exact") as memory:
        yield memory


def prefer(memory, text, user="ada", **more):
    given = {"stance": "explicit", "trust": "trusted", "provenance": Provenance(by="person")} | more
    return memory.remember_sync(Record(kind="preference", text=text, scope=Scope(user=user), **given))


async def test_an_order_is_placed_as_its_user_prefers_and_says_so(manager, watch, shop, memory, tmp_path):
    known = prefer(memory, "Ada always takes express delivery")

    outcome, events = await watch(manager(knowing(PLAN), [shop], memory=memory, user="ada"), GOAL)

    told = ["express, not in the goal: Ada always takes express delivery (explicit preference)"]
    assert isinstance(outcome, Confirmed) and shop.orders[0]["speed"] == "Express"
    assert outcome.result["preferred"] == told
    assert [event.text for event in events if isinstance(event, Recalled)] == told
    [planned] = [event for event in events if isinstance(event, Planned)]
    assert planned.tasks["1.details"] == "fill in the details for Ada Lovelace, express as preferred"
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        rows = list(journal.rows(outcome.run))
    shown = "\n".join(show_lines(find_run(str(tmp_path / "run.db")), rows, every=False))
    assert (
        f"takes 'express', which the goal leaves open: Ada always takes express delivery ({known.id}" in shown
    )


async def test_what_a_site_does_not_offer_fails_no_order(manager, watch, shop, memory):
    prefer(memory, "she pays by invoice")
    heedless = knowing(PLAN, act=lambda text: _leaving_out(text, "invoice"))

    outcome, _ = await watch(manager(heedless, [shop], memory=memory, user="ada"), GOAL)

    assert isinstance(outcome, Confirmed) and len(shop.orders) == 1


def _leaving_out(text, option):
    step = text.splitlines()[-2]
    return "cannot not found" if step.endswith(f"choose {option}") else knowing(PLAN)(text)


@pytest.mark.parametrize("user", ["", "grace"])
async def test_nobody_elses_preference_counts(manager, watch, shop, memory, user):
    prefer(memory, "Ada always takes express delivery")

    outcome, _ = await watch(manager(knowing(PLAN), [shop], memory=memory, user=user), GOAL)

    assert shop.orders[0]["speed"] == "Standard" and "preferred" not in outcome.result


async def test_a_model_that_reads_instructions_is_shown_preferences_with_a_question_to_think_over(
    memory, tmp_path
):
    prefer(memory, "Ada takes the aisle seat")
    model = Reading("12C")
    worker = Worker("thinker", model, strategy="direct")
    settings = {"memory": memory, "user": "ada", "journal": tmp_path / "run.db", "redos": 0}

    await Manager(model, [worker], **settings).run("Which seat should she take?")

    asked = [turn for messages in model.sent for turn in messages if "Which seat" in turn["content"]]
    assert any("explicit, seen 1 times" in turn["content"] and turn["role"] == "user" for turn in asked)
    assert all("aisle" not in turn["content"] for turn in asked if turn["role"] == "system")


async def test_the_embedded_models_questions_stay_as_they_were(manager, watch, memory, tmp_path):
    asked = []

    def noting(question):
        asked.append(question)
        return knowing(PLAN)(question)

    await watch(manager(noting, [PaperShop()], journal=tmp_path / "a.db"), GOAL)
    plain, asked = list(asked), []
    prefer(memory, "Ada likes red")
    again = {"journal": tmp_path / "b.db", "memory": memory, "user": "ada"}
    await watch(manager(noting, [PaperShop()], **again), GOAL)

    assert asked == plain


async def test_a_user_sees_and_corrects_what_is_preferred(memory):
    manager = Manager(None, [Worker("w", Reading(""))], memory=memory, user="ada")
    prefer(memory, "window seat", user="grace")
    first = await manager.prefer("window seat")

    second = await manager.prefer("aisle seat", instead_of=first.id)

    assert [record.text for record in await manager.preferences()] == ["aisle seat"]
    assert [record.id for record in memory.history_sync(second.id)] == [first.id, second.id]
    assert second.provenance.by == "person" and second.stance == "explicit"


async def test_a_manager_without_memory_knows_no_preferences():
    with pytest.raises(NoMemory, match="Give it one"):
        await Manager(None, [Worker("w", Reading(""))]).preferences()


async def test_what_a_user_chooses_again_and_again_is_done_without_being_said(
    manager, watch, shop, memory, tmp_path
):
    """Idle work makes a preference of the choices in confirmed orders; what is preferred is no choice."""
    said, chosen = ORDER_GOAL, ORDER_PLAN
    for number in range(6):
        settings = {"memory": memory, "user": "ada", "journal": tmp_path / f"{number}.db"}
        outcome, _ = await watch(manager(knowing(chosen), [shop], **settings), said)
        assert isinstance(outcome, Confirmed)
    Consolidation(memory).run_sync(seconds=10)

    settings["journal"] = tmp_path / "last.db"
    outcome, _ = await watch(manager(knowing(PLAN), [shop], **settings), GOAL)

    [known] = await manager(knowing(PLAN), [shop], **settings).preferences()
    assert known.stance == "implicit" and len(known.provenance.sources) == 6
    assert shop.orders[-1]["speed"] == "Express"
    assert outcome.result["preferred"] == [
        f"express, not in the goal: {known.text} (implicit preference, seen 6 times)"
    ]
    assert len(memory.records_sync(kinds=("episode",))) == 6


async def test_without_a_user_no_choice_is_remembered(manager, watch, shop, memory):
    await watch(manager(knowing(ORDER_PLAN), [shop], memory=memory), ORDER_GOAL)

    assert memory.records_sync(kinds=("episode",)) == []


async def test_a_run_that_goes_on_without_memory_keeps_to_what_was_preferred(manager, watch, shop, memory):
    prefer(memory, "Ada always takes express delivery")
    cut = manager(knowing(PLAN), [shop], memory=memory, user="ada", model_calls=4)
    outcome, _ = await watch(cut, GOAL)
    assert not isinstance(outcome, Confirmed)

    events = [event async for event in manager(knowing(PLAN), [shop]).resume(cut.journal)]

    ended = events[-1].outcome
    assert isinstance(ended, Confirmed) and shop.orders[0]["speed"] == "Express"
    assert ended.result["preferred"][0].startswith("express, not in the goal")

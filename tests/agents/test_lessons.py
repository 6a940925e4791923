"""What a mended failure teaches: kept only with a confirm, and recalled at the next similar task."""

from types import SimpleNamespace

import pytest

from punchlist.agents.cli.journals import find_run, show_lines
from punchlist.agents.events import Learned, Recalled
from punchlist.agents.managing.lessons import Lessons, check_of, fitting, kept_its_word, subject
from punchlist.agents.recalling import Memo
from punchlist.agents.remembering import Place, Remembering
from punchlist.agents.roles import LESSONS
from punchlist.memory import Memory, Provenance, Record, Scope
from punchlist.memory.records import LONGEST_ORIGIN, kept_name
from punchlist.protocols import Confirmed, Unverified
from punchlist.protocols.journal import Journal
from punchlist.protocols.messages import Confirm, Failed, Finding, Verdict
from punchlist.protocols.tasks import Flaw

from .doubles import ORDER_GOAL, ORDER_PLAN, WANTED, FakeEmbedder, knowing, order_steps

LESSON = "stage cart: set each quantity again in the cart"


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


async def test_a_lesson_of_a_check_in_a_page_of_words_is_kept_with_a_part_of_it(memory, tmp_path):
    """A page may have refused a step in as many words as it likes."""
    check = f"StepFailed: half \ud83d of it, \0 {'and so on ' * 2000}"
    verdict = Verdict(findings=(Finding(criterion="1", outcome="pass"),))
    proof = Confirm(spec_hash="5", artifact_hash="a", verdict=verdict, attempt=2, generation=1)
    state = SimpleNamespace(task="one", confirm=proof)
    with Journal.open(tmp_path / "run.db") as journal:
        lessons = Lessons(Remembering(memory, journal, "r"), "")

        assert await lessons.keep("cart", "quantity", check, state, Place("one", 2)) == LESSON

    [kept] = memory.records_sync()
    assert kept.provenance.check == kept_name(check) and len(kept.provenance.check) == LONGEST_ORIGIN


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


def rows_of(path, *kinds):
    with Journal.open(path, readonly=True) as journal:
        return [row for info in journal.runs() for row in journal.rows(info.run, kinds=kinds)]


@pytest.fixture
async def taught(manager, watch, shop, memory, tmp_path):
    """The journals of a run that learned a lesson, and of a second one that recalls it."""
    shop.loses_quantity = True
    await watch(manager(knowing(ORDER_PLAN), [shop], memory=memory), ORDER_GOAL)
    second = tmp_path / "second.db"
    await watch(manager(knowing(ORDER_PLAN), [shop], memory=memory, journal=second), ORDER_GOAL)
    return tmp_path / "run.db", second


async def test_every_recall_and_write_is_a_row_with_queries_ids_and_proof(taught, memory):
    [record] = memory.records_sync()
    first, second = taught

    [kept] = rows_of(first, "remembered")
    recalled = [row for row in rows_of(second, "recalled") if row.task == "1.cart"]

    assert (kept.body["id"], kept.body["kind"], kept.body["proof"]["attempt"]) == (record.id, "reflection", 2)
    assert recalled[0].body["queries"][0].startswith("stage cart: put 2 x green mugs")
    assert [each["id"] for each in recalled[0].body["used"]] == [record.id] == [*recalled[0].body["found"]]


async def test_memory_hears_whether_a_lesson_of_the_plan_helped(taught, memory):
    [record] = memory.records_sync()
    weighed = next(row for row in rows_of(taught[1], "weighed") if row.task == "1.cart")

    assert weighed.body["held"] is True and weighed.body["id"] == record.id
    assert record.importance > 0.5


async def test_a_lesson_that_did_not_keep_the_check_from_failing_weighs_less(
    manager, watch, shop, memory, tmp_path, taught
):
    before = memory.records_sync()[0].importance
    heedless = knowing(ORDER_PLAN, steps=lambda text: order_steps(text.replace("note :", "noted :")))
    third = tmp_path / "third.db"

    await watch(manager(heedless, [shop], memory=memory, journal=third), ORDER_GOAL)

    assert rows_of(third, "weighed")[0].body["held"] is False
    assert memory.records_sync()[0].importance < before


async def test_a_resumed_run_reads_what_was_recalled_and_asks_memory_nothing(memory, tmp_path):
    source = Provenance(by="person")
    memory.remember_sync(Record(kind="fact", text="red mugs cost 6", scope=Scope.shared(), provenance=source))
    place = Place("1.cart", 1)

    with Journal.open(tmp_path / "j.db") as journal:
        journal.begin("r", "goal")
        first = await Remembering(memory, journal, "r").recall("note", ["red mugs"], Scope.shared(), place)
        memory.close()
        lost = Place("1.cart", 2, lost=1)
        again = await Remembering(memory, journal, "r").recall("note", ["red mugs"], Scope.shared(), lost)

    assert again == first and first[0].text == "red mugs cost 6"


async def test_a_journal_shows_what_was_done_with_memory_in_words(taught):
    told = "\n".join(show_lines(find_run(str(taught[1])), rows_of(taught[1]), every=False))

    assert "lesson for 'stage cart: put 2 x green mugs in the cart': m" in told
    assert "'1 : 2 x green mugs' held with m" in told and "'stage details' held without a lesson" in told


def known(name, lesson, outcomes="", check="1 : 2 x mugs"):
    return Memo(
        name, "reflection", f"stage cart: {LESSONS[lesson]}", "trusted", check=check, outcomes=outcomes
    )


def test_of_several_lessons_the_one_of_the_failed_check_goes_first_then_the_one_that_held_best():
    new, good, bad = known("m1", "missing"), known("m2", "quantity", "++-"), known("m3", "again", "--")
    other = known("m4", "order", "++++", check="not asked for")

    def chosen(*found, about=()):
        return [memo.id for memo in fitting(list(found), "cart", {*about})]

    assert chosen(bad, new, good) == ["m2"] and chosen(bad, new) == ["m1"]
    assert chosen(good, other) == ["m4"] and chosen(good, other, about=["items"]) == ["m2"]
    assert fitting([good], "details", set()) == []


REFUSED = "StepFailed: refused : please choose a day"


def found(criterion, outcome):
    """A verdict of one finding."""
    return Verdict(findings=(Finding(criterion=criterion, outcome=outcome),))


@pytest.mark.parametrize(
    ("check", "end", "helped"),
    [
        ("2 : 1 x lamp", found("1 : 2 x mugs", "pass"), True),
        ("2 : 1 x lamp", found("1 : 2 x mugs", "fail"), False),
        (
            "2 : 1 x lamp",
            found("1 : 2 x mugs", "cannot_check"),
            None,
        ),
        ("2 : 1 x lamp", found("1 : name : Ada", "fail"), None),
        ("2 : 1 x lamp", Failed(error="StepFailed", message="refused : no"), None),
        (REFUSED, Failed(error="StepFailed", message="refused : the day is missing"), False),
        (REFUSED, Failed(error="StepFailed", message="choose express : not found"), None),
        (REFUSED, found("1 : name : Ada", "fail"), True),
    ],
)
def test_a_lesson_kept_its_word_where_what_it_is_about_passed(check, end, helped):
    assert kept_its_word(check, end) is helped


def test_a_lesson_is_of_a_check_or_of_a_step_that_was_refused_and_of_no_lost_worker():
    flaws = [
        Flaw(1, "1 : 2 x mugs", "the page shows 1"),
        Flaw(1, "", REFUSED),
        Flaw(1, "", "WorkerLost: gone"),
    ]

    assert [check_of(flaw) for flaw in flaws] == ["1 : 2 x mugs", REFUSED, ""]


@pytest.mark.parametrize(
    ("check", "about"),
    [
        (REFUSED, "StepFailed: refused"),
        ("1 : 2 x green mugs", "items"),
        ("3 : name : Ada Lovelace", "name"),
        ("2 : express", "option"),
        ("not asked for", "not asked for"),
    ],
)
def test_checks_of_different_values_are_about_the_same(check, about):
    assert subject(check) == about


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

"""What a person may do about a run: answer, approve, pause, cancel, take over, have done again."""

import asyncio

import pytest
from pydantic import BaseModel

from punchlist.agents import FunctionWorker, Manager, Plan
from punchlist.agents.people import NobodyThere, Reply
from punchlist.agents.running import UnknownTask
from punchlist.protocols import Check, Confirmed, Unverified
from punchlist.protocols.journal import Journal
from punchlist.tools import preset, tool

FINE = Check("it is there", lambda result: result is not None)


class Colour(BaseModel):
    name: str


def one_task(name="it", **given):
    plan = Plan()
    plan.task(name, name, spec=[FINE], **given)
    return plan


async def last(events):
    async with asyncio.timeout(10):
        return [event async for event in events][-1].outcome


async def until(condition):
    """Let everybody go on until a condition holds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 there is no event for what any of them may change
            await asyncio.sleep(0)


async def asks(brief):
    return (await brief.ask("Which colour?", Colour)).name


@pytest.fixture
def manager(tmp_path):
    def manager(function, **given):
        workers = [FunctionWorker("worker", function, tools=given.pop("tools", ()))]
        return Manager(None, workers, journal=tmp_path / "run.db", **given)

    return manager


async def test_a_worker_asks_and_a_person_answers(manager):
    asked = []

    async def person(request):
        asked.append((request.subject, request.text))
        return Reply({"name": "green"}, "ada")

    outcome = await last(manager(asks, person=person).stream(one_task()))

    assert isinstance(outcome, Confirmed) and outcome.result == {"it": "green"}
    assert asked == [("answer", "Which colour?")]


async def test_an_answer_of_the_wrong_kind_is_an_attempt_that_failed_and_a_redo_asks_anew(manager):
    answers = iter([3, {"name": "green"}])

    outcome = await last(manager(asks, person=lambda request: next(answers)).stream(one_task()))

    assert isinstance(outcome, Confirmed) and outcome.result == {"it": "green"}
    assert "does not fit" in outcome.punch_list[0].why


async def test_with_nobody_there_the_run_ends_for_now_others_finish_and_the_answer_lets_it_go_on(
    manager, tmp_path
):
    async def work(brief):
        return (await brief.ask("Which colour?")) if brief.goal == "ask" else brief.goal

    plan = one_task("ask")
    plan.task("other", "other", spec=[FINE])
    workers = [FunctionWorker(name, work) for name in "ab"]
    first = await last(Manager(None, workers, journal=tmp_path / "run.db").stream(plan))

    with Journal.open(tmp_path / "run.db") as journal:
        status = journal.runs()[0].status
    running = Manager(None, workers, patient=True).go_on(tmp_path / "run.db", plan=plan)
    await until(lambda: running.requests)
    running.reply(running.requests[0].id, "blue", "ada")
    outcome = await running.outcome()

    assert isinstance(first, Unverified) and any("Which colour?" in reason for reason in first.reasons)
    assert status == "paused" and first.last == {"other": "other"}
    assert isinstance(outcome, Confirmed) and outcome.result == {"ask": "blue", "other": "other"}
    assert [item.why.partition(":")[0] for item in outcome.punch_list] == ["WorkerLost"]


async def test_an_approval_survives_a_restart_and_counts_for_one_call(manager, tmp_path):
    sent, asked, enough = [], [], asyncio.Event()

    @tool(effect="irreversible", recovery="keyed")
    def send(text: str, idempotency_key: str) -> str:
        """Send a letter."""
        sent.append(text)
        return "sent"

    async def work(brief):
        await brief.call("send", text="hello")
        if brief.attempt == 1:
            enough.set()
            await asyncio.Event().wait()
        await brief.call("send", text="hello")
        return "both"

    def person(call):
        asked.append(dict(call.arguments)["text"])
        return True

    policy = preset("ask_irreversible", person)
    plan = one_task()
    running = manager(work, tools=[send], policy=policy).start(plan)
    await asyncio.wait_for(enough.wait(), 5)
    await running.stop()

    outcome = await last(manager(work, tools=[send], policy=policy).resume(tmp_path / "run.db", plan=plan))

    assert isinstance(outcome, Confirmed)
    assert sent == ["hello", "hello"] and asked == ["hello", "hello"]


async def test_what_a_person_refuses_is_not_done(manager):
    @tool(effect="irreversible")
    def send(text: str) -> str:
        """Send a letter."""
        raise AssertionError("it was sent")

    async def work(brief):
        return await brief.call("send", text="hello")

    policy = preset("ask_irreversible", lambda call: False)

    outcome = await last(manager(work, tools=[send], policy=policy, redos=0).stream(one_task()))

    assert isinstance(outcome, Unverified) and "not permitted" in outcome.reasons[0]


@pytest.fixture
def held():
    """A function that waits until it is let go; and what lets it go."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def work(brief):
        begun.set()
        await go.wait()
        return brief.goal

    return work, begun, go


async def test_what_is_reported_during_a_pause_counts_when_the_task_goes_on(manager, held):
    work, begun, go = held
    running = manager(work).start(one_task())
    await begun.wait()

    running.pause("it", "ada")
    go.set()
    await until(lambda: running.tasks["it"] == "paused")
    for _ in range(50):
        await asyncio.sleep(0)
    paused = running.tasks["it"]
    running.go_on("it")

    assert paused == "paused" and isinstance(await running.outcome(), Confirmed)


async def test_cancelling_a_run_stops_its_work_and_keeps_what_is_confirmed(manager, held, tmp_path):
    work, begun, _ = held

    async def first_then_wait(brief):
        return "done" if brief.goal == "one" else await work(brief)

    plan = one_task("one")
    plan.task("two", "two", after=[plan.node("one")], spec=[FINE])
    running = manager(first_then_wait).start(plan)
    await begun.wait()

    running.cancel("not needed", person="ada")
    outcome = await asyncio.wait_for(running.outcome(), 5)

    assert isinstance(outcome, Unverified) and outcome.last == {"one": "done"}
    assert "cancelled by ada: not needed" in outcome.reasons[0]
    assert running.tasks == {"one": "confirmed", "two": "cancelled"}
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        assert journal.runs()[0].status == "cancelled"


async def test_a_person_takes_a_task_over_and_their_result_is_verified(manager, held):
    work, begun, _ = held
    running = manager(work, patient=True).start(one_task())
    await begun.wait()

    running.take_over("it", "too slow", "ada")
    await until(lambda: running.requests)
    [request] = running.requests
    running.reply(request.id, "by hand", "ada")
    outcome = await asyncio.wait_for(running.outcome(), 5)

    assert request.subject == "take_over"
    assert isinstance(outcome, Confirmed) and outcome.result == {"it": "by hand"}


@pytest.mark.parametrize(("says", "kind"), [(True, Confirmed), (False, Unverified)])
async def test_a_person_decides_what_cannot_be_checked_and_it_is_recorded_as_theirs(
    manager, tmp_path, says, kind
):
    plan = Plan()
    plan.task("it", "it", spec=[FINE, Check("it is good", lambda result: None)])
    given = {"person": lambda request: Reply(says, "ada"), "redos": 0}

    outcome = await last(manager(lambda brief: "made", **given).stream(plan))

    assert isinstance(outcome, kind)
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        [said] = [row.body for row in journal.rows(outcome.run, kinds=("reply",))]
    assert said == {"value": says, "person": "ada"}
    if says:
        findings = {finding.criterion: finding for finding in outcome.confirm.verdict.findings}
        assert (findings["it is good"].by, findings["it is there"].by) == ("ada", "")


async def test_a_verifier_that_breaks_down_again_and_again_confirms_nothing(manager):
    class Breaking(Check):
        def find(self, result):
            raise RuntimeError("broken")

    plan = Plan()
    plan.task("it", "it", spec=[Breaking("odd", lambda result: True)])

    outcome = await last(manager(lambda brief: "made").stream(plan))

    assert isinstance(outcome, Unverified)


async def test_a_person_who_says_nothing_holds_up_no_run_beyond_its_time(manager):
    async def silent(request):
        await asyncio.Event().wait()

    plan = Plan()
    plan.task("it", "it", spec=[Check("it is good", lambda result: None)])

    outcome = await last(manager(lambda brief: "made", person=silent, seconds=0.2).stream(plan))

    assert isinstance(outcome, Unverified) and "seconds" in outcome.reasons[0]


async def test_a_decision_about_a_verdict_survives_a_restart(manager, tmp_path):
    plan = Plan()
    plan.task("it", "it", spec=[Check("it is good", lambda result: False)])
    running = manager(lambda brief: "made", patient=True, redos=0).start(plan)
    await until(lambda: running.requests)
    await running.stop()

    again = manager(lambda brief: "made", patient=True).go_on(tmp_path / "run.db", plan=plan)
    await until(lambda: again.requests)
    again.reply(again.requests[0].id, True, "ada")
    outcome = await asyncio.wait_for(again.outcome(), 5)

    assert isinstance(outcome, Confirmed) and outcome.cost.redos == 0


async def test_a_task_that_is_done_again_makes_what_consumed_it_be_done_again_and_nothing_else(manager, held):
    work, _, go = held
    counts: dict[str, int] = {}

    async def count(brief):
        counts[brief.goal] = counts.get(brief.goal, 0) + 1
        return await work(brief) if brief.goal == "last" else counts[brief.goal]

    plan = Plan()
    one = plan.task("one", "one", spec=[FINE])
    plan.task("two", lambda got: "two", inputs={"n": one}, spec=[FINE])
    plan.task("else", "else", spec=[FINE])
    plan.task("last", "last", spec=[FINE])
    workers = [FunctionWorker(name, count) for name in "abcd"]
    running = Manager(None, workers, journal=manager(count).journal).start(plan)
    await until(lambda: running.tasks.get("two") == "confirmed")

    await running.reopen("one", "it was counted wrongly", "ada")
    await until(lambda: counts.get("two") == 2)
    go.set()
    outcome = await asyncio.wait_for(running.outcome(), 5)

    assert isinstance(outcome, Confirmed)
    assert counts == {"one": 2, "two": 2, "else": 1, "last": 1}
    assert outcome.result["one"] == 2


async def test_what_is_not_there_cannot_be_acted_on(manager, held):
    work, begun, go = held
    running = manager(work).start(one_task())
    await begun.wait()

    with pytest.raises(UnknownTask, match="it"):
        running.pause("other")
    with pytest.raises(KeyError):
        running.reply("nothing", True)
    go.set()
    await running.outcome()


async def test_an_act_that_the_task_overtook_is_recorded_as_refused(manager, held, tmp_path):
    work, begun, _ = held
    running = manager(work).start(one_task())
    await begun.wait()

    running.cancel("enough", "it", "ada")
    running.pause("it", "grace")  # legal as it stands: the cancel is taken up in its turn
    await asyncio.wait_for(running.outcome(), 5)

    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        [refused] = [row.body for row in journal.rows(running.id, kinds=("refused",))]
    assert refused["event"]["person"] == "grace" and "pause" in refused["why"]
    assert running.tasks == {"it": "cancelled"}


def test_what_nobody_answers_says_how_to_answer_it():
    from punchlist.agents.people import Request

    assert "punchlist answer" in str(NobodyThere(Request("r", "answer", "it", "Which?")))


async def test_what_was_done_by_hand_during_a_pause_counts_when_the_task_goes_on(manager, held):
    work, begun, _ = held
    running = manager(work, patient=True).start(one_task())
    await begun.wait()
    running.take_over("it")
    await until(lambda: running.requests)

    running.pause("it")
    await until(lambda: running.tasks["it"] == "paused")
    running.reply(running.requests[0].id, "by hand", "ada")
    for _ in range(50):
        await asyncio.sleep(0)
    running.go_on("it")
    outcome = await asyncio.wait_for(running.outcome(), 5)

    assert isinstance(outcome, Confirmed) and outcome.result == {"it": "by hand"}


async def test_an_approval_that_comes_after_the_attempt_lets_the_next_one_go_on(manager):
    sent, tries = [], []

    @tool(effect="irreversible", recovery="keyed")
    def send(text: str, idempotency_key: str) -> str:
        """Send a letter."""
        sent.append(text)
        return "sent"

    async def work(brief):
        tries.append(brief.attempt)
        return await brief.call("send", text="hello")

    running = manager(work, tools=[send], policy=preset("ask_irreversible"), patient=True).start(
        one_task(seconds=0.2)
    )
    await until(lambda: tries == [1, 2])
    await until(lambda: running.requests)
    running.reply(running.requests[0].id, True)
    outcome = await asyncio.wait_for(running.outcome(), 5)

    assert isinstance(outcome, Confirmed) and sent == ["hello"]


async def test_nobody_is_asked_the_same_twice_at_once(manager):
    asked, go = [], asyncio.Event()

    async def person(request):
        asked.append(request.text)
        await go.wait()
        return {"name": "green"}

    running = manager(asks, person=person).start(one_task())
    await until(lambda: asked)
    running.pause("it")
    await until(lambda: running.tasks["it"] == "paused")
    running.go_on("it")
    await until(lambda: running.tasks["it"] == "waiting")
    for _ in range(50):
        await asyncio.sleep(0)
    go.set()

    assert isinstance(await running.outcome(), Confirmed) and asked == ["Which colour?"]


@pytest.mark.parametrize("step_in", [lambda it: it.cancel("enough"), lambda it: it.take_over("it")])
async def test_what_an_ended_task_had_asked_for_keeps_no_run_open(manager, tmp_path, step_in):
    running = manager(asks, patient=True).start(one_task())
    await until(lambda: running.requests)

    step_in(running)
    for _ in range(50):
        await asyncio.sleep(0)
    if len(running.requests) > 1:
        running.reply(running.requests[-1].id, "by hand")
    await asyncio.wait_for(running.outcome(), 5)

    assert running.requests == ()
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        assert journal.runs()[0].status in ("confirmed", "cancelled")


async def test_a_decision_about_an_earlier_attempt_decides_nothing_about_a_later_one(manager):
    plan = Plan()
    plan.task("it", "it", spec=[Check("it is good", lambda result: None)])
    running = manager(lambda brief: f"made in {brief.attempt}", patient=True, redos=1).start(plan)
    await until(lambda: len(running.requests) == 1)
    [early] = running.requests
    running.take_over("it")
    await until(lambda: len(running.requests) == 2)
    running.reply(running.requests[1].id, None)
    await until(lambda: len(running.requests) == 2)

    running.reply(early.id, True)
    for _ in range(50):
        await asyncio.sleep(0)
    still = running.tasks["it"]
    running.reply(running.requests[0].id, False)
    outcome = await asyncio.wait_for(running.outcome(), 5)

    assert still == "waiting" and isinstance(outcome, Unverified)


@pytest.mark.parametrize("task", ["", "ask"])
async def test_what_waits_for_somebody_who_is_not_there_can_be_cancelled(manager, held, tmp_path, task):
    work, _, go = held

    async def asking(brief):
        return await brief.ask("Which colour?") if brief.goal == "ask" else await work(brief)

    plan = one_task("ask")
    plan.task("other", "other", spec=[FINE])
    workers = [FunctionWorker(name, asking) for name in "ab"]
    running = Manager(None, workers, journal=tmp_path / "run.db").start(plan)
    await until(lambda: running.requests and running.tasks["ask"] == "waiting")
    for _ in range(50):
        await asyncio.sleep(0)

    running.cancel("not needed", task)
    go.set()
    await asyncio.wait_for(running.outcome(), 5)

    assert running.tasks["ask"] == "cancelled"
    with Journal.open(tmp_path / "run.db", readonly=True) as journal:
        assert journal.runs()[0].status == ("unverified" if task else "cancelled")


async def test_what_was_called_off_calls_off_what_is_below_it_begun_or_not(manager, held, tmp_path):
    work, begun, _ = held

    def planner(order):
        plan = one_task("first")
        plan.task("second", "second", after=[plan.node("first")], spec=[FINE])
        return plan

    boss = Manager(None, [FunctionWorker("inner", work)]).as_worker("boss", planner)
    running = Manager(None, [boss], journal=tmp_path / "run.db").start(one_task())
    await begun.wait()

    running.cancel("not needed", "it")
    outcome = await asyncio.wait_for(running.outcome(), 5)

    assert isinstance(outcome, Unverified) and "not needed" in outcome.reasons[0]
    assert running.tasks == {"it": "cancelled", "it/1/first": "cancelled"}


async def test_a_run_goes_on_that_was_killed_again_just_when_it_noticed_that_a_question_was_lost(
    manager, tmp_path
):
    running = manager(asks, patient=True).start(one_task())
    await until(lambda: running.requests)
    await running.stop()
    with Journal.open(tmp_path / "run.db") as journal:  # the last row that a second process came to write
        lost = {"kind": "worker_lost", "now": 0.0, "worker": "worker"}
        body = {"worker": "worker", "event": lost}
        journal.append("worker_event", body, run=running.id, task="it", attempt=1)

    again = manager(asks, person=lambda request: {"name": "green"}).go_on(
        tmp_path / "run.db", plan=one_task()
    )
    outcome = await asyncio.wait_for(again.outcome(), 5)

    assert isinstance(outcome, Confirmed) and outcome.result == {"it": "green"}

"""Runs over HTTP: begun, followed, answered, stepped into; and what is refused, with what to do."""

import asyncio
import json

import httpx
import pytest

from punchlist.agents import FunctionWorker, Manager, Plan
from punchlist.agents.door import Door, _Followed
from punchlist.protocols import Check

JSON = {"content-type": "application/json"}


async def asks(brief):
    return await brief.ask("Which colour?") if brief.goal == "paint" else brief.goal


def a_plan():
    plan = Plan("painting")
    before = plan.task("buy", "buy", spec=[Check("it is there", bool)])
    plan.task("paint", "paint", after=[before], spec=[Check("it is there", bool)])
    return plan


@pytest.fixture
async def door(tmp_path):
    """A client of a door with one plan."""
    numbers = iter(range(100))

    def make():
        path = tmp_path / f"{next(numbers)}.db"
        return Manager(None, [FunctionWorker("worker", asks)], journal=path, patient=True)

    made = Door(make, {"painting": a_plan}, key="secret")
    transport = httpx.ASGITransport(app=made)
    headers = {"Authorization": "Bearer secret"}
    async with httpx.AsyncClient(transport=transport, base_url="http://door", headers=headers) as client:
        yield client
    await made.close()


async def waiting(door, run):
    """How a run stands once it asks something."""
    async with asyncio.timeout(5):
        while not (told := (await door.get(f"/runs/{run}")).json())["requests"]:  # noqa: ASYNC110
            await asyncio.sleep(0)
    return told


async def begin(door):
    answer = await door.post("/runs", json={"plan": "painting"})
    assert answer.status_code == 202 and answer.headers["location"] == f"/runs/{answer.json()['run']}"
    return answer.json()["run"]


async def test_a_run_is_begun_answered_and_followed_to_its_outcome(door):
    run = await begin(door)
    told = await waiting(door, run)

    said = await door.post(
        f"/runs/{run}/requests/{told['requests'][0]['id']}", json={"value": "blue", "person": "ada"}
    )
    lines = (await door.get(f"/runs/{run}/events")).text.split("\n\n")
    events = [json.loads(line.partition("data: ")[2]) for line in lines if line]
    later = (await door.get(f"/runs/{run}/events", params={"after": len(events) - 1})).text

    assert said.status_code == 200 and told["requests"][0]["text"] == "Which colour?"
    assert events[0]["event"] == "planned" and events[-1]["event"] == "ended"
    assert later.startswith(f"id: {len(events)}\n")
    end = (await door.get(f"/runs/{run}")).json()
    assert (end["state"], end["outcome"]["result"]) == ("confirmed", {"buy": "buy", "paint": "blue"})
    assert (await door.get("/runs")).json()["runs"] == [
        {"run": run, "goal": "painting", "state": "confirmed"}
    ]


async def test_a_run_whose_error_cannot_be_made_again_out_of_its_words_is_told_all_the_same(tmp_path):
    def make():
        return Manager(None, [FunctionWorker("worker", asks)], journal=tmp_path / "run.db", patient=True)

    def flying():
        plan = Plan()
        plan.task("fly", "fly", skills=["fly"], spec=[Check("it is there", bool)])
        return plan

    made = Door(make, {"flying": flying})
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=made), base_url="http://localhost"
    ) as client:
        run = (await client.post("/runs", json={"plan": "flying"})).json()["run"]
        events = (await asyncio.wait_for(client.get(f"/runs/{run}/events"), 5)).text
        end = (await client.get(f"/runs/{run}")).json()
    await made.close()

    assert "ended" in events and end["state"] == "failed" and "fly" in end["outcome"]["error"]


async def test_without_a_key_a_door_answers_to_this_machines_names_alone(tmp_path):
    made = Door(lambda: Manager(None, [FunctionWorker("worker", asks)], journal=tmp_path / "run.db"))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=made)) as client:
        answers = [await client.get(f"http://{host}/runs") for host in ("localhost", "[::1]", "evil.example")]

    assert [answer.status_code for answer in answers] == [200, 200, 403]


async def test_a_run_is_cancelled_and_keeps_what_is_confirmed(door):
    run = await begin(door)
    await waiting(door, run)

    await door.post(f"/runs/{run}/cancel", json={"reason": "enough", "person": "ada"})
    await door.get(f"/runs/{run}/events")

    end = (await door.get(f"/runs/{run}")).json()
    assert (end["state"], end["outcome"]["last"]) == ("unverified", {"buy": "buy"})
    assert end["tasks"]["paint"] == "cancelled"
    again = await door.post(f"/runs/{run}/pause", json={})
    assert again.status_code == 409 and "has ended" in again.json()["error"]


async def test_a_reply_to_a_run_that_ended_for_now_says_where_it_is_taken(tmp_path):
    made = Door(
        lambda: Manager(None, [FunctionWorker("worker", asks)], journal=tmp_path / "run.db"),
        {"painting": a_plan},
    )
    transport = httpx.ASGITransport(app=made)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        run = (await client.post("/runs", json={"plan": "painting"})).json()["run"]
        await asyncio.wait_for(client.get(f"/runs/{run}/events"), 5)
        [request] = (await client.get(f"/runs/{run}")).json()["requests"]

        said = await client.post(f"/runs/{run}/requests/{request['id']}", json={"value": "blue"})
    await made.close()

    assert said.status_code == 409 and f"punchlist answer {tmp_path / 'run.db'}" in said.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "given", "status", "says"),
    [
        ("POST", "/runs", {"json": {}}, 422, "goal"),
        ("POST", "/runs", {"json": {"goal": "x", "plan": "painting"}}, 422, "goal"),
        ("POST", "/runs", {"json": {"goal": " "}}, 422, "empty"),
        ("POST", "/runs", {"json": {"plan": "other"}}, 404, "painting"),
        ("POST", "/runs", {"content": b"{}"}, 415, "application/json"),
        ("POST", "/runs", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "no JSON"),
        ("POST", "/runs", {"json": [1]}, 400, "object"),
        ("POST", "/runs", {"json": {"goal": "x" * 1_000_001}}, 413, "larger"),
        ("GET", "/runs/none", {}, 404, "no run"),
        ("POST", "/runs/RUN/dance", {"json": {}}, 404, "take-over"),
        ("POST", "/runs/RUN/pause", {"json": {"task": "none"}}, 404, "No task"),
        ("POST", "/runs/RUN/cancel", {"json": {}}, 422, "reason"),
        ("POST", "/runs/RUN/reopen", {"json": {"task": "paint", "reason": "x"}}, 409, "not ended"),
        ("POST", "/runs/RUN/requests/none", {"json": {"value": 1}}, 404, "Waiting"),
        ("POST", "/runs/RUN/requests/none", {"json": {}}, 422, "value"),
        ("GET", "/runs/RUN/events?after=x", {}, 422, "number"),
        ("GET", "/runs", {"headers": {"authorization": "Bearer other"}}, 401, "key"),
        ("POST", "/runs", {"json": {"plan": ["painting"]}}, 422, "text"),
        ("POST", "/runs", {"json": {"goal": {"do": "it"}}}, 422, "text"),
        ("POST", "/runs", {"content": b"[" * 100_000, "headers": JSON}, 400, "no JSON"),
        ("POST", "/runs", {"content": b'{"goal": "\\ud800"}', "headers": JSON}, 400, "no JSON"),
        ("POST", "/runs/RUN/requests/none", {"content": b'{"value": NaN}', "headers": JSON}, 400, "NaN"),
        ("POST", "/runs/RUN/cancel", {"json": {"reason": "x", "person": 3}}, 422, "text"),
        ("GET", "/runs/RUN/events?after=²", {}, 422, "number"),
        ("GET", f"/runs/RUN/events?after={'9' * 5000}", {}, 422, "number"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_what_to_do(door, method, path, given, status, says):
    run = await begin(door)
    await waiting(door, run)

    answer = await door.request(method, path.replace("RUN", run), **given)

    assert answer.status_code == status, answer.text
    assert says in answer.json().get("error", "")


async def test_a_plan_is_seen_and_edited(door):
    run = await begin(door)
    await waiting(door, run)

    before = (await door.get(f"/runs/{run}/plan")).json()
    done = await door.post(
        f"/runs/{run}/plan",
        json={
            "edit": "add",
            "task": "hang",
            "text": "hang",
            "like": "paint",
            "after": ["paint"],
            "person": "ada",
        },
    )
    begun = await door.post(f"/runs/{run}/plan", json={"edit": "drop", "task": "buy"})
    unknown = await door.post(f"/runs/{run}/plan", json={"edit": "drop", "task": "wax"})
    malformed = await door.post(f"/runs/{run}/plan", json={"edit": "burn", "task": "buy"})

    assert list(before["parts"]) == ["buy", "paint"] and list(done.json()["parts"]) == [
        "buy",
        "paint",
        "hang",
    ]
    assert [each.status_code for each in (done, begun, unknown, malformed)] == [200, 409, 404, 422]
    assert "has begun" in begun.json()["error"] and "edit:" in malformed.json()["error"]


async def test_the_plan_of_a_manager_below_is_seen_and_edited(tmp_path):
    gate = asyncio.Event()

    async def waits(brief):
        await gate.wait()
        return brief.goal

    def inner(order):
        plan = Plan()
        plan.task("sort", "sort", spec=[Check("it is there", bool)])
        return plan

    def outer():
        plan = Plan()
        plan.task("shelf", "shelf", spec=[Check("it is there", bool)])
        return plan

    def make():
        boss = Manager(None, [FunctionWorker("hand", waits)]).as_worker("boss", inner)
        return Manager(None, [boss], journal=tmp_path / "run.db")

    made = Door(make, {"shop": outer})
    transport = httpx.ASGITransport(app=made)
    dust = {"edit": "add", "task": "dust", "text": "dust", "like": "sort", "of": "shelf"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        run = (await client.post("/runs", json={"plan": "shop"})).json()["run"]
        async with asyncio.timeout(5):
            while not (seen := (await client.get(f"/runs/{run}/plan")).json())["plans_below"]:  # noqa: ASYNC110
                await asyncio.sleep(0)
        done = await client.post(f"/runs/{run}/plan", json=dust)
        below = await client.get(f"/runs/{run}/plan?of=shelf")
        nobody = await client.get(f"/runs/{run}/plan?of=cellar")
        unknown = await client.post(f"/runs/{run}/plan", json=dust | {"of": "cellar"})
        gate.set()
        await asyncio.wait_for(client.get(f"/runs/{run}/events"), 5)
        outcome = (await client.get(f"/runs/{run}")).json()["outcome"]
    await made.close()

    assert (list(seen["parts"]), seen["plans_below"]) == (["shelf"], {"shelf": "open"})
    assert done.json() == below.json() and list(done.json()["parts"]) == ["sort", "dust"]
    assert [each.status_code for each in (done, nobody, unknown)] == [200, 404, 404]
    assert "Tasks that have one: shelf" in unknown.json()["error"]
    assert outcome["result"]["shelf"] == {"sort": "sort", "dust": "dust"}


async def test_a_plan_is_seen_while_the_outcome_of_its_run_is_on_its_way_out(door, monkeypatch):
    gate, kept = asyncio.Event(), _Followed._keep

    async def slowly(run, event):
        await gate.wait()
        await kept(run, event)

    monkeypatch.setattr(_Followed, "_keep", slowly)
    run = await begin(door)
    told = await waiting(door, run)
    await door.post(f"/runs/{run}/requests/{told['requests'][0]['id']}", json={"value": "blue"})
    async with asyncio.timeout(5):
        while set((await door.get(f"/runs/{run}")).json()["tasks"].values()) != {"confirmed"}:  # noqa: ASYNC110
            await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)

    plan, below = await door.get(f"/runs/{run}/plan"), await door.get(f"/runs/{run}/plan?of=buy")

    gate.set()
    assert (plan.status_code, list(plan.json()["parts"])) == (200, ["buy", "paint"])
    assert below.status_code == 409 and "has ended" in below.json()["error"]


async def test_where_no_route_leads_the_answer_is_json(door):
    nowhere, wrong = await door.get("/nothing"), await door.delete("/runs")

    assert (nowhere.status_code, wrong.status_code) == (404, 405)
    assert "GET /nothing leads nowhere" in nowhere.json()["error"] and "error" in wrong.json()


async def test_runs_that_ended_long_ago_are_let_go_and_their_journals_stay(tmp_path):
    numbers = iter(range(100))

    def make():
        return Manager(
            None, [FunctionWorker("worker", lambda brief: "done")], journal=tmp_path / f"{next(numbers)}.db"
        )

    def buying():
        plan = Plan()
        plan.task("buy", "buy", spec=[Check("it is there", bool)])
        return plan

    made = Door(make, {"buying": buying}, ended_kept=2)
    transport = httpx.ASGITransport(app=made)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        runs = []
        for _ in range(4):
            run = (await client.post("/runs", json={"plan": "buying"})).json()["run"]
            await client.get(f"/runs/{run}/events")
            runs.append(run)
        listed = [each["run"] for each in (await client.get("/runs")).json()["runs"]]
        gone = await client.get(f"/runs/{runs[0]}")
    await made.close()

    assert listed == runs[1:] and gone.status_code == 404 and "all are in journals" in gone.json()["error"]

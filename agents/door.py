"""An HTTP door: begin runs, follow their events, answer what they ask, and step in.

    door = Door(make_manager, plans={"fill": a_plan})
    door.serve(port=8080)                           # or give `door` to any ASGI server

    POST /runs                         {"goal": ...} or {"plan": NAME}       202 {"run": ID}
    GET  /runs                         every run of this process, and how it stands
    GET  /runs/ID                      tasks, open requests, and at the end the outcome
    GET  /runs/ID/events?after=N       events as they come (server-sent), from the first or behind the N-th
    GET  /runs/ID/plan                 the plan in words, as edits see it; ?of=TASK: that of a manager below
    POST /runs/ID/plan                 {"edit": add, drop, change, "task", "of", ..., "person"}: a `PlanEdit`
    POST /runs/ID/requests/REQUEST     {"value": ..., "person": ...}
    POST /runs/ID/ACT                  pause, go-on, cancel, take-over, reopen: {"task", "reason", "person"}

It answers on loopback only unless told otherwise, wants a bearer key where one is set, and takes bodies as
`application/json` alone, which no page of another site can send unasked. Of the runs that have ended the last
`ENDED_KEPT` are told; older ones are in their journals.

Does not cover: who a person is (the key says that somebody may act, the name is theirs to give), runs of
other processes (`punchlist answer` reaches those that stand still), and encryption.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ..protocols.errors import JournalError, ProtocolViolation
from .events import Ended, event_as_json, plain
from .people import RequestWithdrawn, UnfitReply
from .plan_edits import EditRefused, parsed_edit
from .running import Running, RunOver, UnknownTask

if TYPE_CHECKING:
    from .manager import Manager
    from .plan import Plan

LARGEST = 1_000_000
"""Bytes of a body."""

LONGEST_NUMBER = 16
"""Digits of the number of an event, at most one less."""

KEPT = 20_000
"""Events of a run that are kept for whoever comes late; older ones are in its journal."""

ENDED_KEPT = 100
"""Runs that have ended and are told all the same, unless a door is told otherwise."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Names of this machine, under which no page of another site can reach it (DNS rebinding)."""

ACTS = ("pause", "go-on", "cancel", "take-over", "reopen")


class Refused(Exception):
    """A request that is not answered as it was wished. Carries the HTTP status."""

    def __init__(self, status: int, why: str) -> None:
        self.status, self.why = status, why
        super().__init__(why)


@dataclass(eq=False)
class _Followed:
    """A run, and what is known of it.

    Attributes:
        told: Number of the first event that is kept.
        left: The door closes: nobody follows it any longer.
    """

    running: Running
    manager: Manager
    goal: str
    events: list[str] = field(default_factory=list[str])
    told: int = 0
    outcome: dict[str, Any] | None = None
    left: bool = False
    came: asyncio.Condition = field(default_factory=asyncio.Condition)
    follower: asyncio.Task[None] | None = None

    async def follow(self) -> None:
        """Take its events down until it ends."""
        try:
            async for event in self.running:
                if isinstance(event, Ended):
                    told = cast("dict[str, Any]", plain(event.outcome))
                    self.outcome = {"outcome": type(event.outcome).__name__.lower()} | told
                await self._keep(json.dumps(event_as_json(event)))
        except Exception as error:  # whoever follows must hear that nothing more comes
            self.outcome = {"outcome": "failed", "error": f"{type(error).__name__}: {error}"}
            await self._keep(json.dumps({"event": "ended", "outcome": self.outcome}))
        finally:
            await self.manager.close()

    async def leave(self) -> None:
        """Let whoever follows it go: the door closes."""
        async with self.came:
            self.left = True
            self.came.notify_all()

    async def _keep(self, event: str) -> None:
        async with self.came:
            self.events.append(event)
            if len(self.events) > KEPT:
                self.told += 1
                del self.events[0]
            self.came.notify_all()

    def as_json(self) -> dict[str, Any]:
        """How it stands."""
        requests = [plain(each) for each in self.running.requests]
        state = "running" if self.outcome is None else self.outcome["outcome"]
        told = {"run": self.running.id, "goal": self.goal, "state": state, "tasks": self.running.tasks}
        told |= {"journal": self.running.journal}
        return told | {"requests": requests, "outcome": self.outcome}


class Door:
    """An ASGI application over runs of this process.

    Args:
        make: Makes the manager of one run, with agents of its own. It should be patient, or have a person.
        plans: Makers of plans that may be begun, by name.
        key: What clients must send as `Authorization: Bearer KEY`; None: nothing.
        ended_kept: Of the runs that have ended so many are kept, the last ones.
    """

    def __init__(
        self,
        make: Callable[[], Manager],
        plans: Mapping[str, Callable[[], Plan]] | None = None,
        *,
        key: str | None = None,
        ended_kept: int = ENDED_KEPT,
    ) -> None:
        self._make, self._plans, self._key = make, dict(plans or {}), key
        self._ended_kept = ended_kept
        self._runs: dict[str, _Followed] = {}
        self._app = Starlette(
            routes=[
                Route("/runs", self._answering(self._begin), methods=["POST"]),
                Route("/runs", self._answering(self._list), methods=["GET"]),
                Route("/runs/{run}", self._answering(self._one), methods=["GET"]),
                Route("/runs/{run}/events", self._answering(self._events), methods=["GET"]),
                Route("/runs/{run}/plan", self._answering(self._plan), methods=["GET"]),
                Route("/runs/{run}/plan", self._answering(self._edit), methods=["POST"]),
                Route("/runs/{run}/requests/{request:path}", self._answering(self._reply), methods=["POST"]),
                Route("/runs/{run}/{act}", self._answering(self._act), methods=["POST"]),
            ],
            exception_handlers={HTTPException: _no_way},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)

    def serve(
        self,
        host: str = "127.0.0.1",
        port: int = 8080,
        on_ready: Callable[[str], None] = print,
        *,
        opened: socket.socket | None = None,
    ) -> None:
        """Serve until Ctrl-C; runs that go on are stopped then and can be resumed.

        Args:
            opened: A port that is open already, instead of `host` and `port`.

        Raises:
            OSError: The port cannot be opened.
        """
        asyncio.run(self._serve(opened or listen(host, port), on_ready))

    async def _serve(self, opened: socket.socket, on_ready: Callable[[str], None]) -> None:
        import uvicorn

        class Server(uvicorn.Server):
            """Stops at a signal without sending it on: what is left to do is done behind it."""

            def handle_exit(self, sig: int, frame: object) -> None:
                self.force_exit, self.should_exit = self.should_exit, True

            async def on_tick(self, counter: int) -> bool:
                if self.should_exit:
                    await leave()
                return await super().on_tick(counter)

        leave = self._leave_streams
        name, number = opened.getsockname()[:2]
        config = uvicorn.Config(
            self, http="h11", ws="none", lifespan="off", log_level="critical", timeout_graceful_shutdown=2
        )
        on_ready(f"http://[{name}]:{number}" if ":" in name else f"http://{name}:{number}")
        try:
            await Server(config).serve(sockets=[opened])
        finally:
            await self.close()

    @property
    def unfinished(self) -> list[Running]:
        """Runs that have not ended."""
        return [each.running for each in self._runs.values() if each.outcome is None]

    async def _leave_streams(self) -> None:
        for run in self._runs.values():
            await run.leave()

    async def close(self) -> None:
        """Stop every run that goes on."""
        for run in list(self._runs.values()):
            await run.running.stop()
            if run.follower is not None:
                run.follower.cancel()
            await run.manager.close()

    # --- answers ----------------------------------------------------------------------

    def _answering(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def answered(request: Request) -> Response:
            try:
                self._refuse_strangers(request)
                return await answer(request)
            except Refused as refused:
                return JSONResponse({"error": refused.why}, status_code=refused.status)
            except RunOver as error:
                return JSONResponse({"error": str(error)}, status_code=409)
            except JournalError as error:
                return JSONResponse({"error": str(error)}, status_code=503)

        return answered

    def _refuse_strangers(self, request: Request) -> None:
        named = (request.url.hostname or "").lower()
        if self._key is None and named not in LOOPBACK:
            told = f"This door has no key and answers to {', '.join(LOOPBACK)} alone, not to {named!r}."
            raise Refused(403, f"{told} Give it one: Door(..., key=...).")
        given = request.headers.get("authorization", "")
        if self._key is not None and not hmac.compare_digest(given.encode(), f"Bearer {self._key}".encode()):
            raise Refused(401, "Send the key of this door: Authorization: Bearer KEY.")

    async def _begin(self, request: Request) -> Response:
        body = await _body(request)
        goal, plan = _words(body, "goal"), _words(body, "plan")
        if (goal is None) == (plan is None):
            raise Refused(422, 'Name either a goal, {"goal": "..."}, or a plan, {"plan": "NAME"}.')
        if plan is not None and plan not in self._plans:
            raise Refused(404, f"There is no plan {plan!r}; there are: {', '.join(self._plans) or 'none'}.")
        manager = self._make()
        try:
            running = manager.start(self._plans[plan]() if plan is not None else str(goal))
        except (ValueError, JournalError) as error:
            raise Refused(422, str(error)) from error
        run = _Followed(running, manager, str(plan if goal is None else goal))
        run.follower = asyncio.create_task(run.follow())
        self._runs[running.id] = run
        self._forget_oldest()
        return JSONResponse({"run": running.id}, status_code=202, headers={"Location": f"/runs/{running.id}"})

    def _forget_oldest(self) -> None:
        ended = [name for name, run in self._runs.items() if run.outcome is not None]
        for name in ended[: max(0, len(ended) - self._ended_kept)]:
            del self._runs[name]

    async def _list(self, request: Request) -> Response:
        told = [
            {key: each.as_json()[key] for key in ("run", "goal", "state")} for each in self._runs.values()
        ]
        return JSONResponse({"runs": told})

    async def _one(self, request: Request) -> Response:
        return JSONResponse(self._run(request).as_json())

    async def _events(self, request: Request) -> Response:
        run = self._run(request)
        after = request.query_params.get("after") or request.headers.get("last-event-id") or "0"
        if not (after.isascii() and after.isdigit() and len(after) < LONGEST_NUMBER):
            raise Refused(422, f"after is {after!r}; it must be the number of an event.")
        return StreamingResponse(_stream(run, int(after)), media_type="text/event-stream")

    async def _reply(self, request: Request) -> Response:
        run, body = self._run(request), await _body(request)
        if "value" not in body:
            raise Refused(422, 'Say what the answer is: {"value": ...}.')
        name = request.path_params["request"]
        try:
            run.running.reply(name, body["value"], _words(body, "person") or "person")
        except RequestWithdrawn as error:
            raise Refused(409, str(error)) from error
        except UnfitReply as error:
            raise Refused(422, str(error)) from error
        except KeyError as error:
            known = ", ".join(each.id for each in run.running.requests) or "nothing"
            raise Refused(404, f"Nothing was asked under {name!r}. Waiting: {known}.") from error
        return JSONResponse({"request": name, "value": body["value"]})

    async def _act(self, request: Request) -> Response:
        run, act = self._run(request), request.path_params["act"]
        if act not in ACTS:
            raise Refused(404, f"There is no act {act!r}; there are {', '.join(ACTS)}.")
        body = await _body(request)
        task, person = _words(body, "task") or "", _words(body, "person") or "person"
        reason = _words(body, "reason") or ""
        if (act in ("take-over", "reopen") and not task) or (act in ("cancel", "reopen") and not reason):
            raise Refused(422, f"{act} wants {'a task and ' if act == 'reopen' else ''}a reason or a task.")
        if run.outcome is not None:
            raise Refused(409, f"The run has ended: {run.outcome['outcome']}.")
        try:
            await _do(run.running, act, task, reason, person)
        except UnknownTask as error:
            raise Refused(404, str(error)) from error
        except ProtocolViolation as error:
            raise Refused(409, str(error)) from error
        return JSONResponse(run.as_json())

    async def _plan(self, request: Request) -> Response:
        return _planned(self._run(request), request.query_params.get("of", ""))

    async def _edit(self, request: Request) -> Response:
        run, body = self._run(request), await _body(request)
        person = _words(body, "person") or "person"
        body.pop("person", None)
        try:
            edit = parsed_edit(body)
            run.running.edit(edit, person)
        except EditRefused as error:
            raise Refused(404 if error.code == "unknown" else 409, str(error)) from error
        except ValueError as error:
            raise Refused(422, str(error)) from error
        return _planned(run, edit.of)

    def _run(self, request: Request) -> _Followed:
        run = self._runs.get(request.path_params["run"])
        if run is None:
            told = f"There is no run {request.path_params['run']!r} in this process, or no longer"
            raise Refused(
                404, f"{told}: the last {self._ended_kept} that ended are kept, all are in journals."
            )
        return run


def _planned(run: _Followed, of: str) -> Response:
    """A plan of a run, and how those below it stand."""
    over = run.outcome is not None or run.running.left  # the outcome may not have come out yet
    if over and of:
        raise Refused(409, "The run has ended: plans of managers below are in its journal (punchlist plan).")
    try:
        outline = run.running.plan_of(of) if of else run.running.plan
    except EditRefused as error:
        raise Refused(404, str(error)) from error
    if outline is None:
        raise Refused(404, "The run has no plan of a program: its tasks were read out of its goal.")
    below = {} if over else run.running.plans_below
    return JSONResponse({"of": of, **outline.as_json(), "plans_below": below})


def listen(host: str, port: int) -> socket.socket:
    """Open a port; 0 takes a free one.

    Raises:
        OSError: It is in use, or may not be opened.
    """
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


async def _no_way(request: Request, error: Exception) -> Response:
    """The answer where no route leads."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    why = f"{request.method} {request.url.path} leads nowhere: see the routes of the door."
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return JSONResponse({"error": why}, status_code=status, headers=headers)


async def _do(running: Running, act: str, task: str, reason: str, person: str) -> None:
    if act == "pause":
        running.pause(task, person)
    elif act == "go-on":
        running.go_on(task, person)
    elif act == "cancel":
        running.cancel(reason, task, person)
    elif act == "take-over":
        running.take_over(task, reason, person)
    else:
        await running.reopen(task, reason, person)


async def _body(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "Send the body as Content-Type: application/json.")
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > LARGEST:
            raise Refused(413, f"The body is larger than {LARGEST} bytes.")
    try:
        body = json.loads(found or b"{}", parse_constant=_refuse_constant)
        json.dumps(body, ensure_ascii=False).encode("utf-8")  # half of a pair of surrogates is no text
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"The body is no JSON: {error}.") from error
    if not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object.")
    return cast("dict[str, Any]", body)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _words(body: Mapping[str, Any], name: str) -> str | None:
    """A text of the body; None where there is none."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise Refused(422, f"{name} is {value!r}; it must be a text.")
    return value


async def _stream(run: _Followed, after: int) -> AsyncIterator[str]:
    """Events behind the `after`-th, then those that come, to the outcome."""
    place = after
    while True:
        async with run.came:
            while run.told + len(run.events) <= place and run.outcome is None and not run.left:
                await run.came.wait()
            first = max(place, run.told)
            new = run.events[first - run.told :]
        for number, text in enumerate(new, first + 1):
            yield f"id: {number}\ndata: {text}\n\n"
        place = first + len(new)
        if (run.outcome is not None or run.left) and place >= run.told + len(run.events):
            return

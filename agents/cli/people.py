"""`punchlist answer`, `act` and `plan`: what a person does about a run, whether a process is at it or not.

A run that stands still is answered and edited in its journal; to one that goes on a letter is sent.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection
from getpass import getuser
from typing import Any, cast

from pydantic import JsonValue

from ...protocols.errors import RunLocked
from ..letters import Letter, letter_to, send
from ..people import Desk, Reply, Request, RequestWithdrawn, waiting
from ..plan_edits import (
    Outline,
    PlanEdit,
    begun_tasks,
    edit_recorded,
    parsed_edit,
    recorded_outline,
)
from .edge import DONE, SettingsError
from .journals import Found, find_run


def answer(options: argparse.Namespace) -> int:
    """List what waits for a person, or record a reply."""
    found = find_run(options.file, options.which)
    if options.request is None:
        with found.open() as journal:
            _show(waiting(journal, found.info.run), found.named, as_json=options.json)
        return DONE
    if options.value is None:
        raise SettingsError(
            f"What is the answer? punchlist answer {found.named} {options.request} VALUE (JSON or text)."
        )
    value, person = _value(options.value), options.person or getuser()
    letter = letter_to(found.info.run, person, "reply", request=options.request, value=value)
    if _sent(found, letter):
        reply, then = Reply(value, person), "The run goes on."
    else:
        given = Reply(value, person)
        reply, then = _replied(found, options.request, given), "Resume the run now."
        if reply is not given:
            said = json.dumps(reply.value, ensure_ascii=False)
            raise SettingsError(f"{reply.person} has answered it already, with {said}. Nothing was changed.")
    told = f"Recorded as {reply.person}'s: {json.dumps(reply.value, ensure_ascii=False)}. {then}"
    print(json.dumps({"request": options.request, "value": reply.value}) if options.json else told)
    return DONE


def _replied(found: Found, request: str, reply: Reply) -> Reply:
    """Answer a request of a run that stands still."""
    with found.open_to_write() as journal:
        desk = Desk(journal, found.info.run)
        try:
            return desk.reply(request, reply)
        except RequestWithdrawn as error:
            raise SettingsError(str(error)) from error
        except KeyError as error:
            known = ", ".join(each.id for each in waiting(journal, found.info.run)) or "nothing"
            raise SettingsError(f"Nothing was asked under {request!r}. Waiting: {known}.") from error


def act(options: argparse.Namespace) -> int:
    """Pause, go on with, cancel, take over or re-open tasks of a run that goes on."""
    found = find_run(options.file, options.which)
    person = options.person or getuser()
    told = {"task": options.task, "reason": options.reason}
    letter = letter_to(found.info.run, person, options.act, **told)
    if not _sent(found, letter):
        raise SettingsError(
            f"No process is at run {found.info.run!r} ({found.status()}). Acts are for runs that go on: "
            f"`punchlist resume {found.named}`, or resume it from its program."
        )
    about = options.task or "the whole run"
    text = f"Done as {person}'s: {options.act} {about}."
    print(json.dumps({"act": options.act, **told, "person": person}) if options.json else text)
    return DONE


def plan(options: argparse.Namespace) -> int:
    """Show the plan of a run, or edit it."""
    found = find_run(options.file, options.which)
    if options.edit is None:
        with found.open() as journal:
            outline = recorded_outline(journal, found.info.run)
            begun = begun_tasks(journal, found.info.run)
        if outline is None:
            raise SettingsError(f"{found.named!r} holds no plan of a program: its tasks come from its goal.")
        _show_plan(outline, begun, as_json=options.json)
        return DONE
    if options.task is None:
        raise SettingsError(f"Which task? punchlist plan {found.named} {options.edit} TASK ...")
    edit, person = _edit(options), options.person or getuser()
    sent = _sent(found, letter_to(found.info.run, person, "edit", task=edit.task, edit=edit))
    if not sent:
        with found.open_to_write() as journal:
            edit_recorded(journal, found.info.run, edit, person)
    done = {"add": "added", "drop": "dropped", "change": "changed"}[edit.edit]
    told = edit.model_dump(mode="json", exclude_defaults=True) | {"person": person}
    text = f"Task {edit.task!r} is {done}, recorded as {person}'s." + ("" if sent else " Resume the run now.")
    print(json.dumps(told) if options.json else text)
    return DONE


def _edit(options: argparse.Namespace) -> PlanEdit:
    body: dict[str, Any] = {"edit": options.edit, "task": options.task, "reason": options.reason}
    given = {"text": options.text, "worker": options.worker, "like": options.like}
    body |= {name: value for name, value in given.items() if value is not None}
    if options.input is not None:
        pairs = [text.partition("=") for text in options.input]
        for name, equals, task in pairs:
            if not (name and equals and task):
                raise SettingsError(f"--input is {name + equals + task!r}; give NAME=TASK.")
        body["inputs"] = {name: task for name, _, task in pairs}
    if options.after is not None:
        body["after"] = options.after
    try:
        return parsed_edit(body | {"checks": options.check, "by_person": options.by_person})
    except ValueError as error:
        raise SettingsError(f"The edit is none: {error}.") from error


def _sent(found: Found, letter: Letter) -> bool:
    """Whether a process that is at the run has done it; False: none is.

    Raises:
        SettingsError: It refused.
    """
    if found.address:
        return False
    try:
        with found.open_to_write():
            return False
    except RunLocked:
        try:
            refused = send(found.path, letter)
        except ValueError as error:
            raise SettingsError(str(error)) from error
    if refused:
        raise SettingsError(f"The run refuses it: {refused}")
    return refused is not None


def _show(requests: list[Request], path: str, *, as_json: bool) -> None:
    if as_json:
        told: list[Any] = [
            {name: getattr(each, name) for name in ("id", "subject", "task", "text", "schema")}
            for each in requests
        ]
        print(json.dumps({"requests": told}, ensure_ascii=False))
        return
    for each in requests:
        print(f"{each.task}: {each.text}")
        if each.schema is not None:
            print(f"  a reply fits: {json.dumps(each.schema, ensure_ascii=False)}")
        print(f"  punchlist answer {path} {each.id} VALUE")
    if not requests:
        print("Nothing waits for a person.")


def _show_plan(outline: Outline, begun: Collection[str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**outline.as_json(), "begun": sorted(begun)}, ensure_ascii=False))
        return
    for name, part in outline.parts.items():
        said = part.join or part.text or "(said by a function of its inputs)"
        gets = [f"{key} from {source}" for key, source in part.inputs.items()]
        waits = [f"after {', '.join(part.after)}"] if part.after else []
        who = [f"by {part.worker}"] if part.worker else []
        stands = "join" if part.join else "begun" if name in begun else "open"
        print(f"{stands:<6} {name}: " + "; ".join([said, *gets, *waits, *who]))


def _value(text: str) -> JsonValue:
    """A reply as JSON; what is none is text."""
    try:
        return cast("JsonValue", json.loads(text))
    except json.JSONDecodeError:
        return text

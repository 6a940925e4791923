"""`punchlist answer`, `act` and `plan`: what a person does about a run, whether a process is at it or not.

A run that stands still is answered and edited in its journal; to one that goes on a letter is sent.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Mapping
from getpass import getuser
from shlex import quote
from typing import Any, cast

from pydantic import JsonValue

from ...protocols.errors import RunLocked
from ...protocols.journal import Journal
from ..letters import Letter, letter_to, send
from ..people import Desk, Reply, Request, RequestWithdrawn, UnfitReply, waiting
from ..plan_edits import (
    Part,
    PlanEdit,
    begun_tasks,
    needless_parts,
    parsed_edit,
    recorded_outline,
)
from ..plans_below import PlanBelow, edit_recorded, plan_below, plans_below
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
        command = f"punchlist answer {quote(found.named)} {options.request} VALUE"
        raise SettingsError(f"What is the answer? {command} (JSON or text).")
    value, person = _fitting(found, options.request, options.value), options.person or getuser()
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


def _fitting(found: Found, request: str, text: str) -> JsonValue:
    """What was written as the reply that was asked for: a number where a text is wanted is its digits.

    Raises:
        SettingsError: It is none.
    """
    with found.open() as journal:
        asked = next((each for each in waiting(journal, found.info.run) if each.id == request), None)
    value = _value(text)
    if asked is None:
        return value
    if (asked.schema or {}).get("type") == "string" and not isinstance(value, str):
        value = text
    try:
        asked.check(value)
    except UnfitReply as error:
        raise SettingsError(str(error)) from error
    return value


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
        how = f"`punchlist resume {quote(found.named)}`, or resume it from its program"
        raise SettingsError(
            f"No process is at run {found.info.run!r} ({found.status()}). Acts are for runs that go on: "
            f"{how if found.unfinished else 'this one has ended'}."
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
            print(_planned(found, journal, options.of, as_json=options.json))
        return DONE
    if options.task is None:
        raise SettingsError(f"Which task? punchlist plan {quote(found.named)} {options.edit} TASK ...")
    edit, person = _edit(options), options.person or getuser()
    sent = _sent(found, letter_to(found.info.run, person, "edit", task=edit.task, edit=edit))
    if not sent:
        with found.open_to_write() as journal:
            edit_recorded(journal, found.info.run, edit, person)
    done = {"add": "added", "drop": "dropped", "change": "changed"}[edit.edit]
    told = edit.model_dump(mode="json", exclude_defaults=True) | {"person": person}
    where = f" in the plan of {edit.of!r}" if edit.of else ""
    then = "" if sent else " Resume the run now."
    text = f"Task {edit.task!r} is {done}{where}, recorded as {person}'s.{then}"
    print(json.dumps(told) if options.json else text)
    return DONE


def _edit(options: argparse.Namespace) -> PlanEdit:
    body: dict[str, Any] = {"edit": options.edit, "task": options.task, "reason": options.reason}
    body["of"] = options.of
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
        print(f"  punchlist answer {quote(path)} {each.id} VALUE")
    if not requests:
        print("Nothing waits for a person.")


def _planned(found: Found, journal: Journal, of: str, *, as_json: bool) -> str:
    """A plan of a run as text, with how its tasks stand, and which plans there are below it.

    Raises:
        EditRefused: The task has none.
        SettingsError: It is none of a program.
    """
    run = found.info.run
    prefix = plan_below(journal, run, of).prefix if of else ""
    outline, below = recorded_outline(journal, run, prefix), plans_below(journal, run)
    if outline is None:
        others = f" Managers below have plans: {', '.join(below)}." if below else ""
        raise SettingsError(
            f"{found.named!r} holds no plan of a program: its tasks come from its goal.{others}"
        )
    begun, off = begun_tasks(journal, run, prefix), needless_parts(journal, run, outline, prefix)
    if as_json:
        told = {"of": of, **outline.as_json(), "begun": sorted(begun), "needless": off}
        return json.dumps(told | {"plans_below": _stands(below)}, ensure_ascii=False)
    lines = [_part_line(name, part, begun, off) for name, part in outline.parts.items()]
    for task, plan in below.items():
        if plan.prefix != prefix and task.startswith(prefix) and task.removeprefix(prefix) in outline.parts:
            see = f"punchlist plan {quote(found.named)} --of {quote(task)}"
            lines.append(f"Task {task!r} has a plan of its own ({plan.stands}): {see}")
    return "\n".join(lines) or "The plan has no task."


def _stands(below: dict[str, PlanBelow]) -> dict[str, str]:
    return {task: plan.stands for task, plan in below.items()}


def _part_line(name: str, part: Part, begun: Collection[str], off: Mapping[str, str]) -> str:
    said = part.join or part.text or "(said by a function of its inputs)"
    gets = [f"{key} from {source}" for key, source in part.inputs.items()]
    waits = [f"{'of' if part.join else 'after'} {', '.join(part.after)}"] if part.after else []
    who = [f"by {part.worker}"] if part.worker else []
    called_off = [f"called off, {off[name]} was decided without it"] if name in off else []
    stands = "off" if name in off else "join" if part.join else "begun" if name in begun else "open"
    return f"{stands:<6} {name}: " + "; ".join([said, *gets, *waits, *who, *called_off])


def _value(text: str) -> JsonValue:
    """A reply as JSON; what is none is text."""
    try:
        return cast("JsonValue", json.loads(text))
    except json.JSONDecodeError:
        return text

"""`punchlist answer`: what runs wait for, and a person's reply, which lets them be resumed."""

from __future__ import annotations

import argparse
import json
from getpass import getuser
from typing import Any, cast

from pydantic import JsonValue

from ...protocols.journal import Journal
from ..people import Desk, Reply, Request, waiting
from .edge import DONE, SettingsError
from .journals import find_run


def answer(options: argparse.Namespace) -> int:
    """List what waits for a person, or record a reply."""
    found = find_run(options.file)
    if options.request is None:
        with Journal.open(found.path, readonly=True) as journal:
            _show(waiting(journal, found.info.run), str(found.path), as_json=options.json)
        return DONE
    if options.value is None:
        raise SettingsError(
            f"What is the answer? punchlist answer {found.path} {options.request} VALUE (JSON or text)."
        )
    with Journal.open(found.path, create=False) as journal:
        desk = Desk(journal, found.info.run)
        try:
            reply = desk.reply(options.request, Reply(_value(options.value), options.person or getuser()))
        except KeyError as error:
            known = ", ".join(each.id for each in waiting(journal, found.info.run)) or "nothing"
            raise SettingsError(f"Nothing was asked under {options.request!r}. Waiting: {known}.") from error
    told = f"Recorded as {reply.person}'s: {json.dumps(reply.value, ensure_ascii=False)}. Resume the run now."
    print(json.dumps({"request": options.request, "value": reply.value}) if options.json else told)
    return DONE


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


def _value(text: str) -> JsonValue:
    """A reply as JSON; what is none is text."""
    try:
        return cast("JsonValue", json.loads(text))
    except json.JSONDecodeError:
        return text

"""Envelopes for messages that are at hand as objects, at a fraction of what the constructor costs.

A message was validated when it was made and cannot change since; the constructor, too, takes such an object
as it is. What is left to see to are the few texts and numbers around it: where they are not plainly right,
the constructor decides.
"""

from __future__ import annotations

from functools import lru_cache
from typing import get_args

from pydantic import BaseModel

from .messages import VERSION, Envelope, Message

_MESSAGES: frozenset[type[BaseModel]] = frozenset(get_args(get_args(Message)[0]))

_GIVEN = frozenset(Envelope.model_fields) - {"deadline", "version"}


def enclose(
    body: Message,
    *,
    id: str,
    run: str,
    task: str,
    attempt: int,
    generation: int,
    sender: str,
    recipient: str,
    sent_at: float,
    in_reply_to: str = "",
    trace: str = "",
) -> Envelope:
    """The same as `Envelope(...)` with these fields.

    Raises:
        pydantic.ValidationError: As the constructor.
    """
    if not (
        type(body) in _MESSAGES
        and type(sent_at) is float
        and type(attempt) is type(generation) is int
        and attempt >= 1 <= generation
        and type(id) is type(in_reply_to) is str
        and (id + in_reply_to).isascii()
        and id.strip()
        and _are_plain(run, task, sender, recipient, trace)
    ):
        return Envelope(
            id=id, run=run, task=task, attempt=attempt, generation=generation, sender=sender,
            recipient=recipient, sent_at=sent_at, in_reply_to=in_reply_to, trace=trace, body=body,
        )  # fmt: skip
    made = object.__new__(Envelope)
    fields = {
        "id": id, "run": run, "task": task, "attempt": attempt, "generation": generation, "sender": sender,
        "recipient": recipient, "sent_at": sent_at, "in_reply_to": in_reply_to, "deadline": None,
        "trace": trace, "version": VERSION, "body": body,
    }  # fmt: skip
    object.__setattr__(made, "__dict__", fields)
    object.__setattr__(made, "__pydantic_fields_set__", set(_GIVEN))
    object.__setattr__(made, "__pydantic_extra__", None)
    object.__setattr__(made, "__pydantic_private__", None)
    return made


@lru_cache(maxsize=1024)
def _are_plain(run: str, task: str, sender: str, recipient: str, trace: str) -> bool:
    """Whether these are ASCII texts, and all but the last say something; the same ones come again."""
    if not (type(run) is type(task) is type(sender) is type(recipient) is type(trace) is str):
        return False
    filled = run.strip() and task.strip() and sender.strip() and recipient.strip()
    return bool(filled) and (run + task + sender + recipient + trace).isascii()

"""Copies of frozen records with some fields changed: most of what an event costs a task.

`dataclasses.replace` calls the constructor, which sets each of a task's forty fields anew; this copies all of
them at once.
"""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


def replace(record: T, **changes: Any) -> T:
    """A copy of a frozen dataclass without slots, checked as one that was just made.

    Raises:
        TypeError: The record has no such field.
        Whatever its `__post_init__` refuses.
    """
    fields: dict[str, Any] = record.__dict__
    changed = fields | changes
    if len(changed) != len(fields):
        raise TypeError(f"{type(record).__name__} has no fields {sorted(changes.keys() - fields.keys())}")
    copy = object.__new__(type(record))
    object.__setattr__(copy, "__dict__", changed)
    check = getattr(copy, "__post_init__", None)
    if check is not None:
        check()
    return copy

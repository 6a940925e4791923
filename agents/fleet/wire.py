"""What travels between a manager and an agent at work elsewhere.

The agent numbers what it says from 1; the manager says up to which number it has heard, and answers by
number. Each side repeats what the other has not acknowledged and drops what it knows, so a channel may lose,
double and reorder. Does not cover: a channel that invents or changes messages.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

END = "end"
"""Kind of an agent's last message: `report` and the lanes that it has open, or what it raised."""


class AttemptOver(Exception):
    """An attempt that is over at its manager: its agent may do nothing more in it."""

    def __init__(self, why: str) -> None:
        super().__init__(f"This attempt is over: {why}. Nothing more is done in it.")


class Broke(Exception):
    """Something broke in a way that cannot be carried over as it was."""


@dataclass(frozen=True)
class Raised:
    """An error as it travels: class and contents. It is made again without its `__init__`."""

    kind: type[BaseException]
    args: tuple[Any, ...]
    state: Mapping[str, Any]

    @classmethod
    def of(cls, error: BaseException) -> Raised:
        """The error, or where it cannot be pickled its name and text."""
        made = cls(type(error), error.args, dict(vars(error)))
        try:
            pickle.dumps(made)
        except Exception:  # whatever an object says of why it does not travel
            return cls(Broke, (f"{type(error).__name__}: {error}",), {})
        return made

    def error(self) -> BaseException:
        """The error again."""
        made = self.kind.__new__(self.kind)
        made.args = self.args
        vars(made).update(self.state)
        return made


@dataclass(frozen=True)
class Sent:
    """Something that an agent says to its manager.

    Attributes:
        id: From 1, without gaps.
        kind: `AREA.NAME`, e.g. `journal.append`.
        wants: It waits for an answer.
    """

    id: int
    kind: str
    args: tuple[Any, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict[str, Any])
    wants: bool = True


@dataclass(frozen=True)
class Told:
    """The answer to what an agent said under this number."""

    id: int
    value: Any = None
    raised: Raised | None = None


@dataclass(frozen=True)
class Heard:
    """What an exchange gives the manager: messages it has not heard, and the answers that have arrived."""

    messages: tuple[bytes | Sent, ...] = ()
    arrived: tuple[int, ...] = ()

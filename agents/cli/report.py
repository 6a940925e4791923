"""What is said when a run is over: the result, the punch list, the cost, and how to go on."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from ...protocols.outcome import Confirmed, Failed, Unverified
from ..events import money_text, plain
from .board import Board, count, punch_line
from .edge import DONE, FAILED, INTERRUPTED, UNVERIFIED, USAGE, describe_error, sentence_for

Outcome = Confirmed[Any] | Unverified | Failed


def _never_began(error: Exception) -> bool:
    """Whether a setting was wrong, so that there never was a run."""
    from ...core_model.errors import NotAModelServer

    return isinstance(error, NotAModelServer)


@dataclass(frozen=True)
class Ending:
    """How a run ended for the one who started it.

    Attributes:
        outcome: None when it was interrupted, or ended by an error of its surroundings.
        error: That error.
        judged: What the example shop's own database says, for the demo.
        resumable: The journal says that the run can be gone on with.
        asks: It waits for somebody's answer before that.
    """

    board: Board
    journal: Path | str
    outcome: Outcome | None = None
    error: Exception | None = None
    judged: dict[str, Any] | None = None
    resumable: bool = False
    asks: bool = False

    @property
    def code(self) -> int:
        """The exit code."""
        match self.outcome:
            case Confirmed():
                return DONE
            case Unverified():
                return UNVERIFIED
            case Failed(error):
                return USAGE if _never_began(error) and not self.board.tasks else FAILED
            case None:
                if self.error is None:
                    return INTERRUPTED
                return USAGE if sentence_for(self.error) and not self.board.tasks else FAILED

    def as_json(self) -> dict[str, Any]:
        """The one object that `--json` prints."""
        outcome = self.outcome
        body: dict[str, Any] = {"outcome": self._word(), "goal": self.board.goal}
        match outcome:
            case Confirmed(result=result):
                body |= {"result": plain(result)}
            case Unverified(last=last, reasons=reasons):
                body |= {"last": plain(last), "reasons": list(reasons)}
            case Failed(error=error):
                body |= {"error": {"type": type(error).__name__, "message": describe_error(error)}}
            case None:
                if self.error is not None:
                    body |= {
                        "error": {"type": type(self.error).__name__, "message": describe_error(self.error)}
                    }
        if outcome is not None:
            body |= {
                "punch_list": [asdict(item) for item in outcome.punch_list],
                "cost": plain(outcome.cost),
            }
        body |= {"recalled": self.board.recalled, "learned": self.board.learned}
        body |= {"run": self.board.run, "journal": str(self.journal)}
        return body | ({"judged": self.judged} if self.judged else {})

    def lines(self) -> list[str]:
        """The report for a person."""
        outcome = self.outcome
        found = [self._headline(), ""]
        match outcome:
            case Confirmed(result=result):
                found += [*indented(_told(plain(result), 1)), ""]
            case Unverified(last=last, reasons=reasons):
                found += [f"  - {reason}" for reason in reasons]
                found += ["", *self._parts(plain(last))]
            case Failed(error=error):
                found += [f"  {describe_error(error)}", ""]
            case None:
                found += [f"  {describe_error(self.error)}", ""] if self.error is not None else []
        if self.judged:
            verdict = "exactly this" if self.judged["right"] else "; ".join(self.judged["reasons"])
            found += [f"The shop's own database holds: {verdict}", ""]
        found += [*self._punch_list(), *self._lessons(), *self._cost()]
        return [*found, f"Journal  {self.journal}", *(f"         {command}" for command in self._next())]

    def _parts(self, last: Any) -> list[str]:
        """What is there of an unverified result: first the parts that were confirmed, then the others."""
        rows: dict[bool, list[str]] = {True: [], False: []}
        for name, value in cast("dict[str, Any]", last).items() if isinstance(last, dict) else ():
            task = self.board.tasks.get(name)
            if task is None:
                rows[False] += _field(name, value, 1)
            else:
                rows[task.status == "confirmed"] += [f"  {task.title}", *indented(_told(value), 2)]
        headed = (("Confirmed:", rows[True]), ("Reported last, not to be trusted:", rows[False]))
        return [line for head, found in headed if found for line in (head, *found, "")]

    def _word(self) -> str:
        if self.outcome is not None:
            return type(self.outcome).__name__.lower()
        return "interrupted" if self.error is None else "failed"

    def _headline(self) -> str:
        total = len(self.board.tasks)
        tasks = (
            f"{self.board.confirmed()} of {count(total, 'task')} confirmed" if total else "no task was begun"
        )
        rest = "; the rest is not to be relied on" if total else ""
        words = {
            "confirmed": "CONFIRMED: every check of every task passed.",
            "unverified": f"UNVERIFIED: {tasks}{rest}.",
            "failed": f"FAILED: {tasks}.",
            "interrupted": f"INTERRUPTED: {tasks}; nothing that was recorded is lost.",
        }
        return words[self._word()]

    def _punch_list(self) -> list[str]:
        if self.outcome is None or not self.board.tasks:
            return []
        items = self.outcome.punch_list
        if not items:
            return ["Punch list  empty: nothing failed on the way", ""]
        return [
            "Punch list",
            *(f"  {'[x]' if item.mended else '[ ]'} {punch_line(item)}" for item in items),
            "",
        ]

    def _lessons(self) -> list[str]:
        said = [f"Recalled from memory: {text}" for text in dict.fromkeys(self.board.recalled)]
        said += [f"Kept in memory: {text}" for text in dict.fromkeys(self.board.learned)]
        return [*said, ""] if said else []

    def _cost(self) -> list[str]:
        if self.outcome is None:
            return []
        cost = self.outcome.cost
        parts = [
            count(cost.tokens, "token"),
            count(cost.model_calls, "model call"),
            count(cost.steps, "step"),
            count(cost.tool_calls, "tool call"),
            count(self.board.redos, "redo"),
            f"{cost.seconds:.1f} s",
            *([f"{money_text(cost.money)} of money"] if cost.money else []),
        ]
        return [f"Cost     {', '.join(parts)}"]

    def _next(self) -> list[str]:
        path = shlex.quote(str(self.journal))
        commands = [f"punchlist journal report {path}", f"punchlist journal show {path}"]
        if self.asks:
            commands.append(f"punchlist answer {path}")
        return [*commands, f"punchlist resume {path}"] if self.resumable else commands


BOOKKEEPING = ("changes", "returned", "left_out")
"""What tasks tell the manager beside their result; nothing for a person."""


def _told(value: Any, depth: int = 0) -> Any:
    """A task's result without its bookkeeping; with `depth` 1 the results of tasks by their names."""
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, item in value.items() if key not in BOOKKEEPING}  # pyright: ignore[reportUnknownVariableType]
    return {key: _told(item) for key, item in kept.items()} if depth else kept  # pyright: ignore[reportUnknownVariableType]


def indented(value: Any, depth: int = 1) -> list[str]:
    """A JSON value as lines for a person: keys and values, lists as items, an order's items as counts."""
    space = "  " * depth
    if isinstance(value, dict):
        if set(value) == {"name", "count"}:  # pyright: ignore[reportUnknownArgumentType]
            return [f"{space}{value['count']} x {value['name']}"]
        rows: list[str] = []
        for key, item in value.items():  # pyright: ignore[reportUnknownVariableType]
            rows += _field(str(key), item, depth)  # pyright: ignore[reportUnknownArgumentType]
        return rows
    if isinstance(value, list):
        return [line for item in value for line in indented(item, depth)]  # pyright: ignore[reportUnknownVariableType]
    return [f"{space}{value}"]


def _field(key: str, value: Any, depth: int) -> list[str]:
    space = "  " * depth
    if value in (None, "", [], {}):
        return []
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value)):  # pyright: ignore[reportUnknownVariableType]
        return [f"{space}{key}", *indented(value, depth + 1)]
    text = ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return [f"{space}{key:<10} {text}"]

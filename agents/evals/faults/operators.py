"""The six fault operators of Sabot, each planting one fault in a run of the warehouse.

Source: Jott2121/sabot, SPEC.md section 4 and harness/sabot/operators.py. Ours against theirs:

    tool_lie            one result of a tool, the first in the run, has two digits changed or swapped (O1: one
                        substring of a tool's payload is replaced)
    false_success       the worker reports the task done without having called anything (O2: the payload of a
                        delegate or tool is replaced by a made-up report)
    message_alteration  one message is altered on its way, two of its digits or words: the order on its way to
                        the worker, or the report on its way to the manager (O3: one substring of one message)
    model_downgrade     from a task on, the worker has a weaker model, which says something wrong the first
                        time, and half of the times after that (O4: another model is named in the settings)
    stale_context       behind the order stands an outdated version of it, which the worker believes (O5: the
                        same, appended to the payload)
    silent_noop         one call of a tool says that it is done and does nothing (O6: the same)

As there, one fault a run, nobody is told, and one that changed nothing does not count (`landed`). Simplified:
models are scripted, so a fault always has its way with the worker, which is the hardest case for checks and
says nothing of how often real models would notice by themselves; a weaker model is one that errs by a coin,
not a smaller one; and texts are short, so that an alteration always changes what a task is about.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from pydantic import JsonValue

from ....protocols.messages import Envelope, Report
from .warehouse import CUSTOMERS, ITEMS, PARTS, Meddler, PartName, Warehouse

OperatorName = Literal[
    "tool_lie", "false_success", "message_alteration", "model_downgrade", "stale_context", "silent_noop"
]
OPERATORS: tuple[OperatorName, ...] = get_args(OperatorName)

TOOL_OF: dict[PartName, str] = {
    "count": "stock", "order": "place", "total": "total", "letter": "send", "remark": "keep",
}  # fmt: skip

TARGETS: dict[OperatorName, tuple[PartName, ...]] = {
    "tool_lie": ("count", "order", "total"),
    "false_success": PARTS,
    "message_alteration": PARTS,
    "model_downgrade": PARTS,
    "stale_context": ("order", "letter", "remark"),
    "silent_noop": ("order", "letter", "remark"),
}
"""Tasks in which an operator has something to alter."""


@dataclass
class Fault(Meddler):
    """One planted fault.

    Attributes:
        part: The task in which it is planted.
        landed: It has changed something.
        touched: Tasks in which it has; a weaker model goes on to the next ones.
    """

    operator: OperatorName
    part: PartName
    rng: random.Random
    world: Warehouse
    landed: bool = False
    touched: set[str] = field(default_factory=set[str])
    _downgraded: bool = field(default=False, init=False)
    _in_report: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        handed_on = self.part in ("order", "letter", "remark")
        self._in_report = not handed_on or self.rng.random() < 0.5

    def returned(self, called: str, value: JsonValue) -> JsonValue:
        """A lie, once."""
        if self.operator != "tool_lie" or self.landed or called != TOOL_OF[self.part]:
            return value
        return self._changed(value)

    def takes_effect(self, called: str) -> bool:
        """Nothing happens, once."""
        if self.operator != "silent_noop" or self.landed or called != TOOL_OF[self.part]:
            return True
        self.landed = True
        return False

    def says(self, part: str, honest: str) -> str:
        """A success that is made up, once; or what a weaker model says, from now on."""
        if self.operator == "false_success" and part == self.part and not self.landed:
            self.landed = True
            return (
                f"answer {self.rng.randint(10, 99)}" if part in ("count", "order", "total") else "answer done"
            )
        if self.operator != "model_downgrade" or not part:
            return honest
        self._downgraded = self._downgraded or part == self.part
        if not self._downgraded or (self.landed and self.rng.random() < 0.5):
            return honest
        said = slip(honest, self.rng)
        if said != honest:
            self.landed = True
            self.touched.add(part)
        return said

    def order(self, part: str, attempt: int, text: str) -> str:
        """An order as it reaches the worker."""
        if part != self.part or attempt != 1 or self.landed:
            return text
        if self.operator == "stale_context":
            return f"{text} . {self._changed(text)}"
        if self.operator == "message_alteration" and not self._in_report:
            return str(self._changed(text))
        return text

    def report(self, part: str, envelope: Envelope) -> Envelope:
        """A report as it reaches the manager."""
        body = envelope.body
        if self.operator != "message_alteration" or part != self.part or self.landed or not self._in_report:
            return envelope
        if not isinstance(body, Report) or not isinstance(body.result, dict):
            return envelope
        result = {**body.result, "answer": self._changed(body.result["answer"])}
        return envelope.model_copy(update={"body": body.model_copy(update={"result": result})})

    def _changed(self, value: JsonValue) -> JsonValue:
        """The value with digits or words changed; of the same type."""
        altered = altered_text(str(value), self.rng)
        self.landed = self.landed or altered != str(value)
        return int(altered) if isinstance(value, int) else altered


def altered_text(text: str, rng: random.Random) -> str:
    """A text that looks as plausible: another number, item or customer, or another last word."""
    numbers = list(re.finditer(r"\d+", text))
    if numbers:
        found = rng.choice(numbers)
        return text[: found.start()] + other_number(found.group(), rng) + text[found.end() :]
    named = [(each, known) for known in (ITEMS, CUSTOMERS) for each in known if each in text]
    if named:
        each, known = rng.choice(named)
        return text.replace(each, rng.choice([other for other in known if other != each]), 1)
    head, _, last = text.rpartition(" ")
    return f"{head} nothing" if head else f"not {last}"


def other_number(digits: str, rng: random.Random) -> str:
    """Two neighbouring digits swapped where that is another number, else one digit changed."""
    places = [place for place in range(len(digits) - 1) if digits[place] != digits[place + 1]]
    places = [place for place in places if place or digits[1] != "0"]
    if places:
        place = rng.choice(places)
        return digits[:place] + digits[place + 1] + digits[place] + digits[place + 2 :]
    return digits[:-1] + str((int(digits[-1]) + rng.randint(1, 9)) % 10)


def slip(honest: str, rng: random.Random) -> str:
    """What a weaker model says instead: a wrong number, item, customer or word."""
    head, _, rest = honest.partition(" ")
    if head == "answer":
        return f"answer {altered_text(rest, rng)}"
    lines = honest.splitlines()
    if len(lines) < 3:
        return honest
    place = rng.randrange(1, len(lines) - 1)
    name, _, value = lines[place].strip().partition(" ")
    wrong = {
        "item": lambda: rng.choice([each for each in ITEMS if each != value]),
        "customer": lambda: rng.choice([each for each in CUSTOMERS if each != value]),
    }
    lines[place] = f" {name} {wrong.get(name, lambda: altered_text(value, rng))()}"
    return "\n".join(lines)

"""What a player of a household game knows: from the actions and observations of a trial, and from lessons.

Nothing here looks at a game's hidden state: `Sight.of` is computed from the turns alone, and so is the lesson
of a failed trial (`Lesson.of`), which says where the task's things were first seen, where they were not, what
is locked and what is broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .household import CLOSED, END, LOCKED, NO_EFFECT, NONE, OK, STATES, House, Task, distances

__all__ = ["NOTHING_LEFT", "Lesson", "Sight", "Turn", "aims", "legal", "merged"]


class Turn(NamedTuple):
    """An action and what was seen then."""

    action: str
    seen: str

    def line(self) -> str:
        return f"{self.action} : {self.seen}"


@dataclass
class Sight:
    """Where a player stands in a trial, as far as it was seen.

    Attributes:
        at: Place at which the player is; empty at the start.
        inside: Place -> things seen there last, places in the order in which they were first seen into.
        first: Place -> things seen there when it was first seen into.
        shut: Places found closed and not opened; locked ones stay among them.
        states: Thing -> what it was made, in order.
    """

    room: str
    at: str = ""
    holding: str = ""
    inside: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    first: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    shut: set[str] = field(default_factory=set[str])
    locked: list[str] = field(default_factory=list[str])
    broken: list[str] = field(default_factory=list[str])
    states: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @classmethod
    def of(cls, house: House, start: str, turns: Iterable[Turn]) -> Sight:
        """What is known after these turns of a trial that began in room `start`."""
        sight = cls(start)
        for turn in turns:
            sight.follow(house, turn)
        return sight

    def follow(self, house: House, turn: Turn) -> None:
        """Take in one more turn."""
        verb, _, rest = turn.action.partition(" ")
        if turn.seen == "out of steps" or turn.action == END:
            return
        if verb == "go" and turn.seen != NO_EFFECT:
            self.at, self.room = rest, house.place(rest).room
        if turn.seen == NO_EFFECT:
            used = self.holding and turn.action == f"{verb} {self.holding} with {self.at}"
            if used and verb == house.place(self.at).verb and self.at not in self.broken:
                self.broken.append(self.at)
        elif verb in ("go", "open", "look"):
            self._see(turn.seen)
        elif verb == "take" and turn.seen == OK:
            self.holding = rest
            self.inside[self.at].remove(rest)
        elif verb == "put" and turn.seen == OK:
            self.inside[self.at].append(self.holding)
            self.holding = ""
        elif verb in STATES:
            self._change(STATES[verb])

    def _see(self, seen: str) -> None:
        if seen == CLOSED:
            self.shut.add(self.at)
        elif seen == LOCKED:
            self.shut.add(self.at)
            self.locked += [] if self.at in self.locked else [self.at]
        else:
            self.shut.discard(self.at)
            self.inside[self.at] = [] if seen == NONE else seen.split(" , ")
            self.first.setdefault(self.at, tuple(self.inside[self.at]))

    def _change(self, state: str) -> None:
        states = self.states.setdefault(self.holding, [])
        gone = {"hot", "cold"} if state in ("hot", "cold") else {state}
        states[:] = [each for each in states if each not in gone] + [state]

    def where(self, thing: str) -> str:
        """The place where a thing was seen last; empty if it was not, or is held."""
        return next((place for place, things in self.inside.items() if thing in things), "")

    def unseen(self, house: House) -> list[str]:
        """Places into which the player has not seen in this trial, nearest first, without locked ones."""
        far = distances(house, self.room)
        left = [place for place in house.places if place.name not in {*self.inside, *self.locked}]
        return [place.name for place in sorted(left, key=lambda place: far[place.room])]

    def unmet(self, house: House, task: Task) -> list[str]:
        """Things of the task that are not yet as they should be, as far as was seen."""
        if task.verb == "light":
            return [] if "lit" in self.states.get(task.thing, ()) else [task.thing]
        state = task.state()
        return [
            thing
            for thing in task.things()
            if not (spot := self.where(thing))
            or house.place(spot).kind != task.kind
            or (state and state not in self.states.get(thing, ()))
        ]


def legal(house: House, sight: Sight) -> list[str]:
    """The actions at hand, in a fixed order; which of them have an effect is for the world to show."""
    actions = [f"go {place.name}" for place in house.places if place.name != sight.at]
    if sight.at in sight.shut:
        actions.append(f"open {sight.at}")
    elif sight.at:
        actions.append("look")
        if sight.holding:
            actions.append(f"put {sight.holding} in {sight.at}")
        else:
            actions += [f"take {thing}" for thing in sight.inside[sight.at]]
    verb = house.place(sight.at).verb if sight.at else ""
    if verb and sight.holding:
        actions.append(f"{verb} {sight.holding} with {sight.at}")
    return [*actions, END]


def aims(house: House, task: Task, sight: Sight) -> list[str]:
    """What a player may be about, in words; which of it makes sense is for the player to say."""
    places = [place.name for place in house.places]
    rows = [f"search {place}" for place in places]
    rows += [f"take {thing} from {place}" for thing in task.things() for place in places]
    if sight.holding:
        rows += [f"put {sight.holding} in {place}" for place in places]
        tools = [place.name for place in house.places if place.verb and place.verb == task.verb]
        rows += [f"{task.verb} {sight.holding} with {tool}" for tool in tools]
    return [*rows, NOTHING_LEFT]


NOTHING_LEFT = "nothing is left"
"""What a player is about who has done the task."""


@dataclass(frozen=True)
class Lesson:
    """What a trial found out about a game.

    Attributes:
        found: (thing, place where it lies at the start).
        absent: Places where no thing of the task lies at the start, empty when all of them were found.
        thing: The task's thing, which `absent` is about.
    """

    thing: str
    found: tuple[tuple[str, str], ...] = ()
    absent: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    @classmethod
    def of(cls, task: Task, sight: Sight) -> Lesson:
        """The lesson of a trial, from what was seen in it."""
        found: dict[str, str] = {}
        for place, things in sight.first.items():
            for thing in things:
                if thing in task.things():
                    found.setdefault(thing, place)
        absent = tuple(place for place in sight.first if place not in found.values())
        missing = len(found) < len(task.things())
        return cls(
            task.thing,
            tuple(found.items()),
            absent if missing else (),
            tuple(sight.locked),
            tuple(sight.broken),
        )

    def lines(self) -> list[str]:
        """The lesson as it is written, a fact a line; none when nothing was found out."""
        rows = [f"{thing} in {place}" for thing, place in self.found]
        rows += [f"{self.thing} not in {' , '.join(self.absent)}"] if self.absent else []
        rows += [f"{place} locked" for place in self.locked]
        return rows + [f"{place} broken" for place in self.broken]

    @classmethod
    def read(cls, task: Task, lines: Iterable[str]) -> Lesson:
        """The lesson that lines say; what is no fact of this form is left out."""
        found: dict[str, str] = {}
        absent: list[str] = []
        locked: list[str] = []
        broken: list[str] = []
        for line in lines:
            head, _, places = line.partition(" not in ")
            thing, _, place = line.partition(" in ")
            if places and head == task.thing:
                absent += places.split(" , ")
            elif place and thing in task.things():
                found[thing] = place
            elif line.endswith(f" {LOCKED}"):
                locked.append(line.removesuffix(f" {LOCKED}"))
            elif line.endswith(" broken"):
                broken.append(line.removesuffix(" broken"))
        return cls(
            task.thing,
            tuple(found.items()),
            tuple(dict.fromkeys(absent)),
            tuple(dict.fromkeys(locked)),
            tuple(dict.fromkeys(broken)),
        )


def merged(task: Task, lessons: Sequence[str]) -> Lesson:
    """All facts of several lessons' texts as one, a later word about a thing's place over an earlier one."""
    return Lesson.read(task, [line for lesson in lessons for line in lesson.splitlines()])

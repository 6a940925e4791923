"""A generated household in text: rooms, places, things, one task, and a tight limit of steps.

In the manner of ALFWorld (Shridhar et al. 2021, arXiv:2010.03768): put, clean, heat, cool, look at in light,
put two. What a player does not know at the start is where things lie, which places are locked and which
appliances are broken; a game can be played again from its start, so what a trial finds out helps the next.

    world = World(game)
    world.step("go drawer 1")      # "closed", "plate , red mug", "nothing", ...
    world.solved()                 # from the true state; for figures only, no player may ask it

`House` and `Task` are what a player is told, `Game` has the rest; `household_sight` is what a player finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["END", "NONE", "STATES", "VERBS", "Game", "House", "Place", "Task", "World", "distances"]

STATES = {"clean": "clean", "heat": "hot", "cool": "cold", "light": "lit"}
"""What an appliance is used for, and what a thing is afterwards."""

VERBS = tuple(STATES)

NONE = "nothing"
"""What is seen where nothing lies."""

NO_EFFECT = "nothing happens"
LOCKED, CLOSED, OK = "locked", "closed", "ok"
END = "done"
"""The action that claims the task is done; it costs no step."""


@dataclass(frozen=True)
class Place:
    """Where things can lie: a receptacle or an appliance.

    Attributes:
        name: Unique in its house: the kind, with a number where there are several.
        verb: What it is an appliance for, one of `VERBS`; empty for a receptacle.
    """

    name: str
    kind: str
    room: str
    verb: str = ""


@dataclass(frozen=True)
class House:
    """What everybody can see: rooms, doors between them, places.

    Attributes:
        doors: Pairs of rooms; the rooms are connected.
    """

    rooms: tuple[str, ...]
    doors: tuple[tuple[str, str], ...]
    places: tuple[Place, ...]

    def place(self, name: str) -> Place:
        """The place of that name.

        Raises:
            KeyError: There is none.
        """
        for place in self.places:
            if place.name == name:
                return place
        raise KeyError(f"The house has no place {name!r}; it has {[place.name for place in self.places]}.")


@dataclass(frozen=True)
class Task:
    """What to do.

    Attributes:
        verb: One of `VERBS`, "put" or "two".
        thing: Name of the thing; of two things, their name without the number.
        kind: Kind of the places where it may be put, empty for "light".
    """

    verb: str
    thing: str
    kind: str = ""

    def line(self) -> str:
        """The task in words."""
        if self.verb == "light":
            return f"look at {self.thing} in light"
        if self.verb == "two":
            return f"put two {self.thing} in {self.kind}"
        put = f"put {self.thing} in {self.kind}"
        return put if self.verb == "put" else f"{self.verb} {self.thing} and put it in {self.kind}"

    def things(self) -> tuple[str, ...]:
        """Names of the things it is about."""
        return (f"{self.thing} 1", f"{self.thing} 2") if self.verb == "two" else (self.thing,)

    def state(self) -> str:
        """What its things must be in the end; empty if nothing."""
        return STATES.get(self.verb, "")


@dataclass(frozen=True)
class Game:
    """A house, a task, and what is hidden at the start.

    Attributes:
        start: Room in which a trial begins.
        closed: Places that must be opened first.
        locked: Of those, the ones that cannot be opened. No thing lies there, and the task never needs them.
        broken: Appliances without effect; another one for the same verb works.
        lies: Thing -> place.
        limit: Steps of a trial.
    """

    house: House
    task: Task
    start: str
    closed: frozenset[str]
    locked: frozenset[str]
    broken: frozenset[str]
    lies: Mapping[str, str]
    limit: int


def distances(house: House, room: str) -> dict[str, int]:
    """Doors between `room` and each room of the house."""
    found, front = {room: 0}, [room]
    while front:
        here = front.pop(0)
        for one, other in house.doors:
            for near, far in ((one, other), (other, one)):
                if near == here and far not in found:
                    found[far] = found[here] + 1
                    front.append(far)
    return found


class World:
    """One trial of a game, from its start.

    An action that is impossible does nothing ("nothing happens") and costs a step like any other; `done` is
    free and ends the trial; walking costs a step and one more for every door on the way. An action that
    would pass the limit is not carried out and ends the trial.
    """

    def __init__(self, game: Game) -> None:
        self.game = game
        self.room, self.at, self.holding = game.start, "", ""
        self.spent, self.over = 0, False
        self._shut = set(game.closed)
        self._lies = dict(game.lies)
        self._is: dict[str, set[str]] = {}

    def step(self, action: str) -> str:
        """Do it.

        Returns:
            What is seen then, in a few words.

        Raises:
            ValueError: The trial is over.
        """
        if self.over:
            raise ValueError("The trial is over; begin another with World(game).")
        if action == END:
            self.over = True
            return "end"
        cost = self._cost(action)
        if self.spent + cost > self.game.limit:
            self.over = True
            return "out of steps"
        self.spent += cost
        return self._do(action)

    def solved(self) -> bool:
        """Whether the task is done, by the true state."""
        task = self.game.task
        state = task.state()
        if task.verb == "light":
            return "lit" in self._is.get(task.thing, ())
        kinds = {place.name: place.kind for place in self.game.house.places}
        return all(
            kinds.get(self._lies.get(thing, "")) == task.kind
            and (not state or state in self._is.get(thing, ()))
            for thing in task.things()
        )

    def _cost(self, action: str) -> int:
        verb, _, name = action.partition(" ")
        rooms = {place.name: place.room for place in self.game.house.places}
        if verb != "go" or name not in rooms:
            return 1
        return 1 + distances(self.game.house, self.room)[rooms[name]]

    def _do(self, action: str) -> str:
        verb, _, rest = action.partition(" ")
        here = next((place for place in self.game.house.places if place.name == self.at), None)
        if verb == "go":
            return self._go(rest)
        if here is None:
            return NO_EFFECT
        if action == f"open {self.at}" and self.at in self._shut:
            if self.at in self.game.locked:
                return LOCKED
            self._shut.discard(self.at)
            return self._contents()
        if action == "look":
            return self._contents()
        if verb == "take" and not self.holding and self._lies.get(rest) == self.at and self._reached():
            self.holding = rest
            del self._lies[rest]
            return OK
        if self.holding and action == f"put {self.holding} in {self.at}" and self._reached():
            self._lies[self.holding], self.holding = self.at, ""
            return OK
        if self.holding and action == f"{here.verb} {self.holding} with {self.at}":
            return self._use(here)
        return NO_EFFECT

    def _go(self, name: str) -> str:
        place = next((place for place in self.game.house.places if place.name == name), None)
        if place is None:
            return NO_EFFECT
        self.at, self.room = name, place.room
        return self._contents()

    def _use(self, here: Place) -> str:
        if self.at in self.game.broken:
            return NO_EFFECT
        state = STATES[here.verb]
        found = self._is.setdefault(self.holding, set())
        found -= {"hot", "cold"} if state in ("hot", "cold") else set()
        found.add(state)
        return f"{self.holding} is {state}"

    def _reached(self) -> bool:
        return self.at not in self._shut

    def _contents(self) -> str:
        if not self._reached():
            return CLOSED
        return " , ".join(thing for thing, place in self._lies.items() if place == self.at) or NONE

"""The expert of the household: the next action of one who knows what was seen and what lessons say.

It goes where a lesson says that the thing is, past places that lessons call empty, locked or broken; without
a lesson it searches in a random order, mostly the nearest places first, so that trials differ. It knows no
more than a player does, except in `fewest_steps`, where it is told everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import NamedTuple

from .household import END, Game, House, Place, Task, World, distances
from .household_sight import NOTHING_LEFT, Lesson, Sight, Turn, legal

__all__ = ["Choice", "fewest_steps", "plan", "play", "sensible", "told_everything"]

NEAREST_FIRST = 0.75
"""How often a search goes on with one of the nearest places rather than any."""


class Choice(NamedTuple):
    """What the expert is about, and the next action towards it."""

    aim: str
    action: str


def plan(house: House, task: Task, sight: Sight, known: Lesson, rng: Random) -> Choice:
    """The next action; `rng` only decides in which order places are searched."""
    choices = sensible(house, task, sight, known)
    if len(choices) > 1 and rng.random() < NEAREST_FIRST:
        return choices[0]
    return rng.choice(choices)


def sensible(house: House, task: Task, sight: Sight, known: Lesson) -> list[Choice]:
    """All that the expert may choose: one, or in a search a walk to each place left, nearest first."""
    return _Planner(house, task, sight, known).choices()


class _Planner:
    def __init__(self, house: House, task: Task, sight: Sight, known: Lesson) -> None:
        self.house, self.task, self.sight, self.known = house, task, sight, known
        self.far = distances(house, sight.room)
        self.barred = {*sight.locked, *known.locked}

    def choices(self) -> list[Choice]:
        unmet = self.sight.unmet(self.house, self.task)
        if not unmet:
            return [Choice(NOTHING_LEFT, END)]
        if self.sight.holding in unmet:
            return [self._carry()]
        return [self._lay_down()] if self.sight.holding else self._fetch(unmet)

    def _carry(self) -> Choice:
        """On with the thing in hand: to an appliance if it needs one, else to where it belongs."""
        task, sight = self.task, self.sight
        state = task.state()
        if state and state not in sight.states.get(sight.holding, ()):
            broken = {*sight.broken, *self.known.broken}
            tools = [place for place in self.house.places if place.verb == task.verb]
            tool = self._nearest([place for place in tools if place.name not in broken] or tools)
            use = f"{task.verb} {sight.holding} with {tool.name}"
            return Choice(use, self._at(tool.name) or use)
        targets = [place for place in self.house.places if place.kind == task.kind]
        target = self._nearest([place for place in targets if place.name not in self.barred] or targets).name
        put = f"put {sight.holding} in {target}"
        return Choice(put, self._at(target) or self._opened(target) or put)

    def _lay_down(self) -> Choice:
        """Be rid of what was taken for nothing."""
        spots = [place for place in self.house.places if place.name in self.sight.inside]
        spot = self._nearest(spots).name
        put = f"put {self.sight.holding} in {spot}"
        return Choice(put, self._at(spot) or put)

    def _fetch(self, unmet: Iterable[str]) -> list[Choice]:
        """To a thing whose place is known; else search."""
        told = dict(self.known.found)
        spots: dict[str, str] = {}
        for thing in unmet:
            spot = self.sight.where(thing) or told.get(thing, "")
            seen = spot in self.sight.inside and thing not in self.sight.inside[spot]
            if spot and not seen and spot not in self.sight.locked:
                spots.setdefault(spot, thing)
        if not spots:
            return self._search()
        spot = self._nearest([place for place in self.house.places if place.name in spots]).name
        take = f"take {spots[spot]}"
        return [Choice(f"{take} from {spot}", self._at(spot) or self._opened(spot) or take)]

    def _search(self) -> list[Choice]:
        """Into places not seen into in this trial: those that no lesson rules out, if there are any."""
        sight = self.sight
        unseen = [self.house.place(name) for name in sight.unseen(self.house)]
        usable = [place for place in unseen if place.name not in self.barred]
        fresh = [place for place in usable if place.name not in self.known.absent]
        among = fresh or usable or unseen or list(self.house.places)
        if sight.at in sight.shut and any(place.name == sight.at for place in among):
            return [Choice(f"search {sight.at}", f"open {sight.at}")]
        others = [place for place in among if place.name != sight.at] or list(self.house.places)
        return [Choice(f"search {place.name}", f"go {place.name}") for place in others]

    def _nearest(self, places: list[Place]) -> Place:
        """The nearest; of several the one where the player is, else the first of the house."""
        return min(places, key=lambda place: (place.name != self.sight.at, self.far[place.room]))

    def _at(self, place: str) -> str:
        return f"go {place}" if self.sight.at != place else ""

    def _opened(self, place: str) -> str:
        return f"open {place}" if place in self.sight.shut else ""


def play(
    game: Game, known: Lesson, rng: Random, noise: float = 0.0, meant: Task | None = None
) -> tuple[World, list[Turn]]:
    """A trial of the expert.

    Args:
        game: To play from its start.
        known: What lessons say.
        rng: Of the search and the noise.
        noise: Probability of any legal action in place of the right one, at each step.
        meant: Task that the expert takes for the game's; None is the game's own.

    Returns:
        The world at the trial's end, and its turns.
    """
    world, turns, sight = World(game), list[Turn](), Sight(game.start)
    while not world.over:
        action = plan(game.house, meant or game.task, sight, known, rng).action
        if noise and rng.random() < noise:
            action = rng.choice(legal(game.house, sight)[:-1])
        turns.append(Turn(action, world.step(action)))
        sight.follow(game.house, turns[-1])
    return world, turns


def told_everything(game: Game) -> Lesson:
    """The hidden state as a lesson."""
    found = tuple((thing, game.lies[thing]) for thing in game.task.things())
    return Lesson(game.task.thing, found, (), tuple(sorted(game.locked)), tuple(sorted(game.broken)))


def fewest_steps(game: Game) -> int:
    """Steps that the expert needs who is told everything."""
    world, _ = play(game, told_everything(game), Random(0))
    return world.spent

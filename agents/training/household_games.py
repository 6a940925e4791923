"""Household games that never were: houses, tasks and what is hidden in them, drawn from a seed.

Half of the names are fresh words, so that a player has to read; two in three games need more search than the
limit allows, as long as nothing is known.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from random import Random

from ..domains.household import VERBS, Game, House, Place, Task
from ..domains.household_planner import fewest_steps
from . import words

__all__ = ["HELD_OUT", "draw", "held_out"]

HELD_OUT = 1_000_000_000
"""Seeds from here on are never trained on."""

ROOMS = "hall bath garage kitchen study attic cellar office".split()
KINDS = "drawer shelf table chest bin rack trunk box desk basket crate cabinet".split()
CLOSABLE = frozenset("drawer chest bin trunk box crate cabinet fridge freezer microwave oven".split())
"""Kinds that are often closed; a fresh word's kind is closed half of the time."""
APPLIANCES = {
    "clean": "sink tub basin".split(),
    "heat": "stove oven microwave".split(),
    "cool": "fridge freezer".split(),
    "light": "lamp candle".split(),
}
THINGS = """
    mug plate cup bowl knife spoon pan pen book towel soap cloth bell ring rope apple egg
    jar torch brush vase comb key pot
""".split()


def draw(rng: Random) -> Game:
    """A solvable game; its limit leaves few steps over what one needs who knows everything."""
    verb = rng.choice(("put", "clean", "heat", "cool", "light", "two"))
    house = _house(rng, verb)
    receptacles = [place for place in house.places if not place.verb]
    kind = "" if verb == "light" else rng.choice([place.kind for place in receptacles])
    closed = frozenset(place.name for place in house.places if _closes(place, rng))
    locked, broken = _faults(rng, house, verb, kind, closed)
    things = _things(rng, {place.kind for place in house.places})
    task = Task(verb, things[0], kind)
    others = things[1:]
    free = [place for place in house.places if place.name not in locked and place.kind != kind]
    if not free:  # everything elsewhere is locked: no game
        return draw(rng)
    lies = {thing: rng.choice(free).name for thing in task.things()}
    roomy = [place for place in house.places if place.name not in locked]
    lies |= {thing: rng.choice(roomy).name for thing in others}
    shuffled = list(lies.items())
    rng.shuffle(shuffled)
    start = rng.choice(house.rooms)
    least = fewest_steps(Game(house, task, start, closed, locked, broken, dict(shuffled), UNLIMITED))
    return Game(house, task, start, closed, locked, broken, dict(shuffled), least + rng.choice(SLACK))


def held_out(index: int, seed: int = 0) -> Game:
    """A game that is never trained on.

    Args:
        index: Number of the game, from 0 up.
        seed: Draws other games; from 0 up.
    """
    return draw(Random((HELD_OUT + SERIES + seed) * 1_000_003 + index))


SERIES = 24_000
"""Keeps these games apart from other held-out data, whose seeds count up from `HELD_OUT`."""

UNLIMITED = 1_000
SLACK = (1, 2, 2, 3, 3, 4)
"""Steps over the fewest."""


def _house(rng: Random, verb: str) -> House:
    rooms = tuple(_distinct(rng, ROOMS, rng.randint(2, 4), 0.3))
    doors = [(rooms[index], rooms[rng.randrange(index)]) for index in range(1, len(rooms))]
    if len(rooms) > 2 and rng.random() < 0.4:
        extra = (rooms[-1], rooms[0])
        doors += [extra] if extra not in doors else []
    taken = list(rooms)
    kinds: list[tuple[str, str]] = []
    for use in VERBS:
        count = 2 if use == verb else rng.choice((0, 0, 1))
        names = _distinct(rng, APPLIANCES[use], count, 0.3, taken)
        taken += names
        kinds += [(name, use) for name in names]
    sorts = _distinct(rng, KINDS, rng.randint(2, 3), 0.35, taken)
    most = rng.randint(6, 12)
    kinds += [(kind, "") for kind in sorts]
    while len(kinds) < most:
        kinds.append((rng.choice(sorts), ""))
    places: list[Place] = []
    for kind, use in kinds:
        count = sum(other == kind for other, _ in kinds)
        number = sum(place.kind == kind for place in places) + 1
        places.append(Place(f"{kind} {number}" if count > 1 else kind, kind, rng.choice(rooms), use))
    rng.shuffle(places)
    return House(rooms, tuple(doors), tuple(sorted(places, key=lambda place: rooms.index(place.room))))


def _distinct(
    rng: Random, common: Sequence[str], count: int, share: float, taken: Sequence[str] = ()
) -> list[str]:
    """So many different words, some of them fresh."""
    found: list[str] = []
    while len(found) < count:
        word = words.either(rng, common, share)
        if word not in found and word not in taken and word not in RESERVED:
            found.append(word)
    return found


RESERVED = frozenset(
    "go open take put look done clean heat cool light locked broken closed nothing end".split()
)
"""Words of the grammar, which therefore name nothing."""


def _closes(place: Place, rng: Random) -> bool:
    if place.verb in ("clean", "light"):
        return False
    known = place.kind in KINDS or any(place.kind in names for names in APPLIANCES.values())
    return rng.random() < (0.5 if not known else 0.75 if place.kind in CLOSABLE else 0.0)


def _faults(
    rng: Random, house: House, verb: str, kind: str, closed: frozenset[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Locked places and broken appliances: at least one place of the task's kind and verb stays usable."""
    locked = {
        place.name
        for place in house.places
        if place.name in closed and not place.verb and rng.random() < (0.4 if place.kind == kind else 0.1)
    }
    targets = [place.name for place in house.places if place.kind == kind]
    if targets and set(targets) <= locked:
        locked.discard(rng.choice(targets))
    tools = [place.name for place in house.places if place.verb == verb]
    broken = {rng.choice(tools)} if tools and rng.random() < 0.5 else set[str]()
    return frozenset(locked), frozenset(broken)


def _things(rng: Random, kinds: Set[str]) -> list[str]:
    """Names of things, the task's first, none of them a kind of place; some share a word with the first."""
    found: list[str] = []
    count = rng.randint(4, 8)
    while len(found) < count:
        word = words.either(rng, THINGS, 0.4)
        if found and rng.random() < 0.2:
            word = found[0].split()[-1]
        name = f"{words.either(rng, words.COLOURS, 0.4)} {word}" if rng.random() < 0.3 else word
        if name not in found and not (RESERVED | kinds) & set(name.split()):
            found.append(name)
    return found

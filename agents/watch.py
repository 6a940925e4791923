"""The watch: sees from what a worker does that it gets nowhere, and advises what to do about it.

It looks at actions, the states that they were taken in, the plan, and what was spent. It knows no clock, asks
nobody and remembers only what it was shown, so the same sightings always give the same alarms. Each alarm is
to be journalled, as a row of kind `ALARM` with `Alarm.body()`, before its advice is followed; after a restart
`remember` each of them, and the ladder goes on where it was.

watch = Watch(plan)
if (alarm := watch.see(Sighting("click Add", page.text(), changed=False, step="add 2 x mugs"))) is not None:
    ...

What it promises: a worker that goes on without progress for ever is told to stop after a bounded number of
actions, whatever its plan. What it does not: that a run without alarms is going well; a page that shows
something new each time (a clock, advertisements) hides repetition from it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import JsonValue

Kind = Literal["repeated", "no_effect", "oscillation", "off_plan", "no_progress"]
Advice = Literal["nudge", "redo", "escalate", "stop"]

ALARM = "alarm"
"""Kind of the journal's rows that hold alarms."""

LADDER: tuple[Advice, ...] = ("nudge", "redo", "escalate", "stop")
"""Tell the worker; give up the attempt and redo it; ask a person; end the task. The next one each time that
an alarm comes again."""

FIRST: dict[Kind, Advice] = {
    "repeated": "nudge",
    "no_effect": "nudge",
    "oscillation": "nudge",
    "off_plan": "nudge",
    "no_progress": "redo",
}
"""Where on the ladder each kind begins. Who made no progress over so many actions needs more than a word."""

KEPT = 6
"""Actions that an alarm cites."""


@dataclass(frozen=True)
class WatchLimits:
    """From when on something counts. All are counted within one attempt.

    Attributes:
        repeats: The same action in the same state so many times. The second may be a page that was slow; the
            third shows nothing that the second did not.
        no_effect: So many actions in a row that changed nothing. A covered button and a second try at it are
            common; a third action without effect is no longer about one button.
        swings: So many moves back and forth between two states. A list and one of its entries, twice, is how
            two things are compared.
        strays: So many different steps that the plan does not have. One extra step is often a preparation.
        astray: So many actions in a row of which none is for a step of the plan.
        stale_actions: So many actions without a step done, a criterion passed, or a state not seen before. A
            form of eight fields, filled in and corrected once, stays below it.
        stale_tokens: So many tokens without any of these, once there were `repeats` actions. About ten
            prompts of two thousand tokens, the context of the embedded model.
    """

    repeats: int = 3
    no_effect: int = 3
    swings: int = 4
    strays: int = 3
    astray: int = 6
    stale_actions: int = 12
    stale_tokens: int = 20_000

    def __post_init__(self) -> None:
        wrong = {name: value for name, value in asdict(self).items() if value < 2}
        if wrong:
            raise ValueError(f"limits of a watch are at least 2, got {wrong!r}; less would alarm at once")


@dataclass(frozen=True)
class Sighting:
    """One action, as whoever watches saw it.

    Attributes:
        action: What was done, in words that outlive the page: "click Add to cart", "stock green mugs".
        state: What the worker stood before when it did so: a page's text, or what a tool returned last.
            Compared as a whole; "" where it is not known, which never counts as new.
        changed: Whether it had an effect; None where it was not meant to have one (looking, reading).
        step: The step of the plan that it was for; "" where that is not known.
        tokens: Model tokens spent since the sighting before.
    """

    action: str
    state: str = ""
    changed: bool | None = None
    step: str = ""
    tokens: int = 0


@dataclass(frozen=True)
class Alarm:
    """The worker gets nowhere.

    Attributes:
        kind: In what way.
        evidence: A sentence that says what was seen, then the actions, oldest first. Names of things on pages
            may occur in it: it is for the journal and for people, and for a model only as what its own
            actions were called.
        advice: What to do.
        times: How often an alarm of this kind was raised in this task, with this one.
    """

    kind: Kind
    evidence: tuple[str, ...]
    advice: Advice
    times: int = 1

    def body(self) -> dict[str, JsonValue]:
        """The body of the journal's row: `kind`, `evidence` (texts), `advice`, `times`."""
        return {
            "kind": self.kind,
            "evidence": list(self.evidence),
            "advice": self.advice,
            "times": self.times,
        }


USUAL = WatchLimits()


class Watch:
    """Watches one task, over all its attempts.

    Args:
        plan: Steps of the first attempt, as `Sighting.step` and `step_done` name them; empty: there is none.
        limits: From when on something counts.
    """

    def __init__(self, plan: Sequence[str] = (), limits: WatchLimits | None = None) -> None:
        self.limits = limits or USUAL
        self._raised: defaultdict[Kind, int] = defaultdict(int)
        self._passed: set[str] = set()
        self.began(plan)

    def remember(self, kind: str) -> None:
        """An alarm of this kind was raised about this task by a process before this one.

        Raises:
            ValueError: There is no such kind.
        """
        known: dict[str, Kind] = {each: each for each in FIRST}
        if kind not in known:
            raise ValueError(f"{kind!r} is no kind of alarm; there are {', '.join(FIRST)}")
        self._raised[known[kind]] += 1

    def began(self, plan: Sequence[str]) -> None:
        """A new attempt: what was done in the one before no longer counts, the alarms raised in it do."""
        self._plan = frozenset(map(_plain, plan))
        self._known: dict[str, int] = {}
        self._recent: deque[str] = deque(maxlen=KEPT)
        self._taken: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._idle = 0
        self._places: deque[int] = deque(maxlen=self.limits.swings + 1)
        self._strays: dict[str, None] = {}
        self._astray = 0
        self._done: set[str] = set()
        self._served = False
        self._told_steps = False
        self._stale, self._stale_tokens = 0, 0

    def see(self, sighting: Sighting) -> Alarm | None:
        """Take one action; at most one alarm, about the narrowest pattern that it completes."""
        place, new = self._place(sighting.state)
        where = f" in state {place}" if place else ""
        changed = {True: "", False: ", no effect", None: ""}[sighting.changed]
        self._recent.append(f"{sighting.action}{where}{changed}")
        self._stale = 0 if new else self._stale + 1
        self._stale_tokens = 0 if new else self._stale_tokens + max(0, sighting.tokens)
        found = (
            self._repeated(sighting.action, place)
            or self._without_effect(sighting.changed)
            or self._back_and_forth(place)
            or self._off_plan(sighting.step)
        )
        if found is not None:
            self._taken.clear()
            self._places.clear()
            self._idle = 0
            return found
        return self._without_progress()

    def step_done(self, step: str) -> Alarm | None:
        """A step is done. One that is done for the first time is progress."""
        name, self._told_steps = _plain(step), True
        self._served = self._served or name in self._plan
        if name not in self._done and (not self._plan or name in self._plan):
            self._stale, self._stale_tokens, self._astray = 0, 0, 0
        self._done.add(name)
        return self._stray(step)

    def passed(self, criteria: Iterable[str]) -> None:
        """These criteria passed. One that did not pass before is progress: the ladder begins anew."""
        fresh = set(criteria) - self._passed
        if fresh:
            self._passed |= fresh
            self._raised.clear()
            self._stale, self._stale_tokens = 0, 0

    def reported(self) -> Alarm | None:
        """The worker says that it is done: an alarm where steps were told and none of them is the plan's."""
        if not self._plan or not self._told_steps or self._served:
            return None
        return self._alarm("off_plan", f"none of the {len(self._plan)} steps of the plan was done")

    # --- patterns -----------------------------------------------------------------------

    def _place(self, state: str) -> tuple[int, bool]:
        """The number of a state, from 1 in the order of first sight, and whether it is new; 0: not known."""
        if not state:
            return 0, False
        mark = hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()
        new = mark not in self._known
        return self._known.setdefault(mark, len(self._known) + 1), new

    def _repeated(self, action: str, place: int) -> Alarm | None:
        self._taken[action, place] += 1
        times = self._taken[action, place]
        if times < self.limits.repeats:
            return None
        where = f"in the same state ({place})" if place else "in states that are not known"
        return self._alarm("repeated", f"{action!r} was done {times} times {where}")

    def _without_effect(self, changed: bool | None) -> Alarm | None:
        if changed is None:
            return None
        self._idle = 0 if changed else self._idle + 1
        if self._idle < self.limits.no_effect:
            return None
        return self._alarm("no_effect", f"{self._idle} actions in a row changed nothing")

    def _back_and_forth(self, place: int) -> Alarm | None:
        if not place or (self._places and self._places[-1] == place):
            return None
        self._places.append(place)
        if len(self._places) <= self.limits.swings or len(set(self._places)) != 2:
            return None
        one, other = sorted(set(self._places))
        return self._alarm("oscillation", f"{self.limits.swings} moves between states {one} and {other}")

    def _off_plan(self, step: str) -> Alarm | None:
        if not step or not self._plan:
            return None
        planned = _plain(step) in self._plan
        self._told_steps, self._served = True, self._served or planned
        self._astray = 0 if planned else self._astray + 1
        if self._astray >= self.limits.astray:
            count, self._astray = self._astray, 0
            return self._alarm("off_plan", f"{count} actions in a row were for no step of the plan")
        return self._stray(step)

    def _stray(self, step: str) -> Alarm | None:
        if not self._plan or _plain(step) in self._plan:
            return None
        self._strays[_plain(step)] = None
        if len(self._strays) < self.limits.strays:
            return None
        names = ", ".join(map(repr, self._strays))
        self._strays.clear()
        return self._alarm("off_plan", f"steps that the plan does not have: {names}")

    def _without_progress(self) -> Alarm | None:
        costly = self._stale_tokens >= self.limits.stale_tokens and self._stale >= self.limits.repeats
        if self._stale < self.limits.stale_actions and not costly:
            return None
        spent = f" and {self._stale_tokens:,} tokens" if self._stale_tokens else ""
        said = f"{self._stale} actions{spent} without a new state, a step done or a criterion passed"
        self._stale, self._stale_tokens = 0, 0
        return self._alarm("no_progress", said)

    def _alarm(self, kind: Kind, said: str) -> Alarm:
        self._raised[kind] += 1
        times = self._raised[kind]
        rung = min(LADDER.index(FIRST[kind]) + times - 1, len(LADDER) - 1)
        return Alarm(kind, (said, *self._recent), LADDER[rung], times)


def _plain(step: str) -> str:
    return " ".join(step.lower().split())

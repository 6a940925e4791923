"""Generated goals with the plans they mean: order things, handle a ticket, both, or something unknown.

A goal is built of tagged pieces, so its plan is read off the same pieces that its text is made of. Wording is
composed of clauses in many orders; the sentences of `examples/site` are not among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from ..roles import PlannedTask
from . import words
from .desk_goals import ticket
from .order_goals import order, order_task, tasks_of
from .pieces import Piece, join, said
from .words import pick

STRANGE = """
    write a poem about {x} | book a flight to {x} | what is the capital of {x} | translate {x} into french |
    fix the bug in {x} | summarise the report on {x} | play {x} | how old is {x} | call {x} on the phone |
    delete all files in {x} | tell me a joke about {x} | what is the weather in {x} |
    draw a picture of {x} | plan a trip to {x} | compute the square root of {x} |
    cancel my subscription to {x} | who won the {x} cup | send an email to {x} about the meeting |
    install {x} | turn on the {x} | {x} | reserve a table at {x} for tonight | find me a job as {x} |
    compare {x} and {y} | explain {x} to a child | hello {x} | sell my {x} | return the {x} |
    cook {x} for two
"""
LINKS = """
    ; | . also | . and | ; and | , and | . second , | ; then | . another one : | . in addition , |
    . besides : | . one more thing : | ; on another matter : | . other than that , | . second job : |
    . independent of that : | . next to that , | . further : | . for someone else : | . also to do : |
    ; and for another customer : | . a different task : | . unrelated : | . and separately from this , |
    . another task :
"""
"""Between tasks that have nothing to do with each other."""
THENS = """
    ; then | . then | , then | and | . afterwards , | ; after that | . after that , |
    ; when that is done , | . once done , | . when it is ordered , | , and then |
    ; as soon as it is placed , | . with the order placed , | ; next | , and after it | . following that , |
    , and once that is through , | . later | ; when this has gone through ,
"""
"""Between an order and what is to be done with its number."""
NEXTS = """
    ; then | . then | , then | and | . afterwards | ; after that | . after that , | ; when that is done , |
    . also | . finally , | and then | ; and | . once it is ordered , | . next ,
"""
GREETINGS = "hi , | hello , | hey , | task : | to do : | next job : | urgent :"
TAILS = """
    please | thanks | thank you | if you can | when you have a minute | as soon as you can | that is all |
    many thanks | cheers
"""


@dataclass(frozen=True)
class Goal:
    """A goal's text and the tasks that a planner should read out of it."""

    text: str
    tasks: tuple[PlannedTask, ...]


def draw(rng: Random) -> Goal:
    """A goal of the web families, or one that is outside of them."""
    roll = rng.random()
    if roll < 0.06:
        template = pick(rng, STRANGE)
        return Goal(template.format(x=" ".join(words.option(rng)), y=words.fresh(rng)), ())
    if roll < 0.2:
        return draw_tickets(rng)
    pieces, name = order(rng)
    tasks = [tasks_of(pieces)]
    if roll < 0.5:
        return finish(pieces, tasks, rng)
    if roll < 0.62:
        more, _ = order(rng)
        pieces = [*pieces, said(pick(rng, LINKS)), *more]
        tasks.append(tasks_of(more))
        if rng.random() < 0.7:
            return finish(pieces, tasks, rng)
    return draw_both(rng, pieces, name, tasks)


def draw_tickets(rng: Random) -> Goal:
    """A ticket, at times with a second ticket or an order behind it."""
    pieces, task = ticket(rng, None, None)
    if rng.random() >= 0.4:
        return finish(pieces, [task], rng)
    more, second = ticket(rng, None, None) if rng.random() < 0.4 else order_task(rng)
    return finish([*pieces, said(pick(rng, LINKS)), *more], [task, second], rng)


def draw_both(rng: Random, pieces: Sequence[Piece], name: str, tasks: Sequence[PlannedTask]) -> Goal:
    """Orders with a ticket behind them, mostly one that is to quote the order's number.

    Args:
        rng: Where it is drawn from.
        pieces: Of the orders.
        name: The customer of the first.
        tasks: The orders.
    """
    quoted = 1 if rng.random() < 0.75 and len(tasks) == 1 else None
    more, task = ticket(rng, name if quoted else None, quoted)
    if quoted is None and rng.random() < 0.7:
        return finish([*pieces, said(pick(rng, LINKS)), *more], [*tasks, task], rng)
    if quoted and rng.random() < 0.35:
        link = said(pick(rng, THENS))
        other, second = ticket(rng, None, None) if rng.random() < 0.4 else order_task(rng)
        both = [*pieces, link, *more, said(pick(rng, LINKS)), *other]
        return finish(both, [*tasks, task, second], rng)
    link = said(pick(rng, THENS if rng.random() < 0.6 else NEXTS))
    return finish([*pieces, link, *more], [*tasks, task], rng)


def finish(pieces: Sequence[Piece], tasks: Sequence[PlannedTask], rng: Random) -> Goal:
    """Add greeting, tail and full stop, and join."""
    if rng.random() < 0.1:
        pieces = [said(pick(rng, GREETINGS)), *pieces]
    if rng.random() < 0.15:
        stop = said(rng.choice((",", ".", "")))
        pieces = [*pieces, stop, said(pick(rng, TAILS))]
    text = join([piece for piece in pieces if piece[0]]) + rng.choice(("", ".", "."))
    return Goal(text[:1].upper() + text[1:], tuple(tasks))

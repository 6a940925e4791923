"""Training documents of the household's roles: actor, reflector, evaluator.

Every answer is computed from what a player saw, never from a game's hidden state: the actor's from the expert
who knows the trial so far and the notes, the lesson and the judgement from the trial's turns.
"""

from __future__ import annotations

from random import Random

from ..domains import household_roles as roles
from ..domains.household import Game, Task
from ..domains.household_planner import Choice, plan, play, sensible
from ..domains.household_sight import Lesson, Sight, Turn, merged
from ..question import Question
from .household_games import draw

__all__ = ["act_exam", "household_act", "household_judge", "household_reflect"]

Piece = tuple[str, float]
"""(text, is_answer)."""

QUESTIONS = 3
"""Of a document about one house."""


def household_act(rng: Random) -> list[Piece]:
    """Next actions in one house, at moments of different trials in any order.

    The first question is asked as a player asks it; the further ones leave out what stays the same.
    """
    game = draw(rng)
    lessons = _lessons(game, rng)
    known = merged(game.task, lessons[-roles.KEPT_LESSONS :])
    answers: dict[str, str] = {}
    while len(answers) < QUESTIONS:
        for turns in _moments(game, known, rng):
            sight = Sight.of(game.house, game.start, turns)
            choice = plan(game.house, game.task, sight, known, rng)
            answers[roles.act_query(game.house, sight, turns)] = roles.write_act(*choice)
    pieces: list[Piece] = []
    for query, answer in rng.sample(list(answers.items()), QUESTIONS):
        head = "" if pieces else f"{roles.act_head(game.house, game.task, lessons)}\n"
        pieces += [(head + query, False), (answer, True)]
    return pieces


def act_exam(rng: Random) -> tuple[Question, list[Choice]]:
    """A question of the actor, and all that the expert might answer."""
    game = draw(rng)
    lessons = _lessons(game, rng)
    known = merged(game.task, lessons[-roles.KEPT_LESSONS :])
    turns = _moments(game, known, rng)[0]
    sight = Sight.of(game.house, game.start, turns)
    question = roles.ask_act(game.house, game.task, sight, turns, lessons)
    return question, sensible(game.house, game.task, sight, known)


def _moments(game: Game, known: Lesson, rng: Random) -> list[list[Turn]]:
    """A trial with some mistakes in it, up to two of its steps."""
    _, turns = play(game, known, rng, noise=rng.choice((0.0, 0.1, 0.2)))
    return [turns[:count] for count in rng.sample(range(len(turns)), min(2, len(turns)))]


def household_reflect(rng: Random) -> list[Piece]:
    """The lesson of a trial that failed."""
    while True:
        game = draw(rng)
        turns = _trial(game, rng)
        sight = Sight.of(game.house, game.start, turns)
        if sight.unmet(game.house, game.task):
            lesson = roles.write_lesson(Lesson.of(game.task, sight))
            return [(roles.ask_reflect(game.task, sight, turns).text, False), (lesson, True)]


def household_judge(rng: Random) -> list[Piece]:
    """Whether a trial did the task: right ones, unfinished ones, and ones that did another task."""
    game = draw(rng)
    meant = _mistaken(game, rng) if rng.random() < 0.35 else game.task
    told = Lesson(meant.thing, tuple((thing, game.lies[thing]) for thing in meant.things()))
    known = told if rng.random() < 0.9 else Lesson(meant.thing)
    _, turns = play(game, known, rng, noise=rng.choice((0.0, 0.1, 0.2)), meant=meant)
    sight = Sight.of(game.house, game.start, turns)
    solved = not sight.unmet(game.house, game.task)
    return [(roles.ask_judge(game.task, sight, turns).text, False), (roles.YES if solved else roles.NO, True)]


def _lessons(game: Game, rng: Random) -> list[str]:
    """Lessons of none to three trials that failed, now and then with a fact that is false."""
    lessons: list[str] = []
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        known = merged(game.task, lessons)
        _, turns = play(game, known, rng, noise=rng.choice((0.0, 0.1)))
        sight = Sight.of(game.house, game.start, turns)
        if sight.unmet(game.house, game.task):
            lesson = Lesson.of(game.task, sight)
            lessons.append("\n".join(_garbled(game, lesson, rng).lines()))
    return [lesson for lesson in lessons if lesson]


def _garbled(game: Game, lesson: Lesson, rng: Random) -> Lesson:
    """Mostly the lesson itself, else one that names a wrong place."""
    if rng.random() > 0.05:
        return lesson
    wrong = rng.choice(game.house.places).name
    return Lesson(lesson.thing, ((rng.choice(game.task.things()), wrong),), (), lesson.locked, lesson.broken)


def _trial(game: Game, rng: Random) -> list[Turn]:
    """Turns of a trial with some knowledge, mostly none, and with some mistakes."""
    known = Lesson(game.task.thing)
    if rng.random() < 0.4:
        known = merged(game.task, _lessons(game, rng))
    return play(game, known, rng, noise=rng.choice((0.0, 0.0, 0.1, 0.25)))[1]


def _mistaken(game: Game, rng: Random) -> Task:
    """A task that is somewhat like the game's and not the same."""
    task = game.task
    others = [thing for thing in game.lies if thing not in task.things()]
    kinds = [place.kind for place in game.house.places if place.kind != task.kind and not place.verb]
    change = rng.choice(("thing", "kind", "verb"))
    if task.verb == "two" or (change == "verb" and task.verb != "put" and task.kind):
        return Task("put", rng.choice(task.things()), task.kind)
    if change == "kind" and kinds and task.kind:
        return Task(task.verb, task.thing, rng.choice(kinds))
    return Task(task.verb, rng.choice(others), task.kind)

"""The household world: what is in it, what a player knows of it, and what is learnt from a trial."""

from random import Random

import pytest

from punchlist.agents.domains.household import END, NO_EFFECT, Game, House, Place, World
from punchlist.agents.domains.household import Task as Job
from punchlist.agents.domains.household_planner import Choice, plan, play, sensible, told_everything
from punchlist.agents.domains.household_play import (
    HouseholdActor,
    HouseholdGame,
    HouseholdReflector,
    NotAHousehold,
    evaluator_of,
)
from punchlist.agents.domains.household_roles import (
    ask_act,
    ask_judge,
    ask_reflect,
    read_lesson,
    write_act,
    write_lesson,
)
from punchlist.agents.domains.household_sight import Lesson, Sight, Turn, aims, legal, merged
from punchlist.agents.reasoning.problem import Task
from punchlist.agents.reasoning.reflexion import Trial
from punchlist.agents.reasoning.thinking import Thinking
from punchlist.agents.reasoning.tree import Node
from punchlist.agents.testing import ScriptedModel, WorstCaseModel
from punchlist.agents.training.household_documents import (
    act_exam,
    household_act,
    household_judge,
    household_reflect,
)
from punchlist.agents.training.household_games import draw, held_out
from punchlist.core_model.grammar import Grammar

SEEDS = range(300)

HOUSE = House(
    ("hall", "bath"),
    (("bath", "hall"),),
    (
        Place("drawer 1", "drawer", "hall"),
        Place("drawer 2", "drawer", "hall"),
        Place("shelf", "shelf", "bath"),
        Place("stove", "stove", "bath", "heat"),
        Place("oven", "oven", "hall", "heat"),
    ),
)


def game(verb="heat", limit=20):
    """A mug on the shelf that belongs in a drawer, the first of which is locked; the stove is broken."""
    return Game(
        HOUSE,
        Job(verb, "mug", "drawer"),
        "hall",
        closed=frozenset({"drawer 1", "drawer 2"}),
        locked=frozenset({"drawer 1"}),
        broken=frozenset({"stove"}),
        lies={"mug": "shelf", "plate": "drawer 2"},
        limit=limit,
    )


def run(world, *actions):
    return [Turn(action, world.step(action)) for action in actions]


def seen(turns):
    return [turn.seen for turn in turns]


def unknown(game):
    return Lesson(game.task.thing)


def noisy(seed):
    """A game, a trial of it with mistakes, and what its player knows then."""
    rng = Random(seed)
    drawn = draw(rng)
    world, turns = play(drawn, unknown(drawn), rng, noise=0.3)
    return drawn, world, turns, Sight.of(drawn.house, drawn.start, turns)


# --- the world --------------------------------------------------------------------------


def test_a_thing_is_fetched_heated_and_put_away():
    world = World(game())

    turns = run(
        world, "go shelf", "take mug", "go oven", "heat mug with oven", "go drawer 2", "open drawer 2"
    )
    turns += run(world, "put mug in drawer 2", END)

    assert seen(turns) == ["mug", "ok", "nothing", "mug is hot", "closed", "plate", "ok", "end"]
    assert world.solved()


def test_what_is_put_away_cold_does_not_solve_a_task_of_heating():
    world = World(game())

    run(world, "go shelf", "take mug", "go drawer 2", "open drawer 2", "put mug in drawer 2", END)

    assert not world.solved()


def test_a_locked_place_stays_shut_and_a_broken_appliance_does_nothing():
    world = World(game())

    turns = run(
        world, "go drawer 1", "open drawer 1", "go shelf", "take mug", "go stove", "heat mug with stove"
    )

    assert seen(turns) == ["closed", "locked", "mug", "ok", "nothing", NO_EFFECT]


def test_doors_on_the_way_cost_steps():
    world = World(game())

    run(world, "go oven", "go shelf", "go stove")

    assert world.spent == 1 + 2 + 1


def test_an_action_beyond_the_limit_is_not_done_and_ends_the_trial():
    world = World(game(limit=2))

    turns = run(world, "go shelf", "take mug")

    assert (seen(turns), world.over, world.holding) == (["mug", "out of steps"], True, "")
    with pytest.raises(ValueError, match="over"):
        world.step("look")


@pytest.mark.parametrize(
    "action", ["go cellar", "take mug", "put mug in drawer 2", "open oven", "heat mug with oven", "fly", ""]
)
def test_what_is_impossible_has_no_effect_and_costs_a_step(action):
    world = World(game())

    assert (world.step(action), world.spent, world.at) == (NO_EFFECT, 1, "")


def test_cooling_undoes_heating():
    house = House(("hall",), (), (Place("oven", "oven", "hall", "heat"), Place("tub", "tub", "hall", "cool")))
    cup = Game(
        house, Job("heat", "cup", "tub"), "hall", frozenset(), frozenset(), frozenset(), {"cup": "oven"}, 9
    )
    world = World(cup)

    run(world, "go oven", "take cup", "heat cup with oven", "go tub", "cool cup with tub", "put cup in tub")

    assert not world.solved()


# --- games, and the expert ---------------------------------------------------------------


@pytest.mark.parametrize("part", range(3))
def test_who_is_told_where_things_are_solves_every_game_within_its_limit(part):
    for seed in range(part * 200, part * 200 + 200):
        drawn = draw(Random(seed))

        assert play(drawn, told_everything(drawn), Random(seed))[0].solved(), seed


def test_most_games_are_not_solved_in_a_first_trial_and_nearly_all_in_a_third_one():
    first = third = 0
    for seed in SEEDS:
        rng, lessons = Random(seed), list[str]()
        drawn = draw(rng)
        for trial in range(3):
            world, turns = play(drawn, merged(drawn.task, lessons), rng)
            first, third = first + (world.solved() and trial == 0), third + world.solved()
            if world.solved():
                break
            lesson = Lesson.of(drawn.task, Sight.of(drawn.house, drawn.start, turns))
            lessons.append("\n".join(lesson.lines()))

    assert first < 0.4 * len(SEEDS) and third > 0.9 * len(SEEDS)


def test_the_expert_goes_where_the_lesson_says_and_to_no_place_that_it_rules_out():
    sight = Sight("hall")
    told = Lesson("mug", (("mug", "shelf"),))
    ruled_out = Lesson("mug", (), ("shelf", "stove"), ("drawer 1",))

    assert sensible(HOUSE, game().task, sight, told) == [Choice("take mug from shelf", "go shelf")]
    searched = [choice.action for choice in sensible(HOUSE, game().task, sight, ruled_out)]
    assert sorted(searched) == ["go drawer 2", "go oven"]


def test_what_is_seen_counts_more_than_a_lesson_that_is_wrong():
    turns = [Turn("go oven", "nothing")]
    wrong = Lesson("mug", (("mug", "oven"),))

    choices = sensible(HOUSE, game().task, Sight.of(HOUSE, "hall", turns), wrong)

    actions = [choice.action for choice in choices]
    assert "go shelf" in actions and "go oven" not in actions


def test_held_out_games_are_none_that_is_trained_on():
    def mark(drawn):
        return drawn.house, drawn.task, tuple(drawn.lies.items())

    held = {mark(held_out(index)) for index in range(134)}
    trained = {mark(draw(Random(seed * 1_000_003 + index))) for seed in (1, 7) for index in range(500)}

    assert len(held) == 134
    assert not held & trained


# --- what a player knows -----------------------------------------------------------------


def test_what_was_seen_tells_whether_the_task_is_done():
    outcomes = set()
    for seed in SEEDS:
        drawn, world, _, sight = noisy(seed)
        outcomes.add(world.solved())

        assert (not sight.unmet(drawn.house, drawn.task)) == world.solved(), seed
    assert outcomes == {True, False}


def test_the_actions_at_hand_hold_those_of_the_expert():
    for seed in range(100):
        drawn, _, turns, _ = noisy(seed)
        for count in range(len(turns)):
            sight = Sight.of(drawn.house, drawn.start, turns[:count])

            choice = plan(drawn.house, drawn.task, sight, unknown(drawn), Random(0))
            assert choice.action in legal(drawn.house, sight)
            assert choice.aim in aims(drawn.house, drawn.task, sight)


def test_a_lesson_is_true():
    for seed in SEEDS:
        drawn, _, _, sight = noisy(seed)
        lesson = Lesson.of(drawn.task, sight)

        assert all(drawn.lies[thing] == place for thing, place in lesson.found), seed
        assert not {drawn.lies[thing] for thing in drawn.task.things()} & set(lesson.absent), seed
        assert set(lesson.locked) <= drawn.locked and set(lesson.broken) <= drawn.broken, seed


def test_a_lesson_survives_being_written_and_read():
    for seed in range(100):
        drawn, _, turns, sight = noisy(seed)
        lesson = Lesson.of(drawn.task, sight)
        answer = write_lesson(lesson)

        assert Lesson.read(drawn.task, read_lesson(answer).splitlines()) == lesson
        assert Grammar.lark(ask_reflect(drawn.task, sight, turns).grammar).accepts(answer)


def test_of_lessons_the_later_word_about_a_things_place_counts():
    lesson = merged(game().task, ["mug in oven\nstove broken", "mug in shelf", "what ever"])

    assert lesson == Lesson("mug", (("mug", "shelf"),), (), (), ("stove",))


# --- what is asked ------------------------------------------------------------------------


def test_the_actor_reads_notes_and_what_was_seen_and_may_do_what_is_at_hand():
    turns = [Turn("go drawer 1", "closed"), Turn("open drawer 1", "locked"), Turn("go shelf", "mug")]
    sight = Sight.of(HOUSE, "hall", turns)

    question = ask_act(HOUSE, game().task, sight, turns, ["stove broken"])

    for line in ("house : heat mug and put it in drawer", "note : stove broken", "- drawer 1 locked"):
        assert line in question.text.splitlines()
    grammar = Grammar.lark(question.grammar)
    aim = "take mug from shelf"
    assert grammar.accepts(f"{aim}\ntake mug") and grammar.accepts(f"{aim}\ngo oven")
    assert not grammar.accepts(f"{aim}\ngo shelf") and not grammar.accepts(f"{aim}\nput mug in shelf")
    assert not grammar.accepts("take mug") and not grammar.accepts("take cup from shelf\ntake mug")


def test_an_actor_is_given_the_last_three_lessons():
    lessons = [f"mug not in place{number}" for number in range(5)]

    text = ask_act(HOUSE, game().task, Sight("hall"), [], lessons).text

    assert [row for row in text.splitlines() if row.startswith("note")] == [
        "note : mug not in place2",
        "note : mug not in place3",
        "note : mug not in place4",
    ]


def test_an_evaluator_reads_what_was_done_and_how_it_ended():
    turns = [Turn("go shelf", "mug"), Turn("take mug", "ok"), Turn("go oven", "out of steps")]

    rows = ask_judge(game().task, Sight.of(HOUSE, "hall", turns), turns).text.splitlines()

    assert rows[0] == "house : heat mug and put it in drawer"
    assert rows[1:-1] == ["- mug : in hand", "did : take mug : ok", "did : go oven : out of steps"]


def test_a_reflector_may_name_only_places_of_the_trial():
    turns = [Turn("go shelf", "mug"), Turn("take mug", "ok")]

    grammar = Grammar.lark(ask_reflect(game().task, Sight.of(HOUSE, "hall", turns), turns).grammar)

    assert grammar.accepts("mug in shelf\nend")
    assert not grammar.accepts("mug in oven\nend")


def test_no_lesson_of_a_trial_that_went_nowhere():
    grammar = Grammar.lark(ask_reflect(game().task, Sight("hall"), [Turn(END, "end")]).grammar)

    assert grammar.accepts("end") and read_lesson("end") == ""
    assert not grammar.accepts("mug in shelf\nend")


# --- played by a model --------------------------------------------------------------------


def played():
    """The turns of a trial that heats the mug and puts it away."""
    problem = HouseholdGame(game())
    state = problem.initial()
    for action in ("go shelf", "take mug", "go oven", "heat mug with oven", "go drawer 2", "open drawer 2"):
        state = problem.apply(state, action)
    return problem, problem.apply(problem.apply(state, "put mug in drawer 2"), END)


def test_a_game_is_a_problem_whose_states_are_its_turns():
    problem, state = played()

    assert problem.terminal(state[:-1]) is None
    assert problem.terminal(state).answer.endswith("put mug in drawer 2 : ok\ndone : end")
    assert problem.solved(state) and not problem.solved(state[:4])
    assert (problem.steps(state), problem.key(state)) == (9, state)


async def test_a_model_plays_a_trial_to_its_end_whatever_it_says():
    thinking = Thinking(WorstCaseModel(5))

    result = await HouseholdActor().solve(Task("", problem=HouseholdGame(game(limit=6))), thinking)

    assert result.best.terminal is not None
    assert result.best.state[-1].seen in ("end", "out of steps")


async def test_an_action_that_is_none_costs_a_step():
    thinking = Thinking(ScriptedModel(["fly away", "done"]))

    result = await HouseholdActor().solve(Task("", problem=HouseholdGame(game())), thinking)

    assert result.best.state == (Turn("fly away", NO_EFFECT), Turn("done", "end"))


async def test_the_evaluator_is_the_model_and_reads_what_was_done():
    problem, state = played()
    model = ScriptedModel([], scores={"yes": -0.1, "no": -3.0})
    node = Node("0", None, state, terminal=problem.terminal(state))

    (score,) = await evaluator_of(problem.game).score([node], Thinking(model))

    assert score.kind == "model" and score.value > 0.9
    sight = Sight.of(HOUSE, "hall", state)
    assert model.asked == [ask_judge(game().task, sight, state).text]


@pytest.mark.parametrize(("keeps", "lesson"), [(True, "mug in shelf\nstove broken"), (False, None)])
async def test_a_reflector_says_what_a_trial_found_out_and_may_be_told_to_forget_it(keeps, lesson):
    problem = HouseholdGame(game(limit=4))
    task = Task("heat it", problem=problem)
    actions = ["go shelf", "take mug", "go stove", "done"]
    thinking = Thinking(ScriptedModel([*actions, "mug in shelf\nstove broken\nend"]))
    trial = Trial(1, await HouseholdActor().solve(task, thinking))

    learnt = await HouseholdReflector(keeps=keeps).reflect(task, trial, [], thinking)

    assert (learnt and learnt.text()) == lesson


async def test_a_task_without_a_household_is_refused():
    with pytest.raises(NotAHousehold, match="HouseholdGame"):
        await HouseholdActor().solve(Task("who are you"), Thinking(ScriptedModel([])))


# --- training documents -------------------------------------------------------------------


@pytest.mark.parametrize("role", [household_act, household_reflect, household_judge])
def test_documents_fit_and_are_the_same_for_the_same_seed(role, tokenizer):
    for seed in range(100):
        document = role(Random(seed))

        assert document == role(Random(seed))
        assert sum(len(tokenizer.encode(text)) + 1 for text, _ in document) < 700


def test_judgements_of_both_kinds_are_trained():
    answers = [household_judge(Random(seed))[1][0] for seed in SEEDS]

    assert 0.25 < answers.count("yes") / len(answers) < 0.6


def test_right_answers_of_an_actor_are_legal():
    for seed in range(60):
        question, right = act_exam(Random(seed))
        grammar = Grammar.lark(question.grammar)

        assert right and all(grammar.accepts(write_act(*choice)) for choice in right)


@pytest.fixture(scope="module")
def tokenizer():
    from punchlist.agents.evals.models import WEIGHTS
    from punchlist.core_model.tokenizer import Tokenizer

    return Tokenizer.load(WEIGHTS)

"""The eval of the household: an expert who reads what a model reads, and the figures."""

from dataclasses import replace
from random import Random

import pytest

from punchlist.agents.domains.household import Task
from punchlist.agents.domains.household_planner import plan, told_everything
from punchlist.agents.domains.household_roles import write_act, write_lesson
from punchlist.agents.domains.household_sight import Lesson, Sight, merged
from punchlist.agents.evals import household
from punchlist.agents.evals.harness import EvalOptions, Measuring, OptionRefused
from punchlist.agents.evals.household import ArmRow, GameRow, TrialRow, figures_of, play_game, true_facts
from punchlist.agents.evals.models import STRING_MATCH, WEIGHTS
from punchlist.agents.evals.registry import LEDGER, Measurement
from punchlist.agents.testing import ScriptedModel, WorstCaseModel
from punchlist.agents.training.household_games import held_out
from punchlist.core_model.checkpoint import save_checkpoint
from punchlist.core_model.config import ModelConfig
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.transformer import Transformer

GAMES = [held_out(index) for index in range(6)]


class Expert(ScriptedModel):
    """Answers every role as it was trained to, from the text of the question and the house alone."""

    name = "expert"

    def __init__(self, passes=None):
        super().__init__(self._say)
        self._random, self._passes = Random(4), passes

    def _say(self, text):
        game = game_of(text)
        if text.endswith("do:"):
            notes = rows_of(text, "note : ")
            known = merged(game.task, notes)
            return write_act(*plan(game.house, game.task, sight_of(text), known, self._random))
        return write_lesson(Lesson.of(game.task, sight_of(text)))

    async def score(self, messages, continuations):
        text = messages[-1]["content"]
        task = game_of(text).task
        passed = self._passes if self._passes is not None else text.splitlines()[-2] == "did : done : end"
        assert text.startswith(f"house : {task.line()}")
        return [0.0 if (option == "yes") == passed else -9.0 for option in continuations]


def game_of(text):
    [game] = [game for game in GAMES if text.startswith(f"house : {game.task.line()}\n")]
    return game


def rows_of(text, mark):
    return [row.removeprefix(mark) for row in text.splitlines() if row.startswith(mark)]


def sight_of(text):
    """What the rows of a prompt say."""
    sight = Sight("")
    for row in rows_of(text, "at : "):
        *place, sight.room = row.split(" , ")
        sight.at = place[0] if place else ""
    for row in rows_of(text, "holding : "):
        sight.holding = row.replace("nothing", "")
    for row in rows_of(text, "- "):
        name, colon, things = row.partition(" : ")
        if things == "closed":
            sight.shut.add(name)
        elif colon:
            sight.inside[name] = [] if things == "nothing" else things.split(" , ")
            sight.first[name] = tuple(sight.inside[name])
        elif row.endswith(" locked"):
            sight.locked.append(row.removesuffix(" locked"))
            sight.shut.add(sight.locked[-1])
        elif row.endswith(" broken"):
            sight.broken.append(row.removesuffix(" broken"))
        else:
            thing, _, state = row.partition(" is ")
            sight.states.setdefault(thing, []).append(state)
    return sight


async def played(model, games=GAMES):
    return [await play_game(model, game) for game in games]


async def test_what_the_prompts_tell_is_enough_to_learn_from_failed_trials():
    rows = await played(Expert())

    figures = figures_of(rows)
    assert figures["trial_1"] < 1.0
    assert figures["trial_5"] == figures["trial_5_told"] == figures["lesson_facts_true"] == 1.0
    assert figures["judge_precision"] == figures["judge_recall"] == 1.0
    assert figures["trial_5_no_reflection"] <= figures["trial_5"]


async def test_the_first_trial_is_the_same_with_and_without_reflection():
    row = await play_game(Expert(), GAMES[0])

    assert row.arms["reflexion"].trials[0].steps == row.arms["no_reflection"].trials[0].steps


async def test_an_evaluator_that_passes_everything_ends_each_game_at_its_first_trial():
    figures = figures_of(await played(Expert(passes=True)))

    assert figures["trials"] == 1
    assert figures["trial_5"] == figures["trial_1"] < 1.0
    assert figures["judge_precision"] < 1.0 and figures["judge_recall"] == 1.0


async def test_an_actor_that_does_anything_at_all_ends_every_trial_and_solves_little():
    rows = await played(WorstCaseModel(3), GAMES[:2])

    trials = [trial for row in rows for arm in row.arms.values() for trial in arm.trials]
    assert trials and all(trial.steps <= max(game.limit for game in GAMES) for trial in trials)


ENTRY = Measurement("eval", "household", "", "household", LEDGER | {"model", "limit"})


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A folder with a tiny model that has learnt nothing."""
    tokenizer = Tokenizer.load(WEIGHTS)
    sizes = {"hidden_size": 16, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1, "head_dim": 8}
    ids = {"bos_token_id": tokenizer.bos_id, "eos_token_ids": (tokenizer.eos_id,)}
    config = ModelConfig(
        tokenizer.vocab_size, **sizes, **ids, intermediate_size=16, pad_token_id=tokenizer.pad_id
    )
    model = Transformer(config)
    model.initialise(3)
    folder = tmp_path_factory.mktemp("untrained") / "model"
    save_checkpoint(folder, model, tokenizer)
    return folder


def test_a_game_that_is_in_the_ledger_is_not_played_again(untrained, tmp_path):
    told = list[str]()
    options = EvalOptions(model=str(untrained), limit=1, out=tmp_path / "x.jsonl", say=told.append)

    with Measuring(ENTRY, options) as measuring:
        first = household.measure(measuring)
    with Measuring(ENTRY, replace(options, resume=True)) as measuring:
        again = household.measure(measuring)

    assert (first, len(told)) == (again, 1)


def test_word_matching_is_refused():
    with (
        pytest.raises(OptionRefused, match="model"),
        Measuring(ENTRY, EvalOptions(model=STRING_MATCH)) as measuring,
    ):
        household.measure(measuring)


def arm(*trials, tokens=0):
    made = tuple(TrialRow(solved=solved, judged=judged, steps=4) for solved, judged in trials)
    return ArmRow(trials=made, tokens=tokens, calls=2)


def test_of_several_trials_the_one_counts_that_the_evaluator_thinks_most_of(unexplained):
    ways = arm((False, 0.2), (True, 0.1), (False, 0.3), (True, 0.9), tokens=50)
    row = GameRow(arms={each.name: ways for each in household.ARMS})

    figures = figures_of([row])

    assert (figures["trial_1"], figures["trial_3"], figures["trial_5"]) == (0.0, 0.0, 1.0)
    assert (figures["judge_precision"], figures["judge_recall"]) == (1.0, 0.5)
    assert (figures["steps"], figures["tokens"], figures["trials"]) == (16, 50, 4)
    assert unexplained(household, figures) == set()


def test_facts_of_a_lesson_are_held_against_the_game():
    game = next(game for game in map(held_out, range(50)) if game.task.verb == "put")
    told = told_everything(game)
    wrong = next(place.name for place in game.house.places if place.name not in dict(told.found).values())

    assert true_facts(game, "\n".join(told.lines())) == (len(told.lines()), len(told.lines()))
    assert true_facts(game, f"{game.task.thing} in {wrong}") == (0, 1)


def test_games_of_the_tests_are_told_apart_by_their_tasks():
    assert len({game.task.line() for game in GAMES}) == len(GAMES)
    assert all(isinstance(game.task, Task) for game in GAMES)


@pytest.mark.parametrize("count", [0, 1])
def test_no_trial_and_no_lesson_give_no_figure_and_no_error(count):
    figures = figures_of([GameRow(arms={each.name: arm((False, 0.1)) for each in household.ARMS})] * count)

    assert figures["lesson_facts_true"] is None and figures["judge_recall"] is None

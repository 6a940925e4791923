"""Game of 24 and Countdown as evals: what is counted as right, what each part measures, and the figures."""

from itertools import islice

import pytest

from punchlist.agents.domains.numbers import good_moves, make_state, moves, solvable
from punchlist.agents.domains.numbers_game import Judge, LastNumber, NumberGame, sampled
from punchlist.agents.domains.numbers_held_out import GAME, countdown_problems, unseen_puzzles
from punchlist.agents.domains.numbers_prompts import read_prompt
from punchlist.agents.evals import countdown, game24
from punchlist.agents.evals.game24 import Table
from punchlist.agents.evals.harness import EvalOptions, OptionRefused, execute
from punchlist.agents.evals.number_plays import OracleRefused, Play, Player, area_under_curve
from punchlist.agents.reasoning.beam import Beam
from punchlist.agents.reasoning.evaluators import Checked
from punchlist.agents.testing import ScriptedModel, WorstCaseModel, answered, question_text
from punchlist.agents.training.embedded import make_tokenizer
from punchlist.core_model.checkpoint import save_checkpoint
from punchlist.core_model.config import ModelConfig
from punchlist.core_model.transformer import Transformer

PUZZLE = NumberGame(make_state((4, 5, 6, 10)))


class Knowing(WorstCaseModel):
    """Judges states of up to `sure` numbers rightly, larger ones wrongly; proposes at random, and solves."""

    name = "knowing"

    def __init__(self, sure=4):
        super().__init__(seed=1)
        self.sure = sure

    async def score(self, messages, continuations):
        role, state, target, rules = read_prompt(question_text(messages))
        if role == "propose":
            good = {move.text() for _, move in good_moves(state, target, rules)}
            return [0.0 if text in good else -9.0 for text in continuations]
        truth = solvable(state, target, rules) == (len(state) <= self.sure)
        return [0.0 if (text == "yes") == truth else -9.0 for text in continuations]

    async def generate(self, messages, *, sampling=None, grammar=None):
        text = question_text(messages)
        role, state, target, rules = read_prompt(text)
        if role == "propose" and len(state) == 2 and (good := good_moves(state, target, rules)):
            return answered(good[0][1].text(), text)
        if role != "chain":
            return answered(self._random.choice(list(moves(state, rules).values())).text(), text)
        return answered(solution(state, target) if self.sure == 4 else f"{state[0]} + {state[1]} = 0", text)


def solution(state, target):
    """A chain that reaches the target."""
    lines = []
    while len(state) > 1:
        state, move = good_moves(state, target)[0]
        lines.append(move.text())
    return "\n".join(lines)


def silent(line):
    """A double for stderr."""


def options(tmp_path, **more):
    return EvalOptions(out=tmp_path / "x.jsonl", say=silent, **more)


async def play(part, model=None, game=PUZZLE):
    return Play.model_validate(await Table(model or Knowing(), 0, True).part(part, game))


@pytest.mark.parametrize("part", ["tree", "sampling", "enumerating", "one_pass"])
async def test_with_an_evaluator_that_knows_the_best_answer_is_right(part):
    game = NumberGame(unseen_puzzles()[7][1])

    played = await play(part, game=game)

    assert played.first
    assert len(played.right) == 5
    assert game.right(played.answer)
    assert played.calls > 0


async def test_the_same_seed_gives_the_same_play():
    first, again = await play("one"), await play("one")

    assert first.model_copy(update={"seconds": 0}) == again.model_copy(update={"seconds": 0})
    assert first.answer


async def test_look_ahead_is_right_about_three_numbers_when_the_model_knows_two_only():
    row = await Table(Knowing(sure=2), 0, True).judge(PUZZLE)

    assert area_under_curve(row["ahead"], row["truth"]) == 1.0
    assert area_under_curve(row["no_trace"], row["truth"]) == 1.0
    assert area_under_curve(row["one_pass"], row["truth"]) == 0.0
    assert row["two_right"] == row["two"] > row["two_found"] == row["two_true"] > 0


async def test_a_trace_finds_what_the_model_misjudges_and_a_random_one_finds_less():
    row = await Table(Knowing(sure=1), 0, True).judge(PUZZLE)

    curves = {way: area_under_curve(row[way], row["truth"]) for way in ("ahead", "random_trace", "no_trace")}
    assert curves["ahead"] == 1.0 > max(curves["random_trace"], curves["no_trace"])
    assert row["two_traced"] == row["two_true"] > row["two_found"] == 0


async def test_without_the_calculator_a_made_up_result_ends_the_game_and_does_not_count():
    def invent(question):
        state = read_prompt(question)[1]
        return f"{state[1]} + {state[0]} = {24 if len(state) == 2 else 7}"

    played = await play("no_tool", ScriptedModel(invent, {"yes": 0.0}))

    assert played.answer.endswith("= 24")
    assert played.right == (False,)


async def test_with_the_calculator_nothing_is_made_up():
    played = await play("sampling", ScriptedModel(lambda question: "4 + 5 = 24"))

    assert (played.right, played.stopped) == ((), "no thoughts")


async def test_chains_are_checked_line_by_line_and_paid_by_the_tokens_of_the_tree():
    good = await Table(Knowing(), 0, True).chain(PUZZLE, afford=40)
    bad = await Table(Knowing(sure=2), 0, True).chain(PUZZLE, afford=40)

    assert (good["greedy"], good["majority"], good["best_of_k"], good["mean"]) == (True, True, True, 1.0)
    assert (bad["greedy"], bad["fault"], bad["best_of_k"]) == (False, "arithmetic", False)
    assert 1 <= good["k"] <= 100


async def test_an_oracle_is_refused():
    oracle = Checked(lambda node: 1.0, "oracle")

    with pytest.raises(OracleRefused, match="knows the solution"):
        await Player(Beam()).play(PUZZLE, PUZZLE, sampled(PUZZLE), oracle, Knowing())


async def test_the_last_number_is_compared_exactly_and_open_states_get_nothing_from_it():
    game = NumberGame(make_state((24,)))
    board = game.initial()

    score = await LastNumber(game).score([game24.loose(board.numbers)], None)
    open_score = await LastNumber(PUZZLE).score([game24.loose(PUZZLE.numbers)], None)

    assert [score[0].value, open_score[0].value] == [1.0, 0.0]
    assert Judge(game).kind == "model"


def test_the_area_under_the_curve_agrees_with_comparing_all_pairs():
    values = [0.1, 0.4, 0.4, 0.9, 0.9, 0.2, 0.4]
    truth = [False, True, False, True, False, False, True]
    pairs = [(a, b) for a, yes in zip(values, truth, strict=True) if yes for b in against(values, truth)]

    wanted = sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs)

    assert area_under_curve(values, truth) == pytest.approx(wanted)
    assert area_under_curve([0.5], [True]) is None


def against(values, truth):
    """Values of what is false."""
    return [value for value, yes in zip(values, truth, strict=True) if not yes]


def test_every_figure_is_measured_and_explained(tmp_path, unexplained, monkeypatch):
    monkeypatch.setattr(game24, "open_model", lambda name: Knowing())
    monkeypatch.setattr(game24, "SAMPLES", 4)
    monkeypatch.setattr(game24, "WIDTH", 12)

    made = execute("eval", "game24", options(tmp_path, limit=1))

    fixed = """
        any_of_5 top_1 mean_of_5 b1_top_1 cot cot_sc_100 evaluator_auc any_of_5_strict top_1_strict
        evaluator_auc_strict enumerating_proposer_any_of_5 random_evaluator_any_of_5 calls_per_puzzle
        tokens_per_puzzle seconds_per_puzzle cot_best_of_k no_tool_any_of_5 no_tool_top_1
    """
    assert set(fixed.split()) <= set(made["figures"])
    assert unexplained(game24, made["figures"]) == set()
    assert made["figures"]["any_of_5"] == made["figures"]["any_of_5_strict"] == 1.0
    assert "same run" in made["settings"]["strict"]


def test_of_another_model_nobody_knows_what_it_saw(tmp_path, monkeypatch):
    monkeypatch.setattr(game24, "open_model", lambda name: Knowing())

    made = execute("eval", "game24", options(tmp_path, limit=1, model="elsewhere", only="one,tree"))

    assert made["figures"]["any_of_5_strict"] is None
    assert "not known" in made["settings"]["skipped"]["top_1_strict"]
    assert "cot" not in made["figures"]


def test_a_part_that_there_is_not_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(game24, "open_model", lambda name: Knowing())

    with pytest.raises(OptionRefused, match="enumerating"):
        execute("eval", "game24", options(tmp_path, limit=1, only="magic"))


def test_forked_and_resent_prompts_grow_the_same_tree(tmp_path):
    tokenizer = make_tokenizer(count=40)
    shape = {"hidden_size": 16, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1, "head_dim": 8}
    model = Transformer(
        ModelConfig(
            tokenizer.vocab_size,
            **shape,
            intermediate_size=16,
            context_length=512,
            bos_token_id=tokenizer.bos_id,
            eos_token_ids=(tokenizer.eos_id,),
            pad_token_id=tokenizer.pad_id,
        )
    )
    model.initialise(3)
    save_checkpoint(tmp_path / "model", model, tokenizer)

    made = execute("eval", "game24", options(tmp_path, limit=1, model=str(tmp_path / "model"), only="fork"))

    figures = made["figures"]
    assert figures["same_tree"] == 1.0
    assert 0 < figures["fork_prefilled"] < figures["resend_prefilled"]


# --- countdown ------------------------------------------------------------------------------------------


def test_every_search_is_measured_within_its_budget_of_calls(tmp_path, unexplained, monkeypatch):
    monkeypatch.setattr(countdown, "open_model", lambda name: Knowing())

    made = execute("eval", "countdown", options(tmp_path, limit=3))

    figures = made["figures"]
    names = {"beam", "dfs", "best_first", "mcts", "dfs_no_backtracking", "dfs_no_pruning"}
    assert names <= set(figures)
    assert all(figures[name] == 1.0 for name in names)
    assert all(0 < figures[f"calls_{name}"] <= countdown.CALLS for name in names)
    assert unexplained(countdown, figures) == set()


def test_a_model_that_judges_everything_wrong_solves_less(tmp_path, monkeypatch):
    monkeypatch.setattr(countdown, "open_model", lambda name: Knowing(sure=0))

    made = execute("eval", "countdown", options(tmp_path, limit=3, only="beam"))

    assert made["figures"]["beam"] < 1.0
    assert "dfs" not in made["figures"]


def test_the_problems_are_unseen_and_solvable_by_their_own_rules():
    problems = list(islice(countdown_problems(0), 20))

    games = [NumberGame(numbers, target, "countdown") for numbers, target in problems]

    assert all(solvable(game.numbers, game.target, game.rules) for game in games)
    assert {game.target for game in games} != {GAME}

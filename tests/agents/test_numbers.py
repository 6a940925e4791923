"""Games with numbers: exact rules and solver, prompts and parsers, and documents that show no test puzzle."""

from fractions import Fraction
from itertools import combinations, islice
from random import Random

import pytest

from punchlist.agents.domains.numbers import (
    NotAtHand,
    after,
    good_moves,
    make_state,
    moves,
    read_state,
    solvable,
    write_state,
)
from punchlist.agents.domains.numbers_held_out import (
    GAME,
    countdown_problems,
    for_tests,
    in_test_tenth,
    unseen_puzzles,
)
from punchlist.agents.domains.numbers_prompts import (
    Fault,
    ask_chain,
    ask_propose,
    ask_value,
    read_chain,
    read_move,
    write_chain,
)
from punchlist.agents.training import number_documents
from punchlist.agents.training.number_documents import draw_solution, draw_state
from punchlist.core_model.grammar import Grammar

PUZZLE = make_state((4, 9, 10, 13))


def reachable(state, rules):
    """The slow obvious way: every number that some order of operations makes of all of them."""
    if len(state) == 1:
        return {state[0]}
    found = set()
    for first, second in combinations(range(len(state)), 2):
        a, b = state[first], state[second]
        rest = [number for place, number in enumerate(state) if place not in (first, second)]
        made = [a + b, a * b, a - b, b - a]
        made += [top / below for top, below in ((a, b), (b, a)) if below]
        if rules == "countdown":
            made = [number for number in made if number >= 0 and number.denominator == 1]
        for number in made:
            found |= reachable((*rest, number), rules)
    return found


@pytest.mark.parametrize("rules", ["rational", "countdown"])
def test_the_solver_agrees_with_trying_everything(rules):
    rng = Random(5)
    states = [draw_state(rng, size, GAME, rules) for size in (1, 2, 2, 3, 3, 3, 4) for _ in range(3)]

    for state in states:
        within = reachable(state, rules)
        for target in range(101):
            assert solvable(state, target, rules) == (target in within), (write_state(state), target)


def test_puzzles_that_need_fractions_are_solvable_with_rationals_only():
    state = make_state((3, 3, 8, 8))

    assert solvable(state, 24)
    assert not solvable(state, 24, "countdown")


@pytest.mark.parametrize("rules", ["rational", "countdown"])
def test_legal_moves_are_every_pair_with_every_operator_once_per_state_that_they_lead_to(rules):
    state = make_state((0, 2, 2, 6))

    found = moves(state, rules)

    one_step = set()
    for first, second in combinations(state, 2):
        rest = list(state)
        rest.remove(first)
        rest.remove(second)
        for a, b in ((first, second), (second, first)):
            results = [a + b, a - b, a * b, *([a / b] if b else [])]
            one_step |= {make_state([*rest, made]) for made in results if rules == "rational" or legal(made)}
    assert set(found) == one_step
    assert all(after(state, move) == child for child, move in found.items())


def legal(number):
    """Under the rules of Countdown."""
    return number >= 0 and number.denominator == 1


def test_a_state_comes_back_from_its_text_in_any_order():
    state = make_state((Fraction(8, 3), 12, -4, 0))

    assert write_state(state) == "-4 0 8/3 12"
    assert read_state("12 8/3 0 -4") == state


def test_a_move_with_a_number_that_is_there_only_once_cannot_be_made_with_it_twice():
    double = next(iter(moves(make_state((4, 4)))))
    move = moves(make_state((4, 4)))[double]

    with pytest.raises(NotAtHand, match="take numbers that are at hand"):
        after(make_state((4, 5)), move)


# --- prompts and parsers --------------------------------------------------------------------------------


def test_the_prompt_tells_role_target_rules_and_numbers():
    state = make_state((8, 4, 6))

    assert ask_value(state, 24).text == "24? 4 6 8"
    assert ask_propose(state, 24).text == "24: 4 6 8"
    assert ask_chain(state, 97, "countdown").text == "97= 4,6,8"


def test_only_right_results_can_be_written_with_the_calculator_and_any_without():
    with_it = Grammar.lark(ask_propose(PUZZLE, 24).grammar)
    without = Grammar.lark(ask_propose(PUZZLE, 24, calculator=False).grammar)

    assert all(grammar.accepts("13 - 10 = 3") for grammar in (with_it, without))
    assert (with_it.accepts("13 - 10 = 4"), without.accepts("13 - 10 = 4")) == (False, True)
    assert without.accepts("4 / 9 = 4/9")
    assert not any(grammar.accepts("12 - 10 = 2") for grammar in (with_it, without))


def test_every_legal_move_is_accepted_and_read_back():
    state = make_state((Fraction(-7, 2), 0, 5))
    grammar = Grammar.lark(ask_propose(state, 24).grammar)

    for move in moves(state).values():
        assert grammar.accepts(move.text())
        assert read_move(move.text(), state) == move


@pytest.mark.parametrize("rules", ["rational", "countdown"])
def test_a_drawn_solution_is_accepted_and_read_back_as_right(rules):
    rng = Random(3)
    target = 24 if rules == "rational" else 60
    starts = (draw_state(rng, 4, target, rules) for _ in range(40))
    solved = [(start, done) for start in starts if (done := draw_solution(rng, start, target, rules))]

    assert len(solved) > 10
    for start, done in solved:
        text = write_chain(done)
        assert Grammar.lark(ask_chain(start, target, rules).grammar).accepts(text)
        assert read_chain(text, start, target, rules) == done


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("13 - 9 = 4\n10 - 4 = 6\nlet us see", "malformed", 3),
        ("13 - 9 = 4/0", "malformed", 1),
        ("13 - 9 = 4\n10 - 9 = 1\n4 * 6 = 24", "not_at_hand", 2),
        ("13 - 9 = 4\n10 - 4 = 6\n4 * 6 = 25", "arithmetic", 3),
        ("13 - 9 = 4\n4 - 4 = 0\n10 / 0 = 1", "forbidden", 3),
        ("13 - 9 = 4\n10 - 4 = 6", "unfinished", 2),
        ("", "unfinished", 1),
        ("13 - 9 = 4\n10 - 4 = 6\n4 + 6 = 10", "wrong_target", 3),
    ],
)
def test_a_chain_that_does_not_count_says_in_which_line_and_why(text, kind, line):
    fault = read_chain(text, PUZZLE, 24)

    assert isinstance(fault, Fault)
    assert (fault.kind, fault.line) == (kind, line)


def test_countdown_forbids_a_division_with_a_rest_and_a_negative_result():
    state = make_state((4, 9))

    assert read_move("9 / 4 = 9/4", state, "countdown").kind == "forbidden"
    assert read_move("4 - 9 = -5", state, "countdown").kind == "forbidden"


# --- documents ------------------------------------------------------------------------------------------


def shown(pieces):
    """Target and every state that a document shows: asked about, in between, and led to."""
    (prompt, _), (answer, _) = pieces
    mark = next(mark for mark in "?:=" if mark in prompt)
    target, _, numbers = prompt.partition(mark)
    state = read_state(numbers.replace(",", " "))
    states = [state]
    for line in answer.splitlines() if mark in ":=" else ():
        rules = "countdown" if "," in numbers else "rational"
        state = after(state, read_move(line, state, rules))
        states.append(state)
    return int(target), states


def test_no_document_shows_a_test_puzzle_or_where_it_leads_or_a_countdown_problem_of_the_tests():
    hidden = {numbers for _, numbers in unseen_puzzles()}
    hidden_three = {child for numbers in hidden for child in moves(numbers)}
    rng = Random(11)
    made = [number_documents.value(rng) for _ in range(17_000)]
    made += [number_documents.propose(rng) for _ in range(1_500)]
    made += [number_documents.chain(rng) for _ in range(1_500)]

    seen = [(target, state) for pieces in made for target, states in [shown(pieces)] for state in states]

    assert sum(len(state) == 3 and target == 24 for target, state in seen) > 3_000
    assert not any(state in hidden for _, state in seen)
    assert not any(target == 24 and state in hidden_three for target, state in seen)
    assert not any(len(state) == 4 and in_test_tenth(state, target) for target, state in seen)


def test_what_the_tests_hide_would_turn_up_if_it_were_not_hidden(monkeypatch):
    monkeypatch.setattr(number_documents, "for_tests", lambda state, target: False)
    rng = Random(11)

    seen = [shown(number_documents.chain(rng)) for _ in range(400)]

    found = {(len(state), for_tests(state, target)) for target, states in seen for state in states}
    assert {(4, True), (3, True)} <= found


def test_judgements_are_right_half_yes_and_of_every_size():
    rng = Random(4)
    made = [number_documents.value(rng) for _ in range(1_500)]

    sizes = []
    for pieces in made:
        target, (state,) = shown(pieces)
        sizes.append(len(state))
        rules = "countdown" if target != 24 or "," in pieces[0][0] else "rational"
        assert (pieces[1][0] == "yes") == solvable(state, target, rules)
    assert 0.45 < sum(pieces[1][0] == "yes" for pieces in made) / len(made) < 0.55
    assert {2, 3, 4} == set(sizes)
    assert sizes.count(4) < sizes.count(2) < len(sizes) / 2


def test_proposed_moves_keep_the_target_in_reach():
    rng = Random(9)

    for _ in range(200):
        pieces = number_documents.propose(rng)
        target, (state, led_to) = shown(pieces)
        rules = "countdown" if target != 24 or "," in pieces[0][0] else "rational"
        assert any(child == led_to for child, _ in good_moves(state, target, rules))


def test_countdown_problems_are_solvable_of_the_tests_tenth_different_and_the_same_for_a_seed():
    drawn = list(islice(countdown_problems(0), 60))

    assert len(set(drawn)) == 60
    assert all(in_test_tenth(*problem) and solvable(*problem, "countdown") for problem in drawn)
    assert drawn == list(islice(countdown_problems(0), 60))
    assert drawn != list(islice(countdown_problems(1), 60))


def test_the_hundred_test_puzzles_have_solutions():
    assert [rank for rank, _ in unseen_puzzles()] == list(range(901, 1001))
    assert all(solvable(numbers, GAME) and for_tests(numbers, GAME) for _, numbers in unseen_puzzles())

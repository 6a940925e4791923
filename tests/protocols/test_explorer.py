"""Every configuration of the reducers that run was visited, and the explorer finds what is planted."""

from pathlib import Path

import pytest

from punchlist.protocols.explorer import BIG, INVARIANTS, SCENARIOS, Bounds, explore
from punchlist.protocols.mutants import MUTANTS, Mutant, rules_apart
from punchlist.protocols.states import state_table

OF_THE_WALK = {"too_large"}
"""Not about reducers: it says that the walk was cut off. Narrow bounds break it, in a test of its own."""

README = Path(__file__).parents[2] / "protocols" / "README.md"


@pytest.mark.parametrize("name", SCENARIOS)
def test_everything_that_must_hold_holds_in_every_configuration(name: str) -> None:
    found = explore(SCENARIOS[name])

    assert found.violations == ()
    assert found.configurations > 1000


@pytest.mark.long
@pytest.mark.parametrize("name", BIG)
def test_it_holds_in_the_larger_worlds(name: str) -> None:
    assert explore(BIG[name]).violations == ()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_of_every_planted_fault_exactly_what_it_breaks_is_found(mutant: Mutant) -> None:
    found = explore({**SCENARIOS, **BIG}[mutant.scenario], mutant.reducers)

    assert {violation.invariant for violation in found.violations} == set(mutant.breaks), mutant.says
    assert all(violation.trace for violation in found.violations), "the steps that lead there are missing"


def test_every_invariant_is_broken_by_a_planted_fault() -> None:
    """An invariant that nothing has ever broken may be one that cannot be."""
    broken = {invariant for mutant in MUTANTS for invariant in mutant.breaks}

    assert broken == set(INVARIANTS) - OF_THE_WALK


def test_every_planted_fault_breaks_a_rule_of_its_own() -> None:
    """Else a single rule could find them all."""
    given = rules_apart({mutant.name: mutant.breaks for mutant in MUTANTS})

    assert sorted(given.values()) == sorted(mutant.name for mutant in MUTANTS)
    assert len(given) >= 20


def test_faults_that_can_only_share_a_rule_are_not_given_one_each() -> None:
    given = rules_apart({"first": ["x"], "second": ["x", "y"], "third": ["y", "x"]})

    assert len(given) == 2


def test_the_exploration_says_so_when_it_is_not_complete() -> None:
    (violation,) = explore(Bounds(most=50)).violations

    assert violation.invariant == "too_large"


def test_no_two_worlds_share_a_name() -> None:
    assert not set(SCENARIOS) & set(BIG)


def test_the_same_bounds_give_the_same_figures() -> None:
    first, second = explore(SCENARIOS["budget"]), explore(SCENARIOS["budget"])

    assert (first.configurations, first.steps, first.rows) == (
        second.configurations,
        second.steps,
        second.rows,
    )


def test_the_example_in_the_readme_runs() -> None:
    _, example, *_ = README.read_text(encoding="utf-8").split("```python")

    exec(example.split("```")[0], {})


def test_the_readme_has_the_rules_that_are_checked() -> None:
    listed = "\n".join(f"- `{name}`: {sentence}" for name, sentence in INVARIANTS.items())

    assert f"\n\n{listed}\n\n" in README.read_text(encoding="utf-8")


def test_the_readme_has_the_table_that_runs() -> None:
    text = README.read_text(encoding="utf-8")

    assert state_table().strip() in text, "write the output of punchlist.protocols.states.state_table() there"

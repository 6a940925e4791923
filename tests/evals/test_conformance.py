"""What the conformance lab says of this framework, and that it would say so if it were otherwise."""

from pathlib import Path

import pytest

from punchlist.agents.evals import conformance
from punchlist.agents.evals.conformance import SITUATIONS, Situation, play
from punchlist.agents.evals.conformance.by_thinking import WRONG, JudgedModel, ask
from punchlist.agents.evals.conformance.situation import Seen, seen
from punchlist.agents.evals.harness import EvalOptions, execute
from punchlist.protocols.spec import Check


def silent(line):
    """A double for stderr."""


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: each.name)
async def test_the_caller_gets_what_it_must_get(situation):
    found = await play(situation)

    assert found.held, (situation.must, found)


def test_every_situation_has_a_name_of_its_own_and_says_what_the_caller_must_get():
    names = [situation.name for situation in SITUATIONS]

    assert len(set(names)) == len(names)
    assert [situation.name for situation in SITUATIONS if len(situation.must) < 20] == []


async def test_a_wrong_answer_that_is_confirmed_does_not_hold(tmp_path):
    outcome = await ask(JudgedModel([WRONG]), tmp_path, [Check("anything goes", lambda _: True)])

    found = seen(outcome, is_unverified=not outcome.evidence)

    assert not found.held
    assert WRONG in found.got


async def test_a_situation_that_breaks_down_does_not_hold():
    async def breaks(folder: Path) -> Seen:
        """Something that the caller must get."""
        raise ValueError("nothing came")

    found = await play(Situation(breaks))

    assert not found.held
    assert "nothing came" in found.got


def test_the_figures_count_what_held_and_are_explained(tmp_path, unexplained):
    made = execute("eval", "conformance", EvalOptions(out=tmp_path / "x.jsonl", limit=3, say=silent))

    assert (made["figures"]["situations"], made["figures"]["held"]) == (3, 3)
    assert made["settings"]["not_held"] == {}
    assert unexplained(conformance, made["figures"]) == set()

"""Training data from traces: whatever led to a verified end, under the very prompt that was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from punchlist.agents.reasoning import (
    Beam,
    BestOfN,
    Checked,
    Enumerated,
    Listed,
    Prompt,
    Rejected,
    Sampled,
    Task,
    Terminal,
    Thinking,
    Trace,
)
from punchlist.agents.reasoning.chain_of_thought import ChainOfThought
from punchlist.agents.reasoning.export import (
    Example,
    ExportRefused,
    read_preferences,
    read_sft,
    to_preferences,
    to_sft,
    write_lines,
)
from punchlist.agents.reasoning.reflexion import Reflexion
from punchlist.agents.testing import ScriptedModel

from .toys import SeededModel, Sum, grown


@dataclass(frozen=True)
class Spell:
    """Spell `word` letter by letter; a letter that is not in it is refused."""

    word: str = "cab"

    def initial(self) -> str:
        return ""

    def key(self, state: str) -> str:
        return state

    def apply(self, state: str, action: str) -> str | Rejected:
        return state + action if action in self.word else Rejected(f"no {action}")

    def terminal(self, state: str) -> Terminal | None:
        return Terminal(state) if len(state) == len(self.word) else None

    @property
    def proposer(self) -> Sampled:
        return Sampled(lambda node: Prompt.of(f"after '{node.state}':", "Spell."))

    @property
    def evaluator(self) -> Checked:
        return Checked(lambda node: float(node.state == self.word) if node.terminal else 0.5)


def speller(texts: Sequence[str]) -> ScriptedModel:
    """Says these texts by turns, to whatever it is asked."""
    model = ScriptedModel(lambda question: texts[(len(model.asked) - 1) % len(texts)])
    return model


async def spelt(
    proposer: Any = None,
    evaluator: Any = None,
    texts: Sequence[str] = ("c", " a", "b", "x"),
    model: Any = None,
) -> Trace:
    """Every way to spell three letters, with `x` refused."""
    search = Beam(beam=50, width=4, depth=3, enough=2)
    result = await grown(
        search, Spell(), proposer=proposer, evaluator=evaluator, model=model or speller(texts)
    )
    return result.trace


async def test_answers_on_the_way_to_a_verified_end_become_examples_under_their_own_prompts() -> None:
    rows = to_sft(await spelt())

    assert [(row.prompt[-1], row.answer) for row in rows] == [
        (("user", "after '':"), "c"),
        (("user", "after 'c':"), " a"),
        (("user", "after 'ca':"), "b"),
    ]
    assert {(row.prompt[0], row.value, row.kind) for row in rows} == {(("system", "Spell."), 1.0, "tool")}


async def test_siblings_of_which_one_led_further_become_pairs() -> None:
    pairs = to_preferences(await spelt())

    told = {(pair.prompt[-1][1], pair.chosen.strip(), pair.rejected.strip()) for pair in pairs}
    assert told == {
        (f"after '{state}':", right, wrong)
        for state, right in (("", "c"), ("c", "a"), ("ca", "b"))
        for wrong in "cabx"
        if wrong != right
    }
    assert {(pair.chosen_value, pair.rejected_value) for pair in pairs} == {(1.0, 0.0)}


async def test_nothing_is_known_of_what_was_not_followed_to_an_end() -> None:
    result = await grown(Beam(beam=1, width=3, depth=3), Spell(), model=speller(("c", "a", "b")))

    pairs = to_preferences(result.trace)

    assert [pair.prompt[-1][1] for pair in pairs if pair.rejected_value == 0] == ["after 'ca':"] * len(pairs)


async def test_without_a_verified_end_there_is_nothing_to_learn() -> None:
    trace = await spelt(texts=("c", "x"))

    assert to_sft(trace) == [] and to_preferences(trace) == []


async def test_the_models_own_judgement_counts_only_where_it_is_trusted() -> None:
    judge = replace(Spell().evaluator, kind="model")

    trace = await spelt(evaluator=judge)

    assert to_sft(trace) == [] and to_preferences(trace) == []
    assert len(to_sft(trace, trust=("model",))) == 3


@pytest.mark.parametrize("export", [to_sft, to_preferences])
async def test_what_an_oracle_judged_is_refused_unless_it_is_asked_for(export: Any) -> None:
    trace = await spelt(evaluator=replace(Spell().evaluator, kind="oracle"))

    with pytest.raises(ExportRefused, match="--trust oracle"):
        export(trace)

    assert export(trace, trust=("oracle",))


async def test_of_listed_thoughts_the_lines_that_led_there_are_the_answer() -> None:
    listed = Listed(lambda node, width: Prompt.of(f"list after '{node.state}':"))

    trace = await spelt(listed, texts=("c\na\nb\nx",))

    assert [(row.prompt[-1][1], row.answer) for row in to_sft(trace)] == [
        ("list after '':", "c"),
        ("list after 'c':", "a"),
        ("list after 'ca':", "b"),
    ]
    assert to_preferences(trace) == []  # one answer is no two to choose between


async def test_of_options_that_the_model_ranked_each_is_an_answer() -> None:
    ranked = Enumerated(
        lambda state: [(each, each) for each in "cabx"], lambda node: Prompt.of(f"'{node.state}'?")
    )

    trace = await spelt(ranked, model=SeededModel())

    assert [(row.prompt[-1][1], row.answer) for row in to_sft(trace)] == [
        ("''?", "c"),
        ("'c'?", "a"),
        ("'ca'?", "b"),
    ]
    assert {(pair.chosen, pair.rejected) for pair in to_preferences(trace)} >= {("c", "a"), ("c", "x")}


async def test_where_two_prompts_could_be_meant_neither_is_taken() -> None:
    ranked = Enumerated(
        lambda state: [(each, each) for each in "cab"], lambda node: Prompt.of(f"'{node.state}'?")
    )

    trace = await spelt(ranked, model=speller("c"))  # which gives every option the same score

    assert to_sft(trace) == []


async def test_first_thoughts_side_by_side_and_begun_answers_keep_what_was_said() -> None:
    result = await grown(BestOfN(samples=12, depth=3), Sum(aim=6, most=3), proposer=Sum().sampler)

    rows = to_sft(result.trace)

    assert any(row.said == "" for row in rows) and any(row.said for row in rows)
    for row in rows:
        said = row.said + row.answer
        assert sum(map(int, said)) <= 6 and row.prompt == (("user", "add up"),)
        assert any(other.said == said for other in rows) or sum(map(int, said)) == 6


async def test_the_judge_around_trials_vouches_for_the_answers_inside_them() -> None:
    model = ScriptedModel(
        lambda q: "answer: 7" if "lesson" in q.lower() or "earlier" in q.lower() else "answer: 6"
    )
    check = Checked(lambda node: float(node.answer == "6"))
    trace = Trace()
    actor = ChainOfThought()

    found = await Reflexion(actor, check).solve(Task("3 + 3?"), Thinking(model, trace=trace))

    assert found.answer == "6"
    assert [row.answer for row in to_sft(trace) if row.scope.startswith("trial")] == ["answer: 6"]


async def test_a_stop_text_is_told_because_it_is_what_ended_the_answer() -> None:
    trace = await spelt(replace(Spell().proposer, stop=("\n",)))

    assert {row.stop for row in to_sft(trace)} == {"\n"}
    assert {pair.stop for pair in to_preferences(trace)} == {"\n"}


async def test_rows_are_written_and_read_again(tmp_path: Path) -> None:
    trace = await spelt()
    rows, pairs = to_sft(trace), to_preferences(trace)

    counts = (write_lines(tmp_path / "a" / "sft.jsonl", rows), write_lines(tmp_path / "p.jsonl", pairs))

    assert counts == (len(rows), len(pairs))
    plain = [replace(row, scope="", node="") for row in rows]
    assert read_sft(tmp_path / "a" / "sft.jsonl") == plain
    assert read_preferences(tmp_path / "p.jsonl") == [replace(pair, scope="", node="") for pair in pairs]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "Line 1"),
        ('{"prompt": "p", "answer": "a"}', "of messages"),
        ('{"prompt": []}', "no text 'answer'"),
    ],
)
def test_a_file_of_something_else_is_refused_with_the_line(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "x.jsonl").write_text(line + "\n")

    with pytest.raises(ExportRefused, match=says):
        read_sft(tmp_path / "x.jsonl")


async def test_a_hostile_text_survives_the_file(tmp_path: Path) -> None:
    row = Example((("user", "\u2028 \ud800 \x00"),), "said\n", '"a"', "", 1.0, "tool")

    write_lines(tmp_path / "x.jsonl", [row])

    assert read_sft(tmp_path / "x.jsonl") == [row]


async def test_a_search_without_a_model_teaches_nothing_and_breaks_nothing() -> None:
    result = await grown(Beam(beam=2, width=3), Sum(), model=SeededModel())

    assert to_sft(result.trace) == [] and to_preferences(result.trace) == []

"""Proposers: sampled, listed, enumerated, and from a tool."""

from __future__ import annotations

import pytest

from punchlist.agents.reasoning import (
    Beam,
    Enumerated,
    FromTool,
    Listed,
    Node,
    Prompt,
    Sampled,
    Thinking,
    Trace,
)
from punchlist.agents.testing import ScriptedModel, WorstCaseModel, answered
from punchlist.core_model.generation import Generation

from .toys import EVERY, SeededModel, Sum, grown

ROOT = Node("", None, ())


def ask(node):
    return Prompt.of(f"after {node.state}")


def ask_for(node, width):
    return Prompt.of(f"{width} after {node.state}")


async def texts(proposer, width=8, model=None, nodes=(ROOT,)):
    found = await proposer.propose(list(nodes), width, Thinking(model or SeededModel()))
    return [[thought.text for thought in thoughts] for thoughts in found]


class Weighing(ScriptedModel):
    """Says texts with log-probabilities; a text that ends in … was cut."""

    async def generate(self, messages, *, sampling=None, grammar=None):
        said = await super().generate(messages)
        text, _, logprob = said.text.partition("@")
        reason = "length" if text.endswith("…") else "stop"
        return Generation(text, (1,), (float(logprob),) if logprob else (None,), reason, 1, 0.0)


async def test_samples_are_distinct_the_likeliest_first_and_cut_or_unreadable_ones_are_left_out():
    model = Weighing(["b@-2", "a@-1", " b @-3", "b@-2", "half…@-0.1", "?@-0.2"])

    def read(text):
        return None if text == "?" else text.strip()

    found = await texts(Sampled(ask, read), 6, model)

    assert found == [["a", "b", "b"]]  # the second "b" differs in blanks; the search merges equal states


async def test_more_samples_than_the_width_find_more_but_no_more_than_the_width_is_returned():
    model = SeededModel()

    (found,) = await texts(Sampled(ask, samples=10), 2, model)

    assert len(model.asked) == 20
    assert len(found) == len(set(found)) == 2


async def test_a_frontier_is_one_batch_with_a_list_for_each_node():
    nodes = [Node(str(place), ROOT, (place,)) for place in range(5)]

    found = await texts(Sampled(ask), 3, nodes=nodes)

    assert len(found) == 5 and all(1 <= len(thoughts) <= 3 for thoughts in found)


async def test_a_list_under_a_grammar_has_at_most_so_many_lines_each_of_its_form():
    listed = Listed(ask_for, line=lambda node: "/[a-c]{1,3}/")

    for seed in range(20):
        for width in (1, 2, 5):
            (found,) = await texts(listed, width, WorstCaseModel(seed, longest=400))

            assert 1 <= len(found) <= width
            assert all(set(line) <= set("abc") for line in found)


async def test_the_grammar_of_a_list_allows_so_many_lines_and_not_one_more():
    from punchlist.agents.testing import sample

    class Longest(WorstCaseModel):
        async def generate(self, messages, *, sampling=None, grammar=None):
            self.grammar = grammar
            return answered(sample(grammar, self._random), "")

    model = Longest()
    await texts(Listed(ask_for, line=lambda node: "word", rules='word: "a" | "b"'), 3, model)

    assert [model.grammar.accepts("\n".join("a" * count)) for count in range(1, 5)] == [
        True,
        True,
        True,
        False,
    ]


async def test_a_grammar_of_many_lines_compiles():
    (found,) = await texts(Listed(ask_for, line=lambda node: '"a"'), 50, WorstCaseModel(3))

    assert set(found) == {"a"}


async def test_a_cut_line_is_dropped_and_blank_and_equal_lines_are():
    cut = Weighing(["one\ntwo\n\ntwo\nthr…"])

    assert await texts(Listed(ask_for), 8, cut) == [["one", "two"]]
    assert await texts(Listed(ask_for), 8, Weighing(["cut at once…"])) == [[]]
    assert await texts(Listed(ask_for), 2, ScriptedModel(["a\nb\nc"])) == [["a", "b"]]


async def test_what_is_enumerated_comes_as_it_is_or_in_the_order_of_the_model():
    def actions(state):
        return [(1, "one"), (2, "two"), (3, "three")]

    model = ScriptedModel([], {"one": -3.0, "two": -1.0, "three": -2.0})

    assert await texts(Enumerated(actions), 2, model) == [["one", "two"]]
    assert await texts(Enumerated(actions, ask), 2, model) == [["two", "three"]]
    (thoughts,) = await Enumerated(actions, ask).propose([ROOT], 1, Thinking(model))
    assert (thoughts[0].action, thoughts[0].logprob) == (2, -1.0)


async def test_a_state_without_actions_has_an_empty_list_of_its_own():
    nodes = [Node(str(place), ROOT, place) for place in range(3)]

    found = await texts(Enumerated(lambda state: [(1, f"of {state}")] * (state != 1), ask), nodes=nodes)

    assert found == [["of 0"], [], ["of 2"]]


async def test_a_tool_proposes_json_values_sync_or_async():
    async def later(state, width):
        return range(1, width + 5)

    assert await texts(FromTool("plan", lambda state, width: [1, 2, 3]), 2) == [["1", "2"]]
    assert await texts(FromTool("plan", later, words="go {}".format), 2) == [["go 1", "go 2"]]


@pytest.mark.parametrize("made", [None, 5, [object()], [float("nan")]])
async def test_a_tool_that_fails_mid_search_closes_the_state_and_the_search_goes_on(made, tmp_path):
    def suggest(state, width):
        if state == (2,):
            raise ConnectionError("no route")
        return made if state == (1,) else [3, 2, 1]

    for _ in range(2):  # the second time from the record
        with Trace.open(tmp_path / "trace.db") as trace:
            result = await grown(Beam(beam=EVERY), Sum(), proposer=FromTool("plan", suggest), trace=trace)

        assert result.solved
        dead = {node.state: node.why for node in result.tree if node.status == "dead" and node.depth == 1}
        assert dead == {(2,): "no thoughts", (1,): "no thoughts"}
        failed = [event.body["why"] for event in trace.events if event.what == "failed"]
        assert failed[0] == "ConnectionError: no route" and len(failed) == 2

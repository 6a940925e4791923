"""The measurement of recall, on a conversation of our own in LoCoMo's form."""

import json

import numpy as np
import pytest

from punchlist.agents.evals import locomo
from punchlist.agents.evals.harness import EvalOptions, execute
from punchlist.agents.evals.ledger import EvalError
from punchlist.agents.evals.locomo_baselines import baselines
from punchlist.agents.evals.locomo_held_out import Judged, choose, held_out

from ..memory.doubles import FakeEmbedder

TALK = {
    1: ("1:56 pm on 8 May, 2023", [
        ("Ada", "Hi Bob! I bought a red kayak yesterday."),
        ("Bob", "Great! Where will you take it?"),
        ("Ada", "To the lake near Thun, with my sister."),
    ]),
    3: ("9:10 am on 20 June, 2023", [
        ("Bob", "My goldfish learned a trick."),
        ("Ada", "Which trick?"),
        ("Bob", "It swims through a hoop."),
    ]),
}  # fmt: skip
ASKED = [
    ("What did Ada buy?", ["D1:1"], 4),
    ("Where does Ada go with her sister?", ["D1:3"], 4),
    ("When did Ada buy a kayak?", ["D1:1"], 2),
    ("What does Bob's goldfish do?", ["D3:1; D3:3"], 1),
    ("What do Ada and Bob like?", ["D1:1", "D3:1"], 1),
    ("Would Ada enjoy rowing?", ["D1:1"], 3),
    ("What did Bob buy?", ["D1:1"], 5),
    ("Who sang?", [], 4),
    ("Who sings?", ["D9:9"], 4),
]


def conversation(name="talk"):
    talk = {"speaker_a": "Ada", "speaker_b": "Bob"}
    for number, (when, turns) in TALK.items():
        talk[f"session_{number}_date_time"] = when
        talk[f"session_{number}"] = [
            {"speaker": who, "dia_id": f"D{number}:{place}", "text": text, "blip_caption": "a photo of it"}
            for place, (who, text) in enumerate(turns, 1)
        ]
    talk["session_4_date_time"] = "9:10 am on 21 June, 2023"
    questions = [{"question": q, "answer": "", "evidence": e, "category": c} for q, e, c in ASKED]
    return {"sample_id": name, "conversation": talk, "qa": questions}


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Runs the measurement over conversations, with vectors that mean nothing."""
    monkeypatch.setattr(
        locomo, "FORMS", {name: lambda name=name: FakeEmbedder(name) for name in locomo.FORMS}
    )

    def run(*conversations, **options):
        path = tmp_path / "talks.json"
        path.write_text(json.dumps(conversations))
        given = EvalOptions(data=path, out=tmp_path / "ledger.jsonl", say=lambda line: None, **options)
        return execute("eval", "locomo", given)

    return run


def test_turns_and_usable_questions_are_read(tmp_path):
    path = tmp_path / "talks.json"
    path.write_text(json.dumps([conversation()]))

    (found,) = locomo.read(path)

    assert [turn.session for turn in found.turns] == ["session 1"] * 3 + ["session 3"] * 3
    assert found.turns[0].text == "Hi Bob! I bought a red kayak yesterday. [a photo of it]"
    assert f"{found.turns[0].happened:%Y-%m-%d %H:%M}" == "2023-05-08 13:56"
    assert [each.evidence for each in found.questions][3:5] == [{3, 5}, {0, 3}]
    assert len(found.questions) == len(ASKED) - 2


def test_every_figure_is_measured_and_explained(measured, unexplained):
    found = measured(conversation("one"), conversation("two"))
    figures = found["figures"]

    assert unexplained(locomo, figures) == set()
    assert None not in figures.values()
    assert figures["questions"] == 14 and figures["turns"] == 12
    assert figures["r5"] <= figures["r10"] == figures["r20"] == 1.0  # there are six turns
    assert figures["r5_low"] <= figures["r5"] <= figures["r5_high"]
    assert figures["r10_int8"] == figures["r10"]
    assert 0 < figures["seconds_per_search"] < 5


def test_a_quick_look_says_what_it_left_out(measured):
    found = measured(conversation("one"), conversation("two"), quick=True)

    assert found["figures"]["turns"] == 6
    assert found["figures"]["r10_torch"] is found["figures"]["empty_other"] is None
    assert {"r10_torch", "r10_held_out"} <= found["settings"]["skipped"].keys()


def test_it_goes_on_after_a_kill(measured, monkeypatch):
    whole = measured(conversation("one"), conversation("two"))
    resumed = measured(conversation("one"), conversation("two"), resume=True)

    assert resumed["settings"]["resumed_items"] == 4
    assert resumed["figures"] == whole["figures"]


def test_without_data_it_says_where_to_get_it():
    found = execute("eval", "locomo", EvalOptions(say=lambda line: None))

    assert found["figures"]["r10"] is None
    assert "--data locomo10.json" in found["settings"]["skipped"]["r10"]


@pytest.mark.parametrize("text", ["", "{}", "[]", "[{}]", '[{"conversation": {}, "qa": []}]', "[1]"])
def test_another_form_is_refused(tmp_path, text):
    path = tmp_path / "talks.json"
    path.write_text(text)

    with pytest.raises(EvalError, match="locomo10.json"):
        locomo.read(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(EvalError, match="none.json"):
        locomo.read(tmp_path / "none.json")


def test_the_baselines_find_by_words_and_by_meaning(tmp_path):
    path = tmp_path / "talks.json"
    path.write_text(json.dumps([conversation()]))
    turns = locomo.read(path)[0].turns
    same = turns[4].statement()

    found = baselines(turns, ["goldfish tricks", same], FakeEmbedder(), 2)

    assert found.keys() == {"dense", "bm25", "rrf", "hybrid", "full"}
    assert found["bm25"][0][0] == 3 and found["full"][0][0] == 3
    assert found["dense"][1][0] == 4


def test_weights_go_to_the_signal_that_tells(tmp_path):
    random = np.random.default_rng(0)

    def case():
        evidence = np.zeros(30, dtype=bool)
        evidence[int(random.integers(30))] = True
        noise = random.random((6, 30))
        return Judged(np.vstack([0.7 * evidence + 0.3 * random.random(30), noise]), evidence)

    talks = [[case() for _ in range(20)] for _ in range(3)]
    weights = choose([one for talk in talks for one in talk])

    assert weights[0] > 3 * np.abs(weights[1:]).max()
    assert np.mean(held_out(talks, (1, 5))[0]) > 0.9

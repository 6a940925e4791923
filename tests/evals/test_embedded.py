"""Held-out questions as running agents ask them, and the eval of a model's roles."""

import pytest

from punchlist.agents.evals import embedded
from punchlist.agents.evals.embedded import NotLocal
from punchlist.agents.evals.harness import EvalOptions, execute
from punchlist.agents.evals.models import STRING_MATCH
from punchlist.agents.evals.questions import EXAMS, QuestionDrifted, held_out, rebuild
from punchlist.agents.training.documents import JOBS, ROLES
from punchlist.agents.training.embedded import make_tokenizer
from punchlist.core_model.checkpoint import save_checkpoint
from punchlist.core_model.config import ModelConfig
from punchlist.core_model.grammar import Grammar
from punchlist.core_model.transformer import Transformer


def silent(line):
    """A double for stderr."""


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A folder with a tiny model that has learnt nothing, and the tokenizer of the roles."""
    tokenizer = make_tokenizer(count=60)
    model = Transformer(
        ModelConfig(
            tokenizer.vocab_size,
            hidden_size=16,
            num_layers=1,
            num_heads=2,
            num_kv_heads=1,
            head_dim=8,
            intermediate_size=16,
            context_length=2048,
            bos_token_id=tokenizer.bos_id,
            eos_token_ids=(tokenizer.eos_id,),
            pad_token_id=tokenizer.pad_id,
        )
    )
    model.initialise(3)
    folder = tmp_path_factory.mktemp("untrained") / "model"
    save_checkpoint(folder, model, tokenizer)
    return folder


def test_every_role_that_is_trained_is_examined():
    assert set(ROLES) <= set(EXAMS)


@pytest.mark.parametrize("role", EXAMS)
def test_right_answers_are_legal_and_count_as_right(role):
    from llguidance import LLMatcher, LLTokenizer

    exams = list(held_out(role, 3))
    assert len(exams) >= 3
    for exam in exams:
        matcher = LLMatcher(LLTokenizer("byte"), Grammar.lark(exam.question.grammar).compiled)

        assert all(matcher.consume_token(byte) for byte in exam.answer.encode()) and matcher.is_accepting()
        assert exam.right(exam.answer)


def test_another_action_than_the_right_one_is_wrong():
    clicks = [exam for exam in held_out("act", 4) if exam.answer.startswith("click")]

    assert clicks
    assert not any(exam.right("cannot not found") for exam in clicks)


@pytest.mark.parametrize(
    ("role", "wrong"),
    [("propose", "1 + 1 = 3"), ("chain", "1 + 1 = 2"), ("word_problem", "answer -1"), ("verify", "1 maybe")],
)
def test_an_answer_that_cannot_be_right_is_wrong(role, wrong):
    assert not any(exam.right(wrong) for exam in held_out(role, 5))


def test_another_right_move_is_as_right():
    exams = [exam for exam in held_out("propose", 30) if " + " in exam.answer or " * " in exam.answer]

    assert exams
    for exam in exams:
        left, sign, right, _, result = exam.answer.split()
        assert exam.right(f"{right} {sign} {left} = {result}")


def test_a_question_that_agents_ask_otherwise_than_it_was_trained_is_noticed():
    with pytest.raises(QuestionDrifted, match="reflect"):
        rebuild("reflect", "stage cart\nwhat went wrong : the count\nlesson:")


def test_every_role_is_measured_both_ways_and_what_is_not_known_is_said(untrained, tmp_path, unexplained):
    options = EvalOptions(model=str(untrained), limit=1, out=tmp_path / "x.jsonl", say=silent)

    made = execute("eval", "embedded", options)

    figures = made["figures"]
    wanted = {f"accuracy_{role}{way}" for role in JOBS for way in ("", "_grammar")}
    assert wanted <= set(figures)
    assert all(
        0 <= figures[f"{name}_low"] <= figures[name] <= figures[f"{name}_high"] <= 1 for name in wanted
    )
    assert unexplained(embedded, figures) == set()
    assert figures["parameters"] > 0
    assert figures["training_tokens"] is None
    assert set(made["settings"]["skipped"]) == {"training_tokens", "training_seconds"}


def test_a_model_without_logits_at_hand_is_refused():
    with pytest.raises(NotLocal, match="scripted"):
        execute("eval", "embedded", EvalOptions(model=STRING_MATCH, limit=1, say=silent))

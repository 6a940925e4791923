"""`punchlist train lora|sft|dpo`: a checkpoint learns from traces, with its own chat template."""

import asyncio
import json
from typing import cast

import pytest
import torch

from punchlist.agents.cli.edge import DONE, USAGE
from punchlist.agents.reasoning import Trace
from punchlist.agents.reasoning.export import Example
from punchlist.agents.training.from_traces import Encoder, Learner, documents
from punchlist.core_model.chat_template import Message
from punchlist.core_model.checkpoint import save_checkpoint
from punchlist.core_model.config import ModelConfig
from punchlist.core_model.engine import Engine
from punchlist.core_model.model import EMBEDDED, LocalModel, load_model
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.transformer import Transformer
from punchlist.protocols.journal import Journal

from .test_journal_tree import search

PROMPT: list[Message] = [{"role": "user", "content": "after "}]


@pytest.fixture
async def small(tmp_path, monkeypatch):
    """A folder with a small fresh checkpoint, `m`, and a journal with a search, `j.db`."""
    monkeypatch.chdir(tmp_path)
    tokenizer = Tokenizer.load(EMBEDDED)
    ends = (tokenizer.eos_id or 0,)
    config = ModelConfig(tokenizer.vocab_size, 32, 2, 2, 2, 16, 64, context_length=128, eos_token_ids=ends)
    model = Transformer(config)
    model.initialise(3)
    save_checkpoint(tmp_path / "m", model, tokenizer)
    with Journal.open(tmp_path / "j.db") as journal:
        journal.begin("r", "Spell it.")
        await search(Trace(journal, "r"))
    return tmp_path


def chosen(folder):
    """Log-probability of the right first letter over a wrong one."""
    model = load_model(folder)
    right, wrong = asyncio.run(model.score(PROMPT, ["c", "b"]))
    asyncio.run(model.aclose())
    return right - wrong


def trained(punchlist, what, *more, steps="12"):
    given = ("--from", "j.db", "--model", "m", "--out", "t", "--steps", steps, "--threads", "1")
    return punchlist("train", what, *given, "--rate", "0.003", "--json", *more)


@pytest.mark.parametrize("what", ["sft", "dpo"])
def test_what_led_to_the_verified_end_becomes_likelier(punchlist, small, what):
    before = chosen("m")

    ended = trained(punchlist, what)

    assert ended.code == DONE and ended.json()["finished"] and ended.json()["step"] == 12
    assert chosen("t/model") > before + 0.1


def test_an_adapter_is_trained_that_the_engine_takes(punchlist, small):
    told = trained(punchlist, "lora", "--rank", "2").json()

    settings = json.loads((small / "t" / "adapter" / "adapter_config.json").read_text())
    assert (told["made"], settings["r"], settings["lora_alpha"]) == ("t/adapter", 2, 4.0)
    learner = Learner.open("m")
    engine = Engine(learner.model, learner.tokenizer)
    engine.load_adapter("mine", small / "t" / "adapter")
    engine.close()
    assert torch.equal(next(learner.model.parameters()), next(Learner.open("m").model.parameters()))


def test_a_training_goes_on_and_is_not_mixed_with_another(punchlist, small):
    trained(punchlist, "lora", steps="3")

    again = trained(punchlist, "lora", "--resume", steps="5")

    assert again.json()["step"] == 5
    assert "Go on with --resume" in trained(punchlist, "lora").err


def test_exported_rows_train_as_the_journal_does(punchlist, small):
    punchlist("journal", "export", "j.db", "--kind", "sft", "--out", "s.jsonl")

    told = punchlist(
        "train", "sft", "--from", "s.jsonl", "--model", "m", "--out", "u", "--steps", "2", "--json"
    )

    assert told.json()["rows"] == trained(punchlist, "sft", steps="2").json()["rows"] > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dpo", "--alpha", "3"], "give its --rank too"),
        (["lora", "--trust", "environment"], "no answer that led to an end judged good"),
        (["lora", "--model", "http://127.0.0.1:1/v1"], "cannot be trained from here"),
        (["lora", "--model", "nowhere at all"], "no such folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_trained_is_refused(punchlist, small, arguments, says):
    ended = punchlist("train", arguments[0], "--from", "j.db", "--model", "m", "--out", "t", *arguments[1:])

    assert ended.code == USAGE and says in ended.err


def test_rows_of_another_kind_are_refused(punchlist, small):
    punchlist("journal", "export", "j.db", "--kind", "sft", "--out", "s.jsonl")

    ended = punchlist("train", "dpo", "--from", "s.jsonl", "--model", "m", "--out", "t")

    assert ended.code == USAGE and "no text 'chosen'" in ended.err


def test_tokens_are_those_that_the_model_is_asked_with(small):
    learner = Learner.open("m")
    encoder, model = Encoder(learner), cast("LocalModel", load_model("m"))
    row = Example((("system", "Spell."), ("user", "after c<|endoftext|>")), "ca", "b", "", 1.0, "tool")

    ((tokens, weights),) = documents(encoder, [row])

    messages = [cast("Message", {"role": role, "content": text}) for role, text in row.prompt]
    prompt = model.encode(messages) + model.speech("ca")
    assert tokens == [*prompt, *model.speech("b"), learner.ends[0]]
    assert weights == [0.0] * len(prompt) + [1.0] * (len(tokens) - len(prompt))
    assert encoder.answer("b", "\n") == model.speech("b\n")
    assert documents(encoder, [Example(row.prompt, "", "word " * 500, "", 1.0, "tool")]) == []
    asyncio.run(model.aclose())

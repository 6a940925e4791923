"""The weights that are shipped: opened by Hugging Face to the same logits, whole, in small files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import transformers

from punchlist.core_model.checkpoint import load_checkpoint, verify_manifest
from punchlist.core_model.engine import Engine
from punchlist.core_model.sampling import Sampling
from punchlist.core_model.tokenizer import Tokenizer

MOST_BYTES = 12_000_000
PROMPTS = (
    "Order 2 green mugs and close the ticket of Ada.",
    "<goal>Find the cheapest lamp, put it into the basket and tell what it costs.</goal>",
    '{"tool":"click","selector":"#buy","seen":["price 12.50","stock 3"]}',
    "Is it done? The page says: Thank you, your order 4711 was received. " * 8,
    "a",
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def weights(root: Path) -> Path:
    return root / "core_model" / "weights"


def test_hugging_face_opens_them_to_the_same_logits(weights: Path) -> None:
    tokens = torch.tensor([Tokenizer.load(weights).encode("Order 2 green mugs and close the ticket of Ada.")])
    theirs = transformers.AutoModelForCausalLM.from_pretrained(weights).float().eval()

    with torch.no_grad():
        expected = theirs(tokens).logits
        logits = load_checkpoint(weights)(tokens)

    assert logits.dtype == torch.float32 and expected.abs().max() > 1
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=0)


def test_the_engine_writes_the_same_greedy_text_as_hugging_face(weights: Path) -> None:
    tokenizer = Tokenizer.load(weights)
    prompts = [tokenizer.encode(text) for text in PROMPTS]
    theirs = transformers.AutoModelForCausalLM.from_pretrained(weights).float().eval()
    theirs.generation_config.eos_token_id = None  # both go on after an end
    engine = Engine(load_checkpoint(weights), tokenizer)

    jobs = [engine.start(tokens, Sampling(max_tokens=64), ignore_end=True) for tokens in prompts]
    texts = [job.future.result().token_ids for job in jobs]
    engine.close()

    for tokens, text in zip(prompts, texts, strict=True):
        made = theirs.generate(torch.tensor([tokens]), max_new_tokens=64, do_sample=False)
        assert list(text) == made[0, len(tokens) :].tolist()
        assert len(text) == 64


def test_hugging_face_reads_the_same_tokens(weights: Path) -> None:
    text = "Order 2 green mugs and close the ticket of Ada."
    theirs = transformers.AutoTokenizer.from_pretrained(weights)

    assert theirs.encode(text, add_special_tokens=False) == Tokenizer.load(weights).encode(text)


def test_their_manifest_lists_every_file_as_it_is(weights: Path) -> None:
    listed = json.loads((weights / "manifest.json").read_text())["files"]

    verify_manifest(weights)

    assert {path.name for path in weights.iterdir()} == {*listed, "manifest.json"}


def test_none_of_their_files_is_large(weights: Path) -> None:
    sizes = {path.name: path.stat().st_size for path in weights.iterdir()}

    assert sizes and max(sizes.values()) <= MOST_BYTES


def test_what_is_told_of_their_training_adds_up(weights: Path) -> None:
    told = json.loads((weights / "training.json").read_text())
    legs = told.get("legs", [told])  # one training, where it tells of no legs

    for name in ("steps", "tokens", "documents", "seconds"):
        assert told[name] == pytest.approx(sum(leg[name] for leg in legs))
        assert f"{told[name]:,.0f}" in (weights / "README.md").read_text()

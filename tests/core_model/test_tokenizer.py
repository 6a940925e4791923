"""Text to tokens and back, as Hugging Face reads the same files."""

from __future__ import annotations

from pathlib import Path

import pytest
import transformers

from punchlist.core_model.errors import UnknownCheckpoint
from punchlist.core_model.tokenizer import Tokenizer

TEXTS = [
    "",
    "click 12",
    "two green mugs, £4.50 each\n\n  [3] textbox Full name: Ada Lovelace",
    "naïve ☃ 你好 \U0001f600 \t\r\n x",
    "trailing   ",
    "2027-05-03 <|user|>ok<|eos|>",
    "a\x00b\ufeff",
]


@pytest.mark.parametrize("text", TEXTS)
def test_decoding_gives_the_text_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode_literal(text)) == text


@pytest.mark.parametrize("text", TEXTS)
def test_hugging_face_gives_the_same_ids(tokenizer: Tokenizer, text: str, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)

    assert theirs.encode(text, add_special_tokens=False) == tokenizer.encode(text)


def test_a_digit_and_a_newline_are_one_token_each(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("1234567890")) == 10
    assert len(tokenizer.encode("\n\n\n")) == 3


def test_a_word_carries_its_space(tokenizer: Tokenizer) -> None:
    assert " the" in [tokenizer.decode([token]) for token in tokenizer.encode("click the button")]


def test_special_tokens_are_parsed_only_when_asked(tokenizer: Tokenizer) -> None:
    user = tokenizer.id_of("<|user|>")

    assert tokenizer.encode("<|user|>") == [user]
    assert user not in tokenizer.encode_literal("<|user|>")


def test_saving_and_loading_changes_nothing(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)

    loaded = Tokenizer.load(tmp_path)

    assert loaded.encode(TEXTS[2]) == tokenizer.encode(TEXTS[2])
    assert (loaded.bos_id, loaded.eos_id, loaded.pad_id) == (1, 2, 0)
    assert loaded.chat_template == tokenizer.chat_template


def test_a_template_file_wins_over_the_settings(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("other")

    assert Tokenizer.load(tmp_path).chat_template == "other"


def test_a_folder_without_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownCheckpoint, match=r"tokenizer\.json"):
        Tokenizer.load(tmp_path)


def test_a_broken_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")

    with pytest.raises(UnknownCheckpoint, match="not a tokenizer"):
        Tokenizer.load(tmp_path)

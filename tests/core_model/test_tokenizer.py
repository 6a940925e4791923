"""Text to tokens and back, as Hugging Face reads the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as FastTokenizer

from punchlist.core_model.detokenizer import GrowingText, cut_place
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


# --- text as it comes -------------------------------------------------------------------------------------


def byte_level() -> FastTokenizer:
    """Half characters, special tokens, and added ones that are not written in its alphabet."""
    made = Tokenizer.train(["naïve 你好 \U0001f600 the order"] * 3, 300).fast
    made.add_tokens([AddedToken("<tool call>", special=False), AddedToken("☃", special=False)])
    return made


def sentence_piece(decoder: Any) -> FastTokenizer:
    """Every byte as a token of its own, and pieces that begin a word or do not."""
    pieces = [
        "<unk>",
        "<s>",
        *(f"<0x{byte:02X}>" for byte in range(256)),
        "▁",
        "▁the",
        "der",
        "你",
        "##a",
        ".",
        "<0x+1>",
    ]
    made = FastTokenizer(
        models.BPE({piece: place for place, piece in enumerate(pieces)}, [], byte_fallback=True)
    )
    made.decoder = decoder
    made.add_special_tokens([AddedToken("<s>", special=True)])
    return made


LLAMA = decoders.Sequence(
    [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
)
GEMMA = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
KINDS = {
    "byte level": byte_level(),
    "llama": sentence_piece(LLAMA),
    "gemma": sentence_piece(GEMMA),
    "metaspace": sentence_piece(decoders.Metaspace()),
    "word piece": sentence_piece(decoders.WordPiece()),
    "suffix": sentence_piece(decoders.BPEDecoder(suffix="der")),
    "none": sentence_piece(None),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_pieces_of_text_are_the_text_of_all_tokens(kind: str, data: st.DataObject) -> None:
    tokenizer = Tokenizer(KINDS[kind], {})
    token = st.integers(0, tokenizer.vocab_size + 2) | st.integers(
        max(0, tokenizer.vocab_size - 12), tokenizer.vocab_size
    )
    batches = data.draw(st.lists(st.lists(token, max_size=4), max_size=20))
    detokenizer = tokenizer.detokenizer()

    pieces = [detokenizer.add(batch) for batch in batches]

    whole = tokenizer.decode([token for batch in batches for token in batch])
    assert "".join(pieces) + detokenizer.finish() == whole


def test_a_character_is_shown_as_soon_as_it_is_whole(tokenizer: Tokenizer) -> None:
    detokenizer = tokenizer.detokenizer()

    pieces = [detokenizer.add([token]) for token in tokenizer.encode("a😀b")]

    assert [piece for piece in pieces if piece] == ["a", "😀", "b"]


@settings(max_examples=200, deadline=None)
@given(
    text=st.text("ab", max_size=30),
    stops=st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_nothing_of_a_stop_text_is_shown(text: str, stops: list[str]) -> None:
    tokenizer = Tokenizer(KINDS["byte level"], {})
    growing, shown, seen = GrowingText(tokenizer, stops), "", ""

    for token in tokenizer.encode(text):
        shown += growing.add([token])
        seen = tokenizer.decode([*tokenizer.encode(seen), token])
        assert not any(stop in shown for stop in stops)
        if any(stop in seen for stop in stops):
            break
    shown += growing.finish()

    assert shown == seen[: cut_place(seen, stops)]
    assert growing.stopped == (shown != seen)


def test_what_cannot_begin_a_stop_text_is_not_held_back(tokenizer: Tokenizer) -> None:
    growing = GrowingText(tokenizer, ["\nstop here"])

    assert growing.add(tokenizer.encode("the order")) == "the order"
    assert growing.add(tokenizer.encode("\n")) == ""
    assert growing.add(tokenizer.encode("!")) == "\n!"


def test_a_long_text_costs_no_more_per_token(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is decoded again: after the first token of a kind the library is not called at all."""
    growing = GrowingText(tokenizer)
    ids = tokenizer.encode("the order ")
    growing.add(ids)
    monkeypatch.setattr(tokenizer, "fast", None)

    text = "".join(growing.add(ids) for _ in range(500))

    assert text == "the order " * 500


@pytest.mark.parametrize("kind", ["byte level", "llama"])
def test_bytes_of_tokens_are_those_of_the_text(kind: str) -> None:
    tokenizer = Tokenizer(KINDS[kind], {})
    text = "你 the 😀"
    ids = (
        tokenizer.encode(text)
        if kind == "byte level"
        else [tokenizer.id_of(piece) for piece in ("你", "▁the", "<0xF0>")]
    )

    raw = b"".join(tokenizer.token_bytes(token) for token in ids)

    assert raw == (text.encode() if kind == "byte level" else "你 the".encode() + b"\xf0")


def test_after_an_added_token_no_space_is_put_before_literal_text() -> None:
    fast = sentence_piece(LLAMA)
    fast.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer = Tokenizer(fast, {})

    assert tokenizer.encode_literal("你")[0] == tokenizer.id_of("▁")
    assert tokenizer.encode_literal("你", at_start=False) == [tokenizer.id_of("你")]


def test_what_a_token_adds_is_looked_up_once(tokenizer: Tokenizer) -> None:
    looks: list[None] = []

    class Noting(Tokenizer):
        @property
        def special_tokens(self) -> tuple[str, ...]:
            looks.append(None)
            return super().special_tokens

    noting = Noting(tokenizer.fast, tokenizer.settings)
    noting.token_bytes(0)
    before = len(looks)

    told = [noting.token_bytes(token) for token in range(noting.vocab_size)]

    assert len(looks) == before
    assert told == [tokenizer.token_bytes(token) for token in range(noting.vocab_size)]

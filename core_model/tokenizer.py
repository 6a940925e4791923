"""Byte-level BPE with single-digit tokens, in Hugging Face files (`tokenizer.json`, `tokenizer_config.json`).

Training splits text first: every digit and every newline stands alone, a word carries the one space before
it, runs of punctuation stay together. Any text can be encoded and `decode(encode(text)) == text`.

Loading accepts any fast tokenizer of the `tokenizers` library, whatever its own splitting rule.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as FastTokenizer

from .config import read_settings
from .detokenizer import Detokenizer, detokenizers, token_bytes
from .errors import UnknownCheckpoint

BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"
SYSTEM, USER, ASSISTANT, END = "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"
SPECIAL_TOKENS = (PAD, BOS, EOS, SYSTEM, USER, ASSISTANT, END)
_BEFORE = "\ue000<before>\ue001"
SPLIT = r"\n|\p{N}| ?\p{L}+| ?[^\s\p{L}\p{N}]+|[^\S\n]+(?!\S)|[^\S\n]+"


class Tokenizer:
    """Text to token ids and back. Make one with `train` or `load`."""

    def __init__(self, fast: FastTokenizer, settings: dict[str, Any]) -> None:
        self.fast = fast
        self.settings = settings
        self._literal: FastTokenizer | None = None
        self._literal_after: FastTokenizer | None = None
        self._detokenizers: Callable[[], Detokenizer] | None = None
        self._token_bytes: Callable[[int], bytes] | None = None
        self.bos_id = self._special("bos_token")
        self.eos_id = self._special("eos_token")
        self.pad_id = self._special("pad_token")

    def _special(self, key: str) -> int | None:
        named = self.settings.get(key)
        if isinstance(named, dict):
            named = cast("dict[str, Any]", named).get("content")
        return None if named is None else self.fast.token_to_id(str(named))

    @property
    def vocab_size(self) -> int:
        """Number of ids, special tokens included."""
        return self.fast.get_vocab_size(with_added_tokens=True)

    @property
    def chat_templates(self) -> dict[str, str]:
        """Jinja sources that render messages, by name: "default", where the folder has one "tool_use"."""
        given: object = self.settings.get("chat_template")
        if isinstance(given, str):
            return {"default": given}
        listed = cast("list[dict[str, Any]]", given) if isinstance(given, list) else []
        return {str(each.get("name")): str(each.get("template")) for each in listed}

    @property
    def chat_template(self) -> str | None:
        """The jinja source that renders messages, None when the folder has none."""
        return self.chat_templates.get("default")

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Texts of the special tokens, in order of id."""
        added = sorted(self.fast.get_added_tokens_decoder().items())
        return tuple(token.content for _, token in added if token.special)

    def encode(self, text: str) -> list[int]:
        """Ids of `text`, without beginning or end token. Special tokens written in the text are parsed."""
        return self.fast.encode(text, add_special_tokens=False).ids

    def encode_literal(self, text: str, *, at_start: bool = True) -> list[int]:
        """Ids of `text` as plain characters: added tokens written in it have no meaning.

        With `at_start` false it is encoded as what follows an added token, so that no space is put before it
        where the tokenizer does so at the beginning of a text only.
        """
        if self._literal is None:
            spec: dict[str, Any] = json.loads(self.fast.to_str())
            spec["added_tokens"], spec["post_processor"] = [], None
            self._literal = FastTokenizer.from_str(json.dumps(spec))
        if at_start or not text or _BEFORE in text:
            return self._literal.encode(text, add_special_tokens=False).ids
        if self._literal_after is None:
            self._literal_after = FastTokenizer.from_str(self._literal.to_str())
            before = AddedToken(_BEFORE, special=True, normalized=False)
            self._literal_after.add_special_tokens([before])  # pyright: ignore[reportUnknownMemberType]
        return self._literal_after.encode(_BEFORE + text, add_special_tokens=False).ids[1:]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` of many texts, faster."""
        return [one.ids for one in self.fast.encode_batch_fast(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; special tokens are left out, broken UTF-8 becomes U+FFFD."""
        return self.fast.decode(list(ids), skip_special_tokens=True)

    def token_bytes(self, token: int) -> bytes:
        """What a token adds to a text that has begun, maybe part of a character; a special one its name."""
        if self._token_bytes is None:
            self._token_bytes = token_bytes(self)
        return self._token_bytes(token)

    def detokenizer(self) -> Detokenizer:
        """What turns tokens into text as they arrive; its pieces together are `decode` of all tokens."""
        if self._detokenizers is None:
            self._detokenizers = detokenizers(self)
        return self._detokenizers()

    def id_of(self, token: str) -> int:
        """Id of a token by its exact text. Raises KeyError when there is none."""
        found = self.fast.token_to_id(token)
        if found is None:
            raise KeyError(f"The tokenizer has no token {token!r}.")
        return found

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, chat_template: str | None = None) -> Tokenizer:
        """Learn merges from `texts` until there are `vocab_size` ids: bytes, special tokens, merges."""
        fast = FastTokenizer(models.BPE())
        fast.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        fast.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=2,
            special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        fast.train_from_iterator(texts, trainer=trainer)
        settings: dict[str, Any] = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": BOS,
            "eos_token": EOS,
            "pad_token": PAD,
            "clean_up_tokenization_spaces": False,
        }
        if chat_template is not None:
            settings["chat_template"] = chat_template
        return cls(fast, settings)

    def save(self, folder: Path | str) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json` into `folder`, which is made if needed."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.fast.save(str(folder / "tokenizer.json"))
        text = json.dumps(self.settings, indent=1, sort_keys=True) + "\n"
        (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path | str) -> Tokenizer:
        """Read a folder's tokenizer; `chat_template.jinja` beside it wins over the one in the settings.

        Raises:
            UnknownCheckpoint: no readable `tokenizer.json`, or a damaged `tokenizer_config.json`.
        """
        folder = Path(folder)
        path = folder / "tokenizer.json"
        remedy = "Save the tokenizer as a fast one (tokenizer.json) into the checkpoint folder."
        if not path.is_file():
            raise UnknownCheckpoint(folder, "it has no tokenizer.json", remedy)
        try:
            fast = FastTokenizer.from_buffer(path.read_bytes())
        except ValueError as error:
            raise UnknownCheckpoint(path, f"it is not a tokenizer ({error})", remedy) from error
        fast.no_padding()
        fast.no_truncation()
        settings: dict[str, Any] = {}
        config = folder / "tokenizer_config.json"
        if config.is_file():
            settings = read_settings(config)
        template = folder / "chat_template.jinja"
        if template.is_file():
            settings["chat_template"] = template.read_text(encoding="utf-8")
        return cls(fast, settings)

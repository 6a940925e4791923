"""The transformer: its checkpoint, tokenizer, trainer and engine. Nothing heavy is imported until it is used."""

from __future__ import annotations

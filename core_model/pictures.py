"""Pictures in messages for models that see: how they are sent, what they count, who is said to take them."""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

PATCH = 14
"""Pixels along a side of the smallest patch that current vision models make a token of."""

MOST = 40_000
"""Tokens that a picture counts at most: about 2,800 by 2,800 pixels."""

UNMEASURED = 5000
"""Tokens that a picture counts whose size is not known here."""

_OF_PICTURES = re.compile(r"image(?:s|_url)?\b|multi-?modal|\bvision\b|content.types?\b", re.IGNORECASE)
_SEEING = frozenset({"vision", "image", "multimodal"})

_PNG = b"\x89PNG\r\n\x1a\n"


def data_url(png: bytes) -> str:
    """A PNG as an address that holds it, as `Message.images` takes it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def picture_tokens(url: str) -> int:
    """Prompt tokens of a picture, an estimate on the high side: one for each patch, `MOST` at most.

    A server scales down what is larger; and what the header says need not be so.
    """
    head = url.partition("base64,")[2][:44]
    try:
        start = base64.b64decode(head, validate=True)
        if not start.startswith(_PNG):
            return UNMEASURED
        width, height = struct.unpack(">II", start[16:24])
    except (ValueError, struct.error):
        return UNMEASURED
    return min(math.ceil(width / PATCH) * math.ceil(height / PATCH), MOST)


def parts(text: str, images: Sequence[str]) -> list[dict[str, Any]]:
    """The content of a message with pictures, as OpenAI's interface has it: the text, then each picture."""
    shown = [{"type": "image_url", "image_url": {"url": url}} for url in images]
    return [{"type": "text", "text": text}, *shown]


def has_pictures(body: Mapping[str, Any] | None) -> bool:
    """Whether a request shows any."""
    messages: Iterable[Mapping[str, Any]] = (body or {}).get("messages", ())
    return any(isinstance(message.get("content"), list) for message in messages)


def refuses_pictures(status: int, text: str) -> bool:
    """Whether an answer to a request with pictures is about them, by its status and its words."""
    return status in (400, 404, 413, 415, 422, 500) and _OF_PICTURES.search(text) is not None


def told_to_see(name: str, listing: Mapping[str, Any]) -> bool | None:
    """Whether a server's list of models says that this one takes pictures; None where it says nothing.

    It is said in one of three ways: `architecture.input_modalities` (OpenRouter, newer llama.cpp),
    `capabilities.vision` (Mistral), and `capabilities` with "multimodal" (llama.cpp), "vision" or "image";
    that such a list has none of these says nothing.
    """
    entries = [*_entries(listing.get("data")), *_entries(listing.get("models"))]
    for entry in entries:
        if name not in (entry.get("id"), entry.get("name"), entry.get("model")):
            continue
        architecture, able = entry.get("architecture"), entry.get("capabilities")
        if isinstance(architecture, dict):
            takes = cast("dict[str, Any]", architecture).get("input_modalities")
            if isinstance(takes, list):
                return "image" in takes
        if isinstance(able, dict):
            vision = cast("dict[str, Any]", able).get("vision")
            if isinstance(vision, bool):
                return vision
        if isinstance(able, list) and any(each in _SEEING for each in cast("list[object]", able)):
            return True
    return None


def _entries(listed: object) -> list[dict[str, Any]]:
    found = cast("list[object]", listed) if isinstance(listed, list) else []
    return [cast("dict[str, Any]", each) for each in found if isinstance(each, dict)]

"""Pictures in messages: what a server is sent, what they count, and who refuses them."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import pytest

from punchlist.core_model import Capabilities, Grammar, load_model
from punchlist.core_model.chat_template import Message
from punchlist.core_model.errors import ImagesRefused, NotSupported, RemoteError
from punchlist.core_model.pictures import MOST, UNMEASURED, data_url, picture_tokens, told_to_see
from punchlist.core_model.pricing import read_at_most
from punchlist.core_model.remote import RemoteModel

from .test_remote import AT_ONCE, ScriptedServer, answer, refuse, server

__all__ = ["server"]

SEES = Capabilities(images=True)


def png(width: int, height: int) -> bytes:
    """A black picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = zlib.compress((b"\0" + b"\0" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PICTURE = png(28, 15)
SHOWN: list[Message] = [
    {"role": "system", "content": "look"},
    {"role": "user", "content": "what is it?", "images": [data_url(PICTURE)]},
]


async def test_a_server_is_sent_the_text_and_then_each_picture(server: ScriptedServer) -> None:
    model = RemoteModel(server.url, capabilities=SEES, retry=AT_ONCE)

    made = await model.generate(SHOWN)
    await model.aclose()

    [told, asked] = server.bodies[0]["messages"]
    assert (made.text, told) == ("3", {"role": "system", "content": "look"})
    text, shown = asked["content"]
    assert text == {"type": "text", "text": "what is it?"} and shown["type"] == "image_url"
    kind, _, held = shown["image_url"]["url"].partition(",")
    assert (kind, base64.b64decode(held)) == ("data:image/png;base64", PICTURE)


async def test_a_picture_stays_where_the_answer_has_to_fit_a_grammar(server: ScriptedServer) -> None:
    server.replies = [answer("5"), answer("3")]
    model = RemoteModel(server.url, capabilities=SEES, retry=AT_ONCE)

    made = await model.generate(SHOWN, grammar=Grammar.choices(["3"]))
    await model.aclose()

    assert made.text == "3" and len(server.bodies) == 2
    for body in server.bodies:
        text, shown = body["messages"][1]["content"]
        assert "exactly one of these" in text["text"]
        assert shown["type"] == "image_url"


@pytest.mark.parametrize(
    ("listing", "sees"),
    [
        ({"data": [{"id": "m"}]}, None),
        ({"data": [{"id": "m", "architecture": {"input_modalities": ["text", "image"]}}]}, True),
        ({"data": [{"id": "m", "architecture": {"input_modalities": ["text"]}}]}, False),
        ({"data": [{"id": "m", "capabilities": {"vision": True}}]}, True),
        ({"data": [{"id": "m"}], "models": [{"name": "m", "capabilities": ["completion"]}]}, None),
        ({"data": [{"id": "m", "capabilities": ["completion", "vision"]}]}, True),
        ({"data": [{"id": "m", "capabilities": ["completion", "image"]}]}, True),
        ({"data": [], "models": [{"model": "m", "capabilities": ["completion", "multimodal"]}]}, True),
        ({"data": [{"id": "other", "capabilities": {"vision": True}}]}, None),
        ({"data": "m", "models": ["m"]}, None),
    ],
    ids=str,
)
def test_what_a_list_of_models_says_of_pictures_is_read(listing: dict[str, Any], sees: bool | None) -> None:
    assert told_to_see("m", listing) is sees


@pytest.mark.parametrize(
    ("able", "before", "after"),
    [
        ({"vision": True}, False, True),
        ({"vision": False}, True, False),
        (["completion"], True, True),
        (None, True, True),
    ],
    ids=str,
)
async def test_what_the_server_tells_replaces_the_setting(
    server: ScriptedServer, able: object, before: bool, after: bool
) -> None:
    server.models = 200, json.dumps({"data": [{"id": "small", "capabilities": able}]})
    model = RemoteModel(server.url, capabilities=Capabilities(images=before))

    await model.reach()
    await model.aclose()

    assert model.capabilities.images is after


async def test_a_model_that_nobody_says_to_see_is_sent_no_picture(server: ScriptedServer) -> None:
    model = RemoteModel(f"{server.url}#small", retry=AT_ONCE)

    with pytest.raises(NotSupported, match=r"'small' cannot see pictures.*Capabilities\(images=True\)"):
        await model.generate(SHOWN)
    await model.aclose()

    assert server.bodies == []


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "small is not a multimodal model"),
        (404, "No endpoints found that support image input"),
        (500, "image input is not supported"),
    ],
)
async def test_a_server_that_refuses_a_picture_is_not_asked_again(
    server: ScriptedServer, status: int, message: str
) -> None:
    server.replies = [refuse(status, message)]
    model = RemoteModel(server.url, capabilities=SEES, retry=AT_ONCE)

    with pytest.raises(ImagesRefused, match=message) as refused:
        await model.generate(SHOWN)
    await model.aclose()

    assert refused.value.status == status and len(server.bodies) == 1


@pytest.mark.parametrize(
    ("status", "message"), [(400, "the context length is 8192 tokens"), (404, "small does not exist")]
)
async def test_a_refusal_that_does_not_speak_of_pictures_is_the_usual_one_and_says_that_one_was_shown(
    server: ScriptedServer, status: int, message: str
) -> None:
    server.replies = [refuse(status, message)]
    model = RemoteModel(server.url, capabilities=SEES, retry=AT_ONCE)

    with pytest.raises(RemoteError, match=f"{message}.*The request showed a picture") as refused:
        await model.generate(SHOWN)
    await model.aclose()

    assert not isinstance(refused.value, ImagesRefused)


async def test_the_same_failure_without_a_picture_is_none_of_pictures(server: ScriptedServer) -> None:
    server.replies = [refuse(400, "bad image")]
    model = RemoteModel(server.url, capabilities=SEES, retry=AT_ONCE)

    with pytest.raises(Exception, match="bad image") as refused:
        await model.generate([{"role": "user", "content": "x"}])
    await model.aclose()

    assert not isinstance(refused.value, ImagesRefused)


def test_a_picture_counts_a_token_for_each_patch() -> None:
    model = RemoteModel("http://127.0.0.1:1")
    text: list[Message] = [SHOWN[0], {"role": "user", "content": "what is it?"}]

    assert picture_tokens(data_url(PICTURE)) == 4  # two by two patches of 14 pixels
    huge = PICTURE[:16] + b"\xff" * 8 + PICTURE[24:]
    assert picture_tokens(data_url(huge)) == MOST
    for unmeasured in ("https://site.test/a.png", "data:image/png;base64,!"):
        assert picture_tokens(unmeasured) == UNMEASURED
    assert read_at_most(model, SHOWN) == read_at_most(model, text) + 4


async def test_a_model_in_this_process_says_that_it_does_not_see() -> None:
    model = load_model()

    with pytest.raises(NotSupported, match="'embedded' cannot see pictures"):
        await model.generate(SHOWN)
    await model.aclose()

    assert not model.capabilities.images

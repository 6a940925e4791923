"""`punchlist run --observer`: what a server's model is really sent of pages, over HTTP."""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from ..tools.browser.site import Reply, Site
from .conftest import Call

pytestmark = pytest.mark.browser

PAGE = """<title>Desk</title><body style="margin:0;background:white">
    <button style="position:absolute;left:100px;top:100px;width:80px;height:20px"
      onclick="if (confirm('Sure?')) document.body.append('It is done')">Go</button>"""


@dataclass
class Served:
    """A model's server: answers with the thing named Go until the page says that it is done."""

    able: object = None
    status: int = 200
    asked: list[list[dict[str, Any]]] = field(default_factory=list)

    def models(self, _: BaseHTTPRequestHandler) -> Reply:
        entry = {"id": "seer"} if self.able is None else {"id": "seer", "capabilities": {"vision": self.able}}
        return 200, {"Content-Type": "application/json"}, json.dumps({"data": [entry]}).encode()

    def complete(self, request: BaseHTTPRequestHandler) -> Reply:
        messages = json.loads(request.rfile.read(int(request.headers["Content-Length"])))["messages"]
        self.asked.append(messages)
        text = text_of(messages)
        said = "dialog accept" if "dialog confirm" in text else "click go [1]"
        message = {"role": "assistant", "content": said}
        body: dict[str, Any] = {"choices": [{"message": message, "finish_reason": "stop"}]}
        if self.status != 200:
            body = {"error": {"message": "seer is not a multimodal model"}}
        return self.status, {"Content-Type": "application/json"}, json.dumps(body).encode()


def text_of(messages: list[dict[str, Any]]) -> str:
    content = messages[-1]["content"]
    return content if isinstance(content, str) else content[0]["text"]


def pictures_of(messages: list[dict[str, Any]]) -> list[bytes]:
    content = messages[-1]["content"]
    shown = [] if isinstance(content, str) else [part["image_url"]["url"] for part in content[1:]]
    assert all(url.startswith("data:image/png;base64,") for url in shown)
    return [base64.b64decode(url.partition(",")[2]) for url in shown]


def row_of(png: bytes, wanted: int) -> tuple[int, int, list[tuple[int, ...]]]:
    """Width, height and one row of pixels of a PNG, as its specification says (filters of section 9)."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, data = 8, b""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert depth == 8 and kind in (2, 6)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    raw, step = zlib.decompress(data), 4 if kind == 6 else 3
    above = bytearray(width * step)
    for place in range(wanted + 1):
        start = place * (width * step + 1)
        row = bytearray(raw[start + 1 : start + 1 + width * step])
        for index in range(len(row)):
            left = row[index - step] if index >= step else 0
            corner = above[index - step] if index >= step else 0
            row[index] = (row[index] + guess(raw[start], left, above[index], corner)) & 255
        above = row
    return width, height, [tuple(above[x : x + 3]) for x in range(0, len(above), step)]


def guess(kind: int, left: int, up: int, corner: int) -> int:
    if kind < 3:
        return (0, left, up)[kind]
    if kind == 3:
        return (left + up) // 2
    about = left + up - corner
    return min((left, up, corner), key=lambda value: abs(about - value))


@pytest.fixture
def served() -> Iterator[tuple[Served, str]]:
    script = Served()
    pages: dict[str, Reply | Callable[[BaseHTTPRequestHandler], Reply]] = {
        "/v1/models": script.models, "/v1/chat/completions": script.complete,
    }  # fmt: skip
    site = Site(pages)
    yield script, f"{site.url}/v1"
    site.close()


@pytest.fixture
def desk() -> Iterator[Site]:
    site = Site({"/": PAGE})
    yield site
    site.close()


def run(punchlist: Call, desk: Site, url: str, observer: str, *more: str) -> Any:
    return punchlist(
        "run", "Press the button.", "--site", desk.url, "--memory", "none", "--redos", "0", "--json",
        "--expect", "It is done", "--model", url, "--observer", observer, *more, model=None,
    )  # fmt: skip


def test_a_model_that_sees_is_sent_the_view_and_the_window_with_its_numbers(punchlist, desk, served):
    script, url = served

    ended = run(punchlist, desk, url, "screenshot")

    first, dialog = script.asked
    assert ended.code == 0, ended.out + ended.err
    assert "button go [1]" in text_of(first) and "outlined there" in first[0]["content"]
    [picture] = pictures_of(first)
    width, height, row = row_of(picture, 110)
    assert (width, height) == (1280, 720)
    [outline, bare] = {row[101], row[178]}, row[640]
    assert len(outline) == 1 and bare == (255, 255, 255) not in outline and row[90] == row[200] == bare
    assert pictures_of(dialog) == [] and "dialog confirm" in text_of(dialog)


def test_a_model_is_told_of_a_snapshot_with_numbers_for_refs(punchlist, desk, served):
    script, url = served

    ended = run(punchlist, desk, url, "aria")

    assert ended.code == 0, ended.out + ended.err
    assert re.search(r"^ *- button go \[1\]", text_of(script.asked[0]), re.MULTILINE)
    assert [pictures_of(asked) for asked in script.asked] == [[], []]


def test_without_an_observer_no_picture_is_sent(punchlist, desk, served):
    script, url = served
    script.able = True

    ended = run(punchlist, desk, url, "view")

    assert ended.code == 0, ended.out + ended.err
    assert all(isinstance(asked[-1]["content"], str) for asked in script.asked)
    assert "outlined there" not in script.asked[0][0]["content"]


def test_a_server_that_tells_that_its_model_does_not_see_is_sent_nothing(punchlist, desk, served):
    script, url = served
    script.able = False

    ended = run(punchlist, desk, url, "screenshot")

    assert ended.code == 2 and "'seer' cannot see pictures" in ended.err and script.asked == []


def test_a_server_that_refuses_pictures_is_named_with_what_it_says(punchlist, desk, served):
    script, url = served
    script.status = 400

    ended = run(punchlist, desk, url, "screenshot")

    assert ended.code != 0 and "refused a request with pictures" in ended.out + ended.err
    assert "not a multimodal model" in ended.out + ended.err


@pytest.mark.parametrize(
    "more",
    [("--expect", "x"), ("--expect", "x", "--model", "embedded-web"), ("--model", "http://127.0.0.1:1")],
    ids=["embedded", "embedded by name", "no pages"],
)
def test_what_an_observer_does_not_go_with_is_refused(punchlist, desk, more):
    ended = punchlist("run", "Go.", "--site", desk.url, *more, "--observer", "aria", model=None)

    assert ended.code == 2 and "--observer aria goes with --expect" in ended.err

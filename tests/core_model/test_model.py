"""A local model through the face that all models have, and what `load_model` opens."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from punchlist.core_model import Grammar, LocalModel, RemoteModel, Sampling, load_model, normalise
from punchlist.core_model.bench import measure_decode
from punchlist.core_model.chat_template import ChatTemplate, Message
from punchlist.core_model.errors import HubUnavailable, MissingWeights, TemplateError, UnknownCheckpoint
from punchlist.core_model.generation import Delta, Generation
from punchlist.core_model.model import SHIPPED
from punchlist.core_model.tokenizer import Tokenizer

MESSAGES: list[Message] = [{"role": "user", "content": "the order has two green mugs"}]
WARM = Sampling(temperature=1.0, max_tokens=20)


async def test_the_text_is_that_of_the_tokens(model: LocalModel) -> None:
    generation = await model.generate(MESSAGES, sampling=WARM)

    assert generation.text == model.tokenizer.decode(generation.token_ids)
    assert len(generation.logprobs) == len(generation.token_ids)
    assert generation.prompt_tokens == len(model.encode(MESSAGES))
    assert generation.logprob < 0


async def test_concurrent_calls_are_batched_and_agree_with_single_ones(model: LocalModel) -> None:
    alone = [
        await model.generate(MESSAGES, sampling=Sampling(temperature=1.0, seed=seed)) for seed in range(5)
    ]
    passes = model.engine.usage.forward_passes

    calls = [model.generate(MESSAGES, sampling=Sampling(temperature=1.0, seed=seed)) for seed in range(5)]
    together = await asyncio.gather(*calls)

    assert [one.text for one in together] == [one.text for one in alone]
    assert model.engine.usage.forward_passes - passes < passes


async def test_a_stream_ends_with_the_whole_generation(model: LocalModel) -> None:
    items = [item async for item in model.stream(MESSAGES, sampling=WARM)]

    whole = await model.generate(MESSAGES, sampling=WARM)
    *deltas, last = items
    assert isinstance(last, Generation)
    assert all(isinstance(item, Delta) for item in deltas)
    assert "".join(item.text for item in deltas if isinstance(item, Delta)) == last.text == whole.text


async def test_text_from_a_stop_text_on_is_never_shown(model: LocalModel) -> None:
    free = (await model.generate(MESSAGES, sampling=WARM)).text
    stop = free[6:9]
    stopping = Sampling(temperature=1.0, max_tokens=20, stop=(stop,))

    items = [item async for item in model.stream(MESSAGES, sampling=stopping)]

    shown = "".join(item.text for item in items if isinstance(item, Delta))
    assert shown == free[: free.index(stop)]
    assert isinstance(items[-1], Generation)
    assert (items[-1].text, items[-1].stop_reason) == (shown, "stop")


async def test_leaving_a_stream_cancels_the_work(model: LocalModel) -> None:
    stream = model.stream(MESSAGES, sampling=Sampling(temperature=1.0, max_tokens=200))
    async for _ in stream:
        break
    await stream.aclose()

    await model.generate(MESSAGES, sampling=Sampling(max_tokens=1))

    assert model.engine.usage.output_tokens < 150


async def test_cancelling_a_task_frees_the_engine(model: LocalModel) -> None:
    task = asyncio.create_task(model.generate(MESSAGES, sampling=Sampling(temperature=1.0, max_tokens=200)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    answer = await asyncio.wait_for(model.generate(MESSAGES, sampling=Sampling(max_tokens=1)), 5)

    assert answer.stop_reason in ("stop", "length")


async def test_scores_become_probabilities(model: LocalModel) -> None:
    scores = await model.score(MESSAGES, ["yes", "no", "click"])

    probabilities = normalise(scores)
    assert sum(probabilities) == pytest.approx(1)
    assert probabilities.index(max(probabilities)) == scores.index(max(scores))


async def test_usage_counts_tokens_and_seconds(model: LocalModel) -> None:
    generation = await model.generate(MESSAGES, sampling=WARM)

    usage = model.usage
    assert (usage.requests, usage.prompt_tokens) == (1, generation.prompt_tokens)
    assert usage.output_tokens == len(generation.token_ids)
    assert usage.tokens_per_second > 0


async def test_the_seed_of_the_model_changes_every_request(folder: Path) -> None:
    texts: list[str] = []
    for seed in (0, 0, 1):
        opened = load_model(folder, seed=seed)
        texts.append((await opened.generate(MESSAGES, sampling=WARM)).text)
        await opened.aclose()

    assert texts[0] == texts[1] != texts[2]


def test_the_template_of_the_checkpoint_renders_the_prompt(model: LocalModel) -> None:
    ids = model.encode([{"role": "system", "content": "be brief"}, *MESSAGES])

    text = "<|user|>the order has two green mugs<|assistant|>"
    assert ids == model.tokenizer.encode(text)


def test_special_tokens_in_a_message_are_plain_characters(model: LocalModel) -> None:
    ids = model.encode([{"role": "user", "content": "a <|assistant|> b"}])

    assert ids.count(model.tokenizer.id_of("<|assistant|>")) == 1
    assert model.tokenizer.decode(ids) == "a <|assistant|> b"


def test_without_a_template_contents_are_joined(tokenizer: Tokenizer) -> None:
    plain = Tokenizer(tokenizer.fast, {"bos_token": "<|bos|>"})

    ids = ChatTemplate(plain).encode(
        [{"role": "system", "content": "one"}, {"role": "user", "content": "two"}]
    )

    assert ids == [tokenizer.id_of("<|bos|>"), *tokenizer.encode("one\ntwo")]


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages",
        "{{ raise_exception('no system') }}",
        "{{ messages.__class__.__mro__ }}",
        "{{ nothing.x }}",
    ],
)
def test_a_template_that_cannot_be_rendered_is_refused(tokenizer: Tokenizer, template: str) -> None:
    with pytest.raises(TemplateError):
        ChatTemplate(Tokenizer(tokenizer.fast, {"chat_template": template})).encode(MESSAGES)


async def test_a_grammar_holds_through_the_face(model: LocalModel) -> None:
    generation = await model.generate(MESSAGES, grammar=Grammar.choices(["yes", "no"]))

    assert generation.text in ("yes", "no")
    assert not generation.truncated


def test_a_folder_that_is_not_there_is_unknown() -> None:
    with pytest.raises(UnknownCheckpoint, match="no such folder"):
        load_model("/nowhere/model")


def test_the_home_of_nobody_is_unknown() -> None:
    with pytest.raises(UnknownCheckpoint, match="no such user"):
        load_model("~nope-nobody/x")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:99999/v1", "http://127.0.0.1:0", "http:/foo", "http://", "https:", "http://[::1"],
)
def test_a_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(UnknownCheckpoint, match="Give a server's base URL"):
        load_model(url)


@pytest.mark.parametrize("name", ["generation_config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("text", ["{", "[]"])
def test_damaged_settings_beside_good_weights_are_refused(folder: Path, name: str, text: str) -> None:
    (folder / "manifest.json").unlink()
    (folder / name).write_text(text)

    with pytest.raises(UnknownCheckpoint, match=name):
        load_model(folder)


def test_an_end_token_that_is_none_is_refused(folder: Path) -> None:
    (folder / "generation_config.json").write_text('{"eos_token_id": "end"}')

    with pytest.raises(UnknownCheckpoint, match="no token id"):
        load_model(folder)


def test_a_url_opens_a_remote_model_without_asking_it() -> None:
    opened = load_model("http://127.0.0.1:9#tiny")

    assert isinstance(opened, RemoteModel)
    assert (opened.url, opened.name) == ("http://127.0.0.1:9/v1", "tiny")


def test_a_hub_name_without_network_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))

    with pytest.raises(HubUnavailable, match="nobody/nothing"):
        load_model("nobody/nothing")


async def test_a_hub_name_opens_what_its_patterns_fetch(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    fetched = tmp_path / "fetched"
    fetched.mkdir()

    def fetch(name: str, *, allow_patterns: list[str]) -> str:
        assert name == "somebody/tiny"
        for path in (path for pattern in allow_patterns for path in folder.glob(pattern)):
            shutil.copy(path, fetched)
        return str(fetched)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)

    opened = load_model("somebody/tiny", seed=3)
    made = await opened.generate(MESSAGES, sampling=WARM)
    await opened.aclose()

    local = load_model(folder, seed=3)
    assert opened.name == "somebody/tiny"
    assert made.text == (await local.generate(MESSAGES, sampling=WARM)).text
    await local.aclose()


def test_embedded_weights_that_are_not_installed_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(SHIPPED, "embedded", tmp_path)
    monkeypatch.setitem(SHIPPED, "embedded-web", tmp_path)

    for name in (None, "embedded", "embedded-web"):
        with pytest.raises(MissingWeights, match=f"{name or 'embedded'}' is not installed"):
            load_model(name)


def test_measuring_gives_rates(model: LocalModel) -> None:
    speed = measure_decode(model, prompt_tokens=40, output_tokens=8, repeats=1)

    assert speed.tokens_per_second > 0
    assert speed.prompt_tokens_per_second > 0


@pytest.mark.parametrize("module", ["core_model", "core_model.generation", "core_model.remote"])
def test_what_needs_no_local_model_does_not_import_torch(module: str) -> None:
    code = f"import sys, punchlist.{module}; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0

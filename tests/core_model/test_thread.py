"""Threads: a fork says what the whole conversation, sent again, would have said, for less work."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence

import pytest

from punchlist.core_model import Grammar, LocalModel, Sampling
from punchlist.core_model.chat_template import Message
from punchlist.core_model.engine import Engine
from punchlist.core_model.errors import EngineClosed, InvalidGrammar, NotSupported
from punchlist.core_model.generation import Generation, Model, Thread
from punchlist.core_model.remote import RemoteModel
from punchlist.core_model.thread import LocalThread, ResentThread
from punchlist.core_model.tokenizer import Tokenizer
from punchlist.core_model.transformer import Transformer

MESSAGES: list[Message] = [{"role": "user", "content": "the order has two green mugs for Ada, read it"}]
THOUGHT = "the page has a name"


def drawn(seed: int, **settings: int | tuple[str, ...]) -> Sampling:
    return Sampling(temperature=1.0, seed=seed, **({"max_tokens": 12} | settings))  # pyright: ignore[reportArgumentType]


async def resent(model: LocalModel, thread: LocalThread, sampling: Sampling) -> Generation:
    """What the engine says after the same tokens when all are computed anew."""
    engine = Engine(model.engine.model, model.tokenizer, prefix_cache=False)
    output = await asyncio.wrap_future(engine.start(thread.tokens, sampling).future)
    engine.close()
    return model.generation(output, model.tokenizer.decode(output.token_ids))


async def test_a_fork_goes_on_as_if_all_had_been_sent_again(model: LocalModel) -> None:
    trunk = await model.open(MESSAGES)
    await trunk.extend(THOUGHT)
    [first] = await trunk.fork()
    await first.generate(sampling=drawn(1))
    [second] = await first.fork()
    assert isinstance(second, LocalThread)
    expected = await resent(model, second, drawn(2))

    forked = await second.generate(sampling=drawn(2))

    assert forked.token_ids == expected.token_ids
    assert forked.logprobs == pytest.approx(expected.logprobs, abs=1e-4)
    assert second.text == first.text + forked.text
    assert trunk.text == THOUGHT


async def test_a_fork_scores_as_if_all_had_been_sent_again(model: LocalModel) -> None:
    trunk = await model.open(MESSAGES)
    await trunk.extend(THOUGHT)
    [fork] = await trunk.fork()
    await fork.generate(sampling=drawn(3))
    assert isinstance(fork, LocalThread)
    words = ["yes", "no", " click the button"]
    expected = model.engine.score(fork.tokens, model.tokenizer.encode_batch(words))

    scores = await fork.score(words)

    assert scores == pytest.approx(expected, abs=1e-4)


async def test_only_what_is_new_is_computed(model: LocalModel) -> None:
    trunk = await model.open(MESSAGES)
    forks = await trunk.fork(3)
    read = trunk.prefilled_tokens

    made = await asyncio.gather(*(fork.generate(sampling=drawn(seed)) for seed, fork in enumerate(forks)))

    assert read == trunk.prompt_tokens - 1
    assert [each.prefilled_tokens for each in made] == [1, 1, 1]
    assert [fork.prefilled_tokens for fork in forks] == [1, 1, 1]


async def test_sending_again_computes_all_of_it_and_says_the_same(
    transformer: Transformer, tokenizer: Tokenizer
) -> None:
    model = LocalModel("tiny", transformer, tokenizer, prefix_cache=False)
    texts: list[str] = []
    prefilled: list[int] = []
    for resends in (False, True):
        trunk = await model.open(MESSAGES, resends=resends)
        forks = await trunk.fork(4)
        for fork in forks:
            await fork.extend(THOUGHT)
        made = await asyncio.gather(*(fork.generate(sampling=drawn(5)) for fork in forks))
        texts += [each.text for each in made]
        prefilled.append(trunk.prefilled_tokens + sum(fork.prefilled_tokens for fork in forks))
    await model.aclose()

    thought = len(tokenizer.encode(THOUGHT))
    prompt = len(model.encode(MESSAGES))
    assert len(set(texts)) == 1
    assert prefilled == [prompt - 1 + 4 * (1 + thought), 4 * (prompt + thought)]


@pytest.mark.parametrize("place", [1, 2, 5, 7, 8])
async def test_after_a_stop_text_it_goes_on_from_the_cut_text(model: LocalModel, place: int) -> None:
    free = await (await model.open(MESSAGES)).generate(sampling=drawn(4, max_tokens=20))
    stop = free.text[place : place + 3]
    thread = await model.open(MESSAGES)

    cut = await thread.generate(sampling=drawn(4, max_tokens=20, stop=(stop,)))
    after = thread.tokens
    await thread.generate(sampling=drawn(9))

    assert cut.text == free.text[: free.text.index(stop)]
    assert cut.stop_reason == "stop"
    assert model.tokenizer.decode(after[thread.prompt_tokens :]) == cut.text
    assert thread.tokens[: len(after)] == after
    fresh = Engine(model.engine.model, model.tokenizer, prefix_cache=False)
    expected = fresh.score(thread.tokens, [model.tokenizer.encode("yes")])
    fresh.close()
    assert await thread.score(["yes"]) == pytest.approx(expected, abs=1e-4)


async def test_a_stop_within_a_token_leaves_its_beginning(model: LocalModel) -> None:
    thread = await model.open(MESSAGES)
    whole = model.tokenizer.encode("two green mugs")

    made = await thread.generate(
        sampling=Sampling(stop=("een",)), grammar=Grammar.choices(["two green mugs"])
    )
    said = thread.tokens[thread.prompt_tokens :]
    await thread.extend("ey")

    assert (made.text, thread.text) == ("two gr", "two grey")
    assert said[0] == whole[0] and said != whole[: len(said)]


async def test_an_end_token_does_not_stay(model: LocalModel) -> None:
    ends = model.engine.eos_ids
    thread = await model.open(MESSAGES)
    likely = Sampling(max_tokens=30, logit_bias={next(iter(ends)): 50.0})

    made = await thread.generate(sampling=likely)
    await thread.extend(THOUGHT)

    assert (made.stop_reason, made.text) == ("stop", "")
    assert not ends & set(thread.tokens[thread.prompt_tokens :])
    assert thread.text == THOUGHT


async def test_special_tokens_in_what_is_said_are_plain_characters(model: LocalModel) -> None:
    thread = await model.open(MESSAGES)

    await thread.extend("a <|eos|> b")

    assert thread.text == "a <|eos|> b"
    assert model.tokenizer.eos_id not in thread.tokens


async def test_a_grammar_is_that_of_the_new_text_alone(model: LocalModel) -> None:
    thread = await model.open(MESSAGES)

    for _ in range(2):
        await thread.generate(grammar=Grammar.choices(["yes", "no"]))
        await thread.extend(", ")

    assert {*thread.text.split(", ")} <= {"yes", "no", ""}
    assert thread.text.count(", ") == 2


async def test_a_hundred_forks_at_once_are_batched(model: LocalModel) -> None:
    trunk = await model.open(MESSAGES)
    forks = await trunk.fork(100)
    alone = await forks[7].fork()
    passes = model.engine.usage.forward_passes

    made = await asyncio.gather(*(fork.generate(sampling=drawn(seed)) for seed, fork in enumerate(forks)))

    used = model.engine.usage.forward_passes - passes
    assert used < sum(len(each.token_ids) + 1 for each in made) / 8
    assert (await alone[0].generate(sampling=drawn(7))).text == made[7].text


async def test_a_fork_of_a_thread_that_is_forked_at_the_same_time_waits(model: LocalModel) -> None:
    trunk = await model.open(MESSAGES)

    forks = await asyncio.gather(*(trunk.fork(2) for _ in range(5)), trunk.generate(sampling=drawn(1)))

    assert len(forks) == 6


async def test_closing_frees_every_page(model: LocalModel) -> None:
    trunk = await model.open(MESSAGES)
    forks = await trunk.fork(64)
    await asyncio.gather(*(fork.generate(sampling=drawn(seed)) for seed, fork in enumerate(forks)))

    for thread in (trunk, *forks):
        await thread.close()
        await thread.close()

    model.engine.pool.check([])
    with pytest.raises(EngineClosed):
        await forks[0].generate()


async def test_threads_that_are_dropped_give_their_pages_back(model: LocalModel) -> None:
    forks = await (await model.open(MESSAGES)).fork(8)
    await asyncio.gather(*(fork.generate(sampling=drawn(1)) for fork in forks))
    del forks
    gc.collect()

    await model.generate(MESSAGES, sampling=Sampling(max_tokens=1))

    model.engine.pool.check([])


async def test_cancelling_leaves_the_thread_as_it_was(model: LocalModel) -> None:
    thread = await model.open(MESSAGES)
    await thread.extend(THOUGHT)
    before = thread.tokens
    task = asyncio.create_task(thread.generate(sampling=drawn(1, max_tokens=1000)))
    while not model.engine.usage.output_tokens:  # noqa: ASYNC110 nothing tells
        await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    made = await asyncio.wait_for(thread.generate(sampling=drawn(2)), 5)

    [fresh] = await (await model.open(MESSAGES)).fork()
    await fresh.extend(THOUGHT)
    assert thread.tokens[: len(before)] == before
    assert thread.text == THOUGHT + made.text
    assert made.text == (await fresh.generate(sampling=drawn(2))).text
    assert model.engine.usage.output_tokens < 1000


async def test_a_cancelled_thread_can_be_closed(model: LocalModel) -> None:
    thread = await model.open(MESSAGES)
    task = asyncio.create_task(thread.generate(sampling=drawn(1, max_tokens=200)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await asyncio.wait_for(thread.close(), 5)

    model.engine.pool.check([])


async def test_a_refused_request_leaves_the_thread_as_it_was(model: LocalModel) -> None:
    thread = await model.open(MESSAGES)
    await thread.extend(THOUGHT)

    with pytest.raises(InvalidGrammar):
        await thread.generate(grammar=Grammar.lark("start: ("))

    assert thread.text == THOUGHT
    assert len((await thread.generate(sampling=drawn(1))).token_ids) > 0


async def test_a_thread_of_any_model_sends_again_what_was_said(model: LocalModel) -> None:
    told: list[list[Message]] = []

    class Listening(LocalModel):
        async def generate(self, messages: Sequence[Message], **settings: object) -> Generation:
            told.append(list(messages))
            return Generation("so", (), (), "stop", 9, 0.0)

    listening: Model = Listening("tiny", model.engine.model, model.tokenizer)
    trunk: Thread = ResentThread(listening, MESSAGES)
    await trunk.generate()
    [fork] = await trunk.fork()
    await fork.extend(" far")
    await fork.generate()

    begun: Message = {"role": "assistant", "content": "so far"}
    assert told == [MESSAGES, [*MESSAGES, begun, {"role": "user", "content": "Go on."}]]
    assert (trunk.text, fork.text) == ("so", "so farso")
    await listening.aclose()


async def test_a_thread_of_a_server_cannot_score() -> None:
    thread = await RemoteModel("http://127.0.0.1:9/v1#tiny").open(MESSAGES)

    with pytest.raises(NotSupported, match="votes"):
        await thread.score(["yes"])

"""A model behind an OpenAI-compatible server (vLLM, SGLang, Ollama, llama.cpp, hosted ones), over httpx.

What a server cannot do is replaced visibly: an answer to a grammar is validated here, asked for again with
the reason a bounded number of times, and then `MalformedOutput` is raised. Scoring raises `NotSupported`.

A request that ends without an answer says with its error what it is paid for (`pricing.spent_by`). Where
nothing of an answer was seen (cancelled, or not waited for any longer) that is the whole of it: the prompt
and `max_tokens`; whoever waits for a server cannot know how far it is. Of a stream it is the prompt and what
had arrived. A server that refuses, fails or is not reached is taken to charge nothing.

What it does not promise: that a seed is honoured or that token counts are exact (`capabilities` says so);
that a request which is sent again after a timeout stays within what one request can come to.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import httpx

from .capabilities import Capabilities
from .chat_template import Message
from .errors import (
    ImagesRefused,
    MalformedOutput,
    NotAModelServer,
    NotSupported,
    RemoteError,
    UnknownCheckpoint,
)
from .generation import Delta, Generation, ModelUsage
from .grammar import Grammar
from .pictures import has_pictures, refuses_pictures, told_to_see
from .pricing import Price, charge, read_at_most
from .remote_wire import (
    Collected,
    Paid,
    instruction,
    on_the_wire,
    with_cost_of,
    with_instruction,
    without_begun,
)
from .sampling import Sampling
from .thread import ResentThread

_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_NO_LIST = frozenset({404, 405, 500, 501})
"""What servers that do not list their models answer; `transformers serve` 500 where it has no hub cache."""

_GREEDY = Sampling()
_UNPAID = Paid(0, 0, len)
"""For requests that cost nothing. It holds no amounts, so none pile up in it."""

_SILENT = Capabilities()


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently a request is sent again; waits are in seconds.

    Attributes:
        tries: Attempts in all, for refused connections, timeouts and passing HTTP errors (429, 5xx).
        first_wait: Before the second attempt; doubled each time, with up to half as much again at random.
        longest_wait: No wait is longer, not even one that the server asks for.
        answers: Answers asked for in all until one fits the grammar.
    """

    tries: int = 4
    first_wait: float = 0.5
    longest_wait: float = 20.0
    answers: int = 3


class RemoteModel:
    """A server's model, behind the face that all models have."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        capabilities: Capabilities = _SILENT,
        context_length: int = 8192,
        timeout: float = 120.0,
        retry: RetryPolicy | None = None,
        seed: int = 0,
        continues: bool = False,
        price: Price | None = None,
    ) -> None:
        """Point at a server; nothing is sent until the first request.

        Args:
            url: Base URL, with "/v1" or what stands for it; "#name" behind it chooses the model, otherwise
                the server's first one is taken.
            api_key: Sent as bearer token; None takes the environment variable PUNCHLIST_API_KEY, if set.
            capabilities: What you know the server to do; with `logprobs` they are asked for. `images` is
                replaced by what the server tells of its model, if it does.
            context_length: Tokens; replaced by what the server tells, if it does.
            timeout: Seconds without a byte from the server.
            retry: How often to try.
            seed: Mixed into the seed of every request.
            continues: The server goes on with a last message that is the assistant's when it is told
                `continue_final_message` and `add_generation_prompt` (vLLM and SGLang do).
            price: What its tokens cost; a run with a budget of money wants to know.

        Raises:
            UnknownCheckpoint: `url` is no http(s) address with a host.
        """
        address, _, name = url.partition("#")
        self.url = address.rstrip("/") + ("/v1" if _checked(address).path in ("", "/") else "")
        self.name = name
        self.capabilities = replace(capabilities, grammar=False, score=False, fork=False, token_counts=False)
        self.context_length = context_length
        self._key = os.environ.get("PUNCHLIST_API_KEY") if api_key is None else api_key
        self._timeout = timeout
        self.retry = retry or RetryPolicy()
        self._seed = seed
        self._continues, self.price = continues, price
        self._random = random.Random(seed)
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._usage = ModelUsage()

    @property
    def usage(self) -> ModelUsage:
        """Tokens as the server counts them, else as `count_tokens` does, and seconds of waiting for it."""
        return replace(self._usage)

    async def reach(self) -> None:
        """Ask the server once what it serves, so that a wrong URL is known before work begins.

        Raises:
            RemoteError: The server is not there, or refuses.
            NotAModelServer: What answers is something else.
        """
        patient, self.retry = self.retry, replace(self.retry, tries=1)
        try:
            await self._find_model()
        except RemoteError as error:
            if not (self.name and error.status in _NO_LIST):
                raise
        finally:
            self.retry = patient

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = _GREEDY, grammar: Grammar | None = None
    ) -> Generation:
        """Answer `messages`; see `Model`. Tokens and seconds are those of all answers that were asked for.

        Raises:
            RemoteError: the server is not there, refuses the request or keeps failing.
            NotAModelServer: what answers is something else.
            MalformedOutput: no answer fitted the grammar.
        """
        if grammar is None:
            return await self._complete(messages, sampling, None)
        before: list[Generation] = []
        try:
            return await self._until_it_fits(messages, sampling, grammar, before)
        except BaseException as error:
            for each in before:
                charge(error, each.prompt_tokens, each.output_tokens)
            raise

    async def _until_it_fits(
        self, messages: Sequence[Message], sampling: Sampling, grammar: Grammar, before: list[Generation]
    ) -> Generation:
        """The first answer that fits; all that came are put into `before`."""
        answers: list[str] = []
        spent = Generation("", (), (), "stop", 0, 0.0)
        why = ""
        asked: list[Message] = with_instruction(messages, grammar)
        for attempt in range(self.retry.answers):
            varied = replace(sampling, seed=sampling.seed + attempt)
            generation = await self._complete(asked, varied, grammar)
            before.append(generation)
            spent = with_cost_of(generation, spent)
            try:
                return replace(spent, text=grammar.normalise(generation.text))
            except ValueError as error:
                why = str(error).replace("\n", " ")
            answers.append(generation.text)
            told, begun = without_begun(messages)
            complaint = f"That answer does not fit: {why[:500]}. {instruction(grammar)}"
            asked = [
                *with_instruction(told, grammar),
                {"role": "assistant", "content": begun + generation.text},
                {"role": "user", "content": complaint},
            ]
        raise MalformedOutput(self.url, tuple(answers), why)

    async def stream(
        self, messages: Sequence[Message], *, sampling: Sampling = _GREEDY, grammar: Grammar | None = None
    ) -> AsyncGenerator[Delta | Generation, None]:
        """`generate`, piece by piece. With a grammar nothing appears before the answer is validated.

        Raises:
            RemoteError: what `generate` raises it for; or the stream broke off, or ended with an error. The
                pieces that came before are then no answer.
            NotAModelServer: what answers is something else.
        """
        if grammar is not None:
            generation = await self.generate(messages, sampling=sampling, grammar=grammar)
            yield Delta(generation.text, None)
            yield generation
            return
        started = time.monotonic()
        paid = self._paid(messages, sampling)
        collected = Collected(paid)
        body = await self._body(messages, sampling, None) | {
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        response = await self._send("POST", "/chat/completions", body, stream=True, paid=paid)
        try:
            async for line in response.aiter_lines():
                if line.startswith("data:") and line[5:].strip() not in ("", "[DONE]"):
                    delta = self._add(collected, line[5:])
                    if delta is not None:
                        yield delta
        except httpx.HTTPError as error:
            why = f"the stream broke off ({type(error).__name__})"
            broken = RemoteError(self.url, why, "Send the request again.")
            charge(broken, *collected.spent)
            raise broken from error
        except BaseException as error:
            charge(error, *collected.spent)
            raise
        finally:
            await response.aclose()
        if not collected.seen:
            raise NotAModelServer(self.url, "the answer was no stream of completion chunks")
        if not collected.finished:
            why = "the stream broke off: it ended before the answer was said to be finished"
            broken = RemoteError(self.url, why, "Send the request again.")
            charge(broken, *collected.spent)
            raise broken
        generation = collected.generation(time.monotonic() - started)
        self._count(generation)
        yield generation

    async def score(self, messages: Sequence[Message], continuations: Sequence[str]) -> list[float]:
        """Raises NotSupported: chat servers do not tell the probability of a given answer."""
        remedy = "Sample several answers and count votes, or use a local model."
        raise NotSupported(self.name or self.url, "score continuations", remedy)

    async def open(self, messages: Sequence[Message]) -> ResentThread:
        """A conversation that is sent again with every request; see `ResentThread`."""
        return ResentThread(self, messages, continues=self._continues)

    def count_tokens(self, text: str) -> int:
        """An estimate on the high side: one token per three bytes of UTF-8, rounded up."""
        return math.ceil(len(text.encode("utf-8")) / 3)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None and self._loop is asyncio.get_running_loop():
            await self._client.aclose()
        self._client = None

    async def _complete(
        self, messages: Sequence[Message], sampling: Sampling, grammar: Grammar | None
    ) -> Generation:
        started = time.monotonic()
        paid = self._paid(messages, sampling)
        body = await self._body(messages, sampling, grammar)
        try:
            response = await self._send("POST", "/chat/completions", body, paid=paid)
        except RemoteError as error:
            if error.status not in (400, 422) or "response_format" not in body:
                raise
            del body["response_format"]  # the server does not know it: the answer is validated all the same
            response = await self._send("POST", "/chat/completions", body, paid=paid)
        collected = Collected(paid)
        self._add(collected, response.text)
        if not collected.seen:
            raise NotAModelServer(self.url, f"the answer has no choices: {response.text[:200]!r}")
        generation = collected.generation(time.monotonic() - started)
        self._count(generation)
        return generation

    def _add(self, collected: Collected, text: str) -> Delta | None:
        """Take a completion or a chunk of one.

        Raises:
            RemoteError: it tells an error.
            NotAModelServer: it is something else.
        """
        answer = self._json(text)
        if answer.get("error"):
            why = f"it ended the answer with the error {str(answer['error'])[:300]!r}"
            raise RemoteError(self.url, why, "Send the request again.")
        try:
            return collected.add(answer)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise NotAModelServer(self.url, f"this is no completion: {text.strip()[:200]!r}") from error

    async def _body(
        self, messages: Sequence[Message], sampling: Sampling, grammar: Grammar | None
    ) -> dict[str, Any]:
        if not self.name:
            await self._find_model()
        if any(message.get("images") for message in messages):
            await self._check_sees()
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [on_the_wire(message) for message in messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": sampling.seed + self._seed * 1_000_003,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.top_k:
            body["top_k"] = sampling.top_k
        if sampling.min_p:
            body["min_p"] = sampling.min_p
        if sampling.presence_penalty:
            body["presence_penalty"] = sampling.presence_penalty
        if sampling.frequency_penalty:
            body["frequency_penalty"] = sampling.frequency_penalty
        if sampling.repetition_penalty != 1:
            body["repetition_penalty"] = sampling.repetition_penalty
        if sampling.logit_bias:
            body["logit_bias"] = {str(token): bias for token, bias in dict(sampling.logit_bias).items()}
        if self.capabilities.logprobs:
            body["logprobs"] = True
        if self._continues and messages and messages[-1]["role"] == "assistant":
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        if grammar is not None and grammar.kind == "schema":
            schema = {"name": "answer", "schema": grammar.source, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    async def _check_sees(self) -> None:
        """Ask a server that was not said to take pictures whether it does.

        Raises:
            NotSupported: It does not, or does not say.
        """
        if not self.capabilities.images:
            await self.reach()
        if not self.capabilities.images:
            remedy = (
                "Name one that does ('#name' behind the URL); where the server does not say it, say it "
                "yourself: RemoteModel(url, capabilities=Capabilities(images=True))."
            )
            raise NotSupported(self.name or self.url, "see pictures, as far as its server tells", remedy)

    async def _find_model(self) -> None:
        response = await self._send("GET", "/models", None)
        listing = self._json(response.text)
        listed: object = listing.get("data")
        found = cast("list[object]", listed) if isinstance(listed, list) else []
        models = [cast("dict[str, Any]", each) for each in found if isinstance(each, dict) and "id" in each]
        if not models:
            raise NotAModelServer(self.url, f"GET /models answered {response.text[:200]!r}")
        told = next((each for each in models if each.get("id") == self.name), models[0])
        self.name = self.name or str(told["id"])
        length = told.get("max_model_len") or told.get("context_length")
        if isinstance(length, int):
            self.context_length = length
        if (sees := told_to_see(self.name, listing)) is not None:
            self.capabilities = replace(self.capabilities, images=sees)

    def _paid(self, messages: Sequence[Message], sampling: Sampling) -> Paid:
        return Paid(read_at_most(self, messages), sampling.max_tokens, self.count_tokens)

    async def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        stream: bool = False,
        paid: Paid = _UNPAID,
    ) -> httpx.Response:
        """Send until an answer that is not a passing failure; raises RemoteError otherwise.

        Args:
            paid: Told of every try that was sent and got no answer; an error says it.
        """
        try:
            return await self._tried(method, path, body, stream, paid)
        except BaseException as error:
            charge(error, paid.lost_read, paid.lost_written)
            raise

    async def _tried(
        self, method: str, path: str, body: dict[str, Any] | None, stream: bool, paid: Paid
    ) -> httpx.Response:
        client = self._open_client()
        failure = RemoteError(self.url, "no attempt was made", "Set RetryPolicy.tries to 1 or more.")
        for attempt in range(self.retry.tries):
            wait = min(self.retry.longest_wait, self.retry.first_wait * 2**attempt)
            wait *= 1 + self._random.random() / 2
            try:
                request = client.build_request(method, self.url + path, json=body)
                response = await client.send(request, stream=stream)
            except asyncio.CancelledError:
                paid.lose()
                raise
            except httpx.TransportError as error:
                if isinstance(error, httpx.ReadTimeout):
                    paid.lose()
                why = f"{type(error).__name__} {error}".strip()
                failure = RemoteError(self.url, why, "Start the server or correct the URL.")
                failure.__cause__ = error
            else:
                if response.is_success:
                    return response
                await response.aread()
                await response.aclose()
                failure = self._refusal(response, has_pictures(body))
                if response.status_code not in _PASSING or isinstance(failure, ImagesRefused):
                    raise failure
                wait = _asked_wait(response, wait)
            if attempt + 1 < self.retry.tries:
                await asyncio.sleep(min(wait, self.retry.longest_wait))
        raise failure

    def _refusal(self, response: httpx.Response, pictured: bool) -> RemoteError:
        status, text = response.status_code, response.text[:300]
        if pictured and refuses_pictures(status, text):
            return ImagesRefused(self.url, f"HTTP {status}: {text}", status)
        is_json = "json" in response.headers.get("content-type", "")
        if status in (301, 302, 307, 308, 404, 405, 501) and not (is_json and '"error"' in response.text):
            return NotAModelServer(self.url, f"{response.request.url.path} answered HTTP {status}", status)
        if status in (401, 403):
            remedy = "Put the server's key into the environment variable PUNCHLIST_API_KEY."
        elif status in _PASSING:
            remedy = "It was tried again and kept failing: look at the server's log."
        else:
            remedy = "Correct what the message names; the model can be chosen with '#name' behind the URL."
            remedy += " The request showed a picture." if pictured else ""
        return RemoteError(self.url, f"HTTP {status}: {text}", remedy, status)

    def _json(self, text: str) -> dict[str, Any]:
        try:
            value: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise NotAModelServer(self.url, f"the answer is not JSON: {text[:200]!r}") from error
        if not isinstance(value, dict):
            raise NotAModelServer(self.url, f"the answer is not a JSON object: {text[:200]!r}")
        return cast("dict[str, Any]", value)

    def _open_client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:  # connections belong to one event loop
            headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
            timeout = httpx.Timeout(self._timeout, connect=min(10.0, self._timeout))
            self._client = httpx.AsyncClient(headers=headers, timeout=timeout)
            self._loop = loop
        return self._client

    def _count(self, generation: Generation) -> None:
        self._usage.requests += 1
        self._usage.prompt_tokens += generation.prompt_tokens
        self._usage.output_tokens += generation.output_tokens
        self._usage.seconds += generation.seconds


def _checked(address: str) -> httpx.URL:
    """The address of a server.

    Raises:
        UnknownCheckpoint: It is none.
    """
    why = ""
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        url, why = httpx.URL(), str(error)
    if not why and (url.scheme not in ("http", "https") or not url.host):
        why = "it is no http address with a host"
    if not why and url.port is not None and not 0 < url.port < 65536:
        why = f"its port {url.port} is not between 1 and 65535"
    if why:
        raise UnknownCheckpoint(
            address, why, "Give a server's base URL, for example http://127.0.0.1:8000/v1."
        )
    return url


def _asked_wait(response: httpx.Response, otherwise: float) -> float:
    try:
        return max(0.0, float(response.headers.get("retry-after", "")))
    except ValueError:  # absent, or a date
        return otherwise

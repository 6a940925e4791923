"""The door through which every loop asks: model and tools with budget, seed, record, and forked caches.

A batch of requests goes to the model at once. Requests that share a prompt are forks of one cache, and a
thought that is gone on with keeps the cache of the thought before it. Every answer is recorded before
anything is made of it, under a key made of all that decides it; what is on record is neither asked nor paid
again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import JsonValue

from ...protocols.outcome import Cost
from ..budget import Budget
from .trace import Trace

if TYPE_CHECKING:
    from ...core_model.chat_template import Message
    from ...core_model.generation import Generation, Model, Thread
    from ...core_model.grammar import Grammar

T = TypeVar("T")

MOST_THREADS = 256
"""Caches that are kept open for thoughts that may be gone on with."""


class Interrupted(Exception):
    """A search was told to stop; what it has so far is its result, and it can be resumed."""

    def __init__(self) -> None:
        super().__init__("The search was told to stop. It can be resumed from its journal.")


@dataclass(frozen=True)
class Prompt:
    """What a model reads: a conversation, and what it has said so far in the answer that it goes on with.

    Attributes:
        turns: (role, text) of each message.
    """

    turns: tuple[tuple[str, str], ...]
    said: str = ""

    @classmethod
    def of(cls, question: str, instructions: str = "", said: str = "") -> Prompt:
        """A question with its instructions."""
        system = (("system", instructions),) if instructions else ()
        return cls((*system, ("user", question)), said)

    @property
    def messages(self) -> list[Message]:
        """The conversation as models take it."""
        return [cast("Message", {"role": role, "content": text}) for role, text in self.turns]

    def and_said(self, text: str) -> Prompt:
        """With `text` behind what was said."""
        return replace(self, said=self.said + text)


@dataclass(frozen=True)
class Request:
    """One answer that is wanted of the model.

    Attributes:
        tag: Tells samples of one prompt apart; with the run's seed it decides the random numbers.
        keep: The answer will be gone on with, so its cache is kept.
    """

    prompt: Prompt
    tag: str = ""
    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    grammar: Grammar | None = None
    keep: bool = False


@dataclass(frozen=True)
class Said:
    """What the model answered.

    Attributes:
        logprob: Natural log of the probability of the tokens that the grammar left open; None where unknown.
        tokens: Generated.
        prompt_tokens: Of the whole prompt.
        cut: It ran out of tokens; never read it as whole.
    """

    text: str
    logprob: float | None
    tokens: int
    prompt_tokens: int
    cut: bool


@dataclass(frozen=True)
class Choice:
    """Texts of which each is to be given its log-probability as what comes next."""

    prompt: Prompt
    options: tuple[str, ...]


@dataclass
class _Shared:
    """What a search and all searches inside it have together."""

    threads: OrderedDict[Prompt, Thread] = field(default_factory=OrderedDict["Prompt", "Thread"])
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    counted: set[str] = field(default_factory=set[str])
    prefilled: int = 0


class Thinking:
    """A model with budget, record and seed around it.

    Args:
        model: Anything that `load_model` gives.
        budget: Shared by everything inside; None is no limit.
        trace: Where everything is recorded; None keeps it in memory.
        seed: With the same seed, model, problem and tool results a search is the same.
        fork: Share caches between thoughts; False sends every prompt anew (to measure what forking gains).
    """

    def __init__(
        self,
        model: Model,
        budget: Budget | None = None,
        trace: Trace | None = None,
        *,
        seed: int = 0,
        fork: bool = True,
    ) -> None:
        self.model, self.budget = model, budget or Budget()
        self.trace, self.seed, self.fork = trace or Trace(), seed, fork
        self.scope = ""
        self.used = Cost()
        self._outer: Thinking | None = None
        self._shared = _Shared()

    def within(self, name: str) -> Thinking:
        """The door for a search inside this one: same budget, record and caches, its own scope."""
        inner = Thinking(self.model, self.budget, self.trace, seed=self.seed, fork=self.fork)
        inner.scope = f"{self.scope}{name}/"
        inner._outer, inner._shared = self, self._shared
        return inner

    def tell(self, what: str, node: str = "", **body: JsonValue) -> None:
        """Record an event of this search."""
        self.trace.add(what, scope=self.scope, node=node, **body)

    def stop(self) -> None:
        """End the search between two answers; may be called from a signal handler of the event loop."""
        self._shared.stopping.set()

    @property
    def prefilled_tokens(self) -> int:
        """Prompt tokens that were computed for answers in this process, as far as the model tells."""
        return self._shared.prefilled

    # --- asking -----------------------------------------------------------------------

    async def generate(self, requests: Sequence[Request]) -> list[Said]:
        """The answers to all requests, computed as one batch.

        Raises:
            BudgetExhausted: The batch would exceed a limit; nothing of it was spent.
            Interrupted: `stop` was called.
            CoreModelError: The model failed.
        """
        keys = [self._key("generate", _facts(request)) for request in requests]
        todo = [place for place, key in enumerate(keys) if self.trace.recorded(key) is None]
        self._check(len(todo))
        groups: dict[Prompt, list[int]] = {}
        for place in todo:
            groups.setdefault(requests[place].prompt, []).append(place)
        await self._all(
            [
                self._generate_group(prompt, [(keys[place], requests[place]) for place in places])
                for prompt, places in groups.items()
            ]
        )
        answers = [self._recorded(key) for key in keys]
        for key, answer in zip(keys, answers, strict=True):
            self._count(key, _whole(answer["read"]) + _whole(answer["tokens"]))
        return [_said(answer) for answer in answers]

    async def score(self, choices: Sequence[Choice]) -> list[list[float]]:
        """Log-probability (nats) of each option of each choice.

        Raises:
            BudgetExhausted, Interrupted, CoreModelError: As `generate`.
            NotSupported: The model tells no probabilities (`capabilities.score`).
        """
        keys = [self._key("score", _choice_facts(choice), everywhere=True) for choice in choices]
        todo = {key: place for place, key in enumerate(keys) if self.trace.recorded(key) is None}
        self._check(len(todo))
        await self._all([self._score_one(key, choices[place]) for key, place in todo.items()])
        for key in keys:
            self._count(key, _whole(self._recorded(key)["prompt_tokens"]))
        return [cast("list[float]", self._recorded(key)["scores"]) for key in keys]

    async def call(
        self, name: str, given: JsonValue, act: Callable[[], JsonValue | Awaitable[JsonValue]]
    ) -> JsonValue:
        """What a function or tool of the user returns, recorded like an answer of the model.

        Raises:
            CallFailed: It raised; what it raised is on record too.
        """
        key = self._key("call", {"name": name, "given": given})
        answer = self.trace.recorded(key)
        if answer is None:
            if self._shared.stopping.is_set():
                raise Interrupted
            answer = await _tried(act)
            answer |= {"name": name, "given": given, "scope": self.scope}
            self.trace.record(key, answer)
        if "error" in answer:
            raise CallFailed(name, str(answer["error"]))
        return answer["returned"]

    # --- inside -----------------------------------------------------------------------

    def _key(self, kind: str, facts: JsonValue, *, everywhere: bool = False) -> str:
        """What decides an answer, as a hash; `everywhere` it does not depend on the scope."""
        where = [] if everywhere else [self.scope, self.seed]
        text = json.dumps([kind, where, self.model.name, facts], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]

    def _recorded(self, key: str) -> dict[str, JsonValue]:
        answer = self.trace.recorded(key)
        if answer is None:
            raise RuntimeError(f"no answer was recorded under {key!r}; this is a fault of punchlist")
        return answer

    def _check(self, calls: int) -> None:
        if calls:
            if self._shared.stopping.is_set():
                raise Interrupted
            self.budget.check(model_calls=calls)

    def _count(self, key: str, tokens: int) -> None:
        """Count an answer as used, once, also where it was on record: a resumed search tells the same."""
        if key in self._shared.counted:
            return
        self._shared.counted.add(key)
        door: Thinking | None = self
        while door is not None:
            door.used += Cost(tokens=tokens, model_calls=1)
            door = door._outer

    async def _all(self, works: Sequence[Coroutine[Any, Any, None]]) -> None:
        """Do all at once, or stop them all when one fails or the search is told to stop."""
        if not works:
            return
        group = asyncio.ensure_future(_together(works))
        stop = asyncio.ensure_future(self._shared.stopping.wait())
        try:
            await asyncio.wait({group, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not group.done():
                raise Interrupted
            group.result()
        finally:
            stop.cancel()
            group.cancel()
            await asyncio.gather(group, stop, return_exceptions=True)

    async def _generate_group(self, prompt: Prompt, wanted: Sequence[tuple[str, Request]]) -> None:
        """Answers that share a prompt: forks of one thread where there is more than one, or a beginning."""
        if len(wanted) == 1 and not prompt.said and not wanted[0][1].keep:
            key, request = wanted[0]
            made = await self.model.generate(
                prompt.messages, sampling=self._sampling(request), grammar=request.grammar
            )
            self._keep_answer(key, request, made, read=made.prompt_tokens)
            return
        if self.fork:
            trunk = await self._thread(prompt)
            branches = await trunk.fork(len(wanted))
        else:
            branches = [await self._fresh(prompt) for _ in wanted]
        try:
            await _together(
                [
                    self._grow(branch, key, request, first=place == 0 or not self.fork)
                    for place, (branch, (key, request)) in enumerate(zip(branches, wanted, strict=True))
                ]
            )
        finally:
            kept = set(map(id, self._shared.threads.values()))
            for branch in branches:
                if id(branch) not in kept:
                    await branch.close()

    async def _grow(self, branch: Thread, key: str, request: Request, *, first: bool) -> None:
        begun = len(branch.text)
        made = await branch.generate(sampling=self._sampling(request), grammar=request.grammar)
        self._keep_answer(key, request, made, read=made.prompt_tokens if first else 0)
        grown = request.prompt.and_said(branch.text[begun:])
        if request.keep and self.fork and grown not in self._shared.threads:
            await self._put(grown, branch)

    async def _score_one(self, key: str, choice: Choice) -> None:
        if choice.prompt.said and self.fork:
            scores = await (await self._thread(choice.prompt)).score(choice.options)
        elif choice.prompt.said:
            thread = await self._fresh(choice.prompt)
            try:
                scores = await thread.score(choice.options)
            finally:
                await thread.close()
        else:
            scores = await self.model.score(choice.prompt.messages, choice.options)
        read = self._tokens(choice.prompt)
        answer = _choice_facts(choice)
        answer |= {"prompt_tokens": read, "read": read, "tokens": 0, "scope": self.scope}
        answer["scores"] = list[JsonValue](scores)
        self.trace.record(key, answer)
        self.budget.spend(tokens=read, model_calls=1)

    async def _thread(self, prompt: Prompt) -> Thread:
        """The thread that has read `prompt`: kept, forked from the longest that is kept, or fresh."""
        threads = self._shared.threads
        found = threads.get(prompt)
        if found is not None:
            threads.move_to_end(prompt)
            return found
        base = max(
            (key for key in threads if key.turns == prompt.turns and prompt.said.startswith(key.said)),
            key=lambda key: len(key.said),
            default=None,
        )
        if base is None:
            thread = await self._fresh(prompt)
        else:
            thread = (await threads[base].fork())[0]
            await thread.extend(prompt.said[len(base.said) :])
        await self._put(prompt, thread)
        return thread

    async def _fresh(self, prompt: Prompt) -> Thread:
        thread = await self.model.open(prompt.messages)
        if prompt.said:
            await thread.extend(prompt.said)
        return thread

    async def _put(self, prompt: Prompt, thread: Thread) -> None:
        threads = self._shared.threads
        threads[prompt] = thread
        while len(threads) > MOST_THREADS:
            _, oldest = threads.popitem(last=False)
            await oldest.close()

    async def aclose(self) -> None:
        """Give the caches back."""
        while self._shared.threads:
            _, thread = self._shared.threads.popitem()
            await thread.close()

    def _sampling(self, request: Request) -> Any:
        from ...core_model.sampling import Sampling

        mark = hashlib.sha256(f"{self.seed}/{self.scope}/{request.tag}".encode()).digest()
        return Sampling(
            temperature=request.temperature,
            top_p=request.top_p,
            seed=int.from_bytes(mark[:4], "big"),
            max_tokens=request.max_tokens,
            stop=request.stop,
        )

    def _tokens(self, prompt: Prompt) -> int:
        texts = [text for _, text in prompt.turns]
        return sum(self.model.count_tokens(text) for text in [*texts, prompt.said] if text)

    def _keep_answer(self, key: str, request: Request, made: Generation, *, read: int) -> None:
        """Record an answer; `read` prompt tokens are paid for with it."""
        known = [value for value in made.logprobs if value is not None]
        self.trace.record(
            key,
            {
                "text": made.text,
                "logprob": sum(known) if known else None,
                "tokens": made.output_tokens,
                "prompt_tokens": made.prompt_tokens,
                "read": read,
                "cut": made.truncated,
                "scope": self.scope,
            }
            | _facts(request),
        )
        self.budget.spend(tokens=read + made.output_tokens, model_calls=1)
        self._shared.prefilled += made.prefilled_tokens


class CallFailed(Exception):
    """A function or tool that a search uses raised. The search goes on; the state that needed it is dead."""

    def __init__(self, name: str, error: str) -> None:
        self.name, self.error = name, error
        super().__init__(f"{name!r} failed: {error}.")


async def _together(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """All at once; the first error ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors


async def _tried(act: Callable[[], JsonValue | Awaitable[JsonValue]]) -> dict[str, JsonValue]:
    try:
        made = act()
        returned = await made if isinstance(made, Awaitable) else made
    except Exception as error:  # the edge to the user's own code: whatever it raises is its answer
        return {"error": f"{type(error).__name__}: {error}"}
    return {"returned": returned}


def _facts(request: Request) -> dict[str, JsonValue]:
    grammar = None if request.grammar is None else request.grammar.compiled
    return {
        "prompt": [list(turn) for turn in request.prompt.turns],
        "said": request.prompt.said,
        "tag": request.tag,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.max_tokens,
        "stop": list(request.stop),
        "grammar": None if grammar is None else hashlib.sha256(grammar.encode()).hexdigest()[:16],
    }


def _choice_facts(choice: Choice) -> dict[str, JsonValue]:
    return {
        "prompt": [list(turn) for turn in choice.prompt.turns],
        "said": choice.prompt.said,
        "options": list(choice.options),
    }


def _said(answer: dict[str, JsonValue]) -> Said:
    logprob = answer["logprob"]
    return Said(
        str(answer["text"]),
        float(logprob) if isinstance(logprob, int | float) else None,
        _whole(answer["tokens"]),
        _whole(answer["prompt_tokens"]),
        bool(answer["cut"]),
    )


def _whole(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0

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
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from pydantic import JsonValue

from ...core_model.errors import CacheFull, MalformedOutput
from ...core_model.generation import Generation
from ...core_model.pricing import spent_by
from ...protocols.outcome import Cost
from ..budget import NOTHING, Budget, BudgetExhausted, answer_cost
from .asking import Choice, Prompt, Request, Said, choice_facts, read_answer, request_facts
from .caches import Caches
from .calling import CallFailed, Interrupted, Work, reached, stop_reason, together, tried
from .promising import paid_if_cut_off, priced, promised, sampling_of
from .trace import HALTED, Trace

if TYPE_CHECKING:
    from ...core_model.generation import Model, Thread
    from ...core_model.sampling import Sampling
    from ...tools.permissions import Policy

__all__ = [
    "CallFailed",
    "Choice",
    "Interrupted",
    "Prompt",
    "Request",
    "Said",
    "Thinking",
    "Work",
    "stop_reason",
    "together",
]


@dataclass
class _Shared:
    """What a search and all searches inside it have together."""

    caches: Caches
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    counted: set[str] = field(default_factory=set[str])
    called: Counter[str] = field(default_factory=Counter[str])
    asked: set[str] = field(default_factory=set[str])
    most: dict[str, int] = field(default_factory=dict[str, int])
    prefilled: int = 0
    naming: asyncio.Lock = field(default_factory=asyncio.Lock)


class Thinking:
    """A model with budget, record and seed around it.

    Args:
        model: Anything that `load_model` gives.
        budget: Shared by everything inside; None is no limit.
        trace: Where everything is recorded; None keeps it in memory.
        seed: With the same seed, model, problem and tool results a search is the same.
        fork: Share caches between thoughts; False sends every prompt anew (to measure what forking gains).
        policy: Which tools may be called, for loops that call some; None leaves it to the loop.
        warmth: Least temperature of all answers, so that asking once more can come to another one.
    """

    def __init__(
        self,
        model: Model,
        budget: Budget | None = None,
        trace: Trace | None = None,
        *,
        seed: int = 0,
        fork: bool = True,
        policy: Policy | None = None,
        warmth: float = 0.0,
    ) -> None:
        self.model, self.budget = model, budget or Budget()
        self.trace, self.seed, self.fork = trace or Trace(), seed, fork
        self.policy, self.warmth = policy, warmth
        self.scope = ""
        self.used = Cost()
        self._outer: Thinking | None = None
        self._remembers = False
        self._shared = _Shared(Caches(model))

    def within(self, name: str) -> Thinking:
        """The door for a search inside this one: same budget, record and caches, its own scope.

        Searches side by side need different names, or one takes the other's events and answers for its own.
        """
        return self._inner(f"{self.scope}{name.replace('%', '%25').replace('/', '%2F')}/")

    def _inner(self, scope: str) -> Thinking:
        inner = Thinking(
            self.model, self.budget, self.trace, seed=self.seed, fork=self.fork, policy=self.policy,
            warmth=self.warmth,
        )  # fmt: skip
        inner.scope = scope
        inner._outer, inner._shared = self, self._shared
        inner._remembers = self._remembers
        return inner

    def remembering(self) -> Thinking:
        """A door to what this search has on record: it asks and tells nothing.

        Where an answer is missing it raises `Interrupted`.
        """
        door = self._inner(self.scope)
        door._remembers = True
        return door

    def tell(self, what: str, node: str = "", **body: JsonValue) -> None:
        """Record an event of this search."""
        if not self._remembers:
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
        """The answers to all requests, computed as one batch; a request that was made before has its answer.

        Raises:
            BudgetExhausted: The batch would exceed a limit; nothing of it was spent. Or the time ended it.
            Interrupted: `stop` was called.
            CoreModelError: The model failed.
        """
        await self._name_model()
        requests = [self._warmed(request) for request in requests]
        keys = [self._key("generate", request_facts(request)) for request in requests]
        wanted = dict(zip(keys, requests, strict=True))
        payers: dict[Prompt, str] = {}  # whoever asks first, also where a killed process asked it
        for key, request in wanted.items():
            if key not in self._shared.counted:
                payers.setdefault(request.prompt, key)

        def work(prompt: Prompt, group: list[str]) -> Work:
            return lambda: self._generate_group(
                prompt, [(key, wanted[key]) for key in group], payers.get(prompt)
            )

        groups: dict[Prompt, list[str]] = {}
        for key in self._fresh(keys):
            groups.setdefault(wanted[key].prompt, []).append(key)
        works = [work(prompt, group) for prompt, group in groups.items()]
        answers = await self._ask(keys, works, wanted)
        return [read_answer(answer) for answer in answers]

    async def score(self, choices: Sequence[Choice]) -> list[list[float]]:
        """Log-probability (nats) of each option of each choice.

        Raises:
            BudgetExhausted, Interrupted, CoreModelError: As `generate`.
            NotSupported: The model tells no probabilities (`capabilities.score`).
        """
        await self._name_model()
        keys = [self._key("score", choice_facts(choice), everywhere=True) for choice in choices]
        wanted = dict(zip(keys, choices, strict=True))

        def work(key: str) -> Work:
            return lambda: self._score_one(key, wanted[key])

        answers = await self._ask(keys, [work(key) for key in self._fresh(keys)], wanted)
        return [[float(value) for value in cast("list[Any]", answer["scores"])] for answer in answers]

    async def call(
        self,
        name: str,
        given: JsonValue,
        act: Callable[[], JsonValue | Awaitable[JsonValue]],
        *,
        steps: int = 0,
        money: Decimal = NOTHING,
        counted: bool = False,
    ) -> JsonValue:
        """What a function or tool of the user returns, as JSON, recorded like an answer of the model.

        The same call made again is made again: the world may have changed, or it is another function.

        Args:
            steps: What it counts against `Budget.steps`.
            money: What it costs.
            counted: It was made and counted before, and is only given back: it counts as nothing.

        Raises:
            CallFailed: It raised; what it raised is on record too.
        """
        facts: JsonValue = {"name": name, "given": given}
        call = self._key("call", facts)
        if not self._remembers:
            self._shared.called[call] += 1
        key = self._key("call", [facts, self._shared.called[call]])
        answer = self.trace.recorded(key)
        if answer is None:
            if self._remembers or self._shared.stopping.is_set():
                raise self._halted(Interrupted())
            money, steps = (NOTHING, 0) if counted else (money, steps)
            await self._pay(money, steps)
            answer = await tried(act) | {"name": name, "given": given, "scope": self.scope}
            answer |= {"steps": steps} if steps else {}
            answer |= {"money": str(money)} if money else {}
            self._keep(key, answer | ({"counted": True} if counted else {}))
            if money or steps:
                self.budget.spend(money=-money, steps=-steps)  # they were counted with the answer
        self._count(key, answer)
        if "error" in answer:
            raise CallFailed(name, str(answer["error"]))
        return answer["returned"]

    async def _pay(self, money: Decimal, steps: int) -> None:
        try:
            await self.budget.pay_sum(money, steps=steps)
        except BudgetExhausted as error:
            raise self._halted(error) from None

    async def breathe(self) -> None:
        """Let signals and other tasks have their turn, and end a search that was stopped or has no time left.

        A search that asks no model would otherwise never notice. What is on record already is not ended.
        """
        await asyncio.sleep(0)
        if self._remembers or self.trace.repeats(self.scope):
            return
        if self._shared.stopping.is_set():
            raise self._halted(Interrupted())
        try:
            replace(self.budget, tokens=None, model_calls=None, steps=None, money=None).check()
        except BudgetExhausted as error:
            raise self._halted(error) from None

    @property
    def _shares(self) -> bool:
        """Whether a prompt is read once for all its answers; a server without forks bills it with each."""
        return self.fork and self.model.capabilities.fork

    # --- inside -----------------------------------------------------------------------

    def _key(self, kind: str, facts: JsonValue, *, everywhere: bool = False) -> str:
        """What decides an answer, as a hash; `everywhere` it does not depend on the scope."""
        where = [] if everywhere else [self.scope, self.seed]
        who = "" if kind == "call" else self.model.name
        text = json.dumps([kind, where, who, facts], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]

    def _fresh(self, keys: Sequence[str]) -> list[str]:
        return [key for key in dict.fromkeys(keys) if self.trace.recorded(key) is None]

    async def _ask(
        self, keys: Sequence[str], works: Sequence[Work], wanted: Mapping[str, Request | Choice]
    ) -> list[dict[str, JsonValue]]:
        """The answers under `keys`, after the works that give those which are not on record."""
        fresh = self._fresh(keys)
        if fresh and self._remembers:
            raise Interrupted()
        if fresh:
            self._admit(keys)
            self._shared.asked.update(fresh)
        try:
            asked = [wanted[key] for key in fresh]
            async with promised(self.model, self.budget, asked, shares=self._shares) as most:
                self._shared.most.update({} if most is None else dict.fromkeys(fresh, most))
                await self._all(works)
        except BudgetExhausted as error:
            raise (self._halted(error) if error.of else error) from None
        finally:
            self._shared.asked.difference_update(fresh)
            found = {key: self.trace.recorded(key) for key in keys}
            for key, answer in found.items():
                if answer is not None:
                    self._count(key, answer)
        return [cast("dict[str, JsonValue]", found[key]) for key in keys]

    def _admit(self, keys: Sequence[str]) -> None:
        """Refuse a batch that the budget does not allow.

        Part of it may be on record from a process that was killed: it is judged as it was then, as a whole.
        """
        if self._shared.stopping.is_set():
            raise self._halted(Interrupted())
        new = [key for key in dict.fromkeys(keys) if key not in self._shared.counted]
        before = [answer for key in new if (answer := self.trace.recorded(key)) is not None]
        paid = sum(map(answer_cost, before), Cost())
        cost = self.budget.cost
        cost = replace(
            cost,
            tokens=cost.tokens - paid.tokens,
            money=cost.money - paid.money,
            model_calls=cost.model_calls - paid.model_calls + len(self._shared.asked),
        )
        try:
            replace(self.budget, cost=cost).check(model_calls=len(new))
        except BudgetExhausted as error:
            raise self._halted(error) from None

    async def _name_model(self) -> None:
        """Learn the model's name before a key is made with it: a server tells it only when it is asked."""
        if self.model.name or self._remembers:
            return
        async with self._shared.naming:
            await self._all([lambda: reached(self.model)])

    def _halted(self, error: BudgetExhausted | Interrupted) -> BudgetExhausted | Interrupted:
        self.tell(HALTED, reason=stop_reason(error))
        return error

    def _keep(self, key: str, answer: dict[str, JsonValue]) -> None:
        """Record an answer and what it cost; once, also where two searches side by side asked the same."""
        if self.trace.recorded(key) is None:
            self.trace.record(key, answer)
            cost = answer_cost(answer)
            self.budget.spend(
                tokens=cost.tokens, model_calls=cost.model_calls, tool_calls=cost.tool_calls,
                steps=cost.steps, money=cost.money,
            )  # fmt: skip
        self._shared.asked.discard(key)

    def _count(self, key: str, answer: dict[str, JsonValue]) -> None:
        """Count an answer as used, once, also where it was on record: a resumed search tells the same."""
        if key in self._shared.counted:
            return
        self._shared.counted.add(key)
        door: Thinking | None = self
        while door is not None:
            door.used += answer_cost(answer)
            door = door._outer

    async def _all(self, works: Sequence[Work]) -> None:
        """Do all at once; stop them all when one fails, the search is stopped, or its time is over."""
        if not works:
            return
        left = self.budget.left()
        group = asyncio.ensure_future(self._patiently(works))
        stop = asyncio.ensure_future(self._shared.stopping.wait())
        try:
            await asyncio.wait({group, stop}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if group.done():
                return group.result()
            if left is not None and not self._shared.stopping.is_set():
                raise self._halted(self.budget.late())
            raise self._halted(Interrupted())
        finally:
            stop.cancel()
            group.cancel()
            await asyncio.gather(group, stop, return_exceptions=True)

    async def _patiently(self, works: Sequence[Work]) -> None:
        """All at once; what finds the model's memory full is done afterwards, one by one, in an empty one."""
        late: list[Work] = []

        def unless_full(work: Work) -> Work:
            async def attempt() -> None:
                try:
                    await work()
                except CacheFull:
                    late.append(work)

            return attempt

        await together([unless_full(work) for work in works])
        for work in late:
            await self._shared.caches.drop()
            await work()

    async def _generate_group(
        self, prompt: Prompt, group: Sequence[tuple[str, Request]], payer: str | None
    ) -> None:
        """Answers that share a prompt: forks of one thread where there is more than one, or a beginning.

        Args:
            payer: Whose answer the prompt is counted with.
        """
        wanted = [(key, request) for key, request in group if self.trace.recorded(key) is None]
        if len(wanted) == 1 and not prompt.said and not wanted[0][1].keep:
            key, request = wanted[0]
            sampling = self._sampling(key, request)
            asked = self.model.generate(prompt.messages, sampling=sampling, grammar=request.grammar)
            made = await self._whole(key, request, asked)
            self._keep_answer(key, request, made, pays=key == payer or not self._shares)
        elif self.fork:
            async with self._shared.caches.use(prompt) as trunk:
                await self._grow(await trunk.fork(len(wanted)), wanted, payer)
        else:
            branches: list[Thread] = []
            for _ in wanted:
                branches.append(await self._shared.caches.fresh(prompt))
            await self._grow(branches, wanted, payer)

    async def _grow(
        self, branches: Sequence[Thread], wanted: Sequence[tuple[str, Request]], payer: str | None
    ) -> None:
        """An answer from each branch; those that are to be gone on with are kept, the others closed."""
        closing = set(branches)

        def work(branch: Thread, key: str, request: Request) -> Work:
            async def grow() -> None:
                begun = len(branch.text)
                sampling = self._sampling(key, request)
                asked = branch.generate(sampling=sampling, grammar=request.grammar)
                made = await self._whole(key, request, asked)
                self._keep_answer(key, request, made, pays=key == payer or not self._shares)
                grown = request.prompt.and_said(branch.text[begun:])
                if request.keep and self.fork and self._shared.caches.keep(grown, branch):
                    closing.discard(branch)

            return grow

        try:
            await together([work(branch, *pair) for branch, pair in zip(branches, wanted, strict=True)])
        finally:
            for branch in closing:
                await branch.close()

    async def _whole(self, key: str, request: Request, asked: Awaitable[Generation]) -> Generation:
        """An answer; one that a server could not bring into the grammar counts as cut, and is paid for."""
        most = min(request.max_tokens, self._shared.most.get(key, request.max_tokens))
        try:
            with paid_if_cut_off(self.model, self.budget, self.trace, request, most):
                return await asked
        except MalformedOutput as error:
            tokens = sum(map(self.model.count_tokens, error.answers))
            read = self._tokens(request.prompt) * len(error.answers)
            read, tokens = spent_by(error) or (read, tokens)
            last = error.answers[-1] if error.answers else ""
            return Generation(last, (), (), "length", read, 0.0, untold_tokens=tokens)

    async def _score_one(self, key: str, choice: Choice) -> None:
        with paid_if_cut_off(self.model, self.budget, self.trace, choice, 0):
            scores = await self._scores(choice)
        read = self._tokens(choice.prompt)
        answer = choice_facts(choice)
        answer |= {"prompt_tokens": read, "read": read, "tokens": 0, "scope": self.scope}
        answer["scores"] = list[JsonValue](scores)
        self._keep(key, answer | priced(self.model, self.budget, read, 0))

    async def _scores(self, choice: Choice) -> list[float]:
        caches = self._shared.caches
        if not choice.prompt.said:
            return await self.model.score(choice.prompt.messages, choice.options)
        if self.fork:
            async with caches.use(choice.prompt) as thread:
                return await thread.score(choice.options)
        thread = await caches.fresh(choice.prompt)
        try:
            return await thread.score(choice.options)
        finally:
            await thread.close()

    async def aclose(self) -> None:
        """Give the caches back."""
        await self._shared.caches.drop()

    def _warmed(self, request: Request) -> Request:
        warm = request.temperature >= self.warmth
        return request if warm else replace(request, temperature=self.warmth)

    def _sampling(self, key: str, request: Request) -> Sampling:
        mark = f"{self.seed}/{self.scope}/{request.tag}"
        return sampling_of(request, mark, self._shared.most.get(key, request.max_tokens))

    def _tokens(self, prompt: Prompt) -> int:
        texts = (*(text for _, text in prompt.turns), prompt.said)
        return sum(self.model.count_tokens(text) for text in texts if text)

    def _keep_answer(self, key: str, request: Request, made: Generation, *, pays: bool) -> None:
        """Record an answer; `pays` tells whether its prompt is counted with it."""
        self._shared.prefilled += made.prefilled_tokens
        known = [value for value in made.logprobs if value is not None]
        answer: dict[str, JsonValue] = {
            "text": made.text,
            "logprob": sum(known) if known else None,
            "tokens": made.output_tokens,
            "prompt_tokens": made.prompt_tokens,
            "read": made.prompt_tokens if pays else 0,
            "cut": made.truncated,
            "scope": self.scope,
        }
        read = made.prompt_tokens if pays else 0
        money = priced(self.model, self.budget, read, made.output_tokens)
        self._keep(key, answer | request_facts(request) | money)

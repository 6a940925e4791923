"""How an agent asks its model: one question at a time, under its grammar, counted, journalled and shown."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from ..core_model.errors import MalformedOutput
from ..core_model.pricing import FREE, Bound, Price, bound_of, price_of, spent_by, tokens_of
from ..protocols.journal import Journal
from ..tools.permissions import Policy
from .budget import NOTHING, Budget, BudgetExhausted, PriceMissing
from .cut_off import count_cut_off, spent_without_answer
from .events import Event, Searched, Thought
from .reasoning.problem import Task
from .reasoning.search import Result
from .reasoning.strategy import Strategy, strategy_named
from .reasoning.thinking import Thinking
from .reasoning.trace import Trace
from .recalling import is_instructed
from .roles import JUDGEMENTS, Question

if TYPE_CHECKING:
    from ..core_model.chat_template import Message
    from ..core_model.generation import Generation, Model
    from ..core_model.grammar import Grammar
    from ..core_model.sampling import Sampling

ANSWER_TOKENS = 400
"""The longest answer; under the grammars of the roles answers are far shorter."""


VOTES = 5
"""Times that a model which tells no probabilities is asked for a judgement."""

WARMER, WARMEST = 0.4, 1.6
"""Temperature that each attempt after the first adds, and the highest."""


class Truncated(Exception):
    """A model ran out of tokens before its answer was whole; the answer is not used."""

    def __init__(self, role: str, tokens: int) -> None:
        self.role, self.tokens = role, tokens
        super().__init__(
            f"The answer of role {role!r} was cut after {tokens} tokens and is not used. "
            "Use a larger model: load_model(...), or --model on the command line."
        )


class NoAnswer(Truncated):
    """A strategy came to no answer that can be used."""

    def __init__(self, role: str, why: str) -> None:
        self.role, self.tokens, self.why = role, 0, why
        Exception.__init__(
            self,
            f"Thinking about a question of role {role!r} came to no answer: {why}. "
            "Give it a larger budget, another strategy or a larger model.",
        )


@dataclass(frozen=True)
class Mind:
    """A model with the run's meter, record and audience around it.

    Attributes:
        strategy: How questions are thought over; None: one answer each.
        policy: Which calls the tools of a strategy may make.
        lost: Attempts of the task at hand that were lost with their process.
        generation: Of the task at hand; what was thought before a task was re-opened is thought anew.
        asked: How often each question was thought over in an attempt, so that each time has its own record.
    """

    model: Model
    budget: Budget
    journal: Journal
    run: str
    show: Callable[[Event], None]
    strategy: Strategy | None = None
    policy: Policy | None = None
    lost: int = 0
    generation: int = 1
    asked: Counter[tuple[str, int, str]] = field(default_factory=Counter[tuple[str, int, str]], repr=False)

    def of(self, generation: int) -> Mind:
        """This mind at work on a generation of a task."""
        return self if generation == self.generation else replace(self, generation=generation)

    async def ask(
        self, question: Question, *, task: str = "", attempt: int = 0, warmest: float = WARMEST
    ) -> str:
        """The answer to a question, decoded under its grammar.

        The first attempt takes the likeliest answer; later ones sample, so that a redo is not the same again,
        the more warmly the later, up to `warmest`. The attempt's number is the seed.

        Raises:
            BudgetExhausted: Before anything is spent.
            Truncated: The answer was cut.
        """
        self.budget.check()
        warmth = min(warmest, WARMER * (attempt - 1)) if attempt > 1 else 0.0
        if self.strategy is not None:
            about = Task(_text(question, self.model), question.system(), question.compiled())
            found = await self._think(self.strategy, about, question.role, task, attempt, warmth)
            return self._legal(question, found)
        return await self._one(question, _sampling(warmth, attempt), task, attempt)

    async def _one(self, question: Question, sampling: Sampling, task: str, attempt: int) -> str:
        """One answer, counted, on record and shown.

        Raises:
            BudgetExhausted: It does not fit into what is left; or it was cut where the tokens ended.
            MalformedOutput: A server gave no answer that fits the grammar; what it gave is counted.
            Whatever else ends the call, cancelling included; what it came to is counted (see `cut_off`).
        """
        grammar, messages = question.compiled(), _messages(question, self.model)
        async with self._promised(messages, grammar, sampling.max_tokens) as most:
            sampling = sampling if most == sampling.max_tokens else replace(sampling, max_tokens=most)
            try:
                made = await self.model.generate(messages, sampling=sampling, grammar=grammar)
            except MalformedOutput as error:
                read, said = spent_by(error) or self._estimated(messages, error)
                last = error.answers[-1] if error.answers else ""
                self._count(question.role, last, read, said, 0.0, None, task, attempt)
                raise
            except BaseException as error:
                self._cut_off(error, lambda: bound_of(self.model, messages, grammar), most, task, attempt)
                raise
            self._take(question.role, made, task, attempt)
        if made.stop_reason == "length":
            if most < ANSWER_TOKENS:
                limit = self.budget.tokens
                raise BudgetExhausted("tokens", limit if limit is not None else most, self.budget)
            raise Truncated(question.role, made.output_tokens)
        return made.text

    def _estimated(self, messages: Sequence[Message], error: MalformedOutput) -> tuple[int, int]:
        """Tokens, read and written, of answers that did not fit, where the model does not tell them."""
        read = sum(tokens_of(self.model, message) for message in messages)
        return read * len(error.answers), sum(map(self.model.count_tokens, error.answers))

    def _cut_off(
        self, error: BaseException, bound: Callable[[], Bound], most: int, task: str, attempt: int
    ) -> None:
        """Count a call that ended without an answer."""
        spent = spent_without_answer(error, bound, most)
        count_cut_off(
            self.budget, self.journal, spent, self._price(), run=self.run, task=task, attempt=attempt
        )

    def _promised(
        self, messages: Sequence[Message], grammar: Grammar | None, wanted: int
    ) -> AbstractAsyncContextManager[int]:
        """Set aside what a call may come to, and end it with the run's time; gives its `max_tokens`."""
        if not self._holds and self.budget.left() is None:
            return nullcontext(wanted)
        return self._set_aside(messages, grammar, wanted)

    @property
    def _holds(self) -> bool:
        """Whether anything is set aside for calls: where there is a limit, or each costs something."""
        return self.budget.limited or not self._price().free

    @asynccontextmanager
    async def _set_aside(
        self, messages: Sequence[Message], grammar: Grammar | None, wanted: int
    ) -> AsyncGenerator[int]:
        """A model in this process stops at its next decode step. See `Budget.hold`."""
        async with self._in_time():
            if not self._holds:
                yield wanted
                return
            bound = bound_of(self.model, messages, grammar)
            async with self.budget.hold(bound, wanted, self._price(), calls=1) as most:
                yield most

    @asynccontextmanager
    async def _in_time(self) -> AsyncGenerator[None]:
        left = self.budget.left()
        if left is None:
            yield
            return
        clock = asyncio.timeout(left)
        try:
            async with clock:
                yield
        except TimeoutError:
            if clock.expired():
                self.budget.check()  # names the limit
            raise

    def _price(self) -> Price:
        """What the model costs.

        Raises:
            PriceMissing: Nobody has said it, and the run has a budget of money.
        """
        price = price_of(self.model)
        if price is None and self.budget.limits_money:
            raise PriceMissing(self.model.name)
        return price or FREE

    def _take(self, role: str, made: Generation, task: str, attempt: int) -> None:
        """Count an answer."""
        free = [value for value in made.logprobs if value is not None]
        self._count(
            role,
            made.text,
            made.prompt_tokens,
            made.output_tokens,
            made.seconds,
            math.exp(min(free)) if free else None,
            task,
            attempt,
        )

    async def judge(
        self,
        question: Question,
        *,
        options: Sequence[str] = JUDGEMENTS,
        task: str = "",
        attempt: int = 0,
        seed: int = 0,
    ) -> tuple[str, float]:
        """The option that the answer begins with most likely, and its probability among them.

        A model that tells no probabilities is asked several times instead: the share of the votes counts.
        Where none of them is one of the options, the option is empty and the probability 0.

        Args:
            options: None of them begins with another one.
            seed: Judgements with different seeds are independent, where they are votes.
        """
        from ..core_model.generation import normalise

        self.budget.check()
        if not self.model.capabilities.score:
            return await self._vote(question, options, task, attempt, seed)
        messages = _messages(question, self.model)
        async with self._promised(messages, None, 1):
            try:
                scores = await self.model.score(messages, options)
            except BaseException as error:
                self._cut_off(error, lambda: bound_of(self.model, messages), 1, task, attempt)
                raise
            best = scores.index(max(scores))
            confidence = normalise(scores)[best]
            prompt = tokens_of(self.model, messages[-1])
            self._count(question.role, options[best], prompt, 0, 0.0, confidence, task, attempt)
        return options[best], confidence

    async def _vote(
        self, question: Question, options: Sequence[str], task: str, attempt: int, seed: int
    ) -> tuple[str, float]:
        from ..core_model.sampling import Sampling

        votes: Counter[str] = Counter()
        for vote in range(seed * VOTES, (seed + 1) * VOTES):
            self.budget.check()
            sampling = Sampling(temperature=1.0, seed=vote, max_tokens=ANSWER_TOKENS)
            said = await self._one(question, sampling, task, attempt)
            votes.update(option for option in options if said.startswith(option))
        [(option, count)] = votes.most_common(1) or [("", 0)]
        return option, count / VOTES

    async def think_through(
        self,
        question: str,
        feedback: str,
        task: str,
        attempt: int,
        schema: Mapping[str, Any] | None = None,
        notes: str = "",
    ) -> Result:
        """What the strategy comes to on a question that is answered by thinking alone; there is an answer.

        Args:
            schema: JSON schema of the answer; None takes any text.
            notes: What was recalled for it, as the prompt shows it.

        Raises:
            BudgetExhausted: With no answer so far.
            NoAnswer: The strategy came to none.
        """
        from ..core_model.grammar import Grammar

        strategy = self.strategy or strategy_named("direct")
        grammar = None if schema is None else Grammar.schema(schema)
        about = Task(question, feedback=feedback, grammar=grammar, notes=notes)
        found = await self._think(strategy, about, "think", task, attempt)
        self._answer("think", found)
        return found

    async def _think(
        self, strategy: Strategy, about: Task, role: str, task: str, attempt: int, warmth: float = 0.0
    ) -> Result:
        """Let a strategy think, in a record of its own for each question of an attempt.

        What was thought in an attempt that was lost with its process is gone on with in the next one.
        """
        trial = max(0, attempt - self.lost)
        grammar = "" if about.grammar is None else about.grammar.compiled
        anew = [f"generation {self.generation}"] if self.generation > 1 else []
        told = "\n".join([role, about.question, about.instructions, about.feedback, grammar, *anew])
        mark = hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:12]
        self.asked[task, trial, mark] += 1
        again = self.asked[task, trial, mark]
        trace = Trace(self.journal, self.run, f"{task}#{mark}.{again}", trial)
        trace.listeners.append(lambda event: self.show(Searched(task, event)))
        door = Thinking(self.model, self.budget, trace, seed=trial, policy=self.policy, warmth=warmth)
        try:
            found = await strategy.solve(about, door)
        finally:
            await door.aclose()
        body: dict[str, JsonValue] = {
            "role": role,
            "answer": found.answer,
            "confidence": found.best.value,
            "strategy": strategy.name,
            "stopped": found.stop_reason,
        }
        self.journal.append("decision", body, run=self.run, task=task, attempt=attempt)
        self.show(
            Thought(role, found.answer or "", 0, found.usage.tokens, 0.0, found.best.value, task, attempt)
        )
        return found

    def _answer(self, role: str, found: Result) -> str:
        if found.answer is None:
            self.budget.check()
            raise NoAnswer(role, found.stop_reason)
        return found.answer

    def _legal(self, question: Question, found: Result) -> str:
        """An answer that a question's grammar allows."""

        answer = self._answer(question.role, found)
        if not question.compiled().accepts(answer):
            raise NoAnswer(question.role, f"it says {answer[:80]!r}, which is not one of the legal answers")
        return answer

    def _count(
        self,
        role: str,
        answer: str,
        prompt: int,
        tokens: int,
        seconds: float,
        confidence: float | None,
        task: str,
        attempt: int,
    ) -> None:
        price = self._price()
        money = NOTHING if price.free else price.of(prompt, tokens)
        self.budget.spend(tokens=prompt + tokens, model_calls=1, money=money)
        body: dict[str, JsonValue] = {
            "role": role,
            "answer": answer,
            "confidence": confidence,
            "prompt_tokens": prompt,
            "tokens": tokens,
            "seconds": seconds,
        }
        if not price.free:
            body["money"] = str(money)
        self.journal.append("decision", body, run=self.run, task=task, attempt=attempt)
        self.show(Thought(role, answer, prompt, tokens, seconds, confidence, task, attempt))


@lru_cache(maxsize=64)
def _sampling(warmth: float, seed: int) -> Sampling:
    from ..core_model.sampling import Sampling

    return Sampling(temperature=warmth, seed=seed, max_tokens=ANSWER_TOKENS)


def _messages(question: Question, model: Model) -> list[Message]:
    from ..core_model.pictures import data_url

    asked: Message = {"role": "user", "content": _text(question, model)}
    if question.picture is not None:
        asked["images"] = [data_url(question.picture)]
    return [{"role": "system", "content": question.system()}, asked]


def _text(question: Question, model: Model) -> str:
    """The user text as this model takes it: what was trained on the roles knows data unmarked."""
    return question.fenced() if (question.data or question.notes) and is_instructed(model) else question.text


async def check_sees(model: Model) -> None:
    """Whether a model takes pictures; a server is asked.

    Raises:
        NotSupported: It does not, or nobody says so.
        RemoteError: Its server does not answer.
    """
    from ..core_model.errors import NotSupported
    from ..core_model.remote import RemoteModel

    if isinstance(model, RemoteModel) and not model.capabilities.images:
        await model.reach()
    if not model.capabilities.images:
        remedy = "Name one that does; of a server that does not say it, with Capabilities(images=True)."
        raise NotSupported(model.name, "see pictures, which the observer 'screenshot' needs", remedy)

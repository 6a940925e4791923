"""Solving a word problem: a chain of thought with a calculator in it, checked, and done again where it fails.

    thinking = Thinking(load_model())
    solved = await Solver().solve(thinking, "mira has 3 bags with 4 pears each . how many pears has mira ?")
    solved.answer, solved.chain, solved.attempts
    await think("mira has ...", model, WordProblem())         # the same as a strategy, with a tree

The model writes row by row; at each `=` the calculator's result is put in and the model goes on behind it, in
one and the same cache. A chain is checked by what can be computed (`arithmetic.findings`) and then by the
model as `check_chain`; what fails goes back with the attempt. The right answer is known to nobody here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ..budget import BudgetExhausted
from ..question import Question
from ..reasoning.asking import Choice, Prompt, Request
from ..reasoning.problem import Rejected, Task
from ..reasoning.search import COMPLETE, SOLVED, Growth, Result, to_the_end
from ..reasoning.thinking import Interrupted, Thinking, stop_reason
from ..reasoning.tree import Kind, Node, Score, Terminal, Thought
from .arithmetic import (
    Attempt,
    Chain,
    Judgement,
    MalformedChain,
    Uncomputable,
    ask_check,
    ask_think,
    findings,
    read_check,
    read_row,
    row_grammar,
    show,
    write_check,
)

if TYPE_CHECKING:
    from ...core_model.grammar import Grammar

ROW_TOKENS = 96
"""The longest row."""

WARMER = 0.4
"""Temperature that each redo adds, so that it is not the same again."""


class ChainProblem:
    """A word problem as a search sees it: a state is a chain that was begun, an action one more row.

    Args:
        tool: The calculator computes every step, whatever result the row says.
    """

    def __init__(self, text: str, *, tool: bool = True) -> None:
        self.text, self.tool = text, tool

    def initial(self) -> Chain:
        """Nothing is written."""
        return Chain()

    def key(self, state: Chain) -> Hashable:
        """What is to be found, and the steps in any order, without their names."""
        steps = Counter((line.expression(), line.result) for line in state.lines)
        return state.find, frozenset(steps.items())

    def apply(self, state: Chain, action: str) -> Chain | Rejected:
        """One more row; one that cannot be read or computed is refused, and one that repeats a step."""
        row = action.strip()
        begins = ":" in row and "=" not in row and not row.startswith("answer")
        try:
            made = read_row(f"{row} =" if begins else row, state)
            if len(made.lines) > len(state.lines) and self.tool:
                made = replace(made, lines=(*state.lines, made.lines[-1].computed()))
        except MalformedChain as error:
            return Rejected(error.why)
        except Uncomputable as error:
            return Rejected(error.why)
        if made.lines and made.lines[-1].result is None:
            return Rejected("the result is missing")
        if len(made.lines) > len(state.lines) and made.lines[-1] in state.lines:
            return Rejected("it repeats an earlier line")
        return made

    def terminal(self, state: Chain) -> Terminal | None:
        """The answer, once it is said."""
        return None if state.answer is None else Terminal(show(state.answer))


@dataclass(frozen=True)
class Tried:
    """One attempt.

    Attributes:
        chain: As far as it came.
        findings: What is wrong with it, in words; none if it passed.
        sound: Nothing was found without the model.
        belief: The model's probability that it is right; None where that was not asked or cannot be.
    """

    chain: Chain
    findings: tuple[str, ...]
    sound: bool
    belief: float | None = None


@dataclass(frozen=True)
class Solved:
    """What came of a problem.

    Attributes:
        attempts: In order.
        chosen: Number of the attempt that counts, None if a limit came before the first.
        stop_reason: "solved" if an attempt passed, "complete" if none did, or what ended it before.
    """

    attempts: tuple[Tried, ...]
    chosen: int | None
    stop_reason: str

    @property
    def chain(self) -> Chain | None:
        """The chain that counts."""
        return None if self.chosen is None else self.attempts[self.chosen].chain

    @property
    def answer(self) -> Fraction | None:
        """Its answer; None where it has none."""
        return None if self.chain is None else self.chain.answer


@dataclass(frozen=True)
class Solver:
    """How word problems are solved.

    Attributes:
        tool: Use the calculator, in the chain and in the checks.
        grammar: Hold the model to the form of a chain and to the numbers at hand.
        judge: Let the model check what nothing else objects to.
        redos: Attempts after the first.
        constants: Numbers that are not in the problem may be used.
    """

    tool: bool = True
    grammar: bool = True
    judge: bool = True
    redos: int = 2
    constants: bool = False

    async def solve(self, thinking: Thinking, text: str) -> Solved:
        """Think, check, and think again until a chain passes or the redos are used up.

        Raises:
            CoreModelError: The model failed. A spent budget or a stop is no error: the result tells it.
        """
        attempts: list[Tried] = []
        reason = COMPLETE
        try:
            for number in range(self.redos + 1):
                failed = Attempt(attempts[-1].chain, attempts[-1].findings) if attempts else None
                tried = await self._attempt(thinking, text, failed, number)
                attempts.append(tried)
                thinking.tell("trial", number=number, answer=_said(tried.chain), found=list(tried.findings))
                if not tried.findings:
                    reason = SOLVED
                    break
            if reason != SOLVED and len(attempts) > 1:
                attempts = await self._believed(thinking, text, attempts)
        except (BudgetExhausted, Interrupted) as error:
            reason = stop_reason(error)
        return Solved(tuple(attempts), next(iter(ranked(attempts)), None), reason)

    async def _attempt(self, thinking: Thinking, text: str, failed: Attempt | None, number: int) -> Tried:
        chain, broken = await self.think(thinking, text, failed, number)
        found = [broken] if broken else []
        found += findings(text, chain, tool=self.tool, constants=self.constants) if not broken else []
        sound = not found
        if sound and self.judge:
            judgement = await self.check(thinking, text, chain)
            found += [] if judgement.right else [judgement.words(chain)]
        return Tried(chain, tuple(found[:2]), sound)

    async def think(
        self, thinking: Thinking, text: str, failed: Attempt | None = None, number: int = 0
    ) -> tuple[Chain, str]:
        """A chain as far as it came, and what broke it off ("" if nothing did)."""
        problem = ChainProblem(text, tool=self.tool)
        question = ask_think(text, failed)
        prompt, chain = Prompt.of(question.text, question.system()), problem.initial()
        while problem.terminal(chain) is None:
            row = await self._row(thinking, text, prompt, chain, number)
            made = problem.apply(chain, row)
            if isinstance(made, Rejected):
                return chain, f"line {len(chain.lines) + 1} : other : {made.why}"
            chain = made
            prompt = prompt.and_said(chain.rows()[-1] + "\n")
        return chain, ""

    async def _row(self, thinking: Thinking, text: str, prompt: Prompt, chain: Chain, number: int) -> str:
        grammar = row_grammar(text, chain, tool=self.tool, constants=self.constants)
        request = Request(
            prompt,
            tag=f"redo {number}",
            temperature=WARMER * number,
            max_tokens=ROW_TOKENS,
            stop=(" =", "\n") if self.tool and not self.grammar else ("\n",),
            grammar=self._compiled(thinking, grammar),
            keep=True,
        )
        said = (await thinking.generate([request]))[0]
        return "" if said.cut else said.text

    async def check(self, thinking: Thinking, text: str, chain: Chain) -> Judgement:
        """What the model says of a chain; what cannot be read counts as blame for the answer."""
        question = ask_check(text, chain)
        request = Request(
            _prompt(question),
            max_tokens=ROW_TOKENS * (len(chain.lines) + 1),
            grammar=self._compiled(thinking, question.grammar),
        )
        said = (await thinking.generate([request]))[0]
        try:
            return read_check("" if said.cut else said.text, chain)
        except MalformedChain:
            return Judgement(len(chain.lines) + 1, "other")

    def _compiled(self, thinking: Thinking, grammar: str) -> Grammar | None:
        if not self.grammar or not thinking.model.capabilities.grammar:
            return None
        from ...core_model.grammar import Grammar

        return Grammar.lark(grammar)

    async def _believed(self, thinking: Thinking, text: str, attempts: list[Tried]) -> list[Tried]:
        """The attempts with the model's belief in each sound one, where it can tell probabilities."""
        sound = [tried for tried in attempts if tried.sound]
        if not (self.judge and sound and thinking.model.capabilities.score):
            return attempts
        choices = [
            Choice(_prompt(ask_check(text, tried.chain)), (write_check(tried.chain, Judgement()),))
            for tried in sound
        ]
        scores = await thinking.score(choices)
        beliefs = {id(tried): score[0] for tried, score in zip(sound, scores, strict=True)}
        return [
            replace(tried, belief=beliefs[id(tried)]) if id(tried) in beliefs else tried for tried in attempts
        ]


def ranked(attempts: Sequence[Tried]) -> list[int]:
    """Numbers of the attempts, the one that counts first: one that passed, else a sound one.

    Of sound ones that whose answer came most often, then that which the model believes in more, then the
    earlier.
    """
    votes = Counter(tried.chain.answer for tried in attempts if tried.sound)

    def rank(number: int) -> tuple[bool, bool, int, float, int]:
        tried = attempts[number]
        belief = float("-inf") if tried.belief is None else tried.belief
        return not tried.findings, tried.sound, votes[tried.chain.answer], belief, -number

    return sorted(range(len(attempts)), key=rank, reverse=True)


@dataclass(frozen=True)
class WordProblem:
    """Solving a word problem as a strategy: `think("mira has ...", model, WordProblem())`."""

    solver: Solver = Solver()
    name: str = "word-problem"

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        """See `Strategy`; each attempt is a node below the root."""
        trials = _Trials(self.solver, task.question)
        growth = Growth(trials, trials, trials, thinking, merge=False)

        async def work() -> str:
            root = growth.begin(self.name, redos=self.solver.redos)
            made = await growth.expand([root], self.solver.redos + 1)
            await growth.score(made[0])
            return trials.reason

        return await to_the_end(growth, work())


class _Trials:
    """The attempts of a solver as what a tree is grown from: states, thoughts and scores."""

    kind: Kind = "model"

    def __init__(self, solver: Solver, text: str) -> None:
        self._solver, self._text = solver, text
        self._attempts: tuple[Tried, ...] = ()
        self.reason = COMPLETE

    def initial(self) -> Tried:
        return Tried(Chain(), (), sound=False)

    def key(self, state: Tried) -> Hashable:
        return state

    def apply(self, state: Tried, action: Tried) -> Tried:
        return action

    def terminal(self, state: Tried) -> Terminal | None:
        return None if state.chain.answer is None else Terminal(show(state.chain.answer))

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        solved = await self._solver.solve(thinking, self._text)
        self._attempts, self.reason = solved.attempts, solved.stop_reason
        return [[Thought(tried, "\n".join(tried.chain.rows())) for tried in solved.attempts] for _ in nodes]

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        order = [self._attempts[number] for number in ranked(self._attempts)]
        return [
            Score(0.5 ** (1 + order.index(node.state)), self.kind, detail=" ; ".join(node.state.findings))
            if node.state.findings
            else Score(1.0, self.kind)
            for node in nodes
        ]


def _prompt(question: Question) -> Prompt:
    return Prompt.of(question.text, question.system())


def _said(chain: Chain) -> str | None:
    return None if chain.answer is None else show(chain.answer)

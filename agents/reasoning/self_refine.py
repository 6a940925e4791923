"""Self-Refine: a draft, what is wrong with it, a revision; again, as long as it gets better.

Source: Madaan et al. 2023, arXiv:2303.17651. A revision is taken only if it is worth more than what there
was; the result is the best of all, so it is never worse than the draft. Whether there is something to improve
is a typed field of the feedback, not a phrase in it.

Does not cover: a judge that is wrong. Without a check the model judges its own answers, which has been
measured to make arithmetic worse rather than better (Huang et al. 2023, arXiv:2310.01798).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import JsonValue

from .asking import Prompt
from .problem import Evaluator, Task
from .search import COMPLETE, SOLVED, Growth, Result, SearchRefused, check_least, halted, to_the_end
from .strategy import Strategy, strategy_named
from .tasks import OfAttempts, judge_of, shortened, typed
from .thinking import Thinking
from .tree import Node, Terminal, Thought, state_text

NOTHING = "nothing to improve"
"""Why it stopped when the feedback said so."""

HOW = (
    "Say what is wrong with an answer to a task and how to mend it, concretely, in `feedback`. Do not write "
    "the new answer. Set `stop` to true if and only if nothing is left to improve."
)
FEEDBACK: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"feedback": {"type": "string", "maxLength": 500}, "stop": {"type": "boolean"}},
    "required": ["feedback", "stop"],
    "additionalProperties": False,
}
WARM = 0.7
"""Temperature of feedback after the first, so that it is not the same again."""


@dataclass(frozen=True)
class Revision:
    """An answer on its way.

    Attributes:
        scope: Name of the scope that it was made in.
        best: The node that it was in there.
        stopped: Why its actor stopped; "" for a draft that was given.
    """

    scope: str
    best: Node
    stopped: str = ""

    def text(self) -> str:
        """The answer; "" where there is none."""
        return self.best.answer or ""

    def __str__(self) -> str:
        return f"{self.scope}: {self.text() or '(no answer)'}"


@dataclass(frozen=True)
class SelfRefine:
    """Feedback and revision by turns, from a draft on.

    Attributes:
        accept: Which revisions are gone on with: "improves", those that are worth more than the best so far;
            "keeps", those that are worth as much, too. In no case one that is worth less.
        rounds: Most revisions.
        actor: Writes draft and revisions; a strategy or its name. A draft in the task is taken as it is.
        evaluator: None takes the task's check, or else the model's probability that the answer is right.
        enough: Value from which on nothing is improved any more; None: 1, or 0.95 where the model judges.
    """

    accept: Literal["improves", "keeps"] = "improves"
    rounds: int = 3
    actor: str | Strategy = "chain-of-thought"
    evaluator: Evaluator | None = None
    enough: float | None = None
    name: str = "self-refine"

    def __post_init__(self) -> None:
        check_least("rounds", self.rounds, 0)
        if self.accept not in ("improves", "keeps"):
            raise SearchRefused("accept", self.accept, "Choose 'improves' or 'keeps'.")

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        """See `Strategy`."""
        judge = self.evaluator or judge_of(task)
        enough = self.enough if self.enough is not None else 0.95 if judge.kind == "model" else 1.0
        work = _Work(task, strategy_named(self.actor))
        growth = Growth(work, work, OfAttempts(judge), thinking, merge=False, enough=enough)
        return await to_the_end(growth, self._grow(growth, work))

    async def _grow(self, growth: Growth, work: _Work) -> str:
        root = growth.begin(self.name, rounds=self.rounds, enough=growth.enough)
        (children,) = await growth.expand([root], 1)
        await growth.score(children)
        best = children[0]
        failed: list[str] = []
        for number in range(1, self.rounds + 1):
            if growth.solved([best]):
                return SOLVED
            if halted(children[0].state.stopped):
                return children[0].state.stopped
            said = await work.feedback(number, best, failed, growth.thinking)
            growth.thinking.tell("feedback", best.id, round=number, said=said)
            if said is None:
                continue  # a round that failed counts as one
            if said["stop"] and growth.evaluator.kind == "model":  # a check knows better
                return NOTHING
            work.wanted = (number, best, str(said["feedback"]))
            (children,) = await growth.expand([root], 1)
            await growth.score(children)
            if self._better(children[0], best):
                best, failed = children[0], []
            else:
                why = f"{children[0].value:.3f} does not improve on {best.value:.3f}"
                growth.close(children[0], "pruned", why)
                failed.append(str(said["feedback"]))
        ended = children[0].state.stopped
        return SOLVED if growth.solved([best]) else ended if halted(ended) else COMPLETE

    def _better(self, revision: Node, best: Node) -> bool:
        if revision.terminal is None:
            return False
        if best.terminal is None:
            return True
        return revision.value > best.value or (self.accept == "keeps" and revision.value == best.value)


@dataclass
class _Work:
    """The draft and its revisions, as problem and as proposer.

    Attributes:
        wanted: Number of the revision that is to be made, of which node, with which feedback.
    """

    task: Task
    actor: Strategy
    wanted: tuple[int, Node, str] | None = None

    def initial(self) -> str:
        """Nothing is written."""
        return self.task.question

    def key(self, state: Revision | str) -> Hashable:
        """Which one it is."""
        return state if isinstance(state, str) else state.scope

    def apply(self, state: Revision | str, action: Revision) -> Revision | str:
        """What was written."""
        return action

    def terminal(self, state: Revision | str) -> Terminal | None:
        """Its answer."""
        answer = None if isinstance(state, str) else state.best.answer
        return None if answer is None else Terminal(answer)

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        """The draft, or the revision that is wanted."""
        made = await (self._draft(thinking) if self.wanted is None else self._revise(*self.wanted, thinking))
        words = "\n".join(made.best.texts()) or state_text(made.best.state)
        return [[Thought(made, words)] for _ in nodes]

    async def _draft(self, thinking: Thinking) -> Revision:
        given = self.task.draft
        if given:
            return Revision("draft", Node("", None, given, Thought(given, given), Terminal(given)))
        found = await self.actor.solve(self.task, thinking.within("draft"))
        return Revision("draft", found.best, found.stop_reason)

    async def _revise(self, number: int, best: Node, feedback: str, thinking: Thinking) -> Revision:
        scope = f"round {number}"
        task = replace(self.task, draft=best.state.text(), feedback=feedback)
        found = await self.actor.solve(task, thinking.within(scope))
        return Revision(scope, found.best, found.stop_reason)

    async def feedback(
        self, number: int, best: Node, failed: Sequence[str], thinking: Thinking
    ) -> dict[str, JsonValue] | None:
        """What is wrong with the best so far; None where nothing that can be read was said."""
        words = shortened("\n".join(best.state.best.texts()), thinking.model)
        parts = [f"Task:\n{self.task.question}", f"Answer:\n{best.state.text() or '(none)'}"]
        parts += [f"How it came about:\n{words}"] if words != best.state.text() else []
        parts += [f"The check says: {best.score.detail}"] if best.score and best.score.detail else []
        if failed:
            parts.append("\n".join(["Feedback that did not help:", *(f"- {each}" for each in failed)]))
        (said,) = await typed(
            thinking,
            [Prompt.of("\n\n".join(parts), HOW)],
            FEEDBACK,
            tag=f"feedback {number}",
            temperature=0.0 if number == 1 else WARM,
        )
        return said

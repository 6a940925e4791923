"""Socratic questioning: what cannot be answered with confidence is asked in parts, whose answers are hints.

Recursive: an answer comes with a confidence; if it is not high, sub-questions are raised, answered in the
same way, and each question with its answer becomes a hint for the next try. The answer to the whole is
voted on, over an answer with all hints and one with each alone.
Source: Qi et al. 2023 (The Art of Socratic Questioning), arXiv:2305.14999.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from pydantic import JsonValue

from .asking import Prompt, Request
from .chain_of_thought import ANSWER_TOKENS, normal_answer
from .problem import Rejected, Task
from .search import COMPLETE, NO_THOUGHTS, SOLVED, Growth, Result, check_least, to_the_end
from .tasks import Ends, fitting, prompt_of, typed
from .thinking import Thinking
from .tree import Kind, Node, Score, Terminal, Thought

Confidence = Literal["high", "middle", "low"]
WORTH: dict[Confidence, float] = {"high": 0.9, "middle": 0.5, "low": 0.2}
"""Values that stand for confidences in the tree; only their order means something."""

HOW = (
    "Answer the question in `answer`, briefly, with the help of what is known. Say in `confidence` how sure "
    "you are: `high` only if you would bet on it."
)
HOW_ASK = (
    "A question is too hard to be answered at once. Ask simpler questions, in `questions`, whose answers "
    "would help. Each must be understood without the others. Do not repeat what is known."
)
HOW_MERGE = "Say a question and its answer as one sentence that states a fact, in `hint`."

CLOSED = ("pruned", "dead")
"""Questions that were not gone into."""

_ANSWER: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "answer": {"type": "string", "minLength": 1, "maxLength": 400},
        "confidence": {"enum": list(WORTH)},
    },
    "required": ["answer", "confidence"],
    "additionalProperties": False,
}
_HINT: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"hint": {"type": "string", "minLength": 1, "maxLength": 300}},
    "required": ["hint"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Asked:
    """A question, as a state."""

    question: str

    def __str__(self) -> str:
        return self.question


@dataclass(frozen=True)
class Replied:
    """An answer to the whole question, as a state."""

    answer: str

    def __str__(self) -> str:
        return self.answer


@dataclass(frozen=True)
class Answer:
    """What the model said, and how sure it is."""

    text: str
    confidence: Confidence


@dataclass(frozen=True)
class Socratic:
    """Questions and sub-questions, down to a depth.

    Attributes:
        depth: Levels of sub-questions; 0 asks none.
        questions: Most sub-questions of a question at a time.
        turns: How often sub-questions are raised for one question.
    """

    depth: int = 2
    questions: int = 3
    turns: int = 2
    name: str = "socratic"

    def __post_init__(self) -> None:
        for what in ("depth", "questions", "turns"):
            check_least(what, getattr(self, what), 0)

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        """See `Strategy`."""
        prompt_of(task)  # refuses a task without words
        told = _Told(task)
        growth = Growth(_Dialogue(task.question), told, told, thinking)
        return await to_the_end(growth, _Inquiry(self, task, growth, told).whole())


@dataclass
class _Inquiry:
    """The dialogue about one task."""

    limits: Socratic
    task: Task
    growth: Growth
    told: _Told

    async def whole(self) -> str:
        """Answer the task's question; returns why it stopped."""
        limits = self.limits
        root = self.growth.begin(
            limits.name, depth=limits.depth, questions=limits.questions, turns=limits.turns
        )
        answer, hints = await self._answer(root, self.task.question, 0)
        answers = [] if answer is None else [answer]
        if hints:
            answers += await self._with_each(hints)
        votes = [vote for each in answers if (vote := normal_answer(each.text)) is not None]
        for each in answers:
            vote = normal_answer(each.text)
            share = votes.count(vote) / len(votes) if vote is not None else 0.0
            detail = f"{votes.count(vote or '')} of {len(votes)} votes, confidence {each.confidence}"
            self.told.worth.setdefault(Replied(each.text), Score(share, samples=len(votes), detail=detail))
        finals = self._reply(answers)
        await self.growth.score([node for node in self.growth.tree.nodes[1:] if node.status not in CLOSED])
        if self.task.check is not None and self.growth.solved(self.growth.tree.nodes):
            return SOLVED
        return COMPLETE if finals or self._finals() else NO_THOUGHTS

    async def _answer(self, node: Node, question: str, level: int) -> tuple[Answer | None, list[str]]:
        """The answer to a question after as many turns of sub-questions as it takes, and its hints."""
        hints: list[str] = []
        answer: Answer | None = None
        for turn in range(self.limits.turns + 1):
            (answer,) = await self._ask(question, [hints], f"{node.id}!{turn}", root=level == 0)
            self.growth.thinking.tell(
                "answered",
                node.id,
                turn=turn,
                answer=None if answer is None else answer.text,
                confidence=None if answer is None else answer.confidence,
            )
            if level == 0 and answer is not None:
                self._reply([answer])  # so that there is an answer whatever happens
            if level >= self.limits.depth or turn == self.limits.turns:
                break
            if answer is not None and answer.confidence == "high" and (hints or level):
                break
            fresh = await self._hints(node, question, hints, level, turn)
            if not fresh:
                break
            hints += fresh
        if level:
            worth = 0.0 if answer is None else WORTH[answer.confidence]
            shown = "no answer" if answer is None else f"{answer.text} ({answer.confidence})"
            self.told.worth.setdefault(Asked(question), Score(worth, detail=shown))
        return answer, hints

    async def _hints(
        self, node: Node, question: str, hints: Sequence[str], level: int, turn: int
    ) -> list[str]:
        """Answers of new sub-questions as facts."""
        asked = await self._questions(question, hints, f"{node.id}?{turn}")
        children = self.growth.add(node, [Thought(Asked(each), each) for each in asked])
        pairs: list[tuple[str, str]] = []
        for child in children:
            answer, _ = await self._answer(child, child.state.question, level + 1)
            if answer is not None:
                pairs.append((child.state.question, answer.text))
        if not pairs:
            return []
        prompts = [Prompt.of(f"Question: {asked}\nAnswer: {said}", HOW_MERGE) for asked, said in pairs]
        merged = await typed(self.growth.thinking, prompts, _HINT, tag=f"{node.id}+{turn}", max_tokens=128)
        return [
            f"{asked} {said}" if each is None else str(each["hint"])
            for (asked, said), each in zip(pairs, merged, strict=True)
        ]

    async def _questions(self, question: str, hints: Sequence[str], tag: str) -> list[str]:
        """Sub-questions; none where the model has none that can be read."""
        if not self.limits.questions:
            return []
        items: dict[str, JsonValue] = {"type": "string", "minLength": 1, "maxLength": 200}
        schema: dict[str, JsonValue] = {
            "type": "object",
            "properties": {
                "questions": {
                    "type": "array",
                    "items": items,
                    "minItems": 1,
                    "maxItems": self.limits.questions,
                }
            },
            "required": ["questions"],
            "additionalProperties": False,
        }
        prompt = Prompt.of(_with_hints(question, hints), HOW_ASK)
        (said,) = await typed(self.growth.thinking, [prompt], schema, tag=tag)
        asked = [] if said is None else cast("list[str]", said["questions"])
        return [each.strip() for each in asked if each.strip()]

    async def _ask(
        self, question: str, hints: Sequence[Sequence[str]], tag: str, *, root: bool
    ) -> list[Answer | None]:
        """An answer with each list of hints, as one batch; at the root in the form of the task's grammar."""
        how = "\n".join(filter(None, (self.task.instructions, HOW)))
        whole = prompt_of(self.task).turns[-1][1] if root else question
        prompts = [Prompt.of(_with_hints(whole, each), how) for each in hints]
        said = await typed(self.growth.thinking, prompts, _ANSWER, tag=tag)
        found = [None if each is None else Answer(str(each["answer"]), each["confidence"]) for each in said]
        grammar = self.task.grammar
        if not root or grammar is None:
            return found
        asked = {
            place: Request(prompts[place], f"{tag}={place}", max_tokens=ANSWER_TOKENS, grammar=grammar)
            for place, each in enumerate(found)
            if each is None or fitting(each.text, grammar) is None
        }
        again = dict(zip(asked, await self.growth.thinking.generate(list(asked.values())), strict=True))
        legal: list[Answer | None] = []
        for place, each in enumerate(found):
            text = each.text if each is not None else ""
            if place in again:
                text = "" if again[place].cut else again[place].text
            fits = fitting(text, grammar)
            sure: Confidence = "low" if each is None else each.confidence
            legal.append(None if fits is None else Answer(fits, sure))
        return legal

    async def _with_each(self, hints: Sequence[str]) -> list[Answer]:
        """Answers to the whole with one hint each."""
        alone = list(dict.fromkeys(hints))
        if len(alone) < 2:
            return []
        found = await self._ask(self.task.question, [[hint] for hint in alone], "vote", root=True)
        return [each for each in found if each is not None]

    def _reply(self, answers: Sequence[Answer]) -> list[Node]:
        """Final nodes for answers to the whole; those that are new."""
        known = {node.answer for node in self._finals()}
        fresh = [each for each in {each.text: each for each in answers}.values() if each.text not in known]
        if not fresh:
            return []
        return self.growth.add(self.growth.tree.root, [Thought(Replied(e.text), e.text) for e in fresh])

    def _finals(self) -> list[Node]:
        return [node for node in self.growth.tree if node.terminal is not None]


def _with_hints(question: str, hints: Sequence[str]) -> str:
    known = ["", "What is known:", *(f"- {hint}" for hint in hints)] if hints else []
    return "\n".join([question, *known])


@dataclass(frozen=True)
class _Dialogue:
    """A question as a problem: sub-questions are open states, answers to the whole final ones."""

    question: str

    def initial(self) -> Asked:
        """The whole question."""
        return Asked(self.question)

    def key(self, state: Asked | Replied) -> Hashable:
        """The words, so that no question is asked twice, nor within itself."""
        return " ".join(str(state).lower().split()).rstrip("?. ")

    def apply(self, state: Asked | Replied, action: Asked | Replied) -> Asked | Replied | Rejected:
        """What was asked or answered."""
        return action if str(action).strip() else Rejected("it is empty")

    def terminal(self, state: Asked | Replied) -> Terminal | None:
        """An answer to the whole."""
        return Terminal(state.answer) if isinstance(state, Replied) else None


@dataclass
class _Told:
    """What states are worth by what was said of them; final ones by the task's check where it has one."""

    task: Task
    worth: dict[Asked | Replied, Score] = field(default_factory=dict[Asked | Replied, Score])

    @property
    def kind(self) -> Kind:
        """That of the check, or the model."""
        return "model" if self.task.check is None else self.task.check.kind

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        """Nothing: the dialogue itself adds questions."""
        return [[] for _ in nodes]

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """See `Evaluator`."""
        checked = await Ends(self.task.check).score(nodes, thinking)
        return [
            score
            if node.terminal is not None and self.task.check is not None
            else self.worth.get(node.state, replace(score, value=0.0))
            for node, score in zip(nodes, checked, strict=True)
        ]

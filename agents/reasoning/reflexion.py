"""Reflexion: try, find out whether it went well, say what to do otherwise, and try again with that in mind.

Source: Shinn et al. 2023, arXiv:2303.11366. Any strategy can be the actor; it runs within the same budget,
record and caches. It reflects on failures only, and the best trial is the result, not the last one.

Does not cover: an evaluator that is wrong. A trial that it passes ends the loop; one of kind `oracle` is
marked as such in the record and in the scores, and its figures are not those of an agent.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

from pydantic import JsonValue, ValidationError

from ...core_model.errors import CoreModelError
from ...memory.episodes import EpisodicMemory, Lesson
from ...memory.records import Record
from ..budget import BudgetExhausted
from ..recalling import Memo, is_instructed, memos_of, notes_for
from ..remembering import RECALLED, WEIGHED, journalled, recalled_body, weighed_body
from .asking import Prompt
from .problem import Evaluator, Task
from .search import COMPLETE, SOLVED, Growth, Result, SearchRefused, check_least, halted, to_the_end
from .strategy import Strategy, strategy_named
from .tasks import OfAttempts, judge_of, shortened, typed
from .thinking import CallFailed, Interrupted, Thinking
from .trace import TraceDiverged
from .tree import Node, Score, Terminal, Thought, state_text

REPEATS, NO_LESSON = "reflection repeats", "no lesson"
"""Why it stopped: the reflector had nothing new to say, or nothing at all and the trials were the same."""

HOW = (
    "An attempt at a task failed. Say what it teaches for the next attempt: `error`, what went wrong; "
    "`cause`, why; `change`, what to do otherwise, concretely; `evidence`, the words of the attempt that "
    "show it. Do not answer the task. Say nothing that earlier lessons say."
)
_TEXT: dict[str, JsonValue] = {"type": "string", "maxLength": 300}
LESSON: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "error": _TEXT,
        "cause": _TEXT,
        "change": _TEXT | {"minLength": 1},
        "evidence": _TEXT,
    },
    "required": ["error", "cause", "change", "evidence"],
    "additionalProperties": False,
}
"""What a reflector's answer looks like."""


@dataclass(frozen=True)
class Trial:
    """One trial: what the actor came to, and with which lessons.

    Attributes:
        result: The actor's; its best node has the whole way there.
        score: What the evaluator thought of it; None until it was asked.
    """

    number: int
    result: Result
    lessons: tuple[str, ...] = ()
    score: Score | None = None

    @property
    def best(self) -> Node:
        """The most that the actor came to."""
        return self.result.best

    @property
    def scope(self) -> str:
        """Name of the scope that it ran in."""
        return f"trial {self.number}"

    def account(self) -> str:
        """What was done, in words."""
        return "\n".join(self.best.texts()) or state_text(self.best.state)

    def __str__(self) -> str:
        return f"trial {self.number}: {self.account()[-400:]}"


class Reflector(Protocol):
    """Says what a failed trial teaches."""

    async def reflect(
        self, task: Task, trial: Trial, lessons: Sequence[Lesson], thinking: Thinking
    ) -> Lesson | None:
        """The lesson of a trial, given those of earlier ones; None where it has none."""
        ...


@dataclass(frozen=True)
class ModelReflector:
    """Asks the model, under a JSON schema."""

    temperature: float = 0.0
    max_tokens: int = 512

    async def reflect(
        self, task: Task, trial: Trial, lessons: Sequence[Lesson], thinking: Thinking
    ) -> Lesson | None:
        """See `Reflector`."""
        parts = [
            f"Task:\n{task.question}",
            f"Failed attempt:\n{shortened(trial.account(), thinking.model)}",
            f"Its answer: {trial.result.answer if trial.result.answer is not None else '(none)'}",
        ]
        if trial.score is not None and trial.score.detail:
            parts.append(f"The check says: {trial.score.detail}")
        if lessons:
            parts.append("\n".join(["Earlier lessons:", *(f"- {lesson.text()}" for lesson in lessons)]))
        prompt = Prompt.of("\n\n".join(parts), HOW)
        (said,) = await typed(
            thinking,
            [prompt],
            LESSON,
            tag=f"reflect {trial.number}",
            temperature=self.temperature,
            max_tokens=self.max_tokens,
        )
        try:
            return None if said is None else Lesson.model_validate(said)
        except ValidationError:
            return None


@dataclass(frozen=True)
class Reflexion:
    """Trials of an actor, each with the lessons of the failed ones before it.

    Attributes:
        actor: A strategy or its name. It gets the lessons as `Task.lessons`.
        evaluator: Says how good a trial is, by the best node it came to, final or not; None takes the
            task's check, or else the model's probability that the answer is right; no answer is then worth 0.
        reflector: None asks the model.
        memory: Remembers lessons by task; its `max_items` newest are given. None: a fresh one for each task.
            How the first trial came out is told to long-term memory, unless the model judges itself.
        trials: Most of them.
        accept: Value from which on a trial is a success; None: 1, or 0.5 where the model judges itself.
    """

    actor: str | Strategy = "chain-of-thought"
    evaluator: Evaluator | None = None
    reflector: Reflector | None = None
    memory: EpisodicMemory | None = field(default=None, compare=False)
    trials: int = 3
    accept: float | None = None
    name: str = "reflexion"

    def __post_init__(self) -> None:
        check_least("trials", self.trials, 0)

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        """See `Strategy`."""
        judge = self.evaluator or judge_of(task)
        accept = self.accept if self.accept is not None else 0.5 if judge.kind == "model" else 1.0
        trials = _Trials(
            task,
            strategy_named(self.actor),
            OfAttempts(judge, opens=self.evaluator is not None),
            self.reflector or ModelReflector(),
            self.memory or EpisodicMemory(),
        )
        growth = Growth(trials, trials, trials.judge, thinking, merge=False, enough=accept)
        return await to_the_end(growth, self._grow(growth, trials))

    async def _grow(self, growth: Growth, trials: _Trials) -> str:
        root = growth.begin(self.name, trials=self.trials, accept=growth.enough)
        if self.memory is not None:
            await trials.recall(growth.thinking)
        for number in range(1, self.trials + 1):
            (children,) = await growth.expand([root], 1)
            await growth.score(children)
            trial = replace(trials.made[-1], score=children[0].score)
            growth.thinking.tell(
                "trial",
                children[0].id,
                number=number,
                answer=trial.result.answer,
                value=children[0].value,
                kind=growth.evaluator.kind,
                stopped=trial.result.stop_reason,
            )
            solved = children[0].value >= growth.enough
            if (
                number == 1
                and growth.evaluator.kind != "model"
                and (solved or not halted(trial.result.stop_reason))
            ):
                await trials.tell(solved, trial, growth.thinking)
            if solved:
                return SOLVED
            if halted(trial.result.stop_reason):
                return trial.result.stop_reason
            if number < self.trials:
                ended = await trials.learn(trial, children[0], growth.thinking)
                if ended is not None:
                    return ended
        return COMPLETE


def _memo(lesson: Lesson, record: Record) -> Memo:
    """A lesson's record, in the words in which the lesson is given."""
    return replace(Memo.of_record(record), text=lesson.text())


@dataclass
class _Trials:
    """The trials of one task, as problem and as proposer: a thought is a trial."""

    task: Task
    actor: Strategy
    judge: OfAttempts
    reflector: Reflector
    memory: EpisodicMemory
    lessons: list[Lesson] = field(default_factory=list[Lesson])
    memos: dict[str, Memo] = field(default_factory=dict[str, Memo])
    made: list[Trial] = field(default_factory=list[Trial])

    def initial(self) -> Trial | str:
        """No trial."""
        return self._about()

    def key(self, state: Trial | str) -> Hashable:
        """The trial's number."""
        return state if isinstance(state, str) else state.number

    def apply(self, state: Trial | str, action: Trial) -> Trial | str:
        """What the trial came to."""
        return action

    def terminal(self, state: Trial | str) -> Terminal | None:
        """The trial's answer."""
        answer = None if isinstance(state, str) else state.result.answer
        return None if answer is None else Terminal(answer)

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        """One more trial, with the newest lessons."""
        number = len(self.made) + 1
        given = tuple(lesson.text() for lesson in self.memory.last(self.lessons))
        task = self._told(given, thinking)
        result = await self.actor.solve(task, thinking.within(f"trial {number}"))
        trial = Trial(number, result, given)
        self.made.append(trial)
        return [[Thought(trial, trial.account())] for _ in nodes]

    def _told(self, given: tuple[str, ...], thinking: Thinking) -> Task:
        """The task with lessons; those of long-term memory as notes, for a model that reads instructions.

        What does not fit into the notes' budget is not given.
        """
        memos = [self.memos[text] for text in reversed(given) if text in self.memos]
        if not memos or not is_instructed(thinking.model):
            return replace(self.task, lessons=(*self.task.lessons, *given))
        shown = notes_for(thinking.model, memos)
        left_out = {memo.text for memo in shown.left_out}
        kept = tuple(text for text in given if text not in left_out)
        noted = frozenset(memo.text for memo in shown.used)
        return replace(self.task, lessons=(*self.task.lessons, *kept), notes=shown.text, noted=noted)

    async def recall(self, thinking: Thinking) -> None:
        """Lessons of earlier runs; recorded, so that a run that is resumed has the same."""
        about = self._about()

        async def known() -> JsonValue:
            found = await self.memory.known(about)
            memos = [_memo(each.lesson, each.record) for each in found if each.record is not None]
            if memos:
                journalled(thinking, RECALLED, recalled_body("lesson", [about], memos, memos))
            by_text = {memo.text: memo.as_json() for memo in memos}
            return [
                {"lesson": each.lesson.model_dump(mode="json"), "memo": by_text.get(each.lesson.text())}
                for each in found
            ]

        try:
            found = cast("list[dict[str, JsonValue]]", await thinking.call("recall", about, known))
        except CallFailed as error:
            thinking.tell("failed", tool="recall", why=error.error)
            return
        self.lessons += [Lesson.model_validate(each["lesson"]) for each in found]
        kept = memos_of([each["memo"] for each in found if each["memo"] is not None]) or []
        self.memos = {memo.text: memo for memo in kept}
        if found:
            thinking.tell("recalled", lessons=[lesson.text() for lesson in self.lessons])

    async def tell(self, held: bool, trial: Trial, thinking: Thinking) -> None:
        """Tell long-term memory how the first trial came out, with its lessons or without any; on record."""
        given = [self.memos[text] for text in trial.lessons if text in self.memos]
        names = [memo.id for memo in given]

        async def told() -> JsonValue:
            for memo in given:
                journalled(thinking, WEIGHED, weighed_body(memo, held, memo.check))
            await self.memory.tell(self._about(), held, names)
            return held

        if self.memory.memory is None:
            return
        try:
            await thinking.call("tell outcome", {"task": self._about(), "lessons": [*names]}, told)
        except CallFailed as error:
            thinking.tell("failed", tool="tell outcome", why=error.error)

    async def learn(self, trial: Trial, node: Node, thinking: Thinking) -> str | None:
        """Add the lesson of a failed trial; why another trial would come to the same.

        Without a lesson the next one may still come out otherwise, where answers are sampled; once it has
        come out the same there is no use in more.
        """
        lesson = await self._reflected(trial, node, thinking)
        given = self.memory.last(self.lessons)
        repeats = lesson is not None and lesson.repeats(given)
        thinking.tell(
            "reflected",
            node.id,
            lesson=None if lesson is None else lesson.model_dump(mode="json"),
            repeats=repeats,
        )
        if repeats:
            return REPEATS
        if lesson is None:
            before = self.made[-2].account() if len(self.made) > 1 else None
            return NO_LESSON if before == trial.account() else None
        self.lessons = [known for known in self.lessons if known != lesson] + [lesson]
        self.memory.add(self._about(), lesson)
        return None

    async def _reflected(self, trial: Trial, node: Node, thinking: Thinking) -> Lesson | None:
        """What the reflector says; None where it raises, with what it raised on record."""
        try:
            lesson = cast("object", await self.reflector.reflect(self.task, trial, self.lessons, thinking))
        except (BudgetExhausted, Interrupted, TraceDiverged, CoreModelError):
            raise
        except Exception as error:  # the edge to the user's own code
            thinking.tell("failed", node.id, tool="reflect", why=f"{type(error).__name__}: {error}")
            return None
        if lesson is None or isinstance(lesson, Lesson):
            return lesson
        remedy = f"{type(self.reflector).__name__}.reflect has to return a `Lesson`, or None."
        raise SearchRefused("what a reflector said", lesson, remedy)

    def _about(self) -> str:
        """What lessons are kept under."""
        if self.task.question or self.task.problem is None:
            return self.task.question
        return f"{type(self.task.problem).__name__} {state_text(self.task.problem.initial())}"

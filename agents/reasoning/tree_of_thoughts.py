"""Tree of thoughts: a search over partial solutions, on a problem with states or on a task in words.

Source: Yao et al. 2023, arXiv:2305.10601. Thoughts of a task in words are lines of one answer: each is a fork
of the answer that it goes on with, and a judgement of a line is one forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from typing import Any, cast

from .asking import Prompt, Request, Said
from .beam import Beam
from .evaluators import Logits
from .problem import Evaluator, Lines, Problem, Proposer, Rejected, Task, TextProblem
from .proposers import Sampled, distinct
from .search import Result, Search
from .tasks import ANSWER, answer_in, judge_prompt, lessons_text, line_grammar, prompt_of, read_chain
from .thinking import Thinking
from .tree import Node, Thought, state_text

HOW = (
    "Solve the task in short steps, one line each. Write the next line only. "
    f"When the steps suffice, write the line `{ANSWER.strip()}` with the answer alone behind it."
)
HOW_STATE = "Say what to do next, in one line and nothing else."
LINE_TOKENS = 128


@dataclass(frozen=True)
class TreeOfThoughts:
    """Searches a task's problem, or the task's words where it has none.

    A part may be given as an object, or as a function of the task that makes it: so lessons and feedback of
    earlier attempts reach it. A proposer with a field `ask` (`Sampled`, `Listed`, `Enumerated`) gets them in
    its prompts in any case.

    Attributes:
        problem: None takes the task's own; without any, the task is searched line by line.
        proposer: None samples lines; each is an action as it stands.
        evaluator: None takes the task's check for final states and the model's probability of yes for others.
        search: Any search.
        steps: Most lines of a task in words.
        temperature: Of sampled lines.
    """

    problem: Problem[Any, Any] | None = None
    proposer: Proposer | Callable[[Task], Proposer] | None = None
    evaluator: Evaluator | Callable[[Task], Evaluator] | None = None
    search: Search = field(default_factory=lambda: Beam(beam=3, width=3, depth=6))
    steps: int = 6
    temperature: float = 0.8
    name: str = "tree-of-thoughts"

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        """See `Strategy`."""
        problem = task.problem or self.problem
        words = _Words(task, self.steps, self.temperature)
        if problem is None:
            proposer, problem = self._proposer(task, words), words.problem()
        else:
            proposer = self._proposer(task, Sampled(_ask_state(task), temperature=self.temperature))
        if task.lessons and self.proposer is not None:
            proposer = with_lessons(proposer, task)
        return await self.search.run(problem, proposer, self._evaluator(task), thinking)

    def _proposer(self, task: Task, usual: Proposer) -> Proposer:
        given = self.proposer
        if given is None:
            return usual
        return cast("Proposer", given if hasattr(given, "propose") else cast("Any", given)(task))

    def _evaluator(self, task: Task) -> Evaluator:
        given = self.evaluator
        if given is None:
            return Logits(lambda node: judge_prompt(_in_words(task, node), node), final=task.check)
        return cast("Evaluator", given if hasattr(given, "score") else cast("Any", given)(task))


def with_lessons(proposer: Proposer, task: Task) -> Proposer:
    """The proposer with a task's lessons at the end of each question it asks; as it is where it asks none."""
    ask = getattr(proposer, "ask", None)
    if not callable(ask) or not is_dataclass(proposer):
        return proposer

    def asked(*given: Any) -> Prompt:
        prompt = cast("Prompt", ask(*given))
        last = max((place for place, turn in enumerate(prompt.turns) if turn[0] == "user"), default=None)
        if last is None or any(lesson in prompt.turns[last][1] for lesson in task.lessons):
            return prompt  # it reads them from the task itself
        turns = list(prompt.turns)
        turns[last] = ("user", f"{turns[last][1]}\n\n{lessons_text(task)}")
        return replace(prompt, turns=tuple(turns))

    return cast("Proposer", replace(cast("Any", proposer), ask=asked))


def _in_words(task: Task, node: Node) -> Task:
    """The task with a state in its question, where it is not in the thoughts."""
    if task.problem is None and task.question:
        return task
    shown = f"State: {state_text(node.state)}"
    return replace(task, question="\n".join(filter(None, (task.question, shown))))


def _ask_state(task: Task) -> Callable[[Node], Prompt]:
    return lambda node: prompt_of(_in_words(task, node), HOW_STATE)


@dataclass(frozen=True)
class _Words:
    """Proposes the next line of an answer; the last line there may be is the answer."""

    task: Task
    steps: int
    temperature: float

    def answer_of(self, line: str) -> str | None:
        """The answer that a line gives, if the task's grammar allows it."""
        return answer_in(line, self.task.grammar)

    def problem(self) -> TextProblem:
        """The task as lines; where no line gives an answer there is none."""
        return _Lines(self.answer_of, self.steps)

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        """See `Proposer`."""
        free = not thinking.model.capabilities.grammar
        requests: list[Request] = []
        for node in nodes:
            prompt = prompt_of(self.task, HOW).and_said("".join(f"{line}\n" for line in node.state.lines))
            last = len(node.state.lines) >= self.steps - 1
            grammar = self.task.grammar if last else None if free else line_grammar(self.task.grammar)
            requests += [
                Request(
                    prompt.and_said(ANSWER) if last else prompt,
                    f"{node.id}#{place}",
                    self.temperature,
                    max_tokens=LINE_TOKENS,
                    stop=() if grammar else ("\n",),
                    grammar=grammar,
                    keep=not last,
                )
                for place in range(width)
            ]
        said = await thinking.generate(requests)
        lines = [
            replace(answer, text=_line(answer, request.prompt))
            for answer, request in zip(said, requests, strict=True)
        ]
        return [
            distinct(lines[place * width : (place + 1) * width], _action)[:width]
            for place in range(len(nodes))
        ]


def _line(answer: Said, prompt: Prompt) -> str:
    """What was said as a line of thought: an answer as a whole, of anything else the first line."""
    if prompt.said.endswith(ANSWER):
        return ANSWER + answer.text.strip()
    text = answer.text.strip()
    return text if read_chain(text.split("\n", 1)[0]) else text.split("\n", 1)[0].strip()


def _action(line: str) -> str | None:
    return line or None


class _Lines(TextProblem):
    """Lines of thought; an answer among them is legal, and the last line there may be is one."""

    def apply(self, state: Lines, action: str) -> Lines | Rejected:
        """One more line."""
        if read_chain(action) is not None and self.answer_of(action) is None:
            return Rejected("the task's grammar does not have this answer")
        if len(state.lines) >= self.steps - 1 and self.answer_of(action) is None:
            return Rejected("it gives no answer, and no more lines are allowed")
        return super().apply(state, action)

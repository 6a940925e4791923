"""How loops put a task to a model: its prompt, a chain of reasons, typed answers, and who judges an answer.

What a model says in words is read as a chain (`read_chain`); what code decides by is a typed field that was
decoded or validated under a JSON schema (`typed`), never a phrase in a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from .asking import Prompt, Request
from .contract import SearchRefused, scored_by
from .evaluators import Logits
from .problem import Evaluator, Task
from .thinking import Thinking
from .tree import Kind, Node, Score

if TYPE_CHECKING:
    from ...core_model.generation import Model
    from ...core_model.grammar import Grammar

ANSWER = "answer: "
"""What the last line of a chain begins with."""

NOT_JUDGED = Score(0.5, samples=0, detail="not judged")
"""What an answer is worth about which nobody was asked."""

JUDGE = "You judge work on a task. Answer `yes` or `no` and nothing else."

_ANSWER_LINE = re.compile(r"^[ \t>*#_]*(?:final )?answer[*_]*[ \t]*:[*_ \t]*", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Chain:
    """Reasons and the answer they came to.

    Attributes:
        answer: What stands in the line of the answer; below its mark, where nothing stands behind that.
        rest: Everything behind the mark, where a task's grammar has answers of several lines.
    """

    reasons: tuple[str, ...]
    answer: str
    rest: str


def read_chain(text: str) -> Chain | None:
    """The reasons and the answer in the last line that begins with `answer:`; None where none does."""
    found = list(_ANSWER_LINE.finditer(text))
    if not found:
        return None
    rest = text[found[-1].end() :].strip().removesuffix("**").strip()
    line = text[found[-1].end() :].split("\n", 1)[0].strip().removesuffix("**").strip()
    reasons = [line.strip() for line in text[: found[-1].start()].splitlines()]
    return Chain(tuple(reason for reason in reasons if reason), line or rest, rest) if rest else None


def answer_in(text: str, grammar: Grammar | None) -> str | None:
    """The answer of a chain in the form that the task's grammar has; None where there is none."""
    chain = read_chain(text)
    if chain is None:
        return None
    whole = None if grammar is None else fitting(chain.rest, grammar)
    return fitting(chain.answer, grammar) if whole is None else whole


def reasons_before_answer(text: str) -> str:
    """A text without its answer line and what is behind it."""
    found = list(_ANSWER_LINE.finditer(text))
    return (text[: found[-1].start()] if found else text).rstrip()


def fitting(answer: str, grammar: Grammar | None) -> str | None:
    """An answer in the form that the task's grammar has; None where it is not in it, or empty."""
    if grammar is None:
        return answer.strip() or None
    try:
        return answer if grammar.accepts(answer) else grammar.normalise(answer)
    except ValueError:
        return None


@lru_cache(maxsize=64)
def chain_grammar(answer: Grammar | None, lines: int) -> Grammar | None:
    """At most so many lines of reasons and the line with the answer, which is one of `answer`'s texts.

    None where the answer's grammar cannot be part of a larger one.
    """
    return _lines_and_answer(f'(LINE "\\n"){{0,{lines}}} "{ANSWER}" answer', answer)


@lru_cache(maxsize=64)
def line_grammar(answer: Grammar | None) -> Grammar | None:
    """One line of reasons, or the line with the answer; None as for `chain_grammar`."""
    return _lines_and_answer(f'LINE | "{ANSWER}" answer', answer)


def _lines_and_answer(start: str, answer: Grammar | None) -> Grammar | None:
    from ...core_model.errors import InvalidGrammar
    from ...core_model.grammar import Grammar

    line = "LINE: /[^\\n]{1,400}/ & ~/(?i:answer):[^\\n]*/"
    try:
        return Grammar.lark(f"start: {start}\n{line}\nanswer: {_inside(answer)}\n")
    except InvalidGrammar:
        return None


def _inside(grammar: Grammar | None) -> str:
    """A grammar as an expression in another one's rules."""
    if grammar is None:
        return "/.+/"
    rules = grammar.compiled
    if rules.startswith("{"):
        made = cast("dict[str, Any]", json.loads(rules)["grammars"][0])
        if made.get("json_schema") is not None:
            return f"%json {json.dumps(made['json_schema'])}"
        rules = str(made["lark_grammar"])
    return f"%lark {{\n{rules}\n}}"


def prompt_of(task: Task, how: str = "") -> Prompt:
    """The task as a model reads it: question, lessons, and the earlier answer with what was wrong with it.

    Args:
        how: In which form to answer; comes behind the task's instructions.

    Raises:
        SearchRefused: The task has no words.
    """
    if not task.question.strip():
        remedy = "Give `Task(question=...)`, or search the problem with 'tree-of-thoughts'."
        raise SearchRefused("the task's question", task.question, remedy)
    parts = [task.question]
    if told := lessons_text(task):
        parts.append(told)
    if task.draft:
        parts.append(f"An earlier answer:\n{task.draft}")
    if task.feedback:
        parts.append(f"What was wrong before:\n{task.feedback}")
    return Prompt.of("\n\n".join(parts), "\n".join(filter(None, (task.instructions, how))))


def lessons_text(task: Task) -> str:
    """The task's lessons as they stand in a prompt, those of long-term memory first; "" for none."""
    own = [lesson for lesson in task.lessons if lesson not in task.noted]
    said = "\n".join(["Lessons of earlier attempts:", *(f"- {lesson}" for lesson in own)]) if own else ""
    return "\n\n".join(filter(None, (task.notes, said)))


def judge_prompt(task: Task, node: Node) -> Prompt:
    """Asks whether a final state's answer is right, or whether an open one can still lead to one."""
    steps = "\n".join(node.texts())
    if node.answer is None:
        asked = (
            f"Steps so far:\n{steps or '(none)'}\n\nCan these steps still lead to a right answer? yes or no:"
        )
    else:
        shown = "" if steps.strip() == node.answer.strip() else f"Steps:\n{steps}\n\n"
        asked = f"{shown}Answer:\n{node.answer}\n\nIs this answer right and complete? yes or no:"
    return Prompt.of(f"Task:\n{task.question}\n\n{asked}", JUDGE)


def judge_of(task: Task) -> Evaluator:
    """The task's own check, or the model's probability of yes."""
    return task.check or Logits(partial(judge_prompt, task))


@dataclass(frozen=True)
class Ends:
    """Has final states judged, if there is anybody to do it, and asks nobody about others."""

    judge: Evaluator | None = None

    @property
    def kind(self) -> Kind:
        """That of the judge."""
        return "model" if self.judge is None else self.judge.kind

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """See `Evaluator`."""
        ends = [node for node in nodes if node.terminal is not None and self.judge is not None]
        told = await scored_by(self.judge, ends, thinking) if self.judge and ends else []
        scores = dict(zip(map(id, ends), told, strict=True))
        return [scores.get(id(node), NOT_JUDGED) for node in nodes]


class Attempt(Protocol):
    """A whole attempt as the state of a loop that makes several."""

    @property
    def best(self) -> Node:
        """The most it came to."""
        ...

    @property
    def scope(self) -> str:
        """Name of the scope that it was made in."""
        ...


@dataclass(frozen=True)
class OfAttempts:
    """Judges attempts by the best node of each, in the scope of each.

    Attributes:
        opens: The judge is shown attempts without an answer too; otherwise they are worth 0.
    """

    judge: Evaluator
    opens: bool = False

    @property
    def kind(self) -> Kind:
        """That of the judge."""
        return self.judge.kind

    async def score(self, nodes: Sequence[Node], thinking: Thinking) -> list[Score]:
        """See `Evaluator`."""
        return [await self._one(cast("Attempt", node.state), thinking) for node in nodes]

    async def _one(self, attempt: Attempt, thinking: Thinking) -> Score:
        if attempt.best.terminal is None and not self.opens:
            return Score(0.0, self.kind, 0, "no answer")
        (score,) = await scored_by(self.judge, [attempt.best], thinking.within(attempt.scope))
        return score


async def typed(
    thinking: Thinking,
    prompts: Sequence[Prompt],
    schema: Mapping[str, Any],
    *,
    tag: str = "",
    temperature: float = 0.0,
    max_tokens: int = 512,
) -> list[dict[str, Any] | None]:
    """Answers as objects of a JSON schema, as one batch; None for one that was cut or is none.

    Raises:
        BudgetExhausted, Interrupted, CoreModelError: As `Thinking.generate`.
    """
    from ...core_model.grammar import Grammar

    grammar = Grammar.schema(schema)
    requests = [
        Request(prompt, f"{tag}#{place}", temperature, max_tokens=max_tokens, grammar=grammar)
        for place, prompt in enumerate(prompts)
    ]
    found: list[dict[str, Any] | None] = []
    for said in await thinking.generate(requests):
        text = None if said.cut else fitting(said.text, grammar)
        found.append(None if text is None else cast("dict[str, Any]", json.loads(text)))
    return found


def shortened(text: str, model: Model, share: float = 0.5) -> str:
    """The end of a text, so much of it as takes that share of the model's context."""
    room = int(model.context_length * share)
    lines = text.splitlines()
    if model.count_tokens(text) <= room:
        return text
    while len(lines) > 1 and model.count_tokens("\n".join(lines)) > room:
        lines = lines[max(1, len(lines) // 8) :]
    rest = "\n".join(lines)
    while len(rest) > 1 and model.count_tokens(rest) > room:
        rest = rest[len(rest) // 4 + 1 :]
    return f"(the beginning is left out)\n{rest}"

"""Where thoughts come from: sampled from the model, listed by it, enumerated, or from a tool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pydantic import JsonValue

from .thinking import CallFailed, Choice, Prompt, Request, Said, Thinking
from .tree import Node, Thought, state_text

if TYPE_CHECKING:
    from ...core_model.grammar import Grammar


def read_text(text: str) -> Any:
    """The action of a thought that is its own text."""
    return text.strip()


@dataclass(frozen=True)
class Sampled:
    """Independent samples of one answer each, as one batch; equal ones are one thought.

    Attributes:
        ask: The prompt for a state.
        read: The action that an answer stands for; None, or a `ValueError`, where it stands for none.
        grammar: What may be answered in a state; None leaves it free.
        temperature: Above 0, or all samples are the same.
        stop: Texts that end an answer.
        samples: How many, as a multiple of the width; more samples find more different thoughts.
        keep: The prompts of children go on with the answer (`Prompt.and_said`), so its cache is kept.
    """

    ask: Callable[[Node], Prompt]
    read: Callable[[str], Any] = read_text
    grammar: Callable[[Node], Grammar] | None = None
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 64
    stop: tuple[str, ...] = ()
    samples: float = 1.0
    keep: bool = False

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        """See `Proposer`."""
        count = max(1, round(width * self.samples))
        requests: list[Request] = []
        for node in nodes:
            prompt = self.ask(node)
            grammar = None if self.grammar is None else self.grammar(node)
            requests += [
                Request(
                    prompt,
                    f"{node.id}#{place}",
                    self.temperature,
                    self.top_p,
                    self.max_tokens,
                    self.stop,
                    grammar,
                    self.keep,
                )
                for place in range(count)
            ]
        answers = await thinking.generate(requests)
        return [
            distinct(answers[place * count : (place + 1) * count], self.read)[:width]
            for place in range(len(nodes))
        ]


@dataclass(frozen=True)
class Listed:
    """One answer a state, with a thought in each line: the model sees what it has proposed already.

    Attributes:
        ask: The prompt for a state and a number of thoughts.
        read: The action that a line stands for; None, or a `ValueError`, where it stands for none.
        line: Lark expression of one line; with it the answer is decoded as at most `width` such lines.
        rules: Further Lark rules that `line` uses.
    """

    ask: Callable[[Node, int], Prompt]
    read: Callable[[str], Any] = read_text
    line: Callable[[Node], str] | None = None
    rules: str = ""
    temperature: float = 0.0
    max_tokens: int = 256

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        """See `Proposer`."""
        requests = [
            Request(
                self.ask(node, width),
                node.id,
                self.temperature,
                max_tokens=self.max_tokens,
                grammar=self._grammar(node, width),
            )
            for node in nodes
        ]
        answers = await thinking.generate(requests)
        found: list[list[Thought]] = []
        for answer in answers:
            lines = answer.text.splitlines()
            if answer.cut:  # its last line may be cut as well
                lines = lines[:-1]
            said = [Said(line, None, 0, 0, cut=False) for line in lines if line.strip()]
            found.append(distinct(said, self.read)[:width])
        return found

    def _grammar(self, node: Node, width: int) -> Grammar | None:
        if self.line is None:
            return None
        from ...core_model.grammar import Grammar

        more = f'("\\n" line){{0,{width - 1}}}' if width > 1 else ""
        return Grammar.lark(f"start: line {more}\nline: {self.line(node)}\n{self.rules}")


@dataclass(frozen=True)
class Enumerated:
    """All that can be done in a state, from the user's own code; without the model, or in its order.

    Attributes:
        actions: (action, text) pairs of a state.
        ask: With it the model's log-probability of each text orders them (one pass over all of them), and
            the likeliest are proposed; without it they are proposed as they come.
    """

    actions: Callable[[Any], Iterable[tuple[Any, str]]]
    ask: Callable[[Node], Prompt] | None = None

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        """See `Proposer`."""
        found = [[Thought(action, text) for action, text in self.actions(node.state)] for node in nodes]
        if self.ask is None:
            return [thoughts[:width] for thoughts in found]
        choices = [
            Choice(self.ask(node), tuple(thought.text for thought in thoughts))
            for node, thoughts in zip(nodes, found, strict=True)
            if thoughts
        ]
        scores = iter(await thinking.score(choices) if choices else [])
        ordered: list[list[Thought]] = []
        for thoughts in found:
            told = next(scores) if thoughts else []
            weighed = [
                Thought(thought.action, thought.text, logprob)
                for thought, logprob in zip(thoughts, told, strict=True)
            ]
            weighed.sort(key=lambda thought: -(thought.logprob or 0.0))
            ordered.append(weighed[:width])
        return ordered


@dataclass(frozen=True)
class FromTool:
    """Thoughts that a function or tool of the user suggests, such as a search engine or a planner.

    A call that fails proposes nothing; what it raised is in the trace.

    Attributes:
        name: Under which its calls are on record.
        suggest: (state, width) -> JSON values, each one an action; sync or async.
        words: How an action reads.
    """

    name: str
    suggest: Callable[[Any, int], Iterable[JsonValue] | Awaitable[Iterable[JsonValue]]]
    words: Callable[[JsonValue], str] = str

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        """See `Proposer`."""
        return [await self._one(node, width, thinking) for node in nodes]

    async def _one(self, node: Node, width: int, thinking: Thinking) -> list[Thought]:
        async def act() -> JsonValue:
            made = self.suggest(node.state, width)
            return list(await made if isinstance(made, Awaitable) else made)

        try:
            made = await thinking.call(self.name, [node.id, state_text(node.state), width], act)
        except CallFailed as error:
            thinking.tell("failed", node.id, tool=self.name, why=error.error)
            return []
        return [Thought(action, self.words(action)) for action in cast("list[JsonValue]", made)][:width]


def distinct(answers: Sequence[Said], read: Callable[[str], Any]) -> list[Thought]:
    """The different thoughts among answers, the likeliest first; cut and unreadable ones are left out."""
    found: dict[str, Thought] = {}
    for answer in answers:
        if answer.cut or answer.text in found:
            continue
        try:
            action = read(answer.text)
        except ValueError:  # as `int` and `json.loads` say that a text is none of theirs
            action = None
        if action is not None:
            found[answer.text] = Thought(action, answer.text.strip(), answer.logprob)
    return sorted(found.values(), key=lambda thought: -(thought.logprob or 0.0))

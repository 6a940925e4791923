"""ReAct: a thought, an action, what came of it; again, until the answer or until no steps are left.

Source: Yao et al. 2022, arXiv:2210.03629. An action is a JSON object out of a closed grammar: the name of a
tool with arguments of its schema, or `finish` with the answer. What a tool raises is an observation. Every
call is on record before anything is made of it, so a run that is resumed does not make it again; what happens
to one that a kill interrupted is up to the tool's recovery class (`tools/executor.py`). With a journal a call
with an effect is made once, however many trials and attempts make it again; one of which nobody knows whether
it took effect ends the loop.

Does not cover: tools that may be called only after a person agreed, unless a policy says so. Without a policy
the tools that are given are allowed, as for a manager.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from pydantic import JsonValue

from ...tools.executor import Executor
from ...tools.permissions import Call, Policy, Rule
from ...tools.tool import AnyTool
from ..budget import NOTHING
from .asking import Prompt, Request
from .problem import Rejected, Task
from .search import COMPLETE, SOLVED, Growth, Result, SearchRefused, check_least, to_the_end
from .tasks import Ends, fitting, prompt_of, shortened
from .thinking import CallFailed, Thinking
from .trace import ANSWER
from .tree import Node, Terminal, Thought

if TYPE_CHECKING:
    from ...core_model.grammar import Grammar

FINISH = "finish"
OUT_OF_STEPS, REPEATS = "steps", "actions repeat"
"""Why it stopped before the model finished. The answer is then taken from what was found out so far."""

EFFECT_UNKNOWN = "an effect is unknown"
"""Why it stopped without an answer: a call may have taken effect, and only a person can find out."""

HOW = (
    "Work step by step. In each step answer with one JSON object: your thought, and either a tool with its "
    'arguments, {"thought": "...", "tool": "NAME", "arguments": {...}}, or the answer, '
    '{"thought": "...", "tool": "finish", "answer": "..."}. You then see what the tool returned.'
)
EXTRACT = "No more steps are possible. Give the answer that follows from what was found out, nothing else."
AGAIN = "You did exactly this before, and the same came of it. Do something else, or finish."
UNREADABLE = "error: this is not one of the legal actions"
STEP_TOKENS, ANSWER_TOKENS = 512, 256


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        said: The action as it was said.
        tool: "" where it was no legal action.
        call: What was called with which arguments; equal calls are equal texts.
        observation: What came of it.
        unknown: Whether it took effect is not known.
    """

    said: str
    tool: str
    call: str
    observation: str
    unknown: bool = False


class Joint(Policy):
    """What every one of several policies permits; without any, everything."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        super().__init__((Rule("allow"),))
        self.policies = tuple(policies)

    async def permit(self, call: Call) -> str:
        """See `Policy.permit`.

        Raises:
            ToolDenied: One of them refuses it.
        """
        said = [await policy.permit(call) for policy in self.policies]
        return "; ".join(said) or await super().permit(call)


@dataclass(frozen=True)
class Trajectory:
    """The steps so far, and the answer once there is one."""

    steps: tuple[Step, ...] = ()
    answer: str | None = None

    def __str__(self) -> str:
        if self.answer is not None:
            return f"after {len(self.steps)} steps: {self.answer}"
        last = self.steps[-1] if self.steps else None
        return "no step" if last is None else f"step {len(self.steps)}: {last.observation[:400]}"

    def repeats(self) -> int:
        """How many steps before the last one were the same, with the same observation."""
        if not self.steps:
            return 0
        last = self.steps[-1]
        same = (step.call == last.call and step.observation == last.observation for step in self.steps[:-1])
        return sum(same)


@dataclass(frozen=True)
class ReAct:
    """Thinks and acts by turns.

    Attributes:
        tools: Functions decorated with `@tool`; without any it can only finish.
        steps: Most actions.
        repeats: After so many repetitions of an action that came to the same it is ended.
        policy: Which calls are allowed, beside what the run's policy allows; None: all.
    """

    tools: Sequence[AnyTool] = ()
    steps: int = 8
    repeats: int = 2
    policy: Policy | None = None
    temperature: float = 0.0
    max_tokens: int = STEP_TOKENS
    name: str = "react"

    def __post_init__(self) -> None:
        check_least("steps", self.steps, 0)
        check_least("repeats", self.repeats, 1)
        if any(tool.name == FINISH for tool in self.tools):
            raise SearchRefused("a tool's name", FINISH, "Give the tool another `name`.")

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        """See `Strategy`."""
        prompt_of(task)  # refuses a task without words
        policies = [each for each in (self.policy, thinking.policy) if each is not None]
        executor = Executor(Joint(policies), thinking.trace.journal, self.tools)
        episode = _Episode(self, task, executor)
        growth = Growth(episode, episode, Ends(task.check), thinking, merge=False)
        return await to_the_end(growth, self._grow(growth, episode))

    async def _grow(self, growth: Growth, episode: _Episode) -> str:
        node = growth.begin(self.name, steps=self.steps, tools=len(self.tools))
        reason = OUT_OF_STEPS
        for _ in range(self.steps):
            (children,) = await growth.expand([node], 1)
            await growth.score(children)
            node = children[0]
            if node.terminal is not None:
                return SOLVED if growth.solved([node]) else COMPLETE
            trajectory = cast("Trajectory", node.state)
            if trajectory.steps[-1].unknown:
                return EFFECT_UNKNOWN
            repeated = trajectory.repeats()
            if repeated:
                growth.thinking.tell("repeated", node.id, times=repeated)
            if repeated >= self.repeats:
                reason = REPEATS
                break
        answer = await episode.extract(node.state, growth.thinking)
        children = growth.add(node, [] if answer is None else [Thought(answer, answer)])
        await growth.score(children)
        return SOLVED if growth.solved(children) else reason


@dataclass
class _Episode:
    """One trajectory, as problem and as proposer: a thought is a step that was taken."""

    limits: ReAct
    task: Task
    executor: Executor
    _grammar: Grammar | None = field(default=None)

    def initial(self) -> Trajectory:
        """No step."""
        return Trajectory()

    def key(self, state: Trajectory) -> Hashable:
        """All steps."""
        return state

    def apply(self, state: Trajectory, action: Step | str) -> Trajectory | Rejected:
        """One more step, or the answer."""
        if isinstance(action, str):
            return replace(state, answer=action)
        return replace(state, steps=(*state.steps, action))

    def terminal(self, state: Trajectory) -> Terminal | None:
        """The answer."""
        return None if state.answer is None else Terminal(state.answer)

    async def propose(self, nodes: Sequence[Node], width: int, thinking: Thinking) -> list[list[Thought]]:
        """The next step, taken."""
        return [[await self._step(node, thinking)] for node in nodes]

    async def _step(self, node: Node, thinking: Thinking) -> Thought:
        state = cast("Trajectory", node.state)
        request = Request(
            self._prompt(state, thinking),
            node.id,
            self.limits.temperature,
            max_tokens=self.limits.max_tokens,
            grammar=self.grammar(),
        )
        (said,) = await thinking.generate([request])
        text = None if said.cut else fitting(said.text, self.grammar())
        if text is None:
            step = Step(said.text, "", said.text, UNREADABLE)
            return Thought(step, f"{said.text[:400]}\n-> {UNREADABLE}", said.logprob)
        action = cast("dict[str, Any]", json.loads(text))
        thought, tool = str(action["thought"]), str(action["tool"])
        if tool == FINISH:
            answer = fitting(str(action["answer"]), self.task.grammar)
            if answer is None:  # the answer is there, but not in the form that was asked for
                answer = await self.extract(state, thinking, said=text)
            if answer is not None:
                return Thought(answer, f"{thought}\n{answer}".strip(), said.logprob)
            step = Step(text, "", text, "error: the answer does not have the form that the task asks for")
            return Thought(step, f"{thought}\n-> {step.observation}", said.logprob)
        call = f"{tool} {json.dumps(action['arguments'], sort_keys=True, ensure_ascii=False)}"
        seen, unknown = await self._call(tool, call, action["arguments"], node, thinking)
        taken = Step(text, tool, call, seen, unknown)
        return Thought(taken, f"{thought}\n{call}\n-> {seen}".strip(), said.logprob)

    async def _call(
        self, tool: str, call: str, arguments: dict[str, JsonValue], node: Node, thinking: Thinking
    ) -> tuple[str, bool]:
        """What came of a call, in words, and whether it is unknown if it took effect."""
        key = self._key(tool, call, node, thinking)

        async def act() -> JsonValue:
            made = await self.executor.call(tool, arguments, key=key)
            return {"ok": made.ok, "value": made.value, "error": made.error, "unknown": made.unknown}

        given: dict[str, JsonValue] = {"step": node.id, "given": arguments}
        cost = next((item.cost for item in self.executor.tools if item.name == tool), NOTHING)
        counted = self._is_counted(key, tool, arguments, thinking)
        try:
            called = thinking.call(tool, given, act, steps=1, money=cost, counted=counted)
            made = cast("dict[str, Any]", await called)
        except CallFailed as error:
            return f"error: {error.error}", False
        if not made["ok"]:
            return f"error: {made['error']}", bool(made["unknown"])
        value = made["value"]
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), False

    def _key(self, tool: str, call: str, node: Node, thinking: Thinking) -> str:
        """The key of a call. One that may not be made again has the same in every trial and attempt.

        The first call of `send("a")` of a trajectory is that of any other one, the second is the second.
        """
        trace = thinking.trace
        used = next((item for item in self.executor.tools if item.name == tool), None)
        if used is not None and (used.effect == "read" or used.recovery == "pure"):
            place = hashlib.sha256(f"{thinking.scope}{node.id}".encode()).hexdigest()[:16]
            return f"{trace.run or 'run'}/{trace.task or 'task'}/{trace.attempt}/{place}"
        steps = cast("Trajectory", node.state).steps
        times = 1 + sum(step.call == call for step in steps)
        mark = hashlib.sha256(call.encode("utf-8", "replace")).hexdigest()[:16]
        return f"{trace.run or 'run'}/{trace.task.partition('#')[0] or 'task'}#react/0/{mark}.{times}"

    def _is_counted(self, key: str, tool: str, arguments: dict[str, JsonValue], thinking: Thinking) -> bool:
        """Whether a call was made, and counted with its answer, in another trial or attempt.

        One whose outcome is on record and whose answer is not, since a kill came in between, is not yet.
        """
        trace, place = thinking.trace, key.rpartition(".")[2]
        if trace.journal is None or "#react/0/" not in key or trace.journal.settled(key) is None:
            return False
        told = 0
        for row in trace.journal.rows(trace.run, kinds=(ANSWER,)):
            body: dict[str, Any] = row.body if isinstance(row.body, dict) else {}
            mine = row.task.partition("#")[0] == trace.task.partition("#")[0] and body.get("name") == tool
            same = mine and body["given"].get("given") == arguments
            told += int(same and not body.get("counted"))
        return told >= int(place)

    async def extract(self, state: Trajectory, thinking: Thinking, said: str = "") -> str | None:
        """The answer out of what there is; None where the model has none in the task's form.

        Args:
            said: The last action, where it was an answer in another form.
        """
        prompt = self._prompt(state, thinking)
        turns = [*prompt.turns, *([("assistant", said)] if said else []), ("user", EXTRACT)]
        request = Request(
            Prompt(_joined(turns)), "extract", max_tokens=ANSWER_TOKENS, grammar=self.task.grammar
        )
        (answer,) = await thinking.generate([request])
        return None if answer.cut else fitting(answer.text, self.task.grammar)

    def _prompt(self, state: Trajectory, thinking: Thinking) -> Prompt:
        """Task, tools and steps; the oldest steps are left out where they would not fit the context."""
        shown = [
            json.dumps({"name": tool.name, "about": tool.description, "arguments": tool.schema})
            for tool in self.executor.tools
        ]
        begun = prompt_of(self.task, "\n".join([HOW, "Tools:" if shown else "There are no tools.", *shown]))
        model = thinking.model
        room = model.context_length - self.limits.max_tokens - 64
        room -= sum(model.count_tokens(text) for _, text in begun.turns) + model.count_tokens(EXTRACT)
        kept: list[tuple[str, str]] = []
        for place in reversed(range(len(state.steps))):
            step = state.steps[place]
            seen = f"observation: {shortened(step.observation, model, 0.25)}"
            again = Trajectory(state.steps[: place + 1]).repeats() > 0
            turns = [("assistant", step.said), ("user", f"{seen}\n{AGAIN}" if again else seen)]
            room -= sum(model.count_tokens(text) + 8 for _, text in turns)
            if room < 0 and kept:
                kept.insert(0, ("user", f"({place + 1} earlier steps are left out)"))
                break
            kept = turns + kept
        return Prompt(_joined([*begun.turns, *kept]))

    def grammar(self) -> Grammar:
        """What a step may be."""
        if self._grammar is None:
            self._grammar = action_grammar(self.executor.tools)
        return self._grammar


def _joined(turns: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Turns of one role behind one another as one: templates and servers want them to alternate."""
    found: list[tuple[str, str]] = []
    for role, text in turns:
        if found and found[-1][0] == role:
            found[-1] = (role, f"{found[-1][1]}\n\n{text}")
        else:
            found.append((role, text))
    return tuple(found)


def action_grammar(tools: Sequence[AnyTool]) -> Grammar:
    """A thought with a call of one of the tools, or with the answer, as JSON.

    Where a tool's schema cannot be enforced its arguments are any object; the tool itself refuses wrong ones.
    """
    from ...core_model.errors import InvalidGrammar
    from ...core_model.grammar import Grammar

    branches = [_branch(FINISH, "answer", {"type": "string", "minLength": 1, "maxLength": 1000})]
    shared: dict[str, Any] = {}
    for tool in tools:
        schema, definitions = _apart(tool.name, tool.schema)
        branch = _branch(tool.name, "arguments", schema)
        try:
            Grammar.schema({**branch, "$defs": definitions} if definitions else branch)
        except InvalidGrammar:
            branch = _branch(tool.name, "arguments", {"type": "object"})
        else:
            shared |= definitions
        branches.append(branch)
    whole: dict[str, Any] = {"anyOf": branches} if len(branches) > 1 else branches[0]
    return Grammar.schema({**whole, "$defs": shared} if shared else whole)


def _branch(tool: str, last: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    thought = {"type": "string", "maxLength": 400}
    return {
        "type": "object",
        "properties": {"thought": thought, "tool": {"const": tool}, last: dict(schema)},
        "required": ["thought", "tool", last],
        "additionalProperties": False,
    }


def _apart(tool: str, schema: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A tool's schema without its definitions, and these, under names that no other tool's have."""

    def renamed(value: Any) -> Any:
        if isinstance(value, list):
            return [renamed(item) for item in cast("list[Any]", value)]
        if not isinstance(value, Mapping):
            return value
        made = {str(name): renamed(item) for name, item in cast("Mapping[Any, Any]", value).items()}
        if isinstance(made.get("$ref"), str) and made["$ref"].startswith("#/$defs/"):
            made["$ref"] = f"#/$defs/{tool}.{made['$ref'].removeprefix('#/$defs/')}"
        return made

    plain = cast("dict[str, Any]", renamed(schema))
    definitions = cast("dict[str, Any]", plain.pop("$defs", {}))
    return plain, {f"{tool}.{name}": item for name, item in definitions.items()}

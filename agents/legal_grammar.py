"""The grammar of exactly what a role may say now: legal messages about open tasks, with names that exist.

    grammar = legal_grammar([state], "worker", Live(tools=("open_page",), evidence=("r1", "r2")))
    made = await model.generate(messages, grammar=grammar)
    said = read_legal(made.text)                  # Legal(reasoning, task, message)

An answer is `{"reasoning": ..., "decision": {"task": ..., "message": {"kind": ...}}}`: first free thought,
then the decision, so that the thought can bear on it (constraints from the first token on cost accuracy: Tam
et al. 2024, arXiv:2408.02442). Instead of a message the model may always say that it cannot, with a reason:
`{"reasoning": ..., "decision": {"kind": "cannot_comply", "reason": ...}}`. That is also the grammar's way out
when the token limit comes near, with `CUT` as its reason: a message is never cut, and none is made up.

Whom it is for: agents whose model writes messages of the protocol itself (`speaking.Speaker`). The other
roles ask their models narrower questions, and the runtime makes the messages of the answers.

What it promises: an illegal kind, a task in which the role may say nothing, a tool, evidence, criterion or
anomaly that is not there, and an assign of another spec than the task's cannot be written. `resolve` is left
out as long as there is no evidence to bring.

What it does not: that what is said is true or wise, that a quote occurs, or that an answer fits the schema of
the question. And `advance` remains the judge: the state may have moved on while the model wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..protocols.messages import Finding, Frozen, Message, Text, Verdict, canonical_json
from ..protocols.states import ManagerTask, WorkerTask, legal_messages

if TYPE_CHECKING:
    from ..core_model.grammar import Grammar

LONGEST_REASONING = 600
"""Characters of the free text before the decision, unless the caller says otherwise."""

LONGEST_REASON = 200
"""Characters of the reason for not complying."""

CUT = "the token limit came before the message was whole"
"""Reason of a `cannot_comply` that was not the model's decision."""


RESULT = "result"
"""Name of the schema of a report's result, where it has one."""


class CannotComply(Frozen):
    """Any role: I cannot say anything of what is legal now. No message of the protocol: see `in_protocol`."""

    kind: Literal["cannot_comply"] = "cannot_comply"
    reason: Text


@dataclass(frozen=True)
class Live:
    """Names that exist now.

    Attributes:
        tools: Registered tools.
        evidence: Ids of recorded tool results.
    """

    tools: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    @property
    def proves(self) -> bool:
        """Whether there is anything that evidence can be of."""
        return bool(self.tools and self.evidence)


@dataclass(frozen=True)
class Legal:
    """What a role said: its thought, the task it speaks about ("" with a CannotComply), and the message."""

    reasoning: str
    task: str
    message: Message | CannotComply

    @property
    def cut(self) -> bool:
        """The token limit ended it, not the model."""
        return isinstance(self.message, CannotComply) and self.message.reason == CUT


def legal_grammar(
    states: Sequence[ManagerTask | WorkerTask],
    role: str,
    live: Live | None = None,
    *,
    reasoning: int = LONGEST_REASONING,
    result: type[BaseModel] | None = None,
) -> Grammar:
    """The grammar of what `role` may say about any of these tasks.

    Args:
        states: Tasks as the speaker keeps them (`legal_messages` says which goes with which role).
        role: "manager", "worker", "verifier" or "person".
        live: Names that exist; none when left out.
        reasoning: Characters of free text at most.
        result: What a report's result must be; None takes any JSON.

    Raises:
        ValueError: There is no such role, or it does not go with a state.
    """
    from ..core_model.grammar import Grammar

    definitions: dict[str, Any] = {}
    if result is not None:
        schema = result.model_json_schema(ref_template="#/$defs/result_{model}")
        parts = cast("dict[str, Any]", schema.pop("$defs", {}))
        definitions |= {f"result_{part}": inner for part, inner in parts.items()} | {RESULT: schema}
    decisions: list[dict[str, Any]] = []
    for number, state in enumerate(states):
        messages = list(_messages(number, state, role, live or Live(), definitions))
        if messages:
            task = {"const": state.task}
            decisions.append(_record({"task": task, "message": {"anyOf": messages}}))
    reason = {"type": "string", "minLength": 1, "maxLength": LONGEST_REASON, "pattern": r"\S"}
    decisions.append(_refusal(reason))
    answer = _answer(reasoning, {"anyOf": decisions})
    way_out = Grammar.schema(_answer(reasoning, _refusal({"const": CUT})))
    return Grammar.schema({**answer, "$defs": definitions}).closing(way_out)


def read_legal(text: str) -> Legal:
    """Read what was written under `legal_grammar`.

    Raises:
        ValueError: It was not (a server's own way of decoding may differ), or it breaks a rule that no
            grammar can hold, such as a number beyond what a float can be.
    """
    try:
        answer = _Answer.model_validate_json(text)
        if isinstance(answer.decision, CannotComply):
            return Legal(answer.reasoning, "", answer.decision)
        message = _MESSAGE.validate_python(answer.decision.message)
        canonical_json(message)
    except ValidationError as error:
        raise ValueError(f"{text[:200]!r} is not a legal answer: {error.errors()[0]['msg']}") from error
    return Legal(answer.reasoning, answer.decision.task, message)


def in_protocol(said: CannotComply, state: ManagerTask | WorkerTask, role: str) -> Message | None:
    """The message of the protocol that comes closest to not complying; None where there is none.

    A worker's is a failure that another attempt may mend, a verifier's a verdict that nothing can be checked.
    A manager or person has none: the task stays where it is.
    """
    if role == "worker":
        return _MESSAGE.validate_python(
            {"kind": "failed", "error": "CannotComply", "message": said.reason, "retry": True}
        )
    if role == "verifier" and isinstance(state, ManagerTask):
        names = [criterion.name for criterion in state.spec.criteria]
        return Verdict(
            findings=tuple(
                Finding(criterion=name, outcome="cannot_check", confidence=0.0, why=said.reason)
                for name in names
            )
        )
    return None


class _Addressed(Frozen):
    task: Text
    message: dict[str, Any]


class _Answer(Frozen):
    reasoning: str
    decision: CannotComply | _Addressed


_MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)


def _record(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _answer(reasoning: int, decision: dict[str, Any]) -> dict[str, Any]:
    return _record({"reasoning": {"type": "string", "maxLength": reasoning}, "decision": decision})


def _refusal(reason: dict[str, Any]) -> dict[str, Any]:
    return _record({"kind": {"const": "cannot_comply"}, "reason": reason})


def _messages(
    number: int, state: ManagerTask | WorkerTask, role: str, live: Live, definitions: dict[str, Any]
) -> Iterable[dict[str, Any]]:
    """Schemas of the messages that are legal in a state; adds what they refer to, by the state's number."""
    template = f"#/$defs/{number}_{{model}}"
    for kind in cast("tuple[type[BaseModel], ...]", legal_messages(state, role)):
        schema = kind.model_json_schema(ref_template=template)
        parts = cast("dict[str, dict[str, Any]]", schema.pop("$defs", {}))
        name = str(kind.model_fields["kind"].default)
        if name == "resolve" and not live.proves:
            continue
        if name in ("resolve", "waive") and isinstance(state, ManagerTask) and not state.anomalies:
            continue
        schema["required"] = ["kind", *(field for field in schema.get("required", []) if field != "kind")]
        _narrow(name, schema["properties"], state, live)
        if name == "report" and RESULT in definitions:
            schema["properties"]["result"] = {"$ref": f"#/$defs/{RESULT}"}
        for part, inner in parts.items():
            if part == "Evidence" and live.proves:
                inner["properties"]["id"] = _one_of(live.evidence)
                inner["properties"]["tool"] = _one_of(live.tools)
            elif part == "Finding" and isinstance(state, ManagerTask):
                names = [criterion.name for criterion in state.spec.criteria]
                inner["properties"]["criterion"] = _one_of(names)
            definitions[f"{number}_{part}"] = inner
        yield schema


def _narrow(kind: str, properties: dict[str, Any], state: ManagerTask | WorkerTask, live: Live) -> None:
    """Put what the state and the live names decide in place of free fields."""
    if isinstance(state, ManagerTask):
        if kind == "assign":
            properties["spec"] = {"const": json.loads(state.spec.model_dump_json())}
        if kind in ("resolve", "waive"):
            properties["anomaly"] = _one_of([anomaly.id for anomaly in state.anomalies])
    if kind in ("report", "hand_back") and not live.proves:
        properties["evidence"] = {"type": "array", "maxItems": 0}


def _one_of(names: Sequence[str]) -> dict[str, Any]:
    """Exactly one of these, of which there is at least one."""
    return {"enum": list(dict.fromkeys(names))}

"""A model for the tests of loops: something short that fits what is asked, by question and seed alone."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from punchlist.agents.testing import ScriptedModel, answered, question_text

WORDS = "add look wait seven five left right".split()


class Pupil(ScriptedModel):
    """Fills JSON schemas, thinks in two lines, and answers with one digit."""

    name = "pupil"

    def __init__(self, before: Any = None) -> None:
        super().__init__(lambda question: "")
        self.before = before

    async def generate(self, messages: Any, *, sampling: Any = None, grammar: Any = None) -> Any:
        text = question_text(messages)
        self.asked.append(text)
        if self.before is not None:
            await self.before(len(self.asked))
        rng = random.Random(f"{text} {sampling.seed if sampling.temperature else ''}")
        if grammar is not None and grammar.kind == "schema":
            return answered(grammar.normalise(_json(filled(grammar.source, rng))), text)
        digits = [digit for digit in "0123456789" if grammar is not None and grammar.accepts(digit)]
        if digits:
            return answered(rng.choice(digits), text)
        digit = str(rng.randrange(10))
        answer = f"answer: {digit}"
        if grammar is not None and not grammar.accepts(f"so\n{answer}"):  # a line of a tree
            return answered(rng.choice((answer, rng.choice(WORDS))), text)
        return answered(f"{rng.choice(WORDS)} then {rng.choice(WORDS)}\n{answer}", text)

    async def score(self, messages: Any, continuations: Sequence[str]) -> list[float]:
        text = question_text(messages)
        self.asked.append(text)
        if self.before is not None:
            await self.before(len(self.asked))
        return [random.Random(f"{text} {each}").uniform(-5, 0) for each in continuations]


def _json(value: Any) -> str:
    return json.dumps(value)


def filled(schema: Mapping[str, Any], rng: random.Random) -> Any:
    """A small instance of a schema."""
    if "anyOf" in schema:
        return filled(rng.choice(schema["anyOf"]), rng)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        return {name: filled(each, rng) for name, each in schema.get("properties", {}).items()}
    if kind == "array":
        return [filled(schema["items"], rng) for _ in range(min(2, schema.get("maxItems", 2)))]
    if kind == "boolean":
        return rng.random() < 0.2
    if kind == "integer":
        return rng.randrange(10)
    return f"{rng.choice(WORDS)} {rng.randrange(10)}"


def shape(result: Any) -> list[Any]:
    """All that a tree tells, to be compared."""
    return [
        (node.id, str(node.state), node.texts(), node.answer, node.value, node.status, node.why)
        for node in result.tree
    ]

"""Grammars of the protocol's own messages, as an engine is timed on them.

Texts get a limit of `TEXT` characters, lists one of `LIST` items, and numbers (all of them shares) are
tenths, since a model that was not trained on these messages would go on with them without end.
"""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel

from ....core_model.grammar import Grammar
from ....protocols.messages import Failed, Finding, Progress, Redo, Verdict, Waive

TEXT, LIST = 60, 2
"""Characters of a text, items of a list, at most; a list has at least one."""

LEFT_OUT = {"default", "title", "pattern"}
"""Keywords that say nothing here; the one pattern of the protocol asks for a character that is no space."""

MESSAGES: tuple[type[BaseModel], ...] = (Verdict, Redo, Failed, Progress, Waive)


def messages() -> list[Grammar]:
    """One grammar per message of `MESSAGES`."""
    return [Grammar.schema(bounded(message.model_json_schema())) for message in MESSAGES]


def endless() -> Grammar:
    """A list of findings that does not end before a hundred of them."""
    schema = bounded(Finding.model_json_schema())
    definitions = schema.pop("$defs", {})
    return Grammar.schema({"type": "array", "items": schema, "minItems": 100, "$defs": definitions})


def bounded(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema with every field required, and with limits."""
    return cast("dict[str, Any]", _bounded(schema))


def _bounded(node: object) -> object:
    if isinstance(node, list):
        return [_bounded(each) for each in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    told = cast("dict[str, Any]", node)
    if told.get("type") == "number":
        return {"enum": [tenth / 10 for tenth in range(11)]}
    found = {key: _bounded(value) for key, value in told.items() if key not in LEFT_OUT}
    if told.get("type") == "string" and not {"const", "enum"} & told.keys():
        found |= {"minLength": 1, "maxLength": TEXT}
    if told.get("type") == "array":
        found |= {"minItems": 1, "maxItems": LIST}
    if told.get("type") == "object" and "properties" in told:
        found["required"] = list(told["properties"])
    return found

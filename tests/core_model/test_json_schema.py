"""Which JSON schemas become a grammar, and that such a grammar accepts valid instances and no others."""

from __future__ import annotations

import datetime
import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from punchlist.core_model.errors import InvalidGrammar
from punchlist.core_model.grammar import Grammar

OBJECT = {"type": "object", "additionalProperties": False}
AB = {**OBJECT, "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a"]}
KIND_A = {**OBJECT, "properties": {"k": {"const": "a"}, "n": {"type": "integer"}}, "required": ["k", "n"]}
KIND_B = {**OBJECT, "properties": {"k": {"const": "b"}}, "required": ["k"]}
TREE = {
    "$defs": {"tree": {**OBJECT, "properties": {"t": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}},
    "$ref": "#/$defs/tree",
}

CASES: list[tuple[dict[str, Any], list[Any], list[Any]]] = [
    ({"type": "null"}, [None], [0, "", False]),
    ({"type": "boolean"}, [True, False], [None, 1, "true"]),
    ({"type": "integer"}, [0, -5, 12345678901234567890], [1.5, "1", None]),
    ({"type": "number"}, [0, -1.5, 1e-7], ["1", None]),
    ({"type": "string"}, ["", "é", 'a"b\\\n', "😀"], [1, None, ["a"]]),
    ({"type": ["string", "null"]}, ["x", None], [1, []]),
    ({}, [None, 1, "x", [1, "x"], {"a": {"b": []}}], []),
    ({"enum": ["red", 2, None]}, ["red", 2, None], ["green", "2", 3]),
    ({"enum": [{"b": 1, "a": 2}, [1]]}, [{"b": 1, "a": 2}, [1]], [{"b": 1}, [1, 1], []]),
    ({"const": "it's \"so\""}, ["it's \"so\""], ["its so"]),
    ({"const": 1.0}, [1], [2, "1"]),
    ({"enum": ["a", "bcd"], "minLength": 2}, ["bcd"], ["a"]),
    ({"enum": [1, 5], "minimum": 3}, [5], [1]),
    ({"type": "integer", "minimum": -3, "maximum": 12}, [-3, 0, 12], [-4, 13, 100]),
    ({"type": "integer", "exclusiveMinimum": 0}, [1, 99], [0, -1]),
    ({"type": "number", "minimum": 0, "maximum": 1}, [0, 1, 0.25], [-0.5, 1.5, 2]),
    ({"type": "number", "exclusiveMaximum": 0.5}, [0.25, -7], [0.5, 0.75]),
    ({"type": "integer", "multipleOf": 3}, [0, 9, -6], [1, 10]),
    ({"type": "number", "multipleOf": 0.1}, [0.3, 1, -2.5], [0.35, 0.01]),
    ({"minimum": 5}, [5, "x", None, []], [4]),
    ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "éé", "😀😀", "\n\n"], ["a", "abcd"]),
    ({"type": "string", "maxLength": 0}, [""], ["a"]),
    ({"type": "string", "pattern": "^[a-z]+$"}, ["abc"], ["", "aB", "abc\n", "1"]),
    ({"type": "string", "pattern": "b"}, ["b", "abc"], ["", "ac"]),
    ({"type": "string", "pattern": "^a|b$"}, ["ax", "xb"], ["xa", "bx"]),
    ({"type": "string", "pattern": "^\\d{2}$"}, ["12"], ["1", "٣٣"]),
    ({"type": "string", "pattern": "^a.c$"}, ["abc", "aéc"], ["a\nc", "a\u2028c", "ac"]),
    ({"type": "string", "pattern": "^\\s[\\s]$"}, ["  ", "\u00a0\u2003"], ["\x85\x85", "a "]),
    ({"type": "string", "pattern": "^\\S$"}, ["a"], [" ", "\ufeff", "\u00a0"]),
    ({"type": "string", "pattern": "^\\w+$"}, ["a_1"], ["é", "-"]),
    ({"type": "string", "pattern": "^a\\.b$"}, ["a.b"], ["axb"]),
    ({"type": "string", "pattern": "^C:\\\\apps$"}, ["C:\\apps"], ["C:\x07pps", "C:apps"]),
    ({"type": "string", "pattern": "a", "maxLength": 2, "minLength": 2}, ["ab", "ba"], ["a", "bb", "abb"]),
    (
        {"type": "string", "format": "date"},
        ["2024-02-29", "2000-02-29", "1999-12-31"],
        ["2023-02-29", "1900-02-29", "2024-04-31", "2024-13-01", "0000-01-01", "06/19/1963"],
    ),
    (
        {"type": "string", "format": "time"},
        ["08:30:06Z", "23:59:59.25+01:00"],
        ["24:00:00Z", "23:59:60Z", "08:30:06", "08:30Z", "08:30:06+24:00"],
    ),
    (
        {"type": "string", "format": "date-time"},
        ["1963-06-19T08:30:06.283185Z", "1963-06-19t08:30:06z"],
        ["1963-06-19 08:30:06Z", "1990-02-31T15:59:59Z", "1963-06-19T08:30:06"],
    ),
    ({"type": "string", "format": "duration"}, ["P4DT12H30M5S", "P2W"], ["PT1D", "P", "P2D1Y", "P1Y2W"]),
    ({"type": "string", "format": "email"}, ["te~st@example.com", "a.b@c"], ["29", ".t@e.com", "a..b@c"]),
    ({"type": "string", "format": "hostname"}, ["www.example.com", "a"], ["-a", "a_b", "", "a." * 130 + "a"]),
    ({"type": "string", "format": "ipv4"}, ["192.168.0.1"], ["127.0.0.0.1", "256.1.1.1", "1.2.3"]),
    ({"type": "string", "format": "ipv6"}, ["::1", "fe80::a:1"], ["12345::", "1::2::3", "::g"]),
    (
        {"type": "string", "format": "uri"},
        ["http://foo.bar/?baz=qux#quux", "urn:oasis:names", "mailto:a@b.c"],
        ["//foo.bar/", "abc", "http:// no.com", "bar,baz:foo", "http://a/%zz", "http://a/<>"],
    ),
    (
        {"type": "string", "format": "uuid"},
        ["2eb8aa08-AA98-11ea-b4aa-73b441d16380"],
        ["2eb8aa08-aa98-11ea-b4aa-73b441d1638", "2eb8aa08aa9811eab4aa73b441d16380"],
    ),
    ({"format": "date"}, ["2024-01-01", 3, None], ["x"]),
    ({"type": "string", "format": "date", "pattern": "^2"}, ["2024-01-01"], ["1999-01-01"]),
    ({"type": "array", "items": {"type": "integer"}}, [[], [1, 2]], [["a"], [1, None], 1]),
    ({"type": "array", "minItems": 1, "maxItems": 2}, [[1], ["a", []]], [[], [1, 2, 3]]),
    (
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
        [[1, "a"], [1], []],
        [["a"], [1, "a", 2]],
    ),
    ({"type": "array", "prefixItems": [{"const": 1}], "minItems": 1}, [[1], [1, "x"]], [[], [2]]),
    (AB, [{"a": 1}, {"a": 1, "b": "x"}], [{}, {"b": "x"}, {"a": "1"}, {"a": 1, "c": 2}]),
    ({"type": "object", "properties": {"a": {"type": "null"}}}, [{}, {"a": None, "z": "x"}], [{"a": "x"}]),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"x": 1, "y": 2}], [{"x": ""}]),
    ({"type": "object", "required": ["z"]}, [{"z": 1}, {"z": 1, "a": 2}], [{}, {"a": 1}]),
    (
        {**OBJECT, "patternProperties": {"^n_": {"type": "integer"}, "^t_": {"type": "string"}}},
        [{}, {"n_a": 1, "t_b": "x"}],
        [{"n_a": "x"}, {"x": 1}],
    ),
    ({"type": "object", "minProperties": 1}, [{"a": 1}, {"a": 1, "b": 2}], [{}]),
    ({"type": "object", "maxProperties": 1}, [{}, {"a": 1}], [{"a": 1, "b": 2}]),
    ({"properties": {"a": {"type": "null"}}}, [{"a": None}, 3, "x", []], [{"a": 1}]),
    ({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 1}]}, [1, "a"], ["ab", None]),
    ({"anyOf": [{"minimum": 3}, {"type": "null"}], "type": ["integer", "null"]}, [3, None], [2, "x"]),
    ({"allOf": [{"minimum": 2}, {"maximum": 4}], "type": "integer"}, [2, 4], [1, 5]),
    (
        {"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"required": ["b"]}]},
        [{"a": 1, "b": None}, 3],
        [{"a": 1}, {"b": 1}, {"a": "x", "b": 1}],
    ),
    ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, [1, "a"], [None, 1.5]),
    ({"oneOf": [KIND_A, KIND_B]}, [{"k": "a", "n": 1}, {"k": "b"}], [{"k": "a"}, {"k": "b", "n": 1}]),
    ({"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}}, [[1], "x"], [["a"]]),
    ({"definitions": {"n": {"type": "null"}}, "$ref": "#/definitions/n"}, [None], [1]),
    ({"$defs": {"n": {"$anchor": "num", "type": "integer"}}, "$ref": "#num", "maximum": 3}, [3], [4, "x"]),
    ({"$defs": {"a/b~c": {"type": "null"}}, "$ref": "#/$defs/a~1b~0c"}, [None], [1]),
    ({"$id": "http://e.com/x", "$defs": {"n": {"const": 1}}, "$ref": "http://e.com/x#/$defs/n"}, [1], [2]),
    (TREE, [{}, {"t": [{}, {"t": []}]}], [{"t": [1]}, {"u": []}]),
    (
        {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"n": {"type": "null"}},
         "properties": {"x": {"$ref": "#/definitions/n"}}},
        [{"x": None}, {}],
        [{"x": 1}],
    ),
    ({"title": "T", "description": "d", "default": 1, "$comment": "c", "type": "null"}, [None], [1]),
    ({"type": "string", "minLength": 2.0}, ["ab"], ["a"]),
]  # fmt: skip


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize(("schema", "valid", "invalid"), CASES, ids=lambda value: compact(value)[:60])
def test_a_schema_accepts_valid_instances_and_no_others(
    schema: dict[str, Any], valid: list[Any], invalid: list[Any]
) -> None:
    grammar = Grammar.schema(schema)

    assert [value for value in valid if not grammar.accepts(compact(value))] == []
    assert [value for value in invalid if grammar.accepts(compact(value))] == []


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"type": "string", "minLenght": 3}, "minLenght"),
    ({"x-guidance": {"lenient": True}, "not": {"type": "null"}}, "x-guidance"),
    ({"x-guidance": {"whitespace_flexible": True}, "type": "array"}, "x-guidance"),
    ({"not": {"type": "null"}}, "not"),
    ({"if": {"type": "null"}, "then": {"const": None}}, "if"),
    ({"then": {"const": 1}}, "then"),
    ({"type": "array", "uniqueItems": True}, "uniqueItems"),
    ({"contains": {"type": "null"}}, "contains"),
    ({"dependentRequired": {"a": ["b"]}}, "dependentRequired"),
    ({"dependentSchemas": {"a": {}}}, "dependentSchemas"),
    ({"dependencies": {"a": ["b"]}}, "dependencies"),
    ({"propertyNames": {"pattern": "^a"}}, "propertyNames"),
    ({"unevaluatedProperties": False}, "unevaluatedProperties"),
    ({"unevaluatedItems": False}, "unevaluatedItems"),
    ({"$dynamicRef": "#x"}, "dynamicRef"),
    ({"$ref": "http://example.com/other"}, "ref"),
    ({"$ref": "#/$defs/missing"}, "missing"),
    ({"examples": [{"type": "null"}], "$ref": "#/examples/0"}, "examples"),
    ({"$ref": "#"}, "no text"),
    ({"properties": {"a": {"$id": "http://e.com/y", "type": "null"}}}, "id"),
    ({"$schema": "http://json-schema.org/draft-04/schema#", "type": "null"}, "schema"),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "prefixItems": [{}]}, "prefixItems"),
    (
        {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"n": {}},
         "$ref": "#/definitions/n", "maximum": 3},
        "maximum",
    ),
    ({"items": [{"type": "null"}]}, "prefixItems"),
    ({"items": [{"type": "null"}], "additionalItems": False}, "tems"),
    ({"type": "string", "nullable": True}, "nullable"),
    ({"type": "string", "format": "regex"}, "format"),
    ({"type": "integer", "format": "int32"}, "format"),
    ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, "exclusiveMinimum"),
    ({"type": "object", "minProperties": 2}, "minProperties"),
    ({"type": "object", "properties": {"a": {}, "b": {}}, "maxProperties": 1}, "maxProperties"),
    ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf"),
    ({"oneOf": [{"type": "string", "maxLength": 2}, {"type": "string", "minLength": 2}]}, "oneOf"),
    ({"patternProperties": {"a": {"type": "null"}, "b": {"type": "integer"}}}, "disjoint"),
    ({"type": "string", "pattern": "^a(?=b)"}, "look-ahead"),
    ({"type": "string", "pattern": "(a)\\1"}, "backreferences"),
    ({"type": "string", "pattern": "(?i)a"}, "pattern"),
    ({"type": "string", "pattern": "[[:alpha:]]"}, "pattern"),
    ({"type": "string", "pattern": "[a&&b]"}, "pattern"),
    ({"type": "string", "pattern": "\\Aa"}, "pattern"),
    ({"type": "string", "pattern": "^\\a$"}, "pattern"),
    ({"type": "string", "pattern": "\\\\\\a"}, "pattern"),
    ({"type": "string", "pattern": "\\U00000061"}, "pattern"),
    ({"type": "string", "pattern": "\\b{start}a"}, "pattern"),
    ({"type": "string", "pattern": 3}, "pattern"),
    ({"type": "thing"}, "type"),
    ({"type": []}, "type"),
    ({"enum": []}, "enum"),
    ({"anyOf": []}, "anyOf"),
    ({"anyOf": {"type": "null"}}, "anyOf"),
    ({"properties": {"a": 3}}, "schema"),
    ({"required": "a"}, "required"),
    ({"minLength": -1}, "minLength"),
    ({"multipleOf": 0}, "multipleOf"),
    ({"type": "string", "minLength": 2, "maxLength": 1}, "minLength"),
    ({"const": {1, 2}}, "schema"),
    ({"const": float("nan")}, "schema"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "named"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_cannot_be_enforced_is_refused_by_name(schema: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidGrammar) as refused:
        Grammar.schema(schema)

    assert named in refused.value.why


def test_a_keyword_is_looked_for_everywhere_in_a_schema_and_only_there() -> None:
    harmless = {
        "properties": {"not": {"type": "null"}, "if": {"const": {"not": 1}}},
        "default": {"contains": 1},
    }
    deep = {"$defs": {"x": {"anyOf": [{"items": {"additionalProperties": {"uniqueItems": True}}}]}}}

    assert Grammar.schema(harmless).accepts('{"not":null,"if":{"not":1}}')
    with pytest.raises(InvalidGrammar, match="/\\$defs/x/anyOf/0/items/additionalProperties"):
        Grammar.schema(deep)


class Red(BaseModel):
    kind: Literal["red"]
    when: datetime.date
    size: Annotated[int, Field(ge=1, le=9)] = 1


class Blue(BaseModel):
    kind: Literal["blue"]
    notes: dict[str, Annotated[str, Field(max_length=4)]]


class Box(BaseModel):
    paint: Annotated[Red | Blue, Field(discriminator="kind")]
    inner: Box | None = None


def test_pydantic_models_with_discriminated_unions_and_recursion_are_enforced() -> None:
    grammar = Grammar.schema(Box)
    box = Box(
        paint=Red(kind="red", when=datetime.date(2024, 2, 29)),
        inner=Box(paint=Blue(kind="blue", notes={"a": "x"})),
    )

    text = box.model_dump_json()

    assert grammar.accepts(text)
    assert not grammar.accepts(text.replace("2024", "2023"))
    assert not grammar.accepts(text.replace('"blue"', '"red"'))
    assert not grammar.accepts(text.replace('"x"', '"xxxxx"'))


def test_the_schema_that_was_given_is_not_changed() -> None:
    schema = {"type": "string", "format": "date", "pattern": "^2"}

    grammar = Grammar.schema(schema)

    assert schema == {"type": "string", "format": "date", "pattern": "^2"}
    assert grammar.source == schema

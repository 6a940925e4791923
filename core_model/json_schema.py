"""Which JSON schemas can be enforced token by token: everything else is refused before it is compiled.

llguidance compiles a schema into a grammar. It refuses most keywords that it does not know how to enforce,
but passes over others (a misspelt `minLenght`, `x-guidance` options that switch its own checks off) or
enforces them less than wholly (dates that do not exist). `enforceable` walks over the schema with a list of
what is known to be enforced exactly, and puts own patterns where llguidance's are too wide. Keywords are
those of JSON Schema 2020-12 (json-schema.org, core and validation); schemas of draft 6, draft 7 and 2019-09
are read as far as their keywords mean the same.

What is enforced: `type`, `enum`, `const`, bounds of numbers, strings, arrays and objects, `multipleOf`
(decimal: 0.3 is a multiple of 0.1), `pattern`, `format` (see `FORMATS`; enforced, not an annotation),
`properties`, `required`, `additionalProperties`, `patternProperties` (disjoint ones), `items`, `prefixItems`,
`allOf`, `anyOf`, `oneOf` with branches that exclude one another, and `$ref` within the schema. A pattern has
Rust's syntax, without look-around and back-references; `.`, `\\d`, `\\s` and `\\w` are those of ECMA-262, and
what means different things in both is refused.

What it does not promise: that every valid instance can be written. The form is the compact one: no spaces,
members in the order of `properties` and then of others, characters beyond ASCII as themselves, integers
without fraction or exponent, and no exponent in a bounded number. Nor are names unique among the members that
`properties` does not name; JSON readers keep the last (RFC 8259, section 4).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import unquote, urldefrag, urljoin

from .errors import InvalidGrammar

_YEAR = r"(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_FOURTH = r"(?:0[48]|[2468][048]|[13579][26])"
_DATE = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    rf"|(?:[0-9]{{2}}{_FOURTH}|{_FOURTH}00)-02-29)"
)
_TIME = (
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_LOCAL = (
    rf"(?:{_ATOM}{{1,64}}|{_ATOM}{{1,31}}\.{_ATOM}{{1,32}}"
    rf"|{_ATOM}{{1,20}}(?:\.{_ATOM}{{1,20}}){{2}}|{_ATOM}{{1,15}}(?:\.{_ATOM}{{1,15}}){{3}})"
)
_LONG, _SHORT = (rf"[A-Za-z0-9](?:[A-Za-z0-9-]{{0,{most}}}[A-Za-z0-9])?" for most in (59, 20))
_DOMAIN = rf"(?:{_LONG}(?:\.{_LONG}){{0,2}}|{_SHORT}(?:\.{_SHORT}){{3,7}})"

FORMATS: Mapping[str, str | None] = {
    "date": f"^{_DATE}$",
    "time": f"^{_TIME}$",
    "date-time": f"^{_DATE}[Tt]{_TIME}$",
    "duration": None,
    "email": f"^{_LOCAL}@{_DOMAIN}$",
    "hostname": r"^.{1,253}$",
    "ipv4": None,
    "ipv6": None,
    "uri": None,
    "uuid": None,
}
"""Formats that are enforced, with the pattern that is put beside or in place of llguidance's.

Dates exist (RFC 3339; from the year 1 on, as in Python) and times have no leap second. Addresses are
dot-atoms (RFC 5322, 3.2.3) of at most four parts, at domains of at most eight, so short that they keep to RFC
5321, 4.5.3.1. Host names are no longer than RFC 1035, 2.3.4 lets them be.
"""

_REPLACED = frozenset({"date", "time", "date-time", "email"})

_ANNOTATIONS = frozenset(
    "title description default examples deprecated readOnly writeOnly $comment discriminator "
    "contentEncoding contentMediaType contentSchema".split()
)
_ONE, _LISTS, _MAPS = (
    frozenset({"items", "additionalProperties"}),
    frozenset({"allOf", "anyOf", "oneOf", "prefixItems"}),
    frozenset({"properties", "patternProperties", "$defs", "definitions"}),
)
_TYPES = frozenset("null boolean integer number string array object".split())


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value: object) -> bool:
    return _number(value) and cast("float", value) >= 0 and float(cast("float", value)).is_integer()


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[object]", value))


def _types(value: object) -> bool:
    names: list[object] = cast("list[object]", value) if isinstance(value, list) else [value]
    return bool(names) and _texts(names) and _TYPES.issuperset(cast("list[str]", names))


def _text(value: object) -> bool:
    return isinstance(value, str)


_VALUES: Mapping[str, tuple[Callable[[object], bool], str]] = {
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), (_number, "a number")),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
        (_count, "a whole number from 0 up"),
    ),
    "multipleOf": (lambda value: _number(value) and cast("float", value) > 0, "a number above 0"),
    "type": (_types, f"one or more of {', '.join(sorted(_TYPES))}"),
    "enum": (lambda value: isinstance(value, list) and value != [], "a list of at least one value"),
    "const": (lambda value: True, ""),
    "required": (_texts, "a list of names"),
    "pattern": (_text, "a text"),
    "format": (lambda value: value in FORMATS, f"one of {', '.join(FORMATS)}"),
    **dict.fromkeys(("$ref", "$schema", "$id", "$anchor"), (_text, "a text")),
}

_SPACE = r"\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
"""White space of ECMA-262 and of Rust; what is a space in one of them only is neither space nor not."""

_CLASSES = {
    ".": r"[^\n\r\x{2028}\x{2029}]",
    r"\s": f"[{_SPACE}]",
    r"\S": rf"[^{_SPACE}\x{{85}}\x{{feff}}]",
}
_PARTS = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\.", re.DOTALL)
_ESCAPES = re.compile(r"\\.", re.DOTALL)
_AMBIGUOUS = re.compile(
    r"(?<!\\)(?:\\\\)*\\(?:[AaGUzZ<>]|[bBx]\{)|\(\?(?![:=!<])|(?<!\\)\[\]|(?<!\\)\[\^\]"
    r"|(?<!\\)\[\^?(?:\\.|[^\]\\])*?(?:\[|&&|--|~~)",
    re.DOTALL,
)


def _translated(part: str) -> str:
    """An escape, a class or a dot of a pattern, with the classes of ECMA-262 written out."""
    if part.startswith("["):
        return _ESCAPES.sub(lambda found: _CLASSES.get(found[0], found[0]), part)
    return _CLASSES.get(part, part)


_DRAFTS = {
    "https://json-schema.org/draft/2020-12/schema": 2020,
    "https://json-schema.org/draft/2019-09/schema": 2019,
    "http://json-schema.org/draft-07/schema": 7,
    "http://json-schema.org/draft-06/schema": 6,
}


def enforceable(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema for llguidance to compile: the same texts, and nothing in it that would be passed over.

    Raises:
        InvalidGrammar: A keyword, or a value of one, cannot be enforced exactly; names it and its place.
    """
    try:
        copy = cast("dict[str, Any]", json.loads(json.dumps(dict(schema), allow_nan=False)))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidGrammar(repr(schema), f"it is not a JSON schema ({error})") from error
    return _Walk(copy).done()


class _Walk:
    """One pass over a schema, which it changes."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._source = json.dumps(root)
        self._seen: set[str] = set()
        self._anchors: set[str] = set()
        self._references: list[tuple[str, str]] = []
        self._draft = 2020

    def done(self) -> dict[str, Any]:
        """Check everything.

        Raises:
            InvalidGrammar: See `enforceable`.
        """
        dialect = self._root.pop("$schema", None)
        if dialect is not None:
            self._draft = _DRAFTS.get(str(dialect).rstrip("#"), 0)
            if not self._draft:
                raise self._refusal("", "$schema", f"it is none of {', '.join(_DRAFTS)}")
        todo: list[tuple[str, object]] = [("", self._root)]
        while todo:
            place, schema = todo.pop()
            self._seen.add(place)
            if isinstance(schema, dict):
                todo.extend(self._one(place, cast("dict[str, Any]", schema)))
            elif not isinstance(schema, bool):
                raise self._refusal(place, "", f"{schema!r} is not a schema")
        for place, reference in self._references:
            self._resolve(place, reference)
        return self._root

    def _refusal(self, place: str, keyword: str, why: str) -> InvalidGrammar:
        where = f"{keyword!r} at {place or '/'}" if keyword else f"what stands at {place or '/'}"
        return InvalidGrammar(self._source, f"{where} cannot be enforced: {why}")

    def _one(self, place: str, schema: dict[str, Any]) -> Iterator[tuple[str, object]]:
        """Check one schema's own keywords; gives the schemas in it."""
        for keyword in schema:
            self._keyword(place, keyword, schema)
        self._combinations(place, schema)
        if "patternProperties" in schema:
            schema["patternProperties"] = {
                self._pattern(place, pattern): inner for pattern, inner in schema["patternProperties"].items()
            }
        for keyword in [*schema]:
            value = schema[keyword]
            if keyword in _ONE:
                yield f"{place}/{keyword}", value
            elif keyword in _LISTS:
                yield from ((f"{place}/{keyword}/{number}", inner) for number, inner in enumerate(value))
            elif keyword in _MAPS:
                yield from ((f"{place}/{keyword}/{_escaped(name)}", inner) for name, inner in value.items())
        self._texts(place, schema)

    def _keyword(self, place: str, keyword: str, schema: dict[str, Any]) -> None:
        value: object = schema[keyword]
        if keyword in _ANNOTATIONS or keyword in _ONE:
            if isinstance(value, list) and keyword == "items":
                raise self._refusal(place, keyword, "a list of schemas is written as `prefixItems`")
            return
        if keyword in _LISTS or keyword in _MAPS:
            kind = list if keyword in _LISTS else dict
            if not isinstance(value, kind):
                raise self._refusal(place, keyword, f"its value {value!r} is not a {kind.__name__}")
            return
        if keyword not in _VALUES:
            raise self._refusal(
                place, keyword, "it is not among the keywords that are enforced; leave it out"
            )
        holds, must = _VALUES[keyword]
        if not holds(value):
            raise self._refusal(place, keyword, f"its value {value!r} must be {must}")
        if holds is _count:
            schema[keyword] = int(cast("float", value))
        if keyword == "$ref":
            self._references.append((place, str(value)))
        elif keyword == "$anchor":
            self._anchors.add(str(value))
        elif keyword in ("$id", "$schema") and place:
            raise self._refusal(place, keyword, "it may stand at the top only; use `$defs` and `#/$defs/...`")

    def _combinations(self, place: str, schema: dict[str, Any]) -> None:
        """What is fine alone and not together."""
        if schema.get("minProperties", 0) > max(1, len(set(schema.get("required", ())))):
            why = "a name written twice would count as two; list names in `required`"
            raise self._refusal(place, "minProperties", why)
        if self._draft <= 7:
            later = {"prefixItems", "$anchor"} & schema.keys()
            if later:
                raise self._refusal(place, later.pop(), f"it has no meaning in draft {self._draft}")
            beside = schema.keys() - _ANNOTATIONS - {"$ref", "$id", "definitions", "$defs"}
            if "$ref" in schema and beside:
                why = f"draft {self._draft} passes over keywords beside `$ref`"
                raise self._refusal(place, sorted(beside)[0], why)

    def _texts(self, place: str, schema: dict[str, Any]) -> None:
        """Put patterns in the form that is compiled."""
        patterns: list[str] = []
        if "pattern" in schema:
            patterns.append(self._pattern(place, schema.pop("pattern")))
        if "format" in schema:
            narrower = FORMATS[schema["format"]]
            if narrower is not None:
                patterns.append(narrower)
            if schema["format"] in _REPLACED:
                del schema["format"]
        if patterns:
            schema["pattern"] = patterns.pop()
        if patterns:
            schema["allOf"] = [*schema.get("allOf", ()), {"pattern": patterns.pop()}]

    def _pattern(self, place: str, pattern: str) -> str:
        if _AMBIGUOUS.search(pattern):
            why = f"{pattern!r} has a part that means different things in ECMA-262 and in Rust's syntax"
            raise self._refusal(place, "pattern", why)
        return _PARTS.sub(lambda found: _translated(found[0]), pattern)

    def _resolve(self, place: str, reference: str) -> None:
        """Refuse a reference to anything but a schema that was checked."""
        base = urldefrag(str(self._root.get("$id", "")))[0]
        target, fragment = urldefrag(base + reference if reference[:1] == "#" else urljoin(base, reference))
        fragment = unquote(fragment)
        known = fragment in self._seen if fragment[:1] in ("", "/") else fragment in self._anchors
        if target != base or not known:
            raise self._refusal(place, "$ref", f"{reference!r} is not a schema in this one")


def _escaped(name: str) -> str:
    """A name as part of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")

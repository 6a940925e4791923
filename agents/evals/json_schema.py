"""`punchlist eval json_schema --data FOLDER`: which JSON schemas grammars enforce, by a test suite.

The folder has the files of the JSON-Schema-Test-Suite (github.com/json-schema-org/JSON-Schema-Test-Suite),
one draft's folder: each a list of `{"description", "schema", "tests": [{"description", "data", "valid"}]}`.

Of the `schemas`, each is either `refused` (InvalidGrammar) or compiled; of these, `exact` ones accept the
valid instances and no others, `narrower` ones reject a valid instance, and `accepting` ones accept an
invalid one (0, or the grammar lies). `instances` were tried against compiled schemas. Each schema that is not
exact is told, with the reason.

An instance is accepted when one of its compact forms is: members in any order, whole numbers as integers.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .harness import Figures, Measuring
from .ledger import EvalError

if TYPE_CHECKING:
    from ...core_model.grammar import Grammar

QUICK = 60
"""Schemas of a quick look."""

MOST_FORMS = 5000
"""Orders of members that are tried of one instance."""


@dataclass(frozen=True)
class Case:
    """One schema of the suite with its instances: description, JSON value, whether it is valid."""

    name: str
    schema: Any
    instances: tuple[tuple[str, Any, bool], ...]


@dataclass(frozen=True)
class Enforcement:
    """What became of a schema.

    Attributes:
        refused: Why it was not compiled; "" where it was.
        accepts: Descriptions of the invalid instances that it accepts.
        rejects: Descriptions of the valid instances that it rejects.
    """

    refused: str
    accepts: tuple[str, ...] = ()
    rejects: tuple[str, ...] = ()


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval json_schema`.

    Raises:
        EvalError: No folder was named, or it has no such files.
    """
    folder = measuring.options.data
    if folder is None:
        raise EvalError(
            "Name the folder of the test suite: --data JSON-Schema-Test-Suite/tests/draft2020-12."
        )
    cases = read_cases(folder)
    cases = cases[: measuring.count(len(cases), QUICK)]
    told = json.dumps([[case.name, case.schema, case.instances] for case in cases])
    measuring.settings["suite"] = hashlib.sha256(told.encode()).hexdigest()[:12]
    found: list[Enforcement] = []
    for case in cases:
        result = enforcement(case)
        found.append(result)
        _tell(measuring, case, result)
    compiled = [each for each in found if not each.refused]
    return {
        "schemas": len(found),
        "exact": sum(not each.accepts and not each.rejects for each in compiled),
        "narrower": sum(bool(each.rejects) and not each.accepts for each in compiled),
        "accepting": sum(bool(each.accepts) for each in compiled),
        "refused": len(found) - len(compiled),
        "instances": sum(
            len(case.instances) for case, each in zip(cases, found, strict=True) if not each.refused
        ),
    }


def read_cases(folder: Path) -> list[Case]:
    """The schemas of a folder's JSON files, in order of file name.

    Raises:
        EvalError: There are none, or a file is of another form.
    """
    cases: list[Case] = []
    for path in sorted(folder.glob("*.json")):
        try:
            for one in json.loads(path.read_text(encoding="utf-8")):
                instances = tuple((each["description"], each["data"], each["valid"]) for each in one["tests"])
                cases.append(Case(f"{path.stem}: {one['description']}", one["schema"], instances))
        except (ValueError, KeyError, TypeError) as error:
            raise EvalError(
                f"{str(path)!r} is not a file of the JSON-Schema-Test-Suite: {error!r}."
            ) from error
    if not cases:
        raise EvalError(f"{str(folder)!r} has no *.json files; name one draft's folder of the test suite.")
    return cases


def enforcement(case: Case) -> Enforcement:
    """Compile one schema and try its instances."""
    from ...core_model.errors import InvalidGrammar
    from ...core_model.grammar import Grammar

    if case.schema is False:
        return Enforcement("'false' at / cannot be enforced: no text is in it")
    try:
        grammar = Grammar.schema({} if case.schema is True else case.schema)
    except InvalidGrammar as error:
        return Enforcement(error.why)
    wrong: dict[bool, list[str]] = {True: [], False: []}
    for description, value, valid in case.instances:
        if _accepted(grammar, value) != valid:
            wrong[valid].append(description)
    return Enforcement("", tuple(wrong[False]), tuple(wrong[True]))


def _accepted(grammar: Grammar, value: Any) -> bool:
    forms = itertools.islice(_orders(value), MOST_FORMS)
    return any(grammar.accepts(json.dumps(form, ensure_ascii=False, separators=(",", ":"))) for form in forms)


def _orders(value: Any) -> Iterator[Any]:
    """A JSON value with the members of its objects in every order."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        for names in itertools.permutations(members):
            for inner in itertools.product(*(list(_orders(members[name])) for name in names)):
                yield dict(zip(names, inner, strict=True))
    elif isinstance(value, list):
        for items in itertools.product(*(list(_orders(item)) for item in cast("list[Any]", value))):
            yield list(items)
    else:
        yield int(value) if isinstance(value, float) and value.is_integer() else value


def _tell(measuring: Measuring, case: Case, result: Enforcement) -> None:
    if result.refused:
        measuring.say(f"{case.name}: refused: {result.refused}")
    for verb, descriptions in (
        ("accepts the invalid", result.accepts),
        ("rejects the valid", result.rejects),
    ):
        for description in descriptions:
            measuring.say(f"{case.name}: {verb} {description!r}")

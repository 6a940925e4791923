"""The measurement of JSON schemas: what it counts, and the official suite where one is at hand."""

import json
import os
from pathlib import Path

import pytest

from punchlist.agents.evals.harness import EvalOptions, Measuring
from punchlist.agents.evals.json_schema import Case, Enforcement, enforcement, measure, read_cases
from punchlist.agents.evals.ledger import EvalError
from punchlist.agents.evals.registry import Measurement

ENTRY = Measurement("eval", "json_schema", "", "json_schema", frozenset({"data", "limit"}))
SUITE = os.environ.get("JSON_SCHEMA_SUITE", "")


def case(schema, *instances):
    tests = [{"description": str(data), "data": data, "valid": valid} for data, valid in instances]
    return {"description": str(schema), "schema": schema, "tests": tests}


def measuring(lines, **options):
    return Measuring(ENTRY, EvalOptions(say=lines.append, **options))


def test_schemas_are_counted_by_what_became_of_them(tmp_path):
    cases = [
        case({"type": "integer"}, (1, True), (2.0, True), ("x", False)),
        case({"properties": {"a": {}, "b": {}}}, ({"b": 1, "a": 2}, True)),
        case({"format": "date"}, ("no date", True)),
        case({"not": {}}, (1, False)),
        case(True, (1, True)),
        case(False, (1, False)),
    ]
    (tmp_path / "some.json").write_text(json.dumps(cases))
    lines = []

    figures = measure(measuring(lines, data=tmp_path))

    assert figures == {"schemas": 6, "exact": 3, "narrower": 1, "accepting": 0, "refused": 2, "instances": 6}
    assert any("rejects the valid 'no date'" in line for line in lines)
    assert any("'not' at /" in line for line in lines)


def test_a_grammar_that_accepts_an_invalid_instance_would_be_told():
    wrong = Case("mislabelled", {"type": "integer"}, (("one", 1, False), ("word", "x", True)))

    assert enforcement(wrong) == Enforcement("", accepts=("one",), rejects=("word",))


def test_a_folder_that_is_no_suite_is_refused(tmp_path):
    with pytest.raises(EvalError, match="--data"):
        measure(measuring([]))
    with pytest.raises(EvalError, match="has no"):
        measure(measuring([], data=tmp_path))
    (tmp_path / "other.json").write_text('[{"a": 1}]')
    with pytest.raises(EvalError, match="other"):
        measure(measuring([], data=tmp_path))


@pytest.mark.long
@pytest.mark.skipif(
    not SUITE,
    reason="to run it: make check-all JSON_SCHEMA_SUITE=DIR, with tests/draft2020-12 of "
    "https://github.com/json-schema-org/JSON-Schema-Test-Suite for DIR",
)
def test_no_schema_of_the_official_suite_accepts_an_invalid_instance():
    """And what valid instances are rejected are those of formats, which the suite takes for annotations."""
    found = {case.name: enforcement(case) for case in read_cases(Path(SUITE))}

    assert {name: each.accepts for name, each in found.items() if each.accepts} == {}
    assert all(name.startswith("format: ") for name, each in found.items() if each.rejects)
    assert sum(not each.refused for each in found.values()) > 100

"""What the protocol promises and what its tests hold are the same: each way round."""

import re
import tomllib
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
MANIFEST = tomllib.loads((TESTS / "requirements.toml").read_text())
REQUIREMENTS = MANIFEST["requirement"]
ODD_INPUT = MANIFEST["odd_input"]


def those_in(path):
    """Names of the tests in a module."""
    found = re.findall(r"^(?:async )?def (test_\w+)", (TESTS / path).read_text(), re.MULTILINE)
    return {f"{path}::{name}" for name in found}


def test_every_requirement_has_a_name_a_sentence_and_a_source_that_is_there():
    names = Counter(each["id"] for each in REQUIREMENTS)

    assert [name for name, count in names.items() if count > 1] == []
    for each in REQUIREMENTS:
        assert each["sentence"].endswith(".") and (TESTS.parent / each["source"]).exists(), each["id"]


def test_every_requirement_is_held_by_tests_that_there_are():
    missing = [
        (each.get("id") or each["input"], name)
        for each in REQUIREMENTS + ODD_INPUT
        for name in each["tests"] or ["no test at all"]
        if name not in those_in(name.partition("::")[0])
    ]

    assert missing == []


def test_every_test_of_the_covered_modules_holds_a_requirement():
    named = {name for each in REQUIREMENTS for name in each["tests"]}

    astray = sorted(name for path in MANIFEST["covers"] for name in those_in(path) - named)

    assert astray == []


def test_every_row_of_the_table_of_odd_input_is_brought_about_by_tests():
    readme = (TESTS.parent / "protocols" / "README.md").read_text()
    table = readme.partition("## What odd input comes to")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)

    assert rows[0] == "input" and [each["input"] for each in ODD_INPUT] == rows[1:]

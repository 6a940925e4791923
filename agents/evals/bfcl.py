"""The simple Python calls of the Berkeley Function-Calling Leaderboard: its files, and what it lets pass.

The folder has `BFCL_v4_simple_python.json` and `possible_answer_simple_python.json`, JSON lines each
(github.com/ShishirPatil/gorilla, Apache 2.0). A call is right when the function is the one that is asked for,
no argument is missing or invented, and each value is among the possible ones. Texts are compared as the
leaderboard compares them: without blanks and the marks ``,./-_*^``, in lower case.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from .ledger import EvalError

QUESTIONS, ANSWERS = "BFCL_v4_simple_python.json", "possible_answer_simple_python.json"

OMITTED = ""
"""Among the possible values: the argument may be left out."""


@dataclass(frozen=True)
class Case:
    """One task with its function.

    Attributes:
        parameters: JSON schema of the arguments, with the leaderboard's names of types.
        possible: Argument -> the values that are right.
    """

    task: str
    function: str
    about: str
    parameters: Mapping[str, Any]
    possible: Mapping[str, list[Any]]


def read_cases(folder: Path) -> dict[str, Case]:
    """The cases by their ids, in the file's order.

    Raises:
        EvalError: A file is missing or of another form.
    """
    try:
        answers = {row["id"]: row["ground_truth"][0] for row in _rows(folder / ANSWERS)}
        return {row["id"]: _case(row, answers[row["id"]]) for row in _rows(folder / QUESTIONS)}
    except OSError as error:
        raise EvalError(
            f"{str(folder)!r} does not hold {QUESTIONS!r} and {ANSWERS!r}: {error}. "
            "Name the leaderboard's folder with --data."
        ) from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise EvalError(f"{str(folder)!r} holds files of another form: {error!r}.") from error


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _case(row: dict[str, Any], answer: dict[str, dict[str, list[Any]]]) -> Case:
    function = row["function"][0]
    name = function["name"]
    return Case(
        row["question"][0][-1]["content"],
        name,
        function["description"],
        function["parameters"],
        answer[name],
    )


def mark(cases: Mapping[str, Case]) -> str:
    """Twelve hexadecimal digits that tell sets of cases apart."""
    told = json.dumps([[name, case.task, case.possible] for name, case in cases.items()])
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def is_right(case: Case, function: str, arguments: Mapping[str, Any]) -> bool:
    """Whether the leaderboard's possible answers accept a call."""
    if function != case.function or not arguments.keys() <= case.possible.keys():
        return False
    required = set(case.parameters.get("required", ()))
    for name, values in case.possible.items():
        if name not in arguments:
            if name in required or OMITTED not in values:
                return False
        elif not fits(case, name, arguments[name]):
            return False
    return True


def fits(case: Case, name: str, value: Any) -> bool:
    """Whether a value of one argument is among the possible ones."""
    return any(_same(value, possible) for possible in case.possible.get(name, ()))


def _same(given: Any, possible: Any) -> bool:
    """Whether a value is one that is right; a truth value is no number."""
    if isinstance(given, str) and isinstance(possible, str):
        return _plain(given) == _plain(possible)
    if isinstance(given, bool) or isinstance(possible, bool):
        return given is possible
    if isinstance(given, list) and isinstance(possible, list):
        ours, theirs = cast("list[Any]", given), cast("list[Any]", possible)
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    return isinstance(given, int | float) and given == possible


def _plain(text: str) -> str:
    return re.sub(r"[ ,./\-_*^]", "", text).lower().replace("'", '"')

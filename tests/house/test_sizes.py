"""Modules and functions a reader can hold: the limits, and the exceptions with their reasons."""

import ast
import gc
import traceback
from pathlib import Path

LINES_OF_A_MODULE = 500
LINES_OF_A_FUNCTION = 60
# "path" or "path:function" -> why it is longer. Empty is the goal.
REASONS: dict[str, str] = {
    "protocols/manager_rules.py:_table": "the table itself, one row a rule; nothing in it branches",
}


def functions(parsed):
    return [node for node in ast.walk(parsed) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_every_module_says_what_it_is_for(tree):
    silent = [
        str(path)
        for path in tree.files()
        if path.suffix == ".py" and tree.text(path).strip() and not ast.get_docstring(tree.parse(path))
    ]

    assert silent == []


def test_what_earlier_tests_leave_behind_does_not_disturb_the_reading(tree):
    class Left:
        def __init__(self):
            self.itself = self

        def __del__(self):
            try:
                [1, 2][1 + 2]
            except IndexError:
                traceback.format_exc()  # parses the line above, to mark the place in it

    often = gc.get_threshold()
    gc.set_threshold(50)
    try:
        Left()
        found = tree.parse(Path("protocols/messages.py"))
    finally:
        gc.set_threshold(*often)

    assert functions(found)


def test_no_module_is_longer_than_a_reader_can_hold(tree):
    long = {
        str(path): lines
        for path in tree.files()
        if path.suffix == ".py" and (lines := tree.text(path).count("\n")) > LINES_OF_A_MODULE
    }

    assert {name: lines for name, lines in long.items() if name not in REASONS} == {}


def test_no_function_is_longer_than_a_screen(tree):
    long = {
        f"{path}:{node.name}": lines
        for path in tree.modules()
        for node in functions(tree.parse(path))
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > LINES_OF_A_FUNCTION
    }

    assert {name: lines for name, lines in long.items() if name not in REASONS} == {}


def test_every_exception_still_exists(tree):
    names = {str(path) for path in tree.files()}
    names |= {f"{path}:{node.name}" for path in tree.modules() for node in functions(tree.parse(path))}

    assert sorted(set(REASONS) - names) == []

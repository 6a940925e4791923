"""What an agent may not know of a site, no code of the library can tell it: it never opens the database."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIBRARY = ("protocols", "core_model", "memory", "tools", "agents")


WORLDS = ("agents/evals/kill_classes_target.py", "agents/evals/peers/")
"""Programs that are measured from outside: tools that count their own effects, and other frameworks."""


def places(packages, wanted):
    """Where there is a node of the syntax that is `wanted`; what an f-string tells people does not count."""
    found = []
    for path in [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]:
        parsed = ast.parse(path.read_text(encoding="utf-8"))
        strings = [node for node in ast.walk(parsed) if isinstance(node, ast.JoinedStr)]
        told = {id(part) for string in strings for part in ast.walk(string)}
        found += [
            f"{path.relative_to(ROOT)}:{node.lineno}"
            for node in ast.walk(parsed)
            if id(node) not in told and wanted(node)
        ]
    return found


def test_nothing_in_the_library_takes_hold_of_the_file_with_a_sites_state():
    assert places(LIBRARY, lambda node: isinstance(node, ast.Attribute) and node.attr == "database") == []


def test_nothing_in_the_library_uses_what_the_site_keeps_its_state_with():
    def imports_the_store(node):
        return isinstance(node, ast.ImportFrom) and (node.module or "").endswith("site.store")

    assert places(LIBRARY, imports_the_store) == []


def test_no_agent_and_no_measurement_opens_a_database_by_itself():
    """They have journals and memories, which open their own."""

    def connects(node):
        called = isinstance(node, ast.Call) and ast.unparse(node.func) in ("sqlite3.connect", "connect")
        return called and ast.unparse(node.args[0]) != "':memory:'"

    assert [place for place in places(["agents"], connects) if not place.startswith(WORLDS)] == []

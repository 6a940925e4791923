"""Who may import whom: arrows point down only, and nothing leans on top-level names."""

import ast
from pathlib import Path

MAY_IMPORT = {
    "protocols": {"protocols"},
    "core_model": {"core_model"},
    "memory": {"memory", "protocols"},
    "tools": {"tools", "protocols"},
    "agents": {"agents", "protocols", "core_model", "memory", "tools", "examples"},
}
OURS = {*MAY_IMPORT, "examples", "punchlist", "tests"}
VAGUE = {"utils", "util", "common", "helpers", "helper", "misc", "base"}


def imported_modules(path: Path, parsed: ast.Module) -> list[tuple[int, str, bool]]:
    """(line, dotted target, whether it was written relatively) of every import, at any depth of the code.

    A relative target is given from the repository root: `..protocols.messages` inside `memory/` is
    `protocols.messages`; the root package itself is the empty string.
    """
    found: list[tuple[int, str, bool]] = []
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name, False) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append((node.lineno, node.module or "", False))
        elif isinstance(node, ast.ImportFrom):
            package = path.parent.parts
            start = package[: len(package) - (node.level - 1)]
            module = tuple((node.module or "").split(".")) if node.module else ()
            names = [()] if start or module else [(alias.name,) for alias in node.names]
            found += [(node.lineno, ".".join((*start, *module, *name)), True) for name in names]
    return found


def test_each_package_imports_only_what_lies_below_it(tree):
    wrong = [
        f"{path}:{line} imports {target}"
        for path in tree.modules()
        if (allowed := MAY_IMPORT.get(path.parts[0])) is not None
        for line, target, relative in imported_modules(path, tree.parse(path))
        if relative and target.split(".")[0] not in allowed
    ]

    assert wrong == []


def test_the_library_imports_itself_relatively(tree):
    wrong = [
        f"{path}:{line} imports {target}"
        for path in tree.modules()
        if path.parts[0] in MAY_IMPORT or path == Path("__init__.py")
        for line, target, relative in imported_modules(path, tree.parse(path))
        if not relative and target.split(".")[0] in OURS
    ]

    assert wrong == []


def test_tests_and_examples_import_the_package_by_its_name(tree):
    """`import tools` would work from the root of a checkout and nowhere else."""
    wrong = [
        f"{path}:{line} imports {target}"
        for path in tree.files()
        if path.suffix == ".py" and path.parts[0] in {"tests", "examples"}
        for line, target, relative in imported_modules(path, tree.parse(path))
        if not relative and target.split(".")[0] in OURS - {"punchlist"}
    ]

    assert wrong == []


def test_only_agents_reach_the_example_site(tree):
    """The site is judged from outside; of the library only its command line and evals start it."""
    wrong = [
        f"{path}:{line}"
        for path in tree.modules()
        if path.parts[0] == "agents" and path.parts[1] not in {"cli", "evals"}
        for line, target, _ in imported_modules(path, tree.parse(path))
        if target.split(".")[0] == "examples"
    ]

    assert wrong == []


def test_no_module_is_named_after_nothing(tree):
    assert [str(path) for path in tree.modules() if path.stem in VAGUE] == []


def test_a_planted_upward_import_is_seen():
    planted = ast.parse("def f():\n    from ...agents.worker import Worker\n    import torch, tools.browser")

    assert imported_modules(Path("tools/browser/session.py"), planted) == [
        (2, "agents.worker", True),
        (3, "torch", False),
        (3, "tools.browser", False),
    ]

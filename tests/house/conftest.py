"""The fixture `tree` reads the repository as files, for the tests that hold its shape."""

from __future__ import annotations

import ast
import gc
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

LAYERS = ("protocols", "core_model", "memory", "tools", "agents", "examples")
LEFTOVERS = {"__pycache__", "build", "dist", "runs"}
NOT_SHIPPED = {"tests", "scripts"}


@dataclass(frozen=True)
class Tree:
    """The repository's files; every path it gives is relative to `root`."""

    root: Path

    def files(self) -> list[Path]:
        """Every file that belongs to the repository: nothing hidden but `.ci`, nothing built."""
        found: list[Path] = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(
                name
                for name in folders
                if name not in LEFTOVERS
                and not name.endswith(".egg-info")
                and (name == ".ci" or not name.startswith("."))
            )
            here = Path(folder).relative_to(self.root)
            found += [here / name for name in sorted(names) if not name.startswith(".")]
        return found

    def modules(self) -> list[Path]:
        """The library's Python files."""
        return [
            path
            for path in self.files()
            if path.suffix == ".py" and (path.parts[0] in LAYERS or path == Path("__init__.py"))
        ]

    def packages(self) -> set[str]:
        """Dotted names of the packages, tests excluded."""
        return {
            ".".join(("punchlist", *path.parent.parts))
            for path in self.files()
            if path.name == "__init__.py" and path.parts[0] not in NOT_SHIPPED
        }

    def shipped(self) -> set[str]:
        """What an installed copy must have below `punchlist/`: all that the layers hold but their READMEs.

        A folder that is no package (weights, prompts) ships whole, its README.md being the model card.
        """
        folders = {Path(*name.split(".")[1:]) for name in self.packages()}
        readmes = {folder / "README.md" for folder in folders}
        inside = {path for path in self.files() if path.parts[0] in LAYERS} - readmes
        return {path.as_posix() for path in inside} | {"__init__.py", "py.typed"}

    def text(self, path: Path | str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def parse(self, path: Path) -> ast.Module:
        # Without the collector: what it finalises meanwhile may print a traceback, which parses too, and of
        # two parses inside each other CPython 3.11 refuses the outer ("recursion depth mismatch").
        collects = gc.isenabled()
        gc.disable()
        try:
            return ast.parse(self.text(path), filename=str(path))
        finally:
            if collects:
                gc.enable()

    def pyproject(self) -> dict[str, Any]:
        return tomllib.loads(self.text("pyproject.toml"))


def run_python(*arguments: str, cwd: Path, env: dict[str, str] | None = None, timeout: float = 120) -> str:
    """Run this environment's Python with `arguments`; its stdout, or a failed test with its stderr."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"ended with {done.returncode}:\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def tree(root: Path) -> Tree:
    return Tree(root)


@pytest.fixture(scope="session", name="run_python")
def _run_python() -> Any:
    return run_python

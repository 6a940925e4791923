"""Every numbered example runs, offline, from a folder that is not the repository."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"
NUMBERED = sorted(FOLDER.glob("[0-9][0-9]_*.py"))


def test_the_examples_are_numbered_without_gaps():
    numbers = [int(path.name[:2]) for path in NUMBERED]

    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 6


@pytest.mark.browser
@pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)
def test_the_example_runs_and_prints_what_it_promises(path, tmp_path):
    """The last lines of an example's docstring, after "Prints:", are a pattern its output must match."""
    promised = re.search(r'^"""(?:.*?)\nPrints:\n\n?(.*?)"""', path.read_text(), re.DOTALL | re.MULTILINE)
    assert promised, "the docstring ends with what the example prints"

    done = subprocess.run(
        [sys.executable, path], cwd=tmp_path, capture_output=True, text=True, timeout=240, env={**os.environ}
    )

    assert done.returncode == 0, done.stderr
    for line in filter(None, map(str.strip, promised[1].splitlines())):
        assert re.search(re.escape(line).replace(r"\.\.\.", ".*"), done.stdout), done.stdout


def test_their_readme_lists_each_with_its_first_line():
    listed = re.findall(
        r"^\| \[(\d\d_\w+\.py)\]\(\1\) \| (.*) \|$", (FOLDER / "README.md").read_text(), re.MULTILINE
    )

    assert listed == [(path.name, path.read_text().splitlines()[0].removeprefix('"""')) for path in NUMBERED]

"""The programs in the README of `memory` run as they are printed."""

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).resolve().parents[2] / "memory" / "README.md").read_text()
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def run(program: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_program_does_what_it_says(tmp_path):
    assert run(PROGRAMS[0], tmp_path).startswith("The quantity field is ignored once the item is in the cart")
    assert (tmp_path / "memory" / "memory.sqlite3").exists()


def test_the_program_on_idle_jobs_derives_the_preference_that_it_shows(tmp_path):
    [program] = [each for each in PROGRAMS if "Consolidation" in each]

    assert "prefers aisle for seat: chosen 4 of 4 times 4 0.5" in run(program, tmp_path)


def test_there_is_no_program_that_no_test_runs():
    assert len(PROGRAMS) == 2

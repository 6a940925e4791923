"""The program in the README of `agents` runs as it is printed, and the roles it lists are those there are."""

import re
import subprocess
import sys
from pathlib import Path

from punchlist.agents.training.documents import ROLES

README = (Path(__file__).resolve().parents[2] / "agents" / "README.md").read_text()


def test_the_program_does_what_it_says(tmp_path):
    [program] = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == "confirmed: 12 because 12\n"


def test_the_roles_are_those_that_are_trained():
    assert sorted(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)) == sorted(ROLES)

"""The program in the README of `agents` runs as it is printed, and the roles it lists are those there are."""

import re
import subprocess
import sys
from pathlib import Path

from punchlist.agents.training.documents import ROLES

README = (Path(__file__).resolve().parents[2] / "agents" / "README.md").read_text()


def test_the_programs_do_what_they_say(tmp_path):
    programs = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    said = [
        "confirmed: 12 because stock green mugs -> 12\n",
        "{'count': Count(mugs=12), 'order': 'ordered 28'}\n",
    ]

    for program, expected in zip(programs, said, strict=True):
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == expected


def test_the_roles_are_those_that_are_trained():
    assert sorted(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)) == sorted(ROLES)

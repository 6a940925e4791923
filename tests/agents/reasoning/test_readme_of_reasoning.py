"""The program in the README of reasoning runs as it is printed, and its tables name what there is."""

import re
import subprocess
import sys
from pathlib import Path

from punchlist.agents import reasoning
from punchlist.agents.reasoning.strategy import SHORT, STRATEGIES

README = (Path(__file__).resolve().parents[3] / "agents" / "reasoning" / "README.md").read_text()


def test_the_program_does_what_it_says(tmp_path):
    [program] = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    [promised] = re.findall(r"^It prints `(.*?)`", README, re.MULTILINE)

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == promised


def test_the_strategies_are_those_there_are():
    rows = re.findall(r"^\| `([a-z-]+)`(?:, `([a-z-]+)`)? \| `(\w+)` \|", README, re.MULTILINE)

    assert {name: kind for name, _, kind in rows} == {name: kind for name, (_, kind) in STRATEGIES.items()}
    assert {short: name for name, short, _ in rows if short} == SHORT


def test_every_class_it_names_can_be_imported_from_the_front_door():
    named = set(re.findall(r"`([A-Z]\w+)[`(.]", README))

    assert named <= set(reasoning.__all__)

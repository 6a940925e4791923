"""The program in the README of `memory` runs as it is printed."""

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).resolve().parents[2] / "memory" / "README.md").read_text()


def test_the_program_does_what_it_says(tmp_path):
    [program] = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The quantity field is ignored once the item is in the cart")
    assert (tmp_path / "memory" / "memory.sqlite3").exists()

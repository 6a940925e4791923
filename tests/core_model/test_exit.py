"""A program that ends in the middle of a generation ends cleanly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from punchlist.core_model import Sampling, load_model
model = load_model(Path(sys.argv[1]))
model.engine.start([1, 2, 3], Sampling(max_tokens=250), on_token=lambda ids, logprobs: None, ignore_end=True)
"""


def test_leaving_with_a_request_under_way_is_no_crash(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)], check=False, timeout=60, capture_output=True
    )

    assert (done.returncode, done.stderr) == (0, b"")

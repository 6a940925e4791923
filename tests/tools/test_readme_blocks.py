"""The programs in the READMEs of `tools` run as they are printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def programs(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)


def run(program: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_programs_about_tools_do_what_their_comments_say(tmp_path):
    first, second = programs(TOOLS / "README.md")

    lines = run(first, tmp_path).splitlines()

    assert "ok=True, value=12" in lines[0]
    assert "ToolRaised" in lines[1] and "KeyError" in lines[1] and "ToolDenied" in lines[2]
    run(second, tmp_path)


@pytest.mark.browser
def test_the_programs_about_the_browser_run(tmp_path):
    from .browser.site import Site

    site = Site({"/": "<title>Shop</title><p>Welcome</p>"})
    here = [
        text.replace("http://127.0.0.1:8000", site.url) for text in programs(TOOLS / "browser" / "README.md")
    ]

    first, without_async, recorded = (run(program, tmp_path) for program in here)
    site.close()

    assert first.startswith("page /: Shop\n- Welcome\nok ")
    assert without_async == "page /: Shop\n- Welcome\nno effect\n"
    assert recorded.splitlines()[0].startswith("the step came out") and "sync_playwright" in recorded

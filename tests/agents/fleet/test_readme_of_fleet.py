"""The example of the README runs, on a Ray of its own fleet."""

import os
import re

import pytest

FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.ray
def test_the_block_of_the_readme_runs(ray, root, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = FENCE.findall((root / "agents/fleet/README.md").read_text(encoding="utf-8"))

    exec(block, {"__name__": "__main__"})

    said = capsys.readouterr().out
    assert "ada was paid in process" in said and f"process {os.getpid()}" not in said

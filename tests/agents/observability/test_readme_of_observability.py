"""The blocks of the README run, one after the other, over a journal of a real run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


async def test_the_blocks_of_the_readme_run(
    recorded: Any, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, _ = await recorded()
    monkeypatch.chdir(journal.parent)
    names: dict[str, Any] = {"journal": journal}

    for block in FENCE.findall((root / "agents/observability/README.md").read_text(encoding="utf-8")):
        exec(block, names)

    page, spans, alarm = capsys.readouterr().out.splitlines()
    assert int(page.split()[0]) == len((journal.parent / "run.html").read_text(encoding="utf-8"))
    assert "'invoke_agent worker 1'" in spans and "'invoke_workflow punchlist'" in spans
    assert alarm == "repeated nudge 'click Add' was done 3 times in the same state (1)"

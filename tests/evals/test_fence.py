"""`eval fence`: nothing gets out, the servers do count, and a browser left alone asks for nothing."""

import pytest

from punchlist.agents.evals import fence
from punchlist.agents.evals.fence_tables import TEXTS
from punchlist.agents.evals.fence_ways import QUICK, WAYS
from punchlist.agents.evals.harness import EvalOptions, execute

pytestmark = [pytest.mark.browser]
KNOWN = {way.name: way for way in WAYS}


def silent(line):
    pass


@pytest.mark.long
async def test_nothing_gets_out_by_the_ways_that_get_out_without_a_fence(monkeypatch):
    """Also where Playwright was told to let connections to this machine pass its proxy."""
    monkeypatch.setattr(fence, "PATIENCE", 0.6)
    monkeypatch.setenv("PLAYWRIGHT_DISABLE_FORCED_CHROMIUM_PROXIED_LOOPBACK", "1")
    async with fence.proving_ground(control=False) as ground:
        rows = [await ground.walk(KNOWN[name]) for name in QUICK]
        tables = {name: (await ground.table(name)).readable for name in fence.TABLES}
        watched = await ground.watch(1.0)

    assert tables["texts"] == {text.name: text.shown for text in TEXTS}
    assert len(tables["secrets"]) > 15 and not any(tables["secrets"].values())
    assert {row.way: row.hits for row in rows} == dict.fromkeys(QUICK, 0)
    assert {"rebinding", "private_name", "image", "blob_page"} <= {row.way for row in rows if row.refused}
    assert (watched.idle_requests, watched.elsewhere, watched.lookups) == (0, 0, 0)


@pytest.mark.long
async def test_without_a_fence_the_forbidden_server_is_reached():
    async with fence.proving_ground(control=True) as ground:
        rows = [await ground.walk(KNOWN[name]) for name in ("image", "stun")]

    assert all(row.unfenced and not row.hits for row in rows)


@pytest.mark.long
def test_the_whole_table(tmp_path, unexplained):
    found = execute("eval", "fence", EvalOptions(out=tmp_path / "x.jsonl", say=silent))["figures"]

    assert found["ways"] == len(WAYS) and found["hits"] == found["leaks"] == 0
    assert found["texts_wrong"] == found["secrets_readable"] == 0
    assert found["unfenced"] >= 80
    assert (found["idle_requests"], found["elsewhere"], found["lookups"]) == (0, 0, 0)
    assert unexplained(fence, found) == set()

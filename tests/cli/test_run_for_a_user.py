"""`punchlist run --user` from end to end: the embedded model orders, memory keeps the choices, they count."""

import re

import pytest

from punchlist.agents.cli.edge import DONE
from punchlist.examples.site import Site, goal

SEED = 0
SAYS = "Which delivery does Umberto choose?"
HIS = ("--user", "umberto")


@pytest.fixture(scope="module")
def shop():
    """A shop that lets nobody order without choosing a delivery."""
    with Site(SEED, flaws=()) as site:
        yield site


def order(punchlist, shop, text):
    return punchlist("run", text, "--site", shop.url, *HIS, model=None)


def listed(punchlist, kind, *whose):
    return punchlist("memory", "list", "--kind", kind, "--json", *whose).json()["records"]


@pytest.mark.browser
def test_what_a_user_chose_and_prefers_is_kept_found_and_used_in_the_next_run(punchlist, shop):
    whole = goal(SEED).text
    open_goal = whole.replace(", express", "")

    first = order(punchlist, shop, whole)
    found = punchlist("memory", "search", SAYS, *HIS).out
    punchlist("memory", "add", "Umberto always takes express delivery", "--kind", "preference", *HIS)
    second = order(punchlist, shop, open_goal)

    assert open_goal != whole and (first.code, second.code) == (DONE, DONE)
    assert "chose delivery: express" in found and "Umberto always" not in found
    assert re.search(r"options +card, express\n.*preferred +express, not in the goal", second.out, re.DOTALL)
    assert "preferred" not in first.out

    kept = listed(punchlist, "episode", *HIS)
    chosen = [each["text"] for each in kept]
    assert sorted(chosen) == ["chose delivery: express", "chose payment: card", "chose payment: card"]
    assert {each["standing"] for each in kept} == {"confirmed"}
    assert len({each["provenance"]["run"] for each in kept}) == 2
    [preference] = listed(punchlist, "preference", *HIS)
    assert preference["text"] == "Umberto always takes express delivery"
    again = punchlist("memory", "search", SAYS, *HIS).out
    assert "chose delivery: express" in again and "Umberto always takes express delivery" in again
    assert listed(punchlist, "episode", "--user", "grace") == []

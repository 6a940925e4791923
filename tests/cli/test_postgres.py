"""The command line on a journal in PostgreSQL: the same commands as with a file."""

import asyncio
import json
import re
import sys

import pytest

from punchlist.agents import FunctionWorker, Manager, Plan
from punchlist.protocols import Check

from ..protocols.conftest import postgres  # noqa: F401  # pyright: ignore[reportUnusedImport]


@pytest.fixture
def address(postgres):  # noqa: F811
    return postgres.url()


@pytest.fixture
def asking(address):
    """The address of a database with a run that waits for an answer."""

    async def asks(brief):
        return await brief.ask("Which colour?")

    plan = Plan()
    plan.task("paint", "paint", spec=[Check("it is there", bool)])
    plan.task("dry", "dry", after=[plan.node("paint")], spec=[Check("it is there", bool)])
    asyncio.run(Manager(None, [FunctionWorker("worker", asks)], journal=address).run(plan))
    return address


@pytest.mark.browser
def test_a_run_is_begun_interrupted_by_its_budget_resumed_and_shown(punchlist, address, tmp_path):
    run = ("run", "--demo", "--journal", address, "--memory", "none", "--json")
    begun = punchlist(*run, "--tokens", "1", model="string-match").json()

    resumed = punchlist("resume", address, "--tokens", "1000000", "--json", model="string-match").json()
    shown = punchlist("journal", "show", address).out
    verified = punchlist("journal", "verify", address, "--json").json()
    punchlist("journal", "report", address, "--html", "run.html")
    out = str(tmp_path / "run.jsonl")
    exported = punchlist("journal", "export", address, "--kind", "run", "--out", out, "--json").json()
    listed = punchlist("journal", "list", address, "--json").json()

    assert [begun["outcome"], resumed["outcome"]] == ["unverified", "confirmed"]
    assert begun["run"] == resumed["run"]
    assert "sesame" not in json.dumps([begun, resumed, shown, listed])
    assert begun["goal"] in shown and verified["intact"] and exported["run"] == resumed["run"]
    assert (tmp_path / "run.html").stat().st_size > 1000 and listed["runs"][0]["status"] == "confirmed"
    assert punchlist("journal", "verify", out).code == 0


def test_what_waits_is_seen_and_answered_and_the_plan_edited(punchlist, asking):
    (request,) = punchlist("answer", asking, "--json").json()["requests"]

    answered = punchlist("answer", asking, request["id"], "green")
    wrong = punchlist("answer", asking, "nothing", "green")
    edited = punchlist("plan", asking, "drop", "dry")

    assert (answered.code, wrong.code, edited.code) == (0, 2, 0)
    assert "Waiting: nothing" in wrong.err and "sesame" not in answered.out + wrong.err
    assert "dry" not in punchlist("plan", asking).out


def test_every_address_that_is_shown_can_be_pasted(punchlist, asking):
    said = punchlist("answer", asking).out
    listed = punchlist("journal", "list", asking).out
    wanting = punchlist("plan", asking, "drop").err
    unknown = punchlist("journal", "show", asking, "--run", "nothing").err

    command = next(line.split() for line in said.splitlines() if line.strip().startswith("punchlist answer"))
    addresses = [re.search(r"postgresql://[^\s']+", text) for text in (said, listed, wanting, unknown)]
    shown = {found.group() for found in addresses if found is not None}
    assert None not in addresses and len(shown) == 1 and "sesame" not in said + listed + wanting + unknown
    assert punchlist("answer", *command[2:4], "green").code == 0
    assert punchlist("journal", "show", *shown).code == 0


def test_an_address_that_leads_nowhere_is_one_sentence(punchlist, tmp_path):
    nowhere = f"postgresql://ada:secret@/nothing?host={tmp_path}"

    for words in (
        ["resume", nowhere],
        ["answer", nowhere],
        ["journal", "show", nowhere],
        ["journal", "list", nowhere],
    ):
        ended = punchlist(*words)
        assert ended.code == 2 and "secret" not in ended.err and ended.err.startswith("punchlist: ")


def test_without_the_extra_it_says_what_to_install(punchlist, monkeypatch):
    monkeypatch.delitem(sys.modules, "punchlist.protocols.postgres", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)

    ended = punchlist("journal", "show", "postgresql://ada@/nothing")

    assert ended.code == 2 and 'pip install "punchlist[postgres]"' in ended.err


def test_think_keeps_its_journal_in_a_file(punchlist):
    ended = punchlist("think", "Why?", "--journal", "postgresql://ada@/nothing")

    assert ended.code == 2 and "in a file" in ended.err

"""`punchlist journal tree` and `journal export`: what searches on record did, printed, drawn, made rows."""

import json
from xml.etree import ElementTree

import pytest

from punchlist.agents.cli.edge import DONE, USAGE
from punchlist.agents.reasoning import Beam, Checked, Prompt, Sampled, Thinking, Trace
from punchlist.agents.reasoning.tree import Kind
from punchlist.agents.testing import ScriptedModel
from punchlist.protocols.journal import Journal

from ..agents.reasoning.test_export import Spell


async def search(trace, kind: Kind = "tool", scope=""):
    """Spell a word, with what is not in it refused, into a trace."""
    texts = ("c", "a\x1b[31m", "b", "x")
    model = ScriptedModel(lambda question: texts[(len(model.asked) - 1) % 4])
    judge = Checked(lambda node: float(node.answer == "cab") if node.terminal else 0.5, kind=kind)
    proposer = Sampled(lambda node: Prompt.of(f"after {node.state}"), read=lambda text: text[:1])
    door = Thinking(model, trace=trace)
    await Beam(beam=2, width=4, depth=3).run(Spell(), proposer, judge, door.within(scope) if scope else door)


@pytest.fixture
async def recorded(tmp_path, monkeypatch):
    """A journal with searches of two tasks, the second with a trial inside."""
    monkeypatch.chdir(tmp_path)
    with Journal.open(tmp_path / "j.db") as journal:
        journal.begin("r", "Spell it.")
        await search(Trace(journal, "r", "1.word#ab12", 1))
        second = Trace(journal, "r", "2.word#cd34", 2)
        await search(second, scope="trial 1")
        second.add("reflected", lesson="Begin with c.")
    return tmp_path / "j.db"


async def test_it_prints_values_reasons_and_the_best_of_every_search(punchlist, recorded):
    ended = punchlist("journal", "tree", "j.db")

    assert ended.code == DONE
    assert "1.word, attempt 1: Spell it." in ended.out and "2.word, attempt 2" in ended.out
    assert "dead: no x" in ended.out and "pruned: place" in ended.out
    assert "1.00 b  => cab  the best" in ended.out and "├─" in ended.out
    assert "trial 1" in ended.out and "Begin with c." in ended.out
    assert "\x1b" not in ended.out


async def test_the_name_of_a_search_is_told_once(punchlist, recorded):
    out = punchlist("journal", "tree", "j.db").out.splitlines()

    setup = "beam 2, width 4, depth 3, enough 1.0"
    assert [line for line in out if "beam" in line and "pruned" not in line] == [
        "beam",
        setup,
        f"beam ({setup})",
    ]


async def test_show_says_where_thoughts_are_shown(punchlist, recorded):
    assert punchlist("journal", "show", "j.db").out.endswith("punchlist journal tree j.db\n")


async def test_a_task_and_a_scope_narrow_it_down(punchlist, recorded):
    out = punchlist("journal", "tree", "j.db", "--task", "2.word", "--scope", "trial 1").out

    assert "1.word" not in out and "trial 1" in out and "Begin with c." not in out


async def test_a_limit_counts_what_it_leaves_out(punchlist, recorded):
    out = punchlist("journal", "tree", "j.db", "--task", "1.word", "--limit", "1").out

    assert " more: " in out and out.count("─ ") < 12


@pytest.mark.parametrize("name", ["tree.svg", "deep/tree.html"])
async def test_a_picture_is_written_by_the_ending_of_its_name(punchlist, recorded, name):
    ended = punchlist("journal", "tree", "j.db", "--out", name)

    text = (recorded.parent / name).read_text(encoding="utf-8")
    assert ended.code == DONE and name in ended.out
    assert "1.word, attempt 1" in text and "trial 1" in text
    if name.endswith("svg"):
        assert ElementTree.fromstring(text) is not None


async def test_as_json_it_is_an_event_a_line(punchlist, recorded):
    rows = [json.loads(line) for line in punchlist("journal", "tree", "j.db", "--json").out.splitlines()]

    assert {row["task"] for row in rows} == {"1.word#ab12", "2.word#cd34"}
    assert {"began", "node", "scored", "stopped"} <= {row["what"] for row in rows}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--out", "a.png"], "neither in .svg nor in .html"),
        (["--task", "9.none"], "There are: 1.word, 2.word"),
        (["--scope", "trial 7"], "There are: 'trial 1'"),
        (["--run", "zz"], "zz"),
    ],
    ids=" ".join,
)
async def test_what_is_not_there_is_named_with_what_is(punchlist, recorded, arguments, says):
    ended = punchlist("journal", "tree", "j.db", *arguments)

    assert ended.code == USAGE and says in ended.err


@pytest.mark.parametrize("command", [["tree"], ["export", "--kind", "sft", "--out", "x.jsonl"]])
def test_a_run_without_a_search_says_what_would_record_one(punchlist, tmp_path, command):
    with Journal.open(tmp_path / "plain.db") as journal:
        journal.begin("r", "Order mugs.")

    ended = punchlist("journal", command[0], "plain.db", *command[1:])

    assert ended.code == USAGE and "holds no search" in ended.err and "--strategy" in ended.err


async def test_rows_of_both_kinds_are_exported(punchlist, recorded):
    told = punchlist("journal", "export", "j.db", "--kind", "sft", "--out", "s.jsonl", "--json").json()
    punchlist("journal", "export", "j.db", "--kind", "preferences", "--out", "p.jsonl")

    rows = [json.loads(line) for line in (recorded.parent / "s.jsonl").read_text().splitlines()]
    pairs = [json.loads(line) for line in (recorded.parent / "p.jsonl").read_text().splitlines()]
    assert told == {"kind": "sft", "rows": len(rows), "out": "s.jsonl"}
    assert rows[0]["prompt"] == [{"role": "user", "content": "after "}] and rows[0]["answer"] == "c"
    assert {pair["chosen_value"] for pair in pairs} == {1.0} and {"chosen", "rejected"} <= pairs[0].keys()


async def test_an_export_of_what_an_oracle_judged_is_refused_until_it_is_asked_for(punchlist, recorded):
    with Journal.open(recorded) as journal:
        journal.begin("o", "Spell it again.")
        await search(Trace(journal, "o"), kind="oracle")
    command = ("journal", "export", "j.db", "--kind", "sft", "--out", "o.jsonl")

    refused, made = punchlist(*command), punchlist(*command, "--trust", "oracle")

    assert refused.code == USAGE and "--trust oracle" in refused.err
    assert made.code == DONE
    assert "--trust has 'nobody'" in punchlist(*command, "--trust", "nobody").err


async def test_where_nothing_was_verified_nothing_is_written(punchlist, recorded):
    ended = punchlist(
        "journal", "export", "j.db", "--kind", "sft", "--out", "n.jsonl", "--trust", "environment"
    )

    assert ended.code == USAGE and "no answer that led to an end judged good by environment" in ended.err
    assert not (recorded.parent / "n.jsonl").exists()

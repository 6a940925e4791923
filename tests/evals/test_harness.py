"""Options, ledgers that survive a kill, intervals, and the one JSON form of all measurements."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from punchlist.agents.cli import main
from punchlist.agents.evals import explorer, harness
from punchlist.agents.evals.harness import EvalOptions, Measuring, OptionRefused, UnknownMeasurement, execute
from punchlist.agents.evals.ledger import EvalError, Ledger, LedgerDamaged, LedgerInUse, LedgerMismatch

HEAVY = {"torch", "playwright", "chromadb", "sentence_transformers", "llguidance"}
SHOP = next(entry for entry in harness.MEASUREMENTS if entry.name == "shop")


def silent(line):
    """A double for stderr."""


def measuring(path, **options):
    return Measuring(SHOP, EvalOptions(out=path, say=silent, **options), {"model": "double"})


async def square(key):
    return {"square": int(key) ** 2}


def test_the_registry_knows_what_can_be_measured():
    assert {"shop", "embedded", "explorer", "kill"} <= set(harness.names("eval"))
    assert "demo" in harness.names("bench")
    assert "string-match" not in harness.names("eval")


def test_importing_the_harness_loads_nothing_heavy():
    code = "import punchlist.agents.evals.harness, sys; print(*(m.split('.')[0] for m in sys.modules))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert HEAVY & set(loaded.stdout.split()) == set()


def test_an_unknown_measurement_is_answered_with_the_known_ones():
    with pytest.raises(UnknownMeasurement, match=r"no eval 'string-match'.*shop"):
        execute("eval", "string-match", EvalOptions(say=silent))


def test_an_option_that_means_nothing_here_is_refused_not_ignored():
    with pytest.raises(OptionRefused, match=r"'explorer' refuses --model"):
        execute("eval", "explorer", EvalOptions(model="string-match", say=silent))
    with pytest.raises(OptionRefused, match=r"'kill' refuses --no-compare: it takes json, limit, .*parallel"):
        execute("eval", "kill", EvalOptions(compare=False, say=silent))


@pytest.mark.parametrize("given", [{"resume": True}, {"out": Path("x.jsonl")}], ids=str)
def test_a_measurement_without_a_ledger_refuses_the_options_of_one(given):
    with pytest.raises(OptionRefused, match="'demo' refuses"):
        execute("bench", "demo", EvalOptions(**given, say=silent))


@pytest.mark.parametrize(
    ("kind", "others"), [("eval", ["clone", "report"]), ("bench", ["resume", "seed", "out"])]
)
def test_help_lists_the_measurements_and_only_options_that_one_of_them_takes(kind, others, capsys):
    with pytest.raises(SystemExit):
        main([kind, "--help"])

    text = capsys.readouterr().out
    assert all(f"  {name}" in text and about in text for name, about in harness.abouts(kind).items())
    assert [option for option in others if f"--{option}" in text] == []
    assert all(f"--{option}" in text for option in ("json", "quick", "model"))


@pytest.mark.parametrize("shard", ["0/2", "3/2", "half", "1/0"])
def test_a_shard_that_cannot_be_is_refused(tmp_path, shard):
    with measuring(tmp_path / "x.jsonl", shard=shard) as work, pytest.raises(OptionRefused, match="shard"):
        work.shard(["a", "b"])


async def test_items_that_a_killed_measurement_finished_are_not_done_again(tmp_path):
    done = []

    async def recorded(key):
        done.append(key)
        return await square(key)

    with measuring(tmp_path / "x.jsonl") as work:
        await work.each(["1", "2"], recorded)
    with measuring(tmp_path / "x.jsonl", resume=True) as work:
        rows = await work.each(["1", "2", "3"], recorded)

    assert done == ["1", "2", "3"]
    assert rows == [{"square": 1}, {"square": 4}, {"square": 9}]


async def test_an_error_of_an_item_comes_out_as_itself_and_what_was_done_is_kept(tmp_path):
    async def fails_at_two(key):
        if key == "2":
            raise EvalError("two cannot be done")
        return await square(key)

    with measuring(tmp_path / "x.jsonl") as work, pytest.raises(EvalError, match="two cannot"):
        await work.each(["1", "2", "3"], fails_at_two)

    with measuring(tmp_path / "x.jsonl", resume=True) as work:
        assert "1" in work.ledger().rows
        assert "2" not in work.ledger().rows


async def test_a_line_that_a_kill_cut_short_is_measured_again(tmp_path):
    path = tmp_path / "x.jsonl"
    with measuring(path) as work:
        await work.each(["1", "2"], square)
    path.write_bytes(path.read_bytes()[:-5])

    with measuring(path, resume=True) as work:
        kept = dict(work.ledger().rows)
        rows = await work.each(["1", "2"], square)

    assert list(kept) == ["1"]
    assert rows == [{"square": 1}, {"square": 4}]
    assert [json.loads(line).get("key") for line in path.read_text().splitlines()] == [None, "1", "2"]


async def test_without_resume_a_measurement_begins_anew_and_the_former_one_is_put_aside(tmp_path):
    for _ in range(2):
        with measuring(tmp_path / "x.jsonl") as work:
            assert work.ledger().rows == {}
            await work.each(["1"], square)

    assert (tmp_path / "x.jsonl.old").read_text() == (tmp_path / "x.jsonl").read_text()


async def test_whoever_stops_a_measurement_is_told_how_to_go_on(tmp_path):
    said = []
    options = EvalOptions(out=tmp_path / "x.jsonl", say=said.append)

    with pytest.raises(KeyboardInterrupt), Measuring(SHOP, options) as work:
        await work.each(["1"], square)
        raise KeyboardInterrupt

    assert "1 results" in said[-1]
    assert "--resume" in said[-1]


async def test_shards_together_make_the_whole(tmp_path):
    path = tmp_path / "x.jsonl"
    for shard in ("1/2", "2/2"):
        with measuring(path, shard=shard) as work:
            await work.each(["1", "2", "3"], square)

    with measuring(path, resume=True) as work:
        rows = await work.each(["1", "2", "3"], square)

    assert work.kept == 3
    assert rows == [{"square": 1}, {"square": 4}, {"square": 9}]


def test_a_ledger_of_other_settings_is_not_added_to(tmp_path):
    Ledger(tmp_path / "x.jsonl", "shop", {"model": "a"}).close()

    with pytest.raises(LedgerMismatch, match="--resume"):
        Ledger(tmp_path / "x.jsonl", "shop", {"model": "b"}, resume=True)


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "x.jsonl"
    Ledger(path, "shop", {}).close()
    path.write_text(path.read_text() + "nonsense\n")

    with pytest.raises(LedgerDamaged, match="Line 2"):
        Ledger(path, "shop", {}, resume=True)


def test_two_processes_do_not_write_one_ledger(tmp_path):
    first = Ledger(tmp_path / "x.jsonl", "shop", {})

    with pytest.raises(LedgerInUse):
        Ledger(tmp_path / "x.jsonl", "shop", {})

    first.close()


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (90, 100, 0.8256, 0.9448),
    ],
)
def test_intervals_are_wilsons(hits, total, low, high):
    assert harness.wilson(hits, total) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_a_rate_of_nothing_is_null_not_zero():
    assert harness.rate("x", []) == {"x": None, "x_low": 0.0, "x_high": 1.0}


def test_every_measurement_speaks_the_one_json_form(tmp_path, unexplained):
    found = execute("eval", "explorer", EvalOptions(limit=1, out=tmp_path / "x.jsonl", say=silent))

    assert list(found) == ["name", "figures", "settings", "machine", "seconds"]
    assert json.loads(json.dumps(found)) == found
    assert {"configurations", "planted", "found", "seconds"} <= set(found["figures"])
    assert found["figures"]["planted"] == found["figures"]["found"] == 1
    assert found["figures"]["violations"] == 0
    assert found["figures"]["configurations_two_workers"] == found["figures"]["configurations"] > 1000
    assert unexplained(explorer, found["figures"]) == set()

"""`tasks`, `doctor`, `train`, `eval` and `bench`: what they print, and what they refuse."""

import json
from collections.abc import Iterable

import pytest

from punchlist.agents.cli.doctor import browser, driver, embedder, fence
from punchlist.agents.cli.edge import DONE, USAGE, SettingsError
from punchlist.agents.cli.figures import lines, options_of
from punchlist.agents.cli.parser import build_parser
from punchlist.agents.cli.training import Progress, check_folder, newest_line, progress_line
from punchlist.agents.families import FAMILIES
from punchlist.memory.onnx_minilm import made_model
from punchlist.tools.browser.fence import Fence, Resolve

LINE = {"step": 50, "loss": 1.25, "tokens_per_second": 7000.0, "seconds": 60.0, "accuracy_plan": 0.5}


def test_tasks_lists_every_family_with_its_example(punchlist):
    out = punchlist("tasks").out

    assert all(family.name in out and family.example in out for family in FAMILIES.values())
    assert [family["name"] for family in punchlist("tasks", "--json").json()["families"]] == list(FAMILIES)


def test_doctor_names_what_is_missing_and_what_to_do_and_still_checks_the_rest(punchlist, monkeypatch):
    monkeypatch.setenv("PUNCHLIST_BROWSER", "/nowhere/chromium")

    ended = punchlist("doctor", "--json", "--install")

    checks = {check["name"]: check for check in ended.json()["checks"]}
    assert ended.code == USAGE
    assert not checks["browser"]["ok"]
    assert "playwright install" in checks["browser"]["text"]
    assert checks["python"]["ok"] and checks["torch"]["ok"] and checks["journal"]["ok"]


@pytest.mark.browser
def test_doctor_tries_the_driver_and_the_fence(monkeypatch):
    """And fails where the fence stands open."""

    class Everything(frozenset[object]):
        def __contains__(self, _: object) -> bool:
            return True

    class Open(Fence):
        def __init__(self, allow: Iterable[str] = (), resolve: Resolve | None = None) -> None:
            super().__init__(allow, resolve)
            self.allowed = Everything()

    assert driver().startswith("Playwright 1.") and "could not reach" in fence()
    monkeypatch.setattr("punchlist.tools.browser.browser.Fence", Open)

    with pytest.raises(SettingsError, match="Let this browser act on nothing"):
        fence()


def test_doctor_says_which_embedder_there_is_and_whether_its_file_is_made(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = embedder()
    made_model("int8")

    assert before.startswith("minilm-int8, sha256 of weights and tokenizer as pinned")
    assert before.endswith(f"{tmp_path}/punchlist/embedders: none made yet, the first text makes one")
    assert embedder().endswith(": int8 made")


def test_doctor_says_why_a_browser_does_not_run(monkeypatch, tmp_path):
    program = tmp_path / "chromium"
    program.write_text(
        '#!/bin/sh\necho "$0: error while loading shared libraries: libgbm.so.1: no" >&2\nexit 127\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PUNCHLIST_BROWSER", str(program))

    with pytest.raises(SettingsError, match=r"library libgbm.so.1 \(as root: .*install-deps chromium"):
        browser()


def test_a_training_is_neither_overwritten_nor_continued_by_mistake(tmp_path):
    check_folder(tmp_path, resuming=False)
    with pytest.raises(SettingsError, match="holds no training"):
        check_folder(tmp_path, resuming=True)

    (tmp_path / "state.pt").touch()

    check_folder(tmp_path, resuming=True)
    with pytest.raises(SettingsError, match="--resume"):
        check_folder(tmp_path, resuming=False)


def test_progress_is_read_from_whole_lines_of_the_log(tmp_path):
    log = tmp_path / "log.jsonl"
    assert newest_line(log) is None

    log.write_text(json.dumps(LINE) + "\n" + '{"step": 51, "lo')

    assert newest_line(log) == LINE
    assert progress_line(LINE, 100) == "step 50/100  loss 1.250  7,000 tokens/s  about 1 min left  plan 50%"


def test_progress_tells_a_line_once(tmp_path):
    told: list[str] = []
    (tmp_path / "log.jsonl").write_text(json.dumps(LINE) + "\n")

    with Progress(tmp_path / "log.jsonl", 100, told.append) as progress:
        progress.tell()

    assert len(told) == 1


@pytest.mark.parametrize("kind", ["eval", "bench"])
def test_without_a_name_the_measurements_are_listed(punchlist, kind):
    ended = punchlist(kind)

    assert ended.code == DONE
    assert {"eval": "shop", "bench": "demo"}[kind] in ended.out


def test_the_options_reach_the_measurement():
    parsed = build_parser().parse_args(
        "eval shop --limit 5 --seed 2 --shard 1/4 --out f --no-compare --model m".split()
    )

    options = options_of(parsed)

    assert (options.limit, options.seed, options.shard, options.compare, options.model) == (
        5,
        2,
        "1/4",
        False,
        "m",
    )
    assert str(options.out) == "f"


def test_a_figure_stands_beside_its_interval():
    figures = {"right": 0.9, "right_low": 0.82, "right_high": 0.95, "lost": None}
    made = {
        "name": "shop",
        "seconds": 3.0,
        "figures": figures,
        "settings": {"quick": True},
        "machine": {"cores": 2},
    }

    printed = lines(made)

    assert printed[1].split() == ["right", "0.9", "95", "%:", "0.82", "to", "0.95"]
    assert printed[2].split() == ["lost", "not", "measured"]
    assert len(printed) == 5

"""What a newcomer waits for, on a repository that stands in for ours."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from punchlist.agents.evals import demo
from punchlist.agents.evals.harness import MEASUREMENTS, EvalOptions, Measuring, execute

needs_git_and_make = pytest.mark.skipif(
    not (shutil.which("git") and shutil.which("make")), reason="git or make is not installed"
)


def silent(line):
    """A double for stderr."""


@pytest.fixture
def repository(tmp_path):
    """A repository whose demo is `recipe`."""

    def made(recipe):
        folder = tmp_path / "repository"
        folder.mkdir()
        (folder / "Makefile").write_text(f"demo:\n\t@{recipe}\n")
        git = ["git", "-C", str(folder), "-c", "user.name=double", "-c", "user.email=double@example.org"]
        for command in (["init", "-q"], ["add", "Makefile"], ["commit", "-qm", "Begin"]):
            subprocess.run([*git, *command], check=True)
        return folder

    return made


def is_gone(pid, patience=5.0):
    """Whether a process ends within `patience` seconds; one that nobody has waited for yet has ended."""
    until = time.monotonic() + patience
    stat = Path(f"/proc/{pid}/stat")
    while time.monotonic() < until:
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def run(folder, **options):
    return execute("bench", "demo", EvalOptions(model="string-match", clone=folder, say=silent, **options))


@needs_git_and_make
def test_the_demo_runs_twice_in_one_fresh_clone(repository, unexplained):
    made = run(repository("test $$(ls | wc -l) -le 2 && touch x$$$$"))

    figures = made["figures"]
    assert 0 < figures["first_run_seconds"] < 60
    assert 0 < figures["second_run_seconds"] < 60
    assert 0 < figures["import_seconds"] < 10
    assert unexplained(demo, figures) == set()


@needs_git_and_make
def test_a_demo_that_ends_unverified_is_measured_and_called_so(repository):
    made = run(repository("exit 3"))

    assert 0 < made["figures"]["second_run_seconds"] < 60
    assert made["settings"]["demo"] == "unverified"
    assert "skipped" not in made["settings"] or "first_run_seconds" not in made["settings"]["skipped"]


@needs_git_and_make
def test_a_demo_that_fails_is_not_measured_and_its_last_words_are_kept(repository):
    made = run(repository("echo no browser here >&2; exit 7"))

    assert made["figures"]["first_run_seconds"] is None
    assert "no browser here" in made["settings"]["skipped"]["first_run_seconds"]


@needs_git_and_make
def test_a_demo_that_does_not_end_is_killed_with_all_that_it_started(repository, tmp_path):
    """What a browser's driver starts has a process group of its own, so killing make's is not enough."""
    source = repository(f"setsid tail -f /dev/null & echo $$! > {tmp_path}/pid; tail -f /dev/null")
    measuring = Measuring(MEASUREMENTS[-1], EvalOptions(say=silent))

    with pytest.raises(demo.CannotMeasure, match="did not end in 1 s"):
        list(demo.clone_and_run(measuring, source, patience=1))

    assert is_gone(int((tmp_path / "pid").read_text()))


def test_what_cannot_be_measured_is_null_with_its_reason(tmp_path):
    made = run(tmp_path)

    assert made["figures"]["first_run_seconds"] is made["figures"]["tokens_per_second"] is None
    assert "does not run in this process" in made["settings"]["skipped"]["tokens_per_second"]
    assert set(made["settings"]["skipped"]) >= {"clone_seconds", "first_run_seconds", "second_run_seconds"}


def test_quick_leaves_out_the_clone(tmp_path):
    assert "--quick" in run(tmp_path, quick=True)["settings"]["skipped"]["second_run_seconds"]

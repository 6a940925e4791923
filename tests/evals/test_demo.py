"""What a newcomer waits for, on a repository that stands in for ours."""

import shutil
import subprocess

import pytest

from punchlist.agents.evals.harness import EvalOptions, execute

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


def run(folder, **options):
    return execute("bench", "demo", EvalOptions(model="string-match", clone=folder, say=silent, **options))


@needs_git_and_make
def test_the_demo_runs_twice_in_one_fresh_clone(repository):
    made = run(repository("test $$(ls | wc -l) -le 2 && touch x$$$$"))

    figures = made["figures"]
    assert 0 < figures["first_run_seconds"] < 60
    assert 0 < figures["second_run_seconds"] < 60
    assert 0 < figures["import_seconds"] < 10


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


def test_what_cannot_be_measured_is_null_with_its_reason(tmp_path):
    made = run(tmp_path)

    assert made["figures"]["first_run_seconds"] is made["figures"]["tokens_per_second"] is None
    assert "does not run in this process" in made["settings"]["skipped"]["tokens_per_second"]
    assert {"first_run_seconds", "second_run_seconds"} <= set(made["settings"]["skipped"])


def test_quick_leaves_out_the_clone(tmp_path):
    assert "--quick" in run(tmp_path, quick=True)["settings"]["skipped"]["second_run_seconds"]

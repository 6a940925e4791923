"""What a stranger meets who types `make demo`: one clear sentence wherever something is missing."""

import os
import shutil
import subprocess

import pytest


def run(command, cwd, **env):
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False
    )


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def checkout(tree, tmp_path):
    """A folder with what set-up reads, and nothing that it makes."""
    for path in ("Makefile", "pyproject.toml", "constraints.txt", "scripts/setup.sh", "scripts/browser.sh"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(tree.root / path, tmp_path / path)
    return tmp_path


def test_an_old_python_is_named_with_its_version_and_the_way_out(checkout):
    old = program(checkout / "old-python", 'case "$2" in *platform*) echo 3.9.2;; *) exit 1;; esac')

    done = run(["make", "setup", f"PYTHON={old}"], checkout)

    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "is 3.9.2" in done.stderr
    assert "make demo PYTHON=" in done.stderr


def test_a_python_without_venv_is_told_which_package_to_install(checkout):
    bare = program(checkout / "bare-python", 'case "$2" in *ensurepip*) exit 1;; *version_info*%d*) echo 3.12;; esac')

    done = run(["make", "setup", f"PYTHON={bare}"], checkout)

    assert done.returncode != 0
    assert "apt-get install python3.12-venv" in done.stderr


def test_the_size_of_torch_is_said_before_it_is_fetched(checkout):
    """The double stands for the venv's Python: it has no torch, and its pip says what it was asked for."""
    program(checkout / ".venv/bin/python", 'case "$*" in *version_info*) exit 0;; *pip*) echo "pip: $*"; exit 9;; esac; exit 1')

    done = run(["make", "setup"], checkout)

    said, asked = done.stdout.index("2.7 GB"), done.stdout.index("pip: -m pip")
    assert said < asked
    assert "TORCH_INDEX=https://download.pytorch.org/whl/cpu" in done.stdout[said:asked]
    assert done.returncode != 0


def test_a_named_index_serves_torch_alone(checkout):
    program(checkout / ".venv/bin/python", 'case "$*" in *version_info*) exit 0;; *pip*) echo "pip: $*"; exit 9;; esac; exit 1')

    done = run(["make", "setup", "TORCH_INDEX=https://wheels.example/cpu"], checkout)

    assert "install --no-deps" in done.stdout
    assert "--index-url https://wheels.example/cpu torch" in done.stdout


@pytest.mark.parametrize("target", ["setup", "demo", "test"])
def test_a_second_call_sets_nothing_up(checkout, target):
    stamp = checkout / ".venv" / ".setup-done"
    stamp.parent.mkdir()
    stamp.touch()

    done = run(["make", "--dry-run", target], checkout)

    assert done.returncode == 0
    assert "setup.sh" not in done.stdout


def test_changed_pins_are_installed(checkout):
    stamp = checkout / ".venv" / ".setup-done"
    stamp.parent.mkdir()
    stamp.touch()
    os.utime(stamp, (1, 1))

    assert "setup.sh" in run(["make", "--dry-run", "setup"], checkout).stdout


def test_the_pins_cover_every_direct_dependency(tree):
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in tree.text("constraints.txt").split() if "==" in line}
    project = tree.pyproject()["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]

    assert [name for name in wanted if name.split(">=")[0].lower() not in pinned] == []


def test_continuous_integration_runs_what_a_user_runs(tree):
    assert "exec make test" in tree.text(".ci/run")
    assert os.access(tree.root / ".ci/run", os.X_OK)

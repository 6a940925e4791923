"""What a stranger meets who types `make demo`: one clear sentence wherever something is missing."""

import os
import re
import shutil
import subprocess
import sys

import pytest

# Doubles, as shell. The first is a venv's Python without torch, whose pip says what it is asked for.
VENV_WITHOUT_TORCH = (
    'case "$*" in *version_info*|*"pip --version") exit 0;; *pip*) echo "pip: $*"; exit 9;; esac; exit 1'
)


def run(command, cwd, **env):
    """Run to the end; a variable given as None is unset."""
    environment = {name: value for name, value in {**os.environ, **env}.items() if value is not None}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def checkout(tree, tmp_path):
    """A folder with what set-up reads, and nothing that it makes."""
    for path in ("Makefile", "pyproject.toml", "constraints.txt", "scripts/setup.sh", "scripts/browser.py"):
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
    bare = program(checkout / "bare-python", 'case "$2" in *ensurepip*) exit 1;; *%d*) echo 3.12;; esac')

    done = run(["make", "setup", f"PYTHON={bare}"], checkout)

    assert done.returncode != 0
    assert "apt-get install python3.12-venv" in done.stderr


def test_the_size_of_torch_is_said_before_it_is_fetched(checkout):
    program(checkout / ".venv/bin/python", VENV_WITHOUT_TORCH)

    done = run(["make", "setup"], checkout)

    said, asked = done.stdout.index("2.7 GB"), done.stdout.index("pip: -m pip")
    assert said < asked
    assert "TORCH_INDEX=https://download.pytorch.org/whl/cpu" in done.stdout[said:asked]
    assert done.returncode != 0


def test_a_venv_whose_making_was_interrupted_is_made_again(checkout):
    program(checkout / ".venv/bin/python", 'case "$*" in *version_info*) exit 0;; esac; exit 1')
    making = program(
        checkout / "python", 'case "$2" in *%d*) echo 3.12;; venv) echo "venv $*"; exit 9;; esac'
    )

    done = run(["make", "setup", f"PYTHON={making}"], checkout)

    assert "making .venv with Python 3.12" in done.stdout
    assert "venv -m venv --clear .venv" in done.stdout


@pytest.mark.parametrize(("code", "says"), [(0, False), (3, True), (4, False)])
def test_a_demo_that_ends_unverified_says_what_its_exit_code_means(checkout, code, says):
    program(checkout / ".venv/bin/punchlist", f"exit {code}")
    (checkout / ".venv" / ".setup-done").touch()

    done = run(["make", "demo"], checkout)

    assert ("the order was not verified (exit code 3)" in done.stdout) is says
    assert (f"Error {code}" in done.stderr) is (code != 0)


def test_the_tests_begin_with_lint_and_types(checkout):
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / ".setup-done").touch()

    steps = run(["make", "--dry-run", "test"], checkout).stdout

    order = [steps.index(step) for step in ("ruff check", "bin/pyright", "-m pytest")]
    assert order == sorted(order)


def test_a_named_index_serves_torch_alone(checkout):
    program(checkout / ".venv/bin/python", VENV_WITHOUT_TORCH)

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


# A double of Playwright: its driver needs libatomic1, there is no network, and a browser opens a page where
# its file says "works".
PLAYWRIGHT_MAIN = """
import os, sys
if not os.path.exists(os.environ["HOME"] + "/libatomic1"):
    sys.exit("driver/node: error while loading shared libraries: libatomic.so.1")
if sys.argv[1] == "install":
    sys.exit("Error: getaddrinfo ENOTFOUND cdn.playwright.dev")
"""
PLAYWRIGHT_SYNC_API = """
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import MagicMock

@contextmanager
def sync_playwright():
    playwright = MagicMock()
    def launch(executable_path, timeout):
        if "works" not in Path(executable_path).read_text():
            raise OSError("the browser ended")
        return MagicMock()
    playwright.chromium.launch = launch
    yield playwright
"""
APT_GET = """echo "apt-get $*"
case "$*" in
    *libatomic1*) echo > "$HOME/libatomic1" ;;
    *install*chromium*) echo "works" > "$HOME/path/chromium-headless-shell"
        /bin/chmod +x "$HOME/path/chromium-headless-shell" ;;
esac
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="system packages are installed by root only")


@pytest.fixture
def bare_machine(tree, tmp_path):
    """A machine with a shell and no browser: its folder of programs, and a run of browser.py on it."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sh").symlink_to("/bin/sh")
    (tmp_path / "libatomic1").touch()
    (tmp_path / "doubles" / "playwright").mkdir(parents=True)
    for name, text in (("__init__", ""), ("__main__", PLAYWRIGHT_MAIN), ("sync_api", PLAYWRIGHT_SYNC_API)):
        (tmp_path / "doubles" / "playwright" / f"{name}.py").write_text(text)

    def look(**env):
        named = {"PUNCHLIST_BROWSER": None, "BROWSER_EXECUTABLE": None, "PLAYWRIGHT_BROWSERS_PATH": None}
        places = {
            "PATH": str(tmp_path / "path"),
            "HOME": str(tmp_path),
            "PYTHONPATH": str(tmp_path / "doubles"),
        }
        return run([sys.executable, tree.root / "scripts/browser.py"], tmp_path, **{**named, **places, **env})

    return tmp_path / "path", look


def test_an_installed_browser_is_taken_and_nothing_downloaded(bare_machine):
    folder, look = bare_machine
    program(folder / "google-chrome", "works")

    done = look()

    assert done.returncode == 0
    assert done.stdout == f"setup: browser: {folder}/google-chrome\n"


def test_a_named_browser_that_opens_no_page_is_said_and_nothing_is_installed_over_it(bare_machine):
    folder, look = bare_machine
    program(folder / "apt-get", APT_GET)
    program(folder / "mine", "does not")

    done = look(PUNCHLIST_BROWSER=str(folder / "mine"))

    assert done.returncode == 1
    assert "the browser ended" in done.stderr
    assert "apt-get" not in done.stdout


@needs_root
def test_without_network_root_gets_the_distributions_browser(bare_machine):
    folder, look = bare_machine
    program(folder / "apt-get", APT_GET)

    done = look()

    steps = ("apt-get update", "apt-get install", f"browser: {folder}/chromium-headless-shell")
    order = [done.stdout.index(step) for step in steps]
    assert order == sorted(order)
    assert done.returncode == 0


@needs_root
def test_the_library_that_a_minimal_debian_lacks_is_installed(bare_machine):
    """Playwright's driver is a node that needs libatomic1, which minimal images do not have."""
    folder, look = bare_machine
    program(folder / "google-chrome", "works")
    program(folder / "apt-get", APT_GET)
    (folder.parent / "libatomic1").unlink()

    done = look()

    assert "libatomic1" in done.stdout
    assert done.returncode == 0


def test_where_that_library_cannot_be_installed_it_is_named(bare_machine):
    folder, look = bare_machine
    (folder.parent / "libatomic1").unlink()

    done = look()

    assert done.returncode == 1
    assert "sudo apt-get install libatomic1" in done.stderr


def test_where_no_browser_can_be_had_the_way_out_is_said(bare_machine):
    _, look = bare_machine

    done = look()

    assert done.returncode == 1
    assert "apt-get install chromium-headless-shell" in done.stderr
    assert "PUNCHLIST_BROWSER" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_pins_cover_every_direct_dependency(tree):
    pins = [line for line in tree.text("constraints.txt").splitlines() if "==" in line]
    pinned = {pin.split("==")[0].lower().replace("_", "-") for pin in pins}
    project = tree.pyproject()["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]

    assert [name for name in wanted if re.split("[>;]", name)[0].lower() not in pinned] == []


def test_continuous_integration_runs_what_a_user_runs(tree):
    assert "exec make test" in tree.text(".ci/run")
    assert os.access(tree.root / ".ci/run", os.X_OK)

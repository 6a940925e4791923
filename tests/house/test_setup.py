"""What a stranger meets who types `make demo`: one clear sentence wherever something is missing."""

import os
import shutil
import subprocess

import pytest

# Doubles, as shell. The first is a venv's Python without torch, whose pip says what it is asked for.
VENV_WITHOUT_TORCH = 'case "$*" in *version_info*) exit 0;; *pip*) echo "pip: $*"; exit 9;; esac; exit 1'
WORKING_BROWSER = "exit 0"
SAYS_AND_FAILS = 'echo "$(basename "$0") $*"; exit 1'


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


@pytest.fixture
def bare_machine(checkout):
    """A machine with a shell and no browser: returns its PATH folder and the run of browser.sh on it."""
    folder = checkout / "path"
    for name in ("bash", "find", "timeout", "tr", "basename", "mktemp", "grep", "rm"):
        folder.mkdir(exist_ok=True)
        (folder / name).symlink_to(shutil.which(name))
    program(checkout / ".venv/bin/playwright", SAYS_AND_FAILS)

    def look(**env):
        home = {"PATH": str(folder), "HOME": str(checkout), "BROWSER_EXECUTABLE": ""}
        return run(["bash", "scripts/browser.sh"], checkout, **home, **env)

    return folder, look


def test_an_installed_browser_is_taken_and_nothing_downloaded(bare_machine):
    folder, look = bare_machine
    program(folder / "google-chrome", WORKING_BROWSER)

    done = look()

    assert done.returncode == 0
    assert done.stdout == f"setup: browser: {folder}/google-chrome\n"


def test_a_browser_that_does_not_start_is_passed_over(bare_machine):
    folder, look = bare_machine
    program(folder / "chromium", "exit 127")
    program(folder / "google-chrome", WORKING_BROWSER)

    assert "google-chrome" in look().stdout


def test_without_network_root_gets_the_distributions_browser(bare_machine):
    """The double of apt-get says what it was asked for and installs a browser on `install`."""
    folder, look = bare_machine
    program(folder / "id", "echo 0")
    shell = folder / "chromium-headless-shell"
    program(
        folder / "apt-get",
        f'echo "$*"; [ "$1" = update ] || {{ printf "#!/bin/sh\n" > {shell}; /bin/chmod +x {shell}; }}',
    )

    done = look()

    steps = ("playwright install", "update -qq", "recommends chromium-headless-shell", f"browser: {shell}")
    order = [done.stdout.index(step) for step in steps]
    assert order == sorted(order)
    assert done.returncode == 0


def test_where_no_browser_can_be_had_one_sentence_says_what_to_do(bare_machine):
    folder, look = bare_machine
    program(folder / "id", "echo 1000")

    done = look()

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "apt-get install chromium-headless-shell" in done.stderr
    assert "BROWSER_EXECUTABLE" in done.stderr


def test_the_pins_cover_every_direct_dependency(tree):
    pins = [line for line in tree.text("constraints.txt").splitlines() if "==" in line]
    pinned = {pin.split("==")[0].lower().replace("_", "-") for pin in pins}
    project = tree.pyproject()["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]

    assert [name for name in wanted if name.split(">=")[0].lower() not in pinned] == []


def test_continuous_integration_runs_what_a_user_runs(tree):
    assert "exec make test" in tree.text(".ci/run")
    assert os.access(tree.root / ".ci/run", os.X_OK)

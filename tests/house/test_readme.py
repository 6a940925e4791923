"""What the README says is so: its blocks run, its links lead somewhere, its commands are the program's."""

import re
import subprocess

import pytest

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
COMMAND = re.compile(r"^ *([a-z][a-z-]*) {2,}(\S.*)$", re.MULTILINE)


def blocks(tree, language):
    return [body for name, body in FENCE.findall(tree.text("README.md")) if name == language]


def commands(text):
    """{name: what it does} of a list of commands as `--help` prints one."""
    return {name: " ".join(what.split()) for name, what in COMMAND.findall(text)}


@pytest.mark.browser
def test_the_program_in_the_readme_runs(tree, run_python, tmp_path):
    programs = blocks(tree, "python")

    assert len(programs) == 1
    said = run_python("-c", programs[0], cwd=tmp_path, timeout=240)
    assert said.splitlines()[0] == "14 in stock, says stock"


def test_the_commands_are_those_of_the_program(tree, run_python, tmp_path):
    code = "import sys; sys.argv = ['punchlist', '--help']; from punchlist.agents.cli import main; main()"
    helped = run_python("-c", code, cwd=tmp_path, env={"COLUMNS": "200"})

    listed = commands(blocks(tree, "text")[0])

    assert listed == commands(helped)
    assert {"run", "resume", "tasks", "doctor", "train", "eval", "bench", "journal"} <= listed.keys()


def test_the_make_targets_it_names_exist(tree):
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", "\n".join(blocks(tree, "sh"))))

    assert named >= {"demo", "test"}
    for target in named:
        subprocess.run(["make", "--dry-run", target], cwd=tree.root, check=True, capture_output=True)


def test_every_link_leads_to_a_file(tree):
    """In the README of the repository and of every package."""
    dead = [
        f"{path}: {target}"
        for path in tree.files()
        if path.suffix == ".md"
        for target in LINK.findall(tree.text(path))
        if not (tree.root / path.parent / target).exists()
    ]

    assert dead == []


def test_every_package_has_a_readme(tree):
    folders = {name.split(".")[1] for name in tree.packages() if "." in name}

    assert [folder for folder in sorted(folders) if not (tree.root / folder / "README.md").exists()] == []

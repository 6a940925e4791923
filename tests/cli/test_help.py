"""What a person finds out by asking for help, and by calling it wrongly."""

import shlex

import pytest

import punchlist
from punchlist.agents.cli import main
from punchlist.agents.cli.edge import USAGE
from punchlist.agents.cli.parser import build_parser

COMMANDS = (
    "run",
    "resume",
    "think",
    "tasks",
    "doctor",
    "train",
    "train embedded",
    "train lora",
    "train sft",
    "train dpo",
    "eval",
    "bench",
    "journal list",
    "journal show",
    "journal tree",
    "journal export",
    "memory",
    "memory add",
    "memory search",
    "memory explain",
    "memory list",
    "memory show",
    "memory history",
    "memory supersede",
    "memory retract",
    "memory restore",
    "memory export",
    "memory import",
    "memory forget",
    "memory erase",
    "memory doctor",
    "memory tidy",
    "memory reembed",
    "memory rebuild",
    "browse",
    "site",
    "serve",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])

    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"example:\n  punchlist {command}" in text
    assert text.count("--help") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_is_a_call_that_is_understood(command, capsys):
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    examples = capsys.readouterr().out.partition("example:\n")[2].splitlines()

    for line in examples:
        words = shlex.split(line)
        if "run" in words[:2] and "--demo" not in words:
            words = [*words[:2], "goal", *words[words.index("--site") :]]
        assert build_parser().parse_args(words[1:]).handler


def test_no_command_at_all_prints_the_list(capsys):
    assert main([]) == USAGE

    assert "journal" in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"punchlist {punchlist.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "help_of"),
    [(["journal", "report", "r.db", "--out", "r.html"], "journal report"), (["tasks", "all"], "tasks")],
)
def test_what_a_command_does_not_take_leads_to_the_help_of_that_command(arguments, help_of, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == USAGE
    assert f"`punchlist {help_of} --help`" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["dance"],
        ["site", "--port", "99999"],
        ["run", "g", "--workers", "0"],
        ["run", "g", "--seconds", "-1"],
        ["run", "g", "--redos", "-1"],
        ["train", "embedded"],
        ["train"],
        ["train", "lora", "--out", "t"],
        ["think", "q", "--tokens", "0"],
        ["eval", "shop", "--limit", "none"],
    ],
    ids=" ".join,
)
def test_a_wrong_call_ends_with_the_code_for_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == USAGE
    assert "punchlist" in capsys.readouterr().err

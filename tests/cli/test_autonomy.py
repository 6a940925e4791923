"""`--autonomy`: which of the presets a run has, and what is none of them."""

import pytest

from punchlist.agents.cli.parser import build_parser
from punchlist.agents.cli.running import Settings, manager_of
from punchlist.agents.testing import ScriptedModel
from punchlist.tools.permissions import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_taken_and_is_the_policy_of_the_run(name):
    options = build_parser().parse_args(["run", "goal", "--autonomy", name])

    manager = manager_of(
        None, Settings("http://shop.test", autonomy=options.autonomy), ScriptedModel([]), None
    )

    assert tuple(manager.policy.rules) == PRESETS[name]


def test_another_word_is_refused_with_the_presets_there_are(capsys):
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(["run", "goal", "--autonomy", "wild"])

    assert ended.value.code == 2 and "ask_irreversible" in capsys.readouterr().err

"""`punchlist think`: the answer with who vouches for it, interrupted, resumed, and set up wrongly."""

import asyncio
import json
import os
import signal
from io import StringIO

import pytest
from rich.console import Console

from punchlist.agents.cli import main
from punchlist.agents.cli.edge import DONE, FAILED, INTERRUPTED, UNVERIFIED, USAGE
from punchlist.agents.cli.thought_view import Pondered, picture
from punchlist.agents.reasoning.strategy import STRATEGIES
from punchlist.agents.testing import ScriptedModel, question_text
from punchlist.core_model.errors import RemoteError
from punchlist.protocols.journal import Journal

MOVES = {"24: 1 4 6": "6 * 4 = 24", "24: 1 24": "24 * 1 = 24"}


class Player(ScriptedModel):
    """Knows the moves of one game; from answer number `stuck` on it thinks for ever, pressing Ctrl-C."""

    def __init__(self, stuck=0, presses=1):
        super().__init__(lambda question: "", {"yes": -0.1, "no": -3.0})
        self.stuck, self.presses = stuck, presses

    async def generate(self, messages, **options):
        text = question_text(messages)
        self.asked.append(text)
        if self.stuck and len(self.asked) >= self.stuck:
            while self.presses:
                self.presses -= 1
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(0)
            await asyncio.Event().wait()
        self._answer = lambda question: MOVES.get(text.strip(), "1 + 4 = 5")
        return await super().generate(messages, **options)


@pytest.fixture
def think(capsys, tmp_path, monkeypatch):
    """Call `punchlist think` with a model in an empty folder; returns exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, model=None):
        capsys.readouterr()
        code = main(["think", *arguments], open_model=lambda _: model or Player())
        return code, *capsys.readouterr()

    return call


def test_a_game_is_played_and_the_calculator_vouches_for_it(think):
    code, out, _ = think("--game24", "6 4 1", "--json")

    told = json.loads(out)
    assert (code, told["outcome"], told["kind"], told["value"]) == (DONE, "done", "tool", 1.0)
    assert told["answer"].splitlines()[-1].endswith("= 24")
    assert told["cost"]["model_calls"] > 0 and not told["resumable"]


def test_plain_lines_tell_the_tree_while_it_grows_and_the_answer_at_the_end(think):
    _, out, err = think("--game24", "6 4 1")

    lines = out.splitlines()
    assert "Loading" in err and "beam" in lines[0]
    assert any("6 * 4 = 24" in line and "node" in line for line in lines)
    assert any("1.00 by tool" in line for line in lines)
    assert "done: value 1.00, the tool says; stopped: solved" in out
    assert "punchlist journal tree .punchlist/" in out


def test_an_answer_that_nobody_else_judged_is_unverified(think):
    code, out, _ = think("What is 3 + 4?", "--strategy", "direct", "--quiet", model=ScriptedModel(["7"]))

    assert code == UNVERIFIED
    assert out.splitlines()[0] == "7"
    assert "nobody judged it" in out or "the model itself says" in out


def test_an_answer_that_nobody_was_asked_about_has_no_value(think):
    told = json.loads(
        think("What is 3 + 4?", "--strategy", "cot", "--json", model=ScriptedModel(["answer: 7"]))[1]
    )
    _, out, _ = think("What is 3 + 4?", "--strategy", "cot", "--quiet", model=ScriptedModel(["answer: 7"]))

    assert (told["outcome"], told["answer"], told["value"], told["kind"]) == ("unverified", "7", None, None)
    assert "unverified: nobody judged it" in out


def test_an_answer_that_the_tool_refuses_is_unverified(think):
    code, out, _ = think("--game24", "1 4", "--json")

    assert (code, json.loads(out)["outcome"]) == (UNVERIFIED, "unverified")


def test_no_answer_is_a_failure_that_names_the_spent_budget(think):
    code, out, _ = think("--game24", "6 4 1", "--calls", "1")

    assert code == FAILED
    assert "No answer." in out and "stopped: budget.model_calls" in out
    assert "punchlist think --resume .punchlist/" in out


def test_ctrl_c_gives_the_best_so_far_and_the_same_end_after_resuming(think, capsys):
    whole = json.loads(think("--game24", "6 4 1", "--json")[1])

    code, out, _ = think("--game24", "6 4 1", "--journal", "j.db", "--quiet", model=Player(stuck=30))
    again = think("--resume", "j.db", "--json")

    assert code == INTERRUPTED and "interrupted" in out
    assert "go on: punchlist think --resume j.db" in out
    assert again[0] == DONE
    told = json.loads(again[1])
    for same in ("answer", "value", "stop_reason", "thoughts", "strategy", "question"):
        assert told[same] == whole[same]


def test_a_second_ctrl_c_breaks_off_and_loses_nothing(think):
    code, _, err = think("--game24", "6 4 1", "--journal", "j.db", model=Player(stuck=30, presses=2))

    assert code == INTERRUPTED and "punchlist think --resume j.db" in err
    assert think("--resume", "j.db")[0] == DONE


def test_a_model_that_fails_on_the_way_leaves_a_run_that_goes_on(think):
    class Gone(Player):
        async def generate(self, messages, **options):
            if len(self.asked) == 2:
                raise RemoteError("http://127.0.0.1:8000", "ConnectError", "Start the server.")
            return await super().generate(messages, **options)

    code, _, err = think("--game24", "6 4 1", "--quiet", "--journal", "run.db", model=Gone())
    again, out, _ = think("--resume", "run.db", "--quiet")

    assert code == USAGE and "ConnectError" in err
    assert "go on: punchlist think --resume run.db" in err
    assert again == DONE and "= 24" in out


def test_resume_takes_a_larger_limit_and_asks_nothing_twice(think):
    think("--game24", "6 4 1", "--calls", "30", "--journal", "j.db", "--quiet")
    model = Player()

    code, out, _ = think("--resume", "j.db", "--calls", "1000", "--json", model=model)

    told = json.loads(out)
    assert code == DONE and told["stop_reason"] == "solved"
    assert 0 < len(model.asked) < told["cost"]["model_calls"]


def test_punchlist_resume_goes_on_with_thinking_too(think, capsys):
    think("--game24", "6 4 1", "--calls", "30", "--quiet")

    code = main(["resume", "--tokens", "1000000", "--json"], open_model=lambda _: Player())

    assert (code, json.loads(capsys.readouterr().out)["stop_reason"]) == (FAILED, "budget.model_calls")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Name a question"),
        (["  "], "Name a question"),
        (["q", "--strategy", "dance"], "There is no strategy 'dance'. Choose among direct"),
        (["q", "--game24", "1 2"], "leave it out"),
        (["--game24", "1 x"], "whole numbers from 1 to"),
        (["--game24", "00999 1"], "whole numbers from 1 to"),
        (["--game24", "7"], "has 1 numbers"),
        (["--game24", "1 2", "--strategy", "socratic"], "plays --game24. Choose among tree-of-thoughts"),
        (["q", "--picture", "a.png"], "neither in .svg nor in .html"),
        (["--resume", "j.db", "--seed", "3"], "leave out --seed"),
        (["--resume", "none.db"], "none.db"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_set_up_wrongly_is_refused_before_a_journal_is_made(think, tmp_path, arguments, says):
    code, _, err = think(*arguments)

    assert code == USAGE and says in err
    assert not (tmp_path / ".punchlist").exists()


@pytest.mark.parametrize("limit", ["--tokens", "--calls", "--seconds"])
def test_a_budget_of_nothing_is_a_wrong_call(think, limit):
    with pytest.raises(SystemExit) as ended:
        think("q", limit, "0")

    assert ended.value.code == USAGE


def test_a_journal_of_something_else_is_not_resumed(think, tmp_path):
    with Journal.open(tmp_path / "j.db") as journal:
        journal.begin("r", "Order mugs.", {"command": {"site": "http://127.0.0.1:1"}})

    code, _, err = think("--resume", "j.db")

    assert code == USAGE and "`punchlist resume`" in err


def test_the_strategies_are_listed(think, capsys):
    with pytest.raises(SystemExit):
        think("--strategies")

    assert capsys.readouterr().out.split() == list(STRATEGIES)


def test_the_picture_of_the_tree_is_saved(think, tmp_path):
    think("--game24", "6 4 1", "--quiet", "--picture", "p/tree.svg")

    assert "6 * 4 = 24" in (tmp_path / "p" / "tree.svg").read_text()


def test_a_picture_that_cannot_be_written_does_not_lose_the_answer(think, tmp_path):
    (tmp_path / "tree.svg").mkdir()

    code, out, err = think("--game24", "6 4 1", "--quiet", "--picture", "tree.svg")

    assert code == DONE and "= 24" in out and "not saved" in err


def test_the_live_view_shows_question_tree_and_notes_in_any_terminal(think, tmp_path):
    from punchlist.agents.reasoning.forest import traces_of
    from punchlist.agents.reasoning.trace import TraceEvent

    think("--game24", "6 4 1", "--journal", "j.db", "--quiet")
    with Journal.open(tmp_path / "j.db", readonly=True) as journal:
        events = traces_of(journal, journal.runs()[-1].run)[0].all_events()
    pondered = Pondered("What [b]now[/b]?\x1b[31m", "reflexion, a model")
    for event in [*events, TraceEvent("reflected", "trial 1/", "", {"lesson": "Keep\x07 the 6."})]:
        pondered.forest.take(event)

    shown = {}
    for size in ((120, 40), (80, 24)):
        console = Console(width=size[0], height=size[1], file=StringIO(), record=True)
        console.print(picture(pondered), height=size[1])
        shown[size] = console.export_text()

    for text in shown.values():
        assert "What [b]now[/b]?" in text and "\x1b" not in text and "\x07" not in text
        assert "6 * 4 = 24" in text and "solved" in text
    assert "Keep\ufffd the 6." in shown[120, 40] and "└─" in shown[120, 40]


def test_a_run_with_an_unknown_strategy_is_refused_before_it_begins(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    code = main(["run", "Order mugs.", "--site", "http://127.0.0.1:1", "--strategy", "dance"])

    assert code == USAGE and "Choose among direct" in capsys.readouterr().err
    assert not (tmp_path / ".punchlist").exists()

"""`punchlist train`: settings are kept and held to, progress counts real steps, a finished one is shipped."""

import json
import shutil

import pytest

from punchlist.agents.cli.edge import DONE, USAGE
from punchlist.agents.training import embedded
from punchlist.agents.training.embedded import Settings, settle, ship, steps_in_all
from punchlist.core_model.checkpoint import load_checkpoint, verify_manifest
from punchlist.core_model.errors import TrainingRefused

SMALL = {**embedded.SHAPE, "hidden_size": 16, "num_layers": 1, "head_dim": 8, "intermediate_size": 16}


@pytest.fixture
def quick(monkeypatch):
    """A model and a vocabulary that are trained in a moment."""
    make = embedded.make_tokenizer
    monkeypatch.setattr(embedded, "SHAPE", SMALL)
    monkeypatch.setattr(embedded, "make_tokenizer", lambda seed: make(seed, 20))
    monkeypatch.setattr(embedded, "held_out_accuracy", lambda *_, **__: {"accuracy_act": 0.5})


@pytest.fixture
def train(punchlist, quick):
    """Train in the folder `t`."""
    return lambda *more: punchlist("train", "embedded", "--out", "t", "--threads", "1", "--json", *more)


@pytest.fixture
def trained(train, tmp_path):
    """A finished training of two steps."""
    ended = train("--steps", "2", "--batch-tokens", "256", "--decay-steps", "1", "--seed", "3")
    assert ended.code == DONE, ended
    return tmp_path / "t"


def test_a_training_goes_on_with_what_it_was_begun_with(train, trained):
    ended = train("--resume", "--steps", "3")

    assert ended.json()["step"] == 3
    assert settle(trained) == Settings(steps=3, seed=3, batch_tokens=256, decay_steps=1)
    assert "step 3/3" in ended.err


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (["--seed", "4"], "seed 3, not 4"),
        (["--batch-tokens", "512"], "batch_tokens 256, not 512"),
        (["--start", "elsewhere"], "start None, not 'elsewhere'"),
        (["--steps", "1"], "planned for 2 steps, not 1"),
    ],
)
def test_other_settings_are_refused_when_it_goes_on(train, trained, option, says):
    ended = train("--resume", *option)

    assert ended.code == USAGE
    assert says in ended.err


@pytest.mark.parametrize("name", ["state.pt", "stable.pt"])
def test_a_damaged_state_is_said_to_be_one(train, trained, name):
    (trained / name).write_bytes(b"no state")

    ended = train("--resume", "--steps", "4")

    assert ended.code == USAGE
    assert f"{name} is damaged" in ended.err


def test_a_state_of_another_shape_is_refused(train, trained, monkeypatch):
    monkeypatch.setattr(embedded, "SHAPE", {**SMALL, "num_layers": 2})

    ended = train("--resume", "--steps", "4")

    assert ended.code == USAGE
    assert "another shape" in ended.err


def test_lost_settings_are_said_to_be_lost(train, trained):
    (trained / "settings.json").unlink()

    assert "settings.json" in train("--resume").err


def test_a_training_that_was_told_to_finish_has_fewer_steps(train, trained):
    (trained / "finish").touch()
    train("--resume", "--steps", "9")

    assert steps_in_all(trained, settle(trained)) == 2


def test_a_training_may_begin_with_trained_weights_that_are_gone_when_it_goes_on(train, trained, tmp_path):
    shutil.move(trained / "model", tmp_path / "model")
    shutil.rmtree(trained)
    train("--start", "model", "--steps", "1", "--batch-tokens", "256")
    shutil.rmtree(tmp_path / "model")

    ended = train("--resume", "--steps", "2")

    assert (ended.code, ended.json()["step"]) == (DONE, 2)


def test_a_finished_training_is_shipped_with_card_facts_and_a_manifest_of_all(train, trained, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "config.json").write_text("{}")
    (tmp_path / "w" / "old").touch()

    told = train("--resume", "--ship", "w", "--history", "It was stopped twice.").json()

    weights = tmp_path / "w"
    listed = json.loads((weights / "manifest.json").read_text())["files"]
    assert {path.name for path in weights.iterdir()} == {*listed, "manifest.json"}
    assert {"training.json", "README.md"} <= listed.keys() and "old" not in listed
    verify_manifest(weights)
    assert load_checkpoint(weights).config.num_layers == 1
    assert told["shipped"] == "w" and told["accuracy_act"] == 0.5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t", "w"]


def test_the_card_says_of_a_training_what_its_facts_say(trained, tmp_path):
    settings = Settings(steps=2, seed=3, batch_tokens=256, decay_steps=1, start="before")

    facts = ship(trained, tmp_path / "w", settings, history="It was stopped twice.")

    card = (tmp_path / "w" / "README.md").read_text()
    assert "2 steps of 256 tokens" in card and "weights of `before`" in card and "stopped twice" in card
    assert f"    {facts.command}\n" in card and "--batch-tokens 256" in facts.command
    assert "{" not in card
    assert json.loads((tmp_path / "w" / "training.json").read_text())["start"] == "before"


def test_nothing_is_shipped_over_what_is_no_checkpoint_or_over_the_training_itself(trained, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "letter.txt").touch()

    for place in (tmp_path / "w", tmp_path / "w" / "letter.txt", trained, trained / "model"):
        with pytest.raises(TrainingRefused):
            ship(trained, place, settle(trained))

    assert (tmp_path / "w" / "letter.txt").exists()
    assert load_checkpoint(trained / "model")


def test_a_shipping_that_breaks_off_leaves_the_old_weights(trained, tmp_path, monkeypatch):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "config.json").write_text("{}")

    def broken(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(embedded, "held_out_accuracy", broken)
    with pytest.raises(KeyboardInterrupt):
        ship(trained, tmp_path / "w", settle(trained))

    assert [path.name for path in (tmp_path / "w").iterdir()] == ["config.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t", "w"]

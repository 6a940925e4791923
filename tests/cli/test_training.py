"""`punchlist train`: settings are kept and held to, progress counts real steps, a finished one is shipped."""

import json
import shutil
import subprocess

import pytest

from punchlist.agents.cli.edge import DONE, USAGE
from punchlist.agents.machine import machine
from punchlist.agents.training import embedded, shipping
from punchlist.agents.training.embedded import Settings, settle, steps_in_all
from punchlist.agents.training.legs import read_legs, weights_sha256
from punchlist.agents.training.shipping import ship
from punchlist.core_model.checkpoint import load_checkpoint, verify_manifest
from punchlist.core_model.errors import TrainingRefused

SMALL = {**embedded.SHAPE, "hidden_size": 16, "num_layers": 1, "head_dim": 8, "intermediate_size": 16}


@pytest.fixture
def quick(monkeypatch):
    """A model and a vocabulary that are trained in a moment."""
    make = embedded.make_tokenizer
    monkeypatch.setattr(embedded, "SHAPE", SMALL)
    monkeypatch.setattr(embedded, "make_tokenizer", lambda seed: make(seed, 20))
    for module in (embedded, shipping):
        monkeypatch.setattr(module, "held_out_accuracy", lambda *_, **__: {"accuracy_act": 0.5})


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


@pytest.fixture
def shipped(train, trained, tmp_path):
    """The finished training, shipped to the folder `w`; its own folder is gone."""
    train("--resume", "--ship", "w", "--history", "It was stopped twice.")
    shutil.rmtree(trained)
    return tmp_path / "w"


def alone(weights):
    """Tell of shipped weights as versions did that knew no legs, of a training with a start that is gone."""
    [leg] = json.loads((weights / "training.json").read_text())["legs"]
    told = {**leg, "start": "FOLDER", "machine": "x86_64", "history": "FOLDER was the first.", "seed": 3}
    (weights / "training.json").write_text(json.dumps(told))
    (weights / "manifest.json").unlink()
    return told


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


def test_a_start_may_be_widened_first_and_the_card_says_so(train, trained, tmp_path):
    (tmp_path / "w").mkdir()
    shutil.copytree(trained / "model", tmp_path / "start")
    shutil.rmtree(trained)
    width = json.loads((tmp_path / "start" / "config.json").read_text())["intermediate_size"] + 8
    short = ("--steps", "1", "--batch-tokens", "256")

    ended = train("--start", "start", "--widen", str(width), *short, "--ship", "w")

    assert ended.code == DONE
    assert json.loads((tmp_path / "w" / "config.json").read_text())["intermediate_size"] == width
    assert f"--start start --widen {width}" in (tmp_path / "w" / "README.md").read_text()


@pytest.mark.parametrize("options", [("--widen", "900"), ("--start", "model", "--widen", "1")])
def test_what_cannot_be_widened_is_refused(train, trained, tmp_path, options):
    shutil.move(trained / "model", tmp_path / "model")
    shutil.rmtree(trained)

    ended = train(*options, "--steps", "1")

    assert ended.code == 2 and "widen" in ended.err


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
    facts = ship(trained, tmp_path / "w", settle(trained), history="It was stopped {twice}.", count=40)

    card = (tmp_path / "w" / "README.md").read_text()
    [leg] = facts.legs
    assert f"| 1 | fresh weights | 2 | {leg.tokens:,} | {leg.documents:,} |" in card
    assert f"    {leg.command}\n" in card and "--batch-tokens 256" in leg.command
    assert "| act | 40 | 0.500 |" in card
    assert card.count("{") == 1 and "\nIt was stopped {twice}.\n" in card


def test_a_leg_names_the_processor_and_the_number_of_its_cores(shipped):
    [leg] = read_legs(shipped)

    assert leg.machine == f"{machine()['cpu']}, {machine()['cores']} cores"


def test_what_goes_on_with_shipped_weights_and_replaces_them_tells_both_legs(train, shipped):
    [first], began = read_legs(shipped), weights_sha256(shipped)
    start = str(shipped)  # an absolute path
    train("--start", start, "--steps", "3", "--batch-tokens", "256", "--ship", start, "--history", "More.")

    legs, told = read_legs(shipped), json.loads((shipped / "training.json").read_text())

    assert legs[0] == first and (legs[1].start, legs[1].steps, legs[1].history) == (began, 3, "More.")
    for name in ("steps", "tokens", "documents", "seconds"):
        assert told[name] == pytest.approx(sum(getattr(leg, name) for leg in legs))
    card = (shipped / "README.md").read_text()
    assert f"| 2 | weights `{began[:12]}` | 3 |" in card and f"| all | | 5 | {told['tokens']:,} |" in card
    assert "Leg 1: It was stopped twice.\n\nLeg 2: More.\n" in card and "leave out" not in card
    assert legs[1].command.endswith("--start w")
    assert start not in card + json.dumps(told)


def test_shipping_twice_tells_the_same_legs(train, shipped):
    more = ["--steps", "3", "--batch-tokens", "256"]
    train("--start", "w", *more, "--ship", "w")
    legs = read_legs(shipped)

    train("--resume", "--ship", "w")

    assert read_legs(shipped) == legs


def test_a_start_that_is_replaced_while_it_is_gone_on_with_keeps_its_legs(train, shipped, trained):
    legs = read_legs(shipped)
    train("--start", "w", "--steps", "1", "--batch-tokens", "256")
    shutil.rmtree(shipped)

    train("--resume", "--ship", "w")

    assert read_legs(shipped)[:-1] == legs


def test_of_a_training_that_kept_no_origin_it_is_read_before_it_is_replaced(train, shipped, trained):
    told = alone(shipped)
    train("--start", "w", "--steps", "1", "--batch-tokens", "256")
    (trained / "origin.json").unlink()

    train("--resume", "--ship", "w")

    first, second = read_legs(shipped)
    assert (first.tokens, first.machine, first.start) == (told["tokens"], "x86_64", "unknown")
    assert second.start is not None and (trained / "origin.json").exists()
    card = (shipped / "README.md").read_text()
    assert "| 1 | weights that are gone | 2 |" in card and "Leg 1: FOLDER was the first." in card
    assert "Leg 1 began with trained weights; the sums leave out" in card


def test_a_start_that_is_gone_before_anything_was_read_of_it_is_said_to_be(trained, tmp_path):
    (trained / "origin.json").unlink()

    [leg] = ship(trained, tmp_path / "w", Settings(steps=2, start=str(tmp_path / "before"))).legs

    assert leg.start == "unknown" and leg.command.endswith("--start before")


@pytest.mark.parametrize("text", ["{", "[]", '{"legs": [{}]}', '{"command": "x"}'])
def test_a_start_whose_facts_cannot_be_read_is_refused(train, shipped, text):
    alone(shipped)
    (shipped / "training.json").write_text(text)

    ended = train("--start", "w", "--steps", "1")

    assert ended.code == USAGE
    assert "training.json cannot be read" in ended.err and "Restore training.json" in ended.err


def test_the_eval_reports_the_sums_over_the_legs(punchlist, train, shipped, tmp_path):
    told = alone(shipped)
    train("--start", "w", "--steps", "3", "--batch-tokens", "256", "--ship", "w")
    first, second = read_legs(shipped)

    made = punchlist("eval", "embedded", "--model", "w", "--limit", "1", "--json", model=None).json()

    assert made["figures"]["training_tokens"] == told["tokens"] + second.tokens
    assert made["figures"]["training_seconds"] == pytest.approx(first.seconds + second.seconds)
    assert made["settings"]["training"]["from_fresh_weights"] is False


def test_a_revision_is_told_of_a_checkout_alone(tmp_path, monkeypatch):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(tmp_path)]
    monkeypatch.setattr(shipping, "PACKAGE", tmp_path)
    before = shipping.revision()
    for words in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "-m", "a"]):
        subprocess.run([*git, *words], check=True)

    told = shipping.revision()

    assert before is None and told is not None and len(told) >= 7


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

    monkeypatch.setattr(shipping, "held_out_accuracy", broken)
    with pytest.raises(KeyboardInterrupt):
        ship(trained, tmp_path / "w", settle(trained))

    assert [path.name for path in (tmp_path / "w").iterdir()] == ["config.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t", "w"]

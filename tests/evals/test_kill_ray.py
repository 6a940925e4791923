"""What counts when nodes of a Ray cluster go away in the middle of runs."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from punchlist.agents.evals import harness
from punchlist.agents.evals.harness import EvalOptions, Measuring, OptionRefused, execute
from punchlist.agents.evals.kill_classes_target import World
from punchlist.agents.evals.kill_ray import TRIES, WAYS, RayRow, Way, judged, ray_figures, strike_everywhere
from punchlist.agents.evals.kill_ray_target import CLERKS, TOOLS
from punchlist.agents.evals.ledger import EvalError
from punchlist.protocols import Confirmed, Unverified
from punchlist.protocols.journal import Journal

INSTALLED = importlib.util.find_spec("ray") is not None


def row(way: str = "machine", **given: object) -> RayRow:
    whole = {
        "killed": True,
        "events": 9,
        "outcome": "confirmed",
        "attempts": 1,
        "seconds": 2.0,
        "reasons": (),
    }
    flags = {"lost": (), "doubled": (), "unknown": ()}
    return RayRow.model_validate(whole | flags | {"way": way} | given)


def test_only_runs_whose_node_went_away_before_their_end_count() -> None:
    whole = row("", killed=False, attempts=0, seconds=1.0)
    rows = [row(), row("frozen", unknown=("mail ada",)), row("raylet", killed=False, doubled=("pay ada",))]

    figures = ray_figures([whole, *rows])

    assert (figures["ray_kills"], figures["ray_kills_frozen"], figures["ray_kills_raylet"]) == (2, 1, 0)
    assert (figures["ray_lost"], figures["ray_doubled"], figures["ray_unknown"]) == (0, 0, 1)
    assert (figures["ray_lost_attempts"], figures["ray_whole_seconds"]) == (2, 1.0)


@pytest.mark.skipif(INSTALLED, reason="Ray is installed")
def test_without_ray_it_says_what_to_install() -> None:
    with pytest.raises(OptionRefused, match=r"pip install 'punchlist\[ray\]'"):
        execute("eval", "kill", EvalOptions(only="ray"))


# --- which node goes away when --------------------------------------------------------------------


class Runs:
    """A double for runs on a cluster, of so many events; remembers which were asked for."""

    def __init__(self, events: int, outcome: str = "confirmed") -> None:
        self.events, self.outcome = events, outcome
        self.asked: list[tuple[Way | None, int]] = []

    async def __call__(self, way: Way | None, after: int, rng: Random) -> RayRow:
        self.asked.append((way, after))
        events = 40 if way is None else self.events  # those that are disturbed may have fewer
        killed = way is not None and after <= events
        return row(way or "", killed=killed, events=events, outcome=self.outcome)


@pytest.fixture
def strike(tmp_path: Path) -> Callable[[Runs], Any]:
    entry = next(each for each in harness.MEASUREMENTS if each.name == "kill")

    async def measured(runs: Runs) -> list[RayRow]:
        options = EvalOptions(limit=9, out=tmp_path / "x.jsonl", say=lambda line: None)
        with Measuring(entry, options) as measuring:
            return await strike_everywhere(measuring, runs)

    return measured


async def test_nodes_go_away_in_every_way_at_different_times(strike: Callable[[Runs], Any]) -> None:
    runs = Runs(40)

    whole, *rows = await strike(runs)

    assert runs.asked[0] == (None, 0) and not whole.killed
    assert [each.way for each in rows] == [*WAYS] * 3 and all(each.killed for each in rows)
    assert len({after for _, after in runs.asked}) > 5 and all(1 <= after < 40 for _, after in runs.asked[1:])


async def test_a_run_that_ended_before_its_node_went_away_is_begun_again(
    strike: Callable[[Runs], Any],
) -> None:
    runs = Runs(4)

    _, *rows = await strike(runs)

    assert all(each.killed for each in rows) and len(runs.asked) > 10
    later = [
        after for (way, after), (before, _) in zip(runs.asked[1:], runs.asked, strict=False) if way == before
    ]
    assert max(later) < 40 / 2 and len(runs.asked) <= 1 + 9 * (TRIES + 1)


async def test_nothing_is_measured_where_not_even_a_whole_run_is_confirmed(
    strike: Callable[[Runs], Any],
) -> None:
    with pytest.raises(EvalError, match="nobody disturbed"):
        await strike(Runs(40, "unverified"))


# --- what is lost, doubled and unknown --------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run in which every tool was called once for each account."""
    world = World(tmp_path / "world.db")
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("run", "settle")
        for who in CLERKS.values():
            for name, recovery in TOOLS.items():
                key = f"run/{who}/1/{name}"
                journal.intent(key, name, {"who": who}, recovery, run="run", task=who)  # pyright: ignore
                if recovery != "pure":
                    world.do(f"{name} {who}", key)
                journal.outcome(key, "done")
    return tmp_path


DONE = Confirmed("done", ())
UNSURE = Unverified(None, ("a person must look",))


def flags(found: RayRow) -> tuple[tuple[str, ...], ...]:
    return found.lost, found.doubled, found.unknown


def test_what_is_as_recorded_is_neither_lost_nor_doubled(folder: Path) -> None:
    found = judged(folder, DONE, "machine", 7, 1.5)

    assert flags(found) == ((), (), ())
    assert (found.way, found.killed, found.events, found.outcome, found.attempts) == (
        "machine", True, 7, "confirmed", 0
    )  # fmt: skip


def test_an_effect_that_is_there_twice_is_doubled(folder: Path) -> None:
    World(folder / "world.db").do("mail ada", "again")

    assert flags(judged(folder, DONE, "frozen", 7, 1.5)) == ((), ("mail ada",), ())


def test_an_effect_that_the_run_counts_on_and_that_is_not_there_is_lost(folder: Path) -> None:
    (folder / "world.db").unlink()

    lost, _, _ = flags(judged(folder, DONE, "raylet", 7, 1.5))

    assert lost == tuple(f"{name} {who}" for who in CLERKS.values() for name in TOOLS if name != "look")


def test_a_run_that_does_not_end_confirmed_is_lost_unless_it_says_what_a_person_must_find_out(
    folder: Path,
) -> None:
    plain = flags(judged(folder, UNSURE, "machine", 7, 1.5))
    with Journal.open(folder / "run.db") as journal:
        journal.intent("run/ada/2/mail", "mail", {"who": "ada"}, "unsafe", run="run", task="ada")

    left = flags(judged(folder, UNSURE, "machine", 7, 1.5))

    assert (plain, left) == ((("the run",), (), ()), ((), (), ("mail ada",)))


def test_attempts_that_went_with_their_node_are_counted(folder: Path) -> None:
    with Journal.open(folder / "run.db") as journal:
        for kind in ("worker_lost", "tick"):
            journal.append("worker_event", {"event": {"kind": kind}}, run="run", task="ada")

    assert judged(folder, DONE, "machine", 7, 1.5).attempts == 1

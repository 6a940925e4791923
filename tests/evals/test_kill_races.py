"""What comes of two processes that want one run in PostgreSQL, and what counts against it."""

from pathlib import Path

import pytest

from punchlist.agents.evals.kill_classes_target import World
from punchlist.agents.evals.kill_races import Racer, RaceRow, race, race_figures
from punchlist.agents.evals.kill_races_target import LEASE
from punchlist.agents.evals.postgres_server import PostgresServer

from ..protocols.conftest import postgres  # noqa: F401  # pyright: ignore[reportUnusedImport]


def row(**changes: object) -> RaceRow:
    """A race that both processes ended as confirmed."""
    plain = RaceRow(
        disturbed="", late=1, put_out=0, outcomes=("confirmed", "confirmed"), lost=(), doubled=(), unknown=(),
        seconds=0.1,
    )  # fmt: skip
    return plain.model_copy(update=changes)


def test_of_two_processes_one_has_the_effects_and_both_know_the_outcome(postgres: PostgresServer) -> None:  # noqa: F811
    made = race(postgres.url(), "seed", 0)

    assert made.outcomes == ("confirmed", "confirmed") and made.late > 0
    assert (made.lost, made.doubled, made.unknown) == ((), (), ())


def test_a_process_that_was_stopped_too_long_is_put_out_and_doubles_nothing(
    postgres: PostgresServer,  # noqa: F811
    tmp_path: Path,
) -> None:
    import signal

    racers = [Racer.start(tmp_path, url) for url in [postgres.url()] * 2]
    world = World(tmp_path / "world.db")
    try:
        racers[0].line.send("go")
        while not world.count("pay"):
            assert racers[0].child.is_alive()
        racers[0].send_signal(signal.SIGSTOP)
        racers[1].line.send("go")
        second = racers[1].end()
        racers[0].send_signal(signal.SIGCONT)
        first = racers[0].end()
    finally:
        for racer in racers:
            racer.close()

    assert first is not None and second is not None
    assert first["outcome"] == second["outcome"]
    assert first["put_out"] >= 1 and second["late"] >= 1 and second["seconds"] > LEASE / 2
    assert [world.count(name) for name in ("pay", "ship")] == [1, 1] and world.count("mail") <= 1


@pytest.mark.parametrize(
    ("changes", "lost", "doubled"),
    [({}, 0, 0), ({"lost": ("keyed",)}, 1, 0), ({"doubled": ("unsafe", "queryable")}, 0, 1)],
)
def test_a_race_counts_once_however_much_of_it_went_wrong(
    changes: dict[str, object], lost: int, doubled: int
) -> None:
    figures = race_figures([row(), row(**changes)])

    assert (figures["races"], figures["races_late"]) == (2, 2)
    assert (figures["races_lost"], figures["races_doubled"]) == (lost, doubled)

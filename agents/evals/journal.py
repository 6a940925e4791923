"""`punchlist bench journal`: what a row of the journal costs, in each way that it can be written.

    seconds_per_row_normal      one row at a time, `durability="normal"`
    seconds_per_row_full        the same with `durability="full"`: each row is on the disk itself
    seconds_per_row_grouped     rows in groups of 8, each group on the disk itself
    seconds_per_intent          begin and settle a call with effects, `normal`: what an effect costs
    cpu_seconds_per_row_normal  processor time of a row; what the journal takes from a run
    cpu_seconds_of_chain        of it, the hashes
    seconds_per_row_read        `rows`, of a run of as many
    seconds_per_row_verified    `verify`
    bytes_per_row               in the file

Bodies are an event's of about a kilobyte. Each is the median of `--repeats` turns, interleaved, in a folder
of the working directory: a folder in memory would sync nothing. With `--data postgresql://user@host/database`
the rows go there as well: `seconds_per_row_postgres`, `seconds_per_row_postgres_grouped`.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from pydantic import JsonValue

from ...protocols.journal import Durability, Journal
from ...protocols.journal_chain import digest_of, encode, link
from ...protocols.messages import new_id
from .harness import Figures, Measuring, median

USUAL, QUICK = 2000, 200
"""Rows of a turn; a tenth of them where each waits for the disk."""

TURNS, QUICK_TURNS = 5, 2
GROUP = 8
BODY: JsonValue = {"event": {"kind": "report", "body": {"text": "word " * 180, "evidence": list(range(20))}}}


def measure(measuring: Measuring) -> Figures:
    """The figures of `bench journal`."""
    options = measuring.options
    rows = measuring.count(USUAL, QUICK)
    turns = options.repeats or (QUICK_TURNS if options.quick else TURNS)
    address = None if options.data is None else _address(str(options.data))
    measuring.settings |= {"rows": rows, "turns": turns, "group": GROUP, "postgres": address is not None}
    found: defaultdict[str, list[float]] = defaultdict(list)
    for turn in range(turns):
        with tempfile.TemporaryDirectory(prefix="punchlist-bench-", dir=".") as folder:
            for name, value in _turn(Path(folder), rows, address).items():
                found[name].append(value)
        measuring.say(f"turn {turn + 1} of {turns}")
    figures: Figures = {name: median(values) for name, values in found.items()}
    figures["cpu_seconds_of_chain"] = _chain_seconds()
    return figures


def _address(given: str) -> str:
    """An address that went through a path, which takes two slashes for one."""
    scheme, _, rest = given.partition(":/")
    return f"{scheme}://{rest.lstrip('/')}"


def _turn(folder: Path, rows: int, address: str | None) -> dict[str, float]:
    few = max(GROUP, rows // 10)
    found = _normal(folder / "normal.db", rows)
    with _opened(folder / "full.db", "full") as journal:
        found["seconds_per_row_full"] = _each(few, lambda: _append(journal))
        found["seconds_per_row_grouped"] = _each(few // GROUP, lambda: _group(journal)) / GROUP
    with _opened(folder / "intents.db", "normal") as journal:
        found["seconds_per_intent"] = _each(few, lambda: _call(journal))
    if address is not None:
        with Journal.open(address) as journal:
            run = new_id()
            journal.begin(run, "bench journal")
            found["seconds_per_row_postgres"] = _each(few, lambda: _append(journal, run))
            groups = few // GROUP
            found["seconds_per_row_postgres_grouped"] = _each(groups, lambda: _group(journal, run)) / GROUP
            journal.set_status(run, "cancelled")  # nobody is to go on with it
    return found


def _normal(path: Path, rows: int) -> dict[str, float]:
    found: dict[str, float] = {}
    with _opened(path, "normal") as journal:
        cpu = time.process_time()
        found["seconds_per_row_normal"] = _each(rows, lambda: _append(journal))
        found["cpu_seconds_per_row_normal"] = (time.process_time() - cpu) / rows
        found["seconds_per_row_read"] = _each(1, lambda: sum(1 for _ in journal.rows("run"))) / rows
        found["seconds_per_row_verified"] = _each(1, lambda: journal.verify("run")) / rows
    found["bytes_per_row"] = path.stat().st_size / rows
    return found


def _opened(path: Path, durability: Durability) -> Journal:
    journal = Journal.open(path, durability=durability)
    journal.begin("run", "bench journal")
    _append(journal)
    return journal


def _append(journal: Journal, run: str = "run") -> None:
    journal.append("event", BODY, run=run, task="task", attempt=1)


def _group(journal: Journal, run: str = "run") -> None:
    with journal.together(run):
        for _ in range(GROUP):
            _append(journal, run)


def _call(journal: Journal) -> None:
    key = new_id()
    journal.intent(key, "pay", {"who": "Ada Lovelace"}, "unsafe", run="run", task="task", attempt=1)
    journal.outcome(key, "paid")


def _each(count: int, do: Callable[[], object]) -> float:
    """Seconds that it takes, in the mean."""
    began = time.perf_counter()
    for _ in range(count):
        do()
    return (time.perf_counter() - began) / count


def _chain_seconds() -> float:
    """Processor seconds of a row's two hashes."""
    body, before, count = encode(BODY), bytes(32), 5000
    began = time.process_time()
    for number in range(count):
        link(before, digest_of(body), number, "run", "task", 1, "event", "", 1.5e9)
    return (time.process_time() - began) / count

"""`punchlist bench memory`: how quickly memories write and find, ours beside others on the same data.

Every party is a process of its own with its store on the same disk, and they take turns: a round is single
writes, a batch and questions of each. Vectors are given, so the work of an embedder is in no row but
`write_embedded`. All are as durable as they document (`peers/remembering_<peer>.py`); ours is WAL with
every commit on the disk. Questions of ours weigh words too, those of the others compare vectors alone.
Records have one of 100 owners; a scoped question sees one owner's hundredth, with `10k` or `100k` records
in all.

`n` is 10k or 100k, the number of records. Each row is the median of wall time; `more` is `p10` (a tenth was
quicker), `cpu` (mean CPU time of the process), or `of_<peer>` and the same of another. `vs` are medians of
the peer by ours; above 1 ours is quicker:

    write<n>_seconds, write<n>_seconds_<more>, write<n>_vs_<peer>
                             one record, committed
    batch<n>_seconds, batch<n>_seconds_<more>, batch<n>_vs_<peer>
                             a record of a list of 50 that are written in one call
    search<n>_seconds, search<n>_seconds_<more>, search<n>_vs_<peer>
                             a scoped question, ten answers
    search_after_write<n>_seconds, search_after_write<n>_seconds_<more>, search_after_write<n>_vs_<peer>
                             every owner's first one after records of many were written; ours catches up then
    unscoped<n>_seconds, unscoped<n>_seconds_<more>, unscoped<n>_vs_<peer>
                             a question to everybody's records
    first_search<n>_seconds, first_search<n>_seconds_<more>, first_search<n>_vs_<peer>
                             an owner's first question in a process; ours reads their records for it
    first_unscoped<n>_seconds, first_unscoped<n>_seconds_<more>, first_unscoped<n>_vs_<peer>
                             the first question to everybody's, which may make an index
    open<n>_seconds, open<n>_seconds_<more>, open<n>_vs_<peer>
                             opening, up to the first answer, in a process that has imported everything
    fill<n>_seconds, fill<n>_seconds_<more>, fill<n>_vs_<peer>
                             all records, by the thousand
    write_embedded_seconds, write_embedded_seconds_<more>, write_embedded_vs_<peer>
                             one record among 10,000, embedding included, by our usual embedder; to the
                             others' writes the time that it takes for the same text is added
    found<n>, found<n>_of_<peer>   share of scoped questions whose record is among the ten answers
    write_vs_<peer>, search_vs_<peer>   those of single writes and of scoped questions among the most records
    write_vs_best, search_vs_best       the least of them
    embed_int8_vs_torch, embed_onnx_vs_torch, embed_<form>_per_cpu_second, embed_<form>_cosine,
    embed_<form>_cosine_least   our embedders on the same sentences; see `memory_embedding.py`

`--quick` has 10,000 records and fewer turns. `--peers DIR` names the folder of the others' virtual
environments (`peers/README.md`); without it ours is measured alone. `--data DIR` keeps the others' filled
stores in a folder and begins with copies of them the next time, since filling takes most of the time; then
there is no `fill` of theirs.

What it does not cover: several writers at once (`eval kill --only memory` has them), quality (`eval locomo`),
and servers.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from .harness import Figures, Measuring, median
from .memory_data import Data, make_data
from .memory_embedding import compare_embedders
from .memory_party import NAME
from .peers import REMEMBERING, REMEMBERING_SCRIPT, NoPeers, Peer, PeerBroke, command_of, running

SIZES, QUICK_SIZES = (10_000, 100_000), (10_000,)
PORTION, BATCH, ANSWERS = 1000, 50, 10
SENTENCES, QUICK_SENTENCES = 256, 64
"""On which the embedders are compared."""

Answer = dict[str, Any]
Question = tuple[int, str | None]
"""Its number, and the owner whose records are asked; None: everybody's."""


@dataclass(frozen=True)
class Turns:
    """How much is done in a round, and how many rounds there are."""

    rounds: int
    writes: int
    questions: int
    unscoped: int
    openings: int


USUAL, QUICK = Turns(6, 20, 60, 4, 5), Turns(3, 10, 30, 2, 2)


@dataclass
class Row:
    """What was seen of one operation of a party."""

    seconds: list[float] = field(default_factory=list[float])
    cpu: float = 0.0

    def figures(self, name: str, end: str) -> Figures:
        """Median, tenth and CPU time."""
        if not self.seconds:
            return {}
        return {
            f"{name}_seconds{end}": statistics.median(self.seconds),
            f"{name}_seconds_p10{end}": tenth(self.seconds),
            f"{name}_seconds_cpu{end}": self.cpu / len(self.seconds),
        }


Found = dict[str, dict[str, Row]]
"""Party, operation -> what was seen; ours is the party ""."""


def measure(measuring: Measuring) -> Figures:
    """The figures of `bench memory`."""
    quick = measuring.options.quick
    turns, sizes = (QUICK, QUICK_SIZES) if quick else (USUAL, SIZES)
    extra = turns.rounds * (turns.writes + BATCH) + turns.writes
    asked = turns.rounds * (turns.questions + turns.unscoped) + turns.openings + 1
    commands = _commands(measuring)
    measuring.settings |= {
        "records": list(sizes), "rounds": turns.rounds, "writes_a_round": turns.writes, "batch": BATCH,
        "questions_a_round": turns.questions, "unscoped_a_round": turns.unscoped, "answers": ANSWERS,
    }  # fmt: skip
    figures: Figures = {}
    sentences = list[str]()
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="punchlist-") as folder:
            measuring.say(f"data of {size:,} records")
            data = make_data(Path(folder), size + extra, asked, size)
            bench = Bench(measuring, data, size, turns, commands)
            bench.run(embedded=size == sizes[0])
            figures |= figures_of(bench.found, f"{size // 1000}k", bench.shares)
            sentences = data.texts[: QUICK_SENTENCES if quick else SENTENCES]
    measuring.settings["sentences"] = len(sentences)
    measuring.say(f"embedders on {len(sentences)} sentences")
    figures |= compare_embedders(sentences)
    return figures | headlines(figures, f"{sizes[-1] // 1000}k")


def _commands(measuring: Measuring) -> dict[str, tuple[str, ...]]:
    """Party -> what runs its script."""
    commands: dict[str, tuple[str, ...]] = {"": (sys.executable, "-m", f"{__package__}.memory_party")}
    folder = measuring.options.peers
    if folder is None:
        return commands
    for name in REMEMBERING:
        python = folder / name / "bin" / "python"
        if python.exists():
            commands[name] = command_of(name, python, REMEMBERING_SCRIPT)
        else:
            measuring.skipped[f"search_vs_{name}"] = f"{folder / name} is no virtual environment"
    if len(commands) == 1:
        raise NoPeers(folder, REMEMBERING)
    return commands


class Bench:
    """All parties at one number of records."""

    def __init__(
        self, measuring: Measuring, data: Data, size: int, turns: Turns, commands: dict[str, tuple[str, ...]]
    ) -> None:
        self.measuring, self.data, self.size, self.turns = measuring, data, size, turns
        self.commands = commands
        self.found: Found = {party: {} for party in commands}
        self.shares: dict[str, list[bool]] = {}
        self.parties: dict[str, Peer] = {}
        self._next_write, self._next_question = iter(range(size, len(data.texts))), 0

    def run(self, *, embedded: bool) -> None:
        """Fill, let all take turns, and open anew."""
        with ExitStack() as open_parties:
            for party in list(self.commands):
                with self._left_out_if_broken(party):
                    self._begin(party, open_parties)
            self._each(lambda party: self._search(party, "first_search", self._of_every_owner()))
            first = self._questions(1, owned=False)
            self._each(lambda party: self._search(party, "first_unscoped", first))
            for number in range(self.turns.rounds):
                self.measuring.say(f"{self.size:,} records, round {number + 1} of {self.turns.rounds}")
                self._round()
            if embedded:
                self._write_embedded()
            for party in self.parties:
                self._ask(party, do="close")
        self._each_opening()

    def _begin(self, party: str, open_parties: ExitStack) -> None:
        peer = open_parties.enter_context(self._started(party))
        self.parties[party] = peer
        if party:
            versions = self.measuring.settings.setdefault("peers", {})
            if isinstance(versions, dict):
                versions[party] = peer.version
        kept = self._kept(party, peer.version)
        if kept is not None and kept.exists():
            shutil.copytree(kept, self._folder(party))
            self._ask(party, do="open", folder=self._folder(party))
            return
        self._ask(party, do="open", folder=self._folder(party))
        answer = self._ask(party, do="fill", numbers=list(range(self.size)), portion=PORTION)
        self.found[party]["fill"] = Row([sum(answer["seconds"])], answer["cpu"])
        self.measuring.say(f"{self.size:,} records in {party or NAME}: {sum(answer['seconds']):,.1f} s")
        if kept is not None:
            self._ask(party, do="close")
            shutil.copytree(self._folder(party), kept)
            self._ask(party, do="open", folder=self._folder(party))

    def _kept(self, party: str, version: str) -> Path | None:
        """Where the filled store of another party is kept for later runs; None where it is not."""
        folder = self.measuring.options.data
        if folder is None or not party:
            return None
        filled = json.dumps([self.data.texts[: self.size], self.data.owners[: self.size]])
        mark = hashlib.sha256(filled.encode()).hexdigest()[:16]
        return folder / f"{party}-{version}-{self.size}-{mark}"

    def _round(self) -> None:
        writes = self._records(self.turns.writes)
        batch = self._records(BATCH)
        scoped = self._questions(self.turns.questions, owned=True)
        unscoped = self._questions(self.turns.unscoped, owned=False)
        self._each(lambda party: self._note(party, "write", self._ask(party, do="add", numbers=writes)))
        self._each(lambda party: self._note_batch(party, self._ask(party, do="add_many", portions=[batch])))
        self._each(lambda party: self._search(party, "search_after_write", self._of_every_owner()))
        self._each(lambda party: self._search(party, "search", scoped))
        self._each(lambda party: self._search(party, "unscoped", unscoped))

    def _of_every_owner(self) -> list[Question]:
        """One question of each."""
        numbers = {owner: number for number, owner in reversed(list(enumerate(self._owners())))}
        return [(number, owner) for owner, number in numbers.items()]

    def _write_embedded(self) -> None:
        """Ours with the embedder; to the others' writes its time for the same texts is added."""
        numbers = self._records(self.turns.writes)
        self.measuring.settings["embedder"] = self._ask("", do="embedding", on=True)["embedder"]
        self._note("", "write_embedded", self._ask("", do="add", numbers=numbers))
        embedding: list[float] = self._ask("", do="embed", numbers=numbers)["seconds"]
        self._ask("", do="embedding", on=False)

        def write(party: str) -> None:
            answer = self._ask(party, do="add", numbers=numbers)
            both = [write + embed for write, embed in zip(answer["seconds"], embedding, strict=True)]
            self._note(party, "write_embedded", answer | {"seconds": both})

        self._each(write, [party for party in self.parties if party])

    def _each_opening(self) -> None:
        """In new processes, up to the first answer."""
        for question in self._questions(self.turns.openings, owned=True):
            for party in list(self.parties):
                with self._left_out_if_broken(party), self._started(party) as peer:
                    self.parties[party] = peer
                    number, owner = question
                    answer = self._ask(
                        party, do="open_and_search", folder=self._folder(party), question=number, owner=owner,
                        count=ANSWERS,
                    )  # fmt: skip
                    self._note(party, "open", answer)

    def _search(self, party: str, row: str, questions: list[Question]) -> None:
        asked: list[JsonValue] = [[number, owner] for number, owner in questions]
        answer = self._ask(party, do="search", questions=asked, count=ANSWERS)
        self._note(party, row, answer)
        if row == "search":
            targets = [self.data.targets[number] for number, _ in questions]
            hits = [target in found for target, found in zip(targets, answer["answers"], strict=True)]
            self.shares.setdefault(party, []).extend(hits)

    def _each(self, do: Callable[[str], None], parties: Sequence[str] | None = None) -> None:
        for party in list(self.parties if parties is None else parties):
            with self._left_out_if_broken(party):
                do(party)

    @contextmanager
    def _left_out_if_broken(self, party: str) -> Generator[None]:
        """A party that breaks takes no more turns; ours must not."""
        try:
            yield
        except PeerBroke as error:
            if not party:
                raise
            self.parties.pop(party, None)
            self.measuring.skipped[f"search_vs_{party}"] = str(error)

    @contextmanager
    def _started(self, party: str) -> Generator[Peer]:
        ours = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        with running(party or NAME, self.commands[party], None if party else ours) as peer:
            answer = peer.ask(do="prepare", data=str(self.data.folder))
            if "broke" in answer:
                raise PeerBroke(party or NAME, str(answer["broke"]))
            yield peer

    def _ask(self, party: str, **request: JsonValue) -> Answer:
        answer = self.parties[party].ask(**request)
        if "broke" in answer:
            raise PeerBroke(party or NAME, str(answer["broke"]))
        return answer

    def _note(self, party: str, row: str, answer: Answer) -> None:
        kept = self.found[party].setdefault(row, Row())
        kept.seconds += answer["seconds"]
        kept.cpu += answer["cpu"]
        self.measuring.say(f"{row} {party or NAME}: {statistics.median(answer['seconds']) * 1e3:,.3f} ms")

    def _note_batch(self, party: str, answer: Answer) -> None:
        seconds = [each / BATCH for each in answer["seconds"]]
        self._note(party, "batch", {"seconds": seconds, "cpu": answer["cpu"] / BATCH})

    def _records(self, count: int) -> list[JsonValue]:
        return [next(self._next_write) for _ in range(count)]

    def _owners(self) -> list[str]:
        """Of every question's target."""
        return [self.data.owners[target] for target in self.data.targets]

    def _questions(self, count: int, *, owned: bool) -> list[Question]:
        first = self._next_question
        self._next_question += count
        owners = self._owners()
        return [(number, owners[number] if owned else None) for number in range(first, first + count)]

    def _folder(self, party: str) -> str:
        return str(self.data.folder / (party or NAME))


def tenth(values: Sequence[float]) -> float:
    """What a tenth of the values are below."""
    return sorted(values)[len(values) // 10]


def figures_of(found: Found, size: str, shares: dict[str, list[bool]]) -> Figures:
    """The figures of one number of records."""
    figures: Figures = {}
    for party, rows in found.items():
        end = f"_of_{party}" if party else ""
        for operation, row in rows.items():
            name = operation if operation == "write_embedded" else f"{operation}{size}"
            made = row.figures(name, end)
            if operation in ("fill", "write_embedded"):
                made = {key: value for key, value in made.items() if "_cpu" not in key}
            if operation == "fill":
                made = {key: value for key, value in made.items() if "_p10" not in key}
            figures |= made
            ours = median(found[""].get(operation, Row()).seconds)
            if party and ours:
                figures[f"{name}_vs_{party}"] = statistics.median(row.seconds) / ours
        hits = shares.get(party)
        if hits:
            figures[f"found{size}{end}"] = sum(hits) / len(hits)
    return figures


def headlines(figures: Figures, size: str) -> Figures:
    """The ratios that are asked for: of single writes and scoped questions among the most records."""
    made: Figures = {}
    for row in ("write", "search"):
        ratios = {
            name: figures[f"{row}{size}_vs_{name}"]
            for name in REMEMBERING
            if f"{row}{size}_vs_{name}" in figures
        }
        made |= {f"{row}_vs_{name}": ratio for name, ratio in ratios.items()}
        known = [ratio for ratio in ratios.values() if ratio is not None]
        made[f"{row}_vs_best"] = min(known) if known else None
    return made

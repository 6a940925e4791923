"""The hash chain of a run: each row vouches for the one before it, and a seal for all of them.

    hash = sha256(hash before, sha256(body), JSON of [place, run, task, attempt, kind, key, at])

Places count a run's rows from 1. Before the first row stands `sha256` of the run's header, or of its id alone
where the run was not begun. A run that ends gets a row of kind `seal` with the number of rows before it and
the hash of the last one, and its header says where the seal is. Bodies are hashed as they are stored.

Covers: a row that was changed, removed, inserted or moved, and a sealed run whose end is gone. Does not
cover: who writes all rows anew with fitting hashes (there is no key), and an end that was cut off together
with its seal; against both, note the head that `verify` gives and hold it against a later one. Nor what was
done to a journal before its format had a chain.
"""

from __future__ import annotations

import hashlib
import json
import json.encoder
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import JsonValue

SEAL = "seal"
"""Kind of the row with which a run ends."""

KEPT = frozenset({"intent", "intent_again", "outcome", SEAL})
"""Kinds of rows whose bodies are never taken out: recovery and `verify` need them."""

PRUNED = '{"pruned":true}'
"""What stands where a body was taken out."""

ENDED = frozenset({"confirmed", "unverified", "failed", "cancelled"})
"""Statuses in which a run is sealed."""

What = Literal["changed", "removed", "inserted", "tail"]

# ASCII, because page text may hold lone surrogates, which UTF-8 refuses.
_text = json.encoder.encode_basestring_ascii
_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _quick_encoder() -> Callable[[Any, int], Sequence[str]] | None:
    """What `_ENCODER` makes anew for every value, made once; it does not look for circles."""
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    return make and make(None, _ENCODER.default, _text, None, ":", ",", False, False, False)


_quick = _quick_encoder()


def encode(value: JsonValue) -> str:
    """JSON as it is stored and hashed: ASCII, no spaces.

    Raises:
        ValueError, TypeError: It is not JSON (NaN, or a Python object).
    """
    if _quick is not None and isinstance(value, dict | list):
        try:
            return "".join(_quick(value, 0))
        except RecursionError:
            pass  # a circle, which the other names, or deeper than both can go
    return _ENCODER.encode(value)


def digest_of(body: str) -> bytes:
    """sha256 of a body as it is stored."""
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).digest()


def link(
    before: bytes, body: bytes, place: int, run: str, task: str, attempt: int, kind: str, key: str, at: float
) -> bytes:
    """The hash of a row behind that one; `body` is the digest of its body."""
    # The text that `encode` makes of a list of these, in a quarter of the time: every row pays for it.
    texts = f"{place},{_text(run)},{_text(task)},{attempt},{_text(kind)},{_text(key)},{at!r}"
    return hashlib.sha256(before + body + f"[{texts}]".encode("ascii")).digest()


@dataclass(frozen=True)
class Header:
    """What was said of a run when it was begun, and how it stands.

    Attributes:
        settings: JSON, as stored.
        sealed: Place of its seal, or 0.
    """

    run: str
    goal: str
    settings: str
    status: str
    began: float
    changed: float
    sealed: int = 0


@dataclass(frozen=True)
class Link:
    """A row as it is stored.

    Attributes:
        body: JSON, as stored.
        pruned: sha256 of the body that was taken out, or None.
        hash: None where something wrote the row that does not know the chain.
    """

    seq: int
    place: int
    run: str
    task: str
    attempt: int
    kind: str
    key: str
    at: float
    body: str
    pruned: bytes | None = None
    hash: bytes | None = None

    def linked(self, before: bytes) -> bytes:
        """The hash that this row has behind that one."""
        # Else a body could be replaced by any other, and the digest of the true one put beside it.
        out = self.pruned if self.body == PRUNED and self.kind not in KEPT else None
        body = out or digest_of(self.body)
        return link(before, body, self.place, self.run, self.task, self.attempt, self.kind, self.key, self.at)


@dataclass(frozen=True)
class Fault:
    """The first thing that is wrong with a run.

    Attributes:
        place: Of the row, or of the first one that is gone.
        what: `tail`: the end of a sealed run is gone.
        said: One sentence.
    """

    place: int
    what: What
    said: str


@dataclass(frozen=True)
class Verified:
    """What the chain of a run says.

    Attributes:
        rows: How many there are.
        pruned: Of how many the body was taken out; their places and times are still vouched for.
        sealed: Its end is vouched for.
        head: Hash of the last row, in hexadecimal digits; worth noting elsewhere.
        fault: None where everything is as it was written.
    """

    run: str
    rows: int
    pruned: int
    sealed: bool
    head: str
    fault: Fault | None = None

    @property
    def intact(self) -> bool:
        """Nothing was changed, removed or inserted, as far as the chain tells."""
        return self.fault is None


def start_of(run: str, header: Header | None) -> bytes:
    """What stands before the first row of a run."""
    told: list[JsonValue] = [run]
    if header is not None:
        told += [header.goal, header.settings, header.began]
    return hashlib.sha256(encode(told).encode("ascii")).digest()


def seal_body(rows: int, head: bytes, status: str, header: Header) -> dict[str, JsonValue]:
    """What a seal says of the rows before it."""
    start = start_of(header.run, header).hex()
    return {"rows": rows, "head": head.hex(), "status": status, "begun": start}


def chained(run: str, header: Header | None, rows: Iterable[Link]) -> Iterator[Link]:
    """Rows without hashes, with places and hashes of their own."""
    before = start_of(run, header)
    for place, row in enumerate(rows, 1):
        told = replace(row, place=place)
        before = told.linked(before)
        yield replace(told, hash=before)


def verify(run: str, header: Header | None, rows: Iterable[Link], head: str = "") -> Verified:
    """Hold the rows of a run, in order, against their hashes.

    Args:
        head: What an earlier look gave; some row must have this hash.
    """
    walk = _Walk(run, header)
    seen = head == ""
    found = iter(rows)
    row = next(found, None)
    while row is not None:
        after = next(found, None)
        fault = walk.take(row, after)
        if fault is not None:
            return walk.verdict(fault)
        seen = seen or walk.head.hex() == head
        row = after
    return walk.verdict(walk.end(seen, head))


class _Walk:
    """A chain on the way from its first row to its last."""

    def __init__(self, run: str, header: Header | None) -> None:
        self.run, self.header = run, header
        self.head = start_of(run, header)
        self.rows = self.pruned = self.seal = 0

    def take(self, row: Link, after: Link | None) -> Fault | None:
        """The next row; what is wrong with it."""
        place = self.rows + 1
        if row.hash is None or row.place < place:
            return Fault(
                place, "inserted", f"row {row.seq} ({row.kind}) was inserted: it is not of the chain"
            )
        if row.place > place:
            last = row.place - 1
            gone = (
                f"row {place} of the run was" if last == place else f"rows {place} to {last} of the run were"
            )
            return Fault(place, "removed", f"{gone} removed")
        before = self._before(row)
        if row.linked(before) != row.hash:
            if after is not None and after.place == place and after.linked(before) == after.hash:
                return Fault(
                    place, "inserted", f"row {row.seq} ({row.kind}) was inserted before row {after.seq}"
                )
            return Fault(place, "changed", self._changed(row))
        if row.kind == SEAL and (fault := self._broken_seal(row, place)):
            return fault
        self.rows, self.head = place, row.hash
        self.pruned += row.pruned is not None
        return None

    def _before(self, row: Link) -> bytes:
        """What stands before a row; a run may have been begun after its first row."""
        bare = start_of(self.run, None)
        return bare if row.place == 1 and row.linked(bare) == row.hash else self.head

    def _changed(self, row: Link) -> str:
        said = f"row {row.seq} ({row.kind}, place {row.place}) was changed"
        return f"{said}, or goal, settings or beginning of the run were" if row.place == 1 else said

    def _broken_seal(self, row: Link, place: int) -> Fault | None:
        told = json.loads(row.body)
        if self.header is not None and told["begun"] != start_of(self.run, self.header).hex():
            return Fault(
                place, "changed", "goal, settings or beginning of the run were changed after its end"
            )
        self.seal = place
        return None

    def end(self, seen: bool, head: str) -> Fault | None:
        """What is wrong with the end."""
        wanted = 0 if self.header is None else self.header.sealed
        if wanted > self.rows:
            return Fault(
                self.rows + 1, "tail", f"the run was sealed at row {wanted}; the rows from here on are gone"
            )
        if wanted != self.seal:
            return Fault(
                wanted, "changed", f"the run is said to be sealed at row {wanted}; the seal is at {self.seal}"
            )
        if not seen:
            return Fault(self.rows + 1, "tail", f"no row has the hash {head}: what it vouched for is gone")
        return None

    def verdict(self, fault: Fault | None) -> Verified:
        """The run, as far as it was walked."""
        sealed = fault is None and 0 < self.seal == self.rows
        return Verified(self.run, self.rows, self.pruned, sealed, self.head.hex(), fault)

"""Lets a summary make room for what it sums up.

A summary that answers a question mostly does so by a sentence of one of its sources, and takes the place of
something else beside it. So a question that asks for no kinds is answered by a summary only where none of its
sources is among the `DEEPER * k` best: there it may say what no single one of them does. A summary of
summaries gives way to those, and to what they sum up. Where places are left over none has to go.

Covers what ranks near the answers. Does not cover: sources that answer worse, that the question may not see,
or that were retracted; a summary of these stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .ledger import Ledger
from .records import Kind, Recalled

DEEPER = 2
"""How many times as many records are looked at for sources of a summary as are answered."""


def making_room(
    ask: Callable[[int], list[Recalled]], k: int, kinds: frozenset[Kind] | None, ledger: Ledger
) -> list[Recalled]:
    """The best `k` answers, summaries whose sources rank beside them only in places that are left over.

    Args:
        ask: The best so many, best first. Asked again only where a summary is among them.
        kinds: That were asked for; with any, a summary that is among them stays.
    """
    found = ask(k)
    if kinds is not None or not _summaries(found):
        return found
    more = ask(DEEPER * k)
    summed = ledger.sum_up([each.record.id for each in more])
    giving_way = [each.record.id for each in more if each.record.id in summed]
    room = max(k - (len(more) - len(giving_way)), 0)
    gone = frozenset(giving_way[room:])
    return [each for each in more if each.record.id not in gone][:k]


def _summaries(found: Sequence[Recalled]) -> bool:
    return any(each.record.kind == "summary" for each in found)

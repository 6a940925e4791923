"""Questions that take several searches: which ones, without a model, and their answers under one budget.

    searches("What sports do Tim and John play?")
    # ["What sports do Tim and John play?", "Tim: I sports play", "John: I sports play"]

A model that knows what it looks for writes better searches ("kickboxing" for "martial arts"); these are for
where there is none, and to go with its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from .ranking import Ranked
from .records import Why
from .words import ASKING, fold

DEEPER, SHALLOWEST = 4, 40
"""How many times the wanted number each of several searches should give, and how many at least."""

MOST_SEARCHES = 7

LONGEST = 2_000
"""Characters of a question that are looked through for clauses and names."""

SAME_SESSION = 0.04
"""What each better answer of its session costs one: several searches ask for several places."""

_QUOTED = re.compile(r"[\"“”«»]([^\"“”«»]+)[\"“”«»]")
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_NAME = re.compile(
    r"(?<![.!?:] )(?<!^)\b[A-ZÀ-ÖØ-Þ][\w-]+(?: [A-ZÀ-ÖØ-Þ][\w-]+)*|^[A-ZÀ-ÖØ-Þ][\w-]+(?=['’]s\b)"
)
_CLAUSE = re.compile(
    r"[;?]\s+|,?\s+(?:and|but|or)\s+(?=(?:what|when|where|which|who|whom|whose|why|how)\b)", re.IGNORECASE
)
_CALENDAR = frozenset(
    "january february march april may june july august september october november december"
    " monday tuesday wednesday thursday friday saturday sunday".split()
)


def searches(question: str) -> list[str]:
    """The searches that a question of several parts takes: itself first, then its clauses, and for each name
    in it what is asked as that person would tell it. One search for a question of one part without names.
    """
    found = [question.strip()]
    text = found[0][:LONGEST]
    clauses = [part.strip() for part in _CLAUSE.split(text) if part.strip(" ?")]
    if len(clauses) > 1:
        found += clauses
    bare = _QUOTED.sub(" ", text)
    names = [each for each in dict.fromkeys(_NAME.findall(bare)) if each.lower() not in _CALENDAR]
    said = {word for name in names for word in fold(name).split()}
    words = [word for word in _WORD.findall(text) if _plain(word) not in ASKING | said]
    if words:
        content = " ".join(words)
        for name in names[:MOST_SEARCHES]:
            found.append(f"{name}: I {content}")
    return list(dict.fromkeys(found))[:MOST_SEARCHES]


def _plain(word: str) -> str:
    return re.sub("['’]s$", "", fold(word))


def unite(rankings: Sequence[Sequence[Ranked]], k: int) -> list[Ranked]:
    """The `k` best of several searches over one scope, each record once, best first.

    A record scores the mean over all searches, 0 for one that did not find it, and less the more better ones
    there are of its session. Of what is known of it the best search's is told.

    Args:
        rankings: Each best first; `depth(k)` of each, so that one search can bear another out.
    """
    if len(rankings) == 1:
        return list(rankings[0][:k])
    found: dict[str, list[Ranked]] = {}
    for ranking in rankings:
        for each in ranking:
            found.setdefault(each.id, []).append(each)
    left = {name: _mean(each, len(rankings)) for name, each in found.items()}
    waiting = [(-each.score, place, 0, name) for place, (name, each) in enumerate(left.items())]
    heapify(waiting)
    chosen: list[Ranked] = []
    taken: Counter[str] = Counter()
    while waiting and len(chosen) < k:
        _, place, counted, name = heappop(waiting)
        each = left[name]
        if counted < taken[each.session]:  # better ones of its session were chosen since
            counted = taken[each.session]
            heappush(waiting, (SAME_SESSION * counted - each.score, place, counted, name))
            continue
        chosen.append(_held_back(each, SAME_SESSION * counted))
        if each.session:
            taken[each.session] += 1
    return chosen


def depth(k: int) -> int:
    """How many answers of each of several searches `unite` should see to give `k`."""
    return max(SHALLOWEST, DEEPER * k)


def _mean(each: Sequence[Ranked], searches: int) -> Ranked:
    best = max(each, key=lambda one: one.score)
    parts: dict[str, float] = {}
    for one in each:
        for name, value in one.why.parts.items():
            parts[name] = parts.get(name, 0.0) + value / searches
    why = Why(
        cosine=max(one.why.cosine for one in each),
        bm25=max(one.why.bm25 for one in each),
        parts=parts,
        strength=max(one.why.strength for one in each),
    )
    return Ranked(best.id, sum(why.parts.values()), why, best.session)


def _held_back(each: Ranked, cost: float) -> Ranked:
    if not cost:
        return each
    why = Why(each.why.cosine, each.why.bm25, {**each.why.parts, "same_session": -cost}, each.why.strength)
    return Ranked(each.id, each.score - cost, why, each.session)

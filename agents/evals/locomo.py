"""`punchlist eval locomo --data FILE`: does memory find the turns that answer a question?

FILE is of the form of LoCoMo's `locomo10.json` (Maharana et al. 2024, arXiv:2402.17753; CC BY-NC 4.0, so it
does not come along). One memory for each conversation, one episode for each turn, with its speaker, session
and time; the caption of a picture is part of its words. Recall at k of a question is the share of its
evidence turns among the k best records; a figure is its mean over questions with usable evidence. Adversarial
questions, whose answer was not said, are counted apart. No model is asked but the embedder.

    r5, r10, r20                categories 1 to 4, int8 embedder
    r10_multihop, r10_temporal, r10_open, r10_singlehop, r10_adversarial
    r10_int8, r10_torch         the same by embedder: `r10_int8` is `r10`
    r20_multihop                multi-hop questions by one search
    r10_multihop_multisearch, r20_multihop_multisearch
                                by the searches that `memory.hops` makes of them, and with near words
                                (`memory/near_words.py`), under the same k in all
    r10_multisearch             the same for categories 1 to 4
    r5_summarized, r10_summarized, r20_summarized
                                asked once the idle jobs have summed up the sessions, all kinds admitted
    r5_held_out, r10_held_out, r20_held_out
                                weights chosen on the other conversations, see `locomo_held_out.py`
    r10_dense, r10_bm25         the same vectors alone; SQLite FTS5 with Porter's stemmer alone
    r10_rrf, r10_hybrid         the two fused by reciprocal ranks (k 60); by scaled scores, half and half
    r5_full, r10_full, r20_full the best hand-made sum known before, see `locomo_baselines.py`
    empty_own, empty_other      share of empty answers under a `min_score` of 0.3, to categories 1 to 4, and
                                to the questions about the next conversation, which this one says nothing of
    questions, turns            how many there are
    seconds_per_search          one recall, the question's vector given; median

Beside each recall stand the ends of its 95 % interval (normal, over questions, as though those of one
conversation were independent of each other); beside the two shares theirs (Wilson).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import sqrt
from pathlib import Path
from typing import Any, cast

import numpy as np

from ...memory import Consolidation, Embedder, Memory, MiniLM, OnnxMiniLM, Record, Scope
from ...memory.embedder import Vectors, pieces_of
from ...memory.hops import searches
from .harness import Z95, Figures, Measuring, median, rate
from .ledger import EvalError, Row
from .locomo_baselines import baselines
from .locomo_held_out import Judged, held_out, judged

CATEGORIES = {1: "multihop", 2: "temporal", 3: "open", 4: "singlehop", 5: "adversarial"}
ADVERSARIAL = 5
DEPTHS = (5, 10, 20)
LEAST = 0.3
"""`min_score` at which empty answers are counted."""

SCOPE = Scope.shared()
_MENTION = re.compile(r"D\d+:\d+")


@dataclass(frozen=True)
class Asked:
    """A question with its evidence, as places of turns."""

    text: str
    category: int
    evidence: frozenset[int]


@dataclass(frozen=True, eq=False)
class Conversation:
    """Turns as records, in order, and what is asked about them."""

    name: str
    turns: tuple[Record, ...]
    questions: tuple[Asked, ...]

    @property
    def end(self) -> datetime:
        """When its questions are asked: a day after the last turn."""
        return max(turn.learned for turn in self.turns) + timedelta(days=1)


class Kept:
    """An embedder that embeds each text once."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}

    @property
    def name(self) -> str:
        """The embedder's."""
        return self._embedder.name

    def pieces(self, text: str) -> list[str]:
        """The embedder's."""
        return pieces_of(self._embedder, text)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._embedder.embed(new), strict=True))
        return np.stack([self._known[text] for text in texts])


FORMS: dict[str, Callable[[], Embedder]] = {"int8": OnnxMiniLM, "torch": MiniLM}


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval locomo`; null where no file was named.

    Raises:
        EvalError: The file is of another form.
    """
    path = measuring.options.data
    if path is None:
        why = "no data: name LoCoMo's file, --data locomo10.json (github.com/snap-research/locomo, data/)"
        measuring.skipped["r10"] = why
        return {"r5": None, "r10": None, "r20": None}
    conversations = read(path)
    conversations = conversations[: measuring.count(len(conversations), 1)]
    forms = ("int8",) if measuring.options.quick else tuple(FORMS)
    measuring.settings |= {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest()[:16],
        "conversations": [each.name for each in conversations],
        "forms": list(forms),
    }
    embedders = {form: Kept(FORMS[form]()) for form in forms}
    others = dict(zip(conversations, [*conversations[1:], conversations[0]], strict=True))
    items = {f"{form} {each.name}": (form, each) for form in forms for each in conversations}

    async def one(key: str) -> Row:
        form, conversation = items[key]
        other = others[conversation] if form == "int8" else None
        return cast(Row, await asyncio.to_thread(_measured, conversation, embedders[form], other))

    rows = asyncio.run(measuring.each(list(items), one, _told))
    figures = _figures([row for row in rows if row["form"] == embedders["int8"].name])
    torch = [row for row in rows if "torch" in embedders and row["form"] == embedders["torch"].name]
    figures |= _mean("r10_torch", [value for row in torch for value in _of(row, "ours", 10, "main")])
    if not torch:
        measuring.skipped["r10_torch"] = "a quick look embeds with int8 only"
    if measuring.options.shard is None and len(conversations) > 1:
        cases = [_judged(each, embedders["int8"]) for each in conversations]
        for depth, values in zip(DEPTHS, held_out(cases, DEPTHS), strict=True):
            figures |= _mean(f"r{depth}_held_out", values)
    else:
        measuring.skipped["r10_held_out"] = "weights are chosen on one conversation and measured on another"
    return figures


def read(path: Path) -> list[Conversation]:
    """The conversations of a file.

    Raises:
        EvalError: There is no such file, or it is of another form.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, list) or not found:
            raise ValueError("not a list of conversations")
        return [_conversation(each) for each in cast("list[dict[str, Any]]", found)]
    except OSError as error:
        raise EvalError(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvalError(f"{str(path)!r} is not of the form of LoCoMo's locomo10.json: {error!r}.") from error


def _conversation(data: dict[str, Any]) -> Conversation:
    talk = data["conversation"]
    turns: list[Record] = []
    places: dict[str, int] = {}
    last = max(int(key.split("_")[1]) for key in talk if re.fullmatch(r"session_\d+", key))
    for number in range(1, last + 1):
        if f"session_{number}" not in talk:
            continue
        when = datetime.strptime(talk[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y")
        when = when.replace(tzinfo=UTC)
        for turn in talk[f"session_{number}"]:
            places[turn["dia_id"]] = len(turns)
            caption = f" [{turn['blip_caption']}]" if turn.get("blip_caption") else ""
            turns.append(
                Record(
                    kind="episode",
                    text=turn["text"] + caption,
                    scope=SCOPE,
                    speaker=turn["speaker"],
                    session=f"session {number}",
                    happened=when,
                    learned=when,
                )
            )
    questions: list[Asked] = []
    for asked in data["qa"]:
        named = _MENTION.findall(" ".join(asked.get("evidence") or ()))
        evidence = frozenset(places[name] for name in named if name in places)
        if evidence:
            questions.append(Asked(asked["question"], asked["category"], evidence))
    return Conversation(data["sample_id"], tuple(turns), tuple(questions))


def _measured(conversation: Conversation, embedder: Kept, other: Conversation | None) -> dict[str, Any]:
    """One conversation through memory: recall of every question, by system and depth.

    Args:
        other: One whose questions this one cannot answer; None: only memory's own recall is measured.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        Memory.open(folder, embedder=embedder, index="exact") as memory,
    ):
        kept = [each.id for each in memory.remember_all_sync(conversation.turns)]
        systems: dict[str, list[list[float]]] = {"ours": []}
        seconds: list[float] = []
        vectors = embedder.embed([each.text for each in conversation.questions])
        for asked, vector in zip(conversation.questions, vectors, strict=True):
            began = time.perf_counter()
            found = memory.recall_sync(asked.text, max(DEPTHS), at=conversation.end, vector=vector)
            seconds.append(time.perf_counter() - began)
            systems["ours"].append(_recalls(asked, kept, [each.record.id for each in found]))
        empty: dict[str, list[bool]] = {}
        if other is not None:
            empty["own"] = _empty(memory, conversation, conversation.end, embedder)
            if other is not conversation:
                empty["other"] = _empty(memory, other, conversation.end, embedder)
            systems["multisearch"] = [
                _recalls(asked, kept, _by_searches(memory, asked, conversation.end))
                for asked in conversation.questions
            ]
            systems["summarized"] = _once_summarized(memory, conversation, kept, embedder)
    if other is not None:
        names = [str(place) for place in range(len(conversation.turns))]
        texts = [each.text for each in conversation.questions]
        for system, orders in baselines(conversation.turns, texts, embedder, max(DEPTHS)).items():
            systems[system] = [
                _recalls(asked, names, [str(place) for place in order])
                for asked, order in zip(conversation.questions, orders, strict=True)
            ]
    return {
        "form": embedder.name,
        "turns": len(conversation.turns),
        "categories": [each.category for each in conversation.questions],
        "recalls": systems,
        "empty": empty,
        "seconds": seconds,
    }


def _empty(memory: Memory, asking: Conversation, end: datetime, embedder: Kept) -> list[bool]:
    """Whether each question gets an empty answer under `LEAST`."""
    main = [each.text for each in asking.questions if each.category != ADVERSARIAL]
    return [
        not memory.recall_sync(text, 1, at=end, min_score=LEAST, vector=vector)
        for text, vector in zip(main, embedder.embed(main), strict=True)
    ]


def _once_summarized(
    memory: Memory, conversation: Conversation, kept: Sequence[str], embedder: Kept
) -> list[list[float]]:
    """Recalls of all questions with summaries beside the turns; asked now, when there are some."""
    Consolidation(memory).run_sync()
    recalls: list[list[float]] = []
    for asked in conversation.questions:
        (vector,) = embedder.embed([asked.text])
        found = [memory.recall_sync(asked.text, depth, vector=vector) for depth in DEPTHS]
        by_depth = [_recalls(asked, kept, [each.record.id for each in answer]) for answer in found]
        recalls.append([by_depth[place][place] for place in range(len(DEPTHS))])
    return recalls


def _by_searches(memory: Memory, asked: Asked, end: datetime) -> list[str]:
    found = memory.recall_all_sync(searches(asked.text), max(DEPTHS), at=end, near_words=True)
    return [each.record.id for each in found]


def _recalls(asked: Asked, kept: Sequence[str], found: Sequence[str]) -> list[float]:
    """Share of the evidence among the best, for each of `DEPTHS`."""
    wanted = {kept[place] for place in asked.evidence}
    return [len(wanted & set(found[:depth])) / len(wanted) for depth in DEPTHS]


def _judged(conversation: Conversation, embedder: Kept) -> list[Judged]:
    main = [each for each in conversation.questions if each.category != ADVERSARIAL]
    vectors = embedder.embed([each.text for each in main])
    return judged(
        conversation.turns,
        [(each.text, vector, each.evidence) for each, vector in zip(main, vectors, strict=True)],
        embedder,
        conversation.end,
    )


def _told(row: Row) -> str:
    values = _of(row, "ours", 10, "main")
    return f"recall at 10 {sum(values) / max(len(values), 1):.3f} of {len(values)} questions"


def _of(row: Row, system: str, depth: int, which: str) -> list[float]:
    """Recalls of a row's questions: of a category, or of all but the adversarial ones ("main")."""
    found = cast("dict[str, Any]", row)
    values = found["recalls"].get(system, [])
    categories = found["categories"]
    place = DEPTHS.index(depth)
    return [
        value[place]
        for value, category in zip(values, categories, strict=bool(values))
        if (category != ADVERSARIAL if which == "main" else CATEGORIES[category] == which)
    ]


def _figures(rows: Sequence[Row]) -> Figures:
    def over(name: str, system: str, depth: int, which: str = "main") -> Figures:
        return _mean(name, [value for row in rows for value in _of(row, system, depth, which)])

    figures: Figures = {}
    for depth in DEPTHS:
        figures |= over(f"r{depth}", "ours", depth)
    for which in CATEGORIES.values():
        figures |= over(f"r10_{which}", "ours", 10, which)
    figures |= over("r10_int8", "ours", 10)
    figures |= over("r20_multihop", "ours", 20, "multihop")
    for depth in (10, 20):
        figures |= over(f"r{depth}_multihop_multisearch", "multisearch", depth, "multihop")
    figures |= over("r10_multisearch", "multisearch", 10)
    for system in ("dense", "bm25", "rrf", "hybrid"):
        figures |= over(f"r10_{system}", system, 10)
    for depth in DEPTHS:
        figures |= over(f"r{depth}_full", "full", depth)
        figures |= over(f"r{depth}_summarized", "summarized", depth)
    found = cast("list[dict[str, Any]]", rows)
    for which in ("own", "other"):
        figures |= rate(f"empty_{which}", [each for row in found for each in row["empty"].get(which, ())])
    figures["questions"] = sum(len(row["categories"]) for row in found)
    figures["turns"] = sum(row["turns"] for row in found)
    figures["seconds_per_search"] = median([value for row in found for value in row["seconds"]])
    return figures


def _mean(name: str, values: Sequence[float]) -> Figures:
    """A mean and the ends of its 95 % interval; null of fewer than two."""
    if len(values) < 2:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    middle, half = float(np.mean(values)), Z95 * float(np.std(values, ddof=1)) / sqrt(len(values))
    return {name: middle, f"{name}_low": max(middle - half, 0.0), f"{name}_high": min(middle + half, 1.0)}

"""What was recalled from memory, as prompts and journals carry it: labelled, within a budget, and as data.

    notes = notes_for(model, memos, budget=400)
    question = replace(question, notes=notes.text)     # what a model that reads instructions is shown of it

Each note says of what kind it is, since when it is known, where its words are from and whether they may be
trusted. All of them stand between marks that no recalled text can write (`tools.browser.untrusted`), in the
user's message and never in the instructions; a line of a note cannot pass for the label of another, nor can a
speaker's name or an origin pass for a part of its own label: they stand in quotes, and trust comes first.

Does not cover: the embedded model. It was trained on notes of its own form and never sees this one
(`answering`, `roles.ask_steps`). Nor that a model obeys nothing in a note: what it may do is limited by
its grammar and the permissions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import JsonValue, TypeAdapter, ValidationError

from ..tools.browser.untrusted import fence_text

if TYPE_CHECKING:
    from ..core_model.generation import Model
    from ..memory.records import Recalled, Record

NOTE_TOKENS = 600
"""Tokens that recalled notes may take of a prompt, where nobody says how many."""

SOURCE = "recalled from memory"
MARK = "  | "
"""Begins every line of a note's own words."""


@dataclass(frozen=True)
class Memo:
    """A recalled record as it stands in prompts, journals and what tools return.

    Attributes:
        id: Of the record.
        learned, happened: ISO 8601; `happened` may be empty.
        by: `program`, `person` or `job`; see `Provenance`.
        origin: Where its words were read, or "".
        check: Of a lesson: the criterion that failed.
        stance: Of a preference: `explicit` or `implicit`.
        evidence: How often it was seen: records that it was derived from, or times that it was said.
        score: Ranks within one recall.
        outcomes: Of a lesson: how its check came out at the latest attempts that had it, `+` or `-` each.
    """

    id: str
    kind: str
    text: str
    trust: str = "untrusted"
    learned: str = ""
    happened: str = ""
    by: str = "program"
    origin: str = ""
    speaker: str = ""
    run: str = ""
    key: str = ""
    check: str = ""
    stance: str = ""
    confidence: float = 1.0
    evidence: int = 1
    score: float = 0.0
    outcomes: str = ""

    @classmethod
    def of(cls, found: Recalled) -> Memo:
        """From what memory gives."""
        return cls.of_record(found.record, found.score)

    @classmethod
    def of_record(cls, record: Record, score: float = 0.0) -> Memo:
        """From a record that was looked up."""
        source = record.provenance
        return cls(
            record.id, record.kind, record.text, record.trust, record.learned.isoformat(),
            "" if record.happened is None else record.happened.isoformat(), source.by, source.origin,
            record.speaker, source.run, record.scope.key, source.check, record.stance or "",
            record.confidence, max(record.seen, len(source.sources)), round(score, 6), record.outcomes,
        )  # fmt: skip

    def as_json(self) -> dict[str, JsonValue]:
        """For a journal, or a model's tool; without what is empty."""
        return {name: value for name, value in vars(self).items() if value != ""}

    @property
    def trusted(self) -> bool:
        """Whether no word of it was read from a page, a tool or a stranger."""
        return self.trust == "trusted"

    def label(self) -> str:
        """Trust, kind, time and source in a line; what a page or a stranger can name stands in quotes."""
        when = [f"happened {self.happened[:10]}"] if self.happened else []
        when += [f"learned {self.learned[:10]}"] if self.learned else []
        about = [f"about {_quoted(self.key)}"] if self.key else []
        shown = f"{self.stance}, seen {self.evidence} times, confidence {self.confidence:.2f}"
        stance = [shown] if self.stance else []
        check = [f"from a failed check: {_quoted(self.check)}"] if self.check else []
        if self.outcomes:
            check.append(f"which held {self.outcomes.count('+')} of {len(self.outcomes)} times with it")
        said = [f"said by {_quoted(self.speaker)}"] if self.speaker else []
        return ", ".join([self.trust, self.kind, *when, *said, self._source(), *about, *check, *stance])

    def _source(self) -> str:
        if self.origin:
            return f"from {_quoted(self.origin)}"
        if self.by == "person":
            return "from a person"
        if self.by == "job":
            return f"derived from {self.evidence} records"
        return f"from run {_quoted(self.run)}" if self.run else "from a program"


def _quoted(name: str) -> str:
    """A name in quotes, on one line; it cannot end them."""
    return json.dumps(" ".join(name.split()), ensure_ascii=False)


_MEMOS = TypeAdapter(list[Memo])


def memos_of(rows: JsonValue) -> list[Memo] | None:
    """Memos out of a journal's row; None where it holds none that can be read (pruned)."""
    try:
        return _MEMOS.validate_python(rows)
    except ValidationError:
        return None


@dataclass(frozen=True)
class Notes:
    """Recalled notes as a prompt takes them.

    Attributes:
        text: The whole block, marks included; "" where there is none.
        used: What is in it, best first.
        left_out: What did not fit into the budget.
    """

    text: str = ""
    used: tuple[Memo, ...] = ()
    left_out: tuple[Memo, ...] = field(default=())


def notes_for(
    model: Model, recalled: Iterable[Memo], budget: int = NOTE_TOKENS, *, oldest_first: bool = False
) -> Notes:
    """The block that a prompt shows of what was recalled, whole notes only, the best ones first.

    Args:
        model: Its tokenizer counts.
        recalled: Best first.
        budget: Tokens that the whole block may take, with labels and marks; 0 shows nothing.
        oldest_first: They are chosen best first all the same, and stand in the order of their time.

    Raises:
        ValueError: The budget is below 0.
    """
    return _fitted(recalled, budget, model.count_tokens, _block_in_time if oldest_first else _block)


def fitting(
    recalled: Iterable[Memo],
    budget: int,
    count: Callable[[str], int],
    line: Callable[[Memo], str] | None = None,
) -> tuple[list[Memo], list[Memo]]:
    """What fits of notes that stand in a form of their own, and what does not, both best first.

    Args:
        count: Tokens of a text.
        line: A note in that form; None: as JSON with its label.
    """
    shown = line or _as_row
    fitted = _fitted(recalled, budget, count, lambda used, _: "\n".join(map(shown, used)))
    return list(fitted.used), list(fitted.left_out)


def _as_row(memo: Memo) -> str:
    row = {"id": memo.id, "note": memo.text, "from": memo.label(), "trust": memo.trust}
    return json.dumps(row, ensure_ascii=False)


def _fitted(
    recalled: Iterable[Memo],
    budget: int,
    count: Callable[[str], int],
    block: Callable[[Sequence[Memo], int], str],
) -> Notes:
    """Each note that still fits together with those before it; the block is counted as it will stand."""
    if budget < 0:
        raise ValueError(f"budget is {budget!r}; it must be at least 0 tokens.")
    every = list(recalled)
    used: list[Memo] = []
    for memo in every:
        left = len(every) - len(used) - 1
        if count(block([*used, memo], left)) <= budget:
            used.append(memo)
    left_out = tuple(memo for memo in every if memo not in used)
    text = block(used, len(left_out)) if used else ""
    return Notes(text, tuple(used), left_out)


def _block(used: Sequence[Memo], left: int) -> str:
    rows: list[str] = []
    for number, memo in enumerate(used, 1):
        rows.append(f"[{number}] {memo.label()}")
        rows += [f"{MARK}{line}" for line in memo.text.splitlines()]
    if left:
        rows.append(f"({left} more did not fit and {'is' if left == 1 else 'are'} not shown)")
    return fence_text("\n".join(rows), SOURCE)


def _block_in_time(used: Sequence[Memo], left: int) -> str:
    return _block(sorted(used, key=lambda memo: memo.learned), left)


def is_instructed(model: Model) -> bool:
    """Whether a model reads instructions. The chat template of those trained on the roles leaves them out."""
    from ..core_model.model import LocalModel
    from ..core_model.remote import RemoteModel

    if isinstance(model, LocalModel):
        template = model.tokenizer.chat_template
        return template is None or "system" in template
    return isinstance(model, RemoteModel)

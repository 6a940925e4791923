"""The role `recall`: recalled notes and a question -> words of a note that answer it, or that none does.

    notes = [Note("Red mugs cost 4", date(2027, 3, 1))]
    question = ask_recall(notes, "What do red mugs cost?")
    read_recall("says 4", notes)            # Recollection("4", notes[0])

Notes are shown oldest first, whatever order they were recalled in: of two that contradict each other the
later one holds. Notes without a date stand before all others. Under the grammar an answer is words of one
note, or `unknown`.

Does not cover: answers that no single note has, and whether a note is true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from ..tools.browser.actions import span_terminal
from .question import Question
from .reasoning.proposers import Sampled
from .reasoning.sampling import BestOfN
from .reasoning.strategy import Answers
from .reasoning.tasks import Ends
from .reasoning.thinking import Prompt
from .recalling import Memo, fitting, is_instructed, memos_of, notes_for
from .remembering import RECALLED, journalled, recalled_body
from .wording import fold, locate

if TYPE_CHECKING:
    from pydantic import JsonValue

    from ..memory import Memory, Scope
    from .reasoning.problem import Task
    from .reasoning.search import Result
    from .reasoning.thinking import Thinking

UNKNOWN = "unknown"
"""The answer where no note says it."""

ANSWER_NOTE_TOKENS = 1200
"""Tokens that notes may take of a question that is answered out of them."""

LONGEST_ANSWER = 96
"""Tokens of an answer; one that is cut is none."""

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()


class UnreadableAnswer(ValueError):
    """An answer that no note has. Carries the answer."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        super().__init__(
            f"{answer!r} is neither {UNKNOWN!r} nor 'says' with words of a note. "
            "Decode it under the grammar of the question."
        )


@dataclass(frozen=True)
class Note:
    """One recalled statement, and when it was written down."""

    text: str
    day: date | None = None

    def line(self) -> str:
        """The note as the model reads it."""
        when = "" if self.day is None else f"{self.day.day} {MONTHS[self.day.month - 1]} {self.day.year} : "
        return f"note {when}{fold(self.text)}"


@dataclass(frozen=True)
class Recollection:
    """An answer out of notes.

    Attributes:
        text: As the note spells it; empty where no note says it.
        note: The latest note that has these words; None where no note says it.
    """

    text: str = ""
    note: Note | None = None


def in_order(notes: Sequence[Note]) -> list[Note]:
    """Notes, oldest first; of one day as they were given."""
    return sorted(notes, key=lambda note: note.day or date.min)


def ask_recall(notes: Sequence[Note], question: str) -> Question:
    """Ask what notes say about a question."""
    rows = [note.line() for note in in_order(notes)]
    spans = list(dict.fromkeys(text for note in notes if (text := fold(note.text))))
    grammar = f'start: "{UNKNOWN}"\n'
    if spans:
        grammar = f'start: "says" SPAN | "{UNKNOWN}"\n{span_terminal(spans)}'
    return Question("recall", "\n".join([*rows, f"ask : {fold(question)}", "answer:"]), grammar)


def read_recall(answer: str, notes: Sequence[Note]) -> Recollection:
    """The answer in the words of the latest note that has them.

    Raises:
        UnreadableAnswer: No note has them (a model that does not decode under the grammar says such things).
    """
    if answer == UNKNOWN:
        return Recollection()
    verb, _, words = answer.partition(" ")
    for note in reversed(in_order(notes)):
        span = locate(words, note.text) if verb == "says" else None
        if span is not None:
            return Recollection(span.text, note)
    raise UnreadableAnswer(answer)


@dataclass(frozen=True)
class FromMemory:
    """A way to think that answers in the words of one recalled record, or `unknown`.

        archivist = Worker("archivist", model, strategy=FromMemory(memory))

    What was recalled is recorded with the run, so that a resumed one reads the same notes. A model that reads
    instructions is shown them labelled and as data (`recalling`), the embedded one as it was trained.

    Attributes:
        memory: Where records lie; each counts as written down on the day on which it was learned.
        notes: Records to recall at most.
        scope: Whose records may be seen; None: shared ones only.
        tokens: That the notes may take of the prompt; the best ones that fit are in it.
    """

    memory: Memory
    notes: int = 6
    scope: Scope | Sequence[Scope] | None = None
    tokens: int = ANSWER_NOTE_TOKENS
    name: str = "from-memory"

    async def solve(self, task: Task, thinking: Thinking) -> Result:
        """See `Strategy`.

        Raises:
            CallFailed: Memory cannot be used.
        """
        memos = await self._recalled(task.question, thinking)
        question, recalled = self._asked(memos, task.question, thinking)

        def answer_of(said: str) -> str:
            return read_recall(said, recalled).text or UNKNOWN

        grammar = question.compiled()
        proposer = Sampled(
            lambda node: Prompt.of(question.fenced(), question.system()),
            read=answer_of,
            grammar=lambda node: grammar,
            temperature=0.0,
            max_tokens=LONGEST_ANSWER,
        )
        return await BestOfN(1, 1, name=self.name).run(Answers(), proposer, Ends(task.check), thinking)

    def _asked(self, memos: Sequence[Memo], about: str, thinking: Thinking) -> tuple[Question, list[Note]]:
        """The question as this model takes it, and the notes that are in it."""
        model = thinking.model
        if not is_instructed(model):
            used, _ = fitting(memos, self.tokens, model.count_tokens, lambda memo: _note(memo).line())
            notes = list(map(_note, used))
            return ask_recall(notes, about), notes
        folded = [replace(memo, text=fold(memo.text)) for memo in memos]  # as it may be copied
        shown = notes_for(model, folded, self.tokens, oldest_first=True)
        kept = {memo.id for memo in shown.used}
        notes = [_note(memo) for memo in memos if memo.id in kept]
        question = ask_recall(notes, about)
        asked = question.text.splitlines()[len(notes) :]
        return replace(question, text="\n".join(asked), notes=shown.text), notes

    async def _recalled(self, question: str, thinking: Thinking) -> list[Memo]:
        async def recall() -> JsonValue:
            found = await self.memory.recall(question, k=self.notes, scope=self.scope)
            memos = [Memo.of(item) for item in found]
            journalled(thinking, RECALLED, recalled_body("answer", [question], memos, memos))
            return [memo.as_json() for memo in memos]

        rows = await thinking.call("recall", {"question": question, "notes": self.notes}, recall)
        return memos_of(rows) or []


def _note(memo: Memo) -> Note:
    return Note(memo.text, datetime.fromisoformat(memo.learned).date())

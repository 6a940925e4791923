"""Learn what a user prefers over three runs, be corrected, tell what held before, forget her with proof.

An assistant books her trains. What she says she prefers is kept at once (`explicit`). What she only chooses
is kept as what happened; once she has chosen the same three times, a preference says so that names these
three (`implicit`). From then on nobody asks her. A correction closes the old words and keeps them: `at` asks
for the past. When she wants to be forgotten, every file is looked through for what is left.

Prints:
    run 1 to Vienna: aisle seat as she said, vegetarian meal as she answered
    run 2 to Graz: aisle seat as she prefers, vegetarian meal as she answered
    run 3 to Linz: aisle seat as she prefers, vegetarian meal as she answered
    known of her:
      explicit: Ada takes an aisle seat in trains.
      implicit, seen in 3 choices: Ada eats the vegetarian meal on trains.
    now: window seat, vegetarian meal; before: aisle seat
    forgotten: 6 records, proven by ... bytes
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from tempfile import TemporaryDirectory

from punchlist.memory import Memory, Provenance, Record, Scope

ADA = Scope(user="ada")
SEATS, MEALS = ("aisle", "window"), ("vegetarian", "fish")
SAID = Provenance(by="person", origin="ada")
ANSWER = "vegetarian"
"""What she says whenever she is asked about the meal."""


def prefers(memory: Memory, question: str, options: Sequence[str], at: datetime | None = None) -> str | None:
    """The option that what she prefers speaks of; None where it speaks of none."""
    found = memory.recall_sync(question, k=3, kinds=["preference"], scope=ADA, at=at, min_score=0.2)
    named = (option for each in found for option in options if option in each.record.text)
    return next(named, None)


def say(memory: Memory, text: str, corrects: Record | None = None) -> Record:
    """Keep what she says of herself; where it corrects something, that is closed."""
    said = Record(
        kind="preference", text=text, scope=ADA, provenance=SAID, trust="trusted", stance="explicit"
    )
    return memory.remember_sync(said) if corrects is None else memory.supersede_sync(corrects.id, said)


def choose_meal(memory: Memory, run: str, to: str) -> str:
    """The meal that she prefers; where that is not known she is asked, and it is kept what she chose."""
    if (known := prefers(memory, "Which meal does she eat on trains?", MEALS)) is not None:
        return f"{known} meal as she prefers"
    memory.remember_sync(
        Record(
            kind="episode",
            text=f"Asked for the meal on the train to {to}, Ada chose: {ANSWER}.",
            scope=ADA,
            provenance=Provenance(run=run),
        )
    )
    return f"{ANSWER} meal as she answered"


def learn_from_choices(memory: Memory) -> None:
    """Once she has chosen the same three times, keep that as a preference which names its evidence."""
    chosen = [each for each in memory.records_sync(["episode"], ADA) if ANSWER in each.text]
    if len(chosen) == 3:
        sources = tuple(each.id for each in chosen)
        memory.remember_sync(
            Record(
                kind="preference",
                text=f"Ada eats the {ANSWER} meal on trains.",
                scope=ADA,
                provenance=Provenance(by="job", sources=sources),
                stance="implicit",
                confidence=0.8,
            )
        )


def show(record: Record) -> None:
    """A preference with what it rests on."""
    seen = f", seen in {len(record.provenance.sources)} choices" if record.stance == "implicit" else ""
    print(f"  {record.stance}{seen}: {record.text}")


with TemporaryDirectory() as folder:
    for number, to in enumerate(("Vienna", "Graz", "Linz"), 1):
        with Memory.open(folder) as memory:  # each run opens it anew: what is known comes from the files
            if (seat := prefers(memory, "Which seat does she take in trains?", SEATS)) is None:
                say(memory, "Ada takes an aisle seat in trains.")
                told = "aisle seat as she said"
            else:
                told = f"{seat} seat as she prefers"
            print(f"run {number} to {to}: {told}, {choose_meal(memory, f'run-{number}', to)}")
            learn_from_choices(memory)

    with Memory.open(folder) as memory:
        print("known of her:")
        known = memory.records_sync(["preference"], ADA, at=datetime.now(UTC))
        for preference in known:
            show(preference)
        before = datetime.now(UTC)
        say(memory, "Ada takes a window seat in trains, since her knee healed.", corrects=known[0])
        asked = "Which seat does she take in trains?"
        now, then = prefers(memory, asked, SEATS), prefers(memory, asked, SEATS, at=before)
        meal = prefers(memory, "Which meal does she eat on trains?", MEALS)
        print(f"now: {now} seat, {meal} meal; before: {then} seat")
        erased = memory.erase_sync(ADA)
        print(f"forgotten: {erased.records} records, {'proven by' if erased.proven else 'NOT proven by'} "
              f"{erased.bytes:,} bytes that were looked through")  # fmt: skip

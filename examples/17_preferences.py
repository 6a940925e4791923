"""Learn what a user prefers over three runs, be corrected, tell what held before, forget her with proof.

An assistant books her trains. What she says she prefers is kept at once (`explicit`). What she only chooses
is kept as what happened; between runs memory is consolidated, and once she has chosen the same of five
three times out of three, it says so and names these choices (`implicit`). From then on nobody asks her. A
correction closes the old words and keeps them: `at` asks for the past. When she wants to be forgotten, every
file is looked through for what is left.

Prints:
    run 1 to Vienna: aisle seat as she said, vegetarian meal as she answered
    run 2 to Graz: aisle seat as she prefers, vegetarian meal as she answered
    run 3 to Linz: aisle seat as she prefers, vegetarian meal as she answered
    run 4 to Paris: aisle seat as she prefers, vegetarian meal as she prefers
    known of her:
      explicit: Ada takes an aisle seat in trains.
      implicit, seen in 3 choices: prefers vegetarian for meal: chosen 3 of 3 times
    now: window seat, vegetarian meal; before: aisle seat
    forgotten: 6 records, proven by ... bytes
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from tempfile import TemporaryDirectory

from punchlist.memory import Choice, Consolidation, Memory, Provenance, Record, Scope, preferences_of

ADA = Scope(user="ada")
SEATS = ("aisle", "window")
MEALS = ("vegetarian", "vegan", "fish", "meat", "none")
SEAT, MEAL = "Which seat does she take in trains?", "Which meal does she prefer?"
ANSWER = "vegetarian"
"""What she says whenever she is asked about the meal."""


def prefers(memory: Memory, question: str, options: Sequence[str], at: datetime | None = None) -> str | None:
    """The option that what she prefers speaks of; None where it speaks of none."""
    found = memory.recall_sync(question, k=3, kinds=["preference"], scope=ADA, at=at)
    named = (option for each in found for option in options if option in each.record.text)
    return next(named, None)


def said(text: str) -> Record:
    """What she says of herself; it needs no proof."""
    by_her = Provenance(by="person", origin="ada")
    return Record(
        kind="preference", text=text, scope=ADA, provenance=by_her, trust="trusted", stance="explicit"
    )


def seat(memory: Memory) -> str:
    """The seat that she prefers; the first time she says so by herself."""
    if (known := prefers(memory, SEAT, SEATS)) is not None:
        return f"{known} seat as she prefers"
    memory.remember_sync(said("Ada takes an aisle seat in trains."))
    return "aisle seat as she said"


def meal(memory: Memory) -> str:
    """The meal that she prefers; where that is not known she is asked, and what she chose is kept."""
    if (known := prefers(memory, MEAL, MEALS)) is not None:
        return f"{known} meal as she prefers"
    choice = Choice(what="meal", value=ANSWER, options=MEALS)
    memory.remember_sync(choice.episode(ADA, happened=datetime.now(UTC)))
    return f"{ANSWER} meal as she answered"


with TemporaryDirectory() as folder:
    for number, to in enumerate(("Vienna", "Graz", "Linz", "Paris"), 1):
        with Memory.open(folder) as memory:  # each run opens it anew: what is known comes from the files
            print(f"run {number} to {to}: {seat(memory)}, {meal(memory)}")
            Consolidation(memory).run_sync(["preferences"])

    with Memory.open(folder) as memory:
        print("known of her:")
        known = preferences_of(memory.records_sync(["preference"], ADA, at=datetime.now(UTC)))
        for each in known:
            seen = f", seen in {each.evidence} choices" if each.record.stance == "implicit" else ""
            print(f"  {each.record.stance}{seen}: {each.record.text}")

        before = datetime.now(UTC)
        memory.supersede_sync(known[0].record.id, said("Ada takes a window seat, since her knee healed."))
        now, then = prefers(memory, SEAT, SEATS), prefers(memory, SEAT, SEATS, at=before)
        print(f"now: {now} seat, {prefers(memory, MEAL, MEALS)} meal; before: {then} seat")

        erased = memory.erase_sync(ADA)
        proof = "proven by" if erased.proven else "NOT proven by"
        print(f"forgotten: {erased.records} records, {proof} {erased.bytes:,} bytes that were looked through")

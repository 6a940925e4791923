"""Remember what a check proved, refuse what failed it, and recall it by meaning.

Memory takes a record only together with the confirm of the task in which it was learned. A manager mints
that confirm; here the same is done by hand, to show what it is made of.

Prints:
    refused: ...
    The Lovelace account wants its invoices by e-mail
"""

from tempfile import TemporaryDirectory

from punchlist.memory import Memory, Provenance, Record, Scope, UnprovenMemory
from punchlist.protocols import Check, Spec
from punchlist.protocols.messages import Confirm, Verdict, artifact_hash

names_her = Check("names the customer", lambda note: "Lovelace" in note)
spec = Spec([names_her])


def prove(note: str) -> Confirm:
    """Check `note` against the spec, as a verifier does."""
    return Confirm(
        spec_hash=spec.hash,
        artifact_hash=artifact_hash(note, evidence=()),
        verdict=Verdict(findings=(names_her.find(note),)),
        run="example",
        task="read the account",
        attempt=1,
        generation=1,
    )


def record(note: str) -> Record:
    """One fact about customers, with where it came from."""
    learned_in = Provenance(run="example", task="read the account", attempt=1)
    return Record(kind="fact", text=note, scope=Scope.shared("customers"), provenance=learned_in)


with TemporaryDirectory() as folder, Memory.open(folder) as memory:
    vague = "Some customer likes tea"
    try:
        memory.remember_sync(record(vague), prove(vague))
    except UnprovenMemory as error:
        print(f"refused: {error}")

    for note in (
        "The Lovelace account wants its invoices by e-mail",
        "Countess Lovelace collects her parcels at the shop",
    ):
        memory.remember_sync(record(note), prove(note))

    best = memory.recall_sync("How does she want to be billed?", k=1)[0]
    print(best.record.text)
    print(best.explain())

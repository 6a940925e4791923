"""What memory refuses, as somebody at the command line reads it: with commands where a program has calls."""

from __future__ import annotations

from ...memory import errors as of


def sentence_of(error: of.MemoryRefused | of.MemoryFault) -> str:
    """What happened, and what to type next."""
    match error:
        case of.EmbedderMismatch(stored=stored, given=given):
            return (
                f"This memory was embedded with {stored!r}, not {given!r}. Leave out --embedder, or embed "
                "every record anew: punchlist memory reembed --embedder NAME."
            )
        case of.IndexUnusable(cause=cause, place=place, reason=reason) if cause != "rights":
            return (
                f"The Chroma index at {place!r} cannot be used: {of.ended(reason)} See to the server, if it "
                "is one; `punchlist memory rebuild` writes an index anew, `--index exact` needs none. No "
                "record is lost."
            )
        case of.UnknownRecord(record=record):
            return f"No record {record!r} is in this memory. `punchlist memory list` shows what is."
        case of.AlreadySuperseded(record=record, by=by):
            return f"Record {record!r} was superseded by {by!r}. Supersede that one instead."
        case of.PlaceTaken(record=record, by=by):
            return (
                f"Record {record!r} cannot hold again beside {by!r}, which replaced it or says the same. "
                f"Retract that one first: punchlist memory retract {by} --reason TEXT."
            )
        case of.AlreadyClosed(record=record, state=state):
            return (
                f"Record {record!r} is {state} already. `punchlist memory history {record}` shows what "
                "became of it."
            )
        case of.ForgetIncomplete(place=place, reason=reason, remedy=remedy):
            return (
                f"The records were deleted, but {place!r} may still hold their bytes: {of.ended(reason)} "
                f"{remedy}, then clean its files: punchlist memory rebuild."
            )
        case _:
            return str(error)

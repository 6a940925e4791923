"""The commands of `punchlist memory` with their options: add, search, explain, correct, erase."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from typing import Any

from .arguments import command, positive, whole

KINDS = ("fact", "preference", "episode", "reflection", "skill", "summary")
BY_HAND = ("fact", "preference", "episode")
JOBS = ("links", "retire", "preferences", "lessons", "summaries")
LEVELS = ("user", "agent", "run")
HEALTHY = "exit code 0: nothing wrong, 1: something is"
ERASED = "exit code 0: deleted, 3: bytes were found, or a place could not be looked at"


def add_memory(commands: Any) -> None:
    """`memory` with its commands."""
    about = "search, correct, carry over and erase what agents know"
    example = (
        'punchlist memory add "Ada always takes the aisle seat" --kind preference --user ada\n'
        '  punchlist memory search "Which seat does she want?" --user ada'
    )
    parser = command(commands, "memory", about, example, "memories:explain_commands")
    parser.set_defaults(usage=parser.format_help)
    inner = parser.add_subparsers(dest="memory_command", title="commands", metavar="COMMAND")
    _add_add(inner)
    _add_search(inner)
    _add_list(inner)
    _add_one(inner)
    _add_corrections(inner)
    _add_transfer(inner)
    _add_deletion(inner)
    _add_upkeep(inner)


def _add_add(inner: Any) -> None:
    about = "remember what you say; what reads like a password or a key is refused"
    example = (
        'punchlist memory add "Ada always takes the aisle seat" --kind preference --user ada\n'
        '  punchlist memory add "We met at the fair." --kind episode --happened 2027-05-03 --speaker Ada\n'
        "  punchlist memory add - --kind episode --session minutes"
    )
    parser = command(inner, "add", about, example, "memory_acts:add")
    parser.add_argument("text", metavar="TEXT", help="what is to be remembered; - reads it from stdin")
    parser.add_argument("--kind", choices=BY_HAND, default="fact", help="default: fact")
    _add_owner(parser)
    parser.add_argument("--speaker", default="", metavar="NAME", help="who said it")
    parser.add_argument("--session", default="", metavar="NAME", help="conversation that it is part of")
    parser.add_argument("--happened", type=moment, metavar="DATE", help="when it took place")
    parser.add_argument("--importance", type=share, default=0.5, metavar="X", help="0 to 1 (default 0.5)")
    parser.add_argument(
        "--origin", default="", metavar="PLACE",
        help="where the words were read, such as a page; they then count as untrusted",
    )  # fmt: skip
    _add_person(parser)
    _add_where(parser)


def _add_search(inner: Any) -> None:
    asked = (
        ("search", "find what answers a question", "memories:search"),
        ("explain", "find what answers a question, and show what each score is made of", "memories:explain"),
    )
    for name, about, handler in asked:
        example = (
            f'punchlist memory {name} "Which seat does she want?" --user ada\n'
            f'  punchlist memory {name} "the delayed parcel" --across all -k 10 --at 2027-05-03'
        )
        parser = command(inner, name, about, example, handler)
        parser.add_argument("question", metavar="QUESTION", help="in words, as one would ask a person")
        _add_owner(parser)
        _add_across(parser, "search those of everybody at this level too")
        parser.add_argument("-k", type=whole, default=5, metavar="N", help="at most so many (default 5)")
        _add_kinds(parser)
        _add_at(parser)
        parser.add_argument(
            "--min-score", type=share, default=0.0, metavar="X",
            help="0 to 1; leave out what answers less well, and rather find nothing (default 0); `explain` "
            "tells what is compared with it as strength",
        )  # fmt: skip
        parser.add_argument(
            "--diversity", type=share, default=0.0, metavar="X",
            help="0 to 1; how much likeness to a better answer counts against one (default 0)",
        )  # fmt: skip
        parser.add_argument("--trusted", action="store_true", help="only what is trusted")
        _add_where(parser)


def _add_list(inner: Any) -> None:
    about = "list what is stored, oldest first: of everybody, or what somebody sees"
    example = (
        "punchlist memory list\n  punchlist memory list --kind preference --user ada\n"
        "  punchlist memory list --user ada --at 2027-05-03"
    )
    parser = command(inner, "list", about, example, "memories:list_records")
    _add_owner(parser)
    _add_across(parser, "list those of everybody at this level too")
    _add_kinds(parser)
    _add_at(parser)
    parser.add_argument("--closed", action="store_true", help="also what was corrected, retracted or is over")
    _add_where(parser)


def _add_one(inner: Any) -> None:
    of_one = (
        ("show", "print one record with everything that is known about it", "memories:show_record"),
        ("history", "print what a record replaced and what replaced it, with proofs", "memories:history"),
    )
    for name, about, handler in of_one:
        parser = command(inner, name, about, f"punchlist memory {name} 4c91d0", handler)
        _add_id(parser)
        _add_where(parser)


def _add_corrections(inner: Any) -> None:
    about = "correct a record: the new words hold from now on, the old ones are kept"
    example = 'punchlist memory supersede 4c91d0 "Ada takes the window seat"'
    parser = command(inner, "supersede", about, example, "memory_acts:supersede")
    _add_id(parser)
    parser.add_argument("text", metavar="TEXT", help="what is so instead; - reads it from stdin")
    parser.add_argument("--since", type=moment, metavar="DATE", help="from when on (default: now)")
    _add_person(parser)
    _add_where(parser)
    about = "close a record that is wrong and that nothing replaces"
    example = "punchlist memory retract 4c91d0 --reason 'she never said so'"
    parser = command(inner, "retract", about, example, "memory_acts:retract")
    _add_id(parser)
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it is kept with the record")
    _add_where(parser)
    about = "open a record again that was retracted or superseded"
    parser = command(inner, "restore", about, "punchlist memory restore 4c91d0", "memory_acts:restore")
    _add_id(parser)
    _add_where(parser)


def _add_transfer(inner: Any) -> None:
    about = "write records to a file of JSON lines, with proofs and vectors"
    example = "punchlist memory export all.jsonl\n  punchlist memory export ada.jsonl --user ada"
    parser = command(inner, "export", about, example, "memory_acts:export")
    parser.add_argument("file", metavar="FILE", help="a new file; only you may read it")
    _add_owner(parser)
    _add_across(parser, "without an owner: those of everybody at this level too")
    _add_shared(parser, "only what belongs to nobody in particular")
    _add_where(parser)
    about = "take in what was exported elsewhere, all of it or nothing"
    parser = command(inner, "import", about, "punchlist memory import all.jsonl", "memory_acts:take_in")
    parser.add_argument("file", metavar="FILE", help="what `memory export` wrote")
    _add_where(parser)


def _add_deletion(inner: Any) -> None:
    deletes = (
        ("forget", "delete for good, from every file", "", "memory_acts:forget"),
        ("erase", "delete for good, and look at every byte for what is left", ERASED, "memory_acts:erase"),
    )  # fmt: skip
    for name, about, codes, handler in deletes:
        example = (
            f"punchlist memory {name} 4c91d0\n  punchlist memory {name} --user ada --yes\n"
            f"  punchlist memory {name} --shared --key https://shop.example"
        )
        parser = command(inner, name, about, example, handler)
        if codes:
            parser.epilog = f"{codes}\n\n{parser.epilog}"
        parser.add_argument("id", nargs="?", metavar="ID", help="one record; or say whose with the options")
        _add_owner(parser)
        _add_across(parser, "with --shared: those of everybody at this level too")
        _add_shared(parser, "what belongs to nobody in particular")
        parser.add_argument("--yes", action="store_true", help="do not ask whether that is meant")
        _add_where(parser)


def _add_upkeep(inner: Any) -> None:
    about = "say what is stored where, and what is wrong with it"
    parser = command(inner, "doctor", about, "punchlist memory doctor", "memories:doctor")
    parser.epilog = f"{HEALTHY}\n\n{parser.epilog}"
    _add_where(parser)
    about = (
        "make summaries, preferences and lessons of what is stored, without a model; or undo what was made"
    )
    example = (
        "punchlist memory tidy\n  punchlist memory tidy --job preferences --seconds 60\n"
        "  punchlist memory tidy --undo summaries"
    )
    parser = command(inner, "tidy", about, example, "memory_acts:tidy")
    parser.add_argument(
        "--job", action="append", choices=JOBS, metavar="JOB",
        help=f"only this: {', '.join(JOBS)}; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", type=positive, metavar="N", help="stop after so long, and go on next time"
    )
    parser.add_argument(
        "--undo", metavar="ID", help="retract what was derived, by its id or by the name of a job, for good"
    )
    _add_where(parser)
    about = "embed every record anew with another embedder, and go over to it"
    example = "punchlist memory reembed --embedder minilm-onnx"
    parser = command(inner, "reembed", about, example, "memory_acts:reembed")
    _add_where(parser)
    about = "write the index anew, and the files without what was deleted"
    example = "punchlist memory rebuild --index http://127.0.0.1:8000"
    parser = command(inner, "rebuild", about, example, "memory_acts:rebuild")
    _add_where(parser)


# Options that several take.


def _add_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="its id, or as much of its beginning or end as no other has")


def _add_owner(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", default="", metavar="NAME", help="whose: this user's")
    parser.add_argument("--agent", default="", metavar="NAME", help="whose: this agent's")
    parser.add_argument("--run", default="", metavar="NAME", help="whose: this run's")
    parser.add_argument("--tenant", default="", metavar="NAME", help="of this installation")
    parser.add_argument("--key", default="", metavar="KEY", help="what it is about, such as a site's address")


def _add_across(parser: argparse.ArgumentParser, about: str) -> None:
    parser.add_argument(
        "--across", action="append", default=[], choices=(*LEVELS, "all"), metavar="LEVEL",
        help=f"{', '.join(LEVELS)} or all: {about}; may be given several times",
    )  # fmt: skip


def _add_shared(parser: argparse.ArgumentParser, about: str) -> None:
    parser.add_argument("--shared", action="store_true", help=about)


def _add_kinds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kind", action="append", choices=KINDS, metavar="KIND",
        help=f"only this kind: {', '.join(KINDS)}; may be given several times",
    )  # fmt: skip


def _add_at(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--at", type=end_of_day, metavar="DATE", help="what held then, as 2027-05-03 or 2027-05-03T10:00"
    )


def _add_person(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--person", metavar="NAME", help="who says so (default: your user name)")


def _add_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--memory", metavar="DIR", default=".punchlist/memory", help="its folder (default .punchlist/memory)"
    )
    parser.add_argument(
        "--embedder", metavar="E",
        help="minilm-int8, minilm-onnx, minilm, a folder, a hub name or the URL of a server (default: the "
        "one that the memory was made with, for a new one minilm-int8)",
    )  # fmt: skip
    parser.add_argument(
        "--index", metavar="I", default="auto",
        help="auto, exact, chroma or the URL of a Chroma server (default auto)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def share(text: str) -> float:
    """A number from 0 to 1, for argparse."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return number


def moment(text: str) -> datetime:
    """A moment in UTC, for argparse; of a date its beginning, and without an offset it is meant in UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date: write 2027-05-03 or 2027-05-03T10:00"
        ) from None
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        raise argparse.ArgumentTypeError(f"{text!r} is beyond the years that can be told in UTC") from None


def end_of_day(text: str) -> datetime:
    """As `moment`, but of a date its end: what held "on that day" is what held when it was over."""
    found, dated = moment(text), text.strip()
    whole_day = len(dated) <= len("2027-05-03") and ":" not in dated
    return found + timedelta(days=1, microseconds=-1) if whole_day else found

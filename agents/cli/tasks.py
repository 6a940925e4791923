"""`punchlist tasks`: the families of tasks that can be verified, and what the embedded model knows."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass

from ..families import FAMILIES
from .edge import DONE

LIMITS = (
    "It reads English, and takes names, counts, dates and texts from goal and page as they stand there.",
    "It does not know: conversation, writing, questions about the world, the open web, logging in.",
    "A goal outside the families ends unverified, with that reason and nothing done.",
    "Tools are plugged in from a program (Worker(..., tools=[...])), not from the command line.",
    "Other models do the same families; name one with --model.",
)
"""What a person should know about the embedded model before the first goal."""


@dataclass(frozen=True)
class Known:
    """A family as `punchlist tasks` shows it."""

    name: str
    about: str
    example: str


def known() -> list[Known]:
    """Every family that can be planned and verified."""
    return [Known(family.name, family.about, family.example) for family in FAMILIES.values()]


def tasks(options: argparse.Namespace) -> int:
    """`punchlist tasks`."""
    families = known()
    if options.json:
        print(json.dumps({"families": [asdict(each) for each in families], "limits": list(LIMITS)}))
        return DONE
    print("Families of tasks, known to the embedded model; a goal may join several of them:\n")
    for each in families:
        print(f"  {each.name:<8} {each.about}\n{'':11}e.g. {each.example}\n")
    print("The embedded model:")
    for sentence in LIMITS:
        print(f"  - {sentence}")
    return DONE

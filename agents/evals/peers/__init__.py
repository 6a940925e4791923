"""Other frameworks, each in a virtual environment of its own, in our situations and at our work.

A script `with_<peer>.py` sets a situation up as its framework's own documentation would and says what its
caller got; whether that held is judged here, for all of them alike. README.md beside this file has the rules
and the versions.

Does not cover: what a careful user could build around a framework. It is measured as it is documented.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import JsonValue

from ..ledger import EvalError

PEERS = (
    "langgraph", "pydantic_ai", "openai_agents", "autogen", "smolagents", "agno", "agent_framework", "crewai",
)  # fmt: skip
"""Names of scripts, and of the folders of their virtual environments."""

BROWSING = ("browser_use",)
"""Those that drive browsers."""

BROWSING_SCRIPT = "browsing"
"""How the names of their scripts begin."""

REMEMBERING = ("chroma", "langgraph_store", "mem0")
"""Those that remember."""

REMEMBERING_SCRIPT = "remembering"

MENDED = frozenset({"mended_by_redo", "right_in_the_last_attempt"})
"""Situations in which the caller must get the right answer; in all others it must not get one for done."""

RIGHT = "42"

Verdict = Literal["held", "not held", "not offered", "broke"]


class PeerBroke(EvalError):
    """A peer's script ended or could not be understood."""

    def __init__(self, peer: str, why: str) -> None:
        self.peer = peer
        super().__init__(
            f"The script of {peer!r} broke: {why.strip()[-600:]} "
            "Make its virtual environment anew as agents/evals/peers/README.md says."
        )


class NoPeers(EvalError):
    """A folder has no virtual environment of a peer."""

    def __init__(self, folder: Path, names: Sequence[str] = PEERS) -> None:
        self.folder = folder
        super().__init__(
            f"{str(folder)!r} has no virtual environment of {', '.join(names)}. "
            "agents/evals/peers/README.md says how to make them."
        )


@dataclass
class Peer:
    """A peer's running script.

    Attributes:
        version: Of the framework.
        situations, works: Names of what it can be asked.
    """

    name: str
    process: subprocess.Popen[str]
    version: str = ""
    situations: tuple[str, ...] = ()
    works: tuple[str, ...] = ()
    told: dict[str, dict[str, JsonValue]] = field(default_factory=dict[str, dict[str, JsonValue]])

    def ask(self, **request: JsonValue) -> dict[str, Any]:
        """One request, one answer.

        Raises:
            PeerBroke: There is none.
        """
        if self.process.stdin is None or self.process.poll() is not None:
            raise PeerBroke(self.name, f"it ended with {self.process.returncode}")
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.read()

    def read(self) -> dict[str, Any]:
        """The next line of it."""
        line = "" if self.process.stdout is None else self.process.stdout.readline()
        try:
            return cast("dict[str, Any]", json.loads(line))
        except json.JSONDecodeError as error:
            raise PeerBroke(self.name, f"it said {line!r} and no JSON") from error

    def situation(self, name: str) -> Verdict:
        """What the caller of this framework gets in a situation; kept in `told`."""
        self.told[name] = answer = self.ask(do="situation", name=name)
        return judged(name, answer)

    def work(self, name: str, count: int, durability: str) -> float:
        """CPU seconds of a unit of work.

        Raises:
            PeerBroke: The work came to nothing.
        """
        answer = self.ask(do="work", name=name, count=count, durability=durability)
        if "seconds" not in answer:
            raise PeerBroke(self.name, str(answer.get("broke", answer)))
        return float(answer["seconds"])


def judged(name: str, told: Mapping[str, Any]) -> Verdict:
    """Whether what a caller got is what it must get.

    A refused result must not reach the caller as a success: an exception holds, and so does a value with the
    framework's own, documented status that it is none. A right answer must reach it.
    """
    if "not_offered" in told:
        return "not offered"
    if "raised" not in told and "output" not in told:
        return "broke"
    succeeded = "raised" not in told and told["success"] is True
    if name in MENDED:
        return "held" if succeeded and RIGHT in str(told["output"]) else "not held"
    return "not held" if succeeded else "held"


@contextmanager
def opened(
    folder: Path, missing: dict[str, str], names: Sequence[str] = PEERS, script: str = "with"
) -> Generator[dict[str, Peer]]:
    """The peers whose virtual environment lies in `folder`, by name.

    Args:
        missing: Takes the others, with the reason.
        script: Beginning of the names of their scripts.

    Raises:
        NoPeers: There is none.
    """
    pythons = {name: folder / name / "bin" / "python" for name in names}
    present = {name: python for name, python in pythons.items() if python.exists()}
    if not present:
        raise NoPeers(folder, names)
    missing |= {name: f"{folder / name} is no virtual environment" for name in names if name not in present}
    found: dict[str, Peer] = {}
    with ExitStack() as stack:
        for name, python in present.items():
            try:
                found[name] = stack.enter_context(running(name, command_of(name, python, script)))
            except PeerBroke as error:
                missing[name] = str(error)
        yield found


def command_of(name: str, python: Path, beginning: str) -> tuple[str, str]:
    """What runs a peer's script."""
    return str(python), str(Path(__file__).with_name(f"{beginning}_{name}.py"))


@contextmanager
def running(name: str, command: Sequence[str], given: Mapping[str, str] | None = None) -> Generator[Peer]:
    """A script in a process of its own, which ends with the block.

    Args:
        given: Variables of its environment beside those that every script gets.
    """
    log = subprocess.DEVNULL if "PUNCHLIST_PEERS_LOUD" not in os.environ else sys.stderr
    keep = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR", "LANG") if key in os.environ}
    process = subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env={**keep, **(given or {})},
    )
    try:
        peer = Peer(name, process)
        hello = peer.read()
        peer.version = str(hello["version"])
        peer.situations, peer.works = tuple(hello["situations"]), tuple(hello["works"])
        yield peer
    finally:
        process.kill()
        process.wait()

"""The process in which one engine runs: a JSON object a line on stdin asks, one on stdout answers.

    {"do": "load", "folder": ..., "threads": 2, "weights": "int8"}  ->  {"value": "punchlist ...", ...}
    {"do": "run", "work": {...}, "way": "only", "turn": 3}          ->  {"value": 0.71, ...}

An error is answered as {"error": text}. Between requests the process sleeps in a read. When stdin ends,
because whoever started it has ended in whatever way, it ends at once, also in the middle of its work.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from .work import Party, Work

PARTIES = {"ours": "ours:Ours", "hf": "hugging_face:HuggingFace", "llamacpp": "llamacpp:LlamaCpp"}
"""Name of a party -> module and class. A party's library is loaded with its module's first use."""


def main() -> None:
    """Serve the party that the command line names until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not be taken for an answer
    requests: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    module, _, name = PARTIES[sys.argv[1]].partition(":")
    party: Party = getattr(import_module(f".{module}", __package__), name)()
    while True:
        told = json.loads(requests.get())
        try:
            answer: dict[str, Any] = {"value": serve(party, told), "peak_bytes": _peak_bytes()}
        except Exception as error:  # the edge of this process: whoever asked is told, and decides
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def serve(party: Party, told: dict[str, Any]) -> object:
    """Do what a request asks for.

    Raises:
        ValueError: Nothing of that name can be asked for.
    """
    match told["do"]:
        case "load":
            return party.load(Path(told["folder"]), told["threads"], told["weights"])
        case "ways":
            return party.ways(Work.from_json(told["work"]))
        case "run":
            return party.run(Work.from_json(told["work"]), told["way"], told["turn"])
        case "forget":
            return party.forget()
        case "logprobs":
            return party.logprobs(told["pairs"])
        case unknown:
            raise ValueError(f"Nothing is called {unknown!r}: ask for load, ways, run, logprobs or forget.")


def _listen(requests: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def _peak_bytes() -> int:
    """The most memory this process has held.

    From /proc where there is one: getrusage tells of a process that was just begun what its parent held.
    """
    with suppress(OSError):
        found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
        if found is not None:
            return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()

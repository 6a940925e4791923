"""Serve the example site: `python -m punchlist.examples.site --port 8000 --seed 3`."""

from __future__ import annotations

import argparse
import signal
import threading
from types import FrameType

from . import FLAWS, Site, goal


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m punchlist.examples.site", description=__doc__)
    parser.add_argument("--seed", type=int, default=3, help="which shop to open (default 3)")
    parser.add_argument(
        "--port", type=int, default=8000, help="port on 127.0.0.1, 0 for a free one (default 8000)"
    )
    parser.add_argument("--folder", help="where to keep the shop's state (default: forgotten at the end)")
    parser.add_argument(
        "--flaws", nargs="*", choices=FLAWS, help="exactly these flaws (default: those of the seed)"
    )
    chosen = parser.parse_args()
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with Site(chosen.seed, flaws=chosen.flaws, folder=chosen.folder, port=chosen.port) as site:
        print(f"{site.plan.name} is open at {site.url} (Ctrl-C closes it)", flush=True)
        print(f"Flaws: {', '.join(sorted(site.plan.flaws)) or 'none'}", flush=True)
        print(f"A goal for it: {goal(chosen.seed).text}", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()

"""`punchlist train`: trains in this process, tells how it goes, and saves when it is interrupted."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .edge import DONE, INTERRUPTED, SettingsError

TELL_SECONDS = 10.0
"""How often progress is told."""


def train(options: argparse.Namespace) -> int:
    """`punchlist train embedded`."""
    out = Path(options.out)
    check_folder(out, options.resume)
    from ..training.embedded import settle, steps_in_all, train_embedded
    from ..training.shipping import check_place, ship

    given = {
        name: getattr(options, name)
        for name in ("steps", "seed", "batch_tokens", "decay_steps", "start", "widen", "recorded", "only")
    }
    settings = settle(out, **given)
    steps = steps_in_all(out, settings)
    if options.ship is not None:
        check_place(out, Path(options.ship))
    print(f"Training in {out}. Ctrl-C saves and stops; --resume goes on.", file=sys.stderr, flush=True)
    began = time.monotonic()
    timed_out = threading.Event()
    with Progress(out / "log.jsonl", steps), Alarm(options.minutes, timed_out.set):
        result = train_embedded(out, settings, threads=options.threads)
    figures: dict[str, Any] = {
        "finished": result.finished,
        "step": result.step,
        "tokens": result.tokens,
        "seconds": round(time.monotonic() - began, 1),
        "model": str(out / "model"),
    }
    if options.ship is not None and result.finished:
        print("Measuring on held-out documents ...", file=sys.stderr, flush=True)
        facts = ship(out, Path(options.ship), settings, history=options.history)
        figures |= {"shipped": options.ship, **facts.held_out}
    print(json.dumps(figures) if options.json else "\n".join(_told(figures)))
    return DONE if result.finished or timed_out.is_set() else INTERRUPTED


def record(options: argparse.Namespace) -> int:
    """`punchlist train pages`."""
    from ..evals.miniwob.recording import Recording
    from ..evals.miniwob.rollouts import EXPERT_SHARE, Learner
    from ..evals.models import open_model

    tasks = None if options.only is None else tuple(name.strip() for name in options.only.split(","))
    share = EXPERT_SHARE if options.expert_share is None else options.expert_share
    if options.policy is None and options.expert_share is not None:
        raise SettingsError("--expert-share mixes the expert with another policy. Name one with --policy.")
    learner = None if options.policy is None else Learner(open_model(options.policy), share)
    data = options.data and Path(options.data)
    recording = Recording(Path(options.out), data, tasks, options.seeds, learner)
    kept, played = recording.run(options.parallel, _to_stderr)
    print(f"{kept} of {played} episodes were kept in {options.out}")
    return DONE


def _told(figures: dict[str, Any]) -> list[str]:
    """How a training ended, for a person."""
    state = "Trained" if figures["finished"] else "Saved; go on with --resume"
    model = figures.get("shipped", figures["model"])
    return [
        f"{state}: step {figures['step']}, {figures['tokens']:,} tokens, checkpoint {model}",
        f'Try it: punchlist run "GOAL" --site URL --model {model}',
    ]


def check_folder(out: Path, resuming: bool) -> None:
    """Refuse to mix two trainings.

    Raises:
        SettingsError: The folder holds a training that was not meant, or none where one was.
    """
    there = (out / "state.pt").exists()
    if there and not resuming:
        raise SettingsError(
            f"{str(out)!r} holds a training. Go on with --resume, or name another folder with --out."
        )
    if resuming and not there:
        raise SettingsError(
            f"{str(out)!r} holds no training to go on with. Leave out --resume to begin one there."
        )
    if out.exists() and not out.is_dir():
        raise SettingsError(f"{str(out)!r} is a file. Name a folder with --out.")


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Progress:
    """Reads the trainer's log beside it and tells the newest line now and then."""

    def __init__(self, log: Path, steps: int, write: Callable[[str], None] | None = None) -> None:
        self._log, self._steps = log, steps
        self._write = write or _to_stderr
        self._ended = threading.Event()
        self._told = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=5)
        self.tell()

    def _watch(self) -> None:
        while not self._ended.wait(TELL_SECONDS):
            self.tell()

    def tell(self) -> None:
        """Tell the newest line of the log, if there is a new one."""
        newest = newest_line(self._log)
        if newest is not None and newest["step"] != self._told:
            self._told = newest["step"]
            self._write(progress_line(newest, self._steps))


def newest_line(log: Path) -> dict[str, Any] | None:
    """The last whole line of a log that is being written; None where there is none yet."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 4096))
            whole = file.read().decode("utf-8", "replace").split("\n")[:-1]
        found: dict[str, Any] = json.loads(whole[-1]) if whole else {}
    except (OSError, ValueError):
        return None
    return found if "step" in found else None


def progress_line(line: dict[str, Any], steps: int) -> str:
    """A line of the log for a person."""
    right = "".join(
        f"  {name.removeprefix('accuracy_')} {value:.0%}"
        for name, value in line.items()
        if name.startswith("accuracy_")
    )
    left = (steps - line["step"]) * line["seconds"] / max(1, line["step"])
    return (
        f"step {line['step']}/{steps}  loss {line['loss']:.3f}  {line['tokens_per_second']:,.0f} tokens/s  "
        f"about {left / 60:.0f} min left{right}"
    )


class Alarm:
    """Interrupts this process after some minutes, as Ctrl-C does; the trainer then saves and returns."""

    def __init__(self, minutes: float | None, before: Callable[[], None]) -> None:
        self._timer = None if minutes is None else threading.Timer(minutes * 60, self._ring)
        self._before = before

    def _ring(self) -> None:
        self._before()
        os.kill(os.getpid(), signal.SIGINT)

    def __enter__(self) -> Alarm:
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

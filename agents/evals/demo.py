"""`punchlist bench demo`: what a newcomer waits for. It keeps no ledger: a run that is killed begins anew.

    clone_seconds         `git clone` of the repository on this machine
    first_run_seconds     `make demo` in a fresh clone, set-up included (downloads depend on line and caches)
    second_run_seconds    the same again, set up already
    import_seconds        `import punchlist` in a fresh interpreter, median of five
    tokens_per_second     decoding of one request by the model

A demo that ends unverified ran to its end and is measured; the setting `demo` says how it ended.
What cannot be measured here is null, and the settings say why. `--quick` leaves out the two runs of the demo.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .harness import Figures, Measuring, median
from .ledger import EvalError
from .models import model_mark, open_model
from .processes import descendants, leftovers

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 3600.0
"""Seconds that a command may take."""

IMPORT = "import time; t = time.perf_counter(); import punchlist; print(time.perf_counter() - t)"
OWN_ENVIRONMENT = ("VIRTUAL_ENV", "PYTHONPATH", "VENV", "MAKEFLAGS", "MAKELEVEL")
"""Variables that would tie the clone to the environment that this process runs in."""


ENDED_UNVERIFIED = re.compile(r"\] Error 3$", re.MULTILINE)
"""What make says of a recipe whose command exits with 3; make itself exits with 2 after any failure."""


class CannotMeasure(EvalError):
    """A part cannot be measured on this machine."""


def measure(measuring: Measuring) -> Figures:
    """The figures of `bench demo`."""
    measuring.settings |= {"model": model_mark(measuring.options.model)}
    figures: Figures = {"first_run_seconds": None, "second_run_seconds": None, "clone_seconds": None}
    try:
        if measuring.options.quick:
            raise CannotMeasure("left out by --quick: setting up a clone takes minutes")
        for name, seconds in clone_and_run(measuring, measuring.options.clone or REPOSITORY):
            figures[name] = seconds
    except CannotMeasure as reason:
        measuring.skipped |= {name: f"{reason}" for name, value in figures.items() if value is None}
    measuring.say("import")
    figures["import_seconds"] = import_seconds()
    measuring.say("decoding")
    try:
        figures["tokens_per_second"] = tokens_per_second(measuring.options.model)
    except CannotMeasure as reason:
        figures["tokens_per_second"] = None
        measuring.skipped["tokens_per_second"] = str(reason)
    return figures


def clone_and_run(
    measuring: Measuring, source: Path, patience: float = PATIENCE
) -> Iterator[tuple[str, float]]:
    """Clone, then `make demo` twice, each for at most `patience` seconds; gives each figure once it is there.

    Raises:
        CannotMeasure: No git, no make, no repository there, or the demo does not end well.
    """
    for program in ("git", "make"):
        if shutil.which(program) is None:
            raise CannotMeasure(f"{program} is not installed")
    if not (source / ".git").exists():
        raise CannotMeasure(f"{str(source)!r} is no git repository; name one with --clone")
    with tempfile.TemporaryDirectory(prefix="punchlist-clone-") as folder:
        clone = Path(folder) / "punchlist"
        measuring.say(f"git clone {source}")
        command = ["git", "clone", "--quiet", "--no-hardlinks", str(source), str(clone)]
        yield "clone_seconds", _timed(command, Path(folder), patience)
        for name in ("first_run_seconds", "second_run_seconds"):
            measuring.say(f"make demo, {name.partition('_')[0]} time")
            yield name, _timed(["make", "demo"], clone, patience, measuring)


def _timed(command: list[str], folder: Path, patience: float, measuring: Measuring | None = None) -> float:
    """Wall seconds of a command.

    Args:
        measuring: Is told how the demo ended, which may be unverified.

    Raises:
        CannotMeasure: It failed, or took longer than `patience` seconds; the end of what it said is in the
            reason.
    """
    began = time.monotonic()
    try:
        done = _run(command, folder, patience)
    except subprocess.TimeoutExpired as error:
        raise CannotMeasure(f"{' '.join(command[:2])!r} did not end in {patience:g} s") from error
    seconds = time.monotonic() - began
    unverified = measuring is not None and ENDED_UNVERIFIED.search(done.stderr) is not None
    if done.returncode and not unverified:
        said = (done.stdout + done.stderr).strip().splitlines()[-3:]
        raise CannotMeasure(
            f"{' '.join(command[:2])!r} ended with {done.returncode}: {' / '.join(said)[-600:]}"
        )
    if measuring is not None:
        measuring.settings["demo"] = "unverified" if unverified else "confirmed"
    return seconds


def _run(command: list[str], folder: Path, patience: float) -> subprocess.CompletedProcess[str]:
    """Run to the end; what does not end in time, or is interrupted, is killed with all that is below it."""
    environment = {key: value for key, value in os.environ.items() if key not in OWN_ENVIRONMENT}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
    ) as child:  # fmt: skip
        try:
            out, err = child.communicate(timeout=patience)
        except BaseException:
            # A browser that its driver started has a process group of its own, but the same ancestors.
            below = descendants(child.pid)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            asyncio.run(leftovers(below, patience=0))
            raise
    return subprocess.CompletedProcess(command, child.returncode, out, err)


def import_seconds(repeats: int = 5) -> float | None:
    """Wall seconds of `import punchlist` in a fresh interpreter, median."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", IMPORT], env=environment, capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(repeats)
    ]
    return median(times)


def tokens_per_second(which: str | None) -> float:
    """Decoding speed of one request alone.

    Raises:
        CannotMeasure: There is no such model in this process.
    """
    from ...core_model.bench import measure_decode
    from ...core_model.errors import CoreModelError
    from ...core_model.model import LocalModel

    try:
        model = open_model(which)
    except CoreModelError as error:
        raise CannotMeasure(str(error)) from error
    if not isinstance(model, LocalModel):
        raise CannotMeasure(f"the model {model.name!r} does not run in this process")
    try:
        return measure_decode(model).tokens_per_second
    finally:
        asyncio.run(model.aclose())

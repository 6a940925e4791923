"""`punchlist doctor`: is everything here that a run needs? Each check says what it found, or what to do.

Nothing is left behind, and nothing is fetched or installed unless `--install` asks for it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Self

from ...core_model.errors import MissingWeights
from ...examples.site import DEMO_SEED, Site
from ...protocols.journal import Journal
from ...tools.browser.locate import (
    BrowserMissing,
    driver_failure,
    find_browser,
    install_browser,
    start_failure,
)
from ..manager import RUNS
from .edge import DONE, USAGE, SettingsError, describe_error

PAGE_SECONDS = 60.0
"""How long the browser may take to start and open a page."""

TRIES = 3
"""Ways in which `fence` tries to reach a site that is not allowed: a picture, a script, a redirect."""


@dataclass(frozen=True)
class Check:
    """What came of one check: what was found, or what to do."""

    name: str
    ok: bool
    text: str


def doctor(options: argparse.Namespace) -> int:
    """`punchlist doctor`."""
    if options.install:
        with contextlib.suppress(BrowserMissing), contextlib.redirect_stdout(sys.stderr):
            install_browser()  # where that fails, the check below says what to do
    done: list[Check] = []
    for name, look in CHECKS.items():
        check = _checked(name, look)
        done.append(check)
        if not options.json:
            print(f"{'ok  ' if check.ok else 'FAIL'}  {check.name:<9} {check.text}", flush=True)
    well = all(check.ok for check in done)
    if options.json:
        print(json.dumps({"ok": well, "checks": [asdict(check) for check in done]}))
    return DONE if well else USAGE


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except Exception as error:  # a doctor reports every illness
        return Check(name, False, describe_error(error))


def python() -> str:
    """Version of this Python (an older one than 3.11 cannot read this file)."""
    return f"{platform.python_version()}, {sys.executable}"


def torch() -> str:
    """Version of torch, and what it computes on."""
    import torch as library

    if library.cuda.is_available():
        return f"{library.__version__}, {library.cuda.get_device_name()}"
    return f"{library.__version__}, CPU with {library.get_num_threads()} threads"


def native() -> str:
    """Whether the native decoder can be compiled here; if not, plain torch computes: no failure."""
    from ...core_model.errors import NativeUnavailable
    from ...core_model.native.build import find_compiler, load_library

    try:
        load_library()
    except NativeUnavailable as error:
        return f"models run on plain torch, several times slower: {error.why}. {error.remedy}"
    return f"decoder compiled with {find_compiler()}"


def driver() -> str:
    """Playwright is one that fits, and its driver starts."""
    number = version("playwright")
    told = subprocess.run(
        [sys.executable, "-m", "playwright", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ill = driver_failure(
        number, "" if told.returncode == 0 else told.stderr or f"exit code {told.returncode}"
    )
    if ill:
        raise SettingsError(ill)
    return f"Playwright {number}"


def browser() -> str:
    """Path and version of the browser."""
    path = find_browser()
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SettingsError(
            f"{str(path)!r} does not run ({error}). Install another, or set PUNCHLIST_BROWSER."
        ) from error
    if told.returncode != 0:
        why = start_failure(f"[err] {told.stderr.strip() or f'nothing, and ended with {told.returncode}'}")
        raise SettingsError(f"{str(path)!r} does not run: {why}. Install another, or set PUNCHLIST_BROWSER.")
    root = os.geteuid() == 0
    note = (
        "; you are root: a page that breaks out of it is root, too; better use another user" if root else ""
    )
    return f"{told.stdout.strip() or 'version unknown'}, {path}{note}"


def page() -> str:
    """The browser opens a page of the example shop."""
    with Site(DEMO_SEED) as site:
        title = asyncio.run(_title(site.url))
    return f"opened {title!r} of the example shop"


def fence() -> str:
    """A page of an allowed site, and a redirect of it, do not reach another site that is up and counts."""
    with Counting() as other, Counting(other.url) as allowed:
        asyncio.run(_try_to_leave(allowed.url))
        reached = other.came
    if reached:
        raise SettingsError(
            f"a page reached a site that is not allowed ({reached} requests). Let this browser act on "
            "nothing, and report it with the browser's version."
        )
    return "a page, its script and a redirect could not reach a site that is not allowed"


class Counting:
    """A site on loopback that counts requests; its page and its redirect lead to `other`."""

    def __init__(self, other: str = "") -> None:
        self.came = 0
        counting = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                counting.came += 1
                leads = self.path == "/away"
                body = f"<title>Out</title><img src={other}/x><script>fetch('{other}/y')</script>".encode()
                self.send_response(302 if leads else 200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                if leads:
                    self.send_header("Location", f"{other}/z")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


async def _try_to_leave(url: str) -> None:
    from ...tools.browser import Browser

    async with asyncio.timeout(PAGE_SECONDS), Browser(allow=[url]) as chromium:
        session = await chromium.open("doctor", url=url)
        led = await session.goto(f"{url}/away")
        if led.code != "blocked_origin" or len(chromium.blocked) < TRIES:
            raise SettingsError(
                f"of {TRIES} tries to leave the allowed site {len(chromium.blocked)} were refused, and a "
                f"redirect ended {led.code!r}. Let this browser act on nothing, and report it."
            )


async def _title(url: str) -> str:
    from ...tools.browser import Browser

    async with asyncio.timeout(PAGE_SECONDS), Browser(allow=[url]) as chromium:
        session = await chromium.open("doctor", url=url)
        return (await session.view()).title


def embedder() -> str:
    """The embedder's files are there and are the pinned ones; what new memories take, and is it made."""
    from ...memory.embedders import DEFAULT
    from ...memory.minilm_files import package_folder, verified_tokenizer, verified_weights
    from ...memory.onnx_minilm import cache_folder, kept_model

    for package in ("sentence_transformers", "chromadb", "onnx", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise ModuleNotFoundError(name=package)
    folder = package_folder()
    verified_weights(folder)
    verified_tokenizer(folder)
    made = [form for form in ("int8", "onnx") if kept_model(form)]
    files = f"{' and '.join(made)} made" if made else "none made yet, the first text makes one"
    return f"{DEFAULT}, sha256 of weights and tokenizer as pinned; ONNX files in {cache_folder()}: {files}"


def weights() -> str:
    """The embedded models' files are there and are those of their manifests."""
    from ...core_model.checkpoint import MANIFEST, verify_manifest
    from ...core_model.model import SHIPPED

    remedy = "Reinstall punchlist, or name another model with --model."
    size = 0
    for name, folder in SHIPPED.items():
        if not (folder / "config.json").is_file():
            raise MissingWeights(folder, f"the model {name!r} is not installed", remedy)
        if not (folder / MANIFEST).is_file():
            raise MissingWeights(folder, f"there is no {MANIFEST}", remedy)
        verify_manifest(folder)
        size += sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return f"{' and '.join(SHIPPED)}, {size / 1e6:.1f} MB, sha256 as in their manifests"


def journal() -> str:
    """A journal can be written where runs are recorded."""
    folder = Path(RUNS).absolute()
    nearest = next(place for place in (folder, *folder.parents) if place.is_dir())
    with (
        tempfile.TemporaryDirectory(prefix=".punchlist-doctor-", dir=nearest) as place,
        Journal.open(Path(place) / "doctor.db") as made,
    ):
        made.append("event", {"event": "doctor"}, run="doctor")
    return f"can be written under {folder}"


CHECKS: dict[str, Callable[[], str]] = {
    "python": python,
    "torch": torch,
    "native": native,
    "driver": driver,
    "browser": browser,
    "page": page,
    "fence": fence,
    "embedder": embedder,
    "weights": weights,
    "journal": journal,
}
"""Every check by name, in the order in which they are made."""

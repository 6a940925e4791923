"""`punchlist door`: runs over HTTP, of a site and a model, or of a program's own managers and plans."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import ipaddress
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..manager import Manager
from .edge import DONE, SettingsError
from .opening import open_model
from .running import Settings, manager_of, memory_in
from .serving import opened_port
from .sites import check_site

if TYPE_CHECKING:
    from ..plan import Plan

KEY = "PUNCHLIST_DOOR_KEY"
"""Environment variable with the key that clients must send."""


def door(options: argparse.Namespace) -> int:
    """`punchlist door`."""
    key: str | None = options.key if options.key is not None else os.environ.get(KEY) or None
    if key is not None and not (key.isascii() and key.isprintable() and key.strip() == key != ""):
        raise SettingsError(f"The key must be printable ASCII without spaces around it. Set {KEY} anew.")
    if key is None and not _inside(options.host):
        raise SettingsError(
            f"Whoever can reach {options.host} could begin runs. Set {KEY} to a key that clients must send, "
            "or serve on 127.0.0.1."
        )
    if options.program is not None and options.site is not None:
        raise SettingsError("--program brings its own managers; leave out --site, or leave out --program.")
    if options.plan and options.program is None:
        raise SettingsError("--plan names plans of a program; name that with --program FILE.py:MAKE_MANAGER.")
    if options.program is not None:
        make = made_by(options.program)
        return _serve(options, key, lambda: _manager(make, options.program), _plans(options.plan))
    return _serve_site(options, key)


def _serve_site(options: argparse.Namespace, key: str | None) -> int:
    """Goals in words, done on one site."""
    from ...tools.browser.locate import find_browser

    if options.site is None:
        raise SettingsError("Name what runs are about: --site URL, or --program FILE.py:MAKE_MANAGER.")
    check_site(options.site)
    find_browser()
    memory = None if options.memory == "none" else str(Path(options.memory).expanduser().absolute())
    settings = Settings(
        options.site, options.model, options.workers, memory, tokens=options.tokens, seconds=options.seconds,
        money=options.money, price=options.price, autonomy=options.autonomy,
    )  # fmt: skip
    model = open_model(options.open_model, settings.model, quiet=False, price=settings.price)
    with memory_in(memory) as kept:
        return _serve(options, key, lambda: manager_of(None, settings, model, kept, patient=True), {})


def _serve(
    options: argparse.Namespace,
    key: str | None,
    make: Callable[[], Manager],
    plans: dict[str, Callable[[], Plan]],
) -> int:
    from ..door import Door

    with opened_port(options.host, options.port) as opened:
        made = Door(make, plans, key=key)
        begin = f'{{"plan": "{next(iter(plans))}"}}' if plans else '{"goal": "..."}'
        proof = "" if key is None else f' -H "Authorization: Bearer ${KEY}"'

        def ready(url: str) -> None:
            print(f"The door is open at {url} until Ctrl-C.", flush=True)
            print(f"Try: curl {url}/runs{proof} -H 'Content-Type: application/json' -d '{begin}'", flush=True)

        made.serve(on_ready=ready, opened=opened)
    left = [each.journal for each in made.unfinished]
    for journal in left:
        print(f"Not finished: {journal}", flush=True)
    print("Stopped.", flush=True)
    return DONE


def _inside(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- programs -----------------------------------------------------------------------------


def made_by(named: str) -> Callable[[], Any]:
    """The function that `FILE.py:NAME` or `MODULE:NAME` names.

    Raises:
        SettingsError: There is none.
    """
    place, _, name = named.rpartition(":")
    if not place or not name.isidentifier():
        raise SettingsError(f"{named!r} names no function; give FILE.py:NAME or MODULE:NAME.")
    try:
        module = _from_file(Path(place)) if place.endswith(".py") else _from_path(place)
        found: object = getattr(module, name, None)
    except Exception as error:  # the edge to the program's own code
        raise SettingsError(f"{place!r} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise SettingsError(f"{place!r} has no function {name!r}.")
    return found


def _from_file(path: Path) -> object:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{str(path)!r} is no Python file")
    if path.stem in sys.modules and getattr(sys.modules[path.stem], "__file__", None) == str(path):
        return sys.modules[path.stem]
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses and models look their module up
    spec.loader.exec_module(module)
    return module


def _from_path(name: str) -> object:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    return importlib.import_module(name)


def _manager(make: Callable[[], Any], named: str) -> Manager:
    made = make()
    if not isinstance(made, Manager):
        raise ValueError(f"{named} made {type(made).__name__}; it must return a new Manager.")
    return made


def _plans(given: list[str]) -> dict[str, Callable[[], Plan]]:
    found: dict[str, Callable[[], Plan]] = {}
    for text in given:
        name, equals, place = text.partition("=")
        if not (name and equals):
            raise SettingsError(f"--plan is {text!r}; give NAME=FILE.py:MAKE_PLAN.")
        found[name] = made_by(place)
    return found

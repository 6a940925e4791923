"""`punchlist serve`: a model behind OpenAI's HTTP interface."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import os
import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .edge import DONE, SettingsError

if TYPE_CHECKING:
    from ...core_model.model import LocalModel
    from ...core_model.serving.embeddings import ServedEncoder
    from ...core_model.settings import EngineSettings

KEY = "PUNCHLIST_API_KEY"
"""Environment variable with the key that clients must send."""


def serve(options: argparse.Namespace) -> int:
    """`punchlist serve`."""
    from ...core_model.model import LocalModel
    from ...core_model.serving.app import App, ServerSettings
    from ...core_model.serving.running import ModelServer

    key: str | None = options.api_key if options.api_key is not None else os.environ.get(KEY) or None
    if key is not None and not (key.isascii() and key.isprintable() and key.strip() == key != ""):
        raise SettingsError(f"The API key must be printable ASCII without spaces around it. Set {KEY} anew.")
    settings = ServerSettings(
        name=options.name or "", api_key=key, max_body=options.max_body, max_queue=options.max_queue
    )
    adapters = [_adapter(given) for given in options.adapter]
    with opened_port(options.host, options.port) as port:
        model = _opened_model(options, adapters)
        try:
            app = App(model, settings)
            server = ModelServer(
                app, port, on_ready=lambda: _announce(server.url, app.name, key), on_stopping=_tell_stopping
            )
            _warn_if_open(options.host, key)
            server.run()
        finally:
            if isinstance(model, LocalModel):
                asyncio.run(model.aclose())
    print("Stopped.", flush=True)
    return DONE


def opened_port(host: str, port: int) -> socket.socket:
    """A port that is open.

    Raises:
        SettingsError: It cannot be opened.
    """
    from ..door import listen

    try:
        return listen(host, port)
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (while")[0].rpartition("] ")[2]
        raise SettingsError(
            f"Port {port} of {host} cannot be opened: {why}. "
            "Choose others with --host and --port, or end what has it."
        ) from error


def _adapter(given: str) -> tuple[str, str]:
    name, equals, folder = given.partition("=")
    if not (name and equals and folder):
        raise SettingsError(f"--adapter is {given!r}; give NAME=DIR, the folder that peft saved.")
    return name, folder


def _opened_model(options: argparse.Namespace, adapters: list[tuple[str, str]]) -> LocalModel | ServedEncoder:
    from ...core_model.model import LocalModel, load_model

    print(f"Opening {options.model or 'the embedded model'} ...", file=sys.stderr, flush=True)
    if options.open_model is None and options.model:
        encoder = _opened_encoder(options)
        if encoder is not None:
            return encoder
    if options.open_model is not None:
        model = options.open_model(options.model)
    else:
        chosen: EngineSettings = {} if options.weights is None else {"weights": options.weights}
        model = load_model(options.model, progress=_tell_reading, **chosen)
    if not isinstance(model, LocalModel):
        raise SettingsError(
            f"{options.model!r} is no model of this machine. Name a checkpoint folder or a hub model."
        )
    for name, folder in adapters:
        model.engine.load_adapter(name, folder)
    return model


def _opened_encoder(options: argparse.Namespace) -> ServedEncoder | None:
    """The model where it is an encoder of the BERT family, None for any other."""
    from ...core_model.config import read_settings
    from ...core_model.encoder import SentenceEncoder
    from ...core_model.model import resolve
    from ...core_model.serving.embeddings import ServedEncoder

    if re.match(r"https?:", options.model):
        return None
    folder = resolve(options.model)
    shape = folder / "config.json"
    if not shape.is_file() or read_settings(shape).get("model_type") != "bert":
        return None
    if options.weights is not None or options.adapter:
        raise SettingsError(
            f"{options.model!r} is an encoder: it is computed in float32 and takes no adapters. "
            "Leave out --weights and --adapter."
        )
    name = folder.resolve().name if Path(options.model).expanduser().is_dir() else options.model
    return ServedEncoder(name, SentenceEncoder.load(folder))


def _tell_reading(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done >= total else ""
        print(f"\rRead {done / 1e9:.2f} of {total / 1e9:.2f} GB", end=end, file=sys.stderr, flush=True)


def _announce(url: str, name: str, key: str | None) -> None:
    asked = {"model": name, "messages": [{"role": "user", "content": "Hello"}]}
    proof = "" if key is None else f' -H "Authorization: Bearer ${KEY}"'
    print(f"{name!r} is served at {url}/v1 until Ctrl-C.", flush=True)
    print(
        f"Try: curl {url}/v1/chat/completions{proof} -H 'Content-Type: application/json' "
        f"-d {_quoted(json.dumps(asked))}",
        flush=True,
    )


def _tell_stopping(requests: int) -> None:
    if requests:
        print(f"Stopping after {requests} requests; Ctrl-C again ends them.", file=sys.stderr, flush=True)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _warn_if_open(host: str, key: str | None) -> None:
    try:
        inside = ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = host == "localhost"
    if key is None and not inside:
        print(
            f"punchlist: whoever can reach {host} may use the model; set {KEY} to ask for a key.",
            file=sys.stderr,
            flush=True,
        )

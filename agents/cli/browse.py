"""`punchlist browse`: drive a page by hand, in a page of its own or in the terminal."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .browse_drive import Drive
from .browse_parser import STYLES
from .edge import SettingsError

if TYPE_CHECKING:
    from ...tools.browser import Secret


def browse(options: argparse.Namespace) -> int:
    """`punchlist browse`."""
    drive = drive_of(options)
    if options.text:
        from .browse_text import drive_in_terminal

        return drive_in_terminal(drive)
    from .browse_page import drive_in_page

    return drive_in_page(drive, options.port)


def drive_of(options: argparse.Namespace) -> Drive:
    """What the options say.

    Raises:
        SettingsError: One of them cannot be used.
    """
    from ...tools.browser import ViewStyle
    from ...tools.browser.locate import find_browser
    from ...tools.browser.secrets import Vault

    site = _origin(options.url, "URL")
    allow = (options.url, *(allowed for allowed in options.allow if _origin(allowed, "--allow")))
    secrets = dict(_secret(given, site) for given in options.secret)
    styles = [name.strip() for name in options.style.split(",") if name.strip()]
    if unknown := [name for name in styles if name not in STYLES]:
        raise SettingsError(f"--style {unknown[0]!r} is none; there are {', '.join(STYLES)}.")
    files = None if options.files is None else Path(options.files).expanduser().absolute()
    if files is not None and not files.is_dir():
        raise SettingsError(f"--files {str(files)!r} is no folder. Name one that is there.")
    downloads = None if options.downloads is None else Path(options.downloads).expanduser().absolute()
    try:
        Vault(secrets)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    find_browser()
    style = ViewStyle(**dict.fromkeys(styles, True))
    return Drive(options.url, allow, secrets, style, options.full, files, downloads)


def _origin(url: str, name: str) -> str:
    from ...tools.browser.origins import origin_of

    try:
        return str(origin_of(url))
    except ValueError:
        raise SettingsError(
            f"{name} {url!r} is no address of a site. Give one like http://127.0.0.1:8000."
        ) from None


def _secret(given: str, site: str) -> tuple[str, Secret]:
    from ...tools.browser import Secret

    name, equals, source = given.partition("=")
    variable, _, origin = source.partition("@")
    if not (name and equals and variable):
        raise SettingsError(
            f"--secret {given!r} is not NAME=ENV or NAME=ENV@ORIGIN, where ENV is the name of an environment "
            "variable; the secret itself is never given on the command line."
        )
    return name, Secret(_origin(origin, f"--secret {name}: the origin") if origin else site, env=variable)

"""`punchlist browse`: drive a page by hand, in a page of its own or in the terminal."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools.errors import OriginBlocked, SiteUnreachable, ToolError
from .browse_parser import STYLES
from .edge import SettingsError

if TYPE_CHECKING:
    from ...tools.browser import Browser, Secret, ViewStyle
    from ...tools.permissions import Person

LANE = "browse"


@dataclass(frozen=True)
class Drive:
    """What is to be driven, and how.

    Attributes:
        url: Where it begins.
        allow: Addresses whose origins may be reached, that of `url` among them.
        secrets: What `secret:NAME` may name.
        style: What views have.
        full: The full set of actions.
        files, downloads: Folders, as `Browser.open` takes them.
    """

    url: str
    allow: tuple[str, ...]
    secrets: dict[str, Secret]
    style: ViewStyle
    full: bool
    files: Path | None
    downloads: Path | None

    def browser(self, person: Person) -> Browser:
        """A browser that asks `person` before it goes through a gate.

        Raises:
            SecretUnusable: A secret has no usable value.
        """
        from ...tools.browser import Browser
        from ...tools.permissions import preset

        policy = preset("ask_irreversible", person)
        return Browser(self.allow, secrets=self.secrets, policy=policy)

    @property
    def uploads(self) -> tuple[str, ...]:
        """The names that `upload` may give."""
        if self.files is None:
            return ()
        return tuple(sorted(item.name for item in self.files.iterdir() if item.is_file()))


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


def unopened(error: ToolError, drive: Drive) -> SettingsError | ToolError:
    """What to say of a page that did not open."""
    if isinstance(error, OriginBlocked):
        return SettingsError(
            f"{drive.url!r} leads to {error.url!r}, which is not allowed. Allow it, if you trust it: "
            "--allow with its origin."
        )
    if isinstance(error, SiteUnreachable):
        why = error.why.rstrip(" .")
        return SettingsError(f"{drive.url!r} cannot be reached: {why}. Start the site, or give another URL.")
    return error


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

"""What `punchlist browse` drives, and what is said where it does not open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools.errors import OriginBlocked, SiteUnreachable, ToolError
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

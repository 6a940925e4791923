"""Secrets by name: a model says `type 2 secret:login_pw`; what it stands for reaches no model and no record.

Covers: the value is bound to one origin, put into the field at the last moment, and masked in views, results,
evidence, dialogs, addresses, stored sessions and screenshots, also percent-encoded, in JSON, HTML and base64.
It is in no `repr` and is not pickled: another process reads it again from where it comes from.

Does not cover: texts of a page that shows the value in pieces (in pictures: `covering`) or in a spelling of
its own, what the bound site does with it, and the debug log of Playwright itself (`DEBUG=pw:*`).
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, cast
from urllib.parse import quote, quote_plus

from .observer import Seen, SeenElement
from .origins import origin_of
from .results import MASK, ActionResult, Download, secret_name
from .view import Dialog

SHORTEST = 4
"""Characters below which a value cannot be told from other text, and so cannot be masked."""

UNSEEN = frozenset("\u115f\u1160\u2800")
"""Letters and signs that are drawn as nothing."""


class SecretUnusable(ValueError):
    """A secret that a browser was given cannot be used."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(f"Secret {name!r} cannot be used: {why}.")


class SecretRefused(Exception):
    """A secret is not typed here. The text is for a model."""


@dataclass(frozen=True)
class Secret:
    """Where a secret may be typed, and where it comes from; the value itself is not in here.

    Attributes:
        origin: The one site, exact in scheme, host and port, into whose fields it may go.
        env: Environment variable that holds it, read when the browser is made.
        ask: Gives it when it is first typed, for example from a key ring.

    Raises:
        ValueError: `origin` is no http(s) address, or not exactly one of `env` and `ask` is given.
    """

    origin: str
    env: str | None = None
    ask: Callable[[], str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        origin_of(self.origin)
        if (self.env is None) == (self.ask is None):
            raise ValueError(
                'give a secret one source: Secret(origin, env="NAME") or Secret(origin, ask=function)'
            )


class Vault:
    """The secrets of one browser, and the mask over their values.

    Raises:
        SecretUnusable: A name that cannot be typed, an environment variable that is not set, or a value too
            short to be masked.
    """

    def __init__(self, secrets: Mapping[str, Secret] | None = None) -> None:
        self._secrets = dict(secrets or {})
        self._values: dict[str, str] = {}
        self._mask: re.Pattern[str] | None = None
        self._bare: re.Pattern[str] | None = None
        for name, secret in self._secrets.items():
            if secret_name(f"secret:{name}") is None:
                raise SecretUnusable(name, "a name begins with a letter and has letters, digits, _ and -")
            if secret.env is not None:
                if secret.env not in os.environ:
                    raise SecretUnusable(name, f"the environment variable {secret.env!r} is not set")
                self._keep(name, os.environ[secret.env])

    def __repr__(self) -> str:
        return f"Vault({', '.join(self._secrets)})"

    def __reduce__(self) -> tuple[type[Vault], tuple[dict[str, Secret]]]:
        return Vault, (self._secrets,)

    @property
    def names(self) -> tuple[str, ...]:
        """What `secret:NAME` may name."""
        return tuple(self._secrets)

    def value(self, name: str, *urls: str) -> str:
        """The value, for a field of a page at `urls`, all of which must be of the secret's origin.

        Raises:
            SecretRefused: There is no such secret, or it belongs to another site.
            SecretUnusable: What its `ask` gave is too short to be masked.
        """
        secret = self._secrets.get(name)
        if secret is None:
            known = ", ".join(self._secrets) or "none"
            raise SecretRefused(f"there is no secret {name!r} in this run (there are: {known})")
        bound = origin_of(secret.origin)
        for url in urls:
            try:
                here = str(origin_of(url))
            except ValueError:
                here = url[:40]
            if here != str(bound):
                raise SecretRefused(f"secret {name!r} belongs to {bound} and is not typed at {here}")
        if name not in self._values and secret.ask is not None:
            self._keep(name, secret.ask())
        return self._values[name]

    def _keep(self, name: str, value: str) -> None:
        if len(value) < SHORTEST or "\n" in value:
            raise SecretUnusable(name, f"its value is not one line of at least {SHORTEST} characters")
        self._values[name] = value
        spelled = sorted({form for each in self._values.values() for form in spellings(each)}, key=len)
        self._mask = re.compile("|".join(map(re.escape, reversed(spelled))), re.IGNORECASE)
        bare = sorted({"".join(map(bared, form)) or form for form in spelled}, key=len, reverse=True)
        self._bare = re.compile(f"(?=({'|'.join(map(re.escape, bare))}))")

    @property
    def unlocked(self) -> bool:
        """Whether any value is known yet."""
        return self._mask is not None

    def holds(self, text: str) -> bool:
        """Whether a value of a secret is in `text`."""
        return self._mask is not None and self._mask.search(text) is not None

    def runs(self, text: str) -> list[tuple[int, int]]:
        """Where values begin and end in a text, joined where they touch, whatever is blank or has no width
        between their characters, in letters of either case and of any width."""
        if self._bare is None:
            return []
        bare = [(char, place) for place, each in enumerate(text) for char in bared(each)]
        found: list[tuple[int, int]] = []
        for match in self._bare.finditer("".join(char for char, _ in bare)):
            start, end = bare[match.start(1)][1], bare[match.end(1) - 1][1] + 1
            if found and start <= found[-1][1]:
                start, end = found[-1][0], max(end, found.pop()[1])
            found.append((start, end))
        return found

    def mask(self, text: str) -> str:
        """`text` with bullets for every value."""
        return text if self._mask is None else self._mask.sub(MASK, text)

    def mask_cut(self, text: str) -> str:
        """As `mask`, for text that was cut at its end: the beginning of a value there is bullets, too."""
        text = self.mask(text)
        for value in self._values.values():
            for size in range(min(len(value), len(text)), SHORTEST - 1, -1):
                if text.endswith(value[:size]):
                    return text[:-size] + MASK
        return text

    def mask_seen(self, seen: Seen) -> Seen:
        """A reading of a page, masked before anything in it is cut."""
        if self._mask is None:
            return seen
        lines = tuple(
            tuple(self.mask(part) if isinstance(part, str) else self._element(part) for part in line)
            for line in seen.lines
        )
        texts = {"url": self.mask(seen.url), "title": self.mask(seen.title), "focus": self.mask(seen.focus)}
        return seen.model_copy(update={**texts, "lines": lines})

    def _element(self, part: SeenElement) -> SeenElement:
        value = None if part.value is None else self.mask(part.value)
        options = tuple(map(self.mask, part.options))
        return part.model_copy(update={"name": self.mask(part.name), "value": value, "options": options})

    def mask_dialog(self, dialog: Dialog | None) -> Dialog | None:
        """An open dialog, masked."""
        return None if dialog is None else Dialog(dialog.kind, self.mask(dialog.message))

    def mask_result(self, result: ActionResult) -> ActionResult:
        """What an action came to, masked."""
        if self._mask is None:
            return result
        effect = result.effect
        effect = replace(
            effect,
            new=tuple(map(self.mask, effect.new)),
            gone=tuple(map(self.mask, effect.gone)),
            value_after=None if effect.value_after is None else self.mask(effect.value_after),
            dialog=self.mask_dialog(effect.dialog),
            focus=None if effect.focus is None else self.mask(effect.focus),
            download=self._download(effect.download),
            console_errors=tuple(map(self.mask, effect.console_errors)),
        )
        said = {name: self.mask(getattr(result, name)) for name in ("message", "text", "hint", "did")}
        return replace(result, **said, effect=effect)

    def _download(self, file: Download | None) -> Download | None:
        """A file, masked; its path stays, so that it can be opened: what is kept has no value in its name."""
        return file and replace(file, name=self.mask_cut(file.name), problem=self.mask(file.problem))

    def without_secrets(self, state: dict[str, Any]) -> dict[str, Any]:
        """Stored cookies and local storage without the entries that hold a value."""
        if self._mask is None:
            return state
        cookies = [each for each in state.get("cookies", []) if not self.holds(json.dumps(each))]
        origins = cast("list[dict[str, Any]]", state.get("origins", []))
        kept = [
            {**each, "localStorage": [row for row in each["localStorage"] if not self.holds(json.dumps(row))]}
            for each in origins
        ]
        return {**state, "cookies": cookies, "origins": kept}


@cache
def bared(char: str) -> str:
    """A character as any of its cases and widths is read; "" for one that is blank, unseen, or an accent."""
    plain = unicodedata.normalize("NFKD", char).casefold()
    return "".join(
        each for each in plain if unicodedata.category(each)[0] not in "ZCM" and each not in UNSEEN
    )


def spellings(value: str) -> set[str]:
    """The ways in which a page, an address or a record spells a value."""
    forms = {
        value,
        " ".join(value.split()),
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        html.escape(value),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        re.sub(r'[<>:"/\\|?*]', "_", value),  # as the name of a file
        base64.b64encode(value.encode()).decode().rstrip("="),
    }
    return {form for form in forms if len(form) >= SHORTEST}

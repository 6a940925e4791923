"""How the site looks: its colour themes. The rest is in `site.css` and `site.js`; no outside resources."""

from __future__ import annotations

from functools import cache
from pathlib import Path

THEMES = (
    # paper, card, ink, muted ink, accent, tint
    ("#f7f3ea", "#fffdf8", "#2b2a26", "#736d61", "#2f5d50", "#e4ebe2"),
    ("#f4f5f7", "#ffffff", "#20262e", "#67707c", "#b4532f", "#f6e4da"),
    ("#f6f1f4", "#fffcfe", "#2d2430", "#76687a", "#6b3f69", "#eadff0"),
    ("#f1f5f4", "#fdfffe", "#1f2b2e", "#62757a", "#1f6f78", "#d9ecec"),
    ("#f8f4ec", "#fffefb", "#33291f", "#7c6f5f", "#8a5a13", "#f3e5c8"),
)


def style_sheet(theme: int) -> str:
    """The style sheet in one of the `THEMES`."""
    names = ("paper", "card", "ink", "muted", "accent", "tint")
    colours = "; ".join(f"--{name}: {colour}" for name, colour in zip(names, THEMES[theme], strict=True))
    return f":root {{ {colours} }}\n{_read('site.css')}"


def script() -> str:
    """The script of every page."""
    return _read("site.js")


@cache
def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")

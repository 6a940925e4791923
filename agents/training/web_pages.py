"""Episodes of an expert on generated web pages, as the views that the browser would print.

A family is one kind of page with its goals; `web_episode` draws one family and plays one episode of it.
Everything that a goal names is drawn anew, so that nothing can be learned by heart.

Does not cover: shops and help desks, which are `pages`.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from . import (
    web_counts,
    web_forms,
    web_lists,
    web_offers,
    web_openings,
    web_plain,
    web_plain_forms,
    web_presses,
)
from .web_page import Page
from .web_stage import play
from .web_steps import WebStep

FAMILIES: dict[str, tuple[Callable[[Random], Page], int]] = {
    "boxes": (web_forms.Boxes, 9),
    "untick": (web_forms.Untick, 2),
    "choice": (web_forms.Choice, 4),
    "one text": (web_forms.OneText, 5),
    "labelled text": (web_forms.LabelledText, 4),
    "login": (web_forms.Login, 4),
    "twice": (web_forms.Twice, 3),
    "copied": (web_forms.Copied, 4),
    "date typed": (web_forms.DateTyped, 4),
    "counted": (web_forms.Counted, 2),
    "one button": (web_presses.OneButton, 6),
    "link in text": (web_presses.LinkInText, 4),
    "sections": (web_openings.Sections, 5),
    "tree": (web_openings.Tree, 4),
    "box over page": (web_openings.BoxOverPage, 4),
    "native dialog": (web_openings.NativeDialog, 2),
    "focus": (web_presses.Focus, 3),
    "shape": (web_presses.Shape, 3),
    "cell": (web_lists.Cell, 6),
    "cells": (web_lists.Cells, 6),
    "asked": (web_lists.Asked, 3),
    "results": (web_lists.Results, 5),
    "complete": (web_lists.Complete, 4),
    "long list": (web_lists.LongList, 2),
    "offers": (web_offers.Offers, 6),
    "lookup": (web_offers.Lookup, 8),
    "mixed": (web_offers.Mixed, 5),
    "counter": (web_counts.Counter, 2),
    "parity": (web_counts.Parity, 4),
    "calendar": (web_counts.Calendar, 8),
    "enter key": (web_counts.EnterKey, 2),
    "mosaic": (web_plain.Mosaic, 60),
    "records": (web_plain.Records, 34),
    "small site": (web_plain.SmallSite, 34),
    "menus": (web_plain.Menus, 16),
    "turned": (web_plain.Turned, 22),
    "in turn": (web_plain.InTurn, 16),
    "options": (web_plain_forms.Options, 66),
    "entries": (web_plain_forms.Entries, 52),
    "adder": (web_plain_forms.Adder, 34),
}
"""Kinds of pages with their shares."""


def web_episode(rng: Random) -> list[WebStep]:
    """One whole episode of one family, chosen at random; its last step is `done`, or `cannot`."""
    makers, shares = zip(*FAMILIES.values(), strict=True)
    return play(rng.choices(makers, shares)[0](rng))


def episode_of(family: str, rng: Random) -> list[WebStep]:
    """One whole episode of one family.

    Raises:
        KeyError: There is no such family.
    """
    return play(FAMILIES[family][0](rng))

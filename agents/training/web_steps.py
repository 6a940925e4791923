"""What a training of web skill learns from: one page, what was done, and the action that is right there."""

from __future__ import annotations

from dataclasses import dataclass

from ...tools.browser.actions import Action
from ...tools.browser.view import View
from ..steps import Done


@dataclass(frozen=True)
class WebStep:
    """One step of an episode on web pages.

    Attributes:
        goal: What is to be reached, as a person writes it, with its own capitals and quotes.
        view: The page.
        did: What was done before, oldest first, in the words of `roles.describe` and `ActionResult.line`.
        action: The right next action.
    """

    goal: str
    view: View
    did: tuple[Done, ...]
    action: Action

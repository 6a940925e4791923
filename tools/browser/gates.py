"""Gates: actions in a browser that somebody has to approve, whoever chose them.

Covers: submitting a form with a password or a card in it, or pressing what says that it pays; choosing a file
for upload; going to an allowed origin where the session has not been; accepting a confirm dialog. The same
permission policy decides as for every tool: a gate is a call of tool `browser` with effect `irreversible` and
the arguments `action`, `gate` and `url`. Without a policy, and where a rule asks and nobody is there, the
action is not done and its result is `needs_approval`.

Does not cover: a page that changes what is under the pointer between the look and the press, forms inside
frames of other sites, and buttons that pay and say so in words that are not known here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

from ..errors import ToolDenied
from ..permissions import Call, Policy
from .observer import ContextLost, Debugger
from .origins import Origin, origin_of

Gate = Literal["password_form", "payment_form", "upload", "new_origin", "confirm"]
GATES: tuple[Gate, ...] = get_args(Gate)
NEW_ORIGIN: Gate = "new_origin"
WORLD = "punchlist-gates"
WORDS: dict[Gate, str] = {
    "password_form": "this submits a form with a password",
    "payment_form": "this pays or submits payment details",
    "upload": "this gives a file to the site",
    "new_origin": "this leads to a site that was not visited before",
    "confirm": "this confirms what the page asks",
}
"""What a model is told of a gate that stays closed."""


class GateClosed(Exception):
    """An action was not approved. The text is for a model."""

    def __init__(self, gate: Gate) -> None:
        self.gate: Gate = gate
        super().__init__(f"{WORDS[gate]}, and nobody approved it")


class Gatekeeper:
    """The gates of one session.

    Args:
        policy: Decides what is not approved beforehand; None approves nothing.
    """

    def __init__(self, policy: Policy | None) -> None:
        self._policy = policy
        self.visited: set[Origin] = set()

    def is_new(self, url: str) -> bool:
        """Whether `url` is of an origin where the session has not been; the first one never is new."""
        try:
            return bool(self.visited) and origin_of(url) not in self.visited
        except ValueError:
            return False

    def arrive(self, url: str) -> None:
        """The session is at `url`, by its owner's will or an approval."""
        with contextlib.suppress(ValueError):
            self.visited.add(origin_of(url))

    async def require(
        self, gates: Collection[Gate], approved: Collection[Gate], action: str, url: str
    ) -> bool:
        """Pass `gates`; whether the policy had to be asked for that.

        Args:
            approved: Gates that the caller's own policy let pass.
            action: The action's line.
            url: Where it happens.

        Raises:
            GateClosed: Nobody approves it.
        """
        asked = False
        for gate in gates:
            if gate in approved:
                continue
            if self._policy is None:
                raise GateClosed(gate)
            try:
                await self._policy.permit(
                    Call("browser", "irreversible", {"action": action, "gate": gate, "url": url})
                )
            except ToolDenied as error:
                raise GateClosed(gate) from error
            asked = True
        return asked


def gates_in(text: str) -> tuple[Gate, ...]:
    """The gates that a text names, between spaces; other words are none."""
    words = text.split()
    return tuple(gate for gate in GATES if words.count(gate))


def lets_pass(policy: Policy, gate: Gate) -> bool:
    """Whether a policy allows a gate without asking anybody, wherever and whatever it is about."""
    call = Call("browser", "irreversible", {"gate": gate})
    rule = next((rule for rule in policy.rules if rule.matches(call)), None)
    return rule is not None and rule.verdict == "allow"


async def gates_at(cdp: Debugger, point: dict[str, float] | None) -> tuple[set[Gate], str]:
    """The form gates of pressing at `point` (None: Enter in the focused element), and where it would lead.

    Raises:
        ContextLost: The page went away meanwhile.
    """
    tree = await cdp.send("Page.getFrameTree")
    world = await cdp.send(
        "Page.createIsolatedWorld", {"frameId": tree["frameTree"]["frame"]["id"], "worldName": WORLD}
    )
    answer = await cdp.send(
        "Runtime.callFunctionOn",
        {
            "functionDeclaration": source(),
            "executionContextId": world["executionContextId"],
            "arguments": [{"value": point}],
            "returnByValue": True,
            "silent": True,
        },
    )
    if "exceptionDetails" in answer:
        raise ContextLost
    found: dict[str, Any] = answer["result"]["value"]
    gates: set[Gate] = set()
    if found["password"]:
        gates.add("password_form")
    if found["payment"]:
        gates.add("payment_form")
    return gates, str(found["href"])


@cache
def source() -> str:
    """The JavaScript that looks at what would be pressed, one function."""
    text = (resources.files(__name__.rpartition(".")[0]) / "gates.js").read_text(encoding="utf-8")
    return text[text.index("(point)") :].strip()

"""Search a problem of your own: four methods say what it is, a tree of thoughts finds the way.

Two jugs hold 3 and 5 litres; measure out 4. The problem's rules are code, so no illegal step gets through,
and states that were reached before are not gone into again. What could be done is enumerated here and judged
by a rule of thumb; with `Sampled` and `Logits` in their place a model proposes and judges (see 08).

Prints:
    fill 5, pour 5 into 3, empty 3, pour 5 into 3, fill 5, pour 5 into 3
    solved: 4 litres
    pruned: ...
"""

import asyncio

from punchlist.agents.reasoning import (
    BestFirst,
    Checked,
    Enumerated,
    Rejected,
    Terminal,
    TreeOfThoughts,
    think,
)
from punchlist.core_model import load_model


class Jugs:
    """What is in the jug of 3 and in the jug of 5."""

    def initial(self) -> tuple[int, int]:
        return (0, 0)

    def key(self, state: tuple[int, int]) -> tuple[int, int]:
        return state

    def apply(self, state: tuple[int, int], action: str) -> tuple[int, int] | Rejected:
        small, large = state
        match action:
            case "fill 3":
                after = (3, large)
            case "fill 5":
                after = (small, 5)
            case "empty 3":
                after = (0, large)
            case "empty 5":
                after = (small, 0)
            case "pour 3 into 5":
                after = (max(0, small + large - 5), min(5, small + large))
            case _:
                after = (min(3, small + large), max(0, small + large - 3))
        return Rejected("it changes nothing") if after == state else after

    def terminal(self, state: tuple[int, int]) -> Terminal | None:
        return Terminal("4 litres") if state[1] == 4 else None


ACTIONS = ("fill 3", "fill 5", "empty 3", "empty 5", "pour 3 into 5", "pour 5 into 3")


async def main() -> None:
    """Propose all, judge, go on with the most promising state wherever it is."""
    model = load_model()
    tree = TreeOfThoughts(
        Jugs(),
        Enumerated(lambda state: [(action, action) for action in ACTIONS]),
        Checked(lambda node: 1.0 if node.terminal else 1 / (2 + node.depth)),
        BestFirst(width=len(ACTIONS), depth=8),
    )
    result = await think("measure 4 litres", model, tree)
    print(", ".join(result.best.texts()))
    print(f"{result.stop_reason}: {result.answer}")
    print("pruned:", sum(node.status in ("pruned", "dead") for node in result.tree), "of", len(result.tree))
    await model.aclose()


asyncio.run(main())

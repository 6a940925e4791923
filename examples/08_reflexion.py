"""Try, see what went wrong, keep the lesson, try again: Reflexion of a tree of thoughts.

Three doors open only if each is painted in its right colour, and only trying tells. A trial is a tree of
thoughts: the model proposes colours and judges half-painted rows. A failed trial teaches one fact, which the
next trial is given. Which model it is does not matter to the program:

    python 08_reflexion.py                               # the embedded one
    python 08_reflexion.py ~/models/Qwen3-0.6B           # a checkpoint folder
    python 08_reflexion.py http://127.0.0.1:8000/v1      # an OpenAI-compatible server

Prints:
    trial 1: ...
    solved: green red blue
    ... calls of the model
"""

import asyncio
import sys
from collections.abc import Sequence

from punchlist.agents.reasoning import (
    Beam,
    Checked,
    Logits,
    Node,
    Prompt,
    Reflexion,
    Rejected,
    Sampled,
    Score,
    Task,
    Terminal,
    Thinking,
    TreeOfThoughts,
    Trial,
    think,
)
from punchlist.agents.reasoning.trace import TraceEvent
from punchlist.core_model import Grammar, load_model
from punchlist.memory import EpisodicMemory, Lesson

COLOURS = ("red", "green", "blue")
RIGHT = ("green", "red", "blue")  # known to the doors alone


class Doors:
    """Colours of the doors from the left."""

    def initial(self) -> tuple[str, ...]:
        return ()

    def key(self, state: tuple[str, ...]) -> tuple[str, ...]:
        return state

    def apply(self, state: tuple[str, ...], action: str) -> tuple[str, ...] | Rejected:
        return (*state, action) if action in COLOURS else Rejected("there is no such paint")

    def terminal(self, state: tuple[str, ...]) -> Terminal | None:
        return Terminal(" ".join(state)) if len(state) == len(RIGHT) else None


def ask(node: Node, question: str, facts: Sequence[str] = ()) -> Prompt:
    """A question about a row of doors."""
    painted = " ".join(node.state) or "none yet"
    return Prompt.of("\n".join([*facts, f"{len(RIGHT)} doors, painted from the left: {painted}", question]))


def painter(task: Task) -> Sampled:
    """Proposes a colour that no lesson rules out for the next door."""

    def allowed(node: Node) -> Grammar:
        door = len(node.state) + 1
        left = [colour for colour in COLOURS if f"door {door} is not {colour}" not in task.lessons]
        return Grammar.choices(tuple(left))

    return Sampled(
        lambda node: ask(node, "Which colour next?", task.lessons), grammar=allowed, max_tokens=8, samples=2
    )


def walk(node: Node) -> Score:
    """What the doors say: how far one gets, and where it ends."""
    if node.terminal is None:
        return Score(0.0, detail="some doors were not painted")
    for place, (painted, right) in enumerate(zip(node.state, RIGHT, strict=True)):
        if painted != right:
            return Score(place / len(RIGHT), detail=f"door {place + 1} is not {painted}")
    return Score(1.0)


class Watcher:
    """The lesson of a trial is what the shut door showed."""

    async def reflect(
        self, task: Task, trial: Trial, lessons: Sequence[Lesson], thinking: Thinking
    ) -> Lesson | None:
        return Lesson(change=trial.score.detail) if trial.score and trial.score.detail else None


def show(event: TraceEvent) -> None:
    """A line for each trial and each lesson, as they happen."""
    if event.what == "trial":
        print(f"trial {event.body['number']}: {event.body['answer']}")
    elif event.what == "reflected" and isinstance(event.body["lesson"], dict):
        print("  lesson:", event.body["lesson"]["change"])


async def main(which: str | None) -> None:
    """Each failed trial rules out a colour of a door, so there are at most seven."""
    model = load_model(which) if which else load_model()
    judge = Logits(lambda node: ask(node, "Is this a good choice? yes or no:"))
    tree = TreeOfThoughts(Doors(), painter, judge, Beam(beam=2, width=2, depth=len(RIGHT)))
    memory = EpisodicMemory(max_items=6)
    nest = Reflexion(tree, Checked(walk, kind="environment"), Watcher(), memory, trials=7)
    result = await think("paint the doors", model, nest, show=show)
    print(f"{result.stop_reason}: {result.answer}")
    print(result.usage.model_calls, "calls of the model")
    await model.aclose()


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))

"""Ask the embedded model under a grammar: what it cannot say, it does not say.

The embedded model knows the roles of agents and nothing else: here it reads a task out of a goal. The grammar
allows only words of the goal, so the answer can be read by code and every value is found in the text again.
A prompt's continuations can also be scored, which is how a verdict gets its probability.

Prints:
    item green mugs
    name ada lovelace
    item 'green mugs' stands at 8 of the goal
    one of three: pass
"""

import asyncio

from punchlist.agents.roles import ask_judge, ask_plan, read_plan
from punchlist.core_model import Grammar, Message, load_model, normalise

GOAL = "Order 2 green mugs for Ada Lovelace."
PAGE = """page /tickets/7: the lid is cracked
- the lid is cracked
- customer | ada lovelace
- status | closed
- ada lovelace | please send a new one
- you | it left today"""


async def main() -> None:
    """Generate, then score."""
    model = load_model()

    question = ask_plan(GOAL, ("order", "ticket"))
    asked: list[Message] = [{"role": "user", "content": question.text}]
    made = await model.generate(asked, grammar=Grammar.lark(question.grammar))
    print(made.text)
    forced = sum(value is None for value in made.logprobs)
    print(f"{len(made.token_ids)} tokens, of which the grammar left no choice about {forced}")

    for task in read_plan(made.text, GOAL):
        for field in task.fields:
            print(f"{field.key} {field.span.text!r} stands at {field.span.start} of the goal")

    judge = ask_judge(PAGE, "the ticket is closed")
    choices = ("pass", "fail", "cannot check")
    scores = normalise(await model.score([{"role": "user", "content": judge.text}], choices))
    best = max(range(3), key=scores.__getitem__)
    print(f"one of three: {choices[best]}, probability {scores[best]:.2f}")
    await model.aclose()


asyncio.run(main())

"""`punchlist eval tools`: calls over unseen schemas, a verifier against planted faults, answers from notes.

Tool calls: right when tool and arguments, the answer or the refusal are exactly right. A call that the schema
refuses goes back once with the error. `accuracy` is over all tasks; `accuracy_unseen_schemas` over those in
which every name and value is made of syllables that no training has. `accuracy_no_redo` takes the first call,
`accuracy_no_grammar` decodes freely, `accuracy_no_grammar_no_redo` both; all of them over the same tasks.
`bfcl_simple_python` (with --data FOLDER) is the share of the Berkeley leaderboard's simple Python calls that
its possible answers accept: all arguments right, none missing, none invented. Of these calls a model could
say `bfcl_expressible`, since under the grammar values are words of the task or of the schema.

Verifier: of the criteria with a planted fault `verifier_recall` are not passed, and of those not passed
`verifier_precision` have a fault. `verifier_accuracy` is the share of reports whose findings are right to the
last quote, `verifier_auc` how well the probability of `pass` tells first criteria without a fault from those
with one (chance is 0.5).

Notes: `notes_accuracy` is the share of right answers; of the questions that no note answers
`notes_unknown_recall` are answered `unknown`, and of these answers `notes_unknown_precision` are right.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, cast

from pydantic import JsonValue

from ..answering import UNKNOWN, UnreadableAnswer, ask_recall, read_recall
from ..checking.verifying import UnreadableFindings, ask_verify, read_verify, weigh
from ..question import Question
from ..steps import Done
from ..tool_use import (
    Call,
    ToolCard,
    arguments_of,
    ask_use,
    card_of,
    numbers_of,
    read_use,
    refusal,
    typed,
)
from ..training import note_documents, tool_documents, verify_documents
from ..training.documents import HELD_OUT
from ..wording import fold
from . import bfcl
from .harness import Figures, Measuring, rate
from .ledger import Row
from .models import model_mark, open_model

if TYPE_CHECKING:
    from ...core_model.chat_template import Message
    from ...core_model.generation import Model

USUAL, QUICK = 150, 12
"""Tasks of each kind."""

MOST_TOKENS = 400

SYLLABLES = (
    """
    bv cz dw fj gz hw kv mw ng ps pw rh sr tw tz vl vr wh zh zw
""".split(),
    "eu io oe ue uo y ya yo".split(),
    "b cht f lm lsh mf ng rf sp v z".split(),
)
"""Onsets, vowels and codas of words that no training has; its own are in `training.words`."""


def unseen_word(rng: Random) -> str:
    """A word of one or two syllables that no training has."""
    onsets, vowels, codas = SYLLABLES
    word = "".join(rng.choice(onsets) + rng.choice(vowels) for _ in range(rng.choice((1, 2, 2))))
    return word + (rng.choice(codas) if rng.random() < 0.6 else "")


UNSEEN = tool_documents.Inventory(unseen_word, 1.0)


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval tools`.

    Raises:
        EvalError: The folder of --data does not hold the leaderboard's files.
    """
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    options = measuring.options
    count = measuring.count(USUAL, QUICK)
    cases = bfcl.read_cases(options.data) if options.data is not None else {}
    cases = dict(list(cases.items())[: count if options.limit or options.quick else None])
    measuring.settings |= {
        "model": model_mark(options.model),
        "tasks": count,
        "seed": options.seed,
        "bfcl": bfcl.mark(cases) if cases else None,
    }
    model = open_model(options.model)
    if not model.capabilities.score:
        measuring.skipped["verifier_auc"] = "the model gives no probabilities of answers"

    async def one(key: str) -> Row:
        kind, _, name = key.partition(":")
        if kind == "bfcl":
            return await _leaderboard(model, cases[name])
        rng = Random((HELD_OUT + 1000 * (options.seed + 1) + KINDS.index(kind)) * 1_000_003 + int(name))
        if kind == "verify":
            return await _verified(model, rng)
        if kind == "recall":
            return await _recalled(model, rng)
        return await _used(model, rng, UNSEEN if kind == "unseen" else tool_documents.OPEN)

    keys = [f"{kind}:{number}" for kind in KINDS for number in range(count)]
    try:
        await measuring.each([*keys, *(f"bfcl:{name}" for name in cases)], one, _tell)
    finally:
        await model.aclose()
    if not cases:
        why = "no --data was given"
        measuring.skipped |= {"bfcl_simple_python": why, "bfcl_expressible": why}
    return _figures(measuring.ledger().rows)


KINDS = ("use", "unseen", "verify", "recall")
"""Kinds of tasks, as the keys of their rows begin."""


async def _say(model: Model, question: Question, *, free: bool = False) -> str:
    """The likeliest answer; empty where it was cut."""
    from ...core_model.sampling import Sampling

    messages: list[Message] = [
        {"role": "system", "content": question.system()},
        {"role": "user", "content": question.text},
    ]
    grammar = None if free else question.compiled()
    made = await model.generate(messages, sampling=Sampling(max_tokens=MOST_TOKENS), grammar=grammar)
    return made.text.strip() if made.stop_reason == "stop" else ""


# --- tool calls -----------------------------------------------------------------------------------------


async def _calls(
    model: Model, cards: tuple[ToolCard, ...], done: list[Done], task: str, *, free: bool
) -> tuple[Call, Call]:
    """The first call, and the one that stands after a refused one went back with the error."""
    first = read_use(await _say(model, ask_use(cards, done, task), free=free), task, done, cards)
    problem = refusal(cards, first) if first.tool else ""
    if not problem:
        return first, first
    action = " ".join([first.tool, *first.arguments.values()])
    again = [*done, Done(action, f"error: {problem}")]
    return first, read_use(await _say(model, ask_use(cards, again, task), free=free), task, again, cards)


async def _used(model: Model, rng: Random, inventory: tool_documents.Inventory) -> Row:
    """One tool task: whether each way of answering it is right."""
    cards = tool_documents.draw_cards(rng, inventory)
    job = tool_documents.draw_job(rng, cards, inventory)
    done, answer = tool_documents.moment(rng, job, inventory)
    wanted = _folded(read_use(answer, job.text, done, cards))
    first, last = await _calls(model, cards, done, job.text, free=False)
    free_first, free_last = await _calls(model, cards, done, job.text, free=True)
    return {
        "right": _folded(last) == wanted,
        "no_redo": _folded(first) == wanted,
        "no_grammar": _folded(free_last) == wanted,
        "no_grammar_no_redo": _folded(free_first) == wanted,
        "wanted": answer,
    }


def _folded(call: Call) -> tuple[str, dict[str, str], str]:
    """A call without its spelling."""
    return call.tool, {name: fold(value) for name, value in call.arguments.items()}, fold(call.answer)


async def _leaderboard(model: Model, case: bfcl.Case) -> Row:
    """One case of the leaderboard, under the grammar, with one redo."""
    cards = (card_of(case.function, case.about, case.parameters),)
    _, call = await _calls(model, cards, [], case.task, free=False)
    right = bfcl.is_right(case, call.tool, typed(case.parameters, call.arguments))
    return {"right": right, "expressible": _expressible(case, cards[0])}


def _expressible(case: bfcl.Case, card: ToolCard) -> bool:
    """Whether the grammar allows a right value of every argument that a right call must give."""

    def sayable(name: str) -> bool:
        said = map(fold, card.values[name]) if name in card.values else arguments_of(case.task, card)
        for text in numbers_of(case.task) if name in card.numbers else said:
            call = read_use(f"call {card.name}\n {name} {text}\nend", case.task, [], [card])
            if bfcl.fits(case, name, typed(case.parameters, call.arguments)[name]):
                return True
        return False

    return all(
        sayable(name)
        for name, values in case.possible.items()
        if name not in card.optional or bfcl.OMITTED not in values
    )


# --- verifier and notes ---------------------------------------------------------------------------------


async def _verified(model: Model, rng: Random) -> Row:
    """One report: of each criterion whether it has a fault and whether it was passed."""
    case = verify_documents.draw_case(rng)
    question = ask_verify(case.criteria, dict(case.result), case.evidence)
    said = await _say(model, question)
    try:
        found = read_verify(said, case.criteria, dict(case.result), case.evidence)
    except UnreadableFindings:
        found = []
    belief = (await weigh(model, question))["pass"] if model.capabilities.score else None
    faults: list[JsonValue] = [bool(fact.fault) for fact in case.facts]
    flagged: list[JsonValue] = [each.outcome != "pass" for each in found] or [True] * len(faults)
    return {
        "right": said == case.answer,
        "faults": faults,
        "flagged": flagged,
        "belief": belief,
    }


async def _recalled(model: Model, rng: Random) -> Row:
    """One question about notes."""
    notes, known, missing = note_documents.draw_notes(rng, tool_documents.OPEN)
    fact = rng.choice(list(known) if rng.random() < 0.7 or not missing else missing)
    asked = fact.fill(rng.choice(fact.relation.asked))
    said = await _say(model, ask_recall(notes, asked))
    try:
        text = read_recall(said, notes).text
    except UnreadableAnswer:
        text = said
    value = known.get(fact, "")
    return {"right": fold(text) == fold(value), "unknown": not value, "said_unknown": said == UNKNOWN}


# --- figures --------------------------------------------------------------------------------------------


def _tell(row: Row) -> str:
    return "right" if row["right"] else "wrong"


def _figures(rows: Mapping[str, Row]) -> Figures:
    def of(*kinds: str) -> list[Row]:
        return [row for key, row in rows.items() if key.partition(":")[0] in kinds]

    used, verified, recalled, calls = of("use", "unseen"), of("verify"), of("recall"), of("bfcl")
    figures: Figures = {}
    figures |= rate("accuracy", _flags(used, "right"))
    figures |= rate("accuracy_unseen_schemas", _flags(of("unseen"), "right"))
    for way in ("no_redo", "no_grammar", "no_grammar_no_redo"):
        figures |= rate(f"accuracy_{way}", _flags(used, way))
    figures |= rate("bfcl_simple_python", _flags(calls, "right"))
    figures |= rate("bfcl_expressible", _flags(calls, "expressible"))
    pairs = [
        pair
        for row in verified
        for pair in zip(cast("list[bool]", row["faults"]), cast("list[bool]", row["flagged"]), strict=True)
    ]
    figures |= rate("verifier_precision", [fault for fault, flagged in pairs if flagged])
    figures |= rate("verifier_recall", [flagged for fault, flagged in pairs if fault])
    figures |= rate("verifier_accuracy", _flags(verified, "right"))
    figures["verifier_auc"] = _auc(verified)
    figures |= rate("notes_accuracy", _flags(recalled, "right"))
    said = [row for row in recalled if row["said_unknown"]]
    figures |= rate("notes_unknown_precision", _flags(said, "unknown"))
    figures |= rate(
        "notes_unknown_recall", _flags([row for row in recalled if row["unknown"]], "said_unknown")
    )
    return figures


def _flags(rows: list[Row], name: str) -> list[bool]:
    return [bool(row[name]) for row in rows]


def _auc(rows: list[Row]) -> float | None:
    """The share of pairs, one without a fault and one with, of which the first is believed more.

    Equal beliefs count half; None where there is no such pair.
    """
    told = [
        (float(cast("float", row["belief"])), cast("list[bool]", row["faults"])[0])
        for row in rows
        if row["belief"] is not None
    ]
    sound = [belief for belief, fault in told if not fault]
    faulty = [belief for belief, fault in told if fault]
    if not sound or not faulty:
        return None
    wins = sum((one > other) + 0.5 * (one == other) for one in sound for other in faulty)
    return wins / (len(sound) * len(faulty))

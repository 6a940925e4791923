"""What tool calls are learnt from: legal answers, open names, every kind of moment."""

from collections import Counter
from random import Random

import pytest

from punchlist.agents.roles import Call
from punchlist.agents.steps import Done
from punchlist.agents.tool_use import ask_use, read_card, read_use, refusal, write_call
from punchlist.agents.training import tool_documents, words
from punchlist.agents.training.tool_documents import OPEN, draw_cards, draw_job, moment, use
from punchlist.core_model.grammar import Grammar


def turns(pieces):
    """Each question of a document in full, with its answer."""
    tools = [line for line in pieces[0][0].splitlines() if line.startswith("tool ")]
    for (text, _), (answer, _) in zip(pieces[::2], pieces[1::2], strict=True):
        lines = text.splitlines()
        yield lines if lines[0].startswith("tool ") else [*tools, *lines], answer


def asked_again(lines):
    cards = [read_card(line) for line in lines if line.startswith("tool ")]
    did = [line.removeprefix("did : ").partition(" -> ") for line in lines if line.startswith("did : ")]
    return ask_use(cards, [Done(action, result) for action, _, result in did], lines[-2][len("task : ") :])


def test_every_answer_is_legal_in_the_question_that_an_agent_would_ask():
    for seed in range(150):
        for lines, answer in turns(use(Random(seed))):
            question = asked_again(lines)
            assert question.text == "\n".join(lines)
            assert Grammar.lark(question.grammar).accepts(answer), (question.text, answer)


def test_the_same_random_numbers_give_the_same_document():
    assert use(Random(5)) == use(Random(5)) != use(Random(6))


def test_prompts_have_no_weight_and_answers_have():
    assert all(weight == index % 2 for index, (_, weight) in enumerate(use(Random(8))))


def test_most_words_of_names_never_were():
    common = {*tool_documents.VERBS, *tool_documents.ARGUMENTS, *words.THINGS}
    cards = [card for seed in range(200) for card in draw_cards(Random(seed), OPEN)]

    parts = [part for card in cards for name in card.arguments for part in name.split("_")]

    assert sum(part not in common for part in parts) > 0.55 * len(parts)


def test_there_are_calls_answers_refusals_and_repairs_one_tool_most_often():
    counts, sizes = Counter(), Counter()
    for seed in range(400):
        for lines, answer in turns(use(Random(seed))):
            failed = any("-> error :" in line for line in lines)
            counts[answer.split()[0], failed] += 1
            sizes[sum(line.startswith("tool ") for line in lines)] += 1

    assert {*counts} == {(verb, failed) for verb in ("call", "answer", "cannot") for failed in (False, True)}
    assert {*sizes} == {1, 2, 3, 4, 5, 6} and sizes.most_common(1)[0][0] in (1, 2)


def test_a_right_call_fits_its_tools_and_is_read_back():
    for seed in range(200):
        rng = Random(seed)
        cards = draw_cards(rng, OPEN)
        job = draw_job(rng, cards, OPEN)
        if job.right is not None:
            read = read_use(write_call(job.right.name, job.values), job.text, [], cards)

            assert refusal(cards, read) == ""
            assert read == Call(job.right.name, job.values)


@pytest.mark.parametrize("seed", range(3))
def test_where_no_tool_fits_the_answer_is_to_call_none(seed):
    rng = Random(seed)
    while (job := draw_job(rng, draw_cards(rng, OPEN), OPEN)).right is not None:
        pass

    assert moment(rng, job, OPEN) == ([], "cannot")

"""What the embedded model is trained on stays apart from the example site, or its evaluation is void."""

import re
from random import Random

from punchlist.agents.training import goals, pages, words
from punchlist.agents.wording import fold
from punchlist.examples.site import goal, wording

EXEMPT = {"yes", "no"}
COUNT = 3000


def folded(texts):
    return {fold(text) for text in texts}


def generated_texts():
    """Every label, option and text of generated pages."""
    found: set[str] = set()
    for seed in range(COUNT):
        for line in pages.draw(Random(seed)).view().lines:
            for part in line:
                found |= {part} if isinstance(part, str) else {part.name, *part.options}
    return folded(found)


def skeleton(text, values):
    """A goal without its values: each becomes `*`, and values in a row become one."""
    text = fold(text)
    for value in sorted(folded(values), key=len, reverse=True):
        text = re.sub(rf"(?<!\S){re.escape(value)}(?!\S)", "*", text)
    return re.sub(r"\*(?: (?:, |and |, and )?\*)+", "*", text).strip(" .")


def template_skeleton(template):
    return skeleton(re.sub(r"\{\w+\}", " * ", template), [])


def test_no_label_of_the_site_is_on_a_generated_page():
    assert folded(wording.every_label()) & generated_texts() <= EXEMPT


def test_no_product_of_the_site_is_on_a_generated_page_or_in_a_generated_goal():
    products = folded(wording.every_product())
    rng = Random(1)
    named = folded(" ".join(words.product(rng)) for _ in range(COUNT))
    named |= {
        fold(f.span.text)
        for seed in range(COUNT)
        for task in goals.draw(Random(seed)).tasks
        for f in task.fields
    }

    assert products & (named | generated_texts()) == set()


def test_no_goal_of_the_site_is_worded_like_a_generated_one():
    """Compared without their values: count, item, name, date, option and text."""
    templates = {template_skeleton(text) for text in wording.every_goal_template()}
    templates -= {text for text in templates if len(text.split()) < 3}
    drawn = [goals.draw(Random(seed)) for seed in range(COUNT)]
    worded = {
        skeleton(each.text, [f.span.text for task in each.tasks for f in task.fields]) for each in drawn
    }

    assert templates & worded == set()


def test_no_whole_goal_of_the_site_is_generated():
    drawn = {fold(goals.draw(Random(seed)).text) for seed in range(COUNT)}

    assert drawn & {fold(goal(seed).text) for seed in range(200)} == set()


def test_the_comparison_finds_a_sentence_that_is_shared():
    template = "Kindly place one order of {items} with {speed} delivery on {day} for {name}{extras}"
    text = "Kindly place one order of 2 red pens and 1 jar with slow delivery on 3 May for Ida Fox."

    assert template_skeleton(template) == skeleton(
        text, ["2", "red pens", "1", "jar", "slow", "3 May", "Ida Fox"]
    )

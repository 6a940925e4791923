"""Every role's question, grammar and answer go together: what is written is accepted and read back."""

from importlib import resources
from random import Random

import pytest

from punchlist.agents import roles
from punchlist.agents.evals.questions import held_out
from punchlist.agents.roles import Call, ToolCard
from punchlist.agents.steps import Done, Stage, Step
from punchlist.agents.testing import WorstCaseModel, sample
from punchlist.agents.training import documents
from punchlist.core_model.grammar import Grammar
from punchlist.tools.browser.actions import Action, MalformedAction
from punchlist.tools.browser.view import Dialog, Element, View

GOAL = "Order 2 Green Mugs for Ada Lovelace, express; then tell her the number, and close it."
CART = Stage("cart", (Step("add", "2 x green mugs"), Step("add", "1 x desk lamp")), (Step("open cart"),))
TOOLS = [ToolCard("stock", "units in the warehouse", ("item",)), ToolCard("now", "the time")]
SHOP = View(
    "http://shop/",
    "/",
    "The shop",
    (
        ("Welcome back, order T-17 is on its way",),
        (Element(1, "textbox", "Full name", ""), Element(2, "textbox", "", "")),
        ("Green Mug", "£4.50", Element(3, "link", "View")),
        ("Desk Lamp", "£24", Element(4, "link", "View")),
        (Element(5, "select", "Delivery", "Standard", ("Standard", "Express, next day")),),
        (Element(6, "button", "Pay now", disabled=True),),
        (Element(7, "button", "Review"),),
    ),
)
FILL = Step("fill", "name : ada lovelace", ("Ada Lovelace",))


def accepts(question, answer):
    return Grammar.lark(question.grammar).accepts(answer)


def samples(question, count=25, longest=120):
    """Random answers that the question's grammar allows."""
    grammar = Grammar.lark(question.grammar)
    return [sample(grammar, Random(seed), longest) for seed in range(count)]


# --- plan -----------------------------------------------------------------------------------------------


def test_a_written_plan_is_accepted_and_read_back_with_literal_spans():
    answer = (
        "task order\ncount 2\nitem green mugs\nname ada lovelace\noption express\n"
        "task ticket\nname ada lovelace\nnumber 1\nclose\nend"
    )
    tasks = roles.read_plan(answer, GOAL)

    assert accepts(roles.ask_plan(GOAL, ("order", "ticket")), answer)
    assert roles.write_plan(tasks) == answer
    assert [field.span.text for field in tasks[0].fields] == ["2", "Green Mugs", "Ada Lovelace", "express"]
    assert all(GOAL[f.span.start : f.span.end] == f.span.text for task in tasks for f in task.fields)
    assert (tasks[1].number_of, tasks[1].close) == (1, True)


def test_a_goal_that_is_outside_is_said_to_be_so():
    assert accepts(roles.ask_plan(GOAL, ("order",)), "cannot")
    assert roles.read_plan("cannot", GOAL) == ()
    assert roles.write_plan(()) == "cannot"


@pytest.mark.parametrize(
    "answer",
    [
        "task order\ncount 3\nitem green mugs\nend",
        "task order\nitem green mugs\nend",
        "task ticket\nname ada\nend",
        "task fly\nend",
    ],
)
def test_words_that_are_not_in_the_goal_and_kinds_that_are_not_offered_cannot_be_said(answer):
    assert not accepts(roles.ask_plan(GOAL, ("order",)), answer)


def test_repeated_words_find_their_own_place():
    goal = "Order 2 mugs for Ada; order 2 lamps for Ada."
    first, second = roles.read_plan(
        "task order\ncount 2\nitem mugs\nname ada\ntask order\ncount 2\nitem lamps\nname ada\nend", goal
    )

    assert [field.span.start for field in first.fields] == [6, 8, 17]
    assert [field.span.start for field in second.fields] == [28, 30, 40]


def test_any_legal_plan_is_read_into_tasks_of_known_kinds():
    for answer in samples(roles.ask_plan(GOAL, ("order", "ticket", "use"))):
        tasks = roles.read_plan(answer, GOAL)
        assert {task.kind for task in tasks} <= {"order", "ticket", "use"}
        assert roles.write_plan(tasks) == answer or answer == "cannot"


# --- steps ----------------------------------------------------------------------------------------------


def test_steps_are_accepted_and_read_back_as_parts_and_last_steps():
    question = roles.ask_steps(CART, ["set each quantity again in the cart"], [])
    answer = "do 1\ndo 2\nopen cart\nset 1\nend"

    steps = roles.read_steps(answer, CART)

    assert accepts(question, answer)
    assert [step.line() for step in steps] == [
        "add 2 x green mugs", "add 1 x desk lamp", "open cart", "set 2 x green mugs",
    ]  # fmt: skip


def test_only_a_redo_may_remove_and_only_what_the_feedback_names():
    first, redo = roles.ask_steps(CART, [], []), roles.ask_steps(CART, [], ["not asked for : blue mug"])

    assert not accepts(first, "open cart\nremove blue mug\nend")
    assert accepts(redo, "open cart\nremove blue mug\nend")
    assert not accepts(redo, "open cart\nremove desk lamp\nend")
    assert roles.read_steps("remove blue mug\nend", CART) == (Step("remove", "blue mug"),)


def test_any_legal_steps_are_read_completely():
    for answer in samples(roles.ask_steps(CART, [], ["1 : green mugs : the page shows 1"])):
        assert len(roles.read_steps(answer, CART)) == len(answer.splitlines()) - 1


# --- act ------------------------------------------------------------------------------------------------


CHOOSE = Step("choose", "express")
OPENED = Step("open ticket", "of somebody")


@pytest.mark.parametrize(
    ("action", "step"),
    [
        (Action("click", 7), FILL),
        (Action("click", 3), Step("add", "2 x green mugs", ("2", "green mugs"))),
        (Action("click", 4), Step("add", "1 x desk lamp", ("1", "desk lamp"))),
        (Action("type", 1, "Ada Lovelace"), FILL),
        (Action("type", 2, "Ada Lovelace"), FILL),
        (Action("select", 5, "Express, next day"), CHOOSE),
        (Action("press", None, "Enter"), FILL),
        (Action("scroll", None, "down"), FILL),
        (Action("back"), FILL),
        (Action("done"), OPENED),
        (Action("cannot", None, "not found"), FILL),
    ],
    ids=lambda value: value.line(),
)
def test_a_written_action_is_accepted_and_read_back(action, step):
    answer = roles.write_act(action, SHOP, step)

    assert accepts(roles.ask_act(SHOP, [], step), answer)
    assert roles.read_act(answer, SHOP, step) == action


def test_things_of_one_name_are_told_apart_by_their_row():
    rows = (
        ("Lid arrived cracked", "Ada Lovelace", Element(1, "link", "View")),
        ("Wobbly leg", "Ada Lovelace", Element(2, "link", "View")),
        ("Missing screws", "Bob Byron", Element(3, "link", "View")),
    )
    desk = View("http://shop/desk", "/desk", "Tickets", rows)

    names = roles.handles(desk, Step("open ticket", "of ada lovelace", ("Ada Lovelace",)))

    assert (names["lid arrived cracked / view"], names["wobbly leg / view"]) == (1, 2)
    assert "view" not in names and 3 not in names.values()


def test_a_step_is_shown_no_rows_about_other_things():
    add = Step("add", "2 x green mugs", ("2", "green mugs"))

    shown = roles.page_text(SHOP, add)

    assert "green mug | £ 4.50 | link view" in shown and "desk lamp" not in shown
    assert "button review" in shown
    assert roles.handles(SHOP, add)["view"] == 3


@pytest.mark.parametrize(
    "answer",
    [
        "click pay now",
        "click somewhere",
        "type review = ada",
        "type full name = grace hopper",
        "select delivery = overnight",
        "fly",
        "",
    ],
)
def test_what_the_page_or_the_step_does_not_offer_cannot_be_said(answer):
    assert not accepts(roles.ask_act(SHOP, [], FILL), answer)


def test_an_order_number_is_copied_from_the_page_and_only_when_placing():
    place = Step("place")
    placed = View("http://shop/", "/order", "Thanks", (("Your order number", "T-1742"), ("To pay", "£12.50")))

    pressed = [Done("click buy now", "ok")]

    assert accepts(roles.ask_act(placed, pressed, place), "done t-1742")
    assert not accepts(roles.ask_act(placed, [], place), "done t-1742"), "nothing was pressed"
    assert not accepts(roles.ask_act(placed, pressed, place), "done 12.50")
    assert not accepts(roles.ask_act(SHOP, [], FILL), "done t-17")
    assert roles.read_act("done t-1742", placed, place).text == "T-1742"


@pytest.mark.parametrize(
    ("task", "right", "wrong"),
    [
        (
            "How many green mugs are in stock?",
            "green mugs",
            ("stock", "green mugs are in stock", "many green mugs"),
        ),
        ("Count the oak trays", "oak trays", ("the oak trays", "oak")),
        ('Look up "in stock".', "in stock", ('"',)),
    ],
)
def test_an_argument_says_more_than_the_tool_and_breaks_off_before_no_word(task, right, wrong):
    question = roles.ask_use([ToolCard("stock", "Units of an item.", ("item",))], [], task)

    assert accepts(question, f"call stock\nitem {right}\nend")
    assert not any(accepts(question, f"call stock\nitem {text}\nend") for text in wrong)


def test_two_arguments_may_stand_side_by_side():
    question = roles.ask_use([ToolCard("convert", "Convert.", ("amount", "unit"))], [], "Convert 3 miles")

    assert accepts(question, "call convert\namount 3\nunit miles\nend")


def test_while_a_dialog_waits_nothing_else_can_be_done():
    view = View("http://shop/", "/", "The shop", SHOP.lines, Dialog("confirm", "Place this order?"))
    question = roles.ask_act(view, [], FILL)

    assert accepts(question, "dialog accept") and not accepts(question, "click review")
    assert "place this order ?" in question.text and "full name" not in question.text


def test_a_name_that_is_not_on_the_page_is_refused_with_the_answer():
    with pytest.raises(MalformedAction, match="somewhere"):
        roles.read_act("click somewhere", SHOP, FILL)


def test_the_page_stands_first_then_what_was_done_then_the_step():
    text = roles.ask_act(SHOP, [Done("click Shop", "ok")], FILL).text

    assert text.startswith("page / : the shop\n")
    assert text.endswith("did : click shop -> ok\nstep : fill name : ada lovelace\ndo:")


@pytest.mark.parametrize("step", [FILL, Step("place"), CHOOSE], ids=lambda step: step.verb)
def test_any_legal_action_is_one_of_this_view(step):
    for answer in samples(roles.ask_act(SHOP, [], step), 40):
        action = roles.read_act(answer, SHOP, step)
        assert action.target is None or not SHOP.elements[action.target].disabled
        assert action.verb != "type" or action.text == "Ada Lovelace"
        assert action.verb != "select" or action.text in SHOP.elements[5].options


# --- use ------------------------------------------------------------------------------------------------


def test_a_call_takes_its_arguments_from_the_task():
    question = roles.ask_use(TOOLS, [], "How many Green Mugs are left?")
    answer = "call stock\nitem green mugs\nend"

    assert accepts(question, answer)
    assert not accepts(question, "call stock\nitem blue mugs\nend")
    assert not accepts(question, "call order\nitem green mugs\nend")
    assert roles.read_use(answer, "How many Green Mugs are left?", []) == Call(
        "stock", {"item": "Green Mugs"}
    )


def test_an_answer_is_copied_from_a_result():
    done = [Done("stock green mugs", "12 pieces")]
    question = roles.ask_use(TOOLS, done, "How many?")

    assert accepts(question, "answer 12") and not accepts(question, "answer 13")
    assert not accepts(roles.ask_use(TOOLS, [], "How many?"), "answer 12")
    assert roles.read_use("answer 12 pieces", "How many?", done) == Call("", answer="12 pieces")


def test_any_legal_use_is_a_known_tool_an_answer_or_nothing():
    done = [Done("now", "half past ten")]
    for answer in samples(roles.ask_use(TOOLS, done, "How many green mugs?")):
        call = roles.read_use(answer, "How many green mugs?", done)
        assert call.tool in ("stock", "now", "")
        assert set(call.arguments) == ({"item"} if call.tool == "stock" else set())
        assert call.answer in "half past ten"


# --- judge, reflect, prompts ----------------------------------------------------------------------------


def test_judgements_and_lessons_are_closed_lists():
    judge, reflect = (
        roles.ask_judge("page /: x", "is it closed?"),
        roles.ask_reflect("cart", ["lost"], ["add 1 x mug"]),
    )

    assert all(accepts(judge, said) for said in roles.JUDGEMENTS) and not accepts(judge, "maybe")
    assert all(accepts(reflect, said) for said in roles.LESSONS) and not accepts(reflect, "try harder")


ASKED_AS = {next(iter(held_out(role, 1))).question.role for role in documents.ROLES}
"""Names of the instructions; several roles of the training may share one."""


@pytest.mark.parametrize("role", sorted(ASKED_AS))
def test_every_role_has_instructions_for_models_that_were_not_trained_on_it(role):
    text = roles.Question(role, "", "").system()

    assert len(text.split()) > 20
    assert text == resources.files("punchlist.agents").joinpath("prompts", f"{role}.md").read_text(
        encoding="utf-8"
    )


def test_there_are_no_instructions_without_a_role():
    files = [item.name for item in resources.files("punchlist.agents").joinpath("prompts").iterdir()]

    untrained = {"anomalies", "speak", "picture", "summarize"}  # for models that follow instructions alone
    assert sorted(files) == sorted(f"{role}.md" for role in {*ASKED_AS, *untrained})


# --- training documents ---------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch):
    """The grammar of every question that the generators put, by its text."""
    found: dict[str, str] = {}

    def listen(name):
        ask = getattr(roles, name)

        def asking(*arguments):
            question = ask(*arguments)
            found[question.text] = question.grammar
            return question

        monkeypatch.setattr(roles, name, asking)

    for name in ("ask_plan", "ask_steps", "ask_judge", "ask_reflect"):
        listen(name)
    query = documents.query

    def querying(view, history, step, answer, first):
        pieces = query(view, history, step, answer, first)
        found[pieces[0][0]] = roles.act_grammar(view, history, step)
        return pieces

    monkeypatch.setattr(documents, "query", querying)
    return found


@pytest.mark.parametrize("role", ("act", "plan", "steps", "judge", "reflect"))
def test_what_a_role_is_trained_to_say_is_what_its_grammar_allows(role, asked):
    """But for a few goals with fresh words that happen to be carriers of a sentence."""
    refused = []
    for index in range(300):
        asked.clear()
        pieces = documents.role_document(role, Random(documents.HELD_OUT + index))
        for (question, said), (answer, answered) in zip(pieces[::2], pieces[1::2], strict=True):
            assert not said and answered
            if not Grammar.lark(asked[question]).accepts(answer):
                refused.append((index, question[-300:], answer))

    assert len(refused) <= (6 if role == "plan" else 0), refused


def test_the_documents_of_a_number_are_always_the_same():
    assert documents.document(1, 42) == documents.document(1, 42)
    assert documents.document(1, 42) != documents.document(1, 43)


async def test_the_worst_model_says_the_same_for_the_same_seed():
    grammar = Grammar.lark(roles.ask_act(SHOP, [], FILL).grammar)
    messages = [{"role": "user", "content": "go"}]

    said = [(await WorstCaseModel(seed).generate(messages, grammar=grammar)).text for seed in (1, 1, 2, 3, 4)]

    assert said[0] == said[1] and len(set(said)) > 1

"""Tools as a model reads them: made of schemas, called under a grammar, refused in words, typed again."""

import pytest

from punchlist.agents.steps import Done
from punchlist.agents.tool_use import Call, ToolCard, ask_use, card_of, read_card, read_use, refusal, typed
from punchlist.core_model.grammar import Grammar

SCHEMA = {
    "properties": {
        "amount": {"type": "integer"},
        "unit": {"enum": ["Miles", "km"]},
        "round_up": {"type": "boolean"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["amount", "unit"],
}
CONVERT = card_of("convert", "Convert a distance.", SCHEMA)
TASK = "Convert three or -4 miles to KM, note: For Ada"


def accepts(answer, task=TASK, done=()):
    return Grammar.lark(ask_use([CONVERT], done, task).grammar).accepts(answer)


def test_a_schema_becomes_one_line_that_can_be_read_back():
    line = CONVERT.line()

    assert line == (
        "tool convert ( amount # , unit = miles | km , round_up = true | false ? , note ? ) : "
        "convert a distance ."
    )
    assert read_card(line).line() == line
    assert read_card("tool now (  ) : the time") == ToolCard("now", "the time")


def test_a_call_gives_what_is_required_and_of_the_rest_what_it_likes():
    assert accepts("call convert\n amount three\n unit km\nend")
    assert accepts("call convert\n amount - 4\n unit km\n round_up true\n note for ada\nend") is False
    assert accepts("call convert\n amount - 4\n unit km\n round_up true\n note ada\nend")
    assert not accepts("call convert\n amount three\nend")


def test_a_number_is_one_of_the_task_and_a_value_one_of_the_schema():
    assert not accepts("call convert\n amount 5\n unit km\nend")
    assert not accepts("call convert\n amount three\n unit furlongs\nend")
    assert accepts("call convert\n amount 17\n unit km\nend", "How far is it?")


def test_arguments_may_stand_without_their_blank():
    assert accepts("call convert\namount three\nunit km\nend")


def test_a_minus_between_two_numbers_belongs_to_none():
    assert accepts("call convert\n amount 3\n unit km\nend", "What is 7 - 3 km?")
    assert not accepts("call convert\n amount - 3\n unit km\nend", "What is 7 - 3 km?")


def test_a_call_is_read_as_task_and_schema_spell_it():
    said = "call convert\n amount - 4\n unit miles\n note ada\nend"

    assert read_use(said, TASK, [], [CONVERT]) == Call(
        "convert", {"amount": "-4", "unit": "Miles", "note": "Ada"}
    )
    assert read_use("call convert\n amount three\nend", TASK, [], [CONVERT]).arguments == {"amount": "3"}


def test_nothing_is_answered_out_of_an_error():
    failed, fine = Done("convert 3", "error: timed out"), Done("convert 3", "4.8")

    assert not accepts("answer timed out", done=[failed]) and not accepts("answer 4.8", done=[failed])
    assert accepts("answer 4.8", done=[failed, fine])


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (Call("convert", {"amount": "3", "unit": "km"}), ""),
        (Call("compute", {}), "there is no tool compute"),
        (Call("convert", {"amount": "3"}), "unit : field required"),
        (Call("convert", {"amount": "few", "unit": "km"}), "amount : input should be a valid number"),
        (Call("convert", {"amount": "3", "unit": "ell"}), "unit : input should be Miles or km"),
        (Call("convert", {"amount": "3", "unit": "km", "to": "x"}), "there is no argument to"),
    ],
)
def test_a_call_that_does_not_fit_is_told_why(call, why):
    assert why in refusal([CONVERT], call) and bool(refusal([CONVERT], call)) == bool(why)


def test_what_is_no_answer_at_all_is_a_call_of_a_tool_that_there_is_not():
    for said in ("", "let me think", "convert"):
        assert refusal([CONVERT], read_use(said, TASK, [], [CONVERT])).startswith("there is no tool")


def test_arguments_are_typed_by_their_schema_and_stay_text_where_they_cannot():
    schema = {
        "properties": {
            "count": {"type": "integer"},
            "share": {"type": "number"},
            "sure": {"type": "boolean"},
            "names": {"type": "array", "items": {"type": "string"}},
            "sizes": {"type": "array", "items": {"type": "integer"}},
            "name": {"type": "string"},
        }
    }
    said = {"count": "7.0", "share": "0.5", "sure": "true", "names": "Ada, Bo and Cy", "sizes": "[1, 2]"}

    assert typed(schema, said | {"name": "12"}) == {
        "count": 7, "share": 0.5, "sure": True, "names": ["Ada", "Bo", "Cy"], "sizes": [1, 2], "name": "12",
    }  # fmt: skip
    assert typed(schema, {"count": "many"}) == {"count": "many"}


def test_an_argument_may_be_called_as_the_end_is():
    card = card_of("span", "Days.", {"properties": {"end": {"type": "integer"}}, "required": ["end"]})

    assert read_use("call span\n end 5\nend", "5 days", [], [card]).arguments == {"end": "5"}

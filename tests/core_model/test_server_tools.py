"""Function calls: what models of different kinds may write, and that it is read as it was written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from punchlist.core_model.chat_template import ChatTemplate, Message
from punchlist.core_model.errors import InvalidGrammar, TemplateError
from punchlist.core_model.serving.requests import Tool
from punchlist.core_model.serving.tools import CallReader, ToolForm, grammar, parsed_arguments
from punchlist.core_model.tokenizer import Tokenizer

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = Tool.model_validate({"type": "function", "function": {"name": "weather", "parameters": CITY}})
CLOCK = Tool.model_validate({"type": "function", "function": {"name": "clock"}})

HERMES = """
{%- if tools %}{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}
{%- for m in messages %}{{ m.role }}: {{ m.content }}
{%- for c in m.tool_calls or [] %}<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>{% endfor %}{% endfor %}"""
LLAMA = (
    HERMES.replace("<tool_call>\n", "").replace("\n</tool_call>", "").replace('"arguments"', '"parameters"')
)
PLAIN = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
USERS_ONLY = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}"

TAGGED = ToolForm(True, "arguments", True, True, True)
BARE = ToolForm(False, "parameters", True, True, True)


def template(source: str) -> ChatTemplate:
    fast = Tokenizer.train(["a b c"], 270).fast
    return ChatTemplate(Tokenizer(fast, {"chat_template": source}))


@pytest.mark.parametrize(
    ("source", "form"),
    [
        (HERMES, TAGGED),
        (LLAMA, BARE),
        (PLAIN, ToolForm(True, "arguments", False, False, True)),
        (USERS_ONLY, ToolForm(True, "arguments", False, False, False)),
    ],
    ids=["hermes", "llama", "plain", "users only"],
)
def test_how_a_model_calls_is_read_off_its_template(source: str, form: ToolForm) -> None:
    assert ToolForm.of(template(source)) == form


@pytest.mark.parametrize("source", [PLAIN, USERS_ONLY], ids=["plain", "users only"])
def test_a_model_that_knows_no_tools_is_told_in_words(source: str) -> None:
    chat = template(source)
    messages: list[Message] = [
        {"role": "user", "content": "Is it raining?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Rome"}}}],
        },
        {"role": "tool", "content": "sunny", "tool_call_id": "a"},
    ]

    prompt = chat.render(ToolForm.of(chat).told(messages, [WEATHER]))

    assert '"name": "weather"' in prompt and "<tool_call>" in prompt and "sunny" in prompt


def call(name: str, arguments: Any, form: ToolForm) -> str:
    text = f'{{"name": "{name}", "{form.key}": {json.dumps(arguments)}}}'
    return f"<tool_call>\n{text}\n</tool_call>" if form.tagged else text


@pytest.mark.parametrize("form", [TAGGED, BARE], ids=["tagged", "bare"])
def test_a_grammar_lets_whole_calls_through_and_nothing_like_them(form: ToolForm) -> None:
    auto = grammar(form, [WEATHER, CLOCK], required=False, parallel=True, answer=None)
    must = grammar(form, [WEATHER, CLOCK], required=True, parallel=True, answer=None)
    good = call("weather", {"city": "Rome"}, form)

    assert auto.accepts("It is raining.") and not must.accepts("It is raining.")
    for allowed in (good, call("clock", {}, form)):
        assert auto.accepts(allowed) and must.accepts(allowed)
    for wrong in (call("weather", {"town": 1}, form), call("launch", {}, form), good + "!", good[:-1]):
        assert not auto.accepts(wrong) and not must.accepts(wrong)


def test_several_calls_only_where_they_are_wanted() -> None:
    two = call("clock", {}, TAGGED) + "\n" + call("weather", {"city": "Rome"}, TAGGED)

    assert grammar(TAGGED, [WEATHER, CLOCK], required=True, parallel=True, answer=None).accepts(two)
    assert not grammar(TAGGED, [WEATHER, CLOCK], required=True, parallel=False, answer=None).accepts(two)


@pytest.mark.parametrize("form", [TAGGED, BARE], ids=["tagged", "bare"])
def test_an_answer_without_a_call_keeps_to_its_schema(form: ToolForm) -> None:
    both = grammar(
        form,
        [WEATHER],
        required=False,
        parallel=True,
        answer={
            "type": "object",
            "properties": {"n": {"enum": [1]}},
            "required": ["n"],
            "additionalProperties": False,
        },
    )

    called = call("weather", {"city": "Rome"}, form)

    assert both.accepts('{"n":1}')
    assert both.accepts(
        called if form.tagged else called.replace(": {", ":{").replace('e": "w', 'e":"w').replace(", ", ",")
    )
    assert not both.accepts("hello")


def tool(parameters: dict[str, Any]) -> Tool:
    return Tool.model_validate({"type": "function", "function": {"name": "f", "parameters": parameters}})


MISSPELT = {"properties": {"s": {"type": "string", "minLenght": 3}}}


def test_a_keyword_that_cannot_be_enforced_is_refused_in_tools_and_beside_them() -> None:
    for tools, answer in (([tool(MISSPELT)], None), ([CLOCK], MISSPELT), ([tool({"x-guidance": {}})], None)):
        with pytest.raises(InvalidGrammar, match=r"'(minLenght|x-guidance)' at /"):
            grammar(TAGGED, tools, required=False, parallel=True, answer=answer)


def test_dates_of_arguments_and_answers_exist() -> None:
    schema = {"properties": {"d": {"type": "string", "format": "date"}}, "required": ["d"]}

    made = grammar(TAGGED, [tool(schema)], required=False, parallel=True, answer={"type": "object", **schema})

    for accepted, day in ((True, "2024-02-29"), (False, "2023-02-29")):
        assert made.accepts(call("f", {"d": day}, TAGGED)) is accepted
        assert made.accepts(f'{{"d":"{day}"}}') is accepted


def test_arguments_of_any_depth_are_text_or_refused() -> None:
    endless = "[" * 100_000
    deep = parsed_arguments('{"a":' * 400 + "1" + "}" * 400)
    messages: list[Message] = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": deep}}]},
    ]

    assert parsed_arguments(endless) == endless
    with pytest.raises(TemplateError, match="deep"):
        template(HERMES).encode(messages)


@pytest.mark.parametrize(
    "text", ['<tool_call>\n{"name": "wea', "a <tool_ca", '<tool_call>\n{"name": "clock", "arguments": {"a']
)
def test_what_is_cut_off_is_not_lost(text: str) -> None:
    read = CallReader(TAGGED).add(text, last=True)

    assert (
        read.text
        + "".join(f'<tool_call>\n{{"name": "{c.name}", "arguments": {c.arguments}' for c in read.calls)
        == text
    )


arguments = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        st.none() | st.integers() | st.text('{}[]"\\<tool_call>é', max_size=12),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=4,
    ),
    max_size=3,
)


@pytest.mark.parametrize("form", [TAGGED, BARE], ids=["tagged", "bare"])
@settings(max_examples=150, deadline=None)
@given(
    before=st.text("ab<tool_ \n", max_size=12),
    calls=st.lists(st.tuples(st.sampled_from(["weather", "clock"]), arguments), max_size=3),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_calls_are_read_the_same_however_they_come(
    form: ToolForm, before: str, calls: list[tuple[str, dict[str, Any]]], cuts: list[int]
) -> None:
    if not form.tagged and calls:
        before, calls = "", calls[:1]
    text = before + "\n".join(call(name, given, form) for name, given in calls)
    ends = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    reader, said = CallReader(form), ""
    found: list[list[Any]] = []

    for start, end in zip(ends, [*ends[1:], None], strict=True):
        read = reader.add(text[start:end] if end is not None else "", last=end is None)
        said += read.text
        for piece in read.calls:
            if piece.name is not None:
                found.append([piece.name, ""])
            found[piece.index][1] += piece.arguments

    assert said == before
    assert [(name, json.loads(text)) for name, text in found] == calls

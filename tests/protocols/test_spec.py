"""A spec says what done means; a verdict is weighed by code and never by what it says of itself."""

import itertools
import operator
import re
from functools import partial
from typing import Any, cast

import pytest
from pydantic import BaseModel

from punchlist.protocols import (
    Check,
    Confirmed,
    Cost,
    Failed,
    Judge,
    PunchItem,
    Schema,
    Spec,
    Unverified,
    passes,
)
from punchlist.protocols.messages import Anomaly, Finding, Verdict
from punchlist.protocols.spec import ToolCall, ToolCheck, weigh, without_each


class Order(BaseModel):
    item: str
    count: int


def positive(result: dict[str, int]) -> bool:
    return result["count"] > 0


SPEC = Spec([Schema(Order), Check("positive", positive), Judge("Is it green?", name="green", required=False)])


def findings(**outcomes: str) -> tuple[Finding, ...]:
    return tuple(
        Finding.model_validate({"criterion": name, "outcome": how}) for name, how in outcomes.items()
    )


def test_a_schema_passes_what_validates_and_names_what_does_not() -> None:
    assert Schema(Order).find({"item": "mug", "count": 2}).outcome == "pass"
    finding = Schema(Order).find({"count": "many"})

    assert finding.outcome == "fail"
    assert "item" in finding.why
    assert "count" in finding.why


@pytest.mark.parametrize(
    ("answer", "outcome"), [(True, "pass"), (False, "fail"), ("too many", "fail"), (None, "cannot_check")]
)
def test_a_check_says_yes_no_why_or_nothing(answer: bool | str | None, outcome: str) -> None:
    finding = Check("c", lambda result: answer).find(None)

    assert finding.outcome == outcome
    assert (finding.why == "too many") == (answer == "too many")


def test_a_tool_check_compares_the_fields_that_are_expected() -> None:
    check = ToolCheck("order", ToolCall("read_order", {"id": 7}), {"status": "paid", "lines": {"mug": 2}})

    assert check.find({"status": "paid", "lines": {"mug": 2, "lamp": 1}, "id": 7}, "e1").evidence == ("e1",)
    assert check.find({"status": "open", "lines": {"mug": 2}}).outcome == "fail"
    assert check.find({"status": "paid", "lines": {"mug": True}}).outcome == "fail"
    assert ToolCheck("t", ToolCall("count"), lambda n: n == 3).find(3).outcome == "pass"


@pytest.mark.parametrize("answer", [1, 0, [], ["x"], re.match("a", "a"), object()])
def test_what_is_no_answer_says_neither_yes_nor_no(answer: Any) -> None:
    finding = Check("c", lambda result: answer).find(None)

    assert finding.outcome == "cannot_check" and "neither True, False" in finding.why


def test_a_blank_complaint_is_a_fail_with_a_reason() -> None:
    finding = Check("c", lambda result: " ").find(None)

    assert finding.outcome == "fail" and finding.why == "the check returned False"


def test_a_coroutine_function_is_refused_when_the_check_is_made() -> None:
    async def looks(result: Any) -> bool:
        return True

    for make in (
        lambda: Check("c", cast("Any", looks)),
        lambda: ToolCheck("t", ToolCall("x"), cast("Any", looks)),
    ):
        with pytest.raises(ValueError, match="coroutine function"):
            make()


def test_an_expected_empty_object_is_an_empty_one() -> None:
    check = ToolCheck("basket", ToolCall("basket"), {"lines": {}})

    assert check.find({"lines": {}}).outcome == "pass"
    assert check.find({"lines": {"mug": 1}}).outcome == "fail"


def test_a_reason_is_short_whatever_a_tool_returned() -> None:
    finding = ToolCheck("t", ToolCall("x"), "mug").find("x" * 50_000_000)

    assert finding.outcome == "fail" and len(finding.why) < 3000


def test_a_schema_that_needs_a_field_must_refuse_a_result_of_nothing() -> None:
    class Free(BaseModel):
        note: str = ""

    assert Schema(Order, must_refuse=[3]).faults() == (None, {}, 3)
    assert Schema(Free).faults() == ()


def test_planted_faults_are_made_from_a_good_result() -> None:
    assert without_each({"item": "mug", "count": 2}) == [{"count": 2}, {"item": "mug"}]


def test_the_hash_tells_how_sure_a_judge_must_be_and_what_a_partial_function_was_given() -> None:
    judges = [Judge("q"), Judge("q", sure=0.6), Judge("q", judges=3), Judge("q", ask_person_below=0.9)]
    checks = [Check("c", partial(operator.eq, number)) for number in (1, 2)]

    assert len({Spec([criterion]).hash for criterion in [*judges, *checks]}) == 6
    assert Judge("q").describe().text == "q"


def test_several_findings_about_one_criterion_count_as_their_worst() -> None:
    twice = findings(schema="pass", positive="pass") + findings(positive="cannot_check")

    assert weigh(twice, (), SPEC.describe()) == "cannot_check"


def test_only_required_passes_and_nothing_open_pass() -> None:
    good = findings(schema="pass", positive="pass")

    assert passes(Verdict(findings=good), SPEC)
    assert passes(Verdict(findings=good + findings(green="fail")), SPEC)
    assert not passes(Verdict(findings=good, anomalies=(Anomaly.of("odd"),)), SPEC)
    assert not passes(Verdict(findings=good + findings(schema="fail")), SPEC)
    assert not passes(Verdict(), SPEC)


def test_weighing_agrees_with_its_definition_on_every_combination() -> None:
    text = SPEC.describe()
    outcomes = ["fail", "cannot_check", "", "pass"]
    for first, second, odd in itertools.product(outcomes, outcomes, [False, True]):
        given = {name: how for name, how in (("schema", first), ("positive", second)) if how}
        worst = min((first, second), key=outcomes.index) or "missing"
        expected = "anomalies" if worst == "pass" and odd else worst

        assert weigh(findings(**given), (Anomaly.of("odd"),) if odd else (), text) == expected


def test_the_hash_is_stable_and_changes_with_what_is_asked() -> None:
    same = Spec(
        [Schema(Order), Check("positive", positive), Judge("Is it green?", name="green", required=False)]
    )

    assert SPEC.hash == same.hash
    assert SPEC.hash != Spec([Schema(Order), Check("positive", positive)]).hash
    assert len(SPEC.hash) == 64


@pytest.mark.parametrize("criteria", [[], [Judge("q"), Judge("q")], [Judge("q", required=False)]])
def test_a_spec_that_cannot_be_judged_is_refused(criteria: list[Judge]) -> None:
    with pytest.raises(ValueError, match="criteri"):
        Spec(criteria)


def test_outcomes_are_told_apart_by_their_positions() -> None:
    item = PunchItem("order", 1, "colour", "blue", "chose green")
    seen: list[object] = []
    for outcome in (
        Confirmed({"n": 1}, (), (item,), Cost(tokens=3) + Cost(tokens=4, redos=1)),
        Unverified(None, ("attempts ran out",)),
        Failed(ValueError("no")),
    ):
        match outcome:
            case Confirmed(result, evidence):
                seen += [result, evidence, outcome.cost.tokens, outcome.punch_list[0].mended]
            case Unverified(last, reasons):
                seen += [last, reasons]
            case Failed(error):
                seen += [str(error)]

    assert seen == [{"n": 1}, (), 7, "chose green", None, ("attempts ran out",), "no"]

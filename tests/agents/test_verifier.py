"""How reports are held against a spec: programs first, then a look of its own, then a judge that is sure."""

import functools
import math
from dataclasses import replace

import pytest
from pydantic import BaseModel, model_validator

from punchlist.agents.budget import Budget
from punchlist.agents.checking.criteria import look_for_reported
from punchlist.agents.checking.programs import hold
from punchlist.agents.checking.world import command_exits, file_has
from punchlist.agents.mind import Mind, Truncated
from punchlist.agents.testing import ScriptedModel
from punchlist.agents.verifier import Verifier
from punchlist.core_model.errors import PromptTooLong
from punchlist.protocols import Check, Evidence, Judge, Schema, Spec, ToolCall, ToolCheck, passes
from punchlist.protocols.journal import Journal
from punchlist.protocols.messages import Verify
from punchlist.protocols.spec import NOTHING, RESULT, SURE, weigh
from punchlist.tools.errors import ToolError

LOOK = ToolCheck("the page shows it", ToolCall("look", {}), {"shown": True})
JUDGE = Judge("Is it polite?")


def sure(probability, judgement="pass"):
    """Scores under which `judgement` has this probability and the two others share the rest."""
    others = {"pass", "fail", "cannot check"} - {judgement}
    scores = {judgement: math.log(probability), **dict.fromkeys(others, math.log((1 - probability) / 2))}
    return scores | {f"1 {said}": score for said, score in scores.items()}  # about a page; about a report


class Breaking(ScriptedModel):
    """A model that breaks down when it is to score something."""

    def __init__(self, breaks):
        super().__init__([])
        self._breaks = breaks

    async def score(self, messages, continuations):
        self._breaks(messages)
        return []


@pytest.fixture
def verify(tmp_path):
    """Verifies a result against criteria; gives the verdict, what was looked at, and the model."""

    async def verify(criteria, result=None, seen=None, scores=None, evidence=(), says=()):
        looks: list[str] = []

        async def look(tool, args):
            looks.append(tool)
            if isinstance(seen, Exception):
                raise seen
            return seen(args) if callable(seen) else seen

        spec, model = Spec(criteria), Breaking(scores) if callable(scores) else ScriptedModel(says, scores)
        with Journal.open(tmp_path / "run.db") as journal:
            mind = Mind(model, Budget(), journal, "run", lambda event: None)
            message = Verify(spec=spec.describe(), result=result, evidence=tuple(evidence))
            verdict = await Verifier(mind, look).verify(spec, message)
        return verdict, spec, looks, model

    return verify


def outcomes(verdict):
    return [finding.outcome for finding in verdict.findings]


async def test_each_criterion_gets_one_finding_in_the_specs_order(verify):
    small = Check("small", lambda value: value < 10)

    verdict, spec, _, _ = await verify([small, LOOK, JUDGE], 3, {"shown": True}, sure(0.9))

    assert [finding.criterion for finding in verdict.findings] == ["small", LOOK.name, JUDGE.name]
    assert passes(verdict, spec)


async def test_a_failed_program_is_a_fail_whatever_the_judge_says(verify):
    verdict, spec, _, _ = await verify(
        [Check("small", lambda value: value < 10), JUDGE], 12, scores=sure(0.99)
    )

    assert outcomes(verdict) == ["fail", "pass"]
    assert not passes(verdict, spec)


async def test_the_world_is_looked_at_once_for_all_criteria_of_one_call(verify):
    other = ToolCheck("and this", LOOK.call, {"shown": True})

    verdict, _, looks, _ = await verify([LOOK, other], seen={"shown": True})

    assert outcomes(verdict) == ["pass", "pass"] and looks == ["look"]


async def test_a_world_that_is_not_as_claimed_is_a_fail(verify):
    verdict, _, _, _ = await verify([LOOK], {"shown": True}, seen={"shown": False})

    assert outcomes(verdict) == ["fail"]


async def test_what_cannot_be_looked_at_cannot_be_checked(verify):
    verdict, spec, _, _ = await verify([LOOK], {"shown": True}, seen=ToolError("the site is down"))

    assert outcomes(verdict) == ["cannot_check"]
    assert "the site is down" in verdict.findings[0].why
    assert not passes(verdict, spec)


@pytest.mark.parametrize("judgement", ["pass", "fail"])
async def test_a_judge_that_is_not_sure_cannot_check(verify, judgement):
    unsure, _, _, _ = await verify([JUDGE], scores=sure(SURE - 0.01, judgement))
    certain, _, _, _ = await verify(
        [JUDGE], scores=sure(SURE + 0.01, judgement), says=lambda _: "1 fail none"
    )

    assert outcomes(unsure) == ["cannot_check"]
    assert outcomes(certain) == [judgement]


async def test_a_judgement_carries_its_probability(verify):
    verdict, _, _, _ = await verify([JUDGE], scores=sure(0.8))

    assert verdict.findings[0].confidence == pytest.approx(0.8)


def told(*rows):
    """A page of these rows as a look returns it."""
    return {"url": "u", "path": "/x", "title": "x", "rows": [list(row) for row in rows], "fields": []}


async def test_what_passes_early_is_held_against_the_late_page_too(verify):
    """A page that has not loaded shows nothing wrong, and nothing right."""
    pages = [told(["One moment"]), told(["Green mug"], ["Gift wrapping"])]
    right = ToolCheck("it is there", LOOK.call, lambda value: ["Green mug"] in value["rows"])
    clean = ToolCheck("nothing else is", LOOK.call, lambda value: ["Gift wrapping"] not in value["rows"])

    verdict, _, looks, _ = await verify([clean, right], {}, seen=lambda args: pages["patience" in args])

    assert outcomes(verdict) == ["fail", "pass"] and len(looks) == 2


async def test_a_page_carries_the_result_that_is_held_against_it(verify):
    number = look_for_reported("the number", "lane", "number", lambda page, said: [(said,)] == [*page.rows])

    right, _, _, _ = await verify([number], {"number": "T-17"}, seen=told(["T-17"]))
    wrong, _, _, _ = await verify([number], {"number": "T-18"}, seen=told(["T-17"]))
    none, _, _, _ = await verify([number], {}, seen=told(["T-17"]))

    assert [*outcomes(right), *outcomes(wrong), *outcomes(none)] == ["pass", "fail", "cannot_check"]


async def test_a_judge_reads_as_much_of_a_page_as_its_model_holds(verify):
    long = told(*(["word " * 50] for _ in range(5000)))

    verdict, _, _, model = await verify(
        [replace(LOOK, expect=lambda value: True), JUDGE], {}, long, sure(0.9)
    )

    assert outcomes(verdict) == ["pass", "pass"]
    assert 50_000 < model.count_tokens(model.asked[0]) < model.context_length
    assert model.asked[0].endswith("criterion : is it polite ?\nverdict:")


@pytest.mark.parametrize("error", [PromptTooLong(9, 8), Truncated("judge", 400)])
async def test_a_judge_that_breaks_down_fails_nothing_that_can_do_without_it(verify, error):
    def breaks(question):
        raise error

    verdict, spec, _, _ = await verify(
        [Check("small", lambda value: value < 10), replace(JUDGE, required=False)], 3, scores=breaks
    )

    assert outcomes(verdict) == ["pass", "cannot_check"] and passes(verdict, spec)
    with pytest.raises(type(error)):
        await verify([JUDGE], 3, scores=breaks)


async def test_a_judge_that_says_it_cannot_check_is_believed(verify):
    verdict, spec, _, _ = await verify([JUDGE], scores=sure(0.99, "cannot check"))

    assert outcomes(verdict) == ["cannot_check"] and not passes(verdict, spec)


async def test_the_judge_reads_result_and_evidence_and_nothing_of_the_worker(verify):
    """A `Verify` has no field for plan, context or reasoning; what the judge reads is made of it alone."""
    evidence = [Evidence(id="e1", tool="browser", summary="click pay -> ok")]

    _, _, _, model = await verify([JUDGE], {"number": "T-17"}, scores=sure(0.9), evidence=evidence)

    assert set(Verify.model_fields) == {"kind", "spec", "result", "evidence"}
    assert model.asked == ["seen click pay -> ok\nsaid number : t-17\n1 : is it polite ?\nfound:"]


async def test_a_judge_quotes_what_speaks_against_a_report(verify):
    evidence = [Evidence(id="e1", tool="stock", summary="stock Green Mug -> 40")]

    verdict, _, _, _ = await verify(
        [Judge("stock of green mug")], {"answer": "12"}, scores=sure(0.9, "fail"), evidence=evidence,
        says=lambda _: "1 fail 40",
    )  # fmt: skip

    assert outcomes(verdict) == ["fail"]
    assert verdict.findings[0].evidence == ("40",) and "'40' speaks against it" in verdict.findings[0].why


@pytest.mark.parametrize("said", ["1 fail 99", "no idea"])
async def test_a_quote_that_stands_nowhere_is_not_given(verify, said):
    verdict, _, _, _ = await verify([JUDGE], {"answer": "12"}, scores=sure(0.9, "fail"), says=lambda _: said)

    assert outcomes(verdict) == ["fail"] and verdict.findings[0].evidence == (RESULT,)


async def test_the_judge_reads_the_page_that_was_looked_at(verify):
    seen = {"url": "u", "path": "/tickets/7", "title": "Lid", "rows": [["Status", "Closed"]], "fields": []}
    look = ToolCheck("it is there", LOOK.call, lambda value: True)

    _, _, _, model = await verify([look, JUDGE], {"note": "secret"}, seen, sure(0.9))

    assert model.asked[0].startswith("page /tickets/7: lid\n- status | closed\n")
    assert "secret" not in model.asked[0]


async def test_what_a_tool_returns_is_no_page(verify):
    table = ToolCheck("table", ToolCall("table"), lambda value: True)

    verdict, _, _, model = await verify([table, JUDGE], {"answer": "12"}, {"rows": [1]}, sure(0.9))

    assert outcomes(verdict) == ["pass", "pass"] and "said answer : 12" in model.asked[0]


# --- checks that break ----------------------------------------------------------------------------------


def breaks(result):
    raise KeyError("count")


async def test_a_check_that_raises_has_said_nothing(verify):
    raising = [Check("c", breaks), replace(LOOK, expect=breaks)]

    verdict, spec, _, _ = await verify(raising, {}, {"shown": True})

    assert outcomes(verdict) == ["cannot_check", "cannot_check"] and not passes(verdict, spec)
    assert verdict.findings[0].why == "the check raised KeyError: 'count'"


async def test_a_fail_outweighs_a_check_that_raises(verify):
    """What is broken beside it must not keep wrong work from being done again."""
    verdict, spec, _, _ = await verify([Check("c", breaks), Check("small", lambda value: False)], {})

    assert weigh(verdict.findings, (), spec.describe()) == "fail"


async def test_a_check_that_changes_the_result_changes_a_copy_of_its_own(verify):
    result = {"count": 2, "lines": ["mug"]}
    greedy = Check("greedy", lambda value: bool(value.pop("count")) and value["lines"].clear() is None)

    verdict, spec, _, _ = await verify([greedy, replace(greedy, name="again")], result)

    assert passes(verdict, spec) and result == {"count": 2, "lines": ["mug"]}


async def test_a_check_that_passes_its_planted_fault_is_not_believed(verify):
    blind = Check("blind", lambda value: True, must_refuse=[{"count": 0}])
    able = Check("able", lambda value: value["count"] > 0, must_refuse=[{"count": 0}, *NOTHING])

    verdict, spec, _, _ = await verify([blind, able], {"count": 2})

    assert outcomes(verdict) == ["cannot_check", "pass"] and not passes(verdict, spec)
    assert verdict.findings[0].why == "the check is broken: it passes the planted fault {'count': 0}"


async def test_a_check_of_the_world_is_held_against_planted_values(verify):
    planted = [{"shown": False}]
    blind = replace(LOOK, name="blind", expect=lambda value: "shown" in value, must_refuse=planted)

    verdict, _, _, _ = await verify([blind, replace(LOOK, must_refuse=planted)], {}, {"shown": True})

    assert outcomes(verdict) == ["cannot_check", "pass"]


async def test_a_schema_that_fills_itself_in_is_not_believed(verify):
    class Filled(BaseModel):
        count: int

        @model_validator(mode="before")
        @classmethod
        def fill(cls, value):
            return {"count": 1}

    verdict, _, _, _ = await verify([Schema(Filled)], {"count": 2})

    assert outcomes(verdict) == ["cannot_check"]


async def test_a_fail_needs_no_planted_fault(verify):
    tried = []

    def refuses(value):
        tried.append(value)
        return False

    await verify([Check("c", refuses, must_refuse=[1])], 2)

    assert tried == [2]


async def test_a_result_of_50_megabytes_is_checked_and_told_in_short(verify):
    result = {"text": "x" * 50_000_000}
    right = Check("long", lambda value: len(value["text"]) == 50_000_000)
    wrong = Check("quotes it", lambda value: value["text"])

    verdict, _, _, _ = await verify([right, wrong, JUDGE], result, scores=sure(0.99))

    assert outcomes(verdict) == ["pass", "fail", "cannot_check"]
    assert len(verdict.model_dump_json()) < 5000


async def test_a_result_too_deep_to_copy_cannot_be_checked(verify):
    deep = functools.reduce(lambda inner, _: [inner], range(5000), 1)

    assert hold(Check("c", lambda value: True), deep).outcome == "cannot_check"


# --- the world ------------------------------------------------------------------------------------------


async def test_the_runtime_looks_at_files_and_commands_itself(verify, tmp_path):
    (tmp_path / "notes.txt").write_text("two mugs")
    criteria = [
        file_has(str(tmp_path / "notes.txt"), "two mugs"),
        command_exits(["false"]),
        file_has(str(tmp_path), "x"),
    ]

    verdict, spec, looks, _ = await verify(criteria, {})

    assert outcomes(verdict) == ["pass", "fail", "cannot_check"] and looks == []
    assert not passes(verdict, spec)
    evidence = [finding.evidence for finding in verdict.findings]
    assert evidence[0][1].startswith("sha256 ") and evidence[1][1] == "exit code 1"
    assert all("notes.txt" in cited or "false" in cited for cited, *_ in evidence[:2]) and evidence[2]


async def test_every_finding_names_what_it_rests_on(verify):
    evidence = [Evidence(id="e1", tool="t", summary="stock -> 3")]

    verdict, _, _, _ = await verify(
        [Check("small", lambda value: value < 10), LOOK, JUDGE], 3, {"shown": True}, sure(0.9), evidence
    )

    cited = [finding.evidence for finding in verdict.findings]
    assert cited == [(RESULT,), ('["look", {}]',), (RESULT, "e1")]

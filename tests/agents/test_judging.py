"""Judges: judgements that must agree, persons who are asked, planted reports, anomalies with quotes."""

import math
from dataclasses import replace

import pytest

from punchlist.agents import FunctionWorker, Manager, Plan
from punchlist.agents.budget import Budget
from punchlist.agents.checking.anomalies import MOST, ask_anomalies, read_anomalies
from punchlist.agents.checking.judging import CONTROL, Judging, arranged
from punchlist.agents.mind import Mind
from punchlist.agents.people import Reply
from punchlist.agents.testing import ScriptedModel, WorstCaseModel
from punchlist.agents.verifier import Verifier
from punchlist.core_model.capabilities import Capabilities
from punchlist.core_model.grammar import Grammar
from punchlist.protocols import Check, Confirmed, Evidence, Judge, Spec, passes
from punchlist.protocols.journal import Journal
from punchlist.protocols.messages import Verify, quote_occurs
from punchlist.protocols.spec import RESULT, Exhibit, open_questions

OUTCOMES = ("pass", "fail", "cannot check")
EVIDENCE = (
    Evidence(id="e1", tool="stock", summary="stock Green Mug -> 12"),
    Evidence(id="e2", tool="owner", summary="owner Green Mug -> Ada"),
)
WRONG = Exhibit({"answer": "13"}, ("stock Green Mug -> 40",))
JUDGE = Judge("stock of green mug", name="j")


class Believing(ScriptedModel):
    """Believes in an outcome, by a function of the question, with a probability."""

    def __init__(self, believes, says=lambda question: "none"):
        super().__init__(says)
        self.believes = believes

    async def score(self, messages, continuations):
        question = messages[-1]["content"]
        self.asked.append(question)
        outcome, probability = self.believes(question)
        rest = math.log((1 - probability) / 2) if probability < 1 else -100.0
        return [
            math.log(probability) if each.removeprefix("1 ") == outcome else rest for each in continuations
        ]


class Voting(ScriptedModel):
    """Gives no probabilities, only answers."""

    def __init__(self, script):
        super().__init__(script)
        self.capabilities = Capabilities(grammar=True, logprobs=False, fork=False, score=False, seed=True)


@pytest.fixture
def verify(tmp_path):
    """Verifies a report; gives the one finding of a judge, the verdict and the rows that it left."""
    journal = Journal.open(tmp_path / "run.db")

    async def verify(model, *criteria, result=None, evidence=EVIDENCE):
        spec = Spec(criteria)
        mind = Mind(model, Budget(), journal, "run", lambda event: None)
        message = Verify(spec=spec.describe(), result=result or {"answer": "12"}, evidence=tuple(evidence))
        verdict = await Verifier(mind, None).verify(spec, message)
        return verdict.findings[-1], verdict, list(journal.rows("run"))

    with journal:
        yield verify


# --- agreement ------------------------------------------------------------------------------------------


def always(outcome, probability=0.9):
    return Believing(lambda question: (outcome, probability), lambda question: "1 fail 12")


async def test_every_judgement_reads_the_evidence_in_another_order(verify):
    model = always("pass")

    finding, _, _ = await verify(model, replace(JUDGE, judges=2), result={"a": 1, "b": 2})

    assert finding.outcome == "pass" and finding.evidence == (RESULT, "e1", "e2")
    first, second = (question.splitlines() for question in model.asked)
    assert second[:4] == [*reversed(first[:2]), *reversed(first[2:4])] and second[4:] == first[4:]


def test_an_order_holds_the_same_things():
    exhibit = Exhibit({"a": 1, "b": 2, "c": 3}, ("x", "y", "z"))

    for number in range(5):
        other = arranged(exhibit, number)
        assert other.result == exhibit.result and sorted(other.evidence) == ["x", "y", "z"]
    assert arranged(Exhibit(page="page /x\n- a\n- b"), 1).page == "page /x\n- b\n- a"


async def test_a_judge_that_contradicts_itself_cannot_check(verify):
    """It believes whatever the first line of evidence makes it believe."""
    fickle = Believing(lambda question: ("pass" if question.startswith("seen stock") else "fail", 0.95))

    finding, verdict, _ = await verify(fickle, replace(JUDGE, judges=2))

    assert finding.outcome == "cannot_check" and "'pass'" in finding.why and "'fail'" in finding.why
    assert not passes(verdict, Spec([JUDGE]))


@pytest.mark.parametrize(
    ("judges", "agree", "said", "expected", "asked"),
    [
        (3, 2, ["pass", "fail", "pass"], "pass", 3),
        (3, 2, ["pass", "pass", "fail"], "pass", 2),
        (3, 3, ["pass", "fail", "pass"], "cannot_check", 2),
        (3, 2, ["fail", "cannot check", "fail"], "fail", 3),
        (3, 2, ["pass", "fail", "cannot check"], "cannot_check", 3),
        (2, None, ["pass", "pass"], "pass", 2),
    ],
)
async def test_enough_judgements_must_say_the_same(verify, judges, agree, said, expected, asked):
    answers = iter(said)
    model = Believing(lambda question: (next(answers), 0.9), lambda question: "1 fail 12")

    finding, _, _ = await verify(model, replace(JUDGE, judges=judges, agree=agree))

    assert finding.outcome == expected
    assert sum("found:" in question for question in model.asked) - (expected == "fail") == asked


@pytest.mark.parametrize(("sure", "expected"), [(0.89, "pass"), (0.91, "cannot_check")])
async def test_a_judge_says_itself_how_sure_it_must_be(verify, sure, expected):
    finding, _, _ = await verify(always("pass", 0.9), replace(JUDGE, sure=sure))

    assert finding.outcome == expected and finding.confidence == pytest.approx(0.9)


async def test_one_unsure_judgement_is_not_carried_by_a_sure_one(verify):
    confidences = iter([0.99, 0.6])
    model = Believing(lambda question: ("pass", next(confidences)))

    finding, _, _ = await verify(model, replace(JUDGE, judges=2))

    assert finding.outcome == "cannot_check" and finding.confidence == pytest.approx(0.6)


@pytest.mark.parametrize(("votes", "expected"), [(5, "pass"), (4, "pass"), (3, "cannot_check")])
async def test_a_model_without_probabilities_is_asked_for_votes(verify, votes, expected):
    model = Voting(["1 pass"] * votes + ["1 cannot check"] * (5 - votes))

    finding, _, _ = await verify(model, JUDGE)

    assert finding.outcome == expected and finding.confidence == votes / 5


@pytest.mark.parametrize("judges", [1, 3])
async def test_a_model_that_guesses_hardly_ever_passes_a_judge_that_wants_to_be_sure(verify, judges):
    """`WorstCaseModel` says anything; what passes is what it happened to be sure of in every order."""
    judge = replace(JUDGE, judges=judges, sure=0.99)
    found = [(await verify(WorstCaseModel(seed), judge))[0] for seed in range(40)]

    assert all(each.outcome != "pass" or each.confidence >= 0.99 for each in found)
    assert sum(each.outcome == "pass" for each in found) <= (0 if judges == 3 else 10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"judges": 0},
        {"judges": 4, "agree": 2},
        {"judges": 2, "agree": 3},
        {"sure": 0.5},
        {"sure": 1.1},
        {"ask_person_below": -0.1},
    ],
)
def test_a_judge_that_could_not_decide_is_refused_when_it_is_made(wrong):
    with pytest.raises(ValueError, match="'q'"):
        Judge("q", **wrong)


# --- persons --------------------------------------------------------------------------------------------


async def test_below_a_probability_a_person_is_asked(verify):
    judge = replace(JUDGE, ask_person_below=0.95)

    finding, verdict, _ = await verify(always("pass", 0.9), judge)

    assert finding.outcome == "cannot_check" and finding.why.endswith("a person has to say")
    assert open_questions(Spec([judge]), verdict) == (judge,)


@pytest.mark.parametrize(("bar", "asked"), [(0.0, 0), (0.95, 1)])
async def test_in_a_run_a_person_decides_what_the_judge_is_not_sure_enough_of(tmp_path, bar, asked):
    requests = []

    def person(request):
        requests.append(request)
        return Reply(True, "ada")

    plan = Plan()
    plan.task("it", "it", spec=[Judge("is it right?", name="j", ask_person_below=bar)])
    model = Believing(lambda question: ("pass", 0.9))
    workers = [FunctionWorker("worker", lambda brief: {"answer": "12"})]

    outcome = await Manager(model, workers, journal=tmp_path / "plan.db", person=person).run(plan)

    assert isinstance(outcome, Confirmed) and len(requests) == asked
    [finding] = outcome.confirm.verdict.findings
    assert finding.by == ("ada" if asked else "")


async def test_where_it_is_sure_or_an_answer_could_not_help_nobody_is_asked(verify):
    judge, other = replace(JUDGE, ask_person_below=0.8), Judge("other", judges=2)
    broken = Check("no", lambda result: False)
    unsure = always("pass", 0.6)

    for model, criteria in ((always("pass"), [judge]), (unsure, [broken, judge]), (unsure, [judge, other])):
        _, verdict, _ = await verify(model, *criteria)
        assert open_questions(Spec(criteria), verdict) == ()


# --- planted reports ------------------------------------------------------------------------------------


def careless(question):
    return "pass", 0.99


def careful(question):
    return ("fail" if "said answer : 13" in question else "pass"), 0.99


async def test_a_judge_that_passes_a_planted_report_is_not_believed(verify):
    judge = replace(JUDGE, must_refuse=[WRONG])

    blind, verdict, _ = await verify(Believing(careless), judge)
    able, _, _ = await verify(Believing(careful), replace(judge, name="k"))

    assert blind.outcome == "cannot_check" and "passes the planted report" in blind.why
    assert not passes(verdict, Spec([judge])) and able.outcome == "pass"


async def test_a_planted_report_is_judged_once_a_run_and_only_before_a_pass(verify):
    judge = replace(JUDGE, must_refuse=[WRONG])
    failing, passing = always("fail"), Believing(careful)

    await verify(failing, judge)
    await verify(passing, judge)
    _, _, rows = await verify(passing, judge)

    assert not any("13" in question for question in failing.asked)
    assert sum("said answer : 13" in question for question in passing.asked) == 1
    assert [row.body for row in rows if row.kind == CONTROL] == [""]


async def test_a_planted_page_is_asked_about_as_a_page(tmp_path):
    page = Exhibit(page="page /tickets/7: lid\n- status | open")
    model = Believing(lambda question: ("fail" if "open" in question else "pass", 0.9))
    closed = Exhibit(page="page /tickets/7: lid\n- status | closed")
    with Journal.open(tmp_path / "run.db") as journal:
        judging = Judging(Mind(model, Budget(), journal, "run", lambda event: None))

        finding = await judging.find(replace(JUDGE, must_refuse=[page]), closed)

    assert finding.outcome == "pass" and [each.splitlines()[1] for each in model.asked] == [
        "- status | closed",
        "- status | open",
    ]


# --- too much to read -----------------------------------------------------------------------------------


async def test_a_report_of_50_megabytes_is_not_judged(verify):
    model = always("pass")

    finding, _, _ = await verify(model, JUDGE, result={"answer": "x " * 25_000_000})

    assert finding.outcome == "cannot_check" and "does not fit" in finding.why
    assert model.asked == []


async def test_evidence_of_which_not_even_the_first_line_fits_is_not_judged(verify):
    model = always("pass")
    model.context_length = 500
    evidence = [Evidence(id="e", tool="t", summary="word " * words) for words in (1000, 10_000)]

    for item in evidence:
        assert (await verify(model, JUDGE, evidence=[item]))[0].outcome == "cannot_check"


async def test_a_finding_says_that_only_the_beginning_was_read(verify):
    model = always("pass")
    model.context_length = 500
    evidence = [Evidence(id=str(n), tool="t", summary="word " * 50) for n in range(20)]

    finding, _, _ = await verify(model, JUDGE, evidence=evidence)

    assert finding.outcome == "pass" and finding.why == "only its beginning was read"


# --- anomalies ------------------------------------------------------------------------------------------


async def test_anomalies_are_asked_for_first_and_quoted_as_they_stand(verify):
    model = Believing(lambda question: ("pass", 0.9), lambda question: "odd green mug -> 12\nodd 12")
    judge = replace(JUDGE, anomalies=True)

    _, verdict, _ = await verify(model, judge, replace(judge, name="k"))

    assert [each.quote for each in verdict.anomalies] == ["Green Mug -> 12", "12"]
    assert model.asked[0].endswith("odd:") and sum(each.endswith("odd:") for each in model.asked) == 1
    assert not passes(verdict, Spec([judge]))


async def test_a_quote_that_does_not_occur_is_dropped_and_counted(verify):
    model = Believing(lambda question: ("pass", 0.9), lambda question: "odd 99 pieces\nodd Ada\nnonsense")
    judge = replace(JUDGE, anomalies=True)

    _, verdict, rows = await verify(model, judge)

    assert [each.quote for each in verdict.anomalies] == ["Ada"]
    assert [row.body for row in rows if row.kind == "anomalies"] == [{"kept": ["Ada"], "dropped": 2}]


async def test_where_nothing_looks_wrong_the_verdict_passes(verify):
    finding, verdict, _ = await verify(always_none(), replace(JUDGE, anomalies=True))

    assert finding.outcome == "pass" and verdict.anomalies == ()


def always_none():
    return Believing(lambda question: ("pass", 0.9))


def test_no_more_anomalies_are_taken_than_a_person_could_look_at():
    evidence = [Evidence(id="e", tool="t", summary=" ".join(f"w{n}" for n in range(10)))]

    found, dropped = read_anomalies("\n".join(f"odd w{n}" for n in range(10)), None, evidence)

    assert (len(found), dropped) == (MOST, 10 - MOST)


@pytest.mark.parametrize(
    ("answer", "legal"),
    [("none", True), ("odd ada", True), ("odd ada\nodd 12", True), ("odd ada 12", False), ("odd", False)],
)
def test_only_what_stands_there_can_be_said_under_the_grammar(answer, legal):
    result, evidence = {"who": "Ada", "n": 12, "sure": True}, ["stock Green Mug -> 40"]

    assert Grammar.lark(ask_anomalies(result, evidence).grammar).accepts(answer) is legal


async def test_whatever_a_model_says_its_anomalies_occur(verify):
    judge = replace(JUDGE, anomalies=True)
    for seed in range(20):
        _, verdict, _ = await verify(WorstCaseModel(seed), judge)

        assert all(quote_occurs(each.quote, {"answer": "12"}, EVIDENCE) for each in verdict.anomalies)


def test_without_a_word_to_quote_there_is_nothing_to_ask():
    with pytest.raises(ValueError, match="nothing that could look wrong"):
        ask_anomalies({"sure": None}, [])

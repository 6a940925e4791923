"""The messages of a run as swim lanes: who said what to whom, when; each opens to its typed contents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from ..plan_edits import EDIT_LEFT_OUT, PLAN_EDIT
from ..reasoning.boxes import clean
from .markup import bar, block, counted, facts, fold, listing, paragraph
from .record import Record, Spoken, ended_as, told_of
from .values import listed, one_line, table, text, whole

MOST_MESSAGES = 1000
"""Messages that are shown; notes of progress and accepts go first, then what lies in the middle."""

MOST_LANES = 8
"""Parties with a lane of their own; further workers share the last one."""

ROUTINE = ("accept", "progress")
"""Kinds that say only that things go on."""

WRONG = ("redo", "failed", "decline", "cancel", "worker_lost", "verifier_lost", EDIT_LEFT_OUT)


@dataclass(frozen=True)
class Lanes:
    """Which column a party stands in."""

    names: tuple[str, ...]
    places: dict[str, int]

    @classmethod
    def of(cls, messages: Iterable[Spoken]) -> Lanes:
        """People first, then managers, workers, verifiers."""
        parties: dict[str, int] = {}
        for spoken in messages:
            for party, rank in _ranks(spoken):
                if party:
                    parties[party] = min(rank, parties.get(party, 9))
        ordered = sorted(parties, key=lambda party: (parties[party], party))
        workers = [party for party in ordered if parties[party] == 2]
        over = len(ordered) - MOST_LANES
        shared = set(workers[len(workers) - over - 1 :]) if over > 0 and over < len(workers) else set[str]()
        names: list[str] = []
        places: dict[str, int] = {}
        for party in ordered:
            name = f"{len(shared)} more workers" if party in shared else party
            if name not in names:
                names.append(name)
            places[party] = names.index(name)
        return cls(tuple(names), places)


def _ranks(spoken: Spoken) -> tuple[tuple[str, int], ...]:
    """The two parties of a message, each with the rank that its part in it gives."""
    kind, sender, recipient = spoken.kind, spoken.sender, spoken.recipient
    if spoken.by_person:
        return (sender, 0), (recipient, 1)
    if kind in ("assign", "redo"):
        return (sender, 1), (recipient, 2)
    if kind in ("verify", "resolve"):
        return (sender, 1), (recipient, 3)
    if kind == "verdict":
        return (sender, 3), (recipient, 1)
    if kind in ("accept", "decline", "progress", "report", "failed", "worker_lost"):
        return (sender, 2 if sender != recipient else 1), (recipient, 1)
    if kind in ("confirm", "cancel"):
        return (sender, 1), (recipient, 4)
    return (sender, 4), (recipient, 4)


def timeline(record: Record, left_out: Callable[[str], None]) -> str:
    """The lanes with a row for each message, oldest first."""
    messages = _told(record)
    shown, missing = _chosen(messages)
    if missing:
        total = len(messages)
        left_out(
            f"{missing:,} of {total:,} messages of the timeline: accepts, notes of progress and copies "
            "first, then those in the middle"
        )
    lanes = Lanes.of(messages)
    if not lanes.names:
        return ""
    heads = "".join(f"<span>{clean(name)}</span>" for name in lanes.names)
    began = record.info.began
    titles = {task.id: task.title for task in record.tasks.values()}
    rows = "".join(_row(spoken, lanes, began, titles) for spoken in shown)
    filters = (
        '<label><input type="checkbox" class="f-bad"> only what went wrong</label>'
        '<label><input type="checkbox" class="f-routine"> without accepts, progress and copies</label>'
    )
    return (
        f'<div class="lanes" style="--n:{len(lanes.names)}"><div class="filters">{filters}</div>'
        f'<div class="heads"><span class="at">seconds</span><span class="ln">{heads}</span>'
        f'<span class="what">message</span></div>{rows}</div>'
    )


def _told(record: Record) -> list[Spoken]:
    """The messages with edits of plans in between, said to the manager whose plan it is."""
    told, at_it, heard = list[Spoken](), dict[str, str](), set[tuple[str, str, int]]()
    edits = [
        Spoken(
            each.seq, each.at, EDIT_LEFT_OUT if each.left_out else PLAN_EDIT, each.person, "", each.of, 0,
            {**each.edit, "said": each.words()}, again=bool(each.before), by_person=True,
        )
        for each in record.edits
    ]  # fmt: skip
    for spoken in sorted([*record.messages, *edits], key=lambda each: each.seq):
        if spoken.kind in ("assign", "redo"):
            at_it[spoken.task] = spoken.recipient
        elif not spoken.recipient:
            spoken = replace(spoken, recipient=at_it.get(spoken.task, "manager"))
        elif spoken.kind == "reopen":
            what = (spoken.task, text(spoken.body.get("upstream")), whole(spoken.body.get("generation")))
            spoken = replace(spoken, again=bool(what[1]) and what in heard)
            heard.add(what)
        told.append(spoken)
    return told


def _chosen(messages: Sequence[Spoken]) -> tuple[list[Spoken], int]:
    """The messages to be shown, and how many are not."""
    if len(messages) <= MOST_MESSAGES:
        return list(messages), 0
    telling = [spoken for spoken in messages if not _routine(spoken)]
    if len(telling) > MOST_MESSAGES:
        half = MOST_MESSAGES // 2
        telling = telling[:half] + telling[-half:]
    return telling, len(messages) - len(telling)


def _routine(spoken: Spoken) -> bool:
    """Whether a message says nothing that another does not: it goes on, or a copy to another party."""
    copied = spoken.kind in ("confirm", "cancel") and spoken.recipient.startswith("verifier")
    return spoken.kind in ROUTINE or spoken.again or copied


def _row(spoken: Spoken, lanes: Lanes, began: float, titles: dict[str, str]) -> str:
    start = lanes.places.get(spoken.sender, 0)
    end = lanes.places.get(spoken.recipient, start)
    left, way = min(start, end), "to" if end > start else "back" if end < start else "self"
    good = spoken.kind == "confirm" or (spoken.kind == "verdict" and not spoken.wrong)
    bad = spoken.kind in WRONG or (spoken.kind == "verdict" and not good)
    kind = " ".join(
        filter(None, ("m", "good" if good else "bad" if bad else "", "routine" if _routine(spoken) else ""))
    )
    told = gist(spoken)
    again = ' <span class="tag">again</span>' if spoken.again else ""
    name = clean(one_line(spoken.task, 40))
    summary = (
        f'<span class="at">{max(0.0, spoken.at - began):.1f}</span>'
        f'<span class="ln"><i class="{way}" style="--a:{left};--s:{abs(end - start)}"></i></span>'
        f'<span class="what"><b>{clean(spoken.kind.replace("_", " "))}</b>{again} '
        f'<span class="task" title="{clean(titles.get(spoken.task, ""))}">{name}'
        f"{f' · attempt {spoken.attempt}' if spoken.attempt > 1 else ''}</span> "
        f'<span class="dim">{clean(told)}</span></span>'
    )
    head = f'<p class="dim">{clean(spoken.sender)} → {clean(spoken.recipient)}, row {spoken.seq}</p>'
    return fold(summary, head + contents(spoken), kind)


def gist(spoken: Spoken) -> str:
    """A message in a few words."""
    body = spoken.body
    match spoken.kind:
        case "assign":
            plan = "; ".join(text(step) for step in listed(body.get("plan")))
            told = f"{text(body.get('task'))}{': ' if plan else ''}{plan}"
        case "redo":
            told = text(body.get("feedback"))
        case "report":
            told = f"says it is done, with {counted(len(listed(body.get('evidence'))), 'piece')} of evidence"
        case "verify":
            told = f"{counted(len(listed(table(body.get('spec')).get('criteria'))), 'check')} to make"
        case "verdict":
            told = _verdict(spoken)
        case "confirm":
            told = f"minted by the runtime for attempt {body.get('attempt')}"
        case "cancel" | "reopen":
            told = text(body.get("reason"))
        case "plan_edit" | "plan_edit_left_out":
            told = text(body.get("said"))
        case _:
            said = {name: value for name, value in body.items() if name not in ("kind", "now", "worker")}
            told = one_line({name: value for name, value in said.items() if value not in (None, "", [])})
    return one_line(told, 220)


def _verdict(spoken: Spoken) -> str:
    findings = listed(spoken.body.get("findings"))
    passed = sum(table(each).get("outcome") == "pass" for each in findings)
    return "; ".join([f"{passed} of {counted(len(findings), 'check')} passed", *told_of(spoken)])


def contents(spoken: Spoken) -> str:
    """All that a message carries, by its type; what another message shows already is not repeated."""
    body = spoken.body
    match spoken.kind:
        case "assign" | "redo":
            rest: dict[str, JsonValue] = {
                name: body.get(name) for name in ("task", "feedback", "context") if body.get(name)
            }
            steps = listing(text(step) for step in listed(body.get("plan")))
            return facts(rest) + (f"<h5>plan</h5>{steps}" if steps else "") + _criteria(body)
        case "report":
            return f"<h5>result</h5>{block(body.get('result'))}{evidence_list(body)}"
        case "verify":
            return _criteria(body) + paragraph("Result and evidence as reported.", "dim")
        case "verdict" | "confirm":
            verdict = table(body.get("verdict")) if spoken.kind == "confirm" else body
            hashes: dict[str, JsonValue] = {
                name: body.get(name) for name in ("spec_hash", "artifact_hash", "waived")
            }
            return facts(hashes) + findings(verdict, {})
        case "cancel":
            return facts({"ended as": ended_as(body), "reason": body.get("reason")})
        case _:
            return facts({name: value for name, value in body.items() if name not in ("kind", "said")})


def _criteria(body: dict[str, JsonValue]) -> str:
    rows = criteria_lines(listed(table(body.get("spec")).get("criteria")))
    return f"<h5>criteria</h5>{listing(rows)}" if rows else ""


def criteria_lines(criteria: Iterable[JsonValue]) -> list[str]:
    """What is asked, a line for each criterion with the way in which it is checked."""
    return [
        f"{text(each.get('name'))} ({text(each.get('type')).replace('_', ' ')}"
        f"{'' if each.get('required', True) else ', optional'})"
        for each in map(table, criteria)
    ]


def evidence_list(body: dict[str, JsonValue]) -> str:
    """The evidence of a report, a line each."""
    rows = [
        f"{text(each.get('tool'))}: {text(each.get('summary')) or one_line(each.get('data'))}"
        for each in map(table, listed(body.get("evidence")))
    ]
    return f"<h5>evidence</h5>{listing(rows)}" if rows else ""


SIGNS = {"pass": "✓", "fail": "✗", "cannot_check": "?"}


def findings(
    verdict: dict[str, JsonValue], marks: dict[str, str], judged: frozenset[str] = frozenset()
) -> str:
    """A verdict: its anomalies with their quotes, then each finding with confidence and evidence.

    Args:
        marks: Anchors on the page by the id of what they stand for.
        judged: Criteria that a model judged; the others were checked by programs.
    """
    rows: list[str] = []
    for each in map(table, listed(verdict.get("anomalies"))):
        quote = f"<blockquote>{clean(text(each.get('quote')))}</blockquote>"
        rows.append(
            f'<div class="finding bad"><b>!</b> {clean(text(each.get("why")) or "an anomaly")}{quote}</div>'
        )
    for each in map(table, listed(verdict.get("findings"))):
        outcome, criterion = text(each.get("outcome")), text(each.get("criterion"))
        level = each.get("confidence")
        how = "by a judge" if criterion in judged else "by program" if judged or marks else ""
        summary = (
            f'<b>{SIGNS.get(outcome, "?")}</b> <span class="name">{clean(criterion)}</span> '
            f"{bar(float(level) if isinstance(level, int | float) else None)} "
            f'<span class="dim">{how}</span>{_why(each)}'
        )
        tone = {"pass": "good", "fail": "bad"}.get(outcome, "doubt")
        proofs = [_proof(text(item), marks) for item in listed(each.get("evidence"))]
        inner = f"<h5>rests on</h5><ul>{''.join(proofs)}</ul>" if proofs else ""
        rows.append(fold(summary, inner, f"finding {tone}"))
    return "".join(rows)


def _why(finding: dict[str, JsonValue]) -> str:
    why = text(finding.get("why"))
    return f'<div class="why">{clean(one_line(why, 400))}</div>' if why else ""


def _proof(item: str, marks: dict[str, str]) -> str:
    words = clean(one_line(item, 400))
    return f'<li><a href="#{marks[item]}">{words}</a></li>' if item in marks else f"<li><q>{words}</q></li>"

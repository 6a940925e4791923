"""The HTML report of a run: it tells what happened, nothing in it acts, and it says what it leaves out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from punchlist.agents.observability.attempts import MOST_TASKS
from punchlist.agents.observability.record import Record, read_run, record_of
from punchlist.agents.observability.report import page, report_of, save_report
from punchlist.agents.observability.swimlanes import MOST_MESSAGES, Lanes
from punchlist.agents.observability.values import listed, table
from punchlist.protocols.journal import Journal, Row, RunInfo
from punchlist.protocols.messages import (
    Accept,
    Assign,
    CriterionText,
    Envelope,
    Finding,
    Report,
    SpecText,
    Verdict,
)
from punchlist.tools.browser.locate import find_browser

from ..doubles import ORDER_GOAL, knowing

HOSTILE = (
    "<script>document.title='ran'</script>",
    '"><img src=x onerror="document.title=\'ran\'">',
    "' style='position:fixed' onclick='alert(1)' x='",
    "</pre></details></section><iframe src='http://example.invalid'></iframe>",
    "javascript:alert(1) &lt;b&gt; \x00\x1b[31m\ud800 \u202e txet",
    "<!-- <style> body { display: none } </style>",
    "w" * 9000,
)
PLACES = {"kind", "role", "status", "recovery", "outcome", "tool", "sender", "recipient", "id"}
ALLOWED = set(
    "html head meta title style body header nav section article div span p h1 h2 h3 h4 h5 details summary dl "
    "dt dd ol ul li pre b i br a q table thead tbody tr th td label input blockquote img".split()
)
ATTRIBUTES = set(
    "class id title style href lang charset name content http-equiv type open alt src width height".split()
)
VOID = {"meta", "br", "input", "img"}


class Reader(HTMLParser):
    """Reads a page as a browser would, and complains of whatever the report's own code does not make."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.words: list[str] = []
        self.opened: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.wrong += [f"<{tag}>"] if tag not in ALLOWED else []
        for name, value in attrs:
            known = name in ATTRIBUTES and not (name == "href" and not (value or "").startswith("#"))
            known = known and not (name == "src" and not (value or "").startswith("data:image/svg"))
            styled = name == "style" and not set(value or "") <= set(
                "-:;%.0123456789abcdefghijklmnopqrstuvwxyz"
            )
            self.wrong += [f"{tag} {name}={value!r}"] if not known or styled else []
        self.opened += [tag] if tag not in VOID else []

    def handle_endtag(self, tag: str) -> None:
        if not self.opened or self.opened.pop() != tag:
            self.wrong.append(f"unbalanced </{tag}>")

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"a comment: {data[:40]}")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(html: str) -> tuple[list[str], str]:
    """What is wrong with a page, and its words."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader.wrong + reader.opened, " ".join(" ".join(reader.words).split())


def spoiled(value: Any, name: str, salt: int) -> Any:
    """A body of which every text is hostile; with salt 0 also those that decide what a row means."""
    if fields := table(value):
        return {
            name: item if salt and name in PLACES else spoiled(item, name, salt)
            for name, item in fields.items()
        }
    if items := listed(value):
        return [spoiled(item, name, salt) for item in items]
    if not isinstance(value, str):
        return value
    place = int(hashlib.sha256(f"{name}{value}{salt}".encode("utf-8", "replace")).hexdigest(), 16)
    return HOSTILE[place % len(HOSTILE)] + (name if salt else "")


def rows_of(path: Path) -> tuple[RunInfo, list[Row]]:
    with Journal.open(path, readonly=True) as journal:
        [info] = journal.runs()
        return info, list(journal.rows(info.run))


@pytest.mark.parametrize("redos", [2, 0])
async def test_the_punch_list_made_from_the_journal_is_that_of_the_outcome(recorded: Any, redos: int) -> None:
    path, outcome = await recorded(redos=redos)

    with Journal.open(path, readonly=True) as journal:
        record = read_run(journal, journal.runs()[-1])

    assert record.punch_list() == list(outcome.punch_list) != []
    assert replace(record.cost, seconds=0) == replace(outcome.cost, seconds=0)
    assert record.status == type(outcome).__name__.lower()


async def test_the_page_tells_goal_messages_attempts_verdicts_calls_and_answers(recorded: Any) -> None:
    path, _ = await recorded()

    with Journal.open(path, readonly=True) as journal:
        made = report_of(journal, journal.runs()[-1])
    wrong, words = read(made.html)

    assert wrong == []
    assert ORDER_GOAL in words and "3 of 3 tasks confirmed" in words
    assert "1 : 2 x green mugs : the page shows 1" in words  # told to the second attempt
    assert "confirmed in attempt 2, by: open cart; set 2 x green mugs" in words
    assert "refused attempt 1" in words and "confirmed attempt 2" in words
    assert "by program" in words and "act click" in words
    assert "unsafe: made at most once: after a restart a person looks" in words
    assert words.count("redo") >= 1 and "minted by the runtime for attempt 2" in words


@pytest.mark.parametrize("salt", range(4))
async def test_whatever_stands_in_a_journal_nothing_of_it_becomes_markup(recorded: Any, salt: int) -> None:
    """With salt 0 even the kinds of messages are hostile; else the texts around them."""
    path, _ = await recorded()
    info, rows = rows_of(path)
    alarm: JsonValue = {"kind": HOSTILE[0], "advice": HOSTILE[1], "evidence": [HOSTILE[2]], "times": 2}
    key = HOSTILE[1]
    call: JsonValue = {"tool": HOSTILE[0], "args": {HOSTILE[3]: 1}, "recovery": HOSTILE[2]}
    found: JsonValue = {"criterion": "c", "outcome": "fail", "evidence": [key], "confidence": 0.5}
    said: JsonValue = {"id": "v", "body": {"kind": "verdict", "findings": [found]}}
    more = (("alarm", alarm), ("intent", call), ("envelope", said))
    bad = replace(
        info, goal=HOSTILE[0], status=HOSTILE[1] if not salt else info.status, settings={"x": HOSTILE[3]}
    )
    told = [
        replace(
            row, task=f"{row.task}{HOSTILE[1]}" if row.task else "", body=spoiled(row.body, row.kind, salt)
        )
        for row in rows
    ]
    last = told[-1]
    told += [replace(last, seq=last.seq + 1, kind=kind, key=key, body=body) for kind, body in more]

    html = page(record_of(bad, told), source=HOSTILE[2]).html

    assert read(html)[0] == []
    assert "script-src" not in html and "default-src 'none'" in html


async def test_pruned_rows_and_those_of_other_versions_leave_gaps_and_no_error(recorded: Any) -> None:
    path, _ = await recorded()
    info, rows = rows_of(path)
    odd: tuple[Any, ...] = (
        {"pruned": True},
        None,
        3,
        [],
        "text",
        {"body": {"kind": "novel", "x": [1]}, "kind": 5},
    )

    for number, body in enumerate(odd):
        told = [replace(row, body=body) if row.seq % 2 else row for row in rows]
        told.append(replace(rows[-1], kind="a kind of a later version", body=body))
        made = page(record_of(info, told))

        assert read(made.html)[0] == [], number
        assert any("a kind of a later version 1" in each for each in made.left_out)


async def test_a_run_that_is_being_written_is_read_and_left_as_it_is(recorded: Any, tmp_path: Path) -> None:
    path, _ = await recorded()

    with Journal.open(path) as writing:
        writing.append("decision", {"role": "late", "answer": "yes"}, run=writing.runs()[0].run)
        before = path.read_bytes()
        (tmp_path / "a.html").write_text("what was there before, for all to read")
        save_report(path, tmp_path / "a.html", status="running")

        assert path.read_bytes() == before
    html = (tmp_path / "a.html").read_text()
    assert "It was still going on when this was made" in html and "late" in html
    assert (tmp_path / "a.html").stat().st_mode & 0o777 == 0o600


def many(tasks: int) -> Iterator[Row]:
    """Rows of a run of so many tasks, each with an order, an accept, an answer and ten calls."""
    spec = SpecText(criteria=(CriterionText(name="it is done", type="check", text=""),), hash="h")
    seq = 0
    for number in range(tasks):
        task = f"{number}.use"
        bodies: list[tuple[str, str, Any]] = [
            (
                "envelope",
                "",
                envelope(task, number, Assign(task=f"task {number}", spec=spec), "manager", "w"),
            ),
            ("envelope", "", envelope(task, number, Accept(), "w", "manager")),
            ("decision", "", {"role": "use", "answer": "stock mug", "prompt_tokens": 100, "tokens": 9}),
        ]
        for call in range(10):
            key = f"r/{task}/1/{call}"
            bodies.append(
                ("intent", key, {"tool": "stock", "args": {"item": "mug " * 60}, "recovery": "pure"})
            )
            bodies.append(("outcome", key, {"status": "ok", "result": {"ok": True, "value": "14 " * 400}}))
        for kind, key, body in bodies:
            seq += 1
            yield Row(seq, "r", task, 1, kind, key, float(seq), body)


def envelope(task: str, number: int, body: Any, sender: str, recipient: str) -> dict[str, Any]:
    return Envelope(
        id=f"{task}{body.kind}",
        run="r",
        task=f"r.{task}",
        attempt=1,
        sender=sender,
        recipient=recipient,
        sent_at=float(number),
        body=body,
    ).model_dump(mode="json")


def test_a_run_of_ten_thousand_rows_and_more_makes_a_page_that_says_what_it_leaves_out() -> None:
    rows = list(many(1000))
    info = RunInfo("r", "a great deal", {}, "running", 0.0, 0.0)

    made = page(record_of(info, rows))

    told = " | ".join(made.left_out)
    assert len(rows) > 10_000 and len(made.html) < 6_000_000
    assert f"{2000 - MOST_MESSAGES:,} of 2,000 messages" in told
    assert f"{1000 - MOST_TASKS:,} of 1,000 tasks" in told and "what was done within" in told
    assert all(sentence in read(made.html)[1] for sentence in made.left_out)


def test_many_workers_share_the_last_lane() -> None:
    record = Record(RunInfo("r", "g", {}, "running", 0.0, 0.0), "running")
    spec = SpecText(criteria=(CriterionText(name="c", type="check", text=""),), hash="h")
    for number in range(30):
        body = envelope("1.use", 1, Assign(task="t", spec=spec), "manager", f"w{number:02d}")
        record.take(Row(number + 1, "r", "1.use", 1, "envelope", "", 1.0, body))

    lanes = Lanes.of(record.messages)

    assert lanes.names == ("manager", "w00", "w01", "w02", "w03", "w04", "w05", "24 more workers")
    assert lanes.places["w29"] == 7


def test_a_person_and_a_lost_worker_stand_in_the_timeline() -> None:
    act: JsonValue = {
        "kind": "person",
        "person": "ada",
        "now": 1.0,
        "act": {"kind": "take_over", "reason": "my turn"},
    }
    lost: JsonValue = {"kind": "worker_lost", "now": 2.0, "worker": "w"}
    tick: JsonValue = {"kind": "tick", "now": 3.0}
    rows = [
        Row(n, "r", "1.use", 1, "event", "", float(n), {"event": e})
        for n, e in enumerate((act, lost, tick), 1)
    ]

    record = record_of(RunInfo("r", "g", {}, "paused", 0.0, 0.0), rows)
    words = read(page(record).html)[1]

    assert Lanes.of(record.messages).names == ("ada", "manager", "w")
    assert "take over" in words and "my turn" in words and "worker lost" in words
    assert len(record.messages) == 2


def test_who_let_a_call_through_stands_in_the_timeline() -> None:
    asked: JsonValue = {"subject": "approve", "task": "1.use", "text": "May send be called?"}
    other: JsonValue = {"subject": "answer", "task": "1.use", "text": "Which?"}
    said: JsonValue = {"value": True, "person": "ada"}
    rows = [
        Row(1, "r", "1.use", 0, "request", "a", 1.0, asked),
        Row(2, "r", "", 0, "reply", "a", 2.0, said),
        Row(3, "r", "1.use", 0, "request", "b", 3.0, other),
    ]

    record = record_of(RunInfo("r", "g", {}, "paused", 0.0, 0.0), rows)
    words = read(page(record).html)[1]

    assert "May send be called?" in words and "ada" in Lanes.of(record.messages).names
    assert [(each.kind, each.by_person) for each in record.messages] == [("may it", False), ("yes", True)]


@pytest.mark.parametrize(("required", "outcome"), [(True, "refused"), (False, "reported")])
def test_a_check_that_need_not_pass_refuses_nothing(required: bool, outcome: str) -> None:
    criteria = (
        CriterionText(name="must", type="check", text=""),
        CriterionText(name="nice", type="judge", text="", required=required),
    )
    findings = (
        Finding(criterion="must", outcome="pass"),
        Finding(criterion="nice", outcome="fail", why="plain"),
    )
    bodies = (
        envelope("1.use", 1, Assign(task="t", spec=SpecText(criteria=criteria, hash="h")), "manager", "w"),
        envelope("1.use", 2, Report(result=1), "w", "manager"),
        envelope("1.use", 3, Verdict(findings=findings), "verifier", "manager"),
    )

    record = record_of(
        RunInfo("r", "g", {}, "running", 0.0, 0.0),
        [Row(n, "r", "1.use", 1, "envelope", "", float(n), body) for n, body in enumerate(bodies)],
    )

    [attempt] = record.tasks["1.use"].attempts.values()
    assert attempt.outcome == outcome
    assert [item.criterion for item in record.punch_list()] == (["nice"] if required else [])


@pytest.mark.browser
async def test_in_a_browser_nothing_runs_everything_opens_and_a_phone_is_wide_enough(
    recorded: Any, tmp_path: Path
) -> None:
    from playwright.async_api import async_playwright

    path, _ = await recorded()
    info, rows = rows_of(path)
    told = [replace(row, body=spoiled(row.body, row.kind, 1)) for row in rows]
    html = page(record_of(replace(info, goal=HOSTILE[0]), told)).html
    (tmp_path / "a.html").write_text(html, encoding="utf-8")

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(find_browser()), args=["--no-sandbox"])
        shown = await browser.new_page(viewport={"width": 360, "height": 740})
        said: list[str] = []
        shown.on("console", lambda message: said.append(message.text))
        shown.on("dialog", lambda dialog: said.append(dialog.message))
        shown.on("request", lambda asked: said.append(asked.url))
        await shown.goto((tmp_path / "a.html").as_uri())
        await shown.locator(".m summary").first.click()
        await shown.locator(".d summary").first.click()
        over = await shown.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        opened = await shown.locator("details[open]").count()
        title = await shown.title()
        await browser.close()

    assert said == [(tmp_path / "a.html").as_uri()]
    assert (over, opened) == (0, 2) and title.startswith("<script>")


async def test_a_goal_that_was_not_understood_makes_a_page_too(
    manager: Any, watch: Any, shop: Any, tmp_path: Path
) -> None:
    await watch(manager(knowing("end"), [shop]), "Sing.")

    save_report(tmp_path / "run.db", tmp_path / "a.html")

    wrong, words = read((tmp_path / "a.html").read_text())
    assert wrong == [] and "Sing." in words and "plan" in words


def test_a_run_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "run.db") as journal:
        journal.begin("r", "g")

    with pytest.raises(LookupError, match="holds no run 'other'"):
        save_report(tmp_path / "run.db", tmp_path / "a.html", "other")

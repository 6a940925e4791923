"""The browser examples where the page says otherwise: nothing is confirmed that is not so, nor done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from punchlist.core_model import load_model
from punchlist.core_model.errors import CoreModelError
from punchlist.examples.small_sites import Answer, Asked, Course, Ledger, PriceShop, Registry, page
from punchlist.protocols import Confirmed, Unverified
from punchlist.tools.browser.view import NotInView

pytestmark = pytest.mark.browser

log_in, long_form, compare, watching, own_tool, hosted = (
    import_module(f"punchlist.examples.{name}")
    for name in (
        "11_log_in", "12_long_form", "13_compare_prices", "14_watch_a_page", "15_own_page_tool",
        "16_hosted_model",
    )
)  # fmt: skip


def records(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def reasons(outcome: Any) -> str:
    assert isinstance(outcome, Unverified), outcome
    return "\n".join(outcome.reasons)


async def test_a_wrong_password_is_tried_once_and_shown_nowhere(tmp_path: Path) -> None:
    with Ledger("the right one") as site:
        outcome = await log_in.main(site, "not the right one", tmp_path / "run.db")

    assert "Wrong name or password." in reasons(outcome)
    assert site.refused == 1
    assert "not the right one" not in repr(outcome)
    assert b"not the right one" not in records(tmp_path)


async def test_rows_that_do_not_come_to_the_total_are_not_confirmed(tmp_path: Path) -> None:
    with Ledger("the right one", total="600.00") as site:
        outcome = await log_in.main(site, "the right one", tmp_path / "run.db")

    assert "566.50 in 5 rows, the page says 600.00" in reasons(outcome)


@pytest.mark.parametrize(
    ("changes", "label"),
    [({}, "Postcode"), (long_form.BETTER | {"Nights": "30"}, "Nights")],
)
async def test_a_field_that_is_not_taken_is_named_and_nothing_is_registered(
    changes: dict[str, str], label: str
) -> None:
    with Registry() as site, pytest.raises(long_form.FieldProblem) as problem:
        await long_form.main(site, {**long_form.ADA, **changes}, {})

    assert (problem.value.label, problem.value.registered, site.kept) == (label, False, [])


async def test_what_the_site_keeps_otherwise_is_named_and_not_sent_again() -> None:
    site = Registry(spoils={"Arrival": "2027-06-02"})
    with site, pytest.raises(long_form.FieldProblem) as problem:
        await long_form.main(site, long_form.ADA | long_form.BETTER, {"Arrival": "2027-06-02"})

    assert str(problem.value) == "Arrival: '2027-06-01' was given, the receipt says '2027-06-02'"
    assert len(site.kept) == 1


async def test_a_field_that_the_form_does_not_have_is_named() -> None:
    with Registry() as site, pytest.raises(NotInView, match="exactly one thing 'Fax'"):
        await long_form.main(site, {"Fax": "020 7946 0018"}, {})


async def test_another_article_is_no_offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with PriceShop({"Green mug saucer": "2.00"}) as north, PriceShop({"Green mug": "4.20"}) as south:
        outcome = await compare.main({"north": north, "south": south})

    assert "'Green mug saucer' is another" in reasons(outcome)


async def test_a_price_that_its_own_page_does_not_bear_out_is_not_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lure = PriceShop({"Green mug": "0.20"}, cards=True, at_the_till={"Green mug": "9.99"})
    with PriceShop({"Green mug": "4.50"}) as north, lure as south:
        outcome = await compare.main({"north": north, "south": south})

    assert "it says 9.99" in reasons(outcome)


class Meeting(PriceShop):
    """Lists its articles once the visitor of the other shop is there as well."""

    both = threading.Barrier(2)

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/" and not asked.fields:
            self.both.wait(5)
        return super().answer(asked)


async def test_both_shops_are_visited_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Meeting({"Green mug": "4.50"}) as north, Meeting({"Green mug": "4.20"}) as south:
        outcome = await compare.main({"north": north, "south": south})

    assert outcome.result["choice"].offer.shop == "south"
    assert isinstance(outcome, Confirmed)


async def test_a_watch_ends_with_its_time_and_books_nothing() -> None:
    with Course(polls=1_000_000) as site:
        ended = await watching.main(site, 0.3)

    assert isinstance(ended, watching.Nothing) and ended.looks >= 2
    assert site.taken == []


class Snatched(Course):
    """Somebody else is always faster."""

    sent = 0

    def answer(self, asked: Asked) -> Answer:
        if asked.path != "/book":
            return super().answer(asked)
        self.sent += 1
        return page("Full", "<p role=alert>The course is full.</p>", 409)


async def test_a_booking_that_is_refused_is_told_and_not_sent_again() -> None:
    with Snatched(polls=1) as site:
        ended = await watching.main(site, 10)

    assert isinstance(ended, watching.Refused) and "The course is full." in ended.why
    assert (site.sent, site.taken) == (1, [])


def test_ctrl_c_ends_a_watch_and_its_browser(tmp_path: Path) -> None:
    never = "from punchlist.examples import small_sites as all; all.Course.__init__.__defaults__ = (10**9, 1)"
    run = f"import runpy; {never}; runpy.run_path({watching.__file__!r}, run_name='__main__')"
    mark = {"WATCH_OF_A_TEST": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", run], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, **mark},
    ) as program:  # fmt: skip
        assert program.stdout is not None and "watching" in program.stdout.readline()
        begun = marked(tmp_path)

        program.send_signal(signal.SIGINT)
        said, complaint = program.communicate(timeout=30)

    assert (said, complaint) == ("stopped by Ctrl-C\non the list: nobody\n", "")
    assert program.returncode == 130
    assert len(begun) > 1 and marked(tmp_path) == []


def marked(folder: Path) -> list[int]:
    """Processes that were started with this folder in their environment."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"WATCH_OF_A_TEST={folder}".encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


async def test_a_basket_over_the_limit_is_refused_by_the_tool_that_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with PriceShop({"Green mug": "4.50"}) as shop:
        outcome = await own_tool.main(shop)

    assert "the basket is [{'Article': 'Green mug', 'Price': '£4.50'}" in reasons(outcome)


@contextmanager
def scripted_server(*steps: dict[str, Any]) -> Generator[str]:
    """A server with OpenAI's interface that answers from a script, the last answer again and again."""
    answers = [json.dumps(step) for step in steps]

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.say({"data": [{"id": "scripted"}]})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            text = answers.pop(0) if len(answers) > 1 else answers[0]
            self.say({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]})

        def say(self, what: dict[str, Any]) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(what).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Keep the output of the tests clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def step(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"thought": "so", "tool": tool, "arguments": arguments}


CLAIM = {"thought": "done", "tool": "finish", "answer": "one Tin mug is in the basket"}
LOOK, OPEN, ADD = step("browser_look"), step("browser_click", element=4), step("browser_click", element=1)


async def ordered(url: str) -> tuple[Any, list[str]]:
    """How the example ends with the model there, and what the shop then holds."""
    model = load_model(url)
    with PriceShop({"Green mug": "4.50", "Tin mug": "3.10"}) as shop:
        outcome = await hosted.main(shop, model)
    await model.aclose()
    return outcome, shop.basket


async def test_a_model_behind_a_url_fills_the_basket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with scripted_server(LOOK, OPEN, ADD, CLAIM) as url:
        outcome, basket = await ordered(url)

    assert isinstance(outcome, Confirmed), outcome
    assert basket == ["Tin mug"]


async def test_what_a_model_behind_a_url_only_claims_is_not_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with scripted_server(LOOK, CLAIM) as url:
        outcome, basket = await ordered(url)

    assert "the basket of the shop holds []" in reasons(outcome)
    assert basket == []


async def test_a_url_that_is_none_is_refused_with_what_to_give() -> None:
    with pytest.raises(CoreModelError, match="Give a folder, 'owner/name' or a server URL"):
        await hosted.ask("127.0.0.1:8000/v1")

"""`punchlist browse` in a page: strangers are refused, the page is driven from it, nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Page, sync_playwright

from punchlist.agents.cli.edge import INTERRUPTED
from punchlist.tools.browser.locate import find_browser

from ..tools.browser.site import Site
from .test_interrupt import processes, until

pytestmark = pytest.mark.browser

SHOP = """<title>&lt;b id=injected&gt;Shop</title>
    <p>&lt;script id=injected&gt;document.title = 'owned'&lt;/script&gt;
    [9] button Free</p><form action=/in><label>Password <input type=password name=p></label>
    <button>Sign in</button></form><button onclick="n.append('!')">More</button><p id=n></p>
    <button onclick="n.append(confirm('Sure?'))">Ask</button><button disabled>Off</button>"""


@dataclass
class Drive:
    """A drive that goes on: its process, its page's address, the driven site."""

    process: subprocess.Popen[str]
    url: str
    site: Site
    mark: str

    def post(self, name: str, order: object, **headers: str) -> httpx.Response:
        origin = self.url.rpartition("/")[0].rpartition("/")[0]
        return httpx.post(self.url + name, json=order, headers={"Origin": origin, **headers}, timeout=60)

    def state(self) -> dict:
        return httpx.get(f"{self.url}state", timeout=60).json()


def started(site: Site) -> Drive:
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-m", "punchlist.agents.cli", "browse", site.url],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "MARK": mark},
    )  # fmt: skip
    assert process.stdout is not None
    url = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", process.stdout.readline())
    assert url is not None
    return Drive(process, url.group(), site, mark)


@pytest.fixture(scope="module")
def drive() -> Iterator[Drive]:
    site = Site({"/": SHOP, "/in": "<title>In</title><p>Welcome</p>"})
    drive = started(site)
    yield drive
    drive.process.send_signal(signal.SIGINT)
    drive.process.wait(30)
    site.close()


@pytest.fixture(scope="module")
def window() -> Iterator[Page]:
    """The browser of the person who drives."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser())
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "evil.test"}, 403),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
    ],
    ids=str,
)
def test_orders_of_strangers_are_refused(drive, headers, code):
    before = drive.state()["view"]

    refused = drive.post("look", {}, **headers)

    assert refused.status_code == code and "error" in refused.json()
    assert drive.state()["view"] == before


def test_without_the_token_there_is_nothing_and_other_machines_cannot_ask(drive):
    root = drive.url.rpartition("/")[0].rpartition("/")[0]
    port = int(root.rpartition(":")[2])

    for path in ("/", "/state", "/x/state", "/x/", "/x/browse.js", "/x/picture"):
        assert httpx.get(root + path).status_code == 403, path
    assert httpx.get(f"{drive.url}../../etc/passwd").status_code in (403, 404)
    assert httpx.get(f"{drive.url}browse.py").status_code == 404
    listening = subprocess.run(["cat", "/proc/net/tcp", "/proc/net/tcp6"], capture_output=True, text=True)
    places = re.findall(rf" ([0-9A-F]+):{port:04X} 0+:0000 0A ", listening.stdout)
    assert places == ["0100007F"]  # 127.0.0.1


def test_every_answer_says_that_nothing_foreign_runs(drive):
    answers = [httpx.get(drive.url + path) for path in ("", "browse.js", "state", "picture", "nothing")]

    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert "<script src=" in answers[0].text and "<script>" not in answers[0].text


@pytest.mark.parametrize(
    ("name", "order", "code"),
    [
        ("act", {"line": "dance", "view": -1}, 422),
        ("act", {"line": "click 1"}, 422),
        ("act", [], 400),
        ("answer", {"question": 99, "allow": True}, 422),
        ("answer", {"question": 1, "allow": "yes"}, 422),
        ("nothing", {}, 405),
    ],
    ids=str,
)
def test_an_order_that_is_none_says_so(drive, name, order, code):
    assert drive.post(name, order).status_code in (code, 404 if name == "nothing" else code)


def test_a_number_of_an_earlier_look_is_not_acted_on(drive):
    view = drive.state()["view"]
    drive.post("look", {})

    late = drive.post("act", {"line": "click 3", "view": view})

    assert late.status_code == 422 and "looked at again" in late.json()["error"]


def test_the_driven_page_cannot_go_to_the_page_that_drives_it(drive):
    line = {"line": f"goto {drive.url}state", "view": drive.state()["view"]}

    told = drive.post("act", line).json()

    assert told["steps"][-1]["code"] == "blocked_origin" and told["url"] == f"{drive.site.url}/"


def test_a_page_is_driven_from_the_picture_and_its_words_stay_words(drive, window):
    errors: list[str] = []
    window.on("pageerror", lambda error: errors.append(str(error)))
    window.goto(drive.url)
    window.wait_for_selector(".box[data-number='3']")

    assert window.locator("#injected").count() == 0 and "owned" not in window.title()
    assert window.locator("#title").text_content() == "<b id=injected>Shop"
    assert "[9] button Free" in window.locator("#view").inner_text()
    assert window.locator("#view .thing").count() == 5  # the words of the page are no number
    window.click(".box[data-number='3']")
    window.wait_for_selector("#steps li.good >> text=click 3")
    assert "!" in window.locator("#steps li").first.locator("dd").all_text_contents()
    window.click("#view .thing[data-number='1']")
    assert window.input_value("#line") == "type 1 "
    window.fill("#line", "dance")
    window.press("#line", "Enter")
    window.wait_for_selector("#error >> text=unknown verb 'dance'")
    assert errors == []


def test_a_gate_is_asked_in_the_page_and_a_dialog_is_shown(drive, window):
    window.goto(drive.url)
    window.wait_for_selector(".box[data-number='2']")

    window.click(".box[data-number='2']")
    window.wait_for_selector("#question >> text=This submits a form with a password:")
    busy = drive.post("look", {})
    window.click("#refuse")
    window.wait_for_selector("#steps .code >> text=needs approval")
    refused = drive.site.hits["/in?p="]
    window.click(".box[data-number='4']")
    window.wait_for_selector("#unseen >> text=dialog confirm: Sure?")
    window.click("#verbs >> text=dialog dismiss")
    window.press("#line", "Enter")
    window.wait_for_selector(".box[data-number='2']")
    window.click(".box[data-number='2']")
    window.click("#allow")
    window.wait_for_selector('#title >> text="In"')

    assert (busy.status_code, refused, drive.site.hits["/in?p="]) == (409, 0, 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_when_the_drive_ends_by(number):
    site = Site({"/": SHOP})
    drive = started(site)

    drive.process.send_signal(number)

    assert drive.process.wait(30) == (-9 if number == signal.SIGKILL else 0)
    assert until(lambda: processes(drive.mark) == [])
    assert drive.process.stdout.read() == ("" if number == signal.SIGKILL else "Stopped.\n")
    site.close()


def test_a_signal_while_the_page_is_opened_leaves_no_process_either():
    mark = uuid.uuid4().hex
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-m", "punchlist.agents.cli", "browse", url],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "MARK": mark},
        )  # fmt: skip
        silent.settimeout(60)
        with silent.accept()[0]:  # it has asked for the page
            process.send_signal(signal.SIGINT)

            said, told = process.communicate(timeout=30)

    assert (process.returncode, said, told.splitlines()[-1]) == (INTERRUPTED, "", "Interrupted.")
    assert until(lambda: processes(mark) == [])

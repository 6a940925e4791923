"""The fence holds on every way out, sites that fail are typed, and no browser is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from punchlist.tools.browser.browser import Browser
from punchlist.tools.browser.fence import Fence, Origin, origin_of
from punchlist.tools.browser.origins import may_reach
from punchlist.tools.errors import BrowserCrashed, BrowserMissing, OriginBlocked, SiteUnreachable

from .site import Site, redirect

pytestmark = [pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def forbidden() -> Iterator[Site]:
    """A site that is up and must never be reached."""
    site = Site({"/": "<title>Forbidden</title>", "/x.png": "x"})
    yield site
    site.close()


REFUSED = "<p id=p></p><script>const refused = () => p.append('refused')</script>"
ESCAPES = {
    "a link": "<a id=go href='{0}/'>go</a>",
    "a redirect": "<a id=go href='/redirect'>go</a>",
    "a form": "<form action='{0}/' method=post><button id=go>go</button></form>",
    "a script that sets the location": "<button id=go onclick=\"location.href='{0}/'\">go</button>",
    "a new tab": "<a id=go target=_blank href='{0}/'>go</a>",
    "fetch": "<button id=go onclick=\"fetch('{0}/', {{mode: 'no-cors'}}).catch(refused)\">go</button>",
    "fetch through a redirect": "<button id=go onclick=\"fetch('/redirect').catch(refused)\">go</button>",
    "a beacon": "<button id=go onclick=\"navigator.sendBeacon('{0}/','x')\">go</button>",
    "a websocket": "<button id=go onclick=\"new WebSocket('{1}/').onerror=refused\">go</button>",
    "an image": "<button id=go onclick=\"new Image().src='{0}/x.png'\">go</button>",
    "a frame": "<button id=go onclick=\"p.innerHTML='<iframe src={0}/></iframe>'\">go</button>",
    "a stylesheet": "<button id=go onclick=\"p.innerHTML='<link rel=stylesheet href={0}/x>'\">go</button>",
    "the other name of the same host": "<a id=go href='{2}/'>go</a>",
}


@pytest.mark.browser
@pytest.mark.parametrize("way", ESCAPES)
async def test_nothing_leaves_through(way, show, site, browser, forbidden):
    port = forbidden.url.rpartition(":")[2]
    site.pages["/redirect"] = redirect(forbidden.url + "/")
    urls = (forbidden.url, f"ws://127.0.0.1:{port}", f"http://localhost:{port}")
    visit = await show("<title>T</title>" + ESCAPES[way].format(*urls) + REFUSED)
    before = len(browser.blocked)

    result = await visit.do("click", "go")
    text = await visit.look()

    assert sum(forbidden.hits.values()) == 0
    assert len(browser.blocked) > before
    assert browser.blocked[-1].origin.port == int(port)
    if way in ("a link", "a redirect", "a form", "a script that sets the location", "a new tab"):
        assert result.code == "blocked_origin"
    assert text.startswith("page /page: T")


@pytest.mark.browser
async def test_going_to_other_places_is_refused_before_anything_is_sent(show, forbidden):
    visit = await show("<title>T</title>")

    for url in (
        forbidden.url,
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,x",
        "chrome://version",
    ):
        result = await visit.session.goto(url)
        assert result.code == "blocked_origin", url
    assert sum(forbidden.hits.values()) == 0
    assert (await visit.look()).startswith("page /page: T")


@pytest.mark.browser
async def test_https_that_is_not_allowed_leaves_the_page_as_it_was(show):
    visit = await show("<title>T</title><a href=https://127.0.0.1:9/>Go</a>")

    assert (await visit.do("click", "Go")).code == "blocked_origin"
    assert (await visit.look()).startswith("page /page: T")


@pytest.mark.browser
async def test_a_websocket_to_an_allowed_site_is_tunnelled(show, site):
    """The server refuses the upgrade; that it was asked shows that the way is open."""
    before = site.hits["/socket"]
    url = site.url.replace("http", "ws") + "/socket"
    visit = await show(
        "<title>T</title><p id=p></p>"
        f"<button onclick=\"new WebSocket('{url}').onerror = () => p.append('asked')\">Go</button>"
    )

    assert (await visit.do("click", "Go")).ok
    assert site.hits["/socket"] == before + 1


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://shop.test/any/path", True),
        ("http://shop.test:80/", True),
        ("ws://shop.test/socket", True),
        ("http://SHOP.test./", True),
        ("about:blank", True),
        ("https://shop.test/", False),
        ("http://shop.test:8080/", False),
        ("http://shop.test.evil.test/", False),
        ("http://evil.test/@shop.test", False),
        ("http://shop.test@evil.test/", False),
        ("http://evil.test\\@shop.test/", False),
        ("file://shop.test/x", False),
        ("shop.test", False),
        ("http:shop.test", True),
        ("http:\\\\shop.test\\@evil.test", True),
        ("ht\ntp://shop.\ttest/", True),
        ("http://user:word@shop.test/", True),
        ("http://%73hop.test/", True),
        ("http://\uff53\uff48\uff4f\uff50\u3002test/", True),
        ("http://shop.test..", False),
        ("http://shop.test:0/", False),
        ("http://shop.test:080/", True),
        ("http://shop.test:99999/", False),
        ("http://sh\u00f6p.test/", False),
        ("http://shop.test%2eevil.test/", False),
        ("http://[::1]/", False),
        ("http://", False),
    ],
)
async def test_an_origin_is_exact(url, allowed):
    assert Fence(["http://shop.test/ignored"]).allows(url) is allowed


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:80/x", "http://127.1", "http://2130706433", "http://0x7f000001", "http://0177.0.0.1",
        "http://0x7F.1", "http://127.0.0.1.", "http://\u2460\u2461\u2466.0.0.1", "ws://127.0.0.1",
    ],
)  # fmt: skip
async def test_every_spelling_of_an_address_is_one_origin(url):
    assert origin_of(url) == Origin("http", "127.0.0.1", 80)


@pytest.mark.parametrize(
    "url", ["http://256.0.0.1", "http://1.2.3.4.5", "http://09.0.0.1", "http://[::1%25lo]"]
)
async def test_an_address_that_no_browser_takes_is_none(url):
    with pytest.raises(ValueError, match="not an http or https address"):
        origin_of(url)


async def test_an_international_name_is_the_one_that_a_browser_goes_to():
    assert origin_of("http://stra\u00dfe.test").host == "xn--strae-oqa.test"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "168.63.129.16",
        "192.0.0.192", "100.100.100.200", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::",
        "fe80::1%eth0", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "::127.0.0.1", "ff02::1",
    ],
)  # fmt: skip
async def test_a_name_leads_to_no_address_that_is_not_public_unless_it_is_listed(address):
    name, bare = origin_of("http://shop.test:8080"), address.partition("%")[0]
    listed = origin_of(f"http://[{bare}]:8080" if ":" in bare else f"http://{bare}:8080")
    elsewhere = Origin(listed.scheme, listed.host, 80)

    assert not may_reach(address, name, {name, elsewhere})
    assert may_reach(address, name, {name, listed}) and may_reach(address, listed, {listed})
    assert may_reach("8.8.8.8", name, {name}) and may_reach("2606:4700::1111", name, {name})


async def test_localhost_means_loopback_and_nothing_else():
    local = origin_of("http://localhost:8080")

    assert may_reach("127.0.0.1", local, {local}) and may_reach("::1", local, {local})
    assert not may_reach("10.0.0.1", local, {local})


async def test_a_connection_carries_one_answer_whatever_the_site_says_of_it():
    """A browser would send the next request, for any other site, on a connection that stays open."""
    asked = []

    async def serve(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        early = b"HTTP/1.1 103 Early\r\nLink: <http://evil.test>; rel=preconnect\r\n\r\n"
        head = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n"
        writer.write(early + head + b"Content-Length: 2\r\n\r\nhi")
        await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    fence = Fence([f"http://127.0.0.1:{port}"])
    proxy = int((await fence.start()).rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy)

    writer.write(f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.readuntil(b"hi"), 5)
    writer.close()
    await fence.close()
    server.close()

    assert answer == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
    assert b"Connection: close" in asked[0]


async def test_a_tunnel_leads_to_the_listed_port_only():
    fence = Fence(["https://shop.test"])
    proxy = int((await fence.start()).rpartition(":")[2])
    answers = []

    for target in ("shop.test:22", "127.0.0.1:443", "shop.test.evil.test:443", "SHOP.test.:8443"):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy)
        writer.write(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
        answers.append((await asyncio.wait_for(reader.readline(), 5)).split()[1])
        writer.close()
    await fence.close()

    assert answers == [b"403"] * 4
    assert [each.origin.port for each in fence.blocked] == [22, 443, 443, 8443]


async def test_an_empty_list_allows_nothing_and_a_bad_entry_is_an_error():
    assert not Fence().allows("http://127.0.0.1/")
    assert str(origin_of("https://a.test:8443/x")) == "https://a.test:8443"
    assert origin_of("http://[::1]:80/") == Origin("http", "::1", 80)
    with pytest.raises(ValueError, match="'shop' is not an http"):
        Browser(allow=["shop"])


@pytest.mark.browser
async def test_sites_that_are_down_or_drop_connections_are_unreachable(show, site, browser):
    gone = Site()
    gone.close()
    visit = await show("<title>T</title><a href=/drop>Drop</a>")

    dropped = await visit.do("click", "Drop")
    assert dropped.code == "unreachable" and "/drop does not answer" in dropped.message
    assert (await visit.look()).startswith("page /page: T")
    async with Browser(allow=[gone.url]) as other:
        with pytest.raises(SiteUnreachable):
            await other.open("lane", url=gone.url)
        with pytest.raises(OriginBlocked):
            await other.open("lane", url=site.url)


@pytest.mark.browser
async def test_a_killed_browser_is_crashed_and_a_new_session_works(site):
    site.pages["/page"] = "<title>T</title><button>B</button>"
    others = browsers_of(os.getpid())
    async with Browser(allow=[site.url]) as browser:
        session = await browser.open("lane", url=site.url + "/page")
        view = await session.view()
        for pid in set(browsers_of(os.getpid())) - set(others):
            os.kill(pid, signal.SIGKILL)

        results = [await session.goto("/page") for _ in range(2)]

        assert [result.code for result in results] == ["crashed", "crashed"]
        with pytest.raises(BrowserCrashed):
            await session.view()
        again = await browser.open("lane", url=site.url + "/page")
        assert (await again.view()) == view
    assert browsers_of(os.getpid()) == others


@pytest.mark.browser
async def test_a_page_that_hangs_is_a_timeout_and_does_not_hang_the_caller(show):
    visit = await show(
        '<title>T</title><button onclick="const t=Date.now();while(Date.now()-t<2200);">Hang</button>'
    )
    begun = monotonic()

    result = await visit.do("click", "Hang")

    assert result.code == "timeout" and monotonic() - begun < 8


@pytest.mark.browser
async def test_cancelling_in_the_middle_leaves_no_process(site):
    site.pages["/page"] = "<title>T</title>"

    async def browse() -> None:
        async with Browser(allow=[site.url]) as browser:
            session = await browser.open("lane", url=site.url + "/page")
            started.set()
            while True:
                await session.view()

    started = asyncio.Event()
    before = browsers_of(os.getpid())
    task = asyncio.create_task(browse())
    await asyncio.wait_for(started.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert browsers_of(os.getpid()) == before


PROGRAM = """
import asyncio, sys
from punchlist.tools.browser import Browser

async def main():
    browser = Browser(allow=[sys.argv[1]])
    session = await browser.open("lane", url=sys.argv[1])
    print("ready", flush=True)
    while sys.argv[2] == "wait":
        await session.view()

asyncio.run(main())
"""


TWO_LOOPS = """
import asyncio, sys
from punchlist.tools.browser import Browser

browser = Browser(allow=[sys.argv[1]])

async def browse():
    session = await browser.open("lane", url=sys.argv[1])
    return (await session.view()).title

async def close():
    print(await browse(), flush=True)
    await browser.close()
    sys.stdin.readline()

print(asyncio.run(browse()))
asyncio.run(close())
"""


@pytest.mark.browser
async def test_a_browser_left_open_in_a_loop_that_ended_is_replaced_and_leaves_no_process(site):
    site.pages["/page"] = "<title>Title</title>"
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TWO_LOOPS, site.url + "/page",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert program.stdout is not None

    said = [await asyncio.wait_for(program.stdout.readline(), 20) for _ in range(2)]
    gone = await all_gone(family(program.pid))
    await program.communicate(b"\n")

    assert (said, gone, program.returncode) == ([b"Title\n", b"Title\n"], True, 0)


@pytest.mark.browser
@pytest.mark.parametrize("end", ["SIGINT", "SIGTERM", "SIGKILL", "return"])
async def test_no_process_is_left_when_the_program_ends_by(end, site, tmp_path):
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(PROGRAM))
    mode = "once" if end == "return" else "wait"
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(script), site.url, mode, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert program.stdout is not None and await program.stdout.readline() == b"ready\n"
    children = family(program.pid)
    if end != "return":
        assert len(children) >= 2
        program.send_signal(getattr(signal, end))
    await asyncio.wait_for(program.wait(), 15)

    assert await all_gone(children)


async def test_without_a_browser_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PUNCHLIST_BROWSER", str(tmp_path / "none"))
    with pytest.raises(BrowserMissing, match=r"PUNCHLIST_BROWSER=.*apt-get install chromium-headless-shell"):
        await Browser().open("lane")

    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PUNCHLIST_BROWSER", str(broken))
    with pytest.raises(BrowserMissing, match="could be started"):
        await Browser().open("lane")


def stat(pid: int) -> tuple[int, str]:
    """Parent and state of a process; (0, "") when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0, ""
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), fields[0]


def family(root: int) -> list[int]:
    """Running descendants of a process, oldest first."""
    pids = sorted(int(path.name) for path in Path("/proc").glob("[0-9]*"))
    found = [root]
    for pid in pids:
        parent, state = stat(pid)
        if parent in found and state != "Z":
            found.append(pid)
    return found[1:]


def browsers_of(root: int) -> list[int]:
    """The main browser processes below `root`."""
    lines = {
        pid: Path(f"/proc/{pid}/cmdline").read_bytes()
        for pid in family(root)
        if Path(f"/proc/{pid}").exists()
    }
    return [pid for pid, line in lines.items() if b"--punchlist-browser=" in line and b"--type=" not in line]


async def all_gone(pids: list[int]) -> bool:
    """Whether all of them end within 5 seconds."""
    deadline = monotonic() + 5
    while monotonic() < deadline:
        if all(stat(pid)[1] in ("", "Z") for pid in pids):
            return True
        await asyncio.sleep(0.02)
    return False

"""Secrets: typed where they belong, refused elsewhere, and readable nowhere."""

from __future__ import annotations

import json
import pickle
import zlib

import pytest
import pytest_asyncio

from punchlist.tools.browser import Secret
from punchlist.tools.browser.actions import Action
from punchlist.tools.browser.browser import Browser
from punchlist.tools.browser.results import evidence
from punchlist.tools.browser.secrets import SecretRefused, SecretUnusable, Vault
from punchlist.tools.permissions import preset

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

PASSWORD = "tr0ub4dor & 3<x"
LOGIN = """<title>T</title><form action=/in><label>User <input name=user></label>
<label>Password <input type=password name=pw></label><button>Log in</button></form>
<div id=notes contenteditable>note</div>
<p id=p></p><script>onchange = event => p.textContent = 'You typed ' + event.target.value</script>"""


def asked() -> str:
    return PASSWORD


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def vault_browser(site):
    site.pages["/login"] = LOGIN
    site.pages["/in"] = lambda request: f"<title>In</title><p>at {request.path}</p><input value='{PASSWORD}'>"
    secrets = {
        "login_pw": Secret(site.url, env="VAULT_PW"),
        "elsewhere": Secret("https://bank.test", ask=asked),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAULT_PW", PASSWORD)
        browser = Browser([site.url], secrets=secrets, policy=preset("unattended"))
    async with browser:
        yield browser


@pytest.mark.browser
async def test_a_secret_reaches_the_site_and_no_record(vault_browser, site):
    session = await vault_browser.open("lane", url=site.url + "/login")
    view = await session.view()

    typed = await session.act(Action("type", 2, "secret:login_pw"))
    shown = await session.view()
    row = evidence(Action("type", 2, "secret:login_pw"), typed, view)
    whole = await session.act(Action("read"))
    sent = await session.act(Action("click", 3))
    after = await session.view()

    assert (typed.code, sent.code) == ("ok", "ok")
    assert any(path.startswith("/in?") and "pw=tr0ub4dor+%26+3%3Cx" in path for path in site.hits)
    told = [typed, shown, shown.text(), row, whole, sent, after, after.text(), session.url, vault_browser]
    told.append(await session.storage_state())
    assert not [item for item in told if "tr0ub4dor" in repr(item) or "tr0ub4dor" in str(item)]
    assert "You typed ••••••" in shown.text() and row["action"]["text"] == "secret:login_pw"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "target", "code", "why"),
    [
        ("elsewhere", 2, "secret_refused", "belongs to https://bank.test and is not typed at http://127"),
        ("nothing", 2, "secret_refused", "there is no secret 'nothing' in this run"),
        ("login_pw", 4, "not_editable", "a secret goes into a one-line field"),
    ],
)
async def test_a_secret_that_does_not_belong_here_is_refused_and_says_why(
    name, target, code, why, vault_browser, site
):
    session = await vault_browser.open("lane", url=site.url + "/login")
    await session.view()

    result = await session.act(Action("type", target, f"secret:{name}"))

    assert result.code == code and why in result.message
    assert "••••••" not in (await session.view()).text()


@pytest.mark.browser
async def test_a_page_that_moves_the_caret_gets_no_secret_elsewhere(vault_browser, site):
    site.pages["/thief"] = (
        "<title>T</title><label>Password <input type=password name=pw></label><input id=other name=other>"
        "<script>document.querySelector('input').onfocus = () => other.focus()</script>"
    )
    session = await vault_browser.open("lane", url=site.url + "/thief")
    await session.view()

    await session.act(Action("type", 1, "secret:login_pw"))

    assert (await session.view()).text().splitlines()[1:] == [
        "[1] password Password: ••••••",
        "[2] textbox other:",
    ]


@pytest.mark.browser
async def test_a_screenshot_is_painted_over_where_a_secret_can_be_read(vault_browser, site):
    site.pages["/shown"] = (
        "<title>T</title><style>*{margin:0;font-size:40px}</style>"
        f"<p>{PASSWORD.replace('<', '&lt;')}</p><p>plain</p><input value='{PASSWORD}'>"
    )
    session = await vault_browser.open("lane", url=site.url + "/shown")

    rows = pixels(await session.screenshot())

    assert set(rows[20][:50]) == {(0, 0, 0)}
    assert len(set(rows[70][:100])) > 2
    assert set(rows[115][20:50]) == {(0, 0, 0)}


async def test_a_vault_tells_its_values_to_nobody(monkeypatch):
    monkeypatch.setenv("LOGIN_PW", PASSWORD)
    vault = Vault(
        {"pw": Secret("http://shop.test", env="LOGIN_PW"), "key": Secret("http://shop.test", ask=asked)}
    )
    packed = pickle.dumps(vault)
    monkeypatch.setenv("LOGIN_PW", "another one")

    assert "tr0ub4dor" not in repr(vault) + str(vault.names) and b"tr0ub4dor" not in packed
    assert pickle.loads(packed).value("pw", "http://shop.test/x") == "another one"
    assert vault.value("pw", "http://shop.test/x") == PASSWORD
    with pytest.raises(
        SecretRefused, match=r"belongs to http://shop\.test and is not typed at http://evil\.test"
    ):
        vault.value("pw", "http://shop.test@evil.test/")


@pytest.mark.parametrize(
    "spelled",
    [
        PASSWORD,
        PASSWORD.upper(),
        "q=tr0ub4dor+%26+3%3Cx",
        "q=tr0ub4dor%20%26%203%3Cx",
        "q=tr0ub4dor%20%26%203%3cx",
        "tr0ub4dor &amp; 3&lt;x",
        "Basic dHIwdWI0ZG9yICYgMzx4",
        json.dumps({"pw": PASSWORD}),
    ],
)
async def test_a_value_is_masked_in_every_usual_spelling(spelled, monkeypatch):
    monkeypatch.setenv("LOGIN_PW", PASSWORD)
    vault = Vault({"pw": Secret("http://shop.test", env="LOGIN_PW")})

    masked = vault.mask(spelled)

    assert "••••••" in masked and "b4dor" not in masked.lower() and "ZG9y" not in masked


async def test_a_secret_that_cannot_be_used_is_an_error_that_says_why(monkeypatch):
    monkeypatch.delenv("LOGIN_PW", raising=False)
    monkeypatch.setenv("PIN", "123")

    with pytest.raises(SecretUnusable, match="variable 'LOGIN_PW' is not set"):
        Browser(secrets={"pw": Secret("http://shop.test", env="LOGIN_PW")})
    with pytest.raises(SecretUnusable, match="one line of at least 4 characters"):
        Vault({"pin": Secret("http://shop.test", env="PIN")})
    with pytest.raises(SecretUnusable, match="a name begins with a letter"):
        Vault({"my pin": Secret("http://shop.test", env="PIN")})
    with pytest.raises(ValueError, match="one source"):
        Secret("http://shop.test")
    with pytest.raises(ValueError, match="'shop' is not an http"):
        Secret("shop", env="PIN")


def pixels(png: bytes) -> list[list[tuple[int, ...]]]:
    """The RGB rows of an 8-bit PNG without interlacing."""
    width, height, kind = int.from_bytes(png[16:20]), int.from_bytes(png[20:24]), png[25]
    depth, at, data = {2: 3, 6: 4}[kind], 8, b""
    while at < len(png):
        size, name = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        data += png[at + 8 : at + 8 + size] if name == b"IDAT" else b""
        at += size + 12
    raw, stride = zlib.decompress(data), width * depth
    rows: list[bytearray] = [bytearray(stride)]
    for line in range(height):
        how, *found = raw[line * (stride + 1) : (line + 1) * (stride + 1)]
        row, above = bytearray(found), rows[-1]
        for x in range(stride):
            left = row[x - depth] if x >= depth else 0
            corner = above[x - depth] if x >= depth else 0
            guess = left + above[x] - corner
            near = min((left, above[x], corner), key=lambda each: abs(guess - each))
            row[x] = (row[x] + (0, left, above[x], (left + above[x]) // 2, near)[how]) & 255
        rows.append(row)
        if line > 130:
            break
    return [[tuple(row[x : x + 3]) for x in range(0, stride, depth)] for row in rows[1:]]

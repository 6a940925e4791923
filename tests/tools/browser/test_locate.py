"""Which browser is taken, in which order, and how one is installed where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from punchlist.tools.browser import browser as browser_module
from punchlist.tools.browser import locate
from punchlist.tools.browser.browser import Browser
from punchlist.tools.browser.locate import BrowserMissing, driver_failure, find_browser, install_browser

from .test_fence_and_process import all_gone


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A machine without a browser; `machine(name)` puts an executable of that name on its PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for variable in locate.VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "downloads"))

    def put(name: str) -> Path:
        path = programs / name if "/" not in name else tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    return put


def test_the_order_is_environment_headless_shell_chromium_chrome_downloads(machine, monkeypatch):
    downloaded = machine("downloads/chromium_headless_shell-1200/chrome-linux/headless_shell")
    assert find_browser() == downloaded
    for name in ("google-chrome", "chromium", "chromium-headless-shell"):
        path = machine(name)
        assert find_browser() == path

    monkeypatch.setenv("BROWSER_EXECUTABLE", str(machine("other/one")))
    assert find_browser().name == "one"
    monkeypatch.setenv("PUNCHLIST_BROWSER", "chromium")
    assert find_browser().name == "chromium"


def test_a_named_browser_that_is_not_there_is_not_replaced_by_another(machine, monkeypatch):
    machine("chromium")
    monkeypatch.setenv("PUNCHLIST_BROWSER", "/nowhere/chrome")

    for look in (find_browser, install_browser):
        with pytest.raises(BrowserMissing, match="PUNCHLIST_BROWSER=/nowhere/chrome"):
            look()


def test_without_any_the_error_says_what_to_install_and_tells_a_model_nothing_of_it(machine):
    with pytest.raises(BrowserMissing, match=r"apt-get install .*PUNCHLIST_BROWSER") as caught:
        find_browser()

    assert caught.value.for_model == "There is no browser in this run."


def test_installing_says_what_it_does_and_ends_at_the_first_way_that_works(machine, monkeypatch, capsys):
    """The installers are doubles: one fails, one puts a browser there, one must not run."""
    shell = (
        f"printf '#!/bin/sh' > {machine('x').parent}/chromium; /bin/chmod +x {machine('x').parent}/chromium"
    )
    steps = [("one", ["/bin/false"]), ("two", ["/bin/sh", "-c", shell]), ("three", ["/bin/false"])]
    monkeypatch.setattr(locate, "_installers", lambda: steps)

    assert install_browser().name == "chromium"
    assert capsys.readouterr().out == "one\ntwo\n"


def test_where_nothing_can_be_installed_the_error_is_the_same(machine, monkeypatch):
    monkeypatch.setattr(locate, "_installers", lambda: [("one", ["/bin/false"])])

    with pytest.raises(BrowserMissing):
        install_browser()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("Missing X server or $DISPLAY", "there is no display: leave headless as it is, set DISPLAY"),
        ("Running as root without --no-sandbox is not supported", "insists on its sandbox, which root"),
        ("chrome: error while loading shared libraries: libnss3.so: cannot open", "library libnss3.so"),
        ("Illegal instruction", "it said 'Illegal instruction'"),
        ("", "it ended at once with exit code 3"),
    ],
)  # fmt: skip
@pytest.mark.asyncio
async def test_a_browser_that_does_not_start_says_why_and_what_to_do(said, why, tmp_path):
    """Scripts that say what a Chromium says there; Playwright starts them for real."""
    program = tmp_path / "chromium"
    program.write_text(f"#!/bin/sh\n[ -z '{said}' ] || echo '{said}' >&2\nexit 3\n")
    program.chmod(0o755)

    with pytest.raises(BrowserMissing, match="could be started") as caught:
        await Browser(executable=program).open("lane")

    assert why in str(caught.value) and "--disable-" not in str(caught.value)


def passing_on(folder: Path, script: str) -> Path:
    """A program that does something with its arguments, and goes on as the Chromium that is here."""
    program = folder / "chromium"
    program.write_text(f'#!/bin/sh\n{script}\nexec "{find_browser()}" "$@"\n')
    program.chmod(0o755)
    return program


SANDBOXED = 'for each in "$@"; do shift; [ "$each" = --no-sandbox ] || set -- "$@" "$each"; done'
LYING = '[ "$1" = --version ] && echo "Chromium 60.0.3112.113" && exit 0'


@pytest.mark.browser
@pytest.mark.asyncio
@pytest.mark.skipif(os.geteuid() != 0, reason="others than root may have a sandbox")
async def test_a_real_browser_that_insists_on_its_sandbox_as_root_says_so(tmp_path):
    program = passing_on(tmp_path, SANDBOXED)

    with pytest.raises(BrowserMissing, match="it insists on its sandbox, which root") as caught:
        await Browser(executable=program).open("lane")

    assert "sandboxing failed" in str(caught.value.__cause__)


@pytest.mark.browser
@pytest.mark.asyncio
async def test_a_real_browser_without_a_display_or_a_window_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    try:
        program, why = find_browser(window=True), "there is no display"
    except BrowserMissing:  # only a headless shell is here, which a program of another name starts
        program, why = passing_on(tmp_path, ""), "which a headless shell cannot show"

    with pytest.raises(BrowserMissing, match=why):
        await Browser(executable=program, headless=False).open("lane")


@pytest.mark.browser
@pytest.mark.asyncio
async def test_what_a_browser_calls_itself_does_not_count_but_what_it_does(tmp_path, monkeypatch):
    program = passing_on(tmp_path, LYING)

    async with Browser(executable=program) as browser:
        view = await (await browser.open("lane")).view()

    assert view.url == "about:blank"


@pytest.mark.asyncio
async def test_a_program_that_gives_no_answer_is_given_up_and_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(browser_module, "START_TIMEOUT", 1.0)
    program = tmp_path / "chromium"
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    program.chmod(0o755)

    with pytest.raises(BrowserMissing, match="gave the driver no answer"):
        await Browser(executable=program).open("lane")

    assert await all_gone([int((tmp_path / "pid").read_text())])


@pytest.mark.asyncio
@pytest.mark.parametrize("node", ["/bin/false", "/nowhere/node"])
async def test_a_driver_that_does_not_start_is_named(node, monkeypatch, tmp_path):
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", node)

    with pytest.raises(BrowserMissing, match=r"Playwright's driver does not start.*--force-reinstall"):
        await Browser(executable=tmp_path).open("lane")


@pytest.mark.parametrize(
    ("version", "told", "why"),
    [
        ("1.58.0", "", "1.58.0 is too old"),
        ("2.0.1", "", "2.0.1 is too new"),
        ("1.65.2", "node: libatomic.so.1: cannot open shared object file", "library libatomic.so.1"),
        ("1.59.0", "", ""),
    ],
)
def test_a_playwright_that_does_not_fit_is_told_from_one_that_does(version, told, why):
    said = driver_failure(version, told)

    assert why in said and bool(said) == bool(why)


def test_a_window_needs_a_whole_chromium(machine, monkeypatch):
    machine("chromium-headless-shell")
    with pytest.raises(BrowserMissing, match="a headless shell cannot show"):
        find_browser(window=True)

    whole = machine("chromium")
    assert find_browser(window=True) == whole
    monkeypatch.setenv("PUNCHLIST_BROWSER", str(machine("other/headless_shell")))
    with pytest.raises(BrowserMissing, match="a headless shell cannot show"):
        find_browser(window=True)

"""Which browser is taken, in which order, and how one is installed where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from punchlist.tools.browser import locate
from punchlist.tools.browser.locate import BrowserMissing, find_browser, install_browser


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

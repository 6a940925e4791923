#!/usr/bin/env bash
# Finds a Chromium that starts, or installs one: Playwright's own download, else the distribution's.
# Nothing is installed when one is found. Ends with one sentence on what to do when none can be had.
set -euo pipefail

VENV="${VENV:-.venv}"
NAMES="chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable chrome"

say() { printf 'setup: %s\n' "$*"; }

# macOS has no `timeout`; there a browser that hangs is waited for.
within_a_minute() { if command -v timeout >/dev/null; then timeout 60 "$@"; else "$@"; fi; }

starts() {
    within_a_minute "$1" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --dump-dom about:blank \
        >/dev/null 2>&1
}

# Candidates, one a line: the one named by the user, those on PATH, those Playwright downloaded.
candidates() {
    local name
    [ -z "${BROWSER_EXECUTABLE:-}" ] || echo "$BROWSER_EXECUTABLE"
    for name in $NAMES; do
        command -v "$name" || true
    done
    echo "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    find "${PLAYWRIGHT_BROWSERS_PATH:-$HOME/.cache/ms-playwright}" "$HOME/Library/Caches/ms-playwright" \
        -type f -perm -u+x \( -name headless_shell -o -name chrome-headless-shell -o -name chrome \) 2>/dev/null || true
}

find_browser() {
    local path
    while read -r path; do
        if starts "$path"; then
            say "browser: $path"
            return 0
        fi
    done < <(candidates)
    return 1
}

download_from_playwright() {
    say "no Chromium that starts was found; asking Playwright for its own (a download of about 0.1 GB)"
    local log
    log="$(mktemp)"
    if ! "$VENV/bin/playwright" install --only-shell chromium 2>"$log"; then
        say "that failed: $(grep -m 1 . "$log" || echo "no reason given")"
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
    find_browser && return 0
    [ "$(id -u)" = 0 ] || return 1
    say "it does not start yet: installing the system libraries it needs"
    "$VENV/bin/playwright" install-deps chromium && find_browser
}

install_from_distribution() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    say "installing the distribution's chromium-headless-shell"
    apt-get update -qq || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium-headless-shell \
        && find_browser
}

find_browser || download_from_playwright || install_from_distribution || {
    printf '%s\n' "setup: no browser could be found or installed; install Chromium or Chrome" \
        "(Debian: sudo apt-get install chromium-headless-shell; Ubuntu: sudo $VENV/bin/playwright install" \
        "--with-deps chromium) or set BROWSER_EXECUTABLE to one, then call make again." | tr '\n' ' ' >&2
    echo >&2
    exit 1
}

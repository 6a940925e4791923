"""Short forms in which people hand over a login: "login ada / hunter2", or name and password on two lines.

No word calls the second one a password, so it must look like one: small letters with digits or signs, no
version, unit, file or address, and not the name counted on ("web01 / web02"). Only behind "user/pass:", or
where "pass:" follows a user and ends the line, may it be an ordinary word.

What this does not cover: two ordinary words ("login ada / sunshine" reads as "login page / signup page"), a
comma or a dash between them, capitals with digits (which order numbers have), names of apps as labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MARK = re.compile(r"[/|\n:=]")
_HINT = re.compile(r"(?i)log|user|usr|sign|acc|cred|mail|zugang|benutzer|\bu\s?[:=]")

_WHO = (
    r"log(?:ged)?[ -]?in|login (?:data|details)|sign(?:ed)?[ -]?in|user(?: ?name| ?id)?|usr|account|acct"
    r"|creds?|credentials?|e-?mail|zugang(?:sdaten)?|benutzer(?:name)?"
)
_NAME = r"[\"'`“]?(?P<name>[^\s/|,;:=\"'`“”]{1,100})[\"'`”]?"
_VALUE = r"[\"'`“]?(?P<value>[^\s\"'`“”<>|]{4,200})"
_SLASH = re.compile(
    rf"(?i)(?<![^\W_])(?P<label>{_WHO})(?![^\W_])"
    r"(?P<told>\s{0,2}[:=]\s{0,3}|(?:,? (?:for|of|to|at|on|in|für) [^.\n:=/|]{1,60}?)?"
    r" (?:is|are|was|ist|as|with|using|als|mit)\s{1,3}|\s{1,3})"
    rf"{_NAME}"
    r"(?P<between>[ \t]{0,3}[/|][ \t]{0,3}|:|[ \t]{0,3}\r?\n[ \t]{0,3}(?:\r?\n[ \t]{0,3})?)"
    rf"{_VALUE}(?P<alone>[\"'`”]?[ \t]{{0,3}}(?=\r?\n|\Z))?"
)
_PAIR = re.compile(
    r"(?i)(?<![^\W_])(?:user(?: ?name)?|usr|login|log-?in|id|e-?mail|account)\s?(?:/|&|\+|\||and|und)\s?"
    r"(?:password|passwort|passwd|pass|pwd|pw)(?P<told>\s?[:=]\s{0,3}|\s(?:is|are|ist|sind)\s{1,3}|\s{1,3})"
    rf"{_NAME}(?P<between>\s{{0,3}}[/|,:]\s{{0,3}}|\s{{1,3}}(?:and |und )?){_VALUE}"
)
_BY_LETTER = re.compile(
    r"(?i)(?<![^\W_])(?:u|user(?: ?name)?|usr|login)\s?[:=]?\s{0,2}(?P<name>[^\s:=,;/|]{1,100})[\s,;/|]{1,3}"
    rf"(?P<label>p|pw|pwd|pass)\s?[:=]\s{{0,3}}{_VALUE}(?P<alone>[\"'`”]?[ \t]{{0,3}}(?=\r?\n|\Z))?"
)

_NO_NAME = frozenset(
    """
    a action and agent all api app as at attempt attempts auth base box button by code count data dialog
    docs error experience failed failure field flow for form from group guide history home host id image in
    info interface is it link limit list log login logins manager manual menu message method methods name
    names no node not number of on or page pages panel path profile rate research role roles route screen
    screens server service session settings side sign signup src stories story team test testing tests
    the time to token tokens tool tools tree type url via view views was when window with worked works
    """.split()
)
"""What follows such a label where it names no one: "user guide", "login page", "account settings"."""

_NO_PASSWORD = frozenset(
    """
    android api app attempt azure batch beta build case centos chapter chat chrome day db debian demo
    edge entry fedora figure file firefox floor group host html http https image ios item java level line
    linux macos mysql node oauth oracle order page part phase php plan player port postgres python quarter
    redhat release room run saml screen section server session sha sheet slide sprint stage step story
    table task team test thread ticket tier trip ubuntu unit user version wave web week win windows year
    """.split()
)
"""What a number after it counts: "page12", "ubuntu22"."""

_UNIT = re.compile(
    r"(?i)\d[\d.,:-]*(?:st|nd|rd|th|am|pm|[kmg]?b|ms|px|x|k|h|min|minutes?|hours?|days?|weeks?|months?|years?"
    r"|eur|euros?|users?|people|seats?)(?:-\w+)*"
)
_FILE = re.compile(r".*\.[A-Za-z]{2,5}\d?")
_DRAWN = re.compile(r"[a-z].*[\d$#%^*+~!]|[\d$#%^*+~!].*[a-z]")
_NOT_DRAWN = re.compile(r"[/\\@({]|%[sd]")


def hinted(text: str) -> bool:
    """Whether a text has a sign and a word of such a form; cheap, and never wrong with a no."""
    return _MARK.search(text) is not None and _HINT.search(text) is not None


def given(text: str) -> Iterator[tuple[str, str, bool]]:
    """Each name with what stands where its password would; True where that may be an ordinary word.

    What comes with False looks drawn.
    """
    for each in _SLASH.finditer(text):
        name, between = each["name"], each["between"]
        path = between.strip() == between and not each["told"].strip()
        begins_a_sentence = "\n" in between and each["alone"] is None
        no_address = "mail" in each["label"].lower() and "@" not in name
        if not (path or begins_a_sentence or no_address) and _looks_given(each["value"], name):
            yield name, _bare(each["value"]), False
    for each in _PAIR.finditer(text):
        name = each["name"]
        certain = each["told"].strip() in (":", "=") and each["between"].strip() in ("/", "|")
        if (certain and name.lower() not in _NO_NAME) or _looks_given(each["value"], name):
            yield name, _bare(each["value"]), certain
    for each in _BY_LETTER.finditer(text):
        value = _bare(each["value"])
        word = value.isalpha() and len(value) >= 6 and each["alone"] is not None
        certain = word and each["label"].lower() != "p"
        if certain or _looks_given(value, each["name"]):
            yield each["name"], value, certain


def _bare(value: str) -> str:
    return value.rstrip(".,;:!?)]}")


def _looks_given(value: str, name: str) -> bool:
    """Whether a value beside a name looks like its password, though no word says so."""
    value = _bare(value)
    if name.lower() in _NO_NAME or len(value) < 6 or _NOT_DRAWN.search(value):
        return False
    if not _DRAWN.search(value) or _UNIT.fullmatch(value) or _FILE.fullmatch(value):
        return False
    stem = value.rstrip("0123456789.-_").lower()
    return stem not in _NO_PASSWORD and stem != name.rstrip("0123456789.-_").lower()

"""Which texts hold a secret: `secret_in` names its kind, and memory refuses to keep such a text.

Found are keys and tokens of known makers, JSON web tokens, private keys, passwords and PINs behind a word
that calls them so, passwords beside the name of a login (`logins.py`), in addresses and in headers, card
numbers (Luhn), IBANs (ISO 7064), wallets' seed phrases (BIP-39), and long tokens that look random. Order
numbers, commits and other hashes in hexadecimal, UUIDs, phone numbers, addresses without credentials and
sentences about passwords pass.

Time is linear in the text: every repetition in a pattern is bounded.

What this does not cover: a secret in plain words that nothing calls one ("sesame opens the back door"), one
that is spelled apart or split over records, one encoded once more, pictures, and of random tokens that
neither a maker's mark nor a word gives away those that are short or by chance look like words. What other
people would not want known (health, addresses) is no secret here.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections import deque
from collections.abc import Callable
from itertools import pairwise

from . import logins
from .key_forms import KEY_HINTS, KEYS, MAKERS
from .seed_words import SEED_WORDS

_JWT = re.compile(r"(?<![A-Za-z0-9])eyJ[\w-]{8,4000}\.eyJ[\w-]{8,8000}\.[\w-]{0,1000}")
_PRIVATE = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY|PuTTY-User-Key-File-\d")
_BEARER = re.compile(r"(?i:\bbearer)[ \t]{1,4}([A-Za-z0-9._~+/=-]{16,4000})")
_BASIC = re.compile(r"(?i:\bbasic)[ \t]{1,4}([A-Za-z0-9+/]{8,400})={0,2}")
_CURL = re.compile(r"(?<![\w-])(?:-u|--user|--proxy-user)[ =]{1,2}[\"']?([^\s:\"']{1,100}):([^\s\"']{3,200})")
_ADDRESS = re.compile(r"://[^\s/:@\"'<>]{0,200}:([^\s/@\"']{1,200})@[\w\[]")
_QUERY = re.compile(
    r"(?i)[?&#;](?:(?:access|id|refresh|auth)_token|api_?key|key|token|auth|(?:client_)?secret|password|passwd|pwd"
    r"|pass|sig|signature|x-amz-signature|session|sessionid|sid)=([^&\s#\"'<>]{8,4000})"
)
_HIDDEN = re.compile(
    r"[*•xX.…_#?-]{2,40}\d{0,4}|[<\[({$%].{0,60}[>\])}%]|\$\w{1,60}"
    r"|(?i:redacted|hidden|masked|removed|placeholder|changeme|your[_-]?\w{1,40})"
)
"""What stands where a secret was taken out."""

_CODE_OF_A_PROGRAM = re.compile(r"[A-Za-z_][\w.]{0,80}[(\[].{0,80}|[A-Za-z_]{1,40}(?:\.[A-Za-z_]{1,40}){1,6}")

_PASSWORDS = (
    "passwords?|passwd|passphrase|passcode|pass[ -](?:code|phrase|word)|pwd|pswd|pass|pw|passw[oö]rt(?:er)?"
    "|kennwort|mot de passe|contraseña|contrasena|senha|wachtwoord|lösenord|hasło|пароль"
)
_TOKENS = (
    "api[ _-]?key|secret[ _-]access[ _-]key|access[ _-]?key"
    "|(?:secret|private|encryption|signing|master)[ _-]?key"
    "|licen[sc]e[ _-]key|(?:client|app|webhook|2fa|totp|otp|authenticator|jwt)[ _-]?secret|authenticator key"
    "|(?:access|auth|refresh|session|bot|bearer|api|id)[ _-]?token|token|secret|credentials?"
    "|(?:session )?cookie|(?:wi-?fi|wlan|wpa2?|network)[ -](?:key|schlüssel)"
)
_CODES = (
    "pin(?:[ -]?(?:code|number))?|geheimzahl|puk|cv[vcn]2?|otp|tan|nip|(?:código |code )pin|ssn"
    "|social security number|(?:security|card|door|gate|alarm|entry|access|unlock|lock|safe|garage"
    "|verification|login|sms|2fa|two-factor|backup|recovery|one[- ]time) (?:code|passcode)s?|combination"
)
_EASTERN = "密码|密碼|口令|パスワード|비밀번호"
_MARK = (
    r"(?P<mark>(?:,? (?:for|of|at|on|to|in|from|für|von|zu|de|del|da) [^.\n:=]{1,60}?)?"
    r"(?:[\"'`*_)\]]{0,3}\s{0,3}(?::=|=>|==?|:|：|->|→)\s{0,3}"
    r"|(?:[\"'`]?,?\s{1,3}|(?=['’]s\s))(?P<verb>['’]s|is|was|are|ist|lautet|war|est|es|é|è|to(?=\s{1,3}\S{0,40}\d))"
    r"(?: now| still)?\s?:?\s{1,3})"
    r"|\s{1,3})"
)
"""What stands between a name and its secret: a sign, or a verb, and maybe whose it is; else only a space."""

_VALUE = r"(?=[\"'`“‘«](?P<quoted>[^\"'`”’»\n]{1,200})[\"'`”’»]|(?P<bare>[^\s,;\"'`“”]{1,400}))"


def _labelled(labels: str) -> re.Pattern[str]:
    return re.compile(rf"(?i)(?<![^\W_])(?P<label>{labels})(?![^\W_]){_MARK}{_VALUE}")


_PASSWORD, _TOKEN, _CODE = _labelled(_PASSWORDS), _labelled(_TOKENS), _labelled(_CODES)
_OF_THE_EAST = re.compile(rf"(?:{_EASTERN})\s?(?:[:：=]|是|为|為|は|은|는)?\s?[「『“\"]?([!-~]{{4,60}})")
_USED_AS = re.compile(
    r"(?i)(?<!\S)[\"'`“]?(?P<value>[^\s\"'`“”]{4,200})[\"'`”]?,?\s{1,3}as\s{1,3}"
    rf"(?:(?:the|a|my|your|her|his|our|their|its)\s{{1,3}})?(?:[\w-]{{1,40}}\s{{1,3}}){{0,2}}(?:{_PASSWORDS})(?![^\W_])"
)
_OF_A_USER = re.compile(
    r"(?i)(?<![^\W_])(?:user(?: ?name)?|login|account)\s?[:=]?\s?[^\s:=,;]{1,100}[\s,;/]{1,3}$"
)
"""What stands before "pass" where that is a password, and no verb."""

_BEFORE_HOST = re.compile(
    r"(?<![\w/@.+-])(?P<name>[\w.+-]{1,100}):(?P<value>[^\s/@:\"'<>]{4,200})@(?:localhost|[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})"
)
_ADDRESSED = frozenset(
    "mailto mail email e-mail sip sips xmpp im acct matrix contact from to cc bcc reply-to sender author"
    " owner user username login account name address id at by git ssh".split()
)
"""What stands before a mail address with a colon between."""

_WIFI = re.compile(r"(?i)(?<![^\W_])(?:wi-?fi|wlan)\s?[:=]\s?[\"'`“]?(?P<value>[^\s\"'`“”,;]{8,63})")
_OF_RADIO = re.compile(r"(?i)802\.|wpa|\d+(?:\.\d+)?[gm]")
_CAMEL = re.compile(
    r"(?<=[a-z])(?=(?:Password|Passwd|Passphrase|Secret|Token|ApiKey|PrivateKey)[\"']?\s{0,3}[:=])"
)
_HINTS = (
    "pass", "pwd", "pswd", "pw", "kennwort", "contrase", "senha", "wachtwoord", "lösenord", "hasło",
    "пароль", "key", "secret", "token", "credential", "cookie", "schlüssel", "pin", "geheimzahl", "puk",
    "cv", "otp", "tan", "nip", "ssn", "social security", "code", "combination",
)  # fmt: skip

_PROSE = frozenset(
    """
    a about above after again all allowed already also always am an and any are as asked at available
    back based be because been before being below best better between blank both broken but by can
    case-sensitive changed chosen click compromised correct correctly crucial different done due each
    easy either empty enough essential every exactly false field fields fine first for forgot forgotten
    free from generated given going gone good had hard has have he her hidden his how i if important in
    incorrect incorrectly insecure invalid is it its just kept known later less like long longer lost
    mandatory managed management manager max maximum may me min minimum mine missing more most must my
    n/a necessary needed never new no none nor not null number of off ok old on one only optional or
    other our ours out outdated over own password plus policy prompt protected public randomly recovery
    refused rejected required reset right safe same saved secret secure see sent set shared she short
    shorter should shown simple so some something stale still stolen stored strong stronger supposed tbd
    temporary text that the their them then there these they this those to too true two type under
    unique unknown unset unsafe until up useful user username valid verified very via was we weak weaker
    were what when where which while who whose why will with without working would wrong you your yours
    string str int bool bytes abgelaufen alt das dem den der die ein eine erforderlich falsch für geheim
    ist nicht richtig sicher und le la les un une pas trop el los muy obligatorio obligatoire incorrecta
    incorrecto pwd passwd credentials
    """.split()
)
"""Words that follow "the password is" in a sentence about it."""

_OF_COUNTS = re.compile(
    r"(?i)[\s-]{0,2}(?:-|char|letter|digit|number|symbol|word|day|week|month|year|time|attempt|minute|hour|bit|zeichen"
    r"|stell|ziffer|account|user|site|entries|people)"
)
_METHODS = re.compile(
    r"(?i)(?:sha|md|pbkdf|argon|scrypt|bcrypt|utf|base|oauth|http|v|tls|aes|rsa|web)[\d.-]{1,8}\w{0,4}|2fa"
)
_NUMERALS = (
    "(?:zero|one|two|three|four|five|six|seven|eight|nine|oh|null|eins|zwei|drei|vier|fünf|sechs|sieben|acht"
    "|neun)"
)
_SPOKEN = re.compile(
    rf"(?i)(?<![^\W_])(?:{_CODES})(?![^\W_]){_MARK}{_NUMERALS}(?:[ ,-]{{1,3}}{_NUMERALS}){{3,11}}(?![^\W_])"
)
_DIGITS = re.compile(r"[#*]?\d(?:[ -]?\d){2,15}(?![\d%])(?![.,:]?\d)(?!-?[^\W\d])")
_CODE_IN_LETTERS = re.compile(r"[#*]?(?=\w{0,20}[A-Za-z-])(?=[\w-]{0,20}\d)[A-Za-z0-9][\w-]{3,40}[#*]?")

_RUN = re.compile(r"(?<![\w.])\d(?:[ .\u00a0-]?\d){12,4000}(?!\w)")
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})\d{2}(?= ?[A-Za-z0-9])")
_IBAN_LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22"
        "GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MR27"
        "MT31MU30NL18NO15PK24PL28PS29PT25QA29RO24RS22SA24SC31SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20",
    )
}
_RANDOM = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,4000}")
_PUBLIC = re.compile(r"(?i)sha(?:1|224|256|384|512)[-:_]|AAAA[BCE][23]Nza|data:image")
_WORD = re.compile(r"[^\W\d_]+")
_CLASSES = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "A" * 26 + "a" * 26 + "0" * 10, "+/_-"
)

SEED_PHRASE = 12
"""Words of the shortest seed phrase."""

SEED_DISTINCT = 8
"""Different ones among them; the same word again and again is none."""


def secret_in(text: str) -> str | None:
    """The kind of the first secret found in a text, such as "a password"; None where there is none.

    The answer never holds the secret itself.
    """
    text = _plain(text)
    return next((kind for find in _FINDERS if (kind := find(text)) is not None), None)


def secret_in_name(name: str) -> str | None:
    """The same of a name or an id, which may look random without being a secret."""
    name = _plain(name)
    finders = (find for find in _FINDERS if find is not _random)
    return next((kind for find in finders if (kind := find(name)) is not None), None)


def _plain(text: str) -> str:
    """A text in ordinary letters, without signs that nobody sees."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    return "".join(sign for sign in text if unicodedata.category(sign) != "Cf")


def _key(text: str) -> str | None:
    if KEY_HINTS.search(text) is None:
        return None
    found = KEYS.search(text)
    if found is None or found.lastgroup is None:
        return None
    return f"a key of {list(MAKERS)[int(found.lastgroup[1:])]}"


def _structured(text: str) -> str | None:
    if "eyJ" in text and _JWT.search(text):
        return "a JSON web token"
    return "a private key" if _PRIVATE.search(text) else None


def _header(text: str) -> str | None:
    low = text.lower()
    if "bearer" in low and any(_mixed(found) for found in _BEARER.findall(text)):
        return "a bearer token"
    if "basic" in low and any(_is_pair(found) for found in _BASIC.findall(text)):
        return "a password"
    if ("-u" in text or "--" in text) and any(
        not (user + word).isdigit() and not _HIDDEN.fullmatch(word) for user, word in _CURL.findall(text)
    ):
        return "a password"
    return None


def _address(text: str) -> str | None:
    if "://" in text and any(not _HIDDEN.fullmatch(word) for word in _ADDRESS.findall(text)):
        return "a password in an address"
    if "=" in text and any(_mixed(value) and not _HIDDEN.fullmatch(value) for value in _QUERY.findall(text)):
        return "a token in an address"
    if "@" in text and any(
        _mixed(found["value"])
        and not _HIDDEN.fullmatch(found["value"])
        and found["name"].lower() not in _ADDRESSED
        for found in _BEFORE_HOST.finditer(text)
    ):
        return "a password in an address"
    return None


def _named(text: str) -> str | None:
    """What a word beside it calls a password, a token or a code."""
    low = text.lower()
    if any(map(low.__contains__, _HINTS)):
        for part in (text, _CAMEL.sub("_", text)) if _CAMEL.search(text) else (text,):
            if any(_is_password(found) for found in _PASSWORD.finditer(part)):
                return "a password"
            if any(_is_token(found) for found in _TOKEN.finditer(part)):
                return "a secret key or token"
            if any(_is_code(found) for found in _CODE.finditer(part)) or _SPOKEN.search(part):
                return "a PIN or access code"
        if " as " in low and any(_is_drawn(found["value"]) for found in _USED_AS.finditer(text)):
            return "a password"
    if ("wi" in low or "wlan" in low) and any(
        _is_drawn(found["value"]) and not _OF_RADIO.match(found["value"]) for found in _WIFI.finditer(text)
    ):
        return "a password"
    return "a password" if not text.isascii() and _OF_THE_EAST.search(text) else None


def _login(text: str) -> str | None:
    """What stands beside a name as its password, in a form without the word; see `logins.py`."""
    if not logins.hinted(text):
        return None
    for name, value, certain in logins.given(text):
        if _HIDDEN.fullmatch(value) or name.lower() in _PROSE:
            continue
        if (len(value) >= 4 and value.lower() not in _PROSE) if certain else _is_given(value):
            return "a password"
    return None


def _card(text: str) -> str | None:
    for run in _RUN.findall(text):
        groups = re.split(r"\D", run)
        for first in range(len(groups)):
            number = ""
            for group in groups[first : first + 19]:
                number += group
                if len(number) >= 19:
                    break
                if _is_card(number):
                    return "a card number"
            if _is_card(number):
                return "a card number"
    return None


def _iban(text: str) -> str | None:
    for start in _IBAN_START.finditer(text):
        length = _IBAN_LENGTHS.get(start[1].upper())
        if length is None:
            continue
        rest = text[start.start() : start.start() + 2 * length + 1]
        shape = re.match(rf"[A-Za-z]{{2}}(?:[ -]?[A-Za-z0-9]){{{length - 2}}}(?![A-Za-z0-9])", rest)
        if shape is not None and _is_iban(re.sub("[ -]", "", shape[0]).upper()):
            return "an IBAN"
    return None


def _random(text: str) -> str | None:
    for word in text.split():
        if len(word) >= 20 and "://" not in word and not word.startswith("www."):
            for chunk in _RANDOM.finditer(word):
                if _looks_random(chunk[0]) and not _PUBLIC.search(word, 0, chunk.start() + 12):
                    return "a long random token"
    return None


def _seed(text: str) -> str | None:
    if text.count(" ") + text.count("\n") + text.count(",") < SEED_PHRASE - 1:
        return None
    words: list[str] = _WORD.findall(text.lower())
    if len(SEED_WORDS.intersection(words)) < SEED_DISTINCT:
        return None
    run = deque[str](maxlen=SEED_PHRASE)
    for word in words:
        if word not in SEED_WORDS:
            run.clear()
            continue
        run.append(word)
        if len(run) == SEED_PHRASE and len(set(run)) >= SEED_DISTINCT:
            return "a seed phrase"
    return None


_FINDERS: tuple[Callable[[str], str | None], ...] = (
    _key, _structured, _header, _address, _named, _login, _card, _iban, _seed, _random,
)  # fmt: skip


def _mixed(value: str) -> bool:
    return re.search("[A-Za-z]", value) is not None and re.search(r"\d", value) is not None


def _is_drawn(value: str) -> bool:
    """Whether a value by itself, without a sign that says so, looks like a password."""
    return _mixed(value) and not _METHODS.fullmatch(value) and not _CODE_OF_A_PROGRAM.fullmatch(value)


def _is_given(value: str) -> bool:
    """The same of one that has signs in place of digits."""
    return not _METHODS.fullmatch(value) and not _CODE_OF_A_PROGRAM.fullmatch(value)


def _is_pair(encoded: str) -> bool:
    """Whether it is base64 of `user:password`."""
    try:
        plain = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return re.fullmatch(r"[ -~]{1,100}:[ -~]{1,200}", plain) is not None


def _value(found: re.Match[str]) -> str | None:
    """What stands behind a label, without what closes its sentence; None where it is masked or code."""
    value: str = found["quoted"] or found["bare"].rstrip(".!?):")
    begin = found.start("quoted") if found["quoted"] else found.start("bare")
    masked = _HIDDEN.match(found.string, begin)
    if not value or (masked is not None and masked.end() >= begin + len(value)):
        return None
    program = found["bare"] and _CODE_OF_A_PROGRAM.fullmatch(found["bare"])
    return None if program else value


def _after(found: re.Match[str]) -> str:
    """What follows a bare value in its line."""
    return found.string[found.end("bare") : found.end("bare") + 200].partition("\n")[0]


def _is_password(found: re.Match[str]) -> bool:
    value, verb, label = _value(found), found["verb"], found["label"].lower()
    if value is None or not value.split():
        return False
    if not verb and label == "passphrase" and _is_phrase(value + _after(found)):
        return True
    if value.split()[0].lower().rstrip(".:!?") in _PROSE:
        return False
    if found["mark"].isspace() and label == "pass":
        begin = found.start()
        return _is_drawn(value) and _OF_A_USER.search(found.string[max(begin - 150, 0) : begin]) is not None
    if verb and verb.endswith("s") and len(verb) == 2 and verb[0] in "'’" and value.isalpha():
        return False  # the password's length
    if found["mark"].isspace() or label == "pass":
        return len(value) >= 6 and _mixed(value) and " " not in value and not _METHODS.fullmatch(value)
    if found["quoted"]:
        return True
    if not value.isalpha():
        return len(value) >= 4 and not _OF_COUNTS.match(_after(found))
    if verb and (verb.lower() == "to" or label == "passwords" or value.endswith(("ed", "ing"))):
        return False
    after = _after(found)
    if found["bare"] != value or not re.match(r" [^\W_]", after):
        return len(value) >= 3
    return not verb and _is_phrase(value + after)


def _is_phrase(line: str) -> bool:
    """Whether a line is nothing but words that make no sentence."""
    words = line.strip().rstrip(".").split(" ")
    return 3 <= len(words) <= 12 and all(map(str.isalpha, words)) and not _PROSE.intersection(words[1:])


def _is_token(found: re.Match[str]) -> bool:
    value = _value(found)
    if value is None or " " in value.strip():
        return False
    long = 12 if found["mark"].isspace() or found["verb"] == "to" else 8
    if found["quoted"] or len(value) >= long:
        return len(value) >= long and _mixed(value) and not _METHODS.fullmatch(value)
    return False


def _is_code(found: re.Match[str]) -> bool:
    label, told = found["label"], not found["mark"].isspace()
    if label in ("tan", "nip") or _value(found) is None:
        return False
    begin = found.start("quoted") if found["quoted"] else found.start("bare")
    digits = _DIGITS.match(found.string, begin)
    if digits is not None and not _OF_COUNTS.match(found.string, digits.end()):
        count = sum(map(str.isdigit, digits[0]))
        return count >= (4 if not told or label.lower() == "combination" else 3)
    if not told or not label.lower().rstrip("s").endswith("code"):
        return False
    letters = _CODE_IN_LETTERS.match(found.string, begin)
    return letters is not None and not re.match(r"\d{1,2}-?[a-zA-Z]{4}", letters[0])


def _is_card(number: str) -> bool:
    """Issuer, length and check digit (Luhn) of a payment card."""
    if len(number) not in (14, 15, 16, 19):
        return False
    first, length = int(number[:4]), len(number)
    issued = (
        (number[0] == "4" and length in (16, 19))
        or (length == 16 and (5100 <= first <= 5599 or 2221 <= first <= 2720 or 3528 <= first <= 3589))
        or (length == 15 and number[:2] in ("34", "37"))
        or (length == 14 and (number[:2] in ("36", "38") or 3000 <= first <= 3059))
        or (length in (16, 19) and (first == 6011 or 6440 <= first <= 6599 or number[:2] == "62"))
    )
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2]]
    return issued and (sum(map(int, number[::-2])) + sum(doubled)) % 10 == 0


def _is_iban(number: str) -> bool:
    """The check of ISO 7064, modulo 97-10."""
    return int("".join(str(int(sign, 36)) for sign in number[4:] + number[:4])) % 97 == 1


def _looks_random(chunk: str) -> bool:
    """Whether kinds of characters change as often as in a drawn one; in names and words they seldom do.

    A capital before a small letter begins a word and is no change.

    Hexadecimal never does: hashes and ids are written so.
    """
    kinds = chunk.translate(_CLASSES)
    present = set(kinds)
    if len(kinds) < 20 or "0" not in present or "a" not in present or kinds.count("0") < 2:
        return False
    pairs = list(pairwise(kinds))
    changes = sum(left != right and (left, right) != ("A", "a") for left, right in pairs) / len(pairs)
    if "A" in present:
        return changes >= 0.27
    return len(kinds) >= 24 and changes >= 0.3 and re.search("[g-z]", chunk) is not None

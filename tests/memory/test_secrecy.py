"""Which texts memory refuses to keep, and which it must not refuse."""

import random
import string
import time

import pytest

from punchlist.memory.secrecy import secret_in

# Written in two pieces, so that no scanner of this repository takes them for real ones.
SECRETS = {
    "a key of OpenAI": ["sk-" + "proj-Ab3dEf6hIj9kLmN0pQrStUvWx", "sk-" + "T3BlbkFJ" * 5],
    "a key of Anthropic": ["sk-ant-" + "api03-abcDEF123456789012345-xyz"],
    "a key of AWS": ["AKIA" + "IOSFODNN7EXAMPLE"],
    "a key of GitHub": [
        "ghp" + "_16C7e42F292c6912E7710c838347Ae178B4a",
        "push with github" + "_pat_11ABCDEFG0abcdefghijkl",
    ],
    "a key of GitLab": ["glpat" + "-x8Zk2qLmN4pRsT6vWy0A"],
    "a key of Slack": ["xoxb" + "-123456789012-abcdefABCDEF1234"],
    "a key of Google": ["AIza" + "SyA1234567890abcdefghijklmnopqrstuv"],
    "a key of Stripe": ["sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc"],
    "a key of Mailchimp": ["0123456789abcdef0123456789abcdef" + "-us12"],
    "a key of Telegram": ["110201543" + ":AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"],
    "a key of Hugging Face": ["hf" + "_abcdefghijklmnopqrstuvwxyzABCDEFGH"],
    "a JSON web token": ["eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_X"],
    "a private key": ["-----BEGIN RSA " + "PRIVATE KEY-----", "-----BEGIN OPENSSH " + "PRIVATE KEY-----"],
    "a bearer token": ["curl -H 'Authorization: Bearer 3f9c2a7b1d8e4f60a1b2'"],
    "a password in an address": ["postgres://app:s3cr3t@db.local:5432/shop", "https://ada:lovelace@example.org/",
                                 "ada:hunter2@db.example"],
    "a token in an address": ["https://example.org/file?sig=aB3dE5fG7hI9"],
    "a password": [
        "My password is sunshine.",
        "the password is hunter2",
        "password: Tr0ub4dor&3",
        "pw: kaffee77",
        "pw kaffee77",
        "DB_PASSWORD=letmein",
        '{"user": "ada", "password": "lovelace"}',
        "dbPassword: lovelace1815",
        "Her Netflix password, for the family account, is popcorn99.",
        "The wifi password at the cabin is mosswood",
        "She changed her password to Winter!2026",
        "passphrase: correct horse battery staple",
        'The password is "open the green door".',
        "Das Passwort lautet Apfelkuchen9",
        "mot de passe : soleil42",
        "La contraseña es girasol7",
        "我的密码是abc12345",
        "пароль: zima2024",
        "Authorization: Basic YWRhOmxvdmVsYWNl",
        "curl -u ada:lovelace1815 https://example.org",
        "mysql --password=opensesame",
        "the password's hunter2",
        "use hunter2 as the password",
        "sign in as user ada pass hunter2",
        "ｐａｓｓｗｏｒｄ: hunter2xx",
        "pass\u200bword: hunter2xx",
        "wifi: sunshine42",
        "login ada / hunter2",
        "Login: ada/hunter2",
        'login "ada" / "hunter2"',
        "user: ada, pw hunter2",
        "user: ada, pass: sunshine",
        "login ada\nhunter2",
        "Login\r\nada\r\n\r\nhunter2\r\n",
        "Sign in as ada@example.org / Summer2024!",
        "The login for the portal is ada / hunter2.",
        "creds: ada | pa$$word",
        "user/pass: ada / sunshine",
        "u: ada / p: hunter2",
        "e-mail: ada@example.org / hunter2",
        "Benutzer: ada / hunter2",
    ],
    "a secret key or token": [
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY",
        "The API key is 9f86d081884c7d65",
        'client_secret: "a1b2c3d4e5f6"',
        "token=8c1f0b7e2d",
        "Credentials: admin/admin123",
        "Set-Cookie: session=8f14e45fceea167a",
        "2FA secret: JBSWY3DPEHPK3PXP",
    ],
    "a PIN or access code": [
        "PIN: 4821",
        "Her PIN is 4821.",
        "my pin code is 48 21 90",
        "the PIN for the blue card is 0042",
        "PIN 4821",
        "My PIN is four eight two one",
        "CVV 123" + "4",
        "CVC: 737",
        "The door code is 5519#",
        "gate code: A4B7",
        "one-time code: 993 441",
        "SSN: 078-05-1120",
        "the safe combination is 12-34-56",
    ],
    "a card number": [
        "4111 1111 1111 1111", "pay with 5500-0000-0000-0004 today",
        "card 378282246310005", "01 4111111111111111 09/27",
    ],
    "an IBAN": ["DE89 3704 0044 0532 0130 00", "send it to GB82WEST12345698765432."],
    "a seed phrase": [
        "abandon ability able about above absent absorb abstract absurd abuse access accident",
        "1. legal 2. winner 3. thank 4. year 5. wave 6. sausage 7. worth 8. useful 9. legal"
        " 10. winner 11. thank 12. yellow",
    ],
    "a long random token": ["use qT7xV2mK9pLw4ZnB8rYc for it", "x9k2m4q7w1z8v3n6b5c0j2h4g"],
}  # fmt: skip

HARMLESS = """
The password is required.
Password: must be at least 8 characters
password: 8-64 characters
His password is stored in the vault and was changed last week.
The password was wrong three times.
The password is too short
Passwords are hashed with bcrypt.
She forgot her password and asked for a reset.
Reset your password: click here
The password is ********.
password=<your password>
password = os.environ["DB_PASSWORD"]
password: ${DB_PASSWORD}
password=get_password()
"password": "[redacted]"
password sha256 hash
The PIN is required at the terminal.
PIN: 4 digits
The pin is 3 cm long.
Connect pin 13 to ground.
The token is expired.
token: 1024
tokens: 128000
max tokens per request: 4096123
The secret is patience.
The API key is missing
api_key: string
The access code is required at the desk.
The door code is 4 digits long.
error code: 500123
postal code: 90210
The confirmation code is X7K2PQ.
The combination of tea and milk is old.
Order 4111-2222-3333 arrived.
Order number 1234567890123456
Invoice 2024-000123-77
Tracking number 1Z999AA10123456784
Call +49 30 901820 or (555) 010-9999 tomorrow.
Fixed in commit 9fceb02d0ae598e95dc970b74767f19372d61af8
sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
Run 123e4567-e89b-12d3-a456-426614174000 is done.
https://docs.example.org/document/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/edit
http://localhost:8080/shop@home?page=2
https://example.org/?q=bearer+of+bad+news&session=monday
The bearer of this letter is my brother.
The basic plan costs £9.
ISBN 978-3-16-148410-0 and EAN 4006381333931
meeting_notes_2024_05_18_final_version_v2.docx
WhatsApp_Image_2024-05-18_at_10.11.12.jpeg
getElementByIdentifierV2AndVersion3OfTheThing
/usr/lib/python3.11/site-packages/sentence_transformers/models/Pooling.py
He bought a tan 1500 euro sofa.
The mountain pass is 2757m high.
Boarding pass 12A
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJl3dIeudNqd0DPMRD6OIh65tjkxFNOtGcWB2gCgPhk8
docker run -u 1000:1000 image
The key is under the mat.
GB82 WEST 1234 5698 7654 33 is no valid account
4111 1111 1111 1112
Bitte das Passwort ändern.
The password's length
The password's strength matters.
Use OAuth2 as the login, not the password.
She uses bcrypt as the password hash.
wifi: 802.11ac only
Email:ada99@example.org or mailto:ada99@example.org
word word word word word word word word word word word word
DE is a country; DE12 is a motorway exit.
login page / signup page
login page2 / page3
Log in as user1 / user2
Login hours: 8am / 10:30pm
login: phone / tablet
user guide / WX-4410-b7
account ada / room 12b
user ada / session12
user/pass: required / optional
user: ada, pass: weekly ticket
login api/v2x4y6
login.html / index2.html
e-mail ada@example.org / ben2@example.org
account team / 2nd-floor
U: 12, p: 0.049
user: %s / pass%s
the e-mail phone / phone2call
""".strip().splitlines()


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in SECRETS.items() for text in texts]
)
def test_a_secret_is_found_and_named(kind, text):
    assert secret_in(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "user: ada\nhost: web01\nport: 8080",
        "Login\nThen choose room12 and press Enter.",
        "user ada\nubuntu22",
    ],
)
def test_lines_after_a_login_that_are_no_password_pass(text):
    assert secret_in(text) is None


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_or_talks_like_one_passes(text):
    assert secret_in(text) is None


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_found_in_the_middle_of_a_long_text(kind):
    around = "The train to Leeds was late, so Ada took the bus. " * 40

    assert secret_in(f"{around}\n{SECRETS[kind][0]}\n{around}") == kind


def test_what_is_said_never_holds_the_secret():
    for texts in SECRETS.values():
        for text in texts:
            assert not any(char.isdigit() for char in secret_in(text) or "")


def test_nearly_all_drawn_tokens_are_found():
    letters, rng = string.ascii_letters + string.digits, random.Random(5)
    tokens = ["".join(rng.choices(letters, k=rng.randint(32, 64))) for _ in range(1000)]

    found = [secret_in(f"Keep {token} somewhere.") for token in tokens]

    assert found.count("a long random token") > 950


@pytest.mark.parametrize(
    "piece",
    [
        "password ", "password: ", "password for ", "pin ", "4111 ", "1 ", "1", "a", "aB3", "://a:",
        "bearer ", "login a / ", "login\n", "login for ", "user/pass: a ", "u: a p: b ",
        "eyJ",
        "eyJa.", "-----BEGIN ", "DE89", "DE89 ", "-u a:", "?key=", "abandon ", "key-", "sk-", "token = (",
        "a:", "a:aB3d@b", "user a pass ", "wifi: ", "aB3d as the ", "password's ",
        'pass is "', "x" * 50 + " ",
    ],
)  # fmt: skip
def test_time_is_linear_in_the_text(piece):
    text = piece * (100_000 // len(piece))
    began = time.process_time()

    secret_in(text)

    assert time.process_time() - began < 2

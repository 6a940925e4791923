"""Labels in plain English for generated pages, and how people say them in a goal.

Other than the made-up words of `web_words`, which teach copying, these teach that a goal and a label need not
be the same letter for letter: "Show results" may be asked for as "show the results".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from . import words
from .web_words import Voice
from .words import phrases, pick

ACTS = """
    download print share copy rename archive export import move hide show open close start stop pause edit
    remove delete create send read view check compare follow save report review translate upload refresh
    restore sync lock unlock mute watch play record book cancel renew extend invite approve reject assign
    schedule publish preview format merge split sort filter pin star flag block join leave
""".split()
THINGS = """
    report file photo video album song playlist invoice bill receipt ticket booking flight hotel room seat
    recipe article story comment message letter note draft document folder calendar event meeting task
    project team member user profile account password picture map route trip course lesson exam result score
    match player season channel station episode book chapter library museum gallery garden doctor patient
    appointment prescription insurance loan budget payment transfer statement card contract vacancy job
    application interview employee office printer camera phone laptop device battery network server database
    backup update version licence plugin theme font colour background language region currency weather
    forecast traffic news sport science health travel food music film fashion history culture economy
    politics education technology nature market stock offer discount voucher gift newsletter survey poll
    question answer forum group contact address city country region store branch partner sponsor press
    summary chart table list menu page sidebar shortcut reminder alarm timer goal plan subscription
""".split()
KINDS = """
    new old first last next current daily weekly monthly yearly public private shared personal local
    national general special free full short quick open closed hidden active saved recent popular favourite
    important urgent draft final main own all more detailed technical annual regional
""".split()
SITES = phrases("""
    About us | Contact | Contact us | Sign in | Sign up | Sign out | Log out | Register | Create account |
    My account | Help | Help centre | Support | Home | Start | Overview | Pricing | Plans | Careers | Blog |
    Privacy policy | Terms of use | Cookie settings | Accept all cookies | Reject all | Accept all |
    Learn more | Read more | See all | Show more | View details | Get started | Try it free | Download |
    Forgot password? | Reset password | Change password | Notifications | Settings | Preferences |
    Dark mode | Feedback | Site map | Accessibility | Directions | Opening hours | Subscribe | Donate |
    Products | Services | Solutions | Customers | Documentation | Community | Events | Gallery | Search |
    Go to checkout | Add to basket | Add to list | Add to favourites | Buy now | Compare | Undo | Redo
""")
VERBAL = frozenset(
    """sign log register create accept reject learn read see show view get try download forgot reset change
    subscribe donate search go add buy compare undo redo contact help""".split()
)
"""First words of `SITES` that are verbs."""


@dataclass(frozen=True)
class Label:
    """What a thing is called.

    Attributes:
        text: As the page has it.
        verb: The text begins with a verb, so that it can be said as an order.
    """

    text: str
    verb: bool


def label(rng: Random) -> Label:
    """A label of one to four words."""
    roll = rng.random()
    if roll < 0.25:
        text = rng.choice(SITES)
        return Label(_cased(text, rng), text.split()[0].lower() in VERBAL)
    if roll < 0.4:
        return Label(_cased(_plural(rng.choice(THINGS), rng), rng), False)
    if roll < 0.58:
        return Label(_cased(f"{rng.choice(KINDS)} {_plural(rng.choice(THINGS), rng)}", rng), False)
    if roll < 0.66:
        return Label(_cased(f"{rng.choice(THINGS)} {_plural(rng.choice(THINGS), rng)}", rng), False)
    if roll < 0.73:
        return Label(_cased(rng.choice(ACTS), rng), True)
    kind = f"{rng.choice(KINDS)} " if rng.random() < 0.25 else ""
    return Label(_cased(f"{rng.choice(ACTS)} {kind}{_plural(rng.choice(THINGS), rng)}", rng), True)


def labels(rng: Random, count: int, apart: Sequence[str] = ()) -> list[Label]:
    """So many labels, none the same as another."""
    found: list[Label] = []
    known = {text.lower() for text in apart}
    while len(found) < count:
        made = label(rng)
        if made.text.lower() not in known:
            found.append(made)
            known.add(made.text.lower())
    return found


def _plural(word: str, rng: Random) -> str:
    return words.plural(word) if rng.random() < 0.35 else word


def _cased(text: str, rng: Random) -> str:
    roll = rng.random()
    if roll < 0.75:
        return text[:1].upper() + text[1:]
    return text.title() if roll < 0.92 else text.lower()


def order(made: Label, role: str, voice: Voice) -> str:
    """How a person asks for a press on a thing, without a full stop."""
    rng = voice.rng
    text, plain = made.text, made.text.rstrip("?")
    noun = {"link": "link", "tab": "tab", "button": "button"}.get(role, "entry")
    roll = rng.random()
    if roll < 0.5:
        texts = f"""click {{what}} | press {{what}} | click on {{what}} | click the {{what}} {noun} |
            press the {noun} {{what}} | choose {{what}} | click the {noun} called {{what}}"""
        return pick(rng, texts).format(what=voice.quote(text))
    low = plain if rng.random() < 0.3 else plain.lower()
    if made.verb:
        first, _, rest = low.partition(" ")
        article = rng.choice(("the ", "the ", "this ", "my ", ""))
        tail = rng.choice(("", "", "", " please", " for me", " now", f" of the {rng.choice(THINGS)}"))
        return f"{first} {article if rest and rest.split()[0] not in STUCK else ''}{rest}".strip() + tail
    texts = """open {what} | open the {what} | go to {what} | go to the {what} page | show me the {what} |
        take me to {what} | open the {what} section | I want to see the {what} | visit {what}"""
    return pick(rng, texts).format(what=low)


STUCK = frozenset("in up out all to more it free now started us details by".split())
"""Words behind a verb that stand no article between."""

NAMES = "Your name | Name | Full name | First and last name"
MAILS = "Email | Email address | E-mail | Your email | Your email address"


def person(rng: Random) -> str:
    """First and last name, capitalised."""
    return " ".join(word.capitalize() for word in words.person(rng))


def mail(rng: Random) -> str:
    """An address that leads nowhere."""
    name = rng.choice(words.FIRST) if rng.random() < 0.6 else words.fresh(rng)
    end = rng.choice(("org", "com", "net"))
    return f"{name}{rng.choice(('', '.', '_', '7', '22'))}@{words.fresh(rng)}.{end}"


def saying(rng: Random) -> str:
    """A few words that somebody writes."""
    said = [rng.choice(THINGS + KINDS + ACTS) for _ in range(rng.randint(1, 5))]
    return " ".join(said).capitalize() + rng.choice(("", "", ".", "?"))


def phone(rng: Random) -> str:
    """A number to call."""
    return "".join(str(rng.randint(0, 9)) for _ in range(rng.randint(6, 10)))


def town(rng: Random) -> str:
    """A place."""
    return words.fresh(rng).capitalize()


def login(rng: Random) -> str:
    """A user name or a password."""
    return words.fresh(rng) + rng.choice(("", str(rng.randint(1, 999))))


ENTRIES: tuple[tuple[str, str, str, Callable[[Random], str]], ...] = (
    (NAMES, "name", "textbox", person),
    (MAILS, "email", "textbox", mail),
    ("Phone | Phone number | Telephone | Mobile", "phone", "textbox", phone),
    ("City | Town | Place of birth", "city", "textbox", town),
    ("Street | Street and number", "street", "textbox", lambda rng: f"{town(rng)} {rng.randint(1, 99)}"),
    ("Postcode | ZIP code", "postcode", "textbox", lambda rng: str(rng.randint(10000, 99999))),
    ("Company | Organisation | Employer", "company", "textbox", town),
    ("Subject | Title | Topic", "subject", "textbox", saying),
    ("Message | Your message | Comment | Description", "message", "textbox", saying),
    ("Age | Your age", "age", "number", lambda rng: str(rng.randint(1, 99))),
    (
        "Amount | Number | How many | Guests | Tickets",
        "number",
        "number",
        lambda rng: str(rng.randint(1, 30)),
    ),
    ("Username | User name | Login name", "user name", "textbox", login),
    ("Password | Your password", "password", "password", login),
    ("Website | Link", "website", "textbox", lambda rng: f"www.{words.fresh(rng)}.com"),
)
"""Fields: labels in several wordings, what goals call them, role, and what is typed."""

"""Pages of several stages: messages that are opened and answered, offers that are searched and compared."""

from __future__ import annotations

from random import Random

from . import words
from .sites import Line
from .web_page import Form, Move, Page
from .web_words import Voice, caption, distinct, short, text_of
from .words import MONTHS, pick

EXTREMES = (
    ("cheapest", "cheap"),
    ("cheapest", "cheap"),
    ("most expensive", "cheap"),
    ("shortest", "short"),
    ("shortest", "short"),
    ("longest", "short"),
    ("earliest", "early"),
    ("latest", "early"),
)
"""What an offer may be the most of, and on which scale."""


class Offers(Page):
    """Offers with price, length and time; the least or most of one is taken, after a search at times."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.count = rng.randint(2, 6)
        prices = rng.sample(range(20, 2000), self.count)
        minutes = rng.sample(range(20, 1900), self.count)
        starts = rng.sample(range(0, 1440, 5), self.count)
        self.rows: list[list[Line]] = []
        in_button, layout = rng.random() < 0.5, pick(rng, "lines | row")
        verb, unit = pick(rng, "Book | Take | Choose | Select | Buy"), pick(rng, "$ | $ | € | £")
        for index in range(self.count):
            lasts = f"{minutes[index] // 60}h {minutes[index] % 60}m"
            clock = f"{starts[index] // 60}:{starts[index] % 60:02}"
            item = self.thing(
                f"o{index}", "button", f"{verb} for {unit}{prices[index]}" if in_button else verb
            )
            price = [] if in_button else [f"{unit}{prices[index]}"]
            if layout == "row":
                self.rows.append([[f"leaves {clock}", lasts, *price, item]])
            else:
                self.rows.append(
                    [["Departure:"], [clock], ["Duration:"], [lasts], *([part] for part in price), [item]]
                )
        voice = Voice(rng)
        scales = {"cheap": prices, "short": minutes, "early": starts}
        word, scale = rng.choice(EXTREMES)
        by, most = scales[scale], word in ("most expensive", "longest", "latest")
        place = by.index(max(by) if most else min(by))
        self.target = f"o{place}"
        self.guarded = {f"o{index}" for index in range(self.count)}
        self.want: dict[str, str] = {}
        self.found = rng.random() < 0.4
        if self.found:
            noun = pick(rng, "ticket | connection | offer | trip")
            self.goal = voice.say(
                """take the {word} {noun} | book the {word} {noun} |
                press the button of the {word} {noun} | which {noun} is the {word}? Choose it""",
                word=word,
                noun=noun,
            )
        else:
            self._ask(voice, word)

    def _ask(self, voice: Voice, word: str) -> None:
        rng = self.rng
        start, end = distinct(rng, 2, lambda rng: words.fresh(rng).capitalize())
        month, day, year = rng.randint(1, 12), rng.randint(1, 28), rng.randint(2015, 2032)
        plain = rng.random() < 0.6
        when = f"{month:02}/{day:02}/{year}" if plain else f"{day} {MONTHS[month - 1].capitalize()} {year}"
        self.field("from", pick(rng, "From | From: | Origin | Leaving from"))
        self.field("to", pick(rng, "To | Destination | Going to"))
        self.field("when", pick(rng, "Date | Departure date | Day"))
        self.want = {"from": start, "to": end, "when": when}
        self.thing("go", "button", pick(rng, "Search | Find | Show | Go"))
        self.goal = voice.say(
            """book the {word} trip from {start} to {end} on {when} |
                find the {word} way from {start} to {end} for {when} and take it |
                from {start} to {end}, {when}: choose the {word} |
                I go to {end} from {start} on {when}. Take the {word} ticket""",
            word=word,
            start=voice.quote(start),
            end=voice.quote(end),
            when=voice.quote(when),
        )

    def lines(self) -> list[Line]:
        if self.found:
            return [line for row in self.rows for line in row]
        return [*[line for tag in self.want for line in self.shown(tag)], [self.items["go"]]]

    def move(self) -> Move:
        if self.found:
            return Move("click", self.target)
        missing = next((tag for tag, value in self.want.items() if self.held(tag) != value), "")
        return Move("type", missing, self.want[missing]) if missing else Move("click", "go")

    def pressed(self, tag: str) -> None:
        if tag == "go":
            self.found = all(self.held(wanted) == value for wanted, value in self.want.items())
        else:
            self.reached = tag == self.target


DOMAINS: tuple[tuple[tuple[str, str, str], str], ...] = (
    (
        ("Subject | Topic | About", "Author | Author name | Writer", "Year | Published in | Year of print"),
        """look for {one} books written by {two} in {three} | find {one} books by {two} from {three} |
        search the books: subject {one}, author {two}, year {three}""",
    ),
    (
        ("Genre | Kind", "Director | Director name | Directed by", "Year | Released"),
        """show {one} films by the director {two} of the year {three} |
        find {one} films that {two} directed in {three} | a film search: {one}, by {two}, {three}""",
    ),
    (
        ("Town | City | Place", "Rooms | Number of rooms", "Rent | Most rent | Price"),
        """find flats in {one} with {two} rooms for {three} at most |
        I look for {two} rooms in {one}, rent {three} | search a flat: {one}, {two} rooms, up to {three}""",
    ),
    (
        ("Position | Job title | Work as", "Company | Employer", "Place | Town | Where"),
        """look for work as {one} at {two} in {three} | search {one} jobs with {two} in {three} |
        find a job: {one}, company {two}, place {three}""",
    ),
)
"""Things that are searched for: labels of the three fields in several wordings, and how goals say them."""


class Lookup(Form):
    """A search form whose labels are not said in the goal; its order and layout differ each time."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        slots, texts = rng.choice(DOMAINS)
        voice = Voice(rng)
        counted = ("Year", "Rooms", "Rent")
        values = [str(rng.randint(1, 3000)) if names.startswith(counted) else short(rng) for names in slots]
        order = list(range(3))
        rng.shuffle(order)
        self.head: list[Line] = [[caption(rng)]] if rng.random() < 0.4 else []
        for at in order:
            self.field(f"f{at}", pick(rng, slots[at]))
            self.want[f"f{at}"] = values[at]
        button = pick(rng, "Search | Search | Find | Submit | Go")
        self.foot = self.sender(button)
        one, two, three = map(voice.quote, values)
        self.goal = voice.say(texts, one=one, two=two, three=three)

    def lines(self) -> list[Line]:
        return [
            *self.head,
            *[line for tag in self.want for line in self.shown(tag)],
            *self.noted(),
            *self.foot,
        ]


class Mixed(Form):
    """A form of several kinds of fields, filled from what the goal lists in any order."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.tags: list[str] = []
        labels = distinct(rng, rng.randint(2, 7))
        said: list[str] = []
        voice = Voice(rng)
        way = pick(
            rng,
            """{label}: {value} | {label} = {value} | {value} as {label} | {label} {value} |
            {label} is {value}""",
        )
        for index, label in enumerate(labels):
            kind = pick(rng, "text | text | text | number | select | radio | box")
            value = self._add(f"f{index}", label, kind)
            if kind == "box":
                said.append(f"{'tick' if value == 'on' else 'do not tick'} {voice.quote(label)}")
            elif value:
                said.append(
                    way.format(
                        label=label if rng.random() < 0.5 else voice.quote(label), value=voice.quote(value)
                    )
                )
        if not said:
            said.append("nothing to fill")
        rng.shuffle(said)
        button = pick(rng, SENDS_OF_FORMS)
        self.foot = self.sender(button)
        self.goal = voice.say(
            """fill in the form: {what}{then} | enter these: {what}{then} |
                {what}. Put that into the form{then} | complete the form with {what}{then}""",
            what=rng.choice((", ", "; ")).join(said),
            then=voice.then(button),
        )

    def _add(self, tag: str, label: str, kind: str) -> str:
        """Add a field; the value that it is to have, empty where the goal says nothing of it."""
        rng = self.rng
        skipped = kind != "box" and rng.random() < 0.1
        if kind in ("text", "number"):
            value = str(rng.randint(0, 500)) if kind == "number" else text_of(rng)
            self.field(tag, label, "number" if kind == "number" else "textbox")
            self.tags.append(tag)
        elif kind == "box":
            value = rng.choice(("on", "on", "off"))
            self.field(tag, label, "checkbox", rng.choice(("off", "off", "on")))
            self.tags.append(tag)
        else:
            options = distinct(rng, rng.randint(2, 5), short, [label])
            value = rng.choice(options)
            if kind == "select":
                self.field(tag, label, "select", rng.choice((options[0], "")), tuple(options))
                self.tags.append(tag)
            else:
                for option in options:
                    self.field(f"{tag}:{option}", option, "radio", "off")
                self.tags += [f"head {label}", *[f"{tag}:{option}" for option in options]]
                tag, value = f"{tag}:{value}", value
        if not skipped:
            self.want[tag] = "on" if kind == "radio" else value
        return "" if skipped else value

    def lines(self) -> list[Line]:
        made: list[Line] = []
        for tag in self.tags:
            if tag.startswith("head "):
                made.append([tag.removeprefix("head ")])
            else:
                made += self.shown(tag)
        return [*made, *self.noted(), *self.foot]


SENDS_OF_FORMS = "Submit | Submit | Save | Send | Register | Create | Apply | Continue | OK"

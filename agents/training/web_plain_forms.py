"""Everyday forms in plain English: settings, entries by their labels, lists that are added to, votes.

Many end without a button to press: then the goal is reached as soon as the fields hold what it says.
"""

from __future__ import annotations

from random import Random

from .sites import Item, Line
from .web_english import ENTRIES, KINDS, THINGS, label, labels, saying
from .web_page import Form, Move
from .web_plain import ABSENT, sentence
from .web_words import Voice
from .words import pick

SAVES = "Save | Save changes | Apply | Save settings | OK | Update | Confirm | Done"
SPARES = "Discard | Cancel | Reset | Back | Show results | Help"
CHOICES = (
    ("Language", "English | German | Spanish | Polish | Danish | Turkish | Greek | Hindi"),
    ("Size", "Small | Medium | Large | Extra large | XS | XL"),
    ("Theme", "Light | Dark | System | High contrast"),
    ("Country", "Norway | Kenya | Peru | Japan | Canada | Egypt | Chile | India"),
    ("Time zone", "London | Lagos | Lima | Tokyo | Oslo | Delhi"),
    ("Sort by", "Newest | Oldest | Name | Rating | Distance"),
    ("Priority", "Low | Normal | High | Urgent"),
    ("Who may see this", "Everyone | Friends only | Only me | Public | Private | Members"),
    ("Day", "Monday | Tuesday | Wednesday | Thursday | Friday | Saturday | Sunday"),
    ("Meal", "Breakfast | Lunch | Dinner | Snack"),
    ("Your answer", "Yes, always | Sometimes | Never | I do not know"),
)


def answer_of(rng: Random) -> str:
    """What a page says when a form was sent."""
    return pick(rng, "Thank you. | Saved. | Your changes were saved. | Sent. | We got it. | Done.")


class PlainForm(Form):
    """A form that says below what became of it."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.sends = False
        self.guarded = {"send"}
        self.body: list[Line] = []
        self.foot: list[Line] = []

    def button(self, name: str) -> None:
        """Add the button that sends, and at times another one."""
        self.foot = [[self.thing("send", "button", name)]]
        if self.rng.random() < 0.4:
            other = next(each for each in (pick(self.rng, SPARES) for _ in range(20)) if each != name)
            self.foot.insert(self.rng.randint(0, 1), [self.thing("spare", "button", other)])
            self.guarded.add("spare")

    def lines(self) -> list[Line]:
        return [*self.body, *self.foot, *([[self.note]] if self.note else [])]

    def move(self) -> Move:
        return Move("cannot") if self.absent else super().move()

    def changed(self, tag: str) -> None:
        if not self.sends and not self.absent:
            self.reached = not self.missing()

    def pressed(self, tag: str) -> None:
        if tag == "send":
            self.note = self.complaint if self.missing() else answer_of(self.rng)
            self.reached = not self.missing() and not self.absent


class Options(PlainForm):
    """Boxes, lists and radio buttons of which one or two are to be changed."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.style = "named"
        boxes = [each.text for each in labels(rng, rng.randint(0, 5) + 1)]
        chosen = rng.sample(CHOICES, rng.randint(not boxes[1:], 3))
        self.orders: dict[str, str] = {}
        self.aims: dict[str, str] = {}
        voice = Voice(rng)
        parts = [self._box(f"b{at}", text, voice) for at, text in enumerate(boxes[:-1])]
        parts += [self._choice(f"c{at}", *each, voice) for at, each in enumerate(chosen)]
        rng.shuffle(parts)
        self.body = [[label(rng).text]] if rng.random() < 0.7 else []
        self.body += [line for part in parts for line in part]
        self.absent = rng.random() < ABSENT
        self.guarded |= set(self.items)
        wanted = rng.sample(sorted(self.orders), min(len(self.orders), rng.choice((1, 1, 1, 2))))
        said = [self.orders[tag] for tag in wanted]
        self.want = {tag: self.aims[tag] for tag in wanted}
        if self.absent:
            said = [f"{pick(rng, 'turn on | switch on | enable | tick')} {voice.quote(boxes[-1])}"]
            self.want = {}
        self.sends = rng.random() < 0.65 or (bool(self.want) and not self.missing())
        name = pick(rng, SAVES)
        if self.sends or rng.random() < 0.4:
            self.button(name)
        then = (
            voice.then(name)
            if rng.random() < 0.6
            else pick(rng, ", then save | and save | and save the changes")
        )
        then = then if then[0] in ",." else f" {then.strip()}"
        self.goal = sentence(voice, " and ".join(said) + (then if self.sends else ""))

    def _box(self, tag: str, text: str, voice: Voice) -> list[Line]:
        rng = self.rng
        before = rng.choice(("on", "off"))
        item = self.field(tag, text, "checkbox", before)
        self.aims[tag] = "off" if before == "on" else "on"
        low = text.lower() if rng.random() < 0.5 else voice.quote(text)
        if before == "on":
            texts = """turn off {what} | switch off {what} | disable {what} | untick {what} | uncheck {what} |
                deselect {what}"""
        else:
            texts = """turn on {what} | switch on {what} | enable {what} | tick {what} | check {what} |
                select {what} | tick the box {what}"""
        self.orders[tag] = pick(rng, texts).format(what=low)
        return [[item]]

    def _choice(self, tag: str, name: str, listed: str, voice: Voice) -> list[Line]:
        rng = self.rng
        every = [each.strip() for each in listed.split("|")]
        options = rng.sample(every, rng.randint(2, len(every)))
        wanted = rng.choice(options)
        what, low = voice.quote(wanted), name if rng.random() < 0.3 else name.lower()
        if rng.random() < 0.5:
            item = self.field(tag, name, "select", rng.choice((*options, "")), tuple(options))
            self.aims[tag] = wanted
            texts = """set the {name} to {what} | change the {name} to {what} | choose {what} as {name} |
                select {what} | choose {name} {what} | {name}: {what}"""
            self.orders[tag] = pick(rng, texts).format(name=low, what=what)
            return [[item]]
        items: list[Item] = []
        for at, option in enumerate(options):
            items.append(self.field(f"{tag}:{at}", option, "radio", "off"))
        if rng.random() < 0.5:
            rng.choice(items).value = "on"
        aim = f"{tag}:{options.index(wanted)}"
        self.aims[aim] = "on"
        texts = """choose {what} | select {what} | pick {what} | vote for {what} | set {name} to {what} |
            make it {what} | take {what} for {name}"""
        self.orders[aim] = pick(rng, texts).format(name=low, what=what)
        head: list[Line] = [[name]] if rng.random() < 0.7 else []
        return [*head, *[[item] for item in items]]


class Entries(PlainForm):
    """Fields with everyday labels, filled with what the goal says in its own words."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        if rng.random() < 0.6:
            self.style = "named"
        kinds = rng.sample(ENTRIES, rng.randint(1, 5))
        voice = Voice(rng)
        self.body = [[label(rng).text]] if rng.random() < 0.6 else []
        if rng.random() < 0.3:
            self.body.append([saying(rng)])
        said: list[str] = []
        one = len(kinds) == 1 or rng.random() < 0.3
        only = rng.randrange(len(kinds))
        for at, (names, short, role, make) in enumerate(kinds):
            tag, name = f"f{at}", pick(rng, names)
            self.field(tag, name, role)
            self.body += self.shown(tag)
            if (one and at != only) or (not one and rng.random() < 0.1):
                continue
            value = make(rng)
            self.want[tag] = value
            said.append(self._said(voice, short if rng.random() < 0.6 else name, value, one))
        terms = rng.random() < 0.15
        if terms:
            box = pick(
                rng, "I agree to the terms | Keep me signed in | Remember me | Send me a copy | I am over 18"
            )
            self.body.append([self.field("box", box, "checkbox", "off")])
            if rng.random() < 0.6:
                self.want["box"] = "on"
                said.append(
                    f"tick {voice.quote(box)}" if rng.random() < 0.5 else box.removeprefix("I ").lower()
                )
        rng.shuffle(said)
        name = pick(
            rng,
            "Send | Send message | Submit | Save | Log in | Sign in | Register | Subscribe | Continue | Book",
        )
        self.sends = not self.want or rng.random() < 0.7
        if self.sends or rng.random() < 0.5:
            self.button(name)
        ways = (
            ("{what}",)
            if one
            else (
                "fill in the form: {what}",
                "enter {what}",
                "{what}",
                "fill in {what}",
                "complete the form with {what}",
            )
        )
        text = rng.choice(ways).format(what=", ".join(said) or "nothing")
        self.goal = sentence(voice, text + (voice.then(name) if self.sends else ""))

    def _said(self, voice: Voice, name: str, value: str, alone: bool) -> str:
        low = name if self.rng.random() < 0.3 else name.lower()
        low = low.removeprefix("your ").removeprefix("Your ")
        what = voice.quote(value)
        if alone:
            texts = """enter {what} as your {name} | type {what} into the {name} field |
                put {what} into {name} | set the {name} to {what} | write {what} as the {name} |
                enter the {name} {what}"""
        else:
            texts = "{name} {what} | {name} {what} | {name}: {what} | {what} as {name} | {name} is {what}"
        return pick(self.rng, texts).format(what=what, name=low)


class Adder(PlainForm):
    """A list that grows by what is typed and added, or a search that shows what was asked for."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.search = rng.random() < 0.5
        noun = rng.choice(THINGS)
        self.text = rng.choice(
            (rng.choice(THINGS), saying(rng).rstrip(".?"), f"{rng.choice(KINDS)} {rng.choice(THINGS)}")
        )
        hint = (
            f"New {noun}"
            if not self.search
            else pick(rng, "Search | Search here | What are you looking for? | Query")
        )
        role = "searchbox" if self.search and rng.random() < 0.6 else "textbox"
        self.field("text", hint, role)
        button = (
            pick(rng, "Search | Find | Go")
            if self.search
            else pick(rng, f"Add | Add {noun} | + | Create | Add to list")
        )
        self.thing("send", "button", button)
        self.rows = [saying(rng).rstrip(".?") for _ in range(rng.randint(0, 4))] if not self.search else []
        self.each = pick(rng, "Delete | Remove | Edit | none")
        for at in range(len(self.rows)):
            self.thing(f"r{at}", "button", self.each)
        self.guarded = set(self.items)
        self.told = False
        self.found: list[Line] = []
        self.target = ""
        voice = Voice(rng)
        what = voice.quote(self.text)
        if self.search:
            texts = """search for {what} | look for {what} | find {what} with the search box |
                type {what} and click {button}"""
        else:
            texts = """add the {noun} {what} | add {what} to the list | add {what} |
                type {what} into the field and click {button} | put {what} on the list"""
        said = pick(rng, texts).format(what=what, noun=noun, button=button)
        made = labels(rng, rng.randint(1, 4), [self.text])
        self.results = [self.thing(f"l{at}", "link", each.text) for at, each in enumerate(made)]
        self.opens = self.search and rng.random() < 0.5
        if self.opens:
            self.target = f"l{rng.randrange(len(self.results))}"
            name = voice.quote(self.items[self.target].name)
            said += pick(rng, ", then click {} |, and open the result {} |, then open {}").format(name)
        self.goal = sentence(voice, said)

    def lines(self) -> list[Line]:
        listed: list[Line] = []
        for at, row in enumerate(self.rows):
            button = self.items.get(f"r{at}")
            listed.append([row, button] if button and self.each != "none" else [row])
        return [[self.title], *self.shown("text"), [self.items["send"]], *listed, *self.found]

    def move(self) -> Move:
        if self.found:
            return Move("click", self.target)
        return Move("click", "send") if self.held("text") == self.text else Move("type", "text", self.text)

    def changed(self, tag: str) -> None:
        """Only the button does something."""

    def pressed(self, tag: str) -> None:
        if tag == "send" and self.held("text") == self.text:
            if self.search:
                self.found = [[item] for item in self.results]
            else:
                self.rows.append(self.text)
                self.items["text"].value = ""
            self.reached = not self.opens
        elif tag == self.target and self.found:
            self.reached = True

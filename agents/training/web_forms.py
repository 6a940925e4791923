"""Pages with one or two kinds of fields: boxes to tick, choices, texts, passwords, dates, times."""

from __future__ import annotations

from random import Random

from . import words
from .sites import Line
from .web_page import Form, Move
from .web_words import SENDS, Voice, caption, cased, code, distinct, ordinal, prose, short, text_of
from .words import MONTHS, pick


class Boxes(Form):
    """Boxes to tick by their labels, some of them ticked already."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        names = distinct(rng, rng.randint(2, 14 if rng.random() < 0.3 else 6))
        most = min(len(names), 9)
        wanted = rng.sample(names, rng.choice((0, 1, 1, 2, 2, 3, rng.randint(1, most))) if most > 2 else 1)
        on = [name for name in names if rng.random() < 0.15][:3]
        self.names = names
        for index, name in enumerate(names):
            self.field(f"box{index}", name, "checkbox", "on" if name in on else "off")
            if name in on and name not in wanted:
                self.want[f"box{index}"] = "off"
        self.want |= {f"box{names.index(name)}": "on" for name in wanted}
        self.want |= {f"box{index}": "off" for index, name in enumerate(names) if name not in wanted}
        button, voice = pick(rng, SENDS), Voice(rng)
        self.foot = self.sender(button)
        self.head: list[Line] = [[prose(rng)]] if rng.random() < 0.2 else []
        if wanted:
            texts = """tick {what}{then} | check {what}{then} | select {what}{then} |
                choose {what}{then} | mark exactly these: {what}{then} |
                only {what} should be ticked{then} | turn on {what} and nothing else{then}"""
        else:
            texts = """leave every box empty{then} | tick nothing{then} | select nothing{then} |
                none of the boxes may be ticked{then}"""
        self.goal = voice.say(texts, what=voice.listed(wanted), then=voice.then(button))

    def lines(self) -> list[Line]:
        shown = [line for index in range(len(self.names)) for line in self.shown(f"box{index}")]
        return [*self.head, *shown, *self.noted(), *self.foot]


class Untick(Form):
    """Some ticked boxes are to be off; the others stay as they are."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.names = distinct(rng, rng.randint(2, 8))
        on = [name for name in self.names if rng.random() < 0.6] or self.names[:1]
        off = rng.sample(on, rng.randint(1, min(3, len(on))))
        for index, name in enumerate(self.names):
            self.field(f"box{index}", name, "checkbox", "on" if name in on else "off")
        self.want = {f"box{self.names.index(name)}": "off" for name in off}
        button, voice = pick(rng, SENDS), Voice(rng)
        self.foot = self.sender(button)
        self.guarded |= {f"box{index}" for index, name in enumerate(self.names) if name not in off}
        self.goal = voice.say(
            """untick {what}{then} | uncheck {what}{then} | switch off {what}{then} |
                remove the tick from {what}{then} | deselect {what}{then}""",
            what=voice.listed(off),
            then=voice.then(button),
        )

    def lines(self) -> list[Line]:
        shown = [line for index in range(len(self.names)) for line in self.shown(f"box{index}")]
        return [*shown, *self.noted(), *self.foot]


class Choice(Form):
    """One of several options, as radio buttons or in a list."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.names = distinct(rng, rng.randint(2, 8))
        wanted, button, voice = rng.choice(self.names), pick(rng, SENDS), Voice(rng)
        self.listed = rng.random() < 0.4
        label = pick(rng, "Size | Colour | Kind | Plan | Group | Item | Choice") if rng.random() < 0.6 else ""
        if self.listed:
            self.field("list", label, "select", rng.choice((self.names[0], "")), tuple(self.names))
            self.want = {"list": wanted}
        else:
            first = rng.choice(self.names) if rng.random() < 0.2 else ""
            for index, name in enumerate(self.names):
                self.field(f"pick:{index}", name, "radio", "on" if name == first else "off")
            self.want = {f"pick:{self.names.index(wanted)}": "on"}
        self.foot = self.sender(button)
        self.goal = voice.say(
            """select {what}{then} | choose {what}{then} | pick {what}{then} |
                take the option {what}{then} | set the choice to {what}{then} |
                I want {what}. Choose it{then}""",
            what=voice.quote(wanted),
            then=voice.then(button),
        )

    def lines(self) -> list[Line]:
        tags = ["list"] if self.listed else [f"pick:{index}" for index in range(len(self.names))]
        return [*[line for tag in tags for line in self.shown(tag)], *self.noted(), *self.foot]


class OneText(Form):
    """A text for the one field that there is, as it is quoted or in other letters."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        text, button, voice = text_of(rng), pick(rng, SENDS), Voice(rng)
        self.field("text", rng.choice(("", caption(rng))), rng.choice(("textbox", "textbox", "searchbox")))
        self.foot = self.sender(button)
        way = pick(rng, "as | as | upper | lower")
        self.want = {"text": {"as": text, "upper": text.upper(), "lower": text.lower()}[way]}
        texts = {
            "as": """enter {what} into the text field{then} | type {what}{then} |
                write {what} in the field{then} | put {what} into the box{then} | fill in {what}{then} |
                the field should hold {what}{then}""",
            "upper": """type {what} in upper case{then} | enter {what} in capital letters{then} |
                write {what} in all upper case letters{then} | put {what} into the box, all capitals{then}""",
            "lower": """type {what} in lower case{then} | enter {what} in small letters{then} |
                write {what} in all lower case letters{then} |
                put {what} into the box, without capitals{then}""",
        }[way]
        self.goal = voice.say(texts, what=voice.quote(text), then=voice.then(button))

    def lines(self) -> list[Line]:
        return [*self.shown("text"), *self.noted(), *self.foot]


class LabelledText(Form):
    """One field among several by its label, or by its place."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        count = rng.randint(2, 6)
        labels, text, button, voice = distinct(rng, count), text_of(rng), pick(rng, SENDS), Voice(rng)
        for index, label in enumerate(labels):
            self.field(f"f{index}", label, "textbox", short(rng) if rng.random() < 0.12 else "")
        place = rng.randrange(count)
        self.want, self.count = {f"f{place}": text}, count
        self.foot = self.sender(button)
        where = {"what": voice.quote(text), "label": voice.quote(labels[place]), "then": voice.then(button)}
        texts = """enter {what} into {label}{then} | type {what} in the field {label}{then} |
            {label} should be {what}{then} | set {label} to {what}{then} |
            write {what} in the {label} box{then} | fill the field labelled {label} with {what}{then}"""
        if rng.random() < 0.3:
            where["label"] = ordinal(place + 1, rng)
            texts = """enter {what} into the {label} field{then} |
                type {what} in the {label} text box{then} | write {what} in the {label} input{then}"""
            if place == count - 1 and rng.random() < 0.3:
                where["label"] = "last"
        self.goal = voice.say(texts, **where)

    def lines(self) -> list[Line]:
        return [
            *[line for index in range(self.count) for line in self.shown(f"f{index}")],
            *self.noted(),
            *self.foot,
        ]


class Login(Form):
    """User name and password, quoted."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.style = pick(rng, "named | before | before | row")
        user = rng.choice((words.fresh(rng), short(rng), f"{words.fresh(rng)}@{words.fresh(rng)}.com"))
        password, voice = code(rng, 2, 9), Voice(rng)
        name = pick(rng, "Username | User name | User | Login | Name | Email | Account")
        secret = pick(rng, "Password | Password | Pass | PIN | Passphrase")
        self.field("user", name)
        self.field("pass", secret, "password")
        self.tags = ["user", "pass"]
        self.want = {"user": user, "pass": password}
        if rng.random() < 0.2:
            self.field("keep", pick(rng, "Remember me | Keep me signed in"), "checkbox", "off")
            self.tags.append("keep")
            self.guarded.add("keep")
        button = pick(rng, "Login | Log in | Sign in | OK | Submit | Enter | Continue | Go")
        self.foot = self.sender(button)
        said = button.lower() if rng.random() < 0.5 else pick(rng, "login | log in | sign in | submit")
        self.goal = voice.say(
            f"""enter the {name.lower()} {{user}} and the {secret.lower()} {{word}}, then press {said} |
                log in as {{user}} with {secret.lower()} {{word}} | sign in with {{user}} and {{word}} |
                type {{user}} and {{word}} into the text fields and press {said} |
                use {{user}} as {name.lower()} and {{word}} as {secret.lower()} to get in |
                my {name.lower()} is {{user}}, my {secret.lower()} is {{word}}. Log me in""",
            user=voice.quote(user),
            word=voice.quote(password),
        )

    def lines(self) -> list[Line]:
        return [*[line for tag in self.tags for line in self.shown(tag)], *self.noted(), *self.foot]


class Twice(Form):
    """One text into two or three fields: a password and its repetition."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.style = pick(rng, "named | before | before | row")
        word, button, voice = code(rng, 2, 9), pick(rng, SENDS), Voice(rng)
        role, noun = (
            ("password", "password") if rng.random() < 0.75 else ("textbox", pick(rng, "email | code | name"))
        )
        again = pick(rng, f"Verify {noun} | Repeat {noun} | Confirm {noun} | {noun} again | Once more")
        for tag, label in (("one", cased(noun, rng)), ("two", again)):
            self.field(tag, label, role)
            self.want[tag] = word
        self.foot = self.sender(button)
        self.goal = voice.say(
            f"""enter the {noun} {{word}} into both fields{{then}} |
                set the {noun} to {{word}} (twice){{then}} |
                type {{word}} as {noun} and repeat it{{then}} |
                choose {{word}} as your new {noun}{{then}} | fill both boxes with {{word}}{{then}}""",
            word=voice.quote(word),
            then=voice.then(button),
        )

    def lines(self) -> list[Line]:
        return [*self.shown("one"), *self.shown("two"), *self.noted(), *self.foot]


class Copied(Form):
    """What the page shows has to be typed: the only text, the one behind a label, or spelled in pieces."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        button, voice = pick(rng, SENDS), Voice(rng)
        self.field("text", rng.choice(("", "", caption(rng))))
        if self.labels["text"] == "":
            self.style = "named"
            self.items["text"].name = rng.choice(("", "tt", "answer", "code", "input"))
        way = pick(rng, "whole | pieces | label | label")
        text = text_of(rng)
        then = voice.then(button)
        self.head: list[Line] = [[text]]
        if way == "whole":
            texts = """type the text that is shown{then} |
                copy the text of the page into the field{then} | enter the text above the field{then} |
                type what you read into the box{then}"""
        elif way == "pieces":
            text = code(rng, 3, 6)
            self.head = [[text]]
            texts = """type the letters shown on the page as one word{then} |
                enter the characters below without blanks{then} | copy the code from the picture{then}"""
        else:
            labels = distinct(rng, rng.randint(2, 5))
            texts_shown = distinct(rng, len(labels), text_of, labels)
            rows: list[Line] = [
                [f"{one}: {two}"] if rng.random() < 0.5 else [one, two]
                for one, two in zip(labels, texts_shown, strict=True)
            ]
            self.head = rows
            place = rng.randrange(len(labels))
            text = texts_shown[place]
            label = voice.quote(labels[place])
            texts = ""
            self.goal = voice.say(
                """type what {label} shows{then} | copy the text beside {label} into the field{then} |
                    enter the text that stands at {label}{then} |
                    the field has to hold the text of {label}{then}""",
                label=label,
                then=then,
            )
        if texts:
            self.goal = voice.say(texts, then=then)
        self.want = {"text": text}
        self.foot = self.sender(button, 0.1)

    def lines(self) -> list[Line]:
        return [*self.head, *self.shown("text"), *self.noted(), *self.foot]


class DateTyped(Form):
    """A date or a time for a field, typed as the goal has it; the field holds it in its own form."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        button, voice = pick(rng, SENDS), Voice(rng)
        then = voice.then(button)
        if rng.random() < 0.55:
            year, month, day = rng.randint(1990, 2035), rng.randint(1, 12), rng.randint(1, 28)
            name = MONTHS[month - 1].capitalize()
            said = rng.choice(
                (
                    f"{month:02}/{day:02}/{year}",
                    f"{month:02}/{day:02}/{year}",
                    f"{day} {name} {year}",
                    f"{name} {day}, {year}",
                    f"{year}-{month:02}-{day:02}",
                )
            )
            self.field("when", rng.choice(("", "Date", "Day", "Date of birth", "Departure")), "date")
            self.want = {"when": f"{year:04}-{month:02}-{day:02}"}
            self.goal = voice.say(
                """enter {what} as the date{then} | set the date to {what}{then} |
                    the date is {what}. Enter it{then} | pick {what}{then}""",
                what=voice.quote(said),
                then=then,
            )
        else:
            hour, minute = rng.randint(0, 23), rng.randint(0, 59)
            half, shown = (
                rng.choice((" AM", "am", " a.m.")) if hour < 12 else rng.choice((" PM", "pm", " p.m.")),
                (hour - 1) % 12 + 1,
            )
            said = f"{shown}:{minute:02}{half}" if rng.random() < 0.75 else f"{hour:02}:{minute:02}"
            self.field("when", rng.choice(("", "Time", "Start", "At")), "textbox")
            self.want = {"when": f"{hour:02}:{minute:02}"}
            self.goal = voice.say(
                """enter {what} as the time{then} | set the time to {what}{then} |
                    it starts at {what}. Enter the time{then} | make it {what} by the clock{then}""",
                what=voice.quote(said),
                then=then,
            )
        if not self.labels["when"]:
            self.style = "named"
            self.items["when"].name = rng.choice(("tt", "date", "when", ""))
        self.said = said
        self.foot = self.sender(button)

    def move(self) -> Move:
        move = super().move()
        return Move("type", "when", self.said) if move.verb == "type" and move.tag == "when" else move

    def put(self, tag: str, text: str) -> None:
        super().put(tag, self.want[tag] if tag == "when" and text == self.said else text)

    def lines(self) -> list[Line]:
        return [*self.shown("when"), *self.noted(), *self.foot]


class Counted(Form):
    """Values for all fields in their order, as the goal lists them."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.count = rng.randint(2, 4)
        texts = distinct(rng, self.count, short)
        button, voice = pick(rng, SENDS), Voice(rng)
        for index, text in enumerate(texts):
            self.field(
                f"f{index}",
                "" if rng.random() < 0.5 else short(rng),
                rng.choice(("textbox", "textbox", "textbox", "searchbox")),
            )
            self.want[f"f{index}"] = text
        self.foot = self.sender(button)
        self.goal = voice.say(
            """type {what} into the fields, from top to bottom{then} |
                fill the fields in order with {what}{then} | enter {what}, one in each box{then}""",
            what=voice.listed(texts),
            then=voice.then(button),
        )

    def lines(self) -> list[Line]:
        return [
            *[line for index in range(self.count) for line in self.shown(f"f{index}")],
            *self.noted(),
            *self.foot,
        ]

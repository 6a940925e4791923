"""Pages where something is counted or stepped: counters, odd and even, calendars, numbers in order."""

from __future__ import annotations

from calendar import monthcalendar
from random import Random

from .sites import Line
from .web_page import Form, Move, Page
from .web_words import SENDS, Voice, caption, text_of
from .words import MONTHS, pick

WEEK = ("Su | Mo | Tu | We | Th | Fr | Sa", "Mo | Tu | We | Th | Fr | Sa | Su", "M | T | W | T | F | S | S")


class Counter(Page):
    """A number that goes up and down by a button each."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.value = rng.randint(-2, 30)
        self.wanted = self.value + rng.choice((-4, -3, -2, -1, 1, 2, 3, 4, 5))
        up, down = rng.choice(
            (("+", "-"), ("Up", "Down"), ("▲", "▼"), ("More", "Less"), ("Add one", "Take one"), ("+", "−"))
        )
        role = pick(rng, "button | button | other")
        self.thing("up", role, up)
        self.thing("down", role, down)
        self.label = caption(rng)
        self.shape = pick(rng, "between | behind | field")
        self.field("box", self.label, "textbox", str(self.value))
        self.style = "named" if self.shape == "field" else self.style
        self.items["box"].name = self.label
        self.sends = rng.random() < 0.6
        button = pick(rng, SENDS)
        self.thing("send", "button", button)
        self.guarded = {"send"}
        voice = Voice(rng)
        then = voice.then(button) if self.sends else ""
        self.goal = voice.say(
            """set {label} to {value} with the buttons{then} | bring {label} to {value}{then} |
                press until {label} is {value}{then} | {label} should read {value}. Use the buttons{then}""",
            label=voice.quote(self.label),
            value=str(self.wanted),
            then=then,
        )

    def lines(self) -> list[Line]:
        up, down = self.items["up"], self.items["down"]
        self.items["box"].value = str(self.value)
        foot: list[Line] = [[self.items["send"]]] if self.sends else []
        if self.shape == "field":
            return [[down], [self.items["box"]], [up], *foot]
        text = str(self.value)
        return [
            [self.label],
            *([[down], [text], [up]] if self.shape == "between" else [[text], [up], [down]]),
            *foot,
        ]

    def put(self, tag: str, text: str) -> None:
        """The field is filled by the buttons alone."""

    def move(self) -> Move:
        if self.value != self.wanted:
            return Move("click", "up" if self.value < self.wanted else "down")
        return Move("click", "send")

    def pressed(self, tag: str) -> None:
        if tag in ("up", "down"):
            self.value += 1 if tag == "up" else -1
            self.reached = not self.sends and self.value == self.wanted
        elif tag == "send":
            self.reached = self.value == self.wanted


class Parity(Page):
    """Each number is marked as odd or even, or as more or less than another one."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.numbers = [
            rng.randint(-20 if rng.random() < 0.3 else 0, rng.choice((9, 99, 999)))
            for _ in range(rng.randint(1, 5))
        ]
        self.radios = rng.random() < 0.5
        self.told = self.radios
        self.mark, self.rule = rng.choice((("Odd", "Even"), ("Odd", "Even"), ("odd", "even"))), 0
        if rng.random() < 0.3:
            self.rule = rng.randint(2, 60)
            self.mark = rng.choice((("More", "Less"), ("above", "below"), ("Greater", "Smaller")))
            self.numbers = [number + (number == self.rule) for number in self.numbers]
        self.layout = pick(rng, "row | around | after")
        for index in range(len(self.numbers)):
            for at, name in enumerate(self.mark):
                if self.radios:
                    self.field(f"n{index}:{at}", name, "radio", "off")
                else:
                    self.thing(f"n{index}:{at}", "button", name)
        self.done = 0
        button = pick(rng, SENDS)
        self.thing("send", "button", button)
        self.guarded = set(self.items) if not self.radios else {"send"}
        voice = Voice(rng)
        then = voice.then(button)
        one, two = self.mark[0].lower(), self.mark[1].lower()
        if self.rule:
            self.goal = voice.say(
                f"""mark each number as {one} or {two} than {self.rule}{{then}} |
                for every number, say whether it is {one} or {two} in comparison with {self.rule}{{then}} |
                compare the numbers with {self.rule}, {one} or {two}{{then}}""",
                then=then,
            )
        else:
            self.goal = voice.say(
                """say of each number whether it is odd or even{then} |
                mark every number as odd or even{then} | odd or even? Answer for all numbers{then}""",
                then=then,
            )

    def right(self, index: int) -> str:
        """The tag of the right answer for a number."""
        number = self.numbers[index]
        first = number > self.rule if self.rule else number % 2 == 1
        return f"n{index}:{0 if first else 1}"

    def lines(self) -> list[Line]:
        made: list[Line] = []
        for index, number in enumerate(self.numbers):
            one, two = self.items[f"n{index}:0"], self.items[f"n{index}:1"]
            row: Line = [one, str(number), two] if self.layout == "around" else [str(number), one, two]
            made += [row] if self.layout == "row" else [[part] for part in row]
        return [*made, [self.items["send"]]]

    def move(self) -> Move:
        if not self.radios:
            return Move("click", self.right(self.done) if self.done < len(self.numbers) else "send")
        for index in range(len(self.numbers)):
            if self.held(self.right(index)) != "on":
                return Move("click", self.right(index))
        return Move("click", "send")

    def pressed(self, tag: str) -> None:
        if tag == "send":
            marked = all(self.held(self.right(index)) == "on" for index in range(len(self.numbers)))
            self.reached = marked if self.radios else self.done == len(self.numbers)
        elif tag[0] == "n":
            self.done += 1


class Calendar(Page):
    """A day in a calendar that is turned by the month; it may have to be opened, and fills a field."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.month = rng.randint(1, 12) + 12 * rng.randint(2012, 2030)
        self.wanted = self.month + rng.choice((-5, -3, -2, -1, -1, 0, 0, 1, 1, 2, 3, 5))
        self.day = rng.randint(1, 28)
        role = pick(rng, "link | link | button | other")
        for day in range(1, 32):
            self.thing(f"d{day}", role, str(day))
        back, ahead = rng.choice(
            (
                ("Prev", "Next"),
                ("Prev", "Next"),
                ("<", ">"),
                ("‹", "›"),
                ("Previous month", "Next month"),
                ("«", "»"),
            )
        )
        turn = pick(rng, "other | link | button")
        self.thing("back", turn, back)
        self.thing("ahead", turn, ahead)
        self.week = rng.choice(WEEK).split(" | ")
        year, month = self._date(self.wanted)
        name = MONTHS[month - 1].capitalize()
        self.form = rng.choice(
            (
                f"{month:02}/{self.day:02}/{year}",
                f"{month:02}/{self.day:02}/{year}",
                f"{self.day:02}.{month:02}.{year}",
                f"{year}-{month:02}-{self.day:02}",
            )
        )
        self.filled = rng.random() < 0.7
        self.open = not self.filled or rng.random() < 0.2
        self.field("date", rng.choice(("", "Date", "Day", "When")))
        if not self.labels["date"]:
            self.style, self.items["date"].name = "named", pick(rng, "datepicker | date | day | when")
        self.items["date"].value = ""
        button = pick(rng, SENDS)
        self.thing("send", "button", button)
        self.guarded = {"send"}
        voice = Voice(rng)
        said = rng.choice(
            (
                f"{month:02}/{self.day:02}/{year}",
                f"{self.day} {name} {year}",
                f"{name} {self.day}, {year}",
                self.form,
            )
        )
        self.goal = voice.say(
            """select {what} as the date{then} | pick {what} in the calendar{then} |
                choose the day {what}{then} | the date should be {what}{then}""",
            what=voice.quote(said),
            then=voice.then(button) if self.filled else "",
        )

    def _date(self, month: int) -> tuple[int, int]:
        return (month - 1) // 12, (month - 1) % 12 + 1

    def lines(self) -> list[Line]:
        made: list[Line] = self.shown("date") if self.filled else []
        foot: list[Line] = [[self.items["send"]]] if self.filled else []
        if not self.open:
            return [*made, *foot]
        year, month = self._date(self.month)
        weeks: list[Line] = [
            [self.items[f"d{day}"] for day in week if day] for week in monthcalendar(year, month)
        ]
        title: Line = [f"{MONTHS[month - 1].capitalize()} {year}"]
        return [*made, [self.items["back"]], [self.items["ahead"]], title, [*self.week], *weeks, *foot]

    def toward_day(self) -> Move:
        """Turn to the month, then take the day."""
        if self.month == self.wanted:
            return Move("click", f"d{self.day}")
        return Move("click", "ahead" if self.month < self.wanted else "back")

    def move(self) -> Move:
        if self.filled and self.held("date") == self.form:
            return Move("click", "send")
        return self.toward_day() if self.open else Move("click", "date")

    def pressed(self, tag: str) -> None:
        if tag == "date":
            self.open = True
        elif tag in ("back", "ahead"):
            self.month += 1 if tag == "ahead" else -1
        elif tag == "send":
            self.reached = self.held("date") == self.form
        elif tag[0] == "d":
            self._choose(int(tag[1:]))

    def _choose(self, day: int) -> None:
        year, month = self._date(self.month)
        right = (self.month, day) == (self.wanted, self.day)
        if not self.filled:
            self.reached = right
            return
        self.items["date"].value = self.form if right else f"{month:02}/{day:02}/{year}"
        self.open = False


class EnterKey(Form):
    """A text that is sent by the Enter key, or a box that Escape closes."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        text, voice = text_of(rng), Voice(rng)
        self.field(
            "text",
            rng.choice(("Search", "Message", "Name", caption(rng))),
            rng.choice(("textbox", "searchbox")),
        )
        self.want = {"text": text}
        self.goal = voice.say(
            """type {what} and press Enter | enter {what}, then hit the Enter key |
                write {what} into the field and press return | put in {what} and send it with Enter""",
            what=voice.quote(text),
        )
        self.foot = self.sender(pick(rng, "Cancel | Help | Clear")) if rng.random() < 0.3 else []
        self.guarded.add("send")

    def move(self) -> Move:
        tag = self.missing()
        return self.toward(tag, self.want[tag]) if tag else Move("press", "", "Enter")

    def keyed(self, key: str) -> None:
        self.reached = key == "Enter" and not self.missing()

    def pressed(self, tag: str) -> None:
        """Other things do nothing."""

    def lines(self) -> list[Line]:
        return [*self.shown("text"), *self.foot]

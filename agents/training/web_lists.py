"""Pages with rows: tables that are asked, buttons in each row, results, suggestions, long lists."""

from __future__ import annotations

from random import Random

from . import words
from .sites import Line
from .web_page import Form, Move, Page
from .web_words import SENDS, Voice, caption, code, distinct, ordinal, prose, short, text_of
from .words import pick

ACTS = """Follow | Mute | Pin | Greet | Rate | Note | Hide | Mark | Invite | Promote | Archive | Flag |
    Copy | Move | Open | Details | Remove from list | Thank | Vote | Repeat"""


def table(rng: Random, count: int) -> list[tuple[str, str]]:
    """Rows of a label and a value, all different."""
    labels = distinct(
        rng,
        count,
        lambda rng: (
            caption(rng)
            if rng.random() < 0.7
            else pick(
                rng,
                """Colour |
        Town | Country | First name | Born in | Language | Height | Number | Owner | Grade | Score""",
            )
        ),
    )
    values = distinct(rng, count, text_of, labels)
    return list(zip(labels, values, strict=True))


def as_lines(rng: Random, rows: list[tuple[str, str]]) -> list[Line]:
    """A table as a view prints it: a row each, or one line with a colon."""
    joined = rng.random() < 0.25
    head: list[Line] = [[caption(rng), caption(rng)]] if rng.random() < 0.2 else []
    made: list[Line] = [[f"{label}: {value}"] if joined else [label, value] for label, value in rows]
    return head + made


class Cell(Form):
    """The value of one row of a table is typed into a field."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        rows = table(rng, rng.randint(2, 8))
        self.table = as_lines(rng, rows)
        label, value = rng.choice(rows)
        self.field("text", rng.choice(("", "", "Answer", "Value", caption(rng))))
        if not self.labels["text"]:
            self.style = "named"
            self.items["text"].name = pick(rng, "tt | answer | input | value")
        self.want = {"text": value}
        button, voice = pick(rng, SENDS), Voice(rng)
        self.foot = self.sender(button)
        self.goal = voice.say(
            """type the value of {label} into the field{then} |
                enter what the table says for {label}{then} |
                copy the value of {label} from the table{then} | look up {label} and type it{then} |
                what is the {label}? Enter it{then}""",
            label=voice.quote(label),
            then=voice.then(button),
        )

    def lines(self) -> list[Line]:
        return [*self.table, *self.shown("text"), *self.noted(), *self.foot]


class Cells(Form):
    """Fields with the labels of a table's rows, to be filled from it."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        rows = table(rng, rng.randint(2, 7))
        self.table = as_lines(rng, rows)
        asked = rng.sample(rows, rng.randint(2, min(3, len(rows))))
        for index, (label, value) in enumerate(asked):
            self.field(f"f{index}", label)
            self.want[f"f{index}"] = value
        button, voice = pick(rng, SENDS), Voice(rng)
        self.foot = self.sender(button)
        self.goal = voice.say(
            """fill the form from the table{then} |
                enter for each label the value that the table has{then} |
                copy the values of the table into the fields of the same name{then} |
                complete the fields with what the table says{then}""",
            then=voice.then(button),
        )

    def lines(self) -> list[Line]:
        return [
            *self.table,
            *[line for tag in self.want for line in self.shown(tag)],
            *self.noted(),
            *self.foot,
        ]


class Asked(Page):
    """A value of the page is the answer; it may be behind a tab, a button or a section."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.blank = False
        count = rng.choice((1, 1, 2, 3))
        rows = table(rng, count * rng.randint(2, 4))
        size = len(rows) // count
        heads = distinct(rng, count, short, [label for label, _ in rows])
        self.tables = [as_lines(rng, rows[index * size : index * size + size]) for index in range(count)]
        role = pick(rng, "tab | button | link")
        self.heads = (
            [self.thing(f"t{index}", role, head) for index, head in enumerate(heads)] if count > 1 else []
        )
        self.open = 0
        self.place = rng.randrange(count)
        label, value = rng.choice(rows[self.place * size : self.place * size + size])
        self.answer = value
        self.reached = self.place == 0
        voice = Voice(rng)
        where = f" under {voice.quote(heads[self.place])}" if count > 1 else ""
        self.goal = voice.say(
            """what is the {label}{where}? | tell me the {label}{where} | find out the {label}{where} |
                answer with the value of {label}{where} | which {label} is given{where}? |
                look up {label}{where} and report it""",
            label=voice.quote(label),
            where=where,
        )

    def lines(self) -> list[Line]:
        heads: list[Line] = [[head] for head in self.heads]
        return [*heads, *self.tables[self.open]]

    def move(self) -> Move:
        return Move("click", f"t{self.place}")

    def pressed(self, tag: str) -> None:
        if tag.startswith("t"):
            self.open = int(tag[1:])
            self.reached = self.open == self.place


class Results(Page):
    """A search whose n-th result is to be opened; it may be on a later page of the results."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.query, self.size = text_of(rng), rng.randint(2, 4)
        total = rng.randint(self.size + 1, 12)
        titles = distinct(rng, total, apart=[self.query])
        for index, title in enumerate(titles):
            self.thing(f"r{index}", "link", title)
        self.texts = [prose(rng, 2, 7) if rng.random() < 0.6 else "" for _ in titles]
        self.total, self.last = total, (total - 1) // self.size
        self.numbered = rng.random() < 0.6
        for page in range(self.last + 1):
            self.thing(f"p{page}", "link", str(page + 1))
        self.thing("next", "link", pick(rng, "> | Next | Next page | › | »"))
        self.thing("prev", "link", pick(rng, "< | Previous | Back | ‹ | «"))
        self.field(
            "query",
            rng.choice(("", "Search", "Search text", "Query", "Keywords")),
            rng.choice(("textbox", "searchbox")),
        )
        button = self.thing("go", "button", pick(rng, "Search | Search | Go | Find"))
        self.page, self.asked = 0, ""
        self.marked = rng.random() < 0.6
        self.told = self.marked
        self.wanted = rng.randint(1, total)
        self.guarded = {tag for tag in self.items if tag[0] == "r"} | (
            {"next", "prev", "p0", "p1", "p2", "p3", "p4", "p5"} if not self.marked else set[str]()
        )
        voice = Voice(rng)
        self.goal = voice.say(
            f"""search for {{query}} and open the {{place}} result |
                type {{query}}, press {button.name} and click the {{place}} search result |
                look for {{query}}, then follow the {{place}} hit |
                find {{query}} and go to result number {self.wanted}""",
            query=voice.quote(self.query),
            place=ordinal(self.wanted, rng),
        )

    def lines(self) -> list[Line]:
        made: list[Line] = [*self.shown("query"), [self.items["go"]]]
        if not self.asked:
            return made
        first = self.page * self.size
        for index in range(first, min(first + self.size, self.total)):
            made.append([self.items[f"r{index}"]])
            if self.texts[index]:
                made.append([self.texts[index]])
        return [*made, *self._pages()]

    def _pages(self) -> list[Line]:
        here = f"{self.page + 1}"
        if self.numbered:
            pages = range(self.last + 1)
            return [
                [here] if self.marked and page == self.page else [self.items[f"p{page}"]] for page in pages
            ]
        ways: list[Line] = [[self.items["prev"]]] if self.page else []
        if self.marked:
            ways.append([f"Page {here} of {self.last + 1}"])
        if self.page < self.last:
            ways.append([self.items["next"]])
        return ways

    def move(self) -> Move:
        if self.held("query") != self.query:
            return Move("type", "query", self.query)
        if self.asked != self.query:
            return Move("click", "go")
        page = (self.wanted - 1) // self.size
        if page == self.page:
            return Move("click", f"r{self.wanted - 1}")
        if self.numbered:
            return Move("click", f"p{self.page + (1 if page > self.page else -1)}")
        return Move("click", "next" if page > self.page else "prev")

    def pressed(self, tag: str) -> None:
        if tag == "go":
            self.asked, self.page = self.held("query"), 0
        elif tag in ("next", "prev"):
            self.page += 1 if tag == "next" else -1
        elif tag[0] == "p":
            self.page = int(tag[1:])
        elif tag[0] == "r":
            self.reached = tag == f"r{self.wanted - 1}" and self.asked == self.query


class Complete(Page):
    """A field that suggests while one types; the suggestions may come late."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.start = words.fresh(rng)[:4].capitalize()
        fits = distinct(
            rng,
            rng.randint(1, 4),
            lambda rng: self.start + words.fresh(rng) + rng.choice(("", f" {words.fresh(rng)}")),
        )
        self.all = sorted(fits + distinct(rng, 3, lambda rng: words.fresh(rng).capitalize(), [self.start]))
        wanted = rng.choice(fits)
        self.end = wanted[-rng.randint(2, 4) :].strip() if len(fits) > 1 or rng.random() < 0.4 else ""
        self.role = pick(rng, "option | other | menuitem | link")
        for name in self.all:
            self.thing(f"s{name}", self.role, name)
        self.field(
            "text",
            rng.choice(("", "Tags", "City", "Item", "Product", caption(rng))),
            rng.choice(("textbox", "textbox", "searchbox")),
        )
        self.slow, self.late = rng.random() < 0.5, 0
        self.offered: list[str] = []
        button = pick(rng, SENDS)
        self.thing("send", "button", button)
        self.guarded = {"send"}
        voice = Voice(rng)
        texts = """enter an item that starts with {start} and ends with {end}{then} |
            choose what begins with {start} and ends in {end}{then} |
            pick the suggestion from {start} to {end}{then}"""
        if not self.end:
            texts = """enter an item that starts with {start}{then} |
                choose a suggestion that begins with {start}{then} |
                type {start} and take what is offered{then}"""
        self.goal = voice.say(
            texts,
            start=voice.quote(self.start),
            end=voice.quote(self.end),
            then=voice.then(button) if rng.random() < 0.6 else "",
        )

    def fits(self, text: str) -> bool:
        """Whether a text is an item that the goal allows."""
        return text in self.all and text.startswith(self.start) and text.endswith(self.end)

    def lines(self) -> list[Line]:
        offered: list[Line] = [[self.items[f"s{name}"]] for name in self.offered]
        return [*self.shown("text"), *offered, [self.items["send"]]]

    def changed(self, tag: str) -> None:
        self.late = 1 if self.slow else 0
        self._offer()

    def _offer(self) -> None:
        text = self.held("text")
        there = text and not self.late and text not in self.all
        self.offered = [name for name in self.all if name.startswith(text)] if there else []

    def waited(self) -> None:
        self.late = 0
        self._offer()

    def move(self) -> Move:
        fitting = [name for name in self.offered if self.fits(name)]
        if fitting:
            return Move("click", f"s{fitting[0]}")
        if self.fits(self.held("text")):
            return Move("click", "send")
        return Move("type", "text", self.start) if self.held("text") != self.start else Move("wait")

    def pressed(self, tag: str) -> None:
        if tag == "send":
            self.reached = self.fits(self.held("text"))
        elif tag[0] == "s":
            self.items["text"].value = tag[1:]
            self.offered = []


class LongList(Page):
    """A list that is cut to the view's budget: what is looked for is further down."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.count, self.size = rng.randint(14, 40), rng.randint(6, 12)
        names = distinct(
            rng,
            self.count,
            lambda rng: f"{words.fresh(rng)}{rng.randint(1, 99)}" if rng.random() < 0.5 else code(rng, 4, 9),
        )
        role = pick(rng, "link | button | other")
        for index, name in enumerate(names):
            self.thing(f"i{index}", role, name)
        self.first = 0
        place = rng.randrange(min(self.count, 4 * self.size))
        self.target = f"i{place}"
        voice = Voice(rng)
        self.goal = voice.say(
            """click {what} | find {what} in the long list and click it | scroll to {what} and press it |
                open {what}, it is somewhere on this page""",
            what=voice.quote(names[place]),
        )

    @property
    def cut(self) -> tuple[int, int]:
        return self.first, max(0, self.count - self.first - self.size)

    def lines(self) -> list[Line]:
        return [
            [self.items[f"i{index}"]] for index in range(self.first, min(self.first + self.size, self.count))
        ]

    def move(self) -> Move:
        place = int(self.target[1:])
        if place < self.first:
            return Move("scroll", "", "up")
        return Move("click", self.target) if place < self.first + self.size else Move("scroll", "", "down")

    def scrolled(self, down: bool) -> None:
        step = self.size if down else -self.size
        self.first = max(0, min(self.first + step, self.count - 1))

    def pressed(self, tag: str) -> None:
        self.reached = tag == self.target

"""Pages where one thing is pressed among others: buttons, links, fields, shapes, numbers."""

from __future__ import annotations

from random import Random

from . import words
from .sites import Item, Line
from .web_page import Move, Page
from .web_words import Voice, distinct, ordinal, prose, short
from .words import pick

SHAPES = ("circle", "ellipse", "rect", "polygon", "path", "line")
COLOURS = """
    black white gray silver red green lime blue yellow orange purple magenta pink brown cyan teal navy
""".split()


def apart(items: list[Item]) -> list[Line]:
    """Each on a line of its own."""
    return [[item] for item in items]


class OneButton(Page):
    """One thing among others, by its name."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        role = pick(rng, "button | button | button | other | link | tab | menuitem")
        names = distinct(rng, rng.randint(2, 9))
        self.shape: list[Line] = []
        for index, name in enumerate(names):
            own = role if rng.random() < 0.85 else "button"
            self.shape.append([self.thing(f"b{index}", own, name)])
            roll = rng.random()
            if roll < 0.12:
                self.shape.append([self.field(f"f{index}", "", "textbox")])
            elif roll < 0.25:
                self.shape.append([prose(rng, 1, 4)])
        place = rng.randrange(len(names))
        self.target = f"b{place}"
        noun = {"other": "item", "menuitem": "entry"}.get(
            self.items[self.target].role, self.items[self.target].role
        )
        voice = Voice(rng)
        self.goal = voice.say(
            f"""click {{what}} | press {{what}} | click the {noun} {{what}} |
                click on the {{what}} {noun} | push {{what}} | hit the {noun} called {{what}} |
                please press {{what}}""",
            what=voice.quote(names[place]),
        )

    def lines(self) -> list[Line]:
        return self.shape

    def move(self) -> Move:
        return Move("click", self.target)

    def pressed(self, tag: str) -> None:
        self.reached = tag == self.target


class InOrder(Page):
    """Several buttons in the order that the goal tells; the page may show what was pressed."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.names = distinct(rng, rng.randint(2, 6))
        self.order = rng.sample(range(len(self.names)), rng.randint(2, min(4, len(self.names))))
        self.shows = rng.random() < 0.5
        self.told = self.shows
        self.done: list[int] = []
        for index, name in enumerate(self.names):
            self.thing(f"b{index}", pick(rng, "button | button | other"), name)
        self.guarded = set(self.items)
        self.said = pick(rng, "Pressed: | So far: | Log: | Last:")
        voice = Voice(rng)
        named = [voice.quote(self.names[place]) for place in self.order]
        self.goal = voice.say(
            """click {row} | press {row} | press these one after the other: {list} |
                click {list} in this order | push {row}""",
            row=rng.choice((", then ", " and then ", ", after that ")).join(named),
            list=", ".join(named),
        )

    def lines(self) -> list[Line]:
        log: list[Line] = (
            [[f"{self.said} {self.names[place]}"] for place in self.done[-1:]] if self.shows else []
        )
        return [*apart([self.items[f"b{index}"] for index in range(len(self.names))]), *log]

    def move(self) -> Move:
        return Move("click", f"b{self.order[len(self.done)]}")

    def pressed(self, tag: str) -> None:
        if tag.startswith("b"):
            self.done.append(int(tag[1:]))
            self.reached = len(self.done) == len(self.order)


class LinkInText(Page):
    """A link in running text."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        names = distinct(
            rng, rng.randint(1, 6), lambda rng: words.fresh(rng) if rng.random() < 0.6 else short(rng)
        )
        role = pick(rng, "link | link | link | other")
        self.shape: list[Line] = []
        for index, name in enumerate(names):
            self.thing(f"l{index}", role, name + rng.choice(("", "", "", ".", ",")))
        for index in range(len(names)):
            item = self.items[f"l{index}"]
            if role == "link":
                self.shape.append([prose(rng, 2, 6), item])
                if rng.random() < 0.6:
                    self.shape[-1].append(prose(rng, 2, 5))
            else:
                self.shape.append([prose(rng, 2, 6)])
                self.shape.append([item])
        place = rng.randrange(len(names))
        self.target = f"l{place}"
        voice = Voice(rng)
        self.goal = voice.say(
            """click the link {what} | follow {what} | open the link {what} |
                click on {what} in the text | go to {what}""",
            what=voice.quote(names[place]),
        )

    def lines(self) -> list[Line]:
        return self.shape

    def move(self) -> Move:
        return Move("click", self.target)

    def pressed(self, tag: str) -> None:
        self.reached = tag == self.target


class Focus(Page):
    """A field that is only to get the keyboard, by its place or its label."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.count = rng.randint(1, 5)
        labels = distinct(rng, self.count)
        plain = rng.random() < 0.5
        if plain:
            self.style = "named"
        for index, label in enumerate(labels):
            self.field(f"f{index}", f"{rng.choice(('tt', 'input', 'field '))}{index + 1}" if plain else label)
        place = rng.randrange(self.count)
        self.target = f"f{place}"
        voice = Voice(rng)
        where = {"place": ordinal(place + 1, rng), "label": voice.quote(labels[place])}
        if self.count == 1 and rng.random() < 0.6:
            texts = "focus the text box | put the cursor into the field | click into the text field"
        elif plain or rng.random() < 0.5:
            texts = """focus the {place} text box | put the cursor into the {place} field |
                click into the {place} input"""
        else:
            texts = "focus the field {label} | put the cursor into {label} | click into the {label} box"
        self.goal = voice.say(texts, **where)
        self.blank = False
        self.guarded = set(self.items)

    def lines(self) -> list[Line]:
        return [line for index in range(self.count) for line in self.shown(f"f{index}")]

    def move(self) -> Move:
        return Move("click", self.target)

    def pressed(self, tag: str) -> None:
        self.reached = tag == self.target


class Shape(Page):
    """Things without text, told apart by shape, colour and size; one is pressed, or named by a button."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        drawn = rng.random() < 0.7
        seen: set[tuple[str, str]] = set()
        self.count = rng.randint(1, 7)
        while len(seen) < self.count:
            seen.add((rng.choice(SHAPES) if drawn else "", rng.choice(COLOURS)))
        figures = sorted(seen)
        rng.shuffle(figures)
        sizes = rng.sample(range(8, 200), self.count)
        for index, (shape, colour) in enumerate(figures):
            self.thing(
                f"g{index}",
                "other",
                f"{shape} {colour} {sizes[index]}x{sizes[index] + rng.randint(0, 4)}".strip(),
            )
        voice = Voice(rng)
        voice.marks = ("", "")
        place = rng.randrange(self.count)
        shape, colour = figures[place]
        noun = {"rect": "rectangle", "polygon": "triangle", "path": "curve", "": "box"}.get(shape, shape)
        self.target = f"g{place}"
        self.named: list[Line] = []
        if self.count == 1 and drawn:
            answers = ["circle", "ellipse", "rectangle", "triangle", "curve", "line"]
            for name in rng.sample(answers, len(answers)):
                self.named.append(
                    [self.thing(f"a{name}", "button", name.capitalize() if rng.random() < 0.7 else name)]
                )
            self.target = f"a{noun}"
            self.goal = voice.say(
                """press the button that names the figure | which figure is shown? Press its name |
                    what shape is this? Click the answer"""
            )
        elif [s for s, _ in figures].count(shape) == 1 and drawn and rng.random() < 0.4:
            self.goal = voice.say(
                "click the {noun} | press the {noun} | where is the {noun}? Click it", noun=noun
            )
        elif rng.random() < 0.3 and self.count > 1:
            big = rng.random() < 0.5
            self.target = f"g{sizes.index(max(sizes) if big else min(sizes))}"
            self.goal = voice.say(
                "click the {size} figure | press the {size} thing on the page",
                size=("largest" if big else "smallest"),
            )
        else:
            self.goal = voice.say(
                "click the {colour} {noun} | press the {noun} that is {colour}", colour=colour, noun=noun
            )
        if self.count == 1:
            self.guarded = set(self.items)

    def lines(self) -> list[Line]:
        return [*apart([self.items[f"g{index}"] for index in range(self.count)]), *self.named]

    def move(self) -> Move:
        return Move("click", self.target)

    def pressed(self, tag: str) -> None:
        self.reached = tag == self.target


class Most(Page):
    """The largest or smallest number among buttons, or beside them."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.count = rng.randint(2, 7)
        top = rng.choice((9, 100, 100, 2000))
        numbers = rng.sample(range(-top if rng.random() < 0.2 else 0, top), self.count)
        big, beside = rng.random() < 0.5, rng.random() < 0.5
        place = numbers.index(max(numbers) if big else min(numbers))
        self.target = f"b{place}"
        self.rows: list[Line] = []
        unit = pick(rng, "$ | € | £") if rng.random() < 0.2 else ""
        names = (
            distinct(rng, self.count, short)
            if rng.random() < 0.5
            else [pick(rng, "Select | Take | Choose")] * self.count
        )
        for index, number in enumerate(numbers):
            item = self.thing(
                f"b{index}", pick(rng, "button | link"), names[index] if beside else f"{unit}{number}"
            )
            self.rows.append([f"{unit}{number}", item] if beside else [item])
        voice = Voice(rng)
        self.goal = voice.say(
            """click the {size} number | press the button of the {size} number |
                find the {size} value and click it | take the {size} number"""
            if not beside
            else """press the button beside the {size} number | choose the row with the {size} number |
                take the one with the {size} value""",
            size=rng.choice(("largest", "highest", "biggest") if big else ("smallest", "lowest")),
        )

    def lines(self) -> list[Line]:
        return self.rows

    def move(self) -> Move:
        return Move("click", self.target)

    def pressed(self, tag: str) -> None:
        self.reached = tag == self.target

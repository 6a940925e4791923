"""Pages where one thing is pressed among others: buttons, links, fields, shapes."""

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


class OnePress(Page):
    """A page where one thing is to be pressed: `target`, on lines that stay."""

    shape: list[Line]
    target: str

    def lines(self) -> list[Line]:
        return self.shape

    def move(self) -> Move:
        return Move("click", self.target)

    def pressed(self, tag: str) -> None:
        self.reached = tag == self.target


class OneButton(OnePress):
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


class LinkInText(OnePress):
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


class Shape(OnePress):
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

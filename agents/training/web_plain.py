"""Everyday pages in plain English: news, settings, lists of records, forms, menus, small sites.

What other families lack: many things of several kinds on one page, goals that say labels in other words,
goals that cannot be reached (`cannot`), wrong pages to go back from, and pages that go on after the goal is
reached, so that it has to be said (`done`).
"""

from __future__ import annotations

from random import Random

from .sites import Item, Line
from .web_english import THINGS, Label, label, labels, order, person, saying
from .web_page import Move, Page
from .web_words import Voice
from .words import pick

ABSENT = 0.12
"""Share of the goals that name what is not there."""

POLITE = (
    "{} | {} | {} | {} | {} | {} | please {} | {}, please | can you {}? | now {} | I would like you to {} |"
    " {} and say when it is done"
)


def sentence(voice: Voice, text: str) -> str:
    """An order as a goal."""
    asked = pick(voice.rng, POLITE).format(text)
    asked = asked[:1].upper() + asked[1:] if voice.rng.random() < 0.9 else asked
    return asked if asked.endswith(("?", ".")) or voice.rng.random() < 0.1 else f"{asked}."


def rows_of(items: list[Item], rng: Random) -> list[Line]:
    """Things below one another, or a few of them in one row."""
    if len(items) > 1 and rng.random() < 0.15:
        return [list(items[at : at + 5]) for at in range(0, len(items), 5)]
    return [[item] for item in items]


class Mosaic(Page):
    """A page of many parts with one thing to press: bars of links, texts with links, buttons.

    What is pressed is told below, or opens a page of its own, from which one goes back.
    """

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        counts = [rng.choice((0, 3, 4, 5)), rng.randint(0, 3), rng.randint(0, 4), rng.choice((0, 0, 2, 3))]
        counts[2] += not sum(counts)
        made = labels(rng, sum(counts) + 1)
        *there, absent = made
        self.named: dict[str, Label] = {}
        bar, inner, buttons, foot = self._parts(there, counts)
        heading: list[Line] = [[label(rng).text]] if rng.random() < 0.7 else []
        body: list[Line] = []
        for item in inner:
            if rng.random() < 0.4:
                body.append([saying(rng)])
            body.append([saying(rng), item, *([saying(rng)] if rng.random() < 0.3 else [])])
        if rng.random() < 0.3:
            body.extend([saying(rng)] for _ in range(rng.randint(1, 3)))
        self.shape: list[Line] = [
            *rows_of(bar, rng),
            *heading,
            *body,
            *rows_of(buttons, rng),
            *rows_of(foot, rng),
        ]
        self.absent = rng.random() < ABSENT
        self.target = rng.choice(list(self.named))
        wanted = absent if self.absent else self.named[self.target]
        role = pick(rng, "button | link") if self.absent else self.items[self.target].role
        self.goal = sentence(voice := Voice(rng), order(wanted, role, voice))
        self.leads = {
            tag for tag in self.named if rng.random() < (0.5 if self.items[tag].role == "link" else 0.1)
        }
        self.at, self.told_below = "", ""

    def _parts(self, there: list[Label], counts: list[int]) -> list[list[Item]]:
        """The things of the bar, the texts, the buttons and the foot."""
        found: list[list[Item]] = []
        roles = (
            pick(self.rng, "link | link | button | tab"),
            "link",
            pick(self.rng, "button | button | other"),
            "link",
        )
        for count, role in zip(counts, roles, strict=True):
            part: list[Item] = []
            for _ in range(count):
                tag = f"t{len(self.named)}"
                self.named[tag] = there[len(self.named)]
                part.append(self.thing(tag, role, self.named[tag].text))
            found.append(part)
        return found

    def lines(self) -> list[Line]:
        if self.at:
            return [[self.items[self.at].name], [f"{self.items[self.at].name}: {len(self.at)} {self.path}"]]
        return [*self.shape, *([[self.told_below]] if self.told_below else [])]

    def move(self) -> Move:
        if self.at:
            return Move("back")
        return Move("cannot") if self.absent else Move("click", self.target)

    def pressed(self, tag: str) -> None:
        self.reached = tag == self.target and not self.absent
        self.told_below = f"{self.items[tag].name} {self.rng.choice(('is open', 'was pressed', 'done', ':'))}"
        self.at = tag if tag in self.leads else ""

    def went_back(self) -> None:
        self.at = ""


class Records(Page):
    """A list of people or things with the same few buttons each; one of them is pressed."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        people = rng.random() < 0.5
        noun = pick(rng, "user | member | customer | player | contact") if people else rng.choice(THINGS)
        count = rng.randint(2, 7)
        names = list(
            dict.fromkeys(person(rng) if people else saying(rng).rstrip(".?") for _ in range(count + 1))
        )
        verbs = rng.sample(
            ("Edit", "Remove", "Delete", "Open", "View", "Share", "Copy", "Block", "Reply"), rng.randint(1, 3)
        )
        self.boxes = rng.random() < 0.3
        self.long = not self.boxes and rng.random() < 0.5
        *there, absent = names
        self.shape: list[Line] = [[label(rng).text]] if rng.random() < 0.7 else []
        for row, name in enumerate(there):
            line: Line = [self.field(f"x{row}", name, "checkbox", "off")] if self.boxes else [name]
            if not self.boxes and rng.random() < 0.4:
                line.append(pick(rng, "Admin | Editor | Viewer | new | 3 days ago | open | closed"))
            for verb in verbs:
                line.append(self.thing(f"{verb}:{row}", "button", f"{verb} {name}" if self.long else verb))
            self.shape.append(line)
        if rng.random() < 0.5:
            self.shape.append([self.thing("other", "button", label(rng).text)])
        self.absent = len(there) > 0 and rng.random() < ABSENT
        row, verb = rng.randrange(len(there)), rng.choice(verbs)
        tick = self.boxes and rng.random() < 0.6
        self.target = f"x{row}" if tick else f"{verb}:{row}"
        voice = Voice(rng)
        what = voice.quote(absent if self.absent else there[row])
        if tick:
            said = """tick {what} | tick off {what} | mark {what} as done | check the box of {what} |
                select {what}"""
        else:
            low = verb.lower()
            said = f"""{low} {{what}} | {low} the {noun} {{what}} | click {verb} next to {{what}} |
                press {verb} for {{what}} | click the {verb} button of {{what}} | {low} the entry {{what}}"""
        self.goal = sentence(voice, pick(rng, said).format(what=what))
        self.guarded = set(self.items)
        self.told_below = ""

    def lines(self) -> list[Line]:
        return [*self.shape, *([[self.told_below]] if self.told_below else [])]

    def move(self) -> Move:
        return Move("cannot") if self.absent else Move("click", self.target)

    def pressed(self, tag: str) -> None:
        self.reached = tag == self.target and not self.absent
        self.told_below = f"{self.items[tag].name}: {pick(self.rng, 'done | saved | is open')}"

    def changed(self, tag: str) -> None:
        if tag == self.target and not self.absent:
            self.reached = self.held(tag) == "on"


class SmallSite(Page):
    """A start page that leads to a few others; something on one of them is wanted, or that page itself."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        count = rng.randint(2, 6)
        made = labels(rng, 4 * count + 1)
        heads, self.absent_label = made[:count], made[-1]
        role = pick(rng, "link | link | button")
        self.bar = [self.thing(f"p{at}", role, head.text) for at, head in enumerate(heads)]
        self.inside: list[list[Line]] = []
        for at in range(count):
            self.inside.append(self._content(at, made[count + 3 * at : count + 3 * at + 3]))
        self.stays = rng.random() < 0.5
        self.at, self.place = -1, rng.randrange(count)
        self.told_below = ""
        kind = rng.random()
        self.page_only, self.absent = kind < 0.3, kind > 1 - ABSENT
        head = heads[self.place].text
        voice = Voice(rng)
        inner = made[count + 3 * self.place]
        self.target = f"in{self.place}.0"
        if self.page_only:
            texts = "open {head} | go to {head} | open the {head} page | visit {head} | click {head}"
        else:
            texts = """go to {head} and {act} | open {head}, then {act} | in {head}, {act} |
                {act} on the page {head} | open the {head} page and {act}"""
        wanted = self.absent_label if self.absent else inner
        act = order(wanted, self.items[self.target].role, voice)
        said = voice.quote(head) if rng.random() < 0.6 else head.lower()
        self.goal = sentence(voice, pick(rng, texts).format(head=said, act=act))

    def _content(self, at: int, made: list[Label]) -> list[Line]:
        rng = self.rng
        found: list[Line] = [[saying(rng)]] if rng.random() < 0.7 else []
        for number, each in enumerate(made[: rng.randint(1, 3)]):
            item = self.thing(f"in{at}.{number}", pick(rng, "button | link"), each.text)
            found.append([saying(rng), item] if rng.random() < 0.3 else [item])
        rng.shuffle(found)
        return found

    def lines(self) -> list[Line]:
        below: list[Line] = [[self.told_below]] if self.told_below else []
        bar: list[Line] = [[item] for item in self.bar]
        if self.at < 0:
            return [[self.title], *bar]
        head: list[Line] = [[self.items[f"p{self.at}"].name]]
        return [*(bar if self.stays else []), *head, *self.inside[self.at], *below]

    def move(self) -> Move:
        if self.at == self.place:
            return Move("cannot") if self.absent else Move("click", self.target)
        return Move("click", f"p{self.place}") if self.stays or self.at < 0 else Move("back")

    def pressed(self, tag: str) -> None:
        if tag.startswith("p"):
            self.at, self.told_below = int(tag[1:]), ""
            self.reached = self.page_only and self.at == self.place
        else:
            self.told_below = f"{self.items[tag].name}: {pick(self.rng, 'done | thank you | started')}"
            self.reached = tag == self.target and not self.absent and not self.page_only

    def went_back(self) -> None:
        self.at, self.told_below = -1, ""


class Menus(Page):
    """Menus in a bar, of which one shows its entries below."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        heads = rng.sample(
            ("File", "Edit", "View", "Insert", "Tools", "Account", "More", "Options", "Page"),
            rng.randint(2, 5),
        )
        role = pick(rng, "button | button | menuitem | tab | other")
        self.bar = [self.thing(f"m{at}", role, head) for at, head in enumerate(heads)]
        self.inside: list[list[Item]] = []
        made = labels(rng, 4 * len(heads), heads)
        inner = pick(rng, "button | menuitem | link")
        for at in range(len(heads)):
            own = made[4 * at : 4 * at + rng.randint(2, 4)]
            self.inside.append(
                [self.thing(f"e{at}.{number}", inner, each.text) for number, each in enumerate(own)]
            )
        self.open, self.place = -1, rng.randrange(len(heads))
        number = rng.randrange(len(self.inside[self.place]))
        self.target = f"e{self.place}.{number}"
        self.told_below = saying(rng)
        voice, head = Voice(rng), heads[self.place]
        what = voice.quote(self.items[self.target].name)
        texts = """open the {head} menu and click {what} | click {what} in the {head} menu |
            choose {what} from {head} | open {head}, then press {what} | {head} menu: {what}"""
        self.goal = sentence(voice, pick(rng, texts).format(head=head, what=what))

    def lines(self) -> list[Line]:
        entries: list[Line] = [[item] for item in self.inside[self.open]] if self.open >= 0 else []
        return [*([item] for item in self.bar), *entries, [self.told_below]]

    def move(self) -> Move:
        return Move("click", self.target if self.open == self.place else f"m{self.place}")

    def pressed(self, tag: str) -> None:
        if tag.startswith("m"):
            at = int(tag[1:])
            self.open = -1 if at == self.open else at
            return
        self.reached = tag == self.target
        self.open, self.told_below = -1, self.items[tag].name


class Turned(Page):
    """Pages of an album or a list that are turned by two buttons; the page at hand is told."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.last = rng.randint(3, 9)
        self.at = rng.choice((1, 1, rng.randint(1, self.last)))
        forth, back = pick(
            rng, "Next/Previous | Next page/Previous page | Forward/Back | >/< | Older/Newer | +/-"
        ).split("/")
        self.buttons = [self.thing("back", "button", back), self.thing("forth", "button", forth)]
        self.head: list[Line] = [[label(rng).text]] if rng.random() < 0.7 else []
        word = pick(rng, "Page {} of {} | page {}/{} | {} / {} | Photo {} of {} | Step {} of {}")
        self.word, self.first = word, rng.random() < 0.5
        voice = Voice(rng)
        steps = [at for at in range(1, self.last + 1) if at != self.at and abs(at - self.at) < 7]
        self.wanted = rng.choice(steps)
        if abs(self.wanted - self.at) == 1 and rng.random() < 0.7:
            ahead = self.wanted > self.at
            texts = (
                "go to the next page | turn one page on | show the next one | one page further"
                if ahead
                else "go to the previous page | turn back one page | show the one before | one page back"
            )
        else:
            texts = "turn to page {at} | go to page {at} | show page {at} | turn the pages until page {at}"
        self.goal = sentence(voice, pick(rng, texts).format(at=self.wanted))

    def lines(self) -> list[Line]:
        told: list[Line] = [[self.word.format(self.at, self.last)]]
        buttons: list[Line] = [[item] for item in self.buttons]
        return [*self.head, *(told if self.first else []), *buttons, *([] if self.first else told)]

    def move(self) -> Move:
        return Move("click", "forth" if self.wanted > self.at else "back")

    def pressed(self, tag: str) -> None:
        self.at = max(1, min(self.last, self.at + (1 if tag == "forth" else -1)))
        self.reached = self.at == self.wanted


class InTurn(Page):
    """Several things that are pressed one after another; what was pressed is told, or not at all."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        short = rng.random() < 0.4
        keys = list("0123456789+-*=") if short else [each.text for each in labels(rng, rng.randint(3, 7))]
        if short:
            rng.shuffle(keys)
            keys = keys[: rng.randint(5, 14)]
        for at, key in enumerate(keys):
            self.thing(f"k{at}", "button", key)
        self.count = len(keys)
        self.turn = [f"k{rng.randrange(self.count)}" for _ in range(rng.randint(2, 4))]
        self.pressed_so_far: list[str] = []
        self.shows_it, self.told = rng.random() < 0.6, False
        self.guarded = set(self.items)
        voice = Voice(rng)
        said = [voice.quote(self.items[tag].name) for tag in self.turn]
        joint = pick(rng, ", then / |, / | and then / | then / |, after that /").replace("/", "")
        self.goal = sentence(voice, f"{pick(rng, 'press | click | hit')} {f'{joint} '.join(said)}")
        if "  " in self.goal:
            self.goal = " ".join(self.goal.split())

    def lines(self) -> list[Line]:
        told = " ".join(self.items[tag].name for tag in self.pressed_so_far) or "0"
        return [*([[told]] if self.shows_it else []), *([self.items[f"k{at}"]] for at in range(self.count))]

    def move(self) -> Move:
        return Move("click", self.turn[len(self.pressed_so_far)])

    def pressed(self, tag: str) -> None:
        if tag in self.items and not self.reached:
            self.pressed_so_far.append(tag)
            self.reached = self.pressed_so_far == self.turn

"""Pages where something has to be opened first: tabs, sections, trees, menus, dialogs."""

from __future__ import annotations

from random import Random

from ...tools.browser.view import Dialog
from . import words
from .sites import Line
from .web_page import Move, Page
from .web_presses import apart
from .web_words import Voice, caption, distinct, prose, short, text_of
from .words import pick


class Sections(Page):
    """Sections or tabs, of which one shows; in one of them is a link, a button or a field.

    Where the goal does not say in which, one after another is opened, from the first on.
    """

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.tabs = rng.random() < 0.4
        role = "tab" if self.tabs or rng.random() < 0.6 else pick(rng, "button | other")
        count = rng.randint(1, 5)
        numbered = rng.random() < 0.4
        word = pick(rng, "Section | Part | Tab | Chapter | Page")
        heads = (
            [f"{word} {'#' if rng.random() < 0.4 else ''}{n}" for n in range(1, count + 1)]
            if numbered
            else distinct(rng, count)
        )
        for index, head in enumerate(heads):
            self.thing(f"s{index}", role, head)
        self.count, self.open = count, 0 if self.tabs else -1
        names = distinct(
            rng, count * 2 + 2, lambda rng: words.fresh(rng) if rng.random() < 0.6 else short(rng), heads
        )
        place = self.place = rng.randrange(count)
        self.inside: list[list[Line]] = [
            self._content(index, names[2 * index : 2 * index + 2]) for index in range(count)
        ]
        voice = Voice(rng)
        goal, self.seen = self._kinds(voice, names[2 * place], heads[place])
        self.goal = goal

    def _content(self, index: int, names: list[str]) -> list[Line]:
        rng = self.rng
        made: list[Line] = [[prose(rng)]] if rng.random() < 0.6 else []
        for at, name in enumerate(names):
            item = self.thing(f"in{index}.{at}", "link", name)
            made.append([prose(rng, 2, 5), item] if rng.random() < 0.6 else [item])
        rng.shuffle(made)
        return made

    def _kinds(self, voice: Voice, name: str, head: str) -> tuple[str, bool]:
        """The goal, and whether it names the section."""
        rng, place = self.rng, self.place
        kind = "press" if self.count == 1 and not self.tabs else pick(rng, "find | find | named | field")
        self.kind, self.text = kind, ""
        noun = "tab" if self.tabs else "section"
        if kind == "field":
            self.text = text_of(rng)
            self.field("text", rng.choice(("", caption(rng))))
            self.thing("send", "button", pick(rng, "Submit | Save | OK | Send"))
            self.guarded.add("send")
            self.inside[place] = [*self.inside[place][:1], *self.shown("text"), [self.items["send"]]]
            send = self.items["send"].name
            texts = f"""open the {noun} {{head}}, type {{text}} into its field and press {send} |
                in {{head}}, enter {{text}} and click {send} | expand {{head}}, type {{text}}, then {send}"""
            return voice.say(texts, head=voice.quote(head), text=voice.quote(self.text)), True
        self.target = f"in{place}.0"
        if kind == "press":
            send = self.thing("send", "button", pick(rng, "Submit | Submit | Save | OK | Send")).name
            self.guarded.add("send")
            texts = f"""open the section, then press {send} | expand {{head}} and click {send} |
                unfold the section below and hit {send.lower()} | show {{head}}, then click on {send}"""
            return voice.say(texts, head=voice.quote(head)), True
        if kind == "named":
            texts = f"""open {{head}} and click {{name}} |
                in the {noun} {{head}}, click the link {{name}} | go to {{head}}, then follow {{name}}"""
            return voice.say(texts, head=voice.quote(head), name=voice.quote(name)), True
        texts = f"""find the link {{name}} in one of the {noun}s and click it |
            look through the {noun}s for {{name}} and click on it |
            click {{name}}; it is behind one of the {noun}s |
            open the {noun}s until you see {{name}}, then click that"""
        return voice.say(texts, name=voice.quote(name)), False

    def lines(self) -> list[Line]:
        made: list[Line] = []
        heads = [self.items[f"s{index}"] for index in range(self.count)]
        if self.tabs:
            return [*apart(heads), *self.inside[self.open]]
        for index, head in enumerate(heads):
            made.append([head])
            if index == self.open:
                made += self.inside[index]
        if self.kind == "press":
            made.append([self.items["send"]])
        return made

    def move(self) -> Move:
        if self.open == self.place:
            if self.kind in ("find", "named"):
                return Move("click", self.target)
            if self.kind == "field" and self.held("text") != self.text:
                return Move("type", "text", self.text)
            return Move("click", "send")
        if self.seen:
            return Move("click", f"s{self.place}")
        return Move("click", f"s{(self.open + 1) % self.count}")

    def pressed(self, tag: str) -> None:
        if tag.startswith("s") and tag != "send":
            index = int(tag[1:])
            self.open = -1 if index == self.open and not self.tabs else index
        elif tag == "send":
            self.reached = self.open == self.place and (not self.text or self.held("text") == self.text)
        elif self.kind in ("find", "named"):
            self.reached = tag == self.target


class Tree(Page):
    """Folders within folders; a name is looked for, or a path is given."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        names = distinct(rng, 12, short)
        self.names, self.parents = names, [-1]
        count = rng.randint(5, 12)
        for index in range(1, count):
            folders = [other for other in range(index) if self.depth(other) < 2 and other < 5]
            self.parents.append(rng.choice([-1, -1, *folders]))
        self.marks, self.search = rng.random() < 0.65, False
        self.mark = pick(rng, "hitarea | toggle | + | ▸ | icon")
        for index in range(count):
            self.thing(f"n{index}", "other" if self.marks else pick(rng, "option | other"), names[index])
            if self.children(index) and self.marks:
                self.thing(f"m{index}", "other", self.mark)
        self.open: set[int] = set()
        self.target = rng.randrange(count)
        self.guarded = set(self.items)
        self.told = False
        voice = Voice(rng)
        road = [names[index] for index in [*self.road(), self.target]]
        if len(road) > 1 and (not self.marks or rng.random() < 0.4):
            self.goal = voice.say(
                """open {folders} and click {name} | go into {folders}, then click on {name} |
                    follow the path {path} and click its end""",
                folders=", then ".join(map(voice.quote, road[:-1])),
                name=voice.quote(road[-1]),
                path=rng.choice(("/", " > ", " / ")).join(road),
            )
        else:
            self.goal = voice.say(
                """find {name} among the folders and click it |
                    click the file or folder {name} in the tree | look for {name} and click on it""",
                name=voice.quote(road[-1]),
            )
            self.search = self.marks

    def depth(self, index: int) -> int:
        """How many folders something is in."""
        return 0 if self.parents[index] < 0 else 1 + self.depth(self.parents[index])

    def children(self, index: int) -> list[int]:
        """What a folder holds."""
        return [other for other, parent in enumerate(self.parents) if parent == index]

    def road(self) -> list[int]:
        """The folders on the way to what is looked for, outermost first."""
        found: list[int] = []
        at = self.parents[self.target]
        while at >= 0:
            found.insert(0, at)
            at = self.parents[at]
        return found

    def visible(self, within: int = -1) -> list[int]:
        """What is shown, in order."""
        found: list[int] = []
        for index in self.children(within):
            found.append(index)
            if index in self.open:
                found += self.visible(index)
        return found

    def lines(self) -> list[Line]:
        return [
            [*([self.items[f"m{index}"]] if f"m{index}" in self.items else []), self.items[f"n{index}"]]
            for index in self.visible()
        ]

    def move(self) -> Move:
        closed = [index for index in self.road() if index not in self.open]
        if self.search and self.target not in self.visible():
            closed = [index for index in self.visible() if self.children(index) and index not in self.open]
        return Move("click", f"n{closed[0]}" if closed else f"n{self.target}")

    def pressed(self, tag: str) -> None:
        if tag[0] not in "nm" or not tag[1:].isdigit():
            return
        index = int(tag[1:])
        self.reached = tag == f"n{self.target}"
        if not self.reached:
            self.open ^= {index}


class BoxOverPage(Page):
    """A dialog within the page: close it, or press what the goal names; it may have to be opened first."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        buttons = rng.sample(
            ["OK", "Cancel", "Yes", "No", "Delete", "Keep", "Later", short(rng)], rng.randint(0, 3)
        )
        self.names = buttons
        self.cross = pick(rng, "Close | Close | × | x | X | close")
        closing = not buttons or rng.random() < 0.4
        self.thing("cross", "button", self.cross)
        for index, name in enumerate(buttons):
            self.thing(f"b{index}", "button", name)
        self.texts: list[Line] = [[prose(rng)] for _ in range(rng.randint(1, 2))]
        self.header: list[Line] = [[caption(rng)]] if rng.random() < 0.5 else []
        self.opener = rng.random() < 0.3
        self.open = not self.opener
        self.target = "cross" if closing else f"b{rng.randrange(len(buttons))}"
        self.guarded = set(self.items) - ({"cross"} if closing else set[str]())
        voice, name = Voice(rng), caption(rng)
        self.behind = distinct(rng, 2, apart=[name])
        self.thing("open", "button", name)
        for index, text in enumerate(self.behind):
            self.thing(f"other{index}", "link", text)
        start = (
            voice.say("press {name}. | click {name} to open the dialog.", name=voice.quote(name)).rstrip(".")
            + ". "
            if self.opener
            else ""
        )
        if closing:
            said = """close the dialog | close the dialog box with the {cross} |
                click the {cross} in the corner of the dialog | dismiss the message by its {cross}"""
        else:
            said = """press {what} in the dialog | answer the dialog with {what} |
                click the button {what} of the dialog box | choose {what} in the box that is open"""
        cross = voice.quote("x" if self.cross == "Close" and rng.random() < 0.5 else self.cross)
        self.goal = start + voice.say(
            said, cross=cross, what=voice.quote("" if closing else self.items[self.target].name)
        )

    def lines(self) -> list[Line]:
        if not self.open or self.reached:
            return [[self.items["open"]], *apart([self.items[f"other{index}"] for index in range(2)])]
        inner = apart([self.items[f"b{index}"] for index in range(len(self.names))])
        return [*self.header, [self.items["cross"]], *self.texts, *inner]

    def move(self) -> Move:
        return Move("click", self.target if self.open else "open")

    def pressed(self, tag: str) -> None:
        if tag == "open":
            self.open = True
        elif tag == self.target:
            self.open, self.reached = False, True


class NativeDialog(Page):
    """A button that asks back in a dialog of the browser; the goal says how to answer."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        names = distinct(rng, rng.randint(1, 4))
        for index, name in enumerate(names):
            self.thing(f"b{index}", pick(rng, "button | button | link"), name)
        self.count, place = len(names), rng.randrange(len(names))
        self.target = f"b{place}"
        self.guarded = set(self.items)
        self.yes = rng.random() < 0.55
        self.question = (
            pick(rng, "Really? | Go on with it? | Are you certain? | Do it now? | Is that what you want?")
            if rng.random() < 0.6
            else prose(rng)
        )
        self.asks = False
        self.result = caption(rng)
        voice = Voice(rng)
        if self.yes:
            texts = """click {what} and confirm | press {what}, then accept the dialog |
                press {what} and say OK to the question | click {what} and agree"""
        else:
            texts = """click {what} but cancel the dialog | press {what}, then dismiss the question |
                click {what} and answer the dialog with Cancel | press {what} and decline"""
        self.goal = voice.say(texts, what=voice.quote(names[place]))

    @property
    def dialog(self) -> Dialog | None:
        return Dialog("confirm", self.question) if self.asks else None

    def lines(self) -> list[Line]:
        done: list[Line] = [[self.result]] if self.reached else []
        return [*apart([self.items[f"b{index}"] for index in range(self.count)]), *done]

    def move(self) -> Move:
        if self.asks:
            return Move("dialog", "", "accept" if self.yes else "dismiss")
        return Move("click", self.target)

    def pressed(self, tag: str) -> None:
        self.asks = tag == self.target

    def answered(self, accepted: bool) -> None:
        self.asks = False
        self.reached = accepted == self.yes

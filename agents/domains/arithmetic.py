"""Arithmetic word problems: questions, grammar, parser, calculator, checks, and what went wrong in a chain.

A chain of thought is a line that names the quantities to find, last to first, then one step a line, each with
a word of the problem for its name, and the answer:

    find gives , mira
    mira : 3 * 4 = 12
    gives : 12 - 5 = 7
    answer 7

A running agent asks for it line by line, each under a grammar of its own (`row_grammar`). With the calculator
a line ends at its `=`, and the result is put in; without it the model writes the result itself.
Numbers are exact fractions; the embedded model was trained on whole results only.

Does not cover: brackets, powers, units, more than one operation on a line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

from ..question import Question, any_of
from ..wording import fold

Kind = Literal["calculator", "symbol", "missing step", "operation", "other"]
"""What is wrong with a chain: a result, a number that was used, a step too few, an operation, anything else.

The first three are the kinds of Wei et al. 2022 (arXiv:2201.11903, appendix D.2); what they call semantic and
incoherent is `operation` and `other` here.
"""

KINDS: tuple[Kind, ...] = ("calculator", "symbol", "missing step", "operation")
"""What `check_chain` may say of a line."""


SIGNS = "+-*/"

WORD_NUMBERS = MappingProxyType(
    {
        "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
        "ten": 10, "eleven": 11, "twelve": 12, "dozen": 12, "twice": 2, "double": 2, "doubles": 2, "half": 2,
        "halves": 2, "pair": 2, "triple": 3, "triples": 3, "third": 3, "quarter": 4, "fifth": 5,
    }
)  # fmt: skip
"""Words that stand for a number which a step may use; a fraction stands for what it divides by."""

LONGEST = 12
"""Steps after which a chain is cut: it is taken for one that leads nowhere."""

_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?|\.\d+")
_NUMERAL = r"-?\d+(?:\.\d+)?"
_LINE = re.compile(
    rf"(?P<name>\S[^:\n]*?) ?: ?(?P<left>{_NUMERAL}) ?(?P<sign>[-+*/]) ?(?P<right>{_NUMERAL}) ?="
    rf"(?: ?(?P<result>{_NUMERAL}))?"
)
_ANSWER = re.compile(rf"answer ?:? (?P<answer>{_NUMERAL})")


class MalformedChain(ValueError):
    """A line of a model's answer is none of a chain.

    Attributes:
        line: As the model wrote it.
        why: In words that can go back to the model.
    """

    def __init__(self, line: str, why: str) -> None:
        self.line, self.why = line, why
        super().__init__(f"The line {line!r} is no line of a chain: {why}.")


class Uncomputable(ArithmeticError):
    """The calculator has no result for this."""

    def __init__(self, expression: str, why: str) -> None:
        self.expression, self.why = expression, why
        super().__init__(f"{expression} has no result: {why}.")


@dataclass(frozen=True)
class Step:
    """One step of the ground truth.

    Attributes:
        name: A word of the problem, of its own in the problem.
        left, right: A number of the problem, or the name of an earlier step.
    """

    name: str
    left: int | str
    sign: str
    right: int | str

    def line(self, values: Mapping[str, Fraction]) -> Line:
        """The step up to its `=`, with the `values` of earlier steps."""
        left, right = (
            values[part] if isinstance(part, str) else Fraction(part) for part in (self.left, self.right)
        )
        return Line(self.name, left, self.sign, right)


@dataclass(frozen=True)
class Problem:
    """A word problem with its ground truth: a graph of quantities, in an order in which they can be computed.

    Attributes:
        text: Folded.
        answer: The value of the last step.
    """

    text: str
    steps: tuple[Step, ...]
    answer: int

    def chain(self) -> Chain:
        """The right chain.

        Raises:
            Uncomputable: A step divides by zero.
        """
        values: dict[str, Fraction] = {}
        chain = Chain(tuple(step.name for step in reversed(self.steps)))
        for step in self.steps:
            line = step.line(values)
            values[step.name] = compute(line.left, line.sign, line.right)
            chain = chain.with_line(replace(line, result=values[step.name]))
        return replace(chain, answer=chain.lines[-1].result if chain.lines else None)


# --- chains ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One step as a model says it; `result` is None up to the `=`."""

    name: str
    left: Fraction
    sign: str
    right: Fraction
    result: Fraction | None = None

    def expression(self) -> str:
        """What is computed: `3 * 4`."""
        return f"{show(self.left)} {self.sign} {show(self.right)}"

    def text(self) -> str:
        """The whole line."""
        result = "" if self.result is None else f" {show(self.result)}"
        return f"{self.name} : {self.expression()} ={result}"

    def computed(self) -> Line:
        """The line with the calculator's result.

        Raises:
            Uncomputable: There is none.
        """
        return replace(self, result=compute(self.left, self.sign, self.right))


@dataclass(frozen=True)
class Chain:
    """A chain of thought, whole or begun: what to find, the steps so far, the answer once it is said."""

    find: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    answer: Fraction | None = None

    def with_line(self, line: Line) -> Chain:
        """With one more step."""
        return replace(self, lines=(*self.lines, line))

    def rows(self) -> list[str]:
        """Its lines as they are written."""
        rows = [f"find {' , '.join(self.find)}"] if self.find else []
        rows += [line.text() for line in self.lines]
        return rows if self.answer is None else [*rows, f"answer {show(self.answer)}"]

    def numbered(self) -> list[str]:
        """Its steps with their numbers, and the answer: how a chain is shown to who checks or mends it."""
        rows = [f"{number} {line.text()}" for number, line in enumerate(self.lines, 1)]
        return rows if self.answer is None else [*rows, f"answer {show(self.answer)}"]


def show(value: Fraction) -> str:
    """A number as a chain writes it: whole, or with at most four digits behind the point."""
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.4f}".rstrip("0").rstrip(".")


def compute(left: Fraction, sign: str, right: Fraction) -> Fraction:
    """The calculator.

    Raises:
        Uncomputable: It would divide by zero, or the sign is none of `+ - * /`.
    """
    if sign == "/":
        if right == 0:
            raise Uncomputable(f"{show(left)} / 0", "nothing can be divided by 0")
        return left / right
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    raise Uncomputable(f"{show(left)} {sign} {show(right)}", f"the sign {sign!r} is none of + - * /")


def read_row(row: str, chain: Chain) -> Chain:
    """The chain with one more written row.

    Raises:
        MalformedChain: The row is none of a chain.
    """
    row = " ".join(_plain_numbers(row.replace("$", "")).split())
    if row.startswith("find ") and ":" not in row:
        names = tuple(name.strip() for name in row.removeprefix("find ").split(" , "))
        return replace(chain, find=names)
    if found := _ANSWER.fullmatch(row):
        return replace(chain, answer=Fraction(found["answer"]))
    found = _LINE.fullmatch(row)
    if found is None:
        raise MalformedChain(row, "write `name : 3 * 4 = 12`, or `answer 12` at the end")
    if len(chain.lines) >= LONGEST:
        raise MalformedChain(row, f"a chain has at most {LONGEST} steps")
    result = None if found["result"] is None else Fraction(found["result"])
    line = Line(found["name"], Fraction(found["left"]), found["sign"], Fraction(found["right"]), result)
    return chain.with_line(line)


def read_chain(text: str) -> Chain:
    """A chain out of a whole answer.

    Raises:
        MalformedChain: A line is none of a chain, a step has no result, or the answer is missing.
    """
    chain = Chain()
    for row in text.splitlines():
        if row.strip() and chain.answer is None:
            chain = read_row(row, chain)
    for line in chain.lines:
        if line.result is None:
            raise MalformedChain(line.text(), "the result is missing")
    if chain.answer is None:
        raise MalformedChain(text[-80:], "the answer is missing: end with a line like `answer 12`")
    return chain


# --- questions ------------------------------------------------------------------------------------------


def told(text: str) -> str:
    """A problem as it stands in a question: folded, numbers without separators of thousands."""
    return fold(_plain_numbers(text))


def _plain_numbers(text: str) -> str:
    return _NUMBER.sub(lambda found: found.group().replace(",", ""), text)


def numbers_in(text: str) -> tuple[Fraction, ...]:
    """The numbers that a problem says, in digits or words, each once, in order."""
    found: list[Fraction] = []
    for word in re.findall(rf"{_NUMBER.pattern}|[a-z]+", text.lower()):
        if word[0].isdigit() or word[0] == ".":
            found.append(Fraction(word.replace(",", "")))
        elif word in WORD_NUMBERS:
            found.append(Fraction(WORD_NUMBERS[word]))
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Attempt:
    """An attempt that failed: its chain and what was found, in words."""

    chain: Chain
    findings: tuple[str, ...]


def ask_think(text: str, failed: Attempt | None = None) -> Question:
    """Ask for a chain; the question's grammar holds only the form of all its rows, see `row_grammar`.

    Args:
        text: The problem.
        failed: The attempt before, in a redo.
    """
    rows = [told(text)]
    if failed is not None:
        rows += ["tried:", *failed.chain.numbered(), *(f"failed : {item}" for item in failed.findings)]
    return Question("think", "\n".join([*rows, "think:"]), whole_grammar(text))


def whole_grammar(text: str) -> str:
    """A whole chain in one answer, results and all; which numbers are at hand on a line cannot be held."""
    step = f'name " : " numeral " " {SIGN} " " numeral " = " numeral "\\n"'
    return f'start: {FIND} ({step})* "answer " numeral\n{NUMERAL}\n{_names(text)}'


def row_grammar(text: str, begun: Chain, *, tool: bool, constants: bool = False) -> str:
    """The next row of a chain: numbers are those of the problem and of earlier results only.

    A row that could go on ends with its line break, as in a whole chain: who was taught whole chains would
    say that next, and where it may not be said the row goes on for ever.

    Args:
        begun: Rows that stand already.
        tool: A calculator stands by: a step ends at its `=`.
        constants: Numbers that are not in the problem may be used (a week has 7 days).
    """
    if not begun.find and not begun.lines:
        return f"start: {FIND}\n{_names(text)}"
    results = [line.result for line in begun.lines if line.result is not None]
    numerals = any_of(show(value) for value in (*numbers_in(text), *results))
    at_hand = r"/[0-9]{1,6}(\.[0-9]{1,4})?/" if constants or not numerals else numerals
    result = "" if tool else r' " " /-?[0-9]{1,9}(\.[0-9]{1,4})?\n/'
    step = f'name " : " number " " {SIGN} " " number " ="{result}'
    answer = f'"answer " ({any_of(show(value) for value in results)})'
    rows = [step] if not results else [answer] if len(begun.lines) >= LONGEST else [step, answer]
    return f"start: {' | '.join(rows)}\nnumber: {at_hand}\n{_names(text)}"


FIND = '"find " name (" , " name){0,11} "\\n"'
SIGN = '("+" | "-" | "*" | "/")'
NUMERAL = r"numeral: /-?[0-9]{1,9}(\.[0-9]{1,4})?/"


def _names(text: str) -> str:
    """The rule `name`: one to three words of the problem."""
    return f'name: word (" " word){{0,2}}\nword: {any_of(_words_of(text))}\n'


def _words_of(text: str) -> list[str]:
    """The words of a problem, which name its quantities."""
    return [word for word in told(text).split() if any(char.isalpha() for char in word)] or ["x"]


def ask_check(text: str, chain: Chain) -> Question:
    """Ask whether a chain is right: how each line should be, and a judgement, up to the first wrong one."""
    rows = [told(text), "tried:", *chain.numbered(), "check:"]
    return Question("check_chain", "\n".join(rows), check_grammar(text, chain))


def check_grammar(text: str, chain: Chain) -> str:
    """Line by line what should stand there, and `ok` or the kind of the mistake, which ends it."""
    rule = '"answer " ("ok" | wrong)'
    for number in range(len(chain.lines), 0, -1):
        rule = f'"{number} " step " " (wrong | "ok\\n" {rule})'
    step = f'step: name " : " numeral " " {SIGN} " " numeral " = " numeral'
    return f"start: {rule}\n{step}\n{NUMERAL}\nwrong: {any_of(KINDS)}\n{_names(text)}"


@dataclass(frozen=True)
class Judgement:
    """What `check` found: the first wrong line and its kind, or nothing.

    Attributes:
        line: From 1; one more than the chain has lines where the answer comes too early or is wrong.
    """

    line: int | None = None
    kind: Kind | None = None

    @property
    def right(self) -> bool:
        """Nothing was found."""
        return self.line is None

    def words(self, chain: Chain) -> str:
        """As feedback for a redo."""
        if self.line is None:
            return ""
        return f"{f'line {self.line}' if self.line <= len(chain.lines) else 'answer'} : {self.kind}"


def write_check(chain: Chain, judgement: Judgement, meant: Chain | None = None) -> str:
    """A judgement as `check` is answered.

    Args:
        meant: The chain as it should be, as far as the first wrong line; None is the chain itself.
    """
    steps = chain.lines if meant is None else meant.lines
    rows: list[str] = []
    for number in range(1, len(chain.lines) + 2):
        said = judgement.kind if number == judgement.line else "ok"
        step = f"{number} {steps[number - 1].text()}" if number <= len(chain.lines) else "answer"
        rows.append(f"{step} {said}")
        if said != "ok":
            break
    return "\n".join(rows)


def read_check(answer: str, chain: Chain) -> Judgement:
    """The judgement of an answer.

    Raises:
        MalformedChain: A line of the answer says none.
    """
    for number, row in enumerate(answer.splitlines(), 1):
        said = row.strip()
        if said.endswith(" ok"):
            continue
        for kind in KINDS:
            if said.endswith(f" {kind}"):
                return Judgement(min(number, len(chain.lines) + 1), kind)
        raise MalformedChain(row, f"say `ok` or one of: {', '.join(KINDS)}")
    return Judgement()


# --- checks that need no model, and no right answer ------------------------------------------------------


def findings(text: str, chain: Chain, *, tool: bool = True, constants: bool = False) -> Iterator[str]:
    """What can be seen to be wrong with a chain, in words for a redo; the right answer is not known here.

    Each number must be one of the problem or an earlier result, each line must be computed right, every
    result but the last must be used, and the answer must be the last result.

    Args:
        tool: Compute the lines again with the calculator.
        constants: Numbers that are not in the problem are fine.
    """
    at_hand = set(numbers_in(text))
    used: set[Fraction] = set()
    for number, line in enumerate(chain.lines, 1):
        for value in (line.left, line.right):
            used.add(value)
            if value not in at_hand and not constants:
                yield f"line {number} : symbol : {show(value)} is not in the problem"
        if tool and (wrong := _miscomputed(line)):
            yield f"line {number} : calculator : {wrong}"
        at_hand |= {line.result} if line.result is not None else set()
    for number, line in enumerate(chain.lines[:-1], 1):
        if line.result is not None and line.result not in used:
            yield f"line {number} : symbol : {show(line.result)} is not used"
    last = chain.lines[-1].result if chain.lines else None
    if chain.answer is None:
        yield "answer : other : it is missing"
    elif chain.answer != last:
        yield f"answer : other : {show(chain.answer)} is not the last result"


def _miscomputed(line: Line) -> str:
    """What the calculator says against a line; "" for nothing."""
    try:
        right = compute(line.left, line.sign, line.right)
    except Uncomputable as error:
        return error.why
    same = line.result is None or show(right) == show(line.result)
    return "" if same else f"{line.expression()} is {show(right)}"


# --- what went wrong, seen by who knows the ground truth --------------------------------------------------


def classify(problem: Problem, chain: Chain | None) -> Kind | None:
    """The kind of mistake of a chain, None if its answer is right; a chain that cannot be read is `other`.

    `calculator`: with right results throughout, the answer would be right. Else by structure: the same
    operations with other numbers are `symbol`, fewer of them `missing step`, others as many `operation`.
    """
    if chain is not None and chain.answer == problem.answer:
        return None
    if chain is None or chain.answer is None:
        return "other"
    if recomputed(chain) == problem.answer:
        return "calculator"
    wanted = Counter(step.sign for step in problem.steps)
    signs = Counter(line.sign for line in chain.lines)
    if chain.lines and chain.answer != chain.lines[-1].result:
        return "other"
    if signs == wanted:
        return "symbol"
    if signs < wanted:
        return "missing step"
    return "operation" if signs.total() == wanted.total() else "other"


def recomputed(chain: Chain) -> Fraction | None:
    """The answer with every line computed right and carried on; None if that cannot be."""
    right: dict[Fraction, Fraction] = {}
    last: Fraction | None = None
    said: Fraction | None = None
    for line in chain.lines:
        left, other = (right.get(value, value) for value in (line.left, line.right))
        try:
            last = compute(left, line.sign, other)
        except Uncomputable:
            return None
        said = line.result
        if said is not None:
            right[said] = last
    return last if chain.answer == said else None

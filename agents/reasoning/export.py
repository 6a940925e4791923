"""Training data from a record: answers that led to a verified end, and pairs of which one led further.

An answer of the model is found again at the node that it became: a proposer's tag begins with the id of the
node whose children were proposed (`Sampled`: "ID#3", `Listed`: "ID"), and a choice among listed options holds
the texts of the children (`Enumerated` in the model's order). Where two prompts of a scope could be meant,
the answer is left out.

What counts is the judgement of ends by those who are trusted: a tool or the environment, unless told
otherwise. The model's own is not, and a record with an oracle's is refused unless it is asked for.

Does not cover: answers of evaluators. That an end was good does not say which judgement before it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import JsonValue

from .forest import Forest, Grown, Shown
from .trace import Trace
from .tree import Kind

VERIFIED: tuple[Kind, ...] = ("tool", "environment")
"""Whose judgement of an end counts."""

MOST_PAIRS = 8
"""Pairs that one node gives."""

Turns = tuple[tuple[str, str], ...]


class ExportRefused(ValueError):
    """A record or a file cannot be made training data."""


@dataclass(frozen=True)
class Example:
    """A prompt with the answer that led to a good end.

    Attributes:
        prompt: (role, text) of each turn.
        said: What the assistant had said already; `answer` goes on with it.
        stop: The text with which the answer ended and which is not part of it; "" where the turn ended.
        value: Of the best end that it led to, with `kind` saying who judged that.
        node: Id of the node that the answer became, in the search `scope`.
    """

    prompt: Turns
    said: str
    answer: str
    stop: str
    value: float
    kind: str
    scope: str = ""
    node: str = ""


@dataclass(frozen=True)
class Preference:
    """Two answers to one prompt, of which `chosen` led to the better end.

    Attributes:
        prompt, said, stop: As in `Example`.
        chosen_value, rejected_value: Of the best end that each led to; 0 for what the rules do not allow.
    """

    prompt: Turns
    said: str
    chosen: str
    rejected: str
    stop: str
    chosen_value: float
    rejected_value: float
    kind: str
    scope: str = ""
    node: str = ""


@dataclass(frozen=True)
class _Link:
    """The answer that became a node: under which prompt, and what of the answer."""

    prompt: Turns
    said: str
    answer: str
    stop: str
    whole: bool


def to_sft(trace: Trace, *, least: float = 1.0, trust: Sequence[Kind] = VERIFIED) -> list[Example]:
    """Prompt and answer of every step on a path to a good end; equal ones once.

    Args:
        least: Value from which an end is good.
        trust: Whose judgement of it counts.

    Raises:
        ExportRefused: An oracle judged, and it is not trusted.
    """
    _refuse_oracle(trace, trust)
    found: dict[tuple[Turns, str, str], Example] = {}
    for search, links, told in _linked(trace, trust):
        best = _reached(search, trust, told)
        for node_id, link in links.items():
            value, kind = best.get(node_id, (-1.0, ""))
            if value < least or search.nodes[node_id].status == "dead":
                continue
            made = Example(link.prompt, link.said, link.answer, link.stop, value, kind, search.scope, node_id)
            found.setdefault((made.prompt, made.said, made.answer), made)
    return list(found.values())


def to_preferences(
    trace: Trace, *, trust: Sequence[Kind] = VERIFIED, most: int = MOST_PAIRS
) -> list[Preference]:
    """Pairs of answers to one prompt of which one led to a better verified end.

    Worse is what led to worse ends only, and what the problem's rules refused. Of what was pruned or not
    followed to an end nothing is known, so it is in no pair.

    Args:
        trust: Whose judgement of an end counts.
        most: Pairs of one prompt at most.

    Raises:
        ExportRefused: An oracle judged, and it is not trusted.
    """
    _refuse_oracle(trace, trust)
    found: dict[tuple[Turns, str, str, str], Preference] = {}
    for search, links, told in _linked(trace, trust):
        best = _reached(search, trust, told)
        for family in _families(search, links):
            valued = [(node, *best[node.id]) for node in family if node.id in best]
            for pair in list(_pairs(valued))[:most]:
                (good, value, kind), (bad, worse, _) = pair
                link, other = links[good.id], links[bad.id]
                key = (link.prompt, link.said, link.answer, other.answer)
                where = (search.scope, good.id.rpartition(".")[0])
                found.setdefault(key, Preference(*key, link.stop, value, worse, kind, *where))
    return list(found.values())


def write_lines(
    path: Path | str, rows: Iterable[Example | Preference], extra: Mapping[str, str] | None = None
) -> int:
    """Write rows as JSON lines; the prompt as messages with `role` and `content`. Returns how many.

    Raises:
        OSError: The file cannot be written.
    """
    file, count = Path(path), 0
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8") as out:
        for row in rows:
            body = asdict(row) | {"prompt": [{"role": role, "content": text} for role, text in row.prompt]}
            out.write(json.dumps(body | dict(extra or {}), ensure_ascii=True) + "\n")
            count += 1
    return count


def read_sft(path: Path | str) -> list[Example]:
    """The examples of a file that `write_lines` wrote, or one with at least `prompt` and `answer` in a row.

    Raises:
        ExportRefused: A line is something else.
        OSError: The file cannot be read.
    """
    return [
        Example(
            prompt,
            said,
            _text(row, "answer", where),
            str(row.get("stop") or ""),
            _value(row, "value", 1.0),
            _kind(row),
        )
        for row, prompt, said, where in _rows(Path(path))
    ]


def read_preferences(path: Path | str) -> list[Preference]:
    """The pairs of a file, each row with at least `prompt`, `chosen` and `rejected`; errors as `read_sft`."""
    return [
        Preference(
            prompt,
            said,
            _text(row, "chosen", where),
            _text(row, "rejected", where),
            str(row.get("stop") or ""),
            _value(row, "chosen_value", 1.0),
            _value(row, "rejected_value", 0.0),
            _kind(row),
        )
        for row, prompt, said, where in _rows(Path(path))
    ]


# --- which answer became which node -----------------------------------------------------


Verdicts = dict[str, tuple[float, str]]
"""Of nodes, by id: the value of an end, and who judged it."""


def _linked(trace: Trace, trust: Sequence[Kind]) -> Iterator[tuple[Grown, dict[str, _Link], Verdicts]]:
    """Every search with the answers that became its nodes, and what an outer search says of its ends."""
    forest = Forest.of(trace.all_events())
    answers = [answer for answer in trace.answers() if isinstance(answer.get("prompt"), list)]
    by_tag: dict[tuple[str, str], list[dict[str, JsonValue]]] = {}
    choices: dict[frozenset[str], list[dict[str, JsonValue]]] = {}
    for answer in answers:
        if isinstance(answer.get("options"), list):
            options = frozenset(str(option) for option in cast("list[Any]", answer["options"]))
            choices.setdefault(options, []).append(answer)
        elif not answer.get("cut") or _listed(answer):
            scope, tag = str(answer.get("scope") or ""), str(answer.get("tag") or "")
            by_tag.setdefault((scope, _asker(tag)), []).append(answer)
    for search in forest:
        links: dict[str, _Link] = {}
        for parent in search.nodes.values():
            if not parent.children:
                continue
            mine = by_tag.get((search.scope, parent.id), [])
            for child in parent.children:
                link = _said_by(child, mine) or _chosen_among(parent, child, choices)
                if link is not None:
                    links[child.id] = link
        yield search, links, _judged_outside(search, forest, trust)


def _judged_outside(search: Grown, forest: Forest, trust: Sequence[Kind]) -> Verdicts:
    """What the search around a trial says of the answer with which the trial ended."""
    outer, _, name = search.scope.removesuffix("/").rpartition("/")
    outer = f"{outer}/" if outer else ""
    best = search.best
    if best is None or best.answer is None:
        return {}
    for around in forest:
        for note in around.notes if around.scope == outer else ():
            node = around.nodes.get(note.node)
            if note.what == "trial" and f"trial {note.body.get('number')}" == name and node is not None:
                same = node.answer == best.answer and node.value is not None and node.kind in trust
                return {best.id: (node.value or 0.0, node.kind)} if same else {}
    return {}


def _asker(tag: str) -> str:
    """Id of the node whose children an answer proposes; a tag that proposes none gives itself."""
    head, mark, _ = tag.partition("#")
    return "" if mark and head.startswith("~") else head  # "~3#0" is one of many first thoughts


def _listed(answer: Mapping[str, JsonValue]) -> bool:
    return "#" not in str(answer.get("tag") or "")


def _said_by(child: Shown, answers: Sequence[Mapping[str, JsonValue]]) -> _Link | None:
    """The one answer that says a node's thought: as a whole, or as one of its lines."""
    found: dict[tuple[Turns, str], _Link] = {}
    for answer in answers:
        text, whole = str(answer["text"]), not _listed(answer)
        if whole and text.strip() != child.text:
            text = str(answer.get("said") or "") + text  # a thought that had to be asked for its end
            if text.strip() != child.text:
                continue
            answer = {**answer, "said": ""}
        if not whole and child.text not in (line.strip() for line in text.splitlines()):
            continue
        prompt = _turns(answer)
        found.setdefault(
            prompt, _Link(*prompt, text if whole else child.text, _stop(answer) if whole else "", whole)
        )
    return next(iter(found.values())) if len(found) == 1 else None


def _chosen_among(
    parent: Shown, child: Shown, choices: Mapping[frozenset[str], Sequence[Mapping[str, JsonValue]]]
) -> _Link | None:
    """The one prompt under which all children of a node were options, with just these log-probabilities."""
    family = {each.text: each.logprob for each in parent.children}
    asked = {
        _turns(answer)
        for options, mine in choices.items()
        if family.keys() <= options
        for answer in mine
        if family.items() <= _scores(answer).items()
    }
    if len(asked) != 1:
        return None
    return _Link(*next(iter(asked)), child.text, "", True)


def _scores(answer: Mapping[str, JsonValue]) -> dict[str, float | None]:
    options, scores = (cast("list[Any]", answer[name]) for name in ("options", "scores"))
    return dict(zip(map(str, options), scores, strict=True))


def _stop(answer: Mapping[str, JsonValue]) -> str:
    stops = answer.get("stop")
    return str(stops[0]) if isinstance(stops, list) and stops else ""


def _turns(answer: Mapping[str, JsonValue]) -> tuple[Turns, str]:
    turns = tuple((str(role), str(text)) for role, text in cast("list[list[str]]", answer["prompt"]))
    return turns, str(answer.get("said") or "")


# --- what it led to -----------------------------------------------------------------------


def _reached(search: Grown, trust: Sequence[Kind], told: Verdicts) -> Verdicts:
    """Of each node the value of the best trusted end at or below it, and who judged; others are left out."""
    found: Verdicts = {}
    for node in search.nodes.values():
        verdict = told.get(node.id)
        if node.answer is not None and node.value is not None and node.kind in trust:
            verdict = (node.value, node.kind)
        if verdict is not None:
            for above in node.path():
                found[above.id] = max(found.get(above.id, (-1.0, "")), verdict)
        elif node.refused:
            found.setdefault(node.id, (0.0, "rules"))
    return found


def _families(search: Grown, links: Mapping[str, _Link]) -> Iterator[list[Shown]]:
    """Siblings whose answers are whole and have one prompt."""
    for parent in search.nodes.values():
        groups: dict[tuple[Turns, str], list[Shown]] = {}
        for child in parent.children:
            link = links.get(child.id)
            if link is not None and link.whole:
                groups.setdefault((link.prompt, link.said), []).append(child)
        yield from groups.values()


Valued = tuple[Shown, float, str]


def _pairs(valued: Sequence[Valued]) -> Iterator[tuple[Valued, Valued]]:
    """The best of siblings with each that is worse."""
    top = max((value for _, value, kind in valued if kind != "rules"), default=0.0)
    if top <= 0.0:
        return
    good = [each for each in valued if each[1] == top and each[2] != "rules"]
    bad = sorted((each for each in valued if each[1] < top), key=lambda each: -each[1])
    for place, worse in enumerate(bad):
        yield good[place % len(good)], worse


def _refuse_oracle(trace: Trace, trust: Sequence[Kind]) -> None:
    if "oracle" not in trust and any(search.oracle for search in Forest.of(trace.all_events())):
        raise ExportRefused(
            "An oracle judged in this record: it knew the solutions, and so would what is trained on it. "
            "Where that is meant, trust it by name (`trust=('oracle',)`, `--trust oracle`)."
        )


# --- files --------------------------------------------------------------------------------


def _rows(path: Path) -> Iterator[tuple[dict[str, Any], Turns, str, str]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        where = f"Line {number} of {str(path)!r}"
        try:
            row: Any = json.loads(line)
            turns = tuple((str(turn["role"]), str(turn["content"])) for turn in row["prompt"])
        except (ValueError, KeyError, TypeError) as error:
            raise ExportRefused(
                f"{where} is no row with a `prompt` of messages ({type(error).__name__}). "
                "Write such files with `punchlist journal export`."
            ) from error
        yield row, turns, str(row.get("said") or ""), where


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise ExportRefused(f"{where} has no text {name!r}. Was it exported with another --kind?")
    return value


def _value(row: Mapping[str, Any], name: str, usual: float) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else usual


def _kind(row: Mapping[str, Any]) -> str:
    return str(row.get("kind") or "")

"""Memory as tools of an agent: `recall`, `remember`, `forget`. What they may see is the program's to say.

    shop = Worker("shop", model, tools=[*memory_tools(memory, Scope(user="ada")), stock])

`recall` takes several queries, so that a question of several parts is one call; what is found comes back
within one number of notes and one budget of tokens, each labelled with time, source and trust. `remember`
writes nothing: what an attempt notes is kept when its task is confirmed, with that confirm as its proof, and
what an attempt notes that fails, or is never confirmed, leaves nothing. `forget` asks a person, whatever the
run's rules allow. All three are on record with the run (`remembering`), and a run that is resumed reads what
was recalled instead of asking anew.

What an agent notes is `untrusted`: it may have read it anywhere. A confirm proves its task, not its words.

An agent of a fleet opens the memory's folder where it lives, if that is this machine (`fleet/memories.py`);
what it notes is kept by its manager.

Does not cover: what was recalled stays in the journals of the runs that recalled it, also when it is
forgotten: prune those.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, JsonValue, ValidationError

from ..memory.records import LONGEST_NAME, OWNERS, Provenance, Record, Scope, kept_name, now
from ..memory.secrecy import secret_in
from ..protocols.messages import Confirm
from ..tools.errors import ToolError
from ..tools.permissions import Call, Policy, Rule
from ..tools.tool import AnyTool, EffectClass, Tool, tool
from .errands import Errand, errand
from .events import Recalled
from .recalling import NOTE_TOKENS, Memo, fitting
from .remembering import FORGOTTEN, NOTED, Place, Remembering

if TYPE_CHECKING:
    from ..memory import Memory
    from ..protocols.journal import Journal
    from .agent import Agent

MOST_QUERIES, MOST_NOTES = 8, 20
NOTE = "note"
"""What a recall of an agent is for, in its row."""

LONGEST_NOTE = 2000
"""Characters of what an agent may note."""

Queries = Annotated[list[str], Field(min_length=1, max_length=MOST_QUERIES)]
Count = Annotated[int, Field(ge=1, le=MOST_NOTES)]
Words = Annotated[str, Field(min_length=1, max_length=LONGEST_NOTE)]


class NothingToProveIt(ToolError):
    """Something was to be remembered where no task could be confirmed."""

    def __init__(self) -> None:
        super().__init__(
            "Nothing can be remembered here: it takes a task that is confirmed. Give the tool to a worker of "
            "a manager, or call `Memory.remember` yourself.",
            for_model="Nothing can be remembered here.",
        )


class NotInSight(ToolError):
    """A record was named that is not there, or belongs to somebody else."""

    def __init__(self, record: str) -> None:
        self.record = record
        super().__init__(f"There is no record {record!r} that you may forget. Name one that was recalled.")


class KeepsSecret(ToolError):
    """A note holds a secret."""

    def __init__(self, what: str) -> None:
        super().__init__(f"This holds a secret ({what}) and is not remembered. Say it without the secret.")


class NotWords(ToolError):
    """A note is blank, or holds characters that no record can."""

    def __init__(self, why: str) -> None:
        super().__init__(f"This is not remembered: {why}. Say it in plain words.")


@dataclass(frozen=True)
class MemoryTool(Tool[..., Any]):
    """A tool that belongs to a memory.

    Attributes:
        keeper: What is behind it.
        asks: Every call is put to a person that the rules would let pass.
    """

    keeper: Keeper | None = None
    asks: bool = False


class Keeper:
    """What three tools of one memory and scope have together.

    Args:
        memory: Where records lie.
        scope: Whose they are; what a model says never widens it.
        tokens: That what one recall gives may take, counted by the model of the agent that asks.
        trusted: Recall only what is trusted.
    """

    def __init__(self, memory: Memory, scope: Scope, tokens: int, *, trusted: bool) -> None:
        self.memory, self.scope, self.tokens, self.trusted = memory, scope, tokens, trusted

    @property
    def mark(self) -> str:
        """Tells the notes for this memory and scope from those for another one, in rows."""
        return _digest(str(self.memory.folder), self.scope.model_dump_json())

    async def recall(self, queries: Queries, k: Count = 5) -> dict[str, JsonValue]:
        """Search long-term memory for what is known from earlier: a short query for each part of a question.

        Args:
            queries: What to look for; what is found for all of them comes back together.
            k: Notes at most.
        """
        at = errand()
        if at is None:
            found = await self.memory.recall_all(
                queries, k, None, self.scope, trusted=self.trusted, near_words=True
            )
            return self._told([Memo.of(each) for each in found], None)
        what = f"{NOTE} {_digest(*queries, str(k), self.mark)}"
        recalled = await self._remembering(at).recall(
            what, queries, self.scope, at.place, k=k, trusted=self.trusted, near_words=True
        )
        return self._told(recalled, at)

    def _told(self, memos: Sequence[Memo], at: Errand | None) -> dict[str, JsonValue]:
        """What a model is given. Without an agent a byte counts as a token: no tokenizer makes more of it."""
        used, left_out = fitting(memos, self.tokens, _bytes if at is None else at.mind.model.count_tokens)
        if at is not None:
            for memo in used:
                at.mind.show(Recalled(at.place.task, memo.text, NOTE, memo.label()))
        notes: list[JsonValue] = [
            {"id": memo.id, "note": memo.text, "from": memo.label(), "trust": memo.trust} for memo in used
        ]
        return {"notes": notes, "left_out": len(left_out)}

    async def remember(self, text: Words, kind: Literal["episode", "fact"] = "fact") -> str:
        """Note something for later runs. It is kept only if this task turns out right.

        Args:
            text: One statement that can be understood by itself.
            kind: `fact`, what holds; `episode`, what happened.
        """
        at = errand()
        if at is None:
            raise NothingToProveIt
        if (found := secret_in(text)) is not None:
            raise KeepsSecret(found)
        try:
            Record(kind=kind, text=text)
        except ValidationError as error:
            raise NotWords(error.errors()[0]["msg"]) from None
        key = f"{self._noted(at.place)} {_digest(kind, text)}"
        rows = at.journal.rows(at.mind.run, kinds=(NOTED,), task=at.place.task)
        if not any(row.key == key for row in rows):
            at.note(NOTED, {"kind": kind, "text": text, "agent": at.agent}, key)
        return "noted; it is kept once this task is confirmed"

    async def forget(self, record: str) -> str:
        """Delete a note for good. A person is asked first.

        Args:
            record: Its id, as recall gave it.
        """
        from ..memory import UnknownRecord

        try:
            known = await self.memory.get(record)
        except UnknownRecord:
            raise NotInSight(record) from None
        if not sees(self.scope, known.scope):
            raise NotInSight(record)
        gone = await self.memory.forget(record)
        if (at := errand()) is not None:
            at.note(FORGOTTEN, {"id": record, "records": gone.records})
        return "forgotten"

    async def keep(self, journal: Journal, run: str, proof: Confirm, place: Place, task: str) -> list[Record]:
        """Keep what the confirmed attempt noted.

        Args:
            place: Of the confirmed attempt.
            task: The task's id in messages.

        Raises:
            MemoryFault, MemoryRefused: As `Memory.remember`.
        """
        noted = self._noted(place)
        rows = [
            row for row in journal.rows(run, kinds=(NOTED,), task=place.task) if row.key.startswith(noted)
        ]
        kept: list[Record] = []
        for row in rows:
            body = row.body if isinstance(row.body, dict) else {}
            kind, text = body.get("kind"), body.get("text")
            if kind not in ("episode", "fact") or not isinstance(text, str):
                continue  # pruned
            agent = kept_name(f"agent {body.get('agent')}")
            source = Provenance(run=run, task=task, attempt=proof.attempt, origin=agent)
            happens = kind == "episode"
            record = Record(
                kind=kind, text=text, scope=self.scope, provenance=source,
                happened=now() if happens else None, session=kept_name(task, LONGEST_NAME) if happens else "",
            )  # fmt: skip
            kept.append(await Remembering(self.memory, journal, run).remember(record, proof, place))
        return kept

    def _noted(self, place: Place) -> str:
        return f"{place.key(NOTED)} {self.mark}"

    def _remembering(self, at: Errand) -> Remembering:
        return Remembering(self.memory, at.journal, at.mind.run)


def memory_tools(
    memory: Memory, scope: Scope | None = None, *, tokens: int = NOTE_TOKENS, trusted: bool = False
) -> tuple[MemoryTool, ...]:
    """`recall`, `remember` and `forget` for a worker.

    Args:
        scope: Whose records are seen and written; None: shared ones.
        tokens: That what one recall gives may take.
        trusted: Recall only what is trusted.
    """
    keeper = Keeper(memory, scope or Scope.shared(), tokens, trusted=trusted)
    return (
        _made(keeper, keeper.recall, "read"),
        _made(keeper, keeper.remember, "write"),
        _made(keeper, keeper.forget, "irreversible", asks=True),
    )


def _made(keeper: Keeper, function: Any, effect: EffectClass, *, asks: bool = False) -> MemoryTool:
    """All may be called again: what was recalled is on record, and what is noted is noted once."""
    made = tool(effect=effect, recovery="pure")(function)
    return MemoryTool(**vars(made), keeper=keeper, asks=asks)


class Asking(Policy):
    """A policy whose person is asked about calls of some tools that its rules would let pass."""

    def __init__(self, policy: Policy, tools: Iterable[str]) -> None:
        super().__init__(policy.rules, policy.person)
        self._inner, self._tools = policy, frozenset(tools)

    async def permit(self, call: Call) -> str:
        """See `Policy.permit`.

        Raises:
            ToolDenied: A rule or the person refuses it, or nobody is there to be asked.
        """
        first = next((rule for rule in self.rules if rule.matches(call)), None)
        if call.tool in self._tools and first is not None and first.verdict == "allow":
            return await Policy((Rule("ask", tool=call.tool),), self.person).permit(call)
        return await self._inner.permit(call)


def asking(policy: Policy, tools: Iterable[AnyTool]) -> Policy:
    """The policy, for an agent with these tools."""
    names = [each.name for each in tools if isinstance(each, MemoryTool) and each.asks]
    return Asking(policy, names) if names else policy


def keepers_of(agent: Agent) -> list[Keeper]:
    """The memories that an agent can note something in."""
    found = [each.keeper for each in agent.functions if isinstance(each, MemoryTool)]
    return list(dict.fromkeys(keeper for keeper in found if keeper is not None))


def sees(scope: Scope, other: Scope) -> bool:
    """Whether a question from `scope` can see what lies in `other`; see `memory.Scope`."""
    if scope.tenant != other.tenant or (scope.key and other.key not in ("", scope.key)):
        return False
    return all(getattr(other, level) in ("", getattr(scope, level)) for level in OWNERS)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]

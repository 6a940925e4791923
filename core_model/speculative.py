"""Guessing the next tokens from what the sequence says already, so that one forward pass yields several.

Agents copy: names from the page into the form, fields of the order into the report. The longest recent place
where the last tokens stood before tells what followed (prompt lookup: Saxena 2023, github.com/apoorvumang/
prompt-lookup-decoding; with the match length as confidence: SuffixDecoding, Oliaro et al. 2024,
arXiv:2411.04975).

What this promises: nothing changes but speed. The draft's places are computed in one forward pass, and each
token is chosen by the same rule and the same random number as without a draft; the draft is followed as long
as the choice equals it, and the first choice that does not is kept too. Under a grammar the draft is cut
where the grammar ends it (`GrammarState.validate`).

What it does not: that drafting pays. `Drafter` counts what was accepted and weighs it against what a longer
pass costs; without a hit it costs one look-up per pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

SHORTEST, LONGEST = 2, 8
"""Tokens of a match: fewer say too little, more say no more."""

PLACES = 32
"""So many of the latest places with the same last two tokens are compared."""

PROBE = 64
"""Passes without a draft after which one token is tried again although drafting did not pay."""

FADE = 0.9
"""Share of the earlier counts that remains at each new count: text changes its nature on the way."""


def linear_costs(each: float, most: int = 8) -> tuple[float, ...]:
    """Costs of passes over 1, 2, ... `most` + 1 tokens when every token after the first adds `each`.

    Args:
        each: In passes over one token, 0 or more.
        most: Longest draft.
    """
    return tuple(1 + each * count for count in range(most + 1))


class Drafter:
    """The tokens of one sequence, prompt included, and guesses about the next ones.

    Attributes:
        proposed, accepted: Draft tokens counted by `record`.
    """

    def __init__(self, costs: Sequence[float] = linear_costs(0.05)) -> None:
        """An empty sequence.

        Args:
            costs: `costs[k]` is what a pass over 1 + k tokens of this sequence costs, in passes over one; the
                longest draft has len(costs) - 1 tokens. To be measured where it runs: an engine bound by
                reading its weights has flat costs.

        Raises:
            ValueError: There are no costs, or one is not above 0.
        """
        if not costs or min(costs) <= 0:
            raise ValueError(f"costs are {costs!r}; they must be one or more numbers above 0.")
        self._costs = tuple(costs)
        self._tokens: list[int] = []
        self._before: list[int] = []  # per place: the latest earlier place with the same two tokens, or -1
        self._latest: dict[tuple[int, int], int] = {}
        self._hits = [1.0] * (LONGEST + 1)  # per length of match
        self._tries = [2.0] * (LONGEST + 1)
        self._length = 0
        self._idle = 0
        self.proposed = self.accepted = 0

    def extend(self, tokens: Iterable[int]) -> None:
        """Add tokens to the sequence; constant time for each."""
        for token in tokens:
            place = len(self._tokens)
            pair = (self._tokens[-1], token) if place else (-1, token)
            self._tokens.append(token)
            self._before.append(self._latest.get(pair, -1))
            self._latest[pair] = place

    def match(self) -> tuple[int, int]:
        """The earlier place whose last tokens are most like the sequence's end.

        Returns:
            Place of the token that followed there, and how many tokens agree (`SHORTEST` to `LONGEST`); of
            equal ones the latest place, among the latest `PLACES`. (0, 0) when there is none.
        """
        tokens, end = self._tokens, len(self._tokens) - 1
        best, longest = 0, 0
        place = self._before[end] if end >= SHORTEST else -1
        for _ in range(PLACES):
            if place < 1:
                break
            length = SHORTEST
            while length < min(LONGEST, place + 1) and tokens[place - length] == tokens[end - length]:
                length += 1
            if length > longest:
                best, longest = place + 1, length
                if length == LONGEST:
                    break
            place = self._before[place]
        return best, longest

    def propose(self, most: int) -> list[int]:
        """Tokens that may come next, at most `most`; none where none are known or where it would not pay."""
        start, self._length = self.match()
        count = min(most, self._worthwhile(self._length)) if self._length else 0
        if count <= 0:
            self._idle += 1
            return []
        self._idle = 0
        draft = self._tokens[start : start + count]
        while len(draft) < count:  # the match reaches to the end: what follows repeats
            draft.append(draft[len(draft) - (len(self._tokens) - start)])
        return draft

    def record(self, proposed: int, accepted: int) -> None:
        """Count what became of the last draft; call it once per draft that was computed.

        Args:
            proposed: Tokens of the draft that were computed.
            accepted: How many of them, from the first on, equalled the choice.
        """
        if not 0 <= accepted <= proposed:
            raise ValueError(f"{accepted} tokens cannot be accepted of {proposed}.")
        if not proposed:
            return
        self.proposed += proposed
        self.accepted += accepted
        length, tries = self._length, accepted + (accepted < proposed)
        self._hits[length] = self._hits[length] * FADE + accepted
        self._tries[length] = self._tries[length] * FADE + tries

    def _worthwhile(self, length: int) -> int:
        """The draft length with the most expected tokens per cost; 0 where one token at a time is best."""
        rate = self._hits[length] / self._tries[length]
        best, most = 0, 1.0 / self._costs[0]
        expected = chance = 1.0
        for count in range(1, len(self._costs)):
            chance *= rate
            expected += chance
            if expected / self._costs[count] > most:
                best, most = count, expected / self._costs[count]
        if not best and self._idle >= PROBE:
            return min(1, len(self._costs) - 1)
        return best

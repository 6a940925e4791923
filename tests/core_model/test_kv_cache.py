"""Pages are conserved, shared and found again, whatever is done with them in whatever order."""

from __future__ import annotations

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from punchlist.core_model.batch import PAGE
from punchlist.core_model.config import ModelConfig
from punchlist.core_model.errors import CacheFull
from punchlist.core_model.kv_cache import Cache, PagePool, common_length

CONFIG = ModelConfig(64, 16, 1, 1, 1, 2, 16, context_length=4096)
PAGES = 12

Held = tuple[Cache, list[int]]


def compute(cache: Cache, tokens: list[int], upto: int) -> None:
    """What the engine does: own the pages, write a value that follows from all tokens so far, count."""
    start = cache.length
    cache.reserve(upto)
    for place in range(start, upto):
        mark = float(hash(tuple(tokens[: place + 1])) % 100_003)
        cache.pool.keys[:, cache.pages[place // PAGE], :, :, place % PAGE] = mark
        cache.pool.values[:, cache.pages[place // PAGE], :, place % PAGE] = mark
    cache.advance(tokens, upto - start)


def wrong_places(cache: Cache, tokens: list[int]) -> list[int]:
    """Computed places that do not hold what follows from the tokens before them."""
    wrong: list[int] = []
    for place in range(cache.length):
        mark = float(hash(tuple(tokens[: place + 1])) % 100_003)
        page, slot = cache.pages[place // PAGE], place % PAGE
        if not (
            bool((cache.pool.keys[:, page, :, :, slot] == mark).all())
            and bool((cache.pool.values[:, page, :, slot] == mark).all())
        ):
            wrong.append(place)
    return wrong


class Pages(RuleBasedStateMachine):
    """Random histories of open, extend, fork at any token and close, in a pool that is too small for them."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.pool = PagePool(CONFIG, PAGES)
        self.alive: list[Held] = []

    def take(self, cache: Cache, tokens: list[int], upto: int) -> None:
        before = self.pool.available
        needed = cache.missing(upto)
        try:
            compute(cache, tokens, upto)
        except CacheFull:
            assert needed > before

    @rule(target=held, seed=st.integers(0, 3), size=st.integers(1, 70))
    def begin(self, seed: int, size: int) -> Held:
        tokens = random.Random(seed).choices(range(3), k=size)
        cache = Cache(self.pool)
        known = cache.begin(tokens, size - 1)
        assert known <= max(0, size - 1)
        self.alive.append((cache, tokens))
        self.take(cache, tokens, size - 1)
        return cache, tokens

    @rule(one=held, seed=st.integers(0, 2), size=st.integers(1, 40))
    def go_on(self, one: Held, seed: int, size: int) -> None:
        cache, tokens = one
        tokens.extend(random.Random(seed).choices(range(2), k=size))
        self.take(cache, tokens, len(tokens) - 1)

    @rule(target=held, one=held, share=st.floats(0, 1))
    def fork(self, one: Held, share: float) -> Held:
        cache, tokens = one
        at = int(share * cache.length)
        other = cache.fork(at), tokens[: at + 1]
        self.alive.append(other)
        return other

    @rule(one=consumes(held), keep=st.booleans())
    def close(self, one: Held, keep: bool) -> None:
        cache, tokens = one
        self.alive = [other for other in self.alive if other[0] is not cache]
        cache.release(tokens if keep else None)

    @precondition(lambda self: self.alive)
    @rule()
    def clear(self) -> None:
        self.pool.tree.clear()
        assert self.pool.tree.evictable == 0

    @invariant()
    def pages_are_conserved(self) -> None:
        self.pool.check([cache for cache, _ in self.alive])

    @invariant()
    def every_place_holds_what_was_computed_for_it(self) -> None:
        for cache, tokens in self.alive:
            assert wrong_places(cache, tokens) == []


TestPages = Pages.TestCase
TestPages.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def held(pool: PagePool, tokens: list[int]) -> Cache:
    cache = Cache(pool)
    cache.begin(tokens, len(tokens) - 1)
    compute(cache, tokens, len(tokens) - 1)
    return cache


def test_a_prompt_is_found_up_to_the_token_where_it_differs() -> None:
    pool = PagePool(CONFIG, PAGES)
    first = list(range(50))
    held(pool, first).release(first)

    other = Cache(pool)

    assert other.begin([*range(40), 7, 7, 7], 42) == 40


def test_a_prompt_never_matches_fully() -> None:
    pool = PagePool(CONFIG, PAGES)
    tokens = list(range(33))
    held(pool, tokens).release(tokens)

    assert Cache(pool).begin(tokens[:32], 31) == 31


def test_branches_that_come_to_the_same_text_share_its_pages() -> None:
    pool = PagePool(CONFIG, PAGES)
    trunk = list(range(20))
    one = held(pool, trunk)
    two = one.fork()
    longer = [*trunk, *range(30, 60)]

    for branch in (one, two):
        compute(branch, longer, len(longer) - 1)

    full = (len(longer) - 1) // PAGE
    assert one.pages[:full] == two.pages[:full]
    assert one.pages[full] != two.pages[full]


def test_a_fork_writes_to_a_page_of_its_own() -> None:
    pool = PagePool(CONFIG, PAGES)
    tokens = list(range(21))
    one = held(pool, tokens)
    two = one.fork()

    compute(one, [*tokens, 1, 2], 22)
    compute(two, [*tokens, 3, 4], 22)

    assert wrong_places(one, [*tokens, 1, 2]) == wrong_places(two, [*tokens, 3, 4]) == []


def test_the_least_recently_used_beginning_makes_room() -> None:
    pool = PagePool(CONFIG, 4)
    a, b = [1] * 33, [2] * 33
    for tokens in (a, b):
        held(pool, tokens).release(tokens)
    looked_at_last = Cache(pool)
    looked_at_last.begin(a, 32)
    looked_at_last.release()

    held(pool, [3] * 17)

    assert Cache(pool).begin(a, 32) == 32
    assert Cache(pool).begin(b, 32) == 16


def test_a_full_pool_says_so_and_stays_usable() -> None:
    pool = PagePool(CONFIG, 2)
    cache = held(pool, list(range(33)))

    with pytest.raises(CacheFull, match="32 tokens"):
        Cache(pool).reserve(1)

    cache.release()
    Cache(pool).reserve(32)


def test_adapters_do_not_share_what_they_computed() -> None:
    pool = PagePool(CONFIG, PAGES)
    tokens = list(range(40))
    held(pool, tokens).release(tokens)

    other = Cache(pool, root=pool.tree.root_of("tuned"))

    assert other.begin(tokens, 39) == 0


def test_a_fork_of_a_long_sequence_copies_nothing() -> None:
    pool = PagePool(CONFIG, 260)
    tokens = list(range(4001))
    cache = held(pool, tokens)
    unused = pool.unused

    forks = [cache.fork() for _ in range(5)]

    assert pool.unused == unused
    assert all(fork.pages == cache.pages for fork in forks)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 200])
def test_common_beginnings_are_counted_exactly(size: int) -> None:
    same = list(range(size))

    assert common_length([*same, 7], [*same, 8]) == size
    assert common_length(same, [*same, 8]) == size

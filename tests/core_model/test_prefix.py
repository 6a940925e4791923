"""Kept caches: the longest beginning is found, and memory is bounded."""

from __future__ import annotations

import numpy as np

from punchlist.core_model.config import ModelConfig
from punchlist.core_model.kv_cache import KVCache
from punchlist.core_model.prefix import PrefixStore

CONFIG = ModelConfig(64, 32, 2, 4, 2, 8, 64, context_length=64)
A = list(range(30))
B = [*range(20), *range(40, 60)]


def cache(length: int) -> KVCache:
    made = KVCache(CONFIG, 64)
    made.length = length
    return made


def test_the_longest_common_beginning_is_found() -> None:
    store = PrefixStore(10**6)
    store.put(A, cache(30))
    store.put(B, kept := cache(40))

    length, found = store.longest(np.asarray([*B[:35], 7, 7]))

    assert (length, found) == (35, kept)


def test_a_short_match_is_not_worth_it() -> None:
    store = PrefixStore(10**6)
    store.put(A, cache(30))

    assert store.longest(np.asarray([*A[:10], 63, 63])) == (0, None)


def test_only_computed_tokens_count() -> None:
    store = PrefixStore(10**6)
    store.put(A, cache(18))

    assert store.longest(np.asarray(A))[0] == 18


def test_the_least_recently_used_is_dropped_when_the_bytes_run_out() -> None:
    store = PrefixStore(2 * cache(0).nbytes)
    for start in (0, 30):
        store.put([start + place for place in range(30)], cache(30))
    store.longest(np.asarray(A))

    store.put([63, *range(29)], cache(30))

    assert store.longest(np.asarray(A))[0] == 30
    assert store.longest(np.arange(30, 60))[0] == 0


def test_a_longer_text_replaces_its_own_beginning() -> None:
    store = PrefixStore(cache(0).nbytes * 2)
    store.put(B, cache(40))
    store.put(A[:25], cache(25))

    store.put(A, cache(30))

    assert store.longest(np.asarray(B))[0] == 40

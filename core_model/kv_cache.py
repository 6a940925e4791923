"""Keys and values of tokens already computed: pages of 16, their owners, and a tree of known beginnings.

`PagePool` holds the memory, `Cache` is one sequence's list of pages, `PrefixTree` finds the pages of a prompt
that begins like one computed before. A fork shares every page; the one page that both would write to is
copied at the first write (copy-on-write). Tokens are compared themselves, never by hashes alone, so there are
no collisions (Zheng et al. 2024, arXiv:2312.07104; Kwon et al. 2023, arXiv:2309.06180).

One rule keeps the counts right: a page's number of owners is the number of caches that list it, plus one
where the tree holds it. `check` states it, and the tests call it after every step.

What it does not cover: threads. The engine holds one lock around every call.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from .batch import PAGE
from .config import ModelConfig
from .errors import CacheFull
from .native.packing import huge_zeros


class PagePool:
    """All pages of one model, and their owners. Page 0 is nobody's: unused table entries point to it."""

    def __init__(
        self, config: ModelConfig, pages: int, dtype: torch.dtype = torch.float32, device: str = "cpu"
    ) -> None:
        """Reserve address space for `pages` pages (at least 1); memory is taken as they are first written.

        Raises:
            CacheFull: there is not even address space for them.
        """
        layers, heads, size = config.num_layers, config.num_kv_heads, config.head_dim
        self.pages = pages
        make = huge_zeros if device == "cpu" else partial(torch.zeros, device=device)
        try:
            self.keys = make((layers, pages + 1, heads, size, PAGE), dtype=dtype)
            self.values = make((layers, pages + 1, heads, PAGE, size), dtype=dtype)
        except (RuntimeError, OSError) as error:  # torch and the system say so when memory runs out
            raise CacheFull(pages * PAGE, 0) from error
        self.owners = [1] + [0] * pages
        self.tree = PrefixTree(self)
        self._unused = list(range(pages, 0, -1))

    @staticmethod
    def page_bytes(config: ModelConfig, dtype: torch.dtype) -> int:
        """Bytes of one page over all layers."""
        return 2 * config.num_layers * config.num_kv_heads * config.head_dim * PAGE * dtype.itemsize

    @property
    def unused(self) -> int:
        """Pages that nobody owns."""
        return len(self._unused)

    @property
    def available(self) -> int:
        """Pages that can be had: unused ones, and those that only the tree holds."""
        return len(self._unused) + self.tree.evictable

    def take(self) -> int:
        """A page with one owner; the least recently used beginning makes room where none is unused.

        Raises:
            CacheFull: every page is owned by a cache.
        """
        if not self._unused and not self.tree.evict():
            raise CacheFull(self.pages * PAGE, 0)
        page = self._unused.pop()
        self.owners[page] = 1
        return page

    def share(self, pages: Iterable[int]) -> None:
        """Count one more owner of each page."""
        owners = self.owners
        for page in pages:
            owners[page] += 1
            if owners[page] == 2:
                self.tree.pinned(page)

    def release(self, pages: Iterable[int]) -> None:
        """Count one owner less of each page; those without one can be taken again."""
        owners = self.owners
        for page in pages:
            owners[page] -= 1
            if owners[page] == 0:
                self._unused.append(page)
            elif owners[page] == 1:
                self.tree.unpinned(page)

    def copy(self, page: int) -> int:
        """A new page with the same content."""
        fresh = self.take()
        self.keys[:, fresh] = self.keys[:, page]
        self.values[:, fresh] = self.values[:, page]
        return fresh

    def check(self, caches: Iterable[Cache]) -> None:
        """Raise AssertionError unless the counts are what `caches`, all there are, and the tree own."""
        counted = [1] + [0] * self.pages
        for cache in caches:
            for page in cache.pages:
                counted[page] += 1
        for page in self.tree.held():
            counted[page] += 1
        if counted != self.owners:
            raise AssertionError(f"owners are {self.owners}, counted {counted}")
        unused = sorted(self._unused)
        if unused != [page for page, owners in enumerate(counted) if owners == 0]:
            raise AssertionError(f"unused pages are {unused}, owners {counted}")
        free = sum(1 for page in self.tree.held() if counted[page] == 1)
        if free != self.tree.evictable:
            raise AssertionError(f"{self.tree.evictable} pages count as evictable, {free} are")


class Node:
    """One page of a known beginning. `key` holds its tokens: PAGE of them, or fewer in a last page."""

    __slots__ = ("children", "first", "key", "page", "parent", "queued", "used")

    def __init__(self, key: tuple[int, ...], page: int, parent: Node | None) -> None:
        self.key, self.page, self.parent = key, page, parent
        self.children: dict[tuple[int, ...], Node] = {}
        self.first: dict[int, list[Node]] = {}  # children by first token
        self.used = 0
        self.queued = False  # among the leaves that may be evicted


class PrefixTree:
    """Beginnings that were computed, page by page, the least recently used leaf first to go."""

    def __init__(self, pool: PagePool) -> None:
        self.root = Node((), 0, None)
        self.evictable = 0
        self._roots: dict[str | None, Node] = {None: self.root}
        self._pool = pool
        self._nodes: dict[int, Node] = {}  # by page
        self._clock = 0
        self._leaves: list[tuple[int, int]] = []  # (used, page) of what may be evicted; old entries linger

    def held(self) -> list[int]:
        """Pages that the tree owns."""
        return list(self._nodes)

    def root_of(self, adapter: str | None) -> Node:
        """Where the beginnings that were computed with this adapter hang; None is the bare model."""
        return self._roots.setdefault(adapter, Node((), 0, None))

    def match(self, tokens: Sequence[int], root: Node) -> tuple[Node, list[int]]:
        """The deepest node below `root` whose whole path `tokens` begin with, and the pages of that path."""
        node, pages = root, list[int]()
        self._clock += 1
        for start in range(0, len(tokens) - PAGE + 1, PAGE):
            child = node.children.get(tuple(tokens[start : start + PAGE]))
            if child is None:
                break
            node = child
            node.used = self._clock
            pages.append(node.page)
        return node, pages

    def match_within(self, node: Node, tokens: Sequence[int]) -> tuple[int, int]:
        """How many leading tokens a page below `node` shares at most, and that page: (0, 0) for none."""
        best, page = 0, 0
        for child in node.first.get(tokens[0], ()) if tokens else ():
            shared = common_length(child.key, tokens)
            if shared > best:
                best, page = shared, child.page
                child.used = self._clock
        return best, page

    def insert(self, node: Node, key: tuple[int, ...], page: int) -> Node:
        """Put a page below `node`; where these tokens are known already, the known node is returned instead.

        A key shorter than PAGE is a last page: it is not put where another page begins with it, and it
        replaces those that it begins with.
        """
        self._clock += 1
        known = node.children.get(key)
        if known is None and len(key) < PAGE:
            alike = node.first.get(key[0], [])
            known = next((child for child in alike if child.key[: len(key)] == key), None)
        if known is not None:
            known.used = self._clock
            return known
        for child in list(node.first.get(key[0], ())):
            if len(child.key) < PAGE and key[: len(child.key)] == child.key:
                self._drop(child)
        fresh = Node(key, page, node)
        fresh.used = self._clock
        node.children[key] = fresh
        node.first.setdefault(key[0], []).append(fresh)
        self._nodes[page] = fresh
        self.evictable += self._pool.owners[page] == 1  # taken back by `share` at once
        self._pool.share((page,))
        return fresh

    def pinned(self, page: int) -> None:
        """A cache took a page beside the tree."""
        if page in self._nodes:
            self.evictable -= 1

    def unpinned(self, page: int) -> None:
        """Only one owner is left of a page: the tree, where it holds it."""
        node = self._nodes.get(page)
        if node is not None:
            self.evictable += 1
            self._offer(node)

    def evict(self) -> bool:
        """Give up the least recently used page that nobody else owns; False when there is none."""
        while self._leaves:
            used, page = heapq.heappop(self._leaves)
            node = self._nodes.get(page)
            if node is None or not node.queued:
                continue
            node.queued = False
            if node.children or self._pool.owners[page] != 1:
                continue
            if node.used != used:
                self._offer(node)
                continue
            self._drop(node)
            return True
        return False

    def clear(self) -> None:
        """Give up every page that nobody else owns."""
        while self.evict():
            pass

    def _offer(self, node: Node) -> None:
        ready = node.parent is not None and not node.children and self._pool.owners[node.page] == 1
        if ready and not node.queued:
            node.queued = True
            heapq.heappush(self._leaves, (node.used, node.page))

    def _drop(self, node: Node) -> None:
        parent = node.parent
        assert parent is not None and not node.children  # the root and inner nodes are never dropped
        del parent.children[node.key]
        siblings = parent.first[node.key[0]]
        siblings.remove(node)
        if not siblings:
            del parent.first[node.key[0]]
        del self._nodes[node.page]
        if self._pool.owners[node.page] == 1:
            self.evictable -= 1
        self._pool.release((node.page,))
        self._offer(parent)


class Cache:
    """Where the first `length` tokens of one sequence lie.

    Full pages are registered in the tree as soon as they are computed, so that others can share them while
    this sequence goes on; where the tree has the same page already, it replaces the own one.
    """

    def __init__(self, pool: PagePool, *, shared: bool = True, root: Node | None = None) -> None:
        """An empty cache below `root` (default: the bare model's); unless `shared` it avoids the tree."""
        self.pool, self.shared = pool, shared
        self.root = root or pool.tree.root
        self.pages: list[int] = []
        self.length = 0
        self.table = np.zeros(8, np.int32)
        self._node = self.root  # of the last registered page
        self._registered = 0

    def begin(self, tokens: Sequence[int], limit: int) -> int:
        """Take over what is known of the first `limit` tokens; returns how many. Only for an empty cache."""
        if not self.shared:
            return 0
        tree = self.pool.tree
        self._node, pages = tree.match(tokens[:limit], self.root)
        self.pool.share(pages)
        self._put(pages)
        self._registered = len(pages)
        self.length = len(pages) * PAGE
        rest = tokens[self.length : min(limit, self.length + PAGE)]
        shared, page = tree.match_within(self._node, rest)
        if shared:
            self.pool.share((page,))  # copied by `reserve` before it is written to
            self._put([page])
            self.length += shared
        return self.length

    def missing(self, total: int) -> int:
        """How many pages `reserve(total)` would take."""
        count = max(0, -(-total // PAGE) - len(self.pages))
        return count + (1 if self._torn(total) is not None else 0)

    def reserve(self, total: int) -> None:
        """Own what is written up to `total` tokens: new pages, and a copy of a shared last one.

        Raises:
            CacheFull: there are not enough pages; what was taken stays with this cache.
        """
        torn = self._torn(total)
        if torn is not None:
            page = self.pages[torn]
            fresh = self.pool.copy(page)
            self.pages[torn] = self.table[torn] = fresh
            self.pool.release((page,))
        while len(self.pages) * PAGE < total:
            self._put([self.pool.take()])

    def advance(self, tokens: Sequence[int], count: int) -> None:
        """Count `count` more of the sequence's `tokens` as computed."""
        self.length += count
        if not self.shared:
            return
        pool = self.pool
        for number in range(self._registered, self.length // PAGE):
            key = tuple(tokens[number * PAGE : (number + 1) * PAGE])
            page = self.pages[number]
            self._node = pool.tree.insert(self._node, key, page)
            if self._node.page != page:  # somebody computed the same: both go on with one page
                pool.share((self._node.page,))
                self.pages[number] = self.table[number] = self._node.page
                pool.release((page,))
            self._registered = number + 1

    def truncate(self, length: int) -> None:
        """Forget the tokens from `length` on."""
        if length >= self.length:
            return
        self.length = length
        keep = -(-length // PAGE)
        self.pool.release(self.pages[keep:])
        del self.pages[keep:]
        while self._registered > length // PAGE:
            assert self._node.parent is not None  # a registered page has one
            self._node = self._node.parent
            self._registered -= 1

    def fork(self, length: int | None = None) -> Cache:
        """Another cache of the first `length` tokens (default all); every page is shared."""
        other = Cache(self.pool, shared=self.shared, root=self.root)
        other.length = self.length if length is None else min(length, self.length)
        pages = self.pages[: -(-other.length // PAGE)]
        self.pool.share(pages)
        other._put(pages)
        other._registered = min(self._registered, other.length // PAGE)
        node = self._node
        for _ in range(self._registered - other._registered):
            assert node.parent is not None  # a registered page has one
            node = node.parent
        other._node = node
        return other

    def release(self, tokens: Sequence[int] | None = None) -> None:
        """Give all pages back. With `tokens`, what lies in the last page is kept in the tree too."""
        rest = self.length - self._registered * PAGE
        if tokens is not None and self.shared and 0 < rest < PAGE:
            start = self._registered * PAGE
            page = self.pages[self._registered]
            if self.pool.owners[page] == 1:
                self.pool.tree.insert(self._node, tuple(tokens[start : start + rest]), page)
        self.pool.release(self.pages)
        self.pages, self.length, self._registered = [], 0, 0
        self._node = self.root

    def _torn(self, total: int) -> int | None:
        """Number of the partly filled page that would be written to but has other owners."""
        number = self.length // PAGE
        if total <= self.length or number >= len(self.pages):
            return None
        return number if self.pool.owners[self.pages[number]] > 1 else None

    def _put(self, pages: Sequence[int]) -> None:
        start = len(self.pages)
        self.pages.extend(pages)
        if len(self.pages) > len(self.table):
            grown = np.zeros(max(2 * len(self.table), len(self.pages)), np.int32)
            grown[:start] = self.table[:start]
            self.table = grown
        self.table[start : len(self.pages)] = pages


def common_length(a: Sequence[int] | NDArray[np.int64], b: Sequence[int] | NDArray[np.int64]) -> int:
    """Number of leading elements in which a and b agree."""
    size = min(len(a), len(b))
    for place in range(0, size, 64):
        if list(a[place : place + 64]) != list(b[place : place + 64]):
            break
    else:
        return size if len(a) and len(b) else 0
    while place < size and a[place] == b[place]:
        place += 1
    return place

"""`punchlist eval fence`: ways out of the browser's fence, and what gets out.

Each way is a page of an allowed site, visited with the fence and in the same browser without it, while a
forbidden server of the way's own counts connections and datagrams.

    ways                ways that were tried
    hits                connections and datagrams that reached a forbidden server through the fence; 0, or it
                        leaks
    hits_<way>          those of one way
    leaks               ways of which something got out
    refused             ways that the fence saw and refused; the others the browser or the session closes
    unfenced            ways that reach the forbidden server without a fence, of the `unfenced_of` that a page
                        can try; the others a browser closes by itself, or only an agent could take
    unfenced_<way>      connections and datagrams of one way without a fence
    elsewhere           connections of the fenced browser to anything but the fence, and datagrams, by its log
    lookups             names that the fenced browser tried to find by itself, by its log
    texts               ways to hide or show a word; `texts_wrong` of them a view does not treat as designed
    texts_<way>         1 where the view shows the word, 0 where it does not
    secrets             places where a typed secret could be read; in `secrets_readable` of them it can
    secrets_<place>     1 where it can be read
    idle_requests       what the fence was asked by a browser that was left alone for `idle_seconds`
    idle_seconds        how long that was
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.async_api import Browser as Chromium
from playwright.async_api import Error, async_playwright
from pydantic import BaseModel, ConfigDict

from ...tools.browser import Browser, Secret
from ...tools.browser.fence import resolve_name
from ...tools.browser.locate import find_browser
from ...tools.browser.session import BrowserSession
from ...tools.errors import OriginBlocked, SiteUnreachable
from ...tools.permissions import preset
from . import fence_tables
from .fence_sites import LOCAL, AllowedSite, Answer, ForbiddenSite
from .fence_ways import QUICK, WAYS, Way
from .harness import Figures, Measuring
from .ledger import Row

PATIENCE = 1.5
"""Seconds that a way is given, after its page is quiet."""

SOON = 0.3
"""Seconds after which a way that was refused already is given up."""

IDLE, IDLE_QUICK = 60.0, 5.0
"""Seconds for which a browser is left alone."""

TABLES = ("texts", "secrets")
CONNECTS, SENT = "TCP_CONNECT_ATTEMPT", "UDP_BYTES_SENT"
"""Events of a network log that mean traffic. Chromium also connects a datagram socket to look whether this
machine has a route, and sends nothing (`UDP_CONNECT`)."""

LOOKUPS = ("HOST_RESOLVER_SYSTEM_TASK", "HOST_RESOLVER_DNS_TASK", "DNS_TRANSACTION")


class WayRow(BaseModel):
    """One way, with and without the fence.

    Attributes:
        hits: Connections and datagrams that reached the forbidden server through the fence.
        refused: Attempts that the fence saw and refused.
        unfenced: Connections and datagrams without a fence; None where the way is not one of a plain browser.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    way: str
    hits: int
    refused: int
    unfenced: int | None

    def tell(self) -> str:
        """One line of progress."""
        plain = "not tried" if self.unfenced is None else self.unfenced
        return f"{self.hits} hits, refused {self.refused}, without the fence {plain}"


class WatchRow(BaseModel):
    """What the fenced browser did by itself, and where it went past the fence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    idle_requests: int
    idle_seconds: float
    elsewhere: int
    lookups: int


class TableRow(BaseModel):
    """What of a text or a secret can be read where: name of the way or place -> whether."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    readable: dict[str, bool]


def measure(measuring: Measuring) -> Figures:
    """The figures of `eval fence`."""
    return asyncio.run(_measure(measuring))


async def _measure(measuring: Measuring) -> Figures:
    known = {way.name: way for way in WAYS}
    names = list(QUICK if measuring.options.quick else known)[: measuring.count(len(known), len(QUICK))]
    idle = IDLE_QUICK if measuring.options.quick else IDLE
    measuring.settings |= {"ways": len(names), "idle": idle, "browser": str(find_browser())}
    async with proving_ground(control=True) as ground:

        async def one(key: str) -> Row:
            if key == "alone":
                made: BaseModel = await ground.watch(idle)
            elif key in TABLES:
                made = await ground.table(key)
            else:
                made = await ground.walk(known[key])
            return made.model_dump(mode="json")

        found = await measuring.each([*names, *TABLES, "alone"], one, _tell)
    figures = _figures([WayRow.model_validate(row) for row in found if "way" in row])
    for row in found:
        if "table" in row:
            figures |= _table(TableRow.model_validate(row))
        elif "way" not in row:
            figures |= WatchRow.model_validate(row).model_dump()
    return figures


def _table(row: TableRow) -> Figures:
    figures: Figures = {f"{row.table}_{name}": int(read) for name, read in row.readable.items()}
    figures[row.table] = len(row.readable)
    if row.table == "secrets":
        return figures | {"secrets_readable": sum(row.readable.values())}
    wrong = sum(row.readable[text.name] is not text.shown for text in fence_tables.TEXTS)
    return figures | {"texts_wrong": wrong}


def _tell(row: Row) -> str:
    if "way" in row:
        return WayRow.model_validate(row).tell()
    if "table" in row:
        read = TableRow.model_validate(row).readable
        return (
            f"{sum(read.values())} of {len(read)} readable: {', '.join(name for name in read if read[name])}"
        )
    return str(row)


def _figures(rows: Sequence[WayRow]) -> Figures:
    tried = [row for row in rows if row.unfenced is not None]
    figures: Figures = {
        "ways": len(rows),
        "hits": sum(row.hits for row in rows),
        "leaks": sum(row.hits > 0 for row in rows),
        "refused": sum(row.refused > 0 for row in rows),
        "unfenced": sum((row.unfenced or 0) > 0 for row in tried),
        "unfenced_of": len(tried),
    }
    figures |= {f"hits_{row.way}": row.hits for row in rows}
    return figures | {f"unfenced_{row.way}": row.unfenced for row in tried}


@asynccontextmanager
async def proving_ground(*, control: bool) -> AsyncGenerator[ProvingGround]:
    """A fenced browser, and with `control` one without a fence, beside an allowed site."""
    site = AllowedSite()
    await site.open()
    port = int(site.url.rpartition(":")[2])
    names = [f"http://{name}.test:{port}" for name in ("rebinding", "private")]
    with tempfile.TemporaryDirectory(prefix="punchlist-fence-") as folder:
        log = Path(folder) / "net.json"
        logged = Path(folder) / "browser"
        logged.write_text(f'#!/bin/sh\nexec "{find_browser()}" --log-net-log="{log}" "$@"\n')
        logged.chmod(0o755)
        fenced = Browser(
            [site.url, *names],
            executable=logged,
            resolve=Names().resolve,
            secrets={fence_tables.SECRET_NAME: Secret(site.url, ask=lambda: fence_tables.SECRET)},
            policy=preset("unattended"),
        )
        plain = await async_playwright().start() if control else None
        try:
            bare = (
                await plain.chromium.launch(executable_path=find_browser(), args=["--disable-dev-shm-usage"])
                if plain
                else None
            )
            yield ProvingGround(site, fenced, bare, log)
        finally:
            await fenced.close()
            if plain is not None:
                await plain.stop()
            await site.close()


class Names:
    """The names of the proving ground: `rebinding.test` leads to the allowed site once, then elsewhere."""

    def __init__(self) -> None:
        self.found = 0

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Addresses of a name, as `Browser` asks for them."""
        if host == "rebinding.test":
            self.found += 1
            return [LOCAL[0] if self.found == 1 else LOCAL[1]]
        if host == "private.test":
            return [LOCAL[1]]
        return [host] if host.startswith("127.") else await resolve_name(host, port)


class ProvingGround:
    """Where ways are walked. Made by `proving_ground`."""

    def __init__(self, site: AllowedSite, fenced: Browser, bare: Chromium | None, log: Path) -> None:
        self._site, self._fenced, self._bare, self._log = site, fenced, bare, log
        self._port = int(site.url.rpartition(":")[2])

    async def walk(self, way: Way) -> WayRow:
        """Try one way out, with the fence and without."""
        forbidden, begun = ForbiddenSite(), len(self._fenced.blocked)
        named = way.goto.startswith("http://") and ".test" in way.goto
        await (forbidden.open(self._port, LOCAL[1:2]) if named else forbidden.open())
        try:
            texts = self._texts(way, forbidden)
            for path, answer in way.pages.items():
                self._site.pages[f"/{way.name}{path or '/'}"] = _filled(answer, texts)
            await self._walk_fenced(way, forbidden, fill(way.goto, texts))
            hits, refused = forbidden.hits, len(self._fenced.blocked) - begun
            forbidden.hits = 0
            unfenced = await self._walk_bare(way, forbidden) if self._bare and not way.goto else None
            return WayRow(way=way.name, hits=hits, refused=refused, unfenced=unfenced)
        finally:
            await forbidden.close()

    async def table(self, name: str) -> TableRow:
        """One of `TABLES`: what of hidden and shown words, or of a secret that was typed, can be read."""
        session = await self._fenced.open(name)
        readable: dict[str, bool] = {}
        if name == "texts":
            for text in fence_tables.TEXTS:
                self._site.pages[f"/texts/{text.name}"] = text.page()
                await session.load(f"{self._site.url}/texts/{text.name}")
                readable[text.name] = await fence_tables.read_text(session)
        else:
            self._site.pages["/secrets"] = fence_tables.SECRETS_PAGE
            self._site.pages["/secrets/in"] = fence_tables.INSIDE_PAGE
            await session.load(f"{self._site.url}/secrets")
            readable = await fence_tables.secret_places(session)
        await session.close()
        return TableRow(table=name, readable=readable)

    async def watch(self, seconds: float) -> WatchRow:
        """Leave a browser of its own alone, then read what the one that walked the ways did by its log."""
        async with Browser() as alone:
            session = await alone.open("alone")
            await session.view()
            await asyncio.sleep(seconds)
            asked = len(alone.blocked)
        await self._fenced.close()
        connects, lookups = read_log(self._log)
        return WatchRow(idle_requests=asked, idle_seconds=seconds, elsewhere=connects, lookups=lookups)

    async def _walk_fenced(self, way: Way, forbidden: ForbiddenSite, goto: str) -> None:
        session: BrowserSession | None = None
        begun = len(self._fenced.blocked)
        try:
            session = await self._fenced.open(way.name)
            with contextlib.suppress(OriginBlocked, SiteUnreachable):
                await session.load(f"{self._site.url}/{way.name}/")
            if goto:
                await session.goto(goto)
            for _ in range(int(PATIENCE / SOON)):
                await asyncio.sleep(SOON)
                if forbidden.hits or len(self._fenced.blocked) > begun:
                    break
        finally:
            if session is not None:
                await session.close()

    async def _walk_bare(self, way: Way, forbidden: ForbiddenSite) -> int:
        if self._bare is None:
            return 0
        context = await self._bare.new_context()
        page = await context.new_page()
        with contextlib.suppress(Error):
            await page.goto(f"{self._site.url}/{way.name}/", wait_until="commit")
        for _ in range(int(PATIENCE / SOON) * 2):
            if forbidden.hits:
                break
            await asyncio.sleep(SOON)
        await context.close()
        return forbidden.hits

    def _texts(self, way: Way, forbidden: ForbiddenSite) -> dict[str, str]:
        return {
            "@F@": forbidden.url,
            "@P@": str(forbidden.port),
            "@A@": self._site.url,
            "@A-PORT@": str(self._port),
            "@H@": self._site.url.removeprefix("http://"),
            "@W@": f"{self._site.url}/{way.name}",
            "@PATH@": f"/{way.name}",
        }


def fill(text: str, texts: Mapping[str, str]) -> str:
    """A way's text with the addresses in it."""
    for mark, value in texts.items():
        text = text.replace(mark, value)
    return text


def _filled(answer: Answer, texts: Mapping[str, str]) -> Answer:
    headers = {name: fill(value, texts) for name, value in answer.headers.items()}
    return replace(answer, body=fill(answer.body, texts), headers=headers, early=fill(answer.early, texts))


def read_log(path: Path) -> tuple[int, int]:
    """Connections to anything but the fence and datagrams sent, and lookups of names, by Chromium's log.

    The fence is where most connections went. A log whose end is missing is read as far as it goes.
    """
    text = path.read_text(encoding="utf-8", errors="replace").rstrip().rstrip(",")
    try:
        log: dict[str, Any] = json.loads(text)
    except ValueError:
        log = json.loads(f"{text}]}}")
    kinds = {number: name for name, number in log["constants"]["logEventTypes"].items()}
    addresses: Counter[str] = Counter()
    datagrams = lookups = 0
    for event in log["events"]:
        kind = kinds.get(event["type"], "")
        if kind == CONNECTS and (address := event.get("params", {}).get("address")):
            addresses[str(address)] += 1
        datagrams += kind == SENT
        lookups += kind in LOOKUPS
    fence = max(addresses, key=lambda address: addresses[address], default="")
    return addresses.total() - addresses[fence] + datagrams, lookups

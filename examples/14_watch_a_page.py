"""Watch a page until it changes in the way that matters, act once, and say what was done.

The site is a full course on loopback, served from here; after a while a seat comes free. `wait` answers at
each change, and after two seconds without one; the page decides. Within the limit there is one of three
endings, typed: booked, nothing came free, or the booking was refused. It is sent once, whatever the answer.
Ctrl-C ends the browser and the watch. Plain Python, no model.

    python 14_watch_a_page.py              # watches for 30 seconds at most
    python 14_watch_a_page.py 5

Prints:
    watching ...
    Booked(seat=1, left=2, looks=...)
    on the list: Ada Lovelace
"""

import asyncio
import sys
from dataclasses import dataclass, replace

from punchlist.examples.small_sites import Course
from punchlist.tools.browser import Browser, BrowserSession, View

NAME = "Ada Lovelace"


@dataclass(frozen=True)
class Booked:
    """A seat came free and was booked: `left` were free when it was seen, after so many `looks`."""

    seat: int
    left: int
    looks: int


@dataclass(frozen=True)
class Nothing:
    """No seat came free in time."""

    looks: int


@dataclass(frozen=True)
class Refused:
    """A seat came free, and this is what came of the booking."""

    why: str


def number_after(words: str, view: View) -> int | None:
    """The number that the page shows behind these words; None where it does not."""
    found = (str(line[0]).removeprefix(words) for line in view.lines if str(line[0]).startswith(words))
    return next((int(text) for text in found if text.isdecimal()), None)


async def book(session: BrowserSession, view: View, looks: int) -> Booked | Refused:
    """Book a seat, once; the site's answer is read from the page that it leads to."""
    left = number_after("Seats left: ", view) or 0
    await session.type(view.find("Name").number, NAME)
    pressed = await session.click((await session.view()).find("Book a seat").number)
    after = await session.view()
    seat = number_after("Your seat: ", after)
    return Refused(f"{pressed.line()}; {after.text()}") if seat is None else Booked(seat, left, looks)


async def watch(session: BrowserSession, seconds: float) -> Booked | Nothing | Refused:
    """Look after each change, until there is a seat or the time is over."""
    clock = asyncio.get_running_loop().time
    ends, looks = clock() + seconds, 0
    while True:
        view, looks = await session.view(), looks + 1
        if number_after("Seats left: ", view):
            return await book(session, view, looks)
        if clock() >= ends:
            return Nothing(looks)
        session.limits = replace(session.limits, change=min(2.0, ends - clock()))
        result = await session.wait()
        if result.code not in ("ok", "no_effect", "timeout"):
            return Refused(result.line())


async def main(site: Course, seconds: float) -> Booked | Nothing | Refused:
    """Watch the course's page with a browser that reaches nothing else."""
    async with Browser(allow=[site.url]) as browser:
        session = await browser.open("watcher", url=site.url)
        print(f"watching {site.url} for up to {seconds:g} seconds", flush=True)
        return await watch(session, seconds)


if __name__ == "__main__":
    with Course() as course:
        try:
            print(asyncio.run(main(course, float(sys.argv[1]) if len(sys.argv) > 1 else 30)))
        except KeyboardInterrupt:
            print("stopped by Ctrl-C")
            sys.exit(130)
        finally:
            print(f"on the list: {', '.join(course.taken) or 'nobody'}")

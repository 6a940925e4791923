"""Episodes on a page, one after another: a seed begins one, the page says what it came to.

Everything goes through the project's own browser with its fence on, to the loopback server and nowhere else.
A seed is begun by going to the page's address with the seed behind it, which a page that is loaded does in
place; `Stage.begin(..., fresh=True)` loads the page anew. The score is not read off the page: the page tells
it to the server. Every gate is open: the pages are made for this, and nobody is there to ask.
"""

from __future__ import annotations

from ....tools.browser import Browser, BrowserSession
from ....tools.permissions import preset
from ...browsing import STYLE
from ..ledger import EvalError
from .pages import Pages, Told
from .referee import Referee

START_SECONDS = 15.0
RESTART_SECONDS = 3.0
"""How long a page in use may take to begin an episode, which a dialog holds up; then it is loaded anew."""
LANE = "miniwob"


class EpisodeStuck(EvalError):
    """A page did not begin an episode in time."""

    def __init__(self, task: str, seed: int) -> None:
        self.task, self.seed = task, seed
        super().__init__(
            f"The page of {task!r} began no episode of seed {seed} within {START_SECONDS:.0f} s. "
            "Look at the page in a browser: it may not be made with MiniWoB's core.js."
        )


class Stage:
    """A browser at the pages' server, and what the page of the moment said.

    Args:
        pages: The server.
        budget: Characters of a view; see `Browser`.
    """

    def __init__(self, pages: Pages, budget: int | None = None) -> None:
        self._pages = pages
        self._browser = Browser(allow=[pages.url], budget=budget, policy=preset("unattended"))
        self._session: BrowserSession | None = None
        self._task = ""
        self._referee = Referee(pages)

    @property
    def ended(self) -> Told | None:
        """How the episode ended; None while it goes on."""
        return self._referee.told

    async def begin(self, task: str, seed: int, *, fresh: bool = False) -> tuple[BrowserSession, str]:
        """Begin an episode.

        Args:
            task: Name of the page.
            seed: What the page draws its problem with.
            fresh: Load the page anew also where it is loaded already.

        Returns:
            The session that has the page, and the goal.

        Raises:
            UnknownTask: There is no such page.
            EpisodeStuck: The page begins none.
            BrowserMissing, BrowserCrashed, SiteUnreachable: As `Browser.open`.
        """
        address = f"{self._pages.address(task)}#{seed}"
        self._referee.expect(seed)
        session = self._session
        if session is not None and not (session.crashed or fresh) and task == self._task:
            await session.load(address)
            if await self._referee.begins(RESTART_SECONDS):
                return session, self._referee.goal
        session = self._session = await self._browser.open(LANE, url=address)
        session.style = STYLE
        self._task = task
        if not await self._referee.begins(START_SECONDS):
            raise EpisodeStuck(task, seed)
        return session, self._referee.goal

    async def close(self) -> None:
        """End the browser."""
        await self._browser.close()

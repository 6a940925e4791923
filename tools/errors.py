"""What can go wrong with a tool, typed. Every error has two texts.

`str(error)` is for the person who operates the run and may say how to change the settings. `for_model` is
what a model is told: what happened and what it can do about it, never how to widen what it may do.
"""

from __future__ import annotations


class ToolError(Exception):
    """A tool did not do what it was called for. Becomes an observation of the model that called it."""

    def __init__(self, message: str, *, for_model: str | None = None) -> None:
        self.for_model = message if for_model is None else for_model
        super().__init__(message)


class UnknownTool(ToolError):
    """A call named a tool that this run does not have."""

    def __init__(self, tool: str, known: tuple[str, ...]) -> None:
        self.tool, self.known = tool, known
        listed = ", ".join(known) or "none"
        what = f"There is no tool {tool!r}. Tools of this run: {listed}."
        super().__init__(f"{what} Give the worker that tool, or correct the name.", for_model=what)


class InvalidArguments(ToolError):
    """The arguments do not fit the tool's schema."""

    def __init__(self, tool: str, problems: str) -> None:
        self.tool, self.problems = tool, problems
        what = f"Tool {tool!r} was called with arguments that do not fit its schema: {problems}."
        super().__init__(
            f"{what} Correct the call, or the annotations of the tool's parameters.", for_model=what
        )


class ToolRaised(ToolError):
    """The tool's own code raised; the exception is its `__cause__`."""

    def __init__(self, tool: str, error: BaseException) -> None:
        self.tool, self.error = tool, f"{type(error).__name__}: {error}"[:300]
        what = f"Tool {tool!r} failed with {self.error}"
        super().__init__(
            f"{what.rstrip(' .')}. Correct the tool, or let it raise ToolError with a text for the model.",
            for_model=what,
        )


class ToolTimeout(ToolError):
    """The tool took longer than it may. A synchronous tool may still be running in its thread."""

    def __init__(self, tool: str, seconds: float) -> None:
        self.tool, self.seconds = tool, seconds
        super().__init__(
            f"Tool {tool!r} gave no answer within {seconds:g} s. Declare a longer `timeout` if it needs one.",
            for_model=f"Tool {tool!r} gave no answer within {seconds:g} s; it may have taken effect.",
        )


class ToolReturnedWrongType(ToolError):
    """The tool returned something other than its signature says, or something that is not JSON."""

    def __init__(self, tool: str, problems: str) -> None:
        self.tool, self.problems = tool, problems
        super().__init__(
            f"Tool {tool!r} returned a value that does not fit its return annotation: {problems}. "
            "Correct the function or its return annotation.",
            for_model=f"Tool {tool!r} is broken: it returned a value of the wrong type. Use another way.",
        )


class ToolDenied(ToolError):
    """The permission policy, or the person it asked, refused a call."""

    def __init__(self, tool: str, rule: str) -> None:
        self.tool, self.rule = tool, rule
        super().__init__(
            f"Tool {tool!r} was refused by {rule}. Put a rule that allows it before that one.",
            for_model=f"Tool {tool!r} is not permitted with these arguments in this run. Use another way.",
        )


class OutcomeUnknown(ToolError):
    """An earlier call of this key was begun and may or may not have taken effect; a person decides."""

    def __init__(self, tool: str, key: str) -> None:
        self.tool, self.key = tool, key
        super().__init__(
            f"Call {key!r} of tool {tool!r} was begun before the run stopped and may have taken effect. "
            "Look at the world it acts on, then record its outcome in the journal.",
            for_model=f"An earlier call of {tool!r} may have taken effect; it was not repeated.",
        )


class BrowserMissing(ToolError):
    """No Chromium that could be driven was found, or it did not start."""

    def __init__(self, looked: tuple[str, ...], why: str = "") -> None:
        self.looked = looked
        super().__init__(
            f"No browser could be {'started' if why else 'found'} (looked for {', '.join(looked)})"
            f"{': ' + why if why else ''}. Install one "
            "(Debian: sudo apt-get install chromium-headless-shell; anywhere with a network: "
            "playwright install --with-deps --only-shell chromium) or set "
            "PUNCHLIST_BROWSER to the path of a Chromium or Chrome.",
            for_model="There is no browser in this run.",
        )


class BrowserCrashed(ToolError):
    """The browser, or the page's process, ended by itself. A newly opened session works again."""

    def __init__(self) -> None:
        super().__init__("The browser ended by itself. Open a new session.", for_model="The browser crashed.")


class OriginBlocked(ToolError):
    """An address outside the browser's allowed origins."""

    def __init__(self, url: str, allowed: tuple[str, ...]) -> None:
        self.url, self.allowed = url, allowed
        listed = ", ".join(allowed) or "nothing"
        super().__init__(
            f"{url!r} is not an allowed origin (allowed: {listed}). Add it to Browser(allow=[...]).",
            for_model=f"{url!r} is outside the sites of this run.",
        )


class SiteUnreachable(ToolError):
    """A site is down, drops connections, or gave no answer in time."""

    def __init__(self, url: str, why: str) -> None:
        self.url, self.why = url, why
        what = f"{url!r} cannot be reached: {why.rstrip(' .')}."
        super().__init__(f"{what} Check that the site is up, then resume the run.", for_model=what)


class PageUnreadable(ToolError):
    """The page keeps the observer from reading it (it changed the built-ins that reading needs)."""

    def __init__(self, url: str, why: str) -> None:
        self.url, self.why = url, why
        what = f"The page at {url!r} cannot be read: {why[:200].rstrip(' .')}."
        super().__init__(
            f"{what} Open it in a browser of your own; a page that replaces the browser's built-ins has to "
            "be mended, or the work there done by a person.",
            for_model=what,
        )

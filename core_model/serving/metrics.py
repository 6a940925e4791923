"""Counters of the server in the text form that Prometheus reads.

Source: Prometheus exposition formats, text format 0.0.4. Times are in seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

FIRST_TOKEN = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
REQUEST = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class Histogram:
    """How many observations fell below each bound."""

    def __init__(self, name: str, about: str, bounds: tuple[float, ...]) -> None:
        self.name, self.about, self.bounds = name, about, bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self.bounds, seconds)] += 1
        self._sum += seconds

    def lines(self) -> list[str]:
        """In the text form."""
        lines = [f"# HELP {self.name} {self.about}", f"# TYPE {self.name} histogram"]
        below = 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self._counts, strict=True):
            below += count
            lines.append(f'{self.name}_bucket{{le="{bound}"}} {below}')
        return [*lines, f"{self.name}_sum {self._sum:.6f}", f"{self.name}_count {below}"]


class Metrics:
    """What the server has done since it started. Used on the event loop only."""

    def __init__(self) -> None:
        self.prompt_tokens = 0
        self.output_tokens = 0
        self.cached_tokens = 0
        self.requests: Counter[tuple[str, int]] = Counter()
        self.cancelled = 0
        self.first_token = Histogram(
            "punchlist_time_to_first_token_seconds",
            "From the arrival of a request to its first token.",
            FIRST_TOKEN,
        )
        self.request = Histogram(
            "punchlist_request_seconds", "From the arrival of a request to the end of its answer.", REQUEST
        )

    def text(self, running: int, waiting: int) -> str:
        """Everything, with the requests that are running and waiting now."""
        lines = [
            *_one("requests_running", "gauge", "Requests being answered.", running),
            *_one("requests_waiting", "gauge", "Requests waiting for their turn.", waiting),
            *_one("prompt_tokens_total", "counter", "Tokens of prompts.", self.prompt_tokens),
            *_one("generation_tokens_total", "counter", "Tokens generated.", self.output_tokens),
            *_one("prefix_cache_queries_total", "counter", "Tokens looked up.", self.prompt_tokens),
            *_one("prefix_cache_hits_total", "counter", "Tokens not computed again.", self.cached_tokens),
            *_one("requests_cancelled_total", "counter", "Requests whose sender left.", self.cancelled),
            "# HELP punchlist_requests_total Requests by path and HTTP status.",
            "# TYPE punchlist_requests_total counter",
        ]
        for (path, status), count in sorted(self.requests.items()):
            lines.append(f'punchlist_requests_total{{path="{path}",status="{status}"}} {count}')
        return "\n".join([*lines, *self.first_token.lines(), *self.request.lines(), ""])


def _one(name: str, kind: str, about: str, value: int) -> list[str]:
    name = f"punchlist_{name}"
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}", f"{name} {value}"]

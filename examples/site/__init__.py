"""The example site: a small shop and help desk to try agents on, with goals and a judge.

with Site(seed=3) as site:
    wanted = goal(3)
    ...                                   # an agent gets wanted.text and site.url, nothing else
    judge(site, wanted.expected)
"""

from __future__ import annotations

from .goals import Expected, ExpectedOrder, ExpectedTicket, ShopGoal, Slot, demo_goal, goal
from .judge import Judgement, judge
from .plan import DEMO_SEED, FLAWS, SitePlan, UnknownFlaw, draw_plan
from .server import Site

__all__ = [
    "DEMO_SEED",
    "FLAWS",
    "Expected",
    "ExpectedOrder",
    "ExpectedTicket",
    "Judgement",
    "ShopGoal",
    "Site",
    "SitePlan",
    "Slot",
    "UnknownFlaw",
    "demo_goal",
    "draw_plan",
    "goal",
    "judge",
]
